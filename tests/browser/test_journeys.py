"""The main journeys in a real browser, against the real server."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import box, visiting

FAST = "?image=pig&target=106&eps=2&steps=10"


def fooled(page: Page, name: str) -> None:
    expect(page.get_by_alt_text(f"Perturbed picture, classified as {name}")).to_be_visible()
    expect(page.get_by_text("Fooled.")).to_be_visible()


def test_first_load_fools_the_dog(page: Page, address: str) -> None:
    page.goto(address)
    fooled(page, "airliner")
    expect(page.get_by_alt_text("Original picture, classified as German shepherd")).to_be_visible()
    shown = page.locator(".st-key-stage .lab-cap").nth(2).inner_text().replace("\u00a0", " ")
    assert float(shown.split()[-2]) >= 99
    assert page.locator("[data-testid=stException]").count() == 0


def test_preset_and_share_link_in_a_fresh_context(page: Page, browser: Browser, address: str) -> None:
    page.goto(address + FAST)
    fooled(page, "wombat")
    page.get_by_role("button", name="panda → gibbon").click()
    fooled(page, "gibbon")
    page.wait_for_url("**image=giant_panda**")
    with visiting(browser) as elsewhere:
        other = elsewhere.new_page()
        other.goto(page.url)
        fooled(other, "gibbon")


def test_gallery(page: Page, address: str) -> None:
    page.goto(address + FAST)
    fooled(page, "wombat")
    page.get_by_role("button", name="Choose a photograph").click()
    page.get_by_role("button", name="Koala").click()
    page.wait_for_url("**image=koala**")
    expect(page.get_by_alt_text("Original picture, classified as koala")).to_be_visible()


def test_target_by_typing(page: Page, address: str) -> None:
    page.goto(address + FAST)
    fooled(page, "wombat")
    box = page.get_by_role("combobox", name="Target class")
    box.click()
    box.fill("toaster")
    page.keyboard.press("Enter")
    page.wait_for_url("**target=859**")
    expect(page.get_by_alt_text("Perturbed picture, classified as toaster")).to_be_visible()


def test_epsilon_moved_in_mid_run(page: Page, address: str) -> None:
    page.goto(address + "?image=koala&target=404&eps=8&steps=60")
    expect(page.get_by_text("of 60", exact=False).first).to_be_visible()
    slider = page.get_by_role("slider", name="ε: how far")
    slider.focus()
    slider.press("ArrowLeft")
    page.wait_for_url("**eps=7**")
    expect(page.get_by_text("ε = 7/255", exact=True)).to_be_visible()
    fooled(page, "airliner")


def test_save_and_upload_again(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(address + FAST)
    fooled(page, "wombat")
    with page.expect_download() as download:
        page.get_by_role("button", name="Adversarial picture (PNG)").click()
    saved = tmp_path / "saved.png"
    download.value.save_as(saved)
    page.locator("input[type=file]").set_input_files(saved)
    expect(page.get_by_alt_text("Original picture, classified as wombat")).to_be_visible()


@pytest.mark.parametrize(("phone", "scheme"), [("light", "light"), ("dark", "dark")], indirect=["phone"])
def test_phone(phone: Page, address: str, scheme: str) -> None:
    phone.goto(address + FAST)
    fooled(phone, "wombat")
    images = phone.locator(".st-key-stage img")
    expect(images).to_have_count(3)  # one that is being redrawn is not there for a moment
    boxes = images.evaluate_all("all => all.map(image => image.getBoundingClientRect().toJSON())")
    assert len(boxes) == 3 and len({round(box["y"]) for box in boxes}) == 1  # one row
    assert all(box["x"] >= 0 and box["right"] <= 390 and box["width"] > 90 for box in boxes)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    background = phone.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    red = int(background.split("(")[1].split(",")[0])
    assert (red < 60) == (scheme == "dark")


def test_presentation_hides_the_sidebar(page: Page, address: str) -> None:
    page.goto(address + FAST + "&present=1")
    fooled(page, "wombat")
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()


def test_linear_lesson(page: Page, address: str) -> None:
    page.goto(address + "/linear-models?line=2")
    expect(page.get_by_text("Under δ*", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Next line").click()
    page.wait_for_url("**line=3**")
    expect(page.get_by_text("each pixel is free", exact=False)).to_be_visible()
    page.get_by_role("link", name="Attack Lab").first.click()
    fooled(page, "airliner")


def test_small_lesson(page: Page, address: str) -> None:
    page.goto(address + "/threat-models?image=koala&eps=4")
    expect(page.get_by_alt_text("The photograph with the worst δ of the L1 ball", exact=False)).to_be_visible()
    assert page.get_by_text("Page not found").count() == 0
    page.get_by_role("button", name="That is my guess").click()
    expect(page.get_by_text(re.compile(r"You said \d+\. It was"))).to_be_visible()
    page.wait_for_url(re.compile(r"guess=\d+"))
    page.get_by_role("button", name="The left one").click()
    page.wait_for_url("**answers=**")


def test_a_drawn_mask(page: Page, address: str) -> None:
    page.goto(address + "/threat-models?image=koala&place=own")
    expect(page.get_by_text("Paint something first", exact=False)).to_be_visible()
    surface = page.get_by_role("application", name="Paint where δ may live")
    surface.scroll_into_view_if_needed()
    frame = box(surface)
    page.mouse.move(frame["x"] + 40, frame["y"] + 40)
    page.mouse.down()
    page.mouse.move(frame["x"] + 200, frame["y"] + 160, steps=8)
    page.mouse.up()
    expect(page.get_by_text("0 of them outside of the mask", exact=False)).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Paint something first", exact=False)).to_be_visible()
