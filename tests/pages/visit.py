"""Visiting a page through Streamlit's AppTest, from the entry script, as a learner's browser would."""

import base64
import io

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT


def visit(page: str, **query: str) -> AppTest:
    """The page ("lessons/up.py"), opened by a link with that query string."""
    at = AppTest.from_file(str(ROOT / "pages" / "switchboard.py"), default_timeout=120)
    at.query_params.update(query)
    at.switch_page(page).run()
    assert not at.exception
    return at


def words(at: AppTest) -> str:
    """All that the page says."""
    return "\n".join(e.value for e in (*at.markdown, *at.warning, *at.info, *at.caption, *at.success, *at.error))


def button(at: AppTest, label: str) -> AppTest:
    """Press the button of that label."""
    pressed = next(b for b in at.button if b.label == label).click().run()
    assert not pressed.exception
    return pressed


def link(at: AppTest) -> dict[str, str]:
    """What stands in the address."""
    return {name: value if isinstance(value, str) else value[0] for name, value in dict(at.query_params).items()}


def pictures(at: AppTest) -> dict[str, np.ndarray]:
    """The pictures, (H, W, 3) uint8, by text alternative."""
    shown = [e.proto.imgs[0] for e in at.get("image")]
    return {
        each.alt: np.asarray(Image.open(io.BytesIO(base64.b64decode(each.url.split(",", 1)[1]))))
        for each in shown
        if each.url.startswith("data:")
    }
