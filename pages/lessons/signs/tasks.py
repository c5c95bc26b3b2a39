"""Tasks of the lesson on traffic signs: find the sign, make stickers or a poster for it, drive by."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from adv_core.attacks.pgd import pgd
from adv_core.images import Pixels, from_pixels
from adv_core.objectives import ExpectedTargeted
from adv_core.perturbation_sets import Linf, Masked
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, checked, number, required, word
from adv_core.signs.classes import CLASSES
from adv_core.signs.driving import DriveBy, SignBox, drive
from adv_core.signs.finding import Found, find_sign, read, sides
from adv_core.signs.network import SignNetwork, sign_network
from adv_core.signs.stickers import (
    ROWS,
    Stickered,
    Where,
    allowed,
    most_squares,
    octagon,
    squares_of,
    stick,
    working_copy,
)
from adv_core.transforms.expectation import Transformed
from adv_core.transforms.transform import opinions, seen_through

LABELS = len(CLASSES) - 1


@cache
def network_on(device: str) -> SignNetwork:
    """The sign network on that device; all callers share it."""
    return sign_network() if device == "cpu" else deepcopy(sign_network()).to(device)


@dataclass(frozen=True)
class FindSign(Task[Found | None]):
    """Look for a sign, first for a large one. A record has the proposal so far; None as long as there is none."""

    picture: Pictures = checked(..., Pictures.check_single)

    @property
    def length(self) -> int:
        return len(sides(self.picture.height, self.picture.width))

    def records(self, networks: Networks) -> Iterator[Found | None]:
        x = from_pixels(self.picture.pixels).to(networks.device)
        yield from find_sign(network_on(str(networks.device)), x)


@dataclass(frozen=True)
class ReadSign(Task[np.ndarray]):
    """Read the sign in a box of some photographs. The task has one record: the probabilities, (N, K)."""

    pictures: Pictures
    box: SignBox

    def records(self, networks: Networks) -> Iterator[np.ndarray]:
        network = network_on(str(networks.device))
        x = from_pixels(self.pictures.pixels).to(networks.device)
        yield torch.stack([read(network, each, self.box) for each in x.split(1)]).cpu().numpy()


@dataclass(frozen=True, eq=False)
class Stuck:
    """One step of the stickers.

    Attributes:
        squares: of the sign, (32, 32) uint8; black, white or bare, see `adv_core.signs.stickers`.
        wanted: exp of the mean log-probability of the target in the views of this step, 0 ... 1.
    """

    index: int
    squares: np.ndarray
    wanted: float


@dataclass(frozen=True)
class PutStickers(Task[Stuck]):
    """Choose squares of the sign, and black or white for each, so that a drive reads another sign.

    Attributes:
        box: of the sign.
        target: the class to be read.
        where: stickers may be; part: of an octagonal sign that they may cover, in per cent.
        views: in each step.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    box: SignBox = required()
    target: int = number(..., 0, LABELS)
    where: Where = word("band", ROWS)
    part: float = number(5, 0.5, 50)
    steps: int = number(60, 1, "max_steps")
    views: int = number(8, 1, 32)
    seed: int = number(0, 0, SEEDS)

    @property
    def length(self) -> int:
        return max(self.steps, 2)

    @property
    def rows(self) -> int:
        return self.views

    def records(self, networks: Networks) -> Iterator[Stuck]:
        x, box, seen = on_drives(self, networks)
        most = most_squares(self.part / 100)
        aim = ExpectedTargeted(self.target)
        for step in stick(Stickered(seen, x, box), allowed(self.where), aim, most=most, steps=self.steps):
            yield Stuck(step.index, squares_of(step.delta), float(step.logits[0, self.target].exp()))


@dataclass(frozen=True, eq=False)
class Postered:
    """One step of the poster.

    Attributes:
        pixels: the photograph with it, (H, W, 3) uint8; empty before the last step.
        wanted: as in `Stuck`.
    """

    index: int
    pixels: Pixels
    wanted: float


@dataclass(frozen=True)
class PutPoster(Task[Postered]):
    """Change the whole octagon a little, at most ε for each value, so that a drive reads another sign.

    The fields are those of `PutStickers`; eps is in levels.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    box: SignBox = required()
    eps: int = number(..., 0, 255)
    target: int = number(..., 0, LABELS)
    steps: int = number(60, 1, "max_steps")
    views: int = number(8, 1, 32)
    seed: int = number(0, 0, SEEDS)

    @property
    def length(self) -> int:
        return max(self.steps, 2)

    @property
    def rows(self) -> int:
        return self.views

    def records(self, networks: Networks) -> Iterator[Postered]:
        pixels = self.picture.pixels[0]
        x, box, seen = on_drives(self, networks)
        delta_set = Masked(Linf(self.eps / 255), torch.from_numpy(octagon(box, *x.shape[-2:])))
        aim = ExpectedTargeted(self.target)
        for step in pgd(seen, x, delta_set, aim, steps=self.steps, quantize=False):
            shown = enlarged(step.delta, pixels, self.box, self.eps) if step.final else np.empty(0, np.uint8)
            yield Postered(step.index, shown, float(step.logits[0, self.target].exp()))


def on_drives(task: PutStickers | PutPoster, networks: Networks) -> tuple[Tensor, SignBox, Transformed]:
    """The working copy of a photograph, the sign's box in it, and the network over random views of a drive."""
    x, box = working_copy(from_pixels(task.picture.pixels).to(networks.device), task.box)
    return x, box, Transformed(network_on(str(networks.device)), [DriveBy(box)], task.views, task.seed)


def enlarged(delta: Tensor, pixels: Pixels, box: SignBox, eps: int) -> Pixels:
    """The photograph (H, W, 3) uint8 with a poster that was made for a smaller copy, (1, 3, h, w)."""
    height, width = pixels.shape[:2]
    levels = F.interpolate(delta * 255, (height, width), mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
    change = np.clip(np.round(levels.cpu().numpy()), -eps, eps) * octagon(box, height, width)[..., None]
    return np.clip(pixels + change, 0, 255).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a drive, for each of P photographs.

    Attributes:
        distance: metres along the road.
        pixels: the input of the network, (P, 48, 48, 3) uint8; probabilities: its answers, (P, K).
    """

    distance: float
    pixels: Pixels
    probabilities: np.ndarray


@dataclass(frozen=True)
class Drive(Task[Frame]):
    """Drive up to a sign, and read it in each frame. Several photographs of it are seen from the same places."""

    pictures: Pictures
    box: SignBox
    frames: int = number(16, 2, 64)
    seed: int = number(0, 0, SEEDS)

    @property
    def length(self) -> int:
        return self.frames - 1

    @property
    def rows(self) -> int:
        return self.pictures.count

    def records(self, networks: Networks) -> Iterator[Frame]:
        network, view = network_on(str(networks.device)), DriveBy(self.box)
        x, draws = from_pixels(self.pictures.pixels).to(networks.device), drive(self.frames, self.seed)
        for place in range(self.frames):
            pixels = seen_through((), view.at(x, *(each[place : place + 1] for each in draws)))
            yield Frame(float(draws[0][place]), pixels, opinions(network, pixels))
