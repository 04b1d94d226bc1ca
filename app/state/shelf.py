"""A bounded cache of immutable results, shared by all visitors and all threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class Shelf:
    """Keeps what was computed, least recently used out first, until the costs add up to the capacity.

    Two askers of one key compute once; askers of different keys do not wait for each other. Keys are made of the
    content of what was asked (scenario sections and digests), so nobody can get at what he does not already have.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._cost = 0
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}

    def peek(self, key: Hashable) -> Any | None:
        """What is kept under a key, None if nothing is."""
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][0]

    def get(self, key: Hashable, make: Callable[[], Any], cost: Callable[[Any], int]) -> Any:
        """What is kept under a key, made first if need be; what `make` raises is passed on and not kept."""
        found = self.peek(key)
        if found is not None:
            return found
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            found = self.peek(key)
            if found is None:
                try:
                    found = make()
                    self.put(key, found, cost(found))
                finally:
                    with self._lock:
                        self._making.pop(key, None)
        return found

    def put(self, key: Hashable, value: Any, cost: int) -> None:
        """Keep a value; something dearer than the whole capacity is not kept."""
        with self._lock:
            if key in self._items:
                self._cost -= self._items.pop(key)[1]
            if cost > self._capacity:
                return
            self._items[key] = (value, cost)
            self._cost += cost
            while self._cost > self._capacity:
                _, (_, freed) = self._items.popitem(last=False)
                self._cost -= freed
