"""The lessons on the camera and on defences in a real browser: a knob, a phone."""

import re

from playwright.sync_api import Page, expect


def test_the_turned_pictures_and_the_way_to_paper(page: Page, address: str) -> None:
    page.goto(f"{address}/physical?views=2&eps=8")
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


def test_knobs_that_move_while_the_attack_runs(page: Page, address: str) -> None:
    """Every move ends a run of the page in the middle; the last one shows its own result, and nothing has jumped."""
    page.goto(f"{address}/physical?views=2&eps=7")
    eps = page.get_by_role("slider", name="ε of both, in 1/255")
    eps.scroll_into_view_if_needed()
    turn = page.get_by_role("slider", name="Turn, in degrees")
    turn.focus()
    scrolled = page.locator("[data-testid=stMain]").evaluate("main => main.scrollTop")
    for angle in (11, 12, 13):
        turn.press("ArrowRight")
        page.wait_for_url(f"**angle={angle}**")
    eps.press("ArrowRight")
    page.wait_for_url("**eps=8**")
    expect(page.get_by_role("img", name=re.compile("The attack over views in this view: the network"))).to_be_visible()
    expect(page.get_by_text("And everything at once")).to_be_visible()
    assert page.locator("[data-testid=stMain]").evaluate("main => main.scrollTop") == scrolled
    assert page.locator("[data-testid=stException]").count() == 0


def test_defences_on_a_phone(phone: Page, address: str) -> None:
    phone.goto(f"{address}/defences?steps=4")
    expect(phone.get_by_text("gets through")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.locator("[data-testid=stException]").count() == 0
