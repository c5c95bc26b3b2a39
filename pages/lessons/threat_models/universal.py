"""The sections on universal perturbations: one δ for all photographs, and the linear case, in which δ* has no x."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import DEFAULT, categories
from adv_core.images import amplify
from adv_core.serving.engine.look import Pictures
from pages.lessons.threat_models.charts import passes_chart
from pages.lessons.threat_models.settings import SIZE, UNIVERSAL, VALUES, page
from pages.lessons.threat_models.universal_tasks import (
    PGD_STEPS,
    WINDOW,
    Linear,
    LinearCase,
    Pass,
    TrainUniversal,
    Tried,
    TryUniversal,
    added,
)
from pages.widgets import photograph
from pages.widgets.charts import loss_chart, rates_chart
from pages.widgets.digits import ink, signed
from pages.widgets.glossary import prose
from pages.widgets.lesson import pictures, skeleton, slots, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.run_this import is_wanted
from pages.widgets.stage import PictureRow, drawn, drawn_times, percent, share, show_picture

GROUPS = ("learnt from", "never seen")


def one_for_all(_: object) -> Iterator[None]:
    st.subheader("6 · Universal perturbations: one δ for all photographs", anchor="universal")
    prose(
        "So far each photograph has had a δ of its own. A **universal perturbation** is one δ for all: it raises the "
        "mean loss of many photographs at once. Here it learns from half of the samples, all of which make one step, "
        "and is then counted on the other half."
    )
    st.latex(
        r"\delta^* = \operatorname*{argmax}_{\|\delta\|\le\varepsilon}\ "
        r"\frac1N\sum_{i=1}^{N} L\big(y_i,\ \hat f(x_i+\delta\mid\theta)\big)"
    )
    left, right = st.columns(2, gap="medium")
    with left:
        page.choice("one_norm", "Norm of the universal δ", UNIVERSAL)
        page.control(
            "windows",
            st.toggle,
            "A new window of each photograph in every pass",
            help="Otherwise each pass shows the whole photographs.",
        )
    with right:
        page.control("one_eps", st.slider, "ε of the universal δ, in 1/255", 1, 32)
        page.control("passes", st.slider, "Passes over the photographs", 8, 96, step=8)
    settings = page.value
    if settings.one_norm == "l2":
        length = settings.one_eps / 255 * VALUES**0.5
        st.caption(f"In L2, the radius is ε·√n = {length:.1f}: as long as a δ that changes every value by ε.")
    with st.container(key="universal_training"):
        left, right = st.columns([2, 3], gap="medium")
        shown, counts, losses = left.empty(), right.empty(), right.empty()
        progress = st.empty()
    skeleton(counts, 180, f"0 of {settings.passes} passes")
    about = (settings.one_norm, settings.one_eps, settings.passes, settings.windows, settings.seed)
    wanted = is_wanted("run_universal", about, "about 10 seconds", progress)
    rates, told = slots("universal_rates", 2)
    place = st.container()
    yield
    yield  # the map comes first
    if wanted:
        delta = follow_training(shown, counts, losses, progress)
        if delta is not None:
            tried = follow_tries(delta, rates, told)
            if tried is not None:
                with place:
                    show_subject(delta, tried)


def halves() -> tuple[np.ndarray, np.ndarray]:
    """The samples that δ learns from, and those that it never sees."""
    whole = photograph.samples(SIZE)
    return whole[0::2], whole[1::2]


def follow_training(
    shown: DeltaGenerator, counts: DeltaGenerator, losses: DeltaGenerator, progress: DeltaGenerator
) -> np.ndarray | None:
    """Show the training pass by pass. Return δ in levels, (H, W, 3) int8."""
    settings = page.value
    known = halves()[0]
    factor = drawn_times(settings.one_eps)

    def draw(passes: list[Pass]) -> None:
        counted = [each for each in passes if each.fooled >= 0]
        last, now = passes[-1], counted[-1]
        alt = f"The universal δ after {now.index} passes, drawn {factor} × stronger"
        show_picture(amplify(now.delta.astype(np.float32).transpose(2, 0, 1) / 255, factor), alt, shown)
        points = [(each.index, each.fooled) for each in counted]
        fools = f"{now.fooled} of {len(known)}"
        vega_chart(passes_chart(points, len(known), settings.passes), 190, f"{alt}, fools {fools}", counts)
        loss = [(each.index, each.loss) for each in passes]
        vega_chart(
            loss_chart(loss, settings.passes, title="mean loss"),
            150,
            f"Mean loss in the last pass: {last.loss:.2f}",
            losses,
        )
        progress.caption(
            f"Pass {last.index} of {settings.passes}; after pass {now.index}, δ fools {fools}. δ is drawn {factor} × "
            "stronger."
        )

    work = TrainUniversal(
        Pictures.of(known),
        DEFAULT,
        settings.one_norm,
        settings.one_eps / 255,
        settings.passes,
        settings.windows,
        settings.seed,
    )
    passes = follow(job_for("universal", work), draw, progress.info, interval=0.3)
    return None if passes is None else passes[-1].delta


def follow_tries(delta: np.ndarray, rates: DeltaGenerator, told: DeltaGenerator) -> list[list[Tried]] | None:
    """Count on both halves. Return the predictions for each, those that δ has never seen last."""
    settings = page.value
    given = (DEFAULT, delta.tobytes(), settings.one_norm, settings.one_eps / 255, settings.seed)
    tried: list[list[Tried]] = []
    for group, pixels in zip(GROUPS, halves(), strict=True):
        found = follow(job_for(f"universal {group}", TryUniversal(Pictures.of(pixels), *given)), waiting=told.info)
        if found is None:
            return None
        tried.append(found)
    rows = []
    for group, each in zip(GROUPS, tried, strict=True):
        rows.append((group, "fooled by the one δ", sum(one.now != one.label for one in each), len(each)))
        rows.append((group, "fooled by one random δ", sum(one.noise != one.label for one in each), len(each)))
    vega_chart(
        rates_chart(rows, "share of the photographs"),
        220,
        "; ".join(f"{a}, {b}: {n} of {of}" for a, b, n, of in rows),
        rates,
    )
    (learnt, _, unseen, noise) = (f"{n} of {of}" for _, _, n, of in rows)
    told.markdown(
        f"The one δ fools **{learnt}** photographs that it has learnt from, and **{unseen}** that it has never seen. "
        f"One random δ of the same size fools {noise} of the latter. Each picture is judged in 8 bits. "
        + f"{commonest([one for each in tried for one in each if one.now != one.label])}"
        + (
            f"Each pass showed another window of every photograph, with sides of {share(WINDOW)} to 100 % of its own. "
            "Turn that off: δ then learns its few photographs by heart."
            if settings.windows
            else "Each pass showed the same whole photographs. With so few of them, δ learns them by heart: turn the "
            "windows on."
        )
    )
    return tried


def commonest(fooled: Sequence[Tried]) -> str:
    """Tell which class the network sees most often under δ, where several photographs share one; else empty."""
    (label, count), *_ = Counter(one.now for one in fooled).most_common(1) or [(0, 0)]
    return f"In {count} of these {len(fooled)} it sees **{categories()[label]}**. " if count > 1 else ""


def show_subject(delta: np.ndarray, tried: Sequence[Sequence[Tried]]) -> None:
    """Draw one photograph with and without δ; the visitor chooses which one."""
    titles = photograph.PHOTOS
    learnt, unseen = list(titles)[0::2], list(titles)[1::2]
    of = dict(zip([*learnt, *unseen], [*tried[0], *tried[1]], strict=True))

    def label(name: str) -> str:
        mark = "⚡ fooled" if of[name].now != of[name].label else "not fooled"
        return f"{titles[name]}: {mark}, {GROUPS[name not in learnt]}"

    name = page.control("subject", st.selectbox, "Photograph", list(titles), format_func=label)
    pixels, said = photograph.samples(SIZE)[list(titles).index(name)], of[name]
    factor, names = drawn_times(page.value.one_eps), categories()
    panels = {"x": "x, the original", "delta": drawn(factor), "now": "= x + δ"}
    row = PictureRow("stage_universal", panels, pixels, (name, delta.tobytes()), grey=("delta", "now"))
    size = f"‖δ‖∞ = {int(np.abs(delta.astype(int)).max())}/255\n‖δ‖₂ = {np.linalg.norm(delta / 255):.1f}"
    row.show("x", pixels, names[said.label], percent(said.before))
    row.show("delta", amplify(delta.astype(np.float32).transpose(2, 0, 1) / 255, factor), "the same for all", size)
    mark = "⚡ " if said.now != said.label else ""
    row.show("now", added(pixels[None], delta)[0], f"{mark}{names[said.now]}", percent(said.after))


# ------------------------------------------------------------------------------------------------------ the linear case


def linear_case(_: object) -> Iterator[None]:
    st.subheader("7 · The linear case: the same δ for every x", anchor="universal-linear")
    st.latex(r"\delta^* = -\varepsilon\,y\,\operatorname{sign}(\theta)")
    prose(
        "The lecture's closed form has no x in it. The gradient of a linear model is θ, up to a factor, at every x. So "
        "the worst δ is the same for every digit of a class, and no search over examples is needed. A network is not "
        "linear: its gradient differs from picture to picture, and one δ has to be a compromise."
    )
    page.control("digit_eps", st.slider, "ε on the digits, in 1/255", 0, 127)
    with st.container(key="universal_linear"):
        shown, told = st.empty(), st.empty()
        skeleton(shown, 160, "not yet computed")
    yield
    records = follow(
        job_for("linear", LinearCase(page.value.digit_eps)), lambda found: show_linear(found[-1], shown, told)
    )
    if records is not None:
        tell_linear(records[-1], told)


def show_linear(now: Linear, shown: DeltaGenerator, told: DeltaGenerator) -> None:
    """Draw δ* of each class, and digits under it."""
    direction = np.sign(now.theta)
    with shown.container():
        pictures(
            (signed(direction, 1, 4), "δ* for every 0", "The sign of θ: orange adds ink, blue takes ink away"),
            (signed(-direction, 1, 4), "δ* for every 1", "The same with the opposite sign"),
            *(
                (
                    ink(digit / 255, 4),
                    f"{'⚡ ' if answer != place // 3 else ''}read as {answer}",
                    f"A digit with δ*, read as {answer}",
                )
                for place, (digit, answer) in enumerate(zip(now.shown, now.answers, strict=True))
            ),
            width=80,
        )
    told.caption(f"Epoch {now.epoch}")


def tell_linear(now: Linear, told: DeltaGenerator) -> None:
    wrong, of = now.zeros[0] + now.ones[0], now.zeros[1] + now.ones[1]
    parts = f"{now.zeros[0]} of {now.zeros[1]} zeros, {now.ones[0]} of {now.ones[1]} ones"
    told.markdown(
        f"One δ for all zeros and its negative for all ones: **{wrong} of {of}** test digits are read wrongly "
        f"({share(wrong / of)}): {parts}. With a δ of its own for each digit, by {PGD_STEPS} steps of PGD: {now.own}. "
        f"Under one random δ of the same ε: {now.noise}; untouched: {now.clean}. The classifier is logistic regression "
        f"after {now.epoch} epochs. δ is cut off where the box [0, 1] ends, and every digit is judged in 8 bits."
    )
