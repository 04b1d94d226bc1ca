"""The experiments of the lessons: pure functions from a few numbers to runs of the simulator."""
