"""Views of a sign from a car that drives up to it: distance, angle, a tracker's box, light, noise.

The views of Eykholt et al., "Robust Physical-World Attacks on Deep Learning Visual Classification", CVPR 2018,
arXiv:1707.08945, computed: a pinhole camera looks at a flat photograph. It is one more random transform, so
`Transformed` takes the expectation over it.

    views = Transformed(network, [DriveBy(box)], samples=8)
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from adv_core.bounds import check_bounds
from adv_core.transforms.interpolation import bilinear
from adv_core.transforms.transform import Draws, Parameter, Transform, as_parameter, broadcast_rows, uniform

SIDE = 48  # of the network's input, in pixels
WIDTH = 0.75  # of the sign, in metres
FOCAL = 1067.0  # of the camera, in pixels: 84 degrees on a picture 1920 pixels wide
NEAR, FAR = 5.0, 40.0  # metres along the road
ASIDE, ABOVE = 2.5, 1.0  # metres from the camera's path to the middle of the sign, to the right and upwards
FINEST = 2 * SIDE  # pixels of a frame's box, at most: the network's input keeps no more of a near sign
MOST_SEEDS = 2**24  # of the noise: whole numbers that a float holds exactly
AROUND = 1.15  # the tracker's box, in sides of the sign


@dataclass(frozen=True)
class SignBox:
    """The place of a sign in a photograph, in pixels from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def check(self) -> None:
        """Refuse a box without an area, or one of an absurd size."""
        check_bounds(self, left=_PLACES, top=_PLACES, right=_PLACES, bottom=_PLACES)
        if self.right - self.left < 8 or self.bottom - self.top < 8:
            raise ValueError("the box of the sign has to be at least 8 pixels wide and high")

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def size(self) -> tuple[float, float]:
        """Its width and height."""
        return self.right - self.left, self.bottom - self.top


_PLACES = (-10_000.0, 10_000.0)


@dataclass(frozen=True)
class DriveBy(Transform):
    """A frame of the drive, cut to the sign: photographs (N, 3, H, W) to (N, 3, `SIDE`, `SIDE`), of 8-bit values.

    The photograph is a flat board that faces down the road, the sign in it `WIDTH` metres wide. The camera looks at its
    middle. The sign is sampled at the size that it has in the frame, the light and the sensor's noise change it, and
    the tracker's box is resized to the network's input.

    Attributes:
        box: of the sign in the photograph.
        near, far: the range of distances, in metres along the road.
        steady: 0 ... 1, the part of all jitter that is left out; with 1, only the distance varies.
    """

    box: SignBox
    near: float = NEAR
    far: float = FAR
    steady: float = 0.0

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return uniform(n, self.near, self.far, generator), *self.jitter(n, generator)

    def jitter(self, n: int, generator: torch.Generator) -> Draws:
        """Draw everything but the distance."""
        loose = 1 - self.steady

        def around(middle: float, reach: float) -> Tensor:
            return middle + loose * uniform(n, -reach, reach, generator)

        return (
            around(ASIDE, 0.75),
            around(0, 3),
            around(0, 0.04),
            around(0, 0.04),
            around(AROUND, 0.1),
            around(1, 0.2),
            around(0, 0.06),
            around(0.008, 0.008),
            torch.randint(MOST_SEEDS, (n,), generator=generator).double(),
        )

    def at(
        self,
        x: Tensor,
        distance: Parameter,
        aside: Parameter = ASIDE,
        roll: Parameter = 0.0,
        across: Parameter = 0.0,
        down: Parameter = 0.0,
        around: Parameter = AROUND,
        contrast: Parameter = 1.0,
        light: Parameter = 0.0,
        noise: Parameter = 0.0,
        seed: Parameter = 0.0,
    ) -> Tensor:
        """The frames of these places on the road.

        Args:
            x: (N, 3, H, W) in [0, 1], or one for all rows.
            distance: metres along the road; aside: metres between the camera's path and the sign.
            roll: of the camera, in degrees.
            across, down: the error of the tracker's box, in its sides; around: the box, in sides of the sign.
            contrast, light: v becomes contrast · (v - 1/2) + 1/2 + light.
            noise: the standard deviation of the sensor's noise, and the ``seed`` from which it is drawn.
        """
        given = (
            as_parameter("the distance", distance, 1, 1000),
            as_parameter("aside", aside, -100, 100),
            as_parameter("the roll", roll, -180, 180),
            *(as_parameter("the box's error", each, -1, 1) for each in (across, down)),
            as_parameter("around", around, 0.1, 10),
            as_parameter("the contrast", contrast, 0, 10),
            as_parameter("the light", light, -1, 1),
            as_parameter("the noise", noise, 0, 1),
            as_parameter("the seed", seed, 0, MOST_SEEDS),
        )
        x, *rows = broadcast_rows(x, *given)
        views = [
            self._frame(row, *numbers)
            for row, *numbers in zip(x.split(1), *(each.tolist() for each in rows), strict=True)
        ]
        return torch.cat(views)

    def _frame(
        self,
        x: Tensor,
        distance: float,
        aside: float,
        roll: float,
        across: float,
        down: float,
        around: float,
        contrast: float,
        light: float,
        noise: float,
        seed: float,
    ) -> Tensor:
        """One frame, (1, 3, SIDE, SIDE)."""
        reach = sign_pixels(distance, aside) * around
        side = min(max(round(reach), 4), FINEST)
        size = side / around
        ticks = ((torch.arange(side, dtype=torch.float64) + 0.5) / side - 0.5) * reach
        right, below = places(distance, aside, roll, ticks + across * reach, ticks[:, None] + down * reach)
        part, corner = self._part(x, around)
        width, height = self.box.size
        scale = min(size / width, size / height, 1.0)
        if scale < 1:  # the lens and the pixels average: a fine pattern does not become a coarse one
            small = [max(round(each * scale), 2) for each in part.shape[-2:]]
            scales = [new / old for new, old in zip(small, part.shape[-2:], strict=True)]
            part = F.interpolate(part, small, mode="bilinear", antialias=True, align_corners=False)
        else:
            scales = [1.0, 1.0]
        middle = self.box.middle
        u = (middle[0] + right * width - corner[0]) * scales[1] - 0.5
        v = (middle[1] + below * height - corner[1]) * scales[0] - 0.5
        seen = bilinear(part, v[None], u[None])
        drawn = torch.randn(seen.shape, generator=torch.Generator().manual_seed(int(seed)))
        seen = (seen - 0.5) * contrast + 0.5 + light + noise * drawn.to(seen)
        seen = F.interpolate(seen.clamp(0, 1), (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
        return seen + ((seen * 255).round().clamp(0, 255) / 255 - seen).detach()

    def _part(self, x: Tensor, around: float) -> tuple[Tensor, tuple[int, int]]:
        """The part of the photograph that a frame may show, and its corner."""
        (middle_x, middle_y), (width, height) = self.box.middle, self.box.size
        reach = 0.6 * around + 0.1
        left, top = max(int(middle_x - reach * width), 0), max(int(middle_y - reach * height), 0)
        right, bottom = math.ceil(middle_x + reach * width), math.ceil(middle_y + reach * height)
        return x[:, :, top:bottom, left:right], (left, top)


def sign_pixels(distance: float, aside: float = ASIDE) -> float:
    """The width of the sign in the frame, in pixels, from that place on the road."""
    return FOCAL * WIDTH / math.sqrt(distance**2 + aside**2 + ABOVE**2)


def angle(distance: float, aside: float = ASIDE) -> float:
    """The angle between the line of sight and the sign's normal, in degrees."""
    return math.degrees(math.atan2(math.hypot(aside, ABOVE), distance))


def places(distance: float, aside: float, roll: float, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The points of the sign's plane that a camera sees at pixels (u, v) from the middle of its view.

    Args:
        u, v: pixels to the right and downwards, of shapes that broadcast.

    Returns:
        Their places to the right and downwards from the middle of the sign, in widths of the sign.
    """
    camera = torch.tensor([-aside, ABOVE, -distance], dtype=torch.float64)  # right, down, away from the driver
    ahead = -camera / camera.norm()
    right = torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64), ahead)
    right = right / right.norm()
    below = torch.linalg.cross(ahead, right)
    cos, sin = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    u, v = cos * u - sin * v, sin * u + cos * v
    ray = [FOCAL * ahead[axis] + u * right[axis] + v * below[axis] for axis in range(3)]
    far = distance / ray[2]
    return (camera[0] + far * ray[0]) / WIDTH, (camera[1] + far * ray[1]) / WIDTH


def drive(count: int, seed: int, near: float = NEAR, far: float = FAR, box: SignBox | None = None) -> Draws:
    """The parameters of `DriveBy.at` for ``count`` frames of one drive, from ``far`` to ``near`` at a steady speed."""
    view = DriveBy(box or SignBox(0, 0, 8, 8), near, far)
    distances = torch.linspace(far, near, count, dtype=torch.float64)
    return distances, *view.jitter(count, torch.Generator().manual_seed(seed))
