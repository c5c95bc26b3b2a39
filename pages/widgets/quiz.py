"""The questions of "Check yourself": the page explains each answer, right or wrong.

The page's setting ``done`` holds the solved questions, and so do the session and the link; the server stores nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from pages.widgets.controls import Controls
from pages.widgets.query import limits


@dataclass(frozen=True)
class Choice:
    """A question with one right answer among several.

    Attributes:
        letter: the question's name in the link; one letter, unique on its page.
        text: the question, in markdown.
        answers: (answer, explanation for those who chose it), in the order in which they are shown.
        right: the index of the right one.
    """

    letter: str
    text: str
    answers: tuple[tuple[str, str], ...]
    right: int

    def ask(self, key: str) -> tuple[bool, str] | None:
        """Draw the question. Return (whether the answer is right, explanation), or None while there is no answer."""
        chosen = st.radio(
            "Your answer",
            range(len(self.answers)),
            index=None,
            format_func=lambda index: self.answers[index][0],
            key=key,
            label_visibility="collapsed",
        )
        return None if chosen is None else (chosen == self.right, self.answers[chosen][1])


@dataclass(frozen=True)
class Number:
    """A question for a number, which is right within a tolerance.

    Attributes:
        answer, tolerance: |given - answer| ≤ tolerance is right. The page computes the answer where it can.
        why: the explanation of the right answer.
        wrong: makes the explanation of a wrong number.
        unit: shown in the field's label.
    """

    letter: str
    text: str
    answer: float
    tolerance: float
    why: str
    wrong: Callable[[float], str] = field(compare=False)
    unit: str = ""

    def ask(self, key: str) -> tuple[bool, str] | None:
        label = f"Your answer, in {self.unit}" if self.unit else "Your answer"
        given = st.number_input(label, value=None, step=None, format="%g", key=key, placeholder="a number")
        if given is None:
            return None
        right = abs(given - self.answer) <= self.tolerance
        return right, self.why if right else self.wrong(given)


def quiz(page: Controls[Any], questions: Sequence[Choice | Number]) -> None:
    """Draw the questions. The page's settings need ``done: str = solved("abc")`` with the questions' letters."""
    heading = st.empty()
    for question in questions:
        with st.container(border=True):
            before = question.letter in page.value.done
            st.markdown(f"{question.text}{'  :green-badge[:material/check: solved]' if before else ''}")
            verdict = question.ask(page.key(f"answer_{question.letter}"))
            if verdict is None:
                continue
            right, text = verdict
            (st.success if right else st.error)(text, icon=":material/check:" if right else ":material/close:")
            if right and not before:
                page.set(done="".join(sorted(page.value.done + question.letter)))
    page.into_address()
    solved = sum(question.letter in page.value.done for question in questions)
    heading.subheader(f"Check yourself ({solved} of {len(questions)})", anchor="check-yourself")


def guess(page: Controls[Any], setting: str, text: str, start: int) -> int | None:
    """Ask for a guess before the page shows a result. Return None until there is one.

    Args:
        setting: a whole number of the page's settings, `query.number(-1, -1, high)`: -1 stands for "not yet".
        text: the question, in markdown.
        start: the first value of the slider.
    """
    given = int(getattr(page.value, setting))
    if given >= 0:
        return given
    with st.container(border=True):
        st.markdown(text)
        key = page.key(f"{setting}_slider")
        value = st.slider("Your guess", 0, int(limits(page.kind, setting)[1]), start, key=key)
        st.button(
            "Submit my guess",
            on_click=page.set,
            kwargs={setting: value},
            key=page.key(f"{setting}_button"),
            type="primary",
        )
    return None
