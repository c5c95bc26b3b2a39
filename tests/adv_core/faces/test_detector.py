"""The face detector, on the two portraits that come along and on pictures of other things."""

import numpy as np
import pytest

from adv_core.datasets import photograph
from adv_core.faces import PEOPLE, Face, find_faces, portrait
from adv_core.faces.detector import same_place

# The middle between the eyes, by hand, in pixels of the portrait.
BETWEEN_THE_EYES = {"collins": (225, 102), "hopper": (262, 186)}


@pytest.mark.parametrize("key", PEOPLE)
def test_a_face_is_found_with_its_eyes(key: str) -> None:
    face = find_faces(portrait(key))[0]
    width = face.right - face.left
    middle = np.mean(face.eyes(), 0)
    assert face.score > 0.9 and np.abs(middle - BETWEEN_THE_EYES[key]).max() < 0.06 * width


def test_what_shows_no_face_has_none() -> None:
    for name in ("castle", "lemon_citrus", "espresso"):
        assert find_faces(np.asarray(photograph(name))) == []
    assert find_faces(np.zeros((1, 1, 3), np.uint8)) == []


def test_two_faces_are_found_the_larger_first() -> None:
    hopper, collins = portrait("hopper"), portrait("collins")
    both = np.concatenate([collins, hopper[: len(collins)]], 1)
    first, second = find_faces(both)
    assert first.area > second.area and first.left > collins.shape[1] > second.right
    assert same_place([first, second], second.grown(1.2)) == second
    assert same_place([first, second], Face(0, 0, 20, 20)) is None and same_place([], first) is None
