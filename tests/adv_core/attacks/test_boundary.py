import pytest
import torch
from torch import Tensor

from adv_core import L2, Linf, Untargeted, boundary_attack, run
from adv_core.linear import LinearClassifier


def setting() -> tuple[LinearClassifier, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    theta = torch.randn(3 * 6 * 6, generator=generator)
    x = torch.randint(90, 165, (3, 3, 6, 6), generator=generator).float() / 255
    model = LinearClassifier(theta, -theta.sum() / 2)
    return model, x, (model.score(x) > 0).long()


def test_it_comes_close_to_a_linear_boundary_by_decisions_alone() -> None:
    model, x, y = setting()

    def decision(pictures: Tensor) -> Tensor:
        return torch.nn.functional.one_hot((model.score(pictures) > 0).long(), 2).float().mul(9).detach()

    result = run(boundary_attack(decision, x, L2(torch.inf), Untargeted(y), queries=4000, quantize=False))
    distance = model.score(x).abs() / model.theta.norm()
    found = L2(1).norm(result.delta)
    assert bool((result.logits.argmax(1) != y).all())
    assert bool((found >= distance * 0.999).all()) and bool((found <= 2 * distance + 0.05).all())
    lengths = [float(L2(1).norm(step.delta).mean()) for step in result.steps[1:-1]]
    assert lengths == sorted(lengths, reverse=True)


def test_it_counts_its_queries() -> None:
    model, x, y = setting()
    shown = []

    def counting(pictures: Tensor) -> Tensor:
        shown.append(len(pictures))
        return model(pictures)

    steps = list(boundary_attack(counting, x, L2(torch.inf), Untargeted(y), queries=100))
    assert sum(shown) <= 100 * len(x) and steps[-1].index < 100


def test_errors_are_sentences() -> None:
    model, x, y = setting()
    with pytest.raises(ValueError, match="give L2"):
        run(boundary_attack(model, x, Linf(1), Untargeted(y)))
    with pytest.raises(ValueError, match="queries"):
        run(boundary_attack(model, x, L2(1), Untargeted(y), queries=0))
