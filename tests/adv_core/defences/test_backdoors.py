"""Tests of the defences against backdoors, on features whose answer is known and on a network with a backdoor."""

import pytest
import torch

from adv_core.datasets import mnist
from adv_core.defences.backdoors import anomaly_indices, features, smallest_trigger, spectral_scores, two_clusters
from adv_core.networks.digit_network import DigitNetwork, checkpoint
from adv_core.poisoning import Trigger, backdoor
from adv_core.training import Recipe, train


def two_kinds() -> tuple[torch.Tensor, torch.Tensor]:
    """A hundred features around 0, and twelve far along one direction."""
    generator = torch.Generator().manual_seed(0)
    found = torch.randn(112, 20, generator=generator)
    odd = torch.arange(112) >= 100
    found[odd, 3] += 15
    return found, odd


def test_the_spectral_score_is_largest_for_those_that_lie_far_along_one_direction() -> None:
    found, odd = two_kinds()
    assert set(spectral_scores(found).topk(12).indices.tolist()) == set(odd.nonzero()[:, 0].tolist())


def test_the_smaller_cluster_holds_them() -> None:
    found, odd = two_kinds()
    smaller, components = two_clusters(found)
    assert torch.equal(smaller, odd) and components.shape == (112, 10)


def test_features_are_what_the_last_layer_reads() -> None:
    network, x = checkpoint("standard").network, mnist("test", (3,))[:4].images
    assert torch.allclose(network[-1](features(network, x)), network(x), atol=1e-5)


def test_the_index_is_the_distance_below_the_median() -> None:
    indices = anomaly_indices(torch.tensor([50.0, 55.0, 45.0, 60.0, 5.0]))
    assert int(indices.argmax()) == 4 and float(indices[4]) == pytest.approx(45 / (1.4826 * 5))


@pytest.mark.slow
def test_neural_cleanse_finds_the_square() -> None:
    data, test = mnist("train", range(10))[:3000], mnist("test", range(10))[:400]
    made = backdoor(data.images, data.labels, Trigger(), 7, 0.02)
    network = DigitNetwork()
    for _ in train(network, made.x, made.labels, Recipe("none", epochs=4)):
        pass
    network.requires_grad_(False)
    sizes = {}
    for target in (2, 7):
        x = test.images[test.labels != target][:100]
        *_, last = smallest_trigger(network, x, target, steps=120)
        stamped = network(last.stamp(x)).argmax(1) == target
        assert last.rate == pytest.approx(float(stamped.float().mean())) and last.rate >= 0.95
        assert float(last.mask.min()) >= 0 and float(last.mask.max()) <= 1
        sizes[target] = last
    assert sizes[7].size < sizes[2].size / 2
    inside = Trigger().mask(28, 28)
    assert float(sizes[7].mask[inside].sum()) > sizes[7].size / 2
