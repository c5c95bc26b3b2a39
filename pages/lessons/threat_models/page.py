"""Lesson: what is a small perturbation? Threat models, random against worst-case noise, and a viewer's threshold."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from adv_core.classifiers import DEFAULT, categories, info_of
from adv_core.images import fit
from adv_core.landscape import line_order, outline
from adv_core.norms import NORMS
from adv_core.serving.engine.attack import Frame, Request
from pages.lessons.threat_models.balls import Filled, says, show_balls
from pages.lessons.threat_models.charts import decision_map, draws_chart
from pages.lessons.threat_models.seeing import show_test
from pages.lessons.threat_models.settings import BALLS, DASHES, DRAWS, PLACES, SIDE, SIZE, VALUES, Settings, page
from pages.lessons.threat_models.texts import questions
from pages.widgets.canvas import canvas
from pages.widgets.charts import PALETTE
from pages.widgets.lesson import closing, for_the_lecturer, opening, presenting
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import OWN, PHOTOS, gallery, needs_own, own_picture, photograph
from pages.widgets.quiz import guess, quiz
from pages.widgets.stage import percent, picture_uri

state = st.session_state


# ------------------------------------------------------------------------------------------------------- computations


def allowed(place: str, drawn: np.ndarray | None = None) -> np.ndarray:
    """Δ(x) as a mask, (SIZE, SIZE) bool: where δ may live."""
    y, x = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE
    if place == "sticker":
        return np.asarray((x - 0.24) ** 2 + (y - 0.76) ** 2 < 0.15**2)
    if place == "glasses":
        rims = [((x - centre) / 0.13) ** 2 + ((y - 0.38) / 0.095) ** 2 for centre in (0.34, 0.66)]
        glasses = sum(((rim > 0.62) & (rim < 1.3) for rim in rims), np.zeros_like(x, bool))
        return np.asarray(glasses | ((abs(y - 0.36) < 0.02) & (abs(x - 0.5) < 0.05)))
    if place == "background":
        return np.asarray(((x - 0.5) / 0.4) ** 2 + ((y - 0.52) / 0.44) ** 2 > 1)
    if place == "own":
        return np.zeros((SIZE, SIZE), bool) if drawn is None else drawn >= 0.5
    return np.ones((SIZE, SIZE), bool)


# ----------------------------------------------------------------------------------------------------------- the story


def show_mask(base: Request) -> None:
    st.subheader("2 · Only here: Δ(x)", anchor=False)
    st.markdown(
        "The set may depend on the picture: a sticker on a sign, glasses on a face, everything but the animal. Outside "
        "of the mask δ is 0. Inside, it may be large: such a δ is not meant to be invisible, but to look like "
        "something harmless."
    )
    page.control("place", st.segmented_control, "Where δ may live", list(PLACES), format_func=PLACES.get, required=True)
    page.control("room", st.slider, "ε inside, in 1/255", 0, 255, help="255: any colour at all.")
    page.into_address()
    settings, drawn = page.value, None
    if settings.place == "own":
        small = canvas(
            "threat_models_mask",
            width=SIZE // 2,
            height=SIZE // 2,
            label="Paint where δ may live",
            brush=14,
            background=picture_uri(base.pixels),
        )
        drawn = None if small is None else small.repeat(2, 0).repeat(2, 1)
        st.caption("A link cannot carry your drawing, and it is gone when you choose another mask or leave the page.")
    mask = allowed(settings.place, drawn)
    if not mask.any():
        st.info("Paint something first: where nothing may change, nothing happens.", icon=":material/draw:")
        return
    request = replace(base, attack="pgd", eps=(settings.room / 255,), steps=20)
    frames = follow(job_for("mask", request if mask.all() else request.with_mask(mask)))
    if frames is None:
        return
    last = frames[-1]
    assert last.pixels is not None
    after = last.pixels[0]
    shade = base.pixels.copy()
    shade[~mask] = (shade[~mask].astype(np.float32) * 0.25 + 96).astype(np.uint8)
    with st.container(key="stage_mask"):
        left, right = st.columns(2)
        left.image(picture_uri(shade), width="stretch", alt=f"The mask: δ may live on {percent(mask.mean())} of it")
        left.markdown(f"Δ(x): **{percent(float(mask.mean()))}** of the picture")
        name = categories()[int(last.probabilities[0].argmax())]
        right.image(picture_uri(after), width="stretch", alt=f"x + δ; the network sees {name}")
        right.markdown(says(last.probabilities[0]))
    changed = (after != base.pixels).any(2)
    st.caption(
        f"PGD, 20 steps. {int(changed.sum())} pixels changed, {int((changed & ~mask).sum())} of them outside of the "
        "mask."
    )
    st.latex(r"\Delta(x) = \{\delta : \|\delta\|_\infty \le \varepsilon,\ \delta_{\notin M(x)} = 0\}")


def show_draws(base: Request, clean: np.ndarray, found: Sequence[Filled]) -> None:
    st.subheader("3 · Random against worst case", anchor=False)
    label = base.label
    page.control(
        "ball",
        st.segmented_control,
        "Which ball",
        BALLS,
        format_func=lambda key: NORMS[key].title,
        required=True,
        on_change=_ask_anew,
    )
    ball = next(each for each in found if each.norm == page.value.ball)
    told = guess(
        page,
        "guess",
        f"Here are {DRAWS} random δ of norm ‖δ‖ = ε = {ball.radius_text} ({NORMS[ball.norm].title}; rounding to 8 bits "
        "may make them a little shorter), and one adversarial δ from the same ball. "
        f"**How many of the {DRAWS} random ones make the network say something else than “{categories()[label]}”?**",
        start=DRAWS // 2,
    )
    page.into_address()
    if told is None:
        return
    request = replace(
        base,
        attack="noise",
        norm=ball.norm,
        eps=(ball.radius,),
        seed=page.value.seed,
        draws=DRAWS,
        pictures=False,
    )
    with st.container(key="draws"):
        slot, note = st.empty(), st.empty()

    def draw(frames: list[Frame]) -> None:
        after = [float(frame.probabilities[0, label]) for frame in frames[1:]]
        fooled = _fooled(frames, label)
        slot.vega_lite_chart(
            draws_chart(after, DRAWS, float(clean[label]), float(ball.probabilities[label])),
            width="stretch",
            height=300,
            alt=f"Histogram: the probability of {categories()[label]} under {len(after)} random δ; {fooled} of them "
            f"fooled the network. Under the adversarial δ it is {percent(float(ball.probabilities[label]))}",
        )
        note.caption(f"{len(after)} of {DRAWS} tried, {fooled} fooled the network …")

    frames = follow(job_for("draws", request), draw, note.info)
    if frames is None:
        return
    fooled = _fooled(frames, label)
    mean = float(np.mean([frame.probabilities[0, label] for frame in frames[1:]]))
    note.markdown(
        f"You said {told}. It was **{fooled} of {DRAWS}**. Under random noise the network is still "
        f"{percent(mean)} sure of “{categories()[label]}” on the average; under the one adversarial δ of the same norm "
        f"{percent(float(ball.probabilities[label]))}, and says {says(ball.probabilities)}."
    )
    with st.container(horizontal=True):
        st.button("Guess again", on_click=_ask_anew, key="guess_again")
        other = {"seed": (page.value.seed + DRAWS) % 10000}
        st.button(f"Another {DRAWS} δ", on_click=page.set, kwargs=other, key="other_draws")
    st.caption(
        f"Seeds {page.value.seed} to {page.value.seed + DRAWS - 1}. In L∞ every value moves by +ε or −ε, by a coin; in "
        "L2 the direction is random on the sphere; in L1 a random hundredth of the values moves. Each δ is rounded to "
        "8 bits, and then judged."
    )


def _ask_anew() -> None:
    page.set(guess=-1)


def _fooled(frames: Sequence[Frame], label: int) -> int:
    return sum(int(frame.logits[0].argmax()) != label for frame in frames[1:])


def show_map(base: Request, found: Sequence[Filled]) -> None:
    label, eps = base.label, page.value.eps
    reach = max(2 * eps, 8)
    places = np.linspace(-reach, reach, SIDE).tolist()
    order = line_order(SIDE)
    request = replace(
        base,
        attack="slice",
        eps=(reach / 255,),
        seed=page.value.seed,
        side=SIDE,
        pictures=False,
    )
    balls = []
    for each in found:
        a, b = outline(each.norm, each.radius, VALUES)  # type: ignore[arg-type]
        balls.append((NORMS[each.norm].title, (255 * a).tolist(), (255 * b).tolist(), DASHES[each.norm]))
    with st.container(key="map", width=520):
        slot, note = st.empty(), st.empty()

    def draw(frames: list[Frame]) -> None:
        classes = np.concatenate([frame.logits.argmax(1) for frame in frames])
        common = [int(c) for c in np.argsort(-np.bincount(classes, minlength=1000))[:7] if (classes == c).any()]
        shades = {categories()[label]: PALETTE[0]}
        others = (categories()[c] for c in common if c != label)
        shades |= dict(zip(others, ("#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"), strict=False))
        lines = []
        for frame in frames:
            names = [categories()[int(c)] for c in frame.logits.argmax(1)]
            shown = [name if name in shades else "another class" for name in names]
            lines.append((places[order[frame.index]], shown, frame.probabilities.max(1).tolist()))
        if any("another class" in names for _, names, _ in lines):
            shades["another class"] = "#8C6D31"
        share = float((classes == label).mean())
        slot.vega_lite_chart(
            decision_map(places, lines, shades, balls),
            width="stretch",
            height=600,
            alt=f"Map of a plane through the photograph: {percent(share)} of it is {categories()[label]}",
        )
        note.caption(f"{len(frames)} of {SIDE} lines …")

    if follow(job_for("map", request), draw, note.info, interval=0.4):
        note.caption(
            f"{SIDE} × {SIDE} pictures x + a·u + b·v, each asked for its class: u is the sign of the gradient, v has "
            f"random signs (seed {page.value.seed}), so one step of either moves every value by 1/255 up or down. The "
            "cross is x itself. Lines: the three balls of section 1."
        )


def main() -> None:
    page.start()
    needs_own(page, Settings.image)
    if (
        state.setdefault("threat_models_shown", page.value.image) != page.value.image
    ):  # guesses and answers were about another
        state.threat_models_shown = page.value.image
        page.set(guess=-1, answers="")
    opening(
        page,
        "What is a small perturbation?",
        "Before you can ask whether a network is robust, you have to say against *what*. Three balls, a mask, a test "
        "of your own eyes, and a map.",
    )
    with st.sidebar:
        st.header("Photograph", divider="gray")
        gallery(page)
        shown = "your own picture" if page.value.image == OWN else PHOTOS[page.value.image]
        st.caption(f"Now: **{shown}**.")
        own_picture(page, Settings.image)
        presenting(page)
    page.into_address()
    pixels = np.asarray(fit(photograph(page.value.image), SIZE, SIZE))
    base = Request(b"", 0, 0, DEFAULT).with_pixels(pixels)
    looked = follow(job_for("look", base))
    if looked is None:
        st.stop()
    clean = looked[-1].probabilities[0]
    base = replace(base, label=int(clean.argmax()))
    st.markdown(f"Untouched, {info_of(DEFAULT).title} sees this photograph as {says(clean)}.")
    found = show_balls(base)
    show_mask(base)
    show_draws(base, clean, found)
    show_test(base)
    page.into_address()
    st.subheader("5 · A map of the neighbourhood", anchor=False)
    st.markdown(
        "x is a point in a space of "
        f"{VALUES} dimensions. Here is a plane through it, like a slice through a cake: to the right goes the attack, "
        "up goes a random direction. Colours say which class the network sees there."
    )
    map_area = st.container()
    quiz(page, questions(found))
    for_the_lecturer(
        page,
        "1. Open the link. Ask which of the three photographs was changed least. Then show the amplified rows.\n"
        "2. Section 3: let the room guess by show of hands before you press. Most guess far too high.\n"
        "3. The map: to the right the class changes at once; straight up, nearly never. Noise goes up, attacks go "
        "right.",
        "- “L1 looks worse than L∞!” Its ε was matched by one crude number; the threshold of an eye depends on "
        "distance, screen and texture. That is section 4.\n"
        "- Projectors swallow small contrasts: let students look at their own screens.\n"
        "- A photograph of which the network is unsure is fooled by noise, too: try the astronaut.",
        guess=-1,
        answers="",
    )
    closing(
        page,
        (
            (
                "Kolter & Madry, *Adversarial robustness: theory and practice*, chapter 1",
                "https://adversarial-ml-tutorial.org/introduction/",
            ),
            (
                "Szegedy et al., *Intriguing properties of neural networks*, ICLR 2014",
                "https://arxiv.org/abs/1312.6199",
            ),
            (
                "Goodfellow, Shlens & Szegedy, *Explaining and harnessing adversarial examples*, ICLR 2015",
                "https://arxiv.org/abs/1412.6572",
            ),
            (
                "Fawzi, Moosavi-Dezfooli & Frossard, *Robustness of classifiers: from adversarial to random noise*, "
                "NeurIPS 2016",
                "https://arxiv.org/abs/1608.08967",
            ),
            (
                "Sharif et al., *Accessorize to a crime* (the glasses), CCS 2016",
                "https://doi.org/10.1145/2976749.2978392",
            ),
            (
                "Levitt, *Transformed up-down methods in psychoacoustics* (the staircase), JASA 1971",
                "https://doi.org/10.1121/1.1912375",
            ),
        ),
    )
    with map_area:
        show_map(base, found)


main()
