"""The tasks of the lesson on poisoning."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from adv_core.networks.digit_network import DigitNetwork, pack, unpack
from adv_core.poisoning import Trigger
from adv_core.serving.engine.digits import Digit, digits
from pages.lessons.poisoning.tasks import (
    FindSuspects,
    FineTune,
    Poison,
    SearchTrigger,
    Stamp,
    TrainPoisoned,
)
from tests.networks import Here

FEW = Poison(share=0.03, images=1000)
WEIGHTS = pack(DigitNetwork())


def test_a_training_tells_its_progress_and_ends_with_the_network() -> None:
    task = TrainPoisoned(FEW, epochs=2)
    records = list(task.records(Here()))
    assert [r.done for r in records] == sorted(r.done for r in records) and records[-1].done == 1
    assert [bool(r.weights) for r in records] == [False] * (len(records) - 1) + [True]
    judged = [r for r in records if r.error is not None]
    assert [r.epoch for r in judged] == [1, 2] and abs(len(records) - 1 - task.length) <= 2
    unpack(records[-1].weights)
    (shown,) = (r for r in records if len(r.examples))
    assert shown.labels == (7,) * 8 and (shown.examples[:, 24:27, 24:27] == 255).all()


def test_clean_label_poison_comes_in_parts() -> None:
    poison = replace(FEW, kind="clean label", share=0.09)
    made = [len(part.rows) for part in poison.parts()]
    assert made == [0, 50, 90]


def test_too_large_a_share_is_refused_with_the_number_that_is_possible() -> None:
    counts = digits("train").labels[:500].bincount()
    most, rarest = int(counts.min()), int(counts.argmin())
    poison = Poison("clean label", images=500, target=rarest)
    with pytest.raises(ValueError, match="share asks for") as refused:
        replace(poison, share=(most + 1) / 500).check()
    assert f"only {most} of the 500" in str(refused.value)
    replace(poison, share=most / 500).check()


def test_each_network_is_asked_about_both_pictures() -> None:
    digit = Digit.of(digits("test")[3].images, 0)
    (record,) = Stamp((WEIGHTS, WEIGHTS), digit, Trigger(2)).records(Here())
    assert record.probabilities.shape == (2, 2, 10) and np.array_equal(record.pixels[0], digit.levels)
    assert int((record.pixels[0] != record.pixels[1]).sum()) == 4
    x = torch.from_numpy(record.pixels[:, None].astype(np.float32) / 255)
    assert np.allclose(record.probabilities[0], unpack(WEIGHTS)(x).softmax(1).numpy(), atol=1e-5)


def test_suspects_are_as_many_as_asked_for() -> None:
    *_, found = FindSuspects(FEW, WEIGHTS).records(Here())
    assert found.poisoned.sum() == found.made == 30 and found.spectral.sum() == 45
    assert 0 < found.cluster.sum() <= len(found.cluster) / 2 and found.places.shape == (len(found.poisoned), 2)


def test_a_search_ends_with_its_last_step_and_fine_tuning_with_its_rates() -> None:
    records = list(SearchTrigger(WEIGHTS, 3, steps=25).records(Here()))
    assert [round(r.done * 25) for r in records] == [0, 10, 20, 25]
    *_, tuned = FineTune(FEW, WEIGHTS, images=200, epochs=1).records(Here())
    assert tuned.epoch == 1 and tuned.error is not None and tuned.success is not None
