"""What a room of a class holds, as values."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from adv_core.serving.classroom.challenges import Prediction

PollKind = Literal["which", "what"]


@dataclass(frozen=True)
class Room:
    """A room as it is now. Times in seconds since 1970."""

    id: int
    code: str
    opens_at: float
    closes_at: float
    expires_at: float
    revealed: bool

    def left(self, now: float) -> float:
        """Seconds until nothing is taken any more; 0 afterwards."""
        return max(self.closes_at - now, 0.0)


@dataclass(frozen=True)
class Member:
    """A student in a room."""

    id: int
    room_id: int
    nickname: str


@dataclass(frozen=True)
class Seat:
    """The right to have one picture judged: the ``sequence``-th of that member, handed in at that time."""

    room_id: int
    member_id: int
    sequence: int
    at: float


@dataclass(frozen=True)
class Entry:
    """One line of the board: a member's best picture. ``at``: seconds after the room was opened."""

    rank: int
    member_id: int
    nickname: str
    score: int
    said: Prediction
    second: Prediction | None
    at: float
    tries: int


@dataclass(frozen=True)
class Board:
    """Everybody's best, the best first; of equals the earlier."""

    entries: tuple[Entry, ...]
    members: int
    tries: int

    def of(self, member: Member) -> Entry | None:
        """That member's line."""
        return next((entry for entry in self.entries if entry.member_id == member.id), None)


@dataclass(frozen=True)
class Draft:
    """A question for the class, before it is asked.

    Attributes:
        kind: "which" of two pictures is perturbed, or "what" the network will say.
        choices: the texts to choose from; answer: the place of the right one.
        pictures: (H, W, 3) uint8, what the class looks at.
        truth: what is said afterwards.
    """

    kind: PollKind
    question: str
    choices: tuple[str, ...]
    answer: int
    pictures: np.ndarray = field(repr=False, compare=False)
    truth: str


@dataclass(frozen=True)
class Poll:
    """A question as it stands. While it is open, ``answer`` is None and ``truth`` is empty: nobody can be told."""

    id: int
    kind: PollKind
    question: str
    choices: tuple[str, ...]
    open: bool
    counts: tuple[int, ...]
    answer: int | None
    truth: str
    mine: int | None = None
