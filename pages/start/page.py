"""The start screen of a lecture: one question in 20 seconds, and the ways into the app.

Everything fits on the screen of a laptop and of a phone: nobody scrolls in 20 seconds.
"""

import random

import numpy as np
import streamlit as st

from adv_core.classifiers import DEFAULT, categories, info_of
from adv_core.images import difference, fit
from adv_core.serving.engine.attack import Attack, Frame
from adv_core.serving.engine.look import Pictures
from pages.contents import COURSE, LAB, ROOM
from pages.start.settings import MOST_SEED, SIDES, page
from pages.widgets.ask import look
from pages.widgets.lesson import opening
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import sample
from pages.widgets.stage import PictureRow, percent, picture_uri

PHOTOGRAPH, TARGET, EPS, STEPS = "koala", 404, 2, 20  # ε in 1/255
DRAWN = 10  # times stronger than it is: the drawn δ
STYLE = """<style>
.stMainBlockContainer {padding-top: 3.6rem; padding-bottom: .5rem}
.stMainBlockContainer > div > .stVerticalBlock {gap: .6rem}
[class*=st-key-start_] {margin: 0 auto}
/* The pictures are as high as the rest of the screen allows: each column is as wide as it is high. */
.st-key-start_pair, .st-key-start_buttons {max-width: 98vh}
.st-key-start_three {max-width: 110vh}
.stVerticalBlock[class*=st-key-start_] [data-testid=stHorizontalBlock] {flex-wrap: nowrap; gap: .75rem}
.stVerticalBlock[class*=st-key-start_] [data-testid=stColumn] {min-width: 0; flex: 1 1 0; width: auto}
[class*=st-key-start_] [data-testid=stColumn] > .stVerticalBlock {gap: .3rem}
[class*=st-key-start_] img {width: 100%; border-radius: .4rem; image-rendering: pixelated}
[class*=st-key-start_] [data-testid=stElementToolbar] {display: none}
.st-key-start_pair .lab-cap {display: none}
.st-key-start_three .lab-cap {min-height: 3.2em}
.st-key-start_ways {max-width: 60rem}
.st-key-start_ways a {justify-content: center; padding: .7rem .5rem; border: 2px solid; border-radius: .6rem;
  border-color: light-dark(#0b62a0, #58b4e8)}
.st-key-start_ways a p {font-size: 1.25rem; font-weight: 700}
.st-key-start_ways [data-testid=stCaptionContainer] {text-align: center}
@media (max-width: 640px) {.st-key-start_ways [data-testid=stCaptionContainer] {display: none}}
</style>"""


def perturbed_side() -> str:
    """Return the side of the perturbed picture, which the seed decides."""
    return SIDES[random.Random(f"start {page.value.seed}").random() < 0.5]


def computed() -> tuple[np.ndarray, np.ndarray, Frame] | None:
    """Return the photograph, its probabilities and the last frame of the attack; on failure None, with the reason."""
    side = info_of(DEFAULT).input_size
    original = np.asarray(fit(sample(PHOTOGRAPH), side, side))
    looked = look("start look", original)
    if looked is None:
        return None
    label = int(looked.probabilities[0].argmax())
    attack = Attack(
        Pictures.of(original),
        DEFAULT,
        attack="targeted",
        eps=(EPS / 255,),
        label=label,
        target=TARGET,
        steps=STEPS,
    )
    frames = follow(job_for("start", attack), end=False)
    return None if frames is None else (original, looked.probabilities[0], frames[-1])


def row() -> PictureRow:
    """Draw the places of the two pictures, and after the answer that of δ."""
    grey = np.full((224, 224, 3), 128, np.uint8)
    titles = {side: side for side in SIDES}
    if page.value.picked:
        titles |= {"delta": f"the difference δ, drawn {DRAWN} × stronger"}
    return PictureRow("start_three" if page.value.picked else "start_pair", titles, grey, page.value.seed)


def ask() -> None:
    """Draw a button below each picture; the arrow keys press them, too."""
    with st.container(key="start_buttons"):
        for side, column in zip(SIDES, st.columns(2), strict=True):
            column.button(
                f"The {side} one",
                on_click=page.set,
                kwargs={"picked": side},
                key=f"start_{side}_one",
                shortcut=side,
                width="stretch",
            )


def show_answer(probabilities: np.ndarray, last: Frame, largest: int) -> None:
    """Tell whether the choice was right, and how small the change is."""
    side = perturbed_side()
    now, name = last.probabilities[0], categories()
    said = (
        f"For the **{side}** picture, the network predicts **{name[int(now.argmax())]}** "
        f"({percent(float(now.max()))}), for the other **{name[int(probabilities.argmax())]}**. No colour value "
        f"differs by more than {largest} of 255 levels."
    )
    if page.value.picked == side:
        st.success(f"Right. {said}", icon=":material/check:")
    else:
        st.error(f"It is the other one. {said}", icon=":material/close:")


def show_ways() -> None:
    """Draw the three ways into the app."""
    attack = {"image": PHOTOGRAPH, "target": str(TARGET), "eps": str(EPS), "steps": str(STEPS)}
    with st.container(key="start_ways"):
        lab, course, room = st.columns(3)
        with lab:
            st.page_link(LAB.file, label="Lab", icon=":material/science:", query_params=attack, width="stretch")
            st.caption("This attack, and your own photographs")
        with course:
            st.page_link(COURSE.file, label="Course", icon=":material/menu_book:", width="stretch")
            st.caption("The lessons, in the order of the lecture")
        with room:
            st.page_link(ROOM.file, label="Class", icon=":material/groups:", width="stretch")
            st.caption("Join a room, and compete")


def again() -> None:
    page.set(seed=random.randint(1, MOST_SEED), picked="")


def main() -> None:
    page.start()
    if page.value.seed == 0:
        page.set(seed=random.randint(1, MOST_SEED))
    st.html(STYLE)
    target = categories()[TARGET]
    opening(
        page,
        f"Which of the two is the {target} for the network?",
        "Both show a koala. One is an adversarial example: it was changed a little, so that a neural network predicts "
        f"*{target}*.",
    )
    page.into_address()
    pictures = row()
    places = st.container()
    found = computed()
    if found is None:
        show_ways()
        return
    original, probabilities, last = found
    assert last.pixels is not None
    perturbed, side, picked = last.pixels[0], perturbed_side(), page.value.picked
    picture_uri(original), picture_uri(perturbed)  # encoded before either is drawn: both come at the same moment
    for each in SIDES:
        pixels, p = (perturbed, last.probabilities[0]) if each == side else (original, probabilities)
        if not picked:
            pictures.show(each, pixels, "", "", f"The {each} picture: a koala")
            continue
        said = categories()[int(p.argmax())]
        pictures.show(each, pixels, said, percent(float(p.max())), f"The {each} picture, classified as {said}")
    if not picked:
        with places:
            ask()
        return
    largest = int(np.abs(perturbed.astype(int) - original).max())
    alt = f"δ, drawn {DRAWN} times stronger; largest change {largest} of 255 levels"
    pictures.show("delta", difference(original, perturbed, DRAWN), f"at most {largest}/255", "", alt)
    with places:
        show_answer(probabilities, last, largest)
        show_ways()
        st.button("Ask again", on_click=again, type="tertiary", icon=":material/refresh:", key="start_again")


main()
