"""The lesson on adversarial glasses and patches, driven through Streamlit's AppTest, from the entry script."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from adv_core.images import from_pixels
from pages.lessons.patches import tasks, texts
from tests.networks import loaded
from tests.pages.visit import answered, link, nothing_computed, picture, smaller, visit, words

lesson = partial(visit, "lessons/patches/page.py")
MACAW, MONARCH = 88, 323


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """Few steps, few photographs in each step of a patch's training, and one place on each photograph."""
    constants = {"STEPS": 40, "PLACES": 1, "FACE_STEPS": 3, "FACE_VIEWS": 2}
    with smaller("lessons/patches/page.py", **constants), pytest.MonkeyPatch.context() as patch:
        for module in (tasks, texts):
            patch.setattr(module, "VIEWS", 2)
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return lesson()


def test_the_pictures_shown_are_those_that_fool(opened: AppTest) -> None:
    classifier = loaded()
    before, after = picture(opened, "x, the original"), picture(opened, "= x + δ")
    assert int(classifier(from_pixels(after[None])).argmax()) == MACAW
    changed = (before != after).any(2).mean()
    assert 0.03 < changed < 0.085 and "Largest change anywhere else: 0" in next(
        box.value for box in opened.warning if "anywhere else" in box.value
    )
    delta = picture(opened, "+ δ: ")
    assert np.abs(delta - (127.5 + after.astype(int) - before).clip(0, 255)).max() <= 1
    pasted = picture(opened, "With the patch")
    assert int(classifier(from_pixels(pasted[None])).argmax()) == MONARCH


def test_the_shipped_patch_is_told_apart_from_a_live_one(opened: AppTest) -> None:
    assert "python -m pages.lessons.patches.tasks" in words(opened)
    at = lesson(live="1", steps="10", label="417")
    assert "python -m pages.lessons.patches.tasks" not in words(at)
    assert not np.array_equal(picture(at, "The patch for balloon"), picture(opened, "The patch for monarch"))


def test_another_photograph_brings_its_points(opened: AppTest) -> None:
    at = lesson(image="stop_sign_composite", thing="stickers", anything="1", ax="40", ay="42", bx="60", by="42")
    assert at.warning or at.info
    assert link(at)["thing"] == "stickers"


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"thing": "hat", "ax": "nan", "size": "1e9", "large": "-1"}
    with nothing_computed():
        assert len(lesson(**query).info) == len(query)


def test_the_quiz_knows_right_from_wrong(opened: AppTest) -> None:
    answered(opened, "patches_answer_c", 7)
    assert "Each step uses" in opened.error[-1].value
    answered(opened, "patches_answer_c_again", 600)
    answered(opened, "patches_answer_a", 0)
    assert link(opened)["done"] == "ac"
