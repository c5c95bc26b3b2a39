"""Exact decoding of a PNG, such as a submitted adversarial picture."""

import io
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import PngImagePlugin

from adv_core.decoding import ImageError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 2
_COLOURS = {0: "in grey", 3: "with a palette", 4: "with an alpha channel", 6: "with an alpha channel"}
_SAVE = "Please save it as PNG with 8 bits per colour, RGB, without transparency."


def read_png(data: bytes, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return the pixels of a PNG with 8 bits per colour, RGB, of exactly that size, (height, width, 3) uint8.

    Only the chunks that hold the pixels are decoded. Notes, profiles and the like are neither read nor kept.

    Raises:
        ImageError: for anything else, with a sentence for the person who uploaded it.
    """
    # An incompressible picture is a little larger than its pixels; notes may take as much again.
    if len(data) > 2 * (3 * height * width + height) + 2**16:
        raise ImageError(f"This file is too large for a picture of {width} × {height} pixels.")
    if not data.startswith(_SIGNATURE):
        raise ImageError(f"This is not a PNG file. {_SAVE}")
    kept = [_SIGNATURE]
    try:
        for name, chunk, body in _chunks(data):
            if name == b"IHDR":
                _check_header(body, height, width)
            if name == b"acTL":
                raise ImageError("This PNG is animated. Please upload a single picture.")
            if name == b"tRNS":
                raise ImageError(f"This PNG has a transparent colour. {_SAVE}")
            if name in (b"IHDR", b"IDAT", b"IEND"):
                kept.append(chunk)
        # Not Image.open: it tries every format.
        image = PngImagePlugin.PngImageFile(io.BytesIO(b"".join(kept)))
        image.load()
    except ImageError:
        raise
    except Exception as error:  # damaged files make Pillow raise nearly every kind of exception
        raise ImageError("This PNG is damaged or incomplete. Please save the picture again.") from error
    pixels = np.asarray(image)
    if image.mode != "RGB" or pixels.shape != (height, width, 3) or pixels.dtype != np.uint8:
        raise ImageError(f"This picture cannot be judged. {_SAVE}")
    return pixels


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """(name, the whole chunk, its body) of each chunk up to the end of the picture."""
    at, name = len(_SIGNATURE), b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data) or (at == len(_SIGNATURE) and name != b"IHDR"):
            raise ValueError("not a whole PNG")
        yield name, data[at:end], data[at + 8 : at + 8 + length]
        at = end


def _check_header(body: bytes, height: int, width: int) -> None:
    has_width, has_height, depth, colour = struct.unpack_from(">IIBB", body)
    if (has_height, has_width) != (height, width):
        raise ImageError(
            f"This picture has {has_width} × {has_height} pixels, and must have {width} × {height}. Please save it "
            "unresized."
        )
    if depth != 8:
        raise ImageError(f"This PNG has {depth} bits per colour. {_SAVE}")
    if colour != _RGB:
        raise ImageError(f"This PNG is stored {_COLOURS.get(colour, 'in an unusual way')}. {_SAVE}")
