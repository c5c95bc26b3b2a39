"""Decode uploaded pictures from untrusted bytes into pixels, or refuse them with a sentence for the visitor.

An uploaded file may be an attack on the server. `open_image` turns it into an RGB image or
raises `ImageError`, whose message can be shown to a visitor as it stands. It stays below two
seconds and 500 MB for any file of up to `MAX_BYTES`. Pillow alone does not: a crafted file can
keep its parsers busy for minutes. The budgets below prevent that; no ordinary picture comes near
them. They are all enforced before the pixels are decoded. HEIC and AVIF are decoded in a process
of their own, which ends after three seconds of computing (`adv_core.heif`).

`adv_core.exact_png` is stricter: it takes only a PNG of 8-bit RGB of one size, and gives exactly
its values.
"""

import io
import math
import re
import struct
from collections.abc import Callable, Iterator
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from adv_core import heif
from adv_core.colour_profiles import Converter, to_srgb

Box = tuple[int, int, int, int]
Painter = Callable[[Image.Image], Image.Image]  # a strip of a picture as RGB, or RGBA

FORMATS = ("JPEG", "PNG", "HEIC", "AVIF", "WebP", "BMP", "GIF", "TIFF")
"""The formats that `open_image` accepts, by the names that visitors know. (HEIC and AVIF if the host allows them.)"""

MAX_MEGABYTES = 25
MAX_BYTES = MAX_MEGABYTES * 2**20
"""The largest file that `open_image` accepts, in bytes."""

MAX_PIXELS = 40_000_000
"""The largest picture that `open_image` accepts, in pixels. JPEG, HEIC and AVIF have limits of their own."""

MAX_JPEG_PIXELS = 210_000_000
"""The largest JPEG that `open_image` accepts, in pixels: the largest sensors of phones have 200 million."""

LARGE_PIXELS = 16_000_000
"""A JPEG, HEIC or AVIF of more pixels is opened at a half, a quarter or an eighth of its sides."""

# Pillow keeps a pointer for each row: a picture one pixel wide and 40 million high needs twice
# the memory of a square one. No JPEG is longer than this.
_MAX_SIDE = 65_535

# The bytes that the decoders may unpack. Only formats that need more than five bytes for each
# pixel (16-bit colour, WebP with its two working canvases) reach this limit before MAX_PIXELS:
# at 25 megapixels if they need eight.
_MAX_RAW_BYTES = 200_000_000

# The coefficients of a JPEG with several scans are all kept in memory, however small the picture is
# opened. This limit allows 50 megapixels without subsampling of the colours and 100 with it.
_MAX_COEFFICIENT_BYTES = 300_000_000

# A progressive JPEG has several scans. Each scan goes over the whole picture and may take only
# twenty bytes of the file. This limit allows 16 scans at 50 megapixels and 100 at 8.
_MAX_SCANNED_PIXELS = 800_000_000

# Pillow's decoder for run-length encoded BMP is a Python loop over the pixels.
_MAX_BMP_RLE_PIXELS = 4_000_000

# Every step of Pillow's own parsers begins with a read. Ordinary pictures need a few thousand reads.
_MAX_READS = 200_000

_MAX_TIFF_SEGMENTS = 65_536  # strips or tiles
_MAX_PNG_COMPRESSED_NOTES = 20  # each unpacks to 1 MiB at most
_MAX_JPEG_EXIF_PARTS = 16  # a camera writes one

_STRIP_PIXELS = 2**18  # small enough for the processor's cache, which halves the time

_NOT_A_FILE = "No picture file was received. Please choose a file and try again."
_EMPTY = "This file is empty. Please choose another picture."
_TOO_HEAVY = f"This file is larger than {MAX_MEGABYTES} MB. Please make the picture smaller and try again."
_TOO_LARGE = (
    "This picture has too many pixels to open here. Please make it smaller, for example 4000 × 3000, and try again."
)
_UNKNOWN = "This file is not a picture that can be opened here. Please use {} or {}."
_NO_HEIC = "HEIC and AVIF pictures cannot be opened here. Please save the picture as JPEG or PNG and upload that."
_SVG = "An SVG drawing cannot be opened here. Please export it as PNG or take a screenshot of it."
_PDF = "A PDF document is not a picture. Please save the page you want as JPEG or PNG."
_DAMAGED = (
    "This picture is damaged or incomplete. "
    "Please open it in another program, save it as JPEG or PNG, and upload the new copy."
)
_UNUSUAL = (
    "This picture is stored in an unusual way that cannot be opened here. "
    "Please open it in another program, save it as JPEG or PNG, and upload the new copy."
)


class ImageError(ValueError):
    """A file that cannot be used as a picture.

    The message is one or two plain sentences for a visitor: the cause and a remedy.
    """


def open_image(data: bytes) -> Image.Image:
    """Open an uploaded picture as a person would see it on a white page.

    The `FORMATS` are accepted. The picture is turned upright, transparent parts become white, an
    animation or a motion photo gives its first frame, and deep greyscale is scaled to 8 bits.
    Colours are converted from the picture's colour profile to sRGB; a damaged profile is ignored,
    and one that means sRGB changes nothing. A JPEG, HEIC or AVIF of more than `LARGE_PIXELS` is
    opened at a half, a quarter or an eighth of its sides.

    Args:
        data: the whole file, at most `MAX_BYTES` bytes and `MAX_PIXELS` pixels (25 million for
            the few kinds that take more to decode, such as AVIF, WebP and 16-bit colour; 50
            million for HEIC and for progressive JPEG, `MAX_JPEG_PIXELS` for JPEG).

    Returns:
        An image in mode RGB: fully loaded, without metadata, independent of `data`.

    Raises:
        ImageError: for anything else; no other `Exception` escapes. The message is meant to be
            shown to the visitor.
    """
    if not isinstance(data, bytes):
        raise ImageError(_NOT_A_FILE)
    if not data:
        raise ImageError(_EMPTY)
    if len(data) > MAX_BYTES:
        raise ImageError(_TOO_HEAVY)
    kind = _kind_of(data)
    try:
        return _decode(data, kind)
    except ImageError:
        raise
    except (MemoryError, heif.TooLargeError):
        problem = _TOO_LARGE
    except Exception:
        # Damaged files make Pillow raise nearly every kind of exception.
        problem = _DAMAGED
    # Raised outside the handler: otherwise the error keeps the frames of the failed decoder alive,
    # and with them a half decoded picture.
    raise ImageError(problem)


_SIGNATURES: dict[str, tuple[bytes, ...]] = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "TIFF": (b"II*\0", b"MM\0*"),
}

# The readers are called directly rather than through Image.open. This limits the formats as the
# `formats` argument does. It avoids the warning about large pictures, which can only be silenced
# through state that all threads share; our own size check is stricter. It also reads a
# multi-picture JPEG as a plain one, which gives the same first picture with less parsing.
_READERS: dict[str, Callable[[IO[bytes]], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}

_HEIF_BRANDS = b"heic heix heim heis hevc hevx mif1 msf1 avif avis".split()


def _kind_of(data: bytes) -> str:
    """The name of the reader for this file, from its first bytes."""
    for kind, signatures in _SIGNATURES.items():
        if data.startswith(signatures):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return "HEIF"
    if b"%PDF-" in data[:1024]:
        raise ImageError(_PDF)
    if b"<svg" in data[:4096].lower():
        raise ImageError(_SVG)
    *others, last = [name for name in FORMATS if heif.is_enabled() or name not in ("HEIC", "AVIF")]
    raise ImageError(_UNKNOWN.format(", ".join(others), last))


def _decode(data: bytes, kind: str) -> Image.Image:
    if kind == "HEIF":
        if not heif.is_enabled():
            raise ImageError(_NO_HEIC)
        image = heif.decode(data, LARGE_PIXELS)
        return _on_white(image, (0, 0, *image.size))
    picture, turn = _draw(data, kind)
    return picture if turn is None else picture.transpose(turn)


def _draw(data: bytes, kind: str) -> tuple[Image.Image, Image.Transpose | None]:
    """Return the picture as stored, in RGB, and the turn that makes it upright.

    The decoder and its memory are gone when this returns, before any turning begins.
    """
    scans = 1
    if kind == "TIFF":
        data = _first_page(data)
    elif kind == "JPEG":
        data, scans = _first_picture(data)
    _check_notes(data, kind)
    image = _READERS[kind](_Source(data))
    _check_size(image)
    _check_effort(image, data, scans)
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        factor = heif.reduction(image.size, LARGE_PIXELS)
        image.draft(None, (max(1, image.width // factor), max(1, image.height // factor)))
    drawn = _drawn_box(image)
    image.load()
    if kind == "PNG":
        _scale_key_colour(image, depth=data[24])
    picture = _on_white(image, drawn)
    turn = _turn(image)
    image.close()
    return picture, turn


class _Source(io.BytesIO):
    """A file that may be read a limited number of times.

    A file can consist of a million tiny parts: PNG chunks, GIF extensions, JPEG segments and filler
    bytes, BMP runs. A limit on the reads stops all of these.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads_left = _MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads_left -= 1
        if self._reads_left < 0:
            raise ImageError(_UNUSUAL)
        return super().read(size)


# --------------------------------------------------------------------------------------
# Limits on the cost of a file
# --------------------------------------------------------------------------------------


# What follows 0xFF in a JPEG, unless it belongs to the pixels (0x00), fills a gap, or stands alone.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_SCAN, _END = 0xDA, 0xD9


def _first_picture(data: bytes) -> tuple[bytes, int]:
    """Return a JPEG without the film or the further pictures behind it, and the number of its scans."""
    at, scans = 2, 0
    for _ in range(_MAX_READS):
        found = _MARKER.search(data, at)
        if found is None:
            return data, scans
        at, marker = found.end(), data[found.end() - 1]
        if marker == _END:
            return data[:at], scans
        scans += marker == _SCAN
        at += max(2, int.from_bytes(data[at : at + 2]))  # over its header, as libjpeg goes
    raise ImageError(_UNUSUAL)


def _check_notes(data: bytes, kind: str) -> None:
    """Refuse a file with very much metadata, which Pillow unpacks as soon as it opens the file."""
    if kind == "PNG":
        notes = sum(data.count(name) for name in (b"zTXt", b"iTXt", b"iCCP"))
        if notes > _MAX_PNG_COMPRESSED_NOTES:
            raise ImageError(_UNUSUAL)
    # Pillow joins the parts pairwise, which copies gigabytes for thousands of parts.
    if kind == "JPEG" and data.count(b"Exif\0\0") > _MAX_JPEG_EXIF_PARTS:
        raise ImageError(_UNUSUAL)


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    most = MAX_JPEG_PIXELS if image.format == "JPEG" else MAX_PIXELS
    if max(width, height) > _MAX_SIDE or width * height > most:
        raise ImageError(_TOO_LARGE)


def _check_effort(image: ImageFile.ImageFile, data: bytes, scans: int) -> None:
    """Refuse a picture that takes too much time or memory to decode for its size.

    Args:
        scans: of a JPEG.
    """
    stored = segment = image.width * image.height
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        compression = image.info.get("compression")
        if compression not in _TIFF_COMPRESSIONS:
            raise ImageError(_UNUSUAL)
        scans = data.count(b"\xff\xda") if compression == "jpeg" else 1
        stored, segment = _tiff_areas(image)
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        if scans > 1 and stored * _coefficient_bytes_per_pixel(image) > _MAX_COEFFICIENT_BYTES:
            raise ImageError(_TOO_LARGE)
        if _is_arithmetic(image, data):
            raise ImageError(_UNUSUAL)
    elif stored * _raw_bytes_per_pixel(image) > _MAX_RAW_BYTES:
        raise ImageError(_TOO_LARGE)
    if scans > 1 and scans * segment > _MAX_SCANNED_PIXELS:
        raise ImageError(_UNUSUAL)
    run_length_bmp = image.format == "BMP" and image.tile[0].codec_name == "bmp_rle"
    if run_length_bmp and stored > _MAX_BMP_RLE_PIXELS:
        raise ImageError(_TOO_LARGE)


def _coefficient_bytes_per_pixel(image: JpegImagePlugin.JpegImageFile) -> float:
    """The bytes that a JPEG of several scans takes for each pixel: two for each coefficient of each colour."""
    areas = [horizontal * vertical for _, horizontal, vertical, _ in image.layer]
    most = max(layer[1] for layer in image.layer) * max(layer[2] for layer in image.layer)
    return 2 * sum(areas) / most


def _raw_bytes_per_pixel(image: ImageFile.ImageFile) -> int:
    """The approximate number of bytes that the decoder unpacks for each pixel; slow formats count as large ones."""
    slow = image.mode in ("LAB", "I", "F")
    if image.format == "WEBP" or slow:
        return 8
    arguments = image.tile[0].args
    # Pillow's names for raw layouts: a letter for each channel, then the depth, as in "RGBA;16B".
    layout = arguments if isinstance(arguments, str) else arguments[0] if arguments else ""
    if not isinstance(layout, str):
        return 1  # GIF
    channels, _, depth = layout.partition(";")
    return len(channels) * (2 if depth.startswith("16") else 1)


def _is_arithmetic(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Tell whether a JPEG uses arithmetic coding, which is very slow and which no browser shows."""
    channels = len(image.getbands())
    frame = struct.pack(">HBHH", 8 + 3 * channels, 8, image.height, image.width)
    return any(bytes((0xFF, marker)) + frame in data for marker in range(0xC9, 0xD0))


# --------------------------------------------------------------------------------------
# TIFF and EXIF directories
# --------------------------------------------------------------------------------------

_ORIENTATION = 274
_SHORT = 3  # the type of a 16-bit number

_WIDTH, _HEIGHT, _PHOTOMETRIC, _ROWS_PER_STRIP = 256, 257, 262, 278
_TILE_WIDTH, _TILE_HEIGHT, _SAMPLE_FORMAT = 322, 323, 339

# Only the tags that are needed to draw the picture. The names, the resolution and the camera's
# notes are left out: each of them may hold millions of numbers.
_TIFF_TAGS = {_WIDTH, _HEIGHT, _PHOTOMETRIC, _ORIENTATION, _SAMPLE_FORMAT}
_TIFF_TAGS |= {258, 259, 266, 277, 284, 317, 320, 338}  # depth, coding, channels, palette, alpha
_TIFF_TAGS |= {273, _ROWS_PER_STRIP, 279, _TILE_WIDTH, _TILE_HEIGHT, 324, 325}  # strips, tiles
_TIFF_TAGS |= {292, 293, 347, 529, 530, 531, 532}  # fax and JPEG options, YCbCr

_PROFILE, _BYTES = 34675, (1, 7)  # the tag of the colour profile, and the types of bytes, which are read at once

# LZMA is left out (too slow), and so are a few codings that hardly any program writes.
_TIFF_COMPRESSIONS = {"raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "zstd"}
_TIFF_COMPRESSIONS |= {"jpeg", "tiff_ccitt", "group3", "group4"}


def _directory(data: bytes) -> tuple[str, int, dict[int, bytes]]:
    """The first directory of a TIFF file or an EXIF block.

    Returns:
        The byte order for `struct`, where the directory begins, and its entries: tag to the 12
        bytes of (tag, type, count, value or its place).

    Raises:
        ImageError, struct.error: if there is no complete directory.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        raise ImageError(_DAMAGED)
    (start,) = struct.unpack_from(order + "L", data, 4)
    (length,) = struct.unpack_from(order + "H", data, start)
    listing = data[start + 2 : start + 2 + 12 * length]
    if len(listing) != 12 * length:
        raise ImageError(_DAMAGED)
    entries: dict[int, bytes] = {}
    for at in range(0, len(listing), 12):
        (tag,) = struct.unpack_from(order + "H", listing, at)
        entries.setdefault(tag, listing[at : at + 12])
    return order, start, entries


def _first_page(data: bytes) -> bytes:
    """A TIFF reduced to its first page, whose directory is reduced to `_TIFF_TAGS`."""
    order, start, entries = _directory(data)
    kept = [entry for tag, entry in entries.items() if tag in _TIFF_TAGS]
    for entry in kept:
        (count,) = struct.unpack_from(order + "L", entry, 4)
        if count > _MAX_TIFF_SEGMENTS:
            raise ImageError(_UNUSUAL)
    profile = entries.get(_PROFILE)
    if profile is not None and struct.unpack_from(order + "H", profile, 2)[0] in _BYTES:
        kept = sorted([*kept, profile], key=lambda entry: struct.unpack_from(order + "H", entry))
    no_next_page = bytes(4)
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept) + no_next_page
    return data[:start] + directory + data[start + len(directory) :]


def _tiff_areas(image: TiffImagePlugin.TiffImageFile) -> tuple[int, int]:
    """The pixels stored in a TIFF, tiles counted in full, and the pixels in one of its strips or tiles."""
    tags = image.tag_v2
    width, height = tags[_WIDTH], tags[_HEIGHT]
    if _TILE_WIDTH not in tags and _TILE_HEIGHT not in tags:
        return width * height, width * min(height, tags.get(_ROWS_PER_STRIP, height))
    tile_width, tile_height = tags[_TILE_WIDTH], tags[_TILE_HEIGHT]
    tiles = math.ceil(width / tile_width) * math.ceil(height / tile_height)
    return tiles * tile_width * tile_height, tile_width * tile_height


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _turn(image: Image.Image) -> Image.Transpose | None:
    """The turn that makes a loaded picture upright. (Pillow has already turned a TIFF.)"""
    exif = image.info.get("exif")
    if not isinstance(exif, bytes):
        return None
    # Pillow adds one of these, and some programs write another one themselves.
    exif = exif.removeprefix(b"Exif\0\0").removeprefix(b"Exif\0\0")
    if not exif:
        return None
    try:
        # Not Image.getexif: it warns about entries that it cannot read, and unpacks all of them.
        order, _, entries = _directory(exif)
        entry = entries.get(_ORIENTATION)
        if entry is None:
            return None
        _, kind, count, orientation = struct.unpack_from(order + "HHLH", entry)
    except Exception:  # a picture with unreadable notes is still a readable picture
        return None
    return _TURNS.get(orientation) if (kind, count) == (_SHORT, 1) else None


# --------------------------------------------------------------------------------------
# From any mode to RGB on white
# --------------------------------------------------------------------------------------

_DEEP_GREY_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N", "F"})


def _drawn_box(image: ImageFile.ImageFile) -> Box:
    """The part of the canvas that the first frame covers. Call it before loading."""
    whole = (0, 0, *image.size)
    if image.format in ("GIF", "PNG"):
        return image.tile[0].extents or whole
    return whole


def _scale_key_colour(image: Image.Image, depth: int) -> None:
    """Scale the transparent colour of a PNG to the depth of Pillow's unpacked pixels."""
    key = image.info.get("transparency")
    if image.mode == "L" and isinstance(key, int):
        largest = 2**depth - 1
        image.info["transparency"] = (key & largest) * 255 // largest
    elif image.mode == "RGB" and isinstance(key, tuple) and depth == 16:
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _on_white(image: Image.Image, drawn: Box) -> Image.Image:
    """Draw a loaded image in RGB on a white page, strip by strip to save memory."""
    page = Image.new("RGB", image.size, "white")
    paint = _painter(image)
    for box in _strips(drawn):
        strip = paint(image.crop(box))
        page.paste(strip, box, strip if strip.mode == "RGBA" else None)
    return page


def _strips(box: Box) -> Iterator[Box]:
    left, top, right, bottom = box
    rows = max(1, _STRIP_PIXELS // max(1, right - left))
    for upper in range(top, bottom, rows):
        yield left, upper, right, min(upper + rows, bottom)


def _painter(image: Image.Image) -> Painter:
    """The function that turns a strip of this image into RGB, or RGBA if it is transparent."""
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply
    grey = image.mode in _DEEP_GREY_MODES or image.mode in ("1", "L", "LA", "La")
    kind = image.mode if image.mode == "CMYK" else "L" if grey else "RGB"
    convert = to_srgb(image.info.get("icc_profile"), kind)
    if kind == "CMYK":
        return convert or _paint
    paint = _deep_grey_painter(image) if image.mode in _DEEP_GREY_MODES else _paint
    return _converted(paint, convert) if convert else paint


def _converted(paint: Painter, convert: Converter) -> Painter:
    """Return the painter whose colours are then converted; its transparency stays."""

    def painted(strip: Image.Image) -> Image.Image:
        strip = paint(strip)
        colours = convert(strip.convert("RGB"))
        if strip.mode == "RGBA":
            colours.putalpha(strip.getchannel("A"))
        return colours

    return painted


def _paint(strip: Image.Image) -> Image.Image:
    if strip.mode == "La":  # premultiplied, which Pillow converts to nothing but LA
        strip = strip.convert("LA")
    mode = "RGBA" if strip.has_transparency_data else "RGB"
    return strip if strip.mode == mode and mode == "RGBA" else strip.convert(mode)


def _deep_grey_painter(image: Image.Image) -> Painter:
    """Return a function that scales greyscale of more than 8 bits; Pillow's own conversion clips it."""
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else None
    unsigned = image.mode == "I" and tags is not None and 1 in _as_tuple(tags, _SAMPLE_FORMAT, 1)
    black, white = _grey_range(image, unsigned)
    if tags is not None and tags.get(_PHOTOMETRIC) == 0:  # stored as a negative
        black, white = white, black
    key = image.info.get("transparency")

    def paint(strip: Image.Image) -> Image.Image:
        values = _grey_values(strip, unsigned)
        scaled = (values.astype(np.float64) - black) * (255 / (white - black))
        grey = np.rint(np.nan_to_num(np.clip(scaled, 0, 255))).astype(np.uint8)
        if key is not None:
            grey[values == key] = 255
        return Image.fromarray(grey).convert("RGB")

    return paint


def _as_tuple(tags: TiffImagePlugin.ImageFileDirectory_v2, tag: int, default: int) -> tuple[int]:
    value = tags.get(tag, default)
    return value if isinstance(value, tuple) else (value,)


def _grey_values(strip: Image.Image, unsigned: bool) -> npt.NDArray[np.generic]:
    values = np.asarray(strip)
    # Pillow keeps unsigned 32-bit numbers in signed ones.
    return values.view(np.uint32) if unsigned else values


def _grey_range(image: Image.Image, unsigned: bool) -> tuple[float, float]:
    """The values that stand for black and white.

    16-bit numbers have a fixed range. For wider ones it is the usual range they fit in, from 0
    to 1 (fractions only), 255 or 65535, or else from their smallest value to their largest.
    """
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    low, high = math.inf, -math.inf
    for box in _strips((0, 0, *image.size)):
        values = _grey_values(image.crop(box), unsigned)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    for white in usual:
        if low >= 0 and high <= white:
            return 0.0, white
    return low, high if high > low else low + 1
