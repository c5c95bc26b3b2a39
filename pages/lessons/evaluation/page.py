"""Lesson: evaluation. Gradient masking, the pointwise worst case, other threat models, and certificates."""

from collections.abc import Iterator, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.serving.engine.digits import CurvePoint, ErrorCurve
from pages.lessons.evaluation.certificates import intervals, smoothing
from pages.lessons.evaluation.charts import angle_chart
from pages.lessons.evaluation.curves import security_curves
from pages.lessons.evaluation.diagnosis import diagnosis
from pages.lessons.evaluation.leaderboard import leaderboard
from pages.lessons.evaluation.program import in_python
from pages.lessons.evaluation.series import series_of_attacks
from pages.lessons.evaluation.settings import ANGLES, L2_CURVE, LATER, NETWORKS, REACH, page
from pages.lessons.evaluation.tasks import Rotations, Turned
from pages.lessons.evaluation.texts import TEXTS
from pages.widgets.digits import error_curves
from pages.widgets.glossary import prose
from pages.widgets.lesson import Lesson, skeleton, slots, table, vega_chart
from pages.widgets.live import follow_each
from pages.widgets.stage import share


def other_threat_models(_: None) -> Iterator[None]:
    st.subheader("5 · Other threat models: L2 ball and rotation", anchor="threat-models")
    prose(
        "A network is robust only with respect to a threat model. These networks were trained against the L∞ ball. "
        "Here we attack them in the L2 ball, and with a rotation without any noise."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**PGD in the L2 ball**")
        balls = slots("room_ball", 2)
        skeleton(balls[0], 320, LATER)
    with right:
        st.markdown("**Rotation**")
        turns = slots("room_turn", 2)
        skeleton(turns[0], 320, LATER)
    yield
    yield  # the vote of section 6 comes first
    follow_turns(*turns)
    follow_balls(*balls)


def follow_turns(slot: DeltaGenerator, told: DeltaGenerator) -> None:
    def draw(found: dict[str, list[Turned]], key: str) -> None:
        points = {each: [(turn.angle, turn.error) for turn in turns] for each, turns in found.items()}
        lines = [(name, colour, points.get(each, [])) for each, (name, colour) in NETWORKS.items()]
        vega_chart(angle_chart(lines, REACH), 320, _ends("Error against the angle", lines), slot)
        told.markdown(f"{len(points[key])} of {len(ANGLES)} angles: {NETWORKS[key][0]}")

    works = {key: Rotations(key, ANGLES, 200) for key in NETWORKS}
    found = follow_each("turned", works, draw, told.info)
    if found is not None:
        told.markdown(
            f"200 test digits, every 5° from −{REACH}° to {REACH}°. Error at the worst angle of each digit: "
            + "; ".join(f"{NETWORKS[key][0]}: {share(turns[-1].worst)}" for key, turns in found.items())
            + "."
        )


def follow_balls(slot: DeltaGenerator, told: DeltaGenerator) -> None:
    def draw(found: dict[str, list[CurvePoint]], key: str) -> None:
        points = {each: [(point.eps, point.error) for point in curve] for each, curve in found.items()}
        lines = [(name, colour, points.get(each, [])) for each, (name, colour) in NETWORKS.items()]
        vega_chart(
            error_curves(lines, mark=2.0, longest=5, title="ε, radius of the L2 ball"),
            320,
            _ends("Error against the radius of the L2 ball", lines),
            slot,
        )
        told.markdown(f"{len(points[key])} of {len(L2_CURVE)} radii: {NETWORKS[key][0]}")

    works = {key: ErrorCurve(key, L2_CURVE, "l2") for key in NETWORKS}
    if follow_each("l2", works, draw, told.info) is not None:
        told.markdown(
            "200 test digits, PGD with 20 steps: a lower bound of the error, as every single attack gives. Section 2 "
            "tries others in the same ball, and they may find more. The dashed line is ‖δ‖₂ = 2. A δ with ‖δ‖∞ = 0.1 "
            "has at most ‖δ‖₂ = 0.1·√784 = 2.8."
        )


def _ends(what: str, lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]]) -> str:
    ends = [f"{name} {share(max(points)[1])} at {max(points)[0]:g}" for name, _, points in lines if points]
    return f"{what}: {', '.join(ends)}"


def how_to_judge(_: None) -> None:
    st.subheader("8 · Checklist: how to evaluate a defence", anchor="checklist")
    table(
        ("question", "reason"),
        (
            ("What is the threat model Δ?", "Without a threat model, “robust” has no meaning."),
            (
                "Is the attack of the test stronger than the attack of the training?",
                "A network can learn to defeat only the attack of its training.",
            ),
            ("Does the attacker know the defence?", "A defence that works only as long as it is secret is no defence."),
            ("Do more steps, more restarts or another loss find more?", "Then the first error was not the worst case."),
            (
                "Does an attack without gradients find more?",
                "Then the defence hides the gradient; the adversarial examples are still there.",
            ),
            ("Does the error reach 100 % for large ε?", "It has to. If it does not, the attack is broken."),
        ),
    )
    st.caption("After Carlini et al., *On evaluating adversarial robustness* (2019), shortened.")


SECTIONS = (
    series_of_attacks,
    leaderboard,
    security_curves,
    diagnosis,
    other_threat_models,
    smoothing,
    intervals,
    how_to_judge,
    in_python,
)
STYLE = "<style>.st-key-evaluation_verdict {min-height: 5.5rem}</style>"  # the chart below it does not jump
Lesson(page, TEXTS, SECTIONS, style=STYLE).show()
