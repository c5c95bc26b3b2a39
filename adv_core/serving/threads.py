"""Count the cores that other programs leave, so that a computation uses one thread for each of them.

A forward pass of one picture wakes torch's OpenMP threads after each layer, which takes nearly half of its time.
Threads that spin for a tenth of a millisecond before they sleep save most of that. But where another program has taken
the core of one thread, the others spin for nothing, or they sleep and wait for the next layer: two threads are then
slower than one. So the engine gives a step as many threads as there are spare cores (`SpareCores`). One thread alone
does not wait.

GNU's OpenMP library (libgomp, in torch for Linux) reads the length of a spin once, when it is loaded
(``GOMP_SPINCOUNT``). With ``OMP_WAIT_POLICY=PASSIVE`` no thread spins while libgomp counts more threads than cores.
"""

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

# What a server sets before it imports torch (`startup.py`, which cannot import it from here).
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "20000"}
CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # of the control group that a container has for itself
EVERY = 0.25  # seconds between two looks at the other programs
CALM = 1.0  # seconds that other programs have to leave a core alone, before a thread uses it again
OTHERS = 0.25  # of a core: what other programs may take of it while a thread uses it


def seconds_elsewhere() -> float | None:
    """Return the processor seconds that all other programs have had since the machine started.

    They include those that a virtual machine's host gave to others. None where the system does not tell.
    """
    try:
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _, _, interrupt, soft_interrupt, stolen = map(int, file.readline().split()[1:9])
    except (OSError, ValueError):
        return None
    ticks = user + nice + system + interrupt + soft_interrupt + stolen
    return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()


def cores_granted() -> float:
    """Return the cores that this process's control group may use at a time: infinity where there is no limit."""
    try:
        quota, period = CPU_LIMIT.read_text(encoding="ascii").split()
        return float(quota) / float(period)  # "max" is no number
    except (OSError, ValueError):
        return float("inf")


class SpareCores:
    """The cores that other programs have left to this process for the last second. Call `count` between two steps.

    On a system that does not tell what other programs compute, all cores that this process may use count as spare.
    Where an operator has set how threads wait, all cores of the machine do.

    Args:
        elsewhere: returns the processor seconds of other programs; see `seconds_elsewhere`.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        elsewhere: Callable[[], float | None] = seconds_elsewhere,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._elsewhere, self._clock = elsewhere, clock
        self._lock = threading.Lock()
        self._cores = os.cpu_count() or 1
        self._granted = max(math.floor(min(self._cores, cores_granted())), 1)
        self._chooses = {name: os.environ.get(name) for name in WAITING} == WAITING
        self._last = (clock(), elsewhere())
        self._taken: deque[tuple[float, float]] = deque()  # (end of a time, cores that others took in it)

    def count(self) -> int:
        """Return the number of spare cores, at least 1."""
        if not self._chooses:
            return self._cores
        with self._lock:  # two workers share what is known
            now, (before, seconds) = self._clock(), self._last
            if now - before >= EVERY:
                self._last = (now, self._elsewhere())
                if seconds is not None and self._last[1] is not None:
                    self._taken.append((now, (self._last[1] - seconds) / (now - before)))
            while self._taken and self._taken[0][0] <= now - CALM:
                self._taken.popleft()
            taken = max((cores for _, cores in self._taken), default=0.0)
            return max(min(self._granted, math.floor(self._cores - taken + OTHERS)), 1)
