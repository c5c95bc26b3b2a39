"""The main script, which Streamlit runs for every visitor: it chooses the page.

It is in this folder for this reason: Streamlit looks for a folder `pages/` beside the main script and, until the first
visit, takes the files there for the list of pages. A link to a lesson would then open with "Page not found".
"""

import streamlit as st

from adv_core.serving.memory import PacedCollector, freeze_live_objects
from pages.contents import CLASSROOM, LAB, LESSONS


@st.cache_resource(show_spinner=False)
def settle(page: str) -> None:
    """Freeze the objects that a page has loaded, once for each page, at the end of its first run."""
    freeze_live_objects()


@st.cache_resource(show_spinner=False)
def collector() -> PacedCollector:
    return PacedCollector()


st.set_page_config(page_title="Adversarial Lab", page_icon="🐕", layout="wide")
lab = st.Page(LAB, title="Attack Lab", url_path="attack-lab", default=True)
lessons = [st.Page(file, title=title, url_path=name) for file, title, name in LESSONS]
classroom = [st.Page(file, title=title, url_path=name) for file, title, name in CLASSROOM]
page = st.navigation({"": [lab], "Lessons": lessons, "Classroom": classroom})
page.run()
settle(page.title)
collector().collect()
