"""A test of the reader's own threshold of perception, and a comparison with the network's."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.serving.engine.attack import Attack
from pages.lessons.threat_models.balls import Run
from pages.lessons.threat_models.charts import staircase_chart
from pages.lessons.threat_models.eye import LEVELS, LONGEST, Staircase
from pages.lessons.threat_models.settings import page
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.stage import PictureRow

SIDES = ("left", "right")


def own_eyes(run: Run) -> Iterator[None]:
    st.subheader("4 · Threshold of perception: can you see δ?", anchor="visibility")
    place = st.container(key="trial")
    test = Staircase(page.value.answers)
    with place:
        if test.done:
            drawn = st.empty()
            skeleton(drawn, 420, "Your threshold and the network's, not yet computed")
        else:
            row, buttons = draw_pair(run.base)
            note = st.container()
    yield
    if run.clean is None:
        return
    if test.done:
        drawn.empty()
        with place:
            show_threshold(run.base, test)
    else:
        with note:
            show_pair(run.base, test, row, buttons)


def draw_pair(base: Attack) -> tuple[PictureRow, list[DeltaGenerator]]:
    """Draw the place of a trial. Its buttons are disabled until the pair is there: a click would count for nothing."""
    prose(
        "One of these two pictures is x, the other one is x + δ. **Which one has been changed?** After two right "
        "answers ε becomes smaller, after a wrong answer it becomes larger. Look as you look at any photograph, "
        "without zooming in."
    )
    grey, titles = np.full_like(base.pixels, 128), {side: f"The {side} picture" for side in SIDES}
    row = PictureRow("stage_trial", titles, grey, page.value.image, alt="{title}, not yet computed")
    with st.container(key="stage_trial_buttons"):
        buttons = [column.empty() for column in st.columns(2)]
    for side, button in zip(SIDES, buttons, strict=True):
        button.button(f"The {side} one", disabled=True, key=f"wait_{side}", width="stretch")
    return row, buttons


def show_pair(base: Attack, test: Staircase, row: PictureRow, buttons: list[DeltaGenerator]) -> None:
    settings = page.value
    frames = follow(job_for("trial", replace(base, attack="fgsm", eps=(test.level / 255,))))
    if frames is None:
        return
    assert frames[-1].pixels is not None
    number, changed = len(settings.answers), test.side(settings.seed)
    for side, button in zip(SIDES, buttons, strict=True):
        row.show(side, frames[-1].pixels[0] if side == changed else base.pixels, "", alt=f"The {side} picture")
        button.button(
            f"The {side} one",
            on_click=answer,
            args=(number, "1" if side == changed else "0"),
            key=f"trial_{side}",
            width="stretch",
        )
    last = (
        "Guess if you cannot tell."
        if not settings.answers
        else f"Trial {number}: {'right' if settings.answers[-1] == '1' else 'wrong'}."
    )
    st.progress(test.progress, f"{last} At most {LONGEST} trials.")
    if settings.answers:
        st.button("Start over", on_click=page.set, kwargs={"answers": ""}, type="tertiary", key="restart_test")


def answer(number: int, right: str) -> None:
    """Note the answer to the trial of that number. A second click on the same pair is no second answer."""
    if len(page.value.answers) == number:
        page.set(answers=page.value.answers + right)


def show_threshold(base: Attack, test: Staircase) -> None:
    request = replace(base, attack="smallest", eps=(0.0,), steps=30)
    frames = follow(job_for("trial", request))
    if frames is None:
        return
    last = frames[-1]
    fooled = int(last.logits[0].argmax()) != base.label
    network = float(last.size[0]) * 255 if fooled else None
    you = test.threshold
    assert you is not None
    inside = LEVELS[0] * 1.1 < you < LEVELS[-1] / 1.1
    seen = (
        f"**You see it from ε = {you:.1f}/255** (there, you are right in 71 % of the trials). "
        if inside
        else f"**You see it already at ε = {LEVELS[0]}/255**, the smallest ε of this test. "
        if you < LEVELS[-1] / 2
        else f"**You did not see it at ε = {LEVELS[-1]}/255**, the largest ε of this test. "
    )
    st.markdown(
        seen
        + (f"**The network is fooled from ε = {network:.2f}/255**" if network else "The network was not fooled.")
        + (
            f" on this photograph. Your threshold is larger by a factor of {you / network:.0f}."
            if network and inside and you > 2 * network
            else " on this photograph, about the same."
            if network and inside
            else " on this photograph."
            if network
            else ""
        )
    )
    vega_chart(
        staircase_chart(test.levels, page.value.answers, you, network),
        280,
        f"ε of each trial; your threshold {you:.1f}, the network's {network or float('nan'):.2f}, in 1/255",
    )
    st.caption(
        "Your threshold is the geometric mean of ε at the last turns of the staircase; each δ is FGSM's. The network's "
        "threshold is the least ε that a minimum-norm attack found in 30 steps, on the picture rounded to 8 bits. "
        "After rounding no value changes by less than 1/255, but only a part of the values may change."
    )
    st.button("Start over", on_click=page.set, kwargs={"answers": ""}, key="restart_test")
