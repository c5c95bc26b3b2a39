"""The tasks of the lesson on traffic signs: what they yield is what the network reads on the saved pixels."""

from dataclasses import replace

import numpy as np
import pytest

from adv_core.datasets import photograph
from adv_core.images import from_pixels
from adv_core.serving.engine.look import Pictures
from adv_core.signs.classes import INDEX
from adv_core.signs.driving import FAR, NEAR, DriveBy, SignBox, drive
from adv_core.signs.finding import Found
from adv_core.signs.network import sign_network
from adv_core.signs.stickers import BARE, allowed, covered, octagon, with_stickers
from pages.lessons.signs.settings import DRIVES, FRAMES, JUDGED, STEPS, VIEWS, Settings
from pages.lessons.signs.tasks import Drive, FindSign, PutPoster, PutStickers, ReadSign
from tests.networks import Here

SIGN = np.asarray(photograph("stop_sign_composite").convert("RGB"))
BOX = SignBox(124, 82, 390, 348)  # of the drawn sign
ONE = Pictures.of(SIGN[None])
STOP, TARGET = INDEX["stop"], INDEX[Settings().target]


def found(name: str) -> Found | None:
    """The proposal for a sample photograph."""
    pixels = np.asarray(photograph(name).convert("RGB"))
    *_, last = FindSign(Pictures.of(pixels[None])).records(Here())
    return last


def test_a_box_is_proposed_around_the_sample_sign() -> None:
    seen = found("stop_sign_composite")
    assert seen is not None and seen.label == STOP and seen.probability > 0.5
    wide = max(min(seen.box.right, BOX.right) - max(seen.box.left, BOX.left), 0)
    high = max(min(seen.box.bottom, BOX.bottom) - max(seen.box.top, BOX.top), 0)
    areas = [size[0] * size[1] for size in (seen.box.size, BOX.size)]
    assert wide * high / (sum(areas) - wide * high) > 0.75


@pytest.mark.parametrize("name", ["koala", "espresso", "goldfish"])
def test_what_looks_like_a_sign_in_a_few_windows_is_not_proposed(name: str) -> None:
    assert found(name) is None


def test_what_is_read_in_the_box_is_the_sign() -> None:
    (read,) = ReadSign(ONE, BOX).records(Here())
    assert read.shape == (1, len(INDEX)) and int(read[0].argmax()) == STOP


def test_the_stickers_stay_within_their_part_and_place_and_the_same_seed_finds_the_same() -> None:
    work = PutStickers(ONE, BOX, TARGET, steps=3, views=2, seed=5)
    steps, again = (list(work.records(Here())) for _ in range(2))
    assert [each.index for each in steps] == [0, 1, 2, 3] and all(0 <= each.wanted <= 1 for each in steps)
    squares = steps[-1].squares
    assert 0.03 < covered(squares) <= 0.05 and not (squares != BARE)[~allowed("band")].any()
    assert np.array_equal(squares, again[-1].squares)
    other = list(replace(work, seed=6).records(Here()))
    assert other[0].wanted != steps[0].wanted


@pytest.mark.slow
def test_stickers_on_a_twentieth_of_the_sign_fool_a_drive_and_grey_ones_do_not() -> None:
    """The figures of the page, at its own settings: at least 80 % of the frames, and at most 10 % with grey ones."""
    *_, last = PutStickers(ONE, BOX, TARGET, steps=STEPS, views=VIEWS).records(Here())
    assert covered(last.squares) <= 0.05
    grey, stuck = (with_stickers(SIGN, BOX, last.squares, level) for level in (128, None))
    photographs = Pictures.of(np.stack([SIGN, grey, stuck]))
    drives = [Drive(photographs, BOX, FRAMES, JUDGED + place).records(Here()) for place in range(DRIVES)]
    read = np.stack([frame.probabilities.argmax(1) for frames in drives for frame in frames])
    untouched, control, fooled = (read == TARGET).mean(0)
    assert fooled >= 0.8 and control <= 0.1 and untouched == 0
    assert (read[:, 0] == STOP).mean() > 0.9


def test_a_drive_reads_the_pixels_that_it_shows() -> None:
    squares = np.full((32, 32), BARE, np.uint8)
    squares[4:6, 10:20] = 0
    grey = with_stickers(SIGN, BOX, squares, 128)
    frames = list(Drive(Pictures.of(np.stack([SIGN, grey])), BOX, 4, seed=2).records(Here()))
    assert frames[0].distance == FAR and frames[-1].distance == pytest.approx(NEAR)
    network = sign_network()
    for each in frames:
        assert each.pixels.shape == (2, 48, 48, 3)
        said = network(from_pixels(each.pixels)).softmax(1).numpy()
        assert np.allclose(said, each.probabilities, atol=1e-5)
    draws = drive(4, 2)
    seen = DriveBy(BOX).at(from_pixels(SIGN[None]), *draws)
    assert np.array_equal((seen[2] * 255).round().byte().permute(1, 2, 0).numpy(), frames[2].pixels[0])


def test_the_poster_stays_in_its_ball_and_on_the_octagon() -> None:
    *_, last = PutPoster(ONE, BOX, 16, TARGET, steps=3, views=2).records(Here())
    change = np.abs(last.pixels.astype(int) - SIGN)
    assert 1 <= change.max() <= 16 and not change[~octagon(BOX, *SIGN.shape[:2])].any()
    *_, none = PutPoster(ONE, BOX, 0, TARGET, steps=1, views=1).records(Here())
    assert np.array_equal(none.pixels, SIGN)
