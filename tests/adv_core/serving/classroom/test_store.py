"""Rooms, members, the board, polls; each on SQLite and on PostgreSQL."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from adv_core.images import to_png
from adv_core.serving.classroom import Refused
from adv_core.serving.classroom import store as stores
from adv_core.serving.classroom.challenges import Challenge, Judgement, Prediction
from adv_core.serving.classroom.database import database_url
from adv_core.serving.classroom.records import Draft, Room
from adv_core.serving.classroom.store import CODE_LENGTH, LETTERS, Store, sweep_what_has_expired
from adv_core.serving.classroom.tables import metadata
from adv_core.serving.limits import Limits
from tests.adv_core.serving.classroom.conftest import GREY, Clock, challenge, easy, picture


@pytest.fixture
def hosted(store: Store) -> tuple[Room, str]:
    return store.open_room(challenge(), minutes=10)


def join(store: Store, room: Room, *names: str) -> list[str]:
    return [store.join(room.code, name)[1] for name in names]


def hand_in(store: Store, clock: Clock, room: Room, token: str, score: int, number: int = 0) -> Judgement:
    clock.now += 2
    return store.hand_in(room.code, token, picture(score, number), easy)


def test_a_room(store: Store, hosted: tuple[Room, str], clock: Clock) -> None:
    room, secret = hosted
    assert store.room(room.code) == room and room.left(clock.now) == 600
    assert len(room.code) == CODE_LENGTH and set(room.code) <= set(LETTERS)
    assert store.challenge(room) == challenge() and not room.revealed
    assert store.is_host(room.code, secret)
    for wrong in ("", secret[:-1], secret + "x", secret.upper(), "ü"):
        assert not store.is_host(room.code, wrong)
    assert not store.is_host("XXXXX", secret)
    with pytest.raises(Refused, match="no room with this code"):
        store.room("XXXXX")


def test_neither_secret_nor_token_is_kept(store: Store, hosted: tuple[Room, str]) -> None:
    room, secret = hosted
    (token,) = join(store, room, "Ada")
    engine = create_engine(database_url())
    with engine.connect() as connection:
        everything = [connection.execute(table.select()).all() for table in metadata.sorted_tables]
    engine.dispose()
    assert len(everything) == 5 and "Ada" in str(everything)
    assert secret not in str(everything) and token not in str(everything)


def test_hosting_needs_the_secret(store: Store, hosted: tuple[Room, str]) -> None:
    room, secret = hosted
    other, others = store.open_room(challenge(), minutes=1)
    draft = Draft("what", "?", ("a", "b"), 0, GREY, "!")
    for action in (
        lambda key: store.close(room.code, key),
        lambda key: store.prolong(room.code, key, 5),
        lambda key: store.reveal(room.code, key),
        lambda key: store.ask(room.code, key, draft),
        lambda key: store.close_poll(room.code, key, 1),
        lambda key: store.remove_member(room.code, key, 1),
        lambda key: store.delete(room.code, key),
    ):
        for key in ("", "guess", others):
            with pytest.raises(Refused, match="Only the host"):
                action(key)
    assert store.room(room.code) == room and store.latest_poll(room) is None
    store.delete(room.code, secret)
    with pytest.raises(Refused, match="no room with this code"):
        store.room(room.code)
    assert store.room(other.code) == other


def test_joining(store: Store, hosted: tuple[Room, str], opened: Callable[..., Store]) -> None:
    room, _ = hosted
    member, token = store.join(room.code, "  Ada ")
    assert member.nickname == "Ada" and store.member(room.code, token) == member
    assert store.member(room.code, "x") is None and store.member("XXXXX", token) is None
    for name in ("ada", "A da", "Аda"):
        with pytest.raises(Refused, match="has this nickname"):
            store.join(room.code, name)
    with pytest.raises(Refused):
        store.join(room.code, "<script>")
    other, _ = store.open_room(challenge(), minutes=1)
    assert store.join(other.code, "Ada")[0].id != member.id
    assert store.member(other.code, token) is None
    with pytest.raises(Refused, match="full"):
        opened(Limits(max_members=1)).join(room.code, "Eve")


def test_the_board(store: Store, hosted: tuple[Room, str], clock: Clock) -> None:
    room, _ = hosted
    ada, eve, bob, _ = join(store, room, "Ada", "Eve", "Bob", "Idle")
    for number, (token, score) in enumerate(((ada, 9), (eve, 5), (bob, 7), (ada, 5), (bob, 3), (bob, 8))):
        assert hand_in(store, clock, room, token, score, number=number).accepted
    board = store.board(room)
    assert [(e.rank, e.nickname, e.score, e.tries) for e in board.entries] == [
        (1, "Bob", 3, 3),
        (2, "Eve", 5, 1),  # as good as Ada, and earlier
        (3, "Ada", 5, 2),
    ]
    assert (board.members, board.tries) == (4, 6)
    assert [e.at for e in board.entries] == [10, 4, 8] and board.entries[0].said == Prediction(2, 0.75)
    member = store.member(room.code, eve)
    assert member is not None and board.of(member) == board.entries[1]


def test_what_does_not_count_is_a_try(store: Store, hosted: tuple[Room, str], clock: Clock) -> None:
    room, _ = hosted
    (ada,) = join(store, room, "Ada")
    judgement = store.hand_in(room.code, ada, b"x", lambda *_: Judgement(False, "No."))
    board = store.board(room)
    assert not judgement.accepted and board.entries == () and board.tries == 1


def test_a_replay_is_refused(store: Store, hosted: tuple[Room, str], clock: Clock) -> None:
    room, _ = hosted
    ada, eve = join(store, room, "Ada", "Eve")
    assert hand_in(store, clock, room, ada, 4).accepted
    with pytest.raises(Refused, match="You have already handed in"):
        hand_in(store, clock, room, ada, 4)
    with pytest.raises(Refused, match="Another student"):
        hand_in(store, clock, room, eve, 4)
    board = store.board(room)
    assert [entry.nickname for entry in board.entries] == ["Ada"] and board.tries == 3
    assert hand_in(store, clock, room, eve, 4, number=1).accepted
    other, _ = store.open_room(challenge(), minutes=1)
    assert hand_in(store, clock, other, join(store, other, "Eve")[0], 4).accepted


def test_somebody_elses_name(store: Store, hosted: tuple[Room, str]) -> None:
    room, _ = hosted
    join(store, room, "Ada")
    for token in ("", "Ada", "1", "x" * 24):
        with pytest.raises(Refused, match="not in this room"):
            store.hand_in(room.code, token, picture(3), easy)
    other, _ = store.open_room(challenge(), minutes=1)
    (elsewhere,) = join(store, other, "Ada")
    with pytest.raises(Refused, match="not in this room"):
        store.hand_in(room.code, elsewhere, picture(3), easy)
    assert store.board(room).tries == 0


def test_one_at_a_time(store: Store, hosted: tuple[Room, str], clock: Clock, opened: Callable[..., Store]) -> None:
    room, _ = hosted
    (ada,) = join(store, room, "Ada")

    def while_judging(asked: Challenge, png: bytes) -> Judgement:
        clock.now += 60  # however long it takes
        with pytest.raises(Refused, match="one picture at a time"):
            store.hand_in(room.code, ada, picture(1), easy)
        return easy(asked, png)

    assert store.hand_in(room.code, ada, picture(9), while_judging).accepted
    assert store.hand_in(room.code, ada, picture(8), easy).accepted
    clock.now += 0.5
    with pytest.raises(Refused, match="one picture at a time"):
        store.hand_in(room.code, ada, picture(7), easy)
    clock.now += 0.6
    assert store.hand_in(room.code, ada, picture(6), easy).accepted
    clock.now += 2
    with pytest.raises(Refused, match="the most that a student"):
        opened(Limits(max_submissions=3)).hand_in(room.code, ada, picture(5), easy)


def test_a_judge_that_fails_frees_the_member(store: Store, hosted: tuple[Room, str], clock: Clock) -> None:
    room, _ = hosted
    (ada,) = join(store, room, "Ada")

    def fails(*_: object) -> Judgement:
        raise Refused("The network is busy.")

    with pytest.raises(Refused, match="busy"):
        store.hand_in(room.code, ada, picture(9), fails)
    assert hand_in(store, clock, room, ada, 9).accepted


def test_time(store: Store, hosted: tuple[Room, str], clock: Clock) -> None:
    room, secret = hosted
    (ada,) = join(store, room, "Ada")

    def slow(asked: Challenge, png: bytes) -> Judgement:
        clock.now += 30  # handed in before the end: it counts
        return easy(asked, png)

    clock.now += 599
    assert store.hand_in(room.code, ada, picture(9), slow).accepted
    with pytest.raises(Refused, match="time is over"):
        hand_in(store, clock, room, ada, 8)
    store.prolong(room.code, secret, 5)
    assert hand_in(store, clock, room, ada, 8).accepted
    store.close(room.code, secret)
    with pytest.raises(Refused, match="time is over"):
        hand_in(store, clock, room, ada, 7)
    assert store.room(room.code).left(clock.now) == 0
    store.reveal(room.code, secret)
    with pytest.raises(Refused, match="any longer"):
        store.prolong(room.code, secret, 5)
    for minutes in (0, -1, 1000, float("nan")):
        with pytest.raises(Refused):
            store.open_room(challenge(), minutes)


def test_the_reveal_shows_the_best_pictures(store: Store, hosted: tuple[Room, str], clock: Clock) -> None:
    room, secret = hosted
    tokens = join(store, room, "Ada", "Eve", "Bob", "Dan")
    for token, scores in zip(tokens, ((9, 4, 6), (3,), (5, 2), (8,)), strict=True):
        for score in scores:
            hand_in(store, clock, room, token, score)
    assert store.best_pictures(store.room(room.code)) == []
    store.reveal(room.code, secret)
    best = store.best_pictures(store.room(room.code))
    assert [int(np.abs(each.astype(int) - GREY).max()) for each in best] == [2, 3, 4]
    assert to_png(best[0]) == picture(2)


def test_only_the_best_picture_of_a_member_is_kept(store: Store, hosted: tuple[Room, str], clock: Clock) -> None:
    room, _ = hosted
    ada, eve = join(store, room, "Ada", "Eve")
    for token, score in ((ada, 9), (ada, 5), (ada, 7), (eve, 6)):
        hand_in(store, clock, room, token, score)
    engine = create_engine(database_url())
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT score, png FROM submissions WHERE png IS NOT NULL ORDER BY score")).all()
    engine.dispose()
    assert [(score, bytes(png)) for score, png in kept] == [(5, picture(5)), (6, picture(6))]


def test_removing_somebody(store: Store, hosted: tuple[Room, str], clock: Clock) -> None:
    room, secret = hosted
    ada, eve = join(store, room, "Rude", "Eve")
    hand_in(store, clock, room, ada, 3)
    hand_in(store, clock, room, eve, 4)
    rude = store.board(room).entries[0].member_id
    store.remove_member(room.code, secret, rude)
    assert [entry.nickname for entry in store.board(room).entries] == ["Eve"]
    assert [member.nickname for member in store.members(room)] == ["Eve"] and store.member(room.code, ada) is None
    with pytest.raises(Refused, match="not in this room"):
        hand_in(store, clock, room, ada, 2)


def test_polls(store: Store, hosted: tuple[Room, str]) -> None:
    room, secret = hosted
    ada, eve = join(store, room, "Ada", "Eve")
    me = store.member(room.code, ada)
    sides = np.concatenate([GREY, GREY], axis=1)
    store.ask(room.code, secret, Draft("which", "Which one?", ("left", "right"), 1, sides, "The right one, by 4/255."))
    poll = store.latest_poll(room, me)
    assert poll is not None and poll.open and poll.choices == ("left", "right") and poll.counts == (0, 0)
    assert poll.answer is None and poll.truth == "" and poll.mine is None
    assert np.array_equal(store.poll_pictures(poll), sides)
    store.vote(room.code, ada, poll.id, 0)
    store.vote(room.code, eve, poll.id, 1)
    store.vote(room.code, ada, poll.id, 1)
    seen = store.latest_poll(room, me)
    assert seen is not None and seen.counts == (0, 2) and seen.mine == 1 and seen.answer is None
    for token, choice, sentence in (
        (ada, 2, "no such choice"),
        (ada, -1, "no such choice"),
        ("x", 0, "not in this room"),
    ):
        with pytest.raises(Refused, match=sentence):
            store.vote(room.code, token, poll.id, choice)
    store.close_poll(room.code, secret, poll.id)
    with pytest.raises(Refused, match="closed"):
        store.vote(room.code, ada, poll.id, 0)
    closed = store.latest_poll(room)
    assert closed is not None and not closed.open and closed.answer == 1 and "4/255" in closed.truth
    store.ask(room.code, secret, Draft("what", "What?", ("a", "b", "c"), 0, GREY, "a"))
    again = store.latest_poll(room, me)
    assert again is not None and again.id != poll.id and again.counts == (0, 0, 0) and again.mine is None
    other, _ = store.open_room(challenge(), minutes=1)
    (stranger,) = join(store, other, "Ada")
    with pytest.raises(Refused, match="closed"):
        store.vote(other.code, stranger, again.id, 0)
    with pytest.raises(Refused, match="choices"):
        store.ask(room.code, secret, Draft("what", "What?", ("a",), 0, GREY, "a"))
    with pytest.raises(Refused, match="had 50 questions"):
        for _ in range(49):
            store.ask(room.code, secret, Draft("what", "What?", ("a", "b"), 0, GREY, "a"))


def test_rooms_expire_with_everything_in_them(
    store: Store, hosted: tuple[Room, str], clock: Clock, opened: Callable[..., Store]
) -> None:
    room, secret = hosted
    (ada,) = join(store, room, "Ada")
    hand_in(store, clock, room, ada, 3)
    store.ask(room.code, secret, Draft("what", "What?", ("a", "b"), 0, GREY, "a"))
    poll = store.latest_poll(room)
    assert poll is not None
    store.vote(room.code, ada, poll.id, 0)
    clock.now += 23 * 3600
    late, _ = store.open_room(challenge(label=7), minutes=1)
    clock.now += 2 * 3600
    with pytest.raises(Refused, match="no room with this code"):
        store.room(room.code)
    opened()  # the next start sweeps
    engine = create_engine(database_url())
    with engine.connect() as connection:
        rows = {table.name: len(connection.execute(table.select()).all()) for table in metadata.sorted_tables}
    engine.dispose()
    assert rows == {"rooms": 1, "members": 0, "submissions": 0, "polls": 0, "votes": 0}
    assert store.challenge(store.room(late.code)).label == 7
    assert store.sweep() == 0


def test_too_many_rooms(opened: Callable[..., Store]) -> None:
    store = opened(Limits(max_rooms=1))
    room, secret = store.open_room(challenge(), minutes=1)
    with pytest.raises(Refused, match="too many rooms"):
        store.open_room(challenge(), minutes=1)
    with pytest.raises(Refused):
        store.open_room(replace(challenge(), most=0), minutes=1)
    store.delete(room.code, secret)
    again, _ = store.open_room(challenge(label=9), minutes=1)
    assert again.id != room.id and store.challenge(again).label == 9


def test_two_processes_see_the_same(store: Store, hosted: tuple[Room, str], opened: Callable[..., Store]) -> None:
    room, secret = hosted
    (ada,) = join(store, room, "Ada")
    other = opened()
    assert other.room(room.code) == room and other.challenge(room) == challenge() and other.is_host(room.code, secret)
    assert other.hand_in(room.code, ada, picture(3), easy).accepted
    assert [entry.score for entry in store.board(room).entries] == [3]


# -------------------------------------------------------------------------------------------------- where it is kept


def test_the_default_is_a_file_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADV_DATABASE_URL", raising=False)
    monkeypatch.setenv("ADV_STATE", str(tmp_path / "a" / "state"))
    store = Store(database_url())
    store.open_room(challenge(), minutes=1)
    file = tmp_path / "a" / "state" / "classroom.sqlite"
    assert file.is_file() and file.parent.stat().st_mode & 0o077 == 0
    with store._reading() as connection:
        modes = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "foreign_keys")]
    assert modes == ["wal", 1]
    store.dispose()


def test_a_sweep_makes_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.delenv("ADV_DATABASE_URL", raising=False)
    monkeypatch.setenv("ADV_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(stores, "_store", None)
    sweep_what_has_expired()
    assert list(tmp_path.iterdir()) == []
    store = Store(database_url(), clock=clock)
    store.open_room(challenge(), minutes=1)  # long ago
    sweep_what_has_expired()
    with store._reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM rooms")).scalar() == 0
    store.dispose()
    stores.default_store().dispose()
    monkeypatch.setenv("ADV_DATABASE_URL", "postgresql://u@127.0.0.1:1/none")
    monkeypatch.setattr(stores, "_store", None)
    sweep_what_has_expired()  # the app starts all the same


@pytest.mark.parametrize(
    ("given", "driver"),
    [("postgres://u:p@h/d", "postgresql+psycopg"), ("postgresql://h/d", "postgresql+psycopg"), ("sqlite://", "sqlite")],
)
def test_the_address_of_the_database(given: str, driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADV_DATABASE_URL", given)
    assert database_url().drivername == driver


def test_databases_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bad in ("nonsense", "mysql://h/d", "postgresql://"[:9]):
        monkeypatch.setenv("ADV_DATABASE_URL", bad)
        with pytest.raises(Refused, match="ADV_DATABASE_URL"):
            database_url()
    monkeypatch.setenv("ADV_DATABASE_URL", "postgresql://user:password@127.0.0.1:1/none")
    with pytest.raises(Refused) as told:
        Store(database_url())
    assert "password" not in str(told.value) and "127.0.0.1" not in str(told.value)
    monkeypatch.delenv("ADV_DATABASE_URL")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ADV_STATE", str(tmp_path / "file"))
    with pytest.raises(Refused, match="cannot be opened"):
        Store(database_url())
    (tmp_path / "classroom.sqlite").write_bytes(json.dumps(["not", "a", "database"] * 100).encode())
    monkeypatch.setenv("ADV_STATE", str(tmp_path))
    with pytest.raises(Refused, match="cannot be opened"):
        Store(database_url())
