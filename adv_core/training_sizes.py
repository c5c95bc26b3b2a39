"""Ordinary and adversarial training on few digits and on many: how far accuracy falls under attack.

Schmidt et al., "Adversarially Robust Generalization Requires More Data", NeurIPS 2018, arXiv:1804.11285.

    python -m adv_core.training_sizes     # measures it again, and writes assets/digits/training_sizes.json
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adv_core.datasets import Digits, mnist
from adv_core.networks.digit_network import CHECKPOINTS, DigitNetwork
from adv_core.training import Inner, Judge, Recipe, train

FIGURES = CHECKPOINTS / "training_sizes.json"
EPS = 0.1
# training digits -> passes over them: few digits need many passes until a training gains nothing more
EPOCHS = {100: 60, 1000: 20, 10_000: 6}
JUDGED = 1000  # test digits
SEEDS = (0, 1)


def accuracies(inner: Inner, data: Digits, test: Digits, epochs: int, seed: int = 0) -> tuple[float, float]:
    """Train a network on the digits, and return its accuracy on the test digits, (clean, robust) at `EPS`."""
    network = DigitNetwork(seed)
    recipe = Recipe(inner, EPS, epochs=epochs, batch=min(100, len(data) // 2), rate=4e-3, seed=seed)
    for _ in train(network, data.images, data.labels, recipe):
        pass
    clean, attacked = Judge(EPS, steps=20, restarts=2).error(network, test.images, test.labels)
    return 1 - clean, 1 - attacked


def measure(file: Path = FIGURES, say: Callable[[str], object] = print) -> None:
    """Train on each number of digits, with other digits for each seed, and write the accuracies."""
    everything, test, trainings = mnist("train", range(10)), mnist("test", range(10))[:JUDGED], []
    inners: tuple[Inner, ...] = ("none", "pgd")
    for inner in inners:
        for count, epochs in EPOCHS.items():
            for seed in SEEDS:
                few = everything[seed * count : (seed + 1) * count]
                clean, robust = accuracies(inner, few, test, epochs, seed)
                told = {"inner": inner, "digits": count, "epochs": epochs, "seed": seed}
                trainings.append({**told, "clean": round(clean, 4), "robust": round(robust, 4)})
                say(json.dumps(trainings[-1]))
    command = "python -m adv_core.training_sizes"
    figures = {"command": command, "eps": EPS, "judged": JUDGED, "trainings": trainings}
    file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def figures(file: Path = FIGURES) -> dict[str, Any]:
    """The figures that `measure` has written."""
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return told


def main(arguments: list[str] | None = None) -> None:
    """The command line: measure everything."""
    parser = argparse.ArgumentParser(prog="python -m adv_core.training_sizes", description=measure.__doc__)
    parser.add_argument("--file", type=Path, default=FIGURES, help="where the figures go")
    measure(parser.parse_args(arguments).file)


if __name__ == "__main__":
    main()
