"""Random views: their places, their levels, and their seeds."""

import numpy as np
import pytest
import torch

from adv_core.signs.drawing import draw_sign, multiplied
from adv_core.signs.network import SIDE
from adv_core.signs.views import Ranges, corners, occluded, placed_at, views

WHOLE = np.array([[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]])


def test_a_sign_at_the_corners_of_the_view_is_the_drawing() -> None:
    sign = multiplied([draw_sign("stop", 2 * SIDE)]).float() / 255
    placed = placed_at(sign, WHOLE)
    assert torch.allclose(placed, torch.nn.functional.avg_pool2d(sign, 2), atol=1e-3)


def test_a_sign_lies_where_its_corners_are() -> None:
    sign = torch.ones(1, 4, 96, 96)
    placed = placed_at(sign, WHOLE / 2)[0, 3]
    assert placed[:23, :23].min() > 0.99 and placed[25:].max() == placed[:, 25:].max() == 0
    tilted = placed_at(sign, np.array([[(0.0, 0.0), (1.0, 0.25), (1.0, 0.75), (0.0, 1.0)]]))[0, 3]
    assert tilted[:, 1].sum() > 1.5 * tilted[:, -2].sum()


def test_equal_seeds_give_equal_views_of_8_bits() -> None:
    signs = multiplied([draw_sign("stop", 96), draw_sign("yield", 96)]).float() / 255
    behind = torch.full((2, 3, SIDE, SIDE), 0.5)
    first, again, other = (views(signs, behind, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == (2, 3, SIDE, SIDE) and first.min() >= 0 and first.max() <= 1
    assert torch.equal((first * 255).round() / 255, first)


def test_the_ranges_are_kept() -> None:
    places = corners(500, np.random.default_rng(0), Ranges(scale=(0.5, 1), turn=0, tilt=0))
    widths = places[:, 1, 0] - places[:, 0, 0]
    assert widths.min() > 0.45 and widths.max() < 1.08
    assert np.allclose(places[:, 0, 1], places[:, 1, 1])


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_the_views_is_occluded(share: float) -> None:
    x = torch.zeros(8, 3, SIDE, SIDE)
    hidden = occluded(x, x + 1, np.random.default_rng(0), share)
    assert ((hidden - x).abs().amax((1, 2, 3)) > 0.05).float().mean() == share
