"""The Attack Lab: a photograph, a network, an attack, ε; and what becomes of the network's opinion."""

import random
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import streamlit as st
from PIL import Image

from adv_core.attacks import default_step_size
from adv_core.classifiers import DEFAULT, ClassifierError, categories, fetch, info_of, list_classifiers
from adv_core.engine import Frame, Job, Request, default_engine
from adv_core.figures import curve, loss_chart, side_by_side
from adv_core.images import ImageError, amplify, fit, open_image, to_png
from pages.widgets import settings as lab
from pages.widgets.settings import OWN, Settings
from pages.widgets.snippet import snippet
from pages.widgets.stage import CSS, PRESENT_CSS, Stage, bars, class_colours, norms, picture_uri, top, waiting
from pages.widgets.verdict import judge, percent

ASSETS = Path(__file__).parents[2] / "assets" / "photos"
PRESETS = {
    "dog → airliner": {"image": "german_shepherd", "target": 404, "eps": 4, "steps": 40},
    "pig → wombat": {"image": "pig", "target": 106, "eps": 2, "steps": 10},
    "panda → gibbon": {"image": "giant_panda", "target": 368, "eps": 2, "steps": 10},
}
SWEEP = {"linf": (1.0, 2.0, 4.0, 8.0, 16.0), "l2": (0.5, 1.0, 2.0, 4.0, 8.0)}
state = st.session_state


# ---------------------------------------------------------------------------------------------- the state of the page


def apply(**changes: object) -> None:
    """Set controls from code: the settings and the widgets that show them."""
    state.upload_error = None
    state.lab = replace(state.lab, **changes)
    for name in changes:
        state[f"lab_{name}"] = getattr(state.lab, name)


def reset() -> None:
    apply(**{f.name: f.default for f in fields(Settings)})


def surprise() -> None:
    apply(
        **PRESETS["dog → airliner"]
        | {"eps": 8}
        | {"image": random.choice(list(lab.PHOTOS)), "target": random.randrange(1000)}
        | {"attack": "targeted", "norm": "linf", "loss": "targeted", "rule": "steepest", "alpha": 0.0}
    )


def preset(name: str) -> None:
    apply(**{f.name: f.default for f in fields(Settings) if f.name not in ("present", "amp", "model")})
    apply(**PRESETS[name])


def take_own(key: str) -> None:
    """A new upload or camera picture. A bad one is explained, and the picture before it stays."""
    file = state.get(key)
    state.upload_error = None
    if file is None:
        if state.lab.image == OWN:
            apply(image=Settings.image)
        return
    try:
        state.own_image = open_image(file.getvalue())
        apply(image=OWN)
    except ImageError as error:
        state.upload_error = str(error)


def control(name: str, widget: Callable[..., object], *args: object, **options: object) -> None:
    """One control bound to the setting of that name."""
    key = f"lab_{name}"
    if key not in state:
        state[key] = getattr(state.lab, name)
    value = widget(*args, key=key, **options)
    if value is not None:
        state.lab = replace(state.lab, **{name: value})


def start() -> None:
    if "lab" not in state:
        state.lab, state.notes = lab.from_query(st.query_params.to_dict())
        state.jobs = {}
        state.upload_error = None
    if state.lab.image == OWN and "own_image" not in state:
        state.notes.append("The link was made with somebody's own photograph, which a link cannot carry.")
        apply(image=Settings.image)
    state.setdefault("arrived", lab.to_query(state.lab))


@st.cache_data(show_spinner=False)
def sample(name: str) -> Image.Image:
    return open_image((ASSETS / f"{name}.jpg").read_bytes())


def chosen_image(settings: Settings) -> Image.Image:
    return state.own_image if settings.image == OWN else sample(settings.image)


@st.cache_data(show_spinner=False)
def thumbnail(name: str) -> str:
    return picture_uri(np.asarray(fit(sample(name), 96, 96)))


# ------------------------------------------------------------------------------------------------------- the controls


def sidebar() -> None:
    st.header("Photograph", divider="gray")
    with st.popover("Choose a photograph", width="stretch"), st.container(key="gallery"):
        names = list(lab.PHOTOS)
        for row in range(0, len(names), 4):
            for name, column in zip(names[row : row + 4], st.columns(4), strict=False):
                column.image(thumbnail(name), width="stretch", alt=lab.PHOTOS[name])
                column.button(
                    lab.PHOTOS[name], key=f"photo_{name}", on_click=apply, kwargs={"image": name}, width="stretch"
                )
    shown = "your own picture" if state.lab.image == OWN else lab.PHOTOS[state.lab.image]
    st.caption(f"Now: **{shown}**. Sixteen samples, all free to use.")
    st.file_uploader(
        "Or upload one",
        type=["jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff"],
        key="upload",
        on_change=take_own,
        args=("upload",),
    )
    st.caption("Up to 10 MB. It stays in memory and is never stored.")
    if st.toggle("Use the camera", key="camera_on"):
        st.camera_input("Take a picture", key="camera", on_change=take_own, args=("camera",))
    st.caption("Your own mug makes the best example.")
    if "own_image" in state and state.lab.image != OWN:
        st.button("Back to your own picture", on_click=apply, kwargs={"image": OWN}, width="stretch")
    if state.upload_error:
        st.error(state.upload_error, icon=":material/broken_image:")

    st.header("Network", divider="gray")
    control(
        "model",
        st.selectbox,
        "Classifier",
        [info.name for info in list_classifiers()],
        format_func=lambda name: info_of(name).title + ("" if info_of(name).is_here else " (needs a download)"),
    )
    info = info_of(state.lab.model)
    place = "on this machine" if info.is_here else f"needs a download of {info.megabytes:.0f} MB"
    st.caption(
        f"{info.year} · {info.parameters / 1e6:.1f} million parameters · {info.megabytes:.0f} MB · sees "
        f"{info.input_size} × {info.input_size} pixels · {place}. {info.paper}."
    )

    with st.expander("Advanced"):
        control("norm", st.radio, "Norm of the ball", list(lab.NORMS), format_func=lab.NORMS.get, horizontal=True)
        st.caption("L∞ limits every pixel, L2 the length of the whole change.")
        control("loss", st.radio, "Targeted loss", list(lab.LOSSES), format_func=lab.LOSSES.get)
        st.caption("The second is the lecture's form: it does not mind when a third class wins.")
        control("steps", st.slider, "Steps", 1, 100)
        st.caption("More steps find more, and take longer.")
        control("rule", st.radio, "Step", list(lab.STEP_RULES), format_func=lab.STEP_RULES.get)
        st.caption("Raw gradients are tiny where a network is sure of itself.")
        control("alpha", st.number_input, "Step size α (0 = automatic)", 0.0, 1000.0, step=0.5)
        st.caption("In levels of 255; for the raw gradient a plain factor. Automatic: 5·ε/steps.")
        control("random", st.toggle, "Random start")
        st.caption("Begins somewhere in the ball instead of at the picture.")
        control("seed", st.number_input, "Seed", 0, 9999, step=1)
        st.caption("The same seed gives the same start and the same noise.")
        control("amp", st.slider, "Amplification of the perturbation", 1, 100)
        st.caption("Only how the middle picture is drawn: 0.5 + k·δ.")
    control("present", st.toggle, "Presentation mode")
    st.caption("Hides this bar and enlarges everything, for a projector.")
    st.button("Reset everything", on_click=reset, width="stretch")


def knobs() -> None:
    """Attack, target and ε, right below the pictures they change."""
    left, middle, right = st.columns([1.1, 1.1, 1.3])
    with left:
        control("attack", st.segmented_control, "Attack", list(lab.ATTACKS), format_func=lab.ATTACKS.get, required=True)
        st.caption(
            {
                "fgsm": "One step along the sign of the gradient, away from the present class.",
                "pgd": "Many small steps away from the present class.",
                "targeted": "Many small steps towards a class of your choice.",
            }[state.lab.attack]
        )
    with middle:
        control(
            "target",
            st.selectbox,
            "Target class",
            range(1000),
            format_func=lambda index: categories()[index],
            disabled=state.lab.attack != "targeted",
        )
        st.caption("Type to search all 1000 classes." if state.lab.attack == "targeted" else "Only for Targeted PGD.")
    with right:
        if state.lab.norm == "linf":
            control("eps", st.slider, "ε: how far each pixel may move, in 1/255", 0, 32)
            st.caption(f"ε = {state.lab.eps}/255 = {state.lab.eps / 255:.4f} of the brightness range.")
        else:
            control("eps2", st.slider, "ε: length of the whole change (L2)", 0.0, 10.0, step=0.25)
            st.caption("‖δ‖₂ over all colour values, brightness from 0 to 1.")


def ensure_weights(settings: Settings) -> Settings:
    """Download the chosen network if it is not here; without a network, say so and go on with the default."""
    info = info_of(settings.model)
    if info.is_here:
        return settings
    failed: dict[str, str] = state.setdefault("fetch_failed", {})
    if settings.model not in failed:
        bar = st.progress(0.0, f"Downloading {info.title} ({info.megabytes:.0f} MB) …")
        try:
            for done, total in fetch(settings.model):
                bar.progress(min(done / total, 1.0), f"Downloading {info.title}: {done / 1e6:.0f} MB")
            bar.empty()
            return settings
        except ClassifierError as error:
            bar.empty()
            failed[settings.model] = str(error)
    st.warning(f"{failed[settings.model]} Meanwhile {info_of(DEFAULT).title} answers.", icon=":material/cloud_off:")
    st.button("Try the download again", on_click=failed.pop, args=(settings.model, None))
    return replace(settings, model=DEFAULT)


# ------------------------------------------------------------------------------------------------------- computations


def job_for(slot: str, request: Request) -> Job:
    """The job of that slot: the running one if it is for the same request; otherwise it stops and a new one starts."""
    current: Job | None = state.jobs.get(slot)
    if current is not None and current.request == request and (current.finished or not current.done):
        return current
    if current is not None:
        current.cancel()
    state.jobs[slot] = default_engine().submit(request)
    return state.jobs[slot]


def drop_jobs(*slots: str) -> None:
    for slot in slots:
        if slot in state.jobs:
            state.jobs.pop(slot).cancel()


def follow(job: Job, draw: Callable[[list[Frame]], None], interval: float = 0.12) -> list[Frame] | None:
    """Draw a job's frames as they come; its whole run, or None with the reason on the page.

    Every ``draw`` calls Streamlit, and that is where a changed control interrupts this script.
    """
    drawn, last = 0, 0.0
    while True:
        done, frames = job.done, job.frames  # in this order: no frame comes after `done`
        if done or (len(frames) > drawn and time.monotonic() - last >= interval):
            if len(frames) > drawn:
                draw(frames)
            drawn, last = len(frames), time.monotonic()
        state.get("_")  # sends nothing, but lets Streamlit interrupt here
        if done:
            break
        job.wait(max(drawn, len(frames)), 0.1)
        if len(frames) > drawn:
            time.sleep(max(0.0, interval - (time.monotonic() - last)))
    if job.finished:
        return job.frames
    st.error(job.error or "The computation was stopped.", icon=":material/error:")
    st.button("Try again", key=f"retry_{id(job)}")
    return None


def radius_text(settings: Settings) -> str:
    return f"{settings.eps}/255" if settings.norm == "linf" else f"{settings.radius:g} (L2)"


def attack_request(settings: Settings, base: Request, label: int) -> Request:
    """The settings as the engine's request."""
    objective = "untargeted" if settings.attack != "targeted" else settings.loss
    if objective == "difference" and settings.target == label:
        objective = "targeted"  # L(y) - L(y) is nothing to climb; the page says that the target is the present class
    one_step = settings.attack == "fgsm"
    return replace(
        base,
        attack="fgsm" if one_step else "pgd",
        norm=settings.norm,
        eps=(settings.radius,),
        objective=objective,
        label=label,
        target=settings.target if objective != "untargeted" else 0,
        steps=1 if one_step else settings.steps,
        step_size=None if one_step else settings.step_size,
        step="steepest" if one_step else settings.rule,
        random_start=not one_step and settings.random,
        seed=settings.seed if settings.random and not one_step else 0,
    )


# ------------------------------------------------------------------------------------------------- what is below them


def show_sweep(settings: Settings, request: Request, clean: np.ndarray, label: int) -> None:
    st.subheader("How much ε does it take?")
    scale = 255 if settings.norm == "linf" else 1
    values = sorted({e for e in SWEEP[settings.norm]} | {settings.radius * scale} - {0.0})
    sweep = replace(request, eps=tuple(v / scale for v in values), pictures=False)
    slot, note = st.empty(), st.empty()
    wanted = settings.target if settings.attack == "targeted" and settings.target != label else None
    colours = class_colours(label, *([] if wanted is None else [wanted]))

    def draw(frames: list[Frame]) -> None:
        if len(frames) <= sweep.steps:
            note.caption(f"Attacking with {len(values)} values of ε at once: step {len(frames) - 1} of {sweep.steps} …")
            return
        now = frames[-1].probabilities
        lines = [
            (categories()[c], [0.0, *values], [float(clean[c]), *map(float, now[:, c])], colours[c]) for c in colours
        ]
        figure = curve(
            lines,
            x_title="ε in 1/255" if settings.norm == "linf" else "ε (L2)",
            y_title="probability",
            y_range=(-0.02, 1.02),
            mark=settings.radius * scale,
            mark_text="your ε",
        )
        alt = f"Probability against ε of: {', '.join(categories()[c] for c in colours)}"
        slot.plotly_chart(figure, width="stretch", alt=alt, config={"displayModeBar": False}, key="sweep_chart")

    if follow(job_for("sweep", sweep), draw, interval=0.6):
        note.caption(
            "Each point is this very attack, run anew with that ε, and judged on the picture rounded to 8 bits. "
            "At ε = 0 stands the untouched picture."
            + (" With a random start, each ε begins at a point of its own." if request.random_start else "")
        )


def show_formula(settings: Settings, request: Request, label: int) -> None:
    st.subheader("The formula that just ran")
    y, t = categories()[label], categories()[settings.target]
    eps = rf"\tfrac{{{settings.eps}}}{{255}}" if settings.norm == "linf" else f"{settings.eps2:g}"
    p = r"\infty" if settings.norm == "linf" else "2"
    loss = {
        "untargeted": rf"L(f(x+\delta),\ \text{{{y}}})",
        "targeted": rf"-L(f(x+\delta),\ \text{{{t}}})",
        "difference": rf"L(f(x+\delta),\ \text{{{y}}}) - L(f(x+\delta),\ \text{{{t}}})",
    }[request.objective]
    st.latex(rf"\delta^* = \operatorname*{{argmax}}_{{\|\delta\|_{{{p}}}\,\le\,{eps}}}\ {loss}")
    direction = {
        ("linf", "steepest"): r"\operatorname{sign}(g)",
        ("l2", "steepest"): r"g / \|g\|_2",
    }.get((settings.norm, request.step), "g")
    if request.attack == "fgsm":
        st.latex(rf"\delta = {eps}\cdot {direction},\qquad g = \nabla_x L")
        st.caption("FGSM is one steepest step of length ε; g does not depend on ε.")
        return
    alpha = request.step_size
    shown = float(default_step_size(settings.radius, request.steps)) if alpha is None else alpha
    in_levels = settings.norm == "linf" and request.step == "steepest"
    short = {"untargeted": "L_y", "targeted": "(-L_t)", "difference": "(L_y - L_t)"}[request.objective]
    number = rf"\tfrac{{{shown * 255:.3g}}}{{255}}" if in_levels else f"{shown:.4g}"
    st.latex(
        rf"\delta \leftarrow \mathcal{{P}}\big(\delta + {number}\cdot {direction}\big),"
        rf"\quad g = \nabla_\delta\, {short}"
    )
    st.caption(f"{request.steps} times. P projects back into the ball and keeps x + δ a picture with values in [0, 1].")


def show_saving(settings: Settings, frames: list[Frame], original: np.ndarray, label: int, p_label: float) -> None:
    st.subheader("Keep it, share it")
    final = frames[-1].pixels
    assert final is not None
    now = int(frames[-1].logits[0].argmax())
    p_now = float(frames[-1].probabilities[0, now])
    k = settings.amp
    delta = (final[0].astype(np.float32) - original.astype(np.float32)) / 255
    linf, l2 = norms(original, final[0])
    left, right = st.columns(2)
    left.download_button(
        "Adversarial picture (PNG)",
        to_png(final[0]),
        "adversarial.png",
        "image/png",
        width="stretch",
        on_click="ignore",
    )
    left.caption("Exactly the pixels that were judged. Upload it here again: it still fools this network.")
    sheet = side_by_side(
        [
            (original, categories()[label], percent(p_label)),
            (amplify(delta.transpose(2, 0, 1), k), f"{k} × perturbation", f"max {linf:g}/255, length {l2:.2f}"),
            (final[0], categories()[now], percent(p_now)),
        ],
        f"{info_of(settings.model).title}, {lab.ATTACKS[settings.attack]}, eps = {radius_text(settings)} · "
        "Adversarial Lab",
    )
    right.download_button(
        "Side by side, for slides (PNG)", sheet, "side-by-side.png", "image/png", width="stretch", on_click="ignore"
    )
    right.caption("All three pictures with their labels.")
    address = (st.context.url or "").split("?")[0]
    query = urlencode(lab.to_query(settings))
    st.markdown("**Link to exactly this state**")
    st.code(f"{address}?{query}" if query else address or "/", language=None, wrap_lines=True)
    if settings.image == OWN:
        st.caption("Your own picture is not in the link: it never leaves this session.")
    with st.expander("The same in Python"):
        engine = default_engine()
        st.code(snippet(settings, label, engine.device, engine.threads), language="python")
        st.caption("On a CPU it gives the same δ, bit for bit, with the same number of threads.")


# ----------------------------------------------------------------------------------------------------------- the page


def page() -> None:
    start()
    st.html(CSS)
    if state.lab.present:
        st.html(PRESENT_CSS)
    st.title("Fool a neural network", anchor=False)
    st.markdown("A change that you can hardly see makes a network see something else. Pick an example, or turn a knob.")
    with st.container(horizontal=True, key="presets"):
        for name in PRESETS:
            st.button(name, on_click=preset, args=(name,))
        st.button("surprise me", on_click=surprise)
        if state.lab.present:
            st.button("Leave presentation mode", on_click=apply, kwargs={"present": False}, type="tertiary")
    messages = st.container()
    if "panels" not in state:
        state.panels = waiting(np.asarray(fit(chosen_image(state.lab), 224, 224)))
    stage = Stage(state.panels)
    with st.container(key="status"):
        status = st.empty()
    with st.sidebar:
        sidebar()
    knobs()
    if lab.to_query(state.lab) != state.arrived:
        state.notes = []  # told once; from here on the visitor decides
    for note in state.notes:
        messages.info(note, icon=":material/link:")
    asked: Settings = state.lab
    query = lab.to_query(asked)
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)
    with messages:
        settings = ensure_weights(asked)

    side = info_of(settings.model).input_size
    original = np.asarray(fit(chosen_image(settings), side, side))
    base = Request(b"", 0, 0, settings.model).with_pixels(original)

    with messages:
        looked = follow(job_for("look", base), lambda frames: None)
    if looked is None:
        st.stop()
    clean = looked[-1].probabilities[0]
    label = int(clean.argmax())
    if (base.image, base.classifier) != state.get("on_stage"):
        state.on_stage = (base.image, base.classifier)
        stage.wait()  # the old run's result must not stand beside another picture
    stage.original(original, label, float(clean[label]))

    request = attack_request(settings, base, label)
    if "main" in state.jobs and state.jobs["main"].request != request:
        drop_jobs("sweep", "noise")
    job = job_for("main", request)
    if request.attack == "pgd":
        with st.container(key="replay"):
            scrub = st.empty()
    st.subheader("What the network thinks")
    before_column, after_column = (c.container(key=k) for c, k in zip(st.columns(2), ("before", "after"), strict=True))
    before_column.markdown("**Before**")
    after_title = after_column.empty()
    before_bars, after_bars = before_column.empty(), after_column.empty()
    if request.attack == "pgd":
        with st.container(key="loss"):
            loss_slot = st.empty()
    shared = [label, *([settings.target] if settings.attack == "targeted" else []), *top(clean)]
    bars(before_bars, clean, top(clean), class_colours(*shared))

    def show(frame: Frame, probabilities: np.ndarray, title: str) -> None:
        assert frame.pixels is not None
        now = int(probabilities.argmax())
        stage.perturbation(original, frame.pixels[0], settings.amp, radius_text(settings))
        stage.fooled(frame.pixels[0], now, float(probabilities[now]))
        after_title.markdown(f"**{title}**")
        bars(after_bars, probabilities, top(probabilities), class_colours(*shared, *top(probabilities)))

    def loss_curve(frames: list[Frame], mark: int | None = None) -> None:
        if request.attack == "fgsm":
            return
        # Vega redraws in place; a plotly chart blinks each time it is replaced.
        loss_slot.vega_lite_chart(
            loss_chart([float(f.loss[0]) for f in frames], request.steps, mark),
            width="stretch",
            height=200,
            alt="The objective that the attack maximises, at each step",
        )

    def draw(frames: list[Frame]) -> None:
        frame = frames[-1]
        show(frame, frame.probabilities[0], "After (running, before rounding to 8 bits)")
        status.progress(frame.index / max(request.steps, 1), f"Step {frame.index} of {request.steps}")
        loss_curve(frames)

    known = job.done
    frames = follow(job, (lambda frames: None) if known else draw)
    if frames is None:
        status.empty()
        st.stop()
    last = frames[-1]
    assert last.pixels is not None

    # The run is on the table: what follows only looks at it.
    chosen = last.index
    if request.attack == "pgd":
        chosen = scrub.slider(
            "Replay, step by step", 0, last.index, last.index, key=f"step_{hash(request)}", help="0 is the start."
        )
    if chosen == last.index:
        show(last, last.probabilities[0], "After")
    else:
        pixels = frames[chosen].pixels
        assert pixels is not None
        # A frame on the way was judged before rounding; what is shown is judged as it is shown.
        judged = default_engine().compute(base.with_pixels(pixels[0]))
        show(frames[chosen], judged[-1].probabilities[0], f"At step {chosen}")
    loss_curve(frames, chosen)
    linf, l2 = norms(original, last.pixels[0])
    used = (linf / 255 if settings.norm == "linf" else l2) / max(settings.radius, 1e-9)
    result = judge(settings, label, frames, int((last.pixels[0] != original).sum()), used)
    getattr(status, result.kind)(result.text)

    st.subheader("Is it just noise?")
    noise = replace(
        base, attack="noise", norm=settings.norm, eps=(settings.radius,), label=label, seed=settings.seed, steps=1
    )
    noisy = follow(job_for("noise", noise), lambda frames: None)
    if noisy is not None:
        pixels, probabilities = noisy[-1].pixels, noisy[-1].probabilities[0]
        assert pixels is not None
        picture, text = st.columns([1, 2])
        seen = int(probabilities.argmax())
        picture.image(picture_uri(pixels[0]), width="stretch", alt=f"Noisy picture, classified as {categories()[seen]}")
        text.markdown(
            f"Random noise of the same size, ε = {radius_text(settings)}, seed {settings.seed}: the network says "
            f"**{categories()[seen]}** ({percent(float(probabilities[seen]))}). The attack has no more room than "
            "this; it only knows which way to go."
        )
        bars(text.empty(), probabilities, top(probabilities), class_colours(*shared, *top(probabilities)))

    show_formula(settings, request, label)
    show_saving(settings, frames, original, label, float(clean[label]))
    if settings.radius > 0:
        show_sweep(settings, request, clean, label)


page()
