"""A server to visit, one for all tests that a process runs in this folder, and a browser for each file."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, FloatRect, Locator, Page, expect, sync_playwright

from adv_core.faces import portrait
from adv_core.speech.recogniser import CHECKPOINT
from adv_core.speech.sound import open_sound, to_wav
from tests.paths import ROOT

SAID = "country"  # the clip that the browser's microphone hears
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
# Milliseconds. What never comes ends there; how long the rest takes beside other programs is no test's business.
LIMIT = 300_000
expect.set_options(LIMIT)
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
# Every breach of the content-security policy, told to the test.
WATCH = """
document.addEventListener("securitypolicyviolation", event =>
  window.violated(`${event.effectiveDirective}: ${event.blockedURI} at ${event.sourceFile}`))
"""
# A library in Streamlit's frontend would multiply 64-bit numbers in WebAssembly, and does without where it may not.
HARMLESS = re.compile(r"script-src: wasm-eval at http://[^/]+(/lab)?/static/js/protobuf\.\w+\.js")


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The app as a process of its own; its address."""
    with process() as (base, _):
        yield base


@contextlib.contextmanager
def process(
    *before: str, output: int | IO[bytes] = subprocess.DEVNULL, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The app's address and process. For the arguments see `start`."""
    port = free_port()
    server = start(port, *before, output=output, **environment)
    base = f"http://127.0.0.1:{port}"
    try:
        assert answers(base), "the app does not answer"
        yield base, server
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


ELSEWHERE = f"http://course.localhost:{free_port()}"  # a site that may show the app in a frame


def start(
    port: int, *before: str, output: int | IO[bytes] = subprocess.DEVNULL, **environment: str
) -> subprocess.Popen[bytes]:
    """The app as a process, with lessons that compute little; it need not answer yet.

    Args:
        before: a command that starts the command which it is given.
        output: where stdout and stderr go.
        environment: variables beside those of the tests.
    """
    command = [sys.executable, "-m", "tests.browser.small_app", "--server.port", str(port), "--server.headless=true"]
    # One thread each, as in `tests.conftest`.
    usual = {"ADV_DRAIN_SECONDS": "1", "OMP_NUM_THREADS": "1", "ADV_FRAME_ANCESTORS": ELSEWHERE}
    variables = os.environ | usual | environment
    return subprocess.Popen([*before, *command], cwd=ROOT, stdout=output, stderr=output, env=variables)


def answers(base: str) -> bool:
    """Wait until the app of that address answers; False if it never does."""
    end = time.monotonic() + LIMIT / 1000
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(base + "/_stcore/health", timeout=10)
            return True
        except OSError:
            time.sleep(0.1)
    return False


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Of a server that others have visited before; for one that nobody has seen yet see `serving`."""
    with serving() as base:
        yield base


# Not for the whole session: Playwright runs an event loop, and other files of this process want to run theirs.
@pytest.fixture(scope="session")
def seen_by_camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film of the fake camera: Eileen Collins, who sits still."""
    film = tmp_path_factory.mktemp("camera") / "collins.mjpeg"
    Image.fromarray(portrait("collins")[:384]).resize((640, 480)).save(film, "JPEG", quality=95)
    return film


@pytest.fixture(scope="module")
def browser(seen_by_camera: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not CHROMIUM and not os.environ.get("REQUIRE_BROWSER"):
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
        flags += ["--host-resolver-rules=MAP *.test 127.0.0.1"]  # for plain http that a browser does not trust
        flags += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # a microphone and a camera
        flags += [f"--use-file-for-fake-video-capture={seen_by_camera}"]
        said = tmp_path_factory.mktemp("microphone") / "said.wav"
        said.write_bytes(to_wav(open_sound((CHECKPOINT / "clips" / f"{SAID}.flac").read_bytes()).samples))
        flags += [f"--use-file-for-fake-audio-capture={said}"]  # again and again
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield running
        running.close()


def until(page: Page, condition: Callable[[], object], seconds: float = LIMIT / 1000) -> None:
    """Wait for what no `expect` can see. (Playwright's own way needs an eval, which the policy forbids.)"""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never comes"
        page.wait_for_timeout(50)


def box(there: Locator) -> FloatRect:
    """Return where an element is on the screen. While Streamlit replaces it by an equal one, it is nowhere: wait."""
    found: list[FloatRect | None] = []

    def is_somewhere() -> bool:
        found[:] = [there.bounding_box()]
        return found[0] is not None

    until(there.page, is_somewhere)
    assert found[0] is not None
    return found[0]


def move(slider: Locator, key: str) -> None:
    """Press a key until the slider has moved: one that is being drawn can miss the first."""
    before = slider.get_attribute("aria-valuetext")

    def moved() -> bool:
        slider.press(key)
        with contextlib.suppress(AssertionError):
            until(slider.page, lambda: slider.get_attribute("aria-valuetext") != before, 20.0)
        return slider.get_attribute("aria-valuetext") != before

    until(slider.page, moved)


def open_room(page: Page, base: str) -> str:
    """Open the room that the page of a host offers; its link for students.

    Args:
        base: the app's address.
    """
    page.get_by_role("button", name="Open the room").click()
    expect(page.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    return page.get_by_text(re.compile(rf"^{re.escape(base)}/room\?code=[A-Z]{{5}}$")).inner_text()


def join(context: BrowserContext, link: str, nickname: str) -> Page:
    """Join a room by its link, on a new page."""
    page = context.new_page()
    page.goto(link)
    page.get_by_role("textbox", name="Your nickname").fill(nickname)
    page.get_by_role("button", name="Join").click()
    expect(page.locator(".class-name")).to_have_text(nickname)
    return page


def no_exception(page: Page) -> None:
    """Assert that the page shows no exception."""
    assert page.locator("[data-testid=stException]").count() == 0


def fits_a_phone(page: Page) -> None:
    """Make the page as wide as a phone, for the rest of the test, and wait until nothing sticks out at the side."""
    page.set_viewport_size(PHONE)
    main = page.get_by_test_id("stMain")
    until(page, lambda: main.evaluate("main => main.clientWidth") == PHONE["width"])
    until(page, lambda: main.evaluate("main => main.scrollWidth") <= PHONE["width"])
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def is_dark(page: Page) -> bool:
    """Tell whether the page has its dark theme."""
    background = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    return int(background.split("(")[1].split(",")[0]) < 60


@contextlib.contextmanager
def visiting(browser: Browser, **settings: Any) -> Iterator[BrowserContext]:
    """Somebody with a browser of his own, 1280 × 800. Whatever the test does in it keeps to the policy, on any page.

    Nothing tests how things move, and without a graphics card every frame that moves takes time from all the rest.

    Args:
        settings: of the browser, see `Browser.new_context`.
    """
    breaches: list[str] = []
    usual = {"viewport": DESK, "accept_downloads": True, "reduced_motion": "reduce"}
    with browser.new_context(**usual | settings) as context:
        context.set_default_timeout(LIMIT)
        context.expose_binding("violated", lambda _, text: breaches.append(text))
        context.add_init_script(WATCH)
        yield context
    assert [breach for breach in breaches if not HARMLESS.fullmatch(breach)] == []


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[Page]:
    """One page for all tests of a file: a browser that has been here before knows the app's scripts."""
    with visiting(browser) as context:
        yield context.new_page()


@pytest.fixture
def page(desk: Page) -> Iterator[Page]:
    """A page on a desk. It is left at the end, which ends the session."""
    yield desk
    desk.goto("about:blank")
    desk.set_viewport_size(DESK)
