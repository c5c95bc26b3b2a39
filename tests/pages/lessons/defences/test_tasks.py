"""Defences before a network, against attackers who know of them and who do not."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from adv_core.attacks.step import input_gradient
from adv_core.classifiers import DEFAULT
from adv_core.defences.detectors import detector
from adv_core.defences.filters import VIEWS, Defence, answers
from adv_core.images import from_pixels
from adv_core.networks.digit_network import checkpoint
from adv_core.objectives import ExpectedUntargeted
from adv_core.serving.engine.digits import digits
from adv_core.serving.engine.look import Pictures
from adv_core.transforms.transform import opinions, seen_through
from pages.lessons.defences.detection_tasks import Detect, Sort
from pages.lessons.defences.tasks import Aware, Contest, Plain
from tests.networks import Here, loaded

EVERY = [Defence("jpeg", 50), Defence("blur", 1), Defence("bits", 3), Defence("resize", 0.5), Defence("crop", 0.8)]


@pytest.fixture(scope="module")
def koala(photo: Callable[[str], Tensor]) -> Pictures:
    return Pictures.of((photo("koala") * 255).round().byte().permute(0, 2, 3, 1).numpy())


def label_of(pictures: Pictures) -> int:
    return int(opinions(loaded(), pictures.pixels)[0].argmax())


def test_the_attack_that_knows_gets_through_what_stops_the_one_that_does_not(koala: Pictures) -> None:
    label, eps = label_of(koala), 2 / 255
    attacked = list(Plain(koala, DEFAULT, eps).records(Here()))[-1]
    assert attacked.done == 1 and np.abs(attacked.pixels.astype(int) - koala.pixels).max() == 2
    work = Contest(koala, Pictures.of(attacked.pixels), (label,), DEFAULT, Defence("jpeg", 50), eps)
    work.check()
    told = {record.attack: record.right for record in work.records(Here()) if record.right}
    assert told == {"none": (True,), "plain": (True,), "aware": (False,)}


@pytest.mark.parametrize("defence", EVERY, ids=lambda defence: defence.kind)
def test_what_is_judged_is_what_is_shown(koala: Pictures, defence: Defence) -> None:
    work = Aware(koala, DEFAULT, defence, 4 / 255, label_of(koala), steps=2)
    work.check()
    bouts = list(work.records(Here()))
    assert [bout.index for bout in bouts] == [0, 1, 2] and bouts[0].size == 0 and bouts[-1].size <= 4
    for bout in bouts:
        again = seen_through(defence.chain(0), from_pixels(bout.attacked[None]))
        assert np.array_equal(again[0], bout.seen)
        assert np.allclose(opinions(loaded(), again)[0], bout.probabilities, atol=1e-6)


def test_the_gradient_through_a_random_defence_is_the_mean_over_its_draws(koala: Pictures) -> None:
    defence, label = Defence("crop", 0.6), label_of(koala)
    x = from_pixels(koala.pixels)
    classifier = loaded()
    before = defence.before(classifier, seed=3)
    draws = before._draw_common(1, VIEWS, 3)

    def loss(view: Tensor) -> Tensor:
        return -classifier(view).log_softmax(1)[:, label]

    point = x.clone().requires_grad_()
    singles = []
    for view in range(VIEWS):
        seen = point
        for transform, drawn in zip(before.transforms, draws, strict=True):
            seen = transform.at(seen, *(parameter[view : view + 1] for parameter in drawn))
        singles.append(torch.autograd.grad(loss(seen).sum(), point)[0])
    fixed = type(before)(classifier, before.transforms, VIEWS, 3, fresh=False)
    averaged = input_gradient(fixed, x, ExpectedUntargeted(label)).gradient
    expected = torch.stack(singles).mean(0)
    # One batch of views rounds as no single view does, and a ReLU at its edge may fall on the other side.
    assert float((averaged - expected).norm()) < 0.01 * float(expected.norm())


def test_a_random_defence_draws_for_each_picture_and_seed() -> None:
    crop = Defence("crop", 0.5)
    assert crop.random and crop.chain(0) != crop.chain(1) and crop.chain(0) == crop.chain(0)
    assert not any(each.random for each in EVERY[:-1])
    x = torch.rand(3, 3, 224, 224)
    said = answers(loaded(), x, Defence("none"), 0)
    assert np.array_equal(said, loaded()((x * 255).round() / 255).argmax(1))


def test_no_defence_is_the_plain_attack(koala: Pictures) -> None:
    label = label_of(koala)
    plain = list(Plain(koala, DEFAULT, 2 / 255, steps=3).records(Here()))[-1]
    knows = list(Aware(koala, DEFAULT, Defence("none"), 2 / 255, label, steps=3).records(Here()))[-1]
    assert np.array_equal(plain.pixels[0], knows.attacked)
    contest = Contest(koala, Pictures.of(plain.pixels), (label,), DEFAULT, Defence("none"), 2 / 255)
    assert [record.attack for record in contest.records(Here())] == ["none", "plain"]


@pytest.mark.parametrize(
    "bad",
    [
        Defence("jpeg", 0),
        Defence("blur", 11),
        Defence("bits", 0),
        Defence("resize", 0),
        Defence("crop", 0.01),
        Defence("wish", 1),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_defence_is_refused(bad: Defence) -> None:
    with pytest.raises(ValueError, match=r"strength has to lie in|kind of a defence has to be one of"):
        bad.check()


def test_what_would_hurt_is_refused(koala: Pictures) -> None:
    good = Contest(koala, koala, (1,), DEFAULT, Defence("jpeg", 50), 0.01)
    good.check()
    for change in ({"labels": (1, 2)}, {"labels": (1000,)}, {"eps": 2.0}, {"steps": 10_000}, {"seed": -1}):
        with pytest.raises(ValueError):
            Contest(**{**vars(good), **change}).check()
    with pytest.raises(ValueError):
        Aware(koala, DEFAULT, Defence("jpeg", 50), 0.01, label=-1).check()


@pytest.mark.parametrize("sort", ["untouched", "noise", "plain", "aware"])
def test_digits_are_judged_as_they_are_shown(sort: Sort) -> None:
    task = Detect(sort, "noise", eps=40 / 255, images=8, steps=6)
    task.check()
    records = list(task.records(Here()))
    assert [r.done for r in records] == ([0, 1 / 3, 2 / 3, 1] if sort in ("plain", "aware") else [1])
    network, held = checkpoint("standard").network, digits("test")[:8]
    for record in records:
        x = torch.from_numpy(record.pixels[:, None].astype(np.float32)) / 255
        assert np.array_equal(record.said, network(x).argmax(1)) and np.allclose(
            record.scores, detector(network, "noise")(x), atol=1e-3
        )
        assert np.array_equal(record.misread, record.said != held.labels.numpy())
        change = np.abs(record.pixels.astype(int) - held.levels[:, 0].numpy()).max()
        assert change == (0 if sort == "untouched" else change) <= 40
