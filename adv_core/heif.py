"""HEIC and AVIF pictures, decoded in a process of their own.

A few bytes of such a file can make its decoder work for minutes: a grid may name one large tile thousands of times. The
decoders are also large programs in C. So they run in a process with limits of time and memory, which can write no file
and is given none of the server's secrets. The server's own process never imports them.

``ADV_HEIF=0`` switches these formats off.
"""

import io
import os
import struct
import subprocess
import sys
from typing import IO

from PIL import Image

_SECONDS = 3  # of computing, on all cores together
_PATIENCE = 30.0  # seconds until the answer has to be there, on a busy machine
_MEMORY = 2**30  # bytes of address space; less than half of it is ever used
_MAX_PIXELS = {"HEIC": 50_000_000, "AVIF": 25_000_000}  # Pillow needs twice the memory for AVIF
# To unpack a byte takes about as long as to draw five pixels. This limit allows 8 MB at 50 megapixels and 15 MB at 12.
_MAX_EFFORT = 90_000_000
_STRIP_ROWS = 256  # a multiple of all factors of `reduction`

_HEADER = struct.Struct(">4sLLL")  # mode, width, height, bytes of the colour profile
_TOO_LARGE = 3  # exit status
_KEPT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")  # the variables that Python needs to start


class TooLargeError(ValueError):
    """A picture that takes too much memory or time."""


def is_enabled() -> bool:
    """Tell whether the host allows these formats (``ADV_HEIF``)."""
    return os.environ.get("ADV_HEIF", "").strip() != "0"


def reduction(size: tuple[int, int], most: int) -> int:
    """Return the factor 1, 2, 4 or 8 by which to divide the sides, so that at most so many pixels remain."""
    width, height = size
    return next((factor for factor in (1, 2, 4) if -(-width // factor) * -(-height // factor) <= most), 8)


def decode(data: bytes, most: int) -> Image.Image:
    """Return the main picture, upright, in mode RGB or RGBA, with its colour profile as ``info["icc_profile"]``.

    Args:
        most: the pixels above which a picture is reduced to a half or a quarter of its sides.

    Raises:
        TooLargeError: a picture that takes too much memory or time.
        ValueError, OSError, struct.error: a damaged picture.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-PB", __file__, str(most)],
            input=data,
            capture_output=True,
            timeout=_PATIENCE,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
        )
    except subprocess.TimeoutExpired:
        raise TooLargeError from None
    if done.returncode == _TOO_LARGE or done.returncode < 0:  # a signal: its time was over
        raise TooLargeError
    if done.returncode:
        raise ValueError("damaged")
    mode, width, height, length = _HEADER.unpack_from(done.stdout)
    rest = memoryview(done.stdout)[_HEADER.size :]
    image = Image.frombytes(mode.decode().strip(), (width, height), rest[length:])
    if length:
        image.info["icc_profile"] = bytes(rest[:length])
    return image


# --------------------------------------------------------------------------------------
# In the process of its own, which cannot import adv_core
# --------------------------------------------------------------------------------------


def _main(source: IO[bytes], sink: IO[bytes], most: int) -> int:
    _limit_this_process()
    try:
        image = _decode(_without_film(source.read()), most)
    except (TooLargeError, MemoryError):
        return _TOO_LARGE
    profile = image.info.get("icc_profile") or b""
    sink.write(_HEADER.pack(image.mode.encode().ljust(4), *image.size, len(profile)) + profile)
    for top in range(0, image.height, _STRIP_ROWS):
        sink.write(image.crop((0, top, image.width, min(top + _STRIP_ROWS, image.height))).tobytes())
    return 0


def _limit_this_process() -> None:
    try:
        import resource
    except ImportError:  # on Windows, only the parent's patience ends it
        return
    for name, most in {"CPU": _SECONDS, "AS": _MEMORY, "FSIZE": 0, "CORE": 0}.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


def _without_film(data: bytes) -> bytes:
    """Return the file up to the film of a motion photo.

    Raises:
        ValueError: a file that has been cut off, of which the decoders would draw a part.
    """
    at = 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">L4s", data, at)
        if name == b"mpvd":
            return data[:at]
        if length == 1 and at + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, at + 8)
        if length == 0:  # the last box
            return data
        if length < 8:
            raise ValueError("damaged")
        at += length
    if at > len(data):
        raise ValueError("incomplete")
    return data


def _decode(data: bytes, most: int) -> Image.Image:
    brands = data[8 : min(int.from_bytes(data[:4]), 256)]
    return _decode_avif(data, most) if b"avif" in brands or b"avis" in brands else _decode_heic(data, most)


def _check(kind: str, size: tuple[int, int], data: bytes) -> None:
    pixels = size[0] * size[1]
    if pixels > _MAX_PIXELS[kind] or pixels + 5 * len(data) > _MAX_EFFORT:
        raise TooLargeError


def _decode_heic(data: bytes, most: int) -> Image.Image:
    import pillow_heif

    pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = pillow_heif.options.THUMBNAILS = False
    picture = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    _check("HEIC", picture.size, data)
    mode = "RGBA" if picture.has_alpha else "RGB"
    (width, height), factor = picture.size, reduction(picture.size, most)
    pixels, stride = memoryview(picture.data), picture.stride
    image = Image.new(mode, (-(-width // factor), -(-height // factor)))
    # Strip by strip: Pillow takes four bytes for each pixel, of a picture that is not needed in full.
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        rows = pixels[top * stride : bottom * stride]
        strip = Image.frombytes(picture.mode, (width, bottom - top), rows, "raw", picture.mode, stride)
        image.paste(strip.convert(mode).reduce(factor), (0, top // factor))
    image.info["icc_profile"] = picture.info.get("icc_profile")
    return image


def _decode_avif(data: bytes, most: int) -> Image.Image:
    from PIL import AvifImagePlugin, ImageOps

    picture = AvifImagePlugin.AvifImageFile(io.BytesIO(data))
    _check("AVIF", picture.size, data)
    profile = picture.info.get("icc_profile")
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    image = ImageOps.exif_transpose(picture.reduce(reduction(picture.size, most))).convert(mode)
    image.info["icc_profile"] = profile
    return image


if __name__ == "__main__":
    sys.exit(_main(sys.stdin.buffer, sys.stdout.buffer, int(sys.argv[1])))
