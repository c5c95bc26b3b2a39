"""A whole class in real browsers: the host opens a room, two students join and hand in, the board, the reveal."""

import contextlib
import csv
import io
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from adv_core import Classifier, Linf, Untargeted, open_image, pgd, run
from adv_core.images import to_pixels, to_png
from tests.browser.conftest import ELSEWHERE, PHONE, join, no_exception, open_room, until, visiting
from tests.paths import ROOT


@pytest.fixture(scope="module")
def fooling(classifier: Classifier) -> bytes:
    """The koala, fooled by 1/255, as a PNG."""
    x = classifier.prepare(open_image((ROOT / "assets/photos/koala.jpg").read_bytes()))
    label = classifier.predict(x)[0][0]
    return to_png(to_pixels(run(pgd(classifier, x, Linf(1 / 255), Untargeted(label), steps=10)).adversarial))


class Framing(BaseHTTPRequestHandler):
    """A page of another site, which has the page of its query in a frame."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        link = unquote(self.path.partition("?")[2])
        self.wfile.write(f"<!doctype html><iframe src='{link}' width=1000 height=700></iframe>".encode())

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def elsewhere() -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", int(ELSEWHERE.rpartition(":")[2])), Framing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def keeps_its_place_in_a_frame(context: BrowserContext, link: str) -> None:
    """Join the room in a frame of another site, and reload."""
    page = context.new_page()
    page.goto(f"{ELSEWHERE}/?{quote(link)}")
    room = page.frame_locator("iframe")
    room.get_by_role("textbox", name="Your nickname").fill("Bob")
    room.get_by_role("button", name="Join").click()
    expect(room.locator(".class-name")).to_have_text("Bob")
    until(page, lambda: any(cookie.get("partitionKey") for cookie in context.cookies()))
    page.reload()
    expect(room.locator(".class-name")).to_have_text("Bob")
    expect(room.get_by_text("keeps no cookie")).to_have_count(0)
    page.close()


def hand_in(page: Page, png: bytes, told: str) -> None:
    page.locator("input[type=file]").set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": png})
    expect(page.get_by_text("mine.png")).to_be_visible()
    page.get_by_role("button", name="Hand it in").click()
    expect(page.get_by_text(told)).to_be_visible()


def board(page: Page) -> list[str]:
    return page.locator(".class-board tbody tr td:nth-child(2)").all_inner_texts()


def test_a_whole_class(browser: Browser, address: str, fooling: bytes, tmp_path: Path) -> None:
    with visiting(browser) as hosts, visiting(browser, viewport=PHONE) as adas, visiting(browser) as eves:
        host = hosts.new_page()
        host.goto(f"{address}/host?image=koala&eps=8")
        link = open_room(host, address)
        assert "key=" not in host.url

        # Ada, on a phone, opens the Attack Lab, hands in what it made with one tap, and goes back.
        ada = join(adas, link, "Ada")
        assert ada.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        ada.get_by_role("button", name="Open it in the Attack Lab").click()
        one_tap = ada.get_by_role("button", name=f"Hand in to {link[-5:]}")
        expect(one_tap).to_be_in_viewport()
        assert ada.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        one_tap.click()
        expect(ada.get_by_text("It counts, with 8/255")).to_be_in_viewport()
        ada.get_by_role("link", name="Back to the room").click()
        expect(ada.locator(".class-name")).to_have_text("Ada")
        expect(host.locator(".class-board tbody tr")).to_have_count(1)

        # Eve hands in a better one, made elsewhere; nobody can hand it in again.
        eve = join(eves, link, "Eve")
        hand_in(eve, fooling, "It counts, with 1/255")
        expect(eve.locator("tr.me td").nth(1)).to_have_text("Eve")
        hand_in(ada, fooling, "Another student has already handed in this picture")
        expect(host.locator(".class-board tbody tr")).to_have_count(2)
        assert board(host) == ["Eve", "Ada"]
        ada.reload()  # a phone that fell asleep is still Ada's
        expect(ada.locator(".class-name")).to_have_text("Ada")

        with elsewhere(), visiting(browser) as bobs:
            keeps_its_place_in_a_frame(bobs, link)

        # A question, and the answers.
        host.get_by_role("button", name="Ask", exact=True).click()
        for page in (ada, eve):
            page.get_by_role("radiogroup", name="Your answer").get_by_text("left").click()
        expect(host.get_by_test_id("stVegaLiteChart").and_(host.get_by_label("left: 2; right: 0"))).to_be_visible()
        host.get_by_role("button", name="Close and show the answer").click()
        expect(host.get_by_text(re.compile("The (left|right) picture is perturbed, by at most 3/255"))).to_be_visible()
        expect(ada.get_by_text(re.compile("The (left|right) picture is perturbed, by at most 3/255"))).to_be_visible()

        # The reveal, for everybody; and the board as a file.
        host.get_by_role("button", name="Presenter").click()
        host.get_by_role("button", name="Stop now").click()
        host.get_by_role("button", name="Reveal", exact=True).click()
        for page in (host, ada, eve):
            expect(page.get_by_role("img", name=re.compile("^The picture in place 1"))).to_be_visible()
            no_exception(page)
        expect(ada.get_by_role("button", name="Hand it in")).to_have_count(0)
        with host.expect_download() as exported:
            host.get_by_role("button", name="Board (CSV)").click()
        lines = list(csv.reader(io.StringIO(exported.value.path().read_text("utf-8-sig"))))
        assert [line[:3] for line in lines[1:]] == [["1", "Eve", "1"], ["2", "Ada", "8"]]

        # Eve has only the code; with the host's secret, hers is another machine of the host's.
        host.get_by_text("For the host only").click()
        secret = host.get_by_text(re.compile("key=")).inner_text()
        stranger = eves.new_page()
        stranger.goto(secret.split("&key")[0])
        expect(stranger.get_by_text("You are not the host of this room.")).to_be_visible()
        stranger.goto(secret)
        expect(stranger.get_by_role("button", name="Presenter")).to_be_visible()
        stranger.wait_for_url(lambda url: "key=" not in url)
        until(stranger, lambda: any(cookie["name"].startswith("host_") for cookie in eves.cookies()))
        stranger.reload()
        expect(stranger.get_by_role("button", name="Presenter")).to_be_visible()
