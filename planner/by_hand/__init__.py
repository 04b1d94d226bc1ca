"""Placements changed by hand, and the best next change."""
