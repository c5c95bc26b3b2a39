"""Stickers of black and white squares, and the octagon of the poster."""

import numpy as np
import pytest
import torch

from adv_core import Targeted, pgd, run
from adv_core.perturbation_sets import Box
from adv_core.signs.driving import SignBox
from adv_core.signs.stickers import (
    GRID,
    OCTAGON,
    Bar,
    Stickered,
    grey,
    octagon,
    paint,
    places,
    share,
    with_stickers,
)

BARS = (Bar(6, 6, 2, 5), Bar(24, 20, 1, 3))
BOX = SignBox(10, 20, 10 + 2 * GRID, 20 + 3 * GRID)


def test_each_square_has_its_own_pixels() -> None:
    index = places(BARS, BOX, 150, 100)
    assert index.shape == (150, 100) and sorted(index.unique().tolist()) == list(range(-1, 13))
    assert all(int((index == square).sum()) == 6 for square in range(13))  # 2 by 3 pixels
    rows, columns = (index == 7).nonzero().unbind(1)  # the second row's third square
    assert rows.min() == 20 + 3 * 7 and columns.min() == 10 + 2 * 8


def test_the_share_is_that_of_the_octagon() -> None:
    index, mask = places(BARS, BOX, 150, 100), octagon(BOX, 150, 100)
    assert mask.mean() * 150 * 100 == pytest.approx(OCTAGON * 64 * 96, rel=0.01)
    assert float((index >= 0).sum()) / mask.sum() == pytest.approx(share(BARS), rel=0.01)
    assert not mask[20, 10] and mask[20 + 48, 10] and mask[20 + 48, 10 + 32]


def test_paint_changes_the_squares_alone_and_equals_the_saved_picture() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (150, 100, 3)).astype(np.uint8)
    squares = np.where(np.arange(13) % 2, 255, 0).astype(np.uint8)
    saved = with_stickers(pixels, BARS, BOX, squares)
    x = torch.from_numpy(pixels / 255).float().permute(2, 0, 1)[None]
    index = places(BARS, BOX, 150, 100)
    painted = paint(x, torch.from_numpy(squares / 255).float()[None, None, None], index)
    assert np.array_equal((painted[0] * 255).round().byte().permute(1, 2, 0).numpy(), saved)
    changed = (saved != pixels).any(2)
    assert not changed[index.numpy() < 0].any() and set(np.unique(saved[index.numpy() >= 0])) == {0, 255}
    assert set(np.unique(with_stickers(pixels, BARS, BOX, 128)[index.numpy() >= 0])) == {128}


def test_an_attack_on_the_squares_finds_black_and_white() -> None:
    x, index = torch.full((1, 3, 150, 100), 0.5), places(BARS, BOX, 150, 100)

    def network(seen: torch.Tensor) -> torch.Tensor:
        """Class 1 likes white stickers in the upper half, and black ones below."""
        wanted = seen[:, :, :70].sum((1, 2, 3)) - seen[:, :, 70:].sum((1, 2, 3))
        return torch.stack([-wanted, wanted], 1)

    found = run(pgd(Stickered(network, x, index), grey(BARS), Box(), Targeted(1), steps=10, step_size=0.1))
    assert (found.adversarial.flatten() > 0.5).tolist() == [True] * 10 + [False] * 3


@pytest.mark.parametrize("bar", [Bar(0, 30, 1, 3), Bar(-1, 0, 1, 1), Bar(0, 0, 0, 1)])
def test_a_bar_outside_of_the_sign_is_refused(bar: Bar) -> None:
    with pytest.raises(ValueError, match=r"has to"):
        bar.check()
