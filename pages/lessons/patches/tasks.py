"""Tasks of the lesson on glasses and patches.

python -m pages.lessons.patches.tasks      # trains the patch in assets/patches anew, and tests it
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from adv_core import datasets
from adv_core.assets import ASSETS
from adv_core.attacks.mi_fgsm import mi_fgsm
from adv_core.attacks.pgd import pgd
from adv_core.classifiers import DEFAULT, REGISTRY, Classifier, info_of
from adv_core.decoding import open_image
from adv_core.images import Pixels, fit, from_pixels, to_png
from adv_core.objectives import ExpectedTargeted, Targeted, Untargeted
from adv_core.patches import Costly, Pasted, Place, Point, Priced, glasses, paste, random_places, stickers
from adv_core.perturbation_sets import Box, Masked
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.networks import DeviceNetworks
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import LABELS, SEEDS, checked, number, required, word
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.transform import opinions, seen_through

Thing = Literal["glasses", "stickers"]
THINGS = {"glasses": glasses, "stickers": stickers}
VIEWS = 8  # photographs in a step of a patch's training
PRICE = 4.0  # the weight of roughness and of unprintable colours, in units of the cross-entropy
TURNED = 30.0  # the largest angle of random places, in degrees to either side
SIZES = (0.3, 0.5)  # the range of sizes, in parts of the picture's side
BEFOREHAND = 323  # the class of the patch that is shipped: monarch
LONG = 400  # steps of its training
SIDE = 112  # of every patch, in pixels
SIDES = (8, 256)


# ------------------------------------------------------------------------------------------------ glasses and stickers


@dataclass(frozen=True, eq=False)
class Worn:
    """One step of painting glasses or stickers.

    Attributes:
        pixels: (H, W, 3) uint8; probabilities: of the network for exactly these pixels, (K,).
        roughness, unprintable: of the painted part, see `patches`.
    """

    index: int
    pixels: Pixels
    probabilities: np.ndarray
    roughness: float
    unprintable: float


@dataclass(frozen=True)
class Wear(Task[Worn]):
    """Paint glasses or stickers so that the network's prediction changes; the rest of the picture stays.

    Attributes:
        left, right: the pupils, or the centres of the stickers.
        size: see `patches.glasses`.
        label: the present prediction; target: the wanted class, None for any other.
        smooth, printable: whether roughness, and unprintable colours, have a cost.
        alpha: levels of a step.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    classifier: str = word(..., REGISTRY)
    thing: Thing = required()
    left: Point = number(..., 0, 1)
    right: Point = number(..., 0, 1)
    size: float = number(..., 0.2, 3)
    label: int = number(..., 0, LABELS)
    target: int | None = number(None, 0, LABELS)
    smooth: bool = False
    printable: bool = False
    steps: int = number(100, 1, "max_steps")
    alpha: int = number(4, 1, 255)

    @property
    def length(self) -> int:
        return max(self.steps, 2)

    @property
    def mask(self) -> np.ndarray:
        """The mask of the glasses or stickers, (H, W) bool."""
        return THINGS[self.thing](self.left, self.right, self.picture.height, self.picture.width, self.size)

    def records(self, networks: Networks) -> Iterator[Worn]:
        classifier = networks.classifier(self.classifier)
        x = from_pixels(self.picture.pixels).to(networks.device)
        mask = torch.from_numpy(self.mask)
        aim = Untargeted(self.label) if self.target is None else Targeted(self.target)
        objective = Costly(aim, PRICE * self.smooth, PRICE * self.printable)
        ascent = pgd(
            Priced(classifier, mask),
            x,
            Masked(Box(), mask),
            objective,
            steps=self.steps,
            step_size=self.alpha / 255,
        )
        for step in ascent:
            said, price = step.logits[:, :-2], step.logits[0, -2:].tolist()
            probabilities = said.softmax(1)[0].float().cpu().numpy()
            yield Worn(step.index, seen_through((), step.adversarial)[0], probabilities, *price)


# ------------------------------------------------------------------------------------------------------------ the patch


@dataclass(frozen=True, eq=False)
class Trained:
    """One step of a patch's training.

    Attributes:
        patch: (P, P, 3) uint8.
        wanted: exp of the mean log-probability of the target in the views of this step, 0 ... 1.
    """

    index: int
    patch: Pixels
    wanted: float


@dataclass(frozen=True)
class TrainPatch(Task[Trained]):
    """Train a patch for all of these photographs, at random places, sizes and angles, by momentum ascent from grey.

    Attributes:
        side: of the patch, in pixels.
        alpha: levels of a step.
        start: a patch to start from, (side, side, 3) bytes; empty for grey.
    """

    photographs: Pictures
    classifier: str = word(..., REGISTRY)
    target: int = number(..., 0, LABELS)
    steps: int = number(60, 1, "max_steps")
    side: int = number(SIDE, *SIDES)
    alpha: int = number(12, 1, 255)
    seed: int = number(0, 0, SEEDS)
    start: bytes = field(default=b"", repr=False)

    @property
    def length(self) -> int:
        return max(self.steps, 2)

    @property
    def rows(self) -> int:
        return min(VIEWS, self.photographs.count)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        if self.start:
            check_patch(self.start, self.side)

    def records(self, networks: Networks) -> Iterator[Trained]:
        classifier = networks.classifier(self.classifier)
        photographs = from_pixels(self.photographs.pixels).to(networks.device)
        start = torch.full((1, 3, self.side, self.side), 128 / 255, device=networks.device)
        if self.start:
            start = from_pixels(np.frombuffer(self.start, np.uint8).reshape(1, self.side, self.side, 3)).to(start)
        pasted = Pasted(
            classifier, photographs, views=VIEWS, low=SIZES[0], high=SIZES[1], degrees=TURNED, seed=self.seed
        )
        objective = ExpectedTargeted(self.target)
        ascent = mi_fgsm(pasted, start, Box(), objective, steps=self.steps, step_size=self.alpha / 255, decay=1.0)
        for step in ascent:
            wanted = float(step.logits[0, self.target].exp())
            yield Trained(step.index, seen_through((), step.adversarial)[0], wanted)


@dataclass(frozen=True)
class Tried:
    """The predictions for one photograph with the patch at several places.

    Attributes:
        picture: the index of the photograph.
        wanted: for each place, whether the network predicted the target; changed: whether its prediction differs from
            the one without a patch.
        blank: whether a plain grey patch at the same place changed the prediction, by covering alone.
    """

    picture: int
    wanted: tuple[bool, ...]
    changed: tuple[bool, ...]
    blank: tuple[bool, ...]


@dataclass(frozen=True)
class TryPatch(Task[Tried]):
    """Paste a patch into photographs at new random places, and count the successes.

    Attributes:
        patch: (side, side, 3) bytes.
        places: the number of places for each photograph.
        size: of the patch, a part of the picture's side.
    """

    photographs: Pictures
    classifier: str = word(..., REGISTRY)
    patch: bytes = required(repr=False)
    side: int = number(..., *SIDES)
    target: int = number(..., 0, LABELS)
    size: float = number(0.4, 0.05, 1)
    places: int = number(4, 1, 8)
    seed: int = number(1, 0, SEEDS)

    background = True

    @property
    def length(self) -> int:
        return max(self.photographs.count, 2)

    @property
    def rows(self) -> int:
        return self.places

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        check_patch(self.patch, self.side)

    def records(self, networks: Networks) -> Iterator[Tried]:
        classifier = networks.classifier(self.classifier)
        patch = as_patch(self.patch, self.side).to(networks.device)
        grey = torch.full_like(patch, 128 / 255)
        for place, pixels in enumerate(self.photographs.pixels):
            x = from_pixels(pixels[None]).to(networks.device)
            generator = torch.Generator().manual_seed(self.seed * 1000 + place)
            places = random_places(self.places, self.size, self.size, TURNED, generator)
            clean = int(opinions(classifier, pixels[None])[0].argmax())
            answers, blank = (answers_with(classifier, each, x, places) for each in (patch, grey))
            wanted, changed, covered = answers == self.target, answers != clean, blank != clean
            yield Tried(place, tuple(wanted.tolist()), tuple(changed.tolist()), tuple(covered.tolist()))


def check_patch(patch: bytes, side: int) -> None:
    """Refuse bytes that do not form a patch of that side."""
    if len(patch) != side**2 * 3:
        raise ValueError(f"a patch of side {side} has {side**2 * 3} bytes, not {len(patch)}")


def as_patch(patch: bytes, side: int) -> Tensor:
    """The patch as a tensor, (1, 3, side, side) in [0, 1]."""
    return from_pixels(np.frombuffer(patch, np.uint8).reshape(1, side, side, 3))


def answers_with(classifier: Classifier, patch: Tensor, x: Tensor, places: Sequence[Place]) -> np.ndarray:
    """The network's predictions for the 8-bit pictures with the patch, (N,)."""
    return np.asarray(opinions(classifier, seen_through((), paste(patch, x, places))).argmax(1))


@dataclass(frozen=True, eq=False)
class Shown:
    """A photograph with the patch at the learner's place, and the network's probabilities for it."""

    pixels: Pixels
    probabilities: np.ndarray


@dataclass(frozen=True)
class Paste(Task[Shown]):
    """Paste one patch into one photograph at one place. The task has one record."""

    picture: Pictures = checked(..., Pictures.check_single)
    classifier: str = word(..., REGISTRY)
    patch: bytes = required(repr=False)
    side: int = number(..., *SIDES)
    place: Place = required()

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        check_patch(self.patch, self.side)

    def records(self, networks: Networks) -> Iterator[Shown]:
        classifier = networks.classifier(self.classifier)
        x = from_pixels(self.picture.pixels).to(networks.device)
        pixels = seen_through((), paste(as_patch(self.patch, self.side).to(networks.device), x, [self.place]))
        yield Shown(pixels[0], opinions(classifier, pixels)[0])


# --------------------------------------------------------------------------------------------------- the shipped patch


def photographs(half: int) -> Pictures:
    """Every second sample photograph: those that patches are trained on (0), or those that are held out (1)."""
    side = info_of(DEFAULT).input_size
    return Pictures.of(
        np.stack([np.asarray(fit(datasets.photograph(name), side, side)) for name in datasets.photographs()[half::2]])
    )


def patch_beforehand() -> Pixels:
    """The patch that was trained beforehand, (SIDE, SIDE, 3) uint8."""
    return np.asarray(open_image((ASSETS / "patches" / "monarch.png").read_bytes()))


def main() -> None:
    here = DeviceNetworks("cpu")
    *_, last = TrainPatch(photographs(0), DEFAULT, BEFOREHAND, steps=LONG, alpha=8).records(here)
    (ASSETS / "patches").mkdir(exist_ok=True)
    (ASSETS / "patches" / "monarch.png").write_bytes(to_png(last.patch))
    for size in (0.3, 0.4, 0.5):
        for half, name in ((0, "trained on"), (1, "never seen")):
            work = TryPatch(photographs(half), DEFAULT, last.patch.tobytes(), SIDE, BEFOREHAND, size, 8)
            tried = list(work.records(here))
            wanted, blank = sum(sum(t.wanted) for t in tried), sum(sum(t.blank) for t in tried)
            print(f"size {size}, {name}: {wanted} of {8 * len(tried)} places; grey changes {blank}", flush=True)


if __name__ == "__main__":
    main()
