"""Tasks of the section on faces: find a face, paint glasses on it, judge it in views."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from adv_core.attacks.pgd import pgd
from adv_core.faces.detector import SURE, TRACKED, Face, find_faces, same_place
from adv_core.faces.distances import VIEWS, FaceDistances, describe, in_views
from adv_core.faces.found import SCORED, FaceScore, Found, StillFound
from adv_core.faces.recogniser import SAME, SIZE
from adv_core.faces.worn_again import WornAgain
from adv_core.images import Pixels, from_pixels, to_pixels
from adv_core.networks.ensemble import MeanLogits
from adv_core.objectives import Dodging, Impersonation, Objective
from adv_core.patches import Costly, Eyes, Point, Priced, glasses
from adv_core.perturbation_sets import Box, Masked
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, Checked, checked, number, required, several
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.transform import seen_through

SAMPLES = 2  # views in each step of the attack
PRICE = 1.0  # the weight of roughness and of unprintable colours, in units of a distance
LEAST = 0.02  # the least score that is told of what is no face
DARK = 20  # the level of plain dark glasses
Descriptor = bytes  # 128 numbers of 4 bytes, so that equal descriptors are equal values


def as_people(descriptors: tuple[Descriptor, ...], device: torch.device | str = "cpu") -> Tensor:
    """The descriptors as a tensor, (K, 128)."""
    return torch.from_numpy(np.stack([np.frombuffer(each, np.float32) for each in descriptors])).to(device)


def distances(one: Descriptor, people: tuple[Descriptor, ...]) -> np.ndarray:
    """The distance of a face to each person, (K,)."""
    return (as_people((one,)) - as_people(people)).norm(dim=1).numpy()


def nearest(away: np.ndarray, names: Sequence[str]) -> str:
    """Return the person whom the recogniser takes a face for, by the distances to all of them, (K,)."""
    best = int(away.argmin())
    return names[best] if away[best] < SAME else "nobody known"


def works(away: Sequence[float], y: int, target: int | None) -> bool:
    """Tell whether glasses work in a view: the target is the nearest person and near enough, or y is not recognised.

    Args:
        away: the distances to all people; empty where no face was found.
        target: None for dodging.
    """
    if target is None:
        return not away or away[y] > SAME
    return bool(away) and away[target] == min(away) and away[target] < SAME


def check_people(descriptors: tuple[Descriptor, ...]) -> None:
    """Refuse bytes that are no descriptors."""
    for each in descriptors:
        if len(each) != 4 * SIZE or not np.isfinite(np.frombuffer(each, np.float32)).all():
            raise ValueError(f"people have to hold {SIZE} finite numbers of 4 bytes each")


@dataclass(frozen=True)
class Faces:
    """The faces in a picture, the largest first, and the descriptor of one of them; empty without it.

    Attributes:
        best: the detector's best guess in a picture without a face; None if its score is below `LEAST`.
    """

    faces: tuple[Face, ...]
    descriptor: Descriptor
    best: Face | None = None


@dataclass(frozen=True)
class FindFaces(Task[Faces]):
    """Find the faces in a picture, and describe one of them. The task has one record.

    Attributes:
        near: the box of the face to describe; the largest face if None.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    near: Face | None = None

    def records(self, networks: Networks) -> Iterator[Faces]:
        pixels, device = self.picture.pixels[0], str(networks.device)
        guesses = find_faces(pixels, device, LEAST)
        faces = [each for each in guesses if each.score > (TRACKED if self.near else SURE)]
        chosen = same_place(faces, self.near) if self.near else next(iter(faces), None)
        described = describe(pixels, chosen, device).cpu().numpy().tobytes() if chosen else b""
        best = None if faces else max(guesses, key=lambda each: each.score, default=None)
        yield Faces(tuple(faces), described, best)


@dataclass(frozen=True, eq=False)
class Dressed:
    """One step of painting glasses on a face.

    Attributes:
        pixels: (H, W, 3) uint8.
        distances: to each person, (K,), the mean over the views of this step.
    """

    index: int
    pixels: Pixels
    distances: np.ndarray


@dataclass(frozen=True)
class Photograph(Checked):
    """Another photograph of the wearer.

    Attributes:
        face: the box of the face in it; left, right: the pupils.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    face: Face = required()
    left: Point = number(..., -1, 2)
    right: Point = number(..., -1, 2)

    @property
    def eyes(self) -> Eyes:
        return self.left, self.right


@dataclass(frozen=True)
class WearOnFace(Task[Dressed]):
    """Paint glasses on a face, so that a recogniser takes it for somebody else.

    Attributes:
        face: the box of the face in the picture; left, right: the pupils; size: see `patches.glasses`.
        people: whom the recogniser knows; y: the index of the wearer; target: of whom to be taken for, None: nobody.
        wearable: whether roughness and unprintable colours have a cost.
        alpha: levels of a step.
        again: another photograph of the wearer, in which the same glasses have to work as well.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    face: Face = required()
    left: Point = number(..., -1, 2)
    right: Point = number(..., -1, 2)
    size: float = number(..., 0.2, 3)
    people: tuple[Descriptor, ...] = several(..., 1, 8)
    y: int = number(..., 0, 7)
    target: int | None = number(None, 0, 7)
    wearable: bool = False
    steps: int = number(60, 1, "max_steps")
    alpha: int = number(8, 1, 255)
    again: Photograph | None = None
    seed: int = number(0, 0, SEEDS)

    @property
    def length(self) -> int:
        return max(self.steps, 2)

    @property
    def rows(self) -> int:
        return SAMPLES * (2 if self.again else 1)

    @property
    def mask(self) -> np.ndarray:
        """The mask of the glasses, (H, W) bool."""
        return glasses(self.left, self.right, self.picture.height, self.picture.width, self.size)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        check_people(self.people)
        if max(self.y, self.target or 0) >= len(self.people) or self.y == self.target:
            raise ValueError(f"y and target have to be two of {len(self.people)} people")

    def worn(self, photograph: Photograph) -> WornAgain:
        """The glasses of the picture on another photograph."""
        pixels = photograph.picture.pixels[0]
        return WornAgain(self.mask, (self.left, self.right), pixels, photograph.eyes, self.size)

    def records(self, networks: Networks) -> Iterator[Dressed]:
        people, device = as_people(self.people, networks.device), str(networks.device)
        x = from_pixels(self.picture.pixels).to(networks.device)
        mask = torch.from_numpy(self.mask)

        def seen(face: Face, seed: int) -> nn.Module:
            network = FaceDistances(people, face, VIEWS, SAMPLES, seed)
            if self.target is None:
                return network
            return StillFound(network, FaceScore(face, SCORED, 1, seed, device))

        network = seen(self.face, self.seed)
        if self.again is not None:
            worn = nn.Sequential(self.worn(self.again), seen(self.again.face, self.seed + 1))
            network = MeanLogits((network, worn))
        aim: Objective = Dodging(self.y, SAME)
        if self.target is not None:
            aim = Found(Impersonation(self.y, self.target, SAME))
        price = PRICE * self.wearable
        ascent = pgd(
            Priced(network, mask),
            x,
            Masked(Box(), mask),
            Costly(aim, price, price),
            steps=self.steps,
            step_size=self.alpha / 255,
        )
        for step in ascent:
            away = -step.logits[0, : len(people)].float().cpu().numpy()
            yield Dressed(step.index, seen_through((), step.adversarial)[0], away)


@dataclass(frozen=True)
class FaceInViews(Task[tuple[float, ...]]):
    """Judge a picture of a face in random views. A record has a view's distances to the people; none without a face.

    Attributes:
        count: of the views.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    face: Face = required()
    people: tuple[Descriptor, ...] = several(..., 1, 8)
    count: int = number(32, 1, 64)
    seed: int = number(0, 0, SEEDS)

    background = True

    @property
    def length(self) -> int:
        return self.count

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        check_people(self.people)

    def records(self, networks: Networks) -> Iterator[tuple[float, ...]]:
        people = as_people(self.people, networks.device)
        for away in in_views(self.picture.pixels[0], self.face, people, self.count, self.seed):
            yield () if away is None else tuple(away.tolist())


def with_glasses_of(work: WearOnFace, painted: Pixels, photograph: Photograph) -> tuple[Pixels, np.ndarray]:
    """The glasses of a painted picture on another photograph, (h, w, 3) uint8, and their mask, (h, w) bool."""
    worn = work.worn(photograph)
    return to_pixels(worn(from_pixels(painted))), worn.there


def with_dark_glasses(pixels: Pixels, mask: np.ndarray) -> Pixels:
    """The picture with plain dark glasses, (H, W, 3) uint8."""
    return np.where(mask[..., None], DARK, pixels).astype(np.uint8)
