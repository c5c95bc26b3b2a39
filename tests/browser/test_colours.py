"""The colours of a picture with a colour profile."""

import base64

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.adv_core.test_colour_profiles import ADOBE, BLOCKS, KINDS, P3, centres, encode, grey_profile

ON_A_CANVAS = """async address => {
    const picture = new Image()
    picture.src = address
    await picture.decode()
    const canvas = document.createElement("canvas")
    canvas.width = picture.width
    canvas.height = picture.height
    const pen = canvas.getContext("2d")
    pen.drawImage(picture, 0, 0)
    return [...pen.getImageData(0, 0, picture.width, picture.height).data]
}"""
GREYS = Image.fromarray(BLOCKS).convert("L")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_they_are_those_that_the_browser_shows(page: Page, kind: str) -> None:
    for image, profile in ((Image.fromarray(BLOCKS), P3), (Image.fromarray(BLOCKS), ADOBE), (GREYS, grey_profile(1.8))):
        data = encode(image, kind, icc_profile=profile, **KINDS[kind])
        address = f"data:image/{kind.lower()};base64,{base64.b64encode(data).decode()}"
        shown = np.array(page.evaluate(ON_A_CANVAS, address)).reshape(*BLOCKS.shape[:2], 4)
        assert np.abs(shown[8::16, 8::16, :3].reshape(-1, 3) - centres(data)).max() <= 2
