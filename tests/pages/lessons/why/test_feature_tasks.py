"""The training on relabelled digits, as a task."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from adv_core.serving.engine.digits import digits
from pages.lessons.why.feature_tasks import EXAMPLES, RelabelledTraining, TrainRelabelled

CPU: Any = SimpleNamespace(device=torch.device("cpu"))
SMALL = TrainRelabelled(images=500, steps=3, epochs=2)


def records(task: TrainRelabelled) -> list[RelabelledTraining]:
    task.check()
    return list(task.records(CPU))


def test_it_moves_shows_trains_and_counts() -> None:
    found = records(SMALL)
    assert [record.moved for record in found[:2]] == [250, 500]
    (first,) = [record for record in found if len(record.examples)]
    assert first.examples.shape == (EXAMPLES, 28, 28) and first.epoch == 0 and first.accuracy is not None
    assert first.true == tuple(digits("train").labels[:EXAMPLES].tolist())
    assert all(label != true for label, true in zip(first.labels, first.true, strict=True))
    assert 0.2 < first.reached < 1 and first.kept > 0.9
    assert [record.epoch for record in found if record.accuracy is not None] == [0, 1, 2]
    assert len(found) <= SMALL.length


def test_the_control_has_the_same_labels() -> None:
    moved, control = (next(r for r in records(task) if len(r.examples)) for task in (SMALL, replace(SMALL, noise=True)))
    assert moved.labels == control.labels and control.reached < 0.05 < moved.reached
    assert (moved.examples != control.examples).any()


@pytest.mark.parametrize(
    "change", [{"images": 99}, {"eps": -1.0}, {"norm": "l7"}, {"rule": "none"}, {"source": "no such"}, {"epochs": 0}]
)
def test_a_mad_training_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="model" if "source" in change else next(iter(change))):
        replace(SMALL, **change).check()
