"""A bounded cache of immutable results, shared by all visitors and all threads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from cachetools import LRUCache
from plotly.basedatatypes import BaseFigure


class Cache:
    """Keeps what was computed, least recently used out first, as long as all of it has room.

    Two askers of one key compute once; askers of different keys do not wait for each other. Keys are made of the
    content of what was asked (scenario sections and digests), so nobody can get at what he does not already have.
    """

    def __init__(self, capacity_bytes: int, size_of: Callable[[Any], int] | None = None) -> None:
        self._items = LRUCache(capacity_bytes, getsizeof=size_of or size_bytes)
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}

    def peek(self, key: Hashable) -> Any | None:
        """What is kept under a key, None if nothing is."""
        with self._lock:
            return self._items.get(key)

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
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
                    self.put(key, found)
                finally:
                    with self._lock:
                        self._making.pop(key, None)
        return found

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value; one that is larger than the whole cache is not kept."""
        with self._lock:
            self._items.pop(key, None)
            try:
                self._items[key] = value
            except ValueError:
                # LRUCache says so of a value that is too large.
                return


def size_bytes(value: Any) -> int:
    """About how much memory a result holds, all arrays, containers, dataclasses and figures in it counted once."""
    todo, seen, total = [value], {}, 0
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        # Kept alive, so that no other object gets its id.
        seen[id(item)] = item
        if isinstance(item, np.ndarray):
            total += item.nbytes
            continue
        total += sys.getsizeof(item)
        if isinstance(item, Mapping):
            todo += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple, set, frozenset)):
            todo += item
        elif isinstance(item, BaseFigure):
            todo.append(item.to_dict())
        elif is_dataclass(item) and not isinstance(item, type):
            todo += [getattr(item, field.name) for field in fields(item)]
    return total
