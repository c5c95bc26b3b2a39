"""A classifier's predictions in a plane through x, one line of the plane at a time.

The plane is spanned by the direction that an attack takes and a random one, as in Goodfellow's lectures (Warde-Farley &
Goodfellow, "Adversarial perturbations of deep neural networks", in *Perturbations, Optimization, and Statistics*, MIT
Press 2016; such drawings are called church windows). The balls of the three norms have known shapes in this plane; see
`outline`.
"""

from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from adv_core.attacks.step import Logits, Step, evaluate, input_gradient
from adv_core.objectives import Objective


def line_order(side: int) -> list[int]:
    """The lines of a slice in the order in which they are computed: the middle one first, then outwards."""
    middle = side // 2
    return sorted(range(side), key=lambda line: (abs(line - middle), -line))


def decision_slice(
    classifier: Logits, x: Tensor, objective: Objective, *, reach: float, seed: int = 0
) -> Iterator[Step]:
    """The pictures x + a·u + b·v, cut to [0, 1]; a and b go from -reach to +reach.

    u = sign(∂L/∂x), the direction in which the loss grows fastest in L∞; v has random signs and is orthogonal to u. In
    either direction a step of length a moves every value by ±a.

    Args:
        classifier: maps pixels (N, 3, H, W) in [0, 1] to logits (N, K).
        x: the picture, once for each point of a line, (side, 3, H, W).
        objective: for as many rows.
        reach: in pixel units.
        seed: of v.

    Yields:
        One step per line: b is constant, a grows from row to row. The k-th step is line ``line_order(side)[k]``, where
        line 0 has b = -reach. Nothing is rounded.
    """
    side = x.shape[0]
    u = input_gradient(classifier, x[:1], objective.rows(torch.tensor([0], device=x.device))).gradient.sign()
    v = orthogonal_signs(u, seed)
    places = torch.linspace(-reach, reach, side, dtype=torch.float64).to(x)
    for index, line in enumerate(line_order(side)):
        delta = (x + places.reshape(-1, 1, 1, 1) * u + places[line] * v).clamp_(0, 1) - x
        yield Step(index, x, delta, partial(evaluate, classifier, x + delta, objective))


def orthogonal_signs(u: Tensor, seed: int = 0) -> Tensor:
    """Random ±1 of u's shape that agree with u in exactly half of the values (one more, where their number is odd)."""
    count = u.numel()
    agree = torch.ones(count)
    agree[torch.randperm(count, generator=torch.Generator().manual_seed(seed))[: count // 2]] = -1
    signs = torch.where(u == 0, torch.ones_like(u), u.sign())
    return agree.reshape(u.shape).to(u) * signs


def outline(norm: Literal["linf", "l2", "l1"], radius: float, values: int) -> tuple[np.ndarray, np.ndarray]:
    """The edge of a ball in the plane of `decision_slice`, as a closed curve (a, b); the box is left out.

    A value of a·u + b·v is ±(a + b) where the signs of u and v agree, and ±(a - b) in the other half. So ‖δ‖∞ = |a| +
    |b|: a square on a corner; ‖δ‖₁ = n·max(|a|, |b|): a square on a side; ‖δ‖₂ = √n·√(a² + b²): a circle.

    Args:
        radius: in pixel units.
        values: n, the number of values of a picture.
    """
    if norm == "linf":
        a, b = np.array([1, 0, -1, 0, 1.0]), np.array([0, 1, 0, -1, 0.0])
        size = radius
    elif norm == "l1":
        a, b = np.array([1, -1, -1, 1, 1.0]), np.array([1, 1, -1, -1, 1.0])
        size = radius / values
    else:
        angle = np.linspace(0, 2 * np.pi, 65)
        a, b = np.cos(angle), np.sin(angle)
        size = radius / values**0.5
    return size * a, size * b
