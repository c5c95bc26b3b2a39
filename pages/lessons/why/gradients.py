"""Section 2: robust networks ask for real pictures."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from adv_core.aligned import Aligned
from adv_core.datasets import centred
from adv_core.serving.engine.digits import Digit, digits
from pages.lessons.why.gradient_tasks import Count, Counted, Push, Pushed
from pages.lessons.why.settings import COUNTED, NETWORKS, REFERENCE, SOURCES, STARTS, STEPS, page
from pages.widgets.canvas import canvas
from pages.widgets.digits import ink, share, signed
from pages.widgets.glossary import prose
from pages.widgets.lesson import digit_control, pictures, slots, table
from pages.widgets.live import follow_each
from pages.widgets.stage import PictureRow, percent, playground
from pages.widgets.verdict import note

START = ink(np.full((28, 28), 0.5), 8)
TITLES = {str(name): title for name, title in NETWORKS.items()}
Found = Mapping[Aligned, list[Pushed]]


def show_gradients(_: None) -> Iterator[None]:
    st.subheader("2 · Robust networks ask for real pictures", anchor="gradients")
    prose(
        "Push a digit very far towards another class: δ may be as long as ‖δ‖₂ = ε, and this ε is large. Four networks "
        "of the same shape say which ink they want. One had ordinary training, three had **adversarial training**, in "
        "L∞ or in L2. Which of the four results would a person call a digit of the new class?"
    )
    with playground("push"):
        row = PictureRow("stage_push", TITLES, START, page.value.source, line="not yet computed")
        told = st.container(key="why_push_told").empty()
        digit = show_controls()
    gradients, figures, counted = slots("why_gradients", 3)
    settings = page.value
    yield
    if digit is None:
        note(told, "Write a digit. The four networks push it.")
    else:
        works = {name: Push(name, digit, settings.target, settings.reach, STEPS, REFERENCE) for name in NETWORKS}
        found = follow_each("push", works, lambda found, name: draw_push(row, found, name, settings.target), told.info)
        if found is not None:
            told.caption(reading(settings.target))
            show_input_gradients(gradients, digit, found)
    yield
    counts = {name: Count(name, settings.reach, STEPS, COUNTED, REFERENCE) for name in NETWORKS}
    if follow_each("count", counts, partial(draw_counts, figures), counted.info) is not None:
        show_what_it_means(counted)


def show_controls() -> Digit | None:
    left, right = st.columns(2, gap="medium")
    with right:
        page.control("target", st.select_slider, "Class to push it to", list(range(10)))
        page.control("reach", st.slider, "ε: the length of δ in L2 (a digit is about 9 long)", 1.0, 10.0, step=0.5)
    with left:
        page.choice("source", "Digit to push", SOURCES)
        if page.value.source == "own":
            drawing = canvas("why_digit", width=28, height=28, label="Write a digit", brush=2.6)
            return None if drawing is None else Digit.of(centred(torch.from_numpy(drawing)), 0)
        data = digits("test")
        digit_control(page, len(data))
        place = page.value.digit
        st.caption(f"The digit {int(data.labels[place])}, number {place} of MNIST's 10 000 test pictures.")
        return Digit.of(data[place].images, int(data.labels[place]))


def draw_push(row: PictureRow, found: Found, name: Aligned, target: int) -> None:
    """Draw what one network has asked for so far, and at the end what the judges say."""
    record = found[name][-1]
    label, p = record.said
    line = f"it says {percent(p)}"
    if record.nearest is not None:
        line = f"{line}\nothers: {', '.join(map(str, record.others))}\nnearest: a {record.nearest}"
    looks = "✓ " if record.nearest == target else ""
    row.show(name, ink(record.pixels / 255, 8), f"{looks}“{label}”", line)


def reading(target: int) -> str:
    """Explain the lines below the pictures."""
    return (
        "*Others* are three networks that took no part: one trained in noise, one by FGSM, one by interval bounds. "
        f"*Nearest*: the class of the nearest of {REFERENCE} training digits. ✓ marks a {target}."
    )


def show_input_gradients(slot: DeltaGenerator, digit: Digit, found: Found) -> None:
    """Show the gradient of each network in the untouched digit."""
    with slot.container():
        st.markdown(f"**Input gradients at x, towards “{page.value.target}”** (orange: more ink; blue: less)")
        shown = []
        for name, records in found.items():
            gradient = records[-1].gradient
            limit = float(np.quantile(np.abs(gradient), 0.99))
            alt = f"The input gradient of the network that is {NETWORKS[name]}"
            shown.append((signed(gradient, limit, 5), NETWORKS[name], alt))
        pictures(*shown, width=150)


def draw_counts(slot: DeltaGenerator, found: Mapping[Aligned, list[Counted]], _: Aligned) -> None:
    """Draw the table of all networks whose pushes have been counted."""
    ended = {name: records[-1] for name, records in found.items() if records}
    lines = []
    for name, record in ended.items():
        judged = record.judgement
        cells = ("…",) * 3 if judged is None else (share(judged.itself), share(judged.others), share(judged.nearest))
        lines.append((NETWORKS[name], *cells))
    head = ("pushed against", "read as the target by itself", "by others", "nearest real digit is of the target")
    table(head, lines, slot)


def show_what_it_means(slot: DeltaGenerator) -> None:
    with slot.container():
        st.caption(
            f"{COUNTED} test digits, each pushed towards a random other class with ε = {page.value.reach:g}; "
            f"{REFERENCE} training digits to compare with."
        )
        prose(
            "The ordinary network is content with a veil: it says the new class, and so do other networks, but the "
            "nearest real digit is still of the old one. The network that is robust in **L2** asks for strokes. Its "
            "training took away what a small δ can change, and what remains is what people see, too."
        )
        prose(
            "The networks that are robust in **L∞** do not draw. On MNIST such networks learn a threshold, below which "
            "a pixel counts as black, and it hides the gradient (Schott et al. 2019). So “robust networks have "
            "gradients that people understand” depends on the threat model, and on the data."
        )


def show_painting(_: None) -> Iterator[None]:
    st.markdown("#### Paint with gradients")
    prose(
        "The same ascent, with nothing to start from: choose a class, and watch each network draw it "
        "(Santurkar et al. 2019)."
    )
    with playground("paint"):
        about = (page.value.paint, page.value.start)
        row = PictureRow("stage_paint", TITLES, START, about, line="not yet computed")
        told = st.empty()
        left, right = st.columns(2, gap="medium")
        with left:
            page.control("paint", st.select_slider, "Class to paint", list(range(10)))
        with right:
            page.choice("start", "Start from", STARTS)
    settings = page.value
    yield
    yield
    start = None if settings.start == "cloud" else Digit.of(torch.full((28, 28), 128 / 255), 0)
    works = {name: Push(name, start, settings.paint, settings.reach, STEPS, REFERENCE) for name in NETWORKS}
    draw = partial(draw_push, row)
    if follow_each("paint", works, lambda found, name: draw(found, name, settings.paint), told.info) is not None:
        told.caption(f"ε = {settings.reach:g}, as above. From even grey the drawings are rougher: the start matters.")
