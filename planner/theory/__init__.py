"""Closed forms, and the example that they describe."""
