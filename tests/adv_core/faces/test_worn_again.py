"""The same glasses on another photograph."""

import numpy as np
import torch

from adv_core.faces import WornAgain
from adv_core.images import from_pixels, to_pixels
from adv_core.patches import glasses

EYES = ((0.3, 0.4), (0.6, 0.4))


def painted() -> tuple[np.ndarray, np.ndarray]:
    """A photograph of noise, and the mask of its glasses."""
    return np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8), glasses(*EYES, 120, 160)


def test_on_the_same_photograph_they_are_the_same() -> None:
    pixels, mask = painted()
    again = WornAgain(mask, EYES, np.zeros_like(pixels), EYES)
    worn = to_pixels(again(from_pixels(pixels)))
    assert np.array_equal(again.there, mask)
    assert np.array_equal(worn[mask], pixels[mask]) and not worn[~mask].any()


def test_they_are_turned_with_the_eyes() -> None:
    """Eyes above each other: the photograph turned by a right angle, clockwise."""
    pixels, mask = painted()
    turned = np.rot90(pixels, -1)
    eyes = tuple((1 - v, u) for u, v in EYES)
    again = WornAgain(mask, EYES, np.zeros((160, 120, 3), np.uint8), eyes)  # type: ignore[arg-type]
    worn = to_pixels(again(from_pixels(pixels)))
    inside = again.there & np.rot90(mask, -1)
    assert inside.sum() > 0.9 * mask.sum()
    assert np.abs(worn[inside].astype(int) - turned[inside]).max() <= 2


def test_smaller_ones_keep_their_mean_colour_to_the_rim() -> None:
    pixels, mask = np.full((120, 160, 3), (200, 100, 50), np.uint8), glasses(*EYES, 120, 160)
    pixels[~mask] = 0
    onto = np.full((60, 80, 3), 9, np.uint8)
    again = WornAgain(mask, EYES, onto, EYES)
    worn = to_pixels(again(from_pixels(pixels)))
    assert np.abs(worn[again.there].astype(int) - (200, 100, 50)).max() <= 1
    assert (worn[~again.there] == 9).all() and 0.2 * mask.sum() < again.there.sum() < 0.3 * mask.sum()


def test_the_gradient_reaches_the_glasses_alone() -> None:
    pixels, mask = painted()
    x = from_pixels(pixels).requires_grad_()
    again = WornAgain(mask, EYES, np.zeros((200, 150, 3), np.uint8), ((0.4, 0.5), (0.7, 0.6)))
    (gradient,) = torch.autograd.grad(again(x).sum(), x)
    touched = gradient.abs().sum(1)[0] > 0
    assert touched.any() and not touched[~torch.from_numpy(mask)].any()
