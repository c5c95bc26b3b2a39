"""Detectors: exact rates and areas, and the attack that knows of them."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from adv_core import Linf, Margin, run
from adv_core.datasets import Digits, mnist
from adv_core.defences import detectors
from adv_core.defences.detection import (
    CONFIDENCE,
    DetectorNetwork,
    Squeezing,
    Unnoticed,
    Watched,
    auc,
    median_filter,
    roc,
    threshold_for,
    unnoticed,
)
from adv_core.defences.detectors import REFERENCE, attack_digits, detector, shipped, usual_scores
from adv_core.images import is_8bit
from adv_core.networks.digit_network import DigitNetwork, checkpoint

FEW, EPS = 40, 77 / 255


@pytest.fixture(scope="module")
def standard() -> DigitNetwork:
    return checkpoint("standard").network


@pytest.fixture(scope="module")
def test() -> Digits:
    return mnist("test", range(10))[:FEW]


@pytest.fixture(scope="module")
def untouched() -> Tensor:
    return mnist("train", range(10))[-REFERENCE:].images


def scores(count: int, seed: int) -> Tensor:
    """Scores with many ties."""
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 12, count) + seed).float()


# ------------------------------------------------------------------------------------------------------ rates and areas


@pytest.mark.parametrize("seed", [0, 1, 5, 30])
def test_the_area_is_the_share_of_pairs_in_the_right_order_and_the_area_under_the_curve(seed: int) -> None:
    clean, attacked = scores(23, 0), scores(17, seed)
    pairs = [(a > c) + (a == c) / 2 for c, a in product(clean.tolist(), attacked.tolist())]
    false, true = roc(clean, attacked)
    assert auc(clean, attacked) == pytest.approx(np.mean(pairs), abs=1e-12)
    assert auc(clean, attacked) == pytest.approx(float(torch.trapezoid(true, false)), abs=1e-12)
    assert auc(clean, attacked) == pytest.approx(1 - auc(attacked, clean), abs=1e-12)


def test_the_curve_of_normal_scores_has_the_area_of_the_closed_form() -> None:
    """Of two normal distributions with the same deviation and means d apart, it is Φ(d / √2)."""
    draws = torch.randn(2, 20_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.special.ndtr(torch.tensor(1.5 / 2**0.5, dtype=torch.float64))
    assert auc(draws[0], draws[1] + 1.5) == pytest.approx(float(expected), abs=0.005)


def test_a_curve_rises_from_no_alarm_to_alarms_only() -> None:
    false, true = roc(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0, 3.0]))
    assert false.tolist() == [0, 0, 0, 0.5, 1]
    assert true.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])
    assert [float(each[end]) for each in roc(scores(9, 0), scores(9, 2)) for end in (0, -1)] == [0, 1, 0, 1]


@pytest.mark.parametrize("rate", [0.0, 0.04, 0.05, 0.29, 1.0])
def test_a_threshold_allows_that_share_of_false_alarms_and_hardly_less(rate: float) -> None:
    clean = torch.randperm(100, generator=torch.Generator().manual_seed(0)).float()
    assert float((clean > threshold_for(clean, rate)).float().mean()) == pytest.approx(min(rate, 0.99))
    assert float((scores(50, 0) > threshold_for(scores(50, 0), rate)).float().mean()) <= rate


def test_what_is_no_score_is_refused() -> None:
    some = torch.zeros(3)
    for clean, attacked in ((some, some[:0]), (some[None], some), (some, some * torch.nan)):
        with pytest.raises(ValueError, match=r"one number for each|not a number"):
            roc(clean, attacked)
        with pytest.raises(ValueError, match=r"one number for each|not a number"):
            auc(clean, attacked)
    with pytest.raises(ValueError, match=r"rate has to lie in 0 \.\.\. 1, not 1\.5"):
        threshold_for(some, 1.5)


# ------------------------------------------------------------------------------------------------------------ detectors


@pytest.mark.parametrize("window", [1, 2, 3, 5])
def test_a_median_is_that_of_the_window(window: int) -> None:
    x = torch.rand(2, 3, 9, 8, generator=torch.Generator().manual_seed(0))
    found = median_filter(x, window)
    assert found.shape == x.shape
    row = column = 4
    around = x[1, 2, row - window // 2 :, column - window // 2 :][:window, :window]
    assert float(found[1, 2, row, column]) == around.flatten().sort().values[window * window // 2]


def test_squeezing_compares_with_each_squeezed_picture(standard: DigitNetwork, test: Digits) -> None:
    x = test.images[:5]

    def moved(squeezed: Tensor) -> Tensor:
        return (standard(x).softmax(1) - standard(squeezed).softmax(1)).abs().sum(1)

    both = torch.maximum(moved(x.round()), moved(median_filter(x, 2)))
    assert torch.allclose(Squeezing(standard)(x), both, atol=1e-5)
    assert float(Squeezing(standard, 8, 1)(x).max()) < 1e-5
    for bad in ({"bits": 0}, {"bits": 9}, {"window": 6}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Squeezing(standard, **bad)


@pytest.mark.parametrize("kind", ["network", "noise", "squeezing"])
def test_a_detector_has_a_gradient(standard: DigitNetwork, test: Digits, kind: detectors.Kind) -> None:
    x = (test.images[:3] * 0.9).requires_grad_()
    (gradient,) = torch.autograd.grad(detector(standard, kind)(x).sum(), x)
    assert bool((gradient.flatten(1).abs().sum(1) > 0).all())


# --------------------------------------------------------------------------------------------- the attack that knows it


def test_the_oddness_is_the_distance_from_usual_scores() -> None:
    watched = Watched(lambda x: x.new_zeros(len(x), 2), lambda x: x.sum(1), (1.0, 3.0))
    logits = watched(torch.tensor([[0.5], [1.0], [2.0], [5.0]]))
    assert logits[:, 2].tolist() == [0.5, 0, 0, 2]
    objective = Unnoticed(Margin(0, kappa=CONFIDENCE), weight=10)
    assert objective(logits).tolist() == [-5, 0, 0, -20]


def found(standard: DigitNetwork, test: Digits, untouched: Tensor, kind: detectors.Kind, attack: str) -> Tensor:
    score = detector(standard, kind)
    usual = usual_scores(score, untouched)
    given = (standard, test.images, test.labels, EPS, attack, score, usual, 3.0)
    return run(attack_digits(*given), keep_steps=False).adversarial  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["network", "noise"])
def test_the_detector_finds_one_attack_and_not_the_other(
    standard: DigitNetwork, test: Digits, untouched: Tensor, kind: detectors.Kind
) -> None:
    x, score = test.images, detector(standard, kind)
    areas = {}
    for attack in ("plain", "aware"):
        pictures = found(standard, test, untouched, kind, attack)
        misread = standard(pictures).argmax(1) != test.labels
        assert float(misread.float().mean()) >= 0.85
        assert is_8bit(pictures) and int(((pictures - x) * 255).round().abs().max()) <= 77
        areas[attack] = auc(score(x), score(pictures)[misread])
    assert areas["plain"] >= 0.95 and areas["aware"] <= 0.7  # on 40 digits; `figures.json` has more


def test_one_detector_takes_noise_for_an_attack_and_the_other_does_not(
    standard: DigitNetwork, test: Digits, untouched: Tensor
) -> None:
    noisy = found(standard, test, untouched, "network", "noise")
    area = {kind: auc(shipped(kind).score(test.images), shipped(kind).score(noisy)) for kind in ("network", "noise")}
    assert area["network"] > 0.95 and area["noise"] < 0.1


def test_without_a_weight_the_attack_does_not_hide(standard: DigitNetwork, test: Digits) -> None:
    x, score = test.images[:10], shipped("network").score
    last = run(unnoticed(standard, x, test.labels[:10], Linf(EPS), score, (-9.0, -8.0), weight=0, steps=10))
    assert last.logits.shape == (10, 11) and float(score(last.adversarial).min()) > 0


# --------------------------------------------------------------------------------------------------- what comes with it


def test_the_figures_hold_what_the_lesson_says() -> None:
    told = detectors.figures()
    assert told["command"] == "python -m adv_core.defences.detectors --judge"
    rows = {(r["detector"], r.get("bits"), r["eps"], r["attack"], r["weight"]): r for r in told["measured"]}
    assert len(rows) == len(detectors.DETECTORS) * len(detectors.SIZES) * (2 + len(detectors.WEIGHTS))
    for kind in ("network", "noise"):
        assert rows[kind, None, 77, "plain", 0.0]["auc"] >= 0.95
        knows = rows[kind, None, 77, "aware", 3.0]
        assert knows["auc"] <= 0.6 and knows["fools"] >= 0.95
    holds = rows["squeezing", 1, 77, "aware", 1.0]
    assert holds["auc"] >= 0.9 and holds["fools"] >= 0.95


def test_a_detector_is_trained_judged_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    detectors.ship("noise", tmp_path, 100, said.append)
    assert len(said) == detectors.RECIPE.epochs
    monkeypatch.setattr(detectors, "FOLDER", tmp_path)
    shipped.cache_clear()
    assert shipped("noise").score(torch.zeros(2, 1, 28, 28)).shape == (2,)
    shipped.cache_clear()
    for name, value in {"DETECTORS": (("squeezing", 1),), "SIZES": (0,), "WEIGHTS": (1.0,)}.items():
        monkeypatch.setattr(detectors, name, value)
    detectors.judge_shipped(tmp_path, 10, said.append)
    rows = json.loads((tmp_path / "figures.json").read_text())["measured"]
    assert [row["attack"] for row in rows] == ["noise", "plain", "aware"] and rows[0]["auc"] == 0.5
    (tmp_path / "noise.npz").write_bytes(b"")
    monkeypatch.undo()
    with pytest.raises(ValueError, match="damaged"):
        detectors.load(DetectorNetwork(), "noise", tmp_path)


def test_training_data_are_8_bit_and_labelled(standard: DigitNetwork) -> None:
    for kind, sorts in (("network", 2), ("noise", 3)):
        pictures, labels = detectors.training_data(standard, kind, 20)  # type: ignore[arg-type]
        assert (
            is_8bit(pictures) and len(pictures) == sorts * 20 and labels.tolist() == [0] * 20 * (sorts - 1) + [1] * 20
        )
