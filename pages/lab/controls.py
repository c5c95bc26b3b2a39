"""The controls of the lab."""

import random
from dataclasses import replace

import streamlit as st

from adv_core.attacks.catalogue import ATTACKS
from adv_core.classifiers import DEFAULT, ClassifierError, fetch, info_of, list_classifiers
from adv_core.images import shrink
from adv_core.norms import NORMS
from adv_core.serving.limits import LIMITS
from pages.lab import settings as lab
from pages.lab.settings import GROUPS, PRESETS, Settings, page, uses_pgd
from pages.widgets.lesson import presenting
from pages.widgets.photograph import OWN, PHOTOS, class_control, gallery, own_picture, photograph
from pages.widgets.query import limits

state = st.session_state


def apply(**changes: object) -> None:
    """Set controls from code."""
    state.upload_error = None
    page.set(**changes)


def surprise() -> None:
    apply(
        **PRESETS["dog → airliner"]
        | {"eps": 8}
        | {"image": random.choice(list(PHOTOS)), "target": random.randrange(1000)}
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


def sidebar() -> None:
    """Photograph, network, and the knobs that few need."""
    st.header("Photograph", divider="gray")
    gallery(page, apply)
    shown = "your own picture" if page.value.image == OWN else PHOTOS[page.value.image]
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
        advanced()
    presenting(page)
    st.button("Reset everything", on_click=page.reset, width="stretch")


def advanced() -> None:
    """The knobs of the solver, and how the perturbation is drawn."""
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
        "rule", st.radio, "Step", list(lab.STEP_RULES), format_func=lab.STEP_RULES.get, disabled=not uses_pgd()
    )
    st.caption("Raw gradients are tiny where a network is sure of itself.")
    page.control(
        "alpha", st.number_input, "Step size α (0 = automatic)", 0.0, 1000.0, step=0.5, disabled=not uses_pgd()
    )
    st.caption("In levels of 255; for the raw gradient a plain factor. Automatic: 5·ε/steps.")
    page.control("views", st.toggle, "Survive the camera", disabled=not uses_pgd() or page.value.whole)
    st.caption("Averages the loss over eight random views in every step (EOT): eight times the work.")
    page.control("random", st.toggle, "Random start", disabled="random_start" not in knows)
    st.caption("Begins somewhere in the ball instead of at the picture.")
    page.control("restarts", st.slider, "Restarts", 1, LIMITS.max_restarts, disabled="restarts" not in knows)
    st.caption("How often to run, each time from another random start; the best end counts.")
    page.control("seed", st.number_input, "Seed", 0, 9999, step=1)
    st.caption("The same seed gives the same start and the same noise.")
    page.control("amp", st.slider, "Amplification of the perturbation", 1, 100)
    st.caption("Only how the middle picture is drawn: 0.5 + k·δ.")


def attack_menu() -> None:
    """The attacks in their groups, and the chosen one's idea."""
    with st.container(horizontal=True, key="menu"):
        state["lab_group"] = page.value.info.group
        st.segmented_control(
            "Kind of attack",
            list(GROUPS),
            format_func=GROUPS.__getitem__,
            key="lab_group",
            on_change=choose_group,
            required=True,
        )
        titles = {name: info.title for name, info in ATTACKS.items() if info.group == page.value.info.group}
        page.choice("attack", "Attack", titles)
    st.caption(page.value.info.idea)


def knobs() -> None:
    """Attack, target, norm and ε, right below the pictures they change."""
    attack_menu()
    left, right = st.columns([1, 1.2])
    with left:
        class_control(page, "target", "Target class", disabled=not page.value.targeted)
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
    page.choice("norm", "Norm of the ball", {key: norm.title for key, norm in NORMS.items()})
    settings = page.value
    ball, off = settings.ball, settings.info.minimal
    if ball.key != settings.norm:
        why = "A whole photograph" if settings.norm in settings.info.norms else settings.info.title
        st.caption(f"{why} is measured in {ball.title} here.")
    page.control(settings.eps_field, st.slider, ball.question, *ball.bounds, step=ball.step, disabled=off)
    text = ball.note.format(eps=page.value.eps, radius=page.value.radius)
    if off:
        st.caption("This attack looks for its own ε.")
    else:
        st.caption(text)
        st.button("Find the smallest ε that fools", on_click=find_smallest, key="find_smallest")


def retry_download(model: str) -> None:
    """Forget that the download failed."""
    state.fetch_failed.pop(model, None)


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
    st.button("Try the download again", on_click=retry_download, args=(settings.model,))
    return replace(settings, model=DEFAULT)
