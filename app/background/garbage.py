"""When Python looks for objects that nobody can reach any more: every few seconds, not after every run of a page; and
how the memory that they leave goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import platform
import threading
import time

from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.background.warm_up import is_prepared

# Every run of a page leaves its module behind, a circle with all the results that it names: some 10 MB a change.
EVERY_S = 5.0
# What was set aside is looked at this often.
ALL_EVERY_S = 60.0
# Whoever has worked less than this since the last time has left nothing worth looking for.
AT_LEAST_S = 0.1
# What glibc is told, see mallopt(3). Every page runs in a thread of its own, and many threads get pools of their own,
# whose holes no other one fills: M_ARENA_MAX. Arrays of requests go back to the system one by one, and leave no holes:
# M_MMAP_THRESHOLD, in bytes, which else grows.
_ADVICE = {-8: 2, -3: 256 * 1024}


def collect_now_and_then() -> None:
    """Collect whenever this process has worked, as long as it lives."""
    if (library := _glibc()) is not None:
        for what, value in _ADVICE.items():
            library.mallopt(what, value)
    threading.Thread(target=_collect_for_good, name="garbage", daemon=True).start()


def _collect_for_good() -> None:
    used_s, all_s = 0.0, 0.0
    while True:
        time.sleep(EVERY_S)
        if not is_prepared() or time.process_time() - used_s < AT_LEAST_S:
            continue
        if time.monotonic() - all_s < ALL_EVERY_S:
            gc.collect()
        else:
            collect_all()
            all_s = time.monotonic()
        used_s = time.process_time()


def forget_gone_widgets() -> None:
    """Let go of what the widgets that a page no longer has would call back, at the end of a run of all of it.

    Streamlit keeps it as long as the tab is open, and with it the results that every earlier chart and button named.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None:
        here = context.shared.widget_ids_this_run.snapshot()
        widgets = context.session_state._state._new_widget_state
        widgets.widget_metadata = {key: of for key, of in widgets.widget_metadata.items() if key in here}


def collect_all() -> None:
    """Find what is unreachable, and set the rest aside, so that collections look at what is new only."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
