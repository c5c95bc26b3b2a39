"""The sections on certificates: randomised smoothing and interval bounds."""

from collections.abc import Iterator

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.defences.smoothing import ALPHA
from adv_core.serving.engine.digits import Digit, digits
from pages.lessons.evaluation.charts import between_chart, certified_chart, vote_chart
from pages.lessons.evaluation.settings import LATER, PROOF, PROVED, SIGMAS, page
from pages.lessons.evaluation.tasks import Between, CertifiedDigits, Certify, Promised, ProofAndAttack, Vote
from pages.widgets.digits import sheet
from pages.widgets.glossary import prose
from pages.widgets.lesson import digit_control, skeleton, slots, vega_chart
from pages.widgets.live import follow, follow_each, job_for
from pages.widgets.run_this import is_wanted
from pages.widgets.stage import share, show_picture
from pages.widgets.verdict import held, note


def smoothing(_: None) -> Iterator[None]:
    st.subheader("6 · Randomised smoothing: the vote of noisy copies", anchor="smoothing")
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
    st.subheader("7 · Interval bounds: a proof for the L∞ ball", anchor="intervals")
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
