"""Views of a sign from the road."""

import math

import pytest
import torch

from adv_core.signs.driving import (
    ABOVE,
    ASIDE,
    FAR,
    NEAR,
    SIDE,
    DriveBy,
    SignBox,
    angle,
    drive,
    places,
    sign_pixels,
)
from adv_core.transforms.expectation import Transformed

BOX = SignBox(20, 30, 80, 90)


def photograph(side: int = 120) -> torch.Tensor:
    """Noise, with smooth parts, (1, 3, side, side)."""
    x = torch.rand(1, 3, 15, 15, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(x, (side, side), mode="bilinear")


def test_the_size_and_the_angle_are_those_of_a_pinhole_camera() -> None:
    assert 19 < sign_pixels(FAR) < 21 and 130 < sign_pixels(NEAR) < 160
    assert angle(NEAR) == pytest.approx(math.degrees(math.atan(math.hypot(ASIDE, ABOVE) / NEAR)))
    assert angle(FAR) < 5 < angle(NEAR)
    zero = torch.zeros(1, dtype=torch.float64)
    assert all(float(each.abs()) < 1e-9 for each in places(20, ASIDE, 3, zero, zero))
    # One pixel beside the middle is as wide as the distance says, seen from the front.
    right, down = places(30, 1e-6, 0, zero + 1, zero)
    assert float(right) == pytest.approx(1 / sign_pixels(30, 1e-6), rel=2e-3) and abs(float(down)) < 1e-3


def test_a_frame_has_8_bits_and_depends_on_its_own_numbers_only() -> None:
    view, x = DriveBy(BOX), photograph()
    draws = drive(4, 3)
    frames = view.at(x, *draws)
    assert frames.shape == (4, 3, SIDE, SIDE) and torch.equal((frames * 255).round() / 255, frames)
    alone = view.at(x, *(each[2:3] for each in draws))
    assert torch.equal(alone, frames[2:3]) and not torch.equal(frames[1], frames[2])
    assert torch.equal(view.at(x, *drive(4, 3)), frames) and not torch.equal(view.at(x, *drive(4, 4)), frames)
    assert drive(4, 3)[0].tolist() == pytest.approx([FAR, FAR - 35 / 3, FAR - 70 / 3, NEAR])


def test_the_near_sign_fills_the_box_and_a_far_one_is_coarser() -> None:
    x = torch.zeros(1, 3, 240, 240)
    x[..., 60:180, 60:180] = 1
    x[..., 60:180:4, 60:180] = 0  # stripes
    view = DriveBy(SignBox(60, 60, 180, 180), steady=1)
    near, far = view.at(x, 5.0, 0.0, around=1.0), view.at(x, 40.0, 0.0, around=1.0)
    assert near[..., 12:36, 12:36].std() > 2 * far[..., 12:36, 12:36].std()
    wide = view.at(x, 20.0, 0.0, around=2.0)
    assert wide[..., :8, :].mean() < 0.05 and wide[..., 20:28, 20:28].mean() > 0.6


def test_the_gradient_reaches_the_photograph() -> None:
    x = photograph().requires_grad_(True)
    DriveBy(BOX)(x.expand(3, -1, -1, -1), torch.Generator().manual_seed(0)).mean().backward()
    assert x.grad is not None and float(x.grad[..., 50:60, 40:50].abs().sum()) > 0


def test_a_sign_at_the_edge_of_its_photograph_is_seen_whole() -> None:
    frames = DriveBy(SignBox(-10, -10, 50, 50)).at(photograph(), *drive(3, 0))
    assert bool(frames.isfinite().all())


def test_it_is_a_transform_for_expectations() -> None:
    x = photograph()
    mean = Transformed(lambda seen: seen.flatten(1)[:, :5], [DriveBy(BOX)], samples=3, seed=1)
    assert mean(x).shape == (1, 5)


@pytest.mark.parametrize("box", [SignBox(0, 0, 4, 40), SignBox(0, 0, float("nan"), 40), SignBox(9, 9, 0, 0)])
def test_a_box_without_an_area_is_refused(box: SignBox) -> None:
    with pytest.raises(ValueError, match=r"box of the sign|right has to"):
        box.check()
