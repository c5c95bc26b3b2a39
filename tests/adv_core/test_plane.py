"""Pictures of two pixels: what their features tell, and the network that reads them."""

import torch

from adv_core.plane import PlaneNetwork, two_features


def test_one_feature_is_sure_and_the_other_one_robust() -> None:
    data = two_features(2000, swapped=0.1, sure=0.05, seed=1)
    assert data.x.min() >= 0 and data.x.max() <= 1 and data.x.dtype == torch.float64
    by_right, by_left = (((data.x[:, pixel] > 0.5) == data.y.bool()).double().mean() for pixel in (1, 0))
    assert by_right == 1 and 0.87 < by_left < 0.93
    distance = (data.x - 0.5).abs()
    assert distance[:, 1].min() >= 0.02 - 1e-12 and distance[:, 1].max() < 0.1  # an attacker with ε = 0.1 changes it
    assert (distance[:, 0] > 0.1).double().mean() > 0.95
    assert torch.equal(data.x, two_features(2000, seed=1).x) and not torch.equal(data.x, two_features(2000, seed=2).x)


def test_the_network_is_that_of_its_seed() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, same, other = PlaneNetwork(3), PlaneNetwork(3), PlaneNetwork(4)
    assert torch.equal(torch.rand(3), expected)
    x = two_features(20).x
    assert torch.equal(one(x), same(x)) and not torch.equal(one(x), other(x)) and one(x).shape == (20, 2)
    assert sum(each.numel() for each in one.parameters()) == 354
