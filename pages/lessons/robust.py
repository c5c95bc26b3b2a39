"""Lesson: train against the worst case. The same small network trained twice, and what that buys and costs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from adv_core.datasets import centred
from adv_core.digit_network import checkpoint
from adv_core.digit_tasks import (
    HELD_OUT,
    Attacked,
    CurvePoint,
    Digit,
    ErrorCurve,
    Explore,
    Model,
    SolvedCase,
    Sweep,
    Train,
    TrainRecord,
    TwoWays,
    Update,
    Walk,
    digits,
)
from adv_core.figures_mnist import ink, sheet, signed
from adv_core.figures_training import (
    OWN,
    ROBUST,
    STANDARD,
    STRONGER,
    ascent_chart,
    course_chart,
    error_curves,
    judged_chart,
    surface,
)
from adv_core.handwriting import as_digit
from adv_core.images import ImageError, open_image
from adv_core.training import Recipe
from adv_core.work import Record, Work
from pages.widgets.canvas import canvas
from pages.widgets.controls import Controls
from pages.widgets.lesson import closing, for_the_lecturer, opening, presenting, table
from pages.widgets.live import drop_jobs, follow, job_for
from pages.widgets.query import number, solved, word
from pages.widgets.quiz import Choice, Number, quiz
from pages.widgets.stage import picture_uri
from pages.widgets.verdict import percent

IMAGES = 10_000  # that live training learns from
EPS = tuple(k / 50 for k in range(21))  # of a digit's sweep, 0 ... 0.4
CURVE = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
SHIPPED = {"standard": "standard", "robust_01": "robust, ε = 0.1", "robust_03": "robust, ε = 0.3"}
INNER = {"pgd": "PGD, 7 steps", "fgsm": "FGSM, random start"}
SOURCES = {"test": "test digit", "own": "write one", "photo": "photo"}
STAGES = ("images", "δ*", "adversarial images", "gradient", "update")
R = TypeVar("R", bound=Record)
state = st.session_state


@dataclass(frozen=True)
class Settings:
    """Every control of the page. ε is in units of the whole range from black to white."""

    source: str = word("test", SOURCES)
    digit: int = number(17, 0, 9999)
    eps: float = number(0.1, 0, 0.4)
    against: str = word("robust_01", ("robust_01", "robust_03", "own"))
    stage: int = number(0, 0, len(STAGES))
    batch: int = number(0, 0, 7499)
    inner: str = word("pgd", INNER)
    ball: float = number(0.1, 0.05, 0.3)
    epochs: int = number(6, 1, 15)
    seed: int = number(0, 0, 99)
    train: bool = False
    done: str = solved("abcde")
    present: bool = False


page = Controls("robust", Settings)


# ------------------------------------------------------------------------------------------------- small things to draw


def judged(name: str, eps: float = 0.1) -> dict[str, float]:
    """What the script printed about a shipped checkpoint, judged at that ε."""
    figures: dict[str, float] = next(each for each in checkpoint(name).figures["judged"] if each["eps"] == eps)
    return figures


def share(part: float) -> str:
    return f"{100 * part:.1f}\u00a0%"


def says(probabilities: np.ndarray) -> str:
    return f"“{int(probabilities.argmax())}” ({percent(float(probabilities.max()))})"


def computed(slot: str, work: Work[R]) -> R:
    """The one record of a short task; ends the page where the engine cannot."""
    records = follow(job_for(slot, work))
    if records is None:
        st.stop()
    return records[-1]


# ------------------------------------------------------------------------------------------------------------ the story


def show_pair() -> tuple[Digit | None, Model]:
    """1. One digit, two networks, one ε."""
    standard, robust = judged("standard"), judged("robust_01")
    for column, (name, figures, kind) in zip(
        st.columns(2),
        (("Trained as usual", standard, "standard"), ("Trained against δ*", robust, "robust")),
        strict=True,
    ):
        column.metric(
            f"{name}: wrong under attack, ε = 0.1",
            share(figures["attacked"]),
            f"{share(figures['untouched'])} without an attack",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=f"All 10 000 test digits, PGD-{figures['steps']:.0f} with {figures['restarts']:.0f} restarts, by "
            f"`{checkpoint(kind if kind == 'standard' else 'robust_01').figures['command']}`.",
        )
    st.caption(
        "The same network twice: 166 406 weights, the same data. These figures were printed by the script of this "
        "project that trained the two; everything below is computed now."
    )
    st.subheader("1 · The same digit, attacked in both", anchor=False)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        page.control(
            "source", st.segmented_control, "Which digit", list(SOURCES), format_func=SOURCES.get, required=True
        )
        digit = chosen_digit()
    with right:
        others = ["robust_01", "robust_03", *(["own"] if own_network() else [])]
        names = {**SHIPPED, "own": "the one you trained"}
        page.control("against", st.segmented_control, "Compare with", others, format_func=names.get, required=True)
        page.control("eps", st.slider, "ε: how far each pixel may move (black is 0, white is 1)", 0.0, 0.4, step=0.02)
        page.into_address()
        model = robust_model()
        if digit is None:
            st.info("What both networks make of your digit appears here.", icon=":material/draw:")
            return None, model
        show_attacked(digit, model)
    return digit, model


def robust_model() -> Model:
    """The network that is compared with the standard one."""
    chosen = page.value.against
    return (own_network() or "robust_01") if chosen == "own" else chosen


def show_attacked(digit: Digit, model: Model) -> None:
    results = {"standard": computed("sweep standard", Sweep("standard", digit, EPS))}
    results["robust"] = computed("sweep robust", Sweep(model, digit, EPS))
    at = min(range(len(EPS)), key=lambda place: abs(EPS[place] - page.value.eps))
    with st.container(key="stage_pair"):
        columns = st.columns(3)
        columns[0].markdown("**x**")
        columns[0].image(picture_uri(ink(digit.levels / 255, 8)), width="stretch", alt=f"The digit, a {digit.label}")
        columns[0].markdown("untouched")
        for column, (name, result) in zip(columns[1:], results.items(), strict=True):
            column.markdown(f"**{name}**")
            show_one(column, digit, result, at, name)
    thresholds = [_threshold(name, result) for name, result in results.items()]
    st.markdown(f"The least ε that was found to change the answer: {thresholds[0]}, {thresholds[1]}.")
    st.caption(
        f"Each network is attacked by itself: PGD, {Sweep.steps} steps, for {len(EPS)} values of ε at once, and a "
        "search for the least ε (FMN, 60 steps). All pictures are rounded to 8 bits, and then judged."
    )


def show_one(column: DeltaGenerator, digit: Digit, result: Attacked, at: int, name: str) -> None:
    pixels, probabilities = result.pixels[at], result.probabilities[at]
    now = int(probabilities.argmax())
    column.image(
        picture_uri(ink(pixels / 255, 8)),
        width="stretch",
        alt=f"The digit after the attack on the {name} network, which reads it as {now}",
    )
    wrong = now != digit.label
    column.markdown(f"{':material/bolt: ' if wrong else ''}reads {says(probabilities)}")
    delta = (pixels.astype(np.int64) - digit.levels) / 255
    column.image(
        picture_uri(signed(delta, max(page.value.eps, 0.02), 8)),
        width="stretch",
        alt=f"The perturbation for the {name} network: orange adds ink, blue takes it away",
    )
    column.caption("δ: orange adds ink, blue takes it away")


def _threshold(name: str, result: Attacked) -> str:
    if result.smallest is None:
        return f"none for the {name} one"
    if result.smallest == 0:
        return f"0 for the {name} one, which misreads the digit anyway"
    return f"**{result.smallest:.2f}** for the {name} one"


def chosen_digit() -> Digit | None:
    """The digit of section 1; None while there is none."""
    if page.value.source == "own":
        drawing = canvas("robust_digit", width=28, height=28, label="Write a digit", brush=2.6)
        image = None if drawing is None else centred(torch.from_numpy(drawing))
        return None if image is None else labelled(image)
    if page.value.source == "photo":
        image = photographed()
        return None if image is None else labelled(image)
    data = digits("test")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        page.control("digit", st.number_input, "Test digit number (0 to 9999)", 0, 9999, width=220)
        following = {"digit": (page.value.digit + 1) % 10_000}
        st.button("Next one", on_click=page.set, kwargs=following, key="next_digit")
    place = page.value.digit
    label = int(data.labels[place])
    st.caption(f"It is a {label}, number {place} of MNIST's 10 000 test pictures.")
    return Digit.of(data[place].images, label)


def labelled(image: Tensor) -> Digit:
    """The learner says what the own digit is meant to be: an attack leads away from that."""
    robust = computed("look own", Sweep("robust_01", Digit.of(image, 0), (0.0,)))
    guess = int(robust.probabilities[0].argmax())
    label = st.selectbox("It is meant to be a", range(10), index=guess, key=f"robust_label_{guess}", width=220)
    st.caption("Scaled and moved as MNIST's digits are. It stays in memory and is never stored.")
    return Digit.of(image, label)


def photographed() -> Tensor | None:
    file = st.file_uploader(
        "A photograph of a digit", type=["jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff"], key="robust_photo"
    )
    if file is None:
        st.caption("One digit, large, dark on light paper. Up to 10 MB.")
        return None
    try:
        return as_digit(open_image(file.getvalue()))
    except (ImageError, ValueError) as error:
        st.error(str(error), icon=":material/broken_image:")
        return None


# ------------------------------------------------------------------------------------------------------------- the loop


# Where the term of each stage stands: in the problem, or in the step that solves it.
_PROBLEM = (
    (r"\min_\theta\ \ ", 4),
    (r"\sum_{(x, y)}\ \ ", 0),
    (r"\max_{\|\delta\|_\infty \le \varepsilon}\ \ ", 1),
    (r"L\big(y, f_\theta(", None),
    (r"x + \delta", 2),
    (r")\big)", None),
)
_STEP = (
    (r"\theta \leftarrow \theta - \eta\,", 4),
    (r"\nabla_\theta\ ", 3),
    (r"L\big(y, f_\theta(x + \delta^*)\big)", None),
)


def formula(stage: int, parts: Sequence[tuple[str, int | None]]) -> str:
    """LaTeX with the terms of that stage in colour."""
    return "".join(rf"{{\color{{#D55E00}}{text}}}" if place == stage else text for text, place in parts)


def show_loop() -> None:
    st.subheader("2 · One step of the loop, slowly", anchor=False)
    st.markdown(
        "Training makes the loss small. Robust training makes the *worst* loss small: inside the minimum stands the "
        "attack. Here is one minibatch of eight digits on its way through the loop, starting from the standard network."
    )
    settings = page.value
    recipe = Recipe(settings.inner, settings.ball, seed=settings.seed)  # type: ignore[arg-type]
    walked: Update = computed("walk", Walk("standard", 8 * settings.batch, recipe))
    stages = (_images, _search, _adversarial, _gradient, _update)
    st.latex(formula(settings.stage - 1, _PROBLEM))
    for place, draw in enumerate(stages[: settings.stage]):
        with st.container(border=True):
            st.markdown(f"**{place + 1}. {STAGES[place]}**")
            draw(walked, recipe)
    if settings.stage >= 4:
        st.latex(formula(settings.stage - 1, _STEP))
    with st.container(horizontal=True):
        if settings.stage < len(stages):
            label = f"Next: {STAGES[settings.stage]}" if settings.stage else f"Begin: {STAGES[0]}"
            following = {"stage": settings.stage + 1}
            st.button(label, on_click=page.set, kwargs=following, type="primary", key="next_stage")
        if settings.stage:
            st.button("Begin anew", on_click=page.set, kwargs={"stage": 0}, key="first_stage")
            another = {"batch": (settings.batch + 1) % 7500}
            st.button("Another minibatch", on_click=page.set, kwargs=another, icon=":material/refresh:")


def _row(images: np.ndarray, wrong: Sequence[bool], alt: str) -> None:
    st.image(picture_uri(sheet(images, wrong, 8, zoom=3)), width="stretch", alt=alt)


def _images(walked: Update, recipe: Recipe) -> None:
    _row(walked.images, [False] * len(walked.images), f"Eight training digits: {walked.labels.tolist()}")
    st.markdown(f"Their mean loss, untouched: **{walked.untouched:.2g}**. Ordinary training would end its search here.")


def _search(walked: Update, recipe: Recipe) -> None:
    left, right = st.columns([3, 2], gap="medium")
    steps = len(walked.losses) - 1
    with left:
        st.vega_lite_chart(
            ascent_chart(walked.losses.tolist(), walked.untouched),
            height=200,
            width="stretch",
            alt=f"The mean loss climbs from {walked.losses[0]:.2f} to {walked.losses[-1]:.2f} in {steps} steps",
        )
    with right:
        delta = np.concatenate(list(walked.deltas[-1][:4]), 1)
        st.image(picture_uri(signed(delta, recipe.eps, 3)), width="stretch", alt="δ* of the first four digits")
        st.caption("δ\\* of the first four: orange adds ink, blue takes it away.")
    st.markdown(
        f"From a random point of the ball ‖δ‖∞ ≤ {recipe.eps:g}, {INNER[recipe.inner]}: the loss climbs to "
        f"**{walked.losses[-1]:.2f}**. The dashed line is the loss at x."
    )


def _adversarial(walked: Update, recipe: Recipe) -> None:
    wrong = walked.wrong.tolist()
    _row(walked.images + walked.deltas[-1], wrong, f"The eight adversarial digits; {sum(wrong)} of them are misread")
    st.markdown(
        f"x + δ\\*: the network misreads **{sum(wrong)} of {len(wrong)}** (orange). From here on δ\\* stays fixed."
    )


def _gradient(walked: Update, recipe: Recipe) -> None:
    left, right = st.columns(2, gap="medium")
    for column, values, text, alt in (
        (left, walked.filters, "16 filters of the first layer, θ", "The sixteen filters, 4 by 4 weights each"),
        (right, walked.slope, "their gradient ∇θ L at x + δ\\*", "The gradient of each of them"),
    ):
        padded = np.pad(values, ((0, 0), (0, 1), (0, 1)))
        rows = [np.concatenate(list(padded[start : start + 8]), 1) for start in (0, 8)]
        shown = signed(np.concatenate(rows), float(np.abs(values).max()), 8)
        column.image(picture_uri(shown), width="stretch", alt=alt)
        column.caption(text)
    st.markdown(
        f"**Danskin's theorem**: the slope of a maximum is the slope *at* the maximum. So hold δ\\* fast, and "
        f"differentiate as usual. ‖∇θ‖₂ = {walked.slope_norm:.2f} over all 166 406 weights."
    )


def _update(walked: Update, recipe: Recipe) -> None:
    rows = [
        ("before the step, at x + δ\\*", f"{walked.losses[-1]:.3f}"),
        ("after it, at the same x + δ\\*", f"{walked.moved:.3f}"),
        ("after it, once the attacker has searched again", f"**{walked.remaximised:.3f}**"),
    ]
    table(("mean loss", ""), rows)
    st.markdown(
        "The step made the old δ\\* less harmful; the attacker answers with a new one. So every step needs its own "
        f"attack: {recipe.gradients} gradients more for each digit. That is the price in time."
    )


# -------------------------------------------------------------------------------------------------------- live training


def recipes() -> tuple[Recipe, Recipe]:
    """(standard, robust), as the controls say."""
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
    """What has been trained in this session so far, begun trainings among it."""
    kept: dict[Recipe, list[TrainRecord]] = state.setdefault("robust_courses", {})
    return kept


def own_network() -> bytes | None:
    """The latest robust network that was trained in this session."""
    ended = [course[-1].weights for recipe, course in courses().items() if recipe.inner != "none" and complete(course)]
    return ended[-1] if ended else None


def complete(course: Sequence[TrainRecord]) -> bool:
    return bool(course) and course[-1].step == course[-1].of


def stop() -> None:
    """Put aside what there is, and stop."""
    for recipe, slot in zip(recipes(), ("train standard", "train robust"), strict=True):
        job = state.get("jobs", {}).get(slot)
        if job is not None and isinstance(job.request, Train) and job.request.recipe == recipe:
            keep(recipe, job.request, job.frames)
    drop_jobs("train standard", "train robust")
    page.set(train=False)


def keep(recipe: Recipe, work: Train, records: list[TrainRecord]) -> list[TrainRecord]:
    """The whole course: what was there before this work began, and its records."""
    before = [record for record in courses().get(recipe, []) if work.resume and record.step <= work_start(recipe, work)]
    seconds = before[-1].seconds if before else 0.0
    course = [*before, *(replace(record, seconds=record.seconds + seconds) for record in records)]
    if complete(course):  # nobody will go on from its middle
        course = [*(replace(record, weights=b"", state=b"") for record in course[:-1]), replace(course[-1], state=b"")]
    courses()[recipe] = course
    return course


def work_start(recipe: Recipe, work: Train) -> int:
    """The step at which a resumed work goes on."""
    return next((r.step for r in reversed(courses().get(recipe, [])) if r.state == work.resume), 0)


def show_training() -> tuple[DeltaGenerator, ...]:
    """3. The controls, and places for what streams; `follow_training` fills them after everything quick is drawn."""
    st.subheader("3 · Train both, now", anchor=False)
    st.markdown("10 000 digits, a fresh network, the same seed: once as usual, once against δ\\* in every minibatch.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        page.control("inner", st.segmented_control, "Inner maximum", list(INNER), format_func=INNER.get, required=True)
        page.control("ball", st.slider, "ε to train against", 0.05, 0.3, step=0.05, width=220)
        page.control("epochs", st.slider, "Epochs", 1, 15, width=180)
        page.control("seed", st.number_input, "Seed", 0, 99, width=120)
    with st.container(horizontal=True, vertical_alignment="center"):
        offer()
        if stopped() and not page.value.train:
            st.caption("Stopped. It goes on from where its state was last put aside, to the same weights.")
    bar = st.empty()
    with st.container(key="courses"):
        left, right = st.columns(2, gap="medium")
    return bar, left.empty(), right.empty()


def stopped() -> bool:
    """Whether one of the two trainings has begun and not ended."""
    return any(courses().get(recipe) and not complete(courses()[recipe]) for recipe in recipes())


def offer() -> None:
    """The one button of the training: what it does depends on how far that is."""
    key = "training_button"  # one name for all three, or the former would stay beside the present one for a while
    ended = all(complete(courses().get(recipe, [])) for recipe in recipes())
    if ended and page.value.train:
        another = {"seed": (page.value.seed + 1) % 100}
        st.button("Again, other seed", on_click=page.set, kwargs=another, icon=":material/refresh:", key=key)
    elif page.value.train:
        st.button("Stop", on_click=stop, icon=":material/stop:", key=key)
    else:
        label, start = "Go on" if stopped() else "Train both", {"train": True}
        st.button(label, on_click=page.set, kwargs=start, icon=":material/play_arrow:", key=key)


def follow_training(places: tuple[DeltaGenerator, ...]) -> None:
    bar, left, right = places
    standard, robust = recipes()
    names = {standard: ("standard", STANDARD), robust: (f"robust, ε = {robust.eps:g}", ROBUST)}
    began, first = time.monotonic(), 0.0

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
        left.vega_lite_chart(
            course_chart(losses, robust.epochs), height=270, width="stretch", alt=_told(shown, "training loss")
        )
        right.vega_lite_chart(
            judged_chart(points, robust.epochs), height=270, width="stretch", alt=_told(shown, "test error")
        )

    def progress() -> None:
        done = [courses().get(recipe, [])[-1:] for recipe in names]
        cost = [2 + recipe.gradients for recipe in names]  # and the judging after each epoch
        parts = [record[0].step / record[0].of if record else 0.0 for record in done]
        ready = sum(part * c for part, c in zip(parts, cost, strict=True)) / sum(cost)
        nonlocal first
        elapsed = time.monotonic() - began
        first = first or ready
        gained = ready - first
        left_s = elapsed * (1 - ready) / gained if gained > 0.02 and elapsed > 3 else None
        text = "" if left_s is None else f", about {max(round(left_s), 1)} s left"
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
                st.rerun()  # sections above and below want to show it, too
    if any(courses().get(recipe) for recipe in names):
        draw()
    if page.value.train:
        _, last = (courses()[recipe][-1] for recipe in names)
        bar.success(
            "Trained. Compare with it in section 1: “the one you trained”. On "
            f"{HELD_OUT} test digits the robust one has {share(last.clean or 0)} errors untouched and "
            f"{share(last.attacked or 0)} under PGD-20 at ε = {robust.eps:g}."
        )


def last_state(recipe: Recipe, slot: str) -> bytes:
    """Where to go on: of a work under way what it began with, otherwise the last state that was put aside."""
    job = state.get("jobs", {}).get(slot)
    if job is not None and isinstance(job.request, Train) and job.request.recipe == recipe and not job.cancelled:
        return job.request.resume
    return next((record.state for record in reversed(courses().get(recipe, [])) if record.state), b"")


def _told(shown: Sequence[tuple[str, str, Sequence[TrainRecord]]], what: str) -> str:
    ends = [
        f"{name} at epoch {course[-1].epoch:.1f}: loss {course[-1].loss:.3f}" for name, _, course in shown if course
    ]
    return f"The {what} of both networks. " + "; ".join(ends)


# ------------------------------------------------------------------------------------------------------ what came of it


def models() -> list[tuple[str, str, Model]]:
    """(name, colour, network) of all that can be compared."""
    colours = dict(zip(SHIPPED, (STANDARD, ROBUST, STRONGER), strict=True))
    own = own_network()
    return [
        *((name, colours[key], key) for key, name in SHIPPED.items()),
        *([("the one you trained", OWN, own)] if own else []),
    ]


def follow_curves(slot: DeltaGenerator, note: DeltaGenerator) -> None:
    found: dict[str, list[tuple[float, float]]] = {}
    shown = models()

    def draw() -> None:
        lines = [(name, colour, found.get(name, [])) for name, colour, _ in shown]
        here = [f"{name} {dict(points).get(0.1, 0):.0%}" for name, _, points in lines if points]
        slot.vega_lite_chart(
            error_curves(lines, mark=page.value.eps, longest=0.4, title="ε, radius of the L∞ ball"),
            width="stretch",
            height=340,
            alt=f"Error against ε. At 0.1: {', '.join(here)}",
        )

    for name, _, model in shown:

        def show(points: list[CurvePoint], name: str = name) -> None:
            found[name] = [(point.eps, point.error) for point in points]
            draw()

        if follow(job_for(f"curve {name}", ErrorCurve(model, CURVE)), show, note.info, interval=0.3) is None:
            return
    note.caption(
        f"The first {ErrorCurve.images} test digits, PGD with {ErrorCurve.steps} steps from x itself, computed now. An "
        "attack gives a lower bound of the true worst case; the next lesson asks how far one may trust it. The dotted "
        "line is the ε of section 1."
    )


def show_insides(digit: Digit | None, model: Model) -> None:
    st.subheader("5 · What they look at", anchor=False)
    if digit is None:
        shown = digits("test")[page.value.digit]
        digit = Digit.of(shown.images, int(shown.labels))
    standard = computed("explore standard", Explore("standard", digit, 0.3))
    robust = computed("explore robust", Explore(model, digit, 0.3))
    st.markdown(
        "The gradient in the input: how much a little ink in each pixel helps another class against the right one "
        "(orange), or hinders it (blue). For the standard network it looks like noise; for the robust one, like "
        "strokes."
    )
    with st.container(key="stage_gradients"):
        for column, (name, each) in zip(
            st.columns(3), ((None, None), ("standard", standard), ("robust", robust)), strict=True
        ):
            if each is None:
                column.image(picture_uri(ink(digit.levels / 255, 8)), width="stretch", alt=f"A {digit.label}")
                column.caption("x")
                continue
            limit = float(np.quantile(np.abs(each.gradient), 0.995))
            column.image(
                picture_uri(signed(each.gradient, limit, 8)),
                width="stretch",
                alt=f"Input gradient of the {name} network: {_texture[str(name)]}",
            )
            column.caption(f"∂/∂x of the margin, {name}. Full colour: {limit:.2g}")
    st.markdown(
        "And the loss around x, at x + a·u + b·v: u is the sign of that gradient, v has random signs. Both "
        f"on one scale: the standard network's loss climbs to {standard.loss.max():.1f}, the robust one's to "
        f"{robust.loss.max():.2g}."
    )
    with st.container(key="stage_surfaces"):
        top = float(max(standard.loss.max(), robust.loss.max()))
        for column, (name, each) in zip(st.columns(2), (("standard", standard), ("robust", robust)), strict=True):
            column.image(
                picture_uri(surface(each.loss, top)),
                width="stretch",
                alt=f"Loss surface of the {name} network: it rises to {each.loss.max():.2g} within 0.3 of x",
            )
            column.caption(f"{name}: a to the back right, b to the back left, ±0.3 each; x in the middle")


_texture = {"standard": "speckles all over the picture", "robust": "smooth patches along the strokes of the digit"}


def show_price() -> None:
    st.subheader("6 · The price", anchor=False)
    rows = []
    for name in SHIPPED:
        figures = checkpoint(name).figures["judged"]
        attacked = {each["eps"]: each["attacked"] for each in figures}
        cells = [f"{share(attacked[eps])}" if eps in attacked else "–" for eps in (0.1, 0.3)]
        rows.append((SHIPPED[name], share(figures[0]["untouched"]), *cells, "–"))
    for recipe, course in courses().items():
        if not complete(course):
            continue
        last = course[-1]
        name = "yours, standard" if recipe.inner == "none" else f"yours, {INNER[recipe.inner]}, ε = {recipe.eps:g}"
        cells = [share(last.attacked or 0) if abs(recipe.eps - eps) < 1e-9 else "–" for eps in (0.1, 0.3)]
        rows.append((name, share(last.clean or 0), *cells, f"{last.seconds / recipe.epochs:.1f}\u00a0s"))
    table(("network", "clean", "ε = 0.1", "ε = 0.3", "an epoch"), rows)
    st.caption(
        "Errors. The shipped three learnt from 60\u202f000 digits and are judged on all 10\u202f000 test digits, by "
        "PGD with restarts, as their script printed it. Yours: "
        f"{HELD_OUT} test digits, PGD-20, and the seconds of pure computation that this machine took. Train with both "
        "inner maxima to fill the last column."
    )
    st.markdown(
        "On MNIST robustness costs little accuracy, because digits are large and simple. On photographs it costs much: "
        "the features that a robust network must not use are useful ones (Tsipras et al., 2019)."
    )


def show_solved() -> tuple[DeltaGenerator, DeltaGenerator, Recipe]:
    st.subheader("7 · The case that can be solved", anchor=False)
    st.markdown(
        "PGD is a search: does it matter that it does not find the true maximum? There is one case to check it by. For "
        "0 against 1 and a linear model the maximum is a formula (the lesson before this one). The same loop, twice: "
        "with the formula inside, and with PGD inside."
    )
    return st.empty(), st.empty(), Recipe("pgd", page.value.ball, epochs=2, rate=0.01, ramp=0, seed=page.value.seed)


def follow_solved(slot: DeltaGenerator, note: DeltaGenerator, recipe: Recipe) -> None:
    def draw(records: list[TwoWays]) -> None:
        last = records[-1]
        errors = [f"{error:.4f}" for error in last.errors] if last.errors else ["…", "…"]
        rows = [
            ("the formula", f"{last.by_formula:.4f}", errors[0], f"{last.seconds[0]:.2f}"),
            ("PGD, 7 steps", f"{last.by_pgd:.4f}", errors[1], f"{last.seconds[1]:.2f}"),
        ]
        table(("inside", "loss of the last minibatch", f"exact test error, ε = {recipe.eps:g}", "seconds"), rows, slot)
        note.caption(
            f"{last.step} of {last.of} minibatches. The 784 weights of the two "
            f"{f'differ by {last.apart:.1e} at most' if last.apart else 'agree to the last bit'}. Pixels stay in "
            "[0, 1]."
        )

    follow(job_for("solved", SolvedCase(recipe)), draw, note.info)


# -------------------------------------------------------------------------------------------------------------- the end


def questions() -> list[Choice | Number]:
    recipe = recipes()[1]
    passes = 2 * recipe.gradients + 2
    return [
        Number(
            "a",
            "One forward and one backward pass cost the same, say 1 each. Ordinary training needs both once for every "
            f"digit: 2. What does a digit cost with {INNER[recipe.inner]} inside?",
            passes,
            0.01,
            f"Yes: {recipe.gradients} × 2 for the attack and 2 for the update, {passes} instead of 2. Your own seconds "
            "an epoch are in section 6.",
            lambda given: (
                "That is the attack alone. θ wants its own gradient, too."
                if given == passes - 2
                else "Each step of the attack needs a forward and a backward pass; then the update needs one of each."
            ),
        ),
        Choice(
            "b",
            "Why may δ\\* be held fast when θ is differentiated, although δ\\* depends on θ?",
            (
                (
                    "It may not; it is done because it is cheap.",
                    "It is cheap, but it is also right: at a maximum a small move of δ changes nothing in first order.",
                ),
                (
                    "Because at the maximum the loss does not change with δ in any direction that Δ allows: what θ "
                    "does to δ\\* has no effect in first order.",
                    "Yes: Danskin's theorem. It holds at the exact maximum; PGD's is nearly one.",
                ),
                (
                    "Because δ\\* is the same for every θ.",
                    "Look at section 2: after the update the attacker finds a new, worse δ.",
                ),
            ),
            1,
        ),
        Choice(
            "c",
            "A network trained at ε = 0.1 is attacked at ε = 0.3. What do you expect?",
            (
                (
                    "Still few errors: it has learnt to ignore perturbations.",
                    "Look at the curve: it was promised nothing beyond 0.1, and beyond 0.1 it falls.",
                ),
                (
                    "Many errors, though later than for the standard network.",
                    "Yes. Robustness ends about where the training ended.",
                ),
                (
                    "As many errors as the standard network.",
                    "It falls later: compare the two curves at 0.15.",
                ),
            ),
            1,
        ),
        Choice(
            "d",
            "A student trains with FGSM inside, tests with FGSM, and finds 1 % error. What would you ask first?",
            (
                ("How many epochs? More would give less.", "Perhaps; but is the 1 % true?"),
                (
                    "What does PGD with many steps and restarts find?",
                    "Yes. A network can learn to fool the one attack that it knows. Judge by a stronger one than you "
                    "trained against.",
                ),
                ("What is the clean error?", "Worth knowing, but it does not tell whether the robustness is real."),
            ),
            1,
        ),
        Choice(
            "e",
            "Why do the robust network's input gradients look like strokes?",
            (
                (
                    "Because it was shown sharper pictures.",
                    "It was shown the same pictures, made worse.",
                ),
                (
                    "Because every pixel that it relies on costs it up to ε under attack: it keeps only what earns "
                    "more than that, and that is the ink of the digit.",
                    "Yes. The linear lesson shows the same as a formula: −ε‖θ‖₁ drops the weights that earn too "
                    "little.",
                ),
                (
                    "By chance: another seed would look like noise.",
                    "Try it: train your own with another seed, and compare.",
                ),
            ),
            1,
        ),
    ]


def main() -> None:
    page.start()
    if page.value.against == "own" and not own_network():
        page.set(against="robust_01")
        page.tell(
            "The link compares with a network that somebody else trained, which a link cannot carry: train your own."
        )
    opening(
        page,
        "Train against the worst case",
        "Attacks find the worst δ. Put that search inside the training loop, and the network learns to withstand it.",
    )
    with st.sidebar:
        presenting(page)
    page.into_address()
    digit, model = show_pair()
    show_loop()
    page.into_address()
    training = show_training()
    page.into_address()
    st.subheader("4 · Error against ε", anchor=False)
    with st.container(key="error_curves"):
        curves = st.empty(), st.empty()
    show_insides(digit, model)
    show_price()
    solved_case = show_solved()
    quiz(page, questions())
    for_the_lecturer(
        page,
        "1. Open the link and move ε: the standard network falls first, the robust one holds on.\n"
        "2. Section 2, with *Next*: let the room say which term of the formula comes next.\n"
        "3. Press *Train both* while you talk about the price: the whole training takes less than a minute.\n"
        "4. Section 5: ask which of the two gradients belongs to which network.",
        "- On a busy host a training waits for its turn. The shipped networks answer everything without one.\n"
        "- Trained for one or two epochs only, the robust network may be worse than the shipped one by far: that is "
        "training time, not the method.\n"
        "- At ε = 0.3 a network may learn nothing for some epochs: ε grows over the first fifth of the training to "
        "prevent that.",
        stage=0,
    )
    closing(
        page,
        (
            (
                "Kolter & Madry, *Adversarial robustness: theory and practice*, chapter 4: adversarial training",
                "https://adversarial-ml-tutorial.org/adversarial_training/",
            ),
            (
                "Madry, Makelov, Schmidt, Tsipras & Vladu, *Towards deep learning models resistant to adversarial "
                "attacks*, ICLR 2018",
                "https://arxiv.org/abs/1706.06083",
            ),
            ("Wong, Rice & Kolter, *Fast is better than free*, ICLR 2020", "https://arxiv.org/abs/2001.03994"),
            (
                "Tsipras, Santurkar, Engstrom, Turner & Madry, *Robustness may be at odds with accuracy*, ICLR 2019",
                "https://arxiv.org/abs/1805.12152",
            ),
            ("Danskin, *The theory of max–min*, 1967", "https://doi.org/10.1007/978-3-642-46092-0"),
        ),
    )
    # What takes longer comes last: everything else is on the page by then.
    follow_training(training)
    follow_curves(*curves)
    follow_solved(*solved_case)


main()
