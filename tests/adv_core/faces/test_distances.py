"""The recogniser, and glasses before it, on the two portraits that come along."""

from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image

from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import run
from adv_core.faces import (
    PEOPLE,
    SAME,
    VIEWS,
    Face,
    FaceDistances,
    describe,
    find_faces,
    in_views,
    portrait,
    recogniser,
)
from adv_core.faces.distances import crop
from adv_core.images import from_pixels, to_pixels
from adv_core.objectives import Impersonation
from adv_core.patches import glasses
from adv_core.perturbation_sets import Box, Masked


@cache
def face_of(key: str) -> Face:
    (face,) = find_faces(portrait(key))
    return face


@cache
def people() -> torch.Tensor:
    return torch.stack([describe(portrait(key), face_of(key)) for key in PEOPLE])


def test_the_same_face_is_near_and_another_one_far() -> None:
    """Mirrored, smaller, darker: still the same person. The threshold is the one that dlib names."""
    for place, key in enumerate(PEOPLE):
        pixels = portrait(key)
        small = np.asarray(Image.fromarray(pixels).resize((pixels.shape[1] // 2, pixels.shape[0] // 2)))
        for other in (pixels[:, ::-1], small, (0.7 * pixels).astype(np.uint8)):
            own = describe(other, find_faces(np.ascontiguousarray(other))[0])
            away = (own - people()).norm(dim=1)
            assert away[place] < 0.4 and away[1 - place] > SAME


def test_a_crop_is_the_part_of_the_photograph() -> None:
    x = from_pixels(portrait("collins"))
    assert torch.equal(crop(x, Face(100, 50, 250, 200)), x[:, :, 50:200, 100:250])
    beyond = crop(x, Face(-75, -75, 75, 75))
    assert torch.equal(beyond[:, :, 75:, 75:], x[:, :, :75, :75])
    assert torch.equal(beyond[:, :, :76, :76], x[:, :, :1, :1].expand(-1, -1, 76, 76))


def test_the_distances_are_those_of_the_descriptors() -> None:
    x = from_pixels(portrait("collins"))
    away = -FaceDistances(people(), face_of("collins"))(x)[0]
    expected = (recogniser()(crop(x, face_of("collins"))) - people()).norm(dim=1)
    torch.testing.assert_close(away, expected)
    assert away[0] < 1e-3 and away[1] > SAME


def test_the_gradient_reaches_the_photograph() -> None:
    x = from_pixels(portrait("collins")).requires_grad_()
    network, face = FaceDistances(people(), face_of("collins"), VIEWS, 1), face_of("collins")
    (gradient,) = torch.autograd.grad(network(x)[0, 1], x)
    inside = gradient[:, :, round(face.top) : round(face.bottom), round(face.left) : round(face.right)].abs().sum()
    assert inside > 0.9 * gradient.abs().sum() > 0


@pytest.mark.slow
def test_painted_glasses_make_one_person_another() -> None:
    """At most 15 % of the face; judged on the 8-bit photograph, detected and cropped anew, and in views."""
    pixels, face = portrait("collins"), face_of("collins")
    height, width = pixels.shape[:2]
    eyes = [(across / width, down / height) for across, down in face.eyes()]
    mask = glasses(*eyes, height, width, 1.2)
    assert mask.sum() < 0.15 * face.area
    network = FaceDistances(people(), face, VIEWS, 2)
    ascent = pgd(
        network,
        from_pixels(pixels),
        Masked(Box(), torch.from_numpy(mask)),
        Impersonation(0, 1),
        steps=40,
        step_size=12 / 255,
    )
    painted = to_pixels(run(ascent).adversarial)
    assert (painted == pixels)[~mask].all()
    collins, hopper = (describe(painted, find_faces(painted)[0]) - people()).norm(dim=1)
    assert hopper < SAME < collins
    views = [away for away in in_views(painted, face, people(), 8) if away is not None]
    assert len(views) >= 6 and np.mean([away[1] < SAME for away in views]) > 0.7
    dark = np.where(mask[..., None], 20, pixels).astype(np.uint8)
    assert (describe(dark, find_faces(dark)[0]) - people()).norm(dim=1)[0] < SAME
