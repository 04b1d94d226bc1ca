"""What the server does once for all visitors: objects set aside from the garbage collector, threads that give way."""

import gc
import os
import sys
import threading
import weakref

import pytest

from app.background import warm_up
from app.background.jobs import Lane, Workers, shared_workers
from app.background.warm_up import SET_ASIDE_S, set_loaded_aside


class Node:
    """Something that refers to itself, which only the collector finds."""

    def __init__(self):
        self.me = self


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(warm_up, "_set_aside_s", {})
    monkeypatch.setattr(warm_up, "is_prepared", lambda: True)
    monkeypatch.setattr(warm_up.time, "monotonic", lambda: now[0])
    yield now
    gc.unfreeze()


def test_what_is_loaded_is_set_aside_once_for_each_page(clock):
    set_loaded_aside("Plan")
    first = gc.get_freeze_count()
    assert first > 10_000
    kept = [Node() for _ in range(100)]
    set_loaded_aside("Plan")
    assert gc.get_freeze_count() <= first
    set_loaded_aside("Compare")
    assert gc.get_freeze_count() > first - 10_000 and len(kept) == 100


def test_what_is_garbage_later_is_found_after_a_while(clock):
    node = Node()
    gone = weakref.ref(node)
    set_loaded_aside("Plan")
    del node
    gc.collect()
    assert gone() is not None
    clock[0] += SET_ASIDE_S + 1
    set_loaded_aside("Plan")
    assert gone() is None


def test_nothing_is_set_aside_while_the_kernels_are_being_loaded(clock, monkeypatch):
    monkeypatch.setattr(warm_up, "is_prepared", lambda: False)
    before = gc.get_freeze_count()
    set_loaded_aside("Plan")
    assert gc.get_freeze_count() == before


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a priority of their own on Linux only")
def test_searches_and_advice_let_all_that_is_quick_go_before():
    def niceness(workers: Workers) -> int:
        ask = lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())  # noqa: E731
        return workers._executor.submit(ask).result()

    nice = {lane: niceness(shared_workers(lane)) for lane in Lane}
    assert nice[Lane.SEARCH] == nice[Lane.ADVICE] == 10 > nice[Lane.QUICK] == nice[Lane.INPUTS]
