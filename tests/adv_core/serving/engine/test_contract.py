"""What every engine promises: the same tests for the one in this process and for one on a real cluster on loopback."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from adv_core import Classifier, Linf, Targeted, pgd, run
from adv_core.images import to_pixels
from adv_core.serving.engine import process
from adv_core.serving.engine.attack import Attack
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.process import answers, default_engine
from adv_core.serving.engine.queue import Engine, EngineBusy, EngineUnavailable, Job, SharedQueue
from adv_core.serving.limits import Limits
from tests.adv_core.serving.engine.slow_work import Count, Slow, counted, traced
from tests.paths import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::FutureWarning:ray")
SOON = 120.0  # seconds: what has not happened by then does not happen, not even on a busy machine
PATIENT = {"lease_seconds": int(SOON)}  # no run is given up because a busy machine keeps the test from looking at it
Make = Callable[..., Engine]

# Nobody else on this machine may join the cluster. Replicas inherit the path, and find this module's work there.
# Ray gives its workers a low priority (15): beside busy programs a replica would start within minutes, not seconds.
os.environ |= {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_worker_niceness": "0",
}
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def until(happened: Callable[[], object], what: str, pause: float = 0.02) -> None:
    end = time.monotonic() + SOON
    while not happened():
        assert time.monotonic() < end, f"{what} does not happen"
        time.sleep(pause)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One replica on this machine, and a second one under load: each of them has to load torch. It is deployed once,
    since Serve replaces all replicas at each deployment."""
    if not os.environ.get("REQUIRE_RAY"):
        pytest.importorskip("ray", reason="no Ray on this machine")
    import ray
    from ray import serve

    from adv_core.serving.engine.cluster import Cluster, deploy

    settings = {"cpus": 0.5, "target": 2, "upscale_seconds": 2.0, "downscale_seconds": 2.0}
    try:
        begin()
        deploy(Cluster(min_replicas=1, max_replicas=2, **settings))  # type: ignore[arg-type]
        yield
    finally:
        serve.shutdown()  # first: what is left of it in this process would go on asking a cluster that has gone
        ray.shutdown()


def begin() -> None:
    """Ray gives its own processes 30 s to start, which are too few on a very busy machine."""
    import ray

    for attempt in range(3):
        try:
            ray.init("local", num_cpus=1, include_dashboard=False, object_store_memory=80 * 2**20, log_to_driver=False)
            return
        except Exception as error:
            ray.shutdown()
            if attempt == 2 or "timed out during startup" not in str(error):
                raise


def running() -> dict[str, int]:
    """The cluster's replicas, by state."""
    from ray import serve

    from adv_core.serving.engine.cluster import APP

    states = serve.status().applications[APP].deployments["Replica"].replica_states
    return {str(state): count for state, count in states.items()}


@pytest.fixture
def on_cluster(cluster: None) -> Iterator[Make]:
    from ray import serve

    from adv_core.serving.engine.cluster import APP, RayServeEngine

    made: list[RayServeEngine] = []

    def one(**limits: int) -> RayServeEngine:
        made.append(RayServeEngine(serve.get_app_handle(APP), Limits(**PATIENT | limits)))
        return made[-1]

    yield one
    for engine in made:
        engine.close()


@pytest.fixture(params=["local", "ray"])
def make(request: pytest.FixtureRequest) -> Make:
    """An engine with such limits."""
    if request.param == "ray":
        made: Make = request.getfixturevalue("on_cluster")
        return made
    return lambda **limits: LocalEngine("cpu", Limits(**PATIENT | limits), workers=1)


def many(engine: Engine, folder: Path, learners: int, turn: float = 0.03) -> list[Job[Count]]:
    """Each has work of their own, that waits for a file after its first record."""
    works = [Slow(str(folder / f"{i}"), gate=str(folder / "gate"), turn=turn) for i in range(learners)]
    return [engine.submit(work, f"s{i}") for i, work in enumerate(works)]


def test_frames_are_the_solvers(make: Make, classifier: Classifier, photo: Callable[[str], Tensor]) -> None:
    x = photo("pig")
    attack = Attack(Pictures.of(to_pixels(x)), "efficientnet_lite0", eps=(2 / 255,), target=106, steps=4)
    engine = make()
    frames = engine.submit(attack, "me").result(SOON)
    expected = run(pgd(classifier, x, Linf(2 / 255), Targeted(106), steps=4))
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert np.array_equal(frames[-1].pixels[0], to_pixels(expected.adversarial))  # type: ignore[index]
    np.testing.assert_allclose(frames[-1].logits, expected.logits, atol=1e-4)
    np.testing.assert_allclose(frames[-1].probabilities.sum(1), 1, rtol=1e-6)
    assert engine.device == "cpu" and engine.threads >= 1
    frames[-1].logits[0, 0] = 1  # the page's own array, not a view into somebody's memory
    assert answers(engine, SOON)


def test_records_appear_while_it_runs(make: Make, tmp_path: Path) -> None:
    (job,) = many(make(), tmp_path, 1)
    assert job.wait(0, SOON) and counted(job.frames) == [0]
    assert not job.done and job.place is None
    (tmp_path / "gate").touch()
    assert counted(job.result(SOON)) == [0, 1, 2, 3, 4] and job.finished


def test_equal_requests_are_computed_once(make: Make, tmp_path: Path) -> None:
    engine, work = make(), Slow(str(tmp_path / "trace"), count=20)
    jobs = [engine.submit(work, f"s{i}") for i in range(4)]
    assert all(len(job.result(SOON)) == 20 for job in jobs)
    again = engine.submit(work, "late")
    assert again.done and again.frames[-1] is jobs[0].frames[-1]
    assert traced(tmp_path / "trace") == list(range(20))


def test_an_engine_that_drains_finishes_what_runs_and_takes_nothing_new(make: Make, tmp_path: Path) -> None:
    known = Slow(str(tmp_path / "known"))
    engine = make(max_groups=1)
    engine.submit(known, "early").result(SOON)
    (running,) = many(engine, tmp_path, 1)
    assert running.wait(0, SOON)
    waiting = engine.submit(Slow(str(tmp_path / "next")), "s0")  # after this session's first
    assert isinstance(engine, SharedQueue) and not engine.drain(0.01)
    with pytest.raises(RuntimeError, match="restarted"):
        waiting.result(SOON)
    with pytest.raises(EngineBusy, match="restarted"):
        engine.submit(Slow(str(tmp_path / "new")), "new")
    assert not answers(engine)
    assert engine.submit(known, "late").finished  # costs nothing
    (tmp_path / "gate").touch()
    assert engine.drain(SOON) and counted(running.result(SOON)) == [0, 1, 2, 3, 4]
    assert traced(tmp_path / "next") == traced(tmp_path / "new") == []


def test_a_session_starts_so_many_runs_in_a_minute(make: Make, tmp_path: Path) -> None:
    engine = make(max_runs_per_minute=2)
    works = [Slow(str(tmp_path / str(i)), count=1) for i in range(3)]
    for work in (works[0], works[1], works[0]):  # what is known already does not count
        engine.submit(work, "eager").result(SOON)
    with pytest.raises(EngineBusy, match="within a minute"):
        engine.submit(works[2], "eager")
    assert engine.submit(works[2], "other").result(SOON)
    assert engine.submit(Slow(str(tmp_path / "probe"), count=1)).result(SOON)  # no session: the host's own


def stops(trace: Path) -> None:
    """It is computed no further."""
    last = [-1.0, time.monotonic()]

    def still() -> bool:
        if len(traced(trace)) != last[0]:
            last[:] = [len(traced(trace)), time.monotonic()]
        return time.monotonic() - last[1] > 0.5

    until(still, "the end")
    assert 0 < last[0] < 200


def test_a_cancelled_job_stops(make: Make, tmp_path: Path) -> None:
    job = make().submit(Slow(str(tmp_path / "trace"), count=200, pause=0.05), "me")
    assert job.wait(0, SOON)
    job.cancel()
    with pytest.raises(RuntimeError, match="stopped"):
        job.result(SOON)
    stops(tmp_path / "trace")


def test_an_abandoned_job_stops(make: Make, tmp_path: Path) -> None:
    job = make(lease_seconds=1).submit(Slow(str(tmp_path / "trace"), count=200, pause=0.05), "me")
    assert job.wait(0, SOON)
    until(lambda: job.done, "the end of the lease")  # looking at `done` alone is not a visit
    assert not job.finished
    stops(tmp_path / "trace")


def test_when_the_first_of_equal_requests_stops_the_next_goes_on(make: Make, tmp_path: Path) -> None:
    engine, work = make(), Slow(str(tmp_path / "trace"), count=40)
    first, second = engine.submit(work, "one"), engine.submit(work, "two")
    assert first.wait(0, SOON)
    first.cancel()
    assert len(second.result(SOON)) == 40 and not first.finished


@pytest.mark.parametrize("count", [1, 5])  # short work and long
def test_a_failure_is_a_sentence(make: Make, tmp_path: Path, count: int) -> None:
    engine = make()
    with pytest.raises(RuntimeError, match="cannot be counted"):
        engine.submit(Slow(str(tmp_path / "a"), count, fails="value")).result(SOON)
    with pytest.raises(RuntimeError, match="KeyError") as caught:
        engine.submit(Slow(str(tmp_path / "b"), count, fails="/a/secret/path")).result(SOON)
    assert "secret" not in str(caught.value)
    assert len(engine.submit(Slow(str(tmp_path / "c"), count)).result(SOON)) == count


def test_an_unknown_classifier_is_a_sentence(make: Make) -> None:
    attack = Attack(Pictures.of(np.zeros((4, 4, 3), np.uint8)), "nonsense")
    with pytest.raises(RuntimeError, match="no classifier"):
        make().submit(attack).result(SOON)


def test_limits_are_enforced(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="count"):
        make(max_steps=10).submit(Slow(str(tmp_path / "trace"), count=11))
    assert not traced(tmp_path / "trace")


def test_the_queue_is_bounded_and_says_so(make: Make, tmp_path: Path) -> None:
    engine, jobs = make(max_queue=6), []
    with pytest.raises(EngineBusy, match="try again"):
        for i in range(100):
            jobs.append(engine.submit(Slow(str(tmp_path / f"{i}"), gate=str(tmp_path / "gate")), f"s{i}"))
    (tmp_path / "gate").touch()
    assert len(jobs) >= 6 and all(len(counted(job.result(SOON))) == 5 for job in jobs)
    assert engine.submit(Slow(str(tmp_path / "late"))).result(SOON)


def test_a_sessions_newer_request_takes_the_place_of_the_waiting_one(make: Make, tmp_path: Path) -> None:
    engine, gate = make(), str(tmp_path / "gate")
    works = [Slow(str(tmp_path / name), gate=gate) for name in ("running", "old", "new")]
    running = engine.submit(works[0], "me")
    assert running.wait(0, SOON)
    old, yours = engine.submit(works[1], "me"), engine.submit(works[1], "you")
    new = engine.submit(works[2], "me")
    assert old.cancelled and not yours.cancelled and not new.done
    Path(gate).touch()
    assert all(len(counted(job.result(SOON))) == 5 for job in (running, new, yours))


def test_what_was_replaced_is_not_computed(make: Make, tmp_path: Path) -> None:
    engine = make()
    running = engine.submit(Slow(str(tmp_path / "a"), gate=str(tmp_path / "gate")), "me")
    assert running.wait(0, SOON)
    old = engine.submit(Slow(str(tmp_path / "b")), "me")
    new = engine.submit(Slow(str(tmp_path / "c")), "me")
    assert old.cancelled
    (tmp_path / "gate").touch()
    assert running.result(SOON) and new.result(SOON) and not traced(tmp_path / "b")


def test_short_work_does_not_wait_for_the_line(make: Make, tmp_path: Path) -> None:
    engine = make()
    jobs = many(engine, tmp_path, 30)
    until(lambda: any(job.frames for job in jobs), "the first record")
    assert len(engine.submit(Slow(str(tmp_path / "look"), count=1), "visitor").result(SOON)) == 1
    assert not any(job.done for job in jobs)
    for job in jobs:
        job.cancel()
    (tmp_path / "gate").touch()


def test_the_place_in_the_line(make: Make, tmp_path: Path) -> None:
    # A batch that has had its share of turns lets others in: here each turn is so long that none has.
    jobs = many(make(), tmp_path, 24, turn=SOON)
    until(lambda: any(job.frames for job in jobs), "the first record")
    last = jobs[-1].place
    assert last is not None and last[0] > 0 and last[1] > 0
    (tmp_path / "gate").touch()
    for job in jobs[:-1]:
        job.cancel()
    assert jobs[-1].result(SOON) and jobs[-1].place is None


# ------------------------------------------------------------------------------------------------ the cluster alone


def test_what_an_app_that_was_killed_has_asked_for_stops(cluster: None, tmp_path: Path) -> None:
    import ray

    program = (
        "import os, signal\n"
        "from adv_core.serving.engine.cluster import Cluster, RayServeEngine\n"
        "from adv_core.serving.limits import Limits\n"
        "from tests.adv_core.serving.engine.slow_work import Slow\n"
        f"cluster = Cluster({ray.get_runtime_context().gcs_address!r})\n"
        "engine = RayServeEngine.connected(cluster, Limits(lease_seconds=2))\n"
        f"job = engine.submit(Slow({str(tmp_path / 'trace')!r}, count=200, pause=0.05), 'me')\n"
        "assert job.wait(0, 30) and job.frames, job.error\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    app = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=2 * SOON)
    assert app.returncode == -signal.SIGKILL
    stops(tmp_path / "trace")


def both_busy(jobs: list[Job[Count]]) -> set[int]:
    """The processes of the two replicas, once each of them computes something."""

    def machines() -> set[int]:
        return {job.frames[0].pid for job in jobs if job.frames}

    until(lambda: len(machines()) == 2, "work for a second replica")
    return machines()


def test_replicas_come_with_the_load(on_cluster: Make, tmp_path: Path) -> None:
    jobs = many(on_cluster(), tmp_path, 40)
    both_busy(jobs)  # those that waited here go to the new one, too
    assert running()["RUNNING"] == 2
    (tmp_path / "gate").touch()
    assert all(counted(job.result(SOON)) == list(range(5)) for job in jobs)


def test_a_replica_that_is_killed_costs_one_sentence_each(on_cluster: Make, tmp_path: Path) -> None:
    jobs = many(on_cluster(), tmp_path, 40)
    victim = min(both_busy(jobs))
    os.kill(victim, signal.SIGKILL)
    until(lambda: any(job.error for job in jobs), "the sentence")
    (tmp_path / "gate").touch()
    gone = [job for job in jobs if job.frames and job.frames[0].pid == victim]
    rest = [job for job in jobs if job not in gone]
    assert gone and rest
    for job in gone:
        with pytest.raises(RuntimeError, match="has gone"):
            job.result(SOON)
    for job in rest:  # also those that waited there: nothing of them had been shown
        assert counted(job.result(SOON)) == list(range(5))
    again = on_cluster().submit(gone[0].request, "retry")
    assert counted(again.result(SOON)) == list(range(5))


def test_replicas_go_with_the_load(on_cluster: Make, tmp_path: Path) -> None:
    until(lambda: running() == {"RUNNING": 1}, "one replica again", 0.2)  # each time, the cluster has to compute
    assert on_cluster().submit(Slow(str(tmp_path / "after")), "me").result(SOON)


# ---------------------------------------------------------------------------------------------------- without a cluster


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(process, "_engine", None)
    monkeypatch.setattr(process, "_missed", None)
    monkeypatch.setenv("ADV_ENGINE", "ray")
    return monkeypatch


def test_without_ray_there_is_a_sentence(no_engine: pytest.MonkeyPatch) -> None:
    no_engine.setitem(sys.modules, "adv_core.serving.engine.cluster", None)
    with pytest.raises(EngineUnavailable, match="pip install"):
        default_engine()
    assert not process.ready()


def test_without_ray_this_machine_computes_if_the_host_wants_it(no_engine: pytest.MonkeyPatch) -> None:
    no_engine.setitem(sys.modules, "adv_core.serving.engine.cluster", None)
    no_engine.setenv("ADV_ENGINE_FALLBACK", "local")
    assert isinstance(default_engine(), LocalEngine)


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_given_up() -> None:
    """Where nobody listens, and where somebody accepts and says nothing. In a process of its own, which may not have
    joined a cluster; in one for both, since it takes seconds to import Ray."""
    if not os.environ.get("REQUIRE_RAY"):
        pytest.importorskip("ray", reason="no Ray on this machine")
    program = (
        "import os, sys\n"
        "from adv_core.serving.engine import process\n"
        "from adv_core.serving.engine.queue import EngineUnavailable\n"
        "for os.environ['ADV_RAY_ADDRESS'] in sys.argv[1:]:\n"
        "    process._missed = None\n"
        "    try:\n"
        "        process.default_engine()\n"
        "    except EngineUnavailable as error:\n"
        "        print(error, flush=True)\n"
        "os._exit(0)\n"  # past what Ray may still be trying
    )
    with socket.socket() as closed, socket.socket() as silent:
        for each in (closed, silent):
            each.bind(("127.0.0.1", 0))
        silent.listen()
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in (closed, silent)]
        environment = {**os.environ, "ADV_ENGINE": "ray", "ADV_RAY_TIMEOUT": "2"}
        answer = subprocess.run(
            [sys.executable, "-c", program, *addresses],
            cwd=ROOT,
            env=environment,
            timeout=2 * SOON,
            capture_output=True,
            text=True,
        )
    assert answer.returncode == 0, answer.stderr
    said = answer.stdout.splitlines()
    assert len(said) == 2, answer.stderr
    for line, address in zip(said, addresses, strict=True):
        assert line.startswith(f"The cluster at {address} does not answer")
