"""Measured speed, beside a physical limit or a baseline in the same run; `python -m benchmarks` runs all."""
