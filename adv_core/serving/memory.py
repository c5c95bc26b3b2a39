"""Keep freed memory for the next step of a computation, and return it to the system when the process is idle.

glibc returns large blocks to the system as soon as they are free, and the system clears every page again when a block
is allocated anew. A forward and backward pass does that hundreds of times: at batch 8 it took a quarter of the CPU
time, at batch 32 nearly half. Threads other than the first lose even more, with arenas of 64 MB.
"""

import ctypes
import gc
import sys
import threading
import time
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_KEPT_BYTES = 512 * 2**20
UNUSED = 300.0  # seconds after which unused objects are dropped: longer than a usual pause of a class
QUIET = 0.1  # of one core; thirty open pages that poll take less, and a computation takes more


def keep_freed_memory() -> bool:
    """Let this process keep up to 512 MB of freed memory. Call it before any thread is started.

    A server that computes for long calls it at its start. It applies to the whole process, so an imported library must
    not call it.

    Returns:
        Whether there was something to set. C libraries other than glibc are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_THRESHOLD, 2**30), (_M_TRIM_THRESHOLD, _KEPT_BYTES), (_M_ARENA_MAX, 1))
    return all([mallopt(name, value) == 1 for name, value in settings])


def give_back_freed_memory() -> bool:
    """Return all freed memory to the system, including the memory that `keep_freed_memory` keeps.

    It takes a tenth of a second for 300 MB; meanwhile no thread can allocate memory.

    Returns:
        Whether anything was given back. C libraries other than glibc are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and trim(0) == 1


def freeze_live_objects() -> None:
    """Exempt all objects that are alive now from garbage collection. Call it when modules and a network are loaded.

    A collection visits every object, and torch creates half a million that never die. Objects that were exempted before
    and have died since are collected first, so that they leak only from one call to the next.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class PacedCollector:
    """Collect garbage at intervals: just often enough that the memory does not grow.

    Streamlit does so after every rerun, with Python's lock held, which takes an eighth of the time in a busy class.

    Args:
        every: seconds between two collections.
    """

    def __init__(self, every: float = 2.0) -> None:
        self._every, self._due = every, 0.0
        self._lock = threading.Lock()

    def collect(self) -> bool:
        """Collect if the interval is over. Return whether it was."""
        with self._lock:
            now = time.monotonic()
            if now < self._due:
                return False
            self._due = now + self._every
        gc.collect()
        return True


class Tidying:
    """Return memory to the system when a process is idle. Call `look` about once a minute.

    While nothing is being computed, it drops objects that have been unused for a while. When the process has done
    hardly anything since the last look, it collects garbage, also among exempted objects, and returns freed memory to
    the system. It does this once, until something has been computed again.

    Args:
        computing: tells whether something is being computed.
        forget: each is called with a time, drops the objects unused since then, and tells whether there were any.
        unused: seconds for which unused objects are kept.
        clock, worked: the time, and the processor time of this process, in seconds.
    """

    def __init__(
        self,
        computing: Callable[[], bool],
        *forget: Callable[[float], bool],
        unused: float = UNUSED,
        clock: Callable[[], float] = time.monotonic,
        worked: Callable[[], float] = time.process_time,
    ) -> None:
        self._computing, self._forget, self._unused = computing, forget, unused
        self._clock, self._worked = clock, worked
        self._last = (clock(), worked())
        self._tidy = False

    def look(self, dropped: bool = False) -> bool:
        """Tidy up if it is time. Return whether memory was given back.

        Args:
            dropped: whether the caller has dropped something since the last look.
        """
        (before, had_worked), now = self._last, (self._clock(), self._worked())
        self._last = now
        quiet = now[1] - had_worked < QUIET * (now[0] - before)
        self._tidy = self._tidy and quiet and not dropped
        if self._computing():
            return False
        if any([forget(now[0] - self._unused) for forget in self._forget]):  # a list, so that each of them is called
            self._tidy = False
        if self._tidy or not quiet:
            return False
        freeze_live_objects()
        give_back_freed_memory()
        self._tidy = True
        return True
