"""x: an image that a person gave us, on its way into the classifier and back onto the screen.

Three representations, and nothing else: a PIL image (RGB) as decoded, *pixels* (H, W, 3) uint8 as shown and saved, and
a *tensor* (N, 3, H, W) float32 in [0, 1] as attacked. Values of a tensor made here are exactly float32(k / 255).
"""

import io
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image, ImageCms

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MAX_BYTES = 10 * 2**20
MAX_PIXELS = 40_000_000

_STRIP_ROWS = 256
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_ORIENTATION_TAG = 0x0112
_ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FOREIGN = (
    (b"%PDF", 0, "This is a PDF document. Please save the picture in it as PNG or JPEG first."),
    (b"<svg", 0, "This is an SVG drawing. Please save it as PNG first."),
    (b"<?xml", 0, "This is an XML or SVG file. Please save the picture as PNG first."),
    (b"ftyp", 4, "This is a HEIC, AVIF or video file. Please save the picture as JPEG or PNG first."),
    (b"PK\x03\x04", 0, "This is a ZIP archive. Please unpack it and choose one picture."),
)


class ImageError(ValueError):
    """An image that cannot be used. The message is a sentence for the person who chose it."""


def open_image(data: bytes) -> Image.Image:
    """Decode an image file the way a person sees it.

    EXIF orientation is applied, transparency is laid over white, 16-bit and float pictures are scaled to 8 bits, and
    an animation gives its first frame.

    Args:
        data: the bytes of a JPEG, PNG, WebP, BMP, GIF or TIFF file, at most 10 MiB and 40 megapixels.

    Returns:
        An RGB image, fully loaded, without metadata.

    Raises:
        ImageError: whatever is wrong with the file; nothing else escapes.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ImageError("This is not an image file.")
    data = bytes(data)
    if not data:
        raise ImageError("The file is empty. Please choose another picture.")
    if len(data) > MAX_BYTES:
        raise ImageError("The file is larger than 10 MB. Please choose a smaller picture.")
    for magic, offset, sentence in _FOREIGN:
        if data[offset : offset + len(magic)].lower() == magic.lower():
            raise ImageError(sentence)
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        _check_size(image)
        orientation = _orientation(image)
        image.load()
        image = _as_seen(image)
        if orientation in _ORIENTATIONS:
            image = image.transpose(_ORIENTATIONS[orientation])
        image.info = {}
        return image
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise ImageError(_too_many_pixels()) from None
    except Image.UnidentifiedImageError:
        raise ImageError(
            "This file is not a picture we can read. Please use JPEG, PNG, WebP, BMP, GIF or TIFF."
        ) from None
    except Exception:  # decoders raise anything from SyntaxError to struct.error on broken files
        raise ImageError(
            "This picture is damaged or incomplete. Please open it in another program, save it again, and retry."
        ) from None


def fit(image: Image.Image, height: int, width: int) -> Image.Image:
    """Resize and centre-crop so that the image covers (height, width) with its aspect kept.

    An image of exactly that size comes back pixel for pixel, so a saved adversarial PNG survives another upload.
    """
    if image.size == (width, height):
        return image.copy()
    w, h = image.size
    # The largest centred box with the wanted aspect, cut and scaled in one go: a 1 x 4000 strip costs nothing.
    box_w, box_h = (h * width / height, h) if w * height >= h * width else (w, w * height / width)
    left, top = (w - box_w) / 2, (h - box_h) / 2
    box = (left, top, min(left + box_w, w), min(top + box_h, h))
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box)


def from_pixels(pixels: np.ndarray) -> torch.Tensor:
    """(H, W, 3) or (N, H, W, 3) uint8 -> (N, 3, H, W) float32, each value exactly float32(k / 255)."""
    batch = torch.from_numpy(np.array(pixels if pixels.ndim == 4 else pixels[None]))  # own memory
    return batch.permute(0, 3, 1, 2).contiguous().to(torch.float32) / 255


def to_tensor(image: Image.Image) -> torch.Tensor:
    """An RGB image -> (1, 3, H, W) float32 in [0, 1]."""
    return from_pixels(np.asarray(image.convert("RGB")))


def to_pixels(x: torch.Tensor) -> np.ndarray:
    """(3, H, W) or (1, 3, H, W) in [0, 1] -> (H, W, 3) uint8, rounded to the nearest value."""
    single = x.detach().reshape(x.shape[-3:])
    levels = (single.to("cpu", torch.float32) * 255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())


def to_png(pixels: np.ndarray) -> bytes:
    """(H, W, 3) uint8 -> a PNG file without metadata. Level 1: noisy pictures hardly compress, and it streams live."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def amplify(delta: torch.Tensor | np.ndarray, factor: float) -> np.ndarray:
    """A perturbation (3, H, W) or (1, 3, H, W) as a picture: 0.5 + factor·δ, clipped, (H, W, 3) uint8."""
    return to_pixels((0.5 + factor * torch.as_tensor(delta)).clamp(0, 1))


def is_8bit(x: torch.Tensor) -> bool:
    """Whether every value equals float32(k / 255) for a whole k: a picture that a file can hold exactly."""
    return bool(torch.equal(round_to_8bit(x), x))


def round_to_8bit(x: torch.Tensor) -> torch.Tensor:
    """The nearest value k / 255, of the same dtype, exact to the last bit."""
    return (x * 255).round() / 255


def _too_many_pixels() -> str:
    return "The picture has more than 40 megapixels. Please choose a smaller version."


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError("The picture has no pixels. Please choose another one.")
    if width * height > MAX_PIXELS:
        raise ImageError(_too_many_pixels())


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # a broken EXIF block does not make the picture unreadable
        return 1


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Bands of rows: converting 40 megapixels piece by piece keeps the extra memory to a few megabytes."""
    for top in range(0, image.height, _STRIP_ROWS):
        yield top, image.crop((0, top, image.width, min(top + _STRIP_ROWS, image.height)))


def _as_seen(image: Image.Image) -> Image.Image:
    """RGB as a person sees it, whatever the mode."""
    if image.mode in (*_SIXTEEN_BIT, "I", "F"):
        return _from_deep(image)
    if image.has_transparency_data or image.mode in ("La", "RGBa"):
        seen = Image.new("RGB", image.size, "white")
        for top, strip in _strips(image):
            rgba = strip.convert("RGBA")
            seen.paste(rgba, (0, top), mask=rgba.getchannel("A"))
        return seen
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert converted is not None
        return converted
    # A convert() without change returns a copy; a loaded RGB image needs none.
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """Greyscale of 16 or 32 bits or floats -> RGB. A plain ``convert`` would saturate everything above 255."""
    if image.mode in _SIXTEEN_BIT:
        scale = 255 / 65535
    else:
        highest = max((np.nanmax(_finite(strip)) for _, strip in _strips(image)), default=0.0)
        if image.mode == "F" and highest <= 1:
            scale = 255.0
        elif highest <= 255:
            scale = 1.0
        else:
            scale = 255 / (65535 if image.mode == "I" and highest <= 65535 else highest)
    seen = Image.new("RGB", image.size)
    for top, strip in _strips(image):
        grey = np.clip(np.rint(_finite(strip) * scale), 0, 255).astype(np.uint8)
        seen.paste(Image.fromarray(grey).convert("RGB"), (0, top))
    return seen


def _finite(strip: Image.Image) -> np.ndarray:
    return np.nan_to_num(np.asarray(strip, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
