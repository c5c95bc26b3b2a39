"""Lesson: evaluation. Gradient masking, other threat models, and certificates."""

from collections.abc import Iterator, Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.defences.masking import SERIES, symptoms
from adv_core.defences.smoothing import ALPHA
from adv_core.serving.engine.digits import CurvePoint, Digit, ErrorCurve, digits
from pages.lessons.evaluation.charts import angle_chart, between_chart, certified_chart, series_chart, vote_chart
from pages.lessons.evaluation.program import in_python
from pages.lessons.evaluation.settings import (
    ANGLES,
    DEFENCES,
    IMAGES,
    L2_CURVE,
    NETWORKS,
    PROOF,
    PROVED,
    REACH,
    SIGMAS,
    STORY,
    Settings,
    page,
)
from pages.lessons.evaluation.tasks import (
    Between,
    CertifiedDigits,
    Certify,
    Judged,
    Promised,
    ProofAndAttack,
    Rotations,
    Series,
    Turned,
    Vote,
)
from pages.lessons.evaluation.texts import TEXTS
from pages.widgets.digits import error_curves, sheet
from pages.widgets.glossary import prose
from pages.widgets.lesson import Done, Lesson, digit_control, page_stands, skeleton, slots, table, vega_chart
from pages.widgets.live import begin, follow, follow_each, job_for
from pages.widgets.run_this import is_wanted
from pages.widgets.stage import share, show_picture
from pages.widgets.verdict import held, note

LATER = "not yet computed: the attacks of section 1 run first"


def series() -> Series:
    settings = page.value
    trained = {"robust": "robust_01", "fgsm": "fgsm_03"}.get(settings.defence)
    model, defence = (trained, "none") if trained else ("standard", settings.defence)
    return Series(model, defence, settings.eps, settings.levels, images=IMAGES, seed=settings.seed)


def _suit() -> None:
    """Set ε to the value for which the chosen defence was made."""
    page.set(eps=0.3 if st.session_state[page.key("defence")] == "fgsm" else Settings.eps)


def series_of_attacks(_: None) -> Iterator[Done]:
    st.subheader(f"1 · One defence, {len(SERIES)} attacks", anchor="attacks")
    prose(
        "Often a defence is tested with one attack, such as FGSM. **Is the network robust, or only hard to attack in "
        "this one way?** A network has **adversarial robustness** if no δ ∈ Δ(x) makes it misclassify x + δ. One "
        f"attack that fails does not show that. So {len(SERIES)} attacks run here, one after the other."
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
    skeleton(chart, 400, f"0 of {len(SERIES)} attacks")
    _bound()
    task = series()
    yield begin("series", task, records=1)

    def draw(records: list[Judged]) -> None:
        last = {record.key: record for record in records}
        _metrics(metrics, last)
        bars = [(each.title, last[each.key].error if each.key in last else None, each.sees) for each in SERIES]
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
    keys = [each.key for each in SERIES]
    if last.key not in keys:  # before the first attack, or after the last one
        return f"{len(SERIES) if last.key == 'any' else 0} of {len(SERIES)} attacks"
    place = keys.index(last.key)
    running = f". Running: {SERIES[place].title}" if last.done < 1 else ""
    return f"{place + (last.done == 1)} of {len(SERIES)} attacks{running}"


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
    worst = max(SERIES, key=lambda each: errors[each.key])
    flat, everywhere = ended["clean"].flat, errors["any"]
    signs = symptoms(errors, everywhere)
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


def other_threat_models(_: None) -> Iterator[None]:
    st.subheader("2 · Other threat models: L2 ball and rotation", anchor="threat-models")
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
    yield  # the vote of section 3 comes first
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
            "200 test digits, 20 steps. The dashed line is ‖δ‖₂ = 2. A δ with ‖δ‖∞ = 0.1 has at most ‖δ‖₂ = 0.1·√784 = "
            "2.8."
        )


def _ends(what: str, lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]]) -> str:
    ends = [f"{name} {share(max(points)[1])} at {max(points)[0]:g}" for name, _, points in lines if points]
    return f"{what}: {', '.join(ends)}"


def smoothing(_: None) -> Iterator[None]:
    st.subheader("3 · Randomised smoothing: the vote of noisy copies", anchor="smoothing")
    prose(
        "An attack that finds nothing proves nothing. A **certificate** is a proof: it says that *no* δ in a ball "
        "changes the prediction. Randomised smoothing classifies thousands of noisy copies of x and takes the vote. If "
        "the probability of the winning class is at least p > ½, then no δ with"
    )
    st.latex(r"\|\delta\|_2 < \sigma\,\Phi^{-1}(p)")
    st.markdown("changes the vote. This holds for every network and every attacker.")
    left, right = st.columns([2, 3], gap="medium")
    with left:
        digit_control(page, 10_000)
        page.control("sigma", st.segmented_control, "σ of the noise", list(SIGMAS), required=True)
        data, place, sigma = digits("test"), page.value.digit, float(page.value.sigma)
        digit = Digit.of(data[place].images, int(data.labels[place]))
        noise = np.random.default_rng(page.value.seed).standard_normal((3, 28, 28))
        copies = np.concatenate([digit.levels[None] / 255, digit.levels / 255 + sigma * noise])
        show_picture(sheet(copies, [False] * 4, 4, zoom=4), f"The digit {digit.label}, and three noisy copies of it")
        st.caption(
            "x and three noisy copies. Values outside [0, 1] cannot be displayed; they are drawn black or white."
        )
    with right, st.container(key="room_vote"):
        chart, told = st.empty(), st.empty()
        skeleton(chart, 240, LATER)
    st.markdown("**Certified accuracy: many digits, every σ**")
    certified = slots("room_certified", 2)
    skeleton(certified[0], 300, "not yet computed")
    wanted = is_wanted("run_certificates", (), "about 12 seconds", certified[1])
    yield
    follow_vote(Certify("noise_025", digit, sigma, seed=page.value.seed), digit, chart, told)
    yield  # the certificates take longest
    if wanted:
        follow_certified(*certified)


def follow_vote(work: Certify, digit: Digit, chart: DeltaGenerator, told: DeltaGenerator) -> None:
    def draw(records: list[Vote]) -> None:
        last = records[-1]
        cast = sum(last.counts)
        vega_chart(
            vote_chart(last.counts, cast, last.p if last.ended and last.label is not None else None),
            240,
            f"{cast} votes, {max(last.counts)} of them for {int(np.argmax(last.counts))}",
            chart,
        )
        told.markdown(f"{cast} of {work.samples} noisy copies")

    records = follow(job_for("vote", work), draw, told.info, interval=0.2)
    if records is not None:
        with told.container():
            _promise(records[-1], digit)


def _promise(vote: Vote, digit: Digit) -> None:
    cast = sum(vote.counts)
    if vote.label is None:
        note(
            None,
            f"The vote **abstains**: {max(vote.counts)} of {cast} copies agree, too few to be certain of a majority. "
            "There is no certificate.",
        )
        return
    wrong = (
        ""
        if vote.label == digit.label
        else f" (the digit is {digit.label}: a certificate says that the prediction does not change, not that it is "
        "right)"
    )
    (note if wrong else held)(
        None,
        f"The smoothed network predicts **{vote.label}**{wrong}. No δ with ‖δ‖₂ < **{vote.radius:.2f}** changes that.",
    )
    single = "" if vote.single is None else f" Without the noise, the network is fooled at ‖δ‖₂ = {vote.single:.2f}."
    tried = vote.attacked or ()
    st.markdown(
        f"{vote.counts[vote.label]} of {cast} copies vote for {vote.label}, so p ≥ {vote.p:.4f} (orange line). This "
        f"bound is wrong in at most one of {1 / ALPHA:.0f} such experiments. As a test, we attack the vote with "
        f"‖δ‖₂ = {vote.length:.2f}: {tried[vote.label] if tried else 0} of {sum(tried)} copies still predict "
        f"{vote.label}{'' if vote.held else '. THE CERTIFICATE IS BROKEN'}.{single}"
    )


def follow_certified(slot: DeltaGenerator, told: DeltaGenerator) -> None:
    def draw(found: dict[str, list[Promised]], sigma: str) -> None:
        radii = {each: [record.radius for record in records] for each, records in found.items()}
        lines = [(f"σ = {each}", colour, radii.get(each, [])) for each, colour in SIGMAS.items()]
        vega_chart(
            certified_chart(lines, 2.5),
            300,
            "Certified accuracy against the radius: "
            + ", ".join(f"{name}: {share(float(np.mean(np.array(r) > 0.5)))} at 0.5" for name, _, r in lines if r),
            slot,
        )
        told.markdown(f"σ = {sigma}: {len(radii[sigma])} of {works[sigma].images} digits")

    works = {sigma: CertifiedDigits("noise_025", float(sigma)) for sigma in SIGMAS}
    if follow_each("certified", works, draw, told.info, interval=0.4) is None:
        return
    work = works[page.value.sigma]
    told.caption(
        f"The first {work.images} test digits, {work.samples} copies each. The network was trained with noise of "
        "σ = 0.25. More noise gives a larger radius, as long as the network can still classify the noisy digits. Where "
        "it cannot, the vote abstains. Each line ends at the largest radius that a unanimous vote of so few copies can "
        "certify."
    )


def intervals(_: None) -> Iterator[None]:
    st.subheader("4 · Interval bounds: a proof for the L∞ ball", anchor="intervals")
    prose(
        "Interval bounds are another certificate. The network computes with intervals instead of numbers: each pixel "
        "is the interval [xᵢ − ε, xᵢ + ε], and each logit becomes an interval, too. If the logit of the right class "
        "always lies above all others, no δ of the L∞ ball changes the prediction. This proof uses no random noise. "
        "But the intervals grow from layer to layer, unless the network was trained to keep them small."
    )
    page.choice("proved", "Network", PROVED)
    slot, told = slots("room_between", 2)
    skeleton(slot, 300, LATER)
    yield

    def draw(records: list[Between]) -> None:
        points = [(record.eps, record.safe, record.fallen) for record in records]
        at = next((each for each in reversed(records) if each.eps <= 0.1), records[-1])
        vega_chart(
            between_chart(points, PROOF[-1]),
            300,
            f"At ε = {at.eps:g}: {share(at.safe)} proved robust, {share(at.fallen)} fooled, the rest unknown",
            slot,
        )
        told.markdown(f"{len(records)} of {len(PROOF)} values of ε")

    work = ProofAndAttack(page.value.proved, PROOF)
    records = follow(job_for("between", work), draw, told.info, interval=0.3)
    if records is None:
        return
    at = next(each for each in records if each.eps == 0.1)
    unknown = max(1 - at.safe - at.fallen, 0)
    told.markdown(
        f"The first {work.images} test digits. At ε = 0.1: {share(at.safe)} proved robust, {share(at.fallen)} fooled "
        f"by PGD or misclassified without an attack, {share(unknown)} unknown. A proof gives a lower bound of the "
        "robust accuracy, an attack an upper bound. The true value lies in the grey area. Rounding errors are included."
    )


def how_to_judge(_: None) -> None:
    st.subheader("5 · Checklist: how to evaluate a defence", anchor="checklist")
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


Lesson(page, TEXTS, (series_of_attacks, other_threat_models, smoothing, intervals, how_to_judge, in_python)).show()
