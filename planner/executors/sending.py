"""Tasks on their way to a worker, and what they gave on its way back.

A task is a function with its arguments, pickled. Large read-only arrays, and objects that are `Lent`, are not in it:
they are given to every worker once, and the task names them. So are flags by which work is stopped: an int64 (1,) that
kernels look at has a twin in every worker.
"""

from __future__ import annotations

import io
import pickle
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from threading import Lock, RLock
from typing import Any

import numpy as np
from cachetools import LRUCache

from planner.executors.shared import Lent, Shared, packed

# Smaller arrays go along with every task.
LEAST_LENT_BYTES = 1 << 16
# What no task under way reads is taken back, the longest unused first, where workers keep more than this.
MOST_LENT_BYTES = 1 << 30
_FLAG, _SHARED, _KERNEL = "flag", "shared", "kernel"
_flags: LRUCache[str, np.ndarray] = LRUCache(1_000)
_lock = RLock()


@dataclass(frozen=True, eq=False)
class _Loan:
    """An object that every worker has, and the digests of what it names itself."""

    obj: Any
    shared: Shared
    size: int
    needs: frozenset[str]


class Lender:
    """What the workers have.

    Args:
        give: gives a packed object to all workers, also those that join later. take_back: the opposite.
    """

    def __init__(self, give: Callable[[Shared, bytes], None], take_back: Callable[[Shared], None]) -> None:
        self._give, self._take_back = give, take_back
        # By identity, in the order of their last use; the loan keeps the object, so that no other one gets its id.
        self._loans: dict[int, _Loan] = {}
        self._flags: dict[int, tuple[np.ndarray, str]] = {}
        self._users: Counter[str] = Counter()
        self._lock = RLock()
        # Apart, because tasks end in the thread that giving waits for.
        self._users_lock = Lock()

    def packed(self, task: Any) -> tuple[bytes, frozenset[str]]:
        """A task as bytes; lends what it reads, which stays until `release` is called with the digests returned."""
        with self._lock:
            content, used = self._pickled(task, None, None)
            with self._users_lock:
                self._users.update(used)
            self._trim()
        return content, used

    def release(self, used: frozenset[str]) -> None:
        """A task that needed these has ended."""
        with self._users_lock:
            self._users.subtract(used)

    def flag(self, control: np.ndarray) -> str:
        """The name by which workers know a flag."""
        return self._flags.setdefault(id(control), (control, uuid.uuid4().hex))[1]

    def forget(self, control: np.ndarray) -> None:
        """No task will look at this flag any more."""
        self._flags.pop(id(control), None)

    def all(self) -> list[Shared]:
        """What the workers have now."""
        return list(dict.fromkeys(loan.shared for loan in self._loans.values()))

    def _pickled(self, obj: Any, top: Any, callback: Any) -> tuple[bytes, frozenset[str]]:
        file = io.BytesIO()
        packer = _Packer(file, self, top, callback)
        packer.dump(obj)
        return file.getvalue(), frozenset(packer.used)

    def named(self, obj: Any) -> tuple[tuple[str, str], frozenset[str]] | None:
        """What to write in place of an object, and the digests that it needs; None where it is written itself."""
        if isinstance(obj, np.ndarray):
            if id(obj) in self._flags:
                return (_FLAG, self._flags[id(obj)][1]), frozenset()
            if obj.flags.writeable or obj.nbytes < LEAST_LENT_BYTES:
                return None
        elif type(obj).__name__ == "CPUDispatcher":
            # Compiled code is found by its name there, where it is compiled or kept already.
            return (_KERNEL, f"{obj.__module__}:{obj.__name__}"), frozenset()
        elif not isinstance(obj, Lent):
            return None
        loan = self._loans.pop(id(obj), None) or self._lend(obj)
        self._loans[id(obj)] = loan
        return (_SHARED, loan.shared.digest), loan.needs | {loan.shared.digest}

    def _lend(self, obj: Any) -> _Loan:
        needs: frozenset[str] = frozenset()

        def dumps(obj: Any, callback: Callable[[pickle.PickleBuffer], bool]) -> bytes:
            nonlocal needs
            content, needs = self._pickled(obj, obj, callback)
            return content

        shared, content = packed(obj, dumps)
        if shared not in self.all():
            self._give(shared, content)
        return _Loan(obj, shared, len(content), needs)

    def _trim(self) -> None:
        left = sum(loan.size for loan in self._loans.values())
        for loan in list(self._loans.values()):
            if left <= MOST_LENT_BYTES:
                return
            digest = loan.shared.digest
            if self._users[digest] or id(loan.obj) not in self._loans:
                continue
            gone = [key for key, other in self._loans.items() if other.shared == loan.shared or digest in other.needs]
            dropped = [self._loans.pop(key) for key in gone]
            left -= sum(other.size for other in dropped)
            for shared in {other.shared for other in dropped}:
                self._take_back(shared)


class _Packer(pickle.Pickler):
    """Names what is lent. top: what is lent just now, written itself."""

    def __init__(self, file: io.BytesIO, lender: Lender, top: Any, callback: Any) -> None:
        super().__init__(file, protocol=5, buffer_callback=callback)
        self._lender, self._top = lender, top
        self.used: set[str] = set()

    def persistent_id(self, obj: Any) -> tuple[str, str] | None:
        """See Lender.named."""
        if obj is self._top or (named := self._lender.named(obj)) is None:
            return None
        self.used |= named[1]
        return named[0]


class _Unpacker(pickle.Unpickler):
    def persistent_load(self, pid: tuple[str, str]) -> Any:
        kind, name = pid
        if kind == _KERNEL:
            module, _, function = name.partition(":")
            return getattr(import_module(module), function)
        return _flag(name) if kind == _FLAG else Shared(name).read(_loads)


def carry_out(content: bytes) -> bytes:
    """What a task gives, pickled; in the worker."""
    function, arguments = _loads(content)
    return pickle.dumps(function(*arguments), protocol=5)


def stop_there(name: str) -> None:
    """Raise a flag in this process; work under it that begins later ends at once."""
    _flag(name)[0] = 1


def _loads(content: Any, buffers: list[Any] | None = None) -> Any:
    return _Unpacker(io.BytesIO(content), buffers=buffers).load()


def _flag(name: str) -> np.ndarray:
    with _lock:
        if name not in _flags:
            _flags[name] = np.zeros(1, np.int64)
        return _flags[name]
