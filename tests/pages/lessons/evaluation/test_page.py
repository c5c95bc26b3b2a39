"""The lesson on judging defences, driven through Streamlit's AppTest, from the entry script."""

import re
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from adv_core.defences import masking
from adv_core.defences.masking import SERIES, Saturated
from adv_core.networks.digit_network import checkpoint
from adv_core.serving.engine.digits import ErrorCurve
from pages.lessons.evaluation import tasks as judge_tasks
from pages.lessons.evaluation.settings import BOARD_NETWORKS, committed
from pages.lessons.evaluation.tasks import CertifiedDigits, ProofAndAttack
from tests.pages.visit import (
    answered,
    button,
    link,
    nothing_computed,
    picture,
    pictures,
    questions_of,
    row,
    smaller,
    started,
    visit,
    words,
)

lesson = partial(visit, "lessons/evaluation/page.py")


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """Few digits, the ends and the middle of each curve, and not the attack that takes as long as all others."""
    tasks = {ErrorCurve: {"images": 40}, CertifiedDigits: {"images": 5, "samples": 200}, ProofAndAttack: {"images": 40}}
    curves = {"L2_CURVE": (0.0, 2.0), "ANGLES": (0.0, 30.0, -30.0), "PROOF": (0.0, 0.1)}
    verdicts = {
        "BOARD": {"linf": ("fgsm", "square"), "l2": ("fgsm", "ddn")},
        "STEPS": 20,
        "QUERIES": 50,
        "CURVE_ATTACKS": ("fgsm", "fmn"),
        "CURVE_EPS": (0.0, 0.1, 1.0),
        "CURVE_DIGITS": 10,
        "DIAGNOSED": ("fgsm", "apgd-ce"),
        "DIAGNOSED_DIGITS": 10,
    }
    less = smaller("lessons/evaluation/page.py", (), tasks, IMAGES=20, **curves, **verdicts)
    with less, pytest.MonkeyPatch.context() as patch:
        attacks(patch, {each.key for each in SERIES} - {"more"})
        patch.setattr(masking, "QUERIES", 100)
        yield


def attacks(patch: pytest.MonkeyPatch, keys: set[str]) -> None:
    """Let the series have only these."""
    for module in (masking, judge_tasks):
        patch.setattr(module, "SERIES", tuple(each for each in SERIES if each.key in keys))


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return lesson()


def symptoms(at: AppTest) -> str:
    """The signs of a hidden gradient that the page tells; empty where it tells none."""
    return next((box.value for box in at.info if "Symptoms of a hidden gradient" in box.value), "")


def percents(at: AppTest) -> list[int]:
    return [int(metric.value.rstrip("\u00a0%")) for metric in at.metric[:3]]


def test_opens_with_a_defence_that_survives_fgsm_and_falls(opened: AppTest) -> None:
    clean, fgsm, worst = percents(opened)
    assert clean <= 2 and fgsm <= 5 and worst >= 70
    signs = symptoms(opened)
    assert "random noise fools" not in signs.lower() and "another loss fools many more pictures" in signs


def test_the_digits_shown_are_misclassified_as_often_as_it_says(opened: AppTest) -> None:
    said = re.search(r"digits under “(.*)”\*\*: (\d+) misclassified", words(opened))
    assert said is not None
    shown = picture(opened, f"Ten digits under {said[1]}")
    frame, side = 6, 28 * 3 + 12
    tiles = [shown[frame:-frame:3, k * side + frame : (k + 1) * side - frame : 3, 0] for k in range(10)]
    x = torch.from_numpy(np.stack(tiles)[:, None].astype(np.float32) / 255)
    network = Saturated(checkpoint("standard").network)
    labels = torch.tensor([7, 2, 1, 0, 4, 1, 4, 9, 5, 9])  # the first ten of the test set
    wrong = int((network(x).argmax(1) != labels).sum())
    assert abs(wrong - int(said[2])) <= 1  # rounded to 8 bits for the screen, one may tip over


@pytest.mark.parametrize("defence", ["quantized", "robust", "none"])
def test_the_other_defences(defence: str) -> None:
    at = lesson(defence=defence)
    _, fgsm, worst = percents(at)
    if defence == "quantized":
        assert fgsm <= 2 and worst >= 90 and symptoms(at)
        assert at.slider(key="evaluation_levels").value == 8
    elif defence == "robust":
        assert worst <= 10 and not symptoms(at) and "No symptom" in words(at)
    else:
        assert fgsm > 20 and worst > fgsm and not symptoms(at)
    assert link(at) == {"defence": defence}


def test_training_against_one_step_falls_to_many() -> None:
    at = lesson()
    at.segmented_control(key="evaluation_defence").set_value("fgsm").run()
    assert not at.exception and link(at) == {"defence": "fgsm", "eps": "0.3"}
    _, fgsm, worst = percents(at)
    assert fgsm <= 15 and worst >= 90 and "one step alone" in words(at)
    at.segmented_control(key="evaluation_defence").set_value("robust").run()
    assert link(at) == {"defence": "robust"}


def test_the_leaderboard_counts_what_stands(opened: AppTest) -> None:
    told = next(box.value for box in opened.warning if "pointwise worst case" in box.value)
    stands, ddn = re.search(r"\*\*(\d+) of 30\*\* digits stand", told), row(opened, "DDN")
    assert stands is not None and int(stands[1]) >= 25 and ddn[1] == "broken"
    known = committed("robust_03")
    assert f"on {known.examples} test digits" in words(opened) and known.command in words(opened)


def test_an_example_is_the_picture_that_would_be_saved() -> None:
    at = lesson(network="standard", norm="linf", radius="0.1", digits="10")
    told = next(box.value for box in at.warning if "pointwise worst case" in box.value)
    found = re.search(r"\*\*(\d+) of 10\*\* .* Broken by some attack: (\d+)\..*8 bits: \*\*(\d+)\*\*", told)
    assert found is not None and int(found[1]) + int(found[2]) == 10 and 1 <= int(found[3]) <= int(found[2])
    alt = next(alt for alt in pictures(at) if alt.startswith("= x + δ, in 8 bits"))
    said = re.search(r"“(\d)”", alt)
    shown = torch.from_numpy(picture(at, alt)[::8, ::8, 0].astype(np.float32) / 255)
    assert said is not None and int(checkpoint("standard").network(shown[None, None]).argmax()) == int(said[1])
    assert any("was the first to break digit" in box.value for box in at.warning)
    at.number_input(key="evaluation_example").set_value(49).run()
    assert not at.exception and link(at)["example"] == "49" and "not among these 10" in words(at)


@pytest.mark.parametrize("name", BOARD_NETWORKS)
def test_a_committed_verdict_is_known(name: str) -> None:
    known = committed(name)
    low, high = known.interval
    assert known.after[-1][1] == pytest.approx(known.robust) and low <= known.robust <= min(high, known.clean)


def test_a_ball_in_which_all_stand_has_no_broken_example() -> None:
    at = lesson(network="robust_01", norm="linf", radius="0.02", digits="10")
    assert "**10 of 10** digits stand: no attack breaks one" in words(at) and "0, a 7, **stands**" in words(at)


def test_the_network_brings_its_own_epsilon() -> None:
    with nothing_computed():
        at = lesson(norm="linf")
        at.segmented_control(key="evaluation_network").set_value("robust_01").run()
        assert link(at) == {"norm": "linf", "network": "robust_01", "radius": "0.1"}


def test_curves_come_with_a_guess_and_tell_which_have_failed() -> None:
    at = lesson()
    assert "You said" not in words(at)
    at = button(at, "Submit my guess")
    assert link(at) == {"guess": "5"}
    assert "You said 5" in words(at) and "FGSM: 10 of 10 stand at ε = 1" in words(at)
    assert "Fast minimum norm: " not in words(at)  # its curve reaches 0
    at.segmented_control(key="evaluation_curve").set_value("standard").run()
    assert link(at) == {"curve": "standard"}  # which is guessed anew


def test_the_diagnosis_warns_of_the_false_defences() -> None:
    at = started(lesson(), "run_diagnosis")
    assert int(row(at, "saturation")[3]) >= 2 and int(row(at, "rounding")[3]) >= 2
    assert row(at, "no defence")[3] == row(at, "PGD training")[3] == "0"
    assert "**PGD training**: no warning" in words(at) and "exactly zero, and that of the margin is not" in words(at)


def test_the_vote_and_its_promise(opened: AppTest) -> None:
    promise = next(s.value for s in opened.info if "The smoothed network" in s.value)
    said = re.search(r"predicts \*\*7\*\*.* < \*\*([\d.]+)\*\*", promise)
    assert said is not None and float(said[1]) == pytest.approx(0.80, abs=0.02)
    assert "BROKEN" not in words(opened) and "still predict 7" in words(opened)


def test_many_certificates_are_computed_when_a_visitor_asks(opened: AppTest) -> None:
    assert "200 copies each" not in words(opened)
    assert "The first 5 test digits, 200 copies each" in words(started(opened, "run_certificates"))


def test_much_noise_abstains() -> None:
    at = lesson(sigma="1", digit="18")
    assert any("abstains" in box.value or "The smoothed network" in box.value for box in at.info)
    assert link(at) == {"sigma": "1", "digit": "18"}


def test_what_intervals_prove_depends_on_the_training() -> None:
    def proved(at: AppTest) -> int:
        found = re.search(r"At ε = 0.1: (\d+)\u00a0% proved robust", words(at))
        assert found is not None
        return int(found[1])

    at = lesson()
    assert proved(at) >= 85
    at.segmented_control(key="evaluation_proved").set_value("robust_01").run()
    assert not at.exception and proved(at) <= 5


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"defence": "x", "eps": "nan", "levels": "1000", "sigma": "7", "digit": "-1", "network": "x", "norm": "l1"}
    query |= {"radius": "9", "radius_l2": "-1", "digits": "1000", "example": "-9", "curve": "x", "guess": "999"}
    with nothing_computed():
        assert len(lesson(**query).info) >= len(query)


def test_the_quiz_knows_right_from_wrong() -> None:
    at = lesson()
    answered(at, "evaluation_answer_a", 1)
    assert "PGD contains FGSM" in at.error[0].value
    answered(at, "evaluation_answer_a_again", 0)
    answered(at, "evaluation_answer_d", 0.5)
    assert link(at)["done"] == "ad"
    (radius,) = (question for question in questions_of("evaluation", sigma="1") if question.letter == "d")
    assert radius.first.judge(2.0)[0]  # of the page's σ
