"""The Attack Lab: a photograph, a network, an attack, ε; and what becomes of the network's opinion."""

import math
import random
from dataclasses import replace

import numpy as np
import streamlit as st
from PIL import Image

from adv_core.attacks import default_step_size
from adv_core.catalogue import ATTACKS
from adv_core.classifiers import DEFAULT, ClassifierError, categories, fetch, info_of, list_classifiers
from adv_core.engine import default_engine
from adv_core.figures import curve, loss_chart, side_by_side
from adv_core.images import amplify, fit, shrink, to_png
from adv_core.limits import LIMITS
from adv_core.request import SHOWN_SIDE, Frame, Request, thin
from pages.widgets import settings as lab
from pages.widgets.controls import Controls
from pages.widgets.lesson import presenting
from pages.widgets.live import drop_jobs, follow, job_for, request_of
from pages.widgets.photograph import gallery, needs_own, own_picture, photograph
from pages.widgets.query import limits
from pages.widgets.settings import OWN, Settings
from pages.widgets.snippet import snippet
from pages.widgets.stage import CSS, PRESENT_CSS, Stage, bars, class_colours, picture_uri, top, waiting
from pages.widgets.verdict import judge, percent, radius_text, size_text

PRESETS = {
    "dog → airliner": {"image": "german_shepherd", "target": 404, "eps": 4, "steps": 40},
    "pig → wombat": {"image": "pig", "target": 106, "eps": 2, "steps": 10},
    "panda → gibbon": {"image": "giant_panda", "target": 368, "eps": 2, "steps": 10},
}
GROUPS = {"lecture": "Lecture", "stronger": "Stronger", "black box": "Black box"}
SWEEP = {
    "linf": (1.0, 2.0, 4.0, 8.0, 16.0),
    "l2": (0.5, 1.0, 2.0, 4.0, 8.0),
    "l1": (10.0, 20.0, 40.0, 80.0, 160.0),
    "l0": (50.0, 100.0, 200.0, 400.0, 800.0),
}
VIEWS, SEEN = 8, 32  # random views in each step of an attack that is to survive them; how many judge it
UNITS = {"linf": "ε in 1/255", "l2": "ε (L2)", "l1": "ε (L1)", "l0": "ε in pixels"}
state = st.session_state
page = Controls("lab", Settings)


# ---------------------------------------------------------------------------------------------- the state of the page


def apply(**changes: object) -> None:
    """Set controls from code."""
    state.upload_error = None
    page.set(**changes)


def surprise() -> None:
    apply(
        **PRESETS["dog → airliner"]
        | {"eps": 8}
        | {"image": random.choice(list(lab.PHOTOS)), "target": random.randrange(1000)}
        | {"attack": "targeted", "norm": "linf", "loss": "ce", "rule": "steepest", "alpha": 0.0}
    )


def preset(name: str) -> None:
    page.reset("present", "amp", "model")
    apply(**PRESETS[name])


def choose_group() -> None:
    """Another group of attacks: begin with its first."""
    group = state.get("lab_group")
    if group and ATTACKS[page.value.attack].group != group:
        apply(attack=next(name for name, info in ATTACKS.items() if info.group == group))


def find_smallest() -> None:
    apply(aim=page.value.targeted, attack="smallest")


def use_found(name: str, value: float) -> None:
    """Go on with PGD and the ε that was found."""
    low, high = limits(Settings, name)
    value = min(max(value, low), high)
    apply(attack="targeted" if page.value.targeted else "pgd", **{name: value})


# ------------------------------------------------------------------------------------------------------- the controls


def sidebar() -> None:
    st.header("Photograph", divider="gray")
    gallery(page, apply)
    shown = "your own picture" if page.value.image == OWN else lab.PHOTOS[page.value.image]
    st.caption(f"Now: **{shown}**. Sixteen samples, all free to use.")
    own_picture(page, Settings.image)
    st.caption("Your own mug makes the best example.")
    page.control("whole", st.toggle, "Attack it at its own size")
    photo = photograph(page.value.image)
    small = shrink(photo, LIMITS.max_pixels)
    reduced = "" if small is photo else f" (made smaller from {photo.width} × {photo.height})"
    st.caption(
        f"{small.width} × {small.height} pixels{reduced}, through the network's own resizing: the saved photograph "
        "itself fools."
        if page.value.whole
        else "Otherwise the square in its middle, at the network's size."
    )

    st.header("Network", divider="gray")
    page.control(
        "model",
        st.selectbox,
        "Classifier",
        [info.name for info in list_classifiers()],
        format_func=lambda name: info_of(name).title + ("" if info_of(name).is_here else " (needs a download)"),
    )
    info = info_of(page.value.model)
    place = "on this machine" if info.is_here else f"needs a download of {info.megabytes:.0f} MB"
    st.caption(
        f"{info.year} · {info.parameters / 1e6:.1f} million parameters · {info.megabytes:.0f} MB · sees "
        f"{info.input_size} × {info.input_size} pixels · {place}. {info.paper}."
    )

    with st.expander("Advanced"):
        knows = page.value.info.options
        losses = list(lab.LOSSES) if page.value.targeted else [name for name in lab.LOSSES if name != "difference"]
        if page.value.loss not in losses:
            apply(loss="ce")
        page.control("loss", st.radio, "Loss", losses, format_func=lab.LOSSES.get)
        st.caption(
            "L(y) − L(target) is the lecture's form: it does not mind when a third class wins."
            if page.value.targeted
            else "Cross-entropy fades where a network is sure of itself; the other two do not."
        )
        page.control("steps", st.slider, "Steps", 1, limits(Settings, "steps")[1], disabled="steps" not in knows)
        st.caption("More steps find more, and take longer.")
        if "queries" in knows:
            page.control("queries", st.slider, "Questions to the network", 1, LIMITS.max_queries)
            st.caption("What a black-box attack pays with. It stops when the network is fooled.")
        page.control(
            "rule", st.radio, "Step", list(lab.STEP_RULES), format_func=lab.STEP_RULES.get, disabled=not _pgd()
        )
        st.caption("Raw gradients are tiny where a network is sure of itself.")
        page.control(
            "alpha", st.number_input, "Step size α (0 = automatic)", 0.0, 1000.0, step=0.5, disabled=not _pgd()
        )
        st.caption("In levels of 255; for the raw gradient a plain factor. Automatic: 5·ε/steps.")
        page.control("views", st.toggle, "Survive the camera", disabled=not _pgd() or page.value.whole)
        st.caption("Averages the loss over eight random views in every step (EOT): eight times the work.")
        page.control("random", st.toggle, "Random start", disabled="random_start" not in knows)
        st.caption("Begins somewhere in the ball instead of at the picture.")
        page.control("restarts", st.slider, "Restarts", 1, LIMITS.max_restarts, disabled="restarts" not in knows)
        st.caption("How often to run, each time from another random start; the best end counts.")
        page.control("seed", st.number_input, "Seed", 0, 9999, step=1)
        st.caption("The same seed gives the same start and the same noise.")
        page.control("amp", st.slider, "Amplification of the perturbation", 1, 100)
        st.caption("Only how the middle picture is drawn: 0.5 + k·δ.")
    presenting(page)
    st.button("Reset everything", on_click=page.reset, width="stretch")


def _pgd() -> bool:
    return "step_size" in page.value.info.options


def attack_menu() -> None:
    """The attacks in their groups, and the chosen one's idea."""
    with st.container(horizontal=True, key="menu"):
        state["lab_group"] = page.value.info.group
        st.segmented_control(
            "Kind of attack",
            list(GROUPS),
            format_func=GROUPS.get,
            key="lab_group",
            on_change=choose_group,
            required=True,
        )
        names = [name for name, info in ATTACKS.items() if info.group == page.value.info.group]
        page.control(
            "attack",
            st.segmented_control,
            "Attack",
            names,
            format_func=lambda name: ATTACKS[name].title,
            required=True,
        )
    st.caption(page.value.info.idea)


def knobs() -> None:
    """Attack, target, norm and ε, right below the pictures they change."""
    attack_menu()
    left, right = st.columns([1, 1.2])
    with left:
        page.control(
            "target",
            st.selectbox,
            "Target class",
            range(1000),
            format_func=lambda index: categories()[index],
            disabled=not page.value.targeted,
        )
        info = page.value.info
        if info.targeted == "optional":
            page.control("aim", st.toggle, "Aim at the target class")
        st.caption(
            "Type to search all 1000 classes."
            if page.value.targeted
            else f"{info.title} only leads away from the present class."
            if info.targeted == "never"
            else "Now: away from the present class."
        )
    with right:
        epsilon()


def epsilon() -> None:
    """The norm, its ε, and the shortcut to the smallest one."""
    settings = page.value
    page.control(
        "norm", st.segmented_control, "Norm of the ball", list(lab.NORMS), format_func=lab.NORMS.get, required=True
    )
    settings = page.value
    ball, off = settings.ball, settings.info.minimal
    if ball != settings.norm:
        why = "A whole photograph" if settings.norm in settings.info.norms else settings.info.title
        st.caption(f"{why} is measured in {lab.NORMS[ball]} here.")
    if ball == "linf":
        page.control("eps", st.slider, "ε: how far each pixel may move, in 1/255", 0, 32, disabled=off)
        text = f"ε = {page.value.eps}/255 = {page.value.eps / 255:.4f} of the brightness range."
    elif ball == "l2":
        page.control("eps2", st.slider, "ε: length of the whole change (L2)", 0.0, 10.0, step=0.25, disabled=off)
        text = "‖δ‖₂ over all colour values, brightness from 0 to 1."
    elif ball == "l1":
        page.control("eps1", st.slider, "ε: sum of all changes (L1)", 0.0, 400.0, step=5.0, disabled=off)
        text = "‖δ‖₁: 40 is worth forty colour values moved from black to white."
    else:
        page.control("eps0", st.slider, "ε: how many pixels may change", 0, 2000, step=10, disabled=off)
        text = "These pixels may change as much as they like, all the others not at all."
    if off:
        st.caption("This attack looks for its own ε.")
    else:
        st.caption(text)
        st.button("Find the smallest ε that fools", on_click=find_smallest, key="find_smallest")


def display(pixels: np.ndarray) -> np.ndarray:
    """What the browser gets of a picture that is larger than the page: a smaller one. The saved file has it all."""
    side = max(pixels.shape[:2])
    if side <= SHOWN_SIDE:
        return pixels
    image = Image.fromarray(pixels)
    image.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


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


def attack_request(settings: Settings, base: Request, label: int) -> Request:
    """The settings as the engine's request. What the attack does not know stays at its default: equal runs, one job."""
    info = settings.info
    objective = settings.loss
    if objective in ("difference", "dlr") and settings.targeted and settings.target == label:
        objective = "ce"  # L(y) - L(y) is nothing to climb; the page says that the target is the present class
    if objective == "difference" and not settings.targeted:
        objective = "ce"
    chosen = {
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
        norm=settings.ball,
        eps=(0.0 if info.minimal else settings.radius,),
        objective=objective,
        label=label,
        target=settings.target if settings.targeted else None,
        views=views,
        **{name: value for name, value in chosen.items() if name in info.options},
    )


def radius(settings: Settings) -> str:
    return radius_text(settings.ball, settings.radius)


# ------------------------------------------------------------------------------------------------- what is below them


def show_sweep(settings: Settings, request: Request, clean: np.ndarray, label: int) -> None:
    st.subheader("How much ε does it take?")
    if request.info is None or "queries" in request.info.options:
        st.caption("A black-box attack asks too many questions for a whole curve: move ε by hand.")
        return
    if request.views:
        st.caption("With random views in every step, a whole curve would take too long: move ε by hand.")
        return
    scale = 255 if settings.ball == "linf" else 1
    values = sorted({e for e in SWEEP[settings.ball]} | {settings.radius * scale} - {0.0})
    if len(values) * request.height * request.width > LIMITS.max_pixels:
        st.caption("This photograph is too large for a curve over ε: switch to the network's size.")
        return
    sweep = replace(request, eps=tuple(v / scale for v in values), pictures=False)
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
            x_title=UNITS[settings.ball],
            y_title="probability",
            y_range=(-0.02, 1.02),
            mark=settings.radius * scale,
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


def show_views(base: Request, last: Frame, label: int) -> None:
    """How often the network is fooled when the picture is turned, scaled, blurred and compressed."""
    assert last.pixels is not None
    look = replace(base, attack="views", draws=SEEN, label=label, seed=page.value.seed + 1, pictures=False)
    found = follow(job_for("views", look.with_pixels(last.pixels[0])))
    if found is None:
        return
    classes = found[-1].logits.argmax(1)
    fooled = int((classes == page.value.target if page.value.targeted else classes != label).sum())
    aim = f"says {categories()[page.value.target]}" if page.value.targeted else "is fooled"
    st.caption(
        f"In {SEEN} new random views (turned by up to 15°, scaled, cropped, lighter or darker, blurred, JPEG) of this "
        f"picture the network {aim} in **{fooled}**."
    )


def show_formula(settings: Settings, request: Request, label: int) -> None:
    st.subheader("The formula that just ran")
    info = request.info
    assert info is not None
    y, t = rf"\text{{{categories()[label]}}}", rf"\text{{{categories()[settings.target]}}}"
    norm = {"linf": r"\infty", "l2": "2", "l1": "1", "l0": "0"}[request.norm]
    eps = {
        "linf": rf"\tfrac{{{settings.eps}}}{{255}}",
        "l2": f"{settings.eps2:g}",
        "l1": f"{settings.eps1:g}",
        "l0": f"{settings.eps0}",
    }[request.norm]
    z = r"f(t(x+\delta))" if request.views else r"f(x+\delta)"
    loss, short = {
        ("ce", False): (rf"L({z},\ {y})", "L_y"),
        ("ce", True): (rf"-L({z},\ {t})", "(-L_t)"),
        ("difference", True): (rf"L({z},\ {y}) - L({z},\ {t})", "(L_y - L_t)"),
        ("margin", False): (rf"\max_{{i \neq y}} {z}_i - {z}_{{{y}}}", "L"),
        ("margin", True): (rf"{z}_{{{t}}} - \max_{{i \neq t}} {z}_i", "L"),
        ("dlr", False): (rf"\frac{{\max_{{i \neq y}} z_i - z_{{{y}}}}}{{z_{{(1)}} - z_{{(3)}}}}", "L"),
        ("dlr", True): (rf"\frac{{z_{{{t}}} - z_{{{y}}}}}{{z_{{(1)}} - (z_{{(3)}} + z_{{(4)}})/2}}", "L"),
    }[request.objective, request.target is not None]
    if info.minimal:
        wish = rf"f(x+\delta)\ \text{{is {categories()[settings.target]}}}"
        if request.target is None:
            wish = rf"f(x+\delta)\ \text{{is not {categories()[label]}}}"
        st.latex(rf"\delta^* = \operatorname*{{argmin}}\ \|\delta\|_{{{norm}}}\quad \text{{such that}}\quad {wish}")
    else:
        mean = r"\mathbb{E}_t\," if request.views else ""
        st.latex(rf"\delta^* = \operatorname*{{argmax}}_{{\|\delta\|_{{{norm}}}\,\le\,{eps}}}\ {mean}{loss}")
    if not _pgd() and info.name != "fgsm":
        st.latex(info.formula)
        st.caption(f"{info.idea} {info.paper}.")
        return
    direction = {
        ("linf", "steepest"): r"\operatorname{sign}(g)",
        ("l2", "steepest"): r"g / \|g\|_2",
        ("l1", "steepest"): r"\operatorname{sign}(g)_{\text{largest } 1\,\%} / n",
        ("l0", "steepest"): r"g / \|g\|_\infty",
    }.get((request.norm, request.step), "g")
    if request.attack == "fgsm":
        length = "1" if request.norm == "l0" else eps
        st.latex(rf"\delta = {length}\cdot {direction},\qquad g = \nabla_x L")
        st.caption(f"FGSM is one steepest step of length ε; g does not depend on ε. {info.paper}.")
        return
    alpha = request.step_size
    reach = 1.0 if request.norm == "l0" else settings.radius
    shown = float(default_step_size(reach, request.steps)) if alpha is None else alpha
    in_levels = request.norm == "linf" and request.step == "steepest"
    number = rf"\tfrac{{{shown * 255:.3g}}}{{255}}" if in_levels else f"{shown:.4g}"
    st.latex(
        rf"\delta \leftarrow \mathcal{{P}}\big(\delta + {number}\cdot {direction}\big),"
        rf"\quad g = \nabla_\delta\, {short}"
    )
    st.caption(
        f"{request.steps} times. P projects back into the ball and keeps x + δ a picture with values in [0, 1]. "
        f"{info.paper}."
    )


def show_saving(
    settings: Settings, request: Request, frames: list[Frame], original: np.ndarray, label: int, p_label: float
) -> None:
    st.subheader("Keep it, share it")
    final = frames[-1].pixels
    assert final is not None
    now = int(frames[-1].logits[0].argmax())
    p_now = float(frames[-1].probabilities[0, now])
    k = settings.amp
    delta = (thin(final[0]).astype(np.float32) - thin(original).astype(np.float32)) / 255
    linf, l2 = map(float, frames[-1].norms[0])
    size = size_text(settings.ball, frames[-1]) if request.info and request.info.minimal else radius(settings)
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
    base = Request(b"", 0, 0, settings.model).with_pixels(original)

    with messages:
        looked = follow(job_for("look", base))
    if looked is None:
        st.stop()
    clean = looked[-1].probabilities[0]
    label = int(clean.argmax())
    if (base.image, base.classifier) != state.get("on_stage"):
        state.on_stage = (base.image, base.classifier)
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
        size = size_text(settings.ball, frame) if info.minimal else radius(settings)
        linf, l2 = map(float, frame.norms[0])
        stage.perturbation(thin(original), thin(frame.pixels[0]), settings.amp, size, (linf, l2))
        stage.fooled(display(frame.pixels[0]), now, float(probabilities[now]))
        after_title.markdown(f"**{title}**")
        bars(after_bars, probabilities, top(probabilities), class_colours(*shared, *top(probabilities)))

    def loss_curve(frames: list[Frame], mark: int | None = None) -> None:
        if not info.is_iterative:
            return
        # A search for the smallest δ is told by its size, any other attack by what it maximises.
        scale = 255 if settings.ball == "linf" else 1
        points = [(f.index, float(f.size[0]) * scale if info.minimal else float(f.loss[0])) for f in frames]
        title = f"size of δ, {UNITS[settings.ball].removeprefix('ε ')}" if info.minimal else "objective"
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
        judged = follow(job_for("judge", base.with_pixels(frame.pixels[0])))
        if judged is not None:
            show(frame, judged[-1].probabilities[0], f"At step {frame.index}")
    loss_curve(frames, frame.index)
    if info.minimal:
        st.caption("The last point is the picture rounded to 8 bits: below half a level, nothing can be saved.")
    linf, l2 = map(float, last.norms[0])
    used = (linf / 255 if settings.ball == "linf" else l2 if settings.ball == "l2" else settings.radius) / max(
        settings.radius, 1e-9
    )
    result = judge(settings, label, frames, int((last.pixels[0] != original).sum()), used)
    getattr(status, result.kind)(result.text)
    if info.minimal and result.kind == "success":
        name = {"linf": "eps", "l2": "eps2", "l1": "eps1", "l0": "eps0"}[settings.ball]
        found = float(last.size[0]) * (255 if name == "eps" else 1)
        step = {"eps": 1, "eps2": 0.25, "eps1": 5.0, "eps0": 10}[name]
        enough = math.ceil(found / step - 1e-3) * step  # a float32 1/255 can be 1.00001 levels
        st.button(
            f"Give PGD this much room: ε = {radius_text(settings.ball, enough / (255 if name == 'eps' else 1))}",
            on_click=use_found,
            args=(name, enough),
        )

    if request.views:
        show_views(base, last, label)
    st.subheader("Is it just noise?")
    room = float(last.size[0]) if info.minimal else settings.radius
    noise = replace(base, attack="noise", norm=settings.ball, eps=(room,), label=label, seed=settings.seed, steps=1)
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
            f"Random noise of the same size, ε = {radius_text(settings.ball, room)}, seed {settings.seed}: the network "
            f"says **{categories()[seen]}** ({percent(float(probabilities[seen]))}). The attack has no more room than "
            "this; it only knows which way to go."
        )
        bars(text.empty(), probabilities, top(probabilities), class_colours(*shared, *top(probabilities)))

    show_formula(settings, request, label)
    show_saving(settings, request, frames, original, label, float(clean[label]))
    if settings.radius > 0 and not info.minimal:
        show_sweep(settings, request, clean, label)


main()
