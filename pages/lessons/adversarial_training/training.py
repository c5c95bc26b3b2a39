"""Live training: start, stop and resume it, and draw its charts."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.training import Recipe
from pages.lessons.adversarial_training.charts import course_chart, judged_chart
from pages.lessons.adversarial_training.settings import IMAGES, INNER, page
from pages.lessons.adversarial_training.tasks import HELD_OUT, Train, TrainRecord
from pages.widgets import verdict
from pages.widgets.digits import ROBUST, STANDARD, share
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton
from pages.widgets.live import drop_jobs, follow, job_for

state = st.session_state


def recipes() -> tuple[Recipe, Recipe]:
    """The recipes (standard, robust) that the controls set."""
    settings = page.value
    robust = Recipe(
        settings.inner,  # type: ignore[arg-type]
        settings.ball,
        epochs=settings.epochs,
        rate=4e-3,
        seed=settings.seed,
    )
    return replace(robust, inner="none"), robust


def courses() -> dict[Recipe, list[TrainRecord]]:
    """The trainings of this session so far, including those that have not ended."""
    kept: dict[Recipe, list[TrainRecord]] = state.setdefault("adversarial_training_courses", {})
    return kept


def own_network() -> bytes | None:
    """The latest robust network that was trained in this session."""
    ended = [course[-1].weights for recipe, course in courses().items() if recipe.inner != "none" and complete(course)]
    return ended[-1] if ended else None


def complete(course: Sequence[TrainRecord]) -> bool:
    return bool(course) and course[-1].step == course[-1].of


def stop() -> None:
    """Keep the records so far, and stop the training."""
    for recipe, slot in zip(recipes(), ("train standard", "train robust"), strict=True):
        job = state.get("jobs", {}).get(slot)
        if job is not None and isinstance(job.request, Train) and job.request.recipe == recipe:
            keep(recipe, job.request, job.frames)
    drop_jobs("train standard", "train robust")
    page.set(train=False)


def keep(recipe: Recipe, work: Train, records: list[TrainRecord]) -> list[TrainRecord]:
    """The whole course: the records before this work began, and those of the work."""
    before = [record for record in courses().get(recipe, []) if work.resume and record.step <= work_start(recipe, work)]
    seconds = before[-1].seconds if before else 0.0
    course = [*before, *(replace(record, seconds=record.seconds + seconds) for record in records)]
    if complete(course):  # it needs no state to resume from
        course = [*(replace(record, weights=b"", state=b"") for record in course[:-1]), replace(course[-1], state=b"")]
    courses()[recipe] = course
    return course


def work_start(recipe: Recipe, work: Train) -> int:
    """The step from which a resumed work goes on."""
    return next((r.step for r in reversed(courses().get(recipe, [])) if r.state == work.resume), 0)


def train_both(_: object) -> Iterator[None]:
    st.subheader("3 · Training: train both networks now", anchor="training")
    prose(
        "Both networks start from the same random weights, and learn from the same 10\u202f000 digits. One of them "
        "learns from x as usual, the other one from x + δ\\* in every minibatch. The robust network takes "
        f"{1 + recipes()[1].gradients} times as many gradients. The time depends on the machine: the bar shows it "
        "after the first steps."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        page.choice("inner", "Inner maximum", INNER)
        page.control("ball", st.slider, "ε of the training", 0.05, 0.3, step=0.05, width=220)
        page.control("epochs", st.slider, "Epochs", 1, 15, width=180)
        page.control("seed", st.number_input, "Seed", 0, 99, width=120)
    with st.container(horizontal=True, vertical_alignment="center"):
        offer()
        if stopped() and not page.value.train:
            st.caption("Stopped. It resumes from the state that was saved last, and ends with the same weights.")
    bar = st.empty()
    with st.container(key="courses"):
        left, right = (column.empty() for column in st.columns(2, gap="medium"))
    if page.value.train and not any(courses().get(recipe) for recipe in recipes()):
        skeleton(left, 270, "Training loss, 0 of 2 networks")
        skeleton(right, 270, "Test error, 0 of 2 networks")
    yield
    yield  # short computations come first
    follow_training(bar, left, right)


def stopped() -> bool:
    """Tell whether one of the two trainings has begun and not ended."""
    return any(courses().get(recipe) and not complete(courses()[recipe]) for recipe in recipes())


def offer() -> None:
    """Show the button of the training: it starts, stops or resumes it, depending on the progress."""
    key = "training_button"  # one key for all three: with other keys the old button stays visible for a while
    ended = all(complete(courses().get(recipe, [])) for recipe in recipes())
    if ended and page.value.train:
        another = {"seed": (page.value.seed + 1) % 100}
        st.button("Train again, other seed", on_click=page.set, kwargs=another, icon=":material/refresh:", key=key)
    elif page.value.train:
        st.button("Stop", on_click=stop, icon=":material/stop:", key=key)
    else:
        label, start = "Resume" if stopped() else "Train both", {"train": True}
        st.button(label, on_click=page.set, kwargs=start, icon=":material/play_arrow:", key=key)


def follow_training(bar: DeltaGenerator, left: DeltaGenerator, right: DeltaGenerator) -> None:
    standard, robust = recipes()
    names = {standard: ("standard", STANDARD), robust: (f"robust, ε = {robust.eps:g}", ROBUST)}
    began = 0.0
    first: float | None = None

    def draw() -> None:
        shown = [(name, colour, courses().get(recipe, [])) for recipe, (name, colour) in names.items()]
        losses = [(name, colour, [(r.epoch, r.loss) for r in course]) for name, colour, course in shown]
        points = [
            (
                name,
                colour,
                [(r.epoch, r.clean, r.attacked) for r in course if r.clean is not None and r.attacked is not None],
            )
            for name, colour, course in shown
        ]
        size: Any = {"height": 270, "width": "stretch"}
        left.vega_lite_chart(course_chart(losses, robust.epochs), **size, alt=_told(shown, "training loss"))
        right.vega_lite_chart(judged_chart(points, robust.epochs), **size, alt=_told(shown, "test error"))

    def progress() -> None:
        done = [courses().get(recipe, [])[-1:] for recipe in names]
        cost = [2 + recipe.gradients for recipe in names]  # with the test after each epoch
        parts = [record[0].step / record[0].of if record else 0.0 for record in done]
        ready = sum(part * c for part, c in zip(parts, cost, strict=True)) / sum(cost)
        nonlocal began, first
        if first is None:  # the time in the queue does not count
            began, first = time.monotonic(), ready
        elapsed = time.monotonic() - began
        gained = ready - first
        # The first steps tell how fast this machine is. The cost of a step is known: gradients for each digit.
        left_s = elapsed * (1 - ready) / gained if gained > 0 and elapsed > 1 else None
        text = "; measuring how fast this machine is …" if left_s is None else f", {remaining(left_s)} left"
        which = "the standard network" if parts[0] < 1 else "the robust network"
        bar.progress(min(ready, 1.0), f"Training {which}: {ready:.0%}{text}")

    if page.value.train:
        for recipe, slot in ((standard, "train standard"), (robust, "train robust")):
            if complete(courses().get(recipe, [])):
                continue
            work = Train(recipe, IMAGES, last_state(recipe, slot))

            def show(records: list[TrainRecord], recipe: Recipe = recipe, work: Train = work) -> None:
                keep(recipe, work, records)
                draw()
                progress()

            if follow(job_for(slot, work), show, bar.info, interval=0.4) is None:
                return
            if recipe == robust:
                st.rerun()  # sections above and below show it, too
    if any(courses().get(recipe) for recipe in names):
        draw()
    if page.value.train:
        _, last = (courses()[recipe][-1] for recipe in names)
        verdict.note(
            bar,
            f"Trained. In section 1 you can choose “the one you trained”. On {HELD_OUT} test digits the robust network "
            f"has an error of {share(last.clean or 0)} without an attack, and of {share(last.attacked or 0)} under "
            f"PGD-20 at ε = {robust.eps:g}.",
        )


def remaining(seconds: float) -> str:
    """A time for people, as exact as an estimate is: "about 40 s", "about 2½ min"."""
    if seconds < 10:
        return f"about {max(round(seconds), 1)} s"
    if seconds < 90:
        return f"about {round(seconds, -1):.0f} s"
    whole, half = divmod(round(seconds / 30), 2)
    return f"about {whole}{'½' if half else ''} min"


def last_state(recipe: Recipe, slot: str) -> bytes:
    """The state to resume from: for a running work the one it began with, otherwise the last one that was kept."""
    job = state.get("jobs", {}).get(slot)
    if job is not None and isinstance(job.request, Train) and job.request.recipe == recipe and not job.cancelled:
        return job.request.resume
    return next((record.state for record in reversed(courses().get(recipe, [])) if record.state), b"")


def _told(shown: Sequence[tuple[str, str, Sequence[TrainRecord]]], what: str) -> str:
    ends = [
        f"{name} at epoch {course[-1].epoch:.1f}: loss {course[-1].loss:.3f}" for name, _, course in shown if course
    ]
    return f"The {what} of both networks. " + "; ".join(ends)
