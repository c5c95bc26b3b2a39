"""The lesson on closed boxes, driven through Streamlit's AppTest, from the entry script."""

import re
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from adv_core.classifiers import DEFAULT, load_classifier
from adv_core.images import from_pixels
from tests.pages.visit import link, picture, visit, words

lesson = partial(visit, "lessons/black_box/page.py")
SHEPHERD = 235


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return lesson(steps="4")


def test_the_picture_shown_fools_after_as_many_questions_as_told(opened: AppTest) -> None:
    classifier = load_classifier(DEFAULT)
    for start, same in (("original", True), ("after all", False)):
        assert (int(classifier(from_pixels(picture(opened, start)[None])).argmax()) == SHEPHERD) is same
    assert re.search(r"after \*\*\d+ questions\*\*", opened.error[0].value)


def test_the_matrix_and_the_ensembles_are_summed_up(opened: AppTest) -> None:
    told = words(opened)
    found = re.search(r"With the box open: (\d+), (\d+), (\d+) of 16", told)
    assert found is not None and min(map(int, found.groups())) >= 14
    assert re.search(r"Made on another network: \*\*\d+ to \d+\*\*", told)
    assert told.count("by all the others") == 3


def test_the_theft_tells_its_figures(opened: AppTest) -> None:
    found = re.search(
        r"After \*\*3200 questions\*\* the copy answers.*\*\*([\d.]+)\s%\*\*.*\*\*([\d.]+)\s%\*\*", words(opened)
    )
    assert found is not None and float(found[1]) > 80 and float(found[2]) > 50


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"method": "x", "eps": "nan", "queries": "nan", "digits": "-1"}
    assert len(lesson(**query, steps="4").info) >= len(query)


def test_the_quiz_knows_right_from_wrong(opened: AppTest) -> None:
    opened.number_input(key="blackbox_answer_c").set_value(600).run()
    assert "Each round" in opened.error[-1].value
    opened.number_input(key="blackbox_answer_c").set_value(3200).run()
    opened.radio(key="blackbox_answer_a").set_value(1).run()
    assert link(opened)["done"] == "ac"
