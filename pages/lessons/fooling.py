"""Lesson: fooling images. Pictures that show nothing, and of which a network is as sure as of anything."""

import html
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import DEFAULT, categories, info_of
from adv_core.figures_fooling import accept_chart, breed_chart, climb_chart
from adv_core.fooling_tasks import (
    CHILDREN,
    GALLERY,
    STARTS,
    Bred,
    Climb,
    Evolution,
    Start,
    Wall,
    some_classes,
    start_picture,
)
from adv_core.images import fit, to_png
from adv_core.serving.engine.look import Opinion, SecondOpinion
from adv_core.serving.limits import LIMITS
from pages.widgets.controls import Controls
from pages.widgets.lesson import closing, for_the_lecturer, opening, presenting
from pages.widgets.live import drop_jobs, follow, job_for
from pages.widgets.photograph import PHOTOS, class_named, sample
from pages.widgets.query import number, solved, word
from pages.widgets.quiz import Choice, Number, quiz
from pages.widgets.stage import percent, picture_uri

SIZE = info_of(DEFAULT).input_size
SURE = 0.99
EIGHT = 8
WALL_STEPS = 40
# The network that is climbed, the one that may be climbed with it, and the one that never is.
FIRST, SECOND, THIRD = DEFAULT, "efficientnet_lite1", "efficientnet_lite2"
SHORT = {FIRST: "Lite0", SECOND: "Lite1", THIRD: "Lite2"}
START_NAMES: dict[Start, str] = {
    "noise": "noise",
    "grey": "grey",
    "colour": "one colour",
    "stripes": "stripes",
    "shade": "black to white",
}
ENCODED = {"pattern": "patterns (CPPN)", "tiles": "tiles (direct)"}
MOST_STEPS, MOST_QUERIES = min(200, LIMITS.max_steps), min(2000, LIMITS.max_queries)
STYLE = """<style>
.st-key-fooling_wall [data-testid=stHorizontalBlock], .st-key-fooling_catch [data-testid=stHorizontalBlock] {
  gap: .75rem}
.st-key-fooling_wall img, .st-key-fooling_catch img {border-radius: .4rem; image-rendering: pixelated; width: 100%}
.st-key-fooling_wall .lab-cap b, .st-key-fooling_catch .lab-cap b {font-size: 1rem}
.st-key-fooling_wall .lab-cap span, .st-key-fooling_catch .lab-cap span {font-size: .85rem}
.st-key-fooling_wall .lab-cap {min-height: 6.6em}
.st-key-fooling_catch .lab-cap {min-height: 5.4em}
.st-key-fooling_course {min-height: 17rem}
.st-key-fooling_verdict {min-height: 9rem}
.st-key-fooling_agree {min-height: 6rem}
.st-key-fooling_strokes {min-height: 15rem}
@media (max-width: 640px) {
  .st-key-fooling_wall [data-testid=stColumn], .st-key-fooling_catch [data-testid=stColumn] {
    min-width: calc(50% - .75rem); flex: 1 1 calc(50% - .75rem); width: auto}
}
</style>"""
NOTHING = np.full((8, 8, 3), 128, np.uint8)


@dataclass(frozen=True)
class Settings:
    """Every control of the page. ``alpha`` in levels of 255, ``accept`` in per cent."""

    target: int = number(779, 0, 999, named=class_named)
    start: Start = word("noise", STARTS)
    seed: int = number(0, 0, 9999)
    steps: int = number(min(40, MOST_STEPS), 1, MOST_STEPS)
    alpha: int = number(1, 1, 16)
    eight: int = number(0, 0, 9999)
    both: bool = False
    accept: int = number(90, 0, 100)
    bred: bool = False
    encoding: str = word("pattern", ENCODED)
    queries: int = number(MOST_QUERIES, min(200, MOST_QUERIES), MOST_QUERIES)
    brood: int = number(0, 0, 9999)
    done: str = solved("abcde")
    present: bool = False


page = Controls("fooling", Settings)


def named(label: int) -> str:
    return categories()[label]


def latest(sizes: Iterable[int]) -> int:
    """The place of the last one that is not empty; -1 where all of them are."""
    return max((place for place, size in enumerate(sizes) if size), default=-1)


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
            _caption(slot, "…", "the network is looking")
    with right, st.container(key="fooling_course"):
        chart = st.empty()
        chart.vega_lite_chart(climb_chart([], page.value.steps, SURE), width="stretch", height=270, alt="No step yet")
    with st.container(key="fooling_verdict"):
        verdict = st.empty()
    return before, now, after, chart, verdict


def _any_class() -> None:
    page.set(target=random.randrange(1000))


def _caption(slot: DeltaGenerator, headline: str, *lines: str) -> None:
    text = html.escape("\n".join(lines))
    slot.html(f"<div class='lab-cap'><b>{html.escape(headline)}</b><span>{text}</span></div>")


def follow_climb(slots: tuple[DeltaGenerator, ...]) -> None:
    before, now, after, chart, verdict = slots
    target, work, drawn = named(page.value.target), climb(), -1

    def draw(records: list[Wall]) -> None:
        nonlocal drawn
        first, last = records[0], records[-1]
        if drawn < 0:
            _caption(before, named(int(first.seen[0, 0])), percent(float(first.sure[0, 0])))
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
        _caption(after, named(seen), percent(sure), aim or f"step {last.index}")
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


class Tiles:
    """Two rows of four pictures with what stands below each of them, to be redrawn."""

    def __init__(self, key: str) -> None:
        self.slots: list[tuple[DeltaGenerator, DeltaGenerator]] = []
        with st.container(key=key):
            for _ in range(2):
                self.slots += [(column.empty(), column.empty()) for column in st.columns(4)]
        for number_, (picture, caption) in enumerate(self.slots):
            picture.image(picture_uri(NOTHING), width="stretch", alt=f"Room for picture {number_ + 1}")
            _caption(caption, "…")

    def picture(self, place: int, pixels: np.ndarray, alt: str) -> None:
        self.slots[place][0].image(picture_uri(pixels), width="stretch", alt=alt)

    def caption(self, place: int, headline: str, *lines: str) -> None:
        _caption(self.slots[place][1], headline, *lines)


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
    tiles = Tiles("fooling_wall")
    with st.container(key="fooling_agree"):
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


def opinions(slot: str, pixels: bytes, name: str) -> Opinion | None:
    """What that network says of those pictures of the default's size."""
    found = follow(job_for(slot, SecondOpinion(pixels, SIZE, name)), end=False)
    return None if found is None else found[0]


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
    with st.container(key="fooling_strokes"):
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
        accept_chart(*groups, threshold),
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


# ------------------------------------------------------------------------------------------------ 4. without a gradient


def evolution() -> Evolution:
    settings = page.value
    return Evolution(settings.target, settings.encoding, settings.queries, settings.brood)


def show_evolution() -> tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator, DeltaGenerator, Tiles] | None:
    st.subheader("4 · Without a gradient: breed them", anchor=False)
    st.markdown(
        "Perhaps it is the gradient that plays this trick? No: who may only *ask* the network finds such pictures, "
        "too. A picture is grown from a few numbers (its genome), the network says how sure it is, the surest live and "
        "have children with small mutations. As in the paper, every class keeps its own champion, and a child of any "
        "of them may become the champion of another class."
    )
    page.control(
        "encoding",
        st.segmented_control,
        "A genome describes",
        list(ENCODED),
        format_func=ENCODED.get,
        required=True,
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        low = min(200, MOST_QUERIES)
        page.control("queries", st.slider, "Pictures it may show to the network", low, MOST_QUERIES, step=8, width=300)
        if page.value.bred:
            other = {"brood": (page.value.brood + 1) % 10000}
            st.button("Again, other seed", on_click=page.set, kwargs=other, key="breed")
            st.button("Stop", on_click=_stop_breeding, key="stop_breeding", type="tertiary")
        else:
            label = f"Breed: {named(page.value.target)}"
            st.button(label, on_click=page.set, kwargs={"bred": True}, key="breed", type="primary")
    page.into_address()
    st.caption(
        "**Patterns**: a CPPN, a small network of sines, bells and folds that is asked for the colour at every place; "
        "its pictures are regular. **Tiles**: every one of 28 × 28 tiles has a colour of its own."
    )
    if not page.value.bred:
        return None
    left, right = st.columns([2, 3], gap="medium")
    with left, st.container(key="stage_bred"):
        picture, caption = st.empty(), st.empty()
        picture.image(picture_uri(NOTHING), width="stretch", alt="Room for the champion")
        _caption(caption, "…")
    with right, st.container(key="room_bred"):
        chart, note = st.empty(), st.empty()
    st.markdown("**By-catch: the other classes' surest champions**")
    return picture, caption, chart, note, Tiles("fooling_catch")


def _stop_breeding() -> None:
    page.set(bred=False)
    drop_jobs("evolution")


def follow_evolution(slots: tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator, DeltaGenerator, Tiles]) -> None:
    picture, caption, chart, note, tiles = slots
    work, target = evolution(), named(page.value.target)
    drawn = shown = -1

    def draw(records: list[Bred]) -> None:
        nonlocal drawn, shown
        last = records[-1]
        place = latest(record.picture.size for record in records)
        if place > drawn:
            picture.image(
                picture_uri(records[place].picture),
                width="stretch",
                alt=f"The best {target} after {last.queries} pictures: the network gives it {percent(last.wanted)}",
            )
            drawn = place
        _caption(caption, target, percent(last.wanted))
        chart.vega_lite_chart(
            breed_chart([(record.queries, record.wanted) for record in records], work.queries),
            width="stretch",
            height=270,
            alt=f"The probability of {target} after {last.queries} pictures: {percent(last.wanted)}",
        )
        note.caption(
            f"{last.queries} of {work.queries} pictures shown. More than 50 % sure of {last.sure} of 1000 classes so "
            "far. The axis is logarithmic."
        )
        gallery = latest(len(record.others) for record in records)
        if gallery > shown:
            show_gallery(tiles, records[gallery])
            shown = gallery

    records = follow(job_for("evolution", work), draw, note.info, interval=0.3)
    if records is not None:
        with note.container():
            show_bred(records[-1], work, tiles)


def show_gallery(tiles: Tiles, record: Bred, seconds: Sequence[str] = ("",) * GALLERY) -> None:
    found = zip(record.others, record.certainty, record.pictures, seconds, strict=True)
    for place, (label, certainty, pixels, second) in enumerate(found):
        name = named(label)
        tiles.picture(place, pixels, f"The champion of {name}: the network gives it {percent(certainty)}")
        tiles.caption(place, name, f"Lite0: {percent(certainty)}", *([second] if second else []))


def show_bred(last: Bred, work: Evolution, tiles: Tiles) -> None:
    target = named(work.target)
    second = opinions("bred second", last.pictures.tobytes(), SECOND)
    own = opinions("bred own", last.picture.tobytes(), SECOND)
    if second is None or own is None:
        return
    said = second.probabilities
    seen = [int(each) for each in said.argmax(1)]
    lines = [
        f"Lite1: {'✓ ' if label == wanted else ''}{named(label)} {percent(float(row[label]))}"
        for label, wanted, row in zip(seen, last.others, said, strict=True)
    ]
    show_gallery(tiles, last, lines)
    agree = sum(label == wanted for label, wanted in zip(seen, last.others, strict=True))
    icon = ":material/genetics:"
    if last.wanted >= SURE:
        st.success(f"**{target}**, {percent(last.wanted)}, and not one gradient.", icon=icon)
    elif last.wanted > 0.5:
        st.success(f"**{target}**, {percent(last.wanted)}: believed, and not one gradient.", icon=icon)
    else:
        st.info(
            f"**{target}**: {percent(last.wanted)} after {last.queries} pictures. Some classes are easy to breed, most "
            "are not; gradient ascent did it in a few dozen steps. Ask more, take another seed, or another class.",
            icon=icon,
        )
    st.caption(
        f"{last.queries} questions; more than 50 % sure of {last.sure} of 1000 classes. Lite1 gives this {target} "
        f"{percent(float(own.probabilities[0, work.target]))}, and sees the same class in {agree} of the {GALLERY} "
        "below."
    )
    st.download_button(
        "This picture (PNG)",
        to_png(last.picture),
        f"bred-{target.replace(' ', '-').replace('/', '-')}.png",
        "image/png",
        on_click="ignore",
        key="bred_png",
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


def questions() -> list[Choice | Number]:
    return [
        Choice(
            "a",
            "Compared with an adversarial photograph, what has been changed in δ* = argmax over Δ of L?",
            (
                ("The loss: noise needs another one.", "It is the log-probability of the target, as before."),
                (
                    "Δ: there is no ε any more, only the box.",
                    "Yes. And x: any picture will do as a start.",
                ),
                ("The solver: it no longer follows the sign of the gradient.", "Look at the formula of section 1."),
            ),
            1,
        ),
        Number(
            "b",
            "α = 1/255 and 40 steps. By how many of the 255 levels can a value have moved at most?",
            40,
            0.5,
            "Yes: 40 · 1. That is why grey still looks grey.",
            lambda given: "Every step moves a value by one level, up or down.",
            unit="levels",
        ),
        Choice(
            "c",
            "A company refuses every answer below 99 %. Does that keep fooling images out?",
            (
                ("Yes: nonsense gets low confidence.", "Look at the strokes of section 3."),
                (
                    "No: they were made to be surer than photographs are.",
                    "Yes. It refuses honest photographs instead.",
                ),
                ("Yes, if the network is large enough.", "Nothing in the argument depends on its size."),
            ),
            1,
        ),
        Choice(
            "d",
            "Lite1 does not see what Lite0 sees in these pictures. Would asking both be a defence?",
            (
                ("Yes: no picture can fool both.", "Switch on “Climb Lite0 and Lite1 together”."),
                (
                    "Against an attacker who does not know of it, perhaps; one who knows climbs both.",
                    "Yes. A defence is judged against whoever knows it.",
                ),
                ("No: Lite1 sees the same anyway.", "Count the ticks below the eight pictures."),
            ),
            1,
        ),
        Choice(
            "e",
            "Evolution asks for answers only. Why does breeding patterns get further than breeding tiles?",
            (
                (
                    "A small change of a pattern's genome changes the whole picture in an orderly way: edges, stripes, "
                    "circles, which the network looks for.",
                    "Yes. A single tile hardly matters to any class.",
                ),
                ("Patterns have more numbers to choose from.", "They have fewer: a few hundred, against 2352."),
                ("Tiles cannot show every picture.", "Nor can patterns. It is about what one mutation does."),
            ),
            0,
        ),
    ]


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
