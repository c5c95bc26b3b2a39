"""The questions of "Check yourself": how a page asks them, and the questions of all lessons."""

from collections import Counter
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.contents import LESSONS
from pages.widgets.quiz import Choice, Number, Question, shuffled
from tests.pages.visit import GUARD, answered, link, questions_of, words
from tests.test_docs import settings_of

PACKAGES = {lesson.address: Path(lesson.file).parent.name for lesson in LESSONS}


def trial() -> None:
    """A page with a setting and two questions; the number that is asked for depends on the setting."""
    from dataclasses import dataclass

    import streamlit as st

    from pages.widgets.controls import Controls
    from pages.widgets.query import PageSettings, number, solved
    from pages.widgets.quiz import Choice, Number, Question, quiz

    @dataclass(frozen=True)
    class Settings(PageSettings):
        steps: int = number(4, 0, 32)
        done: str = solved("ab")

    def doubled(steps: int) -> Number:
        return Number(f"Twice {steps}?", 2 * steps, 0.1, "Added up.", lambda given: f"Not {given:g}.", "steps")

    page = Controls("trial", Settings)
    page.start()
    page.control("steps", st.slider, "steps", 0, 32)
    colours = Choice("Grass?", (("green", "Look."), ("blue", "The sky is."), ("red", "Blood is."), ("grey", "Fog is.")))
    seas = Choice("And the sea?", (("blue", "It mirrors the sky."), ("red", "A name only.")))
    quiz(page, [Question("b", doubled(page.value.steps), doubled(50)), Question("a", colours, seas)])


def opened(**query: str) -> AppTest:
    at = AppTest.from_function(trial, default_timeout=GUARD)
    at.query_params.update(query)
    return at.run()


def test_the_first_try_counts() -> None:
    at = opened()
    answered(at, "trial_answer_a", 0)
    assert link(at) == {"done": "a"} and "solved" in words(at) and at.subheader[0].value == "Check yourself (1 of 2)"
    assert at.success[0].value == "**Right.** Look." and not at.radio  # closed
    answered(at, "trial_answer_b", 8)
    assert link(at) == {"done": "ab"} and "made good" not in words(at) and not at.number_input


def test_a_second_question_makes_a_wrong_try_good() -> None:
    at = opened()
    answered(at, "trial_answer_a", 2)
    assert "Blood is." in at.error[0].value and "**The right answer:** green. Look." in at.error[0].value
    assert "done" not in link(at) and [each.key for each in at.radio] == ["trial_answer_a_again"]
    assert "red **(your answer)**" in words(at) and "green **(right)**" in words(at)
    answered(at, "trial_answer_a_again", 0)
    assert link(at) == {"done": "a"} and "made good" in words(at) and not at.radio


def test_a_question_stays_open_after_two_wrong_tries() -> None:
    at = opened()
    answered(at, "trial_answer_b", 9)
    answered(at, "trial_answer_b_again", 9)
    assert len(at.error) == 2 and "stays open" in words(at) and not at.number_input and "done" not in link(at)
    at = opened()  # a reload begins afresh
    assert at.number_input and not at.error


def test_a_given_number_stands_with_its_unit_if_it_has_one() -> None:
    plain = Number("Twice 4?", 8, 0.1, "Added up.", lambda given: "")
    assert plain.review(9, "") == "Your answer: **9**"
    assert replace(plain, unit="steps").review(9, "") == "Your answer: **9 steps**"


def test_an_answer_has_to_be_given() -> None:
    at = opened()
    at.button(key="trial_answer_a_check").click().run()
    assert "Give an answer first" in words(at) and at.radio and not at.error


def test_an_answered_question_keeps_the_numbers_that_it_was_asked_with() -> None:
    at = opened()
    answered(at, "trial_answer_b", 8)
    at.slider[0].set_value(7).run()
    assert "Twice 4?" in words(at) and "Twice 7?" not in words(at) and at.success and not at.error
    assert link(at) == {"steps": "7", "done": "b"}


def test_a_link_shows_what_it_says_is_solved() -> None:
    at = opened(done="ab")
    assert not at.radio and not at.number_input and len(at.success) == 2
    assert "The right answer: **8 steps**" in words(at) and "green **(right)**" in words(at)


def test_no_run_shuffles_the_answers_again() -> None:
    at = opened()
    before = at.radio[0].options
    assert at.radio[0].label == "Your answer to question 2"
    for steps in range(6):
        at.slider[0].set_value(steps).run()
        assert at.radio[0].options == before
    orders = set()
    for visitor in "abcdefgh":
        at.session_state["quiz_visitor"] = visitor
        orders.add(tuple(at.run().radio[0].options))
    assert len(orders) > 3


# ----------------------------------------------------------------------------------------- the questions of all lessons


@cache
def asked(package: str) -> tuple[Question, ...]:
    return tuple(questions_of(package))


def choices() -> list[Choice]:
    both = [each for package in PACKAGES.values() for one in asked(package) for each in (one.first, one.second)]
    return [each for each in both if isinstance(each, Choice)]


@pytest.mark.parametrize("address", PACKAGES)
def test_every_answer_is_judged_and_explained(address: str) -> None:
    for question in asked(PACKAGES[address]):
        for each in (question.first, question.second):
            if isinstance(each, Number):
                right, wrong = each.answer, (-1e6, each.answer + 2.1 * each.tolerance)
            else:
                right, wrong = 0, tuple(range(1, len(each.answers)))
                assert len({answer for answer, _ in each.answers}) == len(each.answers) >= 3
                assert all(len(why) > 5 for _, why in each.answers)
            assert each.judge(right)[0] and len(each.judge(right)[1]) > 5
            for given in wrong:
                assert not each.judge(given)[0] and "The right answer" in each.judge(given)[1]


@pytest.mark.parametrize("address", PACKAGES)
def test_each_question_has_a_letter_of_the_settings_and_a_second_one(address: str) -> None:
    letters = next(each.metadata["letters"] for each in fields(settings_of(f"/{address}")) if each.name == "done")
    questions = asked(PACKAGES[address])
    assert sorted(question.letter for question in questions) == sorted(letters)
    for question in questions:
        assert question.first.text != question.second.text
        if isinstance(question.first, Number) and isinstance(question.second, Number):
            assert abs(question.first.answer - question.second.answer) > question.second.tolerance


@pytest.mark.parametrize("address", PACKAGES)
def test_numbers_are_asked_for_first(address: str) -> None:
    numbers = [isinstance(question.first, Number) for question in asked(PACKAGES[address])]
    assert any(numbers) and numbers == sorted(numbers, reverse=True)


def test_the_right_answer_is_anywhere() -> None:
    visitors = 300
    for package in PACKAGES.values():
        for question in asked(package):
            if isinstance(question.first, Choice):
                count = len(question.first.answers)
                places = Counter(shuffled(count, f"{v} {package} {question.letter}").index(0) for v in range(visitors))
                for place in range(count):
                    assert abs(places[place] / visitors - 1 / count) < 0.1


def test_the_right_answer_is_not_known_by_its_length() -> None:
    longest = 0
    for each in choices():
        right, *wrong = (len(answer) for answer, _ in each.answers)
        assert right <= 1.5 * sum(wrong) / len(wrong), each.text
        longest += right > max(wrong)
    assert longest <= 0.4 * len(choices())
    shortest = sum(len(each.answers[0][0]) < min(len(answer) for answer, _ in each.answers[1:]) for each in choices())
    assert shortest <= 0.4 * len(choices())
