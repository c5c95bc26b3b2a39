"""Adversarial Lab: `streamlit run app.py`. Pages live in `pages/`, mathematics in `adv_core`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st

from adv_core.classroom.store import SWEEP_SECONDS, sweep_what_has_expired
from adv_core.engine import ready


async def sweep_rooms() -> None:
    """Delete the rooms of classes that have expired, at the start and now and then."""
    while True:
        await asyncio.to_thread(sweep_what_has_expired)
        await asyncio.sleep(SWEEP_SECONDS)


@asynccontextmanager
async def prepared(_: Any) -> AsyncIterator[None]:
    """Before the first visitor comes: the engine, the ports that an operator asked for, and the default network.

    The network is loaded beside the server, so that a page can be opened meanwhile.
    """
    loading = asyncio.get_running_loop().run_in_executor(None, lambda: ready(timeout=60))
    sweeping = asyncio.create_task(sweep_rooms())
    yield
    loading.cancel()
    sweeping.cancel()


app = st.App("pages/switchboard.py", lifespan=prepared)
