"""Run a task on the engine and show it live. All pages compute in this way.

    job = job_for("main", request)
    frames = follow(job, draw, waiting)

A page has named slots; a new request in a slot stops the old one. Frames are drawn as they come; at every drawing, a
changed control can interrupt the script. A failure is shown as a sentence, with a button to try again.
"""

import contextlib
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

import streamlit as st

from adv_core.serving.engine.process import default_engine
from adv_core.serving.engine.queue import EngineBusy, EngineUnavailable, Job
from adv_core.serving.engine.work import R, Task

state = st.session_state
K = TypeVar("K")


def job_for(slot: str, request: Task[R]) -> Job[R]:
    """Return the job of that slot. If the present one is for another request, stop it and start a new one.

    Where the engine refuses the request, explain it on the page and end the page.
    """
    try:
        return _job(slot, request)
    except EngineUnavailable:  # the cause concerns the host and is in the log
        _refused("The servers that compute this page do not answer. Please try again in a minute.")
    except (EngineBusy, ValueError) as error:
        _refused(str(error))


def begin(slot: str, request: Task[R], records: int | None = None) -> Callable[[float], bool]:
    """Start the job of that slot while the page is still drawn.

    Return a function that waits for its result, or for its first ``records`` records, at most so many seconds, and
    tells whether they are there. Where the engine refuses the request or the job fails, it returns False at once. Call
    `job_for` later in any case: it tries again, and explains a refusal. A page has at most one long job at a time,
    since a new one ends one that waits.
    """
    try:
        job = _job(slot, request)
    except (EngineUnavailable, EngineBusy, ValueError):
        return lambda seconds: False

    def done(seconds: float) -> bool:
        end = time.monotonic() + seconds
        while True:
            left = max(end - time.monotonic(), 0.0)
            known = len(job.frames)
            if job.done:
                return job.finished
            if records is not None and known >= records:
                return True
            if not left:
                return False
            job.wait(known, min(left, 0.1))
            state.get("_")  # lets Streamlit interrupt here

    return done


def _job(slot: str, request: Task[R]) -> Job[R]:
    jobs: dict[str, Job[Any]] = state.setdefault("jobs", {})
    current = jobs.get(slot)
    if current is not None and current.request == request and (current.finished or not current.done):
        return current
    drop_jobs(slot)
    jobs[slot] = default_engine().submit(request, state.setdefault("session", secrets.token_hex(8)))
    return jobs[slot]


def drop_jobs(*slots: str) -> None:
    """Stop the jobs of these slots."""
    jobs: dict[str, Job[Any]] = state.setdefault("jobs", {})
    for slot in slots:
        if slot in jobs:
            jobs.pop(slot).cancel()


def request_of(slot: str) -> Task[Any] | None:
    """The request of the slot's job."""
    job: Job[Any] | None = state.setdefault("jobs", {}).get(slot)
    return None if job is None else job.request


def follow(
    job: Job[R],
    draw: Callable[[list[R]], None] = lambda frames: None,
    waiting: Callable[[str], object] = lambda text: None,
    interval: float = 0.12,
    end: bool = True,
    drawn: int = 0,
) -> list[R] | None:
    """Draw a job's frames as they come. Return its whole run; on failure None, with the reason on the page.

    Args:
        draw: gets the frames so far, at most every ``interval`` seconds, and at the end the whole run. On a machine
            with many learners, pages take turns and draw a run more rarely, so that intermediate pictures do not
            delay results.
        waiting: gets a sentence about the place in the queue, as long as the job waits.
        end: whether to draw the whole run; False where the page draws it itself.
        drawn: the number of frames that the page has drawn already.
    """
    with _turns.follower():
        _follow(job, draw, waiting, interval, end, drawn)
    if job.finished:
        return job.frames
    _sorry(job.error or "The computation was stopped.")
    return None


def follow_each(
    slot: str,
    works: Mapping[K, Task[R]],
    draw: Callable[[dict[K, list[R]], K], None],
    waiting: Callable[[str], object] = lambda text: None,
    interval: float = 0.3,
) -> dict[K, list[R]] | None:
    """Follow several works, one after the other, into one chart or table that fills row by row.

    Return the records of each; on failure None, with the reason on the page.

    Args:
        slot: the prefix of their slots' names; the work's key follows.
        draw: gets the records so far of every work that has begun, and the key of the running one.
        waiting, interval: see `follow`.
    """
    found: dict[K, list[R]] = {}
    for key, work in works.items():

        def show(records: list[R], key: K = key) -> None:
            found[key] = records
            draw(found, key)

        if follow(job_for(f"{slot} {key}", work), show, waiting, interval) is None:
            return None
    return found


def _follow(
    job: Job[R],
    draw: Callable[[list[R]], None],
    waiting: Callable[[str], object],
    interval: float,
    end: bool,
    drawn: int,
) -> None:
    last, told = 0.0, ""
    while True:
        done, frames = job.done, job.frames  # in this order: no frame comes after `done`
        ready = end if done else time.monotonic() - last >= interval
        if len(frames) > drawn and ready and (done or _turns.take()):
            began = time.monotonic()
            try:
                draw(frames)
            finally:  # also where Streamlit stops the script in the middle of the drawing
                drawn, last = len(frames), time.monotonic()
                _turns.give(last - began)
        state.get("_")  # sends nothing, but lets Streamlit interrupt here
        if done:
            return
        place = job.place
        if place is not None and (text := in_line(*place)) != told:
            waiting(text)
            told = text
        job.wait(max(drawn, len(frames)), 0.2)
        if len(frames) > drawn and not job.done:
            time.sleep(max(0.0, interval - (time.monotonic() - last)) or 0.1)


class _Turns:
    """Turns to draw intermediate pictures: one page of the process at a time; breaks grow with the number of pages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._pages = 0

    @contextlib.contextmanager
    def follower(self) -> Iterator[None]:
        """Count a page that follows a run, inside the block."""
        with self._lock:
            self._pages += 1
        try:
            yield
        finally:  # also where Streamlit stops the script
            with self._lock:
                self._pages -= 1

    def take(self) -> bool:
        """Take the turn if it is free. Return whether it was; then the page has to call `give` afterwards."""
        with self._lock:
            mine = time.monotonic() >= self._free_at
            if mine:
                self._free_at = math.inf
        return mine

    def give(self, seconds: float) -> None:
        """End a turn that took that many seconds."""
        self._free_at = time.monotonic() + (1 + self._pages) * seconds


_turns = _Turns()


def in_line(before: int, seconds: float) -> str:
    """Return the place in the queue as a sentence. The time is rounded, since it is an estimate."""
    who = (
        "Your run is next"
        if before == 0
        else "1 run is ahead of yours"
        if before == 1
        else f"{before} runs are ahead of yours"
    )
    guess = "a moment" if seconds < 2 else f"{round(seconds)} s" if seconds < 10 else f"{round(seconds, -1):.0f} s"
    return f"{who}. Estimated wait: {guess}."


def _refused(text: str) -> NoReturn:
    _sorry(text)
    st.stop()


def _sorry(text: str) -> None:
    st.error(text, icon=":material/error:")
    st.button("Try again", key=f"retry_{secrets.token_hex(4)}")


def computed(slot: str, work: Task[R]) -> R:
    """Return the single record of a short task; end the page where the engine cannot compute it."""
    records = follow(job_for(slot, work))
    if records is None:
        st.stop()
    return records[-1]
