"""Section 3: features, not bugs. A training on nothing but wrong labels."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.relabelling import Trial, figures
from pages.lessons.why.feature_charts import CONTROL, MOVED, accuracy_chart
from pages.lessons.why.feature_tasks import HELD_OUT, RelabelledTraining, TrainRelabelled
from pages.lessons.why.settings import ATTACKED, FEATURE_EPOCHS, FEATURE_IMAGES, FEATURE_NORMS, RULES, page
from pages.widgets.digits import ink, share
from pages.widgets.glossary import prose
from pages.widgets.lesson import pictures, skeleton, slots, table, vega_chart
from pages.widgets.live import follow_each
from pages.widgets.run_this import is_wanted
from pages.widgets.verdict import fooled, held

HEIGHT = 330
NAMES = {"moved": "digits moved by the attack", "control": "digits with noise of the same ε"}
# Test accuracy on CIFAR-10, as the authors of the paper give it for their two data sets:
# https://github.com/MadryLab/constructed-datasets
CIFAR = {"other": "63 %", "next": "44 %"}
STYLE = """<style>
.st-key-why_features {min-height: 26rem}
</style>"""


def show_features(_: None) -> Iterator[None]:
    st.subheader("3 · Features, not bugs", anchor="features")
    st.html(STYLE)
    prose(
        "Move each training digit a little **towards another class**, and give it the label of that class. To a person "
        "every label is now wrong: the strokes have not changed. Train a fresh network on these digits alone. If "
        "perturbations were mere bugs of one network, there would be nothing to learn. If they hold **non-robust "
        "features** of the class, the network can read digits that nobody has touched (Ilyas et al., 2019)."
    )
    show_controls()
    progress, examples, chart, told = slots("why_features", 4)
    skeleton(chart, HEIGHT, "Accuracy on untouched digits, not yet computed")
    works = {"moved": page.value.relabelled(), "control": page.value.relabelled(noise=True)}
    wanted = is_wanted("run_features", tuple(works.values()), "about 20 seconds", progress)
    show_search()
    yield
    yield  # the short computations of the other sections come first
    if wanted:
        follow_features(works, progress, examples, chart, told)


def show_controls() -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        page.choice("feature_norm", "Norm of the perturbation", FEATURE_NORMS)
        if page.value.feature_norm == "l2":
            page.control("l2_eps", st.slider, "ε, the length of δ (black is 0, white is 1)", 0.5, 3.0, step=0.5)
        else:
            page.control("linf_eps", st.slider, "ε, the largest change of a pixel", 0.05, 0.3, step=0.05)
    with right:
        page.choice("rule", "New label", RULES)
        page.choice("attacked", "Network that the attack sees", ATTACKED)


def follow_features(
    works: Mapping[str, TrainRelabelled],
    progress: DeltaGenerator,
    examples: DeltaGenerator,
    chart: DeltaGenerator,
    told: DeltaGenerator,
) -> None:
    colours = {"moved": MOVED, "control": CONTROL}

    def draw(found: dict[str, list[RelabelledTraining]], now: str) -> None:
        last = found[now][-1]
        done = (
            f"epoch {last.epoch:.1f} of {FEATURE_EPOCHS}"
            if last.epoch
            else f"{last.moved} of {FEATURE_IMAGES} digits are changed"
        )
        progress.markdown(f"Training on {NAMES[now]}: {done}")
        shown = [(NAMES[key], colours[key], judged(found.get(key, ()))) for key in works]
        told = [f"{name}: {share(points[-1][1])}" for name, _, points in shown if points]
        vega_chart(
            accuracy_chart(shown, FEATURE_EPOCHS), HEIGHT, "Accuracy on untouched digits. " + "; ".join(told), chart
        )
        if now == "moved" and last.accuracy is not None:
            show_examples(found["moved"], examples)

    found = follow_each("features", works, draw, progress.info)
    if found is None:
        return
    progress.caption("Each digit was moved towards the label below it. What would you have written there?")
    show_verdict(works["moved"], found["moved"], found["control"], told)


def judged(records: Sequence[RelabelledTraining]) -> list[tuple[float, float]]:
    """The (epoch, accuracy) of the records that have one."""
    return [(record.epoch, record.accuracy) for record in records if record.accuracy is not None]


def beginning(records: Sequence[RelabelledTraining]) -> RelabelledTraining:
    """The first record of the training, with the examples."""
    return next(record for record in records if len(record.examples))


def show_examples(records: Sequence[RelabelledTraining], slot: DeltaGenerator) -> None:
    first = beginning(records)
    with slot.container():
        pictures(
            *(
                (ink(pixels / 255, 4), f"label **{label}**", f"A moved digit {true} with the label {label}")
                for pixels, label, true in zip(first.examples, first.labels, first.true, strict=True)
            ),
            width=88,
        )


def show_verdict(
    work: TrainRelabelled,
    moved: Sequence[RelabelledTraining],
    control: Sequence[RelabelledTraining],
    slot: DeltaGenerator,
) -> None:
    first, right, by_noise = beginning(moved), judged(moved)[-1][1], judged(control)[-1][1]
    text = (
        f"The network has never seen a right label, and reads **{share(right)}** of {HELD_OUT} untouched test digits. "
        f"The control, with noise of the same ε and the same labels, reads {share(by_noise)}. The network that was "
        f"attacked reads {share(first.reached)} of the moved digits as their new label. A robust network still reads "
        f"{share(first.kept)} of them as what they are, so the strokes have hardly changed."
    )
    if right > 0.2:
        fooled(slot, f"**There was something to learn.** {text}")
    else:
        held(slot, f"**Hardly anything was learnt from the perturbation.** {text}{reason(work)}")


def reason(work: TrainRelabelled) -> str:
    if work.rule == "next":
        return (
            " With the rule y + 1, the strokes explain the new label too: they are the easier feature, and the network "
            "answers y + 1 to an untouched y."
        )
    return " Try a larger ε."


def show_search() -> None:
    trials = figures()
    best = max(trials, key=lambda each: each["accuracy"])
    most = max(each["control"] for each in trials)
    robust = [each["accuracy"] for each in trials if each["source"] != "standard"]
    followed = [each["accuracy"] for each in trials if each["rule"] == "next"]
    prose(
        f"A search with {len(trials)} such trainings, on {Trial.images} digits or more, found up to "
        f"**{share(best['accuracy'])}** on all 10\u202f000 test digits. The control never exceeded {share(most)}: it "
        "learns only that the true class is never the label, and so it does worse than guessing. A robust network as "
        f"the source gives {share(max(robust))} at most: its perturbations hold hardly any non-robust features."
    )
    prose(
        f"The authors of the paper trained on photographs in this way, and read {CIFAR['other']} of CIFAR-10, and "
        f"{CIFAR['next']} where each label was y + 1 "
        "([their figures](https://github.com/MadryLab/constructed-datasets)). On MNIST the second rule leaves "
        f"{share(min(followed))} to {share(max(followed))}. Here digits are a hard place: their strokes are large and "
        "simple, and explain nearly everything. With y + 1 they explain the wrong label as well as the perturbation "
        "does, and the network learns the strokes."
    )
    with st.expander("All trials of the search"):
        table(
            ("attack", "new label", "untouched digits read", "control", "new label reached", "old label kept"),
            rows(trials),
        )
        st.caption(
            "Seeds 0 and 1 side by side where there are two. New label reached: moved digits that the attacked "
            "network reads as their new label. Old label kept: moved digits that a robust network (ε = 0.3) reads as "
            "their true class. Printed by `python -m adv_core.relabelling`."
        )


def rows(trials: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The rows of the table: trials that differ in their seed alone share one."""
    grouped: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for each in trials:
        key = tuple(each[name] for name in ("source", "norm", "eps", "rule", "images"))
        grouped.setdefault(key, []).append(each)
    return [
        (
            f"{FEATURE_NORMS[norm]}, ε = {eps:g}, on {ATTACKED[source]}, {images} digits",
            RULES[rule],
            *(
                ", ".join(share(each[name]) for each in group)
                for name in ("accuracy", "control", "reached", "old label kept")
            ),
        )
        for (source, norm, eps, rule, images), group in grouped.items()
    ]
