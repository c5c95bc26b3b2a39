"""The formula that just ran, and the two networks."""

from collections.abc import Mapping

import streamlit as st

from adv_core.speech.recogniser import ALPHABET, recogniser
from pages.lessons.speech.robustness import judged
from pages.lessons.speech.settings import OWN_NETWORK, page
from pages.lessons.speech.sounds import Run
from pages.widgets.glossary import prose
from pages.widgets.lesson import table
from pages.widgets.stage import percent, share


def formula(_: Run) -> None:
    """Draw the section."""
    st.subheader("5 · The formula that just ran", anchor="formula")
    settings = page.value
    is_own = settings.network == OWN_NETWORK
    inside = r"\mathbb{E}_n\, " if settings.views else ""
    noise = " + n" if settings.views else ""
    wanted = f"Here $y_\\text{{target}}$ is “{settings.target}”." if set(settings.letters) <= set(ALPHABET) else ""
    name = r"L_\text{CTC}" if is_own else "L"
    st.latex(r"\min\ \|\delta\|_\infty \quad\text{with}\quad \hat f(x+\delta \mid \theta) = y_\text{target}")
    st.latex(
        rf"g^{{[t]}} = \nabla_{{\!\delta}}\, {inside}{name}\big(y_\text{{target}},\ "
        rf"\hat f(x+\delta^{{[t]}}{noise} \mid \theta)\big)"
    )
    if not is_own:
        st.latex(r"L(y, \hat f(x)) = -\sum_k \log \hat f\big(y_k \mid x, y_1, \dots, y_{k-1}\big)")
    st.latex(r"\delta^{[t+1]} = \mathcal{P}\big(\delta^{[t]} - \text{Adam}(g^{[t]})\big)")
    st.latex(r"\mathcal{P}(z) = \text{clip}(z, [-\varepsilon, \varepsilon])")
    st.latex(r"\varepsilon \leftarrow 0.8\,\|\delta\|_\infty \text{ after each success}")
    if wanted:
        st.markdown(wanted)
    first = "0.3 of the clip's loudest moment (−10 dB)" if is_own else "0.03 of the clip's loudest moment (−30 dB)"
    prose(
        "The perturbation set is the L∞ ball, as for pictures, but on 16-bit samples instead of 8-bit pixels. Its "
        f"radius ε begins at {first} and shrinks after each success."
    )
    if not is_own:
        prose(
            "Each piece $y_k$ is predicted from the clip and from the right pieces before it (teacher forcing), so "
            "that one pass judges the whole sentence. Success is judged by writing the saved 16-bit file anew. Case, "
            "punctuation and hyphens do not count, and a number may stand in digits or in words."
        )


def number_of(count: int) -> str:
    """The number with a narrow space between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def the_networks(_: Run) -> None:
    """Draw the section."""
    figures = recogniser().figures
    # A later cycle may use the first phrases of a part again.
    parts = {part for cycle in figures["cycles"] for part in cycle["clips"]}
    phrases = sum(max(cycle["clips"].get(part, 0) for cycle in figures["cycles"]) for part in parts)
    rates, people = figures["word_error_rate"], judged().get("recordings")
    with st.expander("The networks", icon=":material/graphic_eq:"):
        st.markdown(
            "**Moonshine tiny** (Jeffries et al. 2024) is a real recogniser of English, made to run on small devices: "
            "27 million weights, three convolutions on the samples, a transformer that listens, one that writes. Its "
            "weights are those of the package `moonshine-voice`, unchanged. It hears people, and nothing tells it "
            "which words to expect.\n\n"
            "**The small network** is our own: 64 mel bands, depthwise separable convolutions in time, CTC. It knows "
            f"{figures['words']} words and was trained on {number_of(phrases)} synthesised phrases. Word error rate on "
            f"new phrases by voices that it was not trained on: **{percent(rates['espeak'])}** for espeak-ng in the "
            f"accents of the training, **{percent(rates['abroad'])}** for espeak-ng in two other accents, "
            f"**{percent(rates['flite'])}** for another synthesiser (flite, *rms*). (`python -m "
            "adv_core.speech.training --judge`)"
        )
        if people:
            table(
                ("word error rate on people", "words", "Moonshine", "the small network"),
                [(each["title"], str(each["words"]), share(each["moonshine"]), share(each["own"])) for each in people],
            )
            st.caption(
                "Both networks heard the same recordings in one run (`python -m bench.speech judge`). An added word "
                "counts as an error, so the rate can exceed 100 %. Numbers may stand in digits or in words."
            )
        if attack := judged().get("attack"):
            st.markdown(attacked(attack))


def attacked(figures: Mapping[str, float]) -> str:
    """The figures of the attack on Moonshine as a sentence."""
    return (
        f"**The attack on Moonshine**, on {figures['pairs']} pairs of a recording of a person and a target: "
        f"**{figures['reached']}** reach the target within {figures['steps']} steps, with a median signal-to-noise "
        f"ratio of **{figures['snr_median']:.0f} dB** (at least {figures['snr_least']:.0f} dB). The first success "
        f"takes {figures['first_seconds_median']:.0f} s of one core in the median, and at most "
        f"{figures['first_seconds_latest']:.0f} s. (`python -m bench.speech judge`)"
    )
