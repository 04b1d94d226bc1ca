"""Imported by the process from which those that search are forked: everything they need is loaded once."""

from planner.search import SEARCHING

SEARCHING.wait()
