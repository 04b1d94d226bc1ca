"""A scenario: its schema, its file, its link, and the objects that are built from it."""
