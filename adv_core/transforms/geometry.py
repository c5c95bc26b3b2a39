"""Transforms that move pixels: rotation, scale, crop, translation, resizing."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from adv_core.transforms.interpolation import bilinear, crop_window
from adv_core.transforms.transform import (
    Draws,
    Parameter,
    Transform,
    as_parameter,
    broadcast_rows,
    check_range,
    straight_through,
    uniform,
)


@dataclass(frozen=True)
class Rotation(Transform):
    """A rotation by an angle in ±``degrees``, 0 ... 180, about the middle of the picture; bilinear."""

    degrees: float = 22.5

    def __post_init__(self) -> None:
        check_range("the angle", 0, self.degrees, 0, 180)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (uniform(n, -self.degrees, self.degrees, generator),)

    def at(self, x: Tensor, degrees: Parameter) -> Tensor:
        """x, turned counter-clockwise by that many degrees."""
        x, angle = broadcast_rows(x, as_parameter("the angle", degrees))
        # Double precision on the CPU, about the middle: 0° gives x back to the bit, 90° to the last bits.
        # F.grid_sample counts from the corner in float32, which is 1e-5 off (and lacks mirroring on some devices).
        height, width = x.shape[-2:]
        down = torch.arange(height, dtype=torch.float64)[:, None] - (height - 1) / 2
        right = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
        cos, sin = angle.deg2rad().cos()[:, None, None], angle.deg2rad().sin()[:, None, None]
        return bilinear(x, cos * down + sin * right + (height - 1) / 2, cos * right - sin * down + (width - 1) / 2)


@dataclass(frozen=True)
class Scale(Transform):
    """A zoom about the middle, by a factor in ``low`` ... ``high``; 2 shows everything twice as large."""

    low: float = 0.9
    high: float = 1.4

    def __post_init__(self) -> None:
        check_range("the scale", self.low, self.high, *_SCALES)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (uniform(n, self.low, self.high, generator),)

    def at(self, x: Tensor, scale: Parameter) -> Tensor:
        """x, ``scale`` times as large, cut to the same frame. Shrinking averages (antialiased)."""
        x, scale = broadcast_rows(x, as_parameter("the scale", scale, *_SCALES))
        return crop_window(x, 1 / scale, (1 - 1 / scale) / 2, (1 - 1 / scale) / 2)


@dataclass(frozen=True)
class Crop(Transform):
    """A random window, resized back: its sides are ``fraction`` ... 1 of the picture's, 0 < fraction ≤ 1."""

    fraction: float = 0.8

    def __post_init__(self) -> None:
        check_range("the fraction", self.fraction, 1, *_FRACTIONS)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        fraction = uniform(n, self.fraction, 1, generator)
        return fraction, uniform(n, 0, 1, generator), uniform(n, 0, 1, generator)

    def at(self, x: Tensor, fraction: Parameter, down: Parameter = 0.5, right: Parameter = 0.5) -> Tensor:
        """A window with ``fraction`` of the height and width, enlarged to full size.

        ``down`` and ``right``, in 0 ... 1, give its place: 0 at the upper or left edge, 1 at the lower or right one.
        """
        where = as_parameter("down", down, 0, 1), as_parameter("right", right, 0, 1)
        x, side, down, right = broadcast_rows(x, as_parameter("the fraction", fraction, *_FRACTIONS), *where)
        return crop_window(x, side, down * (1 - side), right * (1 - side))


@dataclass(frozen=True)
class Translation(Transform):
    """A shift by up to ±``fraction``, 0 ... 1, of the height and of the width."""

    fraction: float = 0.1

    def __post_init__(self) -> None:
        check_range("the fraction", 0, self.fraction, 0, 1)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        f = self.fraction
        return uniform(n, -f, f, generator), uniform(n, -f, f, generator)

    def at(self, x: Tensor, down: Parameter, right: Parameter = 0.0) -> Tensor:
        """x, moved ``down`` by that fraction of the height, and ``right`` by that of the width, each in -1 ... 1."""
        x, down, right = broadcast_rows(x, as_parameter("down", down, -1, 1), as_parameter("right", right, -1, 1))
        return crop_window(x, torch.ones_like(down), -down, -right)


@dataclass(frozen=True)
class Resize(Transform):
    """A picture made smaller and enlarged again, which removes fine detail.

    The sides of the small picture are a fraction in ``low`` ... ``high`` of the picture's, above 0 and up to 1.
    """

    low: float = 0.5
    high: float = 1.0

    def __post_init__(self) -> None:
        check_range("the fraction", self.low, self.high, *_FRACTIONS)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (uniform(n, self.low, self.high, generator),)

    def at(self, x: Tensor, fraction: Parameter) -> Tensor:
        """x, resized to that fraction of its sides, in whole pixels, and back; bilinear, antialiased."""
        x, fraction = broadcast_rows(x, as_parameter("the fraction", fraction, *_FRACTIONS))
        size = list(x.shape[-2:])

        def through(rows: Tensor, part: float) -> Tensor:
            small = [max(round(side * part), 1) for side in size]
            if small == size:
                return rows
            thumbnail = F.interpolate(rows, small, mode="bilinear", antialias=True, align_corners=False)
            return F.interpolate(thumbnail, size, mode="bilinear", align_corners=False)

        parts = fraction.tolist()
        if len(set(parts)) == 1:  # one call for the whole batch
            seen = through(x, parts[0])
        else:
            seen = torch.cat([through(row, part) for row, part in zip(x.split(1), parts, strict=True)])
        return straight_through(seen, seen.clamp(0, 1))


_SCALES = (0.01, 100.0)


_FRACTIONS = (0.01, 1.0)
