"""The lesson on FGSM and PGD, driven through Streamlit's AppTest, from the entry script."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from adv_core import Linf, Untargeted, fgsm, pgd, run
from adv_core.attacks.step import input_gradient
from adv_core.classifiers import DEFAULT, categories
from adv_core.images import fit
from adv_core.plane import two_moons
from adv_core.serving.engine.attack import Attack
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.engine.look import Pictures
from pages.lessons.fgsm_and_pgd.targeted import End
from pages.lessons.fgsm_and_pgd.world import PlaneClassifier, ball, tally, train
from pages.widgets.charts import short
from pages.widgets.photograph import sample
from tests.pages.visit import (
    button,
    every_question_is_made_good,
    link,
    nothing_computed,
    pictures,
    questions_of,
    row,
    sent,
    smaller,
    visit,
    words,
)

lesson = partial(visit, "lessons/fgsm_and_pgd/page.py")
X = torch.tensor([[0.38, 0.73]], dtype=torch.float64)


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """Few steps and few ε on the photograph."""
    with smaller("lessons/fgsm_and_pgd/page.py", STEPS=2, ONE_STEPS=(2, 8)):
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return lesson()


@pytest.fixture(scope="module")
def model() -> PlaneClassifier:
    return train(two_moons())


def test_opens_with_a_result_that_is_true(opened: AppTest, model: PlaneClassifier) -> None:
    at = opened
    one = run(fgsm(model, X, Linf(0.15), Untargeted(0), quantize=False))
    many = run(pgd(model, X, Linf(0.15), Untargeted(0), steps=40, step_size=0.15 / 8, quantize=False))
    assert "One step misses, many steps hit" in at.warning[0].value
    assert row(at, "FGSM, one step")[1] == short(float(one.loss)) and "class\u00a00" in row(at, "FGSM, one step")[3]
    assert row(at, "PGD, 40 steps")[1] == short(float(many.loss)) and "**class\u00a01**" in row(at, "PGD, 40 steps")[3]
    assert many.loss > one.loss + 5
    shapes = sent(at, "shapes")["shapes"]
    star = next(each for each in shapes if each.get("symbol") == "star")
    assert star["points"][0] == pytest.approx(many.adversarial[0].tolist(), abs=1e-4)


def test_the_controls_are_in_the_link() -> None:
    at = lesson()
    at.slider(key="fgsm_and_pgd_x1").set_value(0.56).run()
    at.segmented_control(key="fgsm_and_pgd_ball").set_value("l2").run()
    at.slider(key="fgsm_and_pgd_eps").set_value(0.2).run()
    at.select_slider(key="fgsm_and_pgd_raw").set_value("3e2").run()
    assert not at.exception
    assert link(at) == {"x1": "0.56", "ball": "l2", "eps": "0.2", "raw": "3e2"}
    again = lesson(**link(at))
    assert words(again) == words(at) and "L2" in words(again)


def test_both_runs_are_shown_step_by_step(model: PlaneClassifier) -> None:
    at = lesson(steps="6", alpha="0.06", raw="1e4")
    shown = sent(at, "panels")
    assert shown["steps"] == 6 and [panel["title"] for panel in shown["panels"]] == [
        "Raw: α·∇L, α = 10⁴",
        "Normalised: α·sign(∇L), α = 0.06",
    ]
    for panel, size, step in zip(shown["panels"], (1e4, 0.06), ("gradient", "steepest"), strict=True):
        attack = pgd(model, X, Linf(0.15), Untargeted(0), steps=6, step_size=size, step=step, quantize=False)  # type: ignore[arg-type]
        expected = torch.cat([each.adversarial for each in attack])
        torch.testing.assert_close(torch.tensor(panel["points"], dtype=torch.float64), expected, rtol=0, atol=1e-4)


def test_a_raw_gradient_hardly_moves_and_the_page_says_so() -> None:
    assert "its gradient is tiny" in words(lesson(raw="1e0")) and "its gradient is tiny" not in words(lesson(raw="3e3"))


def test_projection_after_the_last_step() -> None:
    at = lesson(x1="0.42", x2="0.71", projected="last")
    each, last = (float(row(at, f"normalised, projected after {when}")[1]) for when in ("each step", "the last step"))
    assert each > last and "ends lower" in words(at)
    assert any("No projection yet" in text for text in sent(at, "panels")["panels"][1]["texts"])


def test_alpha_to_infinity_lands_on_fgsm() -> None:
    at = lesson(limit="1e3")
    label = "Distance to FGSM's point"
    assert float(next(m for m in at.metric if m.label == label).value) > 0.1
    at = button(at, "α = ∞")
    assert next(m for m in at.metric if m.label == label).value == "0" and link(at) == {"limit": "inf"}
    assert next(m for m in lesson(limit="inf", ball="l2").metric if m.label == label).value == "0"


def test_views(opened: AppTest) -> None:
    for at, surface in ((opened, False), (lesson(view="surface"), True)):
        assert len(at.get("plotly_chart")) == surface and ("Drag to turn it" in words(at)) == surface


@pytest.fixture(scope="module")
def elsewhere() -> AppTest:
    return lesson(x1="0.1", x2="0.1")


@pytest.mark.parametrize(
    ("preset", "says"),
    [
        ("One step is not enough", "One step misses"),
        ("A tiny gradient", "One step misses"),
        ("A local maximum", "Both miss"),
        ("A linear classifier", "One step is enough"),
    ],
)
def test_presets_show_what_their_names_say(preset: str, says: str, elsewhere: AppTest) -> None:
    at = button(elsewhere, preset)
    assert says in (at.info if says == "Both miss" else at.warning)[0].value


def test_what_nobody_finds_is_not_called_missed() -> None:
    at = lesson(eps="0.01")
    assert "Nothing to find" in at.info[0].value and "**class" not in "".join(row(at, "exhaustive search"))


def test_predict_then_run(model: PlaneClassifier) -> None:
    at = lesson()
    counts = tally(model, two_moons(), ball("linf", 0.15))
    assert f"**{counts.one_step}**" in words(at) and f"**{counts.many_steps}**" not in words(at)
    at = button(at, "Submit my guess")
    assert row(at, "**PGD, 40 steps**")[1] == f"**{counts.many_steps}**"
    assert f"You said {counts.one_step}" in words(at)
    assert "Submit my guess" in [b.label for b in button(at, "Guess again").button]


def dog(**changes: object) -> Attack:
    picture = Pictures.of(np.asarray(fit(sample("german_shepherd"), 224, 224)))
    asked: dict[str, object] = {"attack": "targeted", "eps": (4 / 255,), "label": 235, "target": 404, "steps": 2}
    return Attack(picture, DEFAULT, **(asked | changes))  # type: ignore[arg-type]


def test_two_objectives_stand_side_by_side(opened: AppTest) -> None:
    engine, shown = LocalEngine("cpu"), pictures(opened)
    ends = [engine.compute(dog(objective=objective))[-1] for objective in ("difference", "ce")]
    for end in ends:
        name, p = categories()[int(end.logits.argmax())], float(end.probabilities.max())
        alt = f"= x + δ: {name}. {100 * p:.1f}\u00a0%"
        assert end.pixels is not None and np.array_equal(shown[alt], end.pixels[0])
    # Each objective is the larger one at its own end.
    for column in (1, 2):
        values = [
            float(row(opened, start)[column].replace("−", "-")) for start in ("L(y) − L(y_target)", "−L(y_target)")
        ]
        assert (values[0] > values[1]) == (column == 1)
    one = engine.compute(dog(attack="fgsm", eps=(2 / 255, 8 / 255)))[-1]
    assert not (one.logits.argmax(1) == 404).any() and "**0 of 2** ε (2, 8 in 1/255)" in words(opened)
    assert f"{100 * float(one.probabilities[:, 404].max()):.1f}\u00a0%" in words(opened)


@pytest.mark.slow
def test_the_difference_of_losses_lets_a_third_class_win() -> None:
    engine = LocalEngine("cpu")
    third, reached = (
        categories()[int(engine.compute(dog(objective=objective, steps=40))[-1].logits.argmax())]
        for objective in ("difference", "ce")
    )
    assert (third, reached) == ("Italian greyhound", "airliner")


def test_the_objectives_are_those_of_the_formulas() -> None:
    logits = torch.tensor([[1.0, 3.0, -2.0, 0.5]])
    end = End(1, 2, logits[0].numpy())
    loss = torch.nn.functional.cross_entropy
    y, target = (float(loss(logits, torch.tensor([label]))) for label in (1, 2))
    assert end.value("difference") == pytest.approx(y - target) and end.value("ce") == pytest.approx(-target)


def test_photograph_target_and_epsilon_are_in_the_link() -> None:
    at = lesson(image="pig", target="wombat", levels="2")
    assert at.slider(key="fgsm_and_pgd_levels").value == 2 and link(at)["target"] in ("106", "wombat")
    # The present class is no target.
    assert "Choose another target" in words(lesson(target="235"))


def test_the_drawings_of_the_lecture() -> None:
    with nothing_computed():
        at = button(lesson(), "As in the lecture: one step")
    shown = sent(at, "panels")
    assert shown["steps"] == 1 and all(panel["projects"] == [True] for panel in shown["panels"])


def test_every_question_can_be_made_good() -> None:
    with nothing_computed():
        every_question_is_made_good(lesson(), "fgsm_and_pgd")


def test_the_number_that_is_asked_for_is_computed(model: PlaneClassifier) -> None:
    question = questions_of("fgsm_and_pgd", x1=0.6, eps=0.1)[0].first  # of a fixed case, whatever the controls say
    gradient = input_gradient(model, X, Untargeted(0)).gradient[0].abs()
    for alpha, hint in (
        (0.15 / float(gradient.max()), "only *reaches the edge*"),
        (0.15 / float(gradient.norm()), "right for an L2 ball"),
        (0.15, "a step along sign(∇L)"),
        (99.0, "Which one reaches it last?"),
    ):
        right, why = question.judge(round(alpha, 2))
        assert not right and hint in why
    right, why = question.judge(round(0.15 / float(gradient.min())))
    assert right and "the smaller component" in why


def test_what_the_quiz_claims_about_long_steps_is_so() -> None:
    at = lesson(alpha="0.3")
    points = sent(at, "panels")["panels"][1]["points"]
    for end in points[1:]:
        assert [abs(a - b) for a, b in zip(end, points[0], strict=True)] == pytest.approx([0.15, 0.15], abs=1e-4)


def test_a_mad_link_is_repaired_with_a_word() -> None:
    at = lesson(model="cat", ball="l7", x1="nan", x2="-9", eps="1e9", raw="17", limit="-inf", steps="0", done="zz")
    assert sum("link" in i.value for i in at.info) >= 8
    assert at.slider(key="fgsm_and_pgd_eps").value == 0.3 and at.slider(key="fgsm_and_pgd_x2").value == 0.0


@pytest.mark.parametrize("corner", ["0", "1"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_corners_of_the_square(corner: str, norm: str) -> None:
    lesson(
        x1=corner, x2=corner, ball=norm, eps="0.3", raw="1e8", limit="inf", projected="last", alpha="0.6", steps="20"
    )


def test_presentation_mode() -> None:
    with nothing_computed():
        at = button(lesson(present="1", eps="0.1"), "Leave presentation mode")
    assert link(at) == {"eps": "0.1"}
