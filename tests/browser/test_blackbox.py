"""The lesson on closed boxes in a real browser."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import LIMIT


def test_questions_transfer_and_a_theft(page: Page, address: str) -> None:
    page.goto(f"{address}/blackbox?image=pig&steps=3")
    expect(page.get_by_text(re.compile(r"The attacker has seen no weight"))).to_be_visible(timeout=LIMIT)
    expect(page.get_by_text(re.compile("After 3200 questions the copy"))).to_be_visible(timeout=LIMIT)
    expect(page.get_by_text(re.compile("With the box open"))).to_be_visible(timeout=LIMIT)
    assert page.locator("[data-testid=stException]").count() == 0


def test_on_a_phone(phone: Page, address: str) -> None:
    phone.goto(f"{address}/blackbox?image=tabby_cat&steps=1")
    expect(phone.get_by_text(re.compile(r"The attacker has seen no weight"))).to_be_visible(timeout=LIMIT)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.locator("[data-testid=stException]").count() == 0
