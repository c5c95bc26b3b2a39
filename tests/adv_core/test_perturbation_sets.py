import itertools
import math

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from adv_core.images import is_8bit
from adv_core.perturbation_sets import L0, L1, L2, Ball, Box, Linf, Masked, PerturbationSet


def picture(rows: int = 3, seed: int = 0) -> torch.Tensor:
    levels = torch.randint(0, 256, (rows, 3, 16, 16), generator=torch.Generator().manual_seed(seed))
    return levels.float() / 255


def noise(rows: int = 3, seed: int = 1) -> torch.Tensor:
    return torch.randn(rows, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


SETS = [Linf(8 / 255), Linf(0.0), Linf(torch.tensor([1.0, 4.0, 300.0]) / 255), L2(0.5), L2(5.0), L2(100.0), L2(0.0)]
SETS.append(L2(torch.tensor([0.1, 1.0, 20.0])))


@pytest.mark.parametrize("ball", SETS, ids=str)
def test_projection_is_feasible_to_the_bit_and_idempotent(ball: PerturbationSet) -> None:
    x = picture()
    delta = ball.project(noise(), x)
    radius = torch.as_tensor(ball.eps, dtype=torch.float32)
    assert bool((ball.norm(delta) <= radius).all())
    assert float((x + delta).min()) >= 0 and float((x + delta).max()) <= 1
    torch.testing.assert_close(ball.project(delta, x), delta, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("ball", SETS, ids=str)
def test_no_feasible_point_is_nearer(ball: PerturbationSet) -> None:
    x, v = picture().double(), noise().double()
    nearest = ball.project(v, x)
    for seed in range(20):
        other = ball.project(nearest + 0.1 * noise(seed=seed).double(), x)
        gap = (other - v).flatten(1).norm(dim=1) - (nearest - v).flatten(1).norm(dim=1)
        assert bool((gap >= -1e-5).all())


def test_l2_projection_agrees_with_bisection() -> None:
    x, v, eps = picture().double(), noise().double(), 4.0
    low, high = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    for _ in range(60):
        middle = (low + high) / 2
        fits = (v * middle.view(-1, 1, 1, 1)).clamp(-x, 1 - x).flatten(1).norm(dim=1) <= eps
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    expected = (v * low.view(-1, 1, 1, 1)).clamp(-x, 1 - x)
    torch.testing.assert_close(L2(eps).project(v, x), expected, rtol=1e-5, atol=1e-6)


def test_steepest_steps() -> None:
    g = torch.tensor([[3.0, -4.0, 0.0], [0.0, 0.0, 0.0]])
    assert Linf(1.0).steepest(g, 0.5).tolist() == [[0.5, -0.5, 0.0], [0.0, 0.0, 0.0]]
    torch.testing.assert_close(L2(1.0).steepest(g, 0.5), torch.tensor([[0.3, -0.4, 0.0], [0.0, 0.0, 0.0]]))


@pytest.mark.parametrize("ball", [Linf(8 / 255), L2(2.0)], ids=str)
def test_random_points_are_reproducible_and_inside(ball: PerturbationSet) -> None:
    x = torch.full((4, 3, 16, 16), 0.5)
    before = torch.random.get_rng_state()
    first = ball.random(x, torch.Generator().manual_seed(7))
    assert torch.equal(first, ball.random(x, torch.Generator().manual_seed(7)))
    assert not torch.equal(first, ball.random(x, torch.Generator().manual_seed(8)))
    assert torch.equal(before, torch.random.get_rng_state())
    assert bool((ball.norm(first) <= torch.as_tensor(ball.eps)).all())


def test_l2_points_are_uniform_in_the_ball() -> None:
    x = torch.full((4000, 2), 0.5)
    radii = L2(0.25).norm(L2(0.25).random(x, torch.Generator().manual_seed(0)))
    assert float((radii < 0.125).float().mean()) == pytest.approx(0.25, abs=0.03)  # half the radius, a quarter the area


@pytest.mark.parametrize("k", [1, 2, 4, 8, 16])
def test_linf_quantization_is_exact_for_every_pair_of_levels(k: int) -> None:
    a = torch.arange(256.0)
    x = (a / 255)[:, None].expand(256, 256).reshape(1, 1, 256, 256)
    wanted = (a / 255)[None].expand(256, 256).reshape(1, 1, 256, 256) - x
    delta = Linf(k / 255).quantize(Linf(k / 255).project(wanted, x), x)
    levels = (delta * 255).round()
    assert is_8bit(x + delta)
    assert int(levels.abs().max()) == k
    assert float(delta.abs().max()) <= k / 255 + 2**-23
    # Nearly black pixels may have to give up a level for the sake of an exact sum; all others never do.
    lost = (levels - (wanted * 255).round().clamp(-k, k)).abs()
    assert float((lost > 0).float().mean()) < 0.05
    assert not bool(lost[..., 2 * k + 2 :, :].any())


@pytest.mark.parametrize("eps", [0.2, 1.0, 3.0, 30.0])
def test_l2_quantization_stays_in_the_ball_and_uses_it(eps: float) -> None:
    x = picture()
    delta = L2(eps).project(noise(), x)
    rounded = L2(eps).quantize(delta, x)
    assert is_8bit(x + rounded)
    length = rounded.double().flatten(1).norm(dim=1)
    assert bool((length <= eps).all())
    assert bool((length >= 0.97 * delta.double().flatten(1).norm(dim=1)).all())


def test_points_that_are_no_picture_are_not_rounded() -> None:
    x = torch.full((1, 2), 0.123456)
    delta = torch.tensor([[0.01, -0.02]])
    assert torch.equal(Linf(0.1).quantize(delta, x), delta) and torch.equal(L2(0.1).quantize(delta, x), delta)


@pytest.mark.parametrize("eps", [-0.1, math.nan])
def test_a_radius_is_a_number_and_not_negative(eps: float) -> None:
    with pytest.raises(ValueError, match="ε"):
        Linf(eps)


@pytest.mark.parametrize("kind", [Linf, L2, L1, L0])
def test_a_ball_without_a_limit_leaves_only_the_box(kind: type[Ball]) -> None:
    x = picture()
    torch.testing.assert_close(kind(math.inf).project(noise(), x), noise().clamp(-x, 1 - x))
    if kind is not L0:
        with pytest.raises(ValueError, match="random"):
            kind(math.inf).random(x, torch.Generator())


def test_one_radius_a_row() -> None:
    with pytest.raises(ValueError, match="one value per row"):
        Linf(torch.tensor([0.1, 0.2])).project(noise(3), picture(3))


# ------------------------------------------------------------------------- every set, any point (hypothesis)

KINDS: dict[str, list[PerturbationSet]] = {
    "linf": [Linf(0.1), Linf(0.7)],
    "l2": [L2(0.2), L2(1.0)],
    "l1": [L1(0.3), L1(2.0)],
    "l0": [L0(1), L0(3)],
    "box": [Box()],
    "masked": [Masked(L2(0.5), torch.tensor([True, False] * 3)), Masked(L1(0.5), torch.tensor([False] + [True] * 5))],
}
ALL = [ball for balls in KINDS.values() for ball in balls]
CONVEX = [ball for ball in ALL if not isinstance(ball, L0)]
D = 6
points = hnp.arrays(np.float32, (6, D), elements=st.floats(0, 1, width=32))
anything = hnp.arrays(np.float32, (6, D), elements=st.floats(-3, 3, width=32))
quick = settings(max_examples=20, deadline=None)  # of six points each


def feasible(ball: PerturbationSet, delta: torch.Tensor, x: torch.Tensor) -> bool:
    inside = bool((ball.norm(delta) <= torch.as_tensor(ball.radius)).all())
    return inside and float((x + delta).min()) >= 0 and float((x + delta).max()) <= 1


@pytest.mark.parametrize("ball", ALL, ids=str)
@given(x=points, v=anything)
@quick
def test_projection_is_feasible_and_idempotent(ball: PerturbationSet, x: np.ndarray, v: np.ndarray) -> None:
    at = torch.from_numpy(x)
    delta = ball.project(torch.from_numpy(v), at)
    assert feasible(ball, delta, at)
    torch.testing.assert_close(ball.project(delta, at), delta, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("ball", CONVEX, ids=str)
@given(x=points, v=anything, z=anything)
@quick
def test_the_projection_sees_every_feasible_point_behind_it(
    ball: PerturbationSet, x: np.ndarray, v: np.ndarray, z: np.ndarray
) -> None:
    """⟨v - p, z - p⟩ ≤ 0 for every feasible z says that p is the nearest point of a convex set."""
    at, far = torch.from_numpy(x).double(), torch.from_numpy(v).double()
    p, other = ball.project(far, at), ball.project(torch.from_numpy(z).double(), at)
    if isinstance(ball, Masked):
        far = torch.where(ball.mask, far, 0)
    assert float(((far - p) * (other - p)).sum(1).max()) <= 5e-5


@pytest.mark.parametrize("ball", [L2(0.4), L1(0.6), Linf(0.2)], ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_the_projection_agrees_with_an_optimiser(ball: Ball, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, v = rng.choice([0.0, 0.05, 0.5, 0.95, 1.0], D), rng.normal(size=D)
    eps = float(ball.eps)  # δ = a - b with a, b ≥ 0 makes |δ| smooth
    size = {
        "L2": lambda ab: eps**2 - np.sum((ab[:D] - ab[D:]) ** 2),
        "L1": lambda ab: eps - np.sum(ab),
        "Linf": lambda ab: eps - np.max(ab),
    }[type(ball).__name__]
    constraints = [{"type": "ineq", "fun": size}]
    if isinstance(ball, Linf):
        constraints = []
    room = np.minimum(np.r_[1 - x, x], eps if isinstance(ball, Linf) else 1)
    found = scipy.optimize.minimize(
        lambda ab: np.sum((ab[:D] - ab[D:] - v) ** 2),
        np.full(2 * D, 1e-3).clip(0, room),
        bounds=list(zip(np.zeros(2 * D), room, strict=True)),
        constraints=constraints,
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    ours = ball.project(torch.tensor(v[None]), torch.tensor(x[None]))[0].numpy()
    assert np.sum((ours - v) ** 2) <= found.fun + 1e-5
    np.testing.assert_allclose(ours, found.x[:D] - found.x[D:], atol=2e-3)


@pytest.mark.parametrize("k", [0, 1, 2, 5])
def test_l0_projection_agrees_with_trying_every_choice_of_pixels(k: int) -> None:
    generator = torch.Generator().manual_seed(k)
    x, v = torch.rand(1, 3, 1, 5, generator=generator), torch.randn(1, 3, 1, 5, generator=generator)
    inside = v.clamp(-x, 1 - x)
    best = math.inf
    for chosen in itertools.combinations(range(5), k):
        delta = torch.zeros_like(v)
        delta[..., list(chosen)] = inside[..., list(chosen)]
        best = min(best, float((delta - v).square().sum()))
    ours = L0(k).project(v, x)
    assert float((ours - v).square().sum()) == pytest.approx(best, abs=1e-6) and int(L0(k).norm(ours)) <= k


def test_all_colours_of_a_pixel_count_once() -> None:
    delta = torch.zeros(1, 3, 4, 4)
    delta[0, :, 1, 2] = 0.1
    delta[0, 0, 3, 3] = 0.1
    assert int(L0(5).norm(delta)) == 2


@pytest.mark.parametrize(
    "ball", [Linf(0.3), L2(0.3), L1(0.3), Masked(L2(0.3), torch.ones(D, dtype=torch.bool))], ids=str
)
@given(g=anything)
@quick
def test_no_direction_is_steeper(ball: PerturbationSet, g: np.ndarray) -> None:
    gradient = torch.from_numpy(g).double()
    step = ball.steepest(gradient, 0.5)
    assert bool((ball.norm(step) <= 0.5 + 1e-9).all())
    gain = (gradient * step).sum(1)
    torch.testing.assert_close(gain, 0.5 * ball.dual_norm(gradient), rtol=1e-6, atol=1e-9)
    for seed in range(20):
        v = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(seed)).double()
        v = 0.5 * v / ball.norm(v)[:, None]
        assert bool(((gradient * v).sum(1) <= gain + 1e-6).all())


@pytest.mark.parametrize("ball", ALL, ids=str)
def test_a_zero_direction_gives_zero(ball: PerturbationSet) -> None:
    assert not bool(ball.steepest(torch.zeros(2, D), 0.5).any())


@pytest.mark.parametrize("kind", ["alone", "masked"])
def test_a_step_in_l1_moves_no_value_that_the_box_holds_back(kind: str) -> None:
    x, delta = torch.tensor([[0.0, 1.0, 0.5, 0.5]]), torch.tensor([[0.0, 0.0, 0.5, 0.0]])
    gradient = torch.tensor([[-9.0, 9.0, 9.0, 1.0]])
    ball = L1(1.0) if kind == "alone" else Masked(L1(1.0), torch.ones(4, dtype=torch.bool))
    step = ball.steepest(ball.free(gradient, delta, x), 0.25)
    assert step.tolist() == [[0.0, 0.0, 0.0, 0.25]]
    assert torch.equal(L2(1.0).free(gradient, delta, x), gradient)


@pytest.mark.parametrize("size", [1e-30, 1e30])
@pytest.mark.parametrize("ball", ALL, ids=str)
def test_huge_and_tiny_points(ball: PerturbationSet, size: float) -> None:
    x = torch.rand(2, D, generator=torch.Generator().manual_seed(0))
    v = size * torch.randn(2, D, generator=torch.Generator().manual_seed(1))
    delta, step = ball.project(v, x), ball.steepest(v, 0.1)
    assert feasible(ball, delta, x) and bool(step.isfinite().all())


@pytest.mark.parametrize("ball", [*ALL[:8], Masked(L0(2), torch.tensor([True] * 3 + [False] * 3))], ids=str)
def test_random_points_are_feasible_and_reproducible(ball: PerturbationSet) -> None:
    x = torch.rand(50, D, generator=torch.Generator().manual_seed(0))
    drawn = [ball.random(x, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    assert feasible(ball, drawn[0], x) and bool(drawn[0].any())
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize(("ball", "power"), [(L2(0.3), D), (L1(0.3), D), (Linf(0.3), D)], ids=["l2", "l1", "linf"])
def test_random_points_are_uniform_in_the_ball(ball: Ball, power: int) -> None:
    x = torch.full((4000, D), 0.5)
    share = ball.norm(ball.random(x, torch.Generator().manual_seed(0))) / 0.3
    assert scipy.stats.kstest(share.numpy() ** power, "uniform").pvalue > 0.01  # ‖δ‖ᵈ is uniform in d dimensions


def test_a_masked_random_point_is_uniform_in_what_the_mask_leaves() -> None:
    mask = torch.zeros(3, 8, 8, dtype=torch.bool)
    mask[:, 2, 3] = True
    ball = Masked(L2(0.3), mask)
    share = ball.norm(ball.random(torch.full((2000, 3, 8, 8), 0.5), torch.Generator().manual_seed(0))) / 0.3
    assert scipy.stats.kstest(share.numpy() ** 3, "uniform").pvalue > 0.01


@pytest.mark.parametrize("kind", [Linf, L2, L1, L0])
def test_each_row_has_its_own_radius(kind: type[Ball]) -> None:
    x, v = picture(), noise()
    eps = torch.tensor([0.0, 2.0, 30.0])
    together = kind(eps).project(v, x)
    for row in range(3):
        alone = kind(float(eps[row])).project(v[row : row + 1], x[row : row + 1])
        torch.testing.assert_close(together[row], alone[0], rtol=1e-5, atol=1e-6)
        part = kind(eps).rows(torch.tensor([row])).project(v[row : row + 1], x[row : row + 1])
        torch.testing.assert_close(part, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [L1, L0])
def test_quantization_stays_in_the_ball(kind: type[Ball]) -> None:
    x, eps = picture(), 20.0
    delta = kind(eps).project(noise(), x)
    rounded = kind(eps).quantize(delta, x)
    assert is_8bit(x + rounded) and bool((kind(eps).norm(rounded) <= eps).all()) and bool(rounded.any())


SHAPES = [(16, 16), (3, 16, 16), (1, 16, 16), (3, 1, 16, 16)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("inner", [Linf(0.1), L2(1.0), L1(5.0), L0(9)], ids=str)
def test_nothing_happens_outside_the_mask(inner: Ball, shape: tuple[int, ...]) -> None:
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(0)) < 0.4
    ball, x = Masked(inner, mask), picture()
    outside = ~mask.expand_as(x)
    moves = [
        ball.project(noise(), x),
        ball.steepest(noise(), 0.1),
        ball.random(x, torch.Generator().manual_seed(0)),
        ball.quantize(ball.project(noise(), x), x),
    ]
    for delta in moves:
        assert not bool(delta[outside].any()) and bool(delta.any())
    row = torch.tensor([1])
    torch.testing.assert_close(ball.rows(row).project(noise()[row], x[row]), moves[0][row])


def test_a_mask_has_to_fit() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Masked(Linf(0.1), torch.ones(7, 7)).project(noise(), picture())


def test_the_box_is_a_set_of_its_own() -> None:
    x = picture()
    torch.testing.assert_close(Box().project(10 * noise().sign(), x) + x, (noise() > 0).float())
    with pytest.raises(ValueError, match="no radius"):
        Box().with_radius(0.5)
