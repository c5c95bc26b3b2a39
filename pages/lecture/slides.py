"""The slides and figures of the lecture in its order, each with the page that comes nearest. Data only.

The numbers of the column "our number" are in `figures.json`; `pages.lecture.figures` computes them.
"""

import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pages.course.teaching import FACE, FOOLING, LAB, ONE_STEP, PATTERNS, STEPS, STOP_SIGN, VIEWS, Place
from pages.course.teaching import LIMIT as SIGN
from pages.lab.settings import PRESETS
from pages.widgets.stage import percent

FIGURES = Path(__file__).with_name("figures.json")


@dataclass(frozen=True)
class Slide:
    """A slide or a figure of the lecture.

    Attributes:
        key: its name in `figures.json` and on the command line.
        heading: the heading of the lecture that it is under.
        subject: what the slide shows.
        place: the page, section and settings that come nearest.
        ours: our number, a format whose names are those of the figures. ``:share`` formats a probability.
        theirs: the number on the slide or in its source.
        why: the reason of the difference.
        credit: whose figure it is.
        picture: the text alternative of our picture; empty where there is none.
    """

    key: str
    heading: str
    subject: str
    place: Place
    ours: str
    theirs: str
    why: str
    credit: str
    picture: str = ""


class _Numbers(string.Formatter):
    """Format numbers as the pages do: probabilities never read 100 %, and the minus is as wide as a plus."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "share":
            return percent(float(value))
        text = str(super().format_field(value, format_spec))
        return text.replace("-", "−") if isinstance(value, int | float) else text


@cache
def figures() -> Mapping[str, Mapping[str, Any]]:
    """The computed numbers of every slide, by its key."""
    found: Mapping[str, Mapping[str, Any]] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return found


def our_number(slide: Slide) -> str:
    """The text of the column "our number"."""
    return _Numbers().vformat(slide.ours, (), figures()[slide.key])


def command(slide: Slide) -> str:
    """The command that computes our number."""
    return f"python -m pages.lecture.figures {slide.key}"


def lab(text: str, query: Mapping[str, str | int], anchor: str = "") -> Place:
    """The Attack Lab with these settings."""
    return Place(f"Attack Lab: {text}", LAB, anchor, query)


def opened(place: Place, **query: str | int) -> Place:
    """The same section with these settings."""
    return replace(place, query=query)


DOG, PIG, PANDA = (PRESETS[name] for name in ("dog → airliner", "pig → wombat", "panda → gibbon"))
EXAMPLES, TARGETED = "Adversarial examples", "Targeted attacks"
NETWORK = "Our network is EfficientNet-Lite0, which comes with the app."
SLIDES: Sequence[Slide] = (
    Slide(
        "test-error",
        "Adversarial robustness",
        "Test error is no guarantee off the data distribution",
        Place("Adversarial training: error against ε", "adversarial-training", "error-curves"),
        "error of the standard digit network: {untouched:.4f} untouched, {attacked:.4f} under PGD with ε = {eps:g}",
        "no number",
        "The lecture states it; here it is measured, on the 10\u00a0000 test digits of MNIST.",
        "the lecture",
    ),
    Slide(
        "retriever",
        EXAMPLES,
        "A retriever becomes a plane",
        lab("a dog becomes an airliner", {**DOG, "amp": 10}),
        "{before} {before_share:share} → {after} {after_share:share}, ε = {levels:g}/255",
        "retriever 80.8 % → plane 99 %, δ drawn × 10",
        "Theirs is ResNet50 and a photograph of a retriever that we may not ship; ours is a German shepherd. "
        f"{NETWORK} With an internet connection you can choose ResNet50.",
        "Prevost",
        "The dog, δ drawn ten times stronger, and the dog that the network takes for an airliner",
    ),
    Slide(
        "glasses",
        EXAMPLES,
        "Adversarial glasses: a face recogniser takes one person for another",
        opened(FACE, wearer="collins", become="hopper"),
        "{before} → {after}, distance {target_distance:.2f} (below {same:g}: the same person), {own_distance:.2f} to "
        "herself; in {taken} of {views} random views; the glasses cover {part:share} of the face",
        "no number on the slide",
        "Theirs are printed and worn. Ours are painted into one photograph, and judged in random views of it. Both "
        "attack a face recogniser whose weights they know; turn on *wearable* for smooth and printable colours.",
        "Sharif et al. 2016",
        "The astronaut, her glasses alone, and the astronaut with glasses",
    ),
    Slide(
        "stop-sign",
        EXAMPLES,
        "A stop sign that a network reads as a speed limit",
        STOP_SIGN,
        "{before} → {after} in {read} of {frames} frames of drives from 40 m to 5 m; with grey stickers {control}; the "
        "stickers cover {part:share} of the sign",
        "speed limit 45 in 100 % of the laboratory's photographs, 84.8 % of the frames from a moving car",
        "Theirs are printed stickers on a real sign, filmed from a car. Ours are squares on a drawn sign, and a drive "
        "that is computed: distance, angle, cut, light, noise. Both attack a network whose weights they know; ours "
        "reads edges and no colour.",
        "Eykholt et al. 2018",
        "The stop sign, the stickers alone, and the stop sign with stickers",
    ),
    Slide(
        "turtle",
        EXAMPLES,
        "The turtle that is a rifle from every side",
        opened(VIEWS, image="koala", target="rifle", eps=8),
        "{target} in {over_views} of {draws} new random views ({ordinary} of {draws} for an ordinary attack)",
        "rifle in 82 % of the views",
        "Theirs is a printed object, and δ is its texture. Ours is a flat photograph (of a koala, since we have no "
        "turtle) that is turned, scaled, lit and saved as JPEG, with ε = 8/255.",
        "Athalye, Engstrom, Ilyas & Kwok 2018",
        "The koala, δ drawn ten times stronger, and the koala that survives the views as a rifle",
    ),
    Slide(
        "bred-images",
        EXAMPLES,
        "Fooling images from evolution",
        PATTERNS,
        "{patterns} patterns, {least:share} to {most:share}, median {median:share}; another network agrees on {agreed}",
        "≥ 99.6 %",
        "Theirs is AlexNet, and the evolution runs for thousands of generations; ours had 5406 queries for all eight "
        "pictures. Both use patterns (CPPN). They were bred beforehand, and are classified anew. Breed your own below.",
        "Nguyen, Yosinski & Clune 2015",
        "Three of the bred patterns",
    ),
    Slide(
        "fooling-image",
        EXAMPLES,
        "Fooling images from gradient ascent",
        opened(FOOLING, target="school bus", start="noise"),
        "noise → {target} {share:share} after {steps} steps",
        "99.99 %",
        "Each network has its own fooling images. Ours starts from noise and has no ε: every picture is allowed.",
        "Nguyen, Yosinski & Clune 2015",
        "Noise, and the noise that the network takes for a school bus",
    ),
    Slide(
        "speech",
        EXAMPLES,
        "Speech that a recogniser writes down as something else",
        Place(
            "Speech: three sounds",
            "speech",
            "three-sounds",
            {"network": "own", "clip": "weather", "text": "open the secret door", "steps": 600},
        ),
        "“{heard}” → “{after}”, distortion {distortion:.1f} dB",
        "any text in 100 % of the clips, mean distortion −31 dB",
        "Theirs is DeepSpeech. Ours is a small recogniser of our own that knows simple sentences, and a spoken clip "
        "that comes with the app.",
        "Carlini & Wagner 2018",
    ),
    Slide(
        "panda",
        EXAMPLES,
        "A panda becomes a gibbon",
        lab("a panda becomes a gibbon", PANDA),
        "{before} {before_share:share} → {after} {after_share:share}, ε = {levels:g}/255, targeted PGD, {steps} steps",
        "panda 57.7 % → gibbon 99.3 %, ε = 0.007, one step of FGSM",
        "Theirs is GoogLeNet and **one** step without a target. Ours has a target and ten steps, since one step does "
        "not do it here: see the next row. ε = 0.007 is 1.8/255; ours is 2/255.",
        "Goodfellow, Shlens & Szegedy 2015",
        "The panda, δ drawn ten times stronger, and the panda that the network takes for a gibbon",
    ),
    Slide(
        "panda-fgsm",
        EXAMPLES,
        "The same panda, with one step of FGSM as in the paper",
        lab("one step of FGSM", {"image": "giant_panda", "attack": "fgsm", "eps": 2}),
        "{before} {before_share:share} → {after} {after_share:share}, ε = {levels:g}/255, one step",
        "panda 57.7 % → gibbon 99.3 %, ε = 0.007, one step of FGSM",
        "**One step does not fool our network here**: the panda loses, but stays first. Our network was more certain "
        "of this panda than GoogLeNet of theirs. With an internet connection you can choose GoogLeNet.",
        "Goodfellow, Shlens & Szegedy 2015",
        "The panda, one step of FGSM drawn ten times stronger, and their sum",
    ),
    Slide(
        "inner-maximum",
        "Creation of adversarial examples",
        "The inner maximum: max L(y, f̂(x + δ | θ)) over δ ∈ Δ(x)",
        lab(
            "the formula that just ran", {"image": "german_shepherd", "attack": "pgd", "eps": 4, "steps": 40}, "formula"
        ),
        "L rises from {loss_before:.2f} to {loss_after:.1f}; {before} → {after} {after_share:share}",
        "no number",
        "The same formula without a target. PGD finds a large loss; nobody knows the maximum.",
        "the lecture",
        "The dog, δ of the untargeted attack drawn ten times stronger, and their sum",
    ),
    Slide(
        "pig",
        TARGETED,
        "A pig becomes a wombat, δ drawn × 50",
        lab("a pig becomes a wombat", {**PIG, "amp": 50}),
        "{before} {before_share:share} → {after} {after_share:share}, ε = {levels:g}/255",
        "99.6 %, δ drawn × 50",
        f"Theirs is ResNet50 and another photograph. {NETWORK} ε is the same, 2/255.",
        "Kolter & Madry 2018",
        "The pig, δ drawn fifty times stronger, and the pig that the network takes for a wombat",
    ),
    Slide(
        "pig-untargeted",
        TARGETED,
        "The same pig, away from its class and with no target",
        lab("the pig without a target", {"image": "pig", "attack": "pgd", "eps": 2, "steps": 30, "amp": 50}),
        "{before} {before_share:share} → {after} {after_share:share}, ε = {levels:g}/255, {steps} steps",
        "hog → wombat",
        "In the tutorial the wombat is where the attack *without* a target ends. Another network has other neighbours "
        "of the pig, so ours ends elsewhere.",
        "Kolter & Madry 2018",
        "The pig, δ of the untargeted attack drawn fifty times stronger, and their sum",
    ),
    Slide(
        "difference",
        TARGETED,
        "The lecture's objective for a target: L(y) − L(y_target)",
        lab("the dog with L(y) − L(y_target)", {**DOG, "loss": "difference"}),
        "{before} → {after} {after_share:share}; {target} {target_share:share}",
        "no number",
        "The difference compares two classes only. It is content as soon as y_target is far above y, and a third class "
        "may win. −L(y_target) alone compares with all classes: with it the same dog becomes an airliner (the row of "
        "the retriever).",
        "the lecture",
        "The dog, δ for the difference drawn ten times stronger, and the dog that becomes a greyhound",
    ),
    Slide(
        "robust-training",
        "Adversarial training",
        "θ[t+1] = θ[t] − α · 1/m Σ ∇L(y, f̂(x + δ* | θ)): the gradient at the worst δ",
        replace(ONE_STEP, query={"stage": 5}),
        "error under PGD with ε = {eps:g}: {standard:.4f} for standard training, {robust:.4f} for adversarial training",
        "no number",
        "For networks the inner maximum is not exact: Danskin's theorem no longer holds, and the training works "
        "nevertheless.",
        "Madry et al. 2018",
    ),
    Slide(
        "psi",
        "Linear models",
        "The loss Ψ(z) = log(1 + exp(−z)) of y · h(x)",
        Place("Linear models: proof, line 1", "linear-models", "argument", {"line": 1}),
        "{out_of_order} of {draws} random δ break the order: Ψ falls, so its maximum is where y · h is smallest",
        "a plot",
        "The page checks the same line on data.",
        "Kolter & Madry 2018",
    ),
    Slide(
        "dual-norm",
        "Linear models",
        "The inner maximum in closed form: −y²ε Σ|θⱼ| = −ε‖θ‖₁",
        Place("Linear models: proof, line 4", "linear-models", "argument", {"line": 4}),
        "y · θᵀδ* = {formula:.3f} and −ε‖θ‖₁ = {bound:.3f}; PGD finds {pgd:.3f}",
        "a proof",
        "They agree: the page computes both. The slide's last line has δ left over and θ₀ missing, see section 3.",
        "Kolter & Madry 2018",
    ),
    Slide(
        "worst-delta",
        "MNIST example",
        "δ* for all zeros and ones: a 1 in black, a ring in white",
        Place("Linear models: the worst δ in closed form", "linear-models", "worst-case", {"eps": "0.2"}),
        "‖θ‖₁ = {norm:.1f}; {wrong} of the first {shown} test digits are wrong under δ*, ε = {eps:g}",
        "a picture",
        "The same recipe. The random first θ differs, and with it the border, whose pixels are black in every digit. "
        "The picture here is drawn as in the lecture: δ* for a 0 with the greys reversed, so the 1 is black.",
        "Kolter & Madry 2018",
        "δ* for a zero, with the greys reversed: a black upright stroke inside a white ring, on a speckled border",
    ),
    Slide(
        "mnist-errors",
        "MNIST example",
        "Errors: standard, standard under attack, robust under attack",
        Place("Linear models: errors in the lecture and here", "linear-models", "lecture-numbers", {"eps": "0.2"}),
        "{clean:.4f} / {attacked:.3f} / {robust:.3f} (seed {seed}, ε = {eps:g})",
        "0.0004 / 0.845 / 0.025",
        "The same recipe and data. Only the random first θ and the order of the batches differ. 1 wrong digit of 2115 "
        "is 0.0005; under attack many digits are close to the boundary. The page has three seeds.",
        "Kolter & Madry 2018",
    ),
    Slide(
        "projection",
        "Projected gradient descent",
        "Step and projection: 𝒫(z) = clip(z, [−ε, ε]), left and right",
        STEPS,
        "loss {loss_before:.2f} → {normalised:.2f} with normalised steps and a projection each, {raw:.2f} with the raw "
        "gradient, {steps} steps",
        "two drawings",
        "The drawings have no scale. The page draws the same for a network with two inputs: the raw gradient on the "
        "left, normalised steps on the right.",
        "Kolter & Madry 2018",
    ),
    Slide(
        "sign",
        "Fast gradient sign method",
        "One step with α → ∞, projected: δ = ε · sign(∇L)",
        SIGN,
        "of {right} points, FGSM changes {one_step}, PGD {many_steps}, exhaustive search {anywhere} (ε = {eps:g})",
        "a drawing",
        "The page lets α grow and shows where the projected point ends: in the corner ε · sign(∇L).",
        "Goodfellow, Shlens & Szegedy 2015; drawing: Kolter & Madry 2018",
    ),
)
