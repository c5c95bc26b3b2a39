"""The lesson on poisoning, driven through Streamlit's AppTest, from the entry script."""

import re
from collections.abc import Iterator
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.visit import (
    every_question_is_made_good,
    nothing_computed,
    picture,
    row,
    smaller,
    started,
    visit,
    words,
)

lesson = partial(visit, "lessons/poisoning/page.py")


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    with smaller("lessons/poisoning/page.py", IMAGES=2000, EPOCHS=4, SEARCH=20):
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return lesson(share="5")


def test_it_opens_with_a_backdoor(opened: AppTest) -> None:
    told = opened.warning[0].value
    found = re.search(r"100 of 2000 training digits.*With the trigger it reads \*\*([\d.]+)", told)
    assert found is not None and float(found[1]) > 80
    stamped, plain = picture(opened, "the same with the trigger"), picture(opened, "a test digit")
    assert (stamped[-2 * 8 : -8, -2 * 8 : -8] == 255).all() and not (plain[-16:-8, -16:-8] == 255).any()


def test_without_poison_there_is_no_backdoor() -> None:
    at = lesson(share="0")
    assert "0 of 2000 training digits" in at.info[-1].value and "hardly works" in words(at)


def test_all_labels_are_right_in_the_second_attack() -> None:
    at = started(lesson(share="5"), "run_clean_labels")
    assert "50 of 2000 training digits were changed, and no label" in words(at)
    assert picture(at, "A changed training digit with the label 7").shape == (112, 112, 3)


def test_the_defender_counts(opened: AppTest) -> None:
    at = started(lesson(share="5"), "run_defender")
    spectral = row(at, "spectral signatures")
    found = re.fullmatch(r"(\d+) of 100 poisoned digits", spectral[2])
    assert found is not None and spectral[3] == f"{150 - int(found[1])} clean digits are suspected, too"
    assert "anomaly index of “7”" in row(at, "Neural Cleanse")[3]
    assert "the trigger works on" in row(at, "fine-tuning")[2]


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"source": "x", "share": "nan", "size": "1000", "corner": "moon", "opacity": "-1", "target": "11"}
    with nothing_computed():
        assert len(lesson(**query).info) >= len(query)


def test_an_own_digit_is_asked_for() -> None:
    with nothing_computed():
        assert lesson(source="own").get("bidi_component")


def test_the_quiz_knows_right_from_wrong() -> None:
    with nothing_computed():
        every_question_is_made_good(lesson(), "poisoning")
