"""The closed form against brute force, against the solvers, and the lecture's figures."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from adv_core import Linf, Margin, Untargeted, fgsm, pgd, run
from adv_core.datasets import Digits, mnist
from adv_core.linear import (
    Epoch,
    LinearClassifier,
    UnboxedLinf,
    ball,
    error,
    evidence,
    flips_at,
    mean_worst_loss,
    robust_losses,
    signs,
    slope,
    train,
    worst_case,
    worst_margin,
)

SEEDS = (0, 1, 2)


def small(seed: int, size: int = 6, rows: int = 8) -> tuple[LinearClassifier, Tensor, Tensor]:
    """A model, pixels (rows, size) in [0, 1] with some at the very ends, and labels."""
    generator = torch.Generator().manual_seed(seed)
    model = LinearClassifier(torch.randn(size, generator=generator), torch.randn((), generator=generator))
    x = (torch.rand(rows, size, generator=generator) * 1.6 - 0.3).clamp(0, 1)
    return model, x, torch.randint(0, 2, (rows,), generator=generator)


@pytest.fixture(scope="module")
def digits() -> tuple[Digits, Digits]:
    return mnist("train"), mnist("test")


@pytest.fixture(scope="module")
def courses(digits: tuple[Digits, Digits]) -> dict[int, tuple[list[Epoch], list[Epoch]]]:
    """For every seed the epochs of ordinary and of robust training, as the lesson runs them."""
    data = digits[0]
    return {
        seed: (
            list(train(data.images, data.labels, seed=seed)),
            list(train(data.images, data.labels, eps=0.2, rate=0.1, epochs=20, seed=seed)),
        )
        for seed in SEEDS
    }


def mean_loss(model: LinearClassifier, data: Digits, eps: float, *, box: bool = False) -> float:
    """Over all digits; not all at once, which would take half a gigabyte."""
    parts = [data[first : first + 1000] for first in range(0, len(data), 1000)]
    losses = [robust_losses(model.theta, model.bias, part.images, part.labels, eps, box=box) for part in parts]
    return float(torch.cat(losses).mean())


# ----------------------------------------------------------------------------------------------- the convention


def test_two_logits_say_what_one_score_says() -> None:
    model, x, y = small(0)
    logits, h = model(x), model.score(x)
    assert torch.equal(logits.argmax(1) == 1, h > 0)
    assert torch.allclose(logits.softmax(1)[:, 1], model.probability(x))
    psi = torch.nn.functional.softplus(-signs(y) * h)
    assert torch.allclose(Untargeted(y)(logits), psi) and torch.allclose(Margin(y)(logits), -signs(y) * h)


def test_pictures_and_flat_points_are_the_same() -> None:
    generator = torch.Generator().manual_seed(0)
    model = LinearClassifier(torch.randn(784, generator=generator), 0.5)
    x = torch.rand(3, 1, 28, 28, generator=generator)
    y = torch.tensor([0, 1, 1])
    assert torch.equal(model(x), model(x.flatten(1)))
    assert torch.equal(worst_case(model.theta, y, 0.2, x).flatten(1), worst_case(model.theta, y, 0.2, x.flatten(1)))


# ------------------------------------------------------------------------------- the closed form against brute force


@pytest.mark.parametrize("box", [False, True])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), eps=st.floats(0, 0.7))
def test_no_corner_is_worse(box: bool, seed: int, eps: float) -> None:
    model, x, y = small(seed)
    corners = eps * torch.tensor(list(itertools.product((-1.0, 1.0), repeat=x.shape[1])))
    delta = corners[:, None].expand(-1, *x.shape)
    if box:  # the corners of ball ∩ box
        delta = torch.minimum(torch.maximum(delta, -x), 1 - x)
    best = (signs(y) * ((x + delta) @ model.theta + model.bias)).amin(0)
    ours = worst_margin(model.theta, model.bias, x, y, eps, box=box)
    assert torch.allclose(ours, best, atol=1e-5)
    at_worst = worst_case(model.theta, y, eps, x if box else None)
    assert torch.allclose(signs(y) * model.score(x + at_worst), best, atol=1e-5)
    assert float(at_worst.abs().max()) <= float(torch.tensor(eps))  # as a float32
    if box:
        assert float((x + at_worst).min()) >= 0 and float((x + at_worst).max()) <= 1


@pytest.mark.parametrize("box", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_fgsm_and_pgd_reach_it_exactly(box: bool, seed: int) -> None:
    model, x, y = small(seed, size=30)
    best = worst_case(model.theta, y, 0.3, x if box else None)
    one_step = run(fgsm(model, x, ball(0.3, box=box), Untargeted(y), quantize=False)).delta
    climbed = run(pgd(model, x, ball(0.3, box=box), Untargeted(y), steps=10, quantize=False)).delta
    restarted = run(
        pgd(model, x, ball(0.3, box=box), Margin(y), steps=10, random_start=True, restarts=2, quantize=False)
    ).delta
    for delta in (one_step, climbed, restarted):
        assert torch.equal(delta, best)


def test_radii_row_by_row() -> None:
    model, x, y = small(3)
    eps = torch.linspace(0, 0.5, len(x))
    together = worst_margin(model.theta, model.bias, x, y, eps, box=True)
    one_by_one = [
        worst_margin(model.theta, model.bias, x[i, None], y[i, None], float(e), box=True) for i, e in enumerate(eps)
    ]
    assert torch.allclose(together, torch.cat(one_by_one))
    assert torch.allclose(worst_case(model.theta, y, eps).abs().amax(1), eps)


def test_the_ball_without_the_box() -> None:
    _, x, _ = small(1)
    free = UnboxedLinf(0.4)
    outside = free.project(torch.full_like(x, 2.0), x)
    assert torch.equal(outside, torch.full_like(x, 0.4)) and float((x + outside).max()) > 1
    assert isinstance(ball(0.4, box=False), UnboxedLinf) and type(ball(0.4, box=True)) is Linf
    drawn = free.random(x, torch.Generator().manual_seed(0))
    assert float(drawn.abs().max()) <= 0.4


# ------------------------------------------------------------------------------------------ the robust loss, identity


@pytest.mark.parametrize("box", [False, True])
def test_the_robust_loss_is_the_loss_at_the_worst_point(box: bool) -> None:
    model, x, y = small(2)
    formula = robust_losses(model.theta, model.bias, x, y, 0.25, box=box)
    attacked = Untargeted(y)(model(x + worst_case(model.theta, y, 0.25, x if box else None)))
    assert torch.allclose(formula, attacked, atol=1e-6)
    assert bool((formula >= robust_losses(model.theta, model.bias, x, y, 0.0)).all())


def test_without_the_box_it_is_minus_eps_times_the_l1_norm() -> None:
    model, x, y = small(4)
    plain = worst_margin(model.theta, model.bias, x, y, 0.0)
    robust = worst_margin(model.theta, model.bias, x, y, 0.3)
    assert torch.allclose(plain - robust, torch.full_like(plain, 0.3 * float(model.theta.abs().sum())), atol=1e-6)


@pytest.mark.parametrize("box", [False, True])
def test_its_slope_is_right(box: bool) -> None:
    model, x, y = small(5)
    theta, bias = model.theta.double().requires_grad_(), model.bias.double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda theta, bias: robust_losses(theta, bias, x.double(), y, 0.2, box=box), (theta, bias)
    )


@pytest.mark.parametrize("box", [False, True])
@pytest.mark.parametrize("eps", [0.0, 0.2])
def test_the_slope_of_training_is_that_of_the_robust_loss(eps: float, box: bool) -> None:
    model, x, y = small(8, size=20)
    theta, bias = model.theta.requires_grad_(), model.bias.requires_grad_()
    expected = torch.autograd.grad(robust_losses(theta, bias, x, y, eps, box=box).mean(), (theta, bias))
    plain = theta.detach().numpy(), float(bias.detach())
    to_theta, to_bias = slope(*plain, x.numpy(), signs(y).numpy(), eps, box=box)
    assert torch.allclose(torch.from_numpy(to_theta), expected[0], atol=1e-6)
    assert to_bias == pytest.approx(float(expected[1]), abs=1e-6) and to_theta.dtype == plain[0].dtype


def test_the_slope_of_a_very_sure_model_is_zero() -> None:
    to_theta, to_bias = slope(np.full(2, 500.0, np.float32), 0.0, np.ones((1, 2), np.float32), np.ones(1), 0.0)
    assert not to_theta.any() and to_bias == 0


@pytest.mark.parametrize("box", [False, True])
def test_the_smallest_epsilon_that_turns_a_digit(box: bool) -> None:
    model, x, y = small(6, size=12, rows=40)
    turn = flips_at(model, x, y, box=box)
    wrong = (model(x).argmax(1) != y).tolist()
    assert [float(t) == 0 for t in turn] == wrong and not all(wrong)
    stands = turn.isfinite() & (turn > 0)
    assert bool(stands.any())
    part = (model.theta, model.bias, x[stands], y[stands])
    assert bool((worst_margin(*part, turn[stands] * 0.999, box=box) > 0).all())
    assert bool((worst_margin(*part, turn[stands] * 1.001, box=box) < 0).all())
    assert bool((worst_margin(model.theta, model.bias, x, y, 1.0, box=True)[turn.isinf()] > 0).all())


def test_what_the_box_can_never_turn() -> None:
    model = LinearClassifier(torch.tensor([1.0]), 0.1)  # h > 0 for every picture
    assert math.isinf(flips_at(model, torch.tensor([[0.5]]), torch.tensor([1]), box=True))
    assert flips_at(model, torch.tensor([[0.5]]), torch.tensor([1])).item() == pytest.approx(0.6)


# ------------------------------------------------------------------------------------------------------------- training


@pytest.mark.parametrize("seed", SEEDS)
def test_the_lectures_figures(
    seed: int, courses: dict[int, tuple[list[Epoch], list[Epoch]]], digits: tuple[Digits, Digits]
) -> None:
    test = digits[1]
    standard, robust = (course[-1].model for course in courses[seed])
    assert error(standard, test.images, test.labels) <= 0.0015  # the lecture: 0.0004
    assert 0.78 <= error(standard, test.images, test.labels, 0.2) <= 0.88  # 0.845
    assert 0.020 <= error(robust, test.images, test.labels, 0.2) <= 0.030  # 0.025
    assert error(robust, test.images, test.labels) <= 0.006
    assert 0.40 <= error(standard, test.images, test.labels, 0.2, box=True) <= 0.55
    assert robust.theta.abs().sum() < 0.5 * standard.theta.abs().sum()


def test_training_is_watched_as_it_is(
    courses: dict[int, tuple[list[Epoch], list[Epoch]]], digits: tuple[Digits, Digits]
) -> None:
    data = digits[0]
    for course, eps in zip(courses[0], (0.0, 0.2), strict=True):
        assert [epoch.index for epoch in course] == list(range(len(course)))
        assert course[-1].loss < 0.1 * course[0].loss
        for epoch in (course[0], course[-1]):
            assert mean_loss(epoch.model, data, eps) == pytest.approx(epoch.loss, rel=1e-4)


def test_training_depends_on_its_seed_alone(digits: tuple[Digits, Digits]) -> None:
    x, y = digits[0][:500].images, digits[0].labels[:500]

    def trained(seed: int) -> Tensor:
        return list(train(x, y, epochs=2, seed=seed))[-1].model.theta

    assert torch.equal(trained(1), trained(1)) and not torch.equal(trained(1), trained(2))


def test_training_inside_the_box_gives_up_less(
    courses: dict[int, tuple[list[Epoch], list[Epoch]]], digits: tuple[Digits, Digits]
) -> None:
    data, test = digits
    free = courses[0][1][-1].model
    boxed = list(train(data.images, data.labels, eps=0.2, box=True, rate=0.1, epochs=20))[-1].model
    assert error(boxed, test.images, test.labels) < error(free, test.images, test.labels)
    assert mean_loss(boxed, data, 0.2, box=True) < mean_loss(free, data, 0.2, box=True)


# ------------------------------------------------------------------------------------------- the argument, line by line


@pytest.mark.parametrize("box", [False, True])
def test_every_line_holds(
    box: bool, courses: dict[int, tuple[list[Epoch], list[Epoch]]], digits: tuple[Digits, Digits]
) -> None:
    model, test = courses[0][0][-1].model, digits[1]
    for place in (0, 1):
        seen = evidence(model, test[place].images[None], test.labels[place, None], 0.2, box=box)
        assert seen.out_of_order == 0 and seen.remainder < 1e-4
        assert seen.formula < seen.chance and seen.pixels == 0
        assert seen.fgsm == seen.pgd == seen.formula
        assert seen.bound < seen.formula - 1 if box else seen.bound == pytest.approx(seen.formula, rel=1e-5)
    formula, attacked = mean_worst_loss(model, test.images, test.labels, 0.2, box=box)
    assert formula == pytest.approx(attacked, rel=1e-5)


def test_evidence_can_fail() -> None:
    """The measurements are no tautologies: for a model that is not linear they say so."""

    class Bent(LinearClassifier):
        def score(self, x: Tensor) -> Tensor:
            return super().score(x).sin() * 3

    model, x, _ = small(7, size=20, rows=1)
    seen = evidence(Bent(model.theta * 3, model.bias), x, torch.tensor([1]), 0.6)
    assert seen.remainder > 0.1
