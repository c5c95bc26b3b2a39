"""Keep the memory of one step for the next.

glibc hands large blocks back to the system as soon as they are free, and the system clears every page anew when they
are asked for again. A forward and backward pass does that hundreds of times: at batch 8 a quarter of its CPU time went
there, at batch 32 nearly half. Threads other than the first have it worse, with arenas of 64 MB.
"""

import ctypes
import gc
import sys
import threading
import time

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_KEPT_BYTES = 512 * 2**20


def keep_freed_memory() -> bool:
    """Let this process keep up to 512 MB of freed memory. Call it before any thread is started.

    A server that computes for long wants it, and calls it at its start. It holds for the whole process, so a library
    that is imported leaves it alone.

    Returns:
        Whether there was something to set; other C libraries than glibc are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_THRESHOLD, 2**30), (_M_TRIM_THRESHOLD, _KEPT_BYTES), (_M_ARENA_MAX, 1))
    return all([mallopt(name, value) == 1 for name, value in settings])


def set_aside_what_stays() -> None:
    """Let garbage collections pass over all that is alive now. Call it when the modules and a network are loaded.

    A collection walks through every object, and torch brings half a million that never go away. What was set aside
    before and has died since is collected first: nothing is lost for longer than from one call to the next.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Collector:
    """Collect garbage now and then: often enough that memory stays flat, and no more often.

    Streamlit would do so after every rerun, with Python's lock held: in a busy class an eighth of the time.

    Args:
        every: seconds between two collections.
    """

    def __init__(self, every: float = 2.0) -> None:
        self._every, self._due = every, 0.0
        self._lock = threading.Lock()

    def collect(self) -> bool:
        """Collect, if it is time to; whether it was."""
        with self._lock:
            now = time.monotonic()
            if now < self._due:
                return False
            self._due = now + self._every
        gc.collect()
        return True
