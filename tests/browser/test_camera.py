"""The lessons on the camera and on defences in a real browser: a knob, a phone."""

import re

from playwright.sync_api import Page, expect


def test_the_turned_pictures_and_the_way_to_paper(page: Page, address: str) -> None:
    page.goto(f"{address}/camera?views=2&eps=8")
    living = page.get_by_role("img", name=re.compile("The attack over views in this view: the network sees wombat"))
    expect(living).to_be_visible()
    page.get_by_role("button", name="Straight on").click()
    ordinary = page.get_by_role("img", name=re.compile("The ordinary attack in this view: the network sees wombat"))
    expect(ordinary).to_be_visible()
    expect(page).to_have_url(re.compile("angle=0"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Two sheets to print").click()
    assert b"data:image/png" in download.value.path().read_bytes()
    assert page.locator("[data-testid=stException]").count() == 0


def test_defences_on_a_phone(phone: Page, address: str) -> None:
    phone.goto(f"{address}/defences?steps=4")
    expect(phone.get_by_text("gets through")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.locator("[data-testid=stException]").count() == 0
