"""Keep the memory of one step for the next, and give it back when nobody computes any more.

glibc hands large blocks back to the system as soon as they are free, and the system clears every page anew when they
are asked for again. A forward and backward pass does that hundreds of times: at batch 8 a quarter of its CPU time went
there, at batch 32 nearly half. Threads other than the first have it worse, with arenas of 64 MB.
"""

import ctypes
import gc
import sys
import threading
import time
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_KEPT_BYTES = 512 * 2**20
UNUSED = 300.0  # seconds, after which what nobody has used is dropped: a class is back from its talk by then
QUIET = 0.1  # of one core; thirty open pages that ask for news take less, and a computation more


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


def give_back_freed_memory() -> bool:
    """Hand all freed memory back to the system, also what `keep_freed_memory` lets this process keep.

    It takes a tenth of a second for 300 MB; meanwhile no thread gets any memory.

    Returns:
        Whether anything was given back; other C libraries than glibc are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and trim(0) == 1


def freeze_live_objects() -> None:
    """Let garbage collections pass over all that is alive now. Call it when the modules and a network are loaded.

    A collection walks through every object, and torch brings half a million that never go away. What was set aside
    before and has died since is collected first: nothing is lost for longer than from one call to the next.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class PacedCollector:
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


class Tidying:
    """Give memory back when a process has nothing to do. Call `look` about once a minute.

    What nobody has used for a while is dropped where nothing is being computed at that moment. When hardly anything was
    done since the last look, garbage is collected, also among what was set aside, and freed memory goes back to the
    system; once, until something has been computed again.

    Args:
        computing: whether something is.
        forget: each is called with a moment, drops what nobody has used since then, and tells whether there was any.
        unused: seconds for which everything is kept.
        clock, worked: the time, and the processor time that this process has used, in seconds.
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
        """Tidy up, if it is time to; whether memory was given back.

        Args:
            dropped: whether the caller has dropped something since the last look.
        """
        (before, had_worked), now = self._last, (self._clock(), self._worked())
        self._last = now
        quiet = now[1] - had_worked < QUIET * (now[0] - before)
        self._tidy = self._tidy and quiet and not dropped
        if self._computing():
            return False
        if any([forget(now[0] - self._unused) for forget in self._forget]):  # each of them, not the first that has any
            self._tidy = False
        if self._tidy or not quiet:
            return False
        freeze_live_objects()
        give_back_freed_memory()
        self._tidy = True
        return True
