"""`python -m tools.fit_generation FOLDER`: fit the generation profiles that ship to the measured data in a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from planner.generation.measured import fit_all
from planner.generation.profiles import write_profiles


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.fit_generation FOLDER")
    profiles = fit_all(Path(sys.argv[1]))
    write_profiles(profiles)
    for p in profiles:
        errors = f"median error {p.error.median:.1%}, p90 {p.error.p90:.1%}" if p.error else "not fitted"
        print(f"{p.name:24} {p.device:14} tp {p.tp}  {errors}")


if __name__ == "__main__":
    main()
