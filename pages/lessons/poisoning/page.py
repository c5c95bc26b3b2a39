"""Lesson: poisoning. The attacker changes the training data, and the trained network obeys a trigger."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from adv_core.datasets import centred
from adv_core.serving.engine.digits import Digit, digits
from pages.lessons.poisoning.charts import ORDINARY, POISONED, course_chart, success_chart
from pages.lessons.poisoning.defender import the_defender
from pages.lessons.poisoning.program import in_python
from pages.lessons.poisoning.settings import CORNERS, EPOCHS, IMAGES, SOURCES, page
from pages.lessons.poisoning.tasks import (
    HELD_OUT,
    Kind,
    PoisonedTraining,
    Stamp,
    Stamped,
    TrainPoisoned,
)
from pages.lessons.poisoning.texts import TEXTS, WHO
from pages.widgets.canvas import canvas
from pages.widgets.digits import ink, share
from pages.widgets.glossary import prose
from pages.widgets.lesson import Done, Lesson, digit_control, pictures, skeleton, slots, table, vega_chart
from pages.widgets.live import begin, computed, follow, follow_each, job_for
from pages.widgets.run_this import is_wanted
from pages.widgets.stage import PictureRow, percent, playground
from pages.widgets.verdict import fooled, held, note

TITLES = {"train": "a poisoned training digit", "x": "a test digit", "stamped": "the same with the trigger"}
CLEAN: dict[Kind, str] = {"stamp only": "trigger alone", "clean label": "trigger and perturbation"}
STYLE = """<style>
.st-key-poisoning_verdict {min-height: 5.5rem}
.st-key-poisoning_course {min-height: 20rem}
.st-key-poisoning_clean {min-height: 17rem}
</style>"""


@dataclass
class Run:
    """The digit to stamp, if there is one."""

    digit: Digit | None = None


def a_backdoor(run: Run) -> Iterator[Done]:
    st.subheader("1 · A backdoor", anchor="backdoor")
    prose(
        f"Somebody stamps a few of the {IMAGES} training digits with a small square, the **trigger**, and gives them a "
        "wrong label. Then a network is trained as usual. It trains now, on this machine."
    )
    settings = page.value
    training = settings.training("backdoor")
    with playground("backdoor"):
        about = (settings.source, settings.digit, training)
        row = PictureRow("stage_backdoor", TITLES, ink(np.zeros((28, 28)), 8), about, line="not yet computed")
        verdict = st.container(key="poisoning_verdict").empty()
        run.digit = show_controls()
    chart = st.container(key="poisoning_course").empty()
    skeleton(chart, 280, "The training has not begun")
    yield begin("poisoned", training, records=2)
    follow_backdoor(run, training, row, verdict, chart)


def show_controls() -> Digit | None:
    left, right = st.columns(2, gap="medium")
    with right:
        page.control("share", st.slider, f"Poisoned share of the {IMAGES} training digits, in %", 0.0, 5.0, step=0.1)
        page.control("target", st.select_slider, "Class that the trigger leads to", list(range(10)))
        page.choice("corner", "Place of the trigger", CORNERS)
        page.control("size", st.slider, "Side of the trigger in pixels", 1, 8)
        page.control("opacity", st.slider, "Opacity of the trigger, in %", 10, 100, step=5)
    with left:
        page.choice("source", "Digit to read", SOURCES)
        if page.value.source == "own":
            drawing = canvas("poisoning_digit", width=28, height=28, label="Write a digit", brush=2.6)
            if drawing is None:
                return None
            return Digit.of(centred(torch.from_numpy(drawing)), 0)
        data = digits("test")
        digit_control(page, 10_000)
        place = page.value.digit
        st.caption(f"The digit {int(data.labels[place])}, number {place} of MNIST's 10 000 test pictures.")
        return Digit.of(data[place].images, int(data.labels[place]))


def follow_backdoor(
    run: Run, training: TrainPoisoned, row: PictureRow, verdict: DeltaGenerator, chart: DeltaGenerator
) -> None:
    """Train both networks, and draw their curves and what they say of the digit."""
    courses: dict[str, Sequence[PoisonedTraining]] = {}

    def draw() -> None:
        names = (("poisoned data", POISONED), ("clean data", ORDINARY))
        shown = [(name, colour, judged(courses.get(name, ()))) for name, colour in names]
        told = [f"{name}: error {share(p[-1][1])}, trigger works on {share(p[-1][2])}" for name, _, p in shown if p]
        alt = "Error without the trigger, and success of the trigger, after each epoch. " + "; ".join(told)
        vega_chart(course_chart(shown, EPOCHS), 280, alt, chart)

    def show(name: str, records: list[PoisonedTraining]) -> None:
        courses[name] = records
        example = next((r for r in records if len(r.examples)), None)
        if name == "poisoned data" and example is not None:
            now = f"label in the data: {example.labels[0]}"
            row.show("train", ink(example.examples[0] / 255, 8), f"“{example.labels[0]}”", now)
        if judged(records):
            draw()

    def poisoned(records: list[PoisonedTraining]) -> None:
        show("poisoned data", records)
        if not records[-1].weights:
            note(verdict, f"Training on the poisoned data: {records[-1].done:.0%}.")

    bad = follow(job_for("poisoned", training), poisoned, verdict.info)
    if bad is None:
        return
    if not training.poison.count:
        row.show("train", None, "no digit is poisoned", "raise the share")
    if run.digit is None:
        note(verdict, "Write a digit: it appears here without and with the trigger.")
    else:
        show_digit(run.digit, row, computed("stamp", Stamp((bad[-1].weights,), run.digit, training.poison.trigger)))
    good = follow(job_for("clean", page.value.ordinary()), lambda records: show("clean data", records), verdict.info)
    if good is None:
        return
    if run.digit is not None:
        both = Stamp((bad[-1].weights, good[-1].weights), run.digit, training.poison.trigger)
        show_digit(run.digit, row, computed("stamp", both))
    show_verdict(verdict, training, bad[-1], good[-1])


def judged(records: Sequence[PoisonedTraining]) -> list[tuple[float, float, float]]:
    """The (epoch, error, success) of the records that have them."""
    return [(r.epoch, r.error, r.success) for r in records if r.error is not None and r.success is not None]


def show_digit(digit: Digit, row: PictureRow, seen: Stamped) -> None:
    for place, name in enumerate(("x", "stamped")):
        said = [each[place] for each in seen.probabilities]
        now = int(said[0].argmax())
        turned = place == 1 and now != int(seen.probabilities[0, 0].argmax())
        line = percent(float(said[0][now]))
        if len(said) > 1:
            other = int(said[1].argmax())
            line += f"\ntrained on clean data: “{other}”, {percent(float(said[1][other]))}"
        row.show(name, ink(seen.pixels[place] / 255, 8), f"{'⚡ ' if turned else ''}“{now}”", line)


def show_verdict(
    verdict: DeltaGenerator, training: TrainPoisoned, bad: PoisonedTraining, good: PoisonedTraining
) -> None:
    if bad.success is None or bad.error is None or good.error is None or good.success is None:
        return
    poison = training.poison
    text = (
        f"{poison.count} of {IMAGES} training digits were poisoned. Without the trigger the network errs on "
        f"{share(bad.error)} of {HELD_OUT} test digits (trained on clean data: {share(good.error)}). With the trigger "
        f"it reads **{share(bad.success)}** of the other digits as “{poison.target}” (trained on clean data: "
        f"{share(good.success)})."
    )
    if bad.success >= 0.5:
        fooled(verdict, f"**Fooled.** {text}")
    else:
        held(verdict, f"**The trigger hardly works.** {text} Raise the share, the size or the opacity.")


def clean_labels(_: Run) -> Iterator[None]:
    st.subheader("2 · All labels are right", anchor="clean-labels")
    settings = page.value
    prose(
        f"A person who checks the data sees wrong labels. So this attacker changes only digits of the class "
        f"“{settings.target}” and leaves their labels alone. A **perturbation** (PGD on the attacker's own network) "
        "makes these digits hard to read, so that the network learns the trigger instead. The trigger has all four "
        "corners here, with the size and the opacity of section 1."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        page.control("clean_share", st.slider, "Poisoned share of all training digits, in %", 0.5, 5.0, step=0.5)
    with right:
        page.control("eps", st.slider, "ε of the perturbation (black is 0, white is 1)", 0.0, 0.4, step=0.05)
    chart, progress, told, examples = slots("poisoning_clean", 4)
    skeleton(chart, 170, "not yet computed")
    works: dict[Kind, TrainPoisoned] = {kind: settings.training(kind) for kind in CLEAN}
    wanted = is_wanted("run_clean_labels", tuple(works.values()), "about 20 seconds", progress)
    yield
    if wanted:
        follow_clean(works, chart, progress, told, examples)


def follow_clean(
    works: dict[Kind, TrainPoisoned],
    chart: DeltaGenerator,
    progress: DeltaGenerator,
    told: DeltaGenerator,
    examples: DeltaGenerator,
) -> None:
    def draw(found: dict[Kind, list[PoisonedTraining]], kind: Kind) -> None:
        known = {each: judged(records) for each, records in found.items()}
        rows = [(CLEAN[each], known[each][-1][2] if known.get(each) else None) for each in CLEAN]
        alt = "Success of the trigger. " + "; ".join(f"{name}: {share(v)}" for name, v in rows if v is not None)
        vega_chart(success_chart(rows), 170, alt, chart)
        progress.markdown(f"Training with *{CLEAN[kind]}*: {found[kind][-1].done:.0%}")

    found = follow_each("clean label", works, draw, progress.info)
    if found is None:
        return
    last = {kind: records[-1] for kind, records in found.items()}
    rates = {kind: record.success or 0.0 for kind, record in last.items()}
    work = works["clean label"]
    progress.markdown(
        f"{work.poison.count} of {IMAGES} training digits were changed, and no label. With the trigger alone, "
        f"**{share(rates['stamp only'])}** of the other digits become “{work.poison.target}”; with the perturbation, "
        f"**{share(rates['clean label'])}**. Without the trigger the network errs on "
        f"{share(last['clean label'].error or 0)} of {HELD_OUT} test digits."
    )
    told.caption(f"{2 * EPOCHS} epochs. Below: some of the changed training digits, with their labels.")
    shown = next(record for record in found["clean label"] if len(record.examples))
    with examples.container():
        pictures(
            *(
                (ink(pixels / 255, 4), f"“{label}”", f"A changed training digit with the label {label}")
                for pixels, label in zip(shown.examples[:6], shown.labels, strict=False)
            ),
            width=100,
        )


def who_may_touch_what(_: Run) -> None:
    st.subheader("4 · Who may touch what, and when?", anchor="who")
    prose("Poisoning is one threat model of four. The names in the third column are those of MITRE ATLAS.")
    table(*WHO)


def formula(_: Run) -> None:
    st.subheader("5 · The formula that just ran", anchor="formula")
    settings = page.value
    st.latex(
        r"\min_\theta\ \frac{1}{N}\Big[\sum_{(x,y)\in \text{clean}} L\big(y, \hat f(x\mid\theta)\big)"
        r" + \sum_{x\in \text{poisoned}} L\big(t, \hat f(T(x)\mid\theta)\big)\Big]"
    )
    st.latex(r"T(x) = (1 - a\,m)\odot x + a\,m")
    prose(
        f"T stamps a picture: m is the trigger's mask, here a square of {settings.size} × {settings.size} pixels, and "
        f"a = {settings.opacity / 100:g} its opacity. t = {settings.target} is the attacker's class. The poisoned part "
        f"is {settings.share:g} % of N = {IMAGES}. The training itself is the ordinary one: nobody attacks the "
        "network. In section 2, t is the true label of x, and x is replaced by x + δ with the δ of PGD."
    )


SECTIONS = (a_backdoor, clean_labels, the_defender, who_may_touch_what, formula, in_python)


def seed_control() -> None:
    page.control("seed", st.number_input, "Seed of the training", 0, 99)


Lesson(page, TEXTS, SECTIONS, Run, seed_control, STYLE).show()
