"""Spatial attacks (Engstrom et al., ICML 2019, arXiv:1712.02779): rotation, shift, hue and crop, found by search."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor, nn

from adv_core.bounds import check_bounds
from adv_core.transforms.geometry import Crop, Rotation, Scale, Translation
from adv_core.transforms.light import Hue
from adv_core.transforms.transform import Chain, opinions, seen_through

Kind = Literal["turn", "shift", "colour", "crop"]
KINDS: tuple[Kind, ...] = ("turn", "shift", "colour", "crop")
# The limits of a search: degrees; the part of the side that leaves the frame; degrees of the colour wheel; the part of
# the side that is cut off.
FARTHEST: dict[Kind, float] = {"turn": 180, "shift": 0.4, "colour": 180, "crop": 0.6}


@dataclass(frozen=True)
class Pose:
    """A rotation, a shift, a hue and a crop of a picture. A value of zero leaves its change out, to the last bit.

    Attributes:
        angle: degrees, counter-clockwise, -180 ... 180.
        down, right: the shift, in parts of the height and of the width, -1 ... 1.
        hue: degrees on the colour wheel, -180 ... 180.
        cut: the part of its sides that is cut off before it is enlarged again, 0 ... 0.9.
        top, left: the place of the window: 0 at the upper or left edge, 1 at the lower or right one.
        frameless: enlarge a turned picture just enough to hide the filling of its corners.
    """

    angle: float = 0.0
    down: float = 0.0
    right: float = 0.0
    hue: float = 0.0
    cut: float = 0.0
    top: float = 0.5
    left: float = 0.5
    frameless: bool = False

    @property
    def chain(self) -> Chain:
        """The pose as transforms with their parameters. The mirror image fills the space outside the picture."""
        found: Chain = ()
        if self.angle:
            found += ((Rotation(), (self.angle,)),)
            if self.frameless:
                found += ((Scale(), (room_for(self.angle),)),)
        if self.down or self.right:
            found += ((Translation(), (self.down, self.right)),)
        if self.cut:
            found += ((Crop(), (1 - self.cut, self.top, self.left)),)
        if self.hue:
            found += ((Hue(), (self.hue,)),)
        return found

    def check(self) -> None:
        """Refuse a value outside its range."""
        check_bounds(self, angle=(-180, 180), hue=(-180, 180), down=(-1, 1), right=(-1, 1))
        check_bounds(self, cut=(0, 0.9), top=(0, 1), left=(0, 1))


def room_for(angle: float) -> float:
    """Return the factor by which a square has to be enlarged to fill its frame when rotated by ``angle`` degrees."""
    turned = math.radians(angle)
    return abs(math.cos(turned)) + abs(math.sin(turned))


def poses(kind: Kind, size: float, frameless: bool = False) -> list[Pose]:
    """Return all poses that change the picture by that size: two rotations, eight shifts, two hues or nine windows."""
    if kind == "turn":
        return [Pose(angle=size, frameless=frameless), Pose(angle=-size, frameless=frameless)]
    if kind == "colour":
        return [Pose(hue=size), Pose(hue=-size)]
    if kind == "crop":
        return [Pose(cut=size, top=top, left=left) for top in (0, 0.5, 1) for left in (0, 0.5, 1)]
    return [Pose(down=size * math.sin(a), right=size * math.cos(a)) for a in (k * math.pi / 4 for k in range(8))]


def asked(classifier: nn.Module, x: Tensor, held: Sequence[Pose]) -> tuple[np.ndarray, np.ndarray]:
    """Classify a picture (1, 3, H, W) in several poses. Return 8-bit pixels (N, H, W, 3), and probabilities (N, K)."""
    pixels = np.concatenate([seen_through(pose.chain, x) for pose in held])
    return pixels, opinions(classifier, pixels)


Room = Literal["turn", "shift", "colour", "crop", "all"]
AT_ONCE = 8  # poses in one batch of queries
_TURN, _DOWN, _RIGHT, _HUE, _CUT, _TOP, _LEFT = range(7)
_MOVES: dict[Room, tuple[int, ...]] = {
    "turn": (_TURN,),
    "shift": (_DOWN, _RIGHT),
    "colour": (_HUE,),
    "crop": (_CUT, _TOP, _LEFT),
    "all": tuple(range(7)),
}


@dataclass(frozen=True)
class Budget:
    """The limit of each change: degrees, part of the side, degrees on the colour wheel, part of the side.

    A point of the cube [-1, 1]⁷ is a pose within the budget; its size is the largest share of any limit that it uses.
    """

    turn: float = 30.0
    shift: float = 0.1
    colour: float = 30.0
    crop: float = 0.2

    def check(self) -> None:
        """Refuse a limit beyond those of a search."""
        check_bounds(self, **{kind: (0, FARTHEST[kind]) for kind in KINDS})

    def pose(self, point: np.ndarray, frameless: bool = False) -> Pose:
        """Return the pose of a point (7,)."""
        u = [float(value) for value in point]
        return Pose(
            angle=self.turn * u[_TURN],
            down=self.shift * u[_DOWN],
            right=self.shift * u[_RIGHT],
            hue=self.colour * u[_HUE],
            cut=self.crop * abs(u[_CUT]),
            top=(1 + u[_TOP]) / 2,
            left=(1 + u[_LEFT]) / 2,
            frameless=frameless,
        )


def size_of(point: np.ndarray) -> float:
    """Return the largest share of a limit that a point (7,) uses; the place of the window does not count."""
    return float(np.abs(point[:_TOP]).max())


@dataclass(frozen=True, eq=False)
class SearchStep:
    """The state of a search after some more queries.

    Attributes:
        queries: the number of queries so far.
        first: the number of the first query with another prediction; 0 while there is none.
        pose: the best so far. Before the first success it is the pose with the lowest probability of the present
            class, after it the smallest pose that fools; size: its size, as a share of the budget.
        pixels: (H, W, 3) uint8 where the best is new; otherwise empty.
        kept: the probability of the present class there; answer, certainty: the predicted class there, and its
            probability.
    """

    queries: int
    first: int
    pose: Pose
    size: float
    pixels: np.ndarray
    kept: float
    answer: int
    certainty: float


def search(
    classifier: nn.Module,
    x: Tensor,
    label: int,
    budget: Budget,
    *,
    room: Room = "all",
    queries: int = 160,
    seed: int = 0,
    shrink: bool = True,
    frameless: bool = False,
) -> Iterator[SearchStep]:
    """Search for a pose that fools the network, by queries alone: first at random, then around the best pose found.

    Args:
        x: one picture, (1, 3, H, W).
        label: the class to leave.
        room: the changes that are allowed.
        shrink: after a success, go on and look for a smaller pose: the cube shrinks to a little less than the size
            found. False ends the search at a success.

    Yields:
        A record every `AT_ONCE` queries.
    """
    chance, side = np.random.default_rng(seed), 1.0
    moves = list(_MOVES[room])
    best, best_gap, found, told = np.zeros(7), -math.inf, 0, (0.0, label, 0.0)
    none = np.empty(0, np.uint8)
    for done in range(0, queries, AT_ONCE):
        points = np.zeros((min(AT_ONCE, queries - done), 7))
        if found or done >= queries / 2:
            points[:, moves] = best[moves] + chance.normal(0, 0.3 * side, (len(points), len(moves)))
        else:
            points[:, moves] = chance.uniform(-1, 1, (len(points), len(moves)))
        reach = np.full(7, side)
        reach[_TOP:] = 1
        points = points.clip(-reach, reach)
        pixels, said = asked(classifier, x, [budget.pose(point, frameless) for point in points])
        logs = np.log(said.clip(1e-12))
        own = logs[:, label].copy()
        logs[:, label] = -math.inf
        gaps, fooled = logs.max(1) - own, said.argmax(1) != label
        sizes = np.array([size_of(point) for point in points])
        found = found or (done + int(fooled.argmax()) + 1 if fooled.any() else 0)
        row = int(np.where(fooled, sizes, 9).argmin()) if fooled.any() else int(gaps.argmax())
        better = bool(fooled[row]) if found else gaps[row] > best_gap
        if better:
            best, best_gap = points[row], float(gaps[row])
            answer = int(said[row].argmax())
            told = (float(said[row, label]), answer, float(said[row, answer]))
            if fooled[row]:
                side = 0.95 * size_of(best)
        shown = pixels[row] if better else none
        yield SearchStep(done + len(points), found, budget.pose(best, frameless), size_of(best), shown, *told)
        if found and not shrink:
            return
