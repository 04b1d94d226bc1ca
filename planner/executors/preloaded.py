"""Imported by the process from which those that search are forked: everything they need is loaded once."""

import gc

from planner.search import SEARCHING

SEARCHING.wait()
# Collections of the forked ones leave the pages alone that they share with this one.
gc.freeze()
