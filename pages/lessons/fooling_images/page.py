"""Lesson on fooling images: pictures that show nothing, and that a network classifies with high confidence."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import info_of
from adv_core.images import difference, to_png
from pages.lessons.fooling_images.beforehand import COMMAND, shipped
from pages.lessons.fooling_images.breeding import bred
from pages.lessons.fooling_images.charts import accept_chart, climb_chart
from pages.lessons.fooling_images.program import in_python
from pages.lessons.fooling_images.settings import (
    EIGHT,
    FIRST,
    MOST_STEPS,
    SECOND,
    SHORT,
    SHOWN,
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
from pages.widgets.glossary import prose
from pages.widgets.lesson import Lesson, skeleton, table, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import PHOTOS, class_control, samples
from pages.widgets.stage import NOTHING, PictureRow, drawn, drawn_times, percent, playground, save_button
from pages.widgets.verdict import fooled
from pages.widgets.verdict import note as note_box

ROWS = ("patterns", "wall", "catch")
STYLE = f"""<style>
{", ".join(f".st-key-fooling_images_{row} [data-testid=stHorizontalBlock]" for row in ROWS)} {{gap: .75rem}}
{", ".join(f".st-key-fooling_images_{row} img" for row in ROWS)} {{
  border-radius: .4rem; image-rendering: pixelated; width: 100%}}
{", ".join(f".st-key-fooling_images_{row} .lab-op" for row in ROWS)} {{min-height: 0}}
{", ".join(f".st-key-fooling_images_{row} .lab-cap b" for row in ROWS)} {{font-size: 1rem}}
{", ".join(f".st-key-fooling_images_{row} .lab-cap span" for row in ROWS)} {{font-size: .85rem}}
.st-key-fooling_images_wall .lab-cap {{min-height: 6.6em}}
.st-key-fooling_images_catch .lab-cap, .st-key-fooling_images_patterns .lab-cap {{min-height: 5.4em}}
.st-key-fooling_images_figure {{min-height: 16rem}}
.st-key-fooling_images_wall img {{max-width: 7rem}}
.st-key-stage_climb .lab-op {{min-height: 2.5em}}
.st-key-fooling_images_verdict {{min-height: 6rem}}
.st-key-fooling_images_saved {{min-height: 3rem}}
.st-key-fooling_images_agree {{min-height: 6rem}}
.st-key-fooling_images_strokes {{min-height: 15rem}}
@media (max-width: 640px) {{
  {", ".join(f".st-key-fooling_images_{row} [data-testid=stColumn]" for row in ROWS)} {{
    min-width: calc(50% - .75rem); flex: 1 1 calc(50% - .75rem); width: auto}}
}}
</style>"""


@dataclass
class Run:
    """The eight pictures of section 3, as soon as they are known."""

    fooling: np.ndarray | None = None


def patterns(_: Run) -> Iterator[None]:
    st.subheader("1 · Bred patterns: the figure of Nguyen, Yosinski and Clune", anchor="patterns")
    prose(
        "These pictures show nothing, and nobody drew them. An evolutionary search bred them: it kept whatever made a "
        f"network surer of a class. They are *fooling images*. Here two networks classify them: {SHORT[FIRST]}, for "
        f"which they were bred, and {SHORT[SECOND]}, which the search never asked (✓: it predicts the same class)."
    )
    ours = shipped()
    places = dict.fromkeys((f"{number + 1}" for number in range(len(ours.labels))), "")
    row = PictureRow(
        "fooling_images_patterns", places, NOTHING, ours.labels, alt="Pattern {name}, not yet classified", width=4
    )
    if row.fresh:
        for number, pixels in enumerate(ours.pixels):
            row.show(f"{number + 1}", pixels, "…", alt=f"Pattern {number + 1}, not yet classified")
    figure = st.container(key="fooling_images_figure").empty()
    skeleton(figure, 200, "The networks classify the patterns …")
    yield
    follow_patterns(row, figure)


def follow_patterns(row: PictureRow, figure: DeltaGenerator) -> None:
    """Show what two networks predict for the patterns, beside the figure of the paper."""
    ours = shipped()
    first, second = look("patterns", ours.pixels, FIRST), look("patterns second", ours.pixels, SECOND)
    if first is None or second is None:
        return
    hits = []
    for number, label in enumerate(ours.labels):
        sure, other = first.probabilities[number], second.probabilities[number]
        seen, also = int(sure.argmax()), int(other.argmax())
        hits.append(float(sure[label]))
        aim = "" if seen == label else f"\nbred for {named(label)}: {percent(float(sure[label]))}"
        line = f"{SHORT[FIRST]}: {percent(float(sure[seen]))}{aim}"
        line += f"\n{SHORT[SECOND]}: {'✓ ' if also == label else ''}{named(also)} {percent(float(other[also]))}"
        alt = f"A regular pattern; {SHORT[FIRST]} predicts {named(seen)}, {percent(float(sure[seen]))}"
        row.show(f"{number + 1}", ours.pixels[number], named(seen), line, alt)
    agree = int((second.probabilities.argmax(1) == np.array(ours.labels)).sum())
    with figure.container():
        show_figure(hits, agree)


def show_figure(hits: Sequence[float], agree: int) -> None:
    """Compare the paper's figure with the patterns, whose probabilities for their classes are ``hits``."""
    about = shipped().about
    each, more = about["patterns"], [one["generations"] for one in about["patterns"]]
    table(
        ("", "Nguyen et al. 2015, figure 1", "this page"),
        (
            ("network", "AlexNet (Caffe), ImageNet", f"{info_of(FIRST).title}, ImageNet"),
            (
                "search",
                "CPPNs whose form evolves, 5000 generations for all 1000 classes",
                f"CPPNs of one form, {about['generations']} generations for all classes, then "
                f"{min(more)} to {max(more)} for each of the {len(each)}",
            ),
            (
                "probability of the class",
                "≥ 99.6 % for each picture of the figure; median over all classes 88.11 %",
                f"**{percent(min(hits))}** to **{percent(max(hits))}**; median **{percent(float(np.median(hits)))}**",
            ),
            (
                "another network",
                "not in the figure",
                f"{SHORT[SECOND]} predicts the same class for **{agree}** of {len(each)}",
            ),
        ),
    )
    st.caption(
        f"Our patterns were bred beforehand with {shipped().queries} queries (`{COMMAND}`, seed {about['seed']}); the "
        "probabilities above are those that the network gives to the shipped files now. Network and encoding differ "
        "from the paper's, and our search is much shorter. Breed your own pattern in section 5. The figure is by A. "
        "Nguyen, J. Yosinski and J. Clune, CVPR 2015, [arXiv:1412.1897](https://arxiv.org/abs/1412.1897)."
    )


def climb() -> Climb:
    settings = page.value
    return Climb((settings.target,), settings.start, settings.seed, settings.steps, settings.alpha)


def climb_from_nothing(_: Run) -> Iterator[None]:
    st.subheader("2 · Gradient ascent from a picture of nothing", anchor="gradient")
    p, before = page.value, start_picture(page.value.start, SIZE, page.value.seed)
    with playground("climb"):
        pictures, told = st.columns([2, 1], gap="medium", vertical_alignment="center")
        with pictures:
            times = drawn_times(p.steps * p.alpha)
            row = PictureRow(
                "stage_climb",
                {"start": f"x, {START_NAMES[p.start]}", "delta": drawn(times), "now": "= x + δ"},
                before,
                about=climb(),
                line="not yet classified",
                alt=f"The start: {START_NAMES[p.start]}",
            )
        with told, st.container(key="fooling_images_verdict"):
            verdict = st.empty()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            class_control(page, "target", "Target class", width=280)
            st.button("Random class", on_click=_any_class, key="any_class", icon=":material/casino:")
        page.choice("start", "Start from", START_NAMES)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            page.control("steps", st.slider, "Steps", 1, MOST_STEPS, width=220)
            page.control("alpha", st.slider, "Step size α, in 1/255", 1, 16, width=220)
            if page.value.start in ("noise", "colour"):
                other = {"seed": (page.value.seed + 1) % 10000}
                st.button(f"New {page.value.start}", on_click=page.set, kwargs=other, key="other_start")
    chart = st.empty()
    skeleton(chart, 230, "No step has been computed yet")
    saved = st.container(key="fooling_images_saved").empty()
    show_formula()
    yield
    follow_climb(row, chart, verdict, saved, before, times)


def _any_class() -> None:
    page.set(target=random.randrange(1000))


def follow_climb(
    row: PictureRow,
    chart: DeltaGenerator,
    verdict: DeltaGenerator,
    saved: DeltaGenerator,
    before: np.ndarray,
    times: int,
) -> None:
    target, work = named(page.value.target), climb()

    def draw(records: list[Wall]) -> None:
        first, last = records[0], records[-1]
        row.show("start", None, named(int(first.seen[0, 0])), percent(float(first.sure[0, 0])))
        seen, sure, wanted = int(last.seen[0, 0]), float(last.sure[0, 0]), float(last.wanted[0, 0])
        aim = "" if seen == page.value.target else f"{target}: {percent(wanted)}"
        line = f"{percent(sure)}\n{aim or f'step {last.index}'}"
        place = latest(record.pixels.size for record in records)
        alt = f"The picture after {records[place].index} steps; the network predicts {named(seen)}"
        now = records[place].pixels[0] if place >= 0 else None
        row.show("now", now, named(seen), line, alt)
        if now is not None:
            levels = np.abs(now.astype(int) - before)
            told = f"‖δ‖∞ = {levels.max()}/255", f"mean |δ| = {levels.mean():.1f}/255"
            row.show("delta", difference(before, now, times), *told, f"δ, drawn {times} times stronger")
        vega_chart(
            climb_chart([(record.index, float(record.wanted[0, 0])) for record in records], work.steps, SURE),
            230,
            f"The probability of {target} after {last.index} steps: {percent(wanted)}",
            chart,
        )

    records = follow(job_for("climb", work), draw, verdict.info, interval=0.15)
    if records is not None:
        show_verdict(verdict, records, work)
        name = f"{page.value.start}-{target.replace(' ', '-').replace('/', '-')}.png"
        with saved.container(horizontal=True, vertical_alignment="center"):
            save_button("This picture (PNG)", to_png(records[-1].pixels[0]), name)
            st.caption("The network has classified exactly these pixels, with 8 bits each.")


def show_verdict(slot: DeltaGenerator, records: Sequence[Wall], work: Climb) -> None:
    last, target = records[-1], named(work.targets[0])
    wanted, p = float(last.wanted[0, 0]), page.value
    reached = next((record.index for record in records if record.wanted[0, 0] >= SURE), None)
    shown = START_NAMES[p.start]
    if wanted >= SURE:
        texture = "" if p.start == "noise" else " and some texture"
        late = f" It reached 99 % after {reached} steps." if reached is not None else ""
        fooled(
            slot, f"**Fooled.** You see {shown}{texture}. The network predicts **{target}**, {percent(wanted)}.{late}"
        )
    elif int(last.seen[0, 0]) == work.targets[0]:
        fooled(slot, f"**Fooled.** The network predicts **{target}**, {percent(wanted)}. More steps raise it.")
    else:
        note_box(
            slot,
            f"Not yet: **{target}** has a probability of {percent(wanted)}. Take more steps, or change the step size.",
        )


def show_formula() -> None:
    p = page.value
    prose(
        "This is projected gradient descent (PGD) with another perturbation set. No photograph has to be preserved, so "
        "there is no ε: Δ holds every δ for which x + δ is a picture, with values from 0 to 1. Here x is "
        f"{START_NAMES[p.start]}, $y_\\text{{target}}$ is {named(p.target)}, and α is {p.alpha}/255:"
    )
    st.latex(r"\Delta(x) = \{\delta : 0 \le x + \delta \le 1\}")
    st.latex(
        r"\delta^* = \operatorname*{argmax}_{\delta \in \Delta(x)}\ "
        r"-L\big(y_\text{target},\ \hat f(x + \delta \mid \theta)\big)"
    )
    st.latex(r"g^{[t]} = \nabla_{\!\delta}\, \big[-L(y_\text{target},\ \hat f(x + \delta^{[t]} \mid \theta))\big]")
    st.latex(r"\delta^{[t+1]} = \mathcal{P}\big(\delta^{[t]} + \alpha\, \mathrm{sign}\, g^{[t]}\big)")
    st.latex(r"\mathcal{P}(z) = \text{clip}(z, [-x, 1 - x])")


def wall() -> Climb:
    settings = page.value
    names = (FIRST, SECOND) if settings.both else (FIRST,)
    return Climb(some_classes(EIGHT, settings.eight), settings.start, settings.seed, WALL_STEPS, 1, names)


def eight_at_once(run: Run) -> Iterator[None]:
    st.subheader("3 · Eight classes at once: do other networks agree?", anchor="second-network")
    prose(
        f"From the same start, the attack now makes fooling images for {EIGHT} random classes. Does *another* network "
        "predict these classes, too? The attacked network is Lite0. Lite1 and Lite2 have the same architecture, a "
        "little larger, and were trained on the same photographs."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        other = {"eight": (page.value.eight + 1) % 10000}
        st.button("Eight other classes", on_click=page.set, kwargs=other, key="eight_others", icon=":material/casino:")
        page.control(
            "both",
            st.toggle,
            "Attack Lite0 and Lite1 together",
            help="The objective is the sum of both log-probabilities. Lite2 takes no part in the attack.",
        )
    levels = WALL_STEPS  # of one step each
    page.choice("show", "Show", {name: title.format(drawn_times(levels)) for name, title in SHOWN.items()})
    prose(
        f"All eight pictures look like their start. Each δ moves a value by at most {levels} of 255 levels. Amplified, "
        "they differ."
    )
    places = dict.fromkeys("12345678", "")
    about = (wall(), page.value.show)
    row = PictureRow("fooling_images_wall", places, NOTHING, about, alt="Picture {name}, not yet computed", width=4)
    note = st.container(key="fooling_images_agree").empty()
    yield
    run.fooling = follow_wall(row, note)


def follow_wall(row: PictureRow, note: DeltaGenerator) -> np.ndarray | None:
    """Draw the wall of pictures. Return it, (8, S, S, 3) uint8, or None where it did not end."""
    work, drawn = wall(), -1
    before, times = start_picture(work.start, SIZE, work.seed), drawn_times(work.steps)
    amplified = page.value.show == "delta"

    def draw(records: list[Wall]) -> None:
        nonlocal drawn
        last = records[-1]
        place = latest(record.pixels.size for record in records)
        for number, target in enumerate(work.targets):
            alt = f"Fooling image for {named(target)}, from {START_NAMES[work.start]}; the network predicts "
            alt += named(int(last.seen[0, number]))
            if amplified:
                alt = f"δ, drawn {times} times stronger. {alt}"
            pixels = records[place].pixels[number] if place > drawn else None
            if amplified and pixels is not None:
                pixels = difference(before, pixels, times)
            row.show(f"{number + 1}", pixels, named(target), "\n".join(_own(last, number, work)), alt)
        drawn = place
        note.caption(
            f"Step {last.index} of {work.steps}."
            if last.index < work.steps
            else "Now the other networks classify the pictures."
        )

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
    """Show the other networks' predictions for the finished pictures, in every caption and in a sentence."""
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
            f"{who} at least 99 % sure of **{reached} of {EIGHT}** classes. {_predict(agree)} the same class for "
            f"{others} of the pictures."
        )
        st.caption(
            "Two networks agree, and the picture still shows nothing. It fits the features that these two use; a third "
            "network uses others."
            if page.value.both
            else "These pictures fit the features that one network uses; they do not show the class. Would two "
            "networks be safe? Attack both of them together."
        )


def _predict(agree: dict[str, int]) -> str:
    if len(agree) == 1:
        return "The network that was not attacked predicts"
    return "The networks that were not attacked predict"


def accept_when_sure(run: Run) -> Iterator[None]:
    st.subheader("4 · A confidence threshold: “believe it only when it is sure”", anchor="confidence")
    prose(
        "A common idea for a defence is to reject every prediction whose confidence is below a threshold. Each stroke "
        f"in the chart is one picture: the {len(PHOTOS)} sample photographs, and the {EIGHT} fooling images of section "
        "3. Try to find a threshold that accepts the photographs and rejects the fooling images."
    )
    page.control("accept", st.slider, "Threshold: accept a prediction from this confidence on, in %", 0, 100)
    with st.container(key="fooling_images_strokes"):
        chart, note = st.empty(), st.empty()
        skeleton(chart, 190, "The chart appears as soon as the pictures of section 3 are computed")
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
            f"highest confidence for a photograph is {percent(surest)}. The confidence is higher for "
            f"**{sum(p > surest for _, p in groups[1])}** of the {EIGHT} fooling images."
        )
        st.caption(
            f"Before the softmax, the largest logit lies between {real.logits.max(1).min():.1f} and "
            f"{real.logits.max(1).max():.1f} for a photograph, and between {false.logits.max(1).min():.1f} and "
            f"{false.logits.max(1).max():.1f} for a fooling image. A defence could reject logits that are too *large*. "
            "An attacker who knows of it stops the ascent earlier."
        )


def why(_: Run) -> None:
    st.subheader("6 · Softmax: why it cannot say “I don't know”", anchor="softmax")
    prose(
        "- **There is no class for it.** Softmax distributes 100 % among the classes that the network has learnt. "
        "Noise has to be one of them.\n"
        "- **The network has learnt decision boundaries, not things.** Yellow and black stripes are enough to tell a "
        "school bus from the 999 other classes. No training picture showed nothing, with the label “nothing”.\n"
        "- **The boundaries continue far from all photographs.** There, a score may grow with every step of the "
        "ascent, and softmax becomes only surer. Confidence does not measure how familiar a picture is."
    )


SECTIONS = (patterns, climb_from_nothing, in_python, eight_at_once, accept_when_sure, bred, why)
Lesson(page, TEXTS, SECTIONS, prepare=Run, style=STYLE).show()
