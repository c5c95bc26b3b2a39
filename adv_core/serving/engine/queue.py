"""Runs, the jobs that wait for them, and the queue: the part that all engines share."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from adv_core.serving import metrics
from adv_core.serving.engine.work import R, Task, size_of
from adv_core.serving.limits import Allowances, Limits

SMALL_RESULT = 2**20  # bytes; figures and charts are smaller, and take longer to compute than pictures do
STOPPED = "The computation was stopped."
BUSY = "The queue of this server is full just now. Please try again in a moment."
TOO_MANY = "You have started too many computations within a minute. Please wait a moment, then try again."
RESTARTING = "This server is being restarted. Please try again in a minute."


class EngineBusy(RuntimeError):
    """The engine takes no request now: the queue is full, or the instance drains. The message is for the page."""


class EngineUnavailable(RuntimeError):
    """There is no engine to compute on. The message is for the operator of the server."""


class Run:
    """One computation, and all the jobs that wait for it."""

    def __init__(self, request: Task[Any], key: Hashable, session: str = "") -> None:
        self.request = request
        self.key = key  # of the request; to hash its pictures takes a while, so it is done once
        self.session = session
        self.error: str | None = None
        self.done = False
        self.started = False
        self.frames: list[Any] = []
        self.jobs: list[Job[Any]] = []
        self.news = threading.Condition()
        self.submitted = time.monotonic()

    @property
    def short(self) -> bool:
        """True for at most one gradient; such a run starts at once."""
        return self.request.length <= 1

    @property
    def background(self) -> bool:
        """True if the run gives way to runs that people are looking at."""
        return self.request.background

    def wanted(self, lease: float) -> bool:
        """Tell whether a page still reads the run."""
        return bool(self.wanted_by(lease))

    def wanted_by(self, lease: float) -> set[str]:
        """The sessions that still read the run."""
        now = time.monotonic()
        return {job.session for job in self.jobs if not job.cancelled and now - job.seen <= lease}

    def add(self, frame: Any) -> None:
        with self.news:
            self.frames.append(frame)
            self.news.notify_all()

    def restart(self) -> None:
        with self.news:
            self.frames = []

    def end(self, error: str | None = None) -> None:
        with self.news:
            self.error = error
            self.done = True
            self.jobs = []  # jobs refer to their run; without a cycle, both are freed as soon as nobody holds a job
            self.news.notify_all()


class Job(Generic[R]):
    """A handle of a submitted request's run. Frames appear while it runs; `wait` sleeps until there are new ones."""

    def __init__(
        self, request: Task[R], run: Run, position: Callable[[Run], tuple[int, float]], session: str = ""
    ) -> None:
        self.request, self.session = request, session
        self.cancelled = False
        self.seen = time.monotonic()
        self._run = run
        self._position = position

    @property
    def frames(self) -> list[R]:
        """The frames, or a task's records, so far (a copy)."""
        self.seen = time.monotonic()
        with self._run.news:
            return list(self._run.frames)

    @property
    def error(self) -> str | None:
        """The reason of a failure, in a sentence for people; None if it did not fail."""
        return self._run.error

    @property
    def done(self) -> bool:
        """True when it is finished, failed or cancelled, and no more frames come."""
        return self.cancelled or self._run.done

    @property
    def finished(self) -> bool:
        """True when it is done without a failure."""
        return self._run.done and self._run.error is None and not self.cancelled

    @property
    def place(self) -> tuple[int, float] | None:
        """(runs before this one, estimated seconds of waiting); None when it has started."""
        return None if self._run.started or self.done else self._position(self._run)

    def cancel(self) -> None:
        """Cancel the job. The computation stops before its next step, unless another job shares the run.

        A row of a batch goes on with its neighbours, but occupies no place.
        """
        self.cancelled = True
        with self._run.news:
            self._run.news.notify_all()

    def wait(self, seen: int, timeout: float) -> bool:
        """Sleep until there are more than ``seen`` frames or the job is done. Return False when the time is over."""
        self.seen = time.monotonic()
        with self._run.news:
            return self._run.news.wait_for(lambda: self.done or len(self._run.frames) > seen, timeout)

    def result(self, timeout: float | None = None) -> list[R]:
        """Wait for the end. Return all frames.

        Raises:
            TimeoutError, or RuntimeError with the sentence for people when the job failed or was cancelled.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.done:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError("the computation takes longer than expected")
            self.wait(len(self._run.frames), 0.5)
        if not self.finished:
            raise RuntimeError(self.error or STOPPED)
        return self.frames


class Engine(Protocol):
    """The interface of an engine, in this process or elsewhere."""

    @property
    def device(self) -> str:
        """The device, for a program that has to reproduce the same bits."""

    @property
    def threads(self) -> int:
        """The number of threads that torch uses for one operation while no other program computes."""

    def submit(self, request: Task[R], session: str = "") -> Job[R]:
        """Queue a request and return at once. A known result is available at once, too.

        Raises:
            ValueError: a request that is invalid or beyond the limits.
            EngineBusy: the queue is full, the session has started too many runs, or the instance drains.
        """

    def compute(self, request: Task[R], timeout: float = 120.0) -> list[R]:
        """Submit and wait for the end."""


@dataclass
class _Kept:
    """A result, its size in bytes, and the time when it was made or last used."""

    records: list[Any]
    size: int
    asked: float


class SharedQueue:
    """The base of all engines, which handles a request before and after it is computed.

    Known results are kept for later requests, equal requests share one run, the queue has a maximum length, and a
    session's newer request replaces its waiting one.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._draining = False
        self._starts = Allowances(limits.max_runs_per_minute)
        self._work = threading.Condition(threading.RLock())
        self._waiting: deque[Run] = deque()
        self._runs: dict[Hashable, Run] = {}
        self._results: OrderedDict[Hashable, _Kept] = OrderedDict()

    def _arrived(self) -> None:
        """Handle the arrival of a run. The lock is held."""
        raise NotImplementedError

    def _place(self, run: Run) -> tuple[int, float]:
        """(runs before this one, estimated seconds of waiting)."""
        raise NotImplementedError

    def _drop_unwanted(self) -> None:
        """Stop the runs that no page reads any more. The lock is held."""
        lease = self._limits.lease_seconds
        for run in [run for run in self._waiting if not run.wanted(lease)]:
            self._waiting.remove(run)
            self._finish(run, error=STOPPED)
        metrics.queued.set(len(self._waiting))

    def submit(self, request: Task[R], session: str = "") -> Job[R]:
        request.check(self._limits)
        key = request.key()
        with self._work:
            known = self._results.get(key)
            if known is not None:
                self._results.move_to_end(key)
                known.asked = time.monotonic()
                metrics.shared.inc()
                run = Run(request, key, session)
                run.frames, run.done, run.started = known.records, True, True
                return self._job(request, run, session)
            run = self._runs.get(key) or Run(request, key, session)
            if run.key in self._runs:
                metrics.shared.inc()
                return self._job(request, run, session)
            if self._draining:
                raise _busy("draining", RESTARTING)
            if session and self._starts.take(session):
                raise _busy("runs", TOO_MANY)
            place = self._supersede(session) if session and not run.short else len(self._waiting)
            if len(self._waiting) >= self._limits.max_queue:
                raise _busy("queue", BUSY)
            job = self._job(request, run, session)
            self._runs[run.key] = run
            self._waiting.insert(place, run)
            metrics.queued.set(len(self._waiting))
            self._arrived()
        return job

    def compute(self, request: Task[R], timeout: float = 120.0) -> list[R]:
        return self.submit(request).result(timeout)

    def drain(self, seconds: float) -> bool:
        """Refuse new requests, end the waiting ones, and let the running ones finish.

        Returns:
            Whether they have finished within that many seconds.
        """
        with self._work:
            self._draining = True
            for run in [run for run in self._waiting if not run.started]:
                self._waiting.remove(run)
                metrics.refused.labels("draining").inc()
                self._finish(run, RESTARTING)
            metrics.queued.set(len(self._waiting))
        end = time.monotonic() + seconds
        while self._runs and time.monotonic() < end:
            time.sleep(0.05)  # not on the condition, which would take a wake-up call from a worker
        return not self._runs

    @property
    def computing(self) -> bool:
        """Tell whether anything runs or waits."""
        return bool(self._runs)

    def forget_unused(self, since: float) -> bool:
        """Drop kept results, except for small ones, that have not been used since that time (of `time.monotonic`).

        Returns:
            Whether there was anything to drop.
        """
        with self._work:
            old = [key for key, kept in self._results.items() if kept.asked < since and kept.size > SMALL_RESULT]
            for key in old:
                del self._results[key]
        return bool(old)

    def close(self) -> None:
        """Release the engine's resources outside this process. The engine cannot compute afterwards."""

    def _job(self, request: Task[R], run: Run, session: str) -> Job[R]:
        job = Job(request, run, self._place, session)
        if not run.done:
            run.jobs.append(job)
        return job

    def _supersede(self, session: str) -> int:
        """End the waiting request of a session for a newer one. Return its place in the queue."""
        ahead = list(self._waiting)
        for place, run in enumerate(self._waiting):
            mine = [] if run.short else [job for job in run.jobs if job.session == session and not job.cancelled]
            for job in mine:
                job.cancel()
            if mine:
                ahead = ahead[:place]
        self._drop_unwanted()
        return sum(run in self._waiting for run in ahead)

    def _line(self) -> list[Run]:
        """The waiting runs, in the order in which they may start: background curves come last."""
        return sorted(self._waiting, key=lambda run: run.background)

    def _finish(self, run: Run, error: str | None = None) -> None:
        self._runs.pop(run.key, None)
        room = self._limits.remembered_mib * 2**20
        size = size_of(run.frames)
        if error is None and size <= room / 2:  # one large result must not displace all others
            self._results[run.key] = _Kept(run.frames, size, time.monotonic())
            size = sum(kept.size for kept in self._results.values())
            while size > room:
                _, oldest = self._results.popitem(last=False)
                size -= oldest.size
        run.end(error)


def _busy(reason: str, text: str) -> EngineBusy:
    metrics.refused.labels(reason).inc()
    return EngineBusy(text)
