"""The ε that fools half of the digits, against the side of their pictures."""

import pytest
import torch

from adv_core.datasets import mnist
from adv_core.dimension import CONTRASTS, SIDES, Camera, Found, faint, fitted, half_at, measured, resized
from adv_core.images import is_8bit

TRAIN, TEST = mnist("train", (0, 1))[:2000], mnist("test", (0, 1))[:600]


def found(camera: Camera) -> Found:
    *_, last = fitted(camera.pictures(TRAIN.images, 0), TRAIN.labels)
    *_, seen = measured(last.model, camera.pictures(TEST.images, 1), TEST.labels)
    return seen


def test_faint_digits_of_each_side_are_equally_hard_and_follow_the_law() -> None:
    halves = {}
    for side in (4, 7, 14, 28):
        seen = found(faint(side))
        assert 0.06 < seen.error < 0.18 and seen.measured is not None
        assert seen.measured == pytest.approx(seen.predicted, rel=0.15)
        halves[side] = seen.measured * side
    assert max(halves.values()) < 1.6 * min(halves.values())  # ε₅₀ falls as 1/side


def test_plain_digits_with_more_pixels_are_no_easier_to_fool() -> None:
    coarse, fine = found(Camera(7)), found(Camera(28))
    assert coarse.measured is not None and fine.measured is not None and fine.measured > 0.9 * coarse.measured
    for seen in (coarse, fine):
        assert seen.measured == pytest.approx(seen.predicted, rel=0.15) and seen.error < 0.02


def test_a_classifier_of_coarse_digits_is_one_of_fine_digits() -> None:
    """Spread over the pixels of its block, a weight gives the same scores, with the same ‖θ‖₁."""
    theta = torch.randn(7 * 7, generator=torch.Generator().manual_seed(0))
    fine = resized(theta.view(1, 1, 7, 7), 28).flatten() / 16
    x = TEST[:5].images
    assert torch.allclose(x.flatten(1) @ fine, resized(x, 7).flatten(1) @ theta, atol=1e-4)
    assert float(fine.abs().sum()) == pytest.approx(float(theta.abs().sum()), rel=1e-5)


def test_pictures_have_8_bit_values_and_the_asked_size() -> None:
    for side in SIDES:
        pictures = faint(side).pictures(TEST[:3].images, 0)
        assert pictures.shape == (3, 1, side, side) and is_8bit(pictures)
    assert CONTRASTS.keys() == set(SIDES)
    with pytest.raises(ValueError, match="side has to divide 28 or to be a multiple of it, not 5"):
        resized(TEST[:1].images, 5)


def test_half_lies_between_two_levels() -> None:
    assert half_at([0.1, 0.3, 0.7]) == pytest.approx(1.5 / 255)
    assert half_at([0.1, 0.3]) is None and half_at([0.9]) is None
