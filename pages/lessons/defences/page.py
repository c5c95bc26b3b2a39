"""Lesson: defences. JPEG, blur, fewer bits and other filters, against an adaptive attack."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import DEFAULT, categories
from adv_core.defences.filters import VIEWS, Kind
from adv_core.serving.engine.attack import Attack
from adv_core.serving.engine.look import Pictures
from pages.lessons.defences.charts import ATTACKS, contest_chart
from pages.lessons.defences.detection import can_one_tell, detector_formula
from pages.lessons.defences.program import in_python
from pages.lessons.defences.settings import KINDS, SIZE, STORY, Settings, page, titles
from pages.lessons.defences.tasks import AttackedPictures, Aware, Contest, DefenceStep, Plain, Tried
from pages.lessons.defences.texts import TEXTS
from pages.widgets.ask import look, look_at, unsure_before
from pages.widgets.glossary import prose
from pages.widgets.lesson import Done, Lesson, page_stands, skeleton, slots, vega_chart
from pages.widgets.live import begin, follow, follow_each, job_for
from pages.widgets.photograph import chosen, photograph_sidebar, samples
from pages.widgets.run_this import is_wanted
from pages.widgets.stage import PictureRow, percent, playground
from pages.widgets.verdict import fooled, held, note

STYLE = """<style>
.st-key-stage_defences .lab-cap {min-height: 4.4em}
.st-key-stage_defences .lab-op {min-height: 2.5em}
.st-key-defences_verdict {min-height: 4.5rem}
.st-key-defences_table {min-height: 38rem}
.st-key-detection_verdict {min-height: 6.5rem}
.st-key-detection_scores, .st-key-detection_roc {min-height: 19rem}
.st-key-detection_counts {min-height: 17rem}
@media (max-width: 640px) {
  :is(.st-key-stage_defences, .st-key-stage_detection) [data-testid=stHorizontalBlock] {gap: .4rem}
  :is(.st-key-stage_defences, .st-key-stage_detection) .lab-op {font-size: .7rem}
  .st-key-stage_defences .lab-op {min-height: 3.75em}
  .st-key-detection_counts :is(th, td) {padding: .3rem .45rem; font-size: .85rem}
  :is(.st-key-stage_defences, .st-key-stage_detection) .lab-cap b {font-size: .8rem}
  :is(.st-key-stage_defences, .st-key-stage_detection) .lab-cap span {font-size: .7rem}
}
</style>"""


def prepare() -> Attack:
    """The photograph and its network, for every attack of this page."""
    return Attack(Pictures.of(chosen(page, SIZE)), DEFAULT)


def one_picture(base: Attack) -> Iterator[Done]:
    st.subheader("1 · One photograph, attacked in two ways", anchor="one-photograph")
    settings = page.value
    defence = settings.defended(settings.defence)
    about = (hash(base.pixels.tobytes()), defence, settings.eps, settings.steps, settings.seed)
    with playground("defences"):
        shown = titles(settings.defence)
        unknown = ("plain", "defended", "aware")
        row = PictureRow("stage_defences", shown, base.pixels, about, line="not yet computed", grey=unknown)
        verdict = st.container(key="defences_verdict").empty()
        show_controls()
    yield begin("look", look_at(base.pixels))
    looked = look("look", base.pixels)
    if looked is None:
        return
    clean = looked.probabilities[0]
    row.show("x", base.pixels, *said(clean, int(clean.argmax())))
    yield page_stands
    follow_row(replace(base, label=int(clean.argmax())), clean, row, verdict)


def show_controls() -> None:
    page.choice("defence", "Defence before the network", KINDS)
    st.markdown(STORY[page.value.defence])
    left, middle, right = st.columns([2, 2, 1], gap="medium")
    with left:
        show_strength(page.value.defence)
    with middle:
        page.control("eps", st.slider, "ε of each attack, in 1/255", 0, 16)
    with right:
        page.control("steps", st.select_slider, "Steps", list(range(1, 41)))


def show_strength(kind: Kind) -> None:
    """Show the slider of that defence."""
    if kind == "jpeg":
        page.control("quality", st.slider, "Quality of the JPEG", 5, 100)
    elif kind == "blur":
        page.control("sigma", st.slider, "σ of the blur, in pixels", 0.2, 4.0, step=0.1)
    elif kind == "bits":
        page.control("bits", st.slider, "Bits of each value", 1, 8)
    elif kind == "resize":
        page.control("side", st.slider, f"Side of the smaller picture, of {SIZE} pixels", 24, SIZE)
    else:
        page.control("window", st.slider, "Least side of the window, in %", 40, 100)


def said(probabilities: np.ndarray, label: int) -> tuple[str, str]:
    """The present prediction, and the remaining probability of the first one."""
    now = int(probabilities.argmax())
    headline = f"{categories()[now]}, {percent(float(probabilities[now]))}"
    return headline, "" if now == label else f"{categories()[label]}: {percent(float(probabilities[label]))}"


def follow_row(base: Attack, clean: np.ndarray, row: PictureRow, verdict: DeltaGenerator) -> None:
    settings, label = page.value, base.label
    defence = settings.defended(settings.defence)
    request = replace(base, attack="pgd", eps=(settings.eps / 255,), steps=settings.steps)
    frames = follow(job_for("plain", request), waiting=verdict.info)
    if frames is None or frames[-1].pixels is None:
        return
    attacked = frames[-1].pixels[0]
    row.show("plain", attacked, *said(frames[-1].probabilities[0], label))
    both = np.stack([attacked, base.pixels])
    seen = look("defended", both, DEFAULT, defence.chain(settings.seed))
    if seen is None:
        return
    behind, price = seen.probabilities
    row.show("defended", seen.pixels[0], *said(behind, label))

    def draw(bouts: list[DefenceStep]) -> None:
        last = bouts[-1]
        running = f"step {last.index} of {settings.steps}" if last.index < settings.steps else ""
        headline, lines = said(last.probabilities, label)
        row.show("aware", last.seen, headline, lines or running)

    work = Aware(
        Pictures.of(base.pixels[None]), DEFAULT, defence, settings.eps / 255, label, settings.steps, settings.seed
    )
    bouts = follow(job_for("aware", work), draw, verdict.info)
    if bouts is not None:
        show_verdict(verdict, clean, frames[-1].probabilities[0], behind, bouts[-1].probabilities, price)


def show_verdict(
    slot: DeltaGenerator, clean: np.ndarray, plain: np.ndarray, behind: np.ndarray, aware: np.ndarray, price: np.ndarray
) -> None:
    """Compare the predictions for the four pictures, in a sentence.

    Args:
        price: the prediction for the untouched picture with the defence.
    """
    label = int(clean.argmax())
    fell, naive, broken = (int(p.argmax()) != label for p in (plain, behind, aware))
    own = " (With the defence, even the untouched picture changes its class.)" if int(price.argmax()) != label else ""
    own += unsure_before(float(clean[label]))
    first = "The defence stops the attack that was made without it." if fell else "The first attack fails at this ε."
    if not (fell or broken):
        note(slot, f"At this ε the attack fails even without a defence. Raise ε or the steps.{own}")
    elif fell and naive:
        fooled(slot, f"**Fooled.** The defence does not stop even the attack that was made without it.{own}")
    elif broken:
        fooled(
            slot,
            f"**Fooled.** {first} The adaptive attack, with the same ε and as many steps, gets through.{own}",
        )
    else:
        held(
            slot,
            "**Not fooled.** Both attacks fail on this photograph at this ε. Raise ε or the steps, or try the other "
            f"photographs.{own}",
        )


def sixteen_photographs(_: Attack) -> Iterator[None]:
    st.subheader("2 · Sixteen photographs, all defences", anchor="sixteen-photographs")
    prose(
        "One photograph may be an exception. The chart counts all sixteen samples with each defence, at the strengths "
        "that you have set. A prediction is **kept** if it equals that of the undefended network for the untouched "
        "photograph."
    )
    slot, progress, told = slots("defences_table", 3)
    skeleton(slot, 470, "not yet computed")
    settings = page.value
    strengths = tuple(settings.defended(kind) for kind in KINDS)
    about = (settings.eps, settings.steps, settings.seed, strengths)
    wanted = is_wanted("run_defences", about, "about a minute and a half", progress)
    yield
    if wanted:
        follow_table(slot, progress, told)


def follow_table(slot: DeltaGenerator, progress: DeltaGenerator, told: DeltaGenerator) -> None:
    settings, pictures = page.value, Pictures.of(samples(SIZE))
    order: list[Kind] = ["none", *KINDS]
    kept: dict[tuple[Kind, str], int | None] = {(kind, attack): None for kind in order for attack in ATTACKS}

    def draw() -> None:
        rows = [(settings.named(kind), attack, right) for (kind, attack), right in kept.items()]
        known = [f"{name}, {ATTACKS[attack][0]}: {right}" for name, attack, right in rows if right is not None]
        vega_chart(
            contest_chart(rows, pictures.count), 470, f"Predictions kept, of {pictures.count}. {'; '.join(known)}", slot
        )

    def wait(records: list[AttackedPictures]) -> None:
        done = min(records[-1].first + records[-1].done * 4, pictures.count)
        progress.markdown(f"Attack without the defence: {done:.0f} of {pictures.count} photographs")

    plain = follow(job_for("many", Plain(pictures, DEFAULT, settings.eps / 255, settings.steps)), wait, progress.info)
    if plain is None:
        return
    ended = [record for record in plain if record.done == 1]
    attacked = Pictures.of(np.concatenate([record.pixels for record in ended]))
    labels = tuple(int(label) for record in ended for label in record.labels)

    def show(found: dict[Kind, list[Tried]], kind: Kind) -> None:
        for attack in ATTACKS:
            known = [right for r in found[kind] if r.attack == attack for right in r.right]
            kept[kind, attack] = sum(known) if len(known) == pictures.count else None
        last = found[kind][-1]
        progress.markdown(
            f"{order.index(kind) + 1} of {len(order)}: {settings.named(kind)}, {ATTACKS[last.attack][0]}, photograph "
            f"{last.first + 1} of {pictures.count}"
        )
        if kind == "none":
            kept[kind, "aware"] = kept[kind, "plain"]  # without a defence, both attacks are the same
        draw()

    given = (settings.eps / 255, settings.steps, settings.seed)
    works = {kind: Contest(pictures, attacked, labels, DEFAULT, settings.defended(kind), *given) for kind in order}
    if follow_each("contest", works, show, progress.info) is None:
        return
    progress.caption(
        f"PGD, {settings.steps} steps, ε = {settings.eps}/255, away from the first prediction. Random crop: the "
        f"adaptive attack averages over {VIEWS} crops in each step, and its result is tested on another crop. A better "
        "attack may find more: no bar is a guarantee."
    )
    told.markdown(summary(settings, {key: value or 0 for key, value in kept.items()}, pictures.count))


def summary(settings: Settings, kept: dict[tuple[Kind, str], int], pictures: int) -> str:
    """Summarise the chart in words, computed from its figures, including where a defence helps."""
    kinds = list(KINDS)
    bare = kept["none", "plain"]
    naive, wise = (max(kinds, key=lambda kind: kept[kind, attack]) for attack in ("plain", "aware"))
    price = min(kinds, key=lambda kind: kept[kind, "none"])
    lines = [
        f"- Without a defence, **{bare} of {pictures}** predictions are kept under attack. Against an attack that does "
        f"not know the defence, {settings.named(naive)} keeps **{kept[naive, 'plain']}**."
    ]
    best, gain = kept[wise, "aware"], kept[wise, "aware"] - bare
    if gain >= 2:
        lines.append(
            f"- At this ε a defence helps even against the adaptive attack: {settings.named(wise)} keeps **{best}**, "
            f"{gain} more than no defence. Raise ε or the steps, and this gain falls."
        )
    else:
        lines.append(
            f"- Against the adaptive attack, no defence keeps more than **{best}**: hardly more than no defence."
        )
    cost = pictures - kept[price, "none"]
    lines.append(
        f"- The cost: {settings.named(price)} changes {cost} of {pictures} predictions without an attack."
        if cost
        else "- The cost is small here: at these strengths no prediction changes without an attack."
    )
    return "\n".join(lines)


def formula(_: Attack) -> None:
    st.subheader("4 · The formula that just ran", anchor="formula")
    settings = page.value
    best = r"\delta^* = \operatorname*{argmax}_{\delta\in\mathcal{B}_\varepsilon^\infty}\ "
    expected = r"\mathbb{E}_g\, " if settings.defence == "crop" else ""
    st.markdown("**The attack without the defence**")
    st.latex(rf"{best} L\big(y,\ \hat f(x+\delta\mid\theta)\big)")
    st.markdown("**The adaptive attack**")
    st.latex(rf"{best} {expected} L\big(y,\ \hat f(g(x+\delta)\mid\theta)\big)")
    prose(
        f"Here g is the defence, and ε = {settings.eps}/255. "
        r"The defended network $\hat f(g(x+\delta)\mid\theta)$ classifies the "
        "results of both attacks. An **adaptive attack** is one that knows the defence and is made for it: for such an "
        "attacker, a defence before the network is a part of the network. "
        + {
            "jpeg": "JPEG **rounds**, and the gradient of rounding is zero almost everywhere. In the backward pass the "
            "attack replaces round(z) by z: this is the **straight-through** gradient (BPDA). All other parts of JPEG "
            "have an exact gradient.",
            "bits": "The gradient of **rounding** is zero almost everywhere. In the backward pass the attack replaces "
            "round(z) by z: this is the **straight-through** gradient (BPDA).",
            "crop": f"The crop is **random**: each step averages the gradients of {VIEWS} crops. This is expectation "
            "over transformations (EOT); the lesson *Physical attacks* explains it.",
            "blur": "A blur is linear, so the attack computes its gradient exactly.",
            "resize": "Averaging is linear, so the attack computes its gradient exactly.",
        }[settings.defence]
    )
    detector_formula()


SECTIONS = (one_picture, sixteen_photographs, can_one_tell, formula, in_python)
Lesson(
    page, TEXTS, SECTIONS, prepare, lambda: photograph_sidebar(page, "Seed of the random crops and of the noise"), STYLE
).show()
