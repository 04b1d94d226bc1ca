"""Where work is done: other machines."""
