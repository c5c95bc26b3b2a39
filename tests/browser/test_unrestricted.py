"""The lesson without noise in a real browser: a search, a hand, a phone."""

import re

from playwright.sync_api import Page, expect


def test_a_search_and_a_hand(page: Page, address: str) -> None:
    page.goto(f"{address}/unrestricted")
    expect(page.get_by_role("img", name=re.compile("found by the search: indri"))).to_be_visible()
    page.get_by_role("radio", name="turn", exact=True).click()
    expect(page.get_by_text(re.compile("No turn up to 180° fools|The smallest turn found"))).to_be_visible()
    expect(page).to_have_url(re.compile("kind=turn"))
    assert page.locator("[data-testid=stException]").count() == 0


def test_on_a_phone(phone: Page, address: str) -> None:
    phone.goto(f"{address}/unrestricted")
    expect(phone.get_by_role("img", name=re.compile("found by the search: indri"))).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.locator("[data-testid=stException]").count() == 0
