"""Pictures of two pixels: a plane in which all parts of an attack can be drawn.

A point of the unit square is a picture; its coordinates are the brightness of the left and of the right pixel. The
attacks of `adv_core.attacks` run here unchanged, including the box; only rounding to 8 bits is left out. Classifiers
map points (N, 2) in [0, 1] to logits (N, 2). All numbers have double precision, since a raw gradient can be as small
as 1e-8.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.attacks.ascent import ProjectionRule, StepRule
from adv_core.attacks.fgsm import fgsm
from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import Logits, evaluate, input_gradient, run
from adv_core.objectives import Untargeted
from adv_core.perturbation_sets import L2, Ball, Linf
from adv_core.plane import Points

# A step size that stands for ∞; a float's own ∞ turns zero gradients into NaN.
UNLIMITED = 1e12
Window = tuple[float, float, float, float]  # left, right, bottom, top
SQUARE: Window = (0.0, 1.0, 0.0, 1.0)


# ---------------------------------------------------------------------------------------------------------- classifiers


class PlaneClassifier(nn.Module):
    """Linear layers with tanh between them: points (N, 2) -> logits (N, 2). With one layer it is linear.

    Args:
        layers: weight (out, in) and bias (out,) of each; their input is 6·(x - ½), which is centred and about ±3.
    """

    def __init__(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.layers = [(weight.detach().clone(), bias.detach().clone()) for weight, bias in layers]

    def forward(self, x: Tensor) -> Tensor:
        return _forward(self.layers, x)


def train(points: Points, hidden: Sequence[int] = (16, 16), steps: int = 250, seed: int = 0) -> PlaneClassifier:
    """Fit a classifier to all points by Adam, in a tenth of a second, with the same result for the same seed.

    Args:
        hidden: neurons of each hidden layer; an empty sequence gives logistic regression.
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = (2, *hidden, 2)
    layers = [
        (torch.randn(out, into, generator=generator, dtype=torch.float64) / into**0.5, torch.zeros(out).double())
        for into, out in pairwise(sizes)
    ]
    parameters = [each.requires_grad_() for layer in layers for each in layer]
    optimizer = torch.optim.Adam(parameters, lr=0.05)
    with torch.enable_grad():
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(_forward(layers, points.x), points.y).backward()
            optimizer.step()
    return PlaneClassifier(layers)


def _forward(layers: Sequence[tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
    value = 6 * (x - 0.5)
    for place, (weight, bias) in enumerate(layers):
        value = F.linear(value.tanh() if place else value, weight, bias)
    return value


def ball(norm: str, eps: float) -> Ball:
    """The L∞ ("linf") or L2 ("l2") ball of that radius."""
    return {"linf": Linf, "l2": L2}[norm](eps)


# ------------------------------------------------------------------------------------------------------------ drawings


@dataclass(frozen=True, eq=False)
class Landscape:
    """The loss of one class over a window of the plane.

    Attributes:
        xs (W,), ys (H,): coordinates; loss (H, W): row j, column i is the loss at (xs[i], ys[j]).
        label: the class y of the cross-entropy. Above log 2, the classifier predicts the other class.
    """

    xs: np.ndarray
    ys: np.ndarray
    loss: np.ndarray
    label: int

    @property
    def window(self) -> Window:
        return float(self.xs[0]), float(self.xs[-1]), float(self.ys[0]), float(self.ys[-1])


def landscape(classifier: Logits, label: int, window: Window = SQUARE, count: int = 61) -> Landscape:
    """The cross-entropy of ``label`` on a grid of count × count points, ends included."""
    left, right, bottom, top = window
    xs, ys = np.linspace(left, right, count), np.linspace(bottom, top, count)
    grid = torch.from_numpy(np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2))
    loss = evaluate(classifier, grid, Untargeted(label))[1]
    return Landscape(xs, ys, loss.reshape(count, count).numpy(), label)


def outline(norm: str, x: Tensor, eps: float, count: int = 96) -> np.ndarray:
    """The edge of ball ∩ box around x (2,), as a closed line (M, 2)."""
    angle = np.linspace(0, 2 * math.pi, count + 1)
    edge = np.stack([np.cos(angle), np.sin(angle)], 1)
    if norm == "linf":
        edge = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1], [1, 1]])
    # Points outside are clipped to the box, which gives the edge of the part inside, since the middle x is inside.
    return np.clip(x.numpy() + eps * edge, 0, 1)


def window_around(x: Tensor, reach: float) -> Window:
    """The square of side 2·reach around x (2,); it may exceed the box."""
    (a, b), r = x.tolist(), reach
    return a - r, a + r, b - r, b + r


def turn(gradient: np.ndarray, step: np.ndarray) -> float:
    """The angle between two directions (2,) in degrees, 0 ... 180; 0 where one of them is zero."""
    lengths = float(np.linalg.norm(gradient) * np.linalg.norm(step))
    return math.degrees(math.acos(float(np.clip(gradient @ step / lengths, -1, 1)))) if lengths else 0.0


# ------------------------------------------------------------------------------------------------------------- attacks


@dataclass(frozen=True, eq=False)
class Path:
    """The path of an attack through the plane, K steps.

    Attributes:
        points (K + 1, 2): x itself, and x + δ after each step.
        gradients (K, 2): ∂L/∂x at each point but the last.
        moved (K, 2): the end of each step, before the projection.
        losses, probabilities (K + 1,): cross-entropy of y at each point, and p(y).
        projected: whether ``points`` were projected after each step or after the last alone.
    """

    points: np.ndarray
    gradients: np.ndarray
    moved: np.ndarray
    losses: np.ndarray
    probabilities: np.ndarray
    projected: ProjectionRule

    @property
    def steps(self) -> int:
        return len(self.moved)

    def projects(self, step: int) -> bool:
        """Tell whether the step with that number (from 0) ended in a projection that moved the point."""
        due = self.projected == "each" or step == self.steps - 1
        return due and bool(np.abs(self.moved[step] - self.points[step + 1]).max() > 1e-9)


def path(
    classifier: Logits,
    x: Tensor,
    delta_set: Ball,
    label: int,
    *,
    steps: int,
    step_size: float,
    step: StepRule = "steepest",
    projected: ProjectionRule = "each",
) -> Path:
    """Run `pgd` from x (2,) and record each of its steps. Arguments as for `pgd`."""
    attack = pgd(
        classifier,
        x[None],
        delta_set,
        Untargeted(label),
        steps=steps,
        step_size=step_size,
        step=step,
        projected=projected,
        quantize=False,
    )
    deltas = torch.cat([each.delta for each in attack])
    points = x + deltas
    gradients = input_gradient(classifier, points[:-1], Untargeted(label)).gradient
    went = step_size * gradients if step == "gradient" else delta_set.steepest(gradients, step_size)
    logits, losses = evaluate(classifier, points, Untargeted(label))
    return Path(
        points.numpy(),
        gradients.numpy(),
        (points[:-1] + went).numpy(),
        losses.numpy(),
        logits.softmax(1)[:, label].numpy(),
        projected,
    )


def first_steps(classifier: Logits, x: Tensor, delta_set: Ball, label: int, step_sizes: Sequence[float]) -> np.ndarray:
    """The end of the first step of raw-gradient PGD for each α, (len(step_sizes), 2)."""
    alphas = torch.tensor(step_sizes, dtype=torch.float64)
    rows = x.expand(len(alphas), 2).contiguous()
    attack = pgd(
        classifier, rows, delta_set, Untargeted(label), steps=1, step_size=alphas, step="gradient", quantize=False
    )
    return run(attack).adversarial.numpy()


def one_step(classifier: Logits, x: Tensor, delta_set: Ball, label: int) -> np.ndarray:
    """The end point of FGSM, (2,)."""
    return run(fgsm(classifier, x[None], delta_set, Untargeted(label), quantize=False)).adversarial[0].numpy()


def worst_on_grid(classifier: Logits, x: Tensor, y: Tensor, delta_set: Ball, count: int = 41) -> tuple[Tensor, Tensor]:
    """Search exhaustively for the point of ball ∩ box with the largest loss, on a grid of count² points a row.

    This is possible for two pixels. A hundred pixels with two values each have 2¹⁰⁰ points.

    Args:
        x: (N, 2); y: labels (N,).

    Returns:
        The points (N, 2) and their losses (N,).
    """
    unit = torch.linspace(-1, 1, count, dtype=torch.float64)
    square = torch.cartesian_prod(unit, unit)
    if isinstance(delta_set, L2):  # the square grid is mapped to the whole disc, with its edge
        size = square.norm(dim=1, keepdim=True).clamp_min(1e-12)
        square = square * (square.abs().amax(1, keepdim=True) / size)
    offsets = float(delta_set.radius) * square
    candidates = (x[:, None] + offsets).clamp(0, 1)  # x is in the box, so clamping stays in the ball
    losses = evaluate(classifier, candidates.flatten(0, 1), Untargeted(y.repeat_interleave(count**2)))[1]
    best = losses.reshape(len(x), -1).max(1)
    return candidates[torch.arange(len(x)), best.indices], best.values


@dataclass(frozen=True)
class Tally:
    """The number of points that each attack fools, among the ``right`` ones that the classifier gets right."""

    right: int
    one_step: int
    many_steps: int
    anywhere: int


def tally(classifier: Logits, points: Points, delta_set: Ball, steps: int = 40) -> Tally:
    """Attack each point by FGSM, by PGD with the default step size, and by exhaustive search on a grid."""
    kept = classifier(points.x).argmax(1) == points.y
    x, y = points.x[kept], points.y[kept]
    aim = Untargeted(y)
    one = run(fgsm(classifier, x, delta_set, aim, quantize=False))
    many = run(pgd(classifier, x, delta_set, aim, steps=steps, quantize=False), keep_steps=False)
    everywhere = worst_on_grid(classifier, x, y, delta_set, count=31)[0]
    flipped = [int((logits.argmax(1) != y).sum()) for logits in (one.logits, many.logits, classifier(everywhere))]
    return Tally(len(x), *flipped)


def enough(gradient: np.ndarray, eps: float, norm: str) -> tuple[float, float]:
    """The least α of a raw first step, away from the box: (to reach the edge, to end where FGSM ends).

    In L∞ the largest component reaches the edge first, and the smallest last; an L2 step goes straight to FGSM's point.
    """
    size = np.abs(gradient)
    first, last = (size.max(), size.min()) if norm == "linf" else (np.linalg.norm(gradient),) * 2
    return _ratio(eps, float(first)), _ratio(eps, float(last))


def _ratio(eps: float, size: float) -> float:
    return eps / size if size > 0 else math.inf
