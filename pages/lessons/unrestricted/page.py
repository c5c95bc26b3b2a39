"""Lesson on unrestricted attacks. A rotation, shift, change of colour or crop, found by search, fools a network."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.attacks.spatial import AT_ONCE, FARTHEST, KINDS, Pose, Room, SearchStep
from adv_core.classifiers import DEFAULT, categories
from adv_core.serving.engine.look import Pictures
from pages.lessons.unrestricted.charts import ladder_chart, landscape_chart, search_chart, trials_chart
from pages.lessons.unrestricted.program import in_python
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
    page,
)
from pages.lessons.unrestricted.tasks import Landscape, Rung, Smallest, Strip, Together, Trial, Trials, fallen
from pages.lessons.unrestricted.texts import TEXTS
from pages.widgets.ask import look, look_at, unsure_before
from pages.widgets.glossary import prose
from pages.widgets.lesson import Done, Lesson, page_stands, skeleton, slots, vega_chart
from pages.widgets.live import begin, follow, follow_each, job_for
from pages.widgets.photograph import chosen, photograph_sidebar, samples
from pages.widgets.run_this import is_wanted
from pages.widgets.stage import PictureRow, percent, playground, share
from pages.widgets.verdict import fooled, held, note

STYLE = """<style>
.st-key-stage_unrestricted .lab-cap {min-height: 6em}
.st-key-unrestricted_verdict {min-height: 5.2rem}
.st-key-unrestricted_curve {min-height: 20rem}
.st-key-unrestricted_land {min-height: 25rem}
.st-key-unrestricted_table {min-height: 32rem}
</style>"""


@dataclass
class Run:
    """The photograph; the network's prediction for it, as soon as it is known; and a sentence where it is unsure."""

    original: np.ndarray
    label: int | None = None
    doubt: str = ""


def prepare() -> Run:
    return Run(chosen(page, SIZE))


def one_picture(run: Run) -> Iterator[Done]:
    st.subheader("1 · One photograph: the smallest change that fools", anchor="one-photograph")
    settings = page.value
    searched = (settings.budget, settings.seed) if settings.kind == "all" else ()
    about = (hash(run.original.tobytes()), settings.kind, settings.frameless, *searched)
    with playground("unrestricted"):
        row = PictureRow("stage_unrestricted", TITLES, run.original, about, line="not yet computed", grey=("found",))
        verdict = st.container(key="unrestricted_verdict").empty()
        show_controls()
        curve, told = slots("unrestricted_curve", 2)
        skeleton(curve, 280, "no queries yet")
    yield begin("original", look_at(run.original))
    seen = look("original", run.original)
    if seen is None:
        return
    likelihood = seen.probabilities[0]
    run.label = int(likelihood.argmax())
    row.show("x", run.original, said(run.label, float(likelihood[run.label])))
    run.doubt = unsure_before(float(likelihood[run.label]))
    yield page_stands
    if follow_hand(run.original, row):
        follow_one = follow_together if page.value.kind == "all" else follow_ladder
        follow_one(run, run.label, row, verdict, curve, told)


def show_controls() -> None:
    page.choice("kind", "The search may change", NAMES)
    st.markdown(STORY[page.value.kind])
    if page.value.kind == "all":
        with st.expander("The budget of “all at once”"):
            left, right = st.columns(2, gap="medium")
            with left:
                page.control("turn", st.slider, "Turn at most, in degrees", 0, 60)
                page.control("shift", st.slider, "Shift at most, in % of the side", 0, 40)
            with right:
                page.control("colour", st.slider, "Hue at most, in degrees on the colour wheel", 0, 180)
                page.control("crop", st.slider, "Crop at most, in % of the side", 0, 60)
    with st.expander("Change the photograph by hand", expanded=True):
        left, right = st.columns(2, gap="medium")
        with left:
            page.control("angle", st.slider, "Turn, in degrees", -180, 180)
            page.control("right", st.slider, "Shift to the right, in %", -40, 40)
        with right:
            page.control("hue", st.slider, "Hue, in degrees on the colour wheel", -180, 180)
            page.control("cut", st.slider, "Crop, in %", 0, 60)
    page.control("frameless", st.toggle, "Enlarge a turned picture, so that no mirrored corners are visible")


def in_words(pose: Pose) -> str:
    """The changes of a pose in words, the most visible first."""
    told = []
    if pose.angle:
        told.append(f"turned by {abs(pose.angle):.3g}° to the {'left' if pose.angle > 0 else 'right'}")
    if pose.down or pose.right:
        across = f"{share(abs(pose.right))} to the {'right' if pose.right > 0 else 'left'}"
        along = f"{share(abs(pose.down))} {'down' if pose.down > 0 else 'up'}"
        told.append(
            "moved " + " and ".join(t for t, by in ((across, pose.right), (along, pose.down)) if abs(by) > 5e-4)
        )
    if pose.cut:
        told.append(f"{share(pose.cut)} of its sides cut off")
    if pose.hue:
        told.append(f"hue moved by {abs(pose.hue):.3g}°")
    return ", ".join(each for each in told if each != "moved ") or "nothing changed"


def said(answer: int, certainty: float) -> str:
    return f"{categories()[answer]}, {percent(certainty)}"


def measure(kind: Room, size: float) -> str:
    """A size with its unit."""
    return f"{size:.3g}°" if kind in ("turn", "colour") else share(size)


def follow_hand(original: np.ndarray, row: PictureRow) -> bool:
    """Show the picture that the sliders change. Return False, with the reason on the page, where there is none."""
    seen = look("hand", original, DEFAULT, page.value.hand.chain)
    if seen is None:
        return False
    answer = int(seen.probabilities[0].argmax())
    words = in_words(page.value.hand)
    row.show("hand", seen.pixels[0], said(answer, float(seen.probabilities[0, answer])), words)
    return True


def follow_ladder(
    run: Run, label: int, row: PictureRow, verdict: DeltaGenerator, slot: DeltaGenerator, told: DeltaGenerator
) -> None:
    """Show one kind of change at every size, in all its directions."""
    kind = page.value.kind
    assert kind != "all"
    name, shown = categories()[label], [0.0]

    def draw(rungs: list[Rung]) -> None:
        fooling = [rung for rung in rungs if rung.best is not None]
        best = min(fooling, key=lambda rung: rung.size, default=None)
        if best is not None and best.best is not None and best.size != shown[0]:
            shown[0] = best.size
            row.show("found", best.pixels, said(best.answer, best.certainty), in_words(best.best))
        elif best is None and rungs:
            row.show("found", run.original, "…", f"no change up to {measure(kind, rungs[-1].size)} fools the network")
        points = [(0.0, 1.0)] if not rungs else [(rung.size, min(rung.kept)) for rung in rungs]
        vega_chart(
            ladder_chart(
                points,
                title=AXES[kind],
                wanted=name,
                end=FARTHEST[kind],
                mark=None if best is None else best.size,
            ),
            280,
            f"Probability of {name} in the worst direction, for {len(rungs)} sizes of the change; the smallest "
            f"that fools: {'none so far' if best is None else measure(kind, best.size)}",
            slot,
        )

    work = Smallest(Pictures.of(run.original[None]), DEFAULT, kind, label, page.value.frameless)
    rungs = follow(job_for("found", work), draw, verdict.info, interval=0.25)
    if rungs is None:
        return
    fooling = [rung for rung in rungs if rung.best is not None]
    asked = sum(len(rung.kept) for rung in rungs)
    if not fooling:
        held(
            verdict,
            f"**Not fooled.** No {NAMES[kind]} up to {measure(kind, FARTHEST[kind])} fools the network on this "
            f"photograph ({asked} queries). Try “all at once”.",
        )
    else:
        best = min(fooling, key=lambda rung: rung.size)
        fooled(
            verdict,
            f"**Fooled.** The smallest {NAMES[kind]} found: **{measure(kind, best.size)}**. The network predicts "
            f"**{categories()[best.answer]}**, {percent(best.certainty)}. The search used {asked} queries and no "
            f"gradient.{run.doubt}",
        )
    told.caption(
        "Each point is the worst direction of its size. The dashed line is the smallest size that fools, refined by "
        "bisection."
    )


def follow_together(
    run: Run, label: int, row: PictureRow, verdict: DeltaGenerator, slot: DeltaGenerator, told: DeltaGenerator
) -> None:
    """Show the search in all changes at once, within the budget."""
    settings = page.value
    drawn: list[int] = []

    def draw(tries: list[SearchStep]) -> None:
        last = tries[-1]
        newest = max((i for i, each in enumerate(tries) if each.pixels.size), default=-1)
        if newest >= 0 and drawn != [newest]:
            drawn[:] = [newest]
            each = tries[newest]
            row.show("found", each.pixels, said(each.answer, each.certainty), in_words(each.pose))
        points = [(each.queries, each.size if each.first else 1.0) for each in tries]
        vega_chart(
            search_chart(points, QUERIES),
            280,
            f"After {last.queries} queries, the smallest change that fools takes "
            f"{last.size if last.first else 1:.0%} of the budget",
            slot,
        )
        if last.first:
            note(
                verdict,
                f"Query {last.first} fooled the network. The search now makes the change smaller: {last.queries} of "
                f"{QUERIES} queries.",
            )
        else:
            note(verdict, f"{last.queries} of {QUERIES} queries; the prediction is still {categories()[label]}.")

    work = Together(
        Pictures.of(run.original[None]), DEFAULT, label, settings.budget, QUERIES, settings.seed, settings.frameless
    )
    tries = follow(job_for("found", work), draw, verdict.info, interval=0.25)
    if tries is None:
        return
    last = tries[-1]
    if last.first:
        fooled(
            verdict,
            f"**Fooled.** The network predicts **{categories()[last.answer]}**, {percent(last.certainty)}: "
            f"{in_words(last.pose)}. Query {last.first} was the first that fooled the network. Until query "
            f"{last.queries}, the search made the change smaller: it takes at most {100 * last.size:.0f}\u00a0% of "
            f"each budget.{run.doubt}",
        )
    else:
        held(
            verdict,
            f"**Not fooled.** After {last.queries} queries, the search has found no pose within this budget that fools "
            "the network. Enlarge the budget, or change the seed.",
        )
    told.caption(
        "A pose is one combination of turn, shift, hue and crop. Half of the queries are random poses, the others are "
        "neighbours of the best pose so far. After the first success, the search tries only smaller changes. The "
        "result is the smallest change *found*; there may be smaller ones."
    )


def landscape(run: Run) -> Iterator[None]:
    st.subheader("2 · The landscape of turn and crop", anchor="landscape")
    prose(
        "The photograph is turned **and** cropped. The colour is the probability of the original prediction; a dot "
        "marks a pose with another prediction. There are many small local minima. A gradient leads into the nearest "
        "one; a search tries many places."
    )
    slot, told = slots("unrestricted_land", 2)
    skeleton(slot, 330, "not yet computed: the search of section 1 runs first")
    yield
    if run.label is not None:
        follow_landscape(run.original, run.label, slot, told)


def follow_landscape(original: np.ndarray, label: int, slot: DeltaGenerator, told: DeltaGenerator) -> None:
    name = categories()[label]

    def draw(strips: list[Strip]) -> None:
        cells = [
            (strip.angle, cut, p, categories()[answer] if answer != label else "")
            for strip in strips
            for cut, p, answer in zip(CUTS, strip.kept, strip.answers, strict=True)
        ]
        dots = sum(bool(cell[3]) for cell in cells)
        vega_chart(
            landscape_chart(cells, angles=ANGLES, cuts=CUTS, wanted=name),
            330,
            f"Probability of {name} over turn and crop; {dots} of {len(cells)} poses have another prediction",
            slot,
        )
        told.markdown(f"{len(strips)} of {len(ANGLES)} angles")

    work = Landscape(Pictures.of(original[None]), DEFAULT, label, ANGLES, CUTS, page.value.frameless)
    strips = follow(job_for("landscape", work), draw, told.info, interval=0.3)
    if strips is not None:
        changed = sum(answer != label for strip in strips for answer in strip.answers)
        told.markdown(
            f"{changed} of {len(ANGLES) * len(CUTS)} poses {'has' if changed == 1 else 'have'} another prediction."
        )


def sixteen_photographs(_: Run) -> Iterator[None]:
    st.subheader("3 · Success rates on sixteen photographs", anchor="sixteen-photographs")
    prose(
        "All changes stay within the budget of section 1. A network that was trained on many turned and cropped "
        "pictures is robust to **each** change alone within the default budget, and to one random combination of "
        "them. The worst combination fools it more often."
    )
    slot, progress, told = slots("unrestricted_table", 3)
    skeleton(slot, 420, "not yet computed")
    wanted = is_wanted("run_searches", (page.value.budget, page.value.seed), "about two minutes", progress)
    yield
    if wanted:
        follow_table(slot, progress, told)


def follow_table(slot: DeltaGenerator, progress: DeltaGenerator, told: DeltaGenerator) -> None:
    settings, pictures = page.value, Pictures.of(samples(SIZE))
    rooms: list[Room] = ["all", *KINDS]

    def draw(known: dict[Room, list[Trial]], room: Room) -> None:
        seen = known[room][-1].picture + 1
        progress.markdown(f"{len(known)} of {len(rooms)}, {NAMES[room]}: photograph {seen} of {pictures.count}")
        rows = [
            (NAMES[each], effort, fallen(known[each], count) if each in known else None)
            for each in rooms
            for effort, count in EFFORTS.items()
        ]
        vega_chart(
            trials_chart(rows, pictures.count),
            90 + 66 * len(rooms),
            "; ".join(f"{name}, {effort}: {n} of {pictures.count}" for name, effort, n in rows if n is not None),
            slot,
        )

    works = {room: Trials(pictures, DEFAULT, room, settings.budget, TRIALS, settings.seed) for room in rooms}
    known = follow_each("trials", works, draw, progress.info, interval=0.4)
    if known is None:
        return
    progress.caption(
        f"Budget: turn {settings.turn}°, shift {settings.shift} %, hue {settings.colour}°, crop {settings.crop} %. A "
        "prediction counts as changed if it differs from that for the untouched photograph: “wild boar” instead of "
        "“hog” counts, too. Another seed gives other random poses."
    )
    singles = max(fallen(known[kind], TRIALS) for kind in KINDS)
    told.markdown(
        f"- One kind of change alone fools the network on at most **{singles} of {pictures.count}** photographs within "
        f"{TRIALS} queries.\n"
        f"- All at once: **{fallen(known['all'], 1)}** by one random pose, **{fallen(known['all'], AT_ONCE)}** by the "
        f"worst of {AT_ONCE}, **{fallen(known['all'], TRIALS)}** by the search."
    )


def formula(_: Run) -> None:
    st.subheader("4 · The formula that just ran", anchor="formula")
    budget = page.value
    st.latex(
        r"\text{find}\ \ \phi \in \Phi\ \ \text{with}\ \ "
        r"\operatorname*{argmax}_k\ \hat f_k\big(t_\phi(x)\mid\theta\big) \ne y"
    )
    st.latex(
        rf"\begin{{aligned}}\Phi = \{{\,&|\text{{turn}}| \le {budget.turn}°,\ |\text{{shift}}| \le {budget.shift}\,\%,"
        rf"\\ &|\text{{hue}}| \le {budget.colour}°,\ \text{{crop}} \le {budget.crop}\,\%\,\}}\end{{aligned}}"
    )
    prose(
        r"Here $t_\phi$ is the change with the parameters φ, and $\hat f_k$ is the score of class k. "
        "There is no δ, and no ε. In pixels, the change is very large: a shift by one pixel already changes the values "
        "at edges by more than any ε of other lessons. Only the *meaning* changes little. **The choice of Δ is the "
        "threat model**, and a network that was trained for one Δ has promised nothing for another.\n\n"
        "The test error does not help either. It is measured on pictures from the data distribution, and is **no "
        "guarantee off it**: the photographs that the network was trained and tested on are mostly upright.\n\n"
        "The attack needs no gradient and no weights. It searches over seven numbers and sees only the network's "
        "outputs. Anybody with a camera can do the same."
    )


SECTIONS = (one_picture, landscape, sixteen_photographs, formula, in_python)
Lesson(page, TEXTS, SECTIONS, prepare, lambda: photograph_sidebar(page, "Seed of the searches"), STYLE).show()
