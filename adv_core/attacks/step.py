"""The parts that every solver uses: `Step`, the input gradient, the checks of the input, `run`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from adv_core.images import is_8bit, round_to_8bit
from adv_core.networks.any_model import HALF, AnyModel, Logits, as_classifier
from adv_core.objectives import Climbable

Seed = int | Sequence[int]


@dataclass(eq=False)
class Step:
    """One iterate.

    Attributes:
        index: 0 is the start (δ = 0, or the random start), k the point after k updates.
        x: the images (N, 3, H, W), by reference.
        delta: the perturbation there, feasible, detached.
        gradient_norm: ‖∂L/∂x‖₂ there, (N,); None where no gradient was needed (the last step, the black box).
        evaluate: computes (logits, loss) there on demand. It costs nothing where the solver knows them already. For
            the last step of an attack it costs a forward pass, when ``logits`` or ``loss`` is read. Read them before
            you change the classifier.
        final: True for the step that ends the attack, rounded to 8 bits if ``quantize`` asked for that.
    """

    index: int
    x: Tensor
    delta: Tensor
    evaluate: Callable[[], tuple[Tensor, Tensor]] = field(repr=False)
    gradient_norm: Tensor | None = None
    final: bool = False

    @cached_property
    def _seen(self) -> tuple[Tensor, Tensor]:
        return self.evaluate()

    @property
    def logits(self) -> Tensor:
        """The classifier's logits there, (N, K)."""
        return self._seen[0]

    @property
    def loss(self) -> Tensor:
        """The objective there, (N,); the attack maximises it."""
        return self._seen[1]

    @property
    def adversarial(self) -> Tensor:
        """x + δ."""
        return self.x + self.delta


@dataclass(frozen=True, eq=False)
class AttackResult:
    """The end of a run. ``adversarial`` has 8-bit values where x has them; ``x + delta == adversarial`` to the bit.

    The ball then holds exactly in whole 8-bit levels. k / 255 has no exact float32, so |δ| as a float may pass
    float32(ε) by about 3e-8. The steps before the last hold both constraints to the last bit.

    Attributes:
        steps: all steps of the run; only the last one where the caller did not keep the others.
    """

    steps: list[Step]

    @property
    def delta(self) -> Tensor:
        return self.steps[-1].delta

    @property
    def adversarial(self) -> Tensor:
        return self.steps[-1].adversarial

    @property
    def logits(self) -> Tensor:
        return self.steps[-1].logits

    @property
    def loss(self) -> Tensor:
        return self.steps[-1].loss


@dataclass(frozen=True, eq=False)
class InputGradient:
    """Logits (N, K), loss (N,) and ∂L/∂x (N, 3, H, W) at one point."""

    logits: Tensor
    loss: Tensor
    gradient: Tensor

    @cached_property
    def norm(self) -> Tensor:
        """‖∂L/∂x‖₂ of every row, (N,)."""
        return torch.linalg.vector_norm(self.gradient.flatten(1), dim=1)


def input_gradient(
    classifier: Logits, x: Tensor, objective: Climbable, *, delta: Tensor | None = None
) -> InputGradient:
    """Make one forward and one backward pass at x (or x + δ), to the input alone; no parameter gets a gradient.

    The classifier runs in eval mode; see `adv_core.networks.any_model`.
    Works inside ``no_grad`` and ``inference_mode``. A classifier that ignores its input gives a zero gradient.
    A NaN in a gradient counts as zero.
    """
    classifier = as_classifier(classifier)
    with differentiating(classifier):
        point = (x.detach().clone() if delta is None else x + delta).requires_grad_()
        logits = classifier(point)
        loss = objective(logits)
        # The rows do not depend on each other, so the gradient of the sum holds each row's own gradient.
        (gradient,) = torch.autograd.grad(loss.sum(), point, allow_unused=True) if loss.requires_grad else (None,)
    if gradient is None:
        gradient = torch.zeros_like(point)
    seen = InputGradient(logits.detach(), loss.detach(), gradient.detach())
    # Checking costs less than replacing, except on an accelerator, which would have to wait for the answer.
    if gradient.is_cpu and bool(seen.norm.isfinite().all()):
        return seen
    return InputGradient(seen.logits, seen.loss, torch.nan_to_num(seen.gradient))


def evaluate(classifier: Logits, x: Tensor, objective: Climbable) -> tuple[Tensor, Tensor]:
    """Logits (N, K) and objective (N,) at x, without a gradient."""
    with torch.no_grad():
        logits = as_classifier(classifier)(x)
        return logits, objective(logits)


@contextmanager
def differentiating(classifier: Logits) -> Iterator[None]:
    """Record gradients inside the block, whatever the caller's grad mode is, with the classifier in eval mode."""
    with torch.inference_mode(False), torch.enable_grad(), as_classifier(classifier).in_eval_mode():
        yield


def run(steps: Iterable[Step], *, keep_steps: bool = True) -> AttackResult:
    """Run a solver to its end; ``keep_steps=False`` keeps only the last step, which saves memory for large batches."""
    kept: list[Step] = []
    for step in steps:
        if not keep_steps:
            kept.clear()
        kept.append(step)
    if not kept:
        raise ValueError("an attack without a single step: the iterator is empty, or was used before")
    return AttackResult(kept)


def known(logits: Tensor, loss: Tensor) -> Callable[[], tuple[Tensor, Tensor]]:
    """Return the ``evaluate`` of a `Step` whose logits and loss are known already."""
    return lambda: (logits, loss)


def where_rows(rows: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """Take ``yes`` in the rows where ``rows`` (N,) is true, ``no`` in the others."""
    return torch.where(rows.reshape(-1, *[1] * (yes.ndim - 1)), yes, no)


def prepared(classifier: Logits, x: Tensor, *, snap: bool = True) -> tuple[AnyModel, Tensor]:
    """Return the classifier as an `AnyModel`, and x, detached and in [0, 1]; a copy where a value had to be corrected.

    With ``snap``, a picture that misses 8-bit values by a rounding error gets them.

    Raises:
        ValueError: x is not a float32 or float64 tensor of rows, not finite, or outside [0, 1] by more than 1e-6.
    """
    return as_classifier(classifier), _checked(x, snap)


def _checked(x: Tensor, snap: bool) -> Tensor:
    if not isinstance(x, Tensor):
        raise ValueError(
            f"x has to be a float tensor (N, 3, H, W) with values in [0, 1], not a {type(x).__name__}. For pixels "
            "(H, W, 3) of uint8, give adv_core.images.from_pixels(pixels)."
        )
    if not x.is_floating_point():
        raise ValueError(f"x has to be a float tensor with values in [0, 1], not {x.dtype}. For pixels, give x / 255.")
    if x.dtype in HALF:
        raise ValueError(
            f"x has to be float32 or float64: {x.dtype} cannot hold x + δ exactly, and δ would leave the ball. Give "
            f"x.float(), and lambda x: model(x.to({x.dtype})) as the classifier."
        )
    if x.ndim < 2:
        raise ValueError(f"x has to be a batch, (N, ...), and has the shape {(*x.shape,)}. For one row, give x[None].")
    x = x.detach()
    low = high = 0.0
    if x.numel():
        low, high = (float(end) for end in torch.aminmax(x))
        # "not (a and b)" so that NaN, which compares as false, is refused too
        if not (low >= -1e-6 and high <= 1 + 1e-6):
            remedy = "Give the pixels themselves: the classifier normalises them."
            if low >= 0 and 2 <= high <= 255:
                remedy = "For pixels of 0 ... 255, give x / 255."
            raise ValueError(f"x has to lie in [0, 1]; it reaches from {low:g} to {high:g}. {remedy}")
    with torch.inference_mode(False):
        if low < 0 or high > 1 or x.is_inference():
            x = x.clamp(0, 1)  # -3e-8 is rounding, not an error
        if not snap or is_8bit(x):
            return x
        # A picture divided by 255 elsewhere may miss k/255 by the last bit; put it onto the grid.
        nearest = round_to_8bit(x)
        return nearest if torch.allclose(nearest, x, rtol=0, atol=1e-7) else x
