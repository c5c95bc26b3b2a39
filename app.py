"""The app of Adversarial Lab: `streamlit run app.py`. Pages are in `pages/`, the mathematics is in `adv_core`."""

import startup

startup.prepare()  # before anything imports torch

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
import streamlit.logger
from starlette.middleware import Middleware
from streamlit import config, file_util, runtime
from streamlit.runtime.app_session import AppSessionState
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from adv_core.serving import metrics
from adv_core.serving.classroom.store import SWEEP_SECONDS, sweep_what_has_expired
from adv_core.serving.engine.digits import forget_digits
from adv_core.serving.engine.process import close, computing, drain, forget_unused, ready
from adv_core.serving.hosting import logs, uploads
from adv_core.serving.hosting.admission import AdmissionControl, trusted_proxies
from adv_core.serving.hosting.headers import SecurityHeaders
from adv_core.serving.hosting.html_page import HtmlPage, with_script
from adv_core.serving.hosting.shutdown import GracefulShutdown
from adv_core.serving.limits import LIMITS
from adv_core.serving.memory import Tidying

TIDYING_SECONDS = 60.0  # between two searches for memory that can be freed


def drawn() -> bool:
    """Tell whether no session's script is running, and all that the scripts have drawn is sent to the browsers."""
    return all(
        each.session._state != AppSessionState.APP_IS_RUNNING
        and each.session._browser_queue.is_empty()
        # The sender waits for more to send, so that no message is left on its way to a slow browser.
        and each.client._send_queue._getters
        for each in runtime.get_instance()._session_mgr.list_active_sessions()
    )


leaving = GracefulShutdown(drain, LIMITS.drain_seconds, drawn)


def log_ours_only() -> None:
    """Send the records of Streamlit's loggers to our handler, also those of loggers that it makes later."""
    logs.set_up()
    streamlit.logger.setup_formatter = logs.hand_over
    streamlit.logger.update_formatter()


def count(error: Exception) -> None:
    """Count a page that failed. Streamlit has logged the error, and shows a sentence without details."""
    metrics.page_errors.labels(type(error).__name__).inc()


def forget_uploads() -> None:
    """Delete the uploads of ended sessions.

    Streamlit keeps uploads that arrive after the end, and those of a session whose object it dropped before the end.
    """
    here = runtime.get_instance()
    alive = {each.session.id for each in here._session_mgr.list_sessions()}
    for session in set(here.uploaded_file_mgr.file_storage) - alive:
        here.uploaded_file_mgr.remove_session_files(session)


def kept(session: str) -> tuple[int, int]:
    """Return the bytes of this session's uploaded files, and of all uploaded files."""
    forget_uploads()
    return uploads.kept(runtime.get_instance().uploaded_file_mgr.file_storage, session)


async def sweep() -> None:
    """Delete uploads of ended sessions and expired rooms, at the start and at intervals."""
    while True:
        forget_uploads()
        await asyncio.to_thread(sweep_what_has_expired)
        await asyncio.sleep(SWEEP_SECONDS)


def forget_sessions() -> bool:
    """Drop the sessions that ended two minutes ago or earlier. Return whether there were any.

    Streamlit by itself keeps the last ones until another session ends, and a reference to the last one even longer: the
    state of each session, with the results of its pages, is cleared.
    """
    manager = runtime.get_instance()._session_mgr
    with manager._storage_lock:
        ended = manager._session_storage._cache.expire()
    for _, info in ended:
        info.session.session_state.clear()
    return bool(ended)


class SharedCaches:
    """The caches that all visitors share, those of Streamlit and the digits: 100 MB after a visit to all lessons."""

    def __init__(self) -> None:
        self._visited: float | None = None  # the last time that a page was open, since they were emptied

    def forget(self, since: float) -> bool:
        """Empty them if no page has been open since that time (of `time.monotonic`). Return whether they were emptied.

        Call this at shorter intervals than the time without pages after which they are emptied.
        """
        if runtime.get_instance()._session_mgr.list_active_sessions():
            self._visited = time.monotonic()
        if self._visited is None or self._visited >= since:
            return False
        st.cache_data.clear()
        st.cache_resource.clear()
        forget_digits()
        self._visited = None
        return True


async def tidy_up() -> None:
    """Return memory to the system when the process is idle."""
    tidying = Tidying(computing, forget_unused, SharedCaches().forget)
    while True:
        await asyncio.sleep(TIDYING_SECONDS)
        await asyncio.to_thread(tidying.look, forget_sessions())


@asynccontextmanager
async def prepared(_: Any) -> AsyncIterator[None]:
    """Start the engine, the ports that an operator has configured, and the default network before the first visitor.

    The network is loaded in the background, so that a page can be opened meanwhile.
    """
    leaving.on_sigterm()
    loading = asyncio.get_running_loop().run_in_executor(None, lambda: ready(timeout=60))
    sweeping, tidying = asyncio.create_task(sweep()), asyncio.create_task(tidy_up())
    yield
    loading.cancel()
    sweeping.cancel()
    tidying.cancel()
    await asyncio.to_thread(close)


log_ours_only()
uploads.keep_in_memory(config.get_option("server.maxUploadSize"))
HTML = with_script(
    (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8"),
    (Path(__file__).parent / "pages" / "browser.js").read_text(encoding="utf-8"),
)
app = st.App(
    "pages/switchboard.py",
    lifespan=prepared,
    middleware=[
        Middleware(SecurityHeaders, html=HTML),
        Middleware(ProxyHeadersMiddleware, trusted_hosts=trusted_proxies()),
        Middleware(AdmissionControl, leaving=lambda: leaving.begun, kept=kept),
        Middleware(HtmlPage, html=HTML),
    ],
    on_script_error=count,
)
