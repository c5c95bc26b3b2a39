"""The questions of "Check yourself". The first try counts; a second question of the same kind makes a wrong one good.

Question(
    "a",
    Choice("Which attack is stronger?", (("PGD", "It takes many steps."), ("FGSM", "It takes one step."))),
    Number("How many gradients does PGD with 7 steps need?", 7, 0.5, "One a step.", lambda given: "Count the steps."),
)

The page's setting ``done`` holds the letters of the questions that are solved or made good, and so does the link. The
session keeps what has been answered: a question is closed after its try, and stays as it was asked. A link holds no
wrong try, so whoever opens it anew starts those questions afresh. The server stores nothing.
"""

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from pages.widgets.controls import Controls
from pages.widgets.query import limits

state = st.session_state
STYLE = """<style>
[class*=_question_] [data-testid=stRadio] [role=radiogroup] {gap: .5rem}
[class*=_question_] [data-testid=stRadio] [role=radiogroup] p {font-size: 1rem}
</style>"""
RULES = (
    "The first try counts. After a wrong first try, a second question of the same kind makes it good. The link keeps "
    "which questions you have solved. It does not keep wrong tries: reload the page, and you can try those again."
)


def shuffled(count: int, seed: str) -> list[int]:
    """Return 0 ... count - 1 in an order that depends only on the seed."""
    return random.Random(seed).sample(range(count), count)


@dataclass(frozen=True)
class Choice:
    """A question with one right answer among several.

    Attributes:
        text: the question, in markdown without formulas and blocks, since it is also printed.
        answers: (answer, explanation for those who chose it). The right one comes first; the screen shuffles them.
    """

    text: str
    answers: tuple[tuple[str, str], ...]

    def draw(self, label: str, key: str, seed: str) -> None:
        """Draw the answers to choose from; the value of the widget is an index of `answers`."""
        order = shuffled(len(self.answers), seed)
        st.radio(label, order, index=None, format_func=lambda index: self.answers[index][0], key=key)

    def judge(self, given: float) -> tuple[bool, str]:
        """Return whether that answer is right, and its explanation. A wrong answer's tells the right one, too."""
        (right, why), chosen = self.answers[0], int(given)
        if chosen == 0:
            return True, why
        return False, f"{self.answers[chosen][1]}\n\n**The right answer:** {right.rstrip('.')}. {why}"

    def review(self, given: float | None, seed: str) -> str:
        """Return the answers in markdown, in the order of the screen, with the right one and the given one marked."""
        lines = []
        for index in shuffled(len(self.answers), seed):
            icon = ":green[:material/check_circle:]" if index == 0 else ":material/radio_button_unchecked:"
            if index == given != 0:
                icon = ":red[:material/cancel:]"
            notes = [note for note, told in (("right", index == 0), ("your answer", index == given)) if told]
            lines.append(f"{icon} {self.answers[index][0]}" + (f" **({', '.join(notes)})**" if notes else ""))
        return "  \n".join(lines)


@dataclass(frozen=True)
class Number:
    """A question for a number, which is right within a tolerance.

    Attributes:
        text: the question, in markdown without formulas and blocks, since it is also printed.
        answer, tolerance: |given - answer| ≤ tolerance is right. The page computes the answer where it can.
        why: the explanation of the right answer.
        wrong: makes the explanation of a wrong number.
        unit: shown in the field's label.
    """

    text: str
    answer: float
    tolerance: float
    why: str
    wrong: Callable[[float], str] = field(compare=False)
    unit: str = ""

    @property
    def shown(self) -> str:
        """The right answer with its unit."""
        return self._with_unit(f"{self.answer:.4g}")

    def draw(self, label: str, key: str, seed: str) -> None:
        """Draw the field for the number."""
        label = f"{label}, in {self.unit}" if self.unit else label
        st.number_input(label, value=None, step=None, format="%g", key=key, placeholder="a number", width=320)

    def judge(self, given: float) -> tuple[bool, str]:
        """Return whether that number is right, and its explanation. A wrong number's tells the right one, too."""
        if abs(given - self.answer) <= self.tolerance:
            return True, self.why
        return False, f"{self.wrong(given)}\n\n**The right answer:** {self.shown}. {self.why}"

    def review(self, given: float | None, seed: str) -> str:
        """Return the given number in markdown; the right one where the session does not know the given one."""
        if given is None:
            return f"The right answer: **{self.shown}**"
        return f"Your answer: **{self._with_unit(f'{given:g}')}**"

    def _with_unit(self, number: str) -> str:
        return f"{number} {self.unit}".strip()


@dataclass(frozen=True)
class Question:
    """A question, and a second one of the same kind for those who answer the first one wrongly.

    Attributes:
        letter: the question's name in the link; one letter, unique on its page.
    """

    letter: str
    first: Choice | Number
    second: Choice | Number


@dataclass(frozen=True)
class Try:
    """An answer that was given, with the question as it was asked: the page's numbers may have changed since."""

    asked: Choice | Number
    given: float

    @property
    def right(self) -> bool:
        return self.asked.judge(self.given)[0]


def quiz(page: Controls[Any], questions: Sequence[Question]) -> None:
    """Draw the questions. The page's settings need ``done: str = solved("abc")`` with the questions' letters."""
    st.html(STYLE)
    heading = st.empty()
    st.markdown(RULES)
    tries: dict[str, tuple[Try, ...]] = state.setdefault(page.key("tries"), {})
    right = {question.letter for question in questions if any(each.right for each in tries.get(question.letter, ()))}
    solved = right | set(page.value.done)
    if solved != set(page.value.done):
        page.set(done="".join(sorted(solved)))
    for place, question in enumerate(questions, 1):
        with st.container(border=True, key=page.key(f"question_{question.letter}")):
            _show(page, place, question, tries.get(question.letter, ()))
    page.into_address()
    count = sum(question.letter in page.value.done for question in questions)
    heading.subheader(f"Check yourself ({count} of {len(questions)})", anchor="check-yourself")


def _show(page: Controls[Any], place: int, question: Question, tries: Sequence[Try]) -> None:
    """Draw one question: closed and explained where it has been answered, with its second one after a wrong try."""
    badge, seed = "", f"{page.name} {question.letter}"
    if question.letter in page.value.done:
        made_good = bool(tries) and not tries[0].right
        what = ":material/replay: made good" if made_good else ":material/check: solved"
        badge = f"  :green-badge[{what}]"
    first = tries[0].asked if tries else question.first
    st.markdown(f"**{place}.** {first.text}{badge}")
    if not tries:
        if question.letter in page.value.done:  # a link says so, and not what was answered
            st.markdown(first.review(None, _seed(seed)))
            _explain(True, first.judge(0 if isinstance(first, Choice) else first.answer)[1])
        else:
            key = page.key(f"answer_{question.letter}")
            _ask(page, question.letter, first, f"Your answer to question {place}", seed, key)
        return
    _answered(tries[0], seed)
    if tries[0].right:
        return
    if len(tries) == 1 and question.letter in page.value.done:  # it was solved before
        return
    second = tries[1].asked if len(tries) > 1 else question.second
    st.markdown(f"**{place}, second question.** {second.text}")
    if len(tries) > 1:
        _answered(tries[1], f"{seed} second")
        if not tries[1].right:
            st.markdown("This question stays open. Reload the page to try it again.")
    else:
        key = page.key(f"answer_{question.letter}_again")
        _ask(page, question.letter, second, f"Your answer to the second question {place}", f"{seed} second", key)


def _ask(page: Controls[Any], letter: str, asked: Choice | Number, label: str, seed: str, key: str) -> None:
    """Draw a form, so that the arrow keys can move through the answers before one of them counts."""

    def keep() -> None:
        given = state.get(key)
        if given is not None:
            tries = state[page.key("tries")]
            tries[letter] = (*tries.get(letter, ()), Try(asked, given))

    with st.form(f"{key}_form", border=False):
        asked.draw(label, key, _seed(seed))
        sent = st.form_submit_button("Check my answer", on_click=keep, key=f"{key}_check")
    if sent:
        st.markdown("Give an answer first.")


def _answered(given: Try, seed: str) -> None:
    st.markdown(given.asked.review(given.given, _seed(seed)))
    _explain(*given.asked.judge(given.given))


def _explain(right: bool, text: str) -> None:
    if right:
        st.success(f"**Right.** {text}", icon=":material/check:")
    else:
        st.error(f"**Not right.** {text}", icon=":material/close:")


def _seed(question: str) -> str:
    """The seed of a question's order: another one for each visitor, and the same in every run of the session."""
    visitor: str = state.setdefault("quiz_visitor", secrets.token_hex(8))
    return f"{visitor} {question}"


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
