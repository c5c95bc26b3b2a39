import pytest
import torch
from torch import Tensor

from adv_core import L2, Linf, Untargeted
from adv_core.attacks.universal import applied, fooling_rate, universal
from adv_core.datasets import mnist
from adv_core.linear import LinearClassifier
from adv_core.networks.digit_network import checkpoint
from adv_core.transforms.transform import Transform


def test_one_delta_fools_digits_that_it_has_not_seen() -> None:
    network, digits = checkpoint("standard").network, mnist("test", range(10))[:400]
    seen, unseen = digits[:200], digits[200:]
    *_, last = universal(network, seen.images, Linf(0.3), Untargeted(seen.labels), epochs=8)
    assert last.final and last.delta.shape == (1, 1, 28, 28)
    levels = last.delta * 255
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
    assert float(last.delta.abs().max()) <= 0.3 + 1e-6
    rate = fooling_rate(network, unseen.images, last.delta, unseen.labels)
    noise = 0.3 * torch.randn(1, 1, 28, 28, generator=torch.Generator().manual_seed(0)).sign()
    assert rate > 0.5 > 2 * fooling_rate(network, unseen.images, noise, unseen.labels)
    assert last.reached == pytest.approx(fooling_rate(network, seen.images, last.delta, seen.labels))


def test_on_one_class_of_a_linear_classifier_it_is_the_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    model = LinearClassifier(torch.randn(30, generator=generator))
    x = 0.4 + 0.2 * torch.rand(12, 30, generator=generator)
    for ball, best in ((Linf(0.1), 0.1 * model.theta.sign()), (L2(0.3), 0.3 * model.theta / model.theta.norm())):
        *_, last = universal(model, x, ball, Untargeted(0), epochs=20, batch=4, cap=100, quantize=False)
        torch.testing.assert_close(last.delta, best[None], rtol=1e-3, atol=1e-4)


def test_it_stays_in_the_box_and_refuses_nothing_to_learn_from() -> None:
    x, delta = torch.rand(5, 8), torch.full((1, 8), 0.4)
    assert float((x + applied(delta, x)).max()) <= 1
    with pytest.raises(ValueError, match="one picture"):
        next(universal(lambda x: x, x[:0], Linf(0.1), Untargeted(0)))


class Plain(Transform):
    """Every picture becomes one grey."""

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return ()

    def at(self, x: Tensor) -> Tensor:
        return torch.full_like(x, 0.25)


def test_it_learns_from_views_and_is_judged_on_the_pictures_themselves() -> None:
    seen: list[Tensor] = []

    def classifier(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return torch.stack([x.sum(1), -x.sum(1)], 1)

    x = torch.full((4, 6), 0.5)
    *_, last = universal(classifier, x, Linf(0.1), Untargeted(0), epochs=2, batch=2, view=Plain(), quantize=False)
    torch.testing.assert_close(seen[0], torch.full((2, 6), 0.25))
    torch.testing.assert_close(seen[-1], x[:2] + last.delta)
    assert last.loss == pytest.approx(float(Untargeted(0)(classifier(x + last.delta)).mean()))
