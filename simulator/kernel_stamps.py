"""Keeps numba's cache honest across files.

Numba decides by a kernel's own file whether its compiled form still holds. A kernel that calls kernels of another file
would go on with their old form after an edit there.
"""

from __future__ import annotations

import atexit
import hashlib
import inspect
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from numba import config
from numba.core.caching import FunctionCache, InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator
from numba.core.dispatcher import Dispatcher
from platformdirs import user_cache_path

FOLDER = Path(__file__).parent
# Numba makes its settings when it is imported, so that no checker of types knows them.
_CACHE_DIR = "CACHE_DIR"


def choose_cache_place() -> None:
    """Keep compiled kernels in a temporary folder where neither the code's own nor the person's home can be
    written; numba would refuse to start there."""
    if _numba_cache() or os.access(FOLDER, os.W_OK) or os.access(os.path.expanduser("~"), os.W_OK):
        return
    # Of this process alone: what others may write is not to be run.
    place = tempfile.mkdtemp(prefix="planner-kernels-")
    # What an image had compiled when it was built; numba looks only where it may write.
    with suppress(OSError):
        shutil.copytree(user_cache_path("numba", appauthor=False), place, dirs_exist_ok=True)
    setattr(config, _CACHE_DIR, place)
    atexit.register(shutil.rmtree, place, ignore_errors=True)


def cache_environment() -> dict[str, str]:
    """What another process needs in its environment to keep compiled kernels in the same place."""
    place = _numba_cache()
    return {"NUMBA_CACHE_DIR": place} if place else {}


def _numba_cache() -> str:
    """The folder numba is told to use; empty where it chooses one beside the code or in the person's home."""
    return getattr(config, _CACHE_DIR)


def is_compiled(kernel: Dispatcher[..., Any]) -> bool:
    """Whether numba keeps a compiled form of a kernel that is as new as its file."""
    file = inspect.getfile(kernel.py_func)
    found = Path(str(kernel.stats.cache_path)).glob(f"{Path(file).stem}.{kernel.py_func.__name__}-*.nbi")
    return max((index.stat().st_mtime for index in found), default=0) >= max(
        os.stat(source).st_mtime for source in _sources(file)
    )


def go_on_without_saving() -> None:
    """Where a compiled kernel cannot be saved, e.g. on a full disk, it is used all the same; numba would raise."""
    save = FunctionCache.save_overload

    def save_if_possible(cache: FunctionCache, signature: object, compiled: object) -> None:
        with suppress(OSError):
            save(cache, signature, compiled)

    FunctionCache.save_overload = save_if_possible


_FOLLOWED: dict[str, tuple[str, ...]] = {}


def follow_stamps(file: str, *modules: ModuleType) -> None:
    """Let the compiled kernels of a file hold only as long as those of the modules that it calls, and what these
    follow, are as they were; call it before its first kernel."""
    _FOLLOWED[file] = tuple(str(module.__file__) for module in modules)


def _sources(file: str) -> list[str]:
    """A file, and all that its kernels are compiled from."""
    return list(dict.fromkeys([file, *(source for called in _FOLLOWED.get(file, ()) for source in _sources(called))]))


def stamp_all_sources() -> None:
    """Let numba ask for the contents of all files that a kernel is compiled from.

    It would ask for the time of the kernel's own, which loses its fractions on the way to another machine in an image.
    """

    def stamp(locator: Any) -> tuple[bytes, ...]:
        return tuple(hashlib.sha256(Path(source).read_bytes()).digest() for source in _sources(locator._py_file))

    for place in (InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator):
        place.get_source_stamp = stamp


choose_cache_place()
go_on_without_saving()
stamp_all_sources()
