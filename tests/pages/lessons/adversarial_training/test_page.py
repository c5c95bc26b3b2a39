"""The lesson on adversarial training, driven through Streamlit's AppTest, from the entry script."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from adv_core.networks.digit_network import checkpoint
from adv_core.serving.engine.digits import ErrorCurve, digits
from pages.lessons.adversarial_training import tasks, training
from tests.pages.visit import answered, button, link, nothing_computed, picture, pictures, row, smaller, visit, words

PAGE = "lessons/adversarial_training/page.py"


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """Few digits to learn from and to be judged on, and three points of each curve."""
    three = (0.0, 0.1, 0.3)
    less = smaller(PAGE, (), {ErrorCurve: {"images": 40}}, IMAGES=500, CURVE=three, EPS=three)
    with less, pytest.MonkeyPatch.context() as patch:
        for module in (tasks, training):
            patch.setattr(module, "HELD_OUT", 100)
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return visit(PAGE)


def test_opens_with_the_figures_of_the_script(opened: AppTest) -> None:
    for metric, name in zip(opened.metric, ("standard", "robust_01"), strict=True):
        judged = checkpoint(name).figures["judged"][0]
        assert metric.value == f"{100 * judged['attacked']:.1f}\u00a0%"
        assert metric.delta.startswith(f"{100 * judged['untouched']:.1f}\u00a0%")


def test_what_is_said_of_the_pictures_is_true_of_the_pictures(opened: AppTest) -> None:
    shown = pictures(opened)
    for name, model in (("standard", "standard"), ("robust", "robust_01")):
        alt, shot = next((a, p) for a, p in shown.items() if a.startswith(f"The digit after the attack on the {name}"))
        x = torch.from_numpy(shot[::8, ::8, 0].astype(np.float32) / 255)[None, None]
        says = int(checkpoint(model).network(x).argmax())
        assert alt.endswith(f"predicts {says}")
        x0 = digits("test")[17].images[None]
        assert float((x - x0).abs().max()) <= 0.1 + 1e-6
    assert "predicts 7" not in "".join(a for a in shown if "the standard network" in a)
    assert any("the robust network, which predicts 7" in a for a in shown)
    least = re.search(r"\*\*(0\.\d+)\*\* for the standard one, \*\*(0\.\d+)\*\* for the robust one", words(opened))
    assert least is not None and 0 < float(least[1]) < 0.1 < float(least[2])


def test_epsilon_and_the_digit_are_in_the_link() -> None:
    at = visit(PAGE)
    at.slider(key="adversarial_training_eps").set_value(0.3).run()
    at = button(at, "Next digit")
    assert link(at) == {"eps": "0.3", "digit": "18"}
    again = visit(PAGE, **link(at))
    assert again.slider(key="adversarial_training_eps").value == 0.3 and "number 18 of" in words(again)


def test_the_loop_is_walked_term_by_term() -> None:
    at = visit(PAGE)
    for place, stage in enumerate(("images", "δ*", "adversarial images", "gradient", "update")):
        at = button(at, f"{'Next' if place else 'Start'}: {stage}")
        assert f"**{place + 1}. {stage}**" in words(at)
        assert sum("D55E00" in latex.value for latex in at.latex) == (1 if place != 4 else 2)
    before, after = (float(row(at, start)[1]) for start in ("before the step", "after it, at the same"))
    assert after < before
    assert link(at) == {"stage": "5"}
    assert button(at, "Another minibatch").query_params["batch"] in ("1", ["1"])
    assert "**1. images**" not in words(button(at, "Start again"))


def test_the_input_gradients_are_those_of_the_networks(opened: AppTest) -> None:
    noise, strokes = (picture(opened, f"Input gradient of the {name}") for name in ("standard", "robust"))
    empty = [float((p[..., 3] < 10).mean()) for p in (noise, strokes)]
    assert empty[1] > 0.6 > empty[0]  # the robust one's lives on the strokes alone


def test_a_live_training_stops_and_goes_on() -> None:
    at = visit(PAGE, inner="fgsm", epochs="1", train="1")
    trained = next(note.value for note in at.info if "Trained." in note.value)
    assert row(at, "yours, FGSM")[-1] != "–" and row(at, "yours, standard")[-1] != "–"
    said = re.search(r"error of ([\d.]+)\u00a0% without an attack, and of ([\d.]+)\u00a0%", trained)
    assert said is not None and row(at, "yours, FGSM")[1:3] == [f"{said[1]}\u00a0%", f"{said[2]}\u00a0%"]
    at.segmented_control(key="adversarial_training_against").set_value("own").run()
    assert not at.exception and link(at)["against"] == "own"
    at = button(at, "Train again, other seed")
    assert link(at)["seed"] == "1" and any("Trained." in note.value for note in at.info)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "about 1 s"), (44, "about 40 s"), (130, "about 2 min"), (160, "about 2½ min")]
)
def test_the_time_that_is_left_is_told_roughly(seconds: float, said: str) -> None:
    assert training.remaining(seconds) == said


def test_a_link_to_somebody_elses_network_is_explained() -> None:
    at = visit(PAGE, against="own")
    assert (
        "train your own" in words(at) and at.segmented_control(key="adversarial_training_against").value == "robust_01"
    )


def test_a_written_digit_is_attacked_away_from_what_it_is_meant_to_be() -> None:
    at = visit(PAGE, source="own")
    assert "appear here" in words(at) and not at.error


def test_an_uploaded_digit_and_rubbish() -> None:
    at = visit(PAGE, source="photo")
    at.file_uploader[0].upload("x.png", b"rubbish", "image/png").run()
    assert not at.exception and len(at.error) == 1


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"eps": "nan", "digit": "-3", "stage": "99", "ball": "7", "epochs": "1e9", "inner": "<b>"}
    query |= {"source": "x", "seed": "a"}
    with nothing_computed():
        assert len(visit(PAGE, **query).info) >= len(query)


def test_the_quiz_knows_right_from_wrong(opened: AppTest) -> None:
    at = visit(PAGE)
    answered(at, "adversarial_training_answer_a", 14)
    assert "attack alone" in at.error[0].value and "**The right answer:** 16." in at.error[0].value
    answered(at, "adversarial_training_answer_a_again", 42)
    answered(at, "adversarial_training_answer_b", 0)
    assert len(at.error) == 1 and link(at)["done"] == "ab"


def test_the_formula_lights_up_nothing_at_first(opened: AppTest) -> None:
    assert not any("D55E00" in latex.value for latex in opened.latex)
