"""Stickers of black and white squares, the search for them, and the octagon of the poster."""

import numpy as np
import pytest
import torch
from torch import Tensor

from adv_core import Targeted, run
from adv_core.signs.driving import SignBox
from adv_core.signs.stickers import (
    BARE,
    BLACK,
    GRID,
    OCTAGON,
    ROWS,
    WHITE,
    Stickered,
    Where,
    allowed,
    covered,
    most_squares,
    octagon,
    photographed,
    places,
    squares_of,
    stick,
    with_stickers,
)

BOX = SignBox(10, 20, 10 + 2 * GRID, 20 + 3 * GRID)
SOME = np.full((GRID, GRID), BARE, np.uint8)
SOME[5, 12:16], SOME[25, 20] = [BLACK, WHITE, WHITE, BLACK], WHITE


def test_each_square_has_its_own_pixels() -> None:
    index = places(BOX, 150, 100)
    assert index.shape == (150, 100) and sorted(index.unique().tolist()) == list(range(-1, GRID**2))
    assert all(int((index == square).sum()) == 6 for square in (0, 500, GRID**2 - 1))  # 2 by 3 pixels
    rows, columns = (index == 7 * GRID + 8).nonzero().unbind(1)
    assert rows.min() == 20 + 3 * 7 and columns.min() == 10 + 2 * 8


def test_shares_are_those_of_the_octagon() -> None:
    mask = octagon(BOX, 150, 100)
    assert mask.sum() == pytest.approx(OCTAGON * 64 * 96, rel=0.01)
    assert not mask[20, 10] and mask[20 + 48, 10] and mask[20 + 48, 10 + 32]
    assert covered(SOME) == pytest.approx(5 * 6 / mask.sum(), rel=0.01)
    assert most_squares(0.05) == 42 and most_squares(0.05) / (GRID**2 * OCTAGON) <= 0.05


@pytest.mark.parametrize("where", ROWS)
def test_allowed_squares_lie_on_the_sign(where: Where) -> None:
    spots = allowed(where)
    assert spots.any() and not spots[0, 0] and not spots[-1, -1]
    if where != "anywhere":
        assert not spots[13:19].any() and spots[:13].any() and spots[19:].any()


def test_stickers_change_their_squares_alone_and_the_network_sees_the_saved_picture() -> None:
    pixels = np.random.default_rng(0).integers(1, 255, (150, 100, 3)).astype(np.uint8)
    saved = with_stickers(pixels, BOX, SOME)
    x = torch.from_numpy(pixels / 255).float().permute(2, 0, 1)[None]
    seen: list[Tensor] = []

    def network(picture: Tensor) -> Tensor:
        seen.append(picture)
        return picture.flatten(1)[:, :2]

    presence = torch.from_numpy(np.stack([SOME == BLACK, SOME == WHITE]))[None].float()
    Stickered(network, x, BOX)(presence)
    assert np.array_equal((seen[0][0] * 255).round().byte().permute(1, 2, 0).numpy(), saved)
    there = np.isin(places(BOX, 150, 100).numpy(), np.flatnonzero(SOME.flatten() != BARE))
    assert there.sum() == 30 and np.array_equal((saved != pixels).any(2), there)
    assert set(np.unique(saved[there])) == {BLACK, WHITE}
    assert set(np.unique(with_stickers(pixels, BOX, SOME, 128)[there])) == {128}
    assert np.array_equal(squares_of(presence), SOME)


def test_the_search_finds_the_squares_that_matter() -> None:
    x, index = torch.full((1, 3, 150, 100), 0.5), places(BOX, 150, 100)
    signs = torch.from_numpy(np.where(SOME == WHITE, 1.0, np.where(SOME == BLACK, -1.0, 0.0))).float().flatten()
    weights = torch.where(index >= 0, signs[index.clamp_min(0)], 0)

    def network(seen: Tensor) -> Tensor:
        """Class 1 likes the stickers above, each on its own square."""
        score = 0.01 * (weights * (seen - 0.5).mean(1)).sum((1, 2))
        return torch.stack([-score, score], 1)

    spots = allowed("band")
    found = [squares_of(step.delta) for step in stick(Stickered(network, x, BOX), spots, Targeted(1), most=5, steps=12)]
    assert len(found) == 13 and (found[0] == BARE).all() and np.array_equal(found[-1], SOME)
    assert all((each != BARE).sum() <= 8 and not (each != BARE)[~spots].any() for each in found)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_short_search_keeps_the_limit_too(steps: int) -> None:
    x = torch.rand(1, 3, 150, 100, generator=torch.Generator().manual_seed(0))
    network = Stickered(lambda seen: 3 * seen.flatten(1)[:, ::99], x, BOX)
    last = run(stick(network, allowed("bars"), Targeted(3), most=7, steps=steps), keep_steps=False)
    assert 0 < (squares_of(last.delta) != BARE).sum() <= 7


def test_a_search_for_nothing_is_refused() -> None:
    x = torch.zeros(1, 3, 150, 100)
    with pytest.raises(ValueError, match="at least one sticker"):
        next(stick(Stickered(lambda seen: seen.flatten(1), x, BOX), allowed("band"), Targeted(1), most=0, steps=1))


def test_no_sticker_touches_the_edge_of_the_photograph() -> None:
    inside = photographed(SignBox(-8, 0, 88, 96), 96, 80)
    assert not inside[:, :3].any() and not inside[0].any() and not inside[:, -3:].any()
    assert inside[1:-1, 3:-3].all() and photographed(SignBox(10, 10, 74, 74), 84, 84).all()
