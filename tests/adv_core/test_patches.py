"""Glasses, stickers and patches: masks, pasting, prices."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import run
from adv_core.objectives import ExpectedTargeted, Targeted, Untargeted
from adv_core.patches import (
    Costly,
    Pasted,
    Place,
    Priced,
    glasses,
    paste,
    printable_colours,
    random_places,
    roughness,
    stickers,
    unprintable,
)
from adv_core.perturbation_sets import Box, Masked


def noise(n: int, side: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


class Network(nn.Module):
    """A small convolution network, 5 classes."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(3)
        self.first = torch.randn(6, 3, 3, 3, generator=draw).to(dtype)
        self.second = torch.randn(5, 6, generator=draw).to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        features = torch.nn.functional.conv2d(x - 0.5, self.first, padding=1).tanh()
        return features.mean((2, 3)) @ self.second.T * 10


# --------------------------------------------------------------------------------------------------------------- masks


@pytest.mark.parametrize("thing", [glasses, stickers])
def test_a_thing_turns_and_grows_with_its_points(thing) -> None:  # type: ignore[no-untyped-def]
    level = thing((0.3, 0.5), (0.7, 0.5), 100, 100)
    assert level.shape == (100, 100) and level.dtype == bool
    assert np.array_equal(level, level[:, ::-1])  # both eyes alike
    upright = thing((0.5, 0.3), (0.5, 0.7), 100, 100)
    assert np.array_equal(upright, np.rot90(level, -1))
    assert 0.2 < thing((0.4, 0.5), (0.6, 0.5), 100, 100).sum() / level.sum() < 0.3  # half as wide: a quarter
    assert thing((0.3, 0.5), (0.7, 0.5), 100, 100, 1.3).sum() > level.sum()


def test_one_can_look_through_glasses() -> None:
    mask = glasses((0.3, 0.5), (0.7, 0.5), 100, 100)
    assert not mask[50, 30] and not mask[50, 70] and mask[47, 50]


def test_points_on_top_of_each_other_are_no_disaster() -> None:
    assert glasses((0.5, 0.5), (0.5, 0.5), 50, 50).sum() < 100


def test_nothing_outside_the_mask_moves_by_a_single_bit() -> None:
    x = (noise(1, 24) * 255).round() / 255
    mask = torch.from_numpy(glasses((0.3, 0.5), (0.7, 0.5), 24, 24))
    result = run(pgd(Network(), x, Masked(Box(), mask), Untargeted(0), steps=5, step_size=0.1)).adversarial
    assert torch.equal(result[..., ~mask], x[..., ~mask]) and not torch.equal(result, x)


# -------------------------------------------------------------------------------------------------------------- pasting


def test_pasting_straight_is_pasting_pixels() -> None:
    patch, x = noise(1, 8), noise(2, 32, 1)
    places = [Place((3 + 4) / 32, (10 + 4) / 32, 8 / 32), Place((20 + 4) / 32, (24 + 4) / 32, 8 / 32)]
    expected = x.clone()
    expected[0, :, 10:18, 3:11] = patch[0]
    expected[1, :, 24:32, 20:28] = patch[0]
    assert torch.equal(paste(patch, x, places, "square"), expected)


def test_a_quarter_turn_turns_the_patch_counter_clockwise() -> None:
    patch, x = noise(1, 8), noise(1, 32, 1)
    seen = paste(patch, x, [Place(0.5, 0.5, 0.25, 90)], "square")
    assert torch.allclose(seen[..., 12:20, 12:20], patch.rot90(1, (2, 3)), atol=1e-6)


def test_a_round_patch_leaves_its_corners_alone() -> None:
    patch, x = torch.ones(1, 3, 8, 8), torch.zeros(1, 3, 32, 32)
    seen = paste(patch, x, [Place(0.5, 0.5, 0.5)])
    assert seen[0, 0, 16, 16] == 1 and seen[0, 0, 8, 8] == 0 and 0.7 < seen[0, 0].sum() / 256 < 0.85


def test_pasting_is_differentiable_in_patch_and_picture() -> None:
    patch, x = noise(1, 5, 0, torch.float64).requires_grad_(), noise(2, 9, 1, torch.float64).requires_grad_()
    places = [Place(0.4, 0.6, 0.5, 33), Place(0.6, 0.3, 0.7, -80)]
    assert torch.autograd.gradcheck(lambda p, x: paste(p, x, places), (patch, x))


def test_one_picture_serves_all_places_and_too_few_places_are_refused() -> None:
    patch, x = noise(1, 4), noise(1, 16)
    assert paste(patch, x, [Place(), Place(0.2), Place(0.8)]).shape == (3, 3, 16, 16)
    with pytest.raises(ValueError, match="places"):
        paste(patch, noise(2, 16), [Place()])


def test_random_places_lie_within_the_picture() -> None:
    for place in random_places(200, 0.3, 0.6, 20, torch.Generator().manual_seed(0)):
        place.check()
        assert 0.3 <= place.size <= 0.6 and abs(place.angle) <= 20
        for middle in (place.across, place.down):
            assert place.size / 2 - 1e-9 <= middle <= 1 - place.size / 2 + 1e-9
    with pytest.raises(ValueError, match="across has to lie in"):
        Place(3).check()


def test_a_patch_for_all_gets_better_and_is_the_mean_over_its_views() -> None:
    photographs = noise(4, 24, 2)
    network = Network()
    pasted = Pasted(network, photographs, views=4, low=0.9, high=0.9, degrees=0)
    start = torch.full((1, 3, 12, 12), 0.5)
    result = run(pgd(pasted, start, Box(), ExpectedTargeted(2), steps=30, step_size=0.05))
    assert float(result.steps[-1].loss) > float(result.steps[0].loss) + 0.5
    places = random_places(4, 0.9, 0.9, 0, torch.Generator())
    chosen = Pasted(network, photographs[:1], views=1, low=0.9, high=0.9, degrees=0, seed=5)
    generator = torch.Generator().manual_seed(5)
    torch.randperm(1, generator=generator)
    places = random_places(1, 0.9, 0.9, 0, generator)
    expected = network(paste(start, photographs[:1], places)).log_softmax(1)
    assert torch.equal(chosen(start), expected)


# --------------------------------------------------------------------------------------------------------------- prices


def test_smooth_is_smooth_and_ink_is_ink() -> None:
    mask = torch.ones(6, 6, dtype=torch.bool)
    colours = printable_colours()
    assert colours.shape == (27, 3) and bool(((colours >= 0) & (colours <= 1)).all())
    flat = colours[5].reshape(1, 3, 1, 1).expand(1, 3, 6, 6)
    assert float(roughness(flat, mask)) == 0 and float(unprintable(flat, mask)) == pytest.approx(0, abs=1e-6)
    board = torch.zeros(1, 3, 6, 6)
    board[..., ::2, ::2] = board[..., 1::2, 1::2] = 1
    assert float(roughness(board, mask)) == 1
    green = torch.tensor([0.0, 1.0, 0.0]).reshape(1, 3, 1, 1).expand(1, 3, 6, 6)
    expected = (colours - torch.tensor([0.0, 1.0, 0.0])).norm(dim=1).min()
    assert float(unprintable(green, mask)) == pytest.approx(float(expected), abs=1e-6)


def test_prices_count_within_the_mask_only() -> None:
    mask = torch.zeros(6, 6, dtype=torch.bool)
    assert float(roughness(noise(1, 6), mask)) == 0 and float(unprintable(noise(1, 6), mask)) == 0
    mask[2:4, 2:4] = True
    x = noise(1, 6)
    other = torch.where(mask, x, 0.3)
    assert torch.equal(roughness(x, mask), roughness(other, mask))
    assert torch.equal(unprintable(x, mask), unprintable(other, mask))


def test_what_costs_is_bought_less() -> None:
    x = (noise(1, 16) * 0.2 + 0.4) * 255 // 1 / 255
    mask = torch.from_numpy(stickers((0.3, 0.5), (0.7, 0.5), 16, 16))
    found = []
    for price in (0.0, 20.0):
        objective = Costly(Targeted(1), price, price)
        *_, last = pgd(Priced(Network(), mask), x, Masked(Box(), mask), objective, steps=20, step_size=0.05)
        found.append(last.logits[0, -2:])
    assert float(found[1][0]) < float(found[0][0]) and float(found[1].sum()) < float(found[0].sum())
    objective = Costly(Targeted(1), 2.0, 3.0)
    logits = Priced(Network(), mask)(x)
    expected = Targeted(1)(logits[:, :-2]) - 2 * logits[:, -2] - 3 * logits[:, -1]
    assert torch.allclose(objective(logits), expected)
    assert torch.equal(objective.reached(logits), Targeted(1).reached(logits[:, :-2]))
    assert objective.rows(torch.tensor([0])).smooth == 2.0
