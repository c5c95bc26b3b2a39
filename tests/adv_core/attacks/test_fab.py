"""FAB: closed forms on a linear classifier, the projection onto a hyperplane in a box, rows that end early."""

import math

import pytest
import torch
from torch import Tensor

from adv_core import L0, L1, L2, Linf, fab, run
from adv_core.attacks.fab import _onto_hyperplane
from adv_core.datasets import mnist
from adv_core.linear import LinearClassifier
from adv_core.networks.digit_network import checkpoint
from adv_core.perturbation_sets import Ball


def far_from_the_box(rows: int = 6, size: int = 40) -> tuple[LinearClassifier, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    theta = torch.randn(size, generator=generator, dtype=torch.float64)
    x = 0.4 + 0.2 * torch.rand(rows, size, generator=generator, dtype=torch.float64)
    model = LinearClassifier(theta, -theta.sum() / 2)
    return model, x, (model.score(x) > 0).long()


@pytest.mark.parametrize(("ball", "dual"), [(Linf, 1), (L2, 2)], ids=["linf", "l2"])
def test_it_finds_the_distance_to_a_linear_boundary(ball: type[Ball], dual: float) -> None:
    model, x, y = far_from_the_box()
    result = run(fab(model, x, ball(math.inf), y, steps=20, quantize=False))
    distance = model.score(x).abs() / torch.linalg.vector_norm(model.theta, dual)
    assert bool((result.logits.argmax(1) != y).all())
    torch.testing.assert_close(ball(1).norm(result.delta), distance, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("ball", [Linf, L2, L1], ids=["linf", "l2", "l1"])
def test_the_projection_is_the_shortest_way_inside_the_box(ball: type[Ball]) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(50, 30, generator=generator, dtype=torch.float64)
    w = torch.randn(50, 30, generator=generator, dtype=torch.float64)
    reach = torch.where(w > 0, 1 - x, x)
    gap = -(w.abs() * reach).sum(1) * torch.rand(50, generator=generator, dtype=torch.float64)  # it can be reached
    way = _onto_hyperplane(x, w, gap, ball(math.inf))
    torch.testing.assert_close((w * way).sum(1), -gap, rtol=1e-5, atol=1e-8)
    assert float((x + way).min()) >= 0 and float((x + way).max()) <= 1
    # No other point of the hyperplane and the box is nearer: random ones, made by the same projection of other points.
    for _ in range(20):
        other = (x + 0.3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
        there = other + _onto_hyperplane(other, w, gap + (w * (other - x)).sum(1), L2(math.inf))
        assert bool((ball(1).norm(way) <= ball(1).norm(there - x) * (1 + 1e-5)).all())


def test_out_of_reach_every_value_goes_to_its_end() -> None:
    x, w = torch.full((1, 4), 0.5), torch.tensor([[1.0, -1.0, 2.0, 0.0]])
    for ball in (Linf, L2, L1):
        way = _onto_hyperplane(x, w, torch.tensor([-100.0]), ball(math.inf))
        assert way.tolist() == [[0.5, -0.5, 0.5, 0.0]]


def test_a_target_approaches_one_boundary_and_counts_any_class() -> None:
    network, digits = checkpoint("standard").network, mnist("test", range(10))[:20]
    logits = network(digits.images)
    second = logits.scatter(1, digits.labels[:, None], -math.inf).argmax(1)
    ball = L2(math.inf)
    free = run(fab(network, digits.images, ball, digits.labels, steps=30, quantize=False))
    aimed = run(fab(network, digits.images, ball, digits.labels, steps=30, target=second, quantize=False))
    assert bool((aimed.logits.argmax(1) != digits.labels).all())
    assert float(ball.norm(aimed.delta).median()) < 1.2 * float(ball.norm(free.delta).median())


def test_rows_with_enough_end() -> None:
    network, digits = checkpoint("standard").network, mnist("test", range(10))[:20]
    shown = []

    def counting(x: Tensor) -> Tensor:
        shown.append(len(x))
        logits: Tensor = network(x)
        return logits

    result = run(fab(counting, digits.images, Linf(math.inf), digits.labels, steps=30, enough=0.1, quantize=False))
    assert shown[-2] < 20 and sum(shown) < 20 * 60
    length = Linf(1).norm(result.delta)
    assert int((length <= 0.1).sum()) >= 15


def test_errors_are_sentences() -> None:
    model, x, y = far_from_the_box()
    with pytest.raises(ValueError, match="L∞, the L2 and the L1"):
        run(fab(model, x, L0(3), y))
    with pytest.raises(ValueError, match="another target"):
        run(fab(model, x, L2(1), y, target=y))
