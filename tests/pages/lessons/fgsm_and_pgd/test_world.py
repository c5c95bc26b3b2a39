from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from adv_core.attacks.step import evaluate, input_gradient
from adv_core.objectives import Untargeted
from adv_core.plane import Points, two_moons
from pages.lessons.fgsm_and_pgd.world import (
    UNLIMITED,
    PlaneClassifier,
    ball,
    enough,
    first_steps,
    landscape,
    one_step,
    outline,
    path,
    tally,
    train,
    turn,
    window_around,
    worst_on_grid,
)

NORMS = ("linf", "l2")
EPS = 0.15


@cache
def moons() -> Points:
    return two_moons()


@cache
def classifier(model: str) -> PlaneClassifier:
    return train(moons(), (16, 16) if model == "network" else ())


def inner_points() -> Tensor:
    """Some of the data whose balls lie in the box with all they hold."""
    x = moons().x
    return x[((x > EPS) & (x < 1 - EPS)).all(1)][::20]


def label_of(x: Tensor, model: str = "network") -> int:
    return int(classifier(model)(x[None]).argmax())


def point(x1: float, x2: float) -> Tensor:
    return torch.tensor([x1, x2], dtype=torch.float64)


# --------------------------------------------------------------------------------------------- points and classifiers


def test_moons_come_from_their_seed_alone() -> None:
    state = torch.get_rng_state()
    one, other = two_moons(seed=3), two_moons(seed=3)
    assert torch.equal(one.x, other.x) and not torch.equal(one.x, two_moons(seed=4).x)
    assert torch.equal(torch.get_rng_state(), state)
    assert one.x.min() >= 0 and one.x.max() <= 1 and one.y.bincount().tolist() == [150, 150]


def test_the_network_learns_what_a_line_cannot() -> None:
    data = moons()
    right = {m: float((classifier(m)(data.x).argmax(1) == data.y).double().mean()) for m in ("network", "linear")}
    assert right["network"] > 0.97 and 0.8 < right["linear"] < 0.95


def test_training_repeats_and_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    again = train(moons())
    assert torch.equal(again(moons().x), classifier("network")(moons().x))
    assert torch.equal(torch.get_rng_state(), state)


def test_training_works_where_gradients_are_off() -> None:
    with torch.no_grad():
        assert torch.equal(train(moons(), steps=3)(moons().x), train(moons(), steps=3)(moons().x))


# ------------------------------------------------------------------------------------------------------------ geometry


@pytest.mark.parametrize("norm", NORMS)
def test_fgsm_is_the_limit_of_the_raw_step(norm: str) -> None:
    for x in inner_points():
        label, delta_set = label_of(x), ball(norm, EPS)
        corner = one_step(classifier("network"), x, delta_set, label)
        near, far = first_steps(classifier("network"), x, delta_set, label, [1e-3, UNLIMITED])
        assert np.abs(far - corner).max() < 1e-5
        assert np.abs(near - x.numpy()).max() < 0.01  # a small α hardly moves
    assert len(inner_points()) > 5


def test_fgsm_s_corner_and_its_point_of_the_circle_by_hand() -> None:
    for x in inner_points():
        label = label_of(x)
        g = input_gradient(classifier("network"), x[None], Untargeted(label)).gradient[0].numpy()
        corner = one_step(classifier("network"), x, ball("linf", EPS), label)
        np.testing.assert_allclose(corner, x.numpy() + EPS * np.sign(g), atol=1e-12)
        circle = one_step(classifier("network"), x, ball("l2", EPS), label)
        np.testing.assert_allclose(circle, x.numpy() + EPS * g / np.linalg.norm(g), atol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_enough_is_where_the_raw_step_arrives(norm: str) -> None:
    for x in inner_points():
        label, delta_set = label_of(x), ball(norm, EPS)
        g = input_gradient(classifier("network"), x[None], Untargeted(label)).gradient[0].numpy()
        touch, land = enough(g, EPS, norm)
        alphas = [0.99 * touch, 1.01 * touch, 0.99 * land, 1.01 * land]
        ends = first_steps(classifier("network"), x, delta_set, label, alphas) - x.numpy()
        size = np.abs(ends).max(1) if norm == "linf" else np.linalg.norm(ends, axis=1)
        assert size[0] < 0.995 * EPS and size[1] == pytest.approx(EPS, rel=1e-5)
        corner = one_step(classifier("network"), x, delta_set, label) - x.numpy()
        apart = np.abs(ends - corner).max(1)
        assert apart[2] > 1e-4 and apart[3] < 1e-5


def test_enough_without_a_gradient_is_never() -> None:
    assert enough(np.zeros(2), EPS, "linf") == enough(np.zeros(2), EPS, "l2") == (np.inf, np.inf)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("step", ["steepest", "gradient"])
def test_every_point_is_the_projection_of_where_the_step_went(norm: str, step: str) -> None:
    size = 0.07 if step == "steepest" else 300.0
    projections = 0
    for x in inner_points():
        run = path(
            classifier("network"), x, ball(norm, EPS), label_of(x), steps=8, step_size=size, step=step  # type: ignore[arg-type]
        )  # fmt: skip
        went = run.moved - x.numpy()
        if norm == "linf":
            back = np.clip(went, -EPS, EPS)
        else:
            back = went * np.minimum(1, EPS / np.linalg.norm(went, axis=1, keepdims=True).clip(1e-12))
        np.testing.assert_allclose(run.points[1:], x.numpy() + back, atol=1e-5)
        assert [run.projects(k) for k in range(8)] == (np.abs(back - went).max(1) > 1e-6).tolist()
        projections += sum(run.projects(k) for k in range(8))
    assert projections > 0


def test_a_box_that_cuts_the_ball_holds_too() -> None:
    x = point(0.05, 0.9)
    run = path(classifier("network"), x, ball("linf", EPS), label_of(x), steps=5, step_size=0.3)
    np.testing.assert_allclose(run.points[1:], np.clip(run.moved, [0, 0.75], [0.2, 1]), atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_projected_after_the_last_step_alone(norm: str) -> None:
    x = point(0.38, 0.73)
    run = path(classifier("network"), x, ball(norm, EPS), 0, steps=8, step_size=0.06, projected="last")
    np.testing.assert_allclose(run.points[1:-1], run.moved[:-1], atol=1e-12)
    assert float(ball(norm, EPS).norm(torch.from_numpy(run.points[-2] - x.numpy())[None])) > 1.1 * EPS
    assert float(ball(norm, EPS).norm(torch.from_numpy(run.points[-1] - x.numpy())[None])) <= EPS * (1 + 1e-9)
    assert [run.projects(k) for k in range(8)] == [False] * 7 + [True]


def test_a_path_tells_the_gradients_the_losses_and_the_probabilities_of_its_points() -> None:
    x, h = point(0.4, 0.62), 1e-6
    run = path(classifier("network"), x, ball("linf", EPS), 0, steps=4, step_size=0.04)
    assert run.points.shape == (5, 2) and run.steps == 4 and (run.points[0] == x.numpy()).all()
    np.testing.assert_allclose(run.probabilities, np.exp(-run.losses), rtol=1e-9)
    for at, gradient in zip(run.points, run.gradients, strict=False):
        around = torch.from_numpy(at + h * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]))
        losses = evaluate(classifier("network"), around, Untargeted(0))[1].numpy()
        np.testing.assert_allclose(gradient, (losses[::2] - losses[1::2]) / (2 * h), rtol=1e-4, atol=1e-6)


def test_the_sign_turns_a_direction_by_45_degrees_at_most() -> None:
    assert turn(np.array([3.0, 1.0]), np.array([1.0, 1.0])) == pytest.approx(26.565, abs=1e-3)
    assert turn(np.array([1.0, 0.0]), np.array([-1.0, 0.0])) == 180 and turn(np.zeros(2), np.ones(2)) == 0
    some = np.random.default_rng(0).normal(size=(500, 2))
    turned = [turn(each, np.sign(each)) for each in some]
    assert max(turned) <= 45 + 1e-9 and max(turned) > 44 and min(turned) < 1


# ---------------------------------------------------------------------------------------------------- what is learnt


def test_on_a_straight_hill_one_step_is_all() -> None:
    for x in inner_points():
        label, delta_set = label_of(x, "linear"), ball("linf", EPS)
        many = path(classifier("linear"), x, delta_set, label, steps=40, step_size=EPS / 8)
        np.testing.assert_allclose(many.points[-1], one_step(classifier("linear"), x, delta_set, label), atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_on_a_bent_hill_fgsm_loses(norm: str) -> None:
    x, delta_set = point(0.38, 0.73), ball(norm, EPS)
    one = torch.from_numpy(one_step(classifier("network"), x, delta_set, 0))[None]
    many = path(classifier("network"), x, delta_set, 0, steps=40, step_size=EPS / 8)
    assert many.losses[-1] > float(evaluate(classifier("network"), one, Untargeted(0))[1]) + 5
    assert many.probabilities[-1] < 0.01


def test_the_gradient_carries_the_factor_one_minus_p() -> None:
    x = moons().x
    seen = input_gradient(classifier("network"), x, Untargeted(moons().y))
    doubt = 1 - seen.logits.softmax(1).gather(1, moons().y[:, None])[:, 0]
    y = moons().y[:, None]
    other = input_gradient(classifier("network"), x, lambda z: (z.gather(1, 1 - y) - z.gather(1, y))[:, 0])
    sure = doubt > 1e-7  # where 1 - p has not drowned in rounding
    torch.testing.assert_close(seen.gradient[sure], doubt[sure, None] * other.gradient[sure], rtol=1e-6, atol=0)


@pytest.mark.parametrize("norm", NORMS)
def test_looking_everywhere_finds_as_much_as_pgd_and_stays_in_the_ball(norm: str) -> None:
    x = inner_points()
    y = classifier("network")(x).argmax(1)
    points, losses = worst_on_grid(classifier("network"), x, y, ball(norm, EPS), count=101)
    assert bool((ball(norm, EPS).norm(points - x) <= EPS * (1 + 1e-9)).all())
    for each, label, loss in zip(x, y, losses, strict=True):
        run = path(classifier("network"), each, ball(norm, EPS), int(label), steps=40, step_size=EPS / 8)
        assert run.losses[-1] <= float(loss) + 0.1
    torch.testing.assert_close(losses, evaluate(classifier("network"), points, Untargeted(y))[1])


def test_tally() -> None:
    linear, network = (tally(classifier(m), moons(), ball("linf", EPS)) for m in ("linear", "network"))
    assert linear.one_step == linear.many_steps == linear.anywhere < linear.right < 300
    assert network.one_step < network.many_steps <= network.anywhere <= network.right
    # counted again, one by one
    x, y = moons().x, moons().y
    flipped = sum(
        label_of(torch.from_numpy(one_step(classifier("network"), a, ball("linf", EPS), int(b)))) != int(b)
        for a, b in zip(x, y, strict=True)
        if label_of(a) == int(b)
    )
    assert network.one_step == flipped


# -------------------------------------------------------------------------------------------------- what can be seen


def test_landscape_rows_are_x2_and_columns_x1() -> None:
    land = landscape(classifier("network"), 1, (0.2, 0.6, 0.1, 0.5), count=9)
    assert land.loss.shape == (9, 9) and land.window == (0.2, 0.6, 0.1, 0.5)
    there = torch.tensor([[land.xs[7], land.ys[2]]])
    assert land.loss[2, 7] == pytest.approx(float(evaluate(classifier("network"), there, Untargeted(1))[1]))


@pytest.mark.parametrize("norm", NORMS)
def test_outline_is_the_edge_of_the_ball_in_the_box(norm: str) -> None:
    for x in (point(0.5, 0.5), point(0.03, 0.95)):
        edge = torch.from_numpy(outline(norm, x, 0.2))
        assert torch.allclose(edge[0], edge[-1], atol=1e-12) and edge.min() >= 0 and edge.max() <= 1
        size = ball(norm, 0.2).norm(edge - x)
        on_box = ((edge < 1e-9) | (edge > 1 - 1e-9)).any(1)
        assert bool((size <= 0.2 + 1e-12).all()) and bool(((size > 0.2 - 1e-12) | on_box).all())


def test_window() -> None:
    assert window_around(point(0.5, 0.3), 0.25) == (0.25, 0.75, pytest.approx(0.05), 0.55)
