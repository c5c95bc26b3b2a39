"""Where attacks are computed: requests as data in, frames out, for everybody who uses this process.

Worker threads own the device and do all torch work; pages only submit and look. On a CPU there are two of them: a
batch leaves cores idle wherever its threads wait for each other or for Python, and two batches fill these gaps (1.3
times the steps, on two cores). While one batch is alone it has all of torch's threads that it can use; two share them.

- Equal requests are one `Run`, whoever asks; results are kept and given away again.
- Requests that differ only in picture, classes, ε and seed are computed together, as rows of one batch.
- Short work (a look at a picture, FGSM, noise) starts at once. Of the long runs, a few batches advance side by side,
  one step at a time; the others wait in line. Most steps go to the batch that is nearest to its end, so that somebody
  gets a result soon; every fourth goes round, so that nobody is kept waiting for ever. A batch that has had its share
  of steps keeps nobody out any more. Runs without pictures (curves below the page's first screen) have a place of their
  own, and every tenth step while there is anything else.
- A session (one browser tab) has one long run and one that waits; a newer request takes the place of the waiting one.
- A run ends when it is done, when nobody wants it any more, or when nobody has looked at it for a while (a closed tab
  says no goodbye).

A row computed in a batch agrees with the row alone in all that is shown, but not to the last bit: the kernels sum in
another order (logits differ by about 2e-6).
"""

import hashlib
import itertools
import logging
import math
import os
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from adv_core import metrics
from adv_core.allowance import Allowances
from adv_core.attacks import InputGradient, Step, evaluate, fgsm, input_gradient, pgd, random_noise
from adv_core.classifiers import DEFAULT, Classifier, ClassifierError, info_of, load_classifier, pick_device
from adv_core.images import from_pixels
from adv_core.landscape import decision_slice
from adv_core.limits import LIMITS, Limits
from adv_core.memory import set_aside_what_stays
from adv_core.objectives import Objective
from adv_core.request import Frame, Request, ball_of, frames_of, labels_of, objective_of
from adv_core.transforms import CAMERA, Transformed
from adv_core.work import Record, Task, Work

MAX_FRAMES = 200  # of one run; a longer one shows every second step, or every tenth
MAX_RUN_BYTES = 32 * 2**20  # of one run's pictures on the way; so does one of large pictures
SHARE = 50  # steps, after which a batch keeps nobody out any more
GRADIENT_BYTES = 64 * 2**20  # of gradients that are kept for another ε
SMALL_RESULT = 2**20  # bytes; figures and charts are smaller, and take longer to compute than pictures do
STOPPED = "The computation was stopped."
BUSY = "Too many people are computing on this machine just now. Please try again in a moment."
TOO_MANY = "You have started very many computations within a minute. Please wait a moment, then try again."
RESTARTING = "This machine is being restarted. Please try again in a minute."
_INTERRUPTED = "The computation was interrupted. Please try again."
_NO_MEMORY = "There is not enough memory for this just now. Please try again, or choose a smaller network."


R = TypeVar("R", bound=Record)


class EngineBusy(RuntimeError):
    """Nothing more is taken just now: the queue is full, or the instance drains. The message is for people."""


class EngineUnavailable(RuntimeError):
    """There is nothing to compute on. The message is for the host."""


class Run:
    """One computation, and all the jobs that wait for it."""

    def __init__(self, request: Work[Any], session: str = "") -> None:
        self.request = request
        self.session = session
        self.key = request.key()
        self.error: str | None = None
        self.done = False
        self.started = False
        self.frames: list[Any] = []
        self.jobs: list[Job[Any]] = []
        self.news = threading.Condition()
        self.submitted = time.monotonic()

    @property
    def short(self) -> bool:
        """One gradient at most: it starts at once."""
        return self.request.length <= 1

    @property
    def behind(self) -> bool:
        """It can wait for what people look at."""
        return self.request.behind

    def wanted(self, lease: float) -> bool:
        """Whether anybody still looks."""
        return bool(self.wanted_by(lease))

    def wanted_by(self, lease: float) -> set[str]:
        """The sessions that still look."""
        now = time.monotonic()
        return {job.session for job in self.jobs if not job.cancelled and now - job.seen <= lease}

    def add(self, frame: Record) -> None:
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
            self.jobs = []  # they know their run: without the way back, both are freed as soon as nobody holds a job
            self.news.notify_all()


class Job(Generic[R]):
    """What a submitted request gives back: a look at its run. Frames appear while it runs; `wait` sleeps meanwhile."""

    def __init__(
        self, request: Work[R], run: Run, position: Callable[[Run], tuple[int, float]], session: str = ""
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
        """Why it failed, in a sentence for people; None if it did not."""
        return self._run.error

    @property
    def done(self) -> bool:
        """Finished, failed or cancelled: no frame will come any more."""
        return self.cancelled or self._run.done

    @property
    def finished(self) -> bool:
        """Done, and whole."""
        return self._run.done and self._run.error is None and not self.cancelled

    @property
    def place(self) -> tuple[int, float] | None:
        """(how many are before this one, about how many seconds it will wait); None once it has started."""
        return None if self._run.started or self.done else self._position(self._run)

    def cancel(self) -> None:
        """Stop wanting it. The computation stops before its next step, unless somebody else asked for the same.

        A row of a batch goes on with its neighbours, but counts as nobody's.
        """
        self.cancelled = True
        with self._run.news:
            self._run.news.notify_all()

    def wait(self, seen: int, timeout: float) -> bool:
        """Sleep until there are more than ``seen`` frames or the job is done; False when the time ran out."""
        self.seen = time.monotonic()
        with self._run.news:
            return self._run.news.wait_for(lambda: self.done or len(self._run.frames) > seen, timeout)

    def result(self, timeout: float | None = None) -> list[R]:
        """Wait for the end; all frames.

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
    """Whatever computes: in this process, or later elsewhere."""

    @property
    def device(self) -> str:
        """Where it computes, for a program that is to give the same bits."""

    @property
    def threads(self) -> int:
        """How many threads torch uses for one operation."""

    def submit(self, request: Work[R], session: str = "") -> Job[R]:
        """Queue a request; returns at once. A result that is known already is there at once, too.

        Raises:
            ValueError: a request beyond the limits, or that makes no sense.
            EngineBusy: the queue is full, the session has started too many runs, or the instance drains.
        """

    def compute(self, request: Work[R], timeout: float = 120.0) -> list[R]:
        """Submit and wait for the end."""


@dataclass
class _Kept:
    """A result, its size in bytes, and when it was made or asked for last."""

    records: list[Any]
    size: int
    asked: float


class Reception:
    """What every engine does with a request before and after it is computed: known results are given away again, equal
    requests share one run, the queue has an end, and a session's newer request takes the place of the waiting one."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._draining = False
        self._starts = Allowances(limits.max_runs_per_minute)
        self._work = threading.Condition(threading.RLock())
        self._waiting: deque[Run] = deque()
        self._runs: dict[tuple[object, ...], Run] = {}
        self._results: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()

    def _arrived(self) -> None:
        """Something waits. The lock is held."""
        raise NotImplementedError

    def _place(self, run: Run) -> tuple[int, float]:
        """(how many are before this one, about how many seconds it will wait)."""
        raise NotImplementedError

    def _drop_unwanted(self) -> None:
        """Stop what nobody waits for any more. The lock is held."""
        lease = self._limits.lease_seconds
        for run in [run for run in self._waiting if not run.wanted(lease)]:
            self._waiting.remove(run)
            self._finish(run, error=STOPPED)
        metrics.queued.set(len(self._waiting))

    def submit(self, request: Work[R], session: str = "") -> Job[R]:
        request.check(self._limits)
        key = request.key()
        with self._work:
            known = self._results.get(key)
            if known is not None:
                self._results.move_to_end(key)
                known.asked = time.monotonic()
                metrics.shared.inc()
                run = Run(request, session)
                run.frames, run.done, run.started = known.records, True, True
                return self._job(request, run, session)
            run = self._runs.get(key) or Run(request, session)
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

    def compute(self, request: Work[R], timeout: float = 120.0) -> list[R]:
        return self.submit(request).result(timeout)

    def drain(self, seconds: float) -> bool:
        """Take nothing new any more, send away who waits, and let what runs come to its end.

        Returns:
            Whether it has come there within so many seconds.
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
            time.sleep(0.05)  # not on the condition: a worker's wake-up call shall not come here
        return not self._runs

    @property
    def computing(self) -> bool:
        """Whether anything runs or waits."""
        return bool(self._runs)

    def forget_unused(self, since: float) -> bool:
        """Drop what is kept for the next who asks, where nobody has since that moment (of `time.monotonic`): results,
        but the small ones.

        Returns:
            Whether there was anything to drop.
        """
        with self._work:
            old = [key for key, kept in self._results.items() if kept.asked < since and kept.size > SMALL_RESULT]
            for key in old:
                del self._results[key]
        return bool(old)

    def _job(self, request: Work[R], run: Run, session: str) -> Job[R]:
        job = Job(request, run, self._place, session)
        if not run.done:
            run.jobs.append(job)
        return job

    def _supersede(self, session: str) -> int:
        """A session's newer request takes the place of the one that waits: that place in the line."""
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
        """Who waits, in the order in which they may start: what people look at before the curves below it."""
        return sorted(self._waiting, key=lambda run: run.behind)

    def _finish(self, run: Run, error: str | None = None) -> None:
        self._runs.pop(run.key, None)
        room = self._limits.remembered_mib * 2**20
        size = _size(run.frames)
        if error is None and size <= room / 2:  # one large result shall not drive out everybody's
            self._results[run.key] = _Kept(run.frames, size, time.monotonic())
            size = sum(kept.size for kept in self._results.values())
            while size > room:
                _, oldest = self._results.popitem(last=False)
                size -= oldest.size
        run.end(error)


def _busy(reason: str, text: str) -> EngineBusy:
    metrics.refused.labels(reason).inc()
    return EngineBusy(text)


class _Batch:
    """Runs that advance together, one step at a time."""

    def __init__(self, runs: list[Run], steps: Iterator[Step | Record]) -> None:
        self.runs, self.steps = runs, steps
        self.left = runs[0].request.length + 1
        self.age = 0
        self.served = 0.0
        self.short, self.behind = runs[0].short, runs[0].behind
        self.threads = runs[0].request.threads
        size = max(run.request.frame_bytes for run in runs)
        self.stride = max(math.ceil(self.left / MAX_FRAMES), math.ceil(self.left * size / MAX_RUN_BYTES))
        self.busy = False  # a worker is computing its next step

    @property
    def rows(self) -> int:
        return sum(run.request.rows for run in self.runs)

    def shown(self, step: Step | Record | None) -> list[Any]:
        """What of this step goes to the runs, one each; nothing for a step between two that are shown."""
        if isinstance(step, Step):
            return _frames(step, self.runs) if step.final or step.index % self.stride == 0 else []
        return [] if step is None else [step]


class LocalEngine(Reception):
    """Computes in this process, on one device.

    Args:
        workers: threads that compute; None is two on a CPU with as many cores, and one on an accelerator, which is fed
            best by one.
    """

    def __init__(self, device: str = "auto", limits: Limits = LIMITS, workers: int | None = None) -> None:
        super().__init__(limits)
        self._device, self._workers = device, workers
        self._batches: list[_Batch] = []
        self._models = _Models(device)
        self._row_seconds = 0.05  # one row, one step: a first guess, then measured
        self._turn = 0
        self._alive: set[threading.Thread] = set()

    @property
    def device(self) -> str:
        return str(pick_device(self._device))

    @property
    def threads(self) -> int:
        return torch.get_num_threads()

    def forget_unused(self, since: float) -> bool:
        return self._models.forget_unused(since) | super().forget_unused(since)

    def _arrived(self) -> None:
        self._alive = {worker for worker in self._alive if worker.is_alive()}
        while len(self._alive) < self._crew():
            worker = threading.Thread(target=self._serve, name="adv_core engine", daemon=True)
            self._alive.add(worker)
            worker.start()
        self._work.notify()

    def _crew(self) -> int:
        if self._workers is None:
            self._workers = min(2, os.cpu_count() or 1) if self.device == "cpu" else 1
        return self._workers

    def _place(self, run: Run) -> tuple[int, float]:
        with self._work:
            before = []
            for other in self._line():
                if other is run:
                    break
                if not other.short:
                    before.append(other)
            steps = sum(batch.left * batch.rows for batch in self._batches)
            steps += sum(other.request.length * other.request.rows for other in before)
            return len(before), steps * self._row_seconds / self._crew()

    # ------------------------------------------------------------------------------------------ the workers' threads

    def _serve(self) -> None:
        all_threads, batch = torch.get_num_threads(), None
        try:
            while True:
                with self._work:
                    batch = self._take()
                    while batch is None:
                        self._work.wait()
                        batch = self._take()
                    together = sum(other.busy for other in self._batches)
                share = max(all_threads // together, 1)
                torch.set_num_threads(min(share, batch.threads or share))  # of this worker alone, and free of cost
                self._advance(batch)
                with self._work:
                    batch.busy, batch = False, None
        finally:  # only if this thread is being killed: nobody shall wait for it in vain
            with self._work:
                self._alive.discard(threading.current_thread())
                lost = [] if batch is None else batch.runs
                if not self._alive:
                    lost = [*lost, *self._waiting, *(run for other in self._batches for run in other.runs)]
                    self._waiting.clear()
                for run in lost:
                    self._finish(run, _INTERRUPTED)
                self._batches = [other for other in self._batches if self._alive and other is not batch]
                self._work.notify_all()

    def _take(self) -> _Batch | None:
        """The batch whose next step is to be computed, from now on by this worker; None where there is none to take."""
        self._drop_unwanted()
        self._admit()
        batch = self._next()
        if batch is not None:
            batch.busy = True
            if any(not other.busy for other in self._batches):
                self._work.notify()  # here is more, for another worker
        return batch

    def _drop_unwanted(self) -> None:
        super()._drop_unwanted()
        lease = self._limits.lease_seconds
        for batch in list(self._batches):
            if not batch.busy and not any(run.wanted(lease) for run in batch.runs):
                self._batches.remove(batch)
                for run in batch.runs:
                    self._finish(run, error=STOPPED)

    def _admit(self) -> None:
        """Start what may start: everything short, and long runs as long as there is room."""
        # A run that nobody wants any more may still go along with its batch; it takes nobody's place.
        running = [run for batch in self._batches if not batch.short for run in batch.runs]
        lease = self._limits.lease_seconds
        long = Counter(session for run in running for session in run.wanted_by(lease))

        def may(run: Run) -> bool:
            most = self._limits.max_session
            return run.short or any(not session or long[session] < most for session in run.wanted_by(lease))

        for first in self._line():
            if first.started:
                continue
            rivals = sum(
                not batch.short and batch.behind == first.behind and batch.age < SHARE for batch in self._batches
            )
            room = rivals < (1 if first.behind else self._limits.max_groups)
            if not first.short and not (room and may(first)):
                continue
            if not first.short:
                long.update(first.wanted_by(lease))
            runs, rows, kind = [first], first.request.rows, first.request.together
            for other in self._waiting if kind is not None else ():
                more = other.request.rows
                if other is first or other.started or other.request.together != kind:
                    continue
                small = (rows + more) * first.request.row_pixels <= self._limits.max_pixels
                if may(other) and small and rows + more <= self._limits.max_batch:
                    runs.append(other)
                    rows += more
                    if not other.short:
                        long.update(other.wanted_by(lease))
            self._start(runs)
        self._waiting = deque(run for run in self._waiting if not run.started)
        metrics.queued.set(len(self._waiting))

    def _start(self, runs: list[Run]) -> None:
        now = time.monotonic()
        for run in runs:
            run.started = True
            metrics.waited.observe(now - run.submitted)
        metrics.batch_rows.observe(sum(run.request.rows for run in runs))
        self._batches.append(_Batch(runs, self._models.begin([run.request for run in runs])))

    def _next(self) -> _Batch | None:
        free = [batch for batch in self._batches if not batch.busy]
        if not free:
            return None
        self._turn += 1
        # A look at a picture goes first, but not always. Then what people look at; the curves below it now and then.
        short = [batch for batch in free if batch.short]
        ahead = [batch for batch in free if not batch.short and not batch.behind]
        behind = [batch for batch in free if not batch.short and batch.behind]
        if short and (self._turn % 4 or not (ahead or behind)):
            return short[0]
        if behind and (self._turn % 10 == 0 or not ahead):
            return min(behind, key=lambda batch: batch.served)
        if self._turn % 4:
            return min(ahead, key=lambda batch: batch.left)
        return min(ahead, key=lambda batch: batch.served)

    def _advance(self, batch: _Batch) -> None:
        """One step of one batch."""
        start = time.monotonic()
        try:
            step = next(batch.steps, None)
            frames = batch.shown(step)
        except Exception as error:  # the worker must outlive every request
            self._failed(batch, error)
            return
        for run, frame in zip(batch.runs, frames, strict=False):
            run.add(frame)
        batch.left, batch.age, batch.served = batch.left - 1, batch.age + 1, time.monotonic()
        if step is None:
            with self._work:
                self._batches.remove(batch)
                for run in batch.runs:
                    self._finish(run)
            return
        metrics.steps.inc(batch.rows)
        self._row_seconds += 0.05 * ((time.monotonic() - start) / batch.rows - self._row_seconds)

    def _failed(self, batch: _Batch, error: Exception) -> None:
        """Say it in a sentence. Of several runs only one may be to blame: each of them gets a try alone."""
        metrics.failed.labels(type(error).__name__).inc()
        no_memory = isinstance(error, MemoryError | torch.cuda.OutOfMemoryError) or "allocate memory" in str(error)
        if no_memory:
            self._models.forget()
        with self._work:
            self._batches.remove(batch)
            if len(batch.runs) > 1:
                for run in batch.runs:
                    if run.wanted(self._limits.lease_seconds):
                        run.restart()
                        self._start([run])
                    else:
                        self._finish(run, STOPPED)
                return
            if no_memory:  # on a CPU torch says so in a RuntimeError
                text = _NO_MEMORY
            elif isinstance(error, ClassifierError | ValueError):
                text = str(error)
            else:  # the text of an error may name paths, its type does not
                text = f"The computation failed ({type(error).__name__}). Please try again."
            self._finish(batch.runs[0], text)


class _Models:
    """The classifiers of one device, and how a batch of requests becomes a solver. Any thread may use it."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._classifiers: dict[str, Classifier] = {}
        self._used: dict[str, float] = {}  # when a classifier was asked for last
        self._gradients: OrderedDict[tuple[object, ...], InputGradient] = OrderedDict()
        self._looked = 0.0  # when a gradient was asked for last
        self._loading, self._looking = threading.Lock(), threading.Lock()

    def classifier(self, name: str) -> Classifier:
        with self._loading:
            if name not in self._classifiers:
                self._classifiers[name] = load_classifier(name, self._device, download=False)
                set_aside_what_stays()
            self._used[name] = time.monotonic()
            return self._classifiers[name]

    def forget(self) -> None:
        """Give back what is only kept to be quick."""
        with self._looking:
            self._gradients.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def forget_unused(self, since: float) -> bool:
        """Drop the classifiers that nobody has asked for since then, but the default one, and the gradients. A run
        keeps its classifier to its end."""
        with self._loading, self._looking:
            old = [name for name in self._classifiers if name != DEFAULT and self._used[name] < since]
            for name in old:
                del self._classifiers[name]
            gradients = bool(self._gradients) and self._looked < since
            if gradients:
                self._gradients.clear()
        return bool(old) or gradients

    @property
    def device(self) -> torch.device:
        return pick_device(self._device)

    def begin(self, works: list[Work[Any]]) -> Iterator[Step | Record]:
        """What computes them together, begun when its first step is asked for."""
        if isinstance(works[0], Task):
            return works[0].records(self)
        return self._steps([work for work in works if isinstance(work, Request)])

    def _steps(self, requests: list[Request]) -> Iterator[Step]:
        first = requests[0]
        classifier = self.classifier(first.classifier)
        pictures = [from_pixels(r.pixels).expand(r.rows, -1, -1, -1) for r in requests]
        x = torch.cat(pictures).to(classifier.device)
        delta_set, objective, info = ball_of(*requests), objective_of(*requests), first.info
        seeds = [request.seed for request in requests for _ in request.eps]
        if first.attack == "fgsm":
            with self._looking:
                gradient = self._gradient(requests, classifier, x, objective)
            yield from fgsm(classifier, x, delta_set, objective, gradient=gradient)
        elif info is not None:
            places = {"set": delta_set, "objective": objective, "y": labels_of(*requests)}
            options = dict(first.options)
            if "seed" in options:
                options["seed"] = seeds if info.batches else first.seed
            arguments = [places[name] for name in info.arguments]
            seen = Transformed(classifier, CAMERA, samples=first.views, seed=first.seed) if first.views else classifier
            steps = info.solver(seen, x, *arguments, **options)
            if first.views:  # it climbs the average over the views; each step tells of the picture itself
                steps = (replace(s, evaluate=partial(evaluate, classifier, s.adversarial, objective)) for s in steps)
            yield from steps
        elif first.attack == "noise":
            yield from random_noise(classifier, x, delta_set, objective, draws=first.draws, seed=seeds)
        elif first.attack == "views":
            views = Transformed(classifier, CAMERA).views(x[:1], len(x), first.seed)[:, 0]
            yield Step(0, x, views - x, partial(evaluate, classifier, views, objective), final=True)
        elif first.attack == "slice":
            yield from decision_slice(classifier, x, objective, reach=first.eps[0], seed=first.seed)
        else:
            yield from pgd(classifier, x, delta_set, objective, steps=0)

    def _gradient(
        self, requests: list[Request], classifier: Classifier, x: Tensor, objective: Objective
    ) -> InputGradient:
        """∂L/∂x does not depend on ε: kept for each picture, so that moving ε costs one forward pass."""
        self._looked = time.monotonic()
        keys, firsts, row = [], [], 0
        for request in requests:
            digest = hashlib.sha256(request.image).hexdigest()
            shape = (request.height, request.width)
            keys.append((digest, shape, request.classifier, request.objective, request.label, request.target))
            firsts.append(row)
            row += len(request.eps)
        missing = [(key, row) for key, row in zip(keys, firsts, strict=True) if key not in self._gradients]
        if missing:
            rows = torch.tensor([row for _, row in missing], device=x.device)
            fresh = input_gradient(classifier, x[rows], objective.rows(rows))
            for place, (key, _) in enumerate(missing):
                own = slice(place, place + 1)
                self._gradients[key] = InputGradient(
                    fresh.logits[own].clone(), fresh.loss[own].clone(), fresh.gradient[own].clone()
                )
        known = [self._gradients[key] for key in keys]
        for key in dict.fromkeys(keys):
            self._gradients.move_to_end(key)
        size = sum(each.gradient.nbytes for each in self._gradients.values())
        while size > GRADIENT_BYTES:
            _, oldest = self._gradients.popitem(last=False)
            size -= oldest.gradient.nbytes
        counts = [len(request.eps) for request in requests]
        repeat = torch.repeat_interleave(torch.arange(len(requests)), torch.tensor(counts)).to(x.device)
        return InputGradient(
            torch.cat([g.logits for g in known])[repeat],
            torch.cat([g.loss for g in known])[repeat],
            torch.cat([g.gradient for g in known])[repeat],
        )


class NaiveEngine:
    """What a first version of such an app would do, kept for comparison (`bench/classroom.py`): every session computes
    in its own thread, whenever it waits, and nothing is shared but the networks."""

    def __init__(self, device: str = "auto", limits: Limits = LIMITS) -> None:
        self._device, self._limits = device, limits
        self._models = _Models(device)

    @property
    def device(self) -> str:
        return str(pick_device(self._device))

    @property
    def threads(self) -> int:
        return torch.get_num_threads()

    def submit(self, request: Work[R], session: str = "") -> Job[R]:
        request.check(self._limits)
        run = Run(request, session)
        run.started = True
        job: _NaiveJob[R] = _NaiveJob(request, run, lambda _: (0, 0.0))
        run.jobs.append(job)
        if isinstance(request, Request):
            self._models.classifier(request.classifier)
        job.steps = self._models.begin([request])
        return job

    def compute(self, request: Work[R], timeout: float = 120.0) -> list[R]:
        return self.submit(request).result(timeout)


class _NaiveJob(Job[R]):
    steps: Iterator[Step | Record]

    def wait(self, seen: int, timeout: float) -> bool:
        step = next(self.steps, None)
        if step is None:
            self._run.end()
        else:
            self._run.add(_frames(step, [self._run])[0] if isinstance(step, Step) else step)
        return True


def _frames(step: Step, runs: list[Run]) -> list[Frame]:
    return frames_of(step, [run.request for run in runs if isinstance(run.request, Request)])


def _size(records: list[Record]) -> int:
    return sum(record.nbytes for record in records)


_engine: Engine | None = None
_engine_lock = threading.Lock()


def default_engine() -> Engine:
    """The process's engine: networks are loaded once, whoever asks.

    ``ADV_ENGINE`` is "local" (the default), "ray" for a cluster (see `engine_ray`) or "naive". Where the cluster cannot
    be reached, ``ADV_ENGINE_FALLBACK=local`` computes here instead.

    Raises:
        ValueError: an unknown ``ADV_ENGINE``.
        EngineUnavailable: no cluster, and nothing to fall back on. It is looked for again after a while.
    """
    global _engine
    with _engine_lock:
        if _engine is None:
            kind = os.environ.get("ADV_ENGINE", "local")
            if kind not in ("local", "naive", "ray"):
                raise ValueError(f"ADV_ENGINE has to be local, ray or naive, not {kind!r}")
            _open_port()
            _engine = NaiveEngine() if kind == "naive" else _cluster_engine() if kind == "ray" else LocalEngine()
        return _engine


@cache
def _open_port() -> None:
    try:
        metrics.serve_if_asked(ready)
    except (OSError, ValueError) as error:  # a port that is taken shall not keep learners out
        logging.getLogger(__name__).error("No metrics: %s", error)


_AGAIN = 15.0  # seconds, after which a cluster that could not be reached is looked for again
_missed: tuple[float, EngineUnavailable] | None = None


def _cluster_engine() -> Engine:
    global _missed
    if _missed is not None and time.monotonic() - _missed[0] < _AGAIN:
        raise _missed[1]  # at once: nobody shall wait for what somebody has just waited for in vain
    try:
        try:
            from adv_core.engine_ray import RayServeEngine  # Ray is there on a cluster alone
        except ImportError:
            raise EngineUnavailable("ADV_ENGINE=ray needs Ray: pip install -r requirements-cluster.txt") from None
        return RayServeEngine.connected()
    except EngineUnavailable as error:
        if os.environ.get("ADV_ENGINE_FALLBACK") == "local":
            logging.getLogger(__name__).error("%s. This machine computes instead.", error)
            return LocalEngine()
        logging.getLogger(__name__).error("Nothing can be computed. %s", error)
        _missed = (time.monotonic(), error)
        raise


def drain(seconds: float) -> bool:
    """Let this process's engine come to an end; see `Reception.drain`. True where there is nothing that could run."""
    return _engine.drain(seconds) if isinstance(_engine, Reception) else True


def computing() -> bool:
    """Whether this process's engine has anything to do."""
    return isinstance(_engine, Reception) and _engine.computing


def forget_unused(since: float) -> bool:
    """Let this process's engine drop what nobody has used since then; see `Reception.forget_unused`."""
    return isinstance(_engine, Reception) and _engine.forget_unused(since)


_probes = itertools.count()


def ready(timeout: float = 5.0) -> bool:
    """Whether there is an engine, and its default classifier answers."""
    try:
        return answers(default_engine(), timeout)
    except EngineUnavailable:  # it has been logged
        return False


def answers(engine: Engine, timeout: float = 5.0) -> bool:
    """Whether the default classifier answers, just now, to a picture that nobody has asked about before."""
    side = info_of(DEFAULT).input_size
    grey = bytearray([128]) * (side * side * 3)
    grey[:4] = next(_probes).to_bytes(4, "little")
    request = Request(bytes(grey), side, side, DEFAULT, pictures=False)
    try:
        return bool(engine.submit(request).result(timeout))
    except (RuntimeError, TimeoutError, ValueError):
        return False
