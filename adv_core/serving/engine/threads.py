"""The number of threads for a batch that is computed alone: all of them, or a single one, whichever is quicker."""

import math
from collections.abc import Hashable

EVERY = 24  # steps after which the other number is tried for a step
WEIGHT = 0.5  # of a new comparison


class ThreadTrial:
    """Compare a step on all threads with the next one on a single thread, now and then.

    All threads wait for each other after every layer of a network. On an idle machine they are quicker. Beside another
    program that computes, one of them is often kept waiting for a core while the others wait for it, and a single
    thread is quicker. Not thread-safe: the engine calls it from one worker at a time.
    """

    def __init__(self) -> None:
        self._log_ratio = math.log(0.8)  # of the times on all threads and on one
        self._last: tuple[Hashable, int, float] | None = None  # a batch, its threads, the seconds of a step
        self._since = 0  # steps since the last trial

    def choose(self, batch: Hashable, most: int) -> int:
        """Return the number of threads for the next step of that batch: 1 or ``most``."""
        usual, other = (most, 1) if self._log_ratio <= 0 else (1, most)
        self._since += 1
        if self._since < EVERY or self._last is None or self._last[:2] != (batch, usual):
            return usual
        self._since = 0
        return other

    def took(self, batch: Hashable, threads: int, seconds: float) -> None:
        """Record the duration of a step. It is compared with the one before, if that was of the same batch."""
        if self._last is not None and self._last[0] == batch and self._last[1] != threads:
            many, one = (seconds, self._last[2]) if threads > 1 else (self._last[2], seconds)
            ratio = min(max(math.log(many / one), -1.0), 1.0)
            self._log_ratio += WEIGHT * (ratio - self._log_ratio)
        self._last = batch, threads, seconds
