"""Universal perturbations: one δ for many pictures (Moosavi-Dezfooli et al., CVPR 2017, arXiv:1610.08401)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from adv_core.attacks.step import Logits, evaluate, input_gradient, prepared
from adv_core.objectives import Labels, Objective, Untargeted, as_labels
from adv_core.perturbation_sets import PerturbationSet
from adv_core.transforms.transform import Transform

GREY = 128 / 255  # the picture that δ itself is a perturbation of: it has 8-bit values, and room on both sides


@dataclass(frozen=True, eq=False)
class UniversalStep:
    """One minibatch.

    Attributes:
        index: minibatches that are done, from 0; of: the number of all.
        delta: the one δ after it, (1, ...), detached.
        loss: the mean objective over the minibatch, before the step.
        reached: the share of the minibatch that reached the aim, before the step.
        final: True for the last one, whose δ is rounded to whole 8-bit levels if ``quantize`` asked for that; its loss
            and share are those of all pictures under that δ.
    """

    index: int
    of: int
    delta: Tensor
    loss: float
    reached: float
    final: bool = False


def universal(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    *,
    epochs: int = 5,
    batch: int = 32,
    step_size: float | None = None,
    cap: float = 9.0,
    view: Transform | None = None,
    seed: int = 0,
    quantize: bool = True,
) -> Iterator[UniversalStep]:
    """One δ that fools on many pictures: argmax over δ ∈ Δ of the mean of L(y, f(clip(x + δ))) over the pictures.

    Such a δ exists (Moosavi-Dezfooli et al., CVPR 2017, arXiv:1610.08401). It is found by stochastic gradient ascent,
    one steepest step for each minibatch (Shafahi et al., AAAI 2020, arXiv:1811.11304), which is faster and stronger
    than the sum of DeepFool steps of the first paper. Test it on pictures that it has not seen: see `applied`.

    Args:
        classifier, x: as for `fgsm`; x holds the pictures to learn from.
        perturbation_set: the ball of δ, with one ε. No value of δ exceeds 127/255, whatever ε is.
        objective: `Untargeted(y)` with the label of every picture, `Targeted(t)`, ...
        epochs: passes over the pictures; batch: pictures of a minibatch.
        step_size: α in pixel units; None: ε/4 at first, falling to zero.
        cap: a picture whose objective is above it has no part in the step, so that δ does not serve a few pictures more
            and more.
        view: a transform that each pass applies anew to every picture, below δ, such as `Crop(0.3)`. With few pictures,
            δ learns them by heart, and views are a remedy.
        seed: of the order of the pictures, and of the views.
        quantize: round the last δ to whole 8-bit levels.

    Yields:
        One record per minibatch, and a last one.

    Raises:
        ValueError: as for `fgsm`; no pictures; fewer than one epoch.
    """
    classifier, x = prepared(classifier, x, snap=quantize)
    if not len(x) or epochs < 1 or batch < 1:
        raise ValueError("a universal perturbation needs one picture, one epoch and a minibatch of one, at least")
    grey = torch.full_like(x[:1], GREY)
    delta, generator = torch.zeros_like(grey), torch.Generator().manual_seed(seed)
    of, index = epochs * -(-len(x) // batch), 0
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).to(x.device).split(batch):
            pictures, aim = x[rows], objective.rows(rows)
            if view is not None:
                pictures = view(pictures, generator).clamp(0, 1)
            given = applied(delta, pictures)
            here = input_gradient(classifier, pictures, aim, delta=given)
            # Where the box cuts δ off, a change of δ changes nothing.
            free = (given == delta) & (here.loss < cap).reshape(-1, *[1] * (x.ndim - 1))
            direction = torch.where(free, here.gradient, 0).mean(0, keepdim=True)
            alpha = perturbation_set.reach / 4 if step_size is None else step_size
            step = perturbation_set.steepest(direction, alpha * (1 - index / of))
            delta = perturbation_set.project(delta + step, grey)
            yield UniversalStep(
                index, of, delta, float(here.loss.mean()), float(aim.reached(here.logits).float().mean())
            )
            index += 1
    if quantize:
        delta = perturbation_set.quantize(delta, grey)
    seen = [
        (evaluate(classifier, x[rows] + applied(delta, x[rows]), objective.rows(rows)), objective.rows(rows))
        for rows in torch.arange(len(x), device=x.device).split(batch)
    ]
    loss = torch.cat([losses for (_, losses), _ in seen]).mean()
    reached = torch.cat([aim.reached(logits) for (logits, _), aim in seen]).float().mean()
    yield UniversalStep(index, of, delta, float(loss), float(reached), final=True)


def applied(delta: Tensor, x: Tensor) -> Tensor:
    """The perturbation that the one δ (1, ...) makes of each picture (N, ...): δ, cut off where the box ends."""
    return torch.maximum(torch.minimum(delta, 1 - x), -x)


def fooling_rate(classifier: Logits, x: Tensor, delta: Tensor, y: Labels, *, batch: int = 64) -> float:
    """The share of pictures whose prediction is not y under the one δ, (1, ...)."""
    wrong = []
    for rows in torch.arange(len(x), device=x.device).split(batch):
        logits, _ = evaluate(classifier, x[rows] + applied(delta, x[rows]), Untargeted(0))
        labels = torch.as_tensor(y, device=x.device).reshape(-1)
        label = as_labels(labels[rows] if labels.numel() > 1 else labels, logits)
        wrong.append(logits.argmax(1) != label)
    return float(torch.cat(wrong).float().mean())
