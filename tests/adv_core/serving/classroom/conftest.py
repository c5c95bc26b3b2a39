"""Rooms on both databases, and a judge that costs nothing."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from adv_core.exact_png import read_png
from adv_core.images import to_png
from adv_core.serving.classroom.challenges import Challenge, Judgement, Prediction
from adv_core.serving.classroom.database import database_url
from adv_core.serving.classroom.store import Store
from adv_core.serving.limits import Limits
from tests import postgres

SIDE = 16
GREY = np.full((SIDE, SIDE, 3), 128, np.uint8)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    if postgres.programs() is None and not os.environ.get("REQUIRE_POSTGRES"):
        pytest.skip("no PostgreSQL on this machine")
    with postgres.serving() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database, which the environment names."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path}/classroom.sqlite"
    else:
        address = postgres.new_database(request.getfixturevalue("postgresql"))
    monkeypatch.setenv("ADV_DATABASE_URL", address)
    return address


class Clock:
    """A time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(database: str, clock: Clock) -> Iterator[Callable[..., Store]]:
    """Opens stores of the same database, each with connections of its own."""
    stores: list[Store] = []

    def open_store(limits: Limits = Limits(), **options: object) -> Store:  # noqa: B008
        stores.append(Store(database_url(), limits, **{"clock": clock, **options}))  # type: ignore[arg-type]
        return stores[-1]

    yield open_store
    for store in stores:
        store.dispose()


@pytest.fixture
def store(opened: Callable[..., Store]) -> Store:
    return opened()


def challenge(**changes: object) -> Challenge:
    """About a grey picture, which counts as class 1."""
    values = {"image": GREY.tobytes(), "height": SIDE, "width": SIDE, "classifier": "efficientnet_lite0", "label": 1}
    return Challenge(**{**values, "most": 100, **changes})  # type: ignore[arg-type]


def picture(score: int, number: int = 0) -> bytes:
    """A PNG at that distance; another one for each number."""
    pixels = GREY.copy()
    pixels[0, 0, 0] += score
    for place in range(16):  # a change of one level at the most
        pixels[1, place, 0] += number >> place & 1
    return to_png(pixels)


def easy(challenge: Challenge, png: bytes) -> Judgement:
    """A judge that is always fooled, and asks no network."""
    pixels = read_png(png, challenge.height, challenge.width)
    score = challenge.distance(pixels)
    return Judgement(True, "It counts.", score, Prediction(2, 0.75), None, pixels.tobytes())
