import copy
import math
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from adv_core import (
    L0,
    L1,
    L2,
    Classifier,
    Custom,
    Linf,
    LogitsRatio,
    Margin,
    PerturbationSet,
    Step,
    Targeted,
    Untargeted,
    carlini_wagner,
    deepfool,
    run,
    smallest_epsilon,
)
from adv_core.attacks.minimum_norm import margin_of
from adv_core.datasets import mnist
from adv_core.images import is_8bit
from adv_core.networks.digit_network import checkpoint

Photo = Callable[[str], Tensor]


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(8, 2).double()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        return out


@pytest.fixture
def near() -> tuple[Linear, Tensor, Tensor, Tensor]:
    """A linear classifier, points of class 0, their distance f to the boundary, and its normal."""
    model = Linear()
    x = 0.45 + 0.1 * torch.rand(6, 8, generator=torch.Generator().manual_seed(3)).double()
    with torch.no_grad():
        model.layer.bias[0] += 0.02 - (model(x)[:, 0] - model(x)[:, 1]).min()  # so near that the box is out of the way
        logits = model(x)
    assert bool((logits.argmax(1) == 0).all())
    w = (model.layer.weight[1] - model.layer.weight[0]).detach()
    return model, x, logits[:, 0] - logits[:, 1], w


SOLVERS: list[tuple[str, PerturbationSet, Callable[[nn.Module, Tensor], Iterator[Step]], float]] = [
    ("deepfool-l2", L2(math.inf), lambda f, x: deepfool(f, x, L2(math.inf), 0, overshoot=0.0), 1e-3),
    ("deepfool-linf", Linf(math.inf), lambda f, x: deepfool(f, x, Linf(math.inf), 0, overshoot=0.0), 1e-3),
    ("cw", L2(math.inf), lambda f, x: carlini_wagner(f, x, Untargeted(0), steps=200, searches=8), 0.02),
    ("smallest-linf", Linf(math.inf), lambda f, x: smallest_epsilon(f, x, Linf(math.inf), Untargeted(0)), 0.02),
    ("smallest-l2", L2(math.inf), lambda f, x: smallest_epsilon(f, x, L2(math.inf), Untargeted(0)), 0.02),
    ("smallest-l1", L1(math.inf), lambda f, x: smallest_epsilon(f, x, L1(math.inf), Untargeted(0), steps=150), 0.05),
]


@pytest.mark.parametrize(("ball", "solver", "more"), [s[1:] for s in SOLVERS], ids=[s[0] for s in SOLVERS])
def test_the_distance_to_a_linear_boundary(
    near: tuple[Linear, Tensor, Tensor, Tensor],
    ball: PerturbationSet,
    solver: Callable[[nn.Module, Tensor], Iterator[Step]],
    more: float,
) -> None:
    """The smallest ‖δ‖ is |f| / ‖w‖_dual: nobody gets below it, and these get within a few per cent."""
    model, x, f, w = near
    result = run(solver(model, x))
    least = f / {Linf: w.abs().sum(), L2: w.norm(), L1: w.abs().max()}[type(ball)]
    size = ball.norm(result.delta)
    assert bool((result.logits.argmax(1) == 1).all())
    assert bool((size >= least * (1 - 1e-6)).all()) and bool((size <= least * (1 + more) + 1e-4).all())


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "steps"), [(Linf, 10), (L2, 10), (L1, 10), (L0, 25)])
def test_on_a_photograph(classifier: Classifier, photo: Photo, kind: type[PerturbationSet], steps: int) -> None:
    x = photo("pig")
    y = classifier.predict(x, top=1)[0][0]
    result = run(smallest_epsilon(classifier, x, kind(math.inf), Untargeted(y), steps=steps))  # type: ignore[call-arg]
    assert int(result.logits.argmax(1)) != y and is_8bit(result.adversarial)
    limits = {Linf: 1.01 / 255, L2: 1.5, L1: 120.0, L0: 2000.0}
    assert float(kind(math.inf).norm(result.delta)) <= limits[kind]  # type: ignore[call-arg]


def test_the_trajectory_tells_its_epsilon(classifier: Classifier, photo: Photo) -> None:
    x = photo("pig")
    y = classifier.predict(x, top=1)[0][0]
    steps = list(smallest_epsilon(classifier, x, L2(math.inf), Untargeted(y), steps=12))
    sizes = [float(L2(1).norm(step.delta)) for step in steps]
    assert [step.index for step in steps] == list(range(13)) and steps[-1].final
    assert sizes[0] == 0 and all((step.loss > 0) == (step.logits.argmax(1) != y) for step in steps)
    fooled = [size for step, size in zip(steps[:-1], sizes, strict=False) if bool(step.loss > 0)]
    assert fooled and min(fooled) <= sizes[-1] <= 3 * min(fooled)  # δ of a fraction of a level has to grow


def test_the_search_is_not_beaten_by_much() -> None:
    """DeepFool does not get there on a way that is shorter by much."""
    network, x = copy.deepcopy(checkpoint("standard").network).double(), mnist("test", range(10))[:8].images.double()
    y = network(x).argmax(1)
    search = run(smallest_epsilon(network, x, L2(math.inf), Untargeted(y), steps=10))
    walk = run(deepfool(network, x, L2(math.inf), y))
    assert bool((walk.logits.argmax(1) != y).all())
    assert bool((L2(1).norm(search.delta) <= 1.05 * L2(1).norm(walk.delta)).all())


def test_a_limit_is_kept_and_failure_is_told(near: tuple[Linear, Tensor, Tensor, Tensor]) -> None:
    model, x, f, w = near
    tight = float((f / w.abs().sum()).min()) / 2
    for steps in (smallest_epsilon(model, x, Linf(tight), Untargeted(0)), deepfool(model, x, Linf(tight), 0)):
        result = run(steps)
        assert float(result.delta.abs().max()) <= tight
        assert not bool(Untargeted(0).reached(result.logits).any())


def test_rows_that_are_there_already_stay(near: tuple[Linear, Tensor, Tensor, Tensor]) -> None:
    model, x, *_ = near
    for steps in (smallest_epsilon(model, x, L2(math.inf), Untargeted(1)), deepfool(model, x, L2(math.inf), 1)):
        assert not bool(run(steps).delta.any())


def test_targeted_and_confident(near: tuple[Linear, Tensor, Tensor, Tensor]) -> None:
    model, x, *_ = near
    plain = run(carlini_wagner(model, x, Targeted(1), steps=100, searches=6))
    sure = run(carlini_wagner(model, x, Margin(target=1, kappa=0.02), steps=100, searches=6))
    assert bool((sure.logits[:, 1] - sure.logits[:, 0] >= 0.0199).all())
    assert bool((L2(1).norm(sure.delta) > L2(1).norm(plain.delta)).all())


def test_deepfool_needs_a_boundary() -> None:
    with pytest.raises(ValueError, match="two classes or more"):
        run(deepfool(lambda x: x.sum(1, keepdim=True), torch.rand(1, 4), L2(math.inf), 0))


def test_objectives_and_their_margins() -> None:
    assert margin_of(Untargeted(3)).y == 3 and margin_of(Targeted(4)).target == 4
    assert margin_of(LogitsRatio(1)).y == 1 and margin_of(LogitsRatio(1, 2)).target == 2
    with pytest.raises(ValueError, match="aim is reached"):
        margin_of(Custom(lambda z: z[:, 0]))
