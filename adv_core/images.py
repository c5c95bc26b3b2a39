"""Conversions between three forms of a picture; rounding to 8 bits.

* a Pillow image in mode RGB,
* pixels: a numpy array (height, width, 3) of uint8,
* a tensor (1, 3, height, width) of float32 in [0, 1], whose values are exactly float32(k / 255).
"""

import io

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

Pixels = npt.NDArray[np.uint8]


# A look-up table, rather than a division, makes the values float32(k / 255) by definition.
_LEVELS: npt.NDArray[np.float32] = (np.arange(256) / 255).astype(np.float32)


def fit(image: Image.Image, height: int, width: int) -> Image.Image:
    """Resize so that the image covers (width, height) with its aspect kept; crop to the centre.

    Args:
        image: any size and aspect.
        height: of the result, in pixels.
        width: of the result, in pixels.

    Returns:
        A new RGB image. An RGB image of exactly this size comes back with identical pixels.

    Raises:
        ValueError: if the height or the width is not positive.
    """
    if height < 1 or width < 1:
        raise ValueError(f"height and width must be positive, not {height} and {width}")
    image = image.convert("RGB")
    if image.size == (width, height):
        return image
    scale = max(width / image.width, height / image.height)
    # Resize the central box alone, so that the whole enlarged image is never built: a picture of
    # 1 × 4000, scaled up to a width of 224, would take 600 MB.
    box_width = min(image.width, width / scale)
    box_height = min(image.height, height / scale)
    left, top = (image.width - box_width) / 2, (image.height - box_height) / 2
    box = (left, top, left + box_width, top + box_height)
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box)


def shrink(image: Image.Image, max_pixels: int) -> Image.Image:
    """The whole picture, made smaller in proportion if it has more than ``max_pixels``; otherwise as it is."""
    if image.width * image.height <= max_pixels:
        return image
    scale = (max_pixels / (image.width * image.height)) ** 0.5
    size = (max(int(image.width * scale), 1), max(int(image.height * scale), 1))
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def to_tensor(image: Image.Image) -> torch.Tensor:
    """The image as a tensor (1, 3, height, width) of float32, each value float32(k / 255)."""
    return from_pixels(np.asarray(image.convert("RGB")))


def from_pixels(pixels: Pixels) -> torch.Tensor:
    """Pixels as a tensor.

    Args:
        pixels: (height, width, 3) or (N, height, width, 3) of uint8.

    Returns:
        (N, 3, height, width) of float32, each value exactly float32(k / 255); N is 1 for a
        single picture.

    Raises:
        ValueError: for any other shape or type.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or pixels.shape[-1] != 3:
        raise ValueError(f"expected (..., H, W, 3) of uint8, not {pixels.shape} {pixels.dtype}")
    batch = pixels if pixels.ndim == 4 else pixels[np.newaxis]
    return torch.from_numpy(_LEVELS[batch.transpose(0, 3, 1, 2)]).contiguous()


def to_pixels(x: torch.Tensor) -> Pixels:
    """A tensor as pixels, each value rounded to the nearest of the 256 levels.

    Args:
        x: (3, height, width) or (1, 3, height, width), in [0, 1] on any device; values outside
            are clipped.

    Returns:
        (height, width, 3) of uint8.

    Raises:
        ValueError: for any other shape, or if a value is not a finite number.
    """
    picture = x.detach().squeeze(0) if x.ndim == 4 else x.detach()
    if picture.ndim != 3 or picture.shape[0] != 3:
        raise ValueError(f"expected (3, H, W) or (1, 3, H, W), not {tuple(x.shape)}")
    if not torch.isfinite(picture).all():
        raise ValueError("the picture has values that are not finite numbers")
    levels = (picture.float() * 255).round_().clamp_(0, 255).to(torch.uint8)
    return levels.permute(1, 2, 0).contiguous().cpu().numpy()


def to_png(pixels: Pixels) -> bytes:
    """Pixels (height, width, 3) of uint8 as a PNG file without metadata; (height, width, 4) with their opacity.

    The same pixels always give the same bytes.

    Raises:
        ValueError: for any other shape or type.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise ValueError(f"expected (H, W, 3) or (H, W, 4) of uint8, not {pixels.shape} {pixels.dtype}")
    file = io.BytesIO()
    # Level 1: a noisy 224 × 224 photo takes 5.5 ms and 108 kB. Level 6 saves only 8 % of the bytes
    # and takes a quarter longer.
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def amplify(delta: torch.Tensor | npt.NDArray[np.floating], factor: float) -> Pixels:
    """A perturbation as a picture: 0.5 + factor * delta, clipped to [0, 1].

    Args:
        delta: (3, height, width) or (1, 3, height, width), in units of the full range [0, 1].
        factor: the amplification.

    Returns:
        (height, width, 3) of uint8; no change is mid-grey (128).

    Raises:
        ValueError: for any other shape, or if a value is not a finite number.
    """
    if isinstance(delta, torch.Tensor):
        return to_pixels(0.5 + factor * delta)
    # In numpy: a page draws many of these, and torch would start threads of its own for each page's thread.
    picture = delta[0] if delta.ndim == 4 and len(delta) == 1 else delta
    if picture.ndim != 3 or len(picture) != 3:
        raise ValueError(f"expected (3, H, W) or (1, 3, H, W), not {delta.shape}")
    levels = np.rint((0.5 + factor * picture.transpose(1, 2, 0).astype(np.float32)) * np.float32(255))
    if not np.isfinite(levels).all():
        raise ValueError("the picture has values that are not finite numbers")
    return np.ascontiguousarray(levels.clip(0, 255).astype(np.uint8))


def difference(before: Pixels, after: Pixels, factor: float) -> Pixels:
    """The change from one picture to another as a picture, amplified around grey. See `amplify`.

    Args:
        before, after: (height, width, 3) of uint8 each.
        factor: the amplification.
    """
    delta = (after.astype(np.float32) - before.astype(np.float32)) / 255
    return amplify(delta.transpose(2, 0, 1), factor)


def is_8bit(x: torch.Tensor) -> bool:
    """Tell whether each value equals k / 255, to the last bit, for a whole number k from 0 to 255.

    "To the last bit" refers to the type of `x`: float32(k / 255) for the usual float32. Such a
    tensor, of any shape, can be saved as a PNG without any change.
    """
    return x.is_floating_point() and torch.equal(round_to_8bit(x), x.detach())


def round_to_8bit(x: torch.Tensor) -> torch.Tensor:
    """The k / 255 nearest to each value, for a whole number k from 0 to 255.

    Returns:
        A tensor like `x` in shape, floating-point type and device, without a gradient.
    """
    # Divide on the CPU, because a GPU may multiply by 1 / 255 instead, which gives other last bits.
    levels = (x.detach().cpu() * 255).round_().clamp_(0, 255)
    return levels.div_(255).to(x.device)
