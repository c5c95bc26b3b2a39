"""A small face detector: the boxes of the faces in a photograph.

It is the "tiny face detector" of face-api (MIT), a small YOLOv2 (Redmon & Farhadi, CVPR 2017, arXiv:1612.08242) of
depthwise separable convolutions, with 0.1 M weights.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.assets import ASSETS
from adv_core.bounds import check_bounds
from adv_core.images import Pixels, from_pixels

WEIGHTS = ASSETS / "faces" / "detector.npz"
SIDE = 416  # of the square that the network reads
CHANNELS = (16, 32, 64, 128, 256, 512)
# The width and height of the five anchors, in cells.
ANCHORS = ((1.603231, 2.094468), (6.041143, 7.080126), (2.882459, 3.518061), (4.266906, 5.178857), (9.041765, 10.66308))
MEAN = (117.001, 114.697, 97.404)
SURE = 0.5  # the least score of a face
TRACKED = 0.25  # the same where a face is known to be; elsewhere, so low a score is often wrong
EYES_ACROSS, EYES_DOWN = (0.34, 0.7), 0.24  # parts of a box
OVERLAP = 0.3  # of two boxes of the same face, intersection over union


@dataclass(frozen=True)
class Face:
    """A face in a photograph.

    Attributes:
        left, top, right, bottom: of its box, in pixels; parts of it can lie outside of the picture.
        score: 0 ... 1.
    """

    left: float
    top: float
    right: float
    bottom: float
    score: float = 1.0

    def check(self) -> None:
        """Refuse a box that no photograph has."""
        far = (-1e5, 1e5)
        check_bounds(self, left=far, top=far, right=(self.left, 1e5), bottom=(self.top, 1e5), score=(0, 1))

    def eyes(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Estimate the places (across, down) of the two eyes, in pixels, from the box alone."""
        width, down = self.right - self.left, self.top + EYES_DOWN * (self.bottom - self.top)
        return (self.left + EYES_ACROSS[0] * width, down), (self.left + EYES_ACROSS[1] * width, down)

    def grown(self, factor: float) -> "Face":
        """The box around the same middle, that many times as wide and high."""
        across, down = (self.right - self.left) * (factor - 1) / 2, (self.bottom - self.top) * (factor - 1) / 2
        return Face(self.left - across, self.top - down, self.right + across, self.bottom + down, self.score)

    @property
    def area(self) -> float:
        return max(self.right - self.left, 0.0) * max(self.bottom - self.top, 0.0)

    def overlap(self, other: "Face") -> float:
        """Return the area of the intersection, divided by the area of the union."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        both = Face(left, top, min(self.right, other.right), min(self.bottom, other.bottom)).area
        return both / max(self.area + other.area - both, 1e-9)


class FaceDetector(nn.Module):
    """Pixels (N, 3, 416, 416) in [0, 1] -> (N, 5, 5, 13, 13): for each anchor x, y, width, height, score, before their
    sigmoid or exponential, in 13 × 13 cells."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(CHANNELS))
        self.first = nn.Conv2d(3, CHANNELS[0], 3)
        self.depthwise = nn.ModuleList(nn.Conv2d(a, a, 3, padding=1, groups=a, bias=False) for a, _ in pairs)
        self.pointwise = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in pairs)
        self.last = nn.Conv2d(CHANNELS[-1], 5 * len(ANCHORS), 1)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.first((255 * x - self.mean) / 255), 0.1)
        for depthwise, pointwise in zip(self.depthwise, self.pointwise, strict=True):
            x = F.max_pool2d(x, 2, ceil_mode=True)
            x = F.leaky_relu(pointwise(depthwise(x)), 0.1)
        x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-torch.inf), 2, stride=1)
        return self.last(x).unflatten(1, (len(ANCHORS), 5))


@cache
def detector(device: str = "cpu") -> FaceDetector:
    """Return the shipped network, read once, in eval mode."""
    network = FaceDetector()
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        weights = {key: torch.from_numpy(stored[key].astype(np.float32)) for key in stored.files}
    state = {"first.weight": _turned(weights["conv0/filters"]), "first.bias": weights["conv0/bias"]}
    for place in range(len(CHANNELS) - 1):
        here = f"conv{place + 1}"
        state[f"depthwise.{place}.weight"] = weights[f"{here}/depthwise_filter"].permute(2, 3, 0, 1)
        state[f"pointwise.{place}.weight"] = _turned(weights[f"{here}/pointwise_filter"])
        state[f"pointwise.{place}.bias"] = weights[f"{here}/bias"]
    state |= {"last.weight": _turned(weights["conv8/filters"]), "last.bias": weights["conv8/bias"]}
    network.load_state_dict(state)
    return network.to(device).eval().requires_grad_(False)


def find_faces(pixels: Pixels, device: str = "cpu", sure: float = SURE) -> list[Face]:
    """Find the faces in a photograph, the largest first.

    Args:
        pixels: (H, W, 3) of uint8.
        sure: the least score of a face.
    """
    x = fitted(from_pixels(pixels).to(device))
    scale = max(x.shape[-2:]) / max(pixels.shape[:2])
    with torch.no_grad():
        found = detector(device)(padded(x))[0].cpu()
    cells = found.shape[-1]
    anchors = torch.tensor(ANCHORS)[:, :, None, None]
    down, across = torch.meshgrid(torch.arange(cells), torch.arange(cells), indexing="ij")
    middle = (found[:, :2].sigmoid() + torch.stack([across, down])) / cells * SIDE / scale
    size = found[:, 2:4].exp() * anchors / cells * SIDE / scale
    score = found[:, 4].sigmoid()
    corners = torch.cat([middle - size / 2, middle + size / 2], 1)
    places = (score > sure).nonzero().tolist()
    faces = [Face(*[*corners[a, :, i, j].tolist(), float(score[a, i, j])]) for a, i, j in places]
    kept: list[Face] = []
    for face in sorted(faces, key=lambda each: -each.score):
        if all(face.overlap(other) < OVERLAP for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda each: -each.area)


def same_place(faces: Sequence[Face], face: Face) -> Face | None:
    """Return the one of the faces that overlaps most with a box; None if none of them does."""
    best = max(faces, key=face.overlap, default=None)
    return best if best and face.overlap(best) > OVERLAP else None


def fitted(x: Tensor) -> Tensor:
    """Photographs (N, 3, H, W), resized so that the longer side is that of the network's square."""
    height, width = x.shape[-2:]
    scale = SIDE / max(height, width)
    size = max(round(height * scale), 1), max(round(width * scale), 1)
    resized: Tensor = F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
    return resized


def padded(x: Tensor) -> Tensor:
    """Photographs as `fitted` makes them, padded right and below to the network's square."""
    return F.pad(x, (0, SIDE - x.shape[-1], 0, SIDE - x.shape[-2]))


def _turned(filters: Tensor) -> Tensor:
    """Filters (h, w, in, out) as torch stores them, (out, in, h, w)."""
    return filters.permute(3, 2, 0, 1)
