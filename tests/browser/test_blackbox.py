"""The lesson on closed boxes in a real browser."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import LIMIT


def test_questions_transfer_and_a_theft(page: Page, address: str) -> None:
    page.goto(f"{address}/blackbox?image=pig&steps=3")
    expect(page.get_by_text(re.compile(r"The attacker has seen no weight"))).to_be_visible(timeout=LIMIT)
    expect(page.get_by_text(re.compile("After 3200 questions the copy"))).to_be_visible(timeout=LIMIT)
    expect(page.get_by_text(re.compile("With the box open"))).to_be_visible(timeout=LIMIT)
    assert page.locator("[data-testid=stException]").count() == 0


def test_on_a_phone(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, color_scheme="dark")
    page = context.new_page()
    page.goto(f"{address}/blackbox?image=tabby_cat&steps=1")
    expect(page.get_by_text(re.compile(r"The attacker has seen no weight"))).to_be_visible(timeout=LIMIT)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("[data-testid=stException]").count() == 0
    context.close()
