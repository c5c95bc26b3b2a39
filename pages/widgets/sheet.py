"""The questions of a lesson on paper: one HTML file that needs no network, with or without the answers."""

import html
import re
from collections.abc import Callable, Sequence

from pages.widgets.quiz import Choice, Number, Question, shuffled

STYLE = """
@page {size: A4; margin: 18mm}
body {font: 11pt/1.45 Georgia, "Times New Roman", serif; color: #000; background: #fff; max-width: 46em;
  margin: 1em auto; padding: 0 1em}
h1 {font-size: 17pt; margin: 0 0 .3em} h2 {font-size: 13pt; margin: 1.6em 0 .4em; break-after: avoid}
.name {margin: 1em 0} .fill {display: inline-block; border-bottom: 1px solid #000; width: 14em; height: 1.1em}
ol {padding-left: 1.6em} .question {margin: 0 0 1.3em; break-inside: avoid} .question p {margin: 0 0 .4em}
.answers li {margin: .15em 0} .why {font-size: 10pt}
.why::before {content: "→ "} footer {font-size: 9pt; margin-top: 2em; overflow-wrap: anywhere}
"""
# The markdown of the questions, after `html.escape`.
_MARKS: Sequence[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = (
    (re.compile(r"\\([*_`\\])"), lambda found: f"&#{ord(found[1])};"),
    (re.compile(r"\[([^\]\n]+)\]\([^)\n]+\)"), r"\1"),
    (re.compile(r"`([^`\n]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*\n]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*([^*\n]+)\*"), r"<em>\1</em>"),
)


def as_html(text: str) -> str:
    """Return a paragraph of markdown as HTML: bold, italics, code; a link becomes its text."""
    text = html.escape(text, quote=False)
    for mark, instead in _MARKS:
        text = mark.sub(instead, text)
    return text


def sheet(title: str, questions: Sequence[Question], answers: bool, address: str = "") -> bytes:
    """Return the sheet as an HTML file. Both sheets of the same questions have them in the same order.

    Args:
        answers: whether the right answers are marked, and all answers explained.
        address: the link to the page with the settings that the questions are about.
    """
    name = "Answers" if answers else "Questions"
    head = f"<title>{html.escape(title)}: {name.lower()}</title><style>{STYLE}</style>"
    parts = [f"<h1>{html.escape(title)}</h1>"]
    fields = "Name <span class='fill'></span> &emsp; Date <span class='fill'></span>"
    parts.append(f"<p class='name'>{'<strong>With answers</strong>' if answers else fields}</p>")
    for heading, again in (("Questions", False), ("Second questions, of the same kind", True)):
        items = "".join(_item(each, title, again, answers) for each in questions)
        parts.append(f"<h2>{heading}</h2><ol>{items}</ol>")
    link = f" at {html.escape(address)}" if address else ""
    parts.append(f"<footer>Adversarial Lab. Numbers in the questions are those of the page{link}.</footer>")
    page = (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'>{head}</head><body>{''.join(parts)}</body></html>"
    )
    return page.encode()


def _item(question: Question, title: str, again: bool, told: bool) -> str:
    """A question, or its second one, as an item of a list."""
    asked = question.second if again else question.first
    answers = _answers(asked, f"{title} {question.letter} {again}", told)
    return f"<li class='question'><p>{as_html(asked.text)}</p>{answers}</li>"


def _answers(asked: Choice | Number, seed: str, told: bool) -> str:
    """The answers to choose from, or the line for a number; with the explanations where they are told."""
    if isinstance(asked, Number):
        if not told:
            return f"<p>Answer: <span class='fill'></span> {html.escape(asked.unit)}</p>"
        return f"<p>Answer: <strong>{html.escape(asked.shown)}</strong></p><p class='why'>{as_html(asked.why)}</p>"
    lines = []
    for index in shuffled(len(asked.answers), seed):
        answer, why = asked.answers[index]
        mark = " <strong>✓ right</strong>" if told and index == 0 else ""
        note = f"<br><span class='why'>{as_html(why)}</span>" if told else ""
        lines.append(f"<li>{as_html(answer)}{mark}{note}</li>")
    return f"<ol type='A' class='answers'>{''.join(lines)}</ol>"
