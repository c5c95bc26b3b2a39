"""The lesson on physical attacks, driven through Streamlit's AppTest, from the entry script."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from adv_core.images import from_pixels
from pages.lessons.physical.settings import AXES
from tests.networks import loaded
from tests.pages.visit import answered, button, link, picture, smaller, visit, words

lesson = partial(visit, "lessons/physical/page.py")
QUICK = {"views": "2", "eps": "8"}  # a larger ε, and so fewer views and steps


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """Few steps, few new views to judge by, and a curve of every third angle."""
    axes = AXES | {"angle": replace(AXES["angle"], values=tuple(a for a in AXES["angle"].values if a % 9 == 0))}
    with smaller("lessons/physical/page.py", STEPS=20, NEW_VIEWS=8, AXES=axes):
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return lesson(**QUICK)


def test_turned_the_ordinary_attack_fails_and_the_other_one_succeeds(opened: AppTest) -> None:
    classifier = loaded()
    for name, wombat in (("The ordinary attack in this view", False), ("The attack over views in this view", True)):
        pixels = picture(opened, name)
        assert (int(classifier(from_pixels(pixels[None])).argmax()) == 106) is wombat
    told = opened.warning[0].value
    assert "ordinary attack: misses the target" in told and "attack over views: **fooled**, wombat" in told
    for name in ("ordinary attack", "attack over views"):
        delta = picture(opened, f"δ of the {name}, drawn 10 times stronger").astype(int)
        assert np.abs(delta - 127.5).max() <= 10 * int(QUICK["eps"]) + 1


def test_the_curve_tells_what_it_counted(opened: AppTest) -> None:
    found = re.search(r"Of 11 values, .* at (\d+) for the ordinary attack and at (\d+)", words(opened))
    assert found is not None and int(found[1]) <= 1 and int(found[2]) >= 9
    found = re.search(r"in \*\*(\d+)\*\* for the ordinary attack and in \*\*(\d+)\*\*", words(opened))
    assert found is not None and int(found[1]) <= 2 and int(found[2]) >= 7


def test_in_the_front_view_both_are_the_target(opened: AppTest) -> None:
    at = button(lesson(**QUICK), "Front view")
    assert link(at) == QUICK | {"angle": "0"}
    both = [picture(at, name) for name in ("The ordinary attack in this view", "The attack over views in this view")]
    seen = loaded()(from_pixels(np.stack(both))).argmax(1)
    assert seen.tolist() == [106, 106]


def test_the_sheets_can_be_printed(opened: AppTest) -> None:
    labels = [each.proto.label for each in opened.get("download_button")]
    assert {"Two sheets to print (HTML)", "Attack over views, 896 × 896 (PNG)"} <= set(labels)


def test_a_target_that_is_predicted_already_is_told() -> None:
    at = lesson(target="hog")
    assert "choose another target" in at.info[0].value


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"angle": "1000", "knob": "x", "scale": "nan", "quality": "-7", "views": "many"}
    assert len(lesson(**query, target="hog").info) >= len(query)


def test_the_quiz_knows_right_from_wrong(opened: AppTest) -> None:
    answered(opened, "physical_answer_b", 7)
    assert "Each step draws new views" in opened.error[0].value and "answer:** 40." in opened.error[0].value
    answered(opened, "physical_answer_b_again", 600)
    answered(opened, "physical_answer_a", 0)
    assert link(opened)["done"] == "ab"
