"""What every attack of the catalogue holds, read from the catalogue: a new attack is tested by its line there."""

import inspect
import math

import pytest
import torch
from torch import Tensor, nn

from adv_core import Margin, Untargeted, run
from adv_core.attacks.catalogue import ATTACKS
from adv_core.attacks.info import AttackInfo
from adv_core.attacks.step import AttackResult
from adv_core.images import is_8bit
from adv_core.norms import NORMS, NormKey

CASES = [(info, norm) for info in ATTACKS.values() for norm in info.norms]
EPS: dict[NormKey, float] = {"linf": 8 / 255, "l2": 0.8, "l1": 8.0, "l0": 12.0}


class Small(nn.Module):
    """A smooth classifier of 12 x 12 pictures with three classes."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = nn.Parameter(torch.randn(24, 432, generator=generator) / 8, requires_grad=False)
        self.last = nn.Parameter(torch.randn(3, 24, generator=generator), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh((x - 0.5).flatten(1) @ self.first.T) @ self.last.T


def pictures() -> Tensor:
    return torch.randint(40, 215, (3, 3, 12, 12), generator=torch.Generator().manual_seed(2)).float() / 255


def attacked(info: AttackInfo, norm: NormKey, model: nn.Module, x: Tensor, rows: slice = slice(None)) -> AttackResult:
    """A short run of an attack, with the arguments that its entry names."""
    with torch.no_grad():
        y = model(x).argmax(1)
    ball = NORMS[norm].ball(math.inf if info.minimal else EPS[norm])
    places = {"set": ball, "objective": Untargeted(y[rows]), "y": y[rows]}
    short = {"steps": 6, "queries": 60}
    options = {name: value for name, value in short.items() if name in info.options}
    return run(info.solver(model, x[rows], *(places[name] for name in info.arguments), **options))


@pytest.mark.parametrize(("info", "norm"), CASES, ids=lambda each: getattr(each, "name", each))
def test_what_always_holds(info: AttackInfo, norm: NormKey) -> None:
    model, x = Small().eval(), pictures()
    before, rng = x.clone(), torch.random.get_rng_state()
    result = attacked(info, norm, model, x)
    ball = NORMS[norm].ball(math.inf if info.minimal else EPS[norm])
    for step in result.steps:
        assert bool((ball.norm(step.delta) <= torch.as_tensor(ball.radius) * (1 + 1e-6) + 3e-8).all())
        assert float(step.adversarial.min()) >= 0 and float(step.adversarial.max()) <= 1
        assert step.delta.shape == x.shape and not step.delta.requires_grad and bool(step.delta.isfinite().all())
    indices = [step.index for step in result.steps]
    assert indices[0] == 0 and indices == sorted(set(indices)) and result.steps[-1].final
    assert is_8bit(result.adversarial)
    torch.testing.assert_close(result.logits, model(result.adversarial))
    assert torch.equal(x, before) and torch.equal(torch.random.get_rng_state(), rng)
    assert all(parameter.grad is None for parameter in model.parameters()) and not model.training


@pytest.mark.parametrize(("info", "norm"), CASES, ids=lambda each: getattr(each, "name", each))
def test_it_gets_somewhere(info: AttackInfo, norm: NormKey) -> None:
    model, x = Small().eval(), pictures()
    with torch.no_grad():
        y = model(x).argmax(1)
        start = Margin(y)(model(x))
    result = attacked(info, norm, model, x)
    assert bool((Margin(y)(result.logits) >= start - 1e-6).all())
    assert bool((Margin(y)(result.logits) > start + 1e-3).any())


@pytest.mark.parametrize(("info", "norm"), CASES, ids=lambda each: getattr(each, "name", each))
def test_the_same_seed_gives_the_same(info: AttackInfo, norm: NormKey) -> None:
    model, x = Small().eval(), pictures()
    assert torch.equal(attacked(info, norm, model, x).delta, attacked(info, norm, model, x).delta)


@pytest.mark.parametrize("info", [info for info in ATTACKS.values() if info.batches], ids=lambda info: info.name)
def test_a_row_does_not_see_the_other_rows(info: AttackInfo) -> None:
    """In double precision, where no kernel's rounding can turn a sign."""
    model, x = Small().eval().double(), pictures().double()
    together = attacked(info, info.norms[0], model, x).delta
    for row in range(len(x)):
        if "seed" in info.options and "random_start" not in info.options:
            continue  # one seed draws for the whole batch
        alone = attacked(info, info.norms[0], model, x, slice(row, row + 1)).delta
        torch.testing.assert_close(together[row : row + 1], alone, rtol=0, atol=1e-7)


@pytest.mark.parametrize("info", ATTACKS.values(), ids=lambda info: info.name)
def test_an_entry_tells_what_is_true_of_its_solver(info: AttackInfo) -> None:
    parameters = inspect.signature(info.solver).parameters
    assert set(info.options) <= set(parameters)
    wanted = {"set": "perturbation_set", "objective": "objective", "y": "y"}
    assert list(parameters)[: 2 + len(info.arguments)] == ["classifier", "x", *(wanted[a] for a in info.arguments)]
    assert info.solver.__doc__ and info.paper and info.formula and info.idea
