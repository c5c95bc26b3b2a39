"""Lesson: glasses and patches. Only a small part may change, but that part by as much as it likes."""

import html
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import DEFAULT, categories
from adv_core.images import fit, to_png
from adv_core.patches import Place as Spot
from adv_core.serving.engine.look import Look, Pictures
from pages.lessons.patches.charts import click_chart, rates_chart, training_chart
from pages.lessons.patches.settings import MIDDLE, PLACES, POINTS, SIZE, STEPS, THINGS, TITLES, Settings, page
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
from pages.lessons.patches.texts import questions
from pages.widgets.lesson import closing, for_the_lecturer, opening, presenting
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import OWN, PHOTOS, gallery, needs_own, own_picture, photograph
from pages.widgets.quiz import quiz
from pages.widgets.stage import bars, class_colours, percent, picture_uri, top

STYLE = """<style>
.st-key-patches_row [data-testid=stHorizontalBlock] {flex-wrap: wrap}
.st-key-patches_row img, .st-key-patches_patch img {width: 100%; border-radius: .4rem}
.st-key-patches_row .lab-cap {min-height: 4.6em}
.st-key-patches_verdict {min-height: 5.2rem}
.st-key-patches_training {min-height: 19rem}
.st-key-patches_rates {min-height: 21rem}
@media (max-width: 640px) {
  .st-key-patches_row [data-testid=stColumn] {min-width: calc(50% - .6rem) !important; flex: 0 1 calc(50% - .6rem)}
}
</style>"""
state = st.session_state


# ----------------------------------------------------------------------------------------------------------- 1. to wear


@dataclass
class Slot:
    """Where one picture of the row stands; what it shows is kept, so that a rerun begins with it."""

    key: str
    picture: DeltaGenerator
    caption: DeltaGenerator

    def show(self, pixels: np.ndarray, headline: str, lines: str) -> None:
        state[f"patches {self.key}"] = (pixels, headline, lines)
        self.picture.image(picture_uri(pixels), width="stretch", alt=f"{TITLES[self.key]}: {headline}. {lines}")
        self.caption.html(f"<div class='lab-cap'><b>{html.escape(headline)}</b><span>{html.escape(lines)}</span></div>")


def show_row(original: np.ndarray) -> dict[str, Slot]:
    slots = {}
    with st.container(key="patches_row"):
        for (key, title), column in zip(TITLES.items(), st.columns(3, gap="small"), strict=True):
            column.html(f"<div class='lab-op'>{html.escape(title)}</div>")
            slots[key] = Slot(key, column.empty(), column.empty())
            slots[key].show(*state.get(f"patches {key}", (original, "…", "")))
    return slots


def choose_image(image: str) -> None:
    """Another photograph has its eyes elsewhere."""
    ax, ay, bx, by = POINTS.get(image, MIDDLE)
    page.set(image=image, ax=ax, ay=ay, bx=bx, by=by, thing="stickers" if image == "stop_sign_composite" else "glasses")


def clicked() -> None:
    """The first click sets the first point, the next one the second."""
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
        page.control("thing", st.segmented_control, "To wear", list(THINGS), format_func=THINGS.get, required=True)
    with middle:
        page.control(
            "target",
            st.selectbox,
            "To be taken for",
            range(1000),
            format_func=lambda index: categories()[index],
            disabled=page.value.anything,
        )
    with right:
        page.control("anything", st.toggle, "anything else")
    page.control("size", st.slider, "How large, in %", 50, 200)
    with st.container(horizontal=True, gap="medium"):
        page.control("smooth", st.toggle, "smooth: jumps between pixels cost")
        page.control("printable", st.toggle, "printable: colours without ink cost")
    places = st.expander("Where it sits: click the two points", on_change="rerun", key="patches_open")
    if places.open:
        with places:
            second = state.get("patches second", False)
            st.caption(f"The next click sets the **{'second' if second else 'first'}** point; the sliders do the same.")
            st.vega_lite_chart(
                click_chart(picture_uri(original), page.value.points, 300),
                width="content",
                key="patches_spot",
                on_select=clicked,
                alt="The photograph, to click the two points on; the sliders beside it do the same",
            )
            one, two = st.columns(2, gap="medium")
            for column, which, name in ((one, "a", "First point"), (two, "b", "Second point")):
                with column:
                    page.control(f"{which}x", st.slider, f"{name}, from the left in %", 0, 100)
                    page.control(f"{which}y", st.slider, f"{name}, from the top in %", 0, 100)
    page.into_address()


def follow_wear(original: np.ndarray, slots: dict[str, Slot], verdict: DeltaGenerator, chart: DeltaGenerator) -> bool:
    """The attack on the first picture; whether it came to its end."""
    settings, picture = page.value, Pictures.of(original[None])
    seen = follow(job_for("look", Look(picture, DEFAULT)))
    if seen is None:
        return False
    clean = seen[-1].probabilities[0]
    label = int(clean.argmax())
    target = None if settings.anything else settings.target
    slots["x"].show(original, f"{categories()[label]}, {percent(float(clean[label]))}", "")
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
        alone = np.where(mask[..., None], last.pixels, 255)
        running = f"step {last.index} of {STEPS}" if last.index < STEPS else f"{part:.1%} of the picture"
        slots["worn"].show(
            alone.astype(np.uint8), running, f"roughness {last.roughness:.2f}, ink {last.unprintable:.2f}"
        )
        slots["now"].show(last.pixels, f"{categories()[now]}, {percent(float(last.probabilities[now]))}", "")
        classes = list(
            dict.fromkeys([*top(clean, 2), *([] if target is None else [target]), *top(last.probabilities, 3)])
        )
        bars(chart, last.probabilities, classes[:5], class_colours(*classes[:5]))

    steps = follow(job_for("wear", work), draw, verdict.info)
    if steps is None:
        return False
    last = steps[-1]
    now = int(last.probabilities.argmax())
    untouched = int(np.abs(last.pixels.astype(int) - original)[~mask].max(initial=0))
    if now == (target if target is not None else now) and now != label:
        verdict.error(
            f"**{categories()[now]}**, {percent(float(last.probabilities[now]))}: with {THINGS[settings.thing]} that "
            f"cover {part:.1%} of the picture. Largest change anywhere else: {untouched}.",
            icon=":material/eyeglasses:",
        )
    elif now != label:
        verdict.warning(
            f"No longer {categories()[label]}, but {categories()[now]}: the target was not reached in {STEPS} steps. "
            "Larger glasses give it more room, “anything else” a nearer aim."
        )
    else:
        verdict.success(
            f"Still {categories()[label]}, with {part:.1%} of the picture painted. Make it larger, or allow anything "
            "else.",
            icon=":material/shield:",
        )
    return True


# ----------------------------------------------------------------------------------------------------------- 2. a patch


@st.cache_data(show_spinner=False)
def samples(half: int) -> Pictures:
    """Every second sample photograph: those that the patch is trained on (0), those that it has never seen (1)."""
    return photographs(half)


@st.cache_data(show_spinner=False)
def shipped() -> np.ndarray:
    """The patch that was trained beforehand."""
    return patch_beforehand()


@dataclass(frozen=True)
class PatchSlots:
    """What the second and third sections draw into."""

    patch: DeltaGenerator
    note: DeltaGenerator
    chart: DeltaGenerator
    pasted: DeltaGenerator
    told: DeltaGenerator
    rates: DeltaGenerator
    counted: DeltaGenerator


def show_patch() -> PatchSlots:
    st.subheader("2 · One patch for all", anchor=False)
    st.markdown(
        "The glasses were made for one photograph. This patch is made for **eight** at once, at random places, sizes "
        f"and angles: in every step the mean over {VIEWS} of them is climbed. It knows nothing of the picture below it."
    )
    page.control("live", st.toggle, "Train one now, before my eyes")
    if page.value.live:
        left, right = st.columns([3, 2], gap="medium")
        with left:
            page.control(
                "label", st.selectbox, "The patch shall say", range(1000), format_func=lambda index: categories()[index]
            )
        with right:
            page.control("steps", st.slider, "Steps of its training", 10, 200, step=10)
    left, right = st.columns([2, 3], gap="medium")
    with left, st.container(key="patches_patch"):
        patch, note = st.empty(), st.empty()
    with right, st.container(key="patches_training"):
        chart = st.empty()
    st.subheader("3 · Paste it", anchor=False)
    st.markdown(
        "Anywhere on the photograph above, at any size and angle. Nothing is computed anew: it is the same patch."
    )
    left, right = st.columns(2, gap="medium")
    with right:
        page.control("across", st.slider, "From the left, in %", 0, 100)
        page.control("down", st.slider, "From the top, in %", 0, 100)
        page.control("large", st.slider, "Diameter, in % of the picture", 10, 100)
        page.control("angle", st.slider, "Turned by, in degrees", -180, 180)
    with left:
        pasted, told = st.empty(), st.empty()
    st.markdown(
        f"And honestly counted: {PLACES} new random places on each photograph, on those of the training and on eight "
        "that it has never seen; beside it, what a plain **grey** patch does at the same places, merely by covering."
    )
    page.into_address()
    with st.container(key="patches_rates"):
        rates, counted = st.empty(), st.empty()
    return PatchSlots(patch, note, chart, pasted, told, rates, counted)


def rounded(patch: np.ndarray) -> np.ndarray:
    """The patch as it is pasted: a disc on white."""
    y, x = np.mgrid[: len(patch), : len(patch)] + 0.5 - len(patch) / 2
    return np.where((x * x + y * y < (len(patch) / 2) ** 2)[..., None], patch, 255).astype(np.uint8)


def follow_patch(original: np.ndarray, slots: PatchSlots) -> None:
    patch = train_patch(slots) if page.value.live else shipped()
    if patch is None:
        return
    name = categories()[page.value.says]
    slots.patch.image(picture_uri(rounded(patch)), width="stretch", alt=f"The patch for {name}")
    with slots.note.container():
        st.download_button("Save the patch", to_png(patch), f"patch_{name.replace(' ', '_')}.png", "image/png")
    if not page.value.live:
        slots.chart.markdown(
            f"This one says **{name}**. It was trained beforehand, in {LONG} steps "
            "(`python -m pages.lessons.patches.tasks`), which takes a minute or so. A patch of your own, for any "
            "class, takes some seconds: turn the switch."
        )
    follow_paste(original, patch, slots)
    follow_rates(patch, slots)


def train_patch(slots: PatchSlots) -> np.ndarray | None:
    """A new patch, step by step."""
    settings = page.value
    name = categories()[settings.label]

    def draw(steps: list[Trained]) -> None:
        last = steps[-1]
        shown = rounded(last.patch)
        slots.patch.image(picture_uri(shown), width="stretch", alt=f"The patch for {name}, after {last.index} steps")
        slots.chart.vega_lite_chart(
            training_chart([(each.index, each.wanted) for each in steps], settings.steps, name),
            width="stretch",
            height=260,
            alt=f"Probability of {name} in the views of step {last.index}: {percent(last.wanted)}",
        )
        slots.note.caption(f"step {last.index} of {settings.steps}")

    work = TrainPatch(samples(0), DEFAULT, settings.label, settings.steps, SIDE, seed=settings.seed)
    steps = follow(job_for("patch", work), draw, slots.note.info, interval=0.3)
    return None if steps is None else steps[-1].patch


def follow_paste(original: np.ndarray, patch: np.ndarray, slots: PatchSlots) -> None:
    """The learner's own place."""
    settings = page.value
    spot = Spot(settings.across / 100, settings.down / 100, settings.large / 100, float(settings.angle))
    shown = follow(job_for("paste", Paste(Pictures.of(original[None]), DEFAULT, patch.tobytes(), SIDE, spot)))
    if shown is None:
        return
    said = shown[-1].probabilities
    now = int(said.argmax())
    headline = f"{categories()[now]}, {percent(float(said[now]))}"
    slots.pasted.image(picture_uri(shown[-1].pixels), width="stretch", alt=f"With the patch: {headline}")
    wanted = percent(float(said[settings.says]))
    slots.told.markdown(f"**{headline}**; {categories()[settings.says]}: {wanted}")


def follow_rates(patch: np.ndarray, slots: PatchSlots) -> None:
    """Over places and photographs."""
    settings = page.value
    name, rows = categories()[settings.says], []
    for half, title in ((1, "never seen"), (0, "trained on")):
        work = TryPatch(
            samples(half),
            DEFAULT,
            patch.tobytes(),
            SIDE,
            settings.says,
            settings.large / 100,
            PLACES,
            settings.seed + 1,
        )

        def draw(tried: list[Tried], title: str = title) -> None:
            slots.counted.caption(f"{title}: photograph {tried[-1].picture + 1} of 8")

        tried = follow(job_for(f"rates {half}", work), draw, slots.counted.info, interval=0.3)
        if tried is None:
            return
        count = sum(len(each.wanted) for each in tried)
        rows += [
            (title, f"the network says “{name}”", sum(sum(each.wanted) for each in tried), count),
            (title, "it says anything new", sum(sum(each.changed) for each in tried), count),
            (title, "anything new, with a grey patch", sum(sum(each.blank) for each in tried), count),
        ]
        slots.rates.vega_lite_chart(
            rates_chart(rows),
            width="stretch",
            height=280,
            alt="; ".join(f"{a}, {b}: {n} of {of}" for a, b, n, of in rows),
        )
    slots.counted.caption(
        f"Diameter {settings.large} % of the picture, turned by up to {TURNED:g}°; trained with {SIZES[0]:.0%} to "
        f"{SIZES[1]:.0%}."
    )


# -------------------------------------------------------------------------------------------------------------- the end


def show_formula() -> None:
    st.subheader("4 · The formulas that just ran", anchor=False)
    settings = page.value
    goal = r"L(f(x+\delta), y)" if settings.anything else r"-L(f(x+\delta), t)"
    cost = "".join(
        term
        for on, term in (
            (settings.smooth, r" - \lambda\,\mathrm{TV}(x+\delta)"),
            (settings.printable, r" - \lambda\,\mathrm{ink}(x+\delta)"),
        )
        if on
    )
    st.latex(
        rf"\Delta(x) = \{{\delta : \delta_i = 0 \text{{ outside of the {settings.thing}}},\ 0 \le x+\delta \le 1\}}"
    )
    st.latex(rf"\delta^* = \operatorname*{{argmax}}_{{\delta\in\Delta(x)}}\ {goal}{cost}")
    st.latex(
        r"p^* = \operatorname*{argmax}_{p\in[0,1]^n}\ \mathbb{E}_{x,\,v}\big[-L(f(\mathrm{paste}(p, x, v)), t)\big]"
    )
    st.markdown(
        "No ε: inside the mask everything is allowed. What is small is the **area**, and everybody sees it; nobody "
        "calls it an attack. The patch is a δ that does not even depend on x. **TV** is the mean jump between "
        "neighbouring pixels, **ink** the mean distance to the nearest of 27 mixtures of four inks. (These are the "
        "usual tones of coated paper, not your printer's.)"
    )


def main() -> None:
    page.start()
    needs_own(page, Settings.image)
    st.html(STYLE)
    opening(
        page,
        "Glasses and patches",
        "Few pixels, but those as you like: a pair of glasses, a sticker, a patch that says the same wherever it lies.",
    )
    with st.sidebar:
        st.header("Photograph", divider="gray")
        gallery(page, choose_image)
        shown = "your own picture" if page.value.image == OWN else PHOTOS[page.value.image]
        st.caption(f"Now: **{shown}**.")
        own_picture(page, Settings.image)
        st.header("Chance", divider="gray")
        page.control("seed", st.number_input, "Seed of the patch", 0, 999, step=1)
        presenting(page)
    original = np.asarray(fit(photograph(page.value.image), SIZE, SIZE))
    shown_of = (hash(original.tobytes()), page.value.thing)
    if state.get("patches stage") != shown_of:
        state["patches stage"] = shown_of
        for key in TITLES:  # the old result must not stand beside another photograph
            state.pop(f"patches {key}", None)
    row = show_row(original)
    with st.container(key="patches_verdict"):
        verdict = st.empty()
    chart = st.empty()
    show_controls(original)
    patch = show_patch()
    show_formula()
    quiz(page, questions())
    for_the_lecturer(
        page,
        "1. Open the link: a cat with glasses is a macaw. “What did I promise about ε on the first pages?”\n"
        "2. Choose the stop sign in the sidebar, and “anything else”.\n"
        "3. Turn on smooth and printable: it gets harder, and nearer to something that you could hold.\n"
        "4. The patch: paste it next to the pig, then over its face. Then show the grey bar.",
        "- These patches are made for one small network. Whether a printed one survives your camera is another "
        "question; the next page asks it.\n"
        "- Some classes make better patches than others: a monarch is a pattern, a toaster is a thing.\n"
        "- 32 places are few: one is three per cent.",
    )
    closing(
        page,
        (
            (
                "Sharif, Bhagavatula, Bauer & Reiter, *Accessorize to a crime*, CCS 2016",
                "https://doi.org/10.1145/2976749.2978392",
            ),
            (
                "Brown, Mané, Roy, Abadi & Gilmer, *Adversarial patch*, 2017",
                "https://arxiv.org/abs/1712.09665",
            ),
            (
                "Eykholt et al., *Robust physical-world attacks on deep learning visual classification*, CVPR 2018",
                "https://arxiv.org/abs/1707.08945",
            ),
        ),
    )
    # What is computed comes last: everything else is on the page by then.
    if follow_wear(original, row, verdict, chart):
        follow_patch(original, patch)


main()
