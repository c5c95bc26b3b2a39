"""The lecture, slide by slide: its figures with our numbers beside theirs, its definitions, symbols and references."""

import base64
import html
import re
from itertools import groupby

import streamlit as st

from adv_core.assets import ASSETS
from pages.contents import COURSE, LAB
from pages.lecture.settings import SECTIONS, page
from pages.lecture.slides import SLIDES, Slide, command, our_number
from pages.lecture.texts import BEFORE_TABLE, DEFINITIONS, LEAD, REFERENCES, REMARKS, SYMBOLS, cited
from pages.widgets.glossary import prose
from pages.widgets.lesson import opening, table

TITLE = "The lecture, slide by slide"
PICTURES = ASSETS / "lecture"
COLUMNS = ("the slide, and the section that comes nearest", "here", "our number", "their number", "why they differ")
# On a narrow screen, each row is a card, and each cell tells its column.
STYLE = """
<style>
.slides {width: 100%; border-collapse: collapse; font-size: .92rem; line-height: 1.4}
.slides th, .slides td {text-align: left; vertical-align: top; padding: .55rem .6rem; overflow-wrap: anywhere;
  border: 0; border-bottom: 1px solid light-dark(#d8dee4, #38424d)}
.slides thead th {font-weight: 600; border-bottom-width: 2px}
.slides .heading th {font-size: 1.1rem; padding-top: 1.4rem}
.slides td:nth-child(1) {width: 23%} .slides td:nth-child(3) {width: 20%} .slides td:nth-child(4) {width: 13%}
.slides td:nth-child(3), .slides td:nth-child(4) {font-variant-numeric: tabular-nums}
.slides td:nth-child(2) {width: 226px}
.slides img {display: block; max-width: 100%; height: auto; border-radius: .3rem; image-rendering: pixelated}
.slides b {font-weight: 600} .slides td:nth-child(1) b {display: block}
.slides a {color: light-dark(#0b62a0, #58b4e8); display: inline-block; padding: .15rem 0}
.slides small {display: block; font-size: .85rem}
.slides code {font-size: .75rem; overflow-wrap: anywhere; padding: .1rem .3rem; border-radius: .2rem; color: inherit;
  background: light-dark(#eef1f4, #222a33)}
.st-key-symbols [data-testid=stMarkdownContainer] {overflow-x: auto}
.st-key-symbols table {min-width: 44rem}
@media (max-width: 820px) {
  .slides thead {display: none}
  .slides, .slides tbody, .slides tr, .slides td, .slides .heading th {display: block; width: auto !important}
  .slides tr:not(.heading) {border: 1px solid light-dark(#d8dee4, #38424d); border-radius: .5rem; padding: .4rem .2rem;
    margin-bottom: .8rem}
  .slides td {border: 0; padding: .25rem .6rem}
  .slides td:empty {display: none}
  .slides td:nth-child(n+3)::before {content: attr(data-column); display: block; font-weight: 600; font-size: .8rem}
}
</style>
"""


def marked(text: str) -> str:
    """Plain text with markdown's emphasis, and with the lecture's indices, as HTML."""
    strong = re.sub(r"\*\*(\S.*?)\*\*", r"<b>\1</b>", html.escape(text, quote=False))
    words = re.sub(r"\*(\w[^*]*)\*", r"<i>\1</i>", strong)
    return re.sub(r"\[(t(?:\+1)?)\]", r"<sup>[\1]</sup>", words.replace("_target", "<sub>target</sub>"))


def image(slide: Slide) -> str:
    """Our picture of a slide as HTML; nothing where it has none."""
    if not slide.picture:
        return ""
    data = base64.b64encode((PICTURES / f"{slide.key}.webp").read_bytes()).decode()
    return f'<img src="data:image/webp;base64,{data}" alt="{html.escape(slide.picture)}">'


def row(slide: Slide) -> str:
    """A line of the table."""
    link = f'<a href="{html.escape(slide.place.link)}" target="_blank">{marked(slide.place.text)}</a>'
    cells = (
        f"<b>{marked(slide.subject)}</b>{link}<small>{marked(slide.credit)}</small>",
        image(slide),
        f'{marked(our_number(slide))}<small><code title="{command(slide)}">{slide.key}</code></small>',
        marked(slide.theirs),
        marked(slide.why),
    )
    named = zip(COLUMNS, cells, strict=True)
    return "<tr>" + "".join(f'<td data-column="{column}">{cell}</td>' for column, cell in named) + "</tr>"


@st.cache_data(show_spinner=False)
def slides() -> str:
    """The table of all slides as HTML."""
    head = "".join(f"<th>{column}</th>" for column in COLUMNS)
    body = "".join(
        f'<tr class="heading"><th colspan="{len(COLUMNS)}">{heading}</th></tr>' + "".join(map(row, group))
        for heading, group in groupby(SLIDES, lambda slide: slide.heading)
    )
    return f'<table class="slides"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def show_slides() -> None:
    st.subheader(SECTIONS["slides"], anchor="slides")
    prose(BEFORE_TABLE)
    st.html(slides())


def show_definitions() -> None:
    st.subheader(SECTIONS["definitions"], anchor="definitions")
    for term, meaning, places in DEFINITIONS:
        prose(f"**{term}.** {meaning} → {' · '.join(place.markdown for place in places)}")


def show_symbols() -> None:
    st.subheader(SECTIONS["symbols"], anchor="symbols")
    prose("The whole app writes as the lecture does. A link opens the section that computes the symbol.")
    with st.container(key="symbols"):
        table(("the lecture", "in words", "here"), [(symbol, text, place.markdown) for symbol, text, place in SYMBOLS])
    st.markdown(REMARKS)


def show_references() -> None:
    st.subheader(SECTIONS["references"], anchor="references")
    lessons = dict(cited())
    lines = []
    for text, address in REFERENCES:
        _, labels = lessons.pop(address, ("", ()))
        lines.append(f"- {f'[{text}]({address})' if address else text}{by(labels)}")
    st.markdown("**Those of the lecture**\n\n" + "\n".join(lines))
    more = [f"- [{text}]({address}){by(labels)}" for address, (text, labels) in lessons.items()]
    with st.expander(f"What the lessons cite besides ({len(more)})", icon=":material/menu_book:"):
        st.markdown("\n".join(more))


def by(labels: object) -> str:
    """The lessons that cite a work."""
    assert isinstance(labels, list | tuple)
    return f" · in *{'*, *'.join(labels)}*" if labels else ""


def show_link() -> None:
    st.subheader("Show this page", anchor="link")
    page.control("present", st.toggle, "Presentation mode: no bars, larger letters")
    st.markdown("**Link to this page**")
    st.code(page.link(), language=None, wrap_lines=True)
    with st.container(horizontal=True):
        st.page_link(LAB.file, label="Try it in the Attack Lab", icon=":material/science:")
        st.page_link(COURSE.file, label="All lessons", icon=":material/menu_book:")


SHOW = {
    "slides": show_slides,
    "definitions": show_definitions,
    "symbols": show_symbols,
    "references": show_references,
}


def main() -> None:
    page.start()
    st.html(STYLE)
    opening(page, TITLE, LEAD)
    for name, show in SHOW.items():
        if not page.value.hides(name):
            show()
    show_link()
    page.into_address()


main()
