"""Models that generate: fitting what an iteration costs, fitted profiles, and how far off they are."""
