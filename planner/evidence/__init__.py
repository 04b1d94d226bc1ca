"""How far the numbers can be trusted: published runs, replayed."""
