"""The lesson on why adversarial examples exist, driven through Streamlit's AppTest, from the entry script."""

import re
from collections.abc import Iterator
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from pages.lessons.why.guess import right_answer
from pages.lessons.why.settings import ROUNDS
from tests.pages.visit import (
    every_question_is_made_good,
    link,
    nothing_computed,
    picture,
    pictures,
    row,
    smaller,
    visit,
    words,
)

lesson = partial(visit, "lessons/why/page.py")


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    with smaller("lessons/why/page.py", IMAGES=600, TESTED=200, STEPS=6, COUNTED=10, REFERENCE=500):
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return lesson(side="14", eps="8")


def test_it_opens_with_half_of_the_digits_predicted_and_measured(opened: AppTest) -> None:
    told = opened.warning[0].value
    found = re.search(r"14 × 14 = 196 pixels.*half are wrong at ε = \*\*([\d.]+)/255.*Measured: \*\*([\d.]+)/255", told)
    assert found is not None and float(found[2]) == pytest.approx(float(found[1]), rel=0.15)
    assert picture(opened, "= x + δ").shape == (224, 224, 3)


def test_each_side_has_its_row(opened: AppTest) -> None:
    cells = row(opened, "faint | 28 × 28")
    assert 0 < float(cells[2].split()[0].rstrip("%").replace("\u00a0%", "")) < 30 and cells[5].endswith("/255")
    assert row(opened, "plain | 56 × 56")[4].endswith("/255")


def test_four_networks_are_pushed_and_counted(opened: AppTest) -> None:
    shown = [alt for alt in pictures(opened) if "nearest: a" in alt]
    assert len(shown) == 8 and any(alt.startswith("robust, L2 2: ") for alt in shown)  # pushed, and painted
    assert len([alt for alt in pictures(opened) if alt.startswith("The input gradient of the network")]) == 4
    assert row(opened, "ordinary")[1].endswith("%") and row(opened, "robust, L∞ 0.3")[3].endswith("%")


def test_the_game_counts_right_answers() -> None:
    answers = "".join(right_answer(number) for number in range(ROUNDS - 1))
    at = lesson(guesses=answers)
    at.button(key=f"why_guess_{right_answer(ROUNDS - 1)}").click().run()
    assert link(at)["guesses"] == answers + right_answer(ROUNDS - 1)
    assert f"{ROUNDS} of {ROUNDS} are right" in words(at)
    at.button(key="why_guess_again").click().run()
    assert "guesses" not in link(at) and not at.exception


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"kind": "x", "side": "5", "eps": "-3", "digit": "nan", "target": "11", "reach": "1e9", "start": "moon"}
    with nothing_computed():
        assert len(lesson(**query).info) >= len(query)


def test_an_own_digit_is_asked_for() -> None:
    with nothing_computed():
        assert lesson(source="own").get("bidi_component")


def test_the_quiz_knows_right_from_wrong() -> None:
    with nothing_computed():
        every_question_is_made_good(lesson(), "why")
