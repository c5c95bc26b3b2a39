"""The tasks of the lesson on why adversarial examples exist."""

from dataclasses import replace

import numpy as np
import pytest

from adv_core.serving.engine.digits import Digit, digits
from pages.lessons.why.gradient_tasks import Count, Push
from pages.lessons.why.tasks import Data, Fit, Nudge
from tests.networks import Here

FEW = Data(7, images=300, tested=100)


def test_a_fit_ends_with_the_classifier_and_its_measurements() -> None:
    *before, last = Fit(FEW, epochs=3).records(Here())
    assert last.done == 1 and last.theta.shape == (49,) and not any(len(each.theta) for each in before)
    assert [each.done for each in before] == sorted(each.done for each in before)
    assert last.predicted and last.measured == pytest.approx(last.predicted, rel=0.2)
    assert last.weight == pytest.approx(float(np.abs(last.theta).sum()), rel=1e-5)


def test_a_nudge_stays_in_its_ball_and_hurts_more_than_noise() -> None:
    *_, last = Fit(FEW, epochs=3).records(Here())
    (seen,) = Nudge(FEW, last.theta.tobytes(), last.bias, 20, place=3).records(Here())
    assert seen.pixels.shape == (3, 7, 7)
    assert np.abs(seen.pixels[1].astype(int) - seen.pixels[0]).max() == 20
    clean, attacked, noisy = seen.errors
    assert clean == pytest.approx(last.error) and attacked > noisy


def test_relations_between_fields_are_checked() -> None:
    with pytest.raises(ValueError, match="side has to be one of 4, 7, 14, 28, 56, not 8"):
        replace(FEW, side=8).check()
    with pytest.raises(ValueError, match="theta has to hold 49 numbers"):
        Nudge(FEW, b"", 0.0, 4).check()
    with pytest.raises(ValueError, match="place has to be less than tested, which is 100, not 100"):
        Nudge(FEW, bytes(4 * 49), 0.0, 4, place=100).check()


def test_a_push_ends_with_what_the_judges_say() -> None:
    digit = Digit.of(digits("test")[7].images, 9)
    *before, last = Push("robust_l2", digit, 3, steps=8, reference=500).records(Here())
    assert [each.done for each in before] == [0, 0.5] and all(each.nearest is None for each in before)
    assert np.array_equal(before[0].pixels, digit.levels) and last.done == 1
    assert len(last.others) == 3 and last.nearest in range(10) and last.gradient.any()


def test_a_count_ends_with_its_judgement() -> None:
    *before, last = Count("standard", steps=4, images=10, reference=500).records(Here())
    assert all(each.judgement is None for each in before) and last.judgement is not None
    assert 0 <= last.judgement.nearest <= last.judgement.itself <= 1
