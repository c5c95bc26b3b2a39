"""The journeys through the Attack Lab in a real browser, against the real server."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import box, fits_a_phone, is_dark, move, no_exception, until
from tests.paths import ROOT

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
    no_exception(page)
    page.get_by_test_id("stSidebar").get_by_text("Presentation mode").click()
    page.wait_for_url("**present=1**")
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()


def test_another_picture_another_target_and_the_link_to_it(page: Page, address: str) -> None:
    page.goto(address + FAST)
    fooled(page, "wombat")
    page.get_by_role("button", name="Choose a photograph").click()
    page.get_by_role("button", name="Koala").click()
    page.wait_for_url("**image=koala**")
    expect(page.get_by_alt_text("Original picture, classified as koala")).to_be_visible()
    box = page.get_by_role("combobox", name="Target class")
    box.click()
    box.fill("toaster")
    page.keyboard.press("Enter")
    page.wait_for_url("**target=859**")
    expect(page.get_by_alt_text("Perturbed picture, classified as toaster")).to_be_visible()
    page.get_by_role("button", name="panda → gibbon").click()
    fooled(page, "gibbon")
    page.wait_for_url("**image=giant_panda**")
    link = page.url
    page.goto("about:blank")  # the session ends
    page.goto(link)
    fooled(page, "gibbon")


def test_epsilon_moved_in_mid_run(page: Page, address: str) -> None:
    page.goto(address + "?image=koala&target=404&eps=8&steps=40")
    expect(page.get_by_text("of 40", exact=False).first).to_be_visible()
    slider = page.get_by_role("slider", name="ε: largest change")
    slider.focus()
    move(slider, "ArrowLeft")
    page.wait_for_url("**eps=7**")
    expect(page.get_by_text("ε = 7/255", exact=True)).to_be_visible()
    fooled(page, "airliner")


def test_back_and_forward(page: Page, address: str) -> None:
    """Every state is one entry of the history, on every page, and Back leads through all of them and out."""

    def entries() -> int:
        return int(page.evaluate("history.length")) - first

    def go_to(group: str, label: str) -> None:
        page.get_by_test_id("stTopNavSection").filter(has_text=group).click()
        page.get_by_test_id("stTopNavDropdownLink").filter(has_text=label).click()

    def back(settings: str, sight: Locator) -> None:
        page.go_back()
        expect(sight).to_be_visible()
        assert page.url == address + settings

    page.goto(f"{address}/?image=pig&attack=fgsm&eps=4")  # a default, which the page removes from its address
    expect(page).to_have_url(f"{address}/?image=pig&attack=fgsm")
    first = int(page.evaluate("history.length"))
    slider = page.get_by_role("slider", name="ε: largest change")

    def eps(value: int) -> Locator:
        return page.locator(f"input[type=range][aria-valuetext='{value}']").and_(slider)

    slider.focus()
    for value in (5, 6, 7):
        page.keyboard.down("ArrowRight")  # one key, which is held down
        expect(page).to_have_url(re.compile(f"eps={value}"))
    page.keyboard.up("ArrowRight")
    assert entries() == 1
    thumb = box(slider)
    x, y = thumb["x"] + thumb["width"] / 2, thumb["y"] + thumb["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y, steps=20)
    page.mouse.up()
    expect(page).not_to_have_url(re.compile("eps=7"))
    dragged = page.url.removeprefix(address)
    there = int(dragged.split("eps=")[1])
    assert entries() == 2

    go_to("Foundations", "FGSM and PGD")
    ball = page.get_by_role("radio", name="L2", exact=True)
    ball.click()
    expect(page).to_have_url(f"{address}/fgsm-and-pgd?ball=l2")
    go_to("Beyond the ball", "Unrestricted attacks")
    kind = page.get_by_role("radio", name="turn", exact=True)
    kind.click()
    expect(page).to_have_url(f"{address}/unrestricted?kind=turn")
    # Pages that remember their settings.
    page.get_by_role("link", name="Attack Lab").first.click()
    expect(page).to_have_url(address + dragged)
    go_to("Foundations", "FGSM and PGD")
    expect(page).to_have_url(f"{address}/fgsm-and-pgd?ball=l2")
    assert entries() == 8

    back(dragged, eps(there))
    back("/unrestricted?kind=turn", page.get_by_role("radio", name="turn", exact=True, checked=True))
    back("/unrestricted", page.get_by_role("radio", name="turn", exact=True, checked=False))
    back("/fgsm-and-pgd?ball=l2", page.get_by_role("radio", name="L2", exact=True, checked=True))
    back("/fgsm-and-pgd", page.get_by_role("radio", name="L2", exact=True, checked=False))
    back(dragged, eps(there))
    back("/?image=pig&attack=fgsm&eps=7", eps(7))
    back("/?image=pig&attack=fgsm", eps(4))
    page.go_forward()
    expect(eps(7)).to_be_visible()
    page.go_back()
    expect(eps(4)).to_be_visible()
    no_exception(page)
    page.go_back()
    assert page.url == "about:blank"


def test_save_and_upload_again_and_the_page_on_a_phone(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(address + FAST)
    fooled(page, "wombat")
    page.get_by_role("tab", name="Save").click()
    page.wait_for_url("**tab=save**")
    with page.expect_download() as download:
        page.get_by_role("button", name="Adversarial picture (PNG)").click()
    saved = tmp_path / "saved.png"
    download.value.save_as(saved)
    page.locator("input[type=file]").set_input_files(saved)
    expect(page.get_by_alt_text("Original picture, classified as wombat")).to_be_visible()
    expect(page.get_by_text("it fools the network as it is")).to_be_visible()  # and the attack leaves its class alone

    fits_a_phone(page)
    images = page.locator(".st-key-stage img")

    def in_one_row() -> bool:
        boxes = images.evaluate_all("all => all.map(image => image.getBoundingClientRect().toJSON())")
        inside = all(box["x"] >= 0 and box["right"] <= 390 and box["width"] > 90 for box in boxes)
        return len(boxes) == 3 and len({round(box["y"]) for box in boxes}) == 1 and inside

    until(page, in_one_row)  # one that is being redrawn is not there for a moment
    eps = page.get_by_role("slider", name="ε: largest change")
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 500)")
    until(page, lambda: box(images.first)["y"] > 0)  # the pictures stay in sight of their knobs
    assert 0 < box(eps)["y"] < 844
    page.get_by_role("button", name="your own photo").click()
    mine = page.get_by_test_id("stPopoverBody")
    broken = {"name": "broken.png", "mimeType": "image/png", "buffer": saved.read_bytes()[:999]}
    mine.locator("input[type=file]").set_input_files([broken])
    expect(mine.get_by_text("damaged or incomplete", exact=False)).to_be_visible()
    text = {"name": "letter.txt", "mimeType": "text/plain", "buffer": b"Dear Sir"}
    mine.locator("input[type=file]").set_input_files([text])  # not stopped by Streamlit, whose words would help nobody
    expect(mine.get_by_text("This file is not a picture", exact=False)).to_be_visible()
    mine.locator("input[type=file]").set_input_files(ROOT / "assets" / "photos" / "koala.jpg")
    expect(page.get_by_alt_text("Original picture, classified as koala")).to_be_visible()
    expect(mine).to_be_hidden()
    assert not is_dark(page)
    page.emulate_media(color_scheme="dark")
    until(page, lambda: is_dark(page))
    page.emulate_media(color_scheme="light")
