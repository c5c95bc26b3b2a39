"""Thirty students hand in ten pictures each, as fast as they can: none is lost, none counts twice.

The judge is a trivial one; what is tested is the keeping. The stores of the test share nothing but the database, like
processes.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from adv_core.serving.classroom import Refused
from adv_core.serving.classroom.challenges import Judgement
from adv_core.serving.classroom.records import Room
from adv_core.serving.classroom.store import Store
from adv_core.serving.limits import Limits
from tests.adv_core.serving.classroom.conftest import challenge, easy, picture

STUDENTS, EACH, STORES = 30, 10, 3
ROOMY = Limits(submission_seconds=0, max_members=STUDENTS, max_submissions=2 * EACH)


@pytest.fixture
def stores(opened: Callable[..., Store]) -> list[Store]:
    return [opened(ROOMY, clock=time.time) for _ in range(STORES)]


def together(*tasks: Callable[[], object]) -> list[object]:
    """Run all at the same moment; what they return, or the refusal."""
    start = threading.Barrier(len(tasks))

    def one(task: Callable[[], object]) -> object:
        start.wait()
        try:
            return task()
        except Refused as refusal:
            return refusal

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(one, tasks))


@pytest.mark.slow
def test_none_is_lost_and_none_counts_twice(stores: list[Store]) -> None:
    room, _ = stores[0].open_room(challenge(most=255), minutes=10)
    names = [f"student {number}" for number in range(STUDENTS)]
    tokens = [stores[0].join(room.code, name)[1] for name in names]
    scores = [[random.Random(100 * s + n).randint(5, 20) for n in range(EACH)] for s in range(STUDENTS)]

    def student(number: int) -> list[Judgement]:
        store, judgements = stores[number % STORES], []
        for place, score in enumerate(scores[number]):
            png = picture(score, 1 + EACH * number + place)
            judgements.append(store.hand_in(room.code, tokens[number], png, easy))
        return judgements

    told = together(*(lambda number=number: student(number) for number in range(STUDENTS)))  # type: ignore[misc]
    assert all(isinstance(each, list) and all(j.accepted for j in each) for each in told), told

    with stores[1]._reading() as connection:
        rows = connection.execute(text("SELECT member_id, sequence, score, digest, at, png FROM submissions")).all()
    assert len(rows) == len({row.digest for row in rows}) == STUDENTS * EACH
    assert set(Counter(row.member_id for row in rows).values()) == {EACH}
    assert {row.sequence for row in rows} == set(range(1, EACH + 1))
    assert sum(row.png is not None for row in rows) == STUDENTS

    # The board, worked out again from what each student knows of their own pictures.
    board = stores[2].board(room)
    assert (board.members, board.tries) == (STUDENTS, STUDENTS * EACH)
    assert {entry.nickname: entry.score for entry in board.entries} == dict(zip(names, map(min, scores), strict=True))
    assert {entry.tries for entry in board.entries} == {EACH}
    places = [(entry.score, entry.at) for entry in board.entries]
    assert places == sorted(places) and [entry.rank for entry in board.entries] == list(range(1, STUDENTS + 1))
    first = {}
    for row in sorted(rows, key=lambda row: (row.score, row.at)):
        first.setdefault(row.member_id, row.at - room.opens_at)
    assert {entry.member_id: entry.at for entry in board.entries} == pytest.approx(first)


def handing(store: Store, room: Room, token: str, png: bytes) -> Callable[[], Judgement]:
    return lambda: store.hand_in(room.code, token, png, easy)


def test_the_same_picture_at_the_same_moment_counts_once(stores: list[Store]) -> None:
    room, _ = stores[0].open_room(challenge(), minutes=10)
    for number in range(8):
        tokens = [stores[0].join(room.code, f"{name}{number}")[1] for name in ("Ada", "Eve", "Bob")]
        png = picture(3, number)
        told = together(*(handing(s, room, t, png) for s, t in zip(stores, tokens, strict=True)))
        assert sum(isinstance(each, Judgement) for each in told) == 1
        assert sum(isinstance(each, Refused) and "Another student" in str(each) for each in told) == 2
    assert len(stores[0].board(room).entries) == 8


def test_one_student_in_many_tabs(stores: list[Store]) -> None:
    room, _ = stores[0].open_room(challenge(), minutes=10)
    for number in range(8):
        _, token = stores[0].join(room.code, f"Ada{number}")
        same = together(*(handing(store, room, token, picture(3, number)) for store in stores))
        assert sum(isinstance(each, Judgement) for each in same) == 1
    assert {entry.tries for entry in stores[0].board(room).entries} <= {1, 2, 3}


def test_one_nickname_at_the_same_moment(stores: list[Store]) -> None:
    room, _ = stores[0].open_room(challenge(), minutes=10)
    for number in range(8):
        names = (f"Ada{number}", f"ADA {number}", f"a d a {number}")
        tasks = [lambda s=s, n=n: s.join(room.code, n) for s, n in zip(stores, names, strict=True)]  # type: ignore[misc]
        told = together(*tasks)
        assert sum(isinstance(each, tuple) for each in told) == 1, told
    assert len(stores[0].members(room)) == 8
