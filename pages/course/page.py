"""The course: all lessons as cards, the lecture's headings, plans for teachers, and links that hide parts of a page."""

from collections.abc import Sequence
from dataclasses import fields
from urllib.parse import urlencode

import streamlit as st

from adv_core.assets import ASSETS
from pages.contents import LAB, LECTURE, LESSONS, PAGES, Entry, LessonEntry
from pages.course.settings import TARGETS, page
from pages.course.teaching import CREDITS, HEADINGS, PLANS, Place
from pages.widgets.lesson import opening, table
from pages.widgets.query import PARTS

PICTURES = ASSETS / "course"
CARDS_A_ROW = 3
STYLE = """
<style>
[class*=st-key-card] img {border-radius: .4rem}
/* The pictures show light pages: in the dark theme a veil dims them. */
[class*=st-key-card] [data-testid=stImageContainer] {position: relative}
[class*=st-key-card] [data-testid=stImageContainer]::after {content: ""; position: absolute; inset: 0;
  border-radius: .4rem; pointer-events: none; background: light-dark(transparent, rgb(16 22 29 / 30%))}
[class*=st-key-card] [data-testid=stPageLink] a {padding-left: 0}
[class*=st-key-card] [data-testid=stPageLink] p {font-weight: 600; font-size: 1.05rem; line-height: 1.3;
  white-space: normal}
</style>
"""
AHEAD = f"""
All lessons, in the order of the lecture. Each opens with a result, takes {min(each.minutes for each in LESSONS)} to
{max(each.minutes for each in LESSONS)} minutes, and ends with questions.
"""


def solved(lesson: LessonEntry) -> tuple[int, int] | None:
    """Return the solved questions of a lesson and all of them; None where it has not been opened in this tab."""
    settings = st.session_state.get(lesson.address)
    if settings is None:
        return None
    letters = next(each.metadata["letters"] for each in fields(settings) if each.name == "done")
    return len(settings.done), len(letters)


def show_picture(entry: Entry) -> None:
    """Draw the picture of a page, if there is one."""
    picture = PICTURES / f"{entry.address}.webp"
    if picture.exists():
        st.image(str(picture), width="stretch", alt=f"The first result of the page {entry.label}")


def show_lab() -> None:
    """Draw the card of the lab."""
    with st.container(border=True, key="card_lab"):
        left, right = st.columns([1, 2], vertical_alignment="center")
        with left:
            show_picture(LAB)
        with right:
            st.page_link(LAB.file, label="Start here: the Attack Lab", icon=":material/science:")
            st.markdown(
                "Choose a photograph, a network and an attack, and compare the predictions before and after. It takes "
                "one minute to fool a network with a photograph of your own."
            )


def card(lesson: LessonEntry) -> None:
    """Draw the card of one lesson."""
    with st.container(border=True, height="stretch", key=f"card_{lesson.address.replace('-', '_')}"):
        show_picture(lesson)
        st.page_link(lesson.file, label=lesson.title)
        st.markdown(f"{lesson.minutes} minutes · {lesson.terms}")
        st.markdown(f"**Afterwards you can** {lesson.goal}.")
        if (count := solved(lesson)) is not None:
            right, questions = count
            colour, icon = ("green", "check") if right == questions else ("blue", "edit")
            st.markdown(f":{colour}-badge[:material/{icon}: {right} of {questions} questions solved]")


def show_lessons() -> None:
    """Draw the cards, group by group."""
    counts = [count for lesson in LESSONS if (count := solved(lesson)) is not None]
    if counts:
        st.markdown(f"In this tab you have solved **{sum(right for right, _ in counts)}** questions so far.")
    for group, entries in PAGES.items():
        lessons = [entry for entry in entries if isinstance(entry, LessonEntry)]
        if not lessons:
            continue
        st.subheader(group, anchor=group.lower().replace(" ", "-"))
        for first in range(0, len(lessons), CARDS_A_ROW):
            for column, lesson in zip(st.columns(CARDS_A_ROW), lessons[first : first + CARDS_A_ROW], strict=False):
                with column:
                    card(lesson)


def where(places: Sequence[Place]) -> str:
    """The links of a table's cell."""
    return " · ".join(place.markdown for place in places)


def show_teaching() -> None:
    """Draw the tables for teachers."""
    st.subheader("If you teach this", anchor="teach")
    st.page_link(
        LECTURE.file, label="The lecture, slide by slide, with its numbers beside ours", icon=":material/slideshow:"
    )
    st.markdown("Each heading of the lecture, and the section that shows it. A link opens in a new tab.")
    table(("heading of the lecture", "lesson and section"), [(name, where(places)) for name, places in HEADINGS])
    table(("figure or paper of the lecture", "lesson and section"), [(name, where(each)) for name, each in CREDITS])
    st.subheader("Plans", anchor="plans")
    plan = page.choice("plan", "Time that you have", {name: name for name in PLANS}, label_visibility="collapsed")
    table(
        ("week" if plan == "Seminar" else "minutes", "what you do", "where"),
        [(when, what, place.markdown) for when, what, place in PLANS[plan]],
    )


def show_link() -> None:
    """Build a link that hides parts of a page."""
    st.subheader("A link without distractions", anchor="link")
    st.markdown(
        "Choose a page and the parts to hide. To give your students a page with its settings as well, set them on that "
        "page, copy its link, and add the last part of this one."
    )
    page.control("to", st.selectbox, "Page", list(TARGETS), format_func=TARGETS.__getitem__)
    hidden = []
    with st.container(horizontal=True):
        for part, label in PARTS.items():
            key = page.key(f"without_{part}")
            known = page.value.to != "" or part in ("navigation", "sidebar")
            st.session_state.setdefault(key, part in page.value.without.split(","))
            if st.checkbox(f"Hide {label}", key=key, disabled=not known) and known:
                hidden.append(part)
    page.control("projector", st.checkbox, "Presentation mode: no bars, larger letters")
    page.set(without=",".join(hidden))
    query = {"present": "1"} if page.value.projector else {}
    query |= {"hide": ",".join(hidden)} if hidden else {}
    start = (st.context.url or "/course").split("?")[0].removesuffix("course")
    st.code(f"{start}{page.value.to}{'?' if query else ''}{urlencode(query, safe=',')}", language=None, wrap_lines=True)


def main() -> None:
    page.start()
    st.html(STYLE)
    opening(page, "Course", AHEAD)
    show_lab()
    show_lessons()
    show_teaching()
    show_link()
    page.into_address()


main()
