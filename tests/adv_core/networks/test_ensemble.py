"""Several networks as one classifier."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import input_gradient, run
from adv_core.networks.ensemble import Ensemble, MeanLogits
from adv_core.objectives import ExpectedUntargeted
from adv_core.perturbation_sets import Linf


def linear(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 4)).requires_grad_(False)


def picture() -> Tensor:
    return torch.rand(3, 3, 2, 2, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1


def test_its_loss_is_the_mean_of_the_losses() -> None:
    nets, x, y = [linear(seed) for seed in range(3)], picture(), torch.tensor([0, 1, 2])
    expected = torch.stack([F.cross_entropy(net(x), y, reduction="none") for net in nets]).mean(0)
    objective = ExpectedUntargeted(y)
    assert torch.allclose(objective(Ensemble(nets)(x)), expected, atol=1e-6)
    mean = torch.stack(
        [input_gradient(net, x, lambda z: F.cross_entropy(z, y, reduction="none")).gradient for net in nets]
    )
    assert torch.allclose(input_gradient(Ensemble(nets), x, objective).gradient, mean.mean(0), atol=1e-6)


def test_one_network_is_itself_and_none_is_refused() -> None:
    net, x = linear(0), picture()
    assert torch.allclose(Ensemble([net])(x), net(x).log_softmax(1))
    with pytest.raises(ValueError, match="at least one classifier"):
        Ensemble([])


def test_what_is_made_on_all_raises_the_loss_of_all() -> None:
    nets, x = [linear(seed) for seed in range(3)], picture()
    y = Ensemble(nets)(x).argmax(1)
    made = run(pgd(Ensemble(nets), x, Linf(0.1), ExpectedUntargeted(y), steps=10)).adversarial
    for net in nets:
        before, after = (F.cross_entropy(net(each), y) for each in (x, made))
        assert after > before - 0.05
    assert ExpectedUntargeted(y)(Ensemble(nets)(made)).mean() > ExpectedUntargeted(y)(Ensemble(nets)(x)).mean()


def test_the_mean_of_logits_is_their_mean_and_none_is_refused() -> None:
    nets, x = [linear(seed) for seed in range(3)], picture()
    torch.testing.assert_close(MeanLogits(nets)(x), sum(net(x) for net in nets) / 3)
    with pytest.raises(ValueError, match="at least one network"):
        MeanLogits([])
