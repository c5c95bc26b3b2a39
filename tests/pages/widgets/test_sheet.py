"""The questions of a lesson on paper."""

from html.parser import HTMLParser

import pytest

from pages.widgets.quiz import Choice, Number, Question
from pages.widgets.sheet import as_html, sheet
from tests.pages.visit import questions_of

CHOICE = Choice("Is *x* < **y**?", (("`x` is δ\\*", "Look & see."), ("yonder", "Not y."), ("zebra", "Not z.")))
NUMBER = Number("How many?", 12.166, 0.1, "Count them.", lambda given: "Count again.", "steps")
QUESTIONS = (Question("a", CHOICE, NUMBER), Question("b", NUMBER, CHOICE))


class Reader(HTMLParser):
    """The text of a page, and what it loads."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.text, self.loads = "", [""]
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [f"{name} of {tag}" for name, _ in attrs if name in ("src", "href", "srcset")]
        if tag in ("script", "link", "img"):
            self.loads.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_markdown_becomes_html() -> None:
    assert as_html(r"*a* < **b**, `c`, δ\* and [d](https://d.example)") == (
        "<em>a</em> &lt; <strong>b</strong>, <code>c</code>, δ&#42; and d"
    )


def test_the_answers_are_on_their_own_sheet() -> None:
    blank, told = (Reader(sheet("A <title>", QUESTIONS, answers)).text for answers in (False, True))
    for page in (blank, told):
        assert "A <title>" in page and page.count("Is x < y?") == page.count("How many?") == 2 and "x is δ*" in page
    for secret in ("right", "Look & see.", "Not y.", "12.17", "Count them."):
        assert secret not in blank and secret in told
    assert "Name" in blank and "Name" not in told
    order = [sorted(("x is δ", "yonder", "zebra"), key=page.index) for page in (blank, told)]
    assert order[0] == order[1]


@pytest.mark.parametrize("package", ["threat_models", "fgsm_and_pgd", "speech"])
@pytest.mark.parametrize("answers", [False, True])
def test_a_lesson_is_printed_as_text_and_loads_nothing(package: str, answers: bool) -> None:
    questions = questions_of(package)
    page = Reader(sheet("T", questions, answers, "https://lab.example/?a=1&b=2"))
    assert page.loads == [""] and "https://lab.example/?a=1&b=2" in page.text
    assert not any(mark in page.text for mark in ("**", "$", "\\", "`", ":material", "badge["))
    assert page.text.count("Answer:") == sum(
        isinstance(each, Number) for question in questions for each in (question.first, question.second)
    )
