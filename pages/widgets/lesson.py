"""The frame that every lesson has in common, and what lessons draw in it: tables, charts, rows of small pictures.

def two_pictures(run: Run) -> Iterator[None]:
    st.subheader("1 · Two pictures")
    page.control("eps", st.slider, "ε", 0, 32)
    slot = st.empty()
    yield  # everything else of the page is drawn here
    run.pictures = ...
    slot.image(...)

Lesson(page, TEXTS, (two_pictures, formula), prepare=Run).show()
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import GeneratorType
from typing import Any, Generic, TypeVar

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.delta_generator_singletons import context_dg_stack

from pages.contents import LAB, LESSONS
from pages.widgets.controls import Controls
from pages.widgets.quiz import Choice, Number, quiz
from pages.widgets.stage import CSS, PRESENT_CSS, picture_uri

R = TypeVar("R")


@dataclass(frozen=True)
class Texts:
    """What a lesson says around its sections. Everything is markdown.

    Attributes:
        title, lead: at the top.
        questions: the questions of "Check yourself", made in each run, for they may depend on the settings.
        script: the lecturer's two minutes; a function where it depends on the settings.
        pitfalls: what usually goes wrong.
        references: (text, address) each.
    """

    title: str
    lead: str
    questions: Callable[[], Sequence[Choice | Number]]
    script: str | Callable[[], str]
    pitfalls: str
    references: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Lesson(Generic[R]):
    """One lesson: its sections, and around them opening, sidebar, questions, lecturer's script, references and links.

    A section is a generator function. It draws its title, its controls and empty slots, yields, and then computes and
    fills the slots. All sections are drawn first, then the rest of the page, and only then they go on, one after the
    other: the page stands before anything is computed. Before something that takes long, a section may yield again, so
    that the others go on first. A function without a `yield` is a section with nothing to compute. Streamlit's
    interruptions end a section as they end any script, and no other one goes on.

    Attributes:
        page: the settings.
        texts: what is said around the sections.
        sections: in the order of the page.
        prepare: puts right what a link cannot carry and makes the value that is given to each section of this run. What
            a section finds and a later one needs, it writes there; a section that misses something returns.
        sidebar: draws the lesson's own controls there.
        style: CSS in a style element.
        questions_late: for questions that need what the sections compute: they are drawn, at their place, as soon as
            each section has gone on once.
    """

    page: Controls[Any]
    texts: Texts
    sections: Sequence[Callable[[R], Iterator[None] | None]]
    prepare: Callable[[], R] = lambda: None  # type: ignore[assignment, return-value]
    sidebar: Callable[[], None] = lambda: None
    style: str = ""
    questions_late: bool = False

    def show(self) -> None:
        """Run the page once."""
        self.page.start()
        with st.sidebar:
            self.sidebar()
            presenting(self.page)
        run = self.prepare()
        if self.style:
            st.html(self.style)
        opening(self.page, self.texts.title, self.texts.lead)
        with contextlib.ExitStack() as begun:  # closes the sections that an interruption has left at their `yield`
            waiting = []
            for section in self.sections:
                story = section(run)
                if isinstance(story, GeneratorType):
                    begun.enter_context(contextlib.closing(story))
                    if _goes_on(story):
                        waiting.append(story)
            questions = st.container()
            if not self.questions_late:
                self._ask(questions)
            for_the_lecturer(self.page, self.texts)
            read_on(self.page, self.texts.references)
            self.page.into_address()
            waiting = [story for story in waiting if _goes_on(story)]
            if self.questions_late:
                self._ask(questions)
            while waiting:
                waiting = [story for story in waiting if _goes_on(story)]

    def _ask(self, place: DeltaGenerator) -> None:
        with place:
            quiz(self.page, self.texts.questions())


def _goes_on(story: "GeneratorType[None, None, None]") -> bool:
    """Run a section up to its next `yield`; False where it has ended instead."""
    before = context_dg_stack.get()
    try:
        next(story)
    except StopIteration:
        return False
    if context_dg_stack.get() != before:
        raise RuntimeError(
            f"The section {story.__name__} yields inside a `with` of Streamlit, and what other sections draw would "
            "land there. End the `with` before the `yield`."
        )
    return True


def opening(page: Controls[Any], title: str, lead: str) -> None:
    """Title and lead, in the look of the app; and what of the link could not be taken. Call it after `page.start`."""
    st.html(CSS)
    if page.value.present:
        st.html(PRESENT_CSS)
    st.title(title, anchor=False)
    st.markdown(lead)
    for note in page.notes:
        st.info(note, icon=":material/link:")
    if page.value.present:
        leave = {"present": False}
        st.button("Leave presentation mode", on_click=page.set, kwargs=leave, type="tertiary", key="leave_presenting")


def presenting(page: Controls[Any]) -> None:
    """The switch for the projector, for the page's sidebar."""
    page.control("present", st.toggle, "Presentation mode")
    st.caption("Hides this bar and enlarges everything, for a projector.")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], slot: DeltaGenerator | None = None) -> None:
    """A table whose cells are markdown.

    Args:
        slot: where to draw it, for one that is drawn again while its rows come.
    """
    lines = [head, ["---"] * len(head), *rows]
    (slot or st).markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def chart(figure: go.Figure, key: str, alt: str) -> None:
    """A plotly figure without the bar of tools over it."""
    st.plotly_chart(figure, config={"displayModeBar": False}, key=key, alt=alt)


def pictures(*shown: tuple[np.ndarray, str, str], width: int = 150) -> None:
    """Small pictures side by side: ((H, W, 3) uint8, what stands below, text alternative), that many pixels wide."""
    with st.container(horizontal=True, gap="small"):
        for pixels, caption, alt in shown:
            with st.container(width=width):
                st.image(picture_uri(pixels), width="stretch", alt=alt)
                st.caption(caption)


def for_the_lecturer(page: Controls[Any], texts: Texts) -> None:
    """The two-minute script, the link to open, and what usually goes wrong."""
    script = texts.script if isinstance(texts.script, str) else texts.script()
    with st.expander("For the lecturer", icon=":material/co_present:"):
        st.markdown(f"**The two-minute script**\n\n{script}")
        st.markdown("**The link to open**")
        defaults = {name: value for name, value in vars(page.kind()).items() if name != "done"}
        st.code(page.link(**{**defaults, "present": True, "done": ""}), language=None, wrap_lines=True)
        st.markdown(f"**What usually goes wrong**\n\n{texts.pitfalls}")


def read_on(page: Controls[Any], references: Sequence[tuple[str, str]]) -> None:
    """References (text, address), the link to the present state, and where to go on."""
    st.subheader("Read on", anchor=False)
    st.markdown("\n".join(f"- [{text}]({address})" for text, address in references))
    st.markdown("**Link to exactly this state**")
    st.code(page.link(), language=None, wrap_lines=True)
    here = next((i for i, (_, _, name) in enumerate(LESSONS) if name == page.name), len(LESSONS))
    present = {"present": "1"} if page.value.present else None
    with st.container(horizontal=True):
        if here + 1 < len(LESSONS):
            file, title, _ = LESSONS[here + 1]
            st.page_link(file, label=f"Next: {title}", icon=":material/arrow_forward:", query_params=present)
        st.page_link(LAB, label="Try it in the Attack Lab", icon=":material/science:")
