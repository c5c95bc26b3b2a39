"""What the lessons on training ask of the engine."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from adv_core import Linf, Untargeted, pgd, run
from adv_core.classifiers import Classifier
from adv_core.networks.digit_network import DigitNetwork, checkpoint, pack, unpack
from adv_core.serving.engine.digits import Digit, ErrorCurve, digits
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.limits import Limits
from adv_core.training import Judge, Progress, Recipe, train
from pages.lessons.adversarial_training import tasks
from pages.lessons.adversarial_training.tasks import (
    CHUNK,
    Explore,
    SolvedCase,
    Sweep,
    Train,
    TrainRecord,
    Walk,
)

SMALL = Recipe("pgd", steps=2, epochs=3)
IMAGES, JUDGED = 500, 100


class Here:
    """What a task finds where it is computed."""

    device = torch.device("cpu")

    def classifier(self, name: str) -> Classifier:
        raise AssertionError("no photograph's network is needed")


def records(task) -> list:
    task.check()
    return list(task.records(Here()))


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    return LocalEngine("cpu")


@pytest.fixture(scope="module")
def seven() -> Digit:
    data = digits("test")
    return Digit.of(data[17].images, int(data.labels[17]))


# ------------------------------------------------------------------------------------------------------ training


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """Few digits that judge a network after each epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "HELD_OUT", JUDGED)
        yield


@pytest.fixture(scope="module")
def course() -> list[TrainRecord]:
    return records(Train(SMALL, IMAGES))


def test_a_training_is_that_of_the_loop(course: list[TrainRecord]) -> None:
    data, network = digits("train"), DigitNetwork(SMALL.seed)
    losses = [now.loss for now in train(network, data[:IMAGES].images, data.labels[:IMAGES], SMALL)]
    assert course[-1].weights == pack(network)
    assert course[0].loss == pytest.approx(np.mean(losses[:CHUNK]))
    assert course[-1].step == course[-1].of == 15 and course[-1].epoch == 3
    assert len(course) <= Train(SMALL, IMAGES).length + 1
    assert [r.epoch for r in course if r.weights] == [1, 2, 3] == [r.epoch for r in course if r.clean is not None]
    assert all(later.step - earlier.step <= CHUNK for earlier, later in pairwise(course))
    assert all(later.seconds > earlier.seconds for earlier, later in pairwise(course))


def test_what_it_says_of_the_network_is_true_of_the_network(course: list[TrainRecord]) -> None:
    held = digits("test")
    error = Judge(SMALL.eps, steps=20).error(unpack(course[-1].weights), held[:JUDGED].images, held.labels[:JUDGED])
    assert error == (course[-1].clean, course[-1].attacked)


@pytest.mark.parametrize("place", [0, 1])
def test_it_goes_on_to_the_same_weights(course: list[TrainRecord], place: int) -> None:
    state = [r for r in course if r.state][place]
    rest = records(Train(SMALL, IMAGES, state.state))
    assert rest[-1].weights == course[-1].weights
    assert [r.step for r in rest] == [r.step for r in course if r.step > state.step]


def test_in_the_engine_it_can_be_stopped_and_resumed(
    engine: LocalEngine, course: list[TrainRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = threading.Event()

    def waiting(*arguments: Any, **options: Any) -> Iterator[Progress]:
        """It does not end before it is cancelled."""
        for now in train(*arguments, **options):
            yield now
            assert now.epoch < 2 or cancelled.wait(60)

    monkeypatch.setattr(tasks, "train", waiting)
    job = engine.submit(Train(SMALL, IMAGES), session="a")
    while not any(record.state for record in job.frames):
        assert job.wait(len(job.frames), 30)
    job.cancel()
    cancelled.set()
    kept = next(record for record in job.frames if record.state)
    rest = engine.compute(Train(SMALL, IMAGES, kept.state))
    assert not job.finished
    assert rest[-1].weights == course[-1].weights


@pytest.mark.parametrize(
    "task",
    [
        Train(Recipe(epochs=1000)),
        Train(Recipe(steps=100, epochs=50)),
        Train(Recipe(), 10),
        Train(Recipe(), 60_001),
        Train(Recipe("magic")),  # type: ignore[arg-type]
        Train(Recipe(), resume=b"rubbish"),
    ],
)
def test_what_would_hurt_the_worker_is_refused(task: Train) -> None:
    with pytest.raises(ValueError):
        task.check(Limits())


# ------------------------------------------------------------------------------------------------------ judging


def test_a_curve_rises_and_agrees_with_the_judge() -> None:
    points = records(ErrorCurve("standard", (0.0, 0.05, 0.1, 0.2), steps=10, images=100))
    errors = [point.error for point in points]
    assert errors == sorted(errors) and errors[-1] > 0.9 and len(errors) == 4
    held = digits("test")
    clean, attacked = Judge(0.05, steps=10).error(checkpoint("standard").network, held[:100].images, held.labels[:100])
    assert errors[0] == pytest.approx(clean) and errors[1] == pytest.approx(attacked, abs=0.02)


def test_a_curve_in_another_norm() -> None:
    near, far = records(ErrorCurve("robust_01", (0.5, 4.0), norm="l2", steps=10, images=50))
    assert near.error < 0.2 < far.error


@pytest.mark.parametrize(
    "change",
    [{"model": "no such"}, {"model": b"12"}, {"norm": "l7"}, {"images": 5000}, {"eps": (0.2, 0.1)}, {"eps": (-1.0,)}],
)
def test_a_curve_that_makes_no_sense_is_refused(change: dict) -> None:
    with pytest.raises(ValueError):
        replace(ErrorCurve("standard", (0.1,)), **change).check()


# ------------------------------------------------------------------------------------------------------ one digit


def test_a_digit_travels_as_bytes(seven: Digit) -> None:
    data = digits("test")
    assert torch.equal(seven.tensor(torch.device("cpu"))[0], data[17].images)
    assert seven.levels.shape == (28, 28) and seven.label == 7
    for broken in (Digit(b"12", 3), Digit(seven.pixels, 10)):
        with pytest.raises(ValueError):
            broken.check()


def test_a_sweep_says_what_the_network_says_of_its_pictures(seven: Digit) -> None:
    eps = (0.0, 0.06, 0.1, 0.3)
    (swept,) = records(Sweep("standard", seven, eps))
    network = checkpoint("standard").network
    shown = torch.from_numpy(swept.pixels.astype(np.float32) / 255)[:, None]
    assert torch.allclose(network(shown).softmax(1), torch.from_numpy(swept.probabilities), atol=1e-5)
    moved = np.abs(swept.pixels.astype(int) - seven.levels).max((1, 2))
    assert all(levels <= 255 * radius + 1e-6 for levels, radius in zip(moved, eps, strict=True)) and moved[0] == 0
    assert swept.probabilities[0].argmax() == 7 != swept.probabilities[2].argmax()
    alone = run(
        pgd(network, seven.tensor(torch.device("cpu")), Linf(0.1), Untargeted([7]), steps=40, step_size=0.00625)
    )
    assert np.allclose(alone.logits.softmax(1).numpy(), swept.probabilities[2], atol=1e-3)


def test_the_least_epsilon_lies_between_what_holds_and_what_falls(seven: Digit) -> None:
    grid = tuple(k / 50 for k in range(11))
    for name in ("standard", "robust_01"):
        (swept,) = records(Sweep(name, seven, grid))
        fallen = [eps for eps, p in zip(grid, swept.probabilities, strict=True) if p.argmax() != 7]
        assert swept.smallest is not None and fallen
        assert swept.smallest <= fallen[0] + 0.004 and swept.smallest > fallen[0] - 0.04


def test_a_digit_that_is_misread_anyway_needs_no_epsilon(seven: Digit) -> None:
    (swept,) = records(Sweep("standard", replace(seven, label=3), (0.0,)))
    assert swept.smallest == 0


def test_the_gradient_is_that_of_the_margin(seven: Digit) -> None:
    (seen,) = records(Explore("robust_01", seven, 0.2, side=5))
    network, x = checkpoint("robust_01").network, seven.tensor(torch.device("cpu"))
    place = np.unravel_index(np.abs(seen.gradient).argmax(), (28, 28))
    nudge = torch.zeros_like(x)
    nudge[0, 0][place] = 1e-2

    def margin(point: torch.Tensor) -> float:
        logits = network(point)[0].double()
        return float(torch.cat([logits[:7], logits[8:]]).max() - logits[7])

    slope = (margin(x + nudge) - margin(x - nudge)) / 2e-2
    assert slope == pytest.approx(float(seen.gradient[place]), rel=0.2)


def test_the_loss_in_the_middle_is_that_of_the_digit(seven: Digit) -> None:
    (seen,) = records(Explore("standard", seven, 0.2, side=5))
    x = seven.tensor(torch.device("cpu"))
    loss = F.cross_entropy(checkpoint("standard").network(x), torch.tensor([7]))
    assert seen.loss[2, 2] == pytest.approx(float(loss), abs=1e-5)
    assert seen.loss[2, 4] > seen.loss[2, 2] and seen.places.tolist() == pytest.approx([-0.2, -0.1, 0, 0.1, 0.2])


# ------------------------------------------------------------------------------------------------------ one minibatch


def test_a_step_of_the_loop_does_what_the_loop_says() -> None:
    (walked,) = records(Walk("standard", 16, Recipe("pgd", 0.1, steps=5), rate=0.01))
    data = digits("train")
    assert np.array_equal(walked.images, data[16:24].images[:, 0].numpy())
    assert walked.labels.tolist() == data.labels[16:24].tolist()
    assert walked.deltas.shape == (6, 8, 28, 28) and np.abs(walked.deltas).max() <= np.float32(0.1)
    network, labels = checkpoint("standard").network, data.labels[16:24]
    there = data[16:24].images + torch.from_numpy(walked.deltas[-1])[:, None]
    assert walked.losses[-1] == pytest.approx(float(F.cross_entropy(network(there), labels)), rel=1e-4)
    assert walked.wrong.tolist() == (network(there).argmax(1) != labels).tolist()
    assert walked.untouched < walked.losses[-1] and walked.moved < walked.losses[-1]
    assert walked.slope.shape == walked.filters.shape == (16, 4, 4)


def test_a_walk_leaves_the_shipped_network_as_it_was() -> None:
    before = pack(checkpoint("standard").network)
    records(Walk("standard", 0, Recipe("fgsm"), rate=0.5))
    assert pack(checkpoint("standard").network) == before
    assert not any(p.requires_grad for p in checkpoint("standard").network.parameters())


@pytest.mark.parametrize("change", [{"first": 59_999}, {"count": 0}, {"rate": 2.0}, {"recipe": Recipe("none")}])
def test_a_walk_that_makes_no_sense_is_refused(change: dict) -> None:
    with pytest.raises(ValueError):
        replace(Walk("standard", 0, Recipe()), **change).check()


# ------------------------------------------------------------------------------------------------------ the solved case


def test_with_the_formula_and_with_pgd_inside_the_loop_ends_alike() -> None:
    task = SolvedCase(Recipe("pgd", 0.1, steps=7, epochs=1, rate=0.01, ramp=0))
    *_, last = rows = records(task)
    assert len(rows) <= task.length + 1 and last.step == last.of == 126
    assert last.errors is not None and last.errors[0] == pytest.approx(last.errors[1], abs=0.001)
    assert last.apart < 1e-3 and all(row.errors is None for row in rows[:-1])
