"""When Python looks for objects that nobody can reach any more: now and then, instead of after every run of a page."""

from __future__ import annotations

import gc
import threading
import time

from app.background.warm_up import is_prepared

EVERY_S = 60.0
# Whoever has worked less than this since the last time has left nothing worth looking for.
AT_LEAST_S = 1.0


def collect_now_and_then() -> None:
    """Collect every minute in which this process has worked, as long as it lives."""
    threading.Thread(target=_collect_for_good, name="garbage", daemon=True).start()


def _collect_for_good() -> None:
    used_s = 0.0
    while True:
        time.sleep(EVERY_S)
        if is_prepared() and time.process_time() - used_s > AT_LEAST_S:
            collect()
            used_s = time.process_time()


def collect() -> None:
    """Find what is unreachable, and set the rest aside, so that Python's own small collections stay small."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
