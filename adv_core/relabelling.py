"""Relabelled training sets: pictures that an attack moves towards another class, with that class as their label.

Ilyas et al., "Adversarial Examples Are Not Bugs, They Are Features", NeurIPS 2019, arXiv:1905.02175. To a person all
these labels are wrong. A network that is trained on nothing else reads untouched pictures all the same, since the
perturbation holds features of its class that a person does not see.

    python -m adv_core.relabelling     # repeats the search, and writes assets/digits/relabelling.json
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from adv_core.attacks.noise import random_noise
from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import Logits, run
from adv_core.datasets import mnist
from adv_core.networks.digit_network import CHECKPOINTS, DigitNetwork, checkpoint
from adv_core.norms import NORMS
from adv_core.objectives import Targeted
from adv_core.perturbation_sets import PerturbationSet
from adv_core.training import Recipe, train, wrong_at

Rule = Literal["other", "next"]
FeatureNorm = Literal["l2", "linf"]
FIGURES = CHECKPOINTS / "relabelling.json"
_PART = 250  # pictures that are moved at once


def new_labels(labels: Tensor, rule: Rule = "other", classes: int = 10, seed: int = 0) -> Tensor:
    """Choose another label for each picture, (N,) long.

    Args:
        labels: (N,) long, the true ones.
        rule: "other" draws one of the other classes, each with the same probability. "next" takes y + 1, and 0 after
            the last class; then the strokes of y explain the new label as well as the perturbation does.
        seed: of the draws.

    Raises:
        ValueError: an unknown rule.
    """
    if rule not in get_args(Rule):
        raise ValueError(f"rule has to be one of {', '.join(get_args(Rule))}, not {rule!r}")
    if rule == "next":
        return (labels + 1) % classes
    away = torch.randint(1, classes, labels.shape, generator=torch.Generator().manual_seed(seed))
    return (labels + away.to(labels.device)) % classes


@dataclass(frozen=True, eq=False)
class Relabelled:
    """A relabelled training set, or its first part.

    Attributes:
        x: (M, ...) in [0, 1], 8-bit values; labels: (M,) long, the new ones.
        reached: (M,) bool, which pictures the source network reads as their new label.
    """

    x: Tensor
    labels: Tensor
    reached: Tensor


def relabelled(
    source: Logits,
    x: Tensor,
    labels: Tensor,
    perturbation_set: PerturbationSet,
    *,
    steps: int = 20,
    noise: bool = False,
    seed: int = 0,
) -> Iterator[Relabelled]:
    """Move pictures towards their new labels with targeted PGD.

    Args:
        source: the network that the attack sees.
        x: (N, ...) in [0, 1]; labels: (N,) long, the new ones, see `new_labels`.
        steps: of PGD; the step size is 2.5·ε/steps.
        noise: the control: random noise of the same ε in the place of the attack.
        seed: of the noise.

    Yields:
        The set after each part of the pictures; the last record has all of them.
    """
    moved, reached = [], []
    for part, (images, targets) in enumerate(zip(x.split(_PART), labels.split(_PART), strict=True)):
        objective = Targeted(targets)
        if noise:
            attack = random_noise(source, images, perturbation_set, objective, seed=seed * 1_000_003 + part)
        else:
            alpha = 2.5 * perturbation_set.radius / steps
            attack = pgd(source, images, perturbation_set, objective, steps=steps, step_size=alpha)
        found = run(attack, keep_steps=False)
        moved.append(found.adversarial)
        reached.append(objective.reached(found.logits))
        done = torch.cat(moved)
        yield Relabelled(done, labels[: len(done)], torch.cat(reached))


# ----------------------------------------------------------------------------------------------------------- the search


@dataclass(frozen=True)
class Trial:
    """One relabelled set of MNIST's first training digits, and one training on it.

    Attributes:
        source: the checkpoint that the attack sees. The network that is trained starts from other weights.
        norm, eps: of the ball, in pixel units.
        images, epochs: of the training.
        seed: of the labels and of the training.
    """

    source: str = "standard"
    norm: FeatureNorm = "l2"
    eps: float = 2.0
    rule: Rule = "other"
    images: int = 5000
    epochs: int = 6
    seed: int = 0

    def measured(self) -> dict[str, float]:
        """Shares: accuracy on the untouched test digits, of the training on moved digits and of the control; moved
        digits that the source reads as their new label, and that the checkpoint "robust_03" reads as their old one.
        """
        data, source = mnist("train", range(10))[: self.images], checkpoint(self.source).network
        labels = new_labels(data.labels, self.rule, seed=self.seed)
        ball, told = NORMS[self.norm].ball(self.eps), {}
        for name, noise in (("accuracy", False), ("control", True)):
            *_, made = relabelled(source, data.images, labels, ball, noise=noise, seed=self.seed)
            told[name] = self._accuracy(made)
            if not noise:
                kept = ~wrong_at(checkpoint("robust_03").network, made.x, data.labels)
                told |= {"reached": _share(made.reached), "old label kept": _share(kept)}
        return told

    def _accuracy(self, made: Relabelled) -> float:
        network, test = DigitNetwork(self.seed + 1), mnist("test", range(10))
        for _ in train(network, made.x, made.labels, Recipe("none", epochs=self.epochs, seed=self.seed)):
            pass
        return _share(~wrong_at(network, test.images, test.labels))


def _share(rows: Tensor) -> float:
    return round(float(rows.float().mean()), 4)


SEARCH = (
    *(Trial(norm="linf", eps=eps, seed=seed) for eps in (0.05, 0.1, 0.2, 0.3) for seed in (0, 1)),
    *(Trial(norm="l2", eps=eps, seed=seed) for eps in (0.5, 1.0, 2.0, 3.0) for seed in (0, 1)),
    *(Trial(rule="next", seed=seed) for seed in (0, 1)),
    *(Trial(source="robust_01", eps=eps) for eps in (2.0, 3.0)),
    Trial(images=20_000),
)


def search(file: Path = FIGURES, say: Callable[[str], object] = print) -> None:
    """Measure every trial of `SEARCH`, and write the figures."""
    trials: list[dict[str, Any]] = []
    for trial in SEARCH:
        trials.append({**asdict(trial), **trial.measured()})
        say(json.dumps(trials[-1]))
    told = {"command": "python -m adv_core.relabelling", "trials": trials}
    file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def figures(file: Path = FIGURES) -> list[dict[str, Any]]:
    """The fields and the shares of every trial, as `search` has written them."""
    trials: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["trials"]
    return trials


def main(arguments: list[str] | None = None) -> None:
    """The command line: measure all trials."""
    parser = argparse.ArgumentParser(prog="python -m adv_core.relabelling", description=search.__doc__)
    parser.add_argument("--file", type=Path, default=FIGURES, help="where the figures go")
    search(parser.parse_args(arguments).file)


if __name__ == "__main__":
    main()
