"""Benchmark of an epoch of adversarial training: the project's loop and the same loop written with torchattacks.

    python -m bench.training

Network, data, batches, optimiser, number and size of steps, and random start are equal. The loops take turns, an epoch
each, for several rounds; the table has medians, and their ratio. The robust errors at the end show that both did the
same work.
"""

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
import torchattacks

from adv_core.datasets import mnist
from adv_core.networks.digit_network import DigitNetwork
from adv_core.training import Judge, Recipe, train

ROUNDS, IMAGES = 5, 10_000


def ours(recipe: Recipe) -> Callable[[], DigitNetwork]:
    """Return a function that trains one further epoch by `adv_core.training` at each call."""
    data, network = mnist("train", range(10)), DigitNetwork(recipe.seed)
    loop = train(network, data.images[:IMAGES], data.labels[:IMAGES], recipe)

    def epoch() -> DigitNetwork:
        for _ in range(IMAGES // recipe.batch):
            next(loop)
        return network

    return epoch


def theirs(recipe: Recipe) -> Callable[[], DigitNetwork]:
    """Return the same function written with torchattacks, as in its documentation."""
    data, network = mnist("train", range(10)), DigitNetwork(recipe.seed)
    optimizer = torch.optim.Adam(network.parameters(), recipe.rate)
    if recipe.inner == "fgsm":
        attack = torchattacks.FFGSM(network, eps=recipe.eps, alpha=1.25 * recipe.eps)
    else:
        alpha = 2.5 * recipe.eps / recipe.steps
        attack = torchattacks.PGD(network, eps=recipe.eps, alpha=alpha, steps=recipe.steps, random_start=True)

    def epoch() -> DigitNetwork:
        order = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(recipe.seed))
        for rows in order.split(recipe.batch):
            x, y = data.images[rows], data.labels[rows]
            loss = F.cross_entropy(network(attack(x, y)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return network

    return epoch


def main() -> None:
    test, judge = mnist("test", range(10)), Judge(0.1, steps=20)
    print(f"{torch.get_num_threads()} threads; {IMAGES} digits an epoch, {ROUNDS} epochs of each in turn")
    print("| inside | ours, s | torchattacks, s | theirs / ours | robust error, ours | theirs |")
    print("|---|---|---|---|---|---|")
    for inner in ("fgsm", "pgd"):
        recipe = Recipe(inner, 0.1, epochs=ROUNDS, ramp=0)  # type: ignore[arg-type]
        loops = (ours(recipe), theirs(recipe))
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            networks = []
            for loop, taken in zip(loops, times, strict=True):
                start = time.perf_counter()
                networks.append(loop())
                taken.append(time.perf_counter() - start)
        one, other = (statistics.median(taken) for taken in times)
        errors = [judge.error(network, test.images[:1000], test.labels[:1000])[1] for network in networks]
        name = "FGSM, random start" if inner == "fgsm" else f"PGD, {recipe.steps} steps"
        print(
            f"| {name} | {one:.2f} | {other:.2f} | {other / one:.2f} | {errors[0]:.3f} | {errors[1]:.3f} |", flush=True
        )


if __name__ == "__main__":
    main()
