"""Compiles the kernels before a visitor needs them: as `python -m` module, or in the background of the server."""

from __future__ import annotations

import threading

from app.state.first_visit import first_scenario
from planner import compare
from simulator import build_timeline

_lock = threading.Lock()
_started: list[threading.Thread] = []


def warm_up() -> None:
    """Run every kernel that the first page needs once, on the first scenario."""
    for result in compare(first_scenario()).results:
        build_timeline(result, 10)


def start_warm_up() -> threading.Thread:
    """Warm up in the background, once in the life of the server; the thread is over when it is done."""
    with _lock:
        if not _started:
            _started.append(threading.Thread(target=warm_up, name="warm-up", daemon=True))
            _started[0].start()
        return _started[0]


if __name__ == "__main__":
    warm_up()
