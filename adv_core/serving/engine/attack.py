"""A request to attack, as data, and what comes back: frames of arrays. No torch module ever travels.

What a request asks for is checked here, on the server's side, whatever a page may have promised.
"""

import hashlib
import math
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from adv_core.attacks.catalogue import ATTACKS
from adv_core.attacks.info import AttackInfo
from adv_core.attacks.step import Step
from adv_core.norms import NORMS, NormKey
from adv_core.objectives import LogitsRatio, Margin, Objective, Targeted, TargetedDifference, Untargeted
from adv_core.perturbation_sets import Masked, PerturbationSet, per_row
from adv_core.serving.engine.look import softmax
from adv_core.serving.engine.work import Work
from adv_core.serving.limits import LIMITS, Limits

LossKey = Literal["ce", "difference", "margin", "dlr"]
SHOWN_SIDE = 512  # a larger picture is thinned out on the way
MAX_SIDE = 41  # of a slice
MAX_VIEWS = 16


@dataclass(frozen=True)
class Request(Work["Frame"]):
    """One attack on one picture, as data. Equal requests have equal results, and are computed once.

    Attributes:
        image: the bytes of the 8-bit RGB picture, row by row, of shape (height, width, 3). One of another size than the
            network's is attacked as it is, through the network's own resizing.
        classifier: a name from the registry.
        attack: a name from the catalogue; "none" only looks at the picture; "noise" is random noise of the same size;
            "slice" looks at a plane through the picture, a line of it a step (`adv_core.landscape`), out to ε;
            "views" looks at random views of the picture.
        norm, eps: the ball; several radii make several rows, attacked side by side (the ε sweep). Attacks that look
            for the smallest δ do not ask for ε.
        objective: cross-entropy, the lecture's difference, the margin, or the logits ratio.
        label: the present class; target: the wanted one, None for "anything else".
        step_size: None takes the default that follows from ε and steps.
        steps, step, random_start, restarts, queries, seed: options of the solvers that know them.
        draws: how many random δ "noise" tries, one after the other; how many views "views" takes.
        views: random views (`CAMERA`) over which PGD's objective is averaged in every step; 0 for none. The
            frames tell what the classifier says of the picture itself.
        side: points along each side of a slice.
        mask: where δ may live, as packed bits, row by row (see `with_mask`); empty for everywhere.
        pictures: whether the frames carry pictures, or only what the classifier says.
    """

    image: bytes = field(repr=False)
    height: int
    width: int
    classifier: str
    attack: str = "none"
    norm: NormKey = "linf"
    eps: tuple[float, ...] = (0.0,)
    objective: LossKey = "ce"
    label: int = 0
    target: int | None = None
    steps: int = 40
    step_size: float | None = None
    step: Literal["steepest", "gradient"] = "steepest"
    random_start: bool = False
    restarts: int = 1
    queries: int = 500
    seed: int = 0
    draws: int = 1
    views: int = 0
    side: int = 25
    mask: bytes = field(default=b"", repr=False)
    pictures: bool = True

    @property
    def info(self) -> AttackInfo | None:
        """The catalogue's entry; None for "none" and "noise"."""
        return ATTACKS.get(self.attack)

    @property
    def options(self) -> dict[str, object]:
        """What the solver is told beside its arguments."""
        return {name: getattr(self, name) for name in self.info.options} if self.info else {}

    @property
    def length(self) -> int:
        """The index of the last step, if the attack does not end earlier."""
        info, options = self.info, self.options
        if info is None:
            return {"none": 0, "noise": self.draws, "slice": self.side - 1, "views": 0}[self.attack]
        if "queries" in options:
            return self.queries - 1
        if "steps" not in options:
            return 1
        return self.steps * info.runs * (self.restarts if "restarts" in options else 1)

    @property
    def pixels(self) -> np.ndarray:
        """The picture, (H, W, 3) uint8."""
        return np.frombuffer(self.image, np.uint8).reshape(self.height, self.width, 3)

    @property
    def rows(self) -> int:
        """How many pictures are looked at in one step."""
        return {"slice": self.side, "views": self.draws}.get(self.attack, len(self.eps))

    @property
    def allowed(self) -> np.ndarray:
        """The mask, (H, W) bool; all True where there is none."""
        if not self.mask:
            return np.ones((self.height, self.width), bool)
        bits = np.unpackbits(np.frombuffer(self.mask, np.uint8), count=self.height * self.width)
        return bits.reshape(self.height, self.width).astype(bool)

    def with_mask(self, allowed: np.ndarray) -> "Request":
        """The same request for δ that live only where ``allowed`` (H, W) is true."""
        return replace(self, mask=np.packbits(allowed).tobytes())

    def with_pixels(self, pixels: np.ndarray) -> "Request":
        """The same request for another picture (H, W, 3) uint8."""
        return replace(self, image=pixels.tobytes(), height=pixels.shape[0], width=pixels.shape[1])

    def check(self, limits: Limits = LIMITS) -> None:
        """Refuse what would hurt the worker.

        Raises:
            ValueError: too much work, an unknown word, or a picture whose bytes do not fit its size.
        """
        if self.attack not in ("none", "noise", "slice", "views") and self.info is None:
            raise ValueError(f"there is no attack {self.attack!r}")
        if self.norm not in NORMS or (self.info and self.norm not in self.info.norms):
            raise ValueError(f"{self.attack} does not know the norm {self.norm!r}")
        if self.objective not in ("ce", "difference", "margin", "dlr") or self.step not in ("steepest", "gradient"):
            raise ValueError("an unknown objective or step")
        if self.objective == "difference" and self.target is None:
            raise ValueError("the difference L(y) - L(target) needs a target")
        asked = self.options  # what an attack does not know cannot be too much of it
        if "steps" in asked and not 0 <= self.steps <= limits.max_steps:
            raise ValueError(f"steps have to lie in 0 ... {limits.max_steps}")
        if "restarts" in asked and not 1 <= self.restarts <= limits.max_restarts:
            raise ValueError(f"restarts have to lie in 1 ... {limits.max_restarts}")
        if "queries" in asked and not 1 <= self.queries <= limits.max_queries:
            raise ValueError(f"queries have to lie in 1 ... {limits.max_queries}")
        if self.attack in ("noise", "views") and not 1 <= self.draws <= limits.max_steps:
            raise ValueError(f"draws have to lie in 1 ... {limits.max_steps}")
        if not 0 <= self.seed < 2**62:
            raise ValueError("a seed is a whole number, zero or more, of 62 bits at most")
        if self.attack == "slice" and (self.pictures or len(self.eps) != 1 or not 3 <= self.side <= MAX_SIDE):
            raise ValueError(f"a slice has one ε, a side of 3 ... {MAX_SIDE}, and no pictures")
        if self.attack == "views" and (self.pictures or len(self.eps) != 1):
            raise ValueError("views are told without pictures, for one ε")
        if self.views and ("step_size" not in asked or not 0 < self.views <= MAX_VIEWS):
            raise ValueError(f"only PGD knows views, {MAX_VIEWS} at most")
        if self.mask and len(self.mask) != -(-self.height * self.width // 8):
            raise ValueError("the mask does not fit the picture's size")
        if not 1 <= len(self.eps) <= limits.max_rows:
            raise ValueError(f"1 ... {limits.max_rows} values of ε at a time")
        if not all(math.isfinite(eps) and eps >= 0 for eps in self.eps):
            raise ValueError("ε has to be a finite number, zero or more")
        if self.step_size is not None and not math.isfinite(self.step_size):
            raise ValueError("the step size has to be a finite number")
        if len(self.image) != self.height * self.width * 3 or not self.image:
            raise ValueError("the picture's bytes do not fit its size")
        if self.rows * max(self.views, 1) * self.height * self.width > limits.max_pixels:
            raise ValueError(
                f"pictures of more than {limits.max_pixels / 1e6:g} megapixels have to be made smaller first"
            )

    @property
    def batch_key(self) -> "Request | None":
        """What has to be equal for two requests to be computed as one batch; None for those that go alone.

        ε, the classes and the seed may differ, row by row; the mask may not. Attacks whose end depends on all rows of
        the batch, or that draw for all of them at once, go alone.
        """
        if self.attack in ("slice", "views") or self.views or (self.info is not None and not self.info.batches):
            return None
        target = None if self.target is None else 0
        return replace(self, image=b"", eps=(), label=0, target=target, seed=0)

    @property
    def background(self) -> bool:
        """What is asked for without pictures is a curve below the page's first screen."""
        return not self.pictures

    @property
    def row_pixels(self) -> int:
        return self.height * self.width

    @property
    def frame_bytes(self) -> int:
        """The size of one frame's pictures on the way."""
        if not self.pictures:
            return 0
        stride = _stride(self.height, self.width)
        return self.rows * 3 * -(-self.height // stride) * -(-self.width // stride)

    def key(self) -> tuple[object, ...]:
        """What the result depends on, with a digest in the place of the picture."""
        digest = hashlib.sha256(self.image).hexdigest()
        return (digest, replace(self, image=b"", height=0, width=0), self.height, self.width)


@dataclass(frozen=True, eq=False)
class Frame:
    """One step, as arrays: what a page draws.

    Attributes:
        index: 0 is the start.
        pixels: x + δ rounded to 8 bits, (N, H, W, 3) uint8; None where no pictures were asked for. A picture with a
            side above `SHOWN_SIDE` is thinned out by `thin` on the way; the last frame has it whole.
        logits: (N, K) float32. At the last frame they belong to exactly these 8-bit pixels; before it, to x + δ before
            rounding.
        loss: (N,), what the attack maximises.
        gradient_norm: (N,), or None where no gradient was needed.
        size: ‖δ‖ before rounding, in the norm of the request, (N,).
        norms: ‖δ‖∞ (in levels of 255) and ‖δ‖₂ of the rounded δ, (N, 2); of a thinned-out picture, before rounding.
    """

    index: int
    pixels: np.ndarray | None
    logits: np.ndarray
    loss: np.ndarray
    gradient_norm: np.ndarray | None
    size: np.ndarray
    norms: np.ndarray

    @property
    def nbytes(self) -> int:
        """About its size, in bytes."""
        return self.logits.nbytes + (0 if self.pixels is None else self.pixels.nbytes)

    @property
    def probabilities(self) -> np.ndarray:
        """softmax of the logits, (N, K)."""
        return softmax(self.logits)


def ball_of(*requests: Request) -> PerturbationSet:
    """Δ of requests that are computed together; for attacks that look for the smallest δ, a ball without a limit."""
    first = requests[0]
    eps = [eps for request in requests for eps in request.eps]
    kind = NORMS[first.norm].ball
    ball = kind(torch.tensor(eps, dtype=torch.float64) if len(eps) > 1 else eps[0])
    if first.info and first.info.minimal:
        ball = kind(math.inf)
    return Masked(ball, torch.from_numpy(first.allowed)) if first.mask else ball


def objective_of(*requests: Request) -> Objective:
    """L of requests that are computed together."""
    first = requests[0]
    y = labels_of(*requests)
    if first.target is None:
        return {"margin": Margin, "dlr": LogitsRatio}.get(first.objective, Untargeted)(y)
    target = [int(request.target or 0) for request in requests for _ in range(request.rows)]
    if first.objective == "margin":
        return Margin(target=target)
    if first.objective == "ce":
        return Targeted(target)
    return {"difference": TargetedDifference, "dlr": LogitsRatio}[first.objective](y, target)


def labels_of(*requests: Request) -> list[int]:
    """The present class of every row."""
    return [request.label for request in requests for _ in range(request.rows)]


def thin(pixels: np.ndarray) -> np.ndarray:
    """Every second (third, ...) pixel of (..., H, W, 3), until no side is longer than `SHOWN_SIDE`.

    Thinned out rather than averaged: averaging would wash the perturbation away.
    """
    stride = _stride(*pixels.shape[-3:-1])
    return pixels[..., ::stride, ::stride, :]


def frames_of(step: Step, requests: list[Request]) -> list[Frame]:
    """One frame for each of the requests whose rows lie one after the other in the batch of the step."""
    rows = [request.rows for request in requests]
    delta_set, pixels = ball_of(*requests), None
    levels = (step.delta * 255).round_()
    if requests[0].pictures:
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
    for count in rows:
        own = slice(end, end + count)
        end += count
        # Copies: a part of a batch would keep the whole batch alive.
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
    """δ in whole levels of 255, of which no row leaves its ball: rounded to nearest where that fits, otherwise ever
    more towards zero. Quicker than `PerturbationSet.quantize`, which wastes nothing."""
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
