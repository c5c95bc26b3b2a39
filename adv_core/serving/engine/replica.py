"""A replica of the cluster: it has a `LocalEngine` of its own, and sends frames back as a stream.

Batches, fair turns, short work first, and the sentences for failures are those of the local engine. This module does
not depend on Ray; `cluster` deploys it there. Records are packed here, as plain bytes: an array that Ray unpacks is a
view into its store on that machine, and keeps the store from being freed.
"""

import asyncio
import pickle
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch

from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.engine.queue import EngineBusy, Job
from adv_core.serving.engine.work import Task
from adv_core.serving.limits import Limits

PACE = 0.05  # seconds between two messages of one run; a page draws more rarely
FORGET = 600.0  # seconds after which a silent app is forgotten
HEARTBEAT = 5.0  # seconds after which a replica without news sends an empty message


@dataclass(frozen=True)
class News:
    """A replica's report on a run.

    Attributes:
        records: the records since the last news.
        place: (runs before it, estimated seconds of waiting); None when it has started.
        done: True for the last news of a run.
        error: the reason of a failure, in a sentence for people.
        device, threads: of the replica's computation.
    """

    records: list[Any] = field(default_factory=list)
    place: tuple[int, float] | None = None
    done: bool = False
    error: str | None = None
    device: str = "cpu"
    threads: int = 1


def pack(news: News) -> bytes:
    return pickle.dumps(news, pickle.HIGHEST_PROTOCOL)


def unpack(data: bytes) -> News:
    """Unpack news. Unpickling can run code, so use it only for messages of a replica of the own cluster."""
    news: News = pickle.loads(data)
    return news


class Replica:
    """A worker that computes for several apps.

    Args:
        limits: those of the host. The app checks every request; the replica checks it again.
        device: "cpu", or "auto" for an accelerator that the cluster has given to this replica.
        threads: of torch, on a CPU.
        calls: the most runs at a time.
    """

    def __init__(self, limits: Limits, device: str = "auto", threads: int = 1, calls: int = 64) -> None:
        if device == "cpu":
            torch.set_num_threads(threads)
        workers = 1 if device != "cpu" or threads < 2 else 2
        self._engine = LocalEngine(device, limits, workers)
        self._waiters = ThreadPoolExecutor(calls, "adv_core replica")  # each sleeps until its run has news
        self._renewed: dict[str, float] = {}

    async def renew(self, app: str) -> None:
        """Renew the lease of an app that is still there and wants its runs."""
        now = time.monotonic()
        self._renewed = {name: at for name, at in self._renewed.items() if now - at < FORGET} | {app: now}

    async def stream(self, work: Task[Any], app: str, lease: float) -> AsyncIterator[bytes]:
        """Stream the run as packed `News`.

        The run stops when the caller closes the stream, and when the app has not renewed its lease for ``lease``
        seconds, since a killed app does not close its streams.
        """
        job = self._submitted(work)
        if isinstance(job, str):
            yield pack(News(done=True, error=job))
            return
        began = told = time.monotonic()
        seen, place, first = 0, None, True
        try:
            while time.monotonic() - max(began, self._renewed.get(app, 0.0)) < lease:
                done, records, now = job.done, job.frames[seen:], job.place  # in this order: no record after `done`
                moved = (now and now[0]) != (place and place[0])
                if first or done or records or moved or time.monotonic() - told > HEARTBEAT:
                    yield pack(self._news(job, done, records, now))
                    seen, place, first, told = seen + len(records), now, False, time.monotonic()
                if done:
                    return
                if records:
                    await self._wait(job, -1, PACE)
                await self._wait(job, seen, 0.25)
        finally:
            job.cancel()

    async def all_of(self, works: list[Task[Any]]) -> list[bytes]:
        """Compute short works, each as one packed `News`. They are submitted together, and so computed together."""
        jobs = [self._submitted(work) for work in works]
        return [await self._whole(job) for job in jobs]

    async def _whole(self, job: Job[Any] | str) -> bytes:
        if isinstance(job, str):
            return pack(News(done=True, error=job))
        while not job.done:
            await self._wait(job, -1, 0.5)
        return pack(self._news(job, True, job.frames, None))

    def _submitted(self, work: Task[Any]) -> Job[Any] | str:
        """The job, or the reason why there is none. It belongs to no session: each app orders its own runs."""
        try:
            return self._engine.submit(work)
        except (EngineBusy, ValueError) as error:
            return str(error)

    def _news(self, job: Job[Any], done: bool, records: list[Any], place: tuple[int, float] | None) -> News:
        return News(records, place, done, job.error if done else None, self._engine.device, self._engine.threads)

    async def _wait(self, job: Job[Any], seen: int, timeout: float) -> None:
        """Wait until it has more records than ``seen`` (-1: all of them) or the time is over."""
        seen = seen if seen >= 0 else 2**62
        await asyncio.get_running_loop().run_in_executor(self._waiters, job.wait, seen, timeout)
