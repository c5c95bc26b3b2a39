"""Lesson: adversarial training. The same small network trained twice: what it gains, and what it costs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from adv_core.datasets import as_digit, centred
from adv_core.decoding import ImageError, open_image
from adv_core.networks.digit_network import checkpoint
from adv_core.serving.engine.digits import CurvePoint, Digit, ErrorCurve, Model, digits
from adv_core.training import Recipe
from pages.lessons.adversarial_training.charts import surface
from pages.lessons.adversarial_training.loop import one_step_slowly
from pages.lessons.adversarial_training.program import in_python
from pages.lessons.adversarial_training.settings import CURVE, EPS, INNER, SHIPPED, SOURCES, judged, page
from pages.lessons.adversarial_training.tasks import HELD_OUT, Attacked, Explore, SolvedCase, Sweep, TwoWays
from pages.lessons.adversarial_training.texts import TEXTS
from pages.lessons.adversarial_training.training import complete, courses, own_network, train_both
from pages.widgets import verdict
from pages.widgets.canvas import canvas
from pages.widgets.digits import OWN, ROBUST, STANDARD, STRONGER, error_curves, ink, share, signed
from pages.widgets.glossary import prose
from pages.widgets.lesson import Done, Lesson, digit_control, skeleton, slots, table, vega_chart
from pages.widgets.live import begin, computed, follow, follow_each, job_for
from pages.widgets.stage import PictureRow, percent, playground, show_picture

NETWORKS = ("standard", "robust")


@dataclass
class Run:
    """The digit of section 1, if there is one."""

    digit: Digit | None = None

    @property
    def model(self) -> Model:
        """The network to compare with the standard one."""
        chosen = page.value.against
        return (own_network() or "robust_01") if chosen == "own" else chosen


def prepare() -> Run:
    if page.value.against == "own" and not own_network():
        page.set(against="robust_01")
        page.tell(
            "The link compares with a network that somebody has trained. A link cannot contain a network: train your "
            "own in section 3."
        )
    return Run()


def show_judged() -> None:
    """Show the figures that the training of the two networks printed."""
    standard, robust = judged("standard"), judged("robust_01")
    for column, (name, figures, kind) in zip(
        st.columns(2),
        (("Standard training", standard, "standard"), ("Adversarial training", robust, "robust")),
        strict=True,
    ):
        column.metric(
            f"{name}: error under attack, ε = 0.1",
            share(figures["attacked"]),
            f"{share(figures['untouched'])} without an attack",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=f"All 10 000 test digits, PGD-{figures['steps']:.0f} with {figures['restarts']:.0f} restarts, by "
            f"`{checkpoint(kind if kind == 'standard' else 'robust_01').figures['command']}`.",
        )
    st.caption(
        "The two networks have the same layers with 166 406 weights, and were trained on the same data. The script of "
        "this project that trained them printed these figures. The sections below compute on this machine."
    )


def same_digit(run: Run) -> Iterator[Done]:
    show_judged()
    st.subheader("1 · One digit, attacked in two networks", anchor="two-networks")
    with playground("two_networks"):
        with st.container():
            columns = st.columns(2, gap="medium")
            rows = {name: _row(name, column) for name, column in zip(NETWORKS, columns, strict=True)}
        left, right = st.columns(2, gap="medium")
        with left:
            page.choice("source", "Digit", SOURCES)
            run.digit = chosen_digit()
        with right:
            others = {name: title for name, title in SHIPPED.items() if name != "standard"}
            others |= {"own": "the one you trained"} if own_network() else {}
            page.choice("against", "Compare with", others)
            page.control(
                "eps", st.slider, "ε: the largest change of a pixel (black is 0, white is 1)", 0.0, 0.4, step=0.02
            )
    if run.digit is None:
        verdict.note(None, "The predictions of both networks appear here.")
        return
    place = st.container(key="attacked")
    sweeps = {"standard": Sweep("standard", run.digit, EPS), "robust": Sweep(run.model, run.digit, EPS)}
    for name, sweep in sweeps.items():
        yield begin(f"sweep {name}", sweep)
    with place:
        show_attacked(run.digit, sweeps, rows)


def _row(name: str, column: DeltaGenerator) -> PictureRow:
    start = ink(np.full((28, 28), 0.5), 8)
    titles = {"x": "x", "delta": "+ δ", "end": "= x + δ"}
    with column:
        st.markdown(f"**{name} network**")
        return PictureRow(
            f"stage_{name}", titles, start, page.value.source, alt=f"{{title}} ({name}), not yet computed"
        )


def show_attacked(digit: Digit, sweeps: Mapping[str, Sweep], rows: Mapping[str, PictureRow]) -> None:
    results = {name: computed(f"sweep {name}", sweep) for name, sweep in sweeps.items()}
    at = min(range(len(EPS)), key=lambda place: abs(EPS[place] - page.value.eps))
    for name, result in results.items():
        show_one(rows[name], digit, result, at, name)
    thresholds = [_threshold(name, result) for name, result in results.items()]
    st.markdown(f"The least ε that was found to change the prediction: {thresholds[0]}, {thresholds[1]}.")
    st.caption(
        "δ: orange adds ink, blue removes ink. "
        f"Each network has its own attack: PGD, {Sweep.steps} steps, for {len(EPS)} values of ε at once, and a search "
        "for the least ε (FMN, 60 steps). All pictures are rounded to 8 bits before the network classifies them."
    )


def show_one(row: PictureRow, digit: Digit, result: Attacked, at: int, name: str) -> None:
    pixels, probabilities = result.pixels[at], result.probabilities[at]
    now = int(probabilities.argmax())
    row.show("x", ink(digit.levels / 255, 8), f"digit {digit.label}", alt=f"The digit for the {name} network")
    delta = (pixels.astype(np.int64) - digit.levels) / 255
    row.show(
        "delta",
        signed(delta, max(page.value.eps, 0.02), 8),
        f"ε = {page.value.eps:g}",
        alt=f"The perturbation for the {name} network: orange adds ink, blue removes ink",
    )
    wrong = now != digit.label
    row.show(
        "end",
        ink(pixels / 255, 8),
        f"{'⚡ ' if wrong else ''}“{now}”",
        f"{percent(float(probabilities[now]))}, {'wrong' if wrong else 'right'}",
        alt=f"The digit after the attack on the {name} network, which predicts {now}",
    )


def _threshold(name: str, result: Attacked) -> str:
    if result.smallest is None:
        return f"none for the {name} one"
    if result.smallest == 0:
        return f"0 for the {name} one, which misclassifies the digit without an attack"
    return f"**{result.smallest:.2f}** for the {name} one"


def chosen_digit() -> Digit | None:
    """The digit of section 1; None as long as there is none."""
    if page.value.source == "own":
        drawing = canvas("adversarial_training_digit", width=28, height=28, label="Write a digit", brush=2.6)
        image = None if drawing is None else centred(torch.from_numpy(drawing))
        return None if image is None else labelled(image)
    if page.value.source == "photo":
        image = photographed()
        return None if image is None else labelled(image)
    data = digits("test")
    digit_control(page, 10_000)
    place = page.value.digit
    label = int(data.labels[place])
    st.caption(f"The digit {label}, number {place} of MNIST's 10 000 test pictures.")
    return Digit.of(data[place].images, label)


def labelled(image: Tensor) -> Digit:
    """Let the learner label their own digit; an attack leads away from this label."""
    robust = computed("look own", Sweep("robust_01", Digit.of(image, 0), (0.0,)))
    guess = int(robust.probabilities[0].argmax())
    label = st.selectbox(
        "Label of your digit", range(10), index=guess, key=f"adversarial_training_label_{guess}", width=220
    )
    st.caption("Your digit is scaled and moved as in MNIST. It stays in memory and is never stored.")
    return Digit.of(image, label)


def photographed() -> Tensor | None:
    file = st.file_uploader("A photograph of a digit", key="adversarial_training_photo")
    if file is None:
        st.caption("Photograph one large, dark digit on light paper.")
        return None
    try:
        return as_digit(open_image(file.getvalue()))
    except (ImageError, ValueError) as error:
        st.error(str(error), icon=":material/broken_image:")
        return None


def error_against_epsilon(_: Run) -> Iterator[None]:
    st.subheader("4 · Error against ε", anchor="error-curves")
    slot, note = slots("error_curves", 2)
    skeleton(slot, 340, f"Error against ε, 0 of {len(models())} networks")
    yield
    yield  # section 3 and short computations come first
    follow_curves(slot, note)


def models() -> list[tuple[str, str, Model]]:
    """(name, colour, network) of all networks that can be compared."""
    colours = dict(zip(SHIPPED, (STANDARD, ROBUST, STRONGER), strict=True))
    own = own_network()
    return [
        *((name, colours[key], key) for key, name in SHIPPED.items()),
        *([("the one you trained", OWN, own)] if own else []),
    ]


def follow_curves(slot: DeltaGenerator, note: DeltaGenerator) -> None:
    shown = {name: (colour, model) for name, colour, model in models()}

    def draw(found: dict[str, list[CurvePoint]], _: str) -> None:
        points = {name: [(point.eps, point.error) for point in curve] for name, curve in found.items()}
        lines = [(name, colour, points.get(name, [])) for name, (colour, _) in shown.items()]
        here = [f"{name} {dict(points).get(0.1, 0):.0%}" for name, _, points in lines if points]
        vega_chart(
            error_curves(lines, mark=page.value.eps, longest=0.4, title="ε, radius of the L∞ ball"),
            340,
            f"Error against ε. At 0.1: {', '.join(here)}",
            slot,
        )

    works = {name: ErrorCurve(model, CURVE) for name, (_, model) in shown.items()}
    if follow_each("curve", works, draw, note.info) is None:
        return
    note.caption(
        f"The first {ErrorCurve.images} test digits under PGD with {ErrorCurve.steps} steps that starts at x, computed "
        "now. An attack gives a lower bound of the true worst-case error. *Evaluation* shows how far you can trust it. "
        "The dashed line is the ε of section 1."
    )


def insides(run: Run) -> Iterator[None]:
    st.subheader("5 · Input gradients and loss surfaces", anchor="gradients")
    place = st.container(key="insides")
    with place:
        waiting = st.empty()
        skeleton(waiting, 400, "Gradients and loss surfaces, not yet computed")
    yield
    waiting.empty()
    digit = run.digit
    if digit is None:
        shown = digits("test")[page.value.digit]
        digit = Digit.of(shown.images, int(shown.labels))
    with place:
        show_insides(digit, run.model)


def show_insides(digit: Digit, model: Model) -> None:
    standard = computed("explore standard", Explore("standard", digit, 0.3))
    robust = computed("explore robust", Explore(model, digit, 0.3))
    prose(
        "The input gradient shows the effect of a little ink in each pixel. Orange: the ink helps another class "
        "against the right one. Blue: it helps the right one. The gradient of the standard network looks like noise, "
        "the gradient of the robust network looks like strokes."
    )
    with st.container(key="stage_gradients"):
        for column, (name, each) in zip(
            st.columns(3), ((None, None), ("standard", standard), ("robust", robust)), strict=True
        ):
            if each is None:
                show_picture(ink(digit.levels / 255, 8), f"Digit {digit.label}", column)
                column.caption("x")
                continue
            limit = float(np.quantile(np.abs(each.gradient), 0.995))
            show_picture(
                signed(each.gradient, limit, 8), f"Input gradient of the {name} network: {_texture[str(name)]}", column
            )
            column.caption(f"∂/∂x of the margin, {name}. Full colour: {limit:.2g}")
    prose(
        "The surfaces show the loss around x, at x + a·u + b·v: u is the sign of that gradient, and v has random "
        f"signs. Both surfaces have the same scale. The highest loss is {standard.loss.max():.1f} for the standard "
        f"network and {robust.loss.max():.2g} for the robust one."
    )
    with st.container(key="stage_surfaces"):
        top = float(max(standard.loss.max(), robust.loss.max()))
        for column, (name, each) in zip(st.columns(2), (("standard", standard), ("robust", robust)), strict=True):
            show_picture(
                surface(each.loss, top),
                f"Loss surface of the {name} network: it rises to {each.loss.max():.2g} within 0.3 of x",
                column,
            )
            column.caption(
                f"{name}: a rises to the back right, b to the back left, from −0.3 to 0.3; x is in the middle"
            )


_texture = {"standard": "noise all over the picture", "robust": "smooth patches along the strokes of the digit"}


def the_price(_: Run) -> None:
    st.subheader("6 · The price of robustness: accuracy and time", anchor="price")
    rows = []
    for name in SHIPPED:
        figures = checkpoint(name).figures["judged"]
        attacked = {each["eps"]: each["attacked"] for each in figures}
        cells = [f"{share(attacked[eps])}" if eps in attacked else "–" for eps in (0.1, 0.3)]
        rows.append((SHIPPED[name], share(figures[0]["untouched"]), *cells, "–"))
    for recipe, course in courses().items():
        if not complete(course):
            continue
        last = course[-1]
        name = "yours, standard" if recipe.inner == "none" else f"yours, {INNER[recipe.inner]}, ε = {recipe.eps:g}"
        cells = [share(last.attacked or 0) if abs(recipe.eps - eps) < 1e-9 else "–" for eps in (0.1, 0.3)]
        rows.append((name, share(last.clean or 0), *cells, f"{last.seconds / recipe.epochs:.1f}\u00a0s"))
    table(("error of the network", "clean", "ε = 0.1", "ε = 0.3", "time of an epoch"), rows)
    st.caption(
        "The three supplied networks were trained on 60\u202f000 digits. Their script attacked all 10\u202f000 test "
        f"digits by PGD with restarts, and printed these errors. Your networks are tested on {HELD_OUT} test digits by "
        "PGD-20. The time of an epoch is the computing time on this machine, without waiting. Train with both inner "
        "maxima to compare their times."
    )
    st.markdown(
        "On MNIST robustness costs little accuracy, because digits are large and simple. On photographs it costs much "
        "more: there, the features that a robust network must not use are useful (Tsipras et al., 2019)."
    )


def solved_case(_: Run) -> Iterator[None]:
    st.subheader("7 · Linear models: PGD and the exact maximum", anchor="linear-case")
    prose(
        "PGD is a search, and it may miss the true maximum. Does that matter for the training? One case allows a "
        "check: for a linear model of 0 against 1, a formula gives the maximum (*Linear models*). We run the same "
        "training loop twice: once the inner maximum comes from the formula, once from PGD."
    )
    slot, note = st.empty(), st.empty()
    skeleton(slot, 140, "Two trainings, not yet begun")
    yield
    yield  # section 3 comes first
    recipe = Recipe("pgd", page.value.ball, epochs=2, rate=0.01, ramp=0, seed=page.value.seed)

    def draw(records: list[TwoWays]) -> None:
        last = records[-1]
        errors = [f"{error:.4f}" for error in last.errors] if last.errors else ["…", "…"]
        rows = [
            ("the formula", f"{last.by_formula:.4f}", errors[0], f"{last.seconds[0]:.2f}"),
            ("PGD, 7 steps", f"{last.by_pgd:.4f}", errors[1], f"{last.seconds[1]:.2f}"),
        ]
        table(
            ("inner maximum", "loss of the last minibatch", f"exact test error, ε = {recipe.eps:g}", "seconds"),
            rows,
            slot,
        )
        note.caption(
            f"{last.step} of {last.of} minibatches. The 784 weights of the two "
            f"{f'differ by {last.apart:.1e} at most' if last.apart else 'agree to the last bit'}. Pixels stay in "
            "[0, 1]."
        )

    follow(job_for("solved", SolvedCase(recipe)), draw, note.info)


SECTIONS = (same_digit, one_step_slowly, train_both, in_python, error_against_epsilon, insides, the_price, solved_case)
STYLE = "<style>[class*=st-key-play_] .lab-cap {min-height: 2.8em}</style>"  # two rows of pictures on a phone
Lesson(page, TEXTS, SECTIONS, prepare, style=STYLE).show()
