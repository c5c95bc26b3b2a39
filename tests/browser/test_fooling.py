"""The lesson on fooling images in a real browser: a deep link, a knob, breeding, and a phone."""

import io
import re

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from adv_core.classifiers import load_classifier

QUICK = "fooling?target=goldfish&start=grey&queries=200"


def test_the_saved_picture_fools_and_another_is_bred(page: Page, address: str) -> None:
    page.goto(f"{address}/{QUICK}")
    expect(page.get_by_text("The network sees goldfish, and is")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="This picture (PNG)").click()
    picture = Image.open(io.BytesIO(saved.value.path().read_bytes()))
    classifier = load_classifier(device="cpu")
    best, _, p = classifier.predict(classifier.prepare(picture))[0]
    assert best == 1 and p >= 0.99 and np.ptp(np.asarray(picture)) < 100

    page.get_by_role("button", name="Breed: goldfish").click()
    page.wait_for_url("**bred=1**")
    expect(page.get_by_text(re.compile("200 questions; more than 50 % sure of"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^The champion of"))).to_have_count(8)
    expect(page.get_by_role("button", name="Breed: goldfish")).to_have_count(0)
    assert page.locator("[data-testid=stException]").count() == 0


def test_it_fits_a_phone(phone: Page, address: str) -> None:
    phone.goto(f"{address}/{QUICK}")
    expect(phone.get_by_text("You see grey and some texture.")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.locator("[data-testid=stException]").count() == 0
