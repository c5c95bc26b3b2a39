"""Networks whose gradients draw."""

import numpy as np
import torch

from adv_core.aligned import NAMES, average, input_gradients, judge, l2_robust, nearest, network, push, targets_of
from adv_core.attacks.step import run
from adv_core.datasets import mnist
from adv_core.images import is_8bit
from adv_core.training import wrong_at

REAL, TEST = mnist("train", range(10))[:3000], mnist("test", range(10))[:300]
FEW, TARGET = TEST[:20], targets_of(TEST[:20].labels)


def pushed(name: str, eps: float = 8.0) -> torch.Tensor:
    return run(push(network(name), FEW.images, TARGET, eps), keep_steps=False).adversarial  # type: ignore[arg-type]


def test_the_network_robust_in_l2_makes_real_digits_of_the_target_and_the_ordinary_one_does_not() -> None:
    robust = judge(network("robust_l2"), pushed("robust_l2"), TARGET, REAL)
    ordinary = judge(network("standard"), pushed("standard"), TARGET, REAL)
    assert ordinary.itself > 0.9 and robust.itself > 0.9 and robust.others > 0.7
    assert robust.nearest > 0.6 and ordinary.nearest < 0.4


def test_a_push_stays_in_its_ball_and_has_8_bit_values() -> None:
    x = pushed("standard", 3.0)
    assert is_8bit(x) and float((x - FEW.images).flatten(1).norm(dim=1).max()) <= 3.0 + 1e-5


def test_the_shipped_network_is_as_good_as_its_figures_say() -> None:
    made = l2_robust()
    assert made.figures["radius"] == 2 and made.figures["errors"]["untouched"] < 0.03
    assert float(wrong_at(made.network, TEST.images, TEST.labels).float().mean()) < 0.05


def test_each_network_gives_a_gradient_that_ascends() -> None:
    x, target = FEW.images[:2], TARGET[:2]
    for name in NAMES:
        here = input_gradients(network(name), x, target)
        step = 1e-3 * here.gradient / here.norm.view(-1, 1, 1, 1).clamp_min(1e-9)
        assert (input_gradients(network(name), x + step, target).loss >= here.loss - 1e-4).all()


def test_the_nearest_digit_of_a_digit_is_itself() -> None:
    assert nearest(REAL[:5].images, REAL).tolist() == [0, 1, 2, 3, 4]
    assert np.allclose(average(REAL[:3]).numpy(), REAL[:3].images.mean(0, keepdim=True).numpy(), atol=0.5 / 255 + 1e-6)


def test_targets_are_other_classes() -> None:
    assert (FEW.labels != TARGET).all() and torch.equal(TARGET, targets_of(FEW.labels))
