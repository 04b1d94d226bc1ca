"""What many tasks of one piece of work read: packed once, kept in a file by every worker, and mapped into memory there.

The read-only arrays of an object are written beside its pickle (protocol 5, out of band), so that they are not copied
when it is read: they stay in the file, of which processes see the same pages.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

from cachetools import LRUCache

# Arrays begin at multiples of this, as NumPy and Arrow like them.
ALIGNMENT = 64
_KEPT = 64
# By digest: the file in this process's folder, who gave it, and what was read from it.
_files: dict[str, Path] = {}
_owners: dict[str, set[str]] = {}
_read: LRUCache[str, Any] = LRUCache(_KEPT)
_lock = RLock()


class Lent:
    """Objects of such a class reach every worker once, with the first task that reads them; they stay as they are."""


@dataclass(frozen=True)
class Shared:
    """An object that workers hold, by the SHA-256 of how it is packed."""

    digest: str

    def read(self, loads: Callable[[Any, list[Any]], Any]) -> Any:
        """The object, from the file of this worker. loads: (pickle, its buffers) -> object, the first time."""
        with _lock:
            if self.digest not in _read:
                _read[self.digest] = loads(*_mapped(_files[self.digest]))
            return _read[self.digest]


def packed(obj: Any, dumps: Callable[[Any, Callable[[pickle.PickleBuffer], bool]], bytes]) -> tuple[Shared, bytes]:
    """An object as the bytes of a file, and what to call it by. dumps: (object, buffer callback) -> pickle."""
    arrays: list[pickle.PickleBuffer] = []

    def is_inside(array: pickle.PickleBuffer) -> bool:
        # What may be written to must not be mapped from a file that others read.
        if array.raw().readonly:
            arrays.append(array)
        return not array.raw().readonly

    parts = [dumps(obj, is_inside), *(array.raw() for array in arrays)]
    sizes = pickle.dumps([memoryview(part).nbytes for part in parts])
    content = b"".join(_aligned([len(sizes).to_bytes(8, "little") + sizes, *parts]))
    return Shared(hashlib.sha256(content).hexdigest()), content


def keep(shared: Shared, content: bytes, folder: Path, owner: str) -> None:
    """Write the bytes as a file of this worker, for whoever gave them; others may have given the same."""
    with _lock:
        if shared.digest not in _files:
            path = folder / f"{shared.digest}.packed"
            unfinished = path.with_suffix(f".{os.getpid()}.part")
            unfinished.write_bytes(content)
            os.replace(unfinished, path)
            _files[shared.digest] = path
        _owners.setdefault(shared.digest, set()).add(owner)


def forget(shared: Shared, owner: str) -> None:
    """Remove it once nobody wants it any more; whoever reads it still has the mapped file."""
    with _lock:
        owners = _owners.get(shared.digest, {owner})
        owners.discard(owner)
        if not owners and (path := _files.pop(shared.digest, None)) is not None:
            del _owners[shared.digest]
            _read.pop(shared.digest, None)
            path.unlink(missing_ok=True)


def _aligned(parts: list[Any]) -> Iterator[Any]:
    for part in parts:
        yield part
        yield bytes(-memoryview(part).nbytes % ALIGNMENT)


def _mapped(path: Path) -> tuple[memoryview, list[memoryview]]:
    """The pickle and its buffers."""
    with path.open("rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    length = int.from_bytes(view[:8], "little")
    parts: list[memoryview] = []
    at = 8 + length
    for size in pickle.loads(view[8:at]):
        at += -at % ALIGNMENT
        parts.append(view[at : at + size])
        at += size
    return parts[0], parts[1:]
