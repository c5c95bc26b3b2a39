"""The section that opens the page: one defence under a series of attacks."""

from collections.abc import Iterator, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.defences import masking
from pages.lessons.evaluation.charts import series_chart
from pages.lessons.evaluation.settings import DEFENCES, IMAGES, STORY, made_for, network_and_defence, page
from pages.lessons.evaluation.tasks import Judged, Series
from pages.widgets.digits import sheet
from pages.widgets.glossary import prose
from pages.widgets.lesson import Done, page_stands, skeleton, slots, vega_chart
from pages.widgets.live import begin, follow, job_for
from pages.widgets.stage import share, show_picture
from pages.widgets.verdict import note


def series() -> Series:
    settings = page.value
    return Series(
        *network_and_defence(settings.defence), settings.eps, settings.levels, images=IMAGES, seed=settings.seed
    )


def _suit() -> None:
    """Set ε to the value for which the chosen defence was made."""
    page.set(eps=made_for(st.session_state[page.key("defence")]))


def series_of_attacks(_: None) -> Iterator[Done]:
    st.subheader(f"1 · One defence, {len(masking.SERIES)} attacks", anchor="attacks")
    prose(
        "Often a defence is tested with one attack, such as FGSM. **Is the network robust, or only hard to attack in "
        "this one way?** A network has **adversarial robustness** if no δ ∈ Δ(x) makes it misclassify x + δ. One "
        f"attack that fails does not show that. So {len(masking.SERIES)} attacks run here, one after the other."
    )
    page.choice("defence", "Defence", DEFENCES, on_change=_suit)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        page.control("eps", st.slider, "ε of the L∞ ball", 0.02, 0.3, step=0.02, width=220)
        if page.value.defence == "quantized":
            page.control("levels", st.slider, "Levels of each pixel", 2, 32, width=220)
    prose(STORY[page.value.defence])
    with st.container(key="evaluation_metrics"):
        metrics = [column.empty() for column in st.columns(3)]
    chart, told, below = slots("evaluation_series", 3)
    skeleton(chart, 400, f"0 of {len(masking.SERIES)} attacks")
    _bound()
    task = series()
    yield begin("series", task, records=1)

    def draw(records: list[Judged]) -> None:
        last = {record.key: record for record in records}
        _metrics(metrics, last)
        bars = [(each.title, last[each.key].error if each.key in last else None, each.sees) for each in masking.SERIES]
        vega_chart(
            series_chart(bars),
            400,
            "Error under each attack: "
            + ", ".join(f"{title} {share(error)}" for title, error, _ in bars if error is not None),
            chart,
        )
        told.markdown(_progress(records[-1]))

    job = job_for("series", task)
    if first := job.frames:
        draw(first)
    yield page_stands
    records = follow(job, draw, told.info, interval=0.25, drawn=len(first))
    if records is None:
        return
    ended = {record.key: record for record in records if record.done == 1}
    told.caption(
        f"The first {IMAGES} test digits, ε = {page.value.eps:g}, pixels kept in [0, 1]. The defended network "
        "classifies the result of each attack. “Twin” is the network that an attacker who knows the defence attacks "
        "instead: the network without the factor, or with a rounding that lets the gradient through. Transfer: the "
        "perturbations come from a network trained with noise."
    )
    with below.container():
        show_diagnosis(ended)


def _progress(last: Judged) -> str:
    """The number of attacks that have ended, and the one that runs."""
    keys = [each.key for each in masking.SERIES]
    if last.key not in keys:  # before the first attack, or after the last one
        return f"{len(masking.SERIES) if last.key == 'any' else 0} of {len(masking.SERIES)} attacks"
    place = keys.index(last.key)
    running = f". Running: {masking.SERIES[place].title}" if last.done < 1 else ""
    return f"{place + (last.done == 1)} of {len(masking.SERIES)} attacks{running}"


def _bound() -> None:
    """Tell what the bars estimate."""
    st.latex(
        r"R_\text{adv}(\theta) = \frac1N \sum_{n=1}^{N} \max_{\delta\in\Delta(x_n)} "
        r"L\big(y_n,\, \hat f(x_n+\delta\mid\theta)\big)"
    )
    prose(
        "With a loss L of 1 for a wrong class and 0 for the right one, this is the error under the *worst* δ. Each "
        "attack finds some δ ∈ Δ(xₙ), perhaps not the worst one. So every bar is a **lower bound** of this error: the "
        "longest bar comes closest, and none of them is a guarantee."
    )


def _metrics(slots: Sequence[DeltaGenerator], last: dict[str, Judged]) -> None:
    ended = "any" in last and last["any"].done == 1
    told = (
        ("Error without an attack", "clean"),
        ("Error under FGSM", "fgsm"),
        (f"Error under any of the attacks{'' if ended else ' so far'}", None),
    )
    for slot, (label, key) in zip(slots, told, strict=True):
        record = last.get(key) if key else list(last.values())[-1]
        slot.metric(label, "…" if record is None else share(record.error if key else record.together), border=True)


def show_diagnosis(ended: dict[str, Judged]) -> None:
    errors = {key: record.error for key, record in ended.items()}
    worst = max(masking.SERIES, key=lambda each: errors[each.key])
    flat, everywhere = ended["clean"].flat, errors["any"]
    signs = masking.symptoms(errors, everywhere)
    if errors["pgd"] > errors["fgsm"] + 0.2:
        note(
            None,
            f"The error under FGSM is {share(errors['fgsm'])}, under PGD with its many steps "
            f"**{share(errors['pgd'])}**. If you test with one step alone, you believe the first number.",
        )
    st.markdown(
        f"At **{share(flat)}** of the digits the gradient of the cross-entropy is exactly zero. With ε = 1 every "
        f"picture is allowed, so an attack should always succeed. PGD on the cross-entropy fools {share(everywhere)}."
    )
    if signs:
        note(None, "**Symptoms of a hidden gradient:**\n\n" + "\n".join(f"- {sign}" for sign in signs))
    else:
        note(None, "No symptom of a hidden gradient: attacks that know more find more, as they should.")
    record = ended[worst.key]
    images, wrong = record.pixels / 255, record.wrong.tolist()
    st.markdown(
        f"**The first ten digits under “{worst.title}”**: {sum(wrong)} misclassified{' (orange)' if any(wrong) else ''}"
    )
    show_picture(sheet(images, wrong, 10), f"Ten digits under {worst.title}, {sum(wrong)} of them are misclassified")
    if page.value.defence == "quantized":
        st.caption(
            "With two levels, rounding does help on MNIST, because digits are black and white anyway. With more levels "
            "a pixel near a step changes by more than ε, and the defended network is less robust than the undefended "
            "one. Compare with “no defence”."
        )
    if page.value.defence == "robust" and page.value.eps > 0.12:
        st.caption(
            "Beyond the ε of the training, 40 steps of PGD are not enough: Auto-PGD finds far more. Where two attacks "
            "disagree, the better one is closer to the true error, but may still be far from it."
        )
