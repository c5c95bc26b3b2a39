"""The picture files here are all made in memory, most of them by hand, byte by byte."""

import io
import random
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from adv_core import decoding
from adv_core.decoding import MAX_BYTES, MAX_PIXELS, ImageError, open_image
from adv_core.images import amplify, difference, fit, from_pixels, is_8bit, round_to_8bit, to_pixels, to_png, to_tensor

RNG = np.random.default_rng(7)

# A picture without any symmetry: no two ways of turning it look alike.
UPRIGHT = RNG.integers(0, 256, (5, 8, 3), dtype=np.uint8)


# --------------------------------------------------------------------------------------
# Making files
# --------------------------------------------------------------------------------------


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int,
    height: int,
    depth: int,
    colour: int,
    rows: Iterable[bytes] | None = None,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A PNG of unfiltered rows, black by default."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row_bytes = (width * channels * depth + 7) // 8
    squeeze = zlib.compressobj(1)
    pixels = b"".join(
        squeeze.compress(b"\0" + row) for row in (rows if rows is not None else [bytes(row_bytes)] * height)
    )
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels + squeeze.flush()) + after
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def tiff(width: int, height: int, pixels: bytes, order: str = "<", **tags: int | tuple[int, ...]) -> bytes:
    """A TIFF with one strip; `tags` are named t258 and so on, and go in as 16-bit numbers."""
    values: dict[int, int | tuple[int, ...]] = {256: width, 257: height, 259: 1, 262: 1, 277: 1}
    values |= {273: 1000, 278: height, 279: len(pixels)}
    values |= {int(name[1:]): value for name, value in tags.items()}
    entries, extra = b"", b""
    for tag, value in sorted(values.items()):
        numbers = value if isinstance(value, tuple) else (value,)
        if len(numbers) > 2:
            place = struct.pack(order + "L", 600 + len(extra))
            entries += struct.pack(order + "HHL", tag, 3, len(numbers)) + place
            extra += struct.pack(f"{order}{len(numbers)}H", *numbers)
        elif len(numbers) == 2:
            entries += struct.pack(order + "HHLHH", tag, 3, 2, *numbers)
        elif numbers[0] < 0x10000:
            entries += struct.pack(order + "HHLHH", tag, 3, 1, numbers[0], 0)
        else:
            entries += struct.pack(order + "HHLL", tag, 4, 1, numbers[0])
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "LH", 8, len(values))
    return ((head + entries).ljust(600, b"\0") + extra).ljust(1000, b"\0") + pixels


def exif(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHLHH", 274, kind, 1, orientation, 0)
    return head + struct.pack(order + "LH", 8, 1) + entry + bytes(4)


def with_exif(jpeg: bytes, *blocks: bytes) -> bytes:
    parts = (b"Exif\0\0" + block for block in blocks)
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in parts)
    return jpeg[:2] + segments + jpeg[2:]


def gif(*frames: bytes, size: tuple[int, int] = (4, 4)) -> bytes:
    """A GIF whose palette is red and blue."""
    screen = struct.pack("<HHBBB", *size, 0x80, 0, 0)
    return b"GIF89a" + screen + bytes([255, 0, 0, 0, 0, 255]) + b"".join(frames) + b";"


def gif_frame(left: int, top: int, width: int, height: int) -> bytes:
    """A frame in the second colour, the LZW codes in full width each: clear, pixel, clear, …"""
    codes = [4, 1] * (width * height) + [5]
    bits = sum(code << (3 * i) for i, code in enumerate(codes))
    data = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    assert len(data) < 256
    place = struct.pack("<HHHHB", left, top, width, height, 0)
    return b"," + place + b"\2" + bytes([len(data)]) + data + b"\0"


def bmp_rle(width: int, height: int, body: bytes) -> bytes:
    palette = bytes(range(64))
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 4, 2, len(body), 0, 0, 16, 0)
    offset = 14 + len(header) + len(palette)
    head = b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset)
    return head + header + palette + body


def array(data: bytes) -> np.ndarray:
    return np.asarray(open_image(data))


def refused(data: Any) -> str:
    """The message of the refusal, which has to be fit for a lay person."""
    with pytest.raises(ImageError) as caught:
        open_image(data)
    message = str(caught.value)
    assert message.endswith(".") and message.count(". ") <= 1 and message[0].isupper()
    assert not any(sign in message for sign in ("/", "\\", "_", "'", "(", "Error", "PIL", "EXIF"))
    return message


PHOTO = Image.fromarray(RNG.integers(0, 256, (10, 14, 3), dtype=np.uint8)).resize((112, 80), Image.Resampling.BICUBIC)

SAMPLES: dict[str, bytes] = {
    "jpeg": encode(PHOTO, "JPEG", quality=90),
    "progressive": encode(PHOTO, "JPEG", progressive=True, exif=b"Exif\0\0" + exif(6)),
    "cmyk": encode(PHOTO.convert("CMYK"), "JPEG"),
    "png": encode(PHOTO, "PNG"),
    "palette": encode(PHOTO.quantize(200), "PNG", transparency=bytes(range(200))),
    "grey16": encode(Image.fromarray(np.arange(4800, dtype=np.uint16).reshape(60, 80)), "PNG"),
    "apng": encode(PHOTO, "PNG", save_all=True, append_images=[PHOTO.rotate(180)]),
    "webp": encode(PHOTO, "WEBP", quality=80),
    "webp-lossless": encode(PHOTO, "WEBP", lossless=True, exif=exif(3)),
    "webp-animated": encode(PHOTO, "WEBP", save_all=True, append_images=[PHOTO.rotate(180)]),
    "bmp": encode(PHOTO, "BMP"),
    "gif": encode(PHOTO.quantize(64), "GIF"),
    "tiff": encode(PHOTO, "TIFF"),
    "tiff-lzw": encode(PHOTO, "TIFF", compression="tiff_lzw"),
    "tiff-deflate": encode(PHOTO.convert("RGBA"), "TIFF", compression="tiff_adobe_deflate"),
    "tiff-jpeg": encode(PHOTO, "TIFF", compression="jpeg"),
    "tiff-float": encode(PHOTO.convert("F"), "TIFF"),
}


# --------------------------------------------------------------------------------------
# Pictures that open
# --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "packbits"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "zstd"}),
    ],
)
def test_lossless_formats_are_exact(kind: str, options: dict[str, Any]) -> None:
    assert np.array_equal(array(encode(PHOTO, kind, **options)), np.asarray(PHOTO))


def test_gif_is_exact_for_its_palette() -> None:
    image = PHOTO.quantize(64)
    assert np.array_equal(array(encode(image, "GIF")), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("name", ["jpeg", "progressive", "webp", "tiff-jpeg"])
def test_lossy_formats_are_close(name: str) -> None:
    expected = np.asarray(PHOTO if name != "progressive" else PHOTO.rotate(-90, expand=True))
    difference = np.abs(array(SAMPLES[name]).astype(int) - expected)
    assert difference.mean() < 8


@pytest.mark.parametrize("name", SAMPLES)
def test_result_is_plain_rgb_without_metadata(name: str) -> None:
    image = open_image(SAMPLES[name])
    assert type(image) is Image.Image
    assert image.mode == "RGB"
    assert image.info == {}
    assert not image.getexif()
    image.putpixel((0, 0), (1, 2, 3))  # writable: no memory is shared with the file
    assert image.getpixel((0, 0)) == (1, 2, 3)


@pytest.mark.parametrize("name", SAMPLES)
def test_opening_warns_of_nothing(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_image(SAMPLES[name])


def test_metadata_does_not_leak_into_the_saved_picture() -> None:
    secret = b"GPS of my home"
    noted = Image.Exif()
    noted[270] = secret.decode()
    data = encode(PHOTO, "JPEG", exif=noted.tobytes(), comment=secret)
    assert secret in data
    assert secret not in encode(open_image(data), "PNG")


def stored_as(upright: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels a camera stores, by the EXIF text: where its row 0 and its column 0 belong."""
    height, width = upright.shape[:2]
    shape = (height, width) if orientation < 5 else (width, height)
    row, column = np.indices(shape)
    y, x = {
        1: (row, column),  # row 0 is the top, column 0 the left
        2: (row, width - 1 - column),  # top, right
        3: (height - 1 - row, width - 1 - column),  # bottom, right
        4: (height - 1 - row, column),  # bottom, left
        5: (column, row),  # left, top
        6: (column, width - 1 - row),  # right, top
        7: (height - 1 - column, width - 1 - row),  # right, bottom
        8: (height - 1 - column, row),  # left, bottom
    }[orientation]
    return upright[y, x]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(orientation: int, kind: str, order: str) -> None:
    block = exif(orientation, order)
    if kind == "JPEG":  # in blocks of 8 × 8, which survive the compression
        upright = UPRIGHT.repeat(8, 0).repeat(8, 1)
        image = Image.fromarray(stored_as(upright, orientation))
        found = array(with_exif(encode(image, "JPEG", quality=100, subsampling=0), block))
        assert found.shape == upright.shape
        assert np.abs(found.astype(int) - upright).max() <= 6
        return
    stored = stored_as(UPRIGHT, orientation)
    height, width = stored.shape[:2]
    if kind == "TIFF":
        tags: dict[str, Any] = {"t258": (8, 8, 8), "t262": 2, "t277": 3, "t274": orientation}
        data = tiff(width, height, stored.tobytes(), order, **tags)
    elif kind == "PNG":
        data = png(width, height, 8, 2, [row.tobytes() for row in stored], chunk(b"eXIf", block))
    else:
        data = encode(Image.fromarray(stored), "WEBP", lossless=True, exif=block)
    assert np.array_equal(array(data), UPRIGHT)


@pytest.mark.parametrize(
    "block",
    [exif(0), exif(9), exif(6, kind=4), b"", b"II*\0\x08\0\0\0\0\0", b"Exif\0\0" + exif(1)],
)
def test_orientation_without_meaning_is_ignored(block: bytes) -> None:
    data = png(8, 5, 8, 2, [row.tobytes() for row in UPRIGHT], chunk(b"eXIf", block))
    assert np.array_equal(array(data), UPRIGHT)


def test_first_of_two_orientations_counts() -> None:
    first, second = exif(6)[10:22], exif(1)[10:22]
    block = b"II*\0" + struct.pack("<LH", 8, 2) + first + second + bytes(4)
    rows = [row.tobytes() for row in stored_as(UPRIGHT, 6)]
    assert np.array_equal(array(png(5, 8, 8, 2, rows, chunk(b"eXIf", block))), UPRIGHT)


def test_exif_after_the_pixels_counts_too() -> None:
    rows = [row.tobytes() for row in stored_as(UPRIGHT, 6)]
    data = png(5, 8, 8, 2, rows, after=chunk(b"eXIf", b"Exif\0\0" + exif(6)))
    assert np.array_equal(array(data), UPRIGHT)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_large_jpeg_is_opened_at_a_part_of_its_sides(monkeypatch: pytest.MonkeyPatch, progressive: bool) -> None:
    """As 50 megapixels of a phone, in small: more than `MAX_PIXELS`, and turned."""
    data = encode(PHOTO.resize((448, 320)), "JPEG", quality=95, progressive=progressive, exif=b"Exif\0\0" + exif(6))
    monkeypatch.setattr(decoding, "MAX_PIXELS", 100_000)
    monkeypatch.setattr(decoding, "LARGE_PIXELS", 112 * 80)
    found = open_image(data)
    assert found.size == (80, 112)
    assert np.abs(np.asarray(found).astype(int) - np.asarray(PHOTO.rotate(-90, expand=True))).mean() < 4


def test_the_sides_of_a_large_jpeg_are_rounded_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LARGE_PIXELS", 100)
    for size, opened in (((10, 10), (10, 10)), ((11, 10), (6, 5)), ((75, 75), (10, 10))):
        assert open_image(encode(Image.new("L", size), "JPEG")).size == opened


@pytest.mark.parametrize("progressive", [False, True])
def test_what_follows_a_jpeg_is_not_read(progressive: bool) -> None:
    """A motion photo's film, a gain map, a second picture."""
    still = encode(PHOTO, "JPEG", progressive=progressive)
    film = b"\0\0\0\x18ftypmp42" + (b"\xff\xda" + bytes(98)) * 100_000
    for after in (film, still, with_exif(still, *[exif(1)] * 20)):
        assert np.array_equal(array(still + after), array(still))


def test_multi_picture_jpeg_gives_its_first_picture() -> None:
    data = encode(PHOTO, "MPO", save_all=True, append_images=[PHOTO.rotate(180)])
    assert np.array_equal(array(data), array(encode(PHOTO, "JPEG")))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animations_give_their_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue", "green")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert np.array_equal(array(data), np.asarray(frames[0]))


def test_canvas_around_a_small_first_frame_is_white() -> None:
    expected = np.full((4, 4, 3), 255, np.uint8)
    expected[1:3, 1:4] = 0, 0, 255
    assert np.array_equal(array(gif(gif_frame(1, 1, 3, 2))), expected)


# --------------------------------------------------------------------------------------
# Transparency, over white
# --------------------------------------------------------------------------------------


def over_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.rint(colour * (alpha / 255) + 255 - alpha).astype(int)


RGBA = RNG.integers(0, 256, (9, 7, 4), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_rgba_is_composited(kind: str) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    found = array(encode(Image.fromarray(RGBA), kind, **options))
    assert np.abs(found - over_white(RGBA[..., :3], RGBA[..., 3:])).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_with_alpha_is_composited(kind: str) -> None:
    found = array(encode(Image.fromarray(RGBA[..., :2], "LA"), kind))
    expected = over_white(RGBA[..., :1], RGBA[..., 1:2])
    assert np.abs(found - expected).max() <= 1
    assert found.std(axis=2).max() == 0


def test_palette_with_alpha_bytes_is_composited() -> None:
    palette = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    before = chunk(b"PLTE", palette) + chunk(b"tRNS", bytes([255, 0, 128]))
    found = array(png(4, 1, 8, 3, [bytes([0, 1, 2, 3])], before))
    assert found.tolist() == [[[255, 0, 0], [255, 255, 255], [127, 127, 255], [9, 9, 9]]]


def test_palette_with_one_transparent_entry_is_composited() -> None:
    before = chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0])) + chunk(b"tRNS", bytes([255, 0]))
    assert array(png(2, 1, 8, 3, [bytes([0, 1])], before)).tolist() == [[[255, 0, 0], [255] * 3]]


def test_transparent_gif_is_composited() -> None:
    transparent = b"!\xf9\4" + bytes([1, 0, 0, 1, 0])  # the second colour, blue
    assert array(gif(transparent, gif_frame(0, 0, 4, 4))).min() == 255


@pytest.mark.parametrize(
    ("depth", "colour", "row", "key", "expected"),
    [
        (8, 0, bytes([7, 200]), (200,), [[7] * 3, [255] * 3]),
        (1, 0, b"\x40", (0,), [[255] * 3, [255] * 3]),
        (2, 0, b"\x60", (2,), [[85] * 3, [255] * 3]),
        (4, 0, b"\x3a", (10,), [[51] * 3, [255] * 3]),
        (8, 2, bytes([1, 2, 3, 4, 5, 6]), (4, 5, 6), [[1, 2, 3], [255] * 3]),
        (16, 0, struct.pack(">2H", 0x4000, 0x4001), (0x4001,), [[64] * 3, [255] * 3]),
        (16, 2, struct.pack(">6H", 257, 514, 771, 1028, 1285, 9), (1028, 1285, 9), None),
    ],
)
def test_transparent_key_colour_becomes_white(
    depth: int, colour: int, row: bytes, key: tuple[int, ...], expected: list[list[int]] | None
) -> None:
    data = png(2, 1, depth, colour, [row], chunk(b"tRNS", struct.pack(f">{len(key)}H", *key)))
    assert array(data).tolist() == [expected or [[1, 2, 3], [255] * 3]]


def test_premultiplied_alpha_is_composited() -> None:
    # Red, half transparent: premultiplied to 128, plus 127 of the white page.
    tags: dict[str, Any] = {"t258": (8, 8, 8, 8), "t262": 2, "t277": 4, "t338": 1}
    assert np.abs(array(tiff(1, 1, bytes([128, 0, 0, 128]), **tags)) - [255, 127, 127]).max() <= 1
    grey: dict[str, Any] = {"t258": (8, 8), "t277": 2, "t338": 1}
    assert np.abs(array(tiff(1, 1, bytes([64, 128]), **grey)) - 191.0).max() <= 1


def test_palette_with_alpha_channel_is_composited() -> None:
    palette = [0] * 768
    palette[1], palette[257] = 65535, 65535  # entry 1: yellow
    tags: dict[str, Any] = {"t258": (8, 8), "t262": 3, "t277": 2, "t338": 2}
    data = tiff(3, 1, bytes([1, 255, 1, 0, 0, 255]), **tags, t320=(0,))
    # The palette does not fit between the directory and the pixels: it goes after them.
    entry = struct.pack("<HHLHH", 320, 3, 1, 0, 0)
    assert data.count(entry) == 1
    data = data.replace(entry, struct.pack("<HHLL", 320, 3, 768, len(data)))
    data += struct.pack("<768H", *palette)
    assert array(data).tolist() == [[[255, 255, 0], [255, 255, 255], [0, 0, 0]]]


# --------------------------------------------------------------------------------------
# Depths and colour spaces
# --------------------------------------------------------------------------------------

RAMP = np.linspace(0, 65535, 24).astype(np.uint16).reshape(4, 6)


def rows_of(values: np.ndarray, kind: str) -> list[bytes]:
    return [row.astype(kind).tobytes() for row in values]


def test_black_and_white_and_grey() -> None:
    bits = np.array([[0, 1, 0], [1, 1, 0]], bool)
    assert np.array_equal(array(encode(Image.fromarray(bits), "PNG"))[..., 1], bits * 255)
    grey = RNG.integers(0, 256, (5, 6), dtype=np.uint8)
    for kind in ("PNG", "BMP", "TIFF", "GIF"):
        assert np.array_equal(array(encode(Image.fromarray(grey), kind)), grey[..., None].repeat(3, 2))


@pytest.mark.parametrize(
    "data",
    [
        png(6, 4, 16, 0, rows_of(RAMP, ">u2")),
        tiff(6, 4, RAMP.astype("<u2").tobytes(), "<", t258=16),
        tiff(6, 4, RAMP.astype(">u2").tobytes(), ">", t258=16),
        tiff(6, 4, (65535 - RAMP).astype("<u2").tobytes(), "<", t258=16, t262=0),
        encode(Image.fromarray(RAMP.astype(np.int32)), "TIFF"),
        encode(Image.fromarray(RAMP.astype(np.float32)), "TIFF"),
        encode(Image.fromarray(RAMP.astype(np.float32) / 65535), "TIFF"),
        encode(Image.fromarray(RAMP.astype(np.float32) / 257), "TIFF"),
        encode(Image.fromarray(RAMP.astype(np.float32) * 1e30 - 1e34), "TIFF"),
        encode(Image.fromarray(RAMP.astype(np.int32) * 30000 - 900), "TIFF"),
        tiff(6, 4, (RAMP.astype("<u4") * 65537).tobytes(), t258=32, t339=1),
    ],
    ids=[
        *("png", "little", "big", "negative", "int", "float", "unit", "byte", "wide", "wide-int"),
        "unsigned",
    ],
)
def test_deep_greyscale_is_scaled_not_cut_off(data: bytes) -> None:
    found = array(data)
    assert np.abs(found - RAMP[..., None] / 257).max() <= 0.51
    assert found.std(axis=2).max() == 0


def test_small_whole_numbers_keep_their_values() -> None:
    values = np.arange(24, dtype=np.int32).reshape(4, 6)
    assert np.array_equal(array(encode(Image.fromarray(values), "TIFF"))[..., 0], values)


def test_signed_fractions_are_stretched() -> None:
    values = np.array([[-1, 0, 1]], np.float32)
    assert array(encode(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == [0, 128, 255]


def test_numbers_that_are_not_finite_do_no_harm() -> None:
    values = np.array([[0, 0.5, 1], [np.nan, np.inf, -np.inf]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = array(encode(Image.fromarray(values), "TIFF"))[..., 0]
        assert found.tolist() == [[0, 128, 255], [0, 255, 0]]
        values *= 30000
        assert array(encode(Image.fromarray(values), "TIFF"))[..., 0].tolist() == [*([0, 58, 117], [0, 255, 0])]
        values[:] = np.nan
        assert array(encode(Image.fromarray(values), "TIFF")).max() == 0
        values[:] = -3
        assert array(encode(Image.fromarray(values), "TIFF")).std() == 0


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_colour(channels: int) -> None:
    deep = RNG.integers(0, 65536, (4, 6, channels), dtype=np.uint16)
    expected = deep / 257
    if channels == 4:
        expected = over_white(expected[..., :3], expected[..., 3:])
    tags: dict[str, Any] = {"t258": (16,) * channels, "t262": 2, "t277": channels}
    tags |= {"t338": 2} if channels == 4 else {}
    files = [
        png(6, 4, 16, 2 if channels == 3 else 6, rows_of(deep, ">u2")),
        tiff(6, 4, deep.astype("<u2").tobytes(), "<", **tags),
        tiff(6, 4, deep.astype(">u2").tobytes(), ">", **tags),
    ]
    for data in files:
        assert np.abs(array(data) - expected[..., :3]).max() <= 2


def test_16_bit_grey_with_alpha() -> None:
    deep = np.array([[[65535, 65535], [0, 65535], [0, 0], [0, 32768]]], np.uint16)
    found = array(png(4, 1, 16, 4, rows_of(deep, ">u2")))
    assert np.abs(found[0, :, 0] - [255.0, 0, 255, 127]).max() <= 1


INKS = {  # cyan, magenta, yellow and black, of 255 each: the colour that a person sees
    (0, 0, 0, 0): (255, 255, 255),
    (0, 0, 0, 255): (0, 0, 0),
    (0, 255, 255, 0): (255, 0, 0),
    (255, 0, 255, 0): (0, 255, 0),
    (255, 255, 0, 0): (0, 0, 255),
    (0, 255, 255, 128): (127, 0, 0),
}


@pytest.mark.parametrize(("ink", "seen"), INKS.items())
def test_cmyk(ink: tuple[int, ...], seen: tuple[int, ...]) -> None:
    image = Image.new("CMYK", (16, 16), ink)
    jpeg = encode(image, "JPEG", quality=100)
    assert b"Adobe" in jpeg  # stored inverted, as Photoshop does
    tags: dict[str, Any] = {"t258": (8,) * 4, "t262": 5, "t277": 4}
    for data in (jpeg, tiff(16, 16, bytes(ink) * 256, **tags)):
        assert np.abs(array(data) - np.array(seen, float)).max() <= 3


@pytest.mark.parametrize(("ink", "seen"), INKS.items())
def test_ycck_jpeg(ink: tuple[int, ...], seen: tuple[int, ...]) -> None:
    # Photoshop's usual form: the inks cyan, magenta and yellow, as if they were red, green and
    # blue, turned into YCbCr. Pillow writes what it is given, inverted, and marks it as CMYK.
    luma = Image.new("RGB", (1, 1), ink[:3]).convert("YCbCr").getpixel((0, 0))
    assert isinstance(luma, tuple)
    stored = (*(255 - value for value in luma), ink[3])
    data = encode(Image.new("CMYK", (16, 16), stored), "JPEG", quality=100)
    at = data.index(b"Adobe") + 11
    assert data[at] == 0
    ycck = data[:at] + b"\2" + data[at + 1 :]
    assert np.abs(array(ycck) - np.array(seen, float)).max() <= 3


def test_lab_tiff() -> None:
    # L* from 0 to 255, a* and b* signed, under D50: white, mid-grey, and the red of sRGB.
    lab = [(255, 0, 0), (136, 0, 0), (138, 81, 70)]
    pixels = b"".join(struct.pack("Bbb", *values) for values in lab)
    found = array(tiff(3, 1, pixels, t258=(8, 8, 8), t262=8, t277=3))
    expected = np.array([[[255, 255, 255], [127, 127, 127], [254, 0, 0]]], float)
    assert np.abs(found - expected).max() <= 6


# --------------------------------------------------------------------------------------
# Files that are refused
# --------------------------------------------------------------------------------------


@pytest.mark.parametrize("thing", [None, 7, "picture.png", bytearray(b"BM"), memoryview(b"BM"), [1], io.BytesIO(b"BM")])
def test_only_bytes_are_a_file(thing: object) -> None:
    assert "choose a file" in refused(thing)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"<SVG></SVG>", "SVG"),
        (b"%PDF-1.7\n1 0 obj", "PDF"),
        (b"Hello, I am a picture.", "Please use JPEG, PNG"),
        (b"PK\3\4" + bytes(100), "Please use JPEG, PNG"),
        (b"\0\0\0\x18ftypisom" + bytes(100), "Please use JPEG, PNG"),
        (b"RIFF\0\0\0\0WAVEfmt ", "Please use JPEG, PNG"),
        (bytes(1000), "Please use JPEG, PNG"),
        (encode(PHOTO, "PPM"), "Please use JPEG, PNG"),
        (encode(PHOTO, "ICO"), "Please use JPEG, PNG"),
        (encode(PHOTO, "TGA"), "Please use JPEG, PNG"),
        (encode(PHOTO.convert("L"), "EPS"), "Please use JPEG, PNG"),
    ],
)
def test_foreign_files_are_named(data: bytes, word: str) -> None:
    assert word in refused(data)


@pytest.mark.parametrize(
    "data",
    [
        b"BMW makes cars",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"II*\0",
        b"MM\0*\0\0\0\x08",
        b"RIFF\0\0\0\0WEBP",
        png(0, 4, 8, 2),
        png(4, 0, 8, 2),
        gif(),
        gif(gif_frame(0, 0, 4, 4), size=(0, 0))[:-30],
        tiff(0, 4, b"", t258=8),
        tiff(4, 4, bytes(15), t258=8),
        tiff(4, 4, bytes(16), t258=8, t278=0, t259=8),
        tiff(4, 4, bytes(16), t258=8, t322=0, t323=16, t324=1000),
        tiff(4, 4, bytes(16), t258=8, t322=16),
    ],
)
def test_broken_files_are_refused(data: bytes) -> None:
    refused(data)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_truncated_files_are_refused_not_shown_half_grey(name: str, share: float) -> None:
    data = SAMPLES[name]
    if name == "apng":  # the first frame is complete in the first half of the file
        share /= 2.5
    if name == "webp-animated":
        share /= 2.5
    refused(data[: int(len(data) * share)])


@pytest.mark.filterwarnings("ignore")  # Pillow's, about the JPEG
@pytest.mark.parametrize(
    "block",
    [
        b"garbage garbage garbage",
        b"II*\0",
        b"II*\0\xff\xff\0\0",
        b"II*\0\x08\0\0\0\xff\xff",
        exif(6)[:-8],
        b"MM\0*\xff\xff\xff\xff\0\1",
    ],
)
def test_malformed_exif_does_not_cost_the_picture(block: bytes) -> None:
    plain = encode(PHOTO, "JPEG")
    assert np.array_equal(array(with_exif(plain, block)), array(plain))
    rows = [row.tobytes() for row in UPRIGHT]
    assert np.array_equal(array(png(8, 5, 8, 2, rows, chunk(b"eXIf", block))), UPRIGHT)
    webp = encode(PHOTO, "WEBP", lossless=True)
    assert np.array_equal(array(encode(PHOTO, "WEBP", lossless=True, exif=block)), array(webp))


# --------------------------------------------------------------------------------------
# Files that are too large, or would take too long
# --------------------------------------------------------------------------------------


def test_file_size_limit_is_exact() -> None:
    picture = SAMPLES["bmp"]
    assert open_image(picture.ljust(MAX_BYTES, b"\0")).size == PHOTO.size
    assert "25 MB" in refused(picture.ljust(MAX_BYTES + 1, b"\0"))


def test_pixel_limit_is_exact() -> None:
    width, height = 8000, 5000
    assert width * height == MAX_PIXELS
    row = b"\xff" * (width // 8)
    image = open_image(png(width, height, 1, 0, [row] * height))
    assert image.size == (width, height)
    assert image.getpixel((width - 1, height - 1)) == (255, 255, 255)
    assert "too many pixels" in refused(png(width, height + 1, 1, 0, [row] * (height + 1)))


LARGE_HEADERS = {
    "png": png(9400, 9400, 8, 2, [b""]),
    "png-warning": png(12000, 12000, 8, 2, [b""]),
    "png-error": png(50000, 50000, 8, 2, [b""]),
    "png-most": png(2**31 - 1, 2**31 - 1, 8, 2, [b""]),
    "wide": png(70000, 2, 8, 2, [b""]),
    "tall": png(2, 70000, 8, 2, [b""]),
    "gif": gif(gif_frame(0, 0, 4, 4), size=(20000, 20000)),
    "gif-frame": gif(b"," + struct.pack("<HHHHB", 0, 0, 9000, 9000, 0) + b"\2\0"),
    "bmp": encode(Image.new("RGB", (4, 4)), "BMP").replace(struct.pack("<ii", 4, 4), struct.pack("<ii", 9000, 9000)),
    "tiff": tiff(9000, 9000, b"", t258=8),
    "tiff-turned": tiff(9000, 9000, b"", t258=8, t274=6),
    "jpeg": encode(Image.new("RGB", (16, 16)), "JPEG").replace(b"\x08\0\x10\0\x10\3", b"\x08\xff\xff\xff\xff\3"),
    # Within MAX_PIXELS, but too much work.
    "webp": encode(Image.new("RGB", (5100, 5000)), "WEBP", lossless=True, quality=0, method=0),
    "jpeg-cmyk-scans": encode(Image.new("CMYK", (16, 16)), "JPEG", progressive=True).replace(
        b"\x08\0\x10\0\x10\4", struct.pack(">BHHB", 8, 5000, 8000, 4)
    ),
    "png-deep": png(8000, 5000, 16, 6, [b""]),
    "tiff-deep": tiff(8000, 5000, b"", t258=(16,) * 4, t262=2, t277=4, t338=2),
    "tiff-lab": tiff(8000, 5000, b"", t258=(8,) * 3, t262=8, t277=3),
    "tiff-tile": tiff(8, 8, b"", t258=8, t259=8, t322=32000, t323=32000, t324=1000, t325=9),
    "tiff-tiles": tiff(1, 60000, b"", t258=8, t259=8, t322=60000, t323=1, t324=1000, t325=9),
    "bmp-runs": bmp_rle(8000, 5000, b""),
}


@pytest.mark.parametrize("name", LARGE_HEADERS)
def test_large_pictures_are_refused_before_they_are_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("was decoded"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow's own warning about large pictures stays silent
        assert "too many pixels" in refused(LARGE_HEADERS[name])


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def many_strips(count: int) -> bytes:
    """A TIFF with rows of one pixel, each of them a strip, and all stored in the same place."""
    data = tiff(1, 200, b"\xff", t258=8, t278=1)
    one, many = ("<HHLL", 273, 3, 1, 1000), ("<HHLL", 273, 4, count, len(data))
    return data.replace(struct.pack(*one), struct.pack(*many)) + struct.pack("<L", 1000) * count


def test_many_strips_and_exif_parts_within_reason_are_no_flood() -> None:
    assert array(many_strips(200)).min() == 255
    assert open_image(with_exif(SMALL_JPEG, *[exif(1)] * 16)).size == (16, 16)


SMALL_JPEG = encode(Image.new("RGB", (16, 16)), "JPEG")
PROGRESSIVE = encode(Image.new("RGB", (2000, 2000)), "JPEG", progressive=True)
TEXT_BOMB = zlib.compress(bytes(2**21), 9)
TEXT = zlib.compress(bytes(2**20 - 100), 9)

FLOODS: dict[str, Callable[[], bytes]] = {
    "png-chunks": lambda: png(4, 4, 8, 2, before=chunk(b"teSt", b"") * 800_000),
    "png-chunks-after": lambda: png(4, 4, 8, 2, after=chunk(b"teSt", b"") * 800_000),
    "png-empty-pixels": lambda: png(4, 4, 8, 2, before=chunk(b"IDAT", b"") * 800_000),
    "png-zTXt-bomb": lambda: png(4, 4, 8, 2, before=chunk(b"zTXt", b"a\0\0" + TEXT_BOMB)),
    "png-iTXt-bomb": lambda: png(4, 4, 8, 2, before=chunk(b"iTXt", b"a\0\1\0\0\0" + TEXT_BOMB)),
    "png-iCCP-bomb": lambda: png(4, 4, 8, 2, before=chunk(b"iCCP", b"a\0\0" + TEXT_BOMB)),
    "png-zTXt-after": lambda: png(4, 4, 8, 2, after=chunk(b"zTXt", b"a\0\0" + TEXT_BOMB)),
    "png-zTXt-many": lambda: png(4, 4, 8, 2, before=chunk(b"zTXt", b"a\0\0" + TEXT) * 5000),
    # Its broken end hides the text from Pillow's own count.
    "png-iCCP-many": lambda: png(4, 4, 8, 2, before=chunk(b"iCCP", b"a\0\0" + TEXT[:-4] + b"oops") * 5000),
    "gif-extensions": lambda: gif(b"!\xfe\0" * 3_000_000, gif_frame(0, 0, 4, 4)),
    "jpeg-comments": lambda: SMALL_JPEG[:2] + segment(0xFE, b"") * 2_000_000 + SMALL_JPEG[2:],
    "jpeg-filler": lambda: SMALL_JPEG[:2] + b"\xff" * 10_000_000 + SMALL_JPEG[2:],
    "jpeg-exif": lambda: with_exif(SMALL_JPEG, *[exif(1)] * 17),
    "jpeg-scans": lambda: PROGRESSIVE[:-2] + (b"\xff\xda" + bytes.fromhex("0008010100013f10")) * 600 + b"\xff\xd9",
    "jpeg-arithmetic": lambda: SMALL_JPEG.replace(b"\xff\xc0", b"\xff\xc9", 1),
    "bmp-runs": lambda: bmp_rle(2000, 2000, b"\0\0" * 5_000_000),
    "tiff-strips": lambda: many_strips(65_537),
    "tiff-lzma": lambda: encode(PHOTO, "TIFF", compression="lzma"),
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_are_refused(name: str) -> None:
    data = FLOODS[name]()
    assert len(data) <= MAX_BYTES
    refused(data)


@pytest.mark.filterwarnings("ignore")  # Pillow's, when it reads the file alone
def test_heavy_notes_in_a_tiff_are_not_even_read() -> None:
    numbers = 10_000
    data = tiff(4, 4, bytes(range(16)), t258=8, t282=1, t34853=1)
    resolution = struct.pack("<HHLHH", 282, 3, 1, 1, 0)
    camera = struct.pack("<HHLHH", 34853, 3, 1, 1, 0)
    assert data.count(resolution) == data.count(camera) == 1
    data = data.replace(resolution, struct.pack("<HHLL", 282, 5, numbers, len(data) + 18))
    data = data.replace(camera, struct.pack("<HHLL", 34853, 4, 1, len(data)))
    notes = struct.pack("<HHHLLL", 1, 1, 5, numbers, len(data) + 18, 0)
    data += notes + b"\1\0\0\0" * (2 * numbers)
    made = 0

    make = decoding.TiffImagePlugin.IFDRational.__init__

    def count(*values: Any) -> None:
        nonlocal made
        made += 1
        make(*values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding.TiffImagePlugin.IFDRational, "__init__", count)
        assert array(data)[..., 0].ravel().tolist() == list(range(16))
        assert made == 0
        Image.open(io.BytesIO(data)).load()
        assert made >= 2 * numbers  # which is what Pillow does on its own


BARE = """
import sys, types
sys.modules["adv_core"] = types.ModuleType("adv_core")  # without torch, which the package imports
sys.modules["adv_core"].__path__ = [sys.argv[1]]
from adv_core import decoding
"""

PROBE = """
import resource
from pathlib import Path
open_image = decoding.open_image

def peak():
    processes = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(resource.getrusage(each).ru_maxrss for each in processes) * 1024

files = [Path(name).read_bytes() for name in sys.argv[2:]]
before = peak()
for data in files:
    picture = open_image(data)
    print(picture.width, picture.height, (peak() - before) // 10**6)
    del picture
"""


@pytest.mark.slow
def test_worst_cases_stay_below_500_megabytes(tmp_path: Path) -> None:
    wide, high = 8000, 5000
    grey = Image.new("L", (wide, high), 90)
    upright = exif(6)
    smaller = Image.new("RGBA", (5000, 5000), (9, 99, 200, 99))
    pattern = RNG.integers(0, 256, wide * 4, dtype=np.uint8).tobytes()
    deep = zlib.compress(bytes(5000 * 5000 * 8), 1)
    phone = Image.new("RGB", (8064, 6048), "olive")
    files = {
        "rgba.png": png(wide, high, 8, 6, [pattern] * high, before=chunk(b"eXIf", upright)),
        "phone.jpg": encode(phone, "JPEG", progressive=True, subsampling=0, exif=b"Exif\0\0" + upright),
        "lossless.webp": encode(smaller, "WEBP", lossless=True, quality=0, method=0, exif=upright),
        "deep.tif": tiff(*(5000, 5000, deep), t258=(16,) * 4, t259=8, t262=2, t277=4, t338=2, t274=6),
        "grey.gif": encode(grey, "GIF"),
    }
    for name, data in files.items():
        assert len(data) <= MAX_BYTES
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", BARE + PROBE, Path(decoding.__file__).parent, *(str(tmp_path / name) for name in files)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    sizes = [tuple(line[:2]) for line in lines]
    assert sizes == [(high, wide), (3024, 4032), (5000, 5000), (5000, 5000), (wide, high)]
    assert max(line[2] for line in lines) < 500, done.stdout


# --------------------------------------------------------------------------------------
# Nothing else escapes
# --------------------------------------------------------------------------------------


def fail_with(error: BaseException) -> Callable[[object], Image.Image]:
    def reader(_: object) -> Image.Image:
        raise error

    return reader


@pytest.mark.parametrize(
    "error",
    [
        *(RecursionError(), MemoryError(), struct.error(), SyntaxError("/x"), OverflowError()),
        *(zlib.error(), ValueError("C:\\x"), OSError("x"), KeyError(1), AssertionError()),
        *(TypeError(), EOFError(), ZeroDivisionError(), UserWarning(), RuntimeError()),
        *(Image.DecompressionBombError(), Image.DecompressionBombWarning(), StopIteration()),
        UnicodeDecodeError("utf-8", b"", 0, 1, "x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_exception_becomes_an_image_error(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(decoding._READERS, "PNG", fail_with(error))
    word = "too many pixels" if isinstance(error, MemoryError) else "damaged"
    assert word in refused(SAMPLES["png"])


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_interrupts_are_not_swallowed(error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(decoding._READERS, "PNG", fail_with(error()))
    with pytest.raises(error):
        open_image(SAMPLES["png"])


def test_refusal_does_not_keep_the_decoder_alive() -> None:
    data = SAMPLES["png"]
    with pytest.raises(ImageError) as caught:
        open_image(data[: len(data) // 2])
    assert caught.value.__context__ is None and caught.value.__cause__ is None


def damage(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, often in the header, where they do the most harm; maybe cut off."""
    broken = bytearray(data)
    reach = chance.choice((64, 700, len(data)))
    for _ in range(chance.choice((1, 2, 8))):
        at = chance.randrange(min(reach, len(data)))
        broken[at] = chance.choice((0, 0xFF, broken[at] ^ 1 << chance.randrange(8)))
    if chance.random() < 0.3:
        del broken[chance.randrange(len(broken)) :]
    return bytes(broken)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_files_give_an_image_or_an_image_error(name: str) -> None:
    chance = random.Random(f"fuzz {name}")
    refusals = 0
    for _ in range(60):
        try:
            image = open_image(damage(SAMPLES[name], chance))
        except ImageError:
            refusals += 1
        else:
            assert type(image) is Image.Image and image.mode == "RGB"
            assert len(image.tobytes()) == image.width * image.height * 3
    assert refusals > 5


@pytest.mark.filterwarnings("ignore")
def test_noise_after_a_signature_is_refused() -> None:
    chance = random.Random(1)
    signatures = [data[:12] for data in SAMPLES.values()]
    for _ in range(200):
        refused(chance.choice(signatures) + chance.randbytes(chance.randrange(300)))


def test_pillow_is_left_as_it_was() -> None:
    before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    for data in SAMPLES.values():
        open_image(data)
    refused(SAMPLES["jpeg"][:500])
    refused(LARGE_HEADERS["png-warning"])
    assert before == (
        *(ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS),
        list(warnings.filters),
    )
    assert before[0] is False


def test_threads_do_not_disturb_each_other() -> None:
    expected = {name: array(data) for name, data in SAMPLES.items()}
    wrong: list[str] = []

    def work(seed: int) -> None:
        names = list(SAMPLES)
        random.Random(seed).shuffle(names)
        for name in names:
            try:
                open_image(SAMPLES[name][:40])
                wrong.append(f"{name} opened")
            except ImageError:
                pass
            if not np.array_equal(array(SAMPLES[name]), expected[name]):
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --------------------------------------------------------------------------------------
# fit
# --------------------------------------------------------------------------------------


def test_fit_keeps_a_picture_of_the_right_size() -> None:
    fitted = fit(PHOTO, PHOTO.height, PHOTO.width)
    assert np.array_equal(np.asarray(fitted), np.asarray(PHOTO))
    fitted.putpixel((0, 0), (1, 2, 3))
    assert PHOTO.getpixel((0, 0)) != (1, 2, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (65535, 1), (3, 7), (1000, 999)])
@pytest.mark.parametrize(("height", "width"), [(224, 224), (1, 1), (10, 300), (240, 160)])
def test_fit_gives_the_size_asked_for(size: tuple[int, int], height: int, width: int) -> None:
    fitted = fit(Image.new("RGB", size, (10, 20, 30)), height, width)
    assert fitted.size == (width, height)
    assert fitted.mode == "RGB"
    assert np.unique(np.asarray(fitted).reshape(-1, 3), axis=0).tolist() == [[10, 20, 30]]


@pytest.mark.parametrize("turn", [False, True])
def test_fit_crops_to_the_centre(turn: bool) -> None:
    # A red third, a green one and a blue one: a square keeps the green.
    strip = np.zeros((30, 90, 3), np.uint8)
    for third in range(3):
        strip[:, 30 * third : 30 * third + 30, third] = 255
    image = Image.fromarray(strip.transpose(1, 0, 2) if turn else strip)
    found = np.asarray(fit(image, 30, 30))
    assert np.array_equal(found, np.broadcast_to(np.uint8([0, 255, 0]), (30, 30, 3)))


def test_fit_keeps_the_aspect_and_smooths() -> None:
    image = Image.fromarray(np.tile(np.uint8([[[0] * 3, [255] * 3]]), (300, 200, 1)))
    fitted = np.asarray(fit(image, 30, 40)).astype(int)
    assert np.abs(fitted - 127.5).max() < 12  # without antialiasing: black and white stripes
    circle = np.zeros((200, 320, 3), np.uint8)
    y, x = np.indices((200, 320))
    circle[(y - 99.5) ** 2 + (x - 159.5) ** 2 < 80**2] = 255
    seen = np.asarray(fit(Image.fromarray(circle), 100, 100))[..., 0] > 127
    assert abs(int(seen.any(0).sum()) - 80) <= 1
    assert abs(int(seen.any(1).sum()) - 80) <= 1


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, 0), (-1, 5)])
def test_fit_refuses_an_empty_size(height: int, width: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        fit(PHOTO, height, width)


# --------------------------------------------------------------------------------------
# Images, pixels and tensors
# --------------------------------------------------------------------------------------

ALL_LEVELS = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
EXACT = (np.arange(256, dtype=np.float64) / 255).astype(np.float32)


def test_tensor_values_are_exact() -> None:
    x = to_tensor(Image.fromarray(ALL_LEVELS))
    assert x.shape == (1, 3, 16, 16)
    assert x.dtype == torch.float32
    assert x.is_contiguous()
    for channel in x[0]:
        assert np.array_equal(channel.numpy().ravel(), EXACT)


def test_tensor_has_channels_first() -> None:
    x = to_tensor(Image.fromarray(UPRIGHT))
    assert x.shape == (1, 3, 5, 8)
    assert x[0, 2, 3, 7] == EXACT[UPRIGHT[3, 7, 2]]


def test_tensor_of_a_grey_image_has_three_channels() -> None:
    assert to_tensor(Image.new("L", (3, 2), 51)).shape == (1, 3, 2, 3)


def test_pixels_survive_the_way_to_a_tensor_and_back() -> None:
    for pixels in (ALL_LEVELS, UPRIGHT, UPRIGHT[::-1, ::2]):
        x = from_pixels(pixels)
        assert np.array_equal(to_pixels(x), pixels)
        assert np.array_equal(to_pixels(x[0]), pixels)
        assert is_8bit(x)


def test_batches_of_pixels() -> None:
    batch = RNG.integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    x = from_pixels(batch)
    assert x.shape == (4, 3, 5, 6)
    assert all(np.array_equal(to_pixels(one), pixels) for one, pixels in zip(x, batch, strict=True))


def test_tensor_owns_its_memory() -> None:
    pixels = UPRIGHT.copy()
    x = from_pixels(pixels)
    pixels[:] = 0
    assert np.array_equal(to_pixels(x), UPRIGHT)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 3)),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((3, 4, 6), np.uint8),
    ],
)
def test_wrong_pixels_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        from_pixels(pixels)
    with pytest.raises(ValueError, match="expected"):
        to_png(pixels)


def test_opacity_is_for_files_alone() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(2, 2, 4)
    with Image.open(io.BytesIO(to_png(pixels))) as image:
        assert image.mode == "RGBA" and np.array_equal(np.asarray(image), pixels)
    with pytest.raises(ValueError, match="expected"):
        from_pixels(pixels)


@given(st.floats(0, 1, width=32))
def test_pixels_are_rounded_to_the_nearest(value: float) -> None:
    level = int(to_pixels(torch.full((3, 1, 1), value))[0, 0, 0])
    assert abs(level - value * 255) <= 0.5 + 1e-5


@pytest.mark.parametrize("kind", [torch.float16, torch.float32, torch.float64])
def test_pixels_outside_the_range_are_clipped(kind: torch.dtype) -> None:
    x = torch.tensor([-2.0, 0.0, 1.0, 1.5], dtype=kind).expand(3, 1, 4)
    assert to_pixels(x)[0, :, 0].tolist() == [0, 0, 255, 255]


def test_pixels_of_a_tensor_with_a_gradient() -> None:
    assert to_pixels(torch.ones(1, 3, 2, 2, requires_grad=True)).min() == 255


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 4), (2, 3, 4, 4), (4, 4, 3), (1, 1, 3, 4, 4)])
def test_wrong_tensors_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        to_pixels(torch.zeros(shape))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_tensors_with_gaps_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        to_pixels(torch.full((3, 2, 2), value))


def test_png_is_exact_and_bare() -> None:
    noisy = RNG.integers(0, 256, (60, 50, 3), dtype=np.uint8)
    data = to_png(noisy)
    assert data == to_png(noisy.copy())
    assert np.array_equal(array(data), noisy)
    names, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        names.append(data[at + 4 : at + 8])
        at += 12 + length
    assert set(names) == {b"IHDR", b"IDAT", b"IEND"}


def test_adversarial_picture_survives_saving_and_uploading() -> None:
    x = round_to_8bit(torch.rand(1, 3, 224, 224))
    image = open_image(to_png(to_pixels(x)))
    assert torch.equal(to_tensor(fit(image, 224, 224)), x)


def test_amplified_perturbation() -> None:
    delta = torch.tensor([0.0, 0.02, -0.02, 0.9, -0.9]).expand(1, 3, 1, 5)
    expected = [128, 178, 76, 255, 0]  # 127.5 + 51 and 127.5 - 51, to even
    for form in (delta, delta[0], delta.numpy(), delta[0].numpy()):
        found = amplify(form, 10)
        assert found.dtype == np.uint8
        assert found.shape == (1, 5, 3)
        assert np.abs(found[0] - np.array(expected)[:, None]).max() <= 1
    assert amplify(torch.zeros(3, 1, 1), 50).tolist() == [[[128] * 3]]
    assert amplify(delta[0].numpy()[:, :, ::-1], 10)[0, 0, 0] == 0
    before, after = np.array([[[[100, 200, 0]]], [[[103, 199, 0]]]], np.uint8)
    assert difference(before, after, 10.1).tolist() == [[[158, 117, 128]]]


def test_8bit_values_are_recognised() -> None:
    x = torch.from_numpy(EXACT)
    assert is_8bit(x)
    assert is_8bit(torch.zeros(0))
    for neighbour in (torch.inf, -torch.inf):
        near = torch.nextafter(x, torch.tensor(neighbour))
        assert not any(is_8bit(value) for value in near)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1 / 255, 256 / 255, 0.5])
def test_other_values_are_not_8bit(value: float) -> None:
    assert not is_8bit(torch.tensor([0.0, value]))


def test_8bit_values_of_other_types() -> None:
    levels = torch.arange(256, dtype=torch.float64) / 255
    assert is_8bit(levels)
    assert round_to_8bit(levels).dtype == torch.float64
    assert not is_8bit(levels.float().double())
    assert not is_8bit(torch.tensor([0, 1]))


@given(st.floats(-1, 2, width=32))
def test_rounding_gives_the_nearest_8bit_value(value: float) -> None:
    found = round_to_8bit(torch.tensor([value]))
    assert is_8bit(found)
    assert abs(float(found[0]) - min(max(value, 0), 1)) <= 0.5 / 255 + 1e-6


def test_importing_needs_no_torchvision() -> None:
    code = f"{BARE}\nprint(decoding.MAX_PIXELS, {{'torch', 'torchvision', 'pillow_heif'}} & set(sys.modules))"
    command = [sys.executable, "-c", code, Path(decoding.__file__).parent]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(MAX_PIXELS), "set()"]
