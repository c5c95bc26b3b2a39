"""HEIC and AVIF, which another process decodes."""

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from adv_core import decoding, heif
from adv_core.decoding import ImageError, open_image

RNG = np.random.default_rng(3)
PHOTO = Image.fromarray(RNG.integers(0, 256, (10, 14, 3), dtype=np.uint8)).resize((112, 80), Image.Resampling.BICUBIC)


def encode(kind: str, image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(image).save(file, quality=90, enc_params={"preset": "ultrafast"}, **options)
    else:
        image.save(file, kind, quality=90, **options)
    return file.getvalue()


def refused(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        open_image(data)
    return str(caught.value)


@pytest.fixture(scope="module", params=["HEIC", "AVIF"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def file(kind: str) -> bytes:
    return encode(kind, PHOTO)


def distance(found: Image.Image, expected: Image.Image) -> float:
    assert found.mode == "RGB" and found.size == expected.size
    return float(np.abs(np.asarray(found).astype(int) - np.asarray(expected)).mean())


def test_a_photograph_opens(file: bytes) -> None:
    found = open_image(file)
    assert distance(found, PHOTO) < 7
    assert type(found) is Image.Image and found.info == {}


def test_it_is_upright(kind: str) -> None:
    turned = Image.Exif()
    turned[274] = 6
    data = encode(kind, PHOTO, exif=turned.tobytes())
    assert b"irot" in data or kind == "AVIF"
    assert distance(open_image(data), PHOTO.rotate(-90, expand=True)) < 7


def test_transparent_parts_become_white(kind: str) -> None:
    clear = PHOTO.convert("RGBA")
    clear.putalpha(0)
    assert np.asarray(open_image(encode(kind, clear))).min() == 255


def test_grey_and_deep_pictures(kind: str) -> None:
    assert distance(open_image(encode(kind, PHOTO.convert("L").convert("RGB"))), PHOTO.convert("L").convert("RGB")) < 7
    if kind == "HEIC":
        deep = np.asarray(PHOTO).astype(np.uint16) * 257
        file = io.BytesIO()
        pillow_heif.from_bytes("RGB;16", PHOTO.size, deep.tobytes()).save(file, quality=90)
        assert distance(open_image(file.getvalue()), PHOTO) < 7


def test_a_large_one_is_opened_at_a_part_of_its_sides(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    large = encode(kind, PHOTO.resize((448, 300)))  # more than one strip
    monkeypatch.setattr(decoding, "LARGE_PIXELS", 112 * 75)
    assert distance(open_image(large), PHOTO.resize((112, 75))) < 7


@pytest.mark.parametrize(("width", "height", "factor"), [(4, 4, 1), (5, 4, 2), (9, 9, 4), (99, 99, 8)])
def test_the_factor_of_a_reduction(width: int, height: int, factor: int) -> None:
    assert heif.reduction((width, height), 16) == factor


def test_a_motion_photo_gives_its_still_picture(file: bytes) -> None:
    film = (20).to_bytes(4) + b"mpvd" + bytes(12)
    assert distance(open_image(file + film), PHOTO) < 7
    assert heif._without_film(file + film) == heif._without_film(file + film[:-3]) == file


@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_truncated_files_are_refused_not_shown_half_grey(file: bytes, share: float) -> None:
    assert "damaged" in refused(file[: int(len(file) * share)])


def test_a_file_without_its_pixels_is_refused(kind: str) -> None:
    file = encode(kind, PHOTO)
    assert "damaged" in refused(file[: file.index(b"mdat") - 4])


def test_damaged_files_give_an_image_or_an_image_error(file: bytes) -> None:
    chance = random.Random(5)
    for _ in range(6):
        broken = bytearray(file)
        for _ in range(3):
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        try:
            assert open_image(bytes(broken)).mode == "RGB"
        except ImageError as error:
            assert str(error).endswith(".")


def test_a_host_can_switch_it_off(file: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "HEIC" in refused(b"not a picture")
    monkeypatch.setenv("ADV_HEIF", "0")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("was decoded"))
    assert refused(file).startswith("HEIC and AVIF pictures cannot be opened here.")
    assert "HEIC" not in refused(b"not a picture")


@pytest.mark.parametrize(
    ("size", "length", "kind"),
    [((50_000_001, 1), 0, "HEIC"), ((25_000_001, 1), 0, "AVIF"), ((8064, 6048), 9_000_000, "HEIC")],
)
def test_too_many_pixels_or_bytes(size: tuple[int, int], length: int, kind: str) -> None:
    with pytest.raises(heif.TooLargeError):
        heif._check(kind, size, bytes(length))


def test_a_phones_pictures_are_not_too_large() -> None:
    heif._check("HEIC", (8064, 6048), bytes(8_000_000))
    heif._check("HEIC", (4032, 3024), bytes(15_000_000))


def other_process(monkeypatch: pytest.MonkeyPatch, folder: Path, program: str) -> None:
    """Let `heif.decode` start this program instead of its own."""
    file = folder / "program.py"
    file.write_text(f"import os, resource, signal, sys\n{program}", encoding="utf-8")
    monkeypatch.setattr(heif, "__file__", str(file))


def test_a_decoder_that_does_not_come_to_an_end(file: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    limits = f"import runpy\nrunpy.run_path({heif.__file__!r})['_limit_this_process']()\n"
    within = "resource.getrlimit(resource.RLIMIT_CPU)[0] == 3 and resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 0"
    other_process(monkeypatch, tmp_path, f"{limits}assert {within}\nos.kill(os.getpid(), signal.SIGXCPU)")
    assert "too many pixels" in refused(file)


def test_a_decoder_learns_no_secret(file: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADV_DATABASE_URL", "postgresql://me:secret@host/name")
    other_process(monkeypatch, tmp_path, "sys.exit(1 if 'secret' in str(os.environ) else 3)")
    assert "too many pixels" in refused(file)


def test_a_decoder_that_says_nothing(file: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other_process(monkeypatch, tmp_path, "")
    assert "damaged" in refused(file)
