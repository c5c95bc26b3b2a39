import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from adv_core import Classifier, Linf, Untargeted, fgsm, run
from adv_core.attacks.step import Step
from adv_core.classifiers import DEFAULT
from adv_core.images import from_pixels, to_pixels
from adv_core.networks.fast_network import FastNetwork
from adv_core.serving.engine import attack as attacks
from adv_core.serving.engine import local, networks, process, queue
from adv_core.serving.engine.attack import Attack, Frame
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.engine.look import Look, Pictures, Views
from adv_core.serving.engine.noise import Noise
from adv_core.serving.engine.process import answers, default_engine
from adv_core.serving.engine.queue import EngineBusy, Job
from adv_core.serving.engine.work import Store, size_of
from adv_core.serving.limits import Limits
from adv_core.serving.threads import SpareCores
from adv_core.transforms.light import Brightness
from bench.naive_engine import NaiveEngine
from pages.lessons.speech.tasks import Clip, Hide, Listen, melody
from tests.paths import ROOT

DARKER = ((Brightness(), (-25 / 255,)),)


class Slow(nn.Module):
    """Counts, and takes a moment a pass, so that there is something to interrupt."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        super().__init__()
        self.passes = self.gradients = 0
        self.pause = 0.005

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        self.gradients += x.requires_grad
        time.sleep(self.pause)
        return torch.stack([x.mean((1, 2, 3)), -x.mean((1, 2, 3))], 1)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    network = Slow()
    monkeypatch.setattr(networks, "load_classifier", lambda *_, **__: network)
    return network


def until(happened: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def flat(level: int, side: int = 4) -> Pictures:
    """A picture of one grey."""
    return Pictures.of(np.full((side, side, 3), level, np.uint8))


def request_for(level: int = 128, **changes: object) -> Attack:
    request = Attack(flat(level), "slow", eps=(0.1,), steps=20)
    return replace(request, **changes)  # type: ignore[arg-type]


def flat_tensor() -> Tensor:
    return torch.full((1, 3, 4, 4), 128 / 255)


def look_at(level: int) -> Look:
    return Look(flat(level), "slow")


def test_another_epsilon_costs_fgsm_one_forward_pass(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    engine.compute(request_for(attack="fgsm"))
    before = slow.passes
    frames = engine.compute(request_for(attack="fgsm", eps=(0.2,)))
    assert slow.passes == before + 1 and slow.gradients == 1
    x = torch.full((1, 3, 4, 4), 128 / 255)
    expected = run(fgsm(slow, x, Linf(0.2), Untargeted(0)))
    assert np.array_equal(frames[-1].pixels[0], to_pixels(expected.adversarial))  # type: ignore[index]


def test_the_kept_gradient_is_the_picture_s_and_the_objective_s_own(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    engine.compute(request_for(attack="fgsm"))
    others = ({"label": 1}, {"objective": "margin"}, {"target": 1}, {"picture": flat(127)}, {"eps": (0.3,)})
    for count, other in enumerate(others, 1):
        engine.compute(request_for(attack="fgsm", **other))
        assert slow.gradients == 1 + min(count, 4)
    frames = engine.compute(request_for(attack="fgsm", label=1, eps=(0.3, 0.2)))  # two rows of one picture
    assert slow.gradients == 5
    expected = [to_pixels(run(fgsm(slow, flat_tensor(), Linf(eps), Untargeted(1))).adversarial) for eps in (0.3, 0.2)]
    assert np.array_equal(frames[-1].pixels, expected)  # type: ignore[arg-type]


def test_what_is_kept_has_a_bound_and_the_oldest_goes_first() -> None:
    store, part = Store(3 * size_of(bytes(1000))), bytes(1000)
    for key in "abc":
        store.put(key, part)
    assert store.get("a") == part
    store.put("d", part)
    assert [store.get(key) is not None for key in "abcd"] == [True, False, True, True]
    seen = time.monotonic()
    assert store.get("c") == part
    assert store.forget(seen) and not store.forget(seen)
    assert [store.get(key) is not None for key in "abcd"] == [False, False, True, False]
    store.put("c", bytes(10**6))
    assert store.get("c") is None  # too large to be kept


def test_frames_that_nobody_sees_are_not_computed(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    slow.pause, made = 0.0, []
    frames_of = attacks.frames_of

    def counted(step: Step, *arguments: Any) -> list[Frame]:
        made.append(step.index)
        return frames_of(step, *arguments)

    monkeypatch.setattr(attacks, "frames_of", counted)
    frames = LocalEngine("cpu").compute(request_for(steps=150, restarts=4))
    assert made == [frame.index for frame in frames]
    assert len(made) <= 201 and made[1] == 4 and made[-1] == 600


def test_looks_are_computed_together_and_each_gets_its_own(gate: "Gate") -> None:
    engine = LocalEngine("cpu", workers=1)
    first = engine.submit(look_at(255))
    until(lambda: first.place is None)
    two = Look(Pictures.of(np.stack([flat(10).pixels[0], flat(20).pixels[0]])), "slow")
    jobs = [engine.submit(two), engine.submit(look_at(30)), engine.submit(replace(look_at(40), chain=DARKER))]
    gate.open.set()
    for job, levels in zip(jobs, ((10, 20), (30,), (15,)), strict=True):
        (seen,) = job.result(60)
        np.testing.assert_allclose(seen.logits[:, 0] * 255, levels, atol=1e-4)
        assert seen.pixels.size == (48 if levels == (15,) else 0) and seen.logits.base is None
    assert gate.sizes == [1, 4]


def test_nothing_is_computed_twice(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    first = engine.compute(request_for())
    passes = slow.passes
    again = engine.submit(request_for())
    assert again.done and again.frames[-1] is first[-1] and slow.passes == passes


def test_equal_requests_at_the_same_time_are_computed_once(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    jobs = [engine.submit(request_for(steps=30)) for _ in range(4)]
    results = [job.result(60) for job in jobs]
    assert slow.passes == 31
    assert all([f.index for f in frames] == list(range(31)) for frames in results)


def test_when_the_first_of_equal_requests_stops_the_next_takes_over(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    first, second = engine.submit(request_for(steps=50)), engine.submit(request_for(steps=50))
    assert first.wait(3, 60) and second.wait(0, 60)
    first.cancel()
    assert [f.index for f in second.result(60)] == list(range(51))
    assert not first.finished


def test_pictures_on_the_way_keep_to_the_ball(classifier: Classifier, photo: Callable[[str], Tensor]) -> None:
    original = to_pixels(photo("pig"))
    request = Attack(Pictures.of(original), "efficientnet_lite0", "l2", (1.0,), label=341, steps=5)
    for frame in LocalEngine("cpu").compute(request):
        assert frame.pixels is not None
        change = (frame.pixels[0].astype(float) - original) / 255
        assert np.sqrt(np.square(change).sum()) <= 1.0


def test_a_cancelled_job_stops(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    job = engine.submit(request_for(steps=200))
    assert job.wait(0, 60)
    job.cancel()
    with pytest.raises(RuntimeError, match="stopped"):
        job.result(60)
    assert 0 < len(job.frames) < 200 and not job.finished


def test_an_abandoned_job_stops(slow: Slow) -> None:
    slow.pause = 0.02
    engine = LocalEngine("cpu", Limits(lease_seconds=1))
    job = engine.submit(request_for(steps=200))
    assert job.wait(0, 60)  # it runs, and then nobody looks any more
    until(lambda: job.done)  # looking at `done` alone is not a visit
    assert not job.finished and 0 < slow.passes < 200


@pytest.mark.parametrize("workers", [1, 2])
def test_a_long_job_does_not_keep_a_brief_one_waiting(slow: Slow, workers: int) -> None:
    engine = LocalEngine("cpu", workers=workers)
    long = engine.submit(request_for(steps=200))
    assert long.wait(0, 60)
    engine.compute(request_for(7, steps=3))
    assert not long.done
    long.cancel()


def test_epsilons_side_by_side_agree_with_each_alone(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    together = engine.compute(request_for(eps=(0.05, 0.2), pictures=False, steps=5))
    assert together[-1].pixels is None
    for row, eps in enumerate((0.05, 0.2)):
        alone = engine.compute(request_for(eps=(eps,), steps=5))
        np.testing.assert_allclose(together[-1].logits[row], alone[-1].logits[0], rtol=1e-5)


def test_the_worker_outlives_a_failure(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = LocalEngine("cpu")
    failing = engine.submit(request_for(label=9))
    with pytest.raises(RuntimeError, match="labels"):
        failing.result(60)

    def explode(_: Tensor) -> Tensor:
        raise KeyError("/a/secret/path")

    with monkeypatch.context() as patched:
        patched.setattr(slow, "forward", explode)
        with pytest.raises(RuntimeError, match="KeyError") as caught:
            engine.submit(request_for(3)).result(60)
        assert "secret" not in str(caught.value)
    assert engine.compute(request_for(4, steps=1))


@pytest.mark.parametrize(
    "bad",
    [
        {"steps": 1000},
        {"steps": -1},
        {"eps": ()},
        {"eps": (0.1,) * 99},
        {"eps": (float("nan"),)},
        {"eps": (float("inf"),)},
        {"eps": (-1.0,)},
        {"step_size": float("nan")},
        {"restarts": 0},
        {"restarts": 99},
        {"attack": "square", "queries": 10**9},
        {"attack": "rm -rf"},
        {"norm": "l7"},
        {"objective": "everything"},
        {"objective": "difference"},
        {"step": "sideways"},
        {"attack": "carlini_wagner", "norm": "linf"},
        {"picture": Pictures(b"x", 4, 4)},
        {"picture": Pictures(b"", 0, 0)},
        {"picture": Pictures(bytes(2 * 48), 4, 4)},
        {"picture": Pictures(bytes(3 * 2000 * 2000), 2000, 2000)},
        {"picture": Pictures(bytes(3 * 1000 * 1000), 1000, 1000), "eps": (0.1,) * 4},
    ],
)
def test_requests_are_checked(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        LocalEngine("cpu").submit(request_for(**bad))


def test_unknown_classifier_is_a_sentence() -> None:
    with pytest.raises(RuntimeError, match="no classifier"):
        LocalEngine("cpu").submit(request_for(classifier="nonsense")).result(60)


def test_results_are_forgotten_when_they_grow_too_large(slow: Slow) -> None:
    engine = LocalEngine("cpu", Limits(remembered_mib=1))
    for level in range(5):
        engine.compute(request_for(steps=1, picture=flat(level, 400)))
    assert len(engine._results) < 5


def test_a_network_and_gradients_that_nobody_uses_any_more_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(name: str, *_: object, **__: object) -> Slow:
        loaded.append(name)
        return Slow()

    monkeypatch.setattr(networks, "load_classifier", load)
    engine = LocalEngine("cpu")
    ask = request_for(attack="fgsm", steps=1)
    engine.compute(replace(ask, classifier=DEFAULT))
    engine.compute(ask)
    used = time.monotonic()
    engine.compute(replace(ask, eps=(0.2,)))
    engine.compute(replace(ask, eps=(0.2,), classifier=DEFAULT))
    assert loaded == [DEFAULT, "slow"]
    assert not engine.forget_unused(used)  # somebody has looked at it since
    engine.compute(replace(ask, eps=(0.3,)))
    assert loaded == [DEFAULT, "slow"]
    assert engine.forget_unused(time.monotonic())
    assert not engine.forget_unused(time.monotonic())
    engine.compute(replace(ask, eps=(0.4,)))
    engine.compute(replace(ask, eps=(0.4,), classifier=DEFAULT))
    assert loaded == [DEFAULT, "slow", "slow"]  # the default one stays


def test_the_default_network_that_nobody_uses_gives_its_packed_weights_back(
    classifier: Classifier, photo: Callable[[str], Tensor]
) -> None:
    engine = LocalEngine("cpu")

    def look(name: str) -> np.ndarray:
        return engine.compute(Look(Pictures.of(to_pixels(photo(name))), DEFAULT))[-1].logits

    pig = look("pig")
    assert isinstance(classifier.network, FastNetwork) and classifier.network._plans
    assert not engine.forget_unused(0.0) and classifier.network._plans
    assert engine.forget_unused(time.monotonic()) and not classifier.network._plans
    assert not engine.forget_unused(time.monotonic())
    look("koala")  # packs them anew
    assert classifier.network._plans
    np.testing.assert_array_equal(look("pig"), pig)


def test_a_large_result_that_nobody_asks_for_any_more_is_dropped(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = LocalEngine("cpu")
    small, large, shared = (request_for(steps=steps) for steps in (2, 10, 11))
    sizes = [size_of(engine.compute(each)) for each in (small, large, shared)]
    monkeypatch.setattr(queue, "SMALL_RESULT", sizes[0])
    made = time.monotonic()
    engine.compute(shared)
    assert engine.forget_unused(made) and not engine.forget_unused(made)
    known = [engine.submit(each) for each in (small, large, shared)]
    assert [job.done for job in known] == [True, False, True]


def test_one_engine_a_process() -> None:
    seen: list[LocalEngine] = []
    threads = [threading.Thread(target=lambda: seen.append(process.default_engine())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(e) for e in seen}) == 1


# ------------------------------------------------------------------------------------------------ many at a time


class Gate(Slow):
    """Waits at the first pass until it is opened, so that a queue can build up."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.sizes: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.open.wait(60)
        self.sizes.append(len(x))
        return super().forward(x)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    # What a page of another file has left to this process's engine would pass through this network, too.
    until(lambda: not process.computing(), 600)
    network = Gate()
    monkeypatch.setattr(networks, "load_classifier", lambda *_, **__: network)
    return network


def crowd(engine: LocalEngine, count: int, **changes: object) -> list[Job]:
    """That many learners, each with a picture of their own, behind one that is running already."""
    first = engine.submit(request_for(255, **changes), "first")
    until(lambda: first.place is None)
    return [first, *(engine.submit(request_for(10 * i, **changes), f"s{i}") for i in range(count))]


def test_compatible_requests_are_computed_together(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1))
    jobs = crowd(engine, 8, steps=5)
    gate.open.set()
    for job in jobs:
        job.result(60)
    assert gate.sizes == [1] * 6 + [8] * 6


class _Rounded(torch.autograd.Function):
    """x; its gradient is off by 10⁻⁴ of its length, for each number of rows in another direction."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        noise = torch.randn(g.shape, generator=torch.Generator().manual_seed(len(g)))
        return g + 1e-4 * g.square().mean((1, 2, 3), keepdim=True).sqrt() * noise


class OtherKernels(Gate):
    """A classifier on a processor with one kernel for one picture and another for four, as AVX-512 has them.

    They round differently, so a few ReLUs fall on the other side and a few components of the gradient change their
    sign: about 10 of 150 528, wherever this test runs.
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier, self.pause = classifier, 0.0

    def forward(self, x: Tensor) -> Tensor:
        super().forward(x)
        return self.classifier(_Rounded.apply(x))


@pytest.mark.slow
def test_a_row_of_a_batch_is_attacked_as_well_as_alone(
    classifier: Classifier, photo: Callable[[str], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a row shares with the same run alone on every processor. Pixels after several steps are not among it: the
    sign steps amplify what rounding has begun."""
    network = OtherKernels(classifier)
    monkeypatch.setattr(networks, "load_classifier", lambda *_, **__: network)
    base = Attack(flat(0), "efficientnet_lite0", attack="targeted", steps=8, random_start=True)
    wanted = [("pig", 106, 1), ("giant_panda", 368, 2), ("koala", 5, 0)]
    pictures = [to_pixels(photo(name)) for name, *_ in wanted]
    requests = [
        replace(base.with_pixels(pixels), eps=(levels / 255,), target=target, label=target + 1, seed=seed)
        for seed, (pixels, (_, target, levels)) in enumerate(zip(pictures, wanted, strict=True))
    ]
    engine = LocalEngine("cpu", Limits(max_groups=1))
    first = engine.submit(replace(requests[0], steps=2, seed=99), "x")
    until(lambda: first.place is None)
    jobs = [engine.submit(request, f"s{i}") for i, request in enumerate(requests)]
    network.open.set()
    together = [job.result(60) for job in jobs]
    assert max(network.sizes) == 3
    for request, ours in zip(requests, together, strict=True):
        alone = LocalEngine("cpu").compute(request)
        assert [frame.index for frame in ours] == [frame.index for frame in alone] == list(range(9))
        pixels = [[frame.pixels[0].astype(int) for frame in frames] for frames in (ours, alone)]  # type: ignore[index]
        # The same start, and a first step that rounding alone tells apart.
        assert np.array_equal(pixels[0][0], pixels[1][0])
        np.testing.assert_allclose(ours[0].logits, alone[0].logits, atol=1e-3)
        assert (pixels[0][1] != pixels[1][1]).mean() < 1e-3
        # Both hold the ball, and what is said of the end is true of these pixels.
        levels = round(request.eps[0] * 255)
        for frames, shown in zip((ours, alone), pixels, strict=True):
            assert all(np.abs(each - request.pixels).max() <= levels for each in shown)
            assert frames[-1].norms[0, 0] == np.abs(shown[-1] - request.pixels).max()
            x = from_pixels(shown[-1].astype(np.uint8))
            np.testing.assert_allclose(frames[-1].logits, classifier(x), atol=1e-3)
        # Neither is the weaker attack, and what is clear is clear in both.
        gained = [float(frames[-1].loss[0] - frames[0].loss[0]) for frames in (ours, alone)]
        assert gained[0] == pytest.approx(gained[1], rel=0.05, abs=1e-3)
        if levels:
            assert all(frames[-1].probabilities[0, request.target] > 0.8 for frames in (ours, alone))


def test_two_sessions_never_see_each_others_pictures(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1))
    jobs = crowd(engine, 12, steps=3, eps=(4 / 255,))
    gate.open.set()
    for job in jobs:
        for frame in job.result(60):
            assert frame.pixels is not None and frame.pixels.shape[0] == 1
            # the pictures are 10 levels apart: a neighbour's row would show
            assert np.abs(frame.pixels[0].astype(int) - job.request.pixels).max() <= 4
            assert frame.pixels.base is None  # no view into the batch of all


def test_the_queue_is_bounded_and_says_so(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1, max_queue=3))
    jobs = crowd(engine, 3)
    with pytest.raises(EngineBusy, match="try again"):
        engine.submit(request_for(200), "late")
    gate.open.set()
    assert all(job.result(60) for job in jobs)
    assert engine.submit(request_for(200), "late").result(60)


def test_the_place_in_the_line(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1, max_batch=1))
    jobs = crowd(engine, 3)
    places = [job.place for job in jobs]
    assert places[0] is None and [place[0] for place in places[1:] if place] == [0, 1, 2]
    seconds = [place[1] for place in places[1:] if place]
    assert seconds == sorted(seconds) and seconds[0] > 0
    gate.open.set()
    jobs[-1].result(60)
    assert jobs[-1].place is None


def test_a_sessions_newer_request_takes_the_place_of_the_waiting_one(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1))
    first, old = crowd(engine, 1)
    new = engine.submit(request_for(77), "s0")
    assert old.cancelled and not new.done
    gate.open.set()
    assert first.result(60) and new.result(60)
    assert not old.finished


def test_taking_back_a_shared_request_leaves_it_to_the_other_session(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1))
    crowd(engine, 0)
    mine, yours = engine.submit(request_for(50), "me"), engine.submit(request_for(50), "you")
    engine.submit(request_for(51), "me")
    assert mine.cancelled and not yours.cancelled
    gate.open.set()
    assert len(yours.result(60)) == 21


def test_a_cancelled_row_of_a_running_batch_does_not_hold_its_session_up(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=3))
    jobs = crowd(engine, 3, steps=150)
    gate.open.set()
    until(lambda: all(job.place is None for job in jobs))
    jobs[1].cancel()
    assert len(engine.submit(request_for(99, steps=3), "s0").result(60)) == 4
    assert not all(job.done for job in (jobs[0], jobs[2], jobs[3]))
    for job in jobs:
        job.cancel()


def test_a_curve_below_the_fold_waits_for_what_people_look_at(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1))
    curve = engine.submit(request_for(1, pictures=False, steps=100), "a")
    until(lambda: curve.place is None)
    looked_at = engine.submit(request_for(2, steps=5), "b")
    gate.open.set()
    assert len(looked_at.result(60)) == 6 and not curve.done
    assert len(curve.result(60)) == 101


def test_one_long_run_a_session(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=5))
    running = engine.submit(request_for(1, steps=5), "me")
    until(lambda: running.place is None)
    mine, yours = engine.submit(request_for(2, steps=7), "me"), engine.submit(request_for(3, steps=9), "you")
    until(lambda: yours.place is None)
    assert mine.place is not None  # there is room for it, but not for this session
    gate.open.set()
    assert [len(job.result(60)) for job in (running, mine, yours)] == [6, 8, 10]


def test_a_look_does_not_wait_for_the_line(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1))
    jobs = crowd(engine, 5, steps=50)
    gate.open.set()
    engine.compute(look_at(99), 60)
    assert not all(job.done for job in jobs)
    for job in jobs:
        job.cancel()


@pytest.mark.parametrize("workers", [1, 2])
def test_looks_do_not_keep_a_long_run_waiting_for_ever(slow: Slow, workers: int) -> None:
    engine = LocalEngine("cpu", workers=workers)
    long = engine.submit(request_for(1, steps=30), "long")
    levels = iter(range(2, 250))

    def look() -> None:
        for level in levels:
            if long.done:
                return
            engine.submit(look_at(level)).result(60)

    visitors = [threading.Thread(target=look) for _ in range(6)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert long.finished and next(levels, None) is not None


def test_a_run_that_has_had_its_share_keeps_nobody_out(slow: Slow) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1))
    endless = engine.submit(request_for(1, steps=200, restarts=10), "patient")
    until(lambda: endless.place is None)
    brief = engine.submit(request_for(2, steps=3), "in a hurry")
    assert brief.place is not None
    assert len(brief.result(60)) == 4 and not endless.done
    endless.cancel()


def test_ones_own_old_requests_do_not_fill_the_queue(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1, max_queue=3, max_batch=1))
    crowd(engine, 1)
    mine = [engine.submit(request_for(20 + i), "me") for i in range(6)]
    assert [job.cancelled for job in mine] == [True] * 5 + [False]
    yours = engine.submit(request_for(50), "you")
    assert mine[-1].place is not None and yours.place is not None and mine[-1].place[0] < yours.place[0]
    again = engine.submit(request_for(51), "me")  # in the same place of the line, before you
    assert again.place is not None and again.place[0] < yours.place[0]
    gate.open.set()
    assert again.result(60) and yours.result(60)


def test_a_curve_gets_its_turn_among_many_who_look(slow: Slow) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=2, max_batch=1), workers=1)
    stop = threading.Event()

    def visit(name: int) -> None:
        level = 0
        while not stop.is_set():
            level += 1
            engine.submit(request_for((30 * name + level % 30) % 256, steps=7 + level), f"s{name}").result(60)

    visitors = [threading.Thread(target=visit, args=(name,)) for name in range(4)]
    for visitor in visitors:
        visitor.start()
    curve = engine.submit(request_for(1, pictures=False, steps=10), "curve")
    frames = curve.result(60)
    stop.set()
    for visitor in visitors:
        visitor.join()
    assert len(frames) == 11


def test_who_shares_a_run_and_leaves_is_free(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=5))
    mine, yours = engine.submit(request_for(1, steps=90), "me"), engine.submit(request_for(1, steps=90), "you")
    until(lambda: mine.place is None)
    mine.cancel()
    new = engine.submit(request_for(2, steps=2), "me")
    gate.open.set()
    assert len(new.result(60)) == 3 and not yours.done
    yours.cancel()


def test_low_limits_leave_what_they_do_not_concern(slow: Slow) -> None:
    limits = Limits(max_steps=3, max_queries=2, max_restarts=1)
    engine = LocalEngine("cpu", limits)
    assert engine.compute(request_for(attack="fgsm", steps=40, queries=500, restarts=5))
    with pytest.raises(ValueError, match="steps"):
        engine.submit(request_for(steps=4))
    assert len(engine.compute(request_for(steps=3))) == 4


def test_large_pictures_on_the_way_are_few_and_are_not_remembered(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    slow.pause = 0.0
    monkeypatch.setattr(local, "MAX_RUN_BYTES", 2 * 2**20)
    engine = LocalEngine("cpu", Limits(remembered_mib=1))
    large = request_for(steps=100, picture=flat(7, 128))
    frames = engine.compute(large)
    shown = sum(frame.pixels.nbytes for frame in frames if frame.pixels is not None)
    assert 2**20 < shown <= 2 * 2**20 + 128 * 128 * 3
    assert frames[-1].index == 100
    passes = slow.passes
    engine.compute(large)
    assert slow.passes > passes


def test_a_finished_run_is_freed_when_nobody_looks_at_it(slow: Slow) -> None:
    engine = LocalEngine("cpu", Limits(remembered_mib=1))
    job = engine.submit(request_for())
    job.result(60)
    run = weakref.ref(job._run)
    gc.collect()
    gc.disable()
    try:
        del job
        assert run() is None  # at once, without the garbage collector
    finally:
        gc.enable()


def test_of_a_failing_batch_only_the_guilty_run_fails(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1))
    first = engine.submit(request_for(255), "first")
    until(lambda: first.place is None)
    good, bad = engine.submit(request_for(1), "good"), engine.submit(request_for(2, label=9), "bad")
    gate.open.set()
    assert [f.index for f in good.result(60)] == list(range(21))
    with pytest.raises(RuntimeError, match="labels"):
        bad.result(60)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), torch.cuda.OutOfMemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you …")],
)
def test_out_of_memory_is_a_sentence(slow: Slow, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def explode(_: Tensor) -> Tensor:
        raise error

    engine = LocalEngine("cpu")
    with monkeypatch.context() as patched:
        patched.setattr(slow, "forward", explode)
        with pytest.raises(RuntimeError, match="not enough memory"):
            engine.submit(request_for()).result(60)
    assert engine.compute(request_for())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_is_killed_leaves_nobody_waiting(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1))
    jobs = crowd(engine, 3)

    def die(_: Tensor) -> Tensor:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(gate, "forward", die)
        gate.open.set()
        for job in jobs[1:]:
            with pytest.raises(RuntimeError, match="interrupted"):
                job.result(60)
    assert engine.compute(request_for(5))  # a new worker


def test_workers_without_work_end_and_come_back(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "IDLE", 0.05)
    engine = LocalEngine("cpu", workers=2)
    forgotten = weakref.ref(engine)

    def workers() -> list[threading.Thread]:
        here = forgotten()
        return [] if here is None else here._alive

    for seed in range(3):
        assert engine.compute(request_for(seed))
        until(lambda: not workers())
    del engine
    until(lambda: gc.collect() >= 0 and forgotten() is None)  # a worker's last frame may still hold it for a moment


def test_a_closed_engine_ends_its_runs_and_takes_nothing(gate: Gate) -> None:
    engine = LocalEngine("cpu", Limits(max_groups=1))
    jobs, workers = crowd(engine, 3), list(engine._alive)
    closing = threading.Thread(target=engine.close)
    closing.start()
    until(lambda: engine._closed)
    gate.open.set()  # the present step may end now
    closing.join()
    assert not any(worker.is_alive() for worker in workers)
    for job in jobs[1:]:
        with pytest.raises(RuntimeError, match="interrupted"):
            job.result(60)
    with pytest.raises(EngineBusy, match="restarted"):
        engine.submit(request_for(5))


@pytest.mark.slow
def test_a_process_that_ends_in_the_middle_of_a_run_is_not_aborted() -> None:
    program = (
        "import numpy as np\n"
        "from adv_core.serving.engine.attack import Attack\n"
        "from adv_core.serving.engine.local import LocalEngine\n"
        "from adv_core.serving.engine.look import Pictures\n"
        "picture = Pictures.of(np.zeros((224, 224, 3), np.uint8))\n"
        "job = LocalEngine('cpu').submit(Attack(picture, 'efficientnet_lite0', eps=(0.1,), steps=200))\n"
        "assert job.wait(1, 120)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


def test_a_thousand_malformed_requests_hurt_nobody(slow: Slow) -> None:
    engine, rng = LocalEngine("cpu"), np.random.default_rng(0)
    good = engine.submit(request_for(9, steps=100))
    values: dict[str, list[object]] = {
        "attack": ["", "pgd", "fgsm", "é", "square", "targeted"],
        "norm": ["l9", "linf", ""],
        "objective": ["ce", "margin", "dlr"],
        "label": [0, -1, 10**9],
        "target": [None, 5, -3],
        "steps": [-1, 3, 10**9],
        "eps": [(), (0.1,), (float("nan"),), (-1.0,)],
        "classifier": ["slow", "../etc", ""],
        "mask": [b"", b"12"],
    }
    refused = failed = 0
    for _ in range(1000):
        changes = {name: options[rng.integers(len(options))] for name, options in values.items()}
        try:
            engine.compute(request_for(int(rng.integers(256)), **changes), 60)
        except ValueError:
            refused += 1
        except RuntimeError:
            failed += 1
    assert refused > 500 and failed > 0 and good.result(60)


def test_a_lone_run_is_not_kept_waiting_for_others(slow: Slow) -> None:
    assert len(LocalEngine("cpu").submit(request_for(), "me").result(60)) == 21


def test_naive_engine_gives_the_same(slow: Slow) -> None:
    ours, naive = LocalEngine("cpu").compute(request_for()), NaiveEngine("cpu").compute(request_for())
    assert [f.index for f in ours] == [f.index for f in naive]
    assert np.array_equal(ours[-1].pixels, naive[-1].pixels)  # type: ignore[arg-type]


def test_ready_only_when_the_default_classifier_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = LocalEngine("cpu")
    assert answers(engine, 60)

    def dead(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(networks, "load_classifier", dead)
    assert not answers(LocalEngine("cpu"), 60) and answers(engine, 60)


def test_an_unknown_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_engine", None)
    monkeypatch.setenv("ADV_ENGINE", "warp")
    with pytest.raises(ValueError, match="ADV_ENGINE"):
        default_engine()


def test_many_draws_of_noise_come_one_by_one(classifier: Classifier, photo: Callable[[str], Tensor]) -> None:
    noise = Noise(Pictures.of(to_pixels(photo("pig"))), "efficientnet_lite0", "linf", (8 / 255,), 341, 5, draws=4)
    frames = LocalEngine("cpu").compute(noise)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    for draw, frame in enumerate(frames[1:]):
        alone = LocalEngine("cpu").compute(replace(noise, seed=5 + draw, draws=1))[-1]
        assert np.array_equal(frame.pixels, alone.pixels)  # type: ignore[arg-type]
        assert frame.norms[0, 0] == 8


def test_a_mask_holds_for_every_kind_of_run(slow: Slow) -> None:
    engine, mask = LocalEngine("cpu"), np.zeros((4, 4), bool)
    mask[1:3, 2] = True
    attacks = [request_for(attack=attack, steps=3) for attack in ("pgd", "fgsm", "smallest")]
    for request in (*attacks, Noise(flat(128), "slow", eps=(0.1,))):
        request = request.with_mask(mask)
        assert np.array_equal(request.allowed, mask)
        pixels = engine.compute(request)[-1].pixels
        assert pixels is not None
        changed = (pixels[0] != request.pixels).any(2)
        assert changed.any() and not changed[~mask].any()
    assert request_for().allowed.all()
    assert engine.compute(request_for())[-1].norms[0, 0] > 0  # a mask is part of what makes requests equal


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"mask": b"\1"}, "mask"),
        ({"seed": -1}, "seed"),
        ({"seed": 10**30}, "seed"),
    ],
)
def test_what_makes_no_sense_is_refused(slow: Slow, changes: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        LocalEngine("cpu").submit(request_for(**changes))


def test_a_run_that_averages_over_views_tells_of_the_picture_itself(
    classifier: Classifier, photo: Callable[[str], Tensor]
) -> None:
    picture = Pictures.of(to_pixels(photo("pig")))
    request = Attack(picture, "efficientnet_lite0", eps=(4 / 255,), attack="targeted", target=106, steps=2, views=2)
    engine = LocalEngine("cpu")
    frames = engine.compute(request)
    pixels = frames[-1].pixels
    assert pixels is not None and len(frames) == 3
    np.testing.assert_allclose(frames[-1].logits, classifier(from_pixels(pixels[0])), atol=1e-3)
    plain = engine.compute(replace(request, views=0))[-1].pixels
    assert plain is not None and not np.array_equal(pixels, plain)
    look = Views(Pictures.of(pixels[0]), "efficientnet_lite0", draws=6, seed=1)
    seen = engine.compute(look)[-1].logits
    assert seen.shape == (6, 1000) and np.ptp(seen[:, 106]) > 0.1
    np.testing.assert_allclose(LocalEngine("cpu").compute(look)[-1].logits, seen, atol=1e-3)
    for changes in ({"attack": "fgsm"}, {"views": 10**6}, {"views": -1}):
        with pytest.raises(ValueError, match="views"):
            engine.submit(replace(request, **changes))  # type: ignore[arg-type]


def test_a_task_gets_no_more_threads_than_it_can_use(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    monkeypatch.setattr(SpareCores, "count", lambda self: 4)
    LocalEngine("cpu", workers=1).compute(Hide(Clip.of(melody(0.5)), "a", steps=2))
    assert set(given) == {1}
    given.clear()
    LocalEngine("cpu", workers=1).compute(Listen(Clip.of(melody(0.5))))
    assert set(given) == {4}


def test_workers_that_begin_later_have_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new thread of torch's gets the number that any thread has set last."""
    given: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: given[-1] if given else 4)
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    monkeypatch.setattr(SpareCores, "count", lambda self: 4)
    monkeypatch.setattr(local, "IDLE", 0.01)
    engine = LocalEngine("cpu", workers=1)
    monkeypatch.setattr(SpareCores, "count", lambda self: 1)
    engine.compute(Listen(Clip.of(melody(0.5))))
    monkeypatch.setattr(SpareCores, "count", lambda self: 4)
    for worker in engine._alive:
        worker.join(60)
    engine.compute(Listen(Clip.of(melody(0.6))))
    assert given[-1] == 4 and engine.threads == 4


class Whereabouts(Slow):
    """Notes which thread computes."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()
        self.pause = 0.001

    def forward(self, x: Tensor) -> Tensor:
        self.threads.add(threading.get_ident())
        return super().forward(x)


def test_a_batch_that_is_alone_is_always_computed_by_the_same_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Whereabouts()
    monkeypatch.setattr(networks, "load_classifier", lambda *_, **__: network)
    engine = LocalEngine("cpu", workers=2)
    for level in range(10):
        engine.compute(request_for(level, steps=3))
    assert len(network.threads) == 1
    jobs = [engine.submit(request_for(level, steps=50 + level)) for level in range(2)]  # two batches
    for job in jobs:
        job.result(60)
    assert len(network.threads) == 2
