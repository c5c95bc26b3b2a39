"""Glasses before a second, unrelated recogniser, whose weights are no part of this repository."""

import numpy as np
import pytest
import torch

from adv_core.faces import PEOPLE, find_faces, portrait
from adv_core.faces.distances import crop
from adv_core.images import from_pixels
from bench.faces import NAMES, made_on
from bench.second_recogniser import SAME, SIDE, WEIGHTS, second_recogniser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"no weights of a second face recogniser in {WEIGHTS.parent}"),
]


def described(pixels: np.ndarray) -> torch.Tensor:
    with torch.no_grad():
        return second_recogniser()(crop(from_pixels(pixels), find_faces(pixels)[0], SIDE))[0]


def test_it_tells_people_apart() -> None:
    first, second = (described(portrait(key)) for key in PEOPLE)
    assert first.norm() == pytest.approx(1, abs=1e-5) and (first - second).norm() > SAME
    for key, own in zip(PEOPLE, (first, second), strict=True):
        other = np.ascontiguousarray((0.8 * portrait(key)[:, ::-1]).astype(np.uint8))
        assert (described(other) - own).norm() < 0.6 * SAME


def fooled(told: dict[str, tuple[float, float]]) -> list[str]:
    """The recognisers that take the wearer for the target."""
    return [name for name, (wearer, target) in told.items() if target < min(1, wearer)]


@pytest.mark.parametrize("names", [NAMES[:1], NAMES[1:], NAMES], ids=" and ".join)
def test_glasses_fool_those_that_they_were_made_on(names: tuple[str, ...]) -> None:
    assert fooled(made_on(names, "collins", "hopper")) == list(names)
