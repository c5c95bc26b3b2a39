"""Lesson: linear models, for which the worst δ and the robust model have a closed form."""

from collections.abc import Iterator

import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from adv_core.classical import Standing
from adv_core.linear import Epoch, worst_case
from pages.lessons.linear_models.argument import why_no_search
from pages.lessons.linear_models.charts import square, training_chart
from pages.lessons.linear_models.measured import (
    digits,
    error_curve,
    never_inked,
    noise_error,
    power_in_box,
    standings,
    test_error,
    trained,
    training,
)
from pages.lessons.linear_models.one_digit import one_digit
from pages.lessons.linear_models.program import in_python
from pages.lessons.linear_models.remembered import Remembered
from pages.lessons.linear_models.settings import (
    FITTED,
    LECTURE_EPS,
    QUERIES,
    ROBUST,
    SAMPLE,
    SEEDS,
    STANDARD,
    TESTED,
    Settings,
    page,
)
from pages.lessons.linear_models.texts import TEXTS
from pages.widgets.charts import curve
from pages.widgets.digits import ink, sheet, signed
from pages.widgets.lesson import Lesson, chart, pictures, table, vega_chart
from pages.widgets.stage import show_picture


def watch(
    slot: DeltaGenerator, course: Remembered[Epoch], epochs: int, colour: str, limits: tuple[float, float]
) -> Epoch:
    """Draw the loss after every epoch as it comes. Return the last epoch."""
    losses: list[float] = []
    known = course.ended
    for epoch in course:
        losses.append(epoch.loss)
        if known and epoch.index < epochs:
            continue
        vega_chart(
            training_chart(losses, epochs, limits, colour),
            230,
            f"Training loss, from {losses[0]:.2g} before training to {losses[-1]:.2g} after {epoch.index} epochs",
            slot,
        )
    return epoch


def share(part: float) -> str:
    """An error for people, with the number of wrong digits."""
    return f"{part:.4f} ({round(part * TESTED)} of {TESTED})"


def train_it(_: None) -> None:
    st.subheader("1 · Train it, now", anchor=False)
    st.markdown(
        "Handwritten zeros and ones, 784 pixels each. A linear classifier gives every pixel a weight, adds up, and "
        "says “1” if the sum h(x) = θᵀx + b is above zero. The chance that it gives a 1 is p(1) = σ(h(x)). This is "
        "**logistic regression**; here it learns from 12665 digits."
    )
    left, right = st.columns([3, 2], gap="medium")
    with left:
        slot = st.empty()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            page.control(
                "seed", st.number_input, "Seed", 0, 99, width=140, help="Of the first θ and the order of the data."
            )
            again = {"seed": (page.value.seed + 1) % 100}
            st.button("Train again, other seed", on_click=page.set, kwargs=again, icon=":material/refresh:")
    note = st.empty()
    seed = page.value.seed
    last = watch(slot, training(seed), 10, STANDARD, (0.001, 1))
    clean = test_error(seed, 0.0, 0.0, False)
    theta = last.model.theta
    with right:
        st.metric("Wrong on test digits", f"{round(clean * TESTED)} of {TESTED}", border=True)
        pictures(
            (
                signed(square(theta), float(theta.abs().quantile(0.99)), 5),
                f"θ, one weight a pixel. Orange speaks for a 1, blue for a 0. ‖θ‖₁ = {float(theta.abs().sum()):.1f}",
                "The weights as a picture: an orange stroke down the middle, inside a blue ring",
            )
        )
    note.caption(f"Seed {seed}. Error {clean:.4f}: ten passes over the data, batches of 100, step size 1.")


def worst_delta(_: None) -> Iterator[None]:
    st.subheader("2 · The worst δ, without a search", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        page.control(
            "eps",
            st.slider,
            "ε: how far each pixel may move (black is 0, white is 1)",
            0.0,
            0.5,
            step=0.01,
            width=420,
        )
        page.control(
            "box", st.toggle, "Keep pixels in [0, 1]", help="Without it, x + δ may leave what a picture can show."
        )
    place = st.container()
    yield
    with place:
        show_worst(page.value)
        show_digits(page.value)


def show_worst(settings: Settings) -> None:
    eps, box, model = settings.eps, settings.box, trained(settings.seed)
    wrong = test_error(settings.seed, 0.0, eps, box)
    noisy = noise_error(settings.seed, eps, box)
    for_one, for_zero = (worst_case(model.theta, torch.tensor([label]), eps)[0] for label in (1, 0))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        (st.warning if wrong > 0.5 else st.info)(
            f"Under δ\\*, ε = {eps:g}, the error is **{share(wrong)}**. Under random noise of the same size it is "
            f"{share(noisy)}.",
            icon=":material/bolt:",
        )
        st.markdown(
            "δ\\* is *one* picture for all zeros, and its negative for all ones. It was not searched: one line of "
            "algebra gives it, and section 3 shows which."
        )
        st.caption(
            "Shown as 0.5 + δ, not amplified: each pixel moves by exactly ε. The speckle at the border: "
            f"{never_inked()} pixels are black in every training digit, so their weights are still the random ones "
            "from before training. The attack uses them, too."
        )
    with right:
        pictures(
            (
                ink(0.5 + square(for_zero), 5),
                "δ\\* for every 0: look for the 1 in it",
                "The worst perturbation for a zero, around grey: a faint bright stroke in the middle",
            ),
            (
                ink(0.5 + square(for_one), 5),
                "δ\\* for every 1: look for the 0",
                "The worst perturbation for a one, around grey: a faint bright ring",
            ),
        )


def show_digits(settings: Settings) -> None:
    """Show the first test digits, untouched and under δ*."""
    eps, box, model, data = settings.eps, settings.box, trained(settings.seed), digits("test")
    first = slice(0, 20)
    x, y = data[first].images, data.labels[first]
    delta = worst_case(model.theta, y, eps, x if box else None).view_as(x)
    for name, shown in (("untouched", x), (f"under the worst δ, ε = {eps:g}", x + delta)):
        mistakes = (model(shown).argmax(1) != y).tolist()
        st.markdown(
            f"**The first 20 test digits, {name}**: {sum(mistakes)} wrong{' (orange)' if any(mistakes) else ''}"
        )
        show_picture(
            sheet(shown[:, 0].numpy(), mistakes, 10),
            f"Twenty test digits, {name}; {sum(mistakes)} of them are classified wrongly",
        )
    if not box:
        st.caption("What lies below 0 or above 1 is drawn black or white: such values exist in the formula only.")


def train_against_it(_: None) -> Iterator[None]:
    st.subheader("4 · Train against it", anchor=False)
    st.markdown(
        "Line 5 is code: subtract ε‖θ‖₁ from y·h before the loss, and train. It looks like the ℓ1 penalty you may "
        "know, but sits *inside* Ψ: digits that are far on the right side do not feel it."
    )
    left, right = st.columns([3, 2], gap="medium")
    with left:
        slot = st.empty()
    with right:
        page.control("against", st.slider, "ε to train against", 0.05, 0.3, step=0.05)
    place = st.container()
    yield
    settings, standard = page.value, trained(page.value.seed)
    robust = watch(slot, training(settings.seed, settings.against), 20, ROBUST, (0.01, 10)).model
    norms = [float(model.theta.abs().sum()) for model in (standard, robust)]
    with right:
        st.metric(
            "‖θ‖₁ after robust training",
            f"{norms[1]:.1f}",
            f"{norms[1] - norms[0]:.1f}",
            delta_color="off",
            border=True,
        )
        st.caption(f"Before: {norms[0]:.1f}. Twenty epochs, step size 0.1, seed {settings.seed}.")
    with place:
        limit = float(standard.theta.abs().quantile(0.99))
        pictures(
            (
                signed(square(standard.theta), limit, 5),
                f"θ, standard: ‖θ‖₁ = {norms[0]:.1f}",
                "Weights of the standard model: strong, speckled, with a random border",
            ),
            (
                signed(square(robust.theta), limit, 5),
                f"θ, robust: ‖θ‖₁ = {norms[1]:.1f}",
                "Weights of the robust model: an orange stroke between two blue patches, nearly nothing elsewhere",
            ),
        )
        st.caption("On one colour scale. What robust training keeps is what you would look at yourself.")
        show_price(settings)


def show_price(settings: Settings) -> None:
    """Show the errors of both models, at this ε and at all others."""
    eps, box = settings.eps, settings.box
    rows = [
        (name, test_error(settings.seed, against, 0.0, False), test_error(settings.seed, against, eps, box))
        for name, against in (("standard", 0.0), ("robust", settings.against))
    ]
    table(
        ("model", "error, untouched", f"error under ε = {eps:g}"),
        [(name, share(clean), f"**{share(attacked)}**") for name, clean, attacked in rows],
    )
    grid, curve_standard = error_curve(settings.seed, 0.0, box)
    _, curve_robust = error_curve(settings.seed, settings.against, box)
    chart(
        curve(
            [("standard", grid, curve_standard, STANDARD), ("robust", grid, curve_robust, ROBUST)],
            x_title=f"ε{' (pixels kept in [0, 1])' if box else ''}",
            y_title="error on the test digits",
            y_range=(0, 1.02),
            mark=eps,
        ),
        "error_curve",
        f"Error against ε: at {eps:g} the standard model has {rows[0][2]:.3f}, the robust one {rows[1][2]:.3f}",
    )


def the_lectures_numbers(_: None) -> Iterator[None]:
    st.subheader("5 · The lecture's numbers, and ours", anchor=False)
    place = st.container()
    yield
    yield  # many trainings follow, so the rest of the page comes first
    with place:
        show_seeds(page.value)
        show_boxes(page.value.seed)


def show_seeds(settings: Settings) -> None:
    slot = st.empty()
    rows: list[tuple[str, ...]] = [("**the lecture**", "0.0004", "0.845", "0.025")]
    seeds = (*SEEDS, *([settings.seed] if settings.seed not in SEEDS else []))
    for seed in seeds:
        cases = ((0.0, 0.0), (0.0, LECTURE_EPS), (LECTURE_EPS, LECTURE_EPS))
        rows.append((f"seed {seed}", *(f"{test_error(seed, against, eps, False):.4f}" for against, eps in cases)))
        shown = [*rows, *((f"seed {later}", "…", "…", "…") for later in seeds[len(rows) - 1 :])]
        table(("error", "untouched", "under ε = 0.2", "robust, under ε = 0.2"), shown, slot)
    st.caption(
        "Kolter & Madry, chapter 2; the same recipe, trained on this machine. What differs is the draw of the first θ "
        "and of the batches. 1 wrong digit of 2115 is 0.00047. The attacked error of the standard model "
        "moves most from seed to seed: training ends before θ has settled, and many digits are close to turning."
    )


def show_boxes(seed: int) -> None:
    st.markdown(
        "**And with the box?** The closed form lets pixels go below black and above white. Real pictures cannot."
    )
    rows = [
        (
            name,
            *(
                f"{test_error(seed, against, eps, box, in_box):.4f}"
                for eps, box in ((0.0, False), (LECTURE_EPS, False), (LECTURE_EPS, True))
            ),
        )
        for name, against, in_box in (
            ("standard", 0.0, False),
            ("robust (line 5)", LECTURE_EPS, False),
            ("robust, trained inside the box", LECTURE_EPS, True),
        )
    ]
    table(("error, ε = 0.2", "untouched", "without the box", "in the box"), rows)
    st.caption(
        f"Seed {seed}. Most of a digit is black, and a black pixel cannot get darker: in the box, δ\\* of the standard "
        f"model keeps {100 * power_in_box(seed, LECTURE_EPS):.0f} % of its ε‖θ‖₁ on the average. So −ε‖θ‖₁ is too "
        "pessimistic for pictures, and a model trained against the δ that pictures allow gives up less on clean "
        "digits. The inner maximum is still exact: the box, like the ball, binds each pixel by itself."
    )


def other_models(_: None) -> Iterator[None]:
    settings = page.value
    st.subheader("7 · Not only deep networks", anchor=False)
    st.markdown(
        "Three models without any layers, as people used them before deep learning. The linear SVM has its own θ, so "
        "the same formula attacks it. A decision tree and the nearest neighbours have no gradient: **Square Attack** "
        f"asks them about pictures, up to {QUERIES} times a digit, and keeps what helps."
    )
    page.control("others", st.toggle, f"Train and attack them, ε = {settings.eps:g} (a few seconds)")
    if not page.value.others:
        return
    slot, status, told = st.empty(), st.empty(), st.empty()
    yield
    yield
    final: dict[str, Standing] = {}
    course = standings(settings.seed, settings.eps)
    known = course.ended
    for standing in course:
        final[standing.model] = standing
        if not known:
            status.caption(f"Asking the {standing.model}: question {standing.queries} of {QUERIES} …")
            show_standings(slot, final)
    show_standings(slot, final)
    svm = final["linear SVM"]
    status.caption(
        f"Errors on the first {SAMPLE} zeros and ones of the test set, ε = {settings.eps:g}, pixels kept in [0, 1]; "
        f"each model was fitted to the first {FITTED} training digits, seed {settings.seed}. “Borrowed δ\\*” is the "
        "logistic regression's: nobody asked the model anything. The worst case is exact for the SVM (the formula) "
        "and for the tree (every leaf that the pixels' intervals can reach); for the neighbours nobody has one as "
        "cheap."
    )
    neighbours = final["3 nearest neighbours"]
    told.markdown(
        f"The attack that only asks is a lower bound: on the SVM it finds {svm.asked:.2f}, where the formula proves "
        f"{svm.worst:.2f}. "
        + (
            f"So the neighbours' {neighbours.asked:.2f} is no proof either: it says that *this* attack, with {QUERIES} "
            "questions, found no more. On this pair of digits they do hold out longer; raise ε and look again."
            if neighbours.asked is not None and neighbours.asked < 0.2
            else ""
        )
    )


def show_standings(slot: DeltaGenerator, found: dict[str, Standing]) -> None:
    def told(part: float | None) -> str:
        return "…" if part is None else f"{part:.2f}"

    models = found.values()
    rows = [
        ("untouched", *(told(each.untouched) for each in models)),
        ("random ±ε", *(told(each.noise) for each in models)),
        ("borrowed δ\\*", *(told(each.borrowed) for each in models)),
        ("Square Attack", *(told(each.asked) for each in models)),
        ("worst case", *("unknown" if each.worst is None else told(each.worst) for each in models)),
    ]
    table(("error", *found), rows, slot)


SECTIONS = (
    train_it,
    worst_delta,
    why_no_search,
    train_against_it,
    in_python,
    the_lectures_numbers,
    one_digit,
    other_models,
)
Lesson(page, TEXTS, SECTIONS, questions_late=True).show()
