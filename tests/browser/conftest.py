"""A server that nobody has visited yet, once for each file of tests, and a browser to visit it with."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import ROOT

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
LIMIT = 90_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(port: int) -> subprocess.Popen[bytes]:
    """The app as a process of its own, which need not answer yet."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless=true"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def answers(base: str) -> bool:
    """Wait until the app of that address answers; False after a minute."""
    for _ in range(600):
        try:
            urllib.request.urlopen(base + "/_stcore/health", timeout=1)
            return True
        except OSError:
            time.sleep(0.1)
    return False


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The app as a process of its own; its address."""
    port = free_port()
    server = start(port)
    base = f"http://127.0.0.1:{port}"
    try:
        answers(base)
        yield base
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM and not os.environ.get("REQUIRE_BROWSER"):
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    context.set_default_timeout(LIMIT)
    yield context.new_page()
    context.close()
