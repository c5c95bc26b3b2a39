"""The lesson on unrestricted attacks, driven through Streamlit's AppTest, from the entry script."""

import re
from collections.abc import Iterator
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from adv_core.images import from_pixels
from pages.lessons.unrestricted.tasks import RUNGS
from tests.networks import loaded
from tests.pages.visit import answered, link, picture, smaller, started, visit, words

lesson = partial(visit, "lessons/unrestricted/page.py")
KOALA = 105


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """Two photographs, a few queries for each, and a turn every ten degrees."""
    photographs, angles = ("koala", "portrait_astronaut"), (0.0, -30.0, 30.0)
    with (
        smaller("lessons/unrestricted/page.py", photographs, QUERIES=32, TRIALS=16, ANGLES=angles),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setitem(RUNGS, "turn", 18)
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return started(lesson(), "run_searches")


def test_the_picture_shown_fools_the_network(opened: AppTest) -> None:
    classifier = loaded()
    answers = {
        start: int(classifier(from_pixels(picture(opened, start)[None])).argmax())
        for start in ("x, the original", "found by the search", "changed by hand")
    }
    assert answers["x, the original"] == answers["changed by hand"] == KOALA != answers["found by the search"]
    assert "was the first that fooled" in opened.warning[0].value


def test_all_photographs_are_counted(opened: AppTest) -> None:
    found = re.search(
        r"\*\*(\d+)\*\* by one random pose, \*\*(\d+)\*\* by the worst.*\*\*(\d+)\*\* by the", words(opened)
    )
    assert found is not None
    one, eight, searched = map(int, found.groups())
    assert one <= eight <= searched and searched >= 1


def test_a_turn_alone_is_told_as_it_is() -> None:
    at = lesson(kind="turn", image="portrait_astronaut")
    assert re.search(r"The smallest turn found: \*\*\d", at.warning[0].value)
    assert "unsure before" in at.warning[0].value  # ImageNet has no astronaut
    assert link(at) == {"kind": "turn", "image": "portrait_astronaut"}


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"kind": "fold", "turn": "nan", "angle": "1000", "cut": "-5"}
    assert len(lesson(**query).info) >= len(query)


def test_the_quiz_knows_right_from_wrong(opened: AppTest) -> None:
    answered(opened, "unrestricted_answer_c", 16 * 16)
    answered(opened, "unrestricted_answer_d", 1)
    assert "far outside the ball" in opened.error[-1].value
    answered(opened, "unrestricted_answer_d_again", 0)
    assert link(opened)["done"] == "cd"
