"""The frame that all lessons share, and elements to draw in it: tables, charts, rows of small pictures.

def two_pictures(run: Run) -> Iterator[None]:
    st.subheader("1 · Two pictures")
    page.control("eps", st.slider, "ε", 0, 32)
    slot = st.empty()
    yield  # the rest of the page is drawn here
    run.pictures = ...
    slot.image(...)

Lesson(page, TEXTS, (two_pictures, formula), prepare=Run).show()
"""

import contextlib
import html
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import GeneratorType
from typing import Any, Generic, TypeVar

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.delta_generator_singletons import context_dg_stack

from pages.contents import COURSE, LAB, LESSONS, entry_of, title_of
from pages.widgets import vega
from pages.widgets.controls import Controls
from pages.widgets.glossary import prose
from pages.widgets.photograph import tell_of_own
from pages.widgets.query import PageSettings, to_query
from pages.widgets.quiz import Question, quiz
from pages.widgets.sheet import sheet
from pages.widgets.stage import CSS, PRESENT_CSS, hiding, picture_uri, save_button

R = TypeVar("R")
Done = Callable[[float], bool]  # waits so many seconds at most; tells whether what a section waits for is done
PATIENCE = 1.0  # seconds that the rest of a page waits for its first result
# Seconds in which an arriving visitor's browser paints the first result, before it has to lay out the rest of the page.
PAINTING = 0.5


def page_stands(seconds: float) -> bool:
    """Yield this from a section that goes on when the page is complete, and before the sections after it."""
    return False


@dataclass(frozen=True)
class Texts:
    """The texts of a lesson around its sections, in markdown.

    Attributes:
        lead: at the top, below the title.
        questions: makes the questions of "Check yourself" in each run, since they may depend on the settings. It is
            data rather than code, so it may be as long as a lesson has questions.
        script: the lecturer's script of two minutes; a function where it depends on the settings.
        pitfalls: common mistakes.
        references: (text, address) each.
    """

    lead: str
    questions: Callable[[], Sequence[Question]]
    script: str | Callable[[], str]
    pitfalls: str
    references: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Lesson(Generic[R]):
    """One lesson: its sections, and around them opening, sidebar, questions, lecturer's script, references and links.

    A section is a generator function. It draws its title, its controls and empty slots, yields, and then computes and
    fills the slots. All sections are drawn first, then the rest of the page. Only then do the sections go on, one after
    the other, so the page is complete before any long computation. A section may yield again before a long computation,
    so that the others go on first. A function without a `yield` is a section that computes nothing, or for about a
    second in the page itself. A Streamlit interruption ends a section as it ends any script; the other sections do not
    go on.

    So that the first result does not wait for the end of the page, a section may `yield begin(slot, task)` (see
    `pages.widgets.live`): it goes on as soon as the job has its result and the sections before it have ended, also
    while the rest of the page is drawn. The rest of the page waits at most a second for the first section, and on a
    visitor's arrival until the browser has painted its result. Such a section does `yield page_stands` before it
    computes anything else: then the page does not wait for a queue.

    Attributes:
        page: the settings.
        texts: the texts around the sections.
        sections: in the order of the page.
        prepare: corrects settings that a link cannot carry, and makes the value that all sections of this run get. A
            section stores results for later sections there; a section whose input is missing returns.
        sidebar: draws the lesson's own controls in the sidebar.
        style: CSS in a style element.
        questions_late: True for questions that need results of the sections: they are drawn, at their place, as soon
            as each section has gone on once.
    """

    page: Controls[Any]
    texts: Texts
    sections: Sequence[Callable[[R], Iterator[Done | None] | Iterator[None] | None]]
    prepare: Callable[[], R] = lambda: None  # type: ignore[assignment, return-value]
    sidebar: Callable[[], None] = lambda: None
    style: str = ""
    questions_late: bool = False

    def show(self) -> None:
        """Draw the lesson in one run of the page."""
        came = self.page.start()
        with st.sidebar:
            self.sidebar()
            presenting(self.page)
        run = self.prepare()
        if self.style:
            st.html(self.style)
        opening(self.page, title_of(self.page.name), self.texts.lead)
        if lesson := entry_of(self.page.name):
            st.markdown(f"**Afterwards you can** {lesson.goal}. *About {lesson.minutes} minutes.*")
        with contextlib.ExitStack() as begun:  # closes the sections that an interruption leaves at their `yield`
            waiting: list[_Story] = []
            patient_until = time.monotonic() + PATIENCE
            for section in self.sections:
                generator = section(run)
                if isinstance(generator, GeneratorType):
                    story = _Story(begun.enter_context(contextlib.closing(generator)))
                    if story.goes_on():
                        waiting.append(story)
                opens = section is self.sections[0]
                _catch_up(waiting, patient_until if opens else 0.0)
                if opens and came and not (waiting and waiting[0].only_drawn):
                    time.sleep(PAINTING)
            questions = st.container()
            asked: Sequence[Question] = ()
            if not self.questions_late:
                asked = self._ask(questions)
                _catch_up(waiting)
            prints = for_the_lecturer(self.page, self.texts)
            if not self.questions_late:
                to_print(self.page, asked, prints)
            _catch_up(waiting)
            read_on(self.page, self.texts.references)
            self.page.into_address()
            waiting = [story for story in waiting if story.lets_others_go_first or story.goes_on_past_jobs()]
            if self.questions_late:
                to_print(self.page, self._ask(questions), prints)
            while waiting:
                waiting = [story for story in waiting if story.goes_on_past_jobs()]

    def _ask(self, place: DeltaGenerator) -> Sequence[Question]:
        asked = self.texts.questions()
        if not self.page.value.hides("quiz"):
            with place:
                quiz(self.page, asked)
        return asked


class _Story:
    """A section in progress: its generator, and the job that it waits for, if any."""

    def __init__(self, generator: "GeneratorType[Done | None, None, None]") -> None:
        self._generator = generator
        self._done: Done | None = None
        self._yields = 0

    @property
    def only_drawn(self) -> bool:
        """True where the section has not gone on since it was drawn."""
        return self._yields <= 1

    @property
    def lets_others_go_first(self) -> bool:
        """True where the section has gone on since it was drawn, and has then yielded to the others."""
        return not self.only_drawn and self._done is None

    def may_go_on(self, until: float) -> bool:
        """Tell whether the section waits for a job that is done by then (`time.monotonic`)."""
        return self._done is not None and self._done(max(until - time.monotonic(), 0.0))

    def goes_on(self) -> bool:
        """Run the section up to its next `yield`. Return False where it has ended instead."""
        before = context_dg_stack.get()
        try:
            self._done = next(self._generator)
        except StopIteration:
            return False
        self._yields += 1
        if context_dg_stack.get() != before:
            raise RuntimeError(
                f"The section {self._generator.__name__} yields inside a `with` of Streamlit, and what other sections "
                "draw would land there. End the `with` before the `yield`."
            )
        return True

    def goes_on_past_jobs(self) -> bool:
        """Run the section up to its next `yield` without a job. Return False where it has ended instead."""
        while self.goes_on():
            if self._done is None:
                return True
        return False


def _catch_up(waiting: list[_Story], until: float = 0.0) -> None:
    """Let the first of the waiting sections go on, as long as the job that it waits for is done by then."""
    while waiting and waiting[0].may_go_on(until):
        if not waiting[0].goes_on():
            del waiting[0]


def opening(page: Controls[Any], title: str, lead: str) -> None:
    """Draw title, lead, and notes on invalid parts of the link, in the app's style. Call it after `page.start`."""
    heading(page, title, lead)
    for note in page.notes:
        st.info(note, icon=":material/link:")
    if page.value.present:
        leave = {"present": False}
        st.button("Leave presentation mode", on_click=page.set, kwargs=leave, type="tertiary", key="leave_presenting")


def heading(page: Controls[Any], title: str, lead: str) -> None:
    """Draw title and lead in the app's style."""
    st.html(CSS)
    if page.value.present:
        st.html(PRESENT_CSS)
    if hidden := hiding(page.value.hides):
        st.html(hidden)
    st.title(title, anchor=False)
    prose(lead)


def presenting(page: Controls[Any]) -> None:
    """Draw the switch for projector mode, for the page's sidebar."""
    page.control("present", st.toggle, "Presentation mode")
    st.caption("Hides the sidebar and enlarges the page, for a projector.")


def digit_control(page: Controls[Any], count: int) -> None:
    """Draw the choice of one of ``count`` test digits, and a button for the next one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        page.control("digit", st.number_input, f"Test digit number (0 to {count - 1})", 0, count - 1, width=220)
        following = {"digit": (page.value.digit + 1) % count}
        st.button("Next digit", on_click=page.set, kwargs=following, key="next_digit")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], slot: DeltaGenerator | None = None) -> None:
    """Draw a table whose cells are markdown.

    Args:
        slot: the place of a table that is drawn again while its rows come.
    """
    lines = [head, ["---"] * len(head), *rows]
    (slot or st).markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def chart(figure: go.Figure, key: str, alt: str) -> None:
    """Draw a plotly figure without its toolbar."""
    st.plotly_chart(figure, config={"displayModeBar": False}, key=key, alt=alt)


def slots(key: str, count: int) -> list[DeltaGenerator]:
    """Reserve places to draw in later, one below the other, in a container with that key."""
    with st.container(key=key):
        return [st.empty() for _ in range(count)]


def vega_chart(spec: vega.Spec, height: int, alt: str, slot: DeltaGenerator | None = None, **options: Any) -> None:
    """Draw a Vega-Lite chart as wide as its place, with its text alternative, and with other options of Streamlit."""
    (slot or st).vega_lite_chart(spec | vega.NUMBERS, width="stretch", height=height, alt=alt, **options)


def skeleton(slot: DeltaGenerator, height: int, text: str) -> None:
    """Draw the empty axes of a chart that is still computed, ``height`` pixels high, with a word on its progress."""
    slot.html(f"<div class='skeleton' style='height:{height}px'>{html.escape(text)}</div>")


def pictures(*shown: tuple[np.ndarray, str, str], width: int = 150) -> None:
    """Draw small pictures side by side: ((H, W, 3) uint8, caption, text alternative) each, ``width`` pixels wide."""
    with st.container(horizontal=True, gap="small"):
        for pixels, caption, alt in shown:
            with st.container(width=width):
                st.image(picture_uri(pixels), width="stretch", alt=alt)
                st.caption(caption)


def for_the_lecturer(page: Controls[Any], texts: Texts) -> DeltaGenerator | None:
    """Draw the script of two minutes, the link to open, and the common mistakes. Return the place for `to_print`."""
    if page.value.hides("lecturer"):
        return None
    script = texts.script if isinstance(texts.script, str) else texts.script()
    with st.expander("For the lecturer", icon=":material/co_present:"):
        st.markdown(f"**The two-minute script**\n\n{script}")
        st.markdown("**The link to open**")
        defaults = {name: value for name, value in vars(page.kind()).items() if name != "done"}
        st.code(page.link(**{**defaults, "present": True, "done": ""}), language=None, wrap_lines=True)
        st.markdown(f"**What usually goes wrong**\n\n{texts.pitfalls}")
        return st.container()


def to_print(page: Controls[Any], questions: Sequence[Question], place: DeltaGenerator | None) -> None:
    """Draw the buttons that save the questions as sheets to print."""
    if place is None:
        return
    title, link = title_of(page.name), page.link(done="", present=False)
    with place:
        st.markdown("**The questions of this page on paper**")
        with st.container(horizontal=True):
            for label, name, answers in (
                ("Questions to print (HTML)", "questions", False),
                ("Questions with answers (HTML)", "answers", True),
            ):
                data = partial(sheet, title, questions, answers, link)
                save_button(label, data, f"{page.name}-{name}.html", key=page.key(f"print_{name}"))


def read_on(page: Controls[Any], references: Sequence[tuple[str, str]]) -> None:
    """Draw references (text, address), the link to the present state, and the next lesson."""
    if page.value.hides("references"):
        return
    if lesson := entry_of(page.name):
        st.subheader("What you can do now", anchor="what-you-can-do-now")
        prose(f"You can {lesson.goal}. The terms of this lesson: {lesson.terms}.")
    st.subheader("Read on", anchor="read-on")
    st.markdown("\n".join(f"- [{text}]({address})" for text, address in references))
    st.markdown("**Link to exactly this state**")
    st.code(page.link(), language=None, wrap_lines=True)
    tell_of_own(page)
    here = next((i for i, each in enumerate(LESSONS) if each.address == page.name), len(LESSONS))
    view = to_query(PageSettings(page.value.present, page.value.hide))  # the next page looks alike
    with st.container(horizontal=True):
        if here + 1 < len(LESSONS):
            following = LESSONS[here + 1]
            label = f"Next: {following.title}"
            st.page_link(following.file, label=label, icon=":material/arrow_forward:", query_params=view or None)
        st.page_link(LAB.file, label="Try it in the Attack Lab", icon=":material/science:")
        st.page_link(COURSE.file, label="All lessons", icon=":material/menu_book:")
