import math

import pytest
import torch
from torch import Tensor

from adv_core import L2, Custom, Linf, PerturbationSet, Untargeted, run
from adv_core.attacks.hop_skip_jump import hop_skip_jump
from adv_core.datasets import mnist
from adv_core.images import is_8bit
from adv_core.networks.digit_network import checkpoint


class Labels:
    """A linear classifier of 8 x 8 pictures that gives away nothing but the label; counts the pictures it is shown."""

    def __init__(self) -> None:
        self.weight = torch.randn(192, 2, generator=torch.Generator().manual_seed(0))
        self.shown = 0

    def score(self, x: Tensor) -> Tensor:
        return (x - 0.5).flatten(1) @ self.weight

    def __call__(self, x: Tensor) -> Tensor:
        self.shown += len(x)
        return torch.nn.functional.one_hot(self.score(x).argmax(1), 2).float() * 2 - 1


def pictures(rows: int = 3) -> Tensor:
    return torch.randint(60, 190, (rows, 3, 8, 8), generator=torch.Generator().manual_seed(1)).float() / 255


@pytest.mark.parametrize(("ball", "most"), [(L2(math.inf), 1.1), (Linf(math.inf), 1.3)], ids=["L2", "Linf"])
def test_it_comes_near_the_distance_of_a_linear_boundary(ball: PerturbationSet, most: float) -> None:
    model, x = Labels(), pictures()
    y = model.score(x).argmax(1)
    gap = (model.score(x)[:, 0] - model.score(x)[:, 1]).abs()
    w = model.weight[:, 0] - model.weight[:, 1]
    best = gap / (w.norm() if isinstance(ball, L2) else w.abs().sum())
    result = run(hop_skip_jump(model, x, ball, Untargeted(y), queries=5000, quantize=False))
    assert bool((model.score(result.adversarial).argmax(1) != y).all())
    ratio = ball.norm(result.delta) / best
    assert bool((ratio >= 1 - 1e-4).all()) and bool((ratio <= most).all())


@pytest.mark.parametrize("queries", [1, 2, 9, 150, 700])
def test_it_asks_no_more_than_it_may(queries: int) -> None:
    model, x = Labels(), pictures()
    y = model.score(x).argmax(1)
    steps = list(hop_skip_jump(model, x, L2(math.inf), Untargeted(y), queries=queries))
    assert model.shown <= 3 * queries  # before anybody has asked for a step's logits
    assert model.shown == 3 * (steps[-1].index + 1)
    assert [s.index for s in steps] == sorted(s.index for s in steps) and steps[-1].final


def test_the_end_is_an_8_bit_picture_that_fools_and_the_way_there_gets_shorter() -> None:
    model, x = Labels(), pictures()
    y = model.score(x).argmax(1)
    result = run(hop_skip_jump(model, x, L2(math.inf), Untargeted(y), queries=800))
    assert is_8bit(result.adversarial) and bool((model.score(result.adversarial).argmax(1) != y).all())
    sizes = torch.stack([L2(1.0).norm(step.delta) for step in result.steps[1:-1]])
    assert bool((sizes.diff(dim=0) <= 1e-6).all())


def test_a_radius_holds_and_a_row_that_is_fooled_already_stays_as_it_is() -> None:
    model, x = Labels(), pictures()
    y = model.score(x).argmax(1)
    wrong = torch.stack([1 - y[0], y[1], y[2]])
    result = run(hop_skip_jump(model, x, L2(0.01), Untargeted(wrong), queries=300))
    assert float(result.delta[0].abs().max()) == 0
    assert bool((L2(0.01).norm(result.delta) <= 0.01 + 3e-8).all())


def test_what_it_refuses() -> None:
    x = pictures()
    never = Custom(lambda logits: logits[:, 0], lambda logits: torch.zeros(len(logits), dtype=torch.bool))
    with pytest.raises(ValueError, match="query"):
        run(hop_skip_jump(Labels(), x, L2(1.0), never, queries=0))
    with pytest.raises(ValueError, match="norm"):
        from adv_core import L1

        run(hop_skip_jump(Labels(), x, L1(1.0), never))
    result = run(hop_skip_jump(Labels(), x, L2(1.0), never, queries=60))  # no random picture reaches the aim
    assert float(result.delta.abs().max()) == 0


def test_on_a_network_its_random_points_lie_on_both_sides_of_the_boundary() -> None:
    digits = mnist("test", range(10))[:12]
    network, aim = checkpoint("standard").network, Untargeted(digits.labels)
    steps = list(hop_skip_jump(network, digits.images, Linf(math.inf), aim, queries=900))
    start, end = (float(steps[place].delta.flatten(1).abs().amax(1).median()) for place in (1, -1))
    assert end < 0.75 * start
