import torch

from adv_core import L2, Targeted, Untargeted, ddn, run
from adv_core.datasets import mnist
from adv_core.images import is_8bit
from adv_core.linear import LinearClassifier
from adv_core.networks.digit_network import checkpoint


def test_it_finds_the_distance_to_a_linear_boundary() -> None:
    generator = torch.Generator().manual_seed(0)
    theta = torch.randn(40, generator=generator, dtype=torch.float64)
    x = 0.4 + 0.2 * torch.rand(6, 40, generator=generator, dtype=torch.float64)
    model = LinearClassifier(theta, -theta.sum() / 2)
    y = (model.score(x) > 0).long()
    result = run(ddn(model, x, Untargeted(y), steps=300, gamma=0.02, quantize=False))
    assert bool((result.logits.argmax(1) != y).all())
    torch.testing.assert_close(L2(1).norm(result.delta), model.score(x).abs() / theta.norm(), rtol=0.02, atol=1e-6)


def test_its_iterates_are_8_bit_pictures() -> None:
    digits = mnist("test", range(10))[:4]
    steps = list(ddn(checkpoint("standard").network, digits.images, Untargeted(digits.labels), steps=10))
    for step in steps:
        levels = step.adversarial * 255
        torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
    assert is_8bit(steps[-1].adversarial)


def test_it_reaches_a_target() -> None:
    digits = mnist("test", range(10))[:8]
    target = (digits.labels + 1) % 10
    result = run(ddn(checkpoint("standard").network, digits.images, Targeted(target), steps=100))
    assert bool((result.logits.argmax(1) == target).all())
