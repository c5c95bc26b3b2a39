"""The lesson on defences, driven through Streamlit's AppTest, from the entry script."""

import re
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from adv_core.images import from_pixels
from adv_core.serving.engine.digits import digits
from pages.lessons.defences.charts import scores_chart
from tests.networks import loaded
from tests.pages.visit import answered, link, nothing_computed, picture, row, smaller, started, visit, words

lesson = partial(visit, "lessons/defences/page.py")
KOALA = 105


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """One photograph, and few digits."""
    with smaller("lessons/defences/page.py", ("koala",), DIGITS=20, DETECTOR_STEPS=30):
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return started(lesson(steps="5"), "run_defences")


def test_the_defence_stops_one_attack_and_not_the_other(opened: AppTest) -> None:
    classifier = loaded()
    expected = {"untouched": True, "attacked": False, "the same picture after JPEG": True, "adaptive attack": False}
    for start, kept in expected.items():
        assert (int(classifier(from_pixels(picture(opened, start)[None])).argmax()) == KOALA) is kept
    assert "gets through" in opened.warning[0].value


def test_all_photographs_are_counted(opened: AppTest) -> None:
    chart, *_ = opened.get("vega_lite_chart") or opened.get("arrow_vega_lite_chart")
    alt = chart.proto.alt if hasattr(chart.proto, "alt") else ""
    found = re.search(r"\*\*(\d+) of 1\*\* predictions are kept.*keeps \*\*(\d+)\*\*", words(opened))
    assert found is not None and found[1] == "0" and found[2] == "1", alt


def test_a_result_for_other_settings_is_not_shown(opened: AppTest) -> None:
    at = lesson(steps="1")
    before = words(started(at, "run_defences"))
    at.slider(key="defences_eps").set_value(1).run()
    assert "predictions are kept" in before and "predictions are kept" not in words(at)
    at.slider(key="defences_eps").set_value(2).run()
    assert "predictions are kept" in words(at)


def test_each_defence_has_its_slider() -> None:
    with nothing_computed():
        for kind, slider in (("blur", "sigma"), ("bits", "bits"), ("resize", "side"), ("crop", "window")):
            at = lesson(defence=kind, steps="1", eps="1")
            assert at.slider(key=f"defences_{slider}") and link(at) == {"defence": kind, "steps": "1", "eps": "1"}
    assert "predictions are kept" not in words(at.run())
    at = started(at, "run_defences")
    assert re.search(r"\*\*\d of 1\*\* predictions are kept", words(at))


def test_the_detector_finds_one_attack_and_not_the_other(opened: AppTest) -> None:
    told = opened.warning[1].value
    found = re.search(
        r"plain attack fools .* on (\d+) .*\*\*(\d+)\*\* of these.* fools it on (\d+) .*\*\*(\d+)\*\*", told
    )
    assert found is not None
    plain, plain_unnoticed, aware, unnoticed = map(int, found.groups())
    assert plain == 20 and plain_unnoticed == 0 and aware >= unnoticed >= 10
    assert "AUC of 1.00: what this detector recognises is noise" in told
    counted = row(opened, "adaptive attack")
    assert (counted[1], counted[3]) == (str(aware), f"**{unnoticed}**") and int(counted[2]) >= aware - unnoticed
    assert row(opened, "untouched")[2] == "1"  # 5 % of 20 digits


def test_the_threshold_moves_the_alarms_and_nothing_is_computed_again(opened: AppTest) -> None:
    at = lesson(steps="5")
    at.slider(key="defences_alarm").set_value(50).run()
    assert row(at, "untouched")[2] == "10" and link(at)["alarm"] == "50"
    digit = digits("test")[0].levels[0].numpy().astype(int).repeat(8, 0).repeat(8, 1)
    for sort in ("random noise", "plain attack", "adaptive attack"):
        assert int(np.abs(picture(at, f"{sort}: ")[..., 0] - digit).max()) == 77


def test_a_click_on_a_score_opens_its_digit() -> None:
    spec = scores_chart({"untouched": np.zeros(3), "aware": np.ones(3)}, 0.5, 2)
    ticks, circles, _ = spec["layer"]
    assert ticks["params"][0]["select"]["fields"] == ["digit"] and len(ticks["data"]["values"]) == 6
    assert [(each["digit"], each["score"]) for each in circles["data"]["values"]] == [(2, 0.0), (2, 1.0)]


def test_an_attack_that_fools_nobody_is_told() -> None:
    at = lesson(steps="1", level="0", detector="squeezing", digit="99")
    assert "fools the network on no digit" in words(at) and row(at, "plain attack")[4] == "–"
    assert at.slider(key="defences_squeeze")


def test_what_was_measured_beforehand_is_shown(opened: AppTest) -> None:
    assert "python -m adv_core.defences.detectors --judge" in words(opened)
    assert row(opened, "feature squeezing, 1 bit")[1] == "26"


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"defence": "x", "eps": "nan", "quality": "1000", "sigma": "-1", "window": "0"}
    with nothing_computed():
        assert len(lesson(**query).info) == len(query)


def test_the_quiz_knows_right_from_wrong(opened: AppTest) -> None:
    answered(opened, "defences_answer_c", 5)
    assert "all its crops" in opened.error[-1].value
    answered(opened, "defences_answer_c_again", 200)
    answered(opened, "defences_answer_b", 0)
    assert link(opened)["done"] == "bc"
