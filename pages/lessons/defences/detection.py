"""The section on detection: a second judge looks at the pictures, and the attacker learns of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from adv_core.defences.detection import CONFIDENCE, auc, threshold_for
from adv_core.defences.detectors import figures
from pages.lessons.defences.charts import SORTS, roc_chart, scores_chart
from pages.lessons.defences.detection_tasks import Detected, Sort
from pages.lessons.defences.settings import DETECTORS, DIGITS, IDEAS, page
from pages.widgets.charts import short
from pages.widgets.digits import ink
from pages.widgets.glossary import prose
from pages.widgets.lesson import digit_control, skeleton, slots, table, vega_chart
from pages.widgets.live import follow_each
from pages.widgets.stage import PictureRow, playground
from pages.widgets.verdict import fooled, held, note

HEAD = (f"{DIGITS} digits each", "misread", "alarms", "unnoticed", "AUC")
DETECTS_NOISE = 0.9  # an AUC of mere noise that calls for a remark


@dataclass(frozen=True)
class Alarms:
    """Counts of the digits of one sort, at one threshold.

    Attributes:
        misread, raised, unnoticed: how many are misread; how many raise an alarm; how many are misread and raise none.
        area: the AUC against the untouched digits; None where there is nothing to compare.
    """

    misread: int
    raised: int
    unnoticed: int
    area: float | None

    @classmethod
    def of(cls, sort: Sort, found: Detected, clean: np.ndarray, threshold: float) -> "Alarms":
        raised = found.scores > threshold
        scores = compared(sort, found)
        area = auc(torch.from_numpy(clean), torch.from_numpy(scores)) if sort != "untouched" and len(scores) else None
        return cls(int(found.misread.sum()), int(raised.sum()), int((found.misread & ~raised).sum()), area)


def compared(sort: Sort, found: Detected) -> np.ndarray:
    """The scores that the ROC takes: of an attack, those of the misread digits; of noise, all."""
    return found.counted if sort in ("plain", "aware") else found.scores


def can_one_tell(_: object) -> Iterator[None]:
    st.subheader("3 · Can one tell?", anchor="detection")
    prose(
        "A **detector** does not correct the network: it says that something is wrong with the picture. It computes a "
        "**score** for each picture, and raises an alarm where the score is above a threshold. Here it watches a "
        f"network that reads digits. Each of {DIGITS} test digits is shown to it four times: untouched, with random "
        "noise, after a **plain attack**, which climbs the loss of the classifier alone, and after an **adaptive "
        "attack**, which also lowers the score."
    )
    settings = page.value
    with playground("detection"):
        titles = {sort: name for sort, (name, _) in SORTS.items()}
        about = settings.detection("aware"), settings.detection("noise").seed, settings.digit
        row = PictureRow("stage_detection", titles, ink(np.zeros((28, 28)), 8), about, line="not yet computed")
        verdict = st.container(key="detection_verdict").empty()
        show_controls()
    prose(
        "The first chart has the score of each digit. The second one is the **ROC**: as the threshold moves from right "
        "to left, more untouched digits raise an alarm (to the right), and so do more of the others (upwards). The "
        "area below a curve, its **AUC**, is 1 where the detector tells all apart, and 0.5 where it guesses."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        (ticks,) = slots("detection_scores", 1)
    with right:
        (curves,) = slots("detection_roc", 1)
    skeleton(ticks, 300, "not yet computed")
    skeleton(curves, 300, "not yet computed")
    counts, told = slots("detection_counts", 2)
    measured_beforehand()
    yield
    follow_detection(row, verdict, ticks, curves, counts, told)


def show_controls() -> None:
    page.choice("detector", "Detector", DETECTORS)
    st.markdown(IDEAS[page.value.detector])
    left, right = st.columns(2, gap="medium")
    with left:
        page.control("level", st.slider, "ε of the noise and of each attack, in 1/255", 0, 128)
        page.control("weight", st.slider, "Weight c of the detector in the adaptive attack", 0.0, 30.0, step=0.5)
    with right:
        page.control("alarm", st.slider, "Alarms that are allowed on untouched digits, in %", 0, 50)
        if page.value.detector == "squeezing":
            page.control("squeeze", st.slider, "Bits that the squeezing leaves to each value", 1, 8)
        digit_control(page, DIGITS)


def follow_detection(
    row: PictureRow,
    verdict: DeltaGenerator,
    ticks: DeltaGenerator,
    curves: DeltaGenerator,
    counts: DeltaGenerator,
    told: DeltaGenerator,
) -> None:
    def draw(found: dict[Sort, list[Detected]], sort: Sort) -> None:
        last = {each: records[-1] for each, records in found.items()}
        threshold, alarms = count(last)
        draw_charts(last, alarms, threshold, ticks, curves)
        table(HEAD, [cells(each, alarms[each]) for each in last], counts)
        show_digit(row, sort, last[sort], threshold)

    works = {sort: page.value.detection(sort) for sort in get_args(Sort)}
    found = follow_each("detection", works, draw, verdict.info)
    if found is None:
        return
    last = {sort: records[-1] for sort, records in found.items()}
    threshold, alarms = count(last)
    draw_scores(last, alarms, threshold, ticks, key="detection_ticks", on_select=clicked)
    show_verdict(verdict, alarms)
    low, high = last["aware"].usual
    told.caption(
        f"Alarm: a score above {short(threshold)}, the lowest threshold with at most {page.value.alarm} % of alarms on "
        "untouched digits. Unnoticed: misread, and no alarm. The AUC of an attack counts the digits that it fools, "
        f"that of noise all of them. The adaptive attack aims at a score between {short(low)} and {short(high)}, as "
        "45 % of untouched digits have. All pictures have 8 bits. Click a score to see its digit above."
    )


def count(last: Mapping[Sort, Detected]) -> tuple[float, dict[Sort, Alarms]]:
    """Return the threshold that allows the false alarms of the slider, and the alarms of each sort there."""
    clean = last["untouched"].scores
    threshold = threshold_for(torch.from_numpy(clean), page.value.alarm / 100)
    return threshold, {sort: Alarms.of(sort, found, clean, threshold) for sort, found in last.items()}


def draw_charts(
    last: Mapping[Sort, Detected],
    alarms: Mapping[Sort, Alarms],
    threshold: float,
    ticks: DeltaGenerator,
    curves: DeltaGenerator,
) -> None:
    draw_scores(last, alarms, threshold, ticks)
    scores = {sort: compared(sort, each) for sort, each in last.items() if sort != "untouched"}
    areas = "; ".join(
        f"{SORTS[sort][0]}: AUC {shown(each.area)}" for sort, each in alarms.items() if each.area is not None
    )
    alt = f"ROC: the share of alarms on other digits against that on untouched ones. {areas}"
    clean, allowed = last["untouched"].scores, alarms["untouched"].raised / DIGITS
    vega_chart(roc_chart(clean, {sort: each for sort, each in scores.items() if len(each)}, allowed), 300, alt, curves)


def draw_scores(
    last: Mapping[Sort, Detected],
    alarms: Mapping[Sort, Alarms],
    threshold: float,
    slot: DeltaGenerator,
    **clicks: Any,
) -> None:
    """Draw the score of each digit; with ``clicks``, options of the chart, a click opens the digit."""
    said = "; ".join(f"{SORTS[sort][0]}: {each.raised} alarms" for sort, each in alarms.items())
    alt = f"The detector's score of each digit; a dashed line at the threshold {short(threshold)}. {said}"
    chart = scores_chart({sort: each.scores for sort, each in last.items()}, threshold, page.value.digit)
    vega_chart(chart, 300, alt, slot, **clicks)


def clicked() -> None:
    """Open the digit whose score was clicked."""
    found = st.session_state.detection_ticks.selection.get("digit") or []
    if found:
        page.set(digit=int(found[0]["digit"]))


def shown(area: float | None) -> str:
    return "–" if area is None else f"{area:.2f}"


def cells(sort: Sort, alarms: Alarms) -> tuple[str, ...]:
    """A row of the table of counts; see `HEAD`."""
    return SORTS[sort][0], str(alarms.misread), str(alarms.raised), f"**{alarms.unnoticed}**", shown(alarms.area)


def show_digit(row: PictureRow, sort: Sort, found: Detected, threshold: float) -> None:
    """Draw the chosen digit of that sort, with what the classifier and the detector say."""
    place = min(page.value.digit, len(found.said) - 1)
    wrong, score = bool(found.misread[place]), float(found.scores[place])
    line = f"score {short(score)}\n{'alarm' if score > threshold else 'no alarm'}"
    row.show(sort, ink(found.pixels[place] / 255, 8), f"{'⚡ ' if wrong else ''}“{found.said[place]}”", line)


def show_verdict(slot: DeltaGenerator, alarms: Mapping[Sort, Alarms]) -> None:
    """Compare both attacks in a sentence, and say what the detector makes of noise."""
    plain, aware = alarms["plain"], alarms["aware"]
    if not plain.misread or not aware.misread:
        which = "The plain attack" if not plain.misread else "The adaptive attack"
        note(slot, f"{which} fools the network on no digit at these settings. Raise ε, or lower the weight c.")
        return
    text = (
        f"Of {DIGITS} digits, the plain attack fools the network on {plain.misread} (AUC {shown(plain.area)}), and "
        f"**{plain.unnoticed}** of these raise no alarm. The adaptive attack fools it on {aware.misread} (AUC "
        f"{shown(aware.area)}), and **{aware.unnoticed}** raise no alarm."
    )
    noise = alarms["noise"].area
    if noise is not None and noise >= DETECTS_NOISE:
        text += f" Mere noise has an AUC of {shown(noise)}: what this detector recognises is noise, harmful or not."
    if 2 * aware.unnoticed >= DIGITS:
        fooled(slot, f"**Network and detector are fooled.** {text}")
    else:
        held(slot, f"**The detector holds at these settings.** {text}")


def detector_formula() -> None:
    """Show the objective of the adaptive attack, as it has just run."""
    settings = page.value
    st.markdown("**The adaptive attack on a detector**")
    st.latex(
        r"\delta^* = \operatorname*{argmax}_{\delta\in\mathcal{B}_\varepsilon^\infty}\ "
        r"\min\big(m(x+\delta),\ \kappa\big) - c\,\operatorname{dist}\big(d(x+\delta),\ I\big)"
    )
    prose(
        r"$m = \max_{i \ne y} z_i - z_y$ is the **margin** with the other sign: above 0 the network is fooled, and "
        f"from κ = {CONFIDENCE:g} on it does not count any more. d is the detector's score. The second term is the "
        "distance of the score from I, an interval in which the scores of many untouched digits lie. It is one more "
        "term of L, with "
        f"the weight c = {settings.weight:g}: for such an attacker, a detector is a part of the network, too. Here "
        f"ε = {settings.level}/255."
    )


def measured_beforehand() -> None:
    """Show the figures that come with the detectors."""
    measured = figures()
    names = {"noise": SORTS["noise"][0], "plain": SORTS["plain"][0], "aware": SORTS["aware"][0]}

    def said(row: Mapping[str, object]) -> str:
        area = row["auc"]
        return f"{'–' if area is None else f'{area:.2f}'} ({row['fools']:.0%})"

    rows: dict[tuple[str, int], list[str]] = {}
    for each in measured["measured"]:
        name = DETECTORS[each["detector"]] + (f", {each['bits']} bit" if "bits" in each else "")
        rows.setdefault((name, each["eps"]), []).append(said(each))
    weights = sorted({each["weight"] for each in measured["measured"] if each["attack"] == "aware"})
    head = ("detector", "ε · 255", names["noise"], names["plain"], *(f"adaptive, c = {weight:g}" for weight in weights))
    with st.expander(f"Measured beforehand on {measured['digits']} digits"):
        st.markdown("The AUC, and in brackets the share of digits that the classifier misreads.")
        table(head, [(name, str(level), *found) for (name, level), found in rows.items()])
        st.caption(f"`{measured['command']}` measures these figures.")
