"""Adversarial Lab: `streamlit run app.py`. Pages live in `pages/`, mathematics in `adv_core`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st

from adv_core.engine import ready


@asynccontextmanager
async def prepared(_: Any) -> AsyncIterator[None]:
    """Before the first visitor comes: the engine, the ports that an operator asked for, and the default network.

    The network is loaded beside the server, so that a page can be opened meanwhile.
    """
    loading = asyncio.get_running_loop().run_in_executor(None, lambda: ready(timeout=60))
    yield
    loading.cancel()


app = st.App("pages/switchboard.py", lifespan=prepared)
