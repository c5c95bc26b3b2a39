"""A test of the reader's own threshold of perception, compared with the network's threshold."""

from collections.abc import Iterator
from dataclasses import replace

import streamlit as st

from adv_core.serving.engine.attack import Attack
from pages.lessons.threat_models.balls import Run
from pages.lessons.threat_models.charts import staircase_chart
from pages.lessons.threat_models.eye import LEVELS, LONGEST, Staircase
from pages.lessons.threat_models.settings import page
from pages.widgets.lesson import vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.stage import show_picture


def own_eyes(run: Run) -> Iterator[None]:
    st.subheader("4 · Can you see it?", anchor="visibility")
    place = st.container(key="trial")
    yield
    if run.clean is not None:
        with place:
            show_test(run.base)


def show_test(base: Attack) -> None:
    settings = page.value
    test = Staircase(settings.answers)
    if test.done:
        show_threshold(base, test)
        return
    st.markdown(
        "One of these two is untouched, the other one is x + δ. **Which one was changed?** When you are right twice, ε "
        "shrinks; when you are wrong, it grows. Look as you would look at any photograph, without zooming."
    )
    request = replace(base, attack="fgsm", eps=(test.level / 255,))
    frames = follow(job_for("trial", request))
    if frames is None:
        return
    assert frames[-1].pixels is not None
    sides = {"left": base.pixels, "right": base.pixels, test.side(settings.seed): frames[-1].pixels[0]}
    with st.container(key="stage_trial"):
        for (side, pixels), column in zip(sides.items(), st.columns(2), strict=True):
            show_picture(pixels, f"The {side} picture", column)
            right = "1" if side == test.side(settings.seed) else "0"
            column.button(
                f"The {side} one",
                on_click=page.set,
                kwargs={"answers": settings.answers + right},
                key=f"trial_{side}",
                width="stretch",
            )
    last = (
        "Take your time; guess if you cannot tell."
        if not settings.answers
        else f"Trial {len(settings.answers)}: {'right' if settings.answers[-1] == '1' else 'wrong'}."
    )
    st.progress(test.progress, f"{last} {LONGEST} trials at most.")
    if settings.answers:
        st.button("Start over", on_click=page.set, kwargs={"answers": ""}, type="tertiary", key="restart_test")


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
        f"**You see it from ε = {you:.1f}/255** (where you would be right in 71 % of the trials). "
        if inside
        else f"**You see it at ε = {LEVELS[0]}/255 already**, the least that this test can show. "
        if you < LEVELS[-1] / 2
        else f"**You did not find it at ε = {LEVELS[-1]}/255**, the most that this test shows. "
    )
    st.markdown(
        seen
        + (f"**The network is fooled from ε = {network:.2f}/255**: " if network else "The network was not fooled. ")
        + (
            f"there is a factor of {you / network:.0f} between them."
            if network and inside and you > 2 * network
            else "about where you see it, on this photograph."
            if network and inside
            else "on this photograph."
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
        "Yours: the geometric mean of the last turns of the staircase, FGSM's pattern at each ε. The network's: the "
        "least ε that was found (a minimum-norm attack in 30 steps), on the picture rounded to 8 bits: no picture can "
        "change by less than 1/255, but it may change in a part of its values only."
    )
    st.button("Start over", on_click=page.set, kwargs={"answers": ""}, key="restart_test")
