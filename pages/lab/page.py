"""The Attack Lab: a photograph, a network, an attack, ε; and what becomes of the network's opinion."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from adv_core.classifiers import categories, info_of
from adv_core.images import amplify, fit, shrink, to_png
from adv_core.perturbation_sets import L2, Linf
from adv_core.serving.engine.attack import SHOWN_SIDE, Attack, Frame, LossKey, thin
from adv_core.serving.engine.look import Pictures, Views
from adv_core.serving.engine.noise import Noise
from adv_core.serving.engine.process import default_engine
from adv_core.serving.limits import LIMITS
from pages.lab.controls import apply, ensure_weights, knobs, preset, sidebar, surprise, use_found
from pages.lab.formula import show_formula
from pages.lab.settings import PRESETS, SEEN, VIEWS, Settings, page
from pages.lab.snippet import snippet
from pages.lab.verdict import judge
from pages.widgets.ask import look
from pages.widgets.charts import curve, loss_chart, side_by_side
from pages.widgets.live import drop_jobs, follow, job_for, request_of
from pages.widgets.photograph import OWN, needs_own, photograph
from pages.widgets.stage import CSS, PRESENT_CSS, Stage, bars, class_colours, percent, picture_uri, top, waiting

state = st.session_state


# ------------------------------------------------------------------------------------------------------- the controls


def display(pixels: np.ndarray) -> np.ndarray:
    """The picture for the browser: a large one is made smaller. The saved file has all pixels."""
    side = max(pixels.shape[:2])
    if side <= SHOWN_SIDE:
        return pixels
    image = Image.fromarray(pixels)
    image.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


# ------------------------------------------------------------------------------------------------------- computations


def attack_request(settings: Settings, base: Attack, label: int) -> Attack:
    """The settings as the engine's request. What the attack does not know stays at its default: equal runs, one job."""
    info = settings.info
    objective: LossKey = settings.loss
    if objective in ("difference", "dlr") and settings.targeted and settings.target == label:
        objective = "ce"  # L(y) - L(y) is nothing to climb; the page says that the target is the present class
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


# ------------------------------------------------------------------------------------------------- what is below them


def show_sweep(settings: Settings, request: Attack, clean: np.ndarray, label: int) -> None:
    st.subheader("How much ε does it take?")
    if "queries" in request.info.options:
        st.caption("A black-box attack asks too many questions for a whole curve: move ε by hand.")
        return
    if request.views:
        st.caption("With random views in every step, a whole curve would take too long: move ε by hand.")
        return
    ball = settings.ball
    values = sorted({*ball.sweep, settings.shown_eps} - {0.0})
    if len(values) * request.row_pixels > LIMITS.max_pixels:
        st.caption("This photograph is too large for a curve over ε: switch to the network's size.")
        return
    sweep = replace(request, eps=tuple(map(ball.radius, values)), pictures=False)
    slot, note = st.empty(), st.empty()
    wanted = settings.target if settings.targeted and settings.target != label else None
    colours = class_colours(label, *([] if wanted is None else [wanted]))

    def draw(frames: list[Frame]) -> None:
        index = frames[-1].index
        if index < sweep.length:
            note.caption(f"Attacking with {len(values)} values of ε at once: step {index} of {sweep.length} …")
            return
        now = frames[-1].probabilities
        lines = [
            (categories()[c], [0.0, *values], [float(clean[c]), *map(float, now[:, c])], colours[c]) for c in colours
        ]
        figure = curve(
            lines,
            x_title=ball.axis,
            y_title="probability",
            y_range=(-0.02, 1.02),
            mark=settings.shown_eps,
            mark_text="your ε",
        )
        alt = f"Probability against ε of: {', '.join(categories()[c] for c in colours)}"
        slot.plotly_chart(figure, width="stretch", alt=alt, config={"displayModeBar": False}, key="sweep_chart")

    if follow(job_for("sweep", sweep), draw, note.caption, interval=0.6):
        note.caption(
            "Each point is this very attack, run anew with that ε, and judged on the picture rounded to 8 bits. "
            "At ε = 0 stands the untouched picture."
            + (" With a random start, each ε begins in the same direction." if request.random_start else "")
        )


def show_views(classifier: str, last: Frame, label: int) -> None:
    """Show the share of random views (turned, scaled, blurred, compressed) in which the network is fooled."""
    assert last.pixels is not None
    views = Views(Pictures.of(last.pixels[0]), classifier, SEEN, page.value.seed + 1)
    found = follow(job_for("views", views))
    if found is None:
        return
    classes = found[-1].logits.argmax(1)
    fooled = int((classes == page.value.target if page.value.targeted else classes != label).sum())
    aim = f"says {categories()[page.value.target]}" if page.value.targeted else "is fooled"
    st.caption(
        f"In {SEEN} new random views (turned by up to 15°, scaled, cropped, lighter or darker, blurred, JPEG) of this "
        f"picture the network {aim} in **{fooled}**."
    )


def show_saving(
    settings: Settings, request: Attack, frames: list[Frame], original: np.ndarray, label: int, p_label: float
) -> None:
    st.subheader("Keep it, share it")
    final = frames[-1].pixels
    assert final is not None
    now = int(frames[-1].logits[0].argmax())
    p_now = float(frames[-1].probabilities[0, now])
    k = settings.amp
    delta = (thin(final[0]).astype(np.float32) - thin(original).astype(np.float32)) / 255
    linf, l2 = map(float, frames[-1].norms[0])
    size = settings.ball.text(float(frames[-1].size[0]) if request.info.minimal else settings.radius)
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
            (display(original), categories()[label], percent(p_label)),
            (amplify(delta.transpose(2, 0, 1), k), f"{k} × perturbation", f"max {linf:g}/255, length {l2:.2f}"),
            (display(final[0]), categories()[now], percent(p_now)),
        ],
        f"{info_of(settings.model).title}, {settings.info.title}, eps = {size} · Adversarial Lab",
    )
    right.download_button(
        "Side by side, for slides (PNG)", sheet, "side-by-side.png", "image/png", width="stretch", on_click="ignore"
    )
    right.caption("All three pictures with their labels.")
    st.markdown("**Link to exactly this state**")
    st.code(page.link(), language=None, wrap_lines=True)
    if settings.image == OWN:
        st.caption("Your own picture is not in the link: it never leaves this session.")
    with st.expander("The same in Python"):
        engine = default_engine()
        program = snippet(request, settings.image, whole=settings.whole, device=engine.device, threads=engine.threads)
        st.code(program, language="python")
        st.caption(
            "It repeats this run. On the same processor, with the same number of threads, it gives the same δ, bit for "
            "bit. Another processor rounds differently, and so does a batch in which this page computed your run "
            "together with those of others. A few components of the gradient then change their sign, each step "
            "amplifies that, and many pixels differ in the end. The loss that is reached is about the same."
        )


# ----------------------------------------------------------------------------------------------------------- the page


def main() -> None:
    page.start()
    needs_own(page, Settings.image)
    st.html(CSS)
    if page.value.present:
        st.html(PRESENT_CSS)
    st.title("Fool a neural network", anchor=False)
    st.markdown("A change that you can hardly see makes a network see something else. Pick an example, or turn a knob.")
    with st.container(horizontal=True, key="presets"):
        for name in PRESETS:
            st.button(name, on_click=preset, args=(name,))
        st.button("surprise me", on_click=surprise)
        if page.value.present:
            st.button("Leave presentation mode", on_click=apply, kwargs={"present": False}, type="tertiary")
    messages = st.container()
    if "panels" not in state:
        state.panels = waiting(np.asarray(fit(photograph(page.value.image), 224, 224)))
    stage = Stage(state.panels)
    with st.container(key="status"):
        status = st.empty()
    with st.sidebar:
        sidebar()
    knobs()
    for note in page.notes:
        messages.info(note, icon=":material/link:")
    page.into_address()
    with messages:
        settings = ensure_weights(page.value)

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
    stage.original(display(original), label, float(clean[label]))

    request = attack_request(settings, base, label)
    if request_of("main") != request:
        drop_jobs("sweep", "noise")
    job = job_for("main", request)
    info = settings.info
    if info.is_iterative:
        with st.container(key="replay"):
            scrub = st.empty()
    st.subheader("What the network thinks")
    before_column, after_column = (c.container(key=k) for c, k in zip(st.columns(2), ("before", "after"), strict=True))
    before_column.markdown("**Before**")
    after_title = after_column.empty()
    before_bars, after_bars = before_column.empty(), after_column.empty()
    if info.is_iterative:
        with st.container(key="loss"):
            loss_slot = st.empty()
    shared = [label, *([settings.target] if settings.targeted else []), *top(clean)]
    bars(before_bars, clean, top(clean), class_colours(*shared))

    def show(frame: Frame, probabilities: np.ndarray, title: str) -> None:
        assert frame.pixels is not None
        now = int(probabilities.argmax())
        size = settings.ball.text(float(frame.size[0]) if info.minimal else settings.radius)
        linf, l2 = map(float, frame.norms[0])
        stage.perturbation(thin(original), thin(frame.pixels[0]), settings.amp, size, (linf, l2))
        stage.fooled(display(frame.pixels[0]), now, float(probabilities[now]))
        after_title.markdown(f"**{title}**")
        bars(after_bars, probabilities, top(probabilities), class_colours(*shared, *top(probabilities)))

    def loss_curve(frames: list[Frame], mark: int | None = None) -> None:
        if not info.is_iterative:
            return
        # A search for the smallest δ is told by its size, any other attack by what it maximises.
        points = [
            (f.index, float(f.size[0]) * settings.ball.scale if info.minimal else float(f.loss[0])) for f in frames
        ]
        title = f"size of δ, {settings.ball.axis.removeprefix('ε ')}" if info.minimal else "objective"
        # Vega redraws in place; a plotly chart blinks each time it is replaced.
        loss_slot.vega_lite_chart(
            loss_chart(points, request.length, mark, title),
            width="stretch",
            height=200,
            alt=f"{title} at each step",
        )

    def draw(frames: list[Frame]) -> None:
        frame = frames[-1]
        show(frame, frame.probabilities[0], "After (running, before rounding to 8 bits)")
        status.progress(min(frame.index / max(request.length, 1), 1.0), f"Step {frame.index} of {request.length}")
        loss_curve(frames)

    frames = follow(job, draw, status.info, end=False)
    if frames is None:
        status.empty()
        st.stop()
    last = frames[-1]
    assert last.pixels is not None

    # The run is on the table: what follows only looks at it.
    chosen = len(frames) - 1
    if info.is_iterative:
        # Streamlit keeps what a widget was given, also of widgets that are gone: it must not get hold of the frames.
        indices = [each.index for each in frames]
        chosen = scrub.select_slider(
            "Replay, step by step",
            range(len(frames)),
            chosen,
            format_func=lambda place: str(indices[place]),
            key=f"step_{hash(request)}",
            help="0 is the start.",
        )
    frame = frames[chosen]
    assert frame.pixels is not None
    if frame is last:
        show(last, last.probabilities[0], "After")
    elif frame.pixels[0].shape != original.shape:
        # Thinned out on the way: what was shown is not what was judged.
        show(frame, frame.probabilities[0], f"At step {frame.index}, before rounding to 8 bits")
    else:
        # A frame on the way was judged before rounding; what is shown is judged as it is shown.
        judged = look("judge", frame.pixels[0], settings.model)
        if judged is not None:
            show(frame, judged.probabilities[0], f"At step {frame.index}")
    loss_curve(frames, frame.index)
    if info.minimal:
        st.caption("The last point is the picture rounded to 8 bits: below half a level, nothing can be saved.")
    linf, l2 = map(float, last.norms[0])
    reached = {Linf: linf / 255, L2: l2}.get(settings.ball.ball, settings.radius)
    used = reached / max(settings.radius, 1e-9)
    result = judge(settings, label, frames, int((last.pixels[0] != original).sum()), used)
    getattr(status, result.kind)(result.text)
    if info.minimal and result.kind == "success":
        ball = settings.ball
        found = float(last.size[0]) * ball.scale
        enough = math.ceil(found / ball.step - 1e-3) * ball.step  # a float32 1/255 can be 1.00001 levels
        st.button(
            f"Give PGD this much room: ε = {ball.text(ball.radius(enough))}",
            on_click=use_found,
            args=(settings.eps_field, enough),
        )

    if request.views:
        show_views(base.classifier, last, label)
    st.subheader("Is it just noise?")
    room = float(last.size[0]) if info.minimal else settings.radius
    noise = Noise(base.picture, base.classifier, settings.ball.key, (room,), label, settings.seed)
    noisy = follow(job_for("noise", noise))
    if noisy is not None:
        pixels, probabilities = noisy[-1].pixels, noisy[-1].probabilities[0]
        assert pixels is not None
        picture, text = st.columns([1, 2])
        seen = int(probabilities.argmax())
        picture.image(
            picture_uri(display(pixels[0])), width="stretch", alt=f"Noisy picture, classified as {categories()[seen]}"
        )
        text.markdown(
            f"Random noise of the same size, ε = {settings.ball.text(room)}, seed {settings.seed}: the network "
            f"says **{categories()[seen]}** ({percent(float(probabilities[seen]))}). The attack has no more room than "
            "this; it only knows which way to go."
        )
        bars(text.empty(), probabilities, top(probabilities), class_colours(*shared, *top(probabilities)))

    show_formula(settings, request, label)
    show_saving(settings, request, frames, original, label, float(clean[label]))
    if settings.radius > 0 and not info.minimal:
        show_sweep(settings, request, clean, label)


main()
