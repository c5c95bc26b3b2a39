import math

import pytest
import torch

from adv_core.images import is_8bit
from adv_core.perturbation_sets import L2, Linf, PerturbationSet


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


@pytest.mark.parametrize("eps", [-0.1, math.nan, math.inf])
def test_a_radius_is_finite_and_not_negative(eps: float) -> None:
    with pytest.raises(ValueError, match="ε"):
        Linf(eps)


def test_one_radius_a_row() -> None:
    with pytest.raises(ValueError, match="one value a row"):
        Linf(torch.tensor([0.1, 0.2])).project(noise(3), picture(3))
