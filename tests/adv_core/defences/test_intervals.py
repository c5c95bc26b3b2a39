"""Interval bounds: they hold for every point that anybody can find, and are exact where they can be."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from adv_core import Linf, Margin, pgd, run
from adv_core.datasets import Digits, mnist
from adv_core.defences.intervals import bounds, verified, worst_logits
from adv_core.linear import LinearClassifier, worst_margin
from adv_core.networks.digit_network import DigitNetwork, checkpoint


@pytest.fixture(scope="module")
def test() -> Digits:
    return mnist("test", range(10))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), eps=st.floats(0, 0.5))
def test_every_point_of_the_box_lies_between_the_bounds(seed: int, eps: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    network = DigitNetwork(seed)
    x = torch.rand(1, 1, 28, 28, generator=generator)
    low, high = (x - eps).clamp_min(0), (x + eps).clamp_max(1)
    inside = low + (high - low) * torch.rand(50, 1, 28, 28, generator=generator).round()
    least, most = bounds(network, low, high)
    logits = network(inside)
    assert bool((logits >= least - 1e-5).all()) and bool((logits <= most + 1e-5).all())
    labels = torch.randint(0, 10, (1,), generator=generator)
    worst = worst_logits(network, x, labels, eps)
    differences = logits - logits[:, labels]
    assert bool((differences <= worst + 1e-5).all()) and float(worst[0, labels].detach()) == 0
    assert bool((worst <= most - least[:, labels] + 1e-4).all())  # merging the last layer only helps


@pytest.mark.parametrize("eps", [0.0, 0.1, 0.3])
def test_one_linear_layer_is_exact(eps: float) -> None:
    generator = torch.Generator().manual_seed(1)
    theta, bias = torch.randn(20, generator=generator), torch.randn((), generator=generator)
    layer = nn.Linear(20, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.stack([torch.zeros(20), theta]))
        layer.bias.copy_(torch.stack([torch.zeros(()), bias]))
    x, labels = torch.rand(8, 20, generator=generator), torch.randint(0, 2, (8,), generator=generator)
    model = LinearClassifier(theta, bias)
    exact = worst_margin(model.theta, model.bias, x, labels, eps, box=True)
    worst = worst_logits(nn.Sequential(layer), x, labels, eps)
    assert torch.allclose(-worst.gather(1, 1 - labels[:, None])[:, 0], exact, atol=1e-5)


@pytest.mark.parametrize("name", ["interval_01", "robust_01", "standard"])
def test_no_attack_beats_a_verified_digit(name: str, test: Digits) -> None:
    network, x, labels = checkpoint(name).network, test[:200].images, test.labels[:200]
    for eps in (0.01, 0.1):
        holds = verified(network, x, labels, eps)
        attack = pgd(network, x, Linf(eps), Margin(labels), steps=20, step_size=eps / 8, quantize=False)
        fallen = run(attack, keep_steps=False).logits.argmax(1) != labels
        assert not bool((holds & fallen).any())


def test_training_with_bounds_makes_them_tight(test: Digits) -> None:
    x, labels = test[:500].images, test.labels[:500]
    share = {
        name: float(verified(checkpoint(name).network, x, labels, 0.1).float().mean())
        for name in ("interval_01", "robust_01")
    }
    assert share["interval_01"] > 0.85 and share["robust_01"] < 0.05


def test_another_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="Sigmoid"):
        bounds(nn.Sequential(nn.Sigmoid()), torch.zeros(1, 3), torch.ones(1, 3))
    with pytest.raises(ValueError, match="linear"):
        worst_logits(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), torch.zeros(1, 3), torch.tensor([0]), 0.1)
    with pytest.raises(ValueError, match="reflect"):
        bounds([nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect")], torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4))


def test_an_interval_begins_before_it_ends() -> None:
    for low, high in ((1.0, 0.0), (0.0, float("nan"))):
        with pytest.raises(ValueError, match="begin"):
            bounds([nn.ReLU()], torch.tensor([[low]]), torch.tensor([[high]]))
    with pytest.raises(ValueError, match="begin"):
        verified(nn.Sequential(nn.Linear(3, 2)), torch.full((1, 3), 0.5), torch.tensor([0]), -0.1)


# --------------------------------------------------------------------------------------------------- what rounding does


@pytest.mark.parametrize("large", [1.0, 1e4])
def test_the_network_rounds_within_the_bounds(large: float) -> None:
    """Of a single point the interval is rounding alone. It holds the network's answer in float32, and the true one."""
    network = DigitNetwork(0)
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.bias.add_(large)  # sums of large numbers that cancel: the worst that can happen
                layer.weight.sub_(layer.weight.mean())
        x = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
        low, high = bounds(network, x, x, rounding=True)
        rounded = network(x)
        exact = network.double()(x.double())
    for seen in (rounded, exact):
        assert bool(((low <= seen) & (seen <= high)).all())
    assert bool((rounded != exact).any()) and bool((high > low).all())


def test_what_the_last_layer_rounds_is_no_promise() -> None:
    """Two logits that add up the same large numbers in another order: their order is chance, not the bias."""
    layer, labels = nn.Linear(500, 2), torch.zeros(50, dtype=torch.long)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(50, 1, generator=generator).expand(-1, 500)
    with torch.no_grad():
        numbers = 1e6 * torch.randn(500, generator=generator)
        layer.weight.copy_(torch.stack([numbers, numbers.roll(1)]))
        layer.bias.copy_(torch.tensor([1e-3, 0.0]))
        network = nn.Sequential(layer)
        rounded = network(x)
        plain, wide = (worst_logits(network, x, labels, 0.0, rounding=rounding)[:, 1] for rounding in (False, True))
    said = (rounded[:, 1].double() - rounded[:, 0].double()).float()
    assert bool((said > plain + 1e-2).any()) and bool((said <= wide).all())
    assert not bool(verified(network, x, labels, 0.0).any())


def test_counting_rounding_in_costs_next_to_nothing(test: Digits) -> None:
    network, x, labels = checkpoint("interval_01").network, test[:500].images, test.labels[:500]
    plain, wide = (worst_logits(network, x, labels, 0.1, rounding=rounding) for rounding in (False, True))
    other = torch.ones_like(plain, dtype=torch.bool).scatter(1, labels[:, None], False)
    assert bool((wide > plain)[other].all()) and float((wide - plain).max()) < 0.1
    assert not wide.gather(1, labels[:, None]).any()
    holds = verified(network, x, labels, 0.1)
    assert torch.equal(holds, wide.masked_fill(~other, -1).amax(1) < 0)
    assert float(holds.float().mean()) > float((plain.masked_fill(~other, -1).amax(1) < 0).float().mean()) - 0.01


def test_its_slope_is_right() -> None:
    """What interval training follows. In double precision, away from the kinks."""
    generator = torch.Generator().manual_seed(5)
    network = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)).double()
    with torch.no_grad():
        for weights in network.parameters():
            weights.copy_(torch.randn(weights.shape, generator=generator))
    x, labels = torch.rand(2, 1, 6, 6, generator=generator).double(), torch.tensor([0, 2])

    class Worst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return worst_logits(self.network, x, labels, 0.05)

    model = Worst()
    names, weights = zip(*model.named_parameters(), strict=True)
    assert torch.autograd.gradcheck(
        lambda *weights: torch.func.functional_call(model, dict(zip(names, weights, strict=True)), (x,)), weights
    )
