"""The section on the defender, who has the data and the network, and looks for the poison."""

from collections.abc import Iterator, Mapping

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from adv_core.defences.backdoors import anomaly_indices
from pages.lessons.poisoning.charts import scatter, sizes_chart
from pages.lessons.poisoning.settings import SEARCH, VICTIMS, page
from pages.lessons.poisoning.tasks import (
    FindSuspects,
    FineTune,
    PoisonedTraining,
    SearchTrigger,
    Suspects,
    TrainPoisoned,
    TriggerStep,
    Tuned,
)
from pages.widgets.digits import ink, share
from pages.widgets.glossary import prose
from pages.widgets.lesson import pictures, skeleton, slots, table, vega_chart
from pages.widgets.live import follow, follow_each, job_for
from pages.widgets.run_this import is_wanted

INFECTED = 2.0  # Wang et al. call a class with a larger anomaly index infected


def the_defender(_: object) -> Iterator[None]:
    st.subheader("3 · Can the defender find it?", anchor="defender")
    prose(
        "Four methods, with what each of them needs. **Spectral signatures** and **activation clustering** look at the "
        "training digits with the attacker's label, in the 100 numbers before the network's last layer. **Neural "
        "Cleanse** has only the network: it searches for the smallest pattern that turns every digit into one class. "
        "**Fine-tuning** trains the network further on clean digits. Here we know which digits are poisoned, so the "
        "hits can be counted."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        page.choice("victim", "Network to examine", VICTIMS)
    with right:
        page.control(
            "clean_digits", st.select_slider, "Clean digits for fine-tuning", [200, 500, 1000, 2000, 5000, 10_000]
        )
    settings = page.value
    training = settings.training(settings.victim)
    progress, plane, sizes, pattern, summary = slots("poisoning_defender", 5)
    skeleton(plane, 300, "not yet computed")
    wanted = is_wanted("run_defender", (training, settings.clean_digits), "about half a minute", progress)
    yield
    if wanted:
        follow_defender(training, progress, plane, sizes, pattern, summary)


def follow_defender(
    training: TrainPoisoned,
    progress: DeltaGenerator,
    plane: DeltaGenerator,
    sizes: DeltaGenerator,
    pattern: DeltaGenerator,
    summary: DeltaGenerator,
) -> None:
    poison = training.poison

    def wait(records: list[PoisonedTraining]) -> None:
        progress.markdown(f"Training on the poisoned data: {records[-1].done:.0%}")

    trained = follow(job_for("victim", training), wait, progress.info)
    if trained is None:
        return
    weights = trained[-1].weights
    found = follow(job_for("suspects", FindSuspects(poison, weights)), waiting=progress.info)
    if found is None:
        return
    suspects = found[-1]
    show_plane(suspects, poison.target, plane)
    works = {digit: SearchTrigger(weights, digit, SEARCH) for digit in range(10)}

    def draw(steps: dict[int, list[TriggerStep]], digit: int) -> None:
        ended = [steps[each][-1].size if each in steps and steps[each][-1].done == 1 else None for each in range(10)]
        told = "; ".join(f"{each}: {size:.1f}" for each, size in enumerate(ended) if size is not None)
        alt = f"Pixels of the smallest trigger that was found for each class. {told}"
        vega_chart(sizes_chart(ended, poison.target), 240, alt, sizes)
        progress.markdown(f"Neural Cleanse: class {digit}, {steps[digit][-1].done:.0%}")

    steps = follow_each("smallest trigger", works, draw, progress.info)
    if steps is None:
        return
    triggers = {digit: records[-1] for digit, records in steps.items()}
    show_pattern(triggers[poison.target], training, pattern)

    def tune(records: list[Tuned]) -> None:
        progress.markdown(f"Fine-tuning: epoch {records[-1].epoch:.1f}")

    tuned = follow(job_for("tune", FineTune(poison, weights, page.value.clean_digits)), tune, progress.info)
    if tuned is not None:
        progress.empty()
        show_summary(trained[-1], suspects, triggers, tuned[-1], poison.target, summary)


def show_plane(suspects: Suspects, target: int, slot: DeltaGenerator) -> None:
    count = int(suspects.poisoned.sum())
    alt = (
        f"{len(suspects.poisoned)} training digits with the label {target} in the plane of their first two principal "
        f"components; {count} of them are poisoned. A grey outline marks those in the smaller cluster."
    )
    with slot.container():
        st.markdown(
            f"**The training digits with the label “{target}”**, in the two directions in which their features vary "
            "most. Triangles are poisoned. A grey outline marks the smaller of two clusters."
        )
        vega_chart(scatter(suspects.places, suspects.poisoned, suspects.cluster), 300, alt)


def show_pattern(found: TriggerStep, training: TrainPoisoned, slot: DeltaGenerator) -> None:
    true = training.poison.trigger.stamp(torch.zeros(28, 28)).numpy()
    with slot.container():
        pictures(
            (ink(true, 6), "The attacker's trigger", "The attacker's trigger on an empty picture"),
            (
                ink(found.mask * found.pattern, 6),
                f"Found: {found.size:.1f} pixels",
                "The smallest pattern that was found",
            ),
        )
        st.caption(
            f"The pattern that Neural Cleanse found turns {found.rate:.0%} of the test digits into "
            f"“{training.poison.target}”. The search minimises the loss towards the class plus λ times the size of the "
            "mask: it is a universal patch whose place and shape are variables, too."
        )


def show_summary(
    before: PoisonedTraining,
    suspects: Suspects,
    triggers: Mapping[int, TriggerStep],
    after: Tuned,
    target: int,
    slot: DeltaGenerator,
) -> None:
    """Count what each method found."""
    count = int(suspects.poisoned.sum())

    def hits(marked: np.ndarray) -> tuple[str, str]:
        right = int((marked & suspects.poisoned).sum())
        return f"{right} of {count} poisoned digits", f"{int(marked.sum()) - right} clean digits are suspected, too"

    reached = {digit: step.size for digit, step in triggers.items() if step.rate >= 0.95}
    sizes = torch.tensor([triggers[digit].size for digit in range(10)])
    indices = anomaly_indices(sizes)
    infected = [str(digit) for digit in reached if indices[digit] > INFECTED]
    alarm = f"class {', '.join(infected)} is suspected" if infected else "no class is suspected"
    rows = [
        ("spectral signatures", "data and network", *hits(suspects.spectral)),
        ("activation clustering", "data and network", *hits(suspects.cluster)),
        (
            "Neural Cleanse",
            "network, some digits",
            alarm,
            f"anomaly index of “{target}”: {float(indices[target]):.1f} (suspicious above {INFECTED:g})",
        ),
        (
            "fine-tuning",
            "network, clean digits",
            f"the trigger works on {share(after.success or 0)} (before: {share(before.success or 0)})",
            f"error without the trigger: {share(after.error or 0)} (before: {share(before.error or 0)})",
        ),
    ]
    with slot.container():
        table(("method", "needs", "result", "cost"), rows)
