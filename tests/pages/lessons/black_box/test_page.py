"""The lesson on black-box attacks, driven through Streamlit's AppTest, from the entry script."""

import re
from collections.abc import Iterator
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from adv_core.images import from_pixels
from tests.networks import loaded
from tests.pages.visit import answered, link, nothing_computed, picture, questions_of, smaller, started, visit, words

lesson = partial(visit, "lessons/black_box/page.py")
SHEPHERD = 235
QUICK = {"eps": "16", "steps": "3", "budget": "200"}  # a larger ε, and so fewer queries and steps


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """One photograph, a substitute of three rounds that is tested on a hundred digits, and equal budgets on ten."""
    with smaller("lessons/black_box/page.py", ("german_shepherd",), ROUNDS=3, MOST=3, JUDGED=100, RACED=10):
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return started(lesson(**QUICK), "run_transfer", "run_ensembles", "run_substitute", "run_budgets")


def test_the_picture_shown_fools_after_as_many_queries_as_told(opened: AppTest) -> None:
    classifier = loaded()
    for start, same in (("x, the original", True), ("= x + δ", False)):
        assert (int(classifier(from_pixels(picture(opened, start)[None])).argmax()) == SHEPHERD) is same
    assert re.search(r"after \*\*\d+ queries\*\*", opened.warning[0].value)


def test_the_matrix_and_the_ensembles_are_summed_up(opened: AppTest) -> None:
    told = words(opened)
    found = re.search(r"White-box: (\d+), (\d+), (\d+) of 1", told)
    assert found is not None and found.groups() == ("1", "1", "1")
    assert re.search(r"Made on another network: \*\*\d+ to \d+\*\*", told)
    assert len(re.findall(r"is fooled by \d+ pictures made on all the others", told)) == 3


def test_the_substitute_tells_its_figures(opened: AppTest) -> None:
    figures = r"\*\*([\d.]+)\s%\*\*.*\*\*([\d.]+)\s%\*\*; noise of the same size for ([\d.]+)\s%"
    found = re.search(rf"After \*\*400 queries\*\*, the substitute predicts.*{figures}", words(opened))
    assert found is not None
    agreement, transferred, noise = map(float, found.groups())
    assert agreement > 50 and transferred > 2 * noise


def test_equal_budgets_tell_every_attack_s_share(opened: AppTest) -> None:
    found = dict(re.findall(r"^- \*\*(\w+) \([\w, ]+\)\*\* fools \*\*([\d.]+)\s%", words(opened), re.MULTILINE))
    assert set(found) == {"transfer", "Square", "HopSkipJump", "substitute"}
    assert float(found["Square"]) > 50 > float(found["HopSkipJump"])
    assert "after 200 queries in all, which are 20 for each digit" in words(opened)


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"method": "x", "eps": "nan", "queries": "1", "digits": "-1", "ball": "l1"}
    with nothing_computed():
        assert len(lesson(**query).info) == len(query)


def test_the_quiz_knows_right_from_wrong(opened: AppTest) -> None:
    answered(opened, "black_box_answer_c", 600)
    assert "Each round" in opened.error[-1].value
    answered(opened, "black_box_answer_c_again", questions_of("black_box")[0].second.answer)
    answered(opened, "black_box_answer_a", 0)
    assert link(opened)["done"] == "ac"
