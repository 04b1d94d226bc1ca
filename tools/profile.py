"""Where the time goes, in a search or in a page: `python -m tools.profile search` or `python -m tools.profile page`.

Prints the functions that take most, by their own time and with what they call.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path

ROWS = 25
MAIN = str(Path(__file__).resolve().parent.parent / "app" / "main.py")


class InThisThread(Executor):
    """Does the work where it is asked for, so that the profiler sees the kernels."""

    def submit(self, fn, /, *args, **kwargs) -> Future:
        future: Future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def profile_search() -> Callable[[], object]:
    """A search of five seconds on the first scenario."""
    from app.state.first_scenario import first_scenario
    from planner import build_inputs, search

    problem = build_inputs(first_scenario()).problem
    search(problem, "alpaserve", max_evaluations=10)
    return lambda: search(problem, "alpaserve", time_limit_s=5.0, executor=InThisThread())


def profile_page() -> Callable[[], object]:
    """Ten reruns of the first page, once everything is warm."""
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_file(MAIN, default_timeout=120).run()

    def rerun() -> None:
        for _ in range(10):
            page.run()

    return rerun


def main() -> None:
    """Profile what the first argument names."""
    subjects = {"search": profile_search, "page": profile_page}
    name = sys.argv[1] if len(sys.argv) > 1 else "search"
    if name not in subjects:
        sys.exit(f"'{name}' cannot be profiled; {', '.join(subjects)} can.")
    work = subjects[name]()
    profiler = cProfile.Profile()
    profiler.runcall(work)
    stats = pstats.Stats(profiler)
    stats.sort_stats("tottime").print_stats(ROWS)
    stats.sort_stats("cumulative").print_stats(ROWS)


if __name__ == "__main__":
    main()
