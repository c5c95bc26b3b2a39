"""Profiles are built here, byte by byte, and what they mean is computed without ImageCms."""

import io
import struct
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from adv_core.colour_profiles import to_srgb
from adv_core.decoding import open_image

# The chromaticities of red, green, blue and white.
D65 = (0.3127, 0.3290)
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65)
ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65)
ADOBE_GAMMA = 563 / 256
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # g, a, b, c, d
D50 = np.array([0.9642, 1.0, 0.8249])


# --------------------------------------------------------------------------------------
# Making profiles
# --------------------------------------------------------------------------------------


def xyz(chromaticity: tuple[float, float]) -> np.ndarray:
    x, y = chromaticity
    return np.array([x / y, 1, (1 - x - y) / y])


def to_xyz(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """The matrix from linear RGB to XYZ."""
    columns = np.stack([xyz(each) for each in primaries[:3]], 1)
    return columns * np.linalg.solve(columns, xyz(primaries[3]))


def to_d50(white: np.ndarray) -> np.ndarray:
    """Bradford's adaptation of XYZ to the white of profiles."""
    cones = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    return np.linalg.inv(cones) @ np.diag(cones @ D50 / (cones @ white)) @ cones


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def profile(space: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    places, body, start = b"", b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        places += name + struct.pack(">LL", start + len(body), len(value))
        body += value.ljust(-(-len(value) // 4) * 4, b"\0")
    connection = b"Lab " if space == b"CMYK" else b"XYZ "
    head = struct.pack(">L4sL4s4s4s", start + len(body), b"none", 0x02400000, kind, space, connection) + bytes(12)
    head += b"acsp" + bytes(28) + fixed(*D50)
    return head.ljust(128, b"\0") + struct.pack(">L", len(tags)) + places + body


def notes() -> dict[bytes, bytes]:
    text = b"test\0"
    return {b"desc": b"desc\0\0\0\0" + struct.pack(">L", len(text)) + text + bytes(78), b"wtpt": point(D50)}


def point(value: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + fixed(*value)


def curve(gamma: float | None) -> bytes:
    """A power; sRGB's own curve for None."""
    if gamma is None:
        return b"para\0\0\0\0\0\3\0\0" + fixed(*SRGB_CURVE)
    return b"curv\0\0\0\0" + struct.pack(">LH", 1, round(gamma * 256))


def rgb_profile(primaries: tuple[tuple[float, float], ...], gamma: float | None) -> bytes:
    columns = (to_d50(xyz(primaries[3])) @ to_xyz(primaries)).T
    tags = {name + b"XYZ": point(column) for name, column in zip((b"r", b"g", b"b"), columns, strict=True)}
    tags |= {name + b"TRC": curve(gamma) for name in (b"r", b"g", b"b")}
    return profile(b"RGB ", b"mntr", notes() | tags)


def grey_profile(gamma: float) -> bytes:
    return profile(b"GRAY", b"mntr", notes() | {b"kTRC": curve(gamma)})


def ink_profile() -> bytes:
    """Whatever the other inks do, cyan is as dark as black: L* falls from 100 to 0 with it."""
    straight = bytes(range(256))
    lightness = [0 if corner & 8 else 255 for corner in range(16)]  # the first ink varies slowest
    table = b"".join(bytes((light, 128, 128)) for light in lightness)
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return profile(b"CMYK", b"prtr", notes() | {b"A2B0": lut + straight * 4 + table + straight * 3})


P3, ADOBE = rgb_profile(DISPLAY_P3, None), rgb_profile(ADOBE_RGB, ADOBE_GAMMA)


# --------------------------------------------------------------------------------------
# What they mean
# --------------------------------------------------------------------------------------


def linear(values: np.ndarray, gamma: float | None) -> np.ndarray:
    if gamma is not None:
        return values**gamma
    g, a, b, c, d = SRGB_CURVE
    return np.where(values >= d, (a * values + b) ** g, c * values)


def seen(colours: np.ndarray, primaries: tuple[tuple[float, float], ...], gamma: float | None) -> np.ndarray:
    """The same colours in sRGB, 0 ... 255."""
    light = linear(colours / 255, gamma) @ (np.linalg.inv(to_xyz(SRGB)) @ to_xyz(primaries)).T
    light = light.clip(0, 1)
    return 255 * np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)


COLOURS = np.array(
    [
        (234, 51, 35),
        (255, 0, 0),
        (200, 30, 30),
        (30, 200, 90),
        (20, 40, 220),
        (128, 128, 128),
        (255, 255, 255),
        (0, 0, 0),
    ],
    np.uint8,
)
BLOCKS = COLOURS.reshape(2, 4, 3).repeat(16, 0).repeat(16, 1)
KINDS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 100, "subsampling": 0},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def centres(data: bytes) -> np.ndarray:
    """The colours of the blocks of an opened picture."""
    return np.asarray(open_image(data))[8::16, 8::16].reshape(-1, 3).astype(int)


def test_the_saturated_red_of_a_phone() -> None:
    """Display P3 (234, 51, 35) is the red of sRGB. As if it were sRGB, it would be a brick."""
    assert np.abs(seen(COLOURS[:1], DISPLAY_P3, None) - [255, 0, 0]).max() < 8
    red = Image.new("RGB", (16, 16), (234, 51, 35))
    assert np.abs(np.asarray(open_image(encode(red, "PNG", icc_profile=P3)))[0, 0] - [255.0, 0, 0]).max() < 8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("icc", "primaries", "gamma"), [(P3, DISPLAY_P3, None), (ADOBE, ADOBE_RGB, ADOBE_GAMMA)])
def test_colours_are_those_that_a_browser_shows(kind: str, icc: bytes, primaries: Any, gamma: float | None) -> None:
    data = encode(Image.fromarray(BLOCKS), kind, icc_profile=icc, **KINDS[kind])
    tolerance = 2 if kind in ("PNG", "WEBP", "TIFF") else 6  # the codec's own
    assert np.abs(centres(data) - seen(COLOURS, primaries, gamma)).max() <= tolerance


def test_colours_of_heic() -> None:
    file = io.BytesIO()
    image = Image.fromarray(BLOCKS)
    image.info["icc_profile"] = P3
    pillow_heif.from_pillow(image).save(file, quality=100, chroma=444, enc_params={"preset": "ultrafast"})
    assert np.abs(centres(file.getvalue()) - seen(COLOURS, DISPLAY_P3, None)).max() <= 8


def test_palettes_and_transparency() -> None:
    clear = Image.fromarray(BLOCKS).convert("RGBA")
    clear.putalpha(128)
    expected = seen(COLOURS, DISPLAY_P3, None)
    found = centres(encode(clear, "PNG", icc_profile=P3))
    assert np.abs(found - (expected * 128 + 255 * 127) / 255).max() <= 2
    palette = Image.fromarray(BLOCKS).quantize(8)
    exact = seen(np.asarray(palette.convert("RGB"))[8::16, 8::16].reshape(-1, 3), DISPLAY_P3, None)
    assert np.abs(centres(encode(palette, "PNG", icc_profile=P3)) - exact).max() <= 2


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_grey(mode: str) -> None:
    levels = np.arange(0, 256, 17, dtype=np.uint8)[None].repeat(4, 0)
    image = Image.fromarray(levels)
    image = Image.fromarray(levels.astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    found = np.asarray(open_image(encode(image, "PNG", icc_profile=grey_profile(1.5)))).astype(int)
    expected = seen(levels[..., None].repeat(3, 2), SRGB, 1.5)
    assert np.abs(found - expected).max() <= 2 and found.std(2).max() == 0
    assert np.abs(expected - levels[..., None]).max() > 20


def test_inks() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # red, but by this profile white
    data = encode(image, "JPEG", quality=100, icc_profile=ink_profile())
    assert np.asarray(open_image(data)).min() >= 250
    data = encode(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "TIFF", icc_profile=ink_profile())
    assert np.asarray(open_image(data)).max() <= 5


def test_a_turned_picture() -> None:
    turned = Image.Exif()
    turned[274] = 3
    data = encode(Image.fromarray(BLOCKS), "PNG", icc_profile=P3, exif=turned)
    assert np.abs(centres(data) - seen(COLOURS[::-1], DISPLAY_P3, None)).max() <= 2


# --------------------------------------------------------------------------------------
# Pictures whose colours stay
# --------------------------------------------------------------------------------------

NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    "icc",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        rgb_profile(SRGB, None),
        grey_profile(1.5),
        ink_profile(),
        P3[:200],
        P3[:16] + b"GBR " + P3[20:],
        P3[:132] + bytes(len(P3) - 132),
        b"",
        b"nothing",
        P3 + b"mpet",
    ],
    ids=["srgb", "own-srgb", "grey", "ink", "cut", "other-space", "empty-tags", "no-bytes", "text", "mpet"],
)
def test_srgb_and_damaged_profiles_change_no_bit(icc: bytes) -> None:
    for kind in ("PNG", "TIFF"):
        assert np.array_equal(np.asarray(open_image(encode(NOISE, kind, icc_profile=icc))), np.asarray(NOISE))


def test_a_very_large_profile_is_not_read() -> None:
    data = encode(NOISE, "TIFF", icc_profile=P3 + bytes(2**22))
    assert np.array_equal(np.asarray(open_image(data)), np.asarray(NOISE))


@pytest.mark.parametrize("icc", [None, "text", 7, b"", P3[:20]])
def test_what_is_no_profile(icc: object) -> None:
    assert to_srgb(icc, "RGB") is None and to_srgb(icc, "L") is None and to_srgb(icc, "CMYK") is None


def test_a_damaged_profile_gives_a_picture() -> None:
    rng = np.random.default_rng(2)
    for icc in (P3, grey_profile(2.2), ink_profile()):
        for _ in range(40):
            broken = bytearray(icc)
            for at in rng.integers(0, min(len(broken), 400), 4):
                broken[at] = int(rng.integers(0, 256))
            mode = {b"RGB ": "RGB", b"GRAY": "L"}.get(icc[16:20], "CMYK")
            assert open_image(encode(NOISE.convert(mode), "TIFF", icc_profile=bytes(broken))).size == NOISE.size
