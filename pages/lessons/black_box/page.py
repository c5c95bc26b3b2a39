"""Lesson on black-box attacks: by queries, by transfer, by a substitute."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import DEFAULT, categories, list_classifiers
from adv_core.images import difference
from adv_core.serving.engine.attack import Attack, Frame
from adv_core.serving.engine.look import Pictures
from pages.lessons.black_box.budgets import equal_budgets
from pages.lessons.black_box.charts import matrix_chart, query_chart, theft_chart
from pages.lessons.black_box.program import in_python
from pages.lessons.black_box.settings import COMMON, DRAWN, JUDGED, METHODS, MOST, ROUNDS, SIZE, TITLES, VICTIMS, page
from pages.lessons.black_box.tasks import Extraction, Passed, Steal, Transfer, passed
from pages.lessons.black_box.texts import TEXTS
from pages.widgets.ask import look, look_at, unsure_before
from pages.widgets.glossary import prose
from pages.widgets.lesson import Done, Lesson, page_stands, pictures, skeleton, slots, vega_chart
from pages.widgets.live import begin, follow, follow_each, job_for
from pages.widgets.photograph import PHOTOS, chosen, photograph_sidebar, samples
from pages.widgets.run_this import is_wanted
from pages.widgets.stage import PictureRow, percent, playground, share
from pages.widgets.verdict import fooled, held, note

STYLE = """<style>
.st-key-stage_black_box .lab-cap {min-height: 4.6em}
.st-key-black_box_verdict {min-height: 5.2rem}
.st-key-black_box_chart {min-height: 19rem}
.st-key-black_box_matrix {min-height: 26rem}
.st-key-black_box_ensemble {min-height: 26rem}
.st-key-black_box_theft {min-height: 28rem}
.st-key-black_box_budgets {min-height: 30rem}
</style>"""


def prepare() -> Attack:
    """The query attack before its first step."""
    return Attack(Pictures.of(chosen(page, SIZE)), DEFAULT)


def by_queries(base: Attack) -> Iterator[Done]:
    st.subheader("1 · Queries: the Square Attack", anchor="queries")
    prose(
        "The network returns probabilities, and nothing else. **Square Attack** changes a random square of the "
        "picture, sends one query, and keeps the change if the margin falls."
    )
    settings = page.value
    about = (hash(base.pixels.tobytes()), settings.eps, settings.queries, settings.seed)
    with playground("black_box"):
        row = PictureRow("stage_black_box", TITLES, base.pixels, about, line="not yet computed", grey=("delta", "now"))
        verdict = st.container(key="black_box_verdict").empty()
        left, right = st.columns(2, gap="medium")
        with left:
            page.control("eps", st.slider, "ε of the squares, in 1/255", 1, 32)
        with right:
            page.control("queries", st.slider, "Queries at most", 50, 2000, step=50)
        slot = st.container(key="black_box_chart").empty()
        skeleton(slot, 260, "no queries yet")
    yield begin("look", look_at(base.pixels))
    looked = look("look", base.pixels)
    if looked is None:
        return
    clean = looked.probabilities[0]
    label = int(clean.argmax())
    row.show("x", base.pixels, f"{categories()[label]}, {percent(float(clean[label]))}")
    doubt = unsure_before(float(clean[label]))
    yield page_stands
    follow_queries(replace(base, label=label), doubt, row, verdict, slot)


def follow_queries(base: Attack, doubt: str, row: PictureRow, verdict: DeltaGenerator, slot: DeltaGenerator) -> None:
    """Show Square Attack on the photograph.

    Args:
        doubt: a sentence for the verdict, where the network was unsure of the untouched picture.
    """
    settings, label, name = page.value, base.label, categories()[base.label]
    request = replace(
        base,
        attack="square",
        objective="margin",
        eps=(settings.eps / 255,),
        queries=settings.queries,
        seed=settings.seed,
    )

    def draw(frames: list[Frame]) -> None:
        last = frames[-1]
        newest = next((frame for frame in reversed(frames) if frame.pixels is not None), None)
        said = last.probabilities[0]
        now = int(said.argmax())
        asked = last.index + 1
        if newest is not None and newest.pixels is not None:
            shown = newest.pixels[0]
            largest = int(np.abs(shown.astype(int) - base.pixels).max())
            row.show("delta", difference(base.pixels, shown, DRAWN), f"ε = {settings.eps}/255", f"‖δ‖∞ = {largest}/255")
            row.show("now", shown, f"{categories()[now]}, {percent(float(said[now]))}", f"{asked} queries")
        stride = max(len(frames) // 200, 1)
        points = []
        for frame in {*frames[::stride], last}:
            p = frame.probabilities[0]
            others = p.copy()
            others[label] = 0
            points.append((frame.index + 1, float(p[label]), float(others.max())))
        points.sort()
        vega_chart(
            query_chart(points, settings.queries, name),
            260,
            f"After {asked} queries: {name} {percent(float(said[label]))}",
            slot,
        )
        if last.index < settings.queries - 1 and now == label:
            note(verdict, f"{asked} queries so far, and no gradient.")

    frames = follow(job_for("main", request), draw, verdict.info, interval=0.25)
    if frames is None:
        return
    last = frames[-1]
    now, asked = int(last.probabilities[0].argmax()), last.index + 1
    if now != label:
        fooled(
            verdict,
            f"**Fooled.** The network predicts **{categories()[now]}** after **{asked} queries**. The attacker has "
            f"seen no weight and no gradient, only probabilities, which many web services return.{doubt}",
        )
    else:
        held(
            verdict,
            f"**Not fooled.** After {asked} queries, the prediction is still {name}. More queries, a larger ε or "
            "another seed may succeed.",
        )


def here() -> dict[str, str]:
    """The networks on this machine, by the titles of the chart."""
    present = [info for info in list_classifiers() if info.is_here][:MOST]
    return {info.name: info.title.replace("EfficientNet-", "") for info in present}


def by_transfer(_: Attack) -> Iterator[None]:
    """Show both matrices; the second one is compared with the first."""
    settings = page.value
    about = (settings.method, settings.transfer, settings.steps)
    matrix = show_matrix()
    skeleton(matrix[0], height_of(len(here())), "not yet computed")
    wanted = is_wanted("run_transfer", about, "about a minute", matrix[1])
    ensemble = show_ensemble()
    skeleton(ensemble[0], height_of(len(here())), "not yet computed")
    enough = len(here()) >= 3
    both = enough and is_wanted("run_ensembles", about, "about two and a half minutes", ensemble[1])
    if not enough:
        note(ensemble[1], "This section needs at least three networks on this machine.")
    yield
    yield  # the matrices take longest
    if wanted or both:
        follow_transfer(matrix, ensemble, both)


def height_of(rows: int) -> int:
    """The height of a matrix, in pixels."""
    return 90 + 66 * rows


def show_matrix() -> tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator]:
    st.subheader("2 · Transfer: made on one network, shown to another", anchor="transfer")
    prose(
        "An **adversarial example** is an input x + δ with δ ∈ Δ(x) that a network misclassifies, although it "
        "classifies x rightly. It is made at **test time**: the network is trained already, and stays as it is. The "
        "attacker of this section has networks of their own. Adversarial examples made on one of them are shown to "
        "the others, whose weights the attack does not use. The diagonal of the matrix is the **white-box** case: made "
        "on the same network that classifies the pictures."
    )
    left, middle, right = st.columns([2, 2, 1], gap="medium")
    with left:
        page.control("method", st.selectbox, "Attack", list(METHODS), format_func=METHODS.get)
    with middle:
        page.control("transfer", st.slider, "ε, in 1/255", 1, 32)
    with right:
        page.control("steps", st.select_slider, "Steps", list(range(1, 41)))
    with st.container(key="black_box_matrix"):
        return st.empty(), st.empty(), st.empty()


def show_ensemble() -> tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator]:
    st.subheader("3 · Ensembles: made on several networks, shown to an unseen one", anchor="ensemble")
    prose(
        "A picture that fools one network may use a peculiarity of that network. A picture that fools **all the others "
        "together** more probably uses something that they share with the unseen network. The pictures of each row are "
        "made on an ensemble of all networks but one."
    )
    with st.container(key="black_box_ensemble"):
        return st.empty(), st.empty(), st.empty()


def follow_matrix(
    rows: dict[str, tuple[str, ...]], slot: DeltaGenerator, progress: DeltaGenerator, key: str
) -> dict[tuple[str, str], int] | None:
    """Fill one matrix, row by row, with the number of photographs that fool each network."""
    settings, shown, names = page.value, Pictures.of(samples(COMMON)), here()
    found: dict[tuple[str, str], int] = {}

    def draw() -> None:
        cells = [(made, names[asked], count) for (made, asked), count in found.items()]
        vega_chart(
            matrix_chart(cells, list(rows), list(names.values()), shown.count),
            height_of(len(rows)),
            f"Photographs whose prediction changed, of {shown.count}. "
            + "; ".join(f"made on {made}, shown to {asked}: {count}" for made, asked, count in cells),
            slot,
        )

    def show(records: dict[str, list[Passed]], title: str) -> None:
        last = records[title][-1]
        counts = passed(records[title])
        done = min(last.first + 4 * last.done, shown.count)
        progress.markdown(
            f"Row {len(records)} of {len(rows)}, made on {title}: {done:.0f} of {shown.count} photographs"
        )
        if len(counts) > 1 and counts[-1] == shown.count:
            found.update({(title, name): int(count) for name, count in zip(names, counts, strict=False)})
            draw()

    given = (tuple(names), settings.transfer / 255, settings.steps, settings.method)
    works = {title: Transfer(shown, made_on, *given) for title, made_on in rows.items()}
    return None if follow_each(key, works, show, progress.info) is None else found


def follow_transfer(
    matrix: tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator],
    ensemble: tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator],
    both: bool,
) -> None:
    """Compute the matrix of single networks, and where ``both`` is true, that of the ensembles after it."""
    names, settings = here(), page.value
    one = follow_matrix({title: (name,) for name, title in names.items()}, matrix[0], matrix[1], "transfer")
    if one is None:
        return
    recipe = (
        f"{METHODS[settings.method]}, {settings.steps} steps, ε = {settings.transfer}/255, {len(PHOTOS)} photographs"
    )
    matrix[1].caption(
        f"{recipe}. Each picture is one 8-bit file of {COMMON} × {COMMON} pixels, which each network resizes itself. A "
        "network counts as fooled where its prediction differs from its prediction for the untouched photograph."
    )
    pairs = [(made, asked) for made in names for asked in names if made != asked]
    if not pairs:
        return
    across = [one[names[made], asked] for made, asked in pairs]
    matrix[2].markdown(
        f"- White-box: {', '.join(str(one[title, name]) for name, title in names.items())} of {len(PHOTOS)}.\n"
        f"- Made on another network: **{min(across)} to {max(across)}** of {len(PHOTOS)}.\n"
        "- The EfficientNet-Lite networks are sisters: one architecture in three sizes, trained with one recipe. "
        "Between strangers, fewer pictures transfer. We measured (MI-FGSM, ten steps, ε = 8/255, of 16 photographs; "
        "`python -m bench.gallery strangers`): made on Lite0, 3 fool SqueezeNet 1.0 and 3 MobileNetV2; made on "
        "SqueezeNet, 1 fools Lite0; made on MobileNetV2, 2 fool Lite0 and 7 SqueezeNet."
    )
    if not both:
        return
    rows = {f"all but {title}": tuple(other for other in names if other != name) for name, title in names.items()}
    several = follow_matrix(rows, ensemble[0], ensemble[1], "ensemble")
    if several is None:
        return
    ensemble[1].caption(f"{recipe}; the attack increases the mean of the networks' cross-entropies.")
    lines = []
    for name, title in names.items():
        best = max(one[other_title, name] for other, other_title in names.items() if other != name)
        lines.append(
            f"- **{title}** is fooled by {several[f'all but {title}', name]} pictures made on all the others, and by "
            f"{best} made on the best single network."
        )
    ensemble[2].markdown("\n".join(lines))


def a_stolen_copy(_: Attack) -> Iterator[None]:
    st.subheader("4 · Model extraction: train a copy on the answers", anchor="stolen-copy")
    prose(
        "An attacker without a network of their own trains a **substitute** on the answers of the victim, the network "
        "under attack. The victim classifies digits and returns only **the class**. The attack first queries it with a "
        "hundred digits, and the substitute learns the answers. Each further round makes a new variant of every digit, "
        "turned and moved a little and shifted along the sign of the substitute's gradient, towards its decision "
        f"boundary or away from it. The victim classifies the variants, too. There are {ROUNDS} rounds."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        page.choice("victim", "Training of the victim", VICTIMS)
    with right:
        page.control("digits", st.slider, "ε of the attack on the substitute, in 1/100", 5, 40)
    shown, slot, progress, told = slots("black_box_theft", 4)
    skeleton(slot, 370, "not yet computed")
    settings = page.value
    about = (settings.victim, settings.digits, settings.seed)
    wanted = is_wanted("run_substitute", about, "about 20 seconds", progress)
    yield
    if wanted:
        follow_theft(shown, slot, progress, told)


def follow_theft(shown: DeltaGenerator, slot: DeltaGenerator, progress: DeltaGenerator, told: DeltaGenerator) -> None:
    settings = page.value
    work = Steal(settings.victim, rounds=ROUNDS, eps=settings.digits / 100, seed=settings.seed, images=JUDGED)
    drawn = [-1]

    def draw(records: list[Extraction]) -> None:
        last = records[-1]
        if drawn[0] != last.number:
            drawn[0] = last.number
            with shown.container():
                st.caption("The newest queries, and the victim's answers:")
                asked = zip(last.shown, last.answers, strict=True)
                tiles = [
                    (np.repeat(255 - digit[..., None], 3, 2), str(answer), f"query: the victim answers {answer}")
                    for digit, answer in asked
                ]
                pictures(*tiles, width=48)
        ended = [record for record in records if record.done == 1]
        points = [(record.queries, record.agreement, record.transferred) for record in ended]
        vega_chart(
            theft_chart(points, last.noise, 100 * 2 ** (ROUNDS - 1), 100),
            370,
            "; ".join(f"{q} queries: agrees on {share(a)}, fools {share(f)}" for q, a, f in points)
            or "not yet computed",
            slot,
        )
        progress.markdown(
            f"Round {last.number + 1} of {ROUNDS}: {last.queries} queries; the substitute learns the answers"
        )

    records = follow(job_for("theft", work), draw, progress.info, interval=0.25)
    if records is None:
        return
    last = records[-1]
    progress.caption(
        f"Measured on {JUDGED} test digits that neither network was trained on. Attack: 20 steps of PGD on the "
        f"substitute, ε = {settings.digits / 100:g}. Grey: every pixel changes by ±ε at random."
    )
    told.markdown(
        f"After **{last.queries} queries**, the substitute predicts the victim's class for "
        f"**{share(last.agreement)}** of the digits. Adversarial examples made on the substitute change the victim's "
        f"prediction for **{share(last.transferred)}**; noise of the same size for {share(last.noise)}."
    )


def formulas(_: Attack) -> None:
    st.subheader("6 · The formulas of the three attacks", anchor="formulas")
    settings = page.value
    prose(
        f"**Queries.** s changes one random square, and δ + s stays in the L∞ ball of radius "
        f"ε = {settings.eps}/255. Here L is minus the margin."
    )
    st.latex(
        r"\delta^{[t+1]} = \begin{cases}\delta^{[t]}+s & \text{if } \ell(s) > \ell(0)\\ "
        r"\delta^{[t]} & \text{otherwise}\end{cases}"
    )
    st.latex(r"\ell(s) = L\big(y,\ \hat f(x+\delta^{[t]}+s\mid\theta)\big)")
    prose(f"**Transfer**, with ε = {settings.transfer}/255:")
    st.latex(
        r"\delta^* = \operatorname*{argmax}_{\delta\in\mathcal{B}_\varepsilon^\infty}\ "
        r"L\big(y,\ \hat g(x+\delta\mid\theta')\big)"
    )
    prose("**Substitute.** c(x) is the class that the network under attack answers for the query x:")
    st.latex(r"\theta' = \operatorname*{argmin}_{\vartheta}\ \sum_{x} L\big(c(x),\ \hat g(x\mid\vartheta)\big)")
    prose(
        r"$\hat f$ is the network under attack, and its weights θ are secret. $\hat g$ is a network of the attacker, "
        r"with the weights θ′. The first attack queries $\hat f$ often, the second never, the third in advance. "
        "**A secret network is not a safe network**: its weights are secret, but not the directions in which all such "
        "networks can be fooled."
    )


SECTIONS = (by_queries, by_transfer, a_stolen_copy, equal_budgets, formulas, in_python)
Lesson(
    page, TEXTS, SECTIONS, prepare, lambda: photograph_sidebar(page, "Seed of the squares and of the substitute"), STYLE
).show()
