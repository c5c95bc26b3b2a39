"""Rooms in a database. Every change is one transaction, and safe under concurrent changes.

The default is SQLite: one file, for one machine, with any number of processes. For replicas on several machines,
``ADV_DATABASE_URL=postgresql://...`` names a PostgreSQL database that they share.

A host proves who they are by the room's secret, a student by the token that they got on joining. Both are random, and
only their hashes are stored.
"""

import contextlib
import hashlib
import hmac
import io
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image
from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from adv_core.images import to_png
from adv_core.serving.classroom import Refused, nicknames
from adv_core.serving.classroom.challenges import PATIENCE, Challenge, Judgement, Prediction, judge
from adv_core.serving.classroom.database import answering, connected, database_url
from adv_core.serving.classroom.migrations import upgrade_to_latest
from adv_core.serving.classroom.records import Board, Draft, Entry, Member, Poll, PollKind, Room, Seat
from adv_core.serving.classroom.tables import members, polls, rooms, submissions, votes
from adv_core.serving.limits import LIMITS, Limits

LETTERS = "BCDFGHJKMNPQRSTVWXZ"  # none that looks like a digit, and no vowel, so that no code spells a word
CODE_LENGTH = 5
SWEEP_SECONDS = 600  # between two sweeps for expired rooms
BEST = 3  # pictures of the reveal
MAX_MINUTES = 240
MAX_POLLS = 50  # of a room


class Store:
    """The rooms of one database.

    Args:
        url: of SQLAlchemy; `database_url` has the default.
        clock: seconds since 1970.

    Raises:
        Refused: the database cannot be opened.
    """

    def __init__(self, url: URL, limits: Limits = LIMITS, clock: Callable[[], float] = time.time) -> None:
        self._limits, self._clock = limits, clock
        self._swept = 0.0
        try:
            self._engine = connected(url)
            upgrade_to_latest(self._engine)
        except (OSError, SQLAlchemyError) as error:  # its text has paths and addresses
            raise Refused(
                f"The classroom database cannot be opened ({type(error).__name__}). Please tell the server's host."
            ) from error
        # The writers of one process wait for each other here, in fair order; SQLite lets them retry without order.
        self._turn: contextlib.AbstractContextManager[Any] = (
            threading.Lock() if url.get_backend_name() == "sqlite" else contextlib.nullcontext()
        )
        self._challenge = lru_cache(64)(self._load_challenge)
        self.sweep()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with answering(), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        with (
            answering(),
            self._turn,
            self._engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    def dispose(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    # ------------------------------------------------------------------------------------------------------- the host

    def open_room(self, challenge: Challenge, minutes: float) -> tuple[Room, str]:
        """Open a new room. Return it and the host's secret, which is stored nowhere.

        Raises:
            Refused: a challenge that cannot be solved, a time out of range, or too many rooms.
        """
        challenge.check()
        if not 1 <= minutes <= MAX_MINUTES:
            raise Refused(f"A room can be open for 1 to {MAX_MINUTES} minutes, not for {minutes:g}.")
        self.sweep()
        now, secret = self._clock(), secrets.token_urlsafe(18)
        values = {
            "secret_hash": _hash(secret),
            "challenge": challenge.to_json(),
            "picture": to_png(challenge.pixels),
            "opens_at": now,
            "closes_at": now + 60 * minutes,
            "expires_at": now + 3600 * self._limits.room_hours,
            "revealed": False,
        }
        with self._writing() as connection:
            if (connection.scalar(select(func.count()).select_from(rooms)) or 0) >= self._limits.max_rooms:
                raise Refused("There are too many rooms on this server. Please try again later.")
            taken = set(connection.scalars(select(rooms.c.code)))
            code = next(code for code in iter(_new_code, None) if code not in taken)
            connection.execute(insert(rooms).values(code=code, **values))
            row = connection.execute(select(rooms).where(rooms.c.code == code)).one()
        return _room(row), secret

    def is_host(self, code: str, secret: str) -> bool:
        """Tell whether that is the room's secret."""
        with self._reading() as connection:
            known = connection.scalar(select(rooms.c.secret_hash).where(rooms.c.code == code))
        # The hashes are compared also where there is no such room, so that the time reveals nothing.
        return hmac.compare_digest(_hash(secret), known or "-" * 64)

    def close(self, code: str, secret: str) -> None:
        """Close the room to submissions."""
        with self._hosting(code, secret) as (connection, room):
            closes = min(room.closes_at, self._clock())
            connection.execute(update(rooms).where(rooms.c.id == room.id).values(closes_at=closes))

    def prolong(self, code: str, secret: str, minutes: float) -> None:
        """Prolong the room by that many minutes, from now or from its end, whichever is later; not after the reveal.

        Raises:
            Refused: a time longer than a room may be open.
        """
        with self._hosting(code, secret) as (connection, room):
            closes = max(room.closes_at, self._clock()) + 60 * minutes
            if room.revealed or not 0 < minutes <= MAX_MINUTES or closes > room.expires_at:
                raise Refused("This room cannot be open any longer. Please open a new one.")
            connection.execute(update(rooms).where(rooms.c.id == room.id).values(closes_at=closes))

    def reveal(self, code: str, secret: str) -> None:
        """Close the room, and show all results."""
        with self._hosting(code, secret) as (connection, room):
            closes = min(room.closes_at, self._clock())
            connection.execute(update(rooms).where(rooms.c.id == room.id).values(closes_at=closes, revealed=True))

    def delete(self, code: str, secret: str) -> None:
        """Delete the room and everything in it."""
        with self._hosting(code, secret) as (connection, room):
            connection.execute(delete(rooms).where(rooms.c.id == room.id))

    def remove_member(self, code: str, secret: str, member_id: int) -> None:
        """Delete a member and all their submissions. The nickname becomes free again."""
        with self._hosting(code, secret) as (connection, room):
            connection.execute(delete(members).where(members.c.id == member_id, members.c.room_id == room.id))

    def ask(self, code: str, secret: str, draft: Draft) -> None:
        """Ask the class a question, and close the one that is still open.

        Raises:
            Refused: too few or too many choices, an answer that is not among them, or too many questions.
        """
        if not 2 <= len(draft.choices) <= 10 or draft.answer not in range(len(draft.choices)):
            raise Refused("A question must have 2 to 10 choices, one of which is right.")
        with self._hosting(code, secret) as (connection, room):
            asked = connection.scalar(select(func.count()).where(polls.c.room_id == room.id)) or 0
            if asked >= MAX_POLLS:
                raise Refused(f"This room has had {asked} questions, the most that a room may have.")
            connection.execute(update(polls).where(polls.c.room_id == room.id).values(open=False))
            connection.execute(
                insert(polls).values(
                    room_id=room.id,
                    kind=draft.kind,
                    question=draft.question,
                    choices=json.dumps(draft.choices),
                    answer=draft.answer,
                    pictures=to_png(draft.pictures),
                    truth=draft.truth,
                    open=True,
                )
            )

    def close_poll(self, code: str, secret: str, poll_id: int) -> None:
        """Close a question to votes, and show its answer."""
        with self._hosting(code, secret) as (connection, room):
            which = (polls.c.id == poll_id, polls.c.room_id == room.id)
            connection.execute(update(polls).where(*which).values(open=False))

    @contextlib.contextmanager
    def _hosting(self, code: str, secret: str) -> Iterator[tuple[Connection, Room]]:
        if not self.is_host(code, secret):
            raise Refused("Only the host of this room can do this. Please open the room by its secret link.")
        with self._writing() as connection:
            yield connection, self._room(connection, code)

    # --------------------------------------------------------------------------------------------------- the students

    def join(self, code: str, nickname: str) -> tuple[Member, str]:
        """Join a room under a nickname. Return the member and the token, which is stored nowhere.

        Raises:
            Refused: a nickname that is invalid or taken; a full room; no such room.
        """
        name, key, token = nicknames.cleaned(nickname), nicknames.key_of(nickname), secrets.token_urlsafe(18)
        try:
            with self._writing() as connection:
                room = self._room(connection, code)
                here = connection.scalars(select(members.c.nickname_key).where(members.c.room_id == room.id)).all()
                if key in here:
                    raise Refused("Somebody in this room has this nickname, or a similar one. Please choose another.")
                if len(here) >= self._limits.max_members:
                    raise Refused(f"This room is full: it has {len(here)} students.")
                values = {"nickname": name, "nickname_key": key, "token_hash": _hash(token)}
                times = {"joined_at": self._clock(), "tries": 0, "busy_until": 0.0}
                connection.execute(insert(members).values(room_id=room.id, **values, **times))
        except IntegrityError as error:  # two members with the same nickname joined at the same moment
            raise Refused(
                "Somebody in this room has this nickname, or a similar one. Please choose another."
            ) from error
        member = self.member(code, token)
        assert member is not None
        return member, token

    def member(self, code: str, token: str) -> Member | None:
        """The member with that token in that room; None if there is none."""
        mine = (rooms.c.code == code, members.c.token_hash == _hash(token))
        with self._reading() as connection:
            row = connection.execute(
                select(members.c.id, members.c.room_id, members.c.nickname).join(rooms).where(*mine)
            ).one_or_none()
        return None if row is None else Member(*row)

    def hand_in(
        self,
        code: str,
        token: str,
        png: bytes,
        judge: Callable[[Challenge, bytes], Judgement] = judge,
    ) -> Judgement:
        """Have a picture judged, and put it on the board if it counts.

        Raises:
            Refused: not a member, too late, too soon after the last picture, or a picture that was handed in before.
            Faults of the picture itself are in the judgement.
        """
        seat = self._sit_down(code, token)
        recorded = False
        try:
            judgement = judge(self._challenge(seat.room_id), png)
            if judgement.accepted:
                self._record(seat, judgement)
                recorded = True
        finally:
            if not recorded:
                self._get_up(seat)
        return judgement

    def _sit_down(self, code: str, token: str) -> Seat:
        """Count a submission, and block the member's other submissions until it is judged."""
        now = self._clock()
        with self._writing() as connection:
            room = self._room(connection, code)
            mine = (members.c.room_id == room.id, members.c.token_hash == _hash(token))
            member = connection.execute(select(members).where(*mine).with_for_update()).one_or_none()
            if member is None:
                raise Refused("You are not in this room. Please join it first.")
            if room.left(now) <= 0:
                raise Refused("The time is over: the room takes no more pictures.")
            if member.tries >= self._limits.max_submissions:
                raise Refused(f"You have handed in {member.tries} pictures, the most that a student may hand in.")
            if now < member.busy_until:
                raise Refused("Please hand in one picture at a time, and try again in a moment.")
            values = {"tries": member.tries + 1, "busy_until": now + 2 * PATIENCE}  # an end, in case this process dies
            connection.execute(update(members).where(members.c.id == member.id).values(**values))
            return Seat(room.id, member.id, member.tries + 1, now)

    def _get_up(self, seat: Seat) -> None:
        with self._writing() as connection:
            self._free(connection, seat)

    def _free(self, connection: Connection, seat: Seat) -> None:
        again = seat.at + self._limits.submission_seconds
        connection.execute(update(members).where(members.c.id == seat.member_id).values(busy_until=again))

    def _record(self, seat: Seat, judgement: Judgement) -> None:
        assert judgement.score is not None and judgement.said is not None
        second = judgement.second
        values = {
            "room_id": seat.room_id,
            "member_id": seat.member_id,
            "sequence": seat.sequence,
            "digest": judgement.digest,
            "score": judgement.score,
            "label": judgement.said.label,
            "probability": judgement.said.probability,
            "second_label": None if second is None else second.label,
            "second_probability": None if second is None else second.probability,
            "at": seat.at,
        }
        try:
            with self._writing() as connection:
                self._free(connection, seat)  # first, since it locks the member where there is more than one writer
                self._refuse_replay(connection, seat, judgement.digest)
                mine = submissions.c.member_id == seat.member_id
                best = connection.scalar(select(func.min(submissions.c.score)).where(mine))
                if best is None or judgement.score < best:
                    connection.execute(update(submissions).where(mine).values(png=None))
                    picture = np.frombuffer(judgement.pixels, np.uint8)
                    values["png"] = to_png(picture.reshape(self._challenge(seat.room_id).pixels.shape))
                connection.execute(insert(submissions).values(**values))
        except IntegrityError as error:  # the same picture arrived at the same moment, or the room was deleted
            with self._reading() as connection:
                self._refuse_replay(connection, seat, judgement.digest)
            raise Refused("This room was deleted.") from error

    def _refuse_replay(self, connection: Connection, seat: Seat, digest: str) -> None:
        whose = connection.scalar(
            select(submissions.c.member_id).where(submissions.c.room_id == seat.room_id, submissions.c.digest == digest)
        )
        if whose == seat.member_id:
            raise Refused("You have already handed in this picture. Please make another one.")
        if whose is not None:
            raise Refused(
                "Another student has already handed in this picture. Please make your own, with another ε, seed, "
                "number of steps, or target."
            )

    def vote(self, code: str, token: str, poll_id: int, choice: int) -> None:
        """Answer a question; a later answer replaces an earlier one.

        Raises:
            Refused: not a member, a question that is closed, or a choice that does not exist.
        """
        member = self.member(code, token)
        if member is None:
            raise Refused("You are not in this room. Please join it first.")
        with self._writing() as connection:
            which = (polls.c.id == poll_id, polls.c.room_id == member.room_id)
            # The lock is on the member, not on the question, since a whole class answers at the same moment.
            connection.execute(select(members.c.id).where(members.c.id == member.id).with_for_update())
            poll = connection.execute(select(polls).where(*which)).one_or_none()
            if poll is None or not poll.open:
                raise Refused("This question is closed.")
            if choice not in range(len(json.loads(poll.choices))):
                raise Refused("This question has no such choice.")
            mine = (votes.c.poll_id == poll_id, votes.c.member_id == member.id)
            if connection.execute(update(votes).where(*mine).values(choice=choice)).rowcount == 0:
                connection.execute(insert(votes).values(poll_id=poll_id, member_id=member.id, choice=choice))

    # --------------------------------------------------------------------------------------------------------- to see

    def room(self, code: str) -> Room:
        """The room of that code.

        Raises:
            Refused: there is no such room, or it has expired.
        """
        if self._clock() > self._swept + SWEEP_SECONDS:
            self.sweep()
        with self._reading() as connection:
            return self._room(connection, code)

    def challenge(self, room: Room) -> Challenge:
        """The room's challenge, which never changes."""
        return self._challenge(room.id)

    def board(self, room: Room) -> Board:
        """The present board."""
        place = func.row_number().over(
            partition_by=submissions.c.member_id, order_by=(submissions.c.score, submissions.c.at, submissions.c.id)
        )
        ranked = select(submissions, place.label("place")).where(submissions.c.room_id == room.id).subquery()
        best = (
            select(ranked, members.c.nickname, members.c.tries)
            .join(members, members.c.id == ranked.c.member_id)
            .where(ranked.c.place == 1)
            .order_by(ranked.c.score, ranked.c.at, ranked.c.id)
        )
        counts = select(func.count(), func.coalesce(func.sum(members.c.tries), 0)).where(members.c.room_id == room.id)
        with self._reading() as connection:
            entries = [_entry(rank, row, room) for rank, row in enumerate(connection.execute(best), start=1)]
            count, tries = connection.execute(counts).one()
        return Board(tuple(entries), count, int(tries))

    def best_pictures(self, room: Room) -> list[np.ndarray]:
        """The pictures of the first `BEST` of the board, (H, W, 3) uint8 each; empty before the reveal."""
        if not room.revealed:
            return []
        ids = [entry.member_id for entry in self.board(room).entries[:BEST]]
        kept = (submissions.c.member_id.in_(ids), submissions.c.png.is_not(None))
        with self._reading() as connection:
            found = {row.member_id: row.png for row in connection.execute(select(submissions).where(*kept))}
        return [_opened(found[member]) for member in ids if member in found]

    def members(self, room: Room) -> list[Member]:
        """The members of the room, in the order in which they joined."""
        everybody = select(members.c.id, members.c.room_id, members.c.nickname).where(members.c.room_id == room.id)
        with self._reading() as connection:
            return [Member(*row) for row in connection.execute(everybody.order_by(members.c.id))]

    def latest_poll(self, room: Room, member: Member | None = None) -> Poll | None:
        """The latest question, with the votes so far and the member's own vote."""
        newest = select(polls).where(polls.c.room_id == room.id).order_by(polls.c.id.desc()).limit(1)
        with self._reading() as connection:
            row = connection.execute(newest).one_or_none()
            if row is None:
                return None
            cast_ = select(votes.c.member_id, votes.c.choice).where(votes.c.poll_id == row.id)
            given = {vote.member_id: vote.choice for vote in connection.execute(cast_)}
        choices = tuple(json.loads(row.choices))
        counts = [0] * len(choices)
        for choice in given.values():
            counts[choice] += 1
        return Poll(
            row.id,
            cast(PollKind, row.kind),
            row.question,
            choices,
            row.open,
            tuple(counts),
            None if row.open else row.answer,
            "" if row.open else row.truth,
            None if member is None else given.get(member.id),
        )

    def poll_pictures(self, poll: Poll) -> np.ndarray:
        """The picture of a question, (H, W, 3) uint8."""
        with self._reading() as connection:
            data = connection.scalar(select(polls.c.pictures).where(polls.c.id == poll.id))
        if data is None:
            raise Refused("This question was deleted.")
        return _opened(data)

    def sweep(self) -> int:
        """Delete the expired rooms, with everything in them. Return their number."""
        self._swept = self._clock()
        with self._writing() as connection:
            return int(connection.execute(delete(rooms).where(rooms.c.expires_at <= self._swept)).rowcount)

    def _room(self, connection: Connection, code: str) -> Room:
        known = (rooms.c.code == code, rooms.c.expires_at > self._clock())
        row = connection.execute(select(rooms).where(*known)).one_or_none()
        if row is None:
            raise Refused("There is no room with this code, or it was deleted. Please check the code.")
        return _room(row)

    def _load_challenge(self, room_id: int) -> Challenge:
        with self._reading() as connection:
            row = connection.execute(select(rooms.c.challenge, rooms.c.picture).where(rooms.c.id == room_id)).one()
        return Challenge.from_json(row.challenge, _opened(row.picture))


def _room(row: Row[Any]) -> Room:
    return Room(row.id, row.code, row.opens_at, row.closes_at, row.expires_at, row.revealed)


def _entry(rank: int, row: Row[Any], room: Room) -> Entry:
    second = None if row.second_label is None else Prediction(row.second_label, row.second_probability)
    said = Prediction(row.label, row.probability)
    return Entry(
        rank, row.member_id, row.nickname, row.score, said, second, max(row.at - room.opens_at, 0.0), row.tries
    )


def _opened(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def _hash(secret: str) -> str:
    """The hash of a secret. A plain hash is enough: the secret is long and random, so nobody can guess it."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _new_code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))


# ---------------------------------------------------------------------------------------------------- the database


def sweep_what_has_expired() -> None:
    """Delete the expired rooms, if a database of rooms exists. If it does not answer, the next sweep tries again.

    An instance that runs for days calls this regularly, visited or not, so that rooms are deleted in time.
    """
    with contextlib.suppress(Refused):
        url = database_url()
        if url.get_backend_name() != "sqlite" or Path(url.database or "").is_file():
            default_store().sweep()


_store: Store | None = None
_store_lock = threading.Lock()


def default_store() -> Store:
    """The process's store.

    Raises:
        Refused: the database cannot be opened; the next call tries again.
    """
    global _store
    with _store_lock:
        if _store is None:
            _store = Store(database_url())
        return _store
