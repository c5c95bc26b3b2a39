"""The tasks of the lesson on unrestricted attacks: poses, ladders, searches."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from adv_core.attacks.spatial import FARTHEST, KINDS, Budget, Pose, asked, poses, room_for, search, size_of
from adv_core.classifiers import DEFAULT, Classifier
from adv_core.images import from_pixels
from adv_core.serving.engine.look import Pictures
from adv_core.transforms.transform import seen_through
from pages.lessons.unrestricted.tasks import HALVINGS, RUNGS, Landscape, Smallest, Together, Trial, Trials, fallen
from tests.networks import Here, loaded

SIDE = 32


class Halves(nn.Module):
    """Two classes: is the left half of the picture brighter than the right one? Turn it far enough, and it is not."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        super().__init__()
        self.steepness = nn.Parameter(torch.tensor(10.0), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        left, right = x[..., : SIDE // 2].mean((1, 2, 3)), x[..., SIDE // 2 :].mean((1, 2, 3))
        return torch.stack([left - right, right - left], 1) * self.steepness

    def classifier(self, name: str) -> Classifier:
        return cast(Classifier, self)


def picture() -> Pictures:
    """A bright bar on the left."""
    pixels = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    pixels[:, :, 6:14] = 200
    return Pictures.of(pixels)


def records(work: Any) -> list[Any]:
    work.check()
    return list(work.records(Halves()))


def test_a_picture_that_nobody_touches_is_that_picture() -> None:
    assert Pose().chain == () and Pose(frameless=True).chain == ()
    assert np.array_equal(seen_through(Pose().chain, from_pixels(picture().pixels)), picture().pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_directions(kind: Any) -> None:
    held = poses(kind, 0.25)
    assert len({pose.chain for pose in held}) == len(held) == {"turn": 2, "colour": 2, "shift": 8, "crop": 9}[kind]
    if kind == "shift":
        assert all(math.hypot(pose.down, pose.right) == pytest.approx(0.25) for pose in held)
    for pose in held:
        pose.check()


def test_a_turned_picture_without_a_frame_shows_no_mirrored_corner() -> None:
    assert room_for(0) == 1 and room_for(90) == pytest.approx(1) and room_for(45) == pytest.approx(math.sqrt(2))
    (_, turned), (_, factor) = Pose(angle=45, frameless=True).chain
    assert turned == (45,) and factor == (pytest.approx(math.sqrt(2)),)


def test_the_ladder_finds_the_smallest_turn() -> None:
    rungs = records(Smallest(picture(), "halves", "turn", 0))
    assert len(rungs) == RUNGS["turn"] + HALVINGS == Smallest(picture(), "halves", "turn", 0).length + 1
    ladder, halved = [r for r in rungs if not r.halved], [r for r in rungs if r.halved]
    assert [r.size for r in ladder] == pytest.approx([2 * k for k in range(1, 91)])
    first = next(r for r in ladder if r.best is not None)
    smallest = min((r for r in rungs if r.best is not None), key=lambda r: r.size)
    assert 0 < first.size - smallest.size <= 2 or smallest is first
    assert all(first.size - 2 < r.size < first.size for r in halved)
    # what is shown is what was judged
    logits = Halves()(from_pixels(smallest.pixels[None]))
    assert int(logits.argmax()) == smallest.answer == 1
    assert float(logits.softmax(1)[0, 1]) == pytest.approx(smallest.certainty)
    assert not any(r.best for r in ladder if r.size < first.size)


def test_a_kind_that_cannot_fool_says_so() -> None:
    rungs = records(Smallest(picture(), "halves", "colour", 0))
    assert len(rungs) == RUNGS["colour"] and all(r.best is None and not any(r.fooled) for r in rungs)
    assert rungs[-1].size == FARTHEST["colour"]


def test_the_search_stays_within_its_budget_and_shrinks() -> None:
    x, budget = from_pixels(picture().pixels), Budget(60, 0.4, 0, 0)
    tries = list(search(cast(Classifier, Halves()), x, 0, budget, queries=200, seed=1))
    assert [each.queries for each in tries] == list(range(8, 201, 8))
    found = [each for each in tries if each.first]
    assert found and len({each.first for each in found}) == 1
    sizes = [each.size for each in found]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < sizes[0] <= 1
    last = found[-1]
    assert abs(last.pose.angle) <= 60 * last.size + 1e-9 and abs(last.pose.right) <= 0.4 * last.size + 1e-9
    assert last.pose.hue == 0 and last.pose.cut == 0
    newest = next(each for each in reversed(tries) if each.pixels.size)
    pixels, said = asked(cast(Classifier, Halves()), x, [last.pose])
    assert np.array_equal(pixels[0], newest.pixels) and int(said[0].argmax()) == last.answer == 1


def test_before_a_success_the_best_only_gets_better() -> None:
    x = from_pixels(picture().pixels)
    tries = list(search(cast(Classifier, Halves()), x, 0, Budget(5, 0.01, 5, 0.01), queries=64))
    kept = [each.kept for each in tries]
    assert all(each.first == 0 for each in tries) and kept == sorted(kept, reverse=True)


def test_one_room_moves_nothing_else() -> None:
    x, budget = from_pixels(picture().pixels), Budget()
    neutral = {"angle": 0, "down": 0, "right": 0, "hue": 0, "cut": 0}
    moved = {"turn": {"angle"}, "shift": {"down", "right"}, "colour": {"hue"}, "crop": {"cut"}}
    for room, names in moved.items():
        tries = list(search(cast(Classifier, Halves()), x, 0, budget, room=cast(Any, room), queries=16))
        pose = tries[-1].pose
        assert {name for name, value in neutral.items() if getattr(pose, name) != value} == names


def test_size_is_the_largest_part_of_any_budget() -> None:
    assert size_of(np.array([0.1, -0.5, 0.2, 0, 0.3, 1, -1])) == 0.5
    pose = Budget(30, 0.1, 40, 0.2).pose(np.array([-1, 0.5, 0, 1, -0.5, 1, -1]))
    assert (pose.angle, pose.down, pose.hue, pose.cut, pose.top, pose.left) == (-30, 0.05, 40, 0.1, 1, 0)


def test_a_landscape_is_complete_and_its_middle_is_the_picture() -> None:
    strips = records(Landscape(picture(), "halves", 0, (0.0, 90.0, -90.0), (0.0, 0.2)))
    assert [strip.angle for strip in strips] == [0, 90, -90]
    clean = float(Halves()(from_pixels(picture().pixels)).softmax(1)[0, 0])
    assert strips[0].kept[0] == pytest.approx(clean) and strips[0].answers[0] == 0


def test_trials_count_what_fell() -> None:
    trials = records(Trials(picture(), "halves", "all", Budget(60, 0.4, 30, 0.2), queries=96))
    assert fallen(trials, 96) == 1 and fallen(trials, 0) == 0
    some = [Trial(0, 8, 0), Trial(0, 16, 9), Trial(1, 8, 1), Trial(2, 8, 0)]
    assert [fallen(some, count) for count in (1, 8, 9)] == [1, 1, 2]


@pytest.mark.slow
def test_a_real_network_falls_to_everything_at_once_and_not_to_a_turn() -> None:
    from adv_core.datasets import photograph
    from adv_core.images import fit

    koala = np.asarray(fit(photograph("koala"), 224, 224))
    *_, last = Together(Pictures.of(koala[None]), DEFAULT, 105, queries=64).records(Here())
    assert 0 < last.first <= 64 and last.answer != 105
    x = from_pixels(koala[None])
    _, said = asked(loaded(), x, [Pose(angle=a) for a in (-30, -10, 10, 30)])
    assert (said.argmax(1) == 105).all()


BAD: Sequence[Any] = (
    replace(Smallest(picture(), DEFAULT, "turn", 0), kind="fold"),
    Smallest(picture(), DEFAULT, "turn", 1000),
    Smallest(Pictures(b"12", SIDE, SIDE), DEFAULT, "turn", 0),
    Together(picture(), DEFAULT, 0, Budget(turn=90 + 100)),
    Together(picture(), DEFAULT, 0, queries=10**6),
    Landscape(picture(), DEFAULT, 0, (), (0.0,)),
    Landscape(picture(), DEFAULT, 0, (400.0,), (0.0,)),
    Trials(picture(), DEFAULT, cast(Any, "fold")),
    Trials(picture(), DEFAULT, "all", queries=0),
)


@pytest.mark.parametrize("work", BAD)
def test_nonsense_is_refused(work: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        work.check()


def test_equal_work_is_recognised() -> None:
    one, two = Together(picture(), DEFAULT, 0), Together(picture(), DEFAULT, 0)
    assert one.key() == two.key() and one.key() != replace(one, seed=1).key()
