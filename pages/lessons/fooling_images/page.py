"""Lesson: fooling images: pictures that show nothing and get a high probability from a network."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.images import to_png
from pages.lessons.fooling_images.breeding import bred
from pages.lessons.fooling_images.charts import accept_chart, climb_chart
from pages.lessons.fooling_images.program import in_python
from pages.lessons.fooling_images.settings import (
    EIGHT,
    FIRST,
    MOST_STEPS,
    SECOND,
    SHORT,
    SIZE,
    START_NAMES,
    SURE,
    THIRD,
    WALL_STEPS,
    latest,
    named,
    page,
)
from pages.lessons.fooling_images.tasks import Climb, Wall, some_classes, start_picture
from pages.lessons.fooling_images.texts import TEXTS
from pages.widgets.ask import look
from pages.widgets.lesson import Lesson, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import PHOTOS, class_control, samples
from pages.widgets.stage import NOTHING, PictureRow, percent, save_button

STYLE = """<style>
.st-key-fooling_images_wall [data-testid=stHorizontalBlock],
.st-key-fooling_images_catch [data-testid=stHorizontalBlock] {
  gap: .75rem}
.st-key-fooling_images_wall img, .st-key-fooling_images_catch img {
  border-radius: .4rem; image-rendering: pixelated; width: 100%}
.st-key-fooling_images_wall .lab-cap b, .st-key-fooling_images_catch .lab-cap b {font-size: 1rem}
.st-key-fooling_images_wall .lab-cap span, .st-key-fooling_images_catch .lab-cap span {font-size: .85rem}
.st-key-fooling_images_wall .lab-cap {min-height: 6.6em}
.st-key-fooling_images_catch .lab-cap {min-height: 5.4em}
.st-key-fooling_images_course {min-height: 17rem}
.st-key-fooling_images_verdict {min-height: 9rem}
.st-key-fooling_images_agree {min-height: 6rem}
.st-key-fooling_images_strokes {min-height: 15rem}
@media (max-width: 640px) {
  .st-key-fooling_images_wall [data-testid=stColumn], .st-key-fooling_images_catch [data-testid=stColumn] {
    min-width: calc(50% - .75rem); flex: 1 1 calc(50% - .75rem); width: auto}
}
</style>"""


@dataclass
class Run:
    """The eight pictures of section 2, as soon as they are known."""

    fooling: np.ndarray | None = None


def climb() -> Climb:
    settings = page.value
    return Climb((settings.target,), settings.start, settings.seed, settings.steps, settings.alpha)


def climb_from_nothing(_: Run) -> Iterator[None]:
    st.subheader("1 · Climb from nothing", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        class_control(page, "target", "What it should see", width=280)
        st.button("Another class", on_click=_any_class, key="any_class", icon=":material/casino:")
    page.choice("start", "Begin with", START_NAMES)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        page.control("steps", st.slider, "Steps", 1, MOST_STEPS, width=220)
        page.control("alpha", st.slider, "α: levels of 255 a step", 1, 16, width=220)
        if page.value.start in ("noise", "colour"):
            other = {"seed": (page.value.seed + 1) % 10000}
            st.button(f"Other {page.value.start}", on_click=page.set, kwargs=other, key="other_start")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        row = PictureRow(
            "stage_climb",
            {"start": "the start", "now": "what it climbs to"},
            start_picture(page.value.start, SIZE, page.value.seed),
            about=climb(),
            line="the network is looking",
            alt=f"The start: {START_NAMES[page.value.start]}",
        )
    with right, st.container(key="fooling_images_course"):
        chart = st.empty()
        vega_chart(climb_chart([], page.value.steps, SURE), 270, "No step yet", chart)
    verdict = st.container(key="fooling_images_verdict").empty()
    show_formula()
    yield
    follow_climb(row, chart, verdict)


def _any_class() -> None:
    page.set(target=random.randrange(1000))


def follow_climb(row: PictureRow, chart: DeltaGenerator, verdict: DeltaGenerator) -> None:
    target, work = named(page.value.target), climb()

    def draw(records: list[Wall]) -> None:
        first, last = records[0], records[-1]
        row.show("start", None, named(int(first.seen[0, 0])), percent(float(first.sure[0, 0])))
        seen, sure, wanted = int(last.seen[0, 0]), float(last.sure[0, 0]), float(last.wanted[0, 0])
        aim = "" if seen == page.value.target else f"{target}: {percent(wanted)}"
        line = f"{percent(sure)}\n{aim or f'step {last.index}'}"
        place = latest(record.pixels.size for record in records)
        alt = f"The picture after {records[place].index} steps; the network sees {named(seen)}"
        row.show("now", records[place].pixels[0] if place >= 0 else None, named(seen), line, alt)
        vega_chart(
            climb_chart([(record.index, float(record.wanted[0, 0])) for record in records], work.steps, SURE),
            270,
            f"The probability of {target} after {last.index} steps: {percent(wanted)}",
            chart,
        )

    records = follow(job_for("climb", work), draw, verdict.info, interval=0.15)
    if records is not None:
        with verdict.container():
            show_verdict(records, work)


def show_verdict(records: Sequence[Wall], work: Climb) -> None:
    last, target = records[-1], named(work.targets[0])
    wanted, p = float(last.wanted[0, 0]), page.value
    reached = next((record.index for record in records if record.wanted[0, 0] >= SURE), None)
    shown = START_NAMES[p.start]
    if wanted >= SURE:
        texture = "" if p.start == "noise" else " and some texture"
        text = f"You see {shown}{texture}. The network sees **{target}**, and is **{percent(wanted)}** sure of it."
        late = f" It was more than 99 % sure after {reached} steps." if reached is not None else ""
        st.success(text + late, icon=":material/visibility_off:")
    elif int(last.seen[0, 0]) == work.targets[0]:
        st.info(f"**{target}**, {percent(wanted)} sure. More steps make it surer.", icon=":material/trending_up:")
    else:
        st.info(
            f"Not yet: **{target}** has {percent(wanted)}. Take more steps, or steps of another size.",
            icon=":material/trending_up:",
        )
    start = start_picture(p.start, SIZE, p.seed).astype(int)
    moved = np.abs(last.pixels[0].astype(int) - start)
    left, right = st.columns([3, 2], vertical_alignment="center")
    left.caption(
        f"No value has moved by more than {moved.max()} of 255 levels, the average one by {moved.mean():.1f}. The "
        "network was asked about exactly these pixels, 8 bits each."
    )
    name = f"{p.start}-{target.replace(' ', '-').replace('/', '-')}.png"
    save_button("This picture (PNG)", to_png(last.pixels[0]), name, right, width="stretch")


def show_formula() -> None:
    p = page.value
    st.markdown(
        "It is the attack that you know, with one word changed. There is no photograph that must stay what it is, so "
        f"there is no ε: Δ holds *every* picture. Only the box is left, values from 0 to 1. With t = {named(p.target)}:"
    )
    st.latex(rf"x_0 = \text{{{START_NAMES[p.start]}}},\qquad g_k = \nabla_{{\!x}} \log p_\theta(t \mid x_k)")
    st.latex(
        rf"x_{{k+1}} = \mathrm{{clip}}_{{[0,1]}}\!\left(x_k + \tfrac{{{p.alpha}}}{{255}}\,\mathrm{{sign}}\, g_k\right)"
    )


def wall() -> Climb:
    settings = page.value
    names = (FIRST, SECOND) if settings.both else (FIRST,)
    return Climb(some_classes(EIGHT, settings.eight), settings.start, settings.seed, WALL_STEPS, 1, names)


def eight_at_once(run: Run) -> Iterator[None]:
    st.subheader("2 · Eight at once, and a second opinion", anchor=False)
    st.markdown(
        f"The same start, {EIGHT} classes drawn at random. And then the question that a person would ask first: does "
        "*another* network see it, too? Lite1 and Lite2 are its sisters: the same design a little larger, and the same "
        "photographs to learn from."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        other = {"eight": (page.value.eight + 1) % 10000}
        st.button("Eight others", on_click=page.set, kwargs=other, key="eight_others", icon=":material/casino:")
        page.control(
            "both",
            st.toggle,
            "Climb Lite0 and Lite1 together",
            help="The sum of the logarithms of both probabilities. Lite2 takes no part, and is asked afterwards.",
        )
    places = dict.fromkeys("12345678", "")
    row = PictureRow("fooling_images_wall", places, NOTHING, wall(), alt="Room for picture {name}", width=4)
    note = st.container(key="fooling_images_agree").empty()
    yield
    run.fooling = follow_wall(row, note)


def follow_wall(row: PictureRow, note: DeltaGenerator) -> np.ndarray | None:
    """Draw the wall of pictures. Return it, (8, S, S, 3) uint8, or None where it did not end."""
    work, drawn = wall(), -1

    def draw(records: list[Wall]) -> None:
        nonlocal drawn
        last = records[-1]
        place = latest(record.pixels.size for record in records)
        for number, target in enumerate(work.targets):
            alt = f"{START_NAMES[work.start]}, climbed towards {named(target)}; the network sees "
            alt += named(int(last.seen[0, number]))
            pixels = records[place].pixels[number] if place > drawn else None
            row.show(f"{number + 1}", pixels, named(target), "\n".join(_own(last, number, work)), alt)
        drawn = place
        note.caption(f"Step {last.index} of {work.steps}." if last.index < work.steps else "Now the others look.")

    records = follow(job_for("wall", work), draw, note.info, interval=0.3)
    if records is None:
        return None
    last = records[-1]
    show_opinions(row, note, last, work)
    return last.pixels


def _own(last: Wall, number: int, work: Climb) -> list[str]:
    return [
        f"{SHORT[name]}: {percent(float(wanted[number]))}"
        for name, wanted in zip(work.classifiers, last.wanted, strict=True)
    ]


def show_opinions(row: PictureRow, note: DeltaGenerator, last: Wall, work: Climb) -> None:
    """Show the other networks' answers to the finished pictures, in every caption and in a sentence."""
    targets = np.array(work.targets)
    lines = [_own(last, number, work) for number in range(len(targets))]
    agree: dict[str, int] = {}
    for name in (SECOND, THIRD):
        if name in work.classifiers:
            continue
        opinion = look(f"wall {name}", last.pixels, name)
        if opinion is None:
            return
        said = opinion.probabilities
        agree[name] = int((said.argmax(1) == targets).sum())
        for number, target in enumerate(targets):
            seen = int(said[number].argmax())
            tick = "✓ " if seen == target else ""
            lines[number].append(f"{SHORT[name]}: {tick}{named(seen)} {percent(float(said[number, seen]))}")
    for number, target in enumerate(targets):
        row.show(f"{number + 1}", None, named(int(target)), "\n".join(lines[number]))
    reached = int((last.wanted.min(0) >= SURE).sum())
    who = "Lite0 and Lite1 are both" if page.value.both else "Lite0 is"
    others = " and ".join(f"**{count}** ({SHORT[name]})" for name, count in agree.items())
    with note.container():
        st.markdown(
            f"{who} at least 99 % sure of **{reached} of {EIGHT}**. Asked afterwards, {_sees(agree)}: {others}."
        )
        st.caption(
            "Two networks agree, and still the picture shows nothing. It fits the habits of these two; a third one "
            "has its own."
            if page.value.both
            else "These pictures fit the habits of one network; they do not show the class. Is it safe to ask two? "
            "Climb both of them together."
        )


def _sees(agree: dict[str, int]) -> str:
    return "the other network sees the same class in" if len(agree) == 1 else "the others see the same class in"


def accept_when_sure(run: Run) -> Iterator[None]:
    st.subheader("3 · “Then believe it only when it is sure”", anchor=False)
    st.markdown(
        f"A tempting defence: refuse every answer below some confidence. Here are the {len(PHOTOS)} sample photographs "
        f"and the {EIGHT} pictures from above, each a stroke. Find a threshold that lets the photographs in and keeps "
        "the rest out."
    )
    page.control("accept", st.slider, "Accept an answer that is at least this sure, in %", 0, 100)
    with st.container(key="fooling_images_strokes"):
        chart, note = st.empty(), st.empty()
        empty = accept_chart([], [], page.value.accept / 100)
        vega_chart(empty, 190, "No picture yet", chart)
        note.caption("As soon as the eight are there.")
    yield
    if run.fooling is not None:
        follow_accept(run.fooling, chart, note)


def follow_accept(fooling: np.ndarray, chart: DeltaGenerator, note: DeltaGenerator) -> None:
    real, false = look("photographs", samples(SIZE), FIRST), look("fooling", fooling, FIRST)
    if real is None or false is None:
        return
    threshold = page.value.accept / 100
    groups = [[(named(int(p.argmax())), float(p.max())) for p in each.probabilities] for each in (real, false)]
    let_in, slipped = (sum(p >= threshold for _, p in group) for group in groups)
    vega_chart(
        accept_chart(groups[0], groups[1], threshold),
        190,
        f"At {page.value.accept} %, {let_in} of {len(PHOTOS)} photographs and {slipped} of {EIGHT} fooling images "
        "are accepted",
        chart,
    )
    surest = max(p for _, p in groups[0])
    with note.container():
        st.markdown(
            f"Accepted: **{let_in} of {len(PHOTOS)} photographs** and **{slipped} of {EIGHT} fooling images**. The "
            f"network is at most {percent(surest)} sure of a photograph, and surer than that of "
            f"**{sum(p > surest for _, p in groups[1])}** of the {EIGHT}."
        )
        st.caption(
            f"Before the softmax: the largest logit of a photograph lies between {real.logits.max(1).min():.1f} and "
            f"{real.logits.max(1).max():.1f}, of a fooling image between {false.logits.max(1).min():.1f} and "
            f"{false.logits.max(1).max():.1f}. One could refuse logits that are too *large*; an attacker who knows of "
            "it stops climbing earlier."
        )


def why(_: Run) -> None:
    st.subheader("5 · Why does it not say “I don't know”?", anchor=False)
    st.markdown(
        "- **It has no such word.** A softmax shares out 100 % among the classes it has learnt. Noise has to be "
        "something.\n"
        "- **It has learnt borders, not things.** To tell a school bus from 999 others, yellow and black stripes will "
        "do. Nobody ever showed it a picture of nothing, with the answer “nothing”.\n"
        "- **Far from all photographs, the borders go on.** There a score may grow for as long as you climb, and the "
        "softmax only gets surer. Confidence is no measure of how familiar a picture is."
    )


SECTIONS = (climb_from_nothing, in_python, eight_at_once, accept_when_sure, bred, why)
Lesson(page, TEXTS, SECTIONS, prepare=Run, style=STYLE).show()
