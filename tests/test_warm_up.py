"""What the server does once for all visitors: objects set aside from the garbage collector, threads that give way."""

import gc
import os
import sys
import threading
import tomllib
import weakref
from pathlib import Path

import pytest

from app.background.garbage import collect_all
from app.background.jobs import NICE, Lane, Workers, shared_workers


class Node:
    """Something that refers to itself, which only the collector finds."""

    def __init__(self):
        self.me = self


def test_garbage_is_found_and_what_is_alive_is_set_aside():
    node, alive = Node(), Node()
    gone = weakref.ref(node)
    collect_all()
    assert gc.get_freeze_count() > 10_000
    del node
    gc.collect()
    assert gone() is not None, "what is set aside costs no time"
    collect_all()
    assert gone() is None and alive.me is alive
    gc.unfreeze()


def test_streamlit_does_not_collect_after_every_run():
    configured = tomllib.loads((Path(__file__).parent.parent / ".streamlit" / "config.toml").read_text())
    assert configured["runner"]["postScriptGC"] is False


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a priority of their own on Linux only")
def test_searches_and_advice_let_all_that_is_quick_go_before():
    def niceness(workers: Workers) -> int:
        ask = lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())  # noqa: E731
        return workers._executor.submit(ask).result()

    nice = {lane: niceness(shared_workers(lane)) for lane in Lane}
    assert nice[Lane.SEARCH] == nice[Lane.ADVICE] == nice[Lane.QUICK] + NICE and nice[Lane.QUICK] == nice[Lane.INPUTS]
