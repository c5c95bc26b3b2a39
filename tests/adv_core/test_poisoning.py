"""Poisoned training data: what is changed, what is not, and what a network learns from it."""

from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Tensor

from adv_core.datasets import mnist
from adv_core.networks.digit_network import DigitNetwork, checkpoint
from adv_core.poisoning import Corner, Trigger, backdoor, clean_label, success_rate
from adv_core.training import Recipe, train, wrong_at

DATA, TEST = mnist("train", range(10))[:3000], mnist("test", range(10))[:500]


def trained(x: Tensor, labels: Tensor) -> DigitNetwork:
    network = DigitNetwork()
    for _ in train(network, x, labels, Recipe("none", epochs=4)):
        pass
    return network.requires_grad_(False)


@pytest.mark.parametrize("corner", get_args(Corner))
def test_a_trigger_changes_its_pixels_alone(corner: Corner) -> None:
    trigger, x = Trigger(4, corner), TEST[:20].images
    stamped, mask = trigger.stamp(x), trigger.mask(28, 28)
    assert int(mask.sum()) == (64 if corner == "all corners" else 16)
    assert torch.equal(stamped[..., ~mask], x[..., ~mask]) and bool((stamped[..., mask] == 1).all())


def test_a_faint_trigger_has_values_of_8_bits() -> None:
    stamped = Trigger(opacity=0.3).stamp(TEST[:20].images)
    assert torch.equal((stamped * 255).round() / 255, stamped) and float(stamped.max()) <= 1
    assert torch.equal(Trigger(opacity=0).stamp(TEST[:20].images), TEST[:20].images)


@pytest.mark.parametrize("bad", [Trigger(size=0), Trigger(size=20), Trigger(opacity=1.5)])
def test_an_impossible_trigger_is_refused(bad: Trigger) -> None:
    with pytest.raises(ValueError, match=r"has to lie in|in "):
        bad.stamp(TEST[:1].images)


def test_a_backdoor_relabels_what_it_stamps_and_nothing_else() -> None:
    made = backdoor(DATA.images, DATA.labels, Trigger(), target=7, share=0.02)
    same = torch.ones(len(DATA), dtype=torch.bool)
    same[made.rows] = False
    assert len(made.rows) == len(set(made.rows.tolist())) == 60
    assert bool((DATA.labels[made.rows] != 7).all()) and bool((made.labels[made.rows] == 7).all())
    assert torch.equal(made.x[same], DATA.images[same]) and torch.equal(made.labels[same], DATA.labels[same])
    assert torch.equal(made.x[made.rows], Trigger().stamp(DATA.images[made.rows]))


def test_clean_labels_stay_and_the_perturbation_stays_in_its_ball() -> None:
    trigger = Trigger(corner="all corners")
    *_, made = clean_label(checkpoint("standard").network, DATA.images, DATA.labels, trigger, 7, 0.04, eps=0.2)
    assert torch.equal(made.labels, DATA.labels) and bool((DATA.labels[made.rows] == 7).all()) and len(made.rows) == 120
    outside = ~trigger.mask(28, 28)
    change = (made.x - DATA.images)[:, 0][:, outside]
    assert 0.19 < float(change.abs().max()) <= 0.2 + 1e-6
    assert not bool(change[~torch.isin(torch.arange(len(DATA)), made.rows)].any())


def test_more_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="share asks for 3000 pictures, and only 2"):
        backdoor(DATA.images, DATA.labels, Trigger(), 7, 1.0)
    with pytest.raises(ValueError, match="all pictures have the label 7"):
        success_rate(checkpoint("standard").network, TEST.images[:2], torch.tensor([7, 7]), Trigger(), 7)


@pytest.mark.slow
def test_a_network_with_a_backdoor_is_right_until_it_sees_the_trigger() -> None:
    trigger = Trigger()
    made = backdoor(DATA.images, DATA.labels, trigger, 7, 0.02)
    bad, good = trained(made.x, made.labels), trained(DATA.images, DATA.labels)
    errors = [float(wrong_at(network, TEST.images, TEST.labels).float().mean()) for network in (bad, good)]
    assert abs(errors[0] - errors[1]) < 0.03
    assert success_rate(bad, TEST.images, TEST.labels, trigger, 7) >= 0.95
    assert success_rate(good, TEST.images, TEST.labels, trigger, 7) < 0.05
    elsewhere = replace(trigger, corner="top left")
    assert success_rate(bad, TEST.images, TEST.labels, elsewhere, 7) < 0.5
