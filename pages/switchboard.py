"""The main script, which Streamlit runs for every visitor: it chooses the page.

It is in this folder for this reason: Streamlit looks for a folder `pages/` beside the main script and, until the first
visit, takes the files there for the list of pages. A link to a lesson would then open with "Page not found".
"""

import streamlit as st

from adv_core.serving.memory import PacedCollector, freeze_live_objects
from pages.contents import LAB, PAGES


@st.cache_resource(show_spinner=False)
def settle(page: str) -> None:
    """Freeze the objects that a page has loaded, once for each page, at the end of its first run."""
    freeze_live_objects()


@st.cache_resource(show_spinner=False)
def collector() -> PacedCollector:
    return PacedCollector()


st.set_page_config(page_title="Adversarial Lab", page_icon="🐕", layout="wide")
page = st.navigation(
    {
        group: [st.Page(each.file, title=each.label, url_path=each.address, default=each == LAB) for each in entries]
        for group, entries in PAGES.items()
    },
    position="top",  # the sidebar holds the settings of the page
    expanded=True,  # on a phone, where the pages stand in the sidebar, none hides behind "View more"
)
page.run()
settle(page.title)
collector().collect()
