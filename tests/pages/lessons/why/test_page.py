"""The lesson on why adversarial examples exist, driven through Streamlit's AppTest, from the entry script."""

import re
from collections.abc import Iterator
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from adv_core.relabelling import figures
from pages.lessons.why.guess import right_answer
from pages.lessons.why.settings import ROUNDS
from pages.widgets.digits import share
from tests.pages.visit import (
    every_question_is_made_good,
    link,
    nothing_computed,
    picture,
    pictures,
    row,
    smaller,
    started,
    visit,
    words,
)

lesson = partial(visit, "lessons/why/page.py")


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    first = {"IMAGES": 600, "TESTED": 200, "STEPS": 6, "COUNTED": 10, "REFERENCE": 500}
    second = {"FEATURE_IMAGES": 1200, "FEATURE_EPOCHS": 6, "TRAINED_EPS": (0.0, 0.08), "BETAS": ("0", "1")}
    with smaller("lessons/why/page.py", **first, **second, POINTS=("10", "1000"), POINT_SEEDS=(1,)):
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return started(lesson(side="14", eps="8", l2_eps="3"), "run_features", "run_sizes")


def test_it_opens_with_half_of_the_digits_predicted_and_measured(opened: AppTest) -> None:
    told = opened.warning[0].value
    found = re.search(r"14 × 14 = 196 pixels.*half are wrong at ε = \*\*([\d.]+)/255.*Measured: \*\*([\d.]+)/255", told)
    assert found is not None and float(found[2]) == pytest.approx(float(found[1]), rel=0.15)
    assert picture(opened, "= x + δ").shape == (224, 224, 3)


def test_each_side_has_its_row(opened: AppTest) -> None:
    cells = row(opened, "faint | 28\u00a0×\u00a028")
    assert 0 < float(cells[2].split()[0].rstrip("%").replace("\u00a0%", "")) < 30 and cells[5].endswith("/255")
    assert row(opened, "plain | 56\u00a0×\u00a056")[4].endswith("/255")


def test_four_networks_are_pushed_and_counted(opened: AppTest) -> None:
    shown = [alt for alt in pictures(opened) if "nearest: a" in alt]
    assert len(shown) == 8 and any(alt.startswith("robust, L2: ") for alt in shown)  # pushed, and painted
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


def test_wrong_labels_teach_to_read(opened: AppTest) -> None:
    told = next(each.value for each in opened.warning if "There was something to learn" in each.value)
    read, by_noise = re.findall(r"reads \**([\d.]+)", told)[:2]
    assert float(read) > 20 > 8 > float(by_noise)
    assert picture(opened, "A moved digit 5 with the label").shape == (112, 112, 3)
    best = max(each["accuracy"] for each in figures())
    assert f"up to **{share(best)}**" in words(opened)
    assert row(opened, "L2, ε = 2, on the standard network, 20000 digits")[2] == share(best)


def test_robustness_has_a_price_and_more_data_narrow_the_gap(opened: AppTest) -> None:
    told = re.search(r"Ordinary training: \*\*([\d.]+).*With adversarial training: \*\*([\d.]+)", words(opened))
    assert told is not None and float(told[1]) > 99 and 85 < float(told[2]) < 95
    gaps = re.search(r"\*\*two moons\*\*: ([\d.]+).*points, ([\d.]+)", words(opened))
    assert gaps is not None and float(gaps[1]) > float(gaps[2])
    assert all("/" in cell for cell in row(opened, "adversarial training")[1:])


def test_trades_has_its_own_knob() -> None:
    with nothing_computed():
        at = lesson(method="trades", beta="1", plane="moons")
        assert [each.value for each in at.select_slider if each.label.startswith("β")] == ["1"]
        assert any("KL" in each.value for each in at.latex)


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"kind": "x", "side": "5", "eps": "-3", "digit": "nan", "target": "11", "reach": "1e9", "start": "moon"}
    query |= {
        "feature_norm": "l7",
        "l2_eps": "9",
        "rule": "x",
        "attacked": "me",
        "plane": "sun",
        "beta": "5",
        "points": "2",
    }
    with nothing_computed():
        assert len(lesson(**query).info) >= len(query)


def test_an_own_digit_is_asked_for() -> None:
    with nothing_computed():
        assert lesson(source="own").get("bidi_component")


def test_the_quiz_knows_right_from_wrong() -> None:
    with nothing_computed():
        every_question_is_made_good(lesson(), "why")
