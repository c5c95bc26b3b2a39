"""Sections 3 and 4 of the lesson, driven through Streamlit's AppTest, from the entry script."""

import re
from collections.abc import Iterator
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from adv_core.relabelling import figures
from pages.widgets.digits import share
from tests.pages.visit import picture, row, smaller, started, visit, words

lesson = partial(visit, "lessons/why/page.py")


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    less = {"TRAINED_EPS": (0.0, 0.08), "POINTS": ("10", "1000"), "POINT_SEEDS": (1,)}
    with smaller("lessons/why/page.py", FEATURE_IMAGES=1200, FEATURE_EPOCHS=6, **less):
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return started(lesson(l2_eps="3"), "run_features", "run_sizes")


def test_wrong_labels_teach_to_read(opened: AppTest) -> None:
    told = next(each.value for each in opened.warning if "There was something to learn" in each.value)
    read, by_noise = re.findall(r"reads \**([\d.]+)", told)[:2]
    assert float(read) > 20 > 8 > float(by_noise)
    assert picture(opened, "A moved digit 5 with the label").shape == (112, 112, 3)


def test_the_search_is_quoted(opened: AppTest) -> None:
    best = max(each["accuracy"] for each in figures())
    assert f"up to **{share(best)}**" in words(opened)
    assert row(opened, "L2, ε = 2, on the standard network, 20000 digits")[2] == share(best)


def test_the_price_is_told(opened: AppTest) -> None:
    told = re.search(r"Ordinary training: \*\*([\d.]+).*With adversarial training: \*\*([\d.]+)", words(opened))
    assert told is not None and float(told[1]) > 99 and 85 < float(told[2]) < 95


def test_more_data_narrow_the_gap(opened: AppTest) -> None:
    gaps = re.search(r"\*\*two moons\*\*: ([\d.]+).*points, ([\d.]+)", words(opened))
    assert gaps is not None and float(gaps[1]) > float(gaps[2])
    assert row(opened, "adversarial training")[1:]
