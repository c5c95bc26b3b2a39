"""Lesson: fooling images. Pictures that show nothing, and of which a network is as sure as of anything."""

import random
from collections.abc import Sequence
from functools import cache

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.images import fit, to_png
from pages.lessons.fooling_images.breeding import follow_evolution, show_evolution
from pages.lessons.fooling_images.charts import accept_chart, climb_chart
from pages.lessons.fooling_images.settings import (
    EIGHT,
    FIRST,
    MOST_QUERIES,
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
from pages.lessons.fooling_images.tasks import CHILDREN, STARTS, Climb, Wall, some_classes, start_picture
from pages.lessons.fooling_images.texts import questions
from pages.widgets.ask import opinions
from pages.widgets.lesson import closing, for_the_lecturer, opening, presenting
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import PHOTOS, sample
from pages.widgets.quiz import quiz
from pages.widgets.stage import Tiles, percent, picture_uri
from pages.widgets.stage import caption as write_caption

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


@cache
def photographs() -> bytes:
    """The sixteen samples as the network sees them, row by row; made once."""
    return b"".join(np.asarray(fit(sample(name), SIZE, SIZE)).tobytes() for name in PHOTOS)


# ------------------------------------------------------------------------------------------------ 1. climb from nothing


def climb() -> Climb:
    settings = page.value
    return Climb((settings.target,), settings.start, settings.seed, settings.steps, settings.alpha)


def show_climb() -> tuple[DeltaGenerator, ...]:
    st.subheader("1 · Climb from nothing", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        page.control("target", st.selectbox, "What it shall see", range(1000), format_func=named, width=280)
        st.button("Another class", on_click=_any_class, key="any_class", icon=":material/casino:")
    page.control(
        "start", st.segmented_control, "Begin with", list(STARTS), format_func=START_NAMES.__getitem__, required=True
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        page.control("steps", st.slider, "Steps", 1, MOST_STEPS, width=220)
        page.control("alpha", st.slider, "α: levels of 255 a step", 1, 16, width=220)
        if page.value.start in ("noise", "colour"):
            other = {"seed": (page.value.seed + 1) % 10000}
            st.button(f"Other {page.value.start}", on_click=page.set, kwargs=other, key="other_start")
    page.into_address()
    start = start_picture(page.value.start, SIZE, page.value.seed)
    what = START_NAMES[page.value.start]
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(key="stage_climb"):
        first, second = st.columns(2)
        first.html("<div class='lab-op'>the start</div>")
        first.image(picture_uri(start), width="stretch", alt=f"The start: {what}")
        before = first.empty()
        second.html("<div class='lab-op'>what it climbs to</div>")
        now, after = second.empty(), second.empty()
        now.image(picture_uri(start), width="stretch", alt=f"The start: {what}")
        for slot in (before, after):
            write_caption(slot, "…", "the network is looking")
    with right, st.container(key="fooling_images_course"):
        chart = st.empty()
        chart.vega_lite_chart(climb_chart([], page.value.steps, SURE), width="stretch", height=270, alt="No step yet")
    with st.container(key="fooling_images_verdict"):
        verdict = st.empty()
    return before, now, after, chart, verdict


def _any_class() -> None:
    page.set(target=random.randrange(1000))


def follow_climb(slots: tuple[DeltaGenerator, ...]) -> None:
    before, now, after, chart, verdict = slots
    target, work, drawn = named(page.value.target), climb(), -1

    def draw(records: list[Wall]) -> None:
        nonlocal drawn
        first, last = records[0], records[-1]
        if drawn < 0:
            write_caption(before, named(int(first.seen[0, 0])), percent(float(first.sure[0, 0])))
        seen, sure, wanted = int(last.seen[0, 0]), float(last.sure[0, 0]), float(last.wanted[0, 0])
        place = latest(record.pixels.size for record in records)
        if place > drawn:
            now.image(
                picture_uri(records[place].pixels[0]),
                width="stretch",
                alt=f"The picture after {records[place].index} steps; the network sees {named(seen)}",
            )
            drawn = place
        aim = "" if seen == page.value.target else f"{target}: {percent(wanted)}"
        write_caption(after, named(seen), percent(sure), aim or f"step {last.index}")
        chart.vega_lite_chart(
            climb_chart([(record.index, float(record.wanted[0, 0])) for record in records], work.steps, SURE),
            width="stretch",
            height=270,
            alt=f"The probability of {target} after {last.index} steps: {percent(wanted)}",
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
        f"No value has moved by more than {moved.max()} of 255 levels, the average one by {moved.mean():.1f}. What the "
        "network says is what it says of these very pixels, 8 bits each."
    )
    name = f"{p.start}-{target.replace(' ', '-').replace('/', '-')}.png"
    right.download_button(
        "This picture (PNG)", to_png(last.pixels[0]), name, "image/png", width="stretch", on_click="ignore"
    )


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


# ---------------------------------------------------------------------------------------------------- 2. eight at once


def wall() -> Climb:
    settings = page.value
    names = (FIRST, SECOND) if settings.both else (FIRST,)
    return Climb(some_classes(EIGHT, settings.eight), settings.start, settings.seed, WALL_STEPS, 1, names)


def show_wall() -> tuple[Tiles, DeltaGenerator]:
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
    page.into_address()
    tiles = Tiles("fooling_images_wall")
    with st.container(key="fooling_images_agree"):
        return tiles, st.empty()


def follow_wall(tiles: Tiles, note: DeltaGenerator) -> np.ndarray | None:
    """Draws the wall; (8, S, S, 3) uint8, or None where it did not come to its end."""
    work, drawn = wall(), -1

    def draw(records: list[Wall]) -> None:
        nonlocal drawn
        last = records[-1]
        place = latest(record.pixels.size for record in records)
        for row, target in enumerate(work.targets):
            if place > drawn:
                seen = named(int(last.seen[0, row]))
                alt = f"{START_NAMES[work.start]}, climbed towards {named(target)}; the network sees {seen}"
                tiles.picture(row, records[place].pixels[row], alt)
            tiles.caption(row, named(target), *_own(last, row, work))
        drawn = place
        note.caption(f"Step {last.index} of {work.steps}." if last.index < work.steps else "Now the others look.")

    records = follow(job_for("wall", work), draw, note.info, interval=0.3)
    if records is None:
        return None
    last = records[-1]
    show_opinions(tiles, note, last, work)
    return last.pixels


def _own(last: Wall, row: int, work: Climb) -> list[str]:
    return [
        f"{SHORT[name]}: {percent(float(wanted[row]))}"
        for name, wanted in zip(work.classifiers, last.wanted, strict=True)
    ]


def show_opinions(tiles: Tiles, note: DeltaGenerator, last: Wall, work: Climb) -> None:
    """The networks that took no part, asked about the finished pictures: in every caption, and in a sentence."""
    pixels, targets = last.pixels.tobytes(), np.array(work.targets)
    lines = [_own(last, row, work) for row in range(len(targets))]
    agree: dict[str, int] = {}
    for name in (SECOND, THIRD):
        if name in work.classifiers:
            continue
        opinion = opinions(f"wall {name}", pixels, name)
        if opinion is None:
            return
        said = opinion.probabilities
        agree[name] = int((said.argmax(1) == targets).sum())
        for row, target in enumerate(targets):
            seen = int(said[row].argmax())
            tick = "✓ " if seen == target else ""
            lines[row].append(f"{SHORT[name]}: {tick}{named(seen)} {percent(float(said[row, seen]))}")
    for row, target in enumerate(targets):
        tiles.caption(row, named(int(target)), *lines[row])
    reached = int((last.wanted.min(0) >= SURE).sum())
    who = "Lite0 and Lite1 are both" if page.value.both else "Lite0 is"
    others = " and ".join(f"**{count}** ({SHORT[name]})" for name, count in agree.items())
    with note.container():
        st.markdown(
            f"{who} at least 99 % sure of **{reached} of {EIGHT}**. Asked afterwards, {_sees(agree)}: {others}."
        )
        st.caption(
            "Two networks agree, and still the picture shows nothing. What was climbed is the habits of these two; a "
            "third one has its own."
            if page.value.both
            else "What was climbed is one network's habits, not what the class looks like. Is it safe to ask two? "
            "Climb both of them together."
        )


def _sees(agree: dict[str, int]) -> str:
    return "the other network sees the same class in" if len(agree) == 1 else "the others see the same class in"


# -------------------------------------------------------------------------------------------- 3. will a threshold help?


def show_accept() -> tuple[DeltaGenerator, DeltaGenerator]:
    st.subheader("3 · “Then believe it only when it is sure”", anchor=False)
    st.markdown(
        f"A tempting defence: refuse every answer below some confidence. Here are the {len(PHOTOS)} sample photographs "
        f"and the {EIGHT} pictures from above, each a stroke. Find a threshold that lets the photographs in and keeps "
        "the rest out."
    )
    page.control("accept", st.slider, "Accept from … % on", 0, 100)
    page.into_address()
    with st.container(key="fooling_images_strokes"):
        chart, note = st.empty(), st.empty()
        empty = accept_chart([], [], page.value.accept / 100)
        chart.vega_lite_chart(empty, width="stretch", height=190, alt="No picture yet")
        note.caption("As soon as the eight are there.")
    return chart, note


def follow_accept(slots: tuple[DeltaGenerator, DeltaGenerator], fooling: np.ndarray) -> None:
    chart, note = slots
    real, false = opinions("photographs", photographs(), FIRST), opinions("fooling", fooling.tobytes(), FIRST)
    if real is None or false is None:
        return
    threshold = page.value.accept / 100
    groups = [[(named(int(p.argmax())), float(p.max())) for p in each.probabilities] for each in (real, false)]
    let_in, slipped = (sum(p >= threshold for _, p in group) for group in groups)
    chart.vega_lite_chart(
        accept_chart(groups[0], groups[1], threshold),
        width="stretch",
        height=190,
        alt=f"At {page.value.accept} %, {let_in} of {len(PHOTOS)} photographs and {slipped} of {EIGHT} fooling images "
        "are accepted",
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


# -------------------------------------------------------------------------------------------------------------- the end


def show_why() -> None:
    st.subheader("5 · Why does it not say “I don't know”?", anchor=False)
    st.markdown(
        "- **It has no such word.** A softmax shares out 100 % among the classes it has learnt. Noise has to be "
        "something.\n"
        "- **It has learnt borders, not things.** To tell a school bus from 999 others, yellow and black stripes will "
        "do. Nobody ever showed it a picture of nothing, with the answer “nothing”.\n"
        "- **Far from all photographs, the borders go on.** There a score may grow for as long as you climb, and the "
        "softmax only gets surer. Confidence is no measure of how familiar a picture is."
    )


def main() -> None:
    page.start()
    opening(
        page,
        "Fooling images",
        "You will see noise. The network will see whatever you like, and be sure of it.",
    )
    st.html(STYLE)
    with st.sidebar:
        presenting(page)
    page.into_address()
    climbing = show_climb()
    show_formula()
    eight = show_wall()
    accepting = show_accept()
    breeding = show_evolution()
    show_why()
    quiz(page, questions())
    for_the_lecturer(
        page,
        "1. Before you open the link: “What will a network say of noise?” Let them guess a class and a confidence.\n"
        "2. Let somebody name any class. Choose it; it takes a few seconds. Then begin with *grey*.\n"
        "3. Section 2: read out what Lite1 sees in the same pictures. “So let us ask two!” Then climb both.\n"
        "4. Section 3: let them choose the threshold. There is none.\n"
        f"5. *Breed* while you talk about section 5; {MOST_QUERIES} pictures take about half a minute.",
        "- “It must have learnt that noise is a bus.” It has never seen any; nor the word “nothing”.\n"
        "- “There is a bus hidden in it.” Then the other networks would find it.\n"
        f"- The evolution often ends far below 99 %. The paper's ran for thousands of generations; {MOST_QUERIES} "
        f"questions are {MOST_QUERIES // CHILDREN} generations of {CHILDREN}.",
    )
    closing(
        page,
        (
            (
                "Nguyen, Yosinski & Clune, *Deep neural networks are easily fooled*, CVPR 2015",
                "https://arxiv.org/abs/1412.1897",
            ),
            (
                "Mouret & Clune, *Illuminating search spaces by mapping elites*, 2015",
                "https://arxiv.org/abs/1504.04909",
            ),
            (
                "Stanley, *Compositional pattern producing networks*, 2007",
                "https://doi.org/10.1007/s10710-007-9028-8",
            ),
            (
                "Hein, Andriushchenko & Bitterwolf, *Why ReLU networks yield high-confidence predictions far away from "
                "the training data*, CVPR 2019",
                "https://arxiv.org/abs/1812.05720",
            ),
            (
                "Kolter & Madry, *Adversarial robustness: theory and practice*",
                "https://adversarial-ml-tutorial.org",
            ),
        ),
    )
    # What is computed comes last: everything else is on the page by then, and the first result comes first.
    follow_climb(climbing)
    if breeding is not None:
        follow_evolution(breeding)
    fooling = follow_wall(*eight)
    if fooling is not None:
        follow_accept(accepting, fooling)


main()
