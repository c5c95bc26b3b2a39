"""The lesson on small perturbations, driven through Streamlit's AppTest, from the entry script."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from adv_core.images import fit
from pages.lessons.threat_models.eye import Staircase
from pages.lessons.threat_models.seeing import answer
from pages.lessons.threat_models.settings import Settings, page
from pages.widgets import controls
from pages.widgets.photograph import sample
from tests.pages.visit import answered, link, nothing_computed, picture, pictures, smaller, started, visit, words

lesson = partial(visit, "lessons/threat_models/page.py")


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """A coarse map, few random δ, and few steps to each of the three worst."""
    with smaller("lessons/threat_models/page.py", SIDE=5, DRAWS=20, STEPS=5):
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return lesson()


def test_opens_with_three_balls_whose_numbers_are_those_of_the_pictures(opened: AppTest) -> None:
    shown = pictures(opened)
    perturbed = {alt.split("worst δ of the ")[1][:2]: image for alt, image in shown.items() if "worst δ of the" in alt}
    assert set(perturbed) == {"L∞", "L2", "L1"}
    sheet = next(m.value for m in opened.markdown if m.value.startswith("|  | δ of the"))
    said = [line.split("|")[2].strip() for line in sheet.splitlines()[2:]]
    assert said[0] == "8/255"  # ‖δ‖∞ of the L∞ ball
    caption = next(m.value for m in opened.markdown if "numbers of this picture" in m.value)
    assert "by the full 8 levels" in caption and "‖δ‖∞ = 8/255 = 0.0314" in caption
    # the amplified pictures are 10 × δ around grey: where they saturate, |δ| is at least 12.8 levels
    amplified = next(image for alt, image in shown.items() if "equally strong" in alt)
    middle = np.abs(amplified.astype(int) - 128)
    assert middle.max() in (79, 80, 81)


def test_the_three_are_about_equally_visible(opened: AppTest) -> None:
    sheet = next(m.value for m in opened.markdown if m.value.startswith("|  | δ of the"))
    seen = [float(cell.split()[0]) for cell in sheet.splitlines()[-1].split("|")[2:5]]
    assert max(seen) < 1.35 * min(seen)


def test_the_terms_of_the_lecture_are_defined(opened: AppTest) -> None:
    for term in ("Adversarial machine learning", "adversarial example", "Adversarial robustness", "test time"):
        assert re.search(rf"\*\*(<span[^>]*>)?{term}(</span>)?\*\*", words(opened))
    assert "**the test error is no guarantee off the data distribution**" in words(opened)


def test_the_mask_holds(opened: AppTest) -> None:
    assert any(", 0 of them outside of the mask" in c.value for c in opened.caption)


def test_nothing_is_revealed_before_the_guess(opened: AppTest) -> None:
    assert "It was **" not in words(opened)
    guessed = lesson()
    guessed.slider(key="threat_models_guess_slider").set_value(14).run()
    guessed.button(key="threat_models_guess_button").click().run()
    assert not guessed.exception and link(guessed)["guess"] == "14"
    text = next(m.value for m in guessed.markdown if m.value.startswith("You said 14. It was **"))
    count = int(text.split("**")[1].split()[0])
    assert 0 <= count <= 20
    guessed.button(key="guess_again").click().run()
    assert "guess" not in link(guessed) and "It was **" not in words(guessed)


def test_the_staircase_counts_answers_and_gives_nothing_away(opened: AppTest) -> None:
    shown = pictures(opened)
    left, right = shown["The left picture"], shown["The right picture"]
    side = Staircase("").side(0)
    changed, plain = (left, right) if side == "left" else (right, left)
    difference = np.abs(changed.astype(int) - plain)
    assert difference.max() == 16 and np.array_equal(plain, fit(sample("polar_bear"), *plain.shape[:2]))
    at = lesson()
    at.button(key=f"trial_{side}").click().run()
    assert link(at)["answers"] == "1" and "Trial 1: right" in str(at.get("progress")[0].proto.text)


def test_the_buttons_wait_for_the_next_pair(opened: AppTest) -> None:
    assert not [b for b in opened.button if b.disabled]
    with nothing_computed():
        at = lesson(answers="1")
    assert all(at.button(key=f"wait_{side}").disabled for side in ("left", "right"))
    assert not [b for b in at.button if str(b.key).startswith("trial_")]


def test_a_second_click_on_the_same_pair_is_no_second_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "state", {"threat-models": Settings(answers="11")})
    answer(1, "1")
    assert page.value.answers == "11"
    answer(2, "0")
    assert page.value.answers == "110"


def test_the_end_of_the_test_compares_you_with_the_network() -> None:
    at = lesson(answers="110" * 4)
    text = next(m.value for m in at.markdown if m.value.startswith("**You see it from ε = 13.3/255**"))
    assert "The network is fooled from" in text
    with nothing_computed():
        at.button(key="restart_test").click().run()
    assert "answers" not in link(at)


def test_zero_epsilon_is_allowed_and_quiet() -> None:
    at = lesson(eps="0", place="own", guess="3")
    assert "Paint something first" in words(at) and "It was **0 of 20**" in words(at)


@pytest.mark.parametrize("place", ["everywhere", "glasses", "background"])
def test_every_place(place: str) -> None:
    assert ", 0 of them outside of the mask" in words(lesson(place=place))


def test_mad_links_are_repaired_and_told() -> None:
    at = lesson(
        eps="-3",
        place="moon",
        answers="1x0'; DROP",
        guess="999",
        ball="l7",
        image="nobody",
        one_norm="l9",
        passes="1000",
    )
    assert at.slider(key="threat_models_eps").value == 0
    assert len(at.info) >= 4 and link(at) == {"eps": "0", "answers": "10", "guess": "100", "passes": "96"}


def test_one_delta_for_all_is_counted_on_both_halves() -> None:
    with smaller("lessons/threat_models/page.py", ("koala", "pig", "hens", "macaw"), SIDE=5, DRAWS=20, STEPS=5):
        at = started(lesson(image="koala", passes="8", windows="0", subject="koala"), "run_universal")
        told = words(at)
        found = re.search(
            r"The one δ fools \*\*(\d) of 2\*\* .*, and \*\*(\d) of 2\*\*.*fools (\d) of 2 of the latter", told
        )
        assert found is not None and int(found[1]) > 0 and "by heart" in told
        delta, end = picture(at, "+ δ"), picture(at, "= x + δ")
        change = np.abs(end.astype(int) - np.asarray(fit(sample("koala"), 224, 224))).max()
        assert 8 < change <= 16 and abs(np.abs(delta.astype(int) - 128).max() - 7 * change) <= 1
        assert re.search(r"its negative for all ones: \*\*\d+ of 2115\*\*", told)


def test_quiz(opened: AppTest) -> None:
    at = opened
    answered(at, "threat_models_answer_a", 1)
    assert any("largest" in e.value for e in at.error)
    answered(at, "threat_models_answer_a_again", 0)
    answered(at, "threat_models_answer_b", 12.17)
    for letter in "cdef":
        answered(at, f"threat_models_answer_{letter}", 0)
    assert link(at)["done"] == "abcdef"
    assert any(h.value.startswith("Check yourself (6 of 6)") for h in at.subheader)


@pytest.mark.parametrize(("answers", "said"), [("1" * 30, "already"), ("0" * 30, "did not see it")])
def test_nobody_is_told_a_threshold_at_the_ends_of_the_scale(answers: str, said: str) -> None:
    text = words(lesson(answers=answers))
    assert said in text and "a factor of" not in text


def test_another_photograph_or_ball_asks_anew() -> None:
    at = lesson(answers="11", guess="5")
    at.segmented_control(key="threat_models_ball").set_value("l2").run()
    assert "It was **" not in words(at) and link(at)["answers"] == "11"
    at.session_state["threat-models"] = replace(at.session_state["threat-models"], image="hens", guess=3)
    with nothing_computed():
        at.run()
    assert not at.exception and "answers" not in link(at) and "guess" not in link(at)
