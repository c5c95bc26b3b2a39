"""JPEG compression as a differentiable transform."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from adv_core.transforms.transform import (
    RGB_TO_YCC,
    Draws,
    Parameter,
    Transform,
    as_parameter,
    broadcast_rows,
    check_range,
    round_straight_through,
    to_levels,
)


@dataclass(frozen=True)
class Jpeg(Transform):
    """A picture saved as JPEG and opened again, at a quality of ``low`` ... ``high``: whole numbers in 1 ... 100, as in
    libjpeg and Pillow.

    It takes all steps of the codec: YCbCr, colour at half the resolution (4:2:0), the cosine transform of 8 x 8 blocks,
    division by the standard's tables, rounding, and back. It leaves out only the entropy coding, which is lossless.
    Every rounding is straight-through: the gradient is that of the same steps without rounding.

    Args:
        subsampling: "4:2:0", as in cameras and Pillow, or "4:4:4" for colour at full resolution.
    """

    low: int = 50
    high: int = 95
    subsampling: Literal["4:2:0", "4:4:4"] = "4:2:0"

    def __post_init__(self) -> None:
        check_range("the quality", self.low, self.high, *_QUALITIES)
        if self.subsampling not in ("4:2:0", "4:4:4"):
            raise ValueError(f"the subsampling is '4:2:0' or '4:4:4', not {self.subsampling!r}")

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (torch.randint(int(self.low), int(self.high) + 1, (n,), generator=generator),)

    def at(self, x: Tensor, quality: Parameter) -> Tensor:
        """x as a JPEG of that quality (rounded to a whole number)."""
        x, quality = broadcast_rows(x, as_parameter("the quality", quality, *_QUALITIES))
        if x.shape[1] != 3:
            raise ValueError(f"JPEG needs three colours: x has {x.shape[1]} channels")
        luminance, chrominance = (t[:, None, None, None].to(x) for t in quantization_tables(quality))
        height, width = x.shape[-2:]
        halve = self.subsampling == "4:2:0"
        unit = 16 if halve else 8
        whole = F.pad(x * 255, (0, -width % unit, 0, -height % unit), mode="replicate")
        to_ycc = torch.tensor(RGB_TO_YCC, dtype=torch.float64)
        ycc = round_straight_through(torch.einsum("kc,nchw->nkhw", to_ycc.to(x), whole))
        y, colour = ycc[:, :1] - 128, ycc[:, 1:]
        if halve:
            colour = F.avg_pool2d(colour, 2)
        y = _through_blocks(y, luminance)[..., :height, :width]
        colour = _through_blocks(colour, chrominance)
        if halve:
            # The filling of the last block must not be mixed into the picture.
            colour = colour[..., : (height + 1) // 2, : (width + 1) // 2]
            colour = F.interpolate(colour, scale_factor=2, mode="bilinear", align_corners=False)
        ycc = torch.cat([y + 128, colour[..., :height, :width]], 1)
        rgb = torch.einsum("ck,nkhw->nchw", to_ycc.inverse().to(x), ycc)
        return to_levels((rgb / 255).clamp(0, 1), torch.full_like(quality, 255))


def quantization_tables(quality: Tensor) -> tuple[Tensor, Tensor]:
    """libjpeg's divisors of the coefficients of brightness and of colour, (N, 8, 8) each, for qualities (N,)."""
    q = quality.double().round()
    scale = torch.where(q < 50, (5000 / q).floor(), 200 - 2 * q)[:, None, None]
    base = (torch.tensor(table, dtype=torch.float64) for table in (_LUMINANCE, _CHROMINANCE))
    luminance, chrominance = (((table * scale + 50) / 100).floor().clamp(1, 255) for table in base)
    return luminance, chrominance


_QUALITIES = (1.0, 100.0)


# ITU-T T.81, annex K; T.871 for the colours.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
)


def _through_blocks(plane: Tensor, table: Tensor) -> Tensor:
    """Turn planes (N, C, H, W), sides multiples of 8, into cosine coefficients, round these to whole multiples of the
    table, and turn them back into whole samples."""
    k = torch.arange(8, dtype=torch.float64)
    cosine = (math.pi / 8 * k[:, None] * (k + 0.5)).cos() / 2
    cosine[0] /= math.sqrt(2)
    cosine = cosine.to(plane)
    blocks = plane.unfold(2, 8, 8).unfold(3, 8, 8)  # (N, C, H/8, W/8, 8, 8)
    coefficients = round_straight_through(cosine @ blocks @ cosine.T / table) * table
    samples = round_straight_through(cosine.T @ coefficients @ cosine)
    return samples.transpose(3, 4).flatten(4, 5).flatten(2, 3)
