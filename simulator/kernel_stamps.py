"""Keeps numba's cache honest across files.

Numba decides by the time stamp of a kernel's own file whether its compiled form still holds. A kernel that calls
kernels of another file would go on with their old form after an edit there.
"""

from __future__ import annotations

import atexit
import inspect
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from numba import config
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

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
    file = Path(inspect.getfile(kernel.py_func))
    found = Path(str(kernel.stats.cache_path)).glob(f"{file.stem}.{kernel.py_func.__name__}-*.nbi")
    return max((index.stat().st_mtime for index in found), default=0) >= file.stat().st_mtime


def go_on_without_saving() -> None:
    """Where a compiled kernel cannot be saved, e.g. on a full disk, it is used all the same; numba would raise."""
    save = FunctionCache.save_overload

    def save_if_possible(cache: FunctionCache, signature: object, compiled: object) -> None:
        with suppress(OSError):
            save(cache, signature, compiled)

    FunctionCache.save_overload = save_if_possible


choose_cache_place()
go_on_without_saving()


def follow_stamps(file: str, *modules: ModuleType) -> None:
    """Make a kernel file at least as new as the modules whose kernels it calls; call it before its first kernel.

    Where sources cannot be written they cannot have been edited either, and nothing is done.
    """
    with suppress(OSError):
        if max((os.stat(str(module.__file__)).st_mtime for module in modules), default=0) > os.stat(file).st_mtime:
            os.utime(file)
