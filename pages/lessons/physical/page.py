"""Lesson on physical attacks. Turning a picture stops an ordinary attack; one that is made for many views survives."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import DEFAULT, categories, info_of
from adv_core.decoding import ImageError, open_image
from adv_core.images import difference, fit
from adv_core.serving.engine.attack import Attack, Frame
from adv_core.serving.engine.look import Pictures, Views
from pages.lessons.physical.charts import enlarged, view_chart
from pages.lessons.physical.program import in_python
from pages.lessons.physical.settings import AXES, NAMES, NEW_VIEWS, PRESETS, SIZE, STEPS, UNTOUCHED, page
from pages.lessons.physical.tasks import NOT_JPEG, AlongKnob, Turn
from pages.lessons.physical.texts import TEXTS
from pages.widgets.ask import look
from pages.widgets.charts import ORDINARY, ROBUST
from pages.widgets.glossary import prose
from pages.widgets.lesson import Lesson, skeleton, slots, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import TAKE_PHOTO, chosen, class_control, photograph_sidebar
from pages.widgets.printing import for_printing
from pages.widgets.secure import secure_toggle
from pages.widgets.stage import (
    PictureRow,
    bars,
    class_colours,
    drawn,
    drawn_times,
    percent,
    picture_uri,
    playground,
    save_button,
    top,
)
from pages.widgets.verdict import fooled, held
from pages.widgets.verdict import note as note_box

STYLE = """<style>
.st-key-physical_status {min-height: 12rem}
.st-key-physical_curve {min-height: 23rem}
.st-key-physical_counts {min-height: 4.5rem}
.st-key-stage_views .lab-cap {min-height: 6.4em}
.st-key-stage_deltas .lab-op {min-height: 2.5em}
@media (max-width: 640px) {.st-key-stage_deltas .lab-op {min-height: 3.8em}}
</style>"""
state = st.session_state


@dataclass
class Run:
    """The photograph, and the results so far: the request with the network's prediction for the photograph, and the two
    attacked pictures."""

    original: np.ndarray
    base: Attack
    pictures: tuple[np.ndarray, ...] = ()


def prepare() -> Run:
    original = chosen(page, SIZE)
    return Run(original, Attack(Pictures.of(original), DEFAULT))


def two_pictures(run: Run) -> Iterator[None]:
    st.subheader("1 · Two adversarial pictures in the same view", anchor="two-pictures")
    views, eps = page.value.views, page.value.eps
    about = (hash(run.original.tobytes()), page.value.target, eps)
    titles = ("x + δ*, ordinary attack", f"x + δ*, attack over {views} views")
    with playground("physical"):
        pictures, told = st.columns([2, 1], gap="medium", vertical_alignment="center")
        with pictures:
            row = PictureRow(
                "stage_views",
                {UNTOUCHED: "x, in this view", **dict(zip(NAMES, titles, strict=True))},
                run.original,
                about,
                line="not yet computed",
                alt="The {name}, not yet computed",
            )
        status = told.container(key="physical_status").empty()
        show_sliders()
        st.markdown("**The attack**")
        with st.container(horizontal=True, key="presets"):
            for name, settings in PRESETS.items():
                st.button(name, on_click=page.set, kwargs=settings, key=f"preset_{name}")
        show_attack()
    times = drawn_times(eps)
    st.markdown("**The photograph, and the δ of each attack**")
    fronts = {UNTOUCHED: "x, in the front view", **{name: f"{name}: {drawn(times)}" for name in NAMES}}
    deltas = PictureRow("stage_deltas", fronts, run.original, about, alt="δ of the {name}, not yet computed")
    yield
    looked = look("look", run.base.pixels)
    if looked is None:
        return
    label, sure = int(looked.probabilities[0].argmax()), float(looked.probabilities[0].max())
    run.base = replace(run.base, label=label)
    deltas.show(UNTOUCHED, run.original, categories()[label], percent(sure), "The photograph, in the front view")
    if label == page.value.target:
        note_box(
            status,
            f"The network already predicts “{categories()[label]}” without an attack: choose another target class.",
        )
        return
    run.pictures = follow_attacks(run.base, row, deltas, status)
    if run.pictures:
        show_view(run, row, status)


def show_sliders() -> None:
    """Show the sliders of the camera; all four act on both pictures at once."""
    left, right = st.columns(2, gap="medium")
    with left:
        page.control("angle", st.slider, "Turn, in degrees", -45, 45)
        page.control("scale", st.slider, "Scale", 0.6, 1.5, step=0.05)
    with right:
        page.control("brightness", st.slider, "Brightness: added to every value", -0.4, 0.4, step=0.05)
        page.control(
            "quality",
            st.select_slider,
            "JPEG quality",
            list(range(5, NOT_JPEG + 1)),
            format_func=lambda quality: "no JPEG" if quality == NOT_JPEG else str(quality),
        )
    straight = {"angle": 0, "scale": 1.0, "brightness": 0.0, "quality": NOT_JPEG}
    with st.container(horizontal=True):
        st.button("Front view", on_click=page.set, kwargs=straight, key="straight")
        photo = {"angle": -8, "scale": 0.9, "brightness": 0.1, "quality": 75}
        st.button("Like a photograph", on_click=page.set, kwargs=photo, key="like_a_photograph")


def show_attack() -> None:
    """Show the target and the ε of both attacks."""
    left, middle, right = st.columns([2, 2, 1], gap="medium")
    with left:
        class_control(page, "target", "Target class")
    with middle:
        page.control("eps", st.slider, "ε of both, in 1/255", 0, 32)
    with right:
        page.control("views", st.select_slider, "Views per step", list(range(1, 17)))


def attacked(base: Attack, views: int) -> Attack:
    """The targeted attack, on the picture itself (no views), or on the mean over random views."""
    settings = page.value
    return replace(
        base,
        attack="targeted",
        eps=(settings.eps / 255,),
        target=settings.target,
        steps=STEPS,
        views=views,
        seed=settings.seed if views else 0,
    )


def in_view(row: PictureRow, name: str, pixels: np.ndarray) -> tuple[int, float] | None:
    """Show the picture in the present view and its prediction; both belong to the same 8-bit pixels.

    Return the prediction and its probability.
    """
    settings = page.value
    seen = look(f"seen {name}", pixels, DEFAULT, settings.view.chain)
    if seen is None:
        return None
    probabilities = seen.probabilities[0]
    now, wanted = int(probabilities.argmax()), float(probabilities[settings.target])
    target = categories()[settings.target]
    row.show(
        name,
        seen.pixels[0],
        categories()[now],
        percent(float(probabilities[now])) + ("" if now == settings.target else f"\n{target}: {percent(wanted)}"),
        f"The {name} in this view: the network predicts {categories()[now]}; {target} {percent(wanted)}",
    )
    return now, float(probabilities[now])


def follow_attacks(base: Attack, row: PictureRow, deltas: PictureRow, status: DeltaGenerator) -> tuple[np.ndarray, ...]:
    """Run the ordinary attack first, which is short; then the other one, shown in the front view while it runs.

    Return both pictures; an empty tuple where an attack did not end.
    """
    target, found = page.value.target, []
    for name, views in zip(NAMES, (0, page.value.views), strict=True):

        def draw(frames: list[Frame], name: str = name, views: int = views) -> None:
            last = frames[-1]
            if not views or last.pixels is None or last.index >= STEPS:
                return
            p = float(last.probabilities[0, target])
            status.progress(last.index / STEPS, f"Attack over views: step {last.index} of {STEPS}, {views} views each")
            told = f"{categories()[target]}: {percent(p)} in the front view,\nat step {last.index} of {STEPS}"
            row.show(name, last.pixels[0], "…", told, f"The attack over views at step {last.index}, in the front view")

        frames = follow(job_for(name, attacked(base, views)), draw, status.info)
        if frames is None or frames[-1].pixels is None:
            return ()
        pixels, said = frames[-1].pixels[0], frames[-1].probabilities[0]
        now = int(said.argmax())
        told = f"x + δ in the front view:\n{categories()[now]}, {percent(float(said[now]))}"
        norm = f"‖δ‖∞ = {np.abs(pixels.astype(int) - base.pixels).max()}/255"
        times = drawn_times(page.value.eps)
        deltas.show(
            name, difference(base.pixels, pixels, times), norm, told, f"δ of the {name}, drawn {times} times stronger"
        )
        if in_view(row, name, pixels) is None:
            return ()
        found.append(pixels)
    return tuple(found)


def show_view(run: Run, row: PictureRow, slot: DeltaGenerator) -> None:
    """Tell what the network predicts in this view for the photograph and for both attacked pictures."""
    target, names = page.value.target, categories()
    clean = in_view(row, UNTOUCHED, run.original)
    seen = [in_view(row, name, pixels) for name, pixels in zip(NAMES, run.pictures, strict=True)]
    known = [each for each in seen if each is not None]
    if clean is None or len(known) < len(NAMES):
        return
    lines = [
        f"- {name}: {'**fooled**' if now == target else 'misses the target'}, {names[now]} {percent(p)}"
        for name, (now, p) in zip(NAMES, known, strict=True)
    ]
    told = f"Target in this view: **{names[target]}**.\n" + "\n".join(lines)
    with slot.container():
        if any(now == target for now, _ in known):
            fooled(None, told)
        else:
            held(None, told)
        st.caption(
            f"The untouched photograph in the same view: **{names[clean[0]]}** ({percent(clean[1])}); in the front "
            f"view: **{names[run.base.label]}**."
        )


def from_every_side(run: Run) -> Iterator[None]:
    st.subheader("2 · Success against angle, scale, light and JPEG", anchor="views")
    page.choice("knob", "Setting that varies", {name: axis.short for name, axis in AXES.items()})
    slot, note = slots("physical_curve", 2)
    skeleton(slot, 330, f"0 of {len(AXES[page.value.knob].values)} values")
    counts = st.container(key="physical_counts").empty()
    yield
    if run.pictures:
        follow_curves(run.pictures, slot, note)
        follow_counts(run.base, run.pictures, counts)


def follow_curves(pictures: tuple[np.ndarray, ...], slot: DeltaGenerator, note: DeltaGenerator) -> None:
    settings = page.value
    axis, target = AXES[settings.knob], categories()[settings.target]
    now = float(getattr(settings, settings.knob))
    span = (min(axis.values), max(axis.values))

    def draw(turns: list[Turn]) -> None:
        lines = [
            (name, colour, [(turn.value, turn.probabilities[which]) for turn in turns])
            for which, (name, colour) in enumerate(zip(NAMES, (ORDINARY, ROBUST), strict=True))
        ]
        means = [float(np.mean([p for _, p in points])) for _, _, points in lines]
        vega_chart(
            view_chart(
                lines,
                title=axis.title,
                wanted=target,
                span=span,
                trained=axis.trained,
                mark=now if span[0] <= now <= span[1] else None,
            ),
            330,
            f"Probability of {target} against the {axis.short}: mean {percent(means[0])} for the ordinary attack, "
            f"{percent(means[1])} for the attack over views",
            slot,
        )

    work = AlongKnob(Pictures.of(np.stack(pictures)), DEFAULT, settings.knob, axis.values, settings.target)
    turns = follow(job_for("curves", work), draw, note.info, interval=0.25)
    if turns is None:
        return
    answered = [sum(turn.answered[which] for turn in turns) for which in range(2)]
    note.caption(
        f"Of {len(turns)} values, the network predicts “{target}” at {answered[0]} for the ordinary attack and at "
        f"{answered[1]} for the attack over views. The grey band is the range of the attack's random views; the attack "
        "did not optimise for values outside it. All other settings are those of the front view. The dashed line is "
        "your slider."
    )


def follow_counts(base: Attack, pictures: tuple[np.ndarray, ...], slot: DeltaGenerator) -> None:
    """Show the number of new random views, with all settings varied at once, in which the target wins."""
    counts = []
    for name, pixels in zip(NAMES, pictures, strict=True):
        views = Views(Pictures.of(pixels), DEFAULT, NEW_VIEWS, page.value.seed + 1)
        frames = follow(job_for(f"new views {name}", views))
        if frames is None:
            return
        counts.append(int((frames[-1].logits.argmax(1) == page.value.target).sum()))
    slot.markdown(
        f"All changes at once: in {NEW_VIEWS} new random views (turned, scaled, cropped, lit, blurred **and** saved as "
        f"JPEG), the network predicts “{categories()[page.value.target]}” in **{counts[0]}** for the ordinary attack "
        f"and in **{counts[1]}** for the attack over views."
    )


def formula(_: Run) -> None:
    st.subheader("3 · The formula that just ran", anchor="formula")
    settings = page.value
    ball = r"\delta \in \mathcal{B}_\varepsilon^\infty"
    loss = r"L\big(y_\text{target},\ \hat f(x+\delta \mid \theta)\big)"
    st.latex(rf"\delta^*_\text{{ordinary}} = \operatorname*{{argmax}}_{{{ball}}}\ -{loss}")
    st.latex(
        rf"\delta^*_\text{{over views}} = \operatorname*{{argmax}}_{{{ball}}}\ \mathbb{{E}}_{{v \sim V}}\big[-L_v\big]"
    )
    st.latex(r"L_v = L\big(y_\text{target},\ \hat f(v(x+\delta) \mid \theta)\big)")
    prose(
        f"Here ε = {settings.eps}/255 and $y_\\text{{target}}$ is {categories()[settings.target]}. Only one thing has "
        "changed: the loss is averaged over random views v of the picture. This is **expectation over transformation** "
        "(EOT). The average over all views cannot be computed. So each step draws a few views and averages their "
        "gradients:"
    )
    st.latex(
        rf"g^{{[t]}} = \frac{{1}}{{{settings.views}}} \sum_{{i=1}}^{{{settings.views}}} "
        r"\nabla_{\!\delta} \big[-L_{v_i}\big],\qquad v_i \sim V"
    )
    st.latex(r"\delta^{[t+1]} = \mathcal{P}\big(\delta^{[t]} + \alpha\, \mathrm{sign}\, g^{[t]}\big)")
    st.latex(r"\mathcal{P}(z) = \text{clip}(z, [-\varepsilon, \varepsilon])")
    turned, scaled, lit, saved = (AXES[knob].trained for knob in ("angle", "scale", "brightness", "quality"))
    prose(
        f"A view from V is turned by up to ±{turned[1]:g}°, scaled by {scaled[0]:g} to {scaled[1]:g}, cropped at "
        f"random to at least 90 %, changed in brightness by up to ±{lit[1]:g}, blurred a little, and saved as JPEG of "
        f"quality {saved[0]:g} to {saved[1]:g}, all at once. The attack takes {STEPS} steps, with new views in each."
    )


def on_paper(run: Run) -> Iterator[None]:
    st.subheader("4 · Print it and photograph it", anchor="print")
    prose(
        "Print both pictures, photograph the sheets, and upload a photograph. What does the network predict? Paper, "
        "ink and your camera's colours change a picture more than the views above. This page has not measured how much "
        "more. Start with ε = 16, and let the print fill the frame."
    )
    left, right = st.columns(2, gap="medium")
    downloads = left.empty()
    with right:
        upload()
        photo = st.empty()
    yield
    if "print_photo" in state:
        follow_upload(photo)
    if run.pictures:
        show_downloads(downloads, run.pictures)


def show_downloads(slot: DeltaGenerator, pictures: tuple[np.ndarray, ...]) -> None:
    settings = page.value
    target = categories()[settings.target]
    footer = f"Adversarial Lab: {info_of(DEFAULT).title}, epsilon {settings.eps}/255, target {target}"
    sheets = [(pixels, f"{name}, towards {target}") for pixels, name in zip(pictures, NAMES, strict=True)]
    with slot.container():
        st.image(picture_uri(pictures[1]), width=200, alt="The picture of the attack over views, to be printed")
        save_button("Two sheets to print (HTML)", for_printing(sheets, footer), "to-print.html", width="stretch")
        save_button(
            f"Attack over views, {4 * SIZE} × {4 * SIZE} (PNG)",
            enlarged(pictures[1]),
            "over-views.png",
            width="stretch",
        )
        st.caption("Open the HTML file in a browser and print it: one picture on each sheet, 16 cm wide.")


def upload() -> None:
    st.file_uploader(
        "Your photograph of the print",
        key="print_upload",
        on_change=_take,
        args=("print_upload",),
    )
    if secure_toggle("Use the camera", "print_camera_on", TAKE_PHOTO):
        st.camera_input("Photograph the print", key="print_camera", on_change=_take, args=("print_camera",))
    if state.get("print_error"):
        st.error(state.print_error, icon=":material/broken_image:")
    if "print_photo" in state:
        page.control(
            "part", st.slider, "Centre of the photograph that the network sees, in % of its shorter side", 20, 100
        )
    st.caption("Your photograph stays in memory and is never stored.")


def _take(key: str) -> None:
    file = state.get(key)
    state.print_error = None
    if file is None:
        state.pop("print_photo", None)
        return
    try:
        state.print_photo = open_image(file.getvalue())
    except ImageError as error:
        state.print_error = str(error)


def middle(image: Image.Image, part: float) -> np.ndarray:
    """Crop the centre square, whose side is that part of the shorter side, and resize it to the network's size."""
    side = max(round(min(image.size) * part), 1)
    left, upper = (image.width - side) // 2, (image.height - side) // 2
    return np.asarray(fit(image.crop((left, upper, left + side, upper + side)), SIZE, SIZE))


def follow_upload(slot: DeltaGenerator) -> None:
    pixels = middle(state.print_photo, page.value.part / 100)
    seen = look("print", pixels)
    if seen is None:
        return
    probabilities, target = seen.probabilities[0], page.value.target
    now = int(probabilities.argmax())
    with slot.container():
        st.image(picture_uri(pixels), width=200, alt=f"Your photograph; the network predicts {categories()[now]}")
        if now == target:
            fooled(None, f"**Fooled: the attack survived the camera.** The network predicts {categories()[now]}.")
        else:
            rank = int((probabilities > probabilities[target]).sum()) + 1
            note_box(
                None,
                f"The network predicts **{categories()[now]}**. “{categories()[target]}” has "
                f"{percent(float(probabilities[target]))}, rank {rank} of {len(probabilities)}.",
            )
        best = top(probabilities)
        shown = best if target in best else [*best[:4], target]
        bars(st.empty(), probabilities, shown, class_colours(target, *shown))


SECTIONS = (two_pictures, from_every_side, formula, in_python, on_paper)
Lesson(page, TEXTS, SECTIONS, prepare, lambda: photograph_sidebar(page, "Seed of the random views"), STYLE).show()
