"""Adversarial Lab: the switchboard. Pages live in `pages/`, mathematics in `adv_core`."""

import streamlit as st

import adv_core  # noqa: F401  first: it sets how torch's threads wait, which has to happen before torch is imported
from pages.widgets.lesson import LESSONS

st.set_page_config(page_title="Adversarial Lab", page_icon="🐕", layout="wide")
# One folder below `pages/`: Streamlit itself would serve files that lie there directly, without this switchboard.
lab = st.Page("pages/lab/attack_lab.py", title="Attack Lab", url_path="attack-lab", default=True)
lessons = [st.Page(file, title=title, url_path=name) for file, title, name in LESSONS]
st.navigation({"": [lab], "Lessons": lessons}).run()
