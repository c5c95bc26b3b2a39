"""The limits of one server for its visitors. An operator changes them by environment variables.

| variable | default | limit |
|---|---|---|
| `ADV_MAX_STEPS` | 200 | steps of one run |
| `ADV_MAX_SOUND_STEPS` | 1000 | steps of one run on a sound |
| `ADV_MAX_RESTARTS` | 10 | restarts of one run |
| `ADV_MAX_QUERIES` | 2000 | queries of a black-box attack |
| `ADV_MAX_ROWS` | 16 | values of ε side by side |
| `ADV_MAX_PIXELS` | 3000000 | pixels of one request, all its rows together |
| `ADV_MAX_TRAINING` | 4000000 | gradients of one training, one per digit |
| `ADV_MAX_QUEUE` | 256 | requests that wait; a further one is refused |
| `ADV_MAX_SESSION` | 1 | long runs of one session (browser tab) that run at a time; one more may wait |
| `ADV_MAX_BATCH` | 8 | rows of several learners that are computed together |
| `ADV_MAX_GROUPS` | 2 | long runs, or batches of them, that run side by side |
| `ADV_LEASE_SECONDS` | 10 | seconds after which a run that no page has read is stopped |
| `ADV_MAX_RUNS_PER_MINUTE` | 600 | runs that one session may start; known results do not count |
| `ADV_MAX_SESSIONS` | 1000 | sessions (open browser tabs) in all; a further one is refused |
| `ADV_MAX_SESSIONS_PER_ADDRESS` | 400 | sessions from one address; a class behind one address counts as one |
| `ADV_MAX_REQUESTS_PER_MINUTE` | 30000 | HTTP requests from one address; a first visit makes 60 of them |
| `ADV_MAX_MESSAGES_PER_MINUTE` | 600 | messages of one session (moved controls and the like); further ones wait |
| `ADV_MAX_SESSION_UPLOADS_MIB` | 100 | uploaded files of one session that are kept, in memory |
| `ADV_MAX_UPLOADS_MIB` | 1024 | uploaded files of all sessions that are kept, in memory |
| `ADV_DRAIN_SECONDS` | 20 | seconds for running work to finish when an instance is told to stop |
| `ADV_REMEMBERED_MIB` | 96 | results that are kept for later requests |
| `ADV_MAX_ROOMS` | 100 | rooms of classes at a time |
| `ADV_ROOM_HOURS` | 24 | hours after its opening at which a room is deleted with everything in it |
| `ADV_MAX_MEMBERS` | 400 | students in a room |
| `ADV_MAX_SUBMISSIONS` | 200 | pictures that one student may hand in to a room, including those that do not count |
| `ADV_SUBMISSION_SECONDS` | 1 | seconds between two pictures of a student; only one is judged at a time |
"""

import os
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """The limits, as in the table of this module."""

    max_steps: int = 200
    max_sound_steps: int = 1000
    max_restarts: int = 10
    max_queries: int = 2000
    max_rows: int = 16
    # A PNG of 3 million pixels is below the 25 MB limit of uploads, even if it is incompressible.
    max_pixels: int = 3_000_000
    max_training: int = 4_000_000
    max_queue: int = 256
    max_session: int = 1
    max_batch: int = 8
    max_groups: int = 2
    lease_seconds: int = 10
    max_runs_per_minute: int = 600
    max_sessions: int = 1000
    max_sessions_per_address: int = 400
    max_requests_per_minute: int = 30_000
    max_messages_per_minute: int = 600
    max_session_uploads_mib: int = 100
    max_uploads_mib: int = 1024
    drain_seconds: int = 20
    remembered_mib: int = 96
    max_rooms: int = 100
    room_hours: int = 24
    max_members: int = 400
    max_submissions: int = 200
    submission_seconds: int = 1

    @classmethod
    def from_environment(cls) -> "Limits":
        """The defaults, overridden by the variables that are set.

        Raises:
            ValueError: a variable that is not a whole number above zero; the message names it.
        """
        changes = {}
        for each in fields(cls):
            name = f"ADV_{each.name.upper()}"
            text = os.environ.get(name, "").strip()
            if not text:
                continue
            if not text.isdecimal() or int(text) < 1:
                raise ValueError(f"{name} has to be a whole number above zero, not {text!r}")
            changes[each.name] = int(text)
        return cls(**changes)


LIMITS = Limits.from_environment()


_SWEEP = 60.0  # seconds between two sweeps for full buckets


class Allowances:
    """Token buckets, one per visitor. A visitor starts with a full bucket, which refills within a minute.

    Full buckets are forgotten. The class is not thread-safe: the caller has a lock, or a single thread.

    Args:
        per_minute: the amount that one visitor may take in a minute.
        at_once: the size of a bucket; ``per_minute`` if not given.
        clock: monotonic seconds.
    """

    def __init__(
        self, per_minute: float, at_once: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._clock = per_minute / 60, clock
        self._most = per_minute if at_once is None else at_once
        self._buckets: dict[Hashable, tuple[float, float]] = {}  # visitor -> (amount left, at that time)
        self._swept = clock()

    def __len__(self) -> int:
        """The number of visitors that are remembered."""
        return len(self._buckets)

    def take(self, visitor: Hashable, amount: float = 1) -> float:
        """Take an amount and return 0; if there is not enough, take nothing and return the seconds until there is.

        An amount larger than a bucket costs a whole bucket.
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
