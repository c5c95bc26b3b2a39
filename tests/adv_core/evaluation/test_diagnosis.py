"""The warnings: each on a classifier that deserves it, and none on one that hides nothing."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from adv_core import Linf
from adv_core.datasets import Digits, mnist
from adv_core.defences.masking import Quantized, Saturated
from adv_core.evaluation import Budget, Evaluation, evaluate, judged
from adv_core.networks.digit_network import checkpoint

SMALL = Budget(steps=10, targets=2, queries=30)


@pytest.fixture(scope="module")
def digits() -> Digits:
    return mnist("test", range(10))[:40]


def network(name: str = "standard") -> nn.Module:
    return checkpoint(name).network


def keys(digits: Digits, classifier: Callable[[Tensor], Tensor], eps: float = 0.1, **options: object) -> set[str]:
    return {finding.key for finding in verdict(digits, classifier, eps, **options).findings}


def verdict(digits: Digits, classifier: Callable[[Tensor], Tensor], eps: float, **options: object) -> Evaluation:
    given = {"budget": SMALL, "attacks": ["apgd-ce", "apgd-t"], "diagnose": 40} | options
    return judged(evaluate(classifier, digits.images, digits.labels, Linf(eps), **given))  # type: ignore[arg-type]


class WithDropout(nn.Module):
    def __init__(self, *, always: bool = False) -> None:
        super().__init__()
        self.body, self.dropout, self.always = network(), nn.Dropout(0.3), always

    def forward(self, x: Tensor) -> Tensor:
        if self.always:
            x = nn.functional.dropout(x, 0.3, training=True)
        logits: Tensor = self.body(self.dropout(x))
        return logits


@pytest.mark.parametrize("name", ["standard", "robust_01"])
def test_networks_that_hide_nothing_get_no_warning(name: str, digits: Digits) -> None:
    assert keys(digits, network(name), attacks="standard") == set()


def with_numpy(x: Tensor) -> Tensor:
    return torch.from_numpy(network()(torch.from_numpy(x.numpy())).detach().numpy())


@pytest.mark.parametrize(
    ("classifier", "key"),
    [
        (lambda: WithDropout().train(), "train_mode"),
        (lambda: WithDropout(always=True), "random"),
        (lambda: nn.Sequential(network(), nn.Softmax(1)), "probabilities"),
        (lambda: with_numpy, "no_gradient"),
        (lambda: lambda x: network()(x).detach(), "no_gradient"),
        (lambda: Quantized(network()), "zero_gradient"),
        (lambda: Saturated(network(), 50.0), "zero_gradient"),
        (lambda: lambda x: network()(x - x.mean((0, 1, 2, 3), keepdim=True)), "batch"),
        (lambda: lambda x: network()(x) + torch.arange(10.0) * 1e4, "constant"),
        (lambda: lambda x: network()(x).roll(3, 1), "chance"),
        (lambda: Quantized(network(), 2, straight_through=True), "wrong_gradient"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_classifier_that_deserves_it(
    classifier: Callable[[], Callable[[Tensor], Tensor]], key: str, digits: Digits
) -> None:
    assert key in keys(digits, classifier())


def test_a_step_function_cannot_be_broken_anywhere_and_loses_to_answers_alone(digits: Digits) -> None:
    found = keys(digits, Quantized(network(), 2), 0.3, attacks=["apgd-ce", "square"], budget=Budget(20, queries=200))
    assert {"zero_gradient", "unbounded", "black_box", "loss_does_not_rise"} <= found


def test_transfer_beats_a_hidden_gradient(digits: Digits) -> None:
    assert "transfer" in keys(digits, Quantized(network(), 8), surrogate=network())


def test_each_sentence_has_its_measurement(digits: Digits) -> None:
    now = verdict(digits, Quantized(network(), 2), 0.3)
    assert now.warnings and all(any(letter.isdigit() for letter in text) for text in now.warnings)
    assert all(text.endswith(".") for text in now.warnings)


def test_without_a_gradient_only_answers_are_used(digits: Digits) -> None:
    now = verdict(digits, with_numpy, 0.2, attacks="standard", budget=Budget(5, 2, queries=100))
    assert [bool(attack.skipped) for attack in now.attacks] == [True, True, True, False]
    assert now.attacks[3].broke > 0 and now.finished and "left out" in now.table()


def test_a_mean_over_draws_is_less_random(digits: Digits) -> None:
    model = WithDropout(always=True)
    single, mean = (verdict(digits, model, 0.1, eot=eot, attacks=["noise"]) for eot in (1, 16))
    assert mean.forward == 16 * 2 * mean.attacks[0].tried and single.forward == 2 * single.attacks[0].tried
    moved = [next(text for text in now.warnings if "draws at random" in text) for now in (single, mean)]
    assert float(moved[1].split("by up to ")[1].split()[0]) < float(moved[0].split("by up to ")[1].split()[0])
