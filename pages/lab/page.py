"""The Attack Lab: attack a photograph, and see how the network's prediction changes."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import categories, info_of
from adv_core.images import fit, shrink
from adv_core.perturbation_sets import L2, Linf
from adv_core.serving.engine.attack import Attack, Frame, LossKey
from adv_core.serving.engine.look import Pictures
from adv_core.serving.limits import LIMITS
from pages.classroom.handing_in import hand_in_bar
from pages.lab.below import show_noise, show_saving, show_sweep, show_views
from pages.lab.controls import apply, ensure_weights, knobs, preset, sidebar, surprise, use_found
from pages.lab.formula import show_formula
from pages.lab.result import Result, Subject, display
from pages.lab.settings import PRESETS, TABS, TITLE, VIEWS, Settings, page
from pages.lab.verdict import judge
from pages.widgets.ask import look
from pages.widgets.lesson import heading
from pages.widgets.live import drop_jobs, follow, job_for, request_of
from pages.widgets.photograph import OWN, needs_own, photograph, upload_button
from pages.widgets.stage import Stage, playground, waiting
from pages.widgets.verdict import note, tell

state = st.session_state


def show_opening() -> DeltaGenerator:
    """Draw title, lead and examples; return the place for messages."""
    heading(
        page,
        TITLE,
        "A change that you hardly see fools a network: an **adversarial example**. Pick one, or change a control.",
    )
    with st.container(horizontal=True, key="presets"):
        for name in PRESETS:
            st.button(name, on_click=preset, args=(name,))
        st.button("surprise me", on_click=surprise)
        if not page.value.present:
            upload_button(page, Settings.image)
        if page.value.present:
            st.button("Leave presentation mode", on_click=apply, kwargs={"present": False}, type="tertiary")
    return st.container()


def attack_request(settings: Settings, base: Attack, label: int) -> Attack:
    """Return the settings as a request to the engine.

    Options that the attack does not have keep their defaults, so that equal runs share one job.
    """
    info = settings.info
    objective: LossKey = settings.loss
    if objective in ("difference", "dlr") and settings.targeted and settings.target == label:
        objective = "ce"  # L(y) - L(y) is always zero; the page says that the target is the present class
    if objective == "difference" and not settings.targeted:
        objective = "ce"
    chosen: dict[str, Any] = {
        "steps": settings.steps,
        "step_size": settings.step_size,
        "step": settings.rule,
        "random_start": settings.random,
        "restarts": settings.restarts,
        "queries": settings.queries,
        "seed": settings.seed,
    }
    views = VIEWS if settings.views and "step_size" in info.options and not settings.whole else 0
    if "random_start" in info.options and not settings.random and settings.restarts == 1 and not views:
        del chosen["seed"]
    return replace(
        base,
        attack=settings.attack,
        norm=settings.ball.key,
        eps=(0.0 if info.minimal else settings.radius,),
        objective=objective,
        label=label,
        target=settings.target if settings.targeted else None,
        views=views,
        **{name: value for name, value in chosen.items() if name in info.options},
    )


def look_at_original(settings: Settings, stage: Stage, messages: DeltaGenerator) -> Subject:
    """Classify the untouched picture, and draw it on the stage."""
    side = info_of(settings.model).input_size
    photo = photograph(settings.image)
    original = np.asarray(shrink(photo, LIMITS.max_pixels) if settings.whole else fit(photo, side, side))
    base = Attack(Pictures.of(original), settings.model)
    with messages:
        looked = look("look", original, settings.model)
    if looked is None:
        st.stop()
    clean = looked.probabilities[0]
    label = int(clean.argmax())
    if (base.picture, base.classifier) != state.get("on_stage"):
        state.on_stage = (base.picture, base.classifier)
        stage.wait(display(original))  # the old run's result must not stand beside another picture
    stage.original(display(original), label, float(clean[label]), info_of(settings.model).title)
    return Subject(settings, original, clean, attack_request(settings, base, label))


def show_verdict(subject: Subject, frames: list[Frame], status: DeltaGenerator, place: DeltaGenerator) -> None:
    """Tell how the attack ended, and offer PGD with the ε that was found."""
    settings, last, ball = subject.settings, frames[-1], subject.settings.ball
    assert last.pixels is not None
    linf, l2 = map(float, last.norms[0])
    reached = {Linf: linf / 255, L2: l2}.get(ball.ball, settings.radius)
    used = reached / max(settings.radius, 1e-9)
    changed = int((last.pixels[0] != subject.original).sum())
    result = judge(settings, subject.label, frames, changed, used, float(subject.clean[subject.label]))
    tell(status, result.kind, result.text)
    if settings.info.minimal and result.kind == "fooled":
        found = float(last.size[0]) * ball.scale
        enough = math.ceil(found / ball.step - 1e-3) * ball.step  # a float32 1/255 can be 1.00001 levels
        place.button(
            f"Run PGD with ε = {ball.text(ball.radius(enough))}",
            on_click=use_found,
            args=(settings.eps_field, enough),
        )


def clear_target(subject: Subject) -> None:
    """Look for any other class where a visitor's own picture already has the target class, and say so.

    A picture that was saved here and is uploaded again is such a picture.
    """
    settings = subject.settings
    if settings.image == OWN and settings.targeted and settings.target == subject.label:
        state.cleared = (
            f"The network already predicts the target, **{categories()[subject.label]}**, for your picture. If you "
            "saved the picture here, it fools the network as it is. The attack is now PGD without a target: it looks "
            "for any other class."
        )
        st.rerun()


def main() -> None:
    page.start()
    needs_own(page, Settings.image)
    if cleared := state.pop("cleared", ""):
        apply(attack="pgd")
    messages = show_opening()
    if cleared:
        note(messages, cleared)
    if "panels" not in state:
        state.panels = waiting(np.asarray(fit(photograph(page.value.image), 224, 224)))
    with playground("lab"):
        stage = Stage(state.panels)
        status = st.container(key="status").empty()
        knobs()
        replaying = st.container(key="replay")
    with st.sidebar:
        sidebar()
    for text in page.notes:
        messages.info(text, icon=":material/link:")
    shown, tab = page.tabs("tab", {name: title for name, title in TABS.items() if not page.value.hides(name)})
    page.into_address()
    with messages:
        settings = ensure_weights(page.value)

    subject = look_at_original(settings, stage, messages)
    clear_target(subject)
    if request_of("main") != subject.request:
        drop_jobs("sweep", "noise")
    job = job_for("main", subject.request)
    scrub = replaying.empty()
    result = Result(subject, stage, status, scrub, tab if shown == "opinion" else None)
    frames = follow(job, result.draw, status.info, end=False)
    if frames is None:
        status.empty()
        st.stop()
    # The run is finished; the rest of the page shows its details.
    if at := result.replay(frames):
        tell(status, at.kind, at.text)
    else:
        show_verdict(subject, frames, status, replaying)
    hand_in_bar(settings.room, subject.original, frames[-1])
    with tab:
        if settings.info.minimal and shown == "opinion":
            st.markdown(
                "The last point is the picture rounded to 8 bits. A file cannot hold changes below half a level."
            )
        show_views(subject, frames[-1])
        if shown == "noise":
            show_noise(subject, frames[-1])
        elif shown == "formula":
            show_formula(settings, subject.request, subject.label)
        elif shown == "curve":
            show_sweep(subject)
        elif shown == "save":
            show_saving(subject, frames[-1])


main()
