"""Networks whose gradients look like digits.

Push a digit far towards another class. Against an ordinary network, the change is noise to a person. Against a robust
one it draws the class (Tsipras et al., ICLR 2019, arXiv:1805.12152), so that such a network can paint (Santurkar et
al., NeurIPS 2019, arXiv:1906.09453). The threat model matters. A network of `assets/digits` that is robust in L∞ has
learnt a threshold, which hides the gradient at black pixels (Schott et al., ICLR 2019, arXiv:1805.09190). The network
here, `l2_robust`, is trained against δ with ‖δ‖₂ ≤ 2.

Two judges see what comes out: other networks, and the nearest real digit.

    python -m adv_core.aligned            # the figures
    python -m adv_core.aligned train      # the network: assets/digits/l2/robust_2.npz, 5 minutes on one core
"""

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import InputGradient, Step, input_gradient, run
from adv_core.datasets import Digits, mnist
from adv_core.images import round_to_8bit
from adv_core.networks.digit_network import CHECKPOINTS, Checkpoint, DigitNetwork, checkpoint, pack, read, save, unpack
from adv_core.objectives import Margin, Untargeted
from adv_core.perturbation_sets import L2
from adv_core.training import Recipe, train, worst_of, wrong_at

Aligned = Literal["standard", "robust_01", "robust_03", "robust_l2"]
NAMES: tuple[Aligned, ...] = get_args(Aligned)
# Independent networks of the same shape, trained in other ways: none of them makes a picture here.
JUDGES = ("noise_025", "fgsm_03", "interval_01")
FOLDER, NAME = CHECKPOINTS / "l2", "robust_2"
RADIUS = 2.0
# ``eps`` is the part of `RADIUS`: it grows in the training's first fifth.
RECIPE = Recipe("pgd", 1.0, steps=5, epochs=6, rate=4e-3)
IMAGES = 20_000  # training digits
REFERENCE = 10_000  # training digits among which the command seeks the nearest one


@cache
def l2_robust(device: str = "cpu") -> Checkpoint:
    """The network that is robust in L2, and its figures."""
    return read(NAME, device, FOLDER)


def network(name: Aligned, device: str = "cpu") -> DigitNetwork:
    """One of the four networks that are compared, ready to be attacked."""
    return (l2_robust(device) if name == "robust_l2" else checkpoint(name, device)).network


def push(classifier: nn.Module, x: Tensor, target: Tensor, eps: float, steps: int = 40) -> Iterator[Step]:
    """Climb the margin of the target class in the L2 ball, from x. The last step has 8-bit values.

    The margin does not saturate as the cross-entropy does: its gradient stays when the network is sure.

    Args:
        x: digits (N, 1, 28, 28) with 8-bit values; target: the class to reach, (N,).
    """
    return pgd(classifier, x, L2(eps), Margin(target=target), steps=steps, step_size=2.5 * eps / max(steps, 1))


def input_gradients(classifier: nn.Module, x: Tensor, target: Tensor) -> InputGradient:
    """The gradient in x of the target's margin: which ink the network asks for."""
    return input_gradient(classifier, x, Margin(target=target))


def average(real: Digits) -> Tensor:
    """The mean of digits, (1, 1, 28, 28) with 8-bit values: a grey cloud to paint from."""
    return round_to_8bit(real.images.mean(0, keepdim=True))


def nearest(x: Tensor, real: Digits) -> Tensor:
    """The index of the real digit that is nearest in L2 to each picture (N, 1, 28, 28), (N,)."""
    known = real.images.flatten(1)
    return torch.cat([torch.cdist(part, known).argmin(1) for part in x.cpu().flatten(1).split(100)])


def targets_of(labels: Tensor, seed: int = 0) -> Tensor:
    """A random other class for each digit, (N,)."""
    return (labels + torch.randint(1, 10, labels.shape, generator=torch.Generator().manual_seed(seed))) % 10


@dataclass(frozen=True)
class Judgement:
    """Pictures that were pushed towards classes, as judges see them.

    Attributes:
        itself: the share that the network that was attacked reads as the target.
        others: the mean share that `JUDGES` read as the target.
        nearest: the share whose nearest real digit is of the target class.
    """

    itself: float
    others: float
    nearest: float


def judge(classifier: nn.Module, pictures: Tensor, target: Tensor, real: Digits) -> Judgement:
    """Judge pictures (N, 1, 28, 28) with 8-bit values that were made against that classifier.

    Args:
        target: their classes, (N,).
        real: the digits among which the nearest one is sought.
    """

    def reads(each: nn.Module) -> float:
        return 1 - float(wrong_at(each, pictures, target).float().mean())

    others = [reads(checkpoint(name, str(pictures.device)).network) for name in JUDGES]
    like = float((real.labels[nearest(pictures, real)] == target.cpu()).float().mean())
    return Judgement(reads(classifier), sum(others) / len(others), like)


# --------------------------------------------------------------------------------------------------- the network itself


def l2_worst(network: nn.Module, x: Tensor, y: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """The inner maximum of the training: PGD in the L2 ball of that share of `RADIUS`."""
    eps = share * RADIUS

    def attack(network: nn.Module, x: Tensor, y: Tensor, eps: float, seed: int) -> Iterator[Step]:
        return pgd(network, x, L2(eps), Untargeted(y), steps=RECIPE.steps, step_size=eps / 2, quantize=False)

    return worst_of(attack)(network, x, y, eps, seed)


def make() -> None:
    """Train the network, judge it, and save both."""
    data, test = mnist("train", range(10))[:IMAGES], mnist("test", range(10))
    made, seconds, losses = DigitNetwork(RECIPE.seed), 0.0, []
    for now in train(made, data.images, data.labels, RECIPE, worst=l2_worst):
        seconds += now.seconds
        losses.append(now.loss)
        if now.ends_epoch:
            print(f"epoch {now.epoch:.0f} of {RECIPE.epochs}, loss {np.mean(losses):.4f}, {seconds:.0f} s", flush=True)
            losses.clear()
    told = {"recipe": asdict(RECIPE), "radius": RADIUS, "images": IMAGES, "command": "python -m adv_core.aligned train"}
    kept = unpack(pack(made))  # as it is saved, with weights of 16 bits
    save(kept, {**told, "errors": errors_of(kept, test)}, NAME, FOLDER)


def errors_of(network: nn.Module, test: Digits, count: int = 1000) -> dict[str, float]:
    """The errors on all test digits, and on the first ``count`` under PGD-40 in L2."""
    found = {"untouched": float(wrong_at(network, test.images, test.labels).float().mean())}
    x, y = test[:count].images, test.labels[:count]
    for eps in (1.0, 2.0):
        attack = pgd(network, x, L2(eps), Untargeted(y), steps=40, step_size=eps / 8)
        wrong = wrong_at(network, run(attack, keep_steps=False).adversarial, y)
        found[f"L2, {eps:g}"] = float(wrong.float().mean())
    return {key: round(value, 4) for key, value in found.items()}


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m adv_core.aligned", description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="?", choices=("train", "judge"), default="judge")
    parser.add_argument("--count", type=int, default=100, help="test digits that are pushed")
    asked = parser.parse_args(arguments)
    if asked.what == "train":
        make()
    print(f"robust in L2: {dict(l2_robust().figures)['errors']}")
    test, real = mnist("test", range(10))[: asked.count], mnist("train", range(10))[:REFERENCE]
    tasks = {
        "pushed": (test.images, targets_of(test.labels)),
        "painted": (average(real).expand(10, -1, -1, -1), torch.arange(10)),
    }
    for eps in (4.0, 6.0, 8.0):
        print(f"‖δ‖₂ ≤ {eps:g}: read as the target by itself, by {', '.join(JUDGES)}, and the nearest digit is one")
        for name in NAMES:
            classifier = network(name)
            for what, (x, aim) in tasks.items():
                found = judge(classifier, run(push(classifier, x, aim, eps), keep_steps=False).adversarial, aim, real)
                print(f"  {name:10} {what:8} {found.itself:6.0%} {found.others:6.0%} {found.nearest:6.0%}")


if __name__ == "__main__":
    main()
