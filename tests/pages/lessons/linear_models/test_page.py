"""The lesson on linear models, driven through Streamlit's AppTest, from the entry script."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from adv_core.datasets import mnist
from adv_core.linear import error, train, worst_case
from pages.lessons.linear_models.charts import loss_chart
from tests.pages.visit import (
    button,
    every_question_is_made_good,
    link,
    nothing_computed,
    picture,
    questions_of,
    row,
    smaller,
    visit,
    words,
)

lesson = partial(visit, "lessons/linear_models/page.py")


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """One seed beside the lecture's figures, and few digits for the other models to learn and be asked about."""
    with smaller("lessons/linear_models/page.py", SEEDS=(0,), SAMPLE=20, FITTED=500, QUERIES=50):
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return lesson()


def test_opens_with_a_result_that_is_true(opened: AppTest) -> None:
    at = opened
    data, test = mnist("train"), mnist("test")
    model = list(train(data.images, data.labels))[-1].model
    wrong = round(error(model, test.images, test.labels) * len(test))
    assert at.metric[0].value == f"{wrong} of 2115"
    attacked = error(model, test.images, test.labels, 0.2)
    assert f"**{attacked:.4f} ({round(attacked * len(test))} of 2115)**" in at.warning[0].value
    # and δ* is drawn as it is: two greys, as far from the middle as ε = 0.2 = 51 levels
    zero = picture(at, "The worst perturbation for a zero")[::5, ::5, 0].astype(int)
    expected = 0.5 + worst_case(model.theta, torch.tensor([0]), 0.2).view(28, 28).numpy()
    assert np.abs(zero - 255 * expected).max() <= 1


def test_epsilon_and_the_box_are_in_the_link() -> None:
    at = lesson()
    at.slider(key="linear_models_eps").set_value(0.1).run()
    at.toggle(key="linear_models_box").set_value(True).run()
    assert not at.exception and "ε = 0.1" in at.info[0].value
    assert link(at) == {"eps": "0.1", "box": "1"}
    again = lesson(**link(at))
    assert again.slider(key="linear_models_eps").value == 0.1 and again.toggle(key="linear_models_box").value
    assert again.info[0].value == at.info[0].value


@pytest.mark.parametrize("box", ["0", "1"])
def test_the_argument_line_by_line(box: str) -> None:
    at = lesson(box=box)
    assert "Measured just now" not in words(at)
    at = button(at, "First line")
    assert words(at).count("Measured just now") == 1 and "0 out of order" in words(at)
    for line in range(2, 6):
        at = button(at, "Next line")
        assert words(at).count("Measured just now") == line
    assert "0 of 784" in words(at) and not [b for b in at.button if b.label == "Next line"]
    assert ("is a bound now" in words(at)) == (box == "1")
    # line 5: the two ways to the mean loss give one number
    said = next(m.value for m in at.markdown if "by PGD against each" in m.value)
    numbers = [float(part.strip(",:")) for part in said.split() if part.strip(",:").replace(".", "", 1).isdigit()]
    assert numbers[-1] == numbers[-2] > 0.5
    assert "Measured just now" not in words(button(at, "Hide all lines"))


def test_another_seed_and_another_training(opened: AppTest) -> None:
    before = opened.warning[0].value
    at = button(lesson(), "Train again, other seed")
    assert at.number_input(key="linear_models_seed").value == 1 and at.warning[0].value != before
    norm = float(at.metric[1].value)
    at.slider(key="linear_models_against").set_value(0.3).run()
    assert not at.exception and float(at.metric[1].value) < norm


def test_the_lectures_figures_stand_beside_ours() -> None:
    at = lesson(seed="1")
    shown = next(m.value for m in at.markdown if "**the lecture**" in m.value)
    assert "0.0004 | 0.845 | 0.025" in shown
    for seed in (0, 1):
        clean, attacked, robust = (float(cell) for cell in row(at, f"seed {seed} ")[1:])
        assert clean < 0.002 and 0.78 < attacked < 0.88 and 0.02 < robust < 0.03


def test_one_digit() -> None:
    at = lesson(room="0", digit="5")
    p = at.metric[2].value
    assert not any(m.value.startswith("+ ") for m in at.markdown)  # a bare plus would make a list of one item
    assert np.array_equal(picture(at, "The perturbed digit"), picture(at, "The digit, untouched"))
    at.slider(key="linear_models_room").set_value(0.3).run()
    assert at.metric[2].value != p and "classified as 0" in " ".join(e.proto.imgs[0].alt for e in at.get("image"))
    at = button(at, "Next digit")
    assert at.number_input(key="linear_models_digit").value == 6
    at.segmented_control(key="linear_models_model").set_value("robust").run()
    assert "The robust model predicts" in words(at)
    at.segmented_control(key="linear_models_source").set_value("own").run()
    assert not at.exception and any("Write a 0 or a 1" in i.value for i in at.info)


def test_the_lectures_print_has_the_1_in_black(opened: AppTest) -> None:
    shown = picture(opened, "δ* as the lecture prints it")[::7, ::7, 0]
    data = mnist("train")
    theta = list(train(data.images, data.labels))[-1].model.theta.view(28, 28).numpy()
    assert np.array_equal(shown == 0, theta > 0) and shown[14, 14] == 0
    # and the lecture's number stands beside ours
    assert "the lecture's error is **0.845**" in words(opened)


def test_the_loss_is_drawn_with_the_digit_on_it() -> None:
    chart = loss_chart(9.0, -4.0)
    z, digit = (chart["layer"][place]["data"]["values"] for place in (1, 2))
    for each in (*z, *digit):
        assert each["loss"] == pytest.approx(np.log1p(np.exp(-each["z"])))
    assert [each["z"] for each in digit] == [9.0, -4.0] and min(each["z"] for each in z) < -9


def test_the_other_models_stay_out_until_they_are_asked_for() -> None:
    at = lesson(eps="0.3")
    assert "3 nearest neighbours" not in words(at)
    at.toggle(key="linear_models_others").set_value(True).run()
    assert not at.exception
    shown = next(m.value for m in at.markdown if "3 nearest neighbours" in m.value and "|" in m.value)
    rows = {line.split("|")[1].strip(): line.split("|")[2:5] for line in shown.splitlines()[2:]}
    assert [float(cell) for cell in rows["untouched"]] == pytest.approx([0, 0, 0], abs=0.03)
    svm, tree, neighbours = (cell.strip() for cell in rows["worst case"])
    assert float(svm) >= float(rows["Square Attack"][0]) and float(tree) >= float(rows["Square Attack"][1])
    assert neighbours == "unknown" and float(svm) > 0.5


def test_every_question_can_be_made_good() -> None:
    with nothing_computed():
        every_question_is_made_good(lesson(), "linear_models")


def test_the_number_that_is_asked_for_is_computed() -> None:
    question = questions_of("linear_models")[0].first
    data = mnist("train")
    norm = float(list(train(data.images, data.labels))[-1].model.theta.abs().sum())
    for given, hint in ((norm, "not by 1"), (-0.1 * norm, "without the sign"), (3.0, "Add them up")):
        right, why = question.judge(round(given, 2))
        assert not right and hint in why
    assert question.judge(round(0.1 * norm, 1))[0]


def test_a_mad_link_is_repaired_with_a_word() -> None:
    at = lesson(eps="17", seed="x", line="99", source="moon", digit="-4", room="nan", against="0", done="zzz")
    assert at.slider(key="linear_models_eps").value == 0.5 and at.number_input(key="linear_models_digit").value == 0
    assert sum("link" in i.value for i in at.info) >= 5


def test_presentation_mode() -> None:
    with nothing_computed():
        at = button(lesson(present="1", line="2"), "Leave presentation mode")
    assert "present" not in link(at) and "line" in link(at)
