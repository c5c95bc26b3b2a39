"""The lesson on closed boxes in a real browser: questions, fewer of them, and the first answers of a theft."""

import re

from playwright.sync_api import Page, expect

QUICK = "blackbox?image=pig&eps=16&steps=1"


def test_questions_and_the_beginning_of_a_theft(page: Page, address: str) -> None:
    page.goto(f"{address}/{QUICK}")
    expect(page.get_by_text("The attacker has seen no weight")).to_be_visible()
    expect(page.get_by_text("The newest questions, and the victim's answers")).to_be_visible()
    slider = page.get_by_role("slider", name="ε of the squares")
    slider.focus()
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile("eps=17"))
    expect(
        page.get_by_role("img", name=re.compile("perturbation, amplified: 10 times. at most 17.255"))
    ).to_be_visible()
    expect(page.get_by_text("The attacker has seen no weight")).to_be_visible()
    assert page.locator("[data-testid=stException]").count() == 0


def test_on_a_phone(phone: Page, address: str) -> None:
    phone.goto(f"{address}/{QUICK}")
    expect(phone.get_by_text("The attacker has seen no weight")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.locator("[data-testid=stException]").count() == 0
