"""Work that outlasts a click."""
