"""Keep the memory of one step for the next.

glibc hands large blocks back to the system as soon as they are free, and the system clears every page anew when they
are asked for again. A forward and backward pass does that hundreds of times: at batch 8 a quarter of its CPU time went
there, at batch 32 nearly half. Threads other than the first have it worse, with arenas of 64 MB.
"""

import ctypes
import gc
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_KEPT_BYTES = 512 * 2**20


def keep_freed_memory() -> bool:
    """Let this process keep up to 512 MB of freed memory. Call it before any thread is started.

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

    Streamlit collects after every rerun, which is what keeps its memory flat. But a collection walks through every
    object, and torch brings half a million that never go away: a tenth of the time in a busy class.
    """
    gc.collect()
    gc.freeze()
