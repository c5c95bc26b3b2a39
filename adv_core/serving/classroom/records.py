"""Rooms, members, boards and polls, as values."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from adv_core.serving.classroom.challenges import Prediction

PollKind = Literal["which", "what"]


@dataclass(frozen=True)
class Room:
    """The present state of a room. Times are seconds since 1970."""

    id: int
    code: str
    opens_at: float
    closes_at: float
    expires_at: float
    revealed: bool

    def left(self, now: float) -> float:
        """Return the seconds until the room takes no more submissions; 0 afterwards."""
        return max(self.closes_at - now, 0.0)


@dataclass(frozen=True)
class Member:
    """A student in a room."""

    id: int
    room_id: int
    nickname: str


@dataclass(frozen=True)
class Seat:
    """A submission in progress: the ``sequence``-th picture of that member, handed in at that time."""

    room_id: int
    member_id: int
    sequence: int
    at: float


@dataclass(frozen=True)
class Entry:
    """A line of the board: a member's best picture. ``at``: seconds after the room was opened."""

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
    """The best picture of each member, the best first; with equal scores, the earlier first."""

    entries: tuple[Entry, ...]
    members: int
    tries: int

    def of(self, member: Member) -> Entry | None:
        """Return the line of that member."""
        return next((entry for entry in self.entries if entry.member_id == member.id), None)


@dataclass(frozen=True)
class Draft:
    """A question for the class that has not been asked yet.

    Attributes:
        kind: "which" of two pictures is perturbed, or "what" the network will predict.
        choices: the texts to choose from; answer: the index of the right one.
        pictures: (H, W, 3) uint8, shown to the class.
        truth: the text shown when the question is closed.
    """

    kind: PollKind
    question: str
    choices: tuple[str, ...]
    answer: int
    pictures: np.ndarray = field(repr=False, compare=False)
    truth: str


@dataclass(frozen=True)
class Poll:
    """The present state of a question. While it is open, ``answer`` is None and ``truth`` is empty."""

    id: int
    kind: PollKind
    question: str
    choices: tuple[str, ...]
    open: bool
    counts: tuple[int, ...]
    answer: int | None
    truth: str
    mine: int | None = None
