"""The controls of the lab."""

import random
from dataclasses import replace

import streamlit as st

from adv_core.attacks.catalogue import ATTACKS
from adv_core.classifiers import DEFAULT, ClassifierError, ClassifierInfo, fetch, info_of, list_classifiers
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
    """Choose the first attack of a newly chosen group."""
    group = state.get("lab_group")
    if group and ATTACKS[page.value.attack].group != group:
        apply(attack=next(name for name, info in ATTACKS.items() if info.group == group))


def find_smallest() -> None:
    apply(aim=page.value.targeted, attack="smallest")


def use_found(name: str, value: float) -> None:
    """Choose PGD, with the ε that was found."""
    low, high = limits(Settings, name)
    value = min(max(value, low), high)
    apply(attack="targeted" if page.value.targeted else "pgd", **{name: value})


def sidebar() -> None:
    """Draw the choice of photograph and network, and the advanced settings."""
    st.header("Photograph", divider="gray")
    gallery(page, apply)
    shown = "your own picture" if page.value.image == OWN else PHOTOS[page.value.image]
    st.markdown(f"Current photograph: **{shown}**. All sixteen samples are free to use.")
    own_picture(page, Settings.image)
    st.caption("Try a photo of a cup on your desk.")
    page.control("whole", st.toggle, "Attack the photograph at its full size")
    photo = photograph(page.value.image)
    small = shrink(photo, LIMITS.max_pixels)
    reduced = "" if small is photo else f" (reduced from {photo.width} × {photo.height})"
    st.caption(
        f"On: the attack changes {small.width} × {small.height} pixels{reduced}. Its gradient includes the network's "
        "own resizing, so the saved photograph fools the network as it is."
        if page.value.whole
        else "Off: we crop the centre and resize it to the network's input size."
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
        f"{info.year} · {info.parameters / 1e6:.1f} million parameters · {info.megabytes:.0f} MB · input "
        f"{info.input_size} × {info.input_size} pixels · {place}. {info.paper}."
    )

    presenting(page)
    st.button("Reset everything", on_click=page.reset, args=("room",), width="stretch")


def advanced() -> None:
    """Draw the options of the attack, and the amplification of the perturbation."""
    knows = page.value.info.options
    losses = list(lab.LOSSES) if page.value.targeted else [name for name in lab.LOSSES if name != "difference"]
    if page.value.loss not in losses:
        apply(loss="ce")
    page.control("loss", st.radio, "Loss", losses, format_func=lab.LOSSES.get)
    st.caption(
        "L(y) − L(target) compares these two classes only, so a third class may win."
        if page.value.targeted
        else "The gradient of the cross-entropy vanishes where the network is confident. The other two losses avoid "
        "this."
    )
    page.control("steps", st.slider, "Steps", 1, limits(Settings, "steps")[1], disabled="steps" not in knows)
    st.caption("More steps reach a higher loss, and take longer.")
    if "queries" in knows:
        page.control("queries", st.slider, "Queries to the network", 1, LIMITS.max_queries)
        st.caption(
            "The budget of a black-box attack: each query shows one picture to the network. Square Attack stops as "
            "soon as the network is fooled."
        )
    page.control(
        "rule",
        st.radio,
        "Direction of a step",
        list(lab.STEP_RULES),
        format_func=lab.STEP_RULES.get,
        disabled=not uses_pgd(),
    )
    st.caption(
        "Steepest ascent rescales the gradient: in L∞ it takes the sign. A raw gradient is tiny where the network is "
        "confident."
    )
    page.control(
        "alpha", st.number_input, "Step size α (0 = automatic)", 0.0, 1000.0, step=0.5, disabled=not uses_pgd()
    )
    st.caption("In 1/255. With the raw gradient, α is a plain factor. Automatic: α = 5·ε/steps, at most ε.")
    page.control("views", st.toggle, "Survive the camera", disabled=not uses_pgd() or page.value.whole)
    st.caption("Averages the loss over eight random views in each step (EOT). This takes eight times as long.")
    page.control("random", st.toggle, "Random start", disabled="random_start" not in knows)
    st.caption("Starts at a random point of the ball instead of at δ = 0.")
    page.control("restarts", st.slider, "Restarts", 1, LIMITS.max_restarts, disabled="restarts" not in knows)
    st.caption("The number of runs, each from a different random start. The best result counts.")
    page.control("seed", st.number_input, "Seed", 0, 9999, step=1)
    st.caption("The same seed gives the same random start and the same noise.")
    page.control("amp", st.slider, "Amplification of the perturbation", 1, 100)
    st.caption("Changes only how the middle picture is drawn: 0.5 + k·δ.")


def attack_menu() -> None:
    """Draw the choice of the attack, and the idea of the chosen one."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="menu"):
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
        with st.popover("Advanced", icon=":material/tune:"):
            advanced()
    st.markdown(page.value.info.idea)


def knobs() -> None:
    """Draw norm, ε, target and attack, directly below the pictures."""
    left, right = st.columns([1.2, 1])
    with left:
        epsilon()
    with right:
        class_control(page, "target", "Target class", disabled=not page.value.targeted)
        info = page.value.info
        if info.targeted == "optional":
            page.control("aim", st.toggle, "Aim at the target class")
        if not page.value.targeted:
            st.markdown(
                f"{info.title} is untargeted: it looks for any class other than the present one."
                if info.targeted == "never"
                else "Off: the attack looks for any class other than the present one."
            )
        if not info.minimal:
            st.button("Find the smallest ε that fools the network", on_click=find_smallest, key="find_smallest")
    attack_menu()


def epsilon() -> None:
    """Draw ε and its norm."""
    slider = st.container()
    page.choice("norm", "Norm of the ball", {key: norm.title for key, norm in NORMS.items()})
    settings = page.value
    ball, off = settings.ball, settings.info.minimal
    if ball.key != settings.norm:
        what = "An attack at full size" if settings.norm in settings.info.norms else settings.info.title
        st.markdown(f"{what} does not support {NORMS[settings.norm].title}. {ball.title} is used instead.")
    with slider:
        page.control(settings.eps_field, st.slider, ball.question, *ball.bounds, step=ball.step, disabled=off)
        text = ball.note.format(eps=page.value.eps, radius=page.value.radius)
        st.markdown("This attack takes no ε: it searches for the smallest one that fools the network." if off else text)


def _missing(info: ClassifierInfo) -> str:
    """Return a sentence for visitors, without the server's paths."""
    return (
        f"The weights of {info.title} ({info.megabytes:.0f} MB) are not on this machine, and could not be downloaded. "
        f"With an internet connection, whoever runs this app fetches them by `python -m adv_core.classifiers fetch "
        f"{info.name}`."
    )


def retry_download(model: str) -> None:
    """Forget that the download failed."""
    state.fetch_failed.pop(model, None)


def ensure_weights(settings: Settings) -> Settings:
    """Download the chosen network if it is not here; without a network, say so and use the default."""
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
        except ClassifierError:
            bar.empty()
            failed[settings.model] = _missing(info)
    st.info(
        f"{failed[settings.model]} Until then, the page uses {info_of(DEFAULT).title}.", icon=":material/cloud_off:"
    )
    st.button("Try the download again", on_click=retry_download, args=(settings.model,))
    return replace(settings, model=DEFAULT)
