"""Tasks of the section on universal perturbations: one δ for many photographs, and for all digits of a linear model."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from adv_core.attacks.ascent import normal_noise
from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import run
from adv_core.attacks.universal import GREY, applied, universal
from adv_core.classifiers import REGISTRY
from adv_core.images import Pixels, from_pixels, round_to_8bit
from adv_core.linear import LinearClassifier, train, worst_case
from adv_core.norms import NORMS
from adv_core.objectives import Margin, Untargeted
from adv_core.perturbation_sets import Linf, PerturbationSet
from adv_core.serving.engine.digits import pair
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, number, word
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.geometry import Crop
from adv_core.transforms.transform import opinions

BallNorm = Literal["linf", "l2"]
WINDOW = 0.3  # the smallest side of a random view, in parts of the photograph's
BETWEEN = 4  # passes between two counts
PGD_STEPS = 10


def ball_of(norm: BallNorm, eps: float, values: int) -> PerturbationSet:
    """The ball of a universal δ with so many values: ‖δ‖∞ ≤ ε, or ‖δ‖₂ ≤ ε·√n, the length of a corner of that ball."""
    return NORMS[norm].ball(eps if norm == "linf" else eps * values**0.5)


def added(pixels: Pixels, delta: np.ndarray) -> Pixels:
    """The 8-bit pictures x + δ, (N, H, W, 3); δ in levels, (H, W, 3), is cut off where the box ends."""
    return np.clip(pixels.astype(np.int16) + delta, 0, 255).astype(np.uint8)


def levels(delta: Tensor) -> np.ndarray:
    """δ (1, 3, H, W) of whole 8-bit levels as (H, W, 3) int8. It fits: δ is a change of a medium grey."""
    return (delta[0] * 255).round().to(torch.int8).permute(1, 2, 0).cpu().numpy()


def fooled(classifier: torch.nn.Module, pixels: Pixels, labels: np.ndarray) -> int:
    """The number of pictures with another prediction than their label."""
    return int((opinions(classifier, pixels).argmax(1) != labels).sum())


# ---------------------------------------------------------------------------------------------------- for photographs


@dataclass(frozen=True, eq=False)
class Pass:
    """One pass over the photographs.

    Attributes:
        index: passes that are done, from 0.
        loss: the mean cross-entropy in this pass, before its step.
        delta: δ after it, rounded to 8 bits, (H, W, 3) int8; empty in a pass after which nothing is counted.
        fooled: the number of the photographs whose prediction it changes; -1 where nothing is counted.
    """

    index: int
    loss: float
    delta: np.ndarray
    fooled: int


@dataclass(frozen=True)
class TrainUniversal(Task[Pass]):
    """Look for one δ that raises the mean loss of all these photographs (`attacks.universal`).

    Attributes:
        norm, eps: see `ball_of`.
        passes: over the photographs, all of which make one step.
        views: whether each pass shows a random window of every photograph instead of the whole.
    """

    photographs: Pictures
    classifier: str = word(..., REGISTRY)
    norm: BallNorm = "linf"
    eps: float = number(16 / 255, 0, 127 / 255)
    passes: int = number(32, 1, "max_steps")
    views: bool = True
    seed: int = number(0, 0, SEEDS)

    background = True

    @property
    def length(self) -> int:
        return max(self.passes, 2)

    @property
    def rows(self) -> int:
        return self.photographs.count

    def records(self, networks: Networks) -> Iterator[Pass]:
        classifier, pixels = networks.classifier(self.classifier), self.photographs.pixels
        x = from_pixels(pixels).to(networks.device)
        labels = opinions(classifier, pixels).argmax(1)
        ball, grey = ball_of(self.norm, self.eps, x[0].numel()), torch.full_like(x[:1], GREY)
        view = Crop(WINDOW) if self.views else None
        given = {"epochs": self.passes, "batch": len(x), "seed": self.seed}
        for step in universal(classifier, x, ball, Untargeted(torch.from_numpy(labels)), view=view, **given):  # type: ignore[arg-type]
            if step.index % BETWEEN and not step.final:
                yield Pass(step.index, step.loss, np.empty(0, np.int8), -1)
                continue
            delta = levels(ball.quantize(step.delta, grey))
            yield Pass(step.index, step.loss, delta, fooled(classifier, added(pixels, delta), labels))


@dataclass(frozen=True)
class Tried:
    """The predictions for one photograph.

    Attributes:
        label, before: the prediction for the photograph, and its probability.
        now, after: those under δ.
        noise: the prediction under random noise of the same size.
    """

    label: int
    before: float
    now: int
    after: float
    noise: int


@dataclass(frozen=True)
class TryUniversal(Task[Tried]):
    """Add one δ to each photograph, and as a control one random δ of the same size. A record is one photograph.

    Attributes:
        delta: (H, W, 3) int8, as bytes.
        norm, eps: of the random δ, see `ball_of`.
    """

    photographs: Pictures
    classifier: str = word(..., REGISTRY)
    delta: bytes = field(default=b"", repr=False)
    norm: BallNorm = "linf"
    eps: float = number(16 / 255, 0, 127 / 255)
    seed: int = number(0, 0, SEEDS)

    background = True

    @property
    def length(self) -> int:
        return max(self.photographs.count - 1, 2)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        size = self.photographs.height * self.photographs.width * 3
        if len(self.delta) != size:
            raise ValueError(f"delta has to hold {size} bytes, one for each value, not {len(self.delta)}")

    def records(self, networks: Networks) -> Iterator[Tried]:
        classifier, pixels = networks.classifier(self.classifier), self.photographs.pixels
        delta = np.frombuffer(self.delta, np.int8).reshape(pixels.shape[1:])
        grey = torch.full((1, 3, *pixels.shape[1:3]), GREY)
        ball = ball_of(self.norm, self.eps, grey.numel())
        noise = levels(
            ball.quantize(ball.project(ball.steepest(normal_noise(grey, self.seed), ball.radius), grey), grey)
        )
        for each in pixels:
            said = opinions(classifier, np.stack([each, added(each, delta), added(each, noise)]))
            label, now, other = (int(best) for best in said.argmax(1))
            yield Tried(label, float(said[0, label]), now, float(said[1, now]), other)


# ---------------------------------------------------------------------------------------------- for a linear classifier


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear classifier of zeros and ones under the closed form δ* = -ε·y·sign(θ).

    Attributes:
        epoch: of its training; theta: its weights, (28, 28) float32.
        clean: the test digits that are wrong without δ.
        zeros, ones: those that are wrong under the one δ* of their class, each with the number of all.
        own: all that are wrong under a δ of their own, by PGD; noise: under one random δ.
        shown: some digits with δ*, (N, 28, 28) uint8; answers: the predictions for them.
    """

    epoch: int
    theta: np.ndarray
    clean: int
    zeros: tuple[int, int]
    ones: tuple[int, int]
    own: int
    noise: int
    shown: np.ndarray
    answers: tuple[int, ...]


@dataclass(frozen=True)
class LinearCase(Task[Linear]):
    """Train a linear classifier on MNIST's zeros and ones; after each epoch, add one δ to all test digits of a class.

    Attributes:
        levels: ε, in levels of 255.
    """

    levels: int = number(76, 0, 127)
    epochs: int = number(5, 1, 20)
    seed: int = number(0, 0, SEEDS)

    @property
    def length(self) -> int:
        return self.epochs

    def records(self, networks: Networks) -> Iterator[Linear]:
        known, test = pair("train"), pair("test")
        x, y, eps = test.images, test.labels, self.levels / 255
        coins = normal_noise(x[:1], self.seed).sign() * eps
        chosen = torch.cat([(y == digit).nonzero()[:3, 0] for digit in (0, 1)])
        for each in train(known.images, known.labels, epochs=self.epochs, seed=self.seed):
            model = each.model
            both = worst_case(model.theta, torch.tensor([0, 1]), eps).view(2, 1, 28, 28)
            made = under(x, both[y])  # one δ for all zeros, one for all ones
            wrong = predicted(model, made) != y
            search = pgd(model, x, Linf(eps), Margin(y), steps=PGD_STEPS, quantize=False)
            own = round_to_8bit(run(search, keep_steps=False).adversarial)
            yield Linear(
                each.index,
                model.theta.view(28, 28).numpy().copy(),
                int((predicted(model, x) != y).sum()),
                (int(wrong[y == 0].sum()), int((y == 0).sum())),
                (int(wrong[y == 1].sum()), int((y == 1).sum())),
                int((predicted(model, own) != y).sum()),
                int((predicted(model, under(x, coins)) != y).sum()),
                (made[chosen, 0] * 255).round().to(torch.uint8).numpy(),
                tuple(predicted(model, made[chosen]).tolist()),
            )


def under(x: Tensor, delta: Tensor) -> Tensor:
    """The 8-bit pictures x + δ, cut off where the box ends."""
    return round_to_8bit(x + applied(delta, x))


def predicted(model: LinearClassifier, x: Tensor) -> Tensor:
    """The predicted digits, 0 or 1, (N,)."""
    return (model.score(x) > 0).long()
