"""Run something on the engine and show it live: the one way in which every page computes.

    job = job_for("main", request)
    frames = follow(job, draw, waiting)

A page has named slots; a new request in a slot stops the old one. Frames are drawn as they come, and every drawing is a
point at which a changed control interrupts the script. What fails is said in a sentence, with a button to try again.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator

import streamlit as st

from adv_core.engine import EngineBusy, Job, default_engine
from adv_core.request import Frame, Request

state = st.session_state


def job_for(slot: str, request: Request) -> Job:
    """The job of that slot: the present one if it is for the same request; otherwise it stops and a new one starts.

    Where the engine takes no more, the page says so and ends here.
    """
    jobs: dict[str, Job] = state.setdefault("jobs", {})
    current = jobs.get(slot)
    if current is not None and current.request == request and (current.finished or not current.done):
        return current
    drop_jobs(slot)
    try:
        jobs[slot] = default_engine().submit(request, state.setdefault("session", secrets.token_hex(8)))
    except (EngineBusy, ValueError) as error:
        _refused(str(error))
    return jobs[slot]


def drop_jobs(*slots: str) -> None:
    """Stop the jobs of these slots."""
    jobs: dict[str, Job] = state.setdefault("jobs", {})
    for slot in slots:
        if slot in jobs:
            jobs.pop(slot).cancel()


def request_of(slot: str) -> Request | None:
    """What the slot's job was asked."""
    job: Job | None = state.setdefault("jobs", {}).get(slot)
    return None if job is None else job.request


def follow(
    job: Job,
    draw: Callable[[list[Frame]], None] = lambda frames: None,
    waiting: Callable[[str], object] = lambda text: None,
    interval: float = 0.12,
) -> list[Frame] | None:
    """Draw a job's frames as they come; its whole run, or None with the reason on the page.

    Args:
        draw: gets the frames so far, at most every ``interval`` seconds, and once more at the end. On a machine with
            many learners they take turns, and a run is drawn more rarely: pictures on the way to a result shall not
            keep the results waiting.
        waiting: gets a sentence about the place in the line, while there is one.
    """
    drawn, last, told = 0, 0.0, ""
    while True:
        done, frames = job.done, job.frames  # in this order: no frame comes after `done`
        if done or (len(frames) > drawn and time.monotonic() - last >= interval):
            with _turns.take(at_once=done) as mine:
                if mine:
                    if len(frames) > drawn:
                        draw(frames)
                    drawn, last = len(frames), time.monotonic()
        state.get("_")  # sends nothing, but lets Streamlit interrupt here
        if done:
            break
        place = job.place
        if place is not None and (text := in_line(*place)) != told:
            waiting(text)
            told = text
        job.wait(max(drawn, len(frames)), 0.1 if place is None else 0.3)
        if len(frames) > drawn and not job.done:
            time.sleep(max(0.0, interval - (time.monotonic() - last)) or 0.05)
    if job.finished:
        return job.frames
    _sorry(job.error or "The computation was stopped.")
    return None


class _Turns:
    """Who may draw a picture on the way: one page of the process at a time, for a quarter of the time in all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at = 0.0

    @contextlib.contextmanager
    def take(self, at_once: bool) -> Iterator[bool]:
        """Whether it is this page's turn now; with ``at_once`` it always is."""
        began = time.monotonic()
        if at_once or began < self._free_at or not self._lock.acquire(blocking=False):
            yield at_once
            return
        try:
            yield True
        finally:  # also where Streamlit stops the script in the middle of the drawing
            ended = time.monotonic()
            self._free_at = ended + 3 * (ended - began)
            self._lock.release()


_turns = _Turns()


def in_line(before: int, seconds: float) -> str:
    """The place in the line, for people: rounded, since it is a guess."""
    who = (
        "You are next" if before == 0 else "1 run is before yours" if before == 1 else f"{before} runs are before yours"
    )
    guess = "a moment" if seconds < 2 else f"{round(seconds)} s" if seconds < 10 else f"{round(seconds, -1):.0f} s"
    return f"{who}: about {guess} to wait."


def _refused(text: str) -> None:
    _sorry(text)
    st.stop()


def _sorry(text: str) -> None:
    st.error(text, icon=":material/error:")
    st.button("Try again", key=f"retry_{secrets.token_hex(4)}")
