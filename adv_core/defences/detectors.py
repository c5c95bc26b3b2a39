"""The detectors of digits that come with the library: how they were trained, and what each of them is worth.

    python -m adv_core.defences.detectors             # trains and judges them; minutes, deterministic on one machine
    python -m adv_core.defences.detectors --judge     # judges the committed ones

Both networks are trained on digits attacked by PGD, with an ε of its own for each. "network" tells them from untouched
digits. "noise" tells them from untouched digits and from digits with random noise of the same sizes. The attack knows
neither: it climbs the loss of the classifier `standard` alone.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from adv_core.attacks.noise import random_noise
from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import Step, run
from adv_core.datasets import mnist
from adv_core.defences.detection import DetectorNetwork, Score, Squeezing, auc, unnoticed
from adv_core.networks.digit_network import CHECKPOINTS, checkpoint, load, save
from adv_core.objectives import Untargeted
from adv_core.perturbation_sets import Linf
from adv_core.training import Recipe, frozen, train

Kind = Literal["network", "noise", "squeezing"]
Attack = Literal["noise", "plain", "aware"]
FOLDER = CHECKPOINTS / "detectors"
CLASSIFIER = "standard"  # the network that is attacked
IMAGES = 5000  # the first digits of MNIST's training data, to train detectors on
LEVELS = (8, 102)  # the range of ε in training, in 1/255
RECIPE = Recipe("none", epochs=8)
REFERENCE = 1000  # untouched digits that tell which scores are usual: the last ones of the training data
USUAL = (0.05, 0.5)  # the quantiles of their scores between which an attack hides
PART = 200  # digits that are attacked at once
STEPS = 60  # of both attacks


@cache
def shipped(name: str, device: str = "cpu") -> DetectorNetwork:
    """Return a shipped detector network, "network" or "noise", in eval mode; all callers share it.

    Raises:
        ValueError: no such detector, or a damaged file.
    """
    network = DetectorNetwork().to(device)
    load(network, name, FOLDER)
    return network


def detector(classifier: nn.Module, kind: Kind, bits: int = 1, device: str = "cpu") -> Score:
    """Return the detector of that kind for a classifier of digits; ``bits`` are those of the squeezing."""
    return Squeezing(classifier, bits) if kind == "squeezing" else shipped(kind, device).score


@torch.no_grad()
def usual_scores(score: Score, x: Tensor) -> tuple[float, float]:
    """Return the interval of scores that an attack aims at: from the lowest ones of untouched digits to their median.

    Args:
        x: untouched digits that nobody judges: of the training data, the last `REFERENCE`.
    """
    scores = score(x)
    low, high = scores.quantile(torch.tensor(USUAL, device=scores.device)).tolist()
    return low, high


def attack_digits(
    classifier: nn.Module,
    x: Tensor,
    labels: Tensor,
    eps: float,
    attack: Attack,
    score: Score,
    usual: tuple[float, float] = (0.0, 0.0),
    weight: float = 1.0,
    steps: int = STEPS,
    seed: int = 0,
) -> Iterator[Step]:
    """Run noise of the size ε ("noise"), PGD without the detector ("plain"), or the attack that knows it ("aware").

    Args:
        x: (N, 1, 28, 28); labels: (N,), the true classes, which an attack leaves.
        score, usual, weight: those of `unnoticed`, for "aware".
        steps: of either attack; seed: of the noise.
    """
    ball, objective = Linf(eps), Untargeted(labels)
    if attack == "noise":
        return random_noise(classifier, x, ball, objective, seed=seed)
    if attack == "plain":
        return pgd(classifier, x, ball, objective, steps=steps)
    return unnoticed(classifier, x, labels, ball, score, usual, weight=weight, steps=steps)


# --------------------------------------------------------------------------------------------------------------- making


def training_data(classifier: nn.Module, kind: Kind, images: int = IMAGES, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Make pictures and labels to train a detector on: 1 for the attacked ones, 0 for the others.

    Args:
        classifier: the network that is attacked.
        kind: "network", or "noise", which adds as many digits with noise to the untouched ones.
        images: the number of digits of each sort.
        seed: of the sizes and of the noise.

    Returns:
        (N, 1, 28, 28) of 8-bit values in [0, 1], and (N,) long.
    """
    data = mnist("train", range(10))[:images]
    x, generator = data.images, torch.Generator().manual_seed(seed)
    sizes = torch.randint(LEVELS[0], LEVELS[1] + 1, (len(x),), generator=generator) / 255
    noise, attacked = [], []
    for rows in torch.arange(len(x)).split(PART):
        ball, objective = Linf(sizes[rows]), Untargeted(data.labels[rows])
        attacked.append(run(pgd(classifier, x[rows], ball, objective, steps=10), keep_steps=False).adversarial)
        if kind == "noise":
            draws = random_noise(classifier, x[rows], ball, objective, seed=seed + int(rows[0]))
            noise.append(run(draws, keep_steps=False).adversarial)
    pictures = torch.cat([x, *noise, *attacked])
    labels = (torch.arange(len(pictures)) >= len(pictures) - len(x)).long()
    return pictures, labels


def ship(kind: Kind, folder: Path = FOLDER, images: int = IMAGES, say: Callable[[str], object] = print) -> None:
    """Train a detector network and save it, with the recipe as its figures."""
    classifier = checkpoint(CLASSIFIER).network
    network = DetectorNetwork(RECIPE.seed)
    for now in train(network, *training_data(classifier, kind, images), RECIPE):
        if now.ends_epoch:
            say(f"{kind}: epoch {now.epoch:.0f} of {RECIPE.epochs}, error of its last minibatch {now.error:.1%}")
    command = "python -m adv_core.defences.detectors"
    save(network, {"command": command, "digits": images, "levels": LEVELS, "epochs": RECIPE.epochs}, kind, folder)


# -------------------------------------------------------------------------------------------------------------- judging

JUDGED = 200  # the first test digits
SIZES = (26, 51, 77, 102)  # ε in 1/255
WEIGHTS = (1.0, 3.0, 10.0)  # of the detector's term
FIGURES = "figures.json"
DETECTORS: tuple[tuple[Kind, int], ...] = (("network", 8), ("noise", 8), *(("squeezing", bits) for bits in (1, 2)))


def judge(kind: Kind, bits: int, level: int, images: int = JUDGED) -> list[dict[str, Any]]:
    """Measure a detector at ε = level/255: one row for the noise, one for each attack and weight.

    ``fools`` is the share of the digits that the classifier misreads. ``auc`` tells those from the untouched digits,
    None where none fools; of the noisy digits it takes all, since hardly any noise fools. All pictures have 8 bits.
    """
    classifier = checkpoint(CLASSIFIER).network
    score, test = detector(classifier, kind, bits), mnist("test", range(10))[:images]
    x, labels, usual = test.images, test.labels, usual_scores(score, mnist("train", range(10))[-REFERENCE:].images)
    clean = score(x)
    rows = []
    runs: list[tuple[Attack, float]] = [("noise", 0.0), ("plain", 0.0), *(("aware", weight) for weight in WEIGHTS)]
    for attack, weight in runs:
        found = []
        for part in torch.arange(len(x)).split(PART):
            given = (classifier, x[part], labels[part], level / 255, attack, score, usual, weight)
            with frozen(classifier):
                found.append(run(attack_digits(*given), keep_steps=False).adversarial)
        pictures = torch.cat(found)
        fooled, scores = classifier(pictures).argmax(1) != labels, score(pictures)
        counted = scores if attack == "noise" else scores[fooled]
        area = round(auc(clean, counted), 4) if len(counted) else None
        fools = round(float(fooled.float().mean()), 4)
        rows.append({"attack": attack, "weight": weight, "fools": fools, "auc": area})
    return rows


def judge_shipped(folder: Path = FOLDER, images: int = JUDGED, say: Callable[[str], object] = print) -> None:
    """Judge all detectors, and write the figures."""
    measured = []
    for kind, bits in DETECTORS:
        for level in SIZES:
            for row in judge(kind, bits, level, images):
                told = {"detector": kind, **({"bits": bits} if kind == "squeezing" else {}), "eps": level, **row}
                measured.append(told)
                say("  ".join(f"{name} {value}" for name, value in told.items()))
    figures = {"command": "python -m adv_core.defences.detectors --judge", "digits": images, "measured": measured}
    text = json.dumps(figures, ensure_ascii=False).replace('{"detector"', '\n{"detector"')
    (folder / FIGURES).write_text(text + "\n", encoding="utf-8")


def figures(folder: Path = FOLDER) -> dict[str, Any]:
    """Return the figures of `judge_shipped`: the number of digits, the command, and one row for each measurement."""
    told: dict[str, Any] = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
    return told


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m adv_core.defences.detectors", description="Train and judge the detectors of assets/digits."
    )
    parser.add_argument("--judge", action="store_true", help="judge them as they are, without training")
    if not parser.parse_args(arguments).judge:
        for kind in ("network", "noise"):
            ship(kind)
        shipped.cache_clear()
    judge_shipped()


if __name__ == "__main__":
    main()
