"""Keeps numba's cache honest across files.

Numba decides by the time stamp of a kernel's own file whether its compiled form still holds. A kernel that calls
kernels of another file would go on with their old form after an edit there.
"""

from __future__ import annotations

import os
from contextlib import suppress
from types import ModuleType


def follow_stamps(file: str, *modules: ModuleType) -> None:
    """Make a kernel file at least as new as the modules whose kernels it calls; call it before its first kernel.

    Where sources cannot be written they cannot have been edited either, and nothing is done.
    """
    with suppress(OSError):
        if max(os.stat(module.__file__).st_mtime for module in modules) > os.stat(file).st_mtime:
            os.utime(file)
