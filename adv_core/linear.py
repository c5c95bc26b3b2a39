"""Linear classifiers under an L∞ ball: the worst case has a closed form.

    h(x) = τ(s(x)),   s(x) = θᵀx + θ₀,   y = ±1,   loss Ψ(y·s(x)) with Ψ(z) = log(1 + exp(-z))

τ is the logistic function. Ψ falls, so the worst δ makes y·θᵀδ as small as possible; each pixel can do so
independently, so

    δ* = -y·ε·sign(θ),   y·θᵀδ* = -ε·‖θ‖₁

and the min-max problem of robust training becomes a plain minimisation of Ψ(y·s(x) - ε·‖θ‖₁) (Kolter & Madry,
"Adversarial robustness: theory and practice", 2018, chapter 2). With the box, x + δ in [0, 1], the pixels are still
independent: δ* is the same, clipped, and its gain depends on x.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.attacks.fgsm import fgsm
from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import run
from adv_core.objectives import Untargeted
from adv_core.perturbation_sets import Linf, per_row


class LinearClassifier(nn.Module):
    """h(x) = τ(s(x)) with the score s(x) = θᵀx + θ₀, for two classes: 0 (s < 0) and 1 (s > 0).

    ``model(x)``: pixels (N, ...) -> logits (N, 2) = (0, s(x)). Their softmax is (1 - τ(s), τ(s)) and their
    cross-entropy Ψ(y·s): every objective and every attack of `adv_core` runs on it as on any classifier.

    Args:
        theta: the weights, (D,); bias: θ₀, a number.
    """

    theta: Tensor
    bias: Tensor

    def __init__(self, theta: Tensor, bias: float | Tensor = 0.0) -> None:
        super().__init__()
        self.register_buffer("theta", theta.detach().clone())
        self.register_buffer("bias", torch.as_tensor(bias, dtype=theta.dtype).detach().clone())

    def score(self, x: Tensor) -> Tensor:
        """s(x), (N,)."""
        return score(self.theta, self.bias, x)

    def forward(self, x: Tensor) -> Tensor:
        h = self.score(x)
        return torch.stack([torch.zeros_like(h), h], 1)

    def probability(self, x: Tensor) -> Tensor:
        """p(1) = h(x) = τ(s(x)), (N,)."""
        return self.score(x).sigmoid()


class UnboxedLinf(Linf):
    """max |δᵢ| ≤ ε without the box: x + δ may leave [0, 1]. The closed form holds for this set; x + δ is no picture.

    Solve with ``quantize=False``: values outside the box have no 8-bit form.
    """

    def projection(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        eps = per_row(self.eps, x)
        return lambda delta: delta.clamp(-eps, eps)

    def quantize(self, delta: Tensor, x: Tensor) -> Tensor:
        return delta


def ball(eps: float, *, box: bool) -> Linf:
    """The set ‖δ‖∞ ≤ ε, with or without the box."""
    return Linf(eps) if box else UnboxedLinf(eps)


def score(theta: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """θᵀx + θ₀ of every row, (N,)."""
    return x.flatten(1) @ theta + bias


def signs(labels: Tensor) -> Tensor:
    """Classes 0 and 1 as y = -1 and +1, (N,) float."""
    return 2.0 * labels - 1.0


def worst_case(theta: Tensor, labels: Tensor, eps: float | Tensor, x: Tensor | None = None) -> Tensor:
    """δ* = -y·ε·sign(θ), the exact maximum of the loss over ‖δ‖∞ ≤ ε, without a gradient, a step or x.

    Args:
        theta: (D,).
        labels: 0 or 1, (N,).
        eps: one for all rows, or (N,).
        x: (N, D) or (N, ...); if it is given, δ* is clipped so that x + δ stays in [0, 1]. δ* is still the exact
            maximum: the box, like the ball, constrains each pixel by itself.

    Returns:
        δ*, in the shape of x; (N, D) without one.
    """
    y = signs(labels).to(theta)[:, None]
    delta = -per_row(eps, y) * y * theta.sign()
    if x is None:
        return delta
    return torch.minimum(torch.maximum(delta.view_as(x), -x), 1 - x)


def worst_margin(
    theta: Tensor, bias: Tensor, x: Tensor, labels: Tensor, eps: float | Tensor, *, box: bool = False
) -> Tensor:
    """min of y·s(x + δ) over ‖δ‖∞ ≤ ε, (N,): y·s(x) - ε·‖θ‖₁. Below zero, some δ fools the classifier there.

    Differentiable in θ and θ₀. With ``box``, over those δ that keep x + δ in [0, 1].
    """
    y = signs(labels).to(theta)
    if not box:
        return y * score(theta, bias, x) - eps * theta.abs().sum()
    # By Danskin's theorem the gradient in θ is that at the worst δ, held constant.
    return y * score(theta, bias, x + worst_case(theta.detach(), labels, eps, x))


def robust_losses(
    theta: Tensor, bias: Tensor, x: Tensor, labels: Tensor, eps: float | Tensor, *, box: bool = False
) -> Tensor:
    """max of the loss over ‖δ‖∞ ≤ ε, (N,): Ψ(y·s(x) - ε·‖θ‖₁). ε = 0 is the plain logistic loss."""
    return F.softplus(-worst_margin(theta, bias, x, labels, eps, box=box))


def error(model: LinearClassifier, x: Tensor, labels: Tensor, eps: float = 0.0, *, box: bool = False) -> float:
    """The part of the rows that are wrong under the worst δ; exact, not a bound. ε = 0 gives the plain error."""
    margin = worst_margin(model.theta, model.bias, x, labels, eps, box=box)
    return float((margin <= 0).float().mean())


def flips_at(model: LinearClassifier, x: Tensor, labels: Tensor, *, box: bool = False) -> Tensor:
    """The smallest ε whose δ* reaches s = 0, (N,): |s(x)| / ‖θ‖₁. 0 for rows that are wrong already.

    With ``box``, it is found by bisection: the margin falls with ε, but not linearly. An ε above 1 gains nothing in
    the box; rows that are still right at ε = 1 have ε = ∞.
    """
    margin = worst_margin(model.theta, model.bias, x, labels, 0.0)
    if not box:
        return (margin / model.theta.abs().sum()).clamp_min(0)
    low, high = torch.zeros_like(margin), torch.ones_like(margin)
    for _ in range(24):
        middle = (low + high) / 2
        stands = worst_margin(model.theta, model.bias, x, labels, middle, box=True) > 0
        low, high = torch.where(stands, middle, low), torch.where(stands, high, middle)
    never = worst_margin(model.theta, model.bias, x, labels, 1.0, box=True) > 0
    return torch.where(never, torch.inf, torch.where(margin <= 0, 0.0, high))


# ------------------------------------------------------------------------------- the argument, line by line, measured


@dataclass(frozen=True)
class Evidence:
    """Measurements of the argument's four claims at one picture.

    Attributes:
        draws: the number of random corners of the ball that were tried.
        out_of_order: 1. Ψ falls. The number of corners, sorted by y·s(x + δ), with a larger loss than the one before.
        remainder: 2. δ enters only through y·θᵀδ. The largest |s(x + δ) - s(x) - θᵀδ| of the corners: rounding.
        chance, fgsm, pgd, formula: 3. No δ beats δ*. y·θᵀδ of the best random corner, of FGSM, of PGD, of δ*.
        pixels: the number of values in which PGD's δ differs from δ*.
        bound: 4. -ε·‖θ‖₁.
    """

    draws: int
    out_of_order: int
    remainder: float
    chance: float
    fgsm: float
    pgd: float
    formula: float
    pixels: int
    bound: float


def evidence(
    model: LinearClassifier,
    x: Tensor,
    label: Tensor,
    eps: float,
    *,
    box: bool = False,
    draws: int = 1000,
    seed: int = 0,
) -> Evidence:
    """Measure the argument's claims at one picture.

    Args:
        x: (1, ...); label: (1,).
        draws: random corners of the ball to try; seed: of these.
    """
    around = ball(eps, box=box)
    y, h = signs(label), model.score(x)
    coins = torch.randint(0, 2, (draws, *x.shape[1:]), generator=torch.Generator().manual_seed(seed))
    corners = around.project(eps * signs(coins), x.expand(draws, *x.shape[1:]))
    gain = score(model.theta, torch.zeros(()), corners)
    there = model.score(x + corners)
    losses = Untargeted(label)(model(x + corners))[(y * there).argsort()]
    one_step = run(fgsm(model, x, around, Untargeted(label), quantize=False)).delta
    climbed = run(pgd(model, x, around, Untargeted(label), steps=40, quantize=False)).delta
    best = worst_case(model.theta, label, eps, x if box else None).view_as(x)

    def value(delta: Tensor) -> float:
        return float(y * score(model.theta, torch.zeros(()), delta))

    return Evidence(
        draws=draws,
        out_of_order=int((losses[1:] > losses[:-1]).sum()),
        remainder=float((there - h - gain).abs().max()),
        chance=float((y * gain).min()),
        fgsm=value(one_step),
        pgd=value(climbed),
        formula=value(best),
        pixels=int((climbed != best).sum()),
        bound=-eps * float(model.theta.abs().sum()),
    )


def mean_worst_loss(
    model: LinearClassifier, x: Tensor, labels: Tensor, eps: float, *, box: bool = False
) -> tuple[float, float]:
    """The mean of the worst losses: (by the formula, by PGD on every picture). It tests the argument's fifth claim."""
    formula = robust_losses(model.theta, model.bias, x, labels, eps, box=box).mean()
    attack = pgd(model, x, ball(eps, box=box), Untargeted(labels), steps=5, quantize=False)
    return float(formula), float(run(attack, keep_steps=False).loss.mean())


# ------------------------------------------------------------------------------------------------------------ training


@dataclass(frozen=True, eq=False)
class Epoch:
    """The model after some passes over the training data.

    Attributes:
        index: 0 is before any training.
        model: a copy, which stays as it is.
        loss: the mean of `robust_losses` over all the training data, for this model.
    """

    index: int
    model: LinearClassifier
    loss: float


def train(
    x: Tensor,
    labels: Tensor,
    *,
    eps: float = 0.0,
    box: bool = False,
    epochs: int = 10,
    rate: float = 1.0,
    batch: int = 100,
    seed: int = 0,
) -> Iterator[Epoch]:
    """Train by stochastic gradient descent on the mean of `robust_losses`.

    The loop is in numpy: a step multiplies a batch with a vector, twice, and torch takes ten times as long for that.

    Args:
        x: (N, ...) float32, on the CPU; labels: 0 or 1, (N,).
        eps: ε of the inner maximum; 0 is ordinary training.
        box: train only against those δ that keep x + δ in [0, 1].
        rate, batch: step size and batch size.
        seed: of the first θ and θ₀ (uniform in ±1/√D, as `nn.Linear` has them) and of the order of the data.

    Yields:
        ``epochs + 1`` epochs.
    """
    x = x.flatten(1)
    pixels, y = x.numpy(), signs(labels).numpy()
    random = np.random.default_rng(seed)
    size = 1 / math.sqrt(x.shape[1])
    theta, bias = random.uniform(-size, size, x.shape[1]).astype(x.numpy().dtype), random.uniform(-size, size)

    def now(index: int) -> Epoch:
        model = LinearClassifier(torch.from_numpy(theta), bias)
        parts = zip(x.split(1000), labels.split(1000), strict=True)  # a part fits into the processor's cache
        losses = [robust_losses(model.theta, model.bias, *part, eps, box=box) for part in parts]
        return Epoch(index, model, float(torch.cat(losses).mean()))

    yield now(0)
    for index in range(1, epochs + 1):
        order = random.permutation(len(y))
        for start in range(0, len(y), batch):
            rows = order[start : start + batch]
            to_theta, to_bias = slope(theta, bias, pixels[rows], y[rows], eps, box=box)
            theta, bias = theta - rate * to_theta, bias - rate * to_bias
        yield now(index)


def slope(
    theta: np.ndarray, bias: float, x: np.ndarray, y: np.ndarray, eps: float, *, box: bool = False
) -> tuple[np.ndarray, float]:
    """∂/∂θ (D,) and ∂/∂θ₀ of the mean of `robust_losses` over a batch (N, D) with y = ±1, (N,).

    With ``box``, by Danskin's theorem, it is the plain slope at the worst point x + δ*.
    """
    if box:
        x = np.clip(x - np.float32(eps) * y[:, None] * np.sign(theta), 0, 1)
    margin = y * (x @ theta + np.float32(bias))
    if not box:
        margin -= eps * np.abs(theta).sum()
    with np.errstate(over="ignore"):  # exp(margin) = ∞: the digit contributes no gradient
        pull = -1 / (1 + np.exp(margin)) / len(y)  # ∂/∂margin
    to_theta = (pull * y) @ x
    if not box:
        to_theta -= np.float32(eps * pull.sum()) * np.sign(theta)
    return to_theta, float((pull * y).sum())
