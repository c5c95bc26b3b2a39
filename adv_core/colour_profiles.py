"""Colour profiles (ICC): from the colours of a file to sRGB, which all networks and pages assume."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

Converter = Callable[[Image.Image], Image.Image]

_MAX_BYTES = 2**22  # a printer's profile has about a million
_SPACES = {("RGB", b"RGB "): "RGB", ("L", b"RGB "): "RGB", ("L", b"GRAY"): "L", ("CMYK", b"CMYK"): "CMYK"}
_GREYS = np.arange(256, dtype=np.uint8)
_COLOURS = np.stack(np.meshgrid(*[_GREYS[::17]] * 3), -1).reshape(-1, 1, 3)  # 16 levels of each


def to_srgb(profile: object, mode: str) -> Converter | None:
    """Return the function that converts a picture from the colours of a profile to sRGB, in mode RGB.

    Args:
        profile: the bytes of the profile, or None.
        mode: "CMYK"; "RGB"; or "L" for a picture in RGB whose three values are equal.

    Returns:
        None if the colours should stay as they are: there is no profile, it is damaged, too large or for another mode,
        or it means sRGB, so that no colour changes by more than one level.
    """
    if not isinstance(profile, bytes) or len(profile) > _MAX_BYTES:
        return None
    space = _SPACES.get((mode, profile[16:20]))
    # "mpet" marks a program of free length: a hundred thousand steps for each colour. Cameras and printers have none.
    if space is None or b"mpet" in profile:
        return None
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        convert = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), space, "RGB").apply
        if space == "CMYK":
            return convert
        before = _GREYS[None] if space == "L" else _COLOURS
        after = np.asarray(convert(Image.fromarray(before)))
    except Exception:  # a picture with an unreadable profile is still a readable picture
        return None
    if np.abs(after - before.reshape(*before.shape[:2], -1).astype(int)).max() <= 1:
        return None
    if space == "L":
        table = after[0, :, 1].tolist() * 3
        return lambda picture: picture.point(table)
    return convert
