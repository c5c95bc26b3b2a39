"""The tasks of the lesson on physical attacks: views of a picture, one by one and along a setting."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from adv_core.classifiers import DEFAULT
from adv_core.images import from_pixels
from adv_core.serving.engine.look import MAX_PICTURES, Look, Pictures
from adv_core.serving.engine.work import size_of
from adv_core.transforms.geometry import Rotation
from adv_core.transforms.light import Brightness
from adv_core.transforms.transform import opinions, seen_through
from pages.lessons.physical.tasks import NOT_JPEG, AlongKnob, View
from tests.networks import Here, loaded


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    pixels[1] = 128
    return Pictures.of(pixels)


def test_the_front_view_is_the_picture_itself(pictures: Pictures) -> None:
    assert View().chain == ()
    assert np.array_equal(seen_through((), from_pixels(pictures.pixels)), pictures.pixels)


def test_a_view_is_what_its_knobs_say(pictures: Pictures) -> None:
    (first, angle), (second, more) = View(angle=180, brightness=0.2).chain
    assert isinstance(first, Rotation) and angle == (180,) and isinstance(second, Brightness) and more == (0.2,)
    seen = seen_through(View(angle=180).chain, from_pixels(pictures.pixels))
    assert np.abs(seen.astype(int) - pictures.pixels[:, ::-1, ::-1]).max() <= 1
    lit = seen_through(View(brightness=0.2).chain, from_pixels(pictures.pixels))
    assert (lit[1] == 128 + 51).all()


def test_the_jpeg_of_a_view_is_nearly_that_of_a_library(pictures: Pictures) -> None:
    y, x = np.mgrid[:224, :224]
    smooth = np.stack([x, y, 255 - x], -1).astype(np.uint8)
    ours = seen_through(View(quality=50).chain, from_pixels(smooth[None]))[0]
    buffer = io.BytesIO()
    Image.fromarray(smooth).save(buffer, "JPEG", quality=50)
    theirs = np.asarray(Image.open(buffer)).astype(int)
    assert np.abs(ours - theirs).mean() < 2 and (ours != smooth).any()


def test_a_look_tells_what_the_network_says_of_the_very_pixels_it_shows(pictures: Pictures) -> None:
    look = Look(pictures, DEFAULT, View(angle=7, quality=60).chain)
    look.check()
    (seen,) = look.records(Here())
    with torch.no_grad():
        logits = loaded()(from_pixels(seen.pixels))
    assert np.allclose(seen.probabilities, logits.softmax(1), atol=1e-6)
    assert size_of(seen) >= seen.pixels.nbytes and look.length == 0 and look.rows == 2


def test_along_a_knob_every_value_is_that_view(pictures: Pictures) -> None:
    work = AlongKnob(pictures, DEFAULT, "angle", (0.0, 30.0), 530)
    work.check()
    turns = list(work.records(Here()))
    assert [turn.value for turn in turns] == [0, 30] and len(turns) == work.length
    for turn in turns:
        seen = seen_through(View(angle=turn.value).chain, from_pixels(pictures.pixels))
        expected = opinions(loaded(), seen)[:, 530]
        assert np.allclose(turn.probabilities, expected, atol=1e-6) and len(turn.answered) == 2


def test_equal_pictures_are_equal_work(pictures: Pictures) -> None:
    again = Pictures.of(pictures.pixels.copy())
    other = Pictures.of(255 - pictures.pixels)
    key = Look(pictures, DEFAULT).key()
    assert key == Look(again, DEFAULT).key() != Look(other, DEFAULT).key()
    assert len(str(key)) < 1000  # the pixels themselves are no part of it


@pytest.mark.parametrize(
    "bad",
    [
        Look(Pictures(b"", 1, 1), DEFAULT),
        Look(Pictures(b"12345", 1, 1), DEFAULT),
        Look(Pictures(bytes(3 * (MAX_PICTURES + 1)), 1, 1), DEFAULT),
        Look(Pictures(bytes(3), 1, 1), DEFAULT, View(angle=7).chain * 9),
        AlongKnob(Pictures(bytes(3), 1, 1), DEFAULT, "angle", (400.0,), 0),
        AlongKnob(Pictures(bytes(3), 1, 1), DEFAULT, "angle", (), 0),
        AlongKnob(Pictures(bytes(3), 1, 1), DEFAULT, "angle", (0.0,), 1000),
        AlongKnob(Pictures(bytes(3), 1, 1), DEFAULT, "colour", (0.0,), 0),  # type: ignore[arg-type]
        AlongKnob(Pictures(bytes(3), 1, 1), DEFAULT, "quality", (float(NOT_JPEG + 1),), 0),
    ],
)
def test_what_would_hurt_is_refused(bad: Look | AlongKnob) -> None:
    with pytest.raises(ValueError):
        bad.check()
