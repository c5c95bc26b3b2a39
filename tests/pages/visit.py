"""Visit a page through Streamlit's AppTest, from the entry script, and look at what is on it."""

import base64
import io
import json

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT


def visit(page: str = "", /, **query: str) -> AppTest:
    """The page of that file, opened by a link with that query; without a file, the one that the app opens with."""
    at = AppTest.from_file(str(ROOT / "pages" / "switchboard.py"), default_timeout=120)
    at.query_params.update(query)
    if page:
        at.switch_page(page)
    at.run()
    assert not at.exception
    return at


def button(at: AppTest, label: str) -> AppTest:
    """The page after a press on the first button of that label."""
    pressed = next(b for b in at.button if b.label == label).click().run()
    assert not pressed.exception
    return pressed


def words(at: AppTest) -> str:
    """All text between the controls, by kind."""
    return "\n".join(e.value for e in (*at.markdown, *at.warning, *at.info, *at.caption, *at.success, *at.error))


def link(at: AppTest) -> dict[str, str]:
    """The query of the address."""
    return {name: value if isinstance(value, str) else value[0] for name, value in dict(at.query_params).items()}


def row(at: AppTest, start: str) -> list[str]:
    """The cells of the first line of a table that starts so."""
    lines = [line for m in at.markdown for line in m.value.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in lines[0].strip("|").split("|")]


def pictures(at: AppTest) -> dict[str, np.ndarray]:
    """Pixels by text alternative, in the order of the page."""
    shown = [e.proto.imgs[0] for e in at.get("image")]
    return {
        each.alt: np.asarray(Image.open(io.BytesIO(base64.b64decode(each.url.split(",", 1)[1]))))
        for each in shown
        if each.url.startswith("data:")
    }


def picture(at: AppTest, start: str) -> np.ndarray:
    """The first picture whose text alternative starts so."""
    return next(pixels for alt, pixels in pictures(at).items() if alt.startswith(start))


def sent(at: AppTest, holding: str) -> dict:
    """What a component was given: the one whose data has that key."""
    given = [json.loads(e.proto.json) for e in at.get("bidi_component") if e.proto.json]
    return next(each for each in given if holding in each)
