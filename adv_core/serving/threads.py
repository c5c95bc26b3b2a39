"""Let torch's threads spin between two layers while the machine has nothing else to do, and sleep otherwise.

A forward pass of one picture wakes torch's OpenMP threads after each layer, which takes nearly half of its time.
Threads that spin for a tenth of a millisecond before they sleep save most of that. But a thread that spins keeps its
core from other programs, and waits in vain where another program has taken the core of the thread that it waits for:
then the same pass takes several times as long.

GNU's OpenMP library (libgomp, in torch for Linux) reads the length of a spin once, when it is loaded
(``GOMP_SPINCOUNT``). With ``OMP_WAIT_POLICY=PASSIVE`` no thread spins while it counts more threads than cores. So
`SpinControl` keeps idle threads in addition, one for each core, while other programs compute.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

# What a server sets before it imports torch (`startup.py`, which cannot import it from here).
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "20000"}
CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # of the control group that a container has for itself
EVERY = 0.25  # seconds between two looks at the other programs
OTHERS = 0.25  # of one core: other programs that take more need threads that sleep
CALM = 1.0  # seconds that they have to take less, before threads spin again
_GRAIN = 1 << 16  # numbers for each thread, so that torch uses all of them


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


class IdleThreads:
    """One thread for each core, which do nothing: with them libgomp counts more threads than cores."""

    def __init__(self) -> None:
        begun, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep, args=(begun,), name="adv_core idle", daemon=True)
        self._thread.start()
        begun.wait()

    def _keep(self, begun: threading.Event) -> None:
        usual = torch.get_num_threads()
        cores = os.cpu_count() or 1
        torch.set_num_threads(cores)
        torch.zeros(cores * _GRAIN)
        torch.set_num_threads(usual)  # also the number of threads that begin later
        begun.set()
        self._end.wait()

    def close(self) -> None:
        """End the threads."""
        self._end.set()
        self._thread.join()


def cores_granted() -> float:
    """Return the cores that this process's control group may use at a time: infinity where there is no limit."""
    try:
        quota, period = CPU_LIMIT.read_text(encoding="ascii").split()
        return float(quota) / float(period)  # "max" is no number
    except (OSError, ValueError):
        return float("inf")


class SpinControl:
    """Choose whether this process's OpenMP threads may spin. Call `look` between two steps of a computation.

    At first they sleep. They always sleep where an operator has set how they wait, where a container's limit leaves no
    core to spare, and on a system that does not tell what other programs compute.

    Args:
        elsewhere: returns the processor seconds of other programs; see `seconds_elsewhere`.
        clock: returns the time in seconds.
        idle: makes the threads that keep all others from spinning; see `IdleThreads`.
    """

    def __init__(
        self,
        elsewhere: Callable[[], float | None] = seconds_elsewhere,
        clock: Callable[[], float] = time.monotonic,
        idle: Callable[[], IdleThreads] = IdleThreads,
    ) -> None:
        self._elsewhere, self._clock, self._new_idle = elsewhere, clock, idle
        self._lock = threading.Lock()
        self._idle: IdleThreads | None = None
        self._last: tuple[float, float | None] | None = None
        self._calm = 0.0  # seconds
        # Otherwise nothing spins, or an operator wants it so.
        self._chooses = {name: os.environ.get(name) for name in WAITING} == WAITING
        self._may_spin = cores_granted() >= (os.cpu_count() or 1)

    def look(self) -> None:
        """Choose anew, if it is time."""
        if self._chooses and self._lock.acquire(blocking=False):  # two workers need not choose both
            try:
                self._choose()
            finally:
                self._lock.release()

    def _choose(self) -> None:
        now = self._clock()
        if self._last is not None and now - self._last[0] < EVERY:
            return
        before, self._last = self._last, (now, self._elsewhere())
        if before is None or before[1] is None or self._last[1] is None:
            self._calm = 0.0
        else:
            elapsed = now - before[0]
            self._calm = self._calm + elapsed if self._last[1] - before[1] <= OTHERS * elapsed else 0.0
        self._let_spin(self._may_spin and self._calm >= CALM)

    def _let_spin(self, spin: bool) -> None:
        if spin and self._idle is not None:
            self._idle.close()
            self._idle = None
        elif not spin and self._idle is None:
            self._idle = self._new_idle()

    def close(self) -> None:
        """End the idle threads. The control chooses nothing afterwards."""
        with self._lock:
            self._chooses = False
            self._let_spin(True)
