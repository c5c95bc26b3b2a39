"""The lesson "Which way is up?" in a real browser: the two things that happen there alone, dragging and playing."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import box

HILL = ".st-key-hill .plane > svg"


def spot(page: Page, x1: float, x2: float) -> tuple[float, float]:
    """Where a point of the plane is on the screen."""
    frame = box(page.locator(f"{HILL} > svg"))
    return frame["x"] + x1 * frame["width"], frame["y"] + (1 - x2) * frame["height"]


def test_the_point_is_dragged_and_clicked(page: Page, address: str) -> None:
    page.goto(f"{address}/fgsm-and-pgd?eps=0.1")
    hill = page.get_by_role("img", name=re.compile("The loss over the square"))
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.38, 0\.73\)"))
    hill.scroll_into_view_if_needed()
    page.mouse.move(*spot(page, 0.38, 0.73))
    page.mouse.down()
    page.mouse.move(*spot(page, 0.5, 0.6), steps=5)
    page.mouse.up()
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.5\d?, 0\.6\d?\)|x at \(0\.49, 0\.(59|60)\)"))
    page.wait_for_url("**x1=0.**")
    hill.scroll_into_view_if_needed()
    page.mouse.click(*spot(page, 0.25, 0.25))
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.2[456], 0\.2[456]\)"))
    # a second click in the same place, after x was moved elsewhere, counts as well
    page.get_by_role("button", name="A straight hill").click()
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.50, 0\.68\)"))
    hill.scroll_into_view_if_needed()
    page.mouse.click(*spot(page, 0.25, 0.25))
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.2[456], 0\.2[456]\)"))
    # the browser's Back undoes one change after the other
    page.wait_for_url("**x1=0.2**")
    page.go_back()
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.50, 0\.68\)"))
    page.go_back()
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.2[456], 0\.2[456]\)"))
    page.go_forward()
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.50, 0\.68\)"))
    assert page.locator("[data-testid=stException]").count() == 0


def test_next_back_play_and_pause(page: Page, address: str) -> None:
    page.goto(f"{address}/fgsm-and-pgd?steps=4")
    where = page.locator(".player .where")
    expect(where).to_have_text("Step 4 of 4: the projection")
    expect(page.get_by_role("button", name="Next", exact=True)).to_be_disabled()
    slider = page.get_by_role("slider", name="Phase of the run")
    slider.focus()
    slider.press("Home")
    expect(where).to_have_text("Start")
    for told in ("the gradient", "the step α", "the projection"):
        page.get_by_role("button", name="Next", exact=True).click()
        expect(where).to_have_text(f"Step 1 of 4: {told}")
    texts = page.locator(".player .text")
    expect(texts.nth(1)).to_contain_text("Inside the ball")
    page.get_by_role("button", name="Back", exact=True).click()
    expect(texts.nth(1)).to_contain_text("α·sign(∇L) = (−0.04, −0.04), turned by 20° from ∇L.")
    play = page.get_by_role("button", name="Play", exact=True)
    # In one go: who looks later may come when it has ended.
    assert play.evaluate("button => { button.click(); return button.textContent }") == "Pause"
    expect(where).to_have_text("Step 4 of 4: the projection")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_phone(phone: Page, address: str) -> None:
    phone.goto(f"{address}/fgsm-and-pgd?ball=l2&raw=1e3")
    expect(phone.locator(".player .where")).to_contain_text("Step 10 of 10")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    panels = phone.locator(".player figure").evaluate_all("all => all.map(f => f.getBoundingClientRect().toJSON())")
    assert len(panels) == 2 and all(each["x"] >= 0 and each["right"] <= 390 for each in panels)
    hill = phone.locator(HILL)
    hill.scroll_into_view_if_needed()
    phone.touchscreen.tap(*spot(phone, 0.7, 0.5))
    phone.wait_for_url("**x1=0.7**")
