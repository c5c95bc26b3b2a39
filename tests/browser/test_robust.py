"""The lessons on training and judging in a real browser: a live training that is stopped and goes on, and a phone."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import box


def test_a_live_training_is_stopped_and_goes_on(page: Page, address: str) -> None:
    page.goto(f"{address}/adversarial-training?epochs=4&inner=fgsm")
    expect(page.get_by_text("The least ε that was found")).to_be_visible()
    page.get_by_role("button", name="Train both").click()
    expect(page.get_by_text(re.compile("Training the (standard|robust) network: [1-9]"))).to_be_visible()
    expect(page.get_by_role("button", name="Train both")).to_have_count(0)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped. It goes on")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("Trained. Compare with it")).to_be_visible()
    expect(page.get_by_role("button", name="Again, other seed")).to_be_visible()
    page.get_by_text("the one you trained", exact=True).first.click()
    page.wait_for_url("**against=own**")
    expect(page.get_by_text("yours, FGSM")).to_be_visible()
    assert page.locator("[data-testid=stException]").count() == 0


def test_a_digit_is_written_and_attacked(page: Page, address: str) -> None:
    page.goto(f"{address}/adversarial-training?source=own")
    surface = page.get_by_role("application")
    expect(surface).to_be_visible()
    frame = box(surface)

    def at(x: float, y: float) -> tuple[float, float]:
        return frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]

    page.mouse.move(*at(0.5, 0.15))
    page.mouse.down()
    page.mouse.move(*at(0.5, 0.85), steps=8)
    page.mouse.up()
    expect(page.get_by_text("It is meant to be a")).to_be_visible()
    expect(page.get_by_text("The least ε that was found")).to_be_visible()
    picture = page.get_by_role("img", name=re.compile("The digit after the attack on the robust network"))
    expect(picture).to_be_visible()


def test_the_series_of_attacks_on_a_phone(phone: Page, address: str) -> None:
    phone.goto(f"{address}/evaluation?defence=quantized")
    expect(phone.get_by_text("Symptoms of a hidden gradient")).to_be_visible()
    expect(phone.get_by_text("The vote says")).to_be_visible()
    expect(phone.get_by_text(re.compile("At ε = 0.1: "))).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.locator("[data-testid=stException]").count() == 0
