"""The glossary: a term's first use on a page explains itself when the pointer is on it, or the focus."""

import html
import re
from collections.abc import Mapping
from functools import lru_cache

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

GLOSSARY: Mapping[str, str] = {
    "ε": "Epsilon: the radius of the perturbation set, the largest change that the attacker may make.",
    "δ": "Delta: the perturbation, which the attacker adds to the picture.",
    "Δ(x)": "The perturbation set: all δ that the attacker may use on the picture x.",
    "α": "Alpha: the step size, the length of one step of the attack.",
    "L∞": "The largest change of any single value of δ. An L∞ ball allows every value to change by up to ε.",
    "L2": "The Euclidean length of δ: the root of the sum of all squared changes.",
    "L1": "The sum of the absolute changes of all values of δ.",
    "L0": "The number of values, or pixels, that δ changes.",
    "norm": "A measure of the length of a vector, here of δ. L∞, L2 and L1 measure it in different ways.",
    "logit": "A network's raw score of a class, before softmax turns the scores into probabilities.",
    "softmax": "The function that turns scores into probabilities: exp of each score, divided by their sum.",
    "margin": "The score of the right class minus the largest other score. Below zero, the network is fooled.",
    "decision boundary": "The points at which the prediction changes from one class to another.",
    "loss": "The number that training makes small and an attack makes large, usually −log of a class's probability.",
    "cross-entropy": "−log of the probability that the network gives to a class.",
    "gradient": "The derivatives of the loss by every value of the picture: the direction of its steepest rise.",
    "projection": "The step back into the perturbation set: the point of the set that is nearest.",
    "threat model": "The statement of what an attacker knows, what they may change, and what they want.",
    "perturbation set": "All changes δ that an attacker may make to a picture; written Δ(x).",
    "adversarial example": "An input that was changed on purpose, slightly, so that a network answers wrongly.",
    "adversarial training": "Training on the worst perturbation of each example, which an attack finds in every step.",
    "epoch": "One pass of the training over all its examples.",
    "minibatch": "The few examples from which one training step computes its gradient.",
    "robust accuracy": "The share of examples that are classified rightly even after the attack.",
    "robust error": "The share of examples that are classified wrongly after the attack.",
    "clean accuracy": "The share of untouched examples that are classified rightly.",
    "FGSM": "Fast gradient sign method (Goodfellow et al. 2015): one step of length ε along the sign of the gradient.",
    "PGD": "Projected gradient descent (Madry et al. 2018): many small steps, each followed by a projection.",
    "targeted": "An attack towards a class that the attacker has chosen, not merely away from the right one.",
    "transfer": "An adversarial example made for one network also fools another one.",
    "white-box": "The attacker knows the network with its weights, and can compute gradients.",
    "black-box": "The attacker cannot see the weights, only the network's answers.",
    "query": "One question of a black-box attack: one picture shown to the network.",
    "substitute": "A network of the attacker's own that imitates the one under attack.",
    "model extraction": "Training a copy of a network on nothing but its answers to queries.",
    "Square Attack": "A random search of squares (Andriushchenko et al. 2020), which needs only scores.",
    "ensemble": "Several networks used as one.",
    "expectation over transformation": "The attack averages its objective over random views of the picture (EOT).",
    "EOT": "Expectation over transformations (Athalye et al. 2018): the attack averages over random views.",
    "BPDA": "Backward pass differentiable approximation: a part without a gradient is replaced in the backward pass.",
    "gradient masking": "A defence that makes gradients useless to an attack, and removes no adversarial example.",
    "adaptive attack": "An attack that knows the defence and is made for it.",
    "interval bound": "An interval in which a value must lie, whatever δ is; one is computed for each layer in turn.",
    "certificate": "A proof that no perturbation in the set changes the answer.",
    "randomised smoothing": "The class that wins the vote over many noisy copies; it comes with a certified L2 radius.",
    "patch": "An adversarial pattern on a small part of the picture, with no limit on how much it changes there.",
    "sticker": "A part of a sign that is covered: there any change is allowed, elsewhere none.",
    "mask": "The pixels that an attack may change; all others stay as they are.",
    "universal": "One perturbation for many pictures.",
    "quantisation": "Rounding to few levels, such as the 256 of an 8-bit picture.",
    "CTC": "Connectionist temporal classification: a loss for texts whose letters have no given position in time.",
    "signal-to-noise ratio": "How much louder the sound is than what was added to it, in decibels (SNR).",
    "SNR": "Signal-to-noise ratio, in decibels: how much louder the sound is than what was added to it.",
    "fooling image": "A picture that shows nothing, and that a network classifies with high confidence.",
    "confidence": "The probability that a network gives to the class that it predicts.",
    "genome": "The numbers from which a picture is drawn, in an evolutionary search.",
    "logistic regression": "A linear classifier whose score becomes a probability through the logistic function.",
    "dual norm": "The largest inner product with a vector of norm 1. L1 is dual to L∞, and L2 to itself.",
    "detector": "A function that tells whether something is in a picture, such as a face or an attack.",
    "ROC": "Receiver operating characteristic: the rates of right and of false alarms, for each threshold.",
    "AUC": "The area under the ROC: the probability that an attacked picture scores higher than an untouched one.",
    "trigger": "The small pattern that activates a backdoor.",
    "backdoor": "A pattern that an attacker has put into training data, and that later triggers a chosen answer.",
}  # fmt: skip
# Formulas, code, links, HTML and directives stay as they are.
_PROTECTED = re.compile(
    r"\$\$.*?\$\$|\$[^$\n]*\$|```.*?```|`[^`\n]*`|!?\[[^\]\n]*\]\([^)\n]*\)|<[^>\n]*>|:[a-z-]+\[", re.DOTALL
)
_TERMS = re.compile(
    "|".join(
        rf"(?<![\w‖]){re.escape(term)}s?(?![\w(])" if term[-1] != ")" else re.escape(term)
        for term in sorted(GLOSSARY, key=len, reverse=True)
    ),
    re.IGNORECASE,
)
_NAMES = {term.lower(): term for term in GLOSSARY} | {f"{term}s".lower(): term for term in GLOSSARY}


def prose(text: str, slot: DeltaGenerator | None = None) -> None:
    """Draw a paragraph in markdown. Terms of the glossary that the page has not used yet explain themselves.

    Args:
        text: the app's own words: no text of a visitor, since it may hold HTML.
        slot: the place to draw in.
    """
    explained: dict[str, str] = st.session_state.setdefault("explained", {})
    (slot or st).markdown(explain(text, explained), unsafe_allow_html=True)


def forget() -> None:
    """Start a page: none of its terms is explained yet."""
    st.session_state["explained"] = {}


def explain(text: str, explained: dict[str, str]) -> str:
    """Return the markdown with each term at its first use marked as HTML, for `prose`.

    Args:
        explained: the text that explains each term so far; it is brought up to date. A text that is drawn again, by a
            fragment or while a run streams, explains the same terms again.
    """
    pieces, end = [], 0
    for term, start, stop in _first_uses(text):
        if explained.setdefault(term, text) == text:
            meaning = html.escape(GLOSSARY[term], quote=True)
            opening = f'<span class="term" tabindex="0" data-meaning="{meaning}" aria-description="{meaning}">'
            pieces += [text[end:start], opening, text[start:stop], "</span>"]
            end = stop
    return "".join([*pieces, text[end:]])


@lru_cache(maxsize=512)  # the search takes a millisecond, and each rerun of a page draws the same texts
def _first_uses(text: str) -> tuple[tuple[str, int, int], ...]:
    """The first use of each term in a text, outside of what is protected: (term, start, end)."""
    protected = [range(*match.span()) for match in _PROTECTED.finditer(text)]
    ends = [0, *(part.stop for part in protected)], [*(part.start for part in protected), len(text)]
    found: dict[str, tuple[str, int, int]] = {}
    for low, high in zip(*ends, strict=True):
        for match in _TERMS.finditer(text[low:high]):
            term = _NAMES[match[0].lower()]
            found.setdefault(term, (term, low + match.start(), low + match.end()))
    return tuple(found.values())
