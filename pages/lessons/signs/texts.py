"""The texts around the lesson's sections."""

from adv_core.signs.driving import FOCAL, WIDTH
from adv_core.signs.stickers import GRID, OCTAGON, most_squares
from pages.lessons.signs.settings import DRIVES, FRAMES, page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def squares(part: int, told: str) -> Number:
    """A question for the size of Δ."""
    most = most_squares(part / 100)
    return Number(
        f"An octagonal sign covers {100 * OCTAGON:.1f} % of the {GRID} × {GRID} squares around it. How many whole "
        f"squares are at most {part} % of the sign{told}?",
        most,
        0.5,
        f"{part / 100:g} · {OCTAGON:.3f} · {GRID}² = {part / 100 * OCTAGON * GRID**2:.1f}, so {most} whole squares.",
        lambda given: "Take that part of the octagon's squares, and round down.",
    )


def pixels(metres: int) -> Number:
    """A question for the pinhole camera."""
    wide = FOCAL * WIDTH / metres
    return Number(
        f"A camera {FOCAL:g} pixels long looks straight at a sign {WIDTH:g} m wide, {metres} m away. How many pixels "
        "wide is the sign in the picture?",
        round(wide),
        2,
        f"{FOCAL:g} · {WIDTH:g} / {metres} = {wide:.0f}: twice as far, half as wide.",
        lambda given: "The width in the picture is to the focal length as the sign is to its distance.",
        "pixels",
    )


def questions() -> list[Question]:
    return [
        Question("c", squares(page.value.part, " (as set in section 1)"), squares(3, "")),
        Question(
            "a",
            Choice(
                "Why do grey stickers of the same shape stand beside the attack?",
                (
                    (
                        "They show how much mere covering does.",
                        "Only what the stickers do beyond the grey ones is due to their pattern.",
                    ),
                    (
                        "They show how the attack looks before it starts.",
                        "The attack does start from grey, but the row is there for comparison.",
                    ),
                    (
                        "They show that the network ignores all stickers.",
                        "It does not ignore them: it is fooled by some of them.",
                    ),
                ),
            ),
            Choice(
                "Black and white stickers fool 50 of 64 frames, grey ones 30. What is due to the pattern?",
                (
                    ("The difference, about 20 frames.", "In about 30 frames, covering alone was enough."),
                    ("All 50 frames that were fooled.", "Grey stickers fool 30 of them, without any pattern."),
                    ("The 14 frames that are left over.", "Those are not fooled at all."),
                ),
            ),
        ),
        Question("d", pixels(20), pixels(10)),
        Question(
            "b",
            Choice(
                "Why does each step of the attack draw new distances, angles and light?",
                (
                    (
                        "So that the stickers work in the whole drive.",
                        "The attack raises the mean over the views, not the result in one of them.",
                    ),
                    (
                        "So that the stickers cover less of the sign.",
                        "How much they may cover is fixed before the attack starts.",
                    ),
                    (
                        "So that the network learns to read stickers.",
                        "The network is not trained here; only the stickers change.",
                    ),
                ),
            ),
            Choice(
                "An attack was made from the front at 10 m alone. What do you know about 30 m?",
                (
                    (
                        "Nothing, before you have measured it there.",
                        "The attack has averaged over no other distance.",
                    ),
                    (
                        "It fails: a sticker is too small at 30 m.",
                        "Perhaps, perhaps not: look at the first frames of the drive.",
                    ),
                    (
                        "It works: the sign is the same sign there.",
                        "The network sees fewer pixels of it, and other values.",
                    ),
                ),
            ),
        ),
    ]


TEXTS = Texts(
    lead=(
        "A small network reads traffic signs. You put small black and white stickers on a stop sign, and a car that "
        "drives up to it reads a speed limit. The sample is a drawn sign; your own photograph of a sign works as well."
    ),
    questions=questions,
    script=(
        "1. Open the link. “What is this sign?” Everybody says *stop*. Then show the strip of frames.\n"
        "2. Point at the grey row: the same places are covered, and the network still reads *stop*.\n"
        "3. Choose another sign to be read. Some are near for the network, some are far.\n"
        "4. The poster: nobody sees stickers any more. Which of the two would you notice on the way to work?\n"
        "5. Put the formula on the blackboard: Δ has changed, the expectation is that of the lesson on the camera."
    ),
    pitfalls=(
        "- “So cars can be stopped by stickers?” A car has maps, several cameras and many frames, and it first has to "
        "find the sign. Lu et al. (2017) found that the pictures known then fooled a detector from few distances only; "
        "Eykholt et al. made stickers that fool a classifier in most frames of a drive. This page cuts the sign out "
        "for the network, and attacks the reading only.\n"
        "- The network is a small one of this project, trained on drawings; it reads edges and no colour. It is no "
        "part of any car.\n"
        "- The places matter. On four bars whose places are given, this network is hardly fooled; the attack chooses "
        "its squares. And stickers for one network need not fool another one (see `bench/RESULTS.md`).\n"
        "- The photograph is a flat board, background and all. A real background moves against the sign.\n"
        f"- {DRIVES * FRAMES} frames are few, and frames of one drive look alike.\n"
        "- Put nothing on a real sign: it is a crime, and people rely on it."
    ),
    references=(
        (
            "Eykholt et al., *Robust physical-world attacks on deep learning visual classification*, CVPR 2018",
            "https://arxiv.org/abs/1707.08945",
        ),
        (
            "Lu, Sibai, Fabry & Forsyth, *NO need to worry about adversarial examples in object detection in "
            "autonomous vehicles*, 2017",
            "https://arxiv.org/abs/1707.03501",
        ),
        (
            "Sitawarin, Bhagoji, Mosenia, Chiang & Mittal, *DARTS: deceiving autonomous cars with toxic signs*, 2018",
            "https://arxiv.org/abs/1802.06430",
        ),
        (
            "Athalye, Engstrom, Ilyas & Kwok, *Synthesizing robust adversarial examples*, ICML 2018",
            "https://arxiv.org/abs/1707.07397",
        ),
    ),
)
