"""The engine on a cluster: Ray Serve keeps replicas of `ServedReplica`, each with a local engine and its networks.

    ray start --head                                  # on one machine; `ray start --address=...` on the others
    python -m adv_core.serving.engine.cluster deploy              # or let the first app do it
    ADV_ENGINE=ray streamlit run app.py               # on a machine of the cluster (`--num-cpus=0` lends no core to it)

| variable | default | meaning |
|---|---|---|
| `ADV_RAY_ADDRESS` | auto | host:port of the cluster's head; "auto" is the cluster of this machine |
| `ADV_RAY_TIMEOUT` | 20 | seconds to wait for the cluster's answer |
| `ADV_RAY_MIN_REPLICAS`, `ADV_RAY_MAX_REPLICAS` | 1, 4 | replicas, by load |
| `ADV_RAY_TARGET` | 6 | runs of one replica above which another one is started |
| `ADV_RAY_UPSCALE_SECONDS` | 5 | seconds for which the load has to last for that |
| `ADV_RAY_DOWNSCALE_SECONDS` | 300 | seconds without that load after which a replica is stopped |
| `ADV_RAY_CPUS`, `ADV_RAY_GPUS` | 2, 0 | of one replica; 0.25 GPUs put four replicas on one |

An app keeps the queue of its own sessions and lets only a few long runs wait in the cluster, so that a newer request of
a session can replace the waiting one, and a new replica finds work. Serve chooses the replica of a run: of two, the one
with fewer runs. Equal or compatible requests are deliberately not sent to the same replica. Equal ones are already one
run in the app. The requests of a class with the same exercise are all compatible: they would all be on one replica,
while the others are idle.

Everybody who can reach Ray's ports can run programs there, so a cluster needs a network of its own, with
`RAY_AUTH_MODE=token` on all of its machines. Results can be streamed only to a machine that has joined the cluster, so
`ray://` is refused.
"""

import argparse
import asyncio
import logging
import os
import secrets
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

# Set before Ray is imported. The second one matters because Ray ends the whole process, and with it all pages, when the
# head is away for more than a minute.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", "86400")

import ray
from ray import serve
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle

from adv_core.serving import metrics
from adv_core.serving.engine.queue import BUSY, STOPPED, EngineUnavailable, Run, SharedQueue
from adv_core.serving.engine.replica import HEARTBEAT, News, Replica, unpack
from adv_core.serving.engine.work import Task
from adv_core.serving.limits import LIMITS, Limits
from adv_core.serving.threads import WAITING

APP = "adversarial-lab"
WINDOW = 12  # long runs of one app that wait in the cluster; the others wait in the app
CALLS = 64  # of one replica at a time
PATIENCE = 60.0  # seconds until a replica begins, which may have to be started first
CLOSING = 10.0  # seconds for the end of the connection
GONE = "The machine that computed this has gone. Please try again."
NOBODY = "No machine of the cluster is free just now. Please try again in a moment."
LOST = (RayActorError, TimeoutError, StopAsyncIteration)  # the last: a stream that ends before the run does
_QUIET = {"log_level": "WARNING", "enable_access_log": False}
_ROOT = Path(__file__).parents[3]
T = TypeVar("T")
_log = logging.getLogger(__name__)
logging.getLogger("ray.serve").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Cluster:
    """The cluster's address and the settings of our replicas, as in the table of this module."""

    address: str = "auto"
    timeout: float = 20.0
    min_replicas: int = 1
    max_replicas: int = 4
    target: int = 6
    upscale_seconds: float = 5.0
    downscale_seconds: float = 300.0
    cpus: float = 2.0
    gpus: float = 0.0

    @classmethod
    def from_environment(cls) -> "Cluster":
        """The defaults, changed by the variables that are set.

        Raises:
            ValueError: a variable that is not a number, or fewer replicas at most than at least; the message names it.
        """
        changes: dict[str, Any] = {}
        for each in fields(cls):
            name = f"ADV_RAY_{each.name.upper()}"
            text = os.environ.get(name, "").strip()
            if not text:
                continue
            kind: Any = type(each.default)
            try:
                changes[each.name] = kind(text)
                if kind is not str and not 0 <= changes[each.name] < 1e6:
                    raise ValueError
            except ValueError:
                raise ValueError(f"{name} has to be a number, zero or more, not {text!r}") from None
        cluster = cls(**changes)
        if not 1 <= cluster.min_replicas <= cluster.max_replicas or cluster.target < 1:
            raise ValueError("1 ≤ ADV_RAY_MIN_REPLICAS ≤ ADV_RAY_MAX_REPLICAS and 1 ≤ ADV_RAY_TARGET have to hold")
        return cluster


class ServedReplica(Replica):
    """A replica with the methods that Serve calls."""

    # A look or one step of FGSM is one response and not a stream. Requests within two milliseconds are submitted
    # together, so that the engine makes one batch of them: for an accelerator, since on a CPU it gains nothing
    # (bench/RESULTS.md). Long runs meet in the engine's own batches, which others may join between two steps; a batch
    # of Serve would hold them until the last of them is done.
    @serve.batch(max_batch_size=16, batch_wait_timeout_s=0.002, max_concurrent_batches=4)
    async def short(self, works: list[Task[Any]]) -> list[bytes]:
        return await self.all_of(works)


def connect(cluster: Cluster) -> None:
    """Join the cluster, once for this process.

    Raises:
        EngineUnavailable: it does not answer within the time limit.
    """
    if ray.is_initialized():
        return
    if "://" in cluster.address:
        raise EngineUnavailable("ADV_RAY_ADDRESS has to be host:port: through ray:// no frame can be streamed")
    unreachable = f"The cluster at {cluster.address} does not answer"
    host, _, port = cluster.address.rpartition(":")
    if host:  # the port is tried first, since Ray tries for minutes where nothing listens
        try:
            socket.create_connection((host, int(port)), cluster.timeout).close()
        except (OSError, ValueError) as error:
            raise EngineUnavailable(f"{unreachable}: {error}") from None

    def join() -> None:
        ray.init(cluster.address, log_to_driver=False, logging_level=logging.ERROR)

    try:
        _within(cluster.timeout, join)
    except Exception as error:  # Ray raises many kinds of exception
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EngineUnavailable(f"{unreachable}: {reason}") from None


def _within(seconds: float, act: Callable[[], T]) -> T:
    """Return the result of ``act``, or raise TimeoutError. A hanging call into Ray cannot be ended; it stays."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(act())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="adv_core cluster call", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return results[0]


def deploy(cluster: Cluster, limits: Limits = LIMITS, wait: bool = True) -> None:
    """Start the replicas, or replace them if the program or its settings have changed. No port is opened."""
    serve.start(proxy_location="Disabled", logging_config=_QUIET)
    deployment = serve.deployment(
        ServedReplica,
        name="Replica",
        ray_actor_options={
            "num_cpus": cluster.cpus,
            "num_gpus": cluster.gpus,
            "runtime_env": {"env_vars": {"PYTHONPATH": str(_ROOT), **WAITING}},  # the same place on every machine
        },
        max_ongoing_requests=CALLS,
        max_queued_requests=limits.max_queue,
        autoscaling_config={
            "min_replicas": cluster.min_replicas,
            "max_replicas": cluster.max_replicas,
            "target_ongoing_requests": cluster.target,
            "upscale_delay_s": cluster.upscale_seconds,
            "downscale_delay_s": cluster.downscale_seconds,
            "metrics_interval_s": max(0.1, cluster.upscale_seconds / 2),  # on its way out, but all there is in 2.60
            "look_back_period_s": 1 + 2 * cluster.upscale_seconds,
        },
        graceful_shutdown_timeout_s=60,  # a replica that is no longer needed finishes its runs
        health_check_period_s=5,
    )
    device = "auto" if cluster.gpus else "cpu"
    application = deployment.bind(limits, device, max(1, round(cluster.cpus)), CALLS)
    target = serve.RunTarget(application, name=APP, route_prefix=None, logging_config=_QUIET)
    serve.run_many([target], wait_for_applications_running=wait)


class RayServeEngine(SharedQueue):
    """An engine that computes on the cluster's replicas.

    Known results and the queue are in this process; batches are in the replicas.

    Args:
        handle: of the deployment of `ServedReplica`; `RayServeEngine.connected` finds it.
    """

    def __init__(self, handle: DeploymentHandle, limits: Limits = LIMITS) -> None:
        super().__init__(limits)
        self._stream = handle.options(method_name="stream", stream=True)
        self._short = handle.options(method_name="short")
        self._handle = handle
        self._app = secrets.token_hex(8)
        self._inside: dict[Run, asyncio.Task[None]] = {}  # the runs that have been sent to the cluster
        self._told: dict[Run, tuple[int, float]] = {}  # places in the replicas' queues
        self._machine = ("cpu", 1)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="adv_core cluster", daemon=True).start()
        self._joined = self._closed = False
        self._tending: asyncio.Task[None] | None = None

    @classmethod
    def connected(cls, cluster: Cluster | None = None, limits: Limits = LIMITS) -> "RayServeEngine":
        """Return the engine of that cluster; start the replicas if there are none.

        Raises:
            ValueError: an invalid environment variable.
            EngineUnavailable: the cluster does not answer.
        """
        cluster = cluster or Cluster.from_environment()
        connect(cluster)

        def find() -> DeploymentHandle:
            if APP not in serve.status().applications:
                deploy(cluster, limits, wait=False)
            return serve.get_app_handle(APP)

        try:
            engine = cls(_within(cluster.timeout, find), limits)
        except Exception as error:
            raise EngineUnavailable(f"The cluster at {cluster.address} takes no program: {error}") from None
        engine._joined = True
        return engine

    def close(self) -> None:
        """Stop all runs. An engine that has joined the cluster leaves it; the replicas stay.

        Serve's threads in this process report to the cluster several times a second. They have to end before the
        connection does: otherwise each report is an error in the log until the process ends.
        """
        if self._closed:
            return
        self._closed = True
        with self._work:
            self._draining = True
            waiting, self._waiting = list(self._waiting), deque()
            for run in waiting:
                self._finish(run, STOPPED)
        stopping = asyncio.run_coroutine_threadsafe(self._stop(), self._loop)
        try:
            stopping.result(CLOSING)
            if self._joined:
                _within(CLOSING, self._handle.shutdown)
                _within(CLOSING, ray.shutdown)
        except Exception as error:  # the cluster may have ended before this process
            _log.debug("left the cluster with an error: %s", type(error).__name__)
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _stop(self) -> None:
        """End every task; the replica stops a run whose stream is closed."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with self._work:
            for run in list(self._inside):  # whose task had not begun
                self._finish(run, STOPPED)
            self._inside.clear()

    @property
    def device(self) -> str:
        """The device of the replica with the latest news."""
        return self._machine[0]

    @property
    def threads(self) -> int:
        return self._machine[1]

    def _arrived(self) -> None:
        self._loop.call_soon_threadsafe(self._admit)

    def _place(self, run: Run) -> tuple[int, float]:
        with self._work:
            told = self._told.get(run)
            if told is not None:
                return told
            line = [other for other in self._line() if not other.short]
            ahead = line.index(run) if run in line else 0
            inside = max(len(self._told), 1)
            seconds = max((seconds for _, seconds in self._told.values()), default=1.0)
            return len(self._told) + ahead, seconds * (1 + ahead / inside)

    # ------------------------------------------------------------------------------------------- the loop's thread

    def _admit(self) -> None:
        """Send all short runs, and long runs as long as few of them wait in the cluster."""
        with self._work:
            self._drop_unwanted()
            lease = self._limits.lease_seconds
            long = [run for run in self._inside if not run.short]
            waiting = sum(not run.started for run in long)
            sessions = Counter(session for run in long for session in run.wanted_by(lease))
            for run in self._line():
                wanted = run.wanted_by(lease)
                mine = any(not session or sessions[session] < self._limits.max_session for session in wanted)
                if not run.short and (waiting >= WINDOW or not mine):
                    continue
                if not run.short:
                    waiting += 1
                    sessions.update(wanted)
                self._waiting.remove(run)
                self._inside[run] = self._loop.create_task(self._follow(run))
            metrics.queued.set(len(self._waiting))
            if (self._inside or self._waiting) and self._tending is None:
                self._tending = self._loop.create_task(self._tend())

    async def _tend(self) -> None:
        """While there are runs, stop those that no page reads any more, and renew the lease with the replicas."""
        renewed, renewal = time.monotonic(), None
        while self._inside or self._waiting:
            await asyncio.sleep(0.1)
            with self._work:
                for run, task in self._inside.items():
                    if not run.wanted(self._limits.lease_seconds):
                        task.cancel()
            self._admit()
            if time.monotonic() - renewed > self._limits.lease_seconds / 4 and (renewal is None or renewal.done()):
                renewed, renewal = time.monotonic(), self._loop.create_task(self._renew())
        self._tending = None

    async def _renew(self) -> None:
        try:
            answers = self._handle.broadcast("renew", self._app).results_async(timeout_s=2, return_exceptions=True)
            await asyncio.wait_for(answers, 2)
        except Exception as error:  # no replica is there now; a new one starts with a fresh lease
            _log.debug("no replica has received the lease: %s", type(error).__name__)

    async def _follow(self, run: Run) -> None:
        """Follow a run from its start to its end."""
        error: str | None = None
        try:
            try:
                error = await self._computed(run)
            except (RayActorError, StopAsyncIteration):
                if run.frames:
                    raise
                error = await self._computed(run)  # nothing of it has been shown, so a restart is invisible
        except asyncio.CancelledError:
            error = STOPPED
        except BackPressureError:
            metrics.refused.labels("queue").inc()
            error = BUSY
        except LOST as lost:
            metrics.failed.labels(type(lost).__name__).inc()
            error = GONE if run.started else NOBODY
        except Exception as failure:  # its text may name machines, its type does not
            metrics.failed.labels(type(failure).__name__).inc()
            error = f"The computation failed ({type(failure).__name__}). Please try again."
        with self._work:
            self._inside.pop(run, None)
            self._told.pop(run, None)
            self._finish(run, error)
        self._admit()

    async def _computed(self, run: Run) -> str | None:
        """Send a run to a replica and pass its news on. Return the replica's sentence if the run failed."""
        lease = self._limits.lease_seconds
        news, limit = News(), PATIENCE
        response: Any = (
            self._short.remote(run.request) if run.short else self._stream.remote(run.request, self._app, lease)
        )
        try:
            while not news.done:
                part = _answer(response) if run.short else response.__anext__()
                news, limit = unpack(await asyncio.wait_for(part, limit)), 4 * HEARTBEAT
                self._heard(run, news)
            if news.error is not None:
                metrics.failed.labels("Replica").inc()
            return news.error
        finally:
            if not news.done:
                response.cancel()

    def _heard(self, run: Run, news: News) -> None:
        self._machine = (news.device, news.threads)
        with self._work:
            if news.place is not None:
                self._told[run] = news.place
            elif not run.started:
                self._told.pop(run, None)
                run.started = True
                metrics.waited.observe(time.monotonic() - run.submitted)
                self._admit()
        for record in news.records:
            run.add(record)
        metrics.steps.inc(len(news.records) * run.request.rows)


async def _answer(response: Any) -> bytes:
    answer: bytes = await response
    return answer


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="adv_core.serving.engine.cluster", description="The replicas on a cluster.")
    parser.add_argument("what", choices=["deploy", "status", "delete"])
    what = parser.parse_args(arguments).what
    cluster = Cluster.from_environment()
    try:
        connect(cluster)
    except EngineUnavailable as error:
        sys.exit(str(error))
    if what == "deploy":
        deploy(cluster)
    elif what == "delete":
        serve.delete(APP)
    application = serve.status().applications.get(APP)
    if application is None:
        print(f"{APP}: not there")
        return
    states = application.deployments["Replica"].replica_states
    print(f"{APP}: {application.status.value}; replicas: {dict(states)}")


if __name__ == "__main__":
    from adv_core.serving.engine.cluster import main as importable  # so that a replica finds the class by its name

    importable()
