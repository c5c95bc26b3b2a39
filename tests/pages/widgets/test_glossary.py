"""The terms that explain themselves."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from pages.widgets.glossary import GLOSSARY, explain


def marked(text: str) -> list[str]:
    return re.findall(r'<span class="term"[^>]*>([^<]*)</span>', text)


@pytest.mark.parametrize("term", GLOSSARY)
def test_each_term_explains_itself(term: str) -> None:
    assert marked(explain(f"About {term}, briefly.", {})) == [term]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("A Margin; and the margin again.", ["Margin"]),
        ("Two margins of logits.", ["margins", "logits"]),
        ("Formulas $ε + δ$, `margin`, [PGD](/fgsm-and-pgd), <i title='loss'></i> and :red[x] stay.", []),
        ("Words such as glossy, transferred, L20 and ε(x) are no terms.", []),
        ("Adversarial training needs a threat model.", ["Adversarial training", "threat model"]),
        ("All of Δ(x) and ‖δ‖∞.", ["Δ(x)"]),
    ],
)
def test_what_is_marked(text: str, terms: list[str]) -> None:
    told = explain(text, {})
    assert marked(told) == terms
    assert re.sub(r'<span class="term"[^>]*>([^<]*)</span>', r"\1", told) == text


def test_a_page_explains_a_term_once_and_the_same_text_does_so_again() -> None:
    explained: dict[str, str] = {}
    first = explain("The margin falls.", explained)
    assert marked(first) == ["margin"]
    assert marked(explain("A margin of zero, and its loss.", explained)) == ["loss"]
    assert explain("The margin falls.", explained) == first


def test_a_new_run_of_the_page_explains_anew() -> None:
    def page() -> None:
        from pages.widgets.glossary import forget, prose

        forget()
        prose("The margin falls below zero.")
        prose("The margin again.")

    at = AppTest.from_function(page).run()
    for _ in range(2):
        assert [marked(each.value) for each in at.markdown] == [["margin"], []]
        at.run()
