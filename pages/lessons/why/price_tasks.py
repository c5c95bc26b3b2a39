"""Tasks of section 4: trainings in the plane of two pixels."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from adv_core.plane import PlaneNetwork, Points, two_features, two_moons
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, number
from adv_core.training import Inner, Judge, Recipe, train

ATTACK = 0.08  # ε of the attack that judges all networks of the section
HELD_OUT = 1000  # points that judge them
DRAWN = 120  # training points that the page shows
BATCH = 100
UPDATES = 150  # minibatches of a training, however many points there are
INNER_STEPS = 3  # of PGD in the training
NOISE = 0.1  # of the two moons

PlaneData = Literal["features", "moons"]
Method = Literal["pgd", "trades"]


def points_of(data: PlaneData, count: int, seed: int) -> Points:
    """Draw labelled points."""
    return two_features(count, seed=seed) if data == "features" else two_moons(count, NOISE, seed)


@dataclass(frozen=True, eq=False)
class PlaneTraining:
    """A network that was trained in the plane.

    Attributes:
        clean, robust: its accuracy on new points, untouched and under PGD with ε = `ATTACK`.
        border: places on its decision boundary, (M, 2).
        points: some of its training points, (n, 2); classes: theirs, (n,).
    """

    clean: float
    robust: float
    border: np.ndarray = field(repr=False)
    points: np.ndarray = field(repr=False)
    classes: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class TrainInPlane(Task[PlaneTraining]):
    """Train a network on pictures of two pixels, and judge it.

    Attributes:
        data: "features" is `plane.two_features`, "moons" is `plane.two_moons`.
        method: "pgd" is adversarial training, "trades" is TRADES.
        eps: of the training; 0 is ordinary training.
        beta: of TRADES; 0 is ordinary training.
        points: the number of training points, an even one.
        seed: of the points, the first weights and the training.
    """

    data: PlaneData = "features"
    method: Method = "pgd"
    eps: float = number(ATTACK, 0, 0.3)
    beta: float = number(1.0, 0, 100)
    points: int = number(1000, 10, 5000)
    seed: int = number(0, 0, SEEDS // 2)

    background = True
    threads = 1  # so few numbers that a second thread would only wait

    @property
    def recipe(self) -> Recipe:
        """The training: about `UPDATES` minibatches."""
        batch = min(BATCH, self.points)
        inner: Inner = self.method if self.eps else "none"
        epochs = max(UPDATES * batch // self.points, 1)
        return Recipe(inner, self.eps, INNER_STEPS, self.beta, epochs, batch, rate=0.02, seed=self.seed)

    def records(self, networks: Networks) -> Iterator[PlaneTraining]:
        drawn, new = points_of(self.data, self.points, self.seed), points_of(self.data, HELD_OUT, SEEDS - self.seed)
        network = PlaneNetwork(self.seed)
        for _ in train(network, drawn.x, drawn.y, self.recipe):
            pass
        clean, attacked = Judge(ATTACK, steps=20, restarts=2).error(network, new.x, new.y)
        some = torch.randperm(len(drawn.x), generator=torch.Generator().manual_seed(self.seed))[:DRAWN]
        shown, classes = drawn.x[some].numpy(), drawn.y[some].numpy()
        yield PlaneTraining(1 - clean, 1 - attacked, border_of(network), shown, classes)


@torch.no_grad()
def border_of(network: PlaneNetwork, side: int = 81) -> np.ndarray:
    """Places where the two logits are equal, (M, 2), found by linear interpolation on a grid of side × side points."""
    places = torch.linspace(0, 1, side, dtype=torch.float64)
    grid = torch.cartesian_prod(places, places)
    z = network(grid)
    margin = (z[:, 1] - z[:, 0]).reshape(side, side)  # row: the left pixel, column: the right one
    found = []
    for values, swap in ((margin, False), (margin.T, True)):
        rows, columns = (values[:-1].sign() != values[1:].sign()).nonzero(as_tuple=True)
        low, high = values[rows, columns], values[rows + 1, columns]
        along = places[rows] + (places[1] - places[0]) * low / (low - high)
        across = places[columns]
        found.append(torch.stack([across, along] if swap else [along, across], 1))
    return torch.cat(found).numpy()
