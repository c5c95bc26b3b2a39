import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from adv_core import Classifier, Linf, Targeted, Untargeted, fgsm, pgd, run
from adv_core import engine as engine_module
from adv_core.engine import LocalEngine, Request
from adv_core.images import to_pixels


class Slow(nn.Module):
    """Counts, and takes a moment a pass, so that there is something to interrupt."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        time.sleep(0.005)
        return torch.stack([x.mean((1, 2, 3)), -x.mean((1, 2, 3))], 1)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    network = Slow()
    monkeypatch.setattr(engine_module, "load_classifier", lambda *_, **__: network)
    return network


def request_for(level: int = 128, **changes: object) -> Request:
    request = Request(b"", 0, 0, "slow", "pgd", eps=(0.1,), steps=20)
    return replace(request.with_pixels(np.full((4, 4, 3), level, np.uint8)), **changes)  # type: ignore[arg-type]


def test_frames_are_the_solvers_steps(classifier: Classifier, photo: Callable[[str], Tensor]) -> None:
    x = photo("pig")
    request = Request(b"", 0, 0, "efficientnet_lite0", "pgd", eps=(2 / 255,), objective="targeted", target=106, steps=4)
    frames = LocalEngine("cpu").compute(request.with_pixels(to_pixels(x)))
    result = run(pgd(classifier, x, Linf(2 / 255), Targeted(106), steps=4))
    assert [f.index for f in frames] == [0, 1, 2, 3, 4]
    assert np.array_equal(frames[-1].pixels[0], to_pixels(result.adversarial))  # type: ignore[index]
    np.testing.assert_allclose(frames[-1].logits, result.logits, atol=1e-4)
    np.testing.assert_allclose(frames[-1].probabilities.sum(1), 1)


def test_another_epsilon_costs_fgsm_one_forward_pass(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    engine.compute(request_for(attack="fgsm", steps=1))
    before = slow.passes
    frames = engine.compute(request_for(attack="fgsm", steps=1, eps=(0.2,)))
    assert slow.passes == before + 1
    x = torch.full((1, 3, 4, 4), 128 / 255)
    expected = run(fgsm(slow, x, Linf(0.2), Untargeted(0)))
    assert np.array_equal(frames[-1].pixels[0], to_pixels(expected.adversarial))  # type: ignore[index]


def test_nothing_is_computed_twice(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    first = engine.compute(request_for())
    passes = slow.passes
    again = engine.submit(request_for())
    assert again.done and again.frames[-1] is first[-1] and slow.passes == passes


def test_equal_requests_at_the_same_time_are_computed_once(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    jobs = [engine.submit(request_for(steps=30)) for _ in range(4)]
    results = [job.result(20) for job in jobs]
    assert slow.passes == 31
    assert all([f.index for f in frames] == list(range(31)) for frames in results)


def test_when_the_first_of_equal_requests_stops_the_next_takes_over(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    first, second = engine.submit(request_for(steps=50)), engine.submit(request_for(steps=50))
    assert first.wait(3, 10) and second.wait(0, 10)
    first.cancel()
    assert [f.index for f in second.result(20)] == list(range(51))
    assert not first.finished


def test_pictures_on_the_way_keep_to_the_ball(classifier: Classifier, photo: Callable[[str], Tensor]) -> None:
    original = to_pixels(photo("pig"))
    request = Request(b"", 0, 0, "efficientnet_lite0", "pgd", norm="l2", eps=(1.0,), label=341, steps=5)
    for frame in LocalEngine("cpu").compute(request.with_pixels(original)):
        assert frame.pixels is not None
        change = (frame.pixels[0].astype(float) - original) / 255
        assert np.sqrt(np.square(change).sum()) <= 1.0


def test_a_cancelled_job_stops(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    job = engine.submit(request_for(steps=200))
    assert job.wait(0, 10)
    job.cancel()
    with pytest.raises(RuntimeError, match="stopped"):
        job.result(10)
    assert 0 < len(job.frames) < 200 and not job.finished


def test_an_abandoned_job_stops(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "LEASE_SECONDS", 0.1)
    engine = LocalEngine("cpu")
    job = engine.submit(request_for(steps=200))
    while not job.done:  # looking at `done` alone is not a visit
        time.sleep(0.05)
    assert not job.finished and slow.passes < 200


def test_a_long_job_does_not_keep_a_short_one_waiting(slow: Slow) -> None:
    engine = LocalEngine("cpu")
    long = engine.submit(request_for(steps=200))
    assert long.wait(0, 10)
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
        failing.result(10)

    def explode(_: Tensor) -> Tensor:
        raise KeyError("/a/secret/path")

    with monkeypatch.context() as patched:
        patched.setattr(slow, "forward", explode)
        with pytest.raises(RuntimeError, match="KeyError") as caught:
            engine.submit(request_for(3)).result(10)
        assert "secret" not in str(caught.value)
    assert engine.compute(request_for(4, steps=1))


@pytest.mark.parametrize("bad", [{"steps": 1000}, {"steps": -1}, {"eps": ()}, {"eps": (0.1,) * 99}, {"image": b"x"}])
def test_requests_are_checked(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        LocalEngine("cpu").submit(request_for(**bad))


def test_unknown_classifier_is_a_sentence() -> None:
    with pytest.raises(RuntimeError, match="no classifier"):
        LocalEngine("cpu").submit(request_for(classifier="nonsense")).result(10)


def test_results_are_forgotten_when_they_grow_too_large(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_REMEMBERED_BYTES", 500)
    engine = LocalEngine("cpu")
    for level in range(5):
        engine.compute(request_for(level, steps=5))
    assert len(engine._results) < 5


def test_one_engine_a_process() -> None:
    seen: list[LocalEngine] = []
    threads = [threading.Thread(target=lambda: seen.append(engine_module.default_engine())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(e) for e in seen}) == 1
