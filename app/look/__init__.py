"""How the page looks and talks: theme, type, words."""
