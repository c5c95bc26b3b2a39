"""The lesson on glasses and patches in a real browser: two clicks, a patch, a phone."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import box


def test_glasses_go_where_one_clicks(page: Page, address: str) -> None:
    page.goto(f"{address}/patches")
    expect(page.get_by_role("img", name=re.compile("with it: macaw"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("With the patch: monarch"))).to_be_visible()
    page.get_by_text("Where it sits: click the two points").click()
    spots = page.locator("canvas.marks, svg.marks").first
    expect(spots).to_be_visible()
    frame = box(spots)
    page.mouse.click(frame["x"] + 0.2 * frame["width"], frame["y"] + 0.4 * frame["height"])
    expect(page).to_have_url(re.compile("ax=(19|20|21)"))
    assert page.locator("[data-testid=stException]").count() == 0


def test_on_a_phone(phone: Page, address: str) -> None:
    phone.goto(f"{address}/patches")
    expect(phone.get_by_text(re.compile("Largest change anywhere else: 0"))).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.locator("[data-testid=stException]").count() == 0
