"""A game of section 2, with pictures only: which network made this?"""

import random
from collections.abc import Iterator

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from adv_core.aligned import Aligned, targets_of
from adv_core.serving.engine.digits import Digit, digits
from pages.lessons.why.gradient_tasks import Push
from pages.lessons.why.settings import NETWORKS, REFERENCE, ROUNDS, SHOWN, STEPS, page
from pages.widgets.digits import ink
from pages.widgets.glossary import prose
from pages.widgets.live import follow_each
from pages.widgets.stage import PictureRow

PLACES = {"1": "Picture 1", "2": "Picture 2", "3": "Picture 3"}
FIRST, GAME = 200, 8.0  # the test digit of the first round; ε


def order(number: int) -> tuple[Aligned, ...]:
    """The networks behind the three pictures of a round."""
    return tuple(random.Random(f"why {number}").sample(SHOWN, len(SHOWN)))


def right_answer(number: int) -> str:
    """The picture of the network that is robust in L2."""
    return str(order(number).index("robust_l2") + 1)


def show_guess(_: None) -> Iterator[None]:
    st.markdown("#### Which network made this?")
    answers = page.value.guesses
    number = min(len(answers), ROUNDS - 1)
    data = digits("test")[FIRST + number]
    label = int(data.labels)
    target = int(targets_of(torch.tensor([label]), seed=number))
    prose(
        f"A {label} was pushed towards **{target}** in three networks. **Which picture was made in the network that is "
        "robust in L2?**"
    )
    row = PictureRow("stage_guess", PLACES, ink(np.full((28, 28), 0.5), 8), number, alt="{title}, not yet computed")
    with st.container(key="stage_guess_buttons"):
        places = [column.empty() for column in st.columns(len(PLACES))]
    told = st.container(key="why_guess_told").empty()
    yield
    yield
    start = Digit.of(data.images, label)
    works = {name: Push(name, start, target, GAME, STEPS, REFERENCE) for name in SHOWN}
    found = follow_each("guess", works, lambda *_: None, told.info)
    if found is None:
        return
    for place, name in zip(PLACES, order(number), strict=True):
        known = NETWORKS[name] if len(answers) > number else ""
        row.show(place, ink(found[name][-1].pixels / 255, 8), known, alt=f"{PLACES[place]}, {known or 'by whom?'}")
    if len(answers) <= number:
        show_buttons(places, number)
    show_last(told, answers)


def show_buttons(places: list[DeltaGenerator], number: int) -> None:
    for place, slot in zip(PLACES, places, strict=True):
        key = f"why_guess_{place}"
        slot.button(f"{PLACES[place]}", on_click=answer, args=(number, place), key=key, width="stretch")


def answer(number: int, place: str) -> None:
    """Note the answer to that round. A second click on the same pictures is no second answer."""
    if len(page.value.guesses) == number:
        page.set(guesses=page.value.guesses + place)


def show_last(slot: DeltaGenerator, answers: str) -> None:
    """Tell whether the last answer was right, and at the end how many were."""
    if not answers:
        slot.empty()
        return
    right = [given == right_answer(number) for number, given in enumerate(answers)]
    last, which = len(answers) - 1, right_answer(len(answers) - 1)
    ended = len(answers) == ROUNDS
    text = f"Round {last + 1}: it was picture {which}."
    if ended:
        text += f" **{sum(right)} of {ROUNDS} are right.** By chance it would be {ROUNDS // len(PLACES)}."
    with slot.container():
        if right[-1]:
            st.success(f"**Right.** {text}", icon=":material/check:")
        else:
            st.error(f"**Not right.** {text}", icon=":material/close:")
        if ended:
            st.button("Start over", on_click=page.set, kwargs={"guesses": ""}, type="tertiary", key="why_guess_again")
