"""Lesson: no noise at all. A turn, a shift, another colour, a crop: found by search, they fool a network as well."""

import html
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.attacks.spatial import AT_ONCE, FARTHEST, KINDS, Pose, Room, SearchStep
from adv_core.classifiers import DEFAULT, categories
from adv_core.images import fit
from adv_core.serving.engine.look import Look, Pictures, Seen
from pages.lessons.unrestricted.charts import ladder_chart, landscape_chart, search_chart, trials_chart
from pages.lessons.unrestricted.settings import (
    ANGLES,
    AXES,
    CUTS,
    EFFORTS,
    NAMES,
    QUERIES,
    SIZE,
    STORY,
    TITLES,
    TRIALS,
    Settings,
    page,
)
from pages.lessons.unrestricted.tasks import Landscape, Rung, Smallest, Strip, Together, Trial, Trials, fallen
from pages.lessons.unrestricted.texts import questions
from pages.widgets.lesson import closing, for_the_lecturer, opening, presenting
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import OWN, PHOTOS, gallery, needs_own, own_picture, photograph, sample
from pages.widgets.quiz import quiz
from pages.widgets.stage import percent, picture_uri

STYLE = """<style>
.st-key-unrestricted_row [data-testid=stHorizontalBlock] {flex-wrap: wrap}
.st-key-unrestricted_row img {width: 100%; border-radius: .4rem}
.st-key-unrestricted_row .lab-cap {min-height: 7em}
.st-key-unrestricted_verdict {min-height: 5.2rem}
.st-key-unrestricted_curve {min-height: 20rem}
.st-key-unrestricted_land {min-height: 25rem}
.st-key-unrestricted_table {min-height: 32rem}
@media (max-width: 640px) {
  .st-key-unrestricted_row [data-testid=stColumn] {min-width: calc(50% - .6rem) !important; flex: 0 1 calc(50% - .6rem)}
}
</style>"""
state = st.session_state


# ----------------------------------------------------------------------------------------------------- 1. one picture


@dataclass
class Place:
    """Where one picture of the row stands; what it shows is kept, so that a rerun begins with it."""

    key: str
    picture: DeltaGenerator
    caption: DeltaGenerator

    def show(self, pixels: np.ndarray, headline: str, lines: str) -> None:
        state[f"unrestricted {self.key}"] = (pixels, headline, lines)
        self.picture.image(picture_uri(pixels), width="stretch", alt=f"{TITLES[self.key]}: {headline}. {lines}")
        self.caption.html(f"<div class='lab-cap'><b>{html.escape(headline)}</b><span>{html.escape(lines)}</span></div>")


def show_row(original: np.ndarray) -> dict[str, Place]:
    places = {}
    with st.container(key="unrestricted_row"):
        for (key, title), column in zip(TITLES.items(), st.columns(3, gap="small"), strict=True):
            column.html(f"<div class='lab-op'>{html.escape(title)}</div>")
            places[key] = Place(key, column.empty(), column.empty())
            places[key].show(*state.get(f"unrestricted {key}", (original, "…", "")))
    return places


def show_controls() -> None:
    page.control(
        "kind", st.segmented_control, "The search may change", list(NAMES), format_func=NAMES.get, required=True
    )
    st.caption(STORY[page.value.kind])
    if page.value.kind == "all":
        with st.expander("The budget of “all at once”"):
            left, right = st.columns(2, gap="medium")
            with left:
                page.control("turn", st.slider, "Turned by at most, in degrees", 0, 60)
                page.control("shift", st.slider, "Moved by at most, in % of the side", 0, 40)
            with right:
                page.control("colour", st.slider, "On the colour wheel by at most, in degrees", 0, 180)
                page.control("crop", st.slider, "Cut off at most, in % of the side", 0, 60)
    with st.expander("By your own hand", expanded=True):
        left, right = st.columns(2, gap="medium")
        with left:
            page.control("angle", st.slider, "Turn, in degrees", -180, 180)
            page.control("right", st.slider, "Move to the right, in %", -40, 40)
        with right:
            page.control("hue", st.slider, "On the colour wheel, in degrees", -180, 180)
            page.control("cut", st.slider, "Cut off, in %", 0, 60)
    page.control("frameless", st.toggle, "Enlarge what is turned, so that no mirrored corners are seen")
    page.into_address()


def in_words(pose: Pose) -> str:
    """What was done, in the order of the eye."""
    told = []
    if pose.angle:
        told.append(f"turned by {abs(pose.angle):.3g}° to the {'left' if pose.angle > 0 else 'right'}")
    if pose.down or pose.right:
        across = f"{abs(pose.right):.1%} to the {'right' if pose.right > 0 else 'left'}"
        along = f"{abs(pose.down):.1%} {'down' if pose.down > 0 else 'up'}"
        told.append(
            "moved " + " and ".join(t for t, by in ((across, pose.right), (along, pose.down)) if abs(by) > 5e-4)
        )
    if pose.cut:
        told.append(f"{pose.cut:.1%} of its sides cut off")
    if pose.hue:
        told.append(f"{abs(pose.hue):.3g}° on the colour wheel")
    return ", ".join(each for each in told if each != "moved ") or "nothing changed"


def said(answer: int, certainty: float) -> str:
    return f"{categories()[answer]}, {percent(certainty)}"


def measure(kind: Room, size: float) -> str:
    """A size with its unit."""
    return f"{size:.3g}°" if kind in ("turn", "colour") else f"{size:.1%}"


def follow_hand(original: np.ndarray, places: dict[str, Place]) -> int | None:
    """The untouched picture and the one of the sliders; what the network calls the first."""
    chain = page.value.hand.chain
    looks = []
    for slot, each in (("as it is", ()), ("hand", chain)):
        seen: list[Seen] | None = follow(job_for(slot, Look(Pictures.of(original[None]), DEFAULT, each)))
        if seen is None:
            return None
        looks.append(seen[-1])
    first, hand = (int(look.probabilities[0].argmax()) for look in looks)
    places["x"].show(original, said(first, float(looks[0].probabilities[0, first])), "")
    words = in_words(page.value.hand)
    places["hand"].show(looks[1].pixels[0], said(hand, float(looks[1].probabilities[0, hand])), words)
    return first


def follow_ladder(
    original: np.ndarray, label: int, place: Place, verdict: DeltaGenerator, slot: DeltaGenerator, note: DeltaGenerator
) -> None:
    """One kind of change: every size, all its directions."""
    kind = page.value.kind
    assert kind != "all"
    name, shown = categories()[label], [0.0]

    def draw(rungs: list[Rung]) -> None:
        fooled = [rung for rung in rungs if rung.best is not None]
        best = min(fooled, key=lambda rung: rung.size, default=None)
        if best is not None and best.best is not None and best.size != shown[0]:
            shown[0] = best.size
            place.show(best.pixels, said(best.answer, best.certainty), in_words(best.best))
        elif best is None and rungs:
            place.show(original, "…", f"no change up to {measure(kind, rungs[-1].size)} fools the network")
        points = [(0.0, 1.0)] if not rungs else [(rung.size, min(rung.kept)) for rung in rungs]
        slot.vega_lite_chart(
            ladder_chart(
                points,
                title=AXES[kind],
                wanted=name,
                end=FARTHEST[kind],
                mark=None if best is None else best.size,
            ),
            width="stretch",
            height=280,
            alt=f"Probability of {name} in the worst direction, for {len(rungs)} sizes of the change; the least that "
            f"fools: {'none so far' if best is None else measure(kind, best.size)}",
        )

    work = Smallest(Pictures.of(original[None]), DEFAULT, kind, label, page.value.frameless)
    rungs = follow(job_for("found", work), draw, verdict.info, interval=0.25)
    if rungs is None:
        return
    fooled = [rung for rung in rungs if rung.best is not None]
    asked = sum(len(rung.kept) for rung in rungs)
    if not fooled:
        verdict.success(
            f"No {NAMES[kind]} up to {measure(kind, FARTHEST[kind])} fools the network on this photograph ({asked} "
            "questions). SearchStep “all at once”.",
            icon=":material/shield:",
        )
    else:
        best = min(fooled, key=lambda rung: rung.size)
        verdict.error(
            f"The smallest {NAMES[kind]} found: **{measure(kind, best.size)}**. The network says "
            f"**{categories()[best.answer]}**, {percent(best.certainty)}, after {asked} questions and without a single "
            "gradient.",
            icon=":material/search:",
        )
    note.caption(
        "Each point is the worst direction of its size. The dotted line is the smallest that fools, after halving."
    )


def follow_together(
    original: np.ndarray, label: int, place: Place, verdict: DeltaGenerator, slot: DeltaGenerator, note: DeltaGenerator
) -> None:
    """All changes at once, within the budget."""
    settings = page.value
    drawn: list[int] = []

    def draw(tries: list[SearchStep]) -> None:
        last = tries[-1]
        newest = max((i for i, each in enumerate(tries) if each.pixels.size), default=-1)
        if newest >= 0 and drawn != [newest]:
            drawn[:] = [newest]
            each = tries[newest]
            place.show(each.pixels, said(each.answer, each.certainty), in_words(each.pose))
        points = [(each.queries, each.size if each.first else 1.0) for each in tries]
        slot.vega_lite_chart(
            search_chart(points, QUERIES),
            width="stretch",
            height=280,
            alt=f"After {last.queries} questions the smallest change that fools takes "
            f"{last.size if last.first else 1:.0%} of the budget",
        )
        if not last.first:
            verdict.info(f"{last.queries} questions asked; {categories()[label]} is still the answer.")

    work = Together(
        Pictures.of(original[None]), DEFAULT, label, settings.budget, QUERIES, settings.seed, settings.frameless
    )
    tries = follow(job_for("found", work), draw, verdict.info, interval=0.25)
    if tries is None:
        return
    last = tries[-1]
    if last.first:
        verdict.error(
            f"**{categories()[last.answer]}**, {percent(last.certainty)}: {in_words(last.pose)}. Found first with "
            f"question {last.first}, made smaller until question {last.queries}: at most {last.size:.0%} of any "
            "budget.",
            icon=":material/search:",
        )
    else:
        verdict.success(
            f"{last.queries} questions, and no pose within this budget fools the network. Enlarge the budget, or "
            "change the seed.",
            icon=":material/shield:",
        )
    note.caption(
        "Half of the questions go to random poses, the others to neighbours of the best one so far. After the first "
        "success only smaller changes are asked about. What is found is the smallest *found*: there may be smaller "
        "ones."
    )


# -------------------------------------------------------------------------------------------------- 2. a landscape


def show_landscape() -> tuple[DeltaGenerator, DeltaGenerator]:
    st.subheader("2 · A landscape without slopes to climb", anchor=False)
    st.markdown(
        "Turned **and** cropped: the colour is how sure the network still is of its first answer, a dot says that its "
        "answer is another one. Small dips lie everywhere, and a gradient leads into the nearest one; a search simply "
        "tries."
    )
    with st.container(key="unrestricted_land"):
        return st.empty(), st.empty()


def follow_landscape(original: np.ndarray, label: int, slot: DeltaGenerator, note: DeltaGenerator) -> None:
    name = categories()[label]

    def draw(strips: list[Strip]) -> None:
        cells = [
            (strip.angle, cut, p, categories()[answer] if answer != label else "")
            for strip in strips
            for cut, p, answer in zip(CUTS, strip.kept, strip.answers, strict=True)
        ]
        dots = sum(bool(cell[3]) for cell in cells)
        slot.vega_lite_chart(
            landscape_chart(cells, angles=ANGLES, cuts=CUTS, wanted=name),
            width="stretch",
            height=330,
            alt=f"Probability of {name} over turn and crop; {dots} of {len(cells)} poses have another answer",
        )

    work = Landscape(Pictures.of(original[None]), DEFAULT, label, ANGLES, CUTS, page.value.frameless)
    strips = follow(job_for("landscape", work), draw, note.info, interval=0.3)
    if strips is not None:
        changed = sum(answer != label for strip in strips for answer in strip.answers)
        note.caption(f"{changed} of {len(ANGLES) * len(CUTS)} poses have another answer.")


# -------------------------------------------------------------------------------------------------- 3. many pictures


@st.cache_data(show_spinner=False)
def samples() -> Pictures:
    """All sample photographs, as the network sees them."""
    return Pictures.of(np.stack([np.asarray(fit(sample(name), SIZE, SIZE)) for name in PHOTOS]))


def show_table() -> tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator]:
    st.subheader("3 · Sixteen photographs", anchor=False)
    st.markdown(
        "Everything within the budget above. With the usual one, a network that has seen many turned and cropped "
        "pictures stands **each** of the changes for itself, and one random mixture of them as well. The worst mixture "
        "is another matter."
    )
    with st.container(key="unrestricted_table"):
        return st.empty(), st.empty(), st.empty()


def follow_table(slot: DeltaGenerator, note: DeltaGenerator, told: DeltaGenerator) -> None:
    settings, pictures = page.value, samples()
    rooms: list[Room] = ["all", *KINDS]
    known: dict[Room, list[Trial]] = {}

    def draw() -> None:
        rows = [
            (NAMES[room], effort, fallen(known[room], count))
            for room in rooms
            if room in known
            for effort, count in EFFORTS.items()
        ]
        slot.vega_lite_chart(
            trials_chart(rows, pictures.count),
            width="stretch",
            height=90 + 66 * max(len(known), 1),
            alt="; ".join(f"{name}, {effort}: {count} of {pictures.count}" for name, effort, count in rows),
        )

    for room in rooms:

        def show(trials: list[Trial], room: Room = room) -> None:
            known[room] = trials
            note.caption(f"{NAMES[room]}: photograph {trials[-1].picture + 1} of {pictures.count}")
            draw()

        work = Trials(pictures, DEFAULT, room, settings.budget, TRIALS, settings.seed)
        if follow(job_for(f"trials {room}", work), show, note.info, interval=0.4) is None:
            return
    note.caption(
        f"Budget: {settings.turn}°, {settings.shift} %, {settings.colour}°, {settings.crop} %. An answer counts as "
        "changed if it is not that of the untouched photograph: “wild boar” for “hog” counts, too. Another seed, "
        "another draw."
    )
    singles = max(fallen(known[kind], TRIALS) for kind in KINDS)
    told.markdown(
        f"- Alone, no kind of change fools the network on more than **{singles} of {pictures.count}** photographs "
        f"within {TRIALS} questions.\n"
        f"- All at once: **{fallen(known['all'], 1)}** by one random pose, **{fallen(known['all'], AT_ONCE)}** by the "
        f"worst of {AT_ONCE}, **{fallen(known['all'], TRIALS)}** by the search."
    )


# -------------------------------------------------------------------------------------------------------------- the end


def show_formula() -> None:
    st.subheader("4 · The formula that just ran", anchor=False)
    budget = page.value
    st.latex(r"\text{find}\ \ \phi \in \Phi\ \ \text{with}\ \ \operatorname*{argmax} f\big(t_\phi(x)\big) \ne y")
    st.latex(
        rf"\Phi = \{{\,|\text{{turn}}| \le {budget.turn}°,\ |\text{{shift}}| \le {budget.shift}\,\%,"
        rf"\ |\text{{hue}}| \le {budget.colour}°,\ \text{{crop}} \le {budget.crop}\,\%\,\}}"
    )
    st.markdown(
        "There is no δ any more, and no ε. In pixels the change is enormous: a shift by one pixel already moves edges "
        "by more than any ε of the pages before. What stays small is the *meaning* of the change. **Δ is where the "
        "threat model lives**, and a network that was trained for one Δ has promised nothing for another.\n\n"
        "And the way: no gradient, no weights. A search over seven numbers that sees only answers, as anybody with a "
        "camera can make it."
    )


def main() -> None:
    page.start()
    needs_own(page, Settings.image)
    st.html(STYLE)
    opening(
        page,
        "No noise at all",
        "No pixel is painted. The photograph is only held a little differently, as anybody might hold it.",
    )
    with st.sidebar:
        st.header("Photograph", divider="gray")
        gallery(page)
        shown = "your own picture" if page.value.image == OWN else PHOTOS[page.value.image]
        st.caption(f"Now: **{shown}**.")
        own_picture(page, Settings.image)
        st.header("Chance", divider="gray")
        page.control("seed", st.number_input, "Seed of the searches", 0, 999, step=1)
        presenting(page)
    original = np.asarray(fit(photograph(page.value.image), SIZE, SIZE))
    shown_of = (hash(original.tobytes()), page.value.kind)
    if state.get("unrestricted stage") != shown_of:
        state["unrestricted stage"] = shown_of
        for key in TITLES:  # the old result must not stand beside another photograph
            state.pop(f"unrestricted {key}", None)
    places = show_row(original)
    with st.container(key="unrestricted_verdict"):
        verdict = st.empty()
    show_controls()
    with st.container(key="unrestricted_curve"):
        curve, note = st.empty(), st.empty()
    landscape = show_landscape()
    table = show_table()
    show_formula()
    quiz(page, questions())
    for_the_lecturer(
        page,
        "1. Open the link: the koala, all at once. “What has been painted? Nothing.”\n"
        "2. Switch to “turn”: up to upside down, and the koala stays a koala. “So it is robust against turning?”\n"
        "3. Back to “all at once”. The worst of many small changes is not the sum of harmless ones.\n"
        "4. Let a student hold a photograph by hand: the sliders are a camera.",
        "- “Wild boar” for “hog” is a change of answer, not a catastrophe. Say so, and look for a worse one.\n"
        "- The corners of a turned picture are mirrored; the toggle enlarges instead. Both are choices of Δ.\n"
        "- An astronaut is no ImageNet class: its first answer is a guess, and the first turn overturns it.",
    )
    closing(
        page,
        (
            (
                "Engstrom, Tran, Tsipras, Schmidt & Madry, *Exploring the landscape of spatial robustness*, ICML 2019",
                "https://arxiv.org/abs/1712.02779",
            ),
            (
                "Brown, Carlini, Zhang, Olsson, Christiano & Goodfellow, *Unrestricted adversarial examples*, 2018",
                "https://arxiv.org/abs/1809.08352",
            ),
            (
                "Hosseini & Poovendran, *Semantic adversarial examples*, CVPR Workshops 2018",
                "https://arxiv.org/abs/1804.00499",
            ),
            (
                "Azulay & Weiss, *Why do deep convolutional networks generalize so poorly to small image "
                "transformations?*, JMLR 2019",
                "https://arxiv.org/abs/1805.12177",
            ),
        ),
    )
    # What is computed comes last: everything else is on the page by then.
    label = follow_hand(original, places)
    if label is None:
        return
    follow_one = follow_together if page.value.kind == "all" else follow_ladder
    follow_one(original, label, places["found"], verdict, curve, note)
    follow_landscape(original, label, *landscape)
    follow_table(*table)


main()
