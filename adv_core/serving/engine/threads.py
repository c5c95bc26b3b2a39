"""The number of threads for a batch that is computed alone: a single one, or all of them where that is quicker."""

import math
from collections.abc import Hashable

EVERY = {False: 24, True: 48}  # steps on all threads, or on a single one, after which the other number is tried
SLOW = 1.6  # times the quickest step of a batch: something has changed
START = 0.1  # log of the ratio at first: a single thread, whatever else the machine does


class ThreadTrial:
    """Compare a step on all threads with its neighbour on a single one, now and then.

    All threads wait for each other after every layer of a network. On an idle machine they are quicker. Beside another
    program that computes, one of them is often kept waiting for a core while the others wait for it, and a single
    thread is quicker. Not thread-safe: the engine calls it from one worker at a time.
    """

    def __init__(self) -> None:
        self._log_ratio = START  # of the seconds on all threads and on one
        self._last: tuple[Hashable, int, float] | None = None  # a batch, its threads, the seconds of a step
        self._quickest = math.inf  # step of this batch on that many threads
        self._left = 2  # steps until the next trial

    def choose(self, batch: Hashable, most: int) -> int:
        """Return 1 or ``most``: how many threads the next step of that batch is computed on."""
        single = self._log_ratio > 0
        usual, other = (1, most) if single else (most, 1)
        self._left -= 1
        if self._left > 0 or self._last is None or self._last[:2] != (batch, usual):
            return usual
        self._left = EVERY[single]
        return other

    def took(self, batch: Hashable, threads: int, seconds: float) -> None:
        """Tell how long a step took. It is compared with the one before, if that was of the same batch."""
        if self._last is not None and self._last[0] == batch and self._last[1] != threads:
            many, one = (seconds, self._last[2]) if threads > 1 else (self._last[2], seconds)
            ratio = min(max(math.log(many / one), -1.0), 1.0)
            self._log_ratio += 0.5 * (ratio - self._log_ratio)
        same = self._last is not None and self._last[:2] == (batch, threads)
        self._quickest = min(self._quickest, seconds) if same else seconds
        if threads > 1 and seconds > SLOW * self._quickest:
            self._left = 0
        self._last = batch, threads, seconds
