"""Classical classifiers (scikit-learn's) for two classes, in the form that the attacks use: pixels in, logits out.

A linear SVM is a `LinearClassifier`, with the same closed form of the worst case. A tree and the nearest neighbours
have no gradient; an attack can only query them. The worst case of a tree can still be computed exactly.

scikit-learn is imported only when it is needed, since the import takes a second.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adv_core.attacks.noise import random_noise
from adv_core.attacks.square import square_attack
from adv_core.attacks.step import Logits, run
from adv_core.linear import LinearClassifier, error, worst_case
from adv_core.objectives import Margin
from adv_core.perturbation_sets import Linf


def linear_svm(x: Tensor, labels: Tensor, *, seed: int = 0) -> LinearClassifier:
    """A support vector machine without a kernel (Cortes & Vapnik 1995); x is (N, ...), labels 0 or 1."""
    from sklearn.svm import LinearSVC

    fitted = LinearSVC(random_state=seed).fit(x.flatten(1).numpy(), labels.numpy())
    return LinearClassifier(torch.from_numpy(fitted.coef_[0]).to(x), float(fitted.intercept_[0]))


class Scored:
    """A classifier that answers with a number: above zero it means class 1. ``clf(x)`` gives logits (0, score).

    Args:
        score: pixels (N, D) -> (N,), both as arrays.
    """

    def __init__(self, score: Callable[[np.ndarray], np.ndarray]) -> None:
        self.score = score

    def __call__(self, x: Tensor) -> Tensor:
        answer = torch.from_numpy(np.asarray(self.score(x.flatten(1).numpy()), np.float32))
        return torch.stack([torch.zeros_like(answer), answer], 1)


class DecisionTree(Scored):
    """A decision tree (Breiman et al. 1984), grown until every leaf is pure. Its score is p(1) - p(0)."""

    def __init__(self, x: Tensor, labels: Tensor, *, seed: int = 0) -> None:
        from sklearn.tree import DecisionTreeClassifier

        tree = DecisionTreeClassifier(random_state=seed).fit(x.flatten(1).numpy(), labels.numpy())
        super().__init__(lambda pixels: tree.predict_proba(pixels) @ np.array([-1.0, 1.0]))
        self.tree: Any = tree.tree_

    def can_be_wrong(self, x: Tensor, labels: Tensor, eps: float) -> Tensor:
        """Tell exactly whether some δ with ‖δ‖∞ ≤ ε and x + δ in [0, 1] leads to a leaf of the other class, (N,) bool.

        A leaf holds the inputs whose pixels lie between two limits each. Pixels change independently, so a leaf can be
        reached if every pixel can get between its limits.
        """
        tree, others = self.tree, 1 - labels.numpy()
        pixels = x.flatten(1).double().numpy()
        wrong = np.zeros(len(pixels), bool)
        # A node, the smallest and largest value of each pixel there, and the rows that can get there.
        stack = [(0, np.maximum(pixels - eps, 0), np.minimum(pixels + eps, 1), np.ones(len(pixels), bool))]
        while stack:
            node, low, high, reached = stack.pop()
            left, right = tree.children_left[node], tree.children_right[node]
            if left == right:  # a leaf
                wrong |= reached & (others == tree.value[node, 0].argmax())
                continue
            pixel, limit = tree.feature[node], tree.threshold[node]
            not_above, above = high.copy(), low.copy()
            not_above[:, pixel] = np.minimum(high[:, pixel], limit)
            above[:, pixel] = np.maximum(low[:, pixel], np.nextafter(limit, np.inf))
            stack.append((left, low, not_above, reached & (low[:, pixel] <= limit)))
            stack.append((right, above, high, reached & (high[:, pixel] > limit)))
        return torch.from_numpy(wrong)


def nearest_neighbours(x: Tensor, labels: Tensor, *, k: int = 3) -> Scored:
    """The majority of the k nearest training points, k odd (Cover & Hart 1967).

    With k = 2j - 1, class 1 has the majority exactly where its j-th nearest point is nearer than the j-th nearest of
    class 0. The score is the difference of these two distances. Unlike a count of votes, it shows an attacker the
    progress of each step.

    Raises:
        ValueError: an even k, which allows a tie.
    """
    from sklearn.neighbors import NearestNeighbors

    if k % 2 == 0:
        raise ValueError("an even number of neighbours can have a tie: give an odd one")
    points, classes = x.flatten(1).numpy(), labels.numpy()
    near = [
        NearestNeighbors(n_neighbors=(k + 1) // 2, algorithm="brute").fit(points[classes == label]) for label in (0, 1)
    ]

    def score(pixels: np.ndarray) -> np.ndarray:
        zero, one = (each.kneighbors(pixels)[0][:, -1] for each in near)
        return np.asarray(zero - one)

    return Scored(score)


@dataclass(frozen=True)
class Standing:
    """The error rates of a model under perturbations of one size: shares of the sample that it misclassifies.

    Attributes:
        model: its name.
        untouched, noise: without any δ; under random ±ε.
        borrowed: under the δ* of another, linear model.
        asked: after ``queries`` queries of Square Attack; None before the first.
        worst: in the exact worst case, where it is known.
    """

    model: str
    untouched: float
    noise: float
    borrowed: float
    asked: float | None = None
    queries: int = 0
    worst: float | None = None


def compare(
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    lender: LinearClassifier,
    eps: float,
    *,
    queries: int = 200,
    seed: int = 0,
) -> Iterator[Standing]:
    """Fit an SVM, a tree and nearest neighbours, and attack each of them within the ball and the box.

    Args:
        train, test: (pixels (N, 1, 28, 28), labels (N,)).
        lender: the linear model whose δ* is tried on the others.
        queries: the most queries of Square Attack for each picture.

    Yields:
        A model's standing, repeatedly, as the attack goes on; the last one of each model is final.
    """
    x, labels = test
    borrowed = worst_case(lender.theta, labels, eps, x)
    svm = linear_svm(*train, seed=seed)
    tree = DecisionTree(*train, seed=seed)
    worst = {
        "linear SVM": error(svm, x, labels, eps, box=True),
        "decision tree": float(tree.can_be_wrong(x, labels, eps).float().mean()),
    }
    models: dict[str, Logits] = {
        "linear SVM": svm,
        "decision tree": tree,
        "3 nearest neighbours": nearest_neighbours(*train),
    }
    for name, model in models.items():
        noise = run(random_noise(model, x, Linf(eps), Margin(labels), seed=seed, quantize=False)).adversarial
        standing = Standing(
            name,
            untouched=_wrong(model(x), labels),
            noise=_wrong(model(noise), labels),
            borrowed=_wrong(model(x + borrowed), labels),
            worst=worst.get(name),
        )
        attack = square_attack(model, x, Linf(eps), Margin(labels), queries=queries, seed=seed, quantize=False)
        for step in attack:
            if step.index % 20 == 0 or step.final:
                yield replace(standing, asked=_wrong(step.logits, labels), queries=step.index + 1)


def _wrong(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(1) != labels).float().mean())
