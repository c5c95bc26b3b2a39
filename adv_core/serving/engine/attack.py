"""An attack on a picture as a task. Its records are frames of arrays, without objects of torch."""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor

from adv_core.attacks.catalogue import ATTACKS
from adv_core.attacks.fgsm import fgsm
from adv_core.attacks.info import AttackInfo
from adv_core.attacks.step import InputGradient, Logits, Step, evaluate, input_gradient
from adv_core.images import from_pixels
from adv_core.norms import NORMS, NormKey
from adv_core.objectives import LogitsRatio, Margin, Objective, Targeted, TargetedDifference, Untargeted
from adv_core.perturbation_sets import Masked, PerturbationSet, per_row
from adv_core.serving.engine.look import Pictures, WithLogits
from adv_core.serving.engine.work import BatchStep, BatchTask, Networks, Store, digest_of
from adv_core.serving.fields import LABELS, check_fields, checked, number, required, word
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.expectation import CAMERA, Transformed

LossKey = Literal["ce", "difference", "margin", "dlr"]
SHOWN_SIDE = 512  # a larger picture is thinned out before the last frame
MAX_VIEWS = 16
SMALL = 300 * 300  # pixels of a batch, of which several fit into memory at a time
_COUNTS = frozenset({"steps", "restarts", "queries"})  # not limited where the attack does not use them


@dataclass(frozen=True, eq=False)
class Frame(WithLogits):
    """One step, as arrays for a page to draw.

    Attributes:
        index: 0 is the start.
        pixels: x + δ rounded to 8 bits, (N, H, W, 3) uint8; None where the task wants no pictures. A picture with a
            side above `SHOWN_SIDE` is thinned out by `thin` in all frames but the last.
        logits: (N, K) float32. At the last frame they belong to exactly these 8-bit pixels; before it, to x + δ before
            rounding.
        loss: (N,), the objective that the attack maximises.
        gradient_norm: (N,), or None where no gradient was needed.
        size: ‖δ‖ before rounding, in the norm of the task, (N,).
        norms: ‖δ‖∞ (in levels of 255) and ‖δ‖₂ of the rounded δ, (N, 2); of a thinned-out picture, before rounding.
    """

    index: int
    pixels: np.ndarray | None
    logits: np.ndarray
    loss: np.ndarray
    gradient_norm: np.ndarray | None
    size: np.ndarray
    norms: np.ndarray


@dataclass(frozen=True)
class InBall(BatchTask[Frame]):
    """The base of an attack on one picture and of noise: a ball, one row of the batch for each radius.

    Attributes:
        picture: attacked as it is, through the network's own resizing where it has another size.
        classifier: a name from the registry.
        norm, eps: the ball; several radii make several rows, computed side by side (the ε sweep).
        label: the present class.
        seed: of all random draws.
        mask: the places where δ may be nonzero, as packed bits, row by row (see `with_mask`); empty for all places.
        pictures: whether the frames have pictures, or only the classifier's logits.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    classifier: str = required()
    norm: NormKey = "linf"
    eps: tuple[float, ...] = number((0.0,), 0, 1e7, count=(1, "max_rows"))
    label: int = number(0, 0, LABELS)
    seed: int = number(0, 0, 2**62 - 1)
    mask: bytes = field(default=b"", repr=False)
    pictures: bool = True

    @property
    def pixels(self) -> np.ndarray:
        """The picture, (H, W, 3) uint8."""
        return self.picture.pixels[0]

    @property
    def rows(self) -> int:
        return len(self.eps)

    @property
    def background(self) -> bool:
        """True for a task without pictures: it is a curve below the page's first screen."""
        return not self.pictures

    @property
    def row_pixels(self) -> int:
        return self.picture.height * self.picture.width

    @property
    def frame_bytes(self) -> int:
        """The size of the pictures of a frame before the last."""
        height, width = self.picture.height, self.picture.width
        stride = _stride(height, width)
        return self.rows * 3 * -(-height // stride) * -(-width // stride) if self.pictures else 0

    @property
    def allowed(self) -> np.ndarray:
        """The mask, (H, W) bool; all True where there is none."""
        shape = self.picture.height, self.picture.width
        if not self.mask:
            return np.ones(shape, bool)
        bits = np.unpackbits(np.frombuffer(self.mask, np.uint8), count=self.row_pixels)
        return bits.reshape(shape).astype(bool)

    def with_mask(self, allowed: np.ndarray) -> Self:
        """The same task for δ that are nonzero only where ``allowed`` (H, W) is true."""
        return replace(self, mask=np.packbits(allowed).tobytes())

    def with_pixels(self, pixels: np.ndarray) -> Self:
        """The same task for another picture (H, W, 3) uint8."""
        return replace(self, picture=Pictures.of(pixels))

    def ball(self, eps: Sequence[float]) -> PerturbationSet:
        """Δ, for these radii of one row each."""
        kind = NORMS[self.norm].ball
        ball = kind(torch.tensor(eps, dtype=torch.float64) if len(eps) > 1 else eps[0])
        return Masked(ball, torch.from_numpy(self.allowed)) if self.mask else ball

    def check_relations(self, views: int, limits: Limits) -> None:
        """Refuse a picture that is too large for its number of rows, and a mask that does not fit it."""
        pixels = self.rows * views * self.row_pixels
        if pixels > limits.max_pixels:
            raise ValueError(
                f"pictures of more than {limits.max_pixels / 1e6:g} megapixels, all rows and views together, have to "
                f"be made smaller first: these have {pixels / 1e6:.3g}"
            )
        needed = -(-self.row_pixels // 8)
        if self.mask and len(self.mask) != needed:
            raise ValueError(f"mask has to hold {needed} bytes, a bit for each pixel, not {len(self.mask)}")

    def alike(self, **changes: Any) -> Self:
        """The task without picture, ε, class and seed; it is equal for tasks that can be computed together."""
        return replace(self, picture=replace(self.picture, data=b""), eps=(), label=0, seed=0, **changes)


@dataclass(frozen=True)
class Attack(InBall):
    """One attack on one picture, as data.

    Attributes:
        attack: a name from the catalogue. Attacks that look for the smallest δ do not use ε.
        objective: cross-entropy, the lecture's difference, the margin, or the logits ratio.
        target: the class to reach; None for any class but ``label``.
        step_size: None takes the default that follows from ε and steps.
        steps, step, random_start, restarts, queries, seed: options of the solvers that know them.
        views: random views (`CAMERA`) over which PGD's objective is averaged in every step; 0 for none. The
            frames have the classifier's logits for the picture itself.
    """

    attack: str = word("pgd", ATTACKS)
    objective: LossKey = "ce"
    target: int | None = number(None, 0, LABELS)
    steps: int = number(40, 0, "max_steps")
    step_size: float | None = number(None, 0, 1e7)
    step: Literal["steepest", "gradient"] = "steepest"
    random_start: bool = False
    restarts: int = number(1, 1, "max_restarts")
    queries: int = number(500, 1, "max_queries")
    views: int = number(0, 0, MAX_VIEWS)

    @property
    def info(self) -> AttackInfo:
        """The catalogue's entry."""
        return ATTACKS[self.attack]

    @property
    def options(self) -> dict[str, object]:
        """The keyword arguments of the solver."""
        return {name: getattr(self, name) for name in self.info.options}

    @property
    def length(self) -> int:
        """The index of the last step, if the attack does not end earlier."""
        options = self.options
        if "queries" in options:
            return self.queries - 1
        if "steps" not in options:
            return 1
        return self.steps * self.info.runs * (self.restarts if "restarts" in options else 1)

    def check(self, limits: Limits = LIMITS) -> None:
        info = ATTACKS.get(str(self.attack))
        check_fields(self, limits, ignored=_COUNTS.difference(info.options if info else ()))
        if self.norm not in self.info.norms:
            known = ", ".join(self.info.norms)
            raise ValueError(f"norm has to be one of {known} for the attack {self.attack}, not {self.norm!r}")
        if self.objective == "difference" and self.target is None:
            raise ValueError("the objective 'difference', L(y) - L(target), needs a target")
        if self.views and "step_size" not in self.info.options:
            raise ValueError(f"views have to be 0 for the attack {self.attack}: only PGD averages over views")
        self.check_relations(max(self.views, 1), limits)

    @property
    def batch_key(self) -> Hashable:
        """The key that is equal for attacks that can be computed as one batch; None for those that run alone.

        ε, the classes and the seed may differ, row by row; the mask may not. Attacks whose end depends on all rows of
        the batch, or that draw for all of them at once, run alone.
        """
        if self.views or not self.info.batches:
            return None
        return self.alike(target=None if self.target is None else 0)

    @classmethod
    def together(cls, tasks: Sequence[Self], networks: Networks) -> Iterator[BatchStep[Frame]]:
        first, info = tasks[0], tasks[0].info
        classifier = networks.classifier(first.classifier)
        x, delta_set, objective = batch_of(tasks).to(classifier.device), set_of(tasks), objective_of(tasks)
        options = dict(first.options)
        if len(x) * first.row_pixels <= SMALL:
            options |= info.at_hand
        if "seed" in options:
            options["seed"] = seeds_of(tasks) if info.batches else first.seed
        if info.solver is fgsm:
            options["gradient"] = _gradient(tasks, networks.kept, classifier, x, objective)
        places = {"set": delta_set, "objective": objective, "y": labels_of(tasks)}
        seen = Transformed(classifier, CAMERA, samples=first.views, seed=first.seed) if first.views else classifier
        for step in info.solver(seen, x, *(places[name] for name in info.arguments), **options):
            if first.views:  # it climbs the mean over the views; each step has the answer to the picture itself
                step = replace(step, evaluate=partial(evaluate, classifier, step.adversarial, objective))
            yield BatchStep(step.index, step.final, partial(frames_of, step, tasks, delta_set))


def set_of(tasks: Sequence[Attack]) -> PerturbationSet:
    """Δ of attacks that are computed together; for attacks that look for the smallest δ, a ball without a limit."""
    return tasks[0].ball([math.inf] if tasks[0].info.minimal else [eps for task in tasks for eps in task.eps])


def objective_of(tasks: Sequence[Attack]) -> Objective:
    """L of attacks that are computed together."""
    objective, y = tasks[0].objective, labels_of(tasks)
    if tasks[0].target is None:
        return {"margin": Margin, "dlr": LogitsRatio}.get(objective, Untargeted)(y)
    target = [int(task.target or 0) for task in tasks for _ in task.eps]
    if objective == "margin":
        return Margin(target=target)
    if objective == "ce":
        return Targeted(target)
    return {"difference": TargetedDifference, "dlr": LogitsRatio}[objective](y, target)


def _gradient(
    tasks: Sequence[Attack], kept: Store, classifier: Logits, x: Tensor, objective: Objective
) -> InputGradient:
    """Return ∂L/∂x, which does not depend on ε: it is kept for each picture, so a new ε costs one forward pass."""
    keys, missing, row = [], {}, 0
    for task in tasks:
        key = digest_of(("gradient", task.picture, task.classifier, task.objective, task.label, task.target))
        keys.append(key)
        missing[key] = row
        row += task.rows
    known = {key: gradient for key in missing if (gradient := kept.get(key)) is not None}
    missing = {key: row for key, row in missing.items() if key not in known}
    if missing:
        rows = torch.tensor([*missing.values()], device=x.device)
        fresh = input_gradient(classifier, x[rows], objective.rows(rows))
        for place, key in enumerate(missing):
            own = slice(place, place + 1)
            known[key] = InputGradient(fresh.logits[own].clone(), fresh.loss[own].clone(), fresh.gradient[own].clone())
            kept.put(key, known[key])
    each = [known[key] for key, task in zip(keys, tasks, strict=True) for _ in task.eps]
    return InputGradient(
        torch.cat([g.logits for g in each]), torch.cat([g.loss for g in each]), torch.cat([g.gradient for g in each])
    )


# ------------------------------------------------------------------------------------------------- rows of a batch


def batch_of(tasks: Sequence[InBall]) -> Tensor:
    """The picture of every row, (N, 3, H, W)."""
    return torch.cat([from_pixels(task.picture.pixels).expand(task.rows, -1, -1, -1) for task in tasks])


def labels_of(tasks: Sequence[InBall]) -> list[int]:
    """The present class of every row."""
    return [task.label for task in tasks for _ in task.eps]


def seeds_of(tasks: Sequence[InBall]) -> list[int]:
    """The seed of every row."""
    return [task.seed for task in tasks for _ in task.eps]


def thin(pixels: np.ndarray) -> np.ndarray:
    """Keep every second (third, ...) pixel of (..., H, W, 3), so that no side is longer than `SHOWN_SIDE`.

    The picture is not averaged, since an average would remove the perturbation.
    """
    stride = _stride(*pixels.shape[-3:-1])
    return pixels[..., ::stride, ::stride, :]


def frames_of(step: Step, tasks: Sequence[InBall], delta_set: PerturbationSet) -> list[Frame]:
    """Make one frame for each of the tasks, whose rows lie one after the other in the batch of the step."""
    pixels, levels = None, (step.delta * 255).round_()
    if tasks[0].pictures:
        x, shown = step.x, levels
        if not step.final:
            x, shown = _thinned(step.x), _whole_levels(_thinned(step.delta), delta_set)
        if x.shape == step.x.shape:
            levels = shown
        picture = (x * 255).round_().add_(shown).clamp_(0, 255).to(torch.uint8)
        pixels = picture.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    flat = levels.flatten(1)
    norms = _array(torch.stack([flat.abs().amax(1), torch.linalg.vector_norm(flat, dim=1) / 255], 1))
    logits, loss, size = _array(step.logits), _array(step.loss), _array(delta_set.norm(step.delta))
    slope = None if step.gradient_norm is None else _array(step.gradient_norm)
    frames, end = [], 0
    for task in tasks:
        own = slice(end, end + task.rows)
        end += task.rows
        # Copies, since a view would keep the whole batch alive.
        frames.append(
            Frame(
                step.index,
                None if pixels is None else pixels[own].copy(),
                logits[own].copy(),
                loss[own].copy(),
                None if slope is None else slope[own].copy(),
                size[own].copy(),
                norms[own].copy(),
            )
        )
    return frames


def _whole_levels(delta: Tensor, delta_set: PerturbationSet) -> Tensor:
    """Round δ to whole levels of 255 such that no row leaves its ball: to the nearest level where that fits, otherwise
    further and further towards zero. It is quicker than `PerturbationSet.quantize`, which loses less length."""
    exact = delta * 255
    levels, limit = exact.round(), torch.as_tensor(delta_set.radius).to(delta.device)
    for up in (0.4, 0.2, 0.0):
        far = delta_set.norm(levels / 255) > limit * (1 + 1e-6)
        if not bool(far.any()):
            break
        levels = torch.where(per_row(far, levels).bool(), (exact.abs() + up).floor().copysign(exact), levels)
    return levels


def _array(values: Tensor) -> np.ndarray:
    return np.asarray(values.float().cpu().numpy())


def _stride(height: int, width: int) -> int:
    return math.ceil(max(height, width) / SHOWN_SIDE)


def _thinned(x: Tensor) -> Tensor:
    stride = _stride(*x.shape[-2:])
    return x[..., ::stride, ::stride]
