"""Defences that only look like one: what they hide, and that nothing else changes."""

import pytest
import torch
import torch.nn.functional as F

from adv_core import Linf, Margin, Untargeted, fgsm, input_gradient, pgd, run
from adv_core.datasets import Digits, mnist
from adv_core.defences.masking import (
    SERIES,
    Defence,
    Quantized,
    Saturated,
    answers,
    errors_when_turned,
    quantized,
    saturated,
    symptoms,
    undefended,
    without_slope,
)
from adv_core.networks.digit_network import DigitNetwork, checkpoint


@pytest.fixture(scope="module")
def test() -> Digits:
    return mnist("test", range(10))


@pytest.fixture(scope="module")
def network() -> DigitNetwork:
    return checkpoint("standard").network


def error_of(name: str, defence: Defence, test: Digits, eps: float = 0.1, images: int = 20) -> float:
    launch = next(each.launch for each in SERIES if each.key == name)
    x, y = test[:images].images, test.labels[:images]
    found = run(launch(defence, checkpoint("noise_025").network, x, y, Linf(eps), 0), keep_steps=False)
    assert float(found.delta.abs().max()) <= eps * (1 + 1e-6)
    assert float(found.adversarial.min()) >= 0 and float(found.adversarial.max()) <= 1
    return float((answers(defence.classifier, found.adversarial) != y).float().mean())


def test_saturation_changes_no_answer_and_hides_the_slope(network: DigitNetwork, test: Digits) -> None:
    x, y = test[:200].images, test.labels[:200]
    defended = Saturated(network)
    assert torch.equal(answers(defended, x), answers(network, x))
    assert without_slope(network, x, y) < 0.05 < 0.9 < without_slope(defended, x, y)
    margin = input_gradient(defended, x, Margin(y)).gradient.flatten(1).norm(dim=1)
    assert bool((margin > 0).all())


def test_rounding_has_no_slope_unless_it_is_let_through(network: DigitNetwork, test: Digits) -> None:
    x, y = test[:20].images, test.labels[:20]
    hidden, open_ = Quantized(network, 8), Quantized(network, 8, straight_through=True)
    assert torch.equal(hidden(x), open_(x))
    assert without_slope(hidden, x, y) == 1
    rounded = (x * 7).round() / 7
    expected = input_gradient(network, rounded, Margin(y)).gradient
    assert torch.allclose(input_gradient(open_, x, Margin(y)).gradient, expected, atol=1e-5)


def test_the_slope_dies_where_the_probabilities_round_to_zero() -> None:
    """104 is where exp underflows in float32: before, the other class still pulls; beyond, nothing does."""
    layer = torch.nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-0.5], [0.5]]))
    one = torch.ones(1, 1), torch.tensor([1])
    assert without_slope(Saturated(layer, 50), *one) == 0 and without_slope(Saturated(layer, 200), *one) == 1


@pytest.mark.parametrize("levels", [2, 3, 8, 256])
def test_it_rounds_to_that_many_levels(levels: int) -> None:
    shown = Quantized(torch.nn.Identity(), levels)(torch.linspace(0, 1, 1001)[:, None])
    assert len(shown.unique()) == levels and {float(shown.min()), float(shown.max())} == {0.0, 1.0}
    assert float((shown[:, 0] - torch.linspace(0, 1, 1001)).abs().max()) <= 0.5 / (levels - 1) + 1e-6


def test_one_level_is_none() -> None:
    with pytest.raises(ValueError):
        Quantized(torch.nn.Identity(), 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["saturated", "quantized"])
def test_it_survives_the_gradient_and_falls_to_what_needs_none(kind: str, network: DigitNetwork, test: Digits) -> None:
    defence = saturated(network) if kind == "saturated" else quantized(network)
    for name in ("noise", "fgsm", "pgd", "more"):
        assert error_of(name, defence, test) <= 0.05
    for name in ("twin", "square"):
        assert error_of(name, defence, test) >= 0.4
    assert error_of("transfer", defence, test, eps=0.2) >= 0.3


@pytest.mark.slow
def test_an_honest_network_falls_most_to_what_sees_most(network: DigitNetwork, test: Digits) -> None:
    bare = undefended(network)
    errors = {each.key: error_of(each.key, bare, test) for each in SERIES if each.key != "more"}
    assert errors["noise"] < errors["fgsm"] < errors["pgd"] and errors["square"] < errors["pgd"]
    assert symptoms(errors, 1.0) == []


def test_an_attack_of_the_series_is_the_one_it_says(network: DigitNetwork, test: Digits) -> None:
    x, y = test[:10].images, test.labels[:10]
    by = {each.key: each.launch for each in SERIES}
    bare, ball = undefended(network), Linf(0.1)
    one = run(by["fgsm"](bare, network, x, y, ball, 0))
    assert torch.equal(one.delta, run(fgsm(network, x, ball, Untargeted(y), quantize=False)).delta)
    many = run(by["pgd"](bare, network, x, y, ball, 0))
    again = run(pgd(network, x, ball, Untargeted(y), steps=40, step_size=0.1 / 16, quantize=False))
    assert torch.allclose(many.delta, again.delta)
    other = checkpoint("noise_025").network
    borrowed = run(by["transfer"](bare, other, x, y, ball, 0))
    assert F.cross_entropy(other(borrowed.adversarial), y) > F.cross_entropy(other(x), y)


@pytest.mark.parametrize(
    ("errors", "at_any", "told"),
    [
        ({"noise": 0.0, "fgsm": 0.3, "pgd": 0.8, "margin": 0.8, "transfer": 0.1, "square": 0.5}, 1.0, 0),
        ({"fgsm": 0.3, "pgd": 0.1}, None, 1),
        ({"pgd": 0.1, "square": 0.5, "transfer": 0.3}, None, 2),
        ({"pgd": 0.5}, 0.5, 1),
        ({"pgd": 0.1, "noise": 0.2}, None, 1),
        ({"pgd": 0.1, "margin": 0.5}, None, 1),
        ({"pgd": 0.66, "margin": 0.73, "fgsm": 0.68, "square": 0.67}, None, 0),  # no two attacks are quite equal
        ({}, None, 0),
    ],
)
def test_symptoms(errors: dict[str, float], at_any: float | None, told: int) -> None:
    assert len(symptoms(errors, at_any)) == told


def test_turned_by_nothing_nothing_changes(network: DigitNetwork, test: Digits) -> None:
    x, y = test[:200].images, test.labels[:200]
    none, half = errors_when_turned(network, x, y, [0, 180])
    assert torch.equal(none, answers(network, x) != y)
    assert float(half.float().mean()) > 0.3
    upright = y[:, None] == torch.tensor([0, 1, 8])  # these look the same upside down
    assert float(half[upright.any(1)].float().mean()) < float(half[~upright.any(1)].float().mean())
