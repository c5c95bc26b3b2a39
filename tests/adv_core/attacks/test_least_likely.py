import torch

from adv_core import Linf, Targeted, fgsm, least_likely, run
from adv_core.datasets import mnist
from adv_core.networks.digit_network import checkpoint


def test_one_step_is_fgsm_towards_the_least_likely_class() -> None:
    network, digits = checkpoint("standard").network, mnist("test", range(10))[:6]
    target = network(digits.images).argmin(1)
    ours = run(least_likely(network, digits.images, Linf(0.1), digits.labels, steps=1))
    assert torch.equal(ours.delta, run(fgsm(network, digits.images, Linf(0.1), Targeted(target))).delta)


def test_more_steps_reach_it_and_never_the_present_class() -> None:
    network, digits = checkpoint("standard").network, mnist("test", range(10))[:6]
    least = network(digits.images).argmin(1)
    result = run(least_likely(network, digits.images, Linf(0.5), digits.labels, steps=40))
    assert int((result.logits.argmax(1) == least).sum()) >= 5
    # Where y itself is the least likely class, another class is the target.
    other = run(least_likely(network, digits.images, Linf(0.5), least, steps=20))
    assert bool((other.logits.argmax(1) != least).all())
