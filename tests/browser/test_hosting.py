"""A public instance as a browser sees it: its policy, its uploads, its end."""

import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import LIMIT, no_exception, process


@dataclass(frozen=True)
class Instance:
    """A server of this file's own, which nobody has visited before the first test, and which the last one stops."""

    base: str
    process: subprocess.Popen[bytes]
    log: Path

    def written(self) -> str:
        """The log, without the host's own address, which it is told."""
        return self.log.read_text().replace(self.base, "")


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """It cannot write a file of a megabyte."""
    state = tmp_path_factory.mktemp("state")
    limited = ["sh", "-c", 'ulimit -f 1024; exec "$@"', "sh"]  # blocks of 512 bytes, or of 1024 in some shells
    settings = {"ADV_LOG": "json", "ADV_STATE": str(state), "ADV_DRAIN_SECONDS": str(LIMIT // 1000)}
    with (state / "log").open("wb") as log, process(*limited, output=log, **settings) as (base, server):
        yield Instance(base, server, state / "log")


def test_a_link_to_any_page_opens_on_a_cold_server(page: Page, instance: Instance) -> None:
    page.goto(f"{instance.base}/linear-models?seed=1")
    expect(page.locator("h1")).to_be_visible()
    expect(page.get_by_text("Link to exactly this state").first).to_be_visible()
    assert page.get_by_text("Page not found").count() == 0
    assert page.evaluate("document.documentElement.lang") == "en"
    no_exception(page)


def test_the_policy_is_there_and_is_kept(page: Page, instance: Instance) -> None:
    """Requests that a tampered page would make are refused. (All tests here keep to the policy: see `visiting`.)"""
    page.goto(f"{instance.base}/room")
    expect(page.locator("h1")).to_be_visible()
    page.evaluate("window.violated = () => {}")  # these breaches are meant
    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')") == "refused"
    # An error handler that the policy lets through tells when the other one would have run.
    stolen = page.evaluate(
        """async () => {
            window.stolen = false
            const inline = document.createElement("script")
            inline.textContent = "window.stolen = true"
            document.body.append(inline)
            const attribute = document.createElement("img")
            attribute.setAttribute("onerror", "window.stolen = true")
            const failed = new Promise(done => attribute.addEventListener("error", done))
            attribute.src = "data:,"
            document.body.append(attribute)
            await failed
            return window.stolen
        }"""
    )
    assert stolen is False


def test_an_upload_stays_in_memory_and_is_not_written_down(page: Page, instance: Instance, tmp_path: Path) -> None:
    """9 MB arrive where no file of a megabyte can be written. Of a broken file, no word is in the log."""
    noise = np.random.default_rng(0).integers(0, 256, (1740, 1740, 3), np.uint8)
    large = tmp_path / "MARKER1.png"
    Image.fromarray(noise).save(large, compress_level=0)
    assert 9 * 2**20 > large.stat().st_size > 8 * 2**20
    page.goto(f"{instance.base}/?steps=1&image=pig&secret=MARKER0")
    expect(page.get_by_alt_text("Original picture, classified as hog")).to_be_visible()
    upload = page.locator("input[type=file]")
    with page.expect_response(re.compile("upload_file")) as answer:
        upload.set_input_files(large)
    assert answer.value.status == 204
    expect(page.get_by_alt_text("Original picture, classified as hog")).to_have_count(0)
    broken = b"\xff\xd8\xffMARKER2"
    upload.set_input_files({"name": "MARKER3.jpg", "mimeType": "image/jpeg", "buffer": broken})
    expect(page.get_by_role("alert").filter(has_text="picture").first).to_be_visible()
    assert '"logger": "uvicorn.error"' in instance.written()
    assert "MARKER" not in instance.written() and "127.0.0.1:" not in instance.written()


def test_told_to_stop_it_shows_what_it_has_begun(page: Page, instance: Instance) -> None:
    # Without the bars and the chart, which keep a browser on a busy machine far behind the run.
    page.goto(f"{instance.base}/?image=koala&target=404&eps=2&steps=60&tab=save")
    expect(page.get_by_text("of 60", exact=False).first).to_be_visible()
    instance.process.send_signal(signal.SIGTERM)
    late = page.context.new_page()
    answer = late.goto(instance.base)
    assert answer is not None and answer.status == 503 and answer.headers["retry-after"] == "60"
    expect(late.get_by_text("This server is being restarted.")).to_be_visible()
    expect(page.get_by_text("Fooled.")).to_be_visible()
    assert instance.process.wait(LIMIT / 1000) == 0
    assert "MARKER" not in instance.written() and "127.0.0.1:" not in instance.written()
