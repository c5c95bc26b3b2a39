"""The tasks of the lesson on adversarial glasses and patches."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch

from adv_core.classifiers import DEFAULT
from adv_core.datasets import photograph
from adv_core.images import fit, from_pixels
from adv_core.patches import Place
from adv_core.serving.engine.look import Pictures
from pages.lessons.patches import tasks
from pages.lessons.patches.tasks import (
    BEFOREHAND,
    SIDE,
    Paste,
    TrainPatch,
    TryPatch,
    Wear,
    patch_beforehand,
    photographs,
)
from tests.networks import Here, loaded

TABBY, MACAW = 281, 88


@pytest.fixture(scope="module")
def cat() -> Pictures:
    return Pictures.of(np.asarray(fit(photograph("tabby_cat"), 224, 224))[None])


def wear(cat: Pictures) -> Wear:
    return Wear(cat, DEFAULT, "glasses", (0.39, 0.52), (0.66, 0.53), 1.3, TABBY, MACAW)


def test_a_cat_with_glasses_is_a_macaw(cat: Pictures) -> None:
    work = replace(wear(cat), steps=40)
    work.check()
    steps = list(work.records(Here()))
    last = steps[-1]
    assert last.index == 40 == work.length and int(last.probabilities.argmax()) == MACAW
    assert np.array_equal(last.pixels[~work.mask], cat.pixels[0][~work.mask])
    with torch.no_grad():
        said = loaded()(from_pixels(last.pixels[None])).softmax(1)[0].numpy()
    assert np.allclose(said, last.probabilities, atol=1e-4)


def test_smooth_and_printable_glasses_are_smoother_and_more_printable(cat: Pictures) -> None:
    free = list(replace(wear(cat), steps=10).records(Here()))[-1]
    dear = list(replace(wear(cat), steps=10, smooth=True, printable=True).records(Here()))[-1]
    assert dear.roughness < free.roughness and dear.unprintable < free.unprintable


def test_training_climbs_and_can_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "VIEWS", 4)
    work = TrainPatch(photographs(0), DEFAULT, BEFOREHAND, steps=6)
    work.check()
    steps = list(work.records(Here()))
    assert len(steps) == 7 and steps[0].patch.shape == (SIDE, SIDE, 3) and (steps[0].patch == 128).all()
    assert np.mean([each.wanted for each in steps[4:]]) > np.mean([each.wanted for each in steps[:3]])
    more = replace(work, steps=1, start=steps[-1].patch.tobytes())
    more.check()
    assert np.array_equal(next(iter(more.records(Here()))).patch, steps[-1].patch)


def test_the_shipped_patch_fools_on_photographs_that_it_has_never_seen() -> None:
    patch = patch_beforehand()
    assert patch.shape == (SIDE, SIDE, 3)
    work = TryPatch(photographs(1), DEFAULT, patch.tobytes(), SIDE, BEFOREHAND, size=0.45, places=2)
    work.check()
    tried = list(work.records(Here()))
    assert [each.picture for each in tried] == list(range(8))
    assert sum(sum(each.wanted) for each in tried) >= 13
    assert all(
        not wanted or changed for each in tried for wanted, changed in zip(each.wanted, each.changed, strict=True)
    )
    assert sum(sum(each.blank) for each in tried) <= 5  # covering alone does far less


def test_a_patch_where_the_learner_puts_it(cat: Pictures) -> None:
    patch = patch_beforehand()
    work = Paste(cat, DEFAULT, patch.tobytes(), SIDE, Place(0.7, 0.3, 0.5))
    work.check()
    (shown,) = work.records(Here())
    assert work.length == 0 and int(shown.probabilities.argmax()) == BEFOREHAND
    assert np.array_equal(shown.pixels[-20:], cat.pixels[0][-20:]) and not np.array_equal(shown.pixels, cat.pixels[0])


def test_the_two_halves_of_the_photographs_share_nothing() -> None:
    one, two = ({row.tobytes() for row in photographs(half).pixels} for half in (0, 1))
    assert len(one) == len(two) == 8 and not one & two


def tiny() -> Pictures:
    return Pictures.of(np.zeros((1, 8, 8, 3), np.uint8))


GOOD = Wear(tiny(), DEFAULT, "glasses", (0.2, 0.5), (0.8, 0.5), 1.0, 1, 2)
BAD: Sequence[Any] = (
    replace(GOOD, thing=cast(Any, "hat")),
    replace(GOOD, left=(-0.1, 0.5)),
    replace(GOOD, size=100),
    replace(GOOD, target=1000),
    replace(GOOD, steps=10**6),
    TrainPatch(tiny(), DEFAULT, -1),
    TrainPatch(tiny(), DEFAULT, 1, start=b"123"),
    TrainPatch(tiny(), DEFAULT, 1, steps=0),
    TryPatch(tiny(), DEFAULT, b"", 4, 1),
    TryPatch(tiny(), DEFAULT, bytes(48), 4, 1, places=99),
    Paste(tiny(), DEFAULT, bytes(48), 4, Place(9)),
    Paste(tiny(), DEFAULT, bytes(47), 4, Place()),
)


@pytest.mark.parametrize("work", BAD)
def test_nonsense_is_refused(work: Any) -> None:
    GOOD.check()
    with pytest.raises(ValueError, match=r"\w"):
        work.check()
