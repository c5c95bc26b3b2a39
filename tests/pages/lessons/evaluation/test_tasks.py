"""What the lesson on judging defences asks of the engine."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from adv_core.classifiers import Classifier
from adv_core.defences import masking
from adv_core.defences.masking import SERIES, answers, quantized
from adv_core.networks.digit_network import checkpoint
from adv_core.serving.engine.digits import Digit, digits
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.engine.work import Task
from pages.lessons.evaluation import tasks
from pages.lessons.evaluation.tasks import CertifiedDigits, Certify, Judged, ProofAndAttack, Rotations, Series, Vote


class Here:
    """What a task finds where it is computed."""

    device = torch.device("cpu")

    def classifier(self, name: str) -> Classifier:
        raise AssertionError("no photograph's network is needed")


def records(task: Task) -> list:
    task.check()
    found = list(task.records(Here()))
    assert len(found) <= task.length + 1
    return found


@pytest.fixture(scope="module")
def seven() -> Digit:
    data = digits("test")
    return Digit.of(data[17].images, int(data.labels[17]))


@pytest.fixture(scope="module")
def rounding() -> list[Judged]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masking, "QUERIES", 100)
        return records(Series("standard", "quantized", 0.1, images=10))


@pytest.mark.slow
def test_the_series_runs_every_attack_to_its_end(rounding: list[Judged]) -> None:
    ended = [record.key for record in rounding if record.done == 1]
    assert ended == ["clean", *(each.key for each in SERIES), "any"]
    together = [record.together for record in rounding if record.key != "any"]
    assert together == sorted(together)
    assert together[-1] >= max(record.error for record in rounding if record.done == 1)


def test_its_pictures_are_judged_as_it_says(rounding: list[Judged]) -> None:
    defended = quantized(checkpoint("standard").network).classifier
    data = digits("test")
    for record in rounding:
        if record.done < 1:
            assert record.pixels.size == 0
            continue
        assert record.pixels.shape == (10, 28, 28)
        moved = np.abs(record.pixels / 255 - data[:10].images[:, 0].numpy()).max()
        assert moved <= (1 if record.key == "any" else 0.1 + 0.5 / 255 + 1e-6)
    clean = next(record for record in rounding if record.key == "clean")
    assert (
        clean.flat == 1 and clean.wrong.tolist() == (answers(defended, data[:10].images) != data.labels[:10]).tolist()
    )


def test_saturation_falls_to_another_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "SERIES", tuple(each for each in SERIES if each.key in ("pgd", "margin")))
    last = {r.key: r for r in records(Series("standard", "saturated", 0.1, images=20)) if r.done == 1}
    assert last["pgd"].error <= 0.05 and last["margin"].error >= 0.5 and last["any"].error <= 0.1


@pytest.mark.parametrize(
    "change",
    [{"defence": "x"}, {"levels": 1}, {"images": 301}, {"eps": 2.0}, {"model": "x"}, {"other": b"1"}, {"seed": -1}],
)
def test_a_series_that_makes_no_sense_is_refused(change: dict) -> None:
    with pytest.raises(ValueError):
        replace(Series("standard", "none", 0.1), **change).check()


def test_rotations_are_counted_once_a_digit() -> None:
    found = records(Rotations("robust_01", (0.0, 30.0, -30.0, 30.0), images=50))
    assert [turned.angle for turned in found] == [0, 30, -30, 30]
    assert found[1].error == found[3].error and found[2].worst == found[3].worst
    assert found[3].worst >= max(turned.error for turned in found) > found[0].error


def test_a_certificate_and_the_attack_that_keeps_to_it(seven: Digit) -> None:
    *running, end = records(Certify("noise_025", seven, samples=2000))
    assert [sum(vote.counts) for vote in running] == [500, 1000, 1500, 2000] and not running[-1].ended
    assert end.ended and end.label == 7 and end.radius > 0.5 and end.counts == running[-1].counts
    assert end.attacked is not None and end.held and 0.9 * end.radius < end.length < end.radius
    assert end.single is not None and end.single > end.radius


def test_a_promise_is_broken_beyond_doubt_or_not_at_all() -> None:
    vote = Vote((0, 100), label=1, radius=0.5, p=0.9, ended=True)
    assert vote.held
    for attacked, held in (((0, 1000), True), ((510, 490), True), ((600, 400), False)):
        assert replace(vote, attacked=attacked).held is held


def test_a_vote_that_abstains_promises_nothing(seven: Digit) -> None:
    blank = Digit.of(torch.full((28, 28), 0.5), 0)
    ends = [records(Certify("noise_025", blank, sigma, samples=500))[-1] for sigma in (0.5, 2.0)]
    for end in ends:
        assert (end.label is None) == (end.p <= 0.5) and (end.radius > 0) == (end.attacked is not None)


def test_certified_digits_and_their_order() -> None:
    found = records(CertifiedDigits("noise_025", images=8, samples=300))
    assert [promised.place for promised in found] == list(range(8))
    assert all(promised.radius == -1 or 0 < promised.radius < 0.25 * 3.1 for promised in found)


def test_what_is_proved_is_never_fooled() -> None:
    found = records(ProofAndAttack("interval_01", (0.0, 0.05, 0.1, 0.2), images=100))
    assert all(each.safe + each.fallen <= 1 + 1e-6 for each in found)
    assert found[0].safe + found[0].fallen == pytest.approx(1)
    assert [each.safe for each in found] == sorted((each.safe for each in found), reverse=True)
    assert found[2].safe > 0.85


@pytest.mark.parametrize(
    "task",
    [
        Rotations("standard", ()),
        Rotations("standard", (270.0,)),
        Rotations("standard", (0.0,), images=1000),
        Certify("standard", Digit(b"", 3)),
        Certify("standard", Digit(bytes(784), 3), sigma=0.0),
        Certify("standard", Digit(bytes(784), 3), samples=10**6),
        CertifiedDigits("standard", samples=10**6),
        ProofAndAttack("standard", ()),
        ProofAndAttack("standard", (2.0,)),
    ],
)
def test_what_would_hurt_the_worker_is_refused(task: Task) -> None:
    with pytest.raises(ValueError):
        task.check()


def test_the_engine_runs_them(seven: Digit) -> None:
    engine = LocalEngine("cpu")
    work = Certify("noise_025", seven, samples=1000)
    assert engine.compute(work)[-1] == records(work)[-1]
