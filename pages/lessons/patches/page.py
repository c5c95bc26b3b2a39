"""Lesson on adversarial glasses and patches. Only a small part of the picture changes, but that part by any amount."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import DEFAULT, categories
from adv_core.images import difference, to_png
from adv_core.patches import Place as Spot
from adv_core.serving.engine.look import Pictures
from pages.lessons.patches.charts import click_chart, training_chart
from pages.lessons.patches.face import on_a_face
from pages.lessons.patches.program import in_python
from pages.lessons.patches.settings import (
    MIDDLE,
    PASTED,
    PLACES,
    POINTS,
    SIZE,
    SLIDE,
    STEPS,
    THINGS,
    TITLES,
    page,
)
from pages.lessons.patches.tasks import (
    LONG,
    SIDE,
    SIZES,
    TURNED,
    VIEWS,
    Paste,
    Trained,
    TrainPatch,
    Tried,
    TryPatch,
    Wear,
    Worn,
    patch_beforehand,
    photographs,
)
from pages.lessons.patches.texts import TEXTS
from pages.widgets.ask import look, unsure_before
from pages.widgets.charts import rates_chart
from pages.widgets.glossary import prose
from pages.widgets.lesson import Lesson, skeleton, slots, table, vega_chart
from pages.widgets.live import follow, follow_each, job_for
from pages.widgets.photograph import chosen, class_control, photograph_sidebar
from pages.widgets.stage import (
    PictureRow,
    bars,
    class_colours,
    percent,
    picture_uri,
    playground,
    show_picture,
    top,
)
from pages.widgets.verdict import fooled, held
from pages.widgets.verdict import note as note_box

STYLE = """
<style>
.st-key-patches_patch img {width: 100%; max-width: 18rem; border-radius: .4rem}
.st-key-stage_patches .lab-cap {min-height: 4.6em}
.st-key-patches_verdict, .st-key-patches_face_verdict {min-height: 6rem}
.st-key-stage_face img {aspect-ratio: 1}
.st-key-patches_face_chart {min-height: 12rem}
.st-key-patches_face_views {min-height: 3rem}
.st-key-patches_face_eyes {min-height: 2.6rem}
.st-key-stage_face_second [data-testid=stHorizontalBlock] {max-width: 28rem}
.st-key-stage_face_second img {aspect-ratio: 1}
.st-key-patches_figure {min-height: 15rem}
.st-key-patches_training {min-height: 19rem}
.st-key-patches_rates {min-height: 21rem}
</style>
"""
state = st.session_state


@dataclass
class Run:
    """The photograph; and the patch, as soon as there is one."""

    original: np.ndarray
    patch: np.ndarray | None = None


def prepare() -> Run:
    return Run(chosen(page, SIZE))


def to_wear(run: Run) -> Iterator[None]:
    st.subheader("2 · Glasses and stickers before an ImageNet network", anchor="glasses")
    about = (hash(run.original.tobytes()), page.value.thing)
    with playground("patches"):
        pictures, told = st.columns([2, 1], gap="medium", vertical_alignment="center")
        with pictures:
            row = PictureRow("stage_patches", TITLES, run.original, about)
        verdict = told.container(key="patches_verdict").empty()
        show_controls(run.original)
    chart = st.empty()
    figure = st.container(key="patches_figure").empty()
    yield
    follow_wear(run.original, row, verdict, chart, figure)


def choose_image(image: str) -> None:
    """Choose a photograph, and set the points to its eyes."""
    ax, ay, bx, by = POINTS.get(image, MIDDLE)
    page.set(image=image, ax=ax, ay=ay, bx=bx, by=by, thing="stickers" if image == "stop_sign_composite" else "glasses")


def clicked() -> None:
    """Set a point to the click: the first click sets the first point, the next one the second."""
    spots = state.patches_spot.selection.get("spot") or []
    if not spots:
        return
    u, v = round(100 * spots[0]["u"]), round(100 * spots[0]["v"])
    second = state.get("patches second", False)
    page.set(**({"bx": u, "by": v} if second else {"ax": u, "ay": v}))
    state["patches second"] = not second


def show_controls(original: np.ndarray) -> None:
    left, middle, right = st.columns([2, 2, 1], gap="medium", vertical_alignment="bottom")
    with left:
        page.choice("thing", "Mask", THINGS)
    with middle:
        class_control(page, "target", "Target class", disabled=page.value.anything)
    with right:
        page.control("anything", st.toggle, "any other class")
    page.control("size", st.slider, "Size of the mask, in %", 50, 200)
    with st.container(horizontal=True, gap="medium"):
        page.control("smooth", st.toggle, "smooth: penalise jumps between pixels")
        page.control("printable", st.toggle, "printable: penalise colours that inks cannot print")
    places = st.expander("Position: click the two points", on_change="rerun", key="patches_open")
    if places.open:
        with places:
            second = state.get("patches second", False)
            st.caption(
                f"Your next click sets the **{'second' if second else 'first'}** point. The sliders do the same."
            )
            st.vega_lite_chart(
                click_chart(picture_uri(original), page.value.points, 300),
                width="content",
                key="patches_spot",
                on_select=clicked,
                alt="The photograph: click to set the two points; the sliders below do the same",
            )
            one, two = st.columns(2, gap="medium")
            for column, which, name in ((one, "a", "First point"), (two, "b", "Second point")):
                with column:
                    page.control(f"{which}x", st.slider, f"{name}, from the left in %", 0, 100)
                    page.control(f"{which}y", st.slider, f"{name}, from the top in %", 0, 100)


def follow_wear(
    original: np.ndarray, row: PictureRow, verdict: DeltaGenerator, chart: DeltaGenerator, figure: DeltaGenerator
) -> None:
    """Show the attack on the photograph."""
    settings, picture = page.value, Pictures.of(original[None])
    seen = look("look", original)
    if seen is None:
        return
    clean = seen.probabilities[0]
    label = int(clean.argmax())
    target = None if settings.anything else settings.target
    row.show("x", original, categories()[label], percent(float(clean[label])))
    work = Wear(
        picture,
        DEFAULT,
        settings.thing,
        *settings.points,
        settings.size / 100,
        label,
        target,
        settings.smooth,
        settings.printable,
        STEPS,
    )
    mask = work.mask
    part = float(mask.mean())

    def draw(steps: list[Worn]) -> None:
        last = steps[-1]
        now = int(last.probabilities.argmax())
        running = f"step {last.index} of {STEPS}" if last.index < STEPS else f"{percent(part)} of the picture"
        costs = f"roughness {last.roughness:.2f}\nink {last.unprintable:.2f}"
        row.show("worn", difference(original, last.pixels, 1), running, costs)
        row.show("now", last.pixels, categories()[now], percent(float(last.probabilities[now])))
        classes = list(
            dict.fromkeys([*top(clean, 2), *([] if target is None else [target]), *top(last.probabilities, 3)])
        )
        bars(chart, last.probabilities, classes[:5], class_colours(*classes[:5]))

    steps = follow(job_for("wear", work), draw, verdict.info)
    if steps is not None:
        show_verdict(verdict, steps[-1], original, mask, label, target, float(clean[label]))
        with figure.container():
            show_figure(steps[-1], part)


def show_verdict(
    verdict: DeltaGenerator,
    last: Worn,
    original: np.ndarray,
    mask: np.ndarray,
    label: int,
    target: int | None,
    before: float,
) -> None:
    """Tell the result, and that nothing has changed outside the mask.

    Args:
        before: the probability of ``label`` for the photograph.
    """
    part = float(mask.mean())
    now = int(last.probabilities.argmax())
    untouched = int(np.abs(last.pixels.astype(int) - original)[~mask].max(initial=0))
    said = f"**{categories()[now]}**, {percent(float(last.probabilities[now]))}"
    unsure = unsure_before(before)
    if now == (target if target is not None else now) and now != label:
        fooled(
            verdict,
            f"**Fooled.** The network predicts {said}. The {THINGS[page.value.thing]} cover {percent(part)} of the "
            f"picture. Largest change anywhere else: {untouched}.{unsure}",
        )
    elif now != label:
        note_box(
            verdict,
            f"The network predicts {said}, instead of {categories()[label]}, but {STEPS} steps did not reach the "
            f"target. Enlarge the mask, or allow “any other class”, which is easier to reach.{unsure}",
        )
    else:
        held(
            verdict,
            f"**The network holds:** it still predicts {said}, with {percent(part)} of the picture painted. Enlarge "
            "the mask, or allow “any other class”.",
        )


def show_figure(last: Worn, part: float) -> None:
    """Compare the result with the figure of the paper."""
    settings, now = page.value, int(last.probabilities.argmax())
    said = f"{categories()[now]}, {percent(float(last.probabilities[now]))}"
    costs = [name for on, name in ((settings.smooth, "smooth"), (settings.printable, "printable")) if on]
    st.markdown("**The figure of Sharif, Bhagavatula, Bauer and Reiter, and this page**")
    table(
        ("", "Sharif et al. 2016", "this page"),
        (
            ("network", "face recognition (persons)", "EfficientNet-Lite0 (1000 classes, none of them a person)"),
            ("who wears it", "a person: the frames are printed, worn and photographed", "nobody: the file is changed"),
            ("painted part", "about 6.5 % of the picture", f"**{percent(part)}**"),
            ("penalties", "smooth, printable", ", ".join(costs) or "none"),
            ("result", "taken for Milla Jovovich in 87.87 % of the pictures of one man", f"**{said}**"),
        ),
    )
    st.button("As on the slide", on_click=page.set, kwargs=SLIDE, key="patches_slide")
    st.caption(
        "The button sets what comes nearest: glasses on a face, both penalties, and about the same part of the "
        "picture. The paper counts pictures of a real wearer from several sides; this page attacks one file. A file "
        "is easier to attack than a face in front of a camera. The figure is by M. Sharif, S. Bhagavatula, L. Bauer "
        "and M. K. Reiter, CCS 2016, [doi:10.1145/2976749.2978392](https://doi.org/10.1145/2976749.2978392)."
    )


@st.cache_data(show_spinner=False)
def samples(half: int) -> Pictures:
    """Every second sample photograph: those that the patch is trained on (0), or those that are held out (1)."""
    return photographs(half)


@st.cache_data(show_spinner=False)
def shipped() -> np.ndarray:
    """The patch that was trained beforehand."""
    return patch_beforehand()


def one_patch(run: Run) -> Iterator[None]:
    st.subheader("3 · A universal patch: one for many photographs", anchor="universal-patch")
    prose(
        "The glasses were made for one photograph. This patch is trained on **eight** photographs at once, at random "
        f"places, sizes and angles: each step raises the mean log-probability of its class over {VIEWS} such views. "
        "The patch does not depend on the picture below it."
    )
    page.control("live", st.toggle, "Train a new patch now")
    if page.value.live:
        left, right = st.columns([3, 2], gap="medium")
        with left:
            class_control(page, "label", "Target class of the patch")
        with right:
            page.control("steps", st.slider, "Training steps", 10, 200, step=10)
    left, right = st.columns([2, 3], gap="medium")
    with left, st.container(key="patches_patch"):
        picture, note = st.empty(), st.empty()
    with right, st.container(key="patches_training"):
        chart = st.empty()
    if page.value.live:
        skeleton(chart, 260, f"0 of {page.value.steps} training steps")
    yield
    run.patch = train_patch(picture, note, chart) if page.value.live else shipped()
    if run.patch is None:
        return
    name = categories()[page.value.says]
    show_picture(rounded(run.patch), f"The patch for {name}", picture)
    with note.container():
        st.download_button("Save the patch", to_png(run.patch), f"patch_{name.replace(' ', '_')}.png", "image/png")
    if not page.value.live:
        chart.markdown(
            f"The target class of this patch is **{name}**. It was trained beforehand, in {LONG} steps (`python -m "
            "pages.lessons.patches.tasks`), which takes about a minute. A patch of your own, for any class, takes "
            "some seconds: turn on the switch."
        )


def rounded(patch: np.ndarray) -> np.ndarray:
    """The patch as it is pasted, a disc. Grey stands for what stays, as in a δ, and glares in neither theme."""
    y, x = np.mgrid[: len(patch), : len(patch)] + 0.5 - len(patch) / 2
    return np.where((x * x + y * y < (len(patch) / 2) ** 2)[..., None], patch, 128).astype(np.uint8)


def train_patch(picture: DeltaGenerator, note: DeltaGenerator, chart: DeltaGenerator) -> np.ndarray | None:
    """Train a new patch, and show it step by step."""
    settings = page.value
    name = categories()[settings.label]

    def draw(steps: list[Trained]) -> None:
        last = steps[-1]
        shown = rounded(last.patch)
        show_picture(shown, f"The patch for {name}, after {last.index} steps", picture)
        vega_chart(
            training_chart([(each.index, each.wanted) for each in steps], settings.steps, name),
            260,
            f"Probability of {name} in the views of step {last.index}: {percent(last.wanted)}",
            chart,
        )
        note.caption(f"step {last.index} of {settings.steps}")

    work = TrainPatch(samples(0), DEFAULT, settings.label, settings.steps, SIDE, seed=settings.seed)
    steps = follow(job_for("patch", work), draw, note.info, interval=0.3)
    return None if steps is None else steps[-1].patch


def paste(run: Run) -> Iterator[None]:
    st.subheader("4 · Paste the patch", anchor="paste")
    prose(
        "Paste the patch on the photograph of section 2, at any place, size and angle. The patch stays the same: "
        "nothing is trained again."
    )
    with playground("paste"):
        about = (hash(run.original.tobytes()), page.value.says, page.value.live)
        row = PictureRow("stage_paste", PASTED, run.original, about, alt="{title}, not yet computed")
        left, right = st.columns(2, gap="medium")
        with left:
            page.control("across", st.slider, "From the left, in %", 0, 100)
            page.control("down", st.slider, "From the top, in %", 0, 100)
        with right:
            page.control("large", st.slider, "Diameter, in % of the picture", 10, 100)
            page.control("angle", st.slider, "Angle, in degrees", -180, 180)
    prose(
        f"How often does the patch succeed? The chart counts {PLACES} new random places on each photograph: on the "
        "eight of the training, and on eight that the patch has never seen. The baseline is a plain **grey** patch at "
        "the same places, which only covers a part of the picture."
    )
    rates, counted = slots("patches_rates", 2)
    skeleton(rates, 280, f"0 of {samples(0).count + samples(1).count} photographs")
    yield
    if run.patch is not None:
        follow_paste(run.original, run.patch, row)
        follow_rates(run.patch, rates, counted)


def follow_paste(original: np.ndarray, patch: np.ndarray, row: PictureRow) -> None:
    """Show the patch at the learner's own place."""
    settings, names = page.value, categories()
    wanted = names[settings.says]
    row.show("patch", rounded(patch), f"for {wanted}", "trained now" if settings.live else "trained beforehand")
    spot = Spot(settings.across / 100, settings.down / 100, settings.large / 100, float(settings.angle))
    seen = look("look", original)
    shown = follow(job_for("paste", Paste(Pictures.of(original[None]), DEFAULT, patch.tobytes(), SIDE, spot)))
    if shown is None or seen is None:
        return
    before, said = seen.probabilities[0], shown[-1].probabilities
    clean, now = int(before.argmax()), int(said.argmax())
    row.show("x", original, names[clean], percent(float(before[clean])))
    lines = [percent(float(said[now]))]
    if now != settings.says:
        lines.append(f"{wanted}: {percent(float(said[settings.says]))}")
    alt = f"With the patch: {names[now]}, {percent(float(said[now]))}"
    row.show("now", shown[-1].pixels, names[now], "\n".join(lines), alt)


def follow_rates(patch: np.ndarray, slot: DeltaGenerator, note: DeltaGenerator) -> None:
    """Show the success rates over places and photographs."""
    settings, name = page.value, categories()[page.value.says]
    titles = {1: "never seen", 0: "trained on"}
    given = (DEFAULT, patch.tobytes(), SIDE, settings.says, settings.large / 100, PLACES, settings.seed + 1)
    works = {half: TryPatch(samples(half), *given) for half in titles}

    def draw(found: dict[int, list[Tried]], half: int) -> None:
        note.caption(f"{titles[half]}: photograph {found[half][-1].picture + 1} of 8")
        rows = []
        for each, tried in found.items():
            if len(tried) < samples(each).count:
                continue
            count = sum(len(one.wanted) for one in tried)
            rows += [
                (titles[each], f"prediction: {name}", sum(sum(one.wanted) for one in tried), count),
                (titles[each], "prediction changed", sum(sum(one.changed) for one in tried), count),
                (titles[each], "prediction changed by a grey patch", sum(sum(one.blank) for one in tried), count),
            ]
        if rows:
            vega_chart(
                rates_chart(rows, "share of all places"),
                280,
                "; ".join(f"{a}, {b}: {n} of {of}" for a, b, n, of in rows),
                slot,
            )

    if follow_each("rates", works, draw, note.info) is not None:
        note.caption(
            f"Diameter: {settings.large} % of the picture. Angle: up to {TURNED:g}° to either side. The patch was "
            f"trained with diameters of {100 * SIZES[0]:.0f} % to {100 * SIZES[1]:.0f} %."
        )


def formulas(_: Run) -> None:
    st.subheader("5 · The formulas that just ran", anchor="formulas")
    settings = page.value
    true, wanted = r"L(y, \hat f(x+\delta\mid\theta))", r"-L(y_\text{target}, \hat f(x+\delta\mid\theta))"
    cost = "".join(
        term
        for on, term in (
            (settings.smooth, r" - \lambda\,\mathrm{TV}(x+\delta)"),
            (settings.printable, r" - \lambda\,\mathrm{ink}(x+\delta)"),
        )
        if on
    )
    st.latex(
        r"\begin{aligned}\Delta(x) = \{\delta :\ & \delta_i = 0 \text{ outside the "
        + settings.thing
        + r"},\\ & 0 \le x+\delta \le 1\}\end{aligned}"
    )
    goal = true if settings.anything else wanted
    st.latex(rf"\delta^* = \operatorname*{{argmax}}_{{\delta\in\Delta(x)}}\ {goal}{cost}")
    st.latex(r"p^* = \operatorname*{argmax}_{p\in[0,1]^n}\ \mathbb{E}_{x,\,v}\big[-L_{x,\,v}(p)\big]")
    st.latex(r"L_{x,\,v}(p) = L\big(y_\text{target}, \hat f(\mathrm{paste}(p, x, v)\mid\theta)\big)")
    prose(
        "There is no ε: inside the mask, every change is allowed. Only the **area** is small. Everybody sees the "
        "change, but nobody takes it for an attack. The patch is a δ that does not even depend on x. **Roughness** "
        "(total variation, TV) is the mean jump between neighbouring pixels. **Ink** is the mean distance to the "
        "nearest of 27 mixtures of four inks. (These are the usual tones of coated paper, not your "
        "printer's.)"
    )


SECTIONS = (on_a_face, to_wear, one_patch, paste, formulas, in_python)
Lesson(
    page, TEXTS, SECTIONS, prepare, lambda: photograph_sidebar(page, "Seed of the patch", choose_image), STYLE
).show()
