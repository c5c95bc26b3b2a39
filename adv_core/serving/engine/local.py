"""The local engine, which computes tasks for all users of this process: plain values in, records out.

Worker threads own the device and do all torch work; pages only submit requests and read records. On a CPU there are two
of them: a batch leaves cores idle wherever its threads wait for each other or for Python, and two batches fill these
gaps (1.3 times the steps, on two cores). A batch that is alone has as many of torch's threads as other programs leave
cores, and as it can use; two batches share them.

- Equal requests share one `Run`, also across sessions; results are kept for later requests.
- Tasks that agree in their ``batch_key`` (attacks that differ only in picture, classes, ε and seed, say) are computed
  together, as rows of one batch.
- Short work (a look at a picture, one gradient) starts at once. Of the long runs, a few batches advance side by side,
  one step at a time; the others wait in the queue. Most steps go to the batch that is nearest to its end, so that a
  result is ready soon; every fourth step goes to each batch in turn, so that no batch waits for ever. A batch that has
  had its share of steps no longer blocks others from starting. Runs without pictures (curves below the page's first
  screen) have a place of their own, and every tenth step while there is other work.
- A session (one browser tab) has one long run and one that waits; a newer request replaces the waiting one.
- A run ends when it is done, when all its jobs are cancelled, or when no page has read it for a while, since a browser
  does not report a closed tab.

A row of a batch is the same attack as the row alone, but its pixels can differ. For another number of rows, or of
threads, a kernel may sum in another order, and each processor has its own kernels: logits and gradients differ by
about 1e-6 of their size, and a few components of a gradient change their sign. Sign steps amplify that; after some
steps many pixels differ, and with them the digits of a probability. On every processor, these properties hold: the
start, the ball and the box are the same; the first step differs in less than one pixel of a thousand; the numbers of a
frame belong to its pixels; and neither attack is weaker than the other.
"""

import atexit
import math
import os
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from adv_core.classifiers import ClassifierError
from adv_core.networks.device import pick_device
from adv_core.serving import metrics
from adv_core.serving.engine.networks import DeviceNetworks
from adv_core.serving.engine.queue import STOPPED, Run, SharedQueue
from adv_core.serving.engine.work import BatchStep
from adv_core.serving.limits import LIMITS, Limits
from adv_core.serving.threads import SpareCores

MAX_FRAMES = 200  # of one run; a longer one shows every second step, or every tenth
MAX_RUN_BYTES = 32 * 2**20  # of one run's pictures; a run with more bytes shows fewer steps, too
IDLE = 10.0  # seconds without work, after which a worker ends: with it ends the memory that only its thread can use
CLOSING = 10.0  # seconds for the present step of each worker, when the engine is closed
SHARE = 50  # steps after which a batch no longer blocks others from starting
_INTERRUPTED = "The computation was interrupted. Please try again."
_NO_MEMORY = "There is not enough memory for this computation just now. Please try again, or choose a smaller network."


_engines: "weakref.WeakSet[LocalEngine]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Close the engines that are left: a thread that computes while Python ends would abort the process."""
    for engine in list(_engines):
        engine.close()


class _Batch:
    """Runs that advance together, one step at a time."""

    def __init__(self, runs: list[Run], steps: Iterator[BatchStep[Any]]) -> None:
        self.runs, self.steps = runs, steps
        self.left = runs[0].request.length + 1
        self.age = 0
        self.served = 0.0
        self.short, self.background = runs[0].short, runs[0].background
        self.threads = runs[0].request.threads
        size = max(run.request.frame_bytes for run in runs)
        self.stride = max(math.ceil(self.left / MAX_FRAMES), math.ceil(self.left * size / MAX_RUN_BYTES))
        self.busy = False  # a worker is computing its next step

    @property
    def rows(self) -> int:
        return sum(run.request.rows for run in self.runs)

    def shown(self, step: BatchStep[Any] | None) -> Sequence[Any]:
        """The records of this step for the runs, one each; none for a step between two that are shown."""
        return step.records() if step and (step.final or step.index % self.stride == 0) else []


class LocalEngine(SharedQueue):
    """An engine that computes in this process, on one device.

    Args:
        workers: threads that compute; None is two on a CPU with as many cores, and one on an accelerator, which is
            fastest with one.
    """

    def __init__(self, device: str = "auto", limits: Limits = LIMITS, workers: int | None = None) -> None:
        super().__init__(limits)
        self._device, self._workers = device, workers
        self._batches: list[_Batch] = []
        self._models = DeviceNetworks(device)
        self._cores = SpareCores()
        # Asked once: a thread that begins later gets the number that a worker has set last.
        self._threads = min(torch.get_num_threads(), self._cores.count())
        self._row_seconds = 0.05  # of one row in one step: first a guess, then measured
        self._turn = 0
        self._alive: list[threading.Thread] = []  # the workers, the eldest first
        self._closed = False
        _engines.add(self)

    @property
    def device(self) -> str:
        return str(pick_device(self._device))

    @property
    def threads(self) -> int:
        return self._threads

    def forget_unused(self, since: float) -> bool:
        return self._models.forget_unused(since) | super().forget_unused(since)

    def close(self) -> None:
        """End the workers after their present step, and with them all runs. The engine takes nothing afterwards."""
        with self._work:
            self._draining = self._closed = True
            workers = list(self._alive)
            self._work.notify_all()
        for worker in workers:
            worker.join(CLOSING)

    def _arrived(self) -> None:
        self._alive = [worker for worker in self._alive if worker.is_alive()]
        while len(self._alive) < self._worker_count():
            worker = threading.Thread(target=self._serve, name="adv_core engine", daemon=True)
            self._alive.append(worker)
            worker.start()
        self._work.notify()

    def _worker_count(self) -> int:
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
            return len(before), steps * self._row_seconds / self._worker_count()

    # ------------------------------------------------------------------------------------------ the workers' threads

    def _serve(self) -> None:
        batch = None
        try:
            while True:
                with self._work:
                    while not self._closed and (batch := self._take()) is None:
                        if not self._work.wait(IDLE) and not (self._waiting or self._batches):
                            # Under this lock, so that whoever submits next starts another worker.
                            self._alive.remove(threading.current_thread())
                            return
                    if batch is None:  # closed
                        return
                    together = sum(other.busy for other in self._batches)
                share = max(min(self._threads, self._cores.count()) // together, 1)
                torch.set_num_threads(min(share, batch.threads or share))  # of this worker alone, and free of cost
                self._advance(batch)
                with self._work:
                    batch.busy, batch = False, None
        finally:  # the engine is closed, or this thread is being killed: runs must end, since others wait for them
            with self._work:
                self._alive = [worker for worker in self._alive if worker is not threading.current_thread()]
                lost = [] if batch is None else batch.runs
                if not self._alive:
                    lost = [*lost, *self._waiting, *(run for other in self._batches for run in other.runs)]
                    self._waiting.clear()
                for run in lost:
                    self._finish(run, _INTERRUPTED)
                self._batches = [other for other in self._batches if self._alive and other is not batch]
                self._work.notify_all()

    def _take(self) -> _Batch | None:
        """Take the batch whose next step this worker computes; None where there is none to take.

        The eldest worker computes a batch that is alone. Each worker has its own OpenMP threads, as many as it has ever
        used at a time. If two workers each had one for every core, libgomp would count more threads than cores and
        never let one spin (see `adv_core.serving.threads`).
        """
        self._drop_unwanted()
        self._admit()
        batch = self._next()
        is_eldest = threading.current_thread() is self._alive[0]
        if batch is not None and not is_eldest and not any(other.busy for other in self._batches):
            self._work.notify()  # the eldest worker waits
            return None
        if batch is not None:
            batch.busy = True
            if any(not other.busy for other in self._batches):
                self._work.notify()  # there is work for another worker
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
        """Start all short runs, and long runs as long as there is room."""
        # A cancelled run may continue as part of its batch, but takes no place.
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
                not batch.short and batch.background == first.background and batch.age < SHARE
                for batch in self._batches
            )
            room = rivals < (1 if first.background else self._limits.max_groups)
            if not first.short and not (room and may(first)):
                continue
            if not first.short:
                long.update(first.wanted_by(lease))
            runs, rows, kind = [first], first.request.rows, first.request.batch_key
            for other in self._waiting if kind is not None else ():
                more = other.request.rows
                if other is first or other.started or other.request.batch_key != kind:
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
        tasks = [run.request for run in runs]
        self._batches.append(_Batch(runs, type(tasks[0]).together(tasks, self._models)))

    def _next(self) -> _Batch | None:
        free = [batch for batch in self._batches if not batch.busy]
        if not free:
            return None
        self._turn += 1
        # A look at a picture usually goes first. Then come runs that people look at, and at times the curves below
        # them.
        short = [batch for batch in free if batch.short]
        ahead = [batch for batch in free if not batch.short and not batch.background]
        behind = [batch for batch in free if not batch.short and batch.background]
        if short and (self._turn % 4 or not (ahead or behind)):
            return short[0]
        if behind and (self._turn % 10 == 0 or not ahead):
            return min(behind, key=lambda batch: batch.served)
        if self._turn % 4:
            return min(ahead, key=lambda batch: batch.left)
        return min(ahead, key=lambda batch: batch.served)

    def _advance(self, batch: _Batch) -> None:
        """Compute one step of one batch."""
        start = time.monotonic()
        try:
            step = next(batch.steps, None)
            frames = batch.shown(step)
        except Exception as error:  # the worker must survive every failure
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
        """End a failed run with a sentence. If there are several, each is retried alone: one may be to blame."""
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
            if no_memory:  # on a CPU, torch raises a RuntimeError for it
                text = _NO_MEMORY
            elif isinstance(error, ClassifierError | ValueError):
                text = str(error)
            else:  # the text of an error may have paths, its type does not
                text = f"The computation failed ({type(error).__name__}). Please try again."
            self._finish(batch.runs[0], text)
