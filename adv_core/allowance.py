"""How much of something a visitor may have in a minute: token buckets, one for each visitor."""

import time
from collections.abc import Callable, Hashable

_SWEEP = 60.0  # seconds, after which full buckets are looked for


class Allowances:
    """Each visitor starts with a full bucket, which fills again within a minute. A full one is forgotten.

    Not thread-safe: the caller has a lock, or a single thread.

    Args:
        per_minute: what one visitor may have within a minute, on the whole.
        at_once: what a bucket holds; the same, if not given.
        clock: seconds that only grow.
    """

    def __init__(
        self, per_minute: float, at_once: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._clock = per_minute / 60, clock
        self._most = per_minute if at_once is None else at_once
        self._buckets: dict[Hashable, tuple[float, float]] = {}  # visitor -> (what was left, when)
        self._swept = clock()

    def __len__(self) -> int:
        """How many visitors are remembered."""
        return len(self._buckets)

    def take(self, visitor: Hashable, amount: float = 1) -> float:
        """Take so much: 0 if there was enough; otherwise the seconds until there is, and nothing is taken.

        More than a bucket holds costs a whole bucket.
        """
        now = self._clock()
        self._forget(now)
        amount = min(amount, self._most)
        left = self._left(visitor, now)
        if left < amount:
            return (amount - left) / self._rate
        self._buckets[visitor] = (left - amount, now)
        return 0.0

    def _left(self, visitor: Hashable, now: float) -> float:
        left, then = self._buckets.get(visitor, (self._most, now))
        return min(self._most, left + (now - then) * self._rate)

    def _forget(self, now: float) -> None:
        if now - self._swept >= _SWEEP:
            self._swept = now
            for visitor in [visitor for visitor in self._buckets if self._left(visitor, now) >= self._most]:
                del self._buckets[visitor]
