"""The pictures of the documents and of the course page, made by driving the app in a real browser.

    .venv/bin/python -m docs.make_pictures                 # all of them; about ten minutes on two cores
    .venv/bin/python -m docs.make_pictures lab             # docs/pictures/lab.webp only
    .venv/bin/python -m docs.make_pictures patches speech  # the cards of two lessons, assets/course/<address>.webp
    .venv/bin/python -m docs.make_pictures lessons         # docs/pictures/lessons.webp, with the cards that it needs

It needs what the tests need: `requirements-dev.txt`, and a Chromium on the machine or in the variable `CHROMIUM`. Every
picture is cut from a page that shows its own result: the script waits for this result, and not for a time.
"""

import argparse
import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Browser, Locator, Page, sync_playwright

ROOT = Path(__file__).parents[1]
CARDS = ROOT / "assets" / "course"
PICTURES = ROOT / "docs" / "pictures"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
LIMIT = 300_000  # milliseconds to wait for a result, beside other programs, too

# Narrow enough for Streamlit to fold the sidebar away, and wide enough for three columns.
NARROW = {"width": 760, "height": 2400}
CARD_SIZE, CARD_BYTES = (480, 300), 20_000
STILL = 5  # equal screenshots in a row, after which a picture counts as finished
MARGIN = 12  # CSS pixels around what is cut out
GRID = ("threat-models", "fgsm-and-pgd", "adversarial-training", "patches")
CELL, GAP = (560, 350), 24

FILM_VIEW, FILM_WIDTH, FILM_BYTES = {"width": 900, "height": 1000}, 900, 1_500_000
CLEAN = "[data-testid=stSidebar], [data-testid=stHeader] {display: none !important}"
# A pointer, since a screenshot has none.
POINTER = """() => {
    const dot = document.createElement("div")
    dot.id = "pointer"
    dot.style.cssText = "position: fixed; z-index: 1000000; width: 22px; height: 22px; margin: -11px; left: -50px;" +
        "border-radius: 50%; background: #d55e0099; border: 2px solid white; pointer-events: none"
    document.body.append(dot)
    document.addEventListener("mousemove", event => {
        dot.style.left = event.clientX + "px"
        dot.style.top = event.clientY + "px"
    }, true)
}"""

VERDICT = (
    ":is([data-testid=stAlertContentSuccess], [data-testid=stAlertContentError], [data-testid=stAlertContentWarning])"
)


@dataclass(frozen=True)
class Card:
    """A lesson's picture: how to know that its first result is there, and what of the page is shown.

    Attributes:
        ready: a CSS selector; the result is there when an element matches it.
        shown: CSS selectors; the picture holds all elements that match them.
        query: the settings of the page, where the defaults are not the most telling ones.
        style: CSS that makes room, where something long stands between the elements.
    """

    ready: str
    shown: tuple[str, ...]
    query: str = ""
    style: str = ""


CARD_OF = {
    "attack-lab": Card(f".st-key-status {VERDICT}", (".st-key-stage", ".st-key-status")),
    "threat-models": Card(":nth-match(img[alt^='That δ, amplified'], 3)", (".st-key-balls",)),
    "fgsm-and-pgd": Card(".st-key-hill_plane svg", (".st-key-hill_plane svg", ".st-key-hill_plane .legend")),
    "linear-models": Card(":nth-match(img[alt^='Twenty'], 2)", ("img[alt^='Twenty']",)),
    "adversarial-training": Card(
        "img[alt^='The digit after the attack on the robust']",
        (".st-key-stage_standard", ".st-key-stage_robust"),
    ),
    "evaluation": Card(
        ".st-key-evaluation_series img",
        (".st-key-evaluation_metrics", ".st-key-evaluation_series [data-testid=stVegaLiteChart]"),
    ),
    "fooling-images": Card(".st-key-fooling_images_figure table", (".st-key-fooling_images_patterns",)),
    "patches": Card(f".st-key-patches_face_verdict {VERDICT}", (".st-key-stage_face", ".st-key-patches_face_verdict")),
    "signs": Card(f".st-key-signs_verdict {VERDICT}", (".st-key-stage_signs", ".st-key-signs_verdict")),
    "physical": Card(".st-key-physical_status [data-testid=stCaptionContainer]", (".st-key-stage_views",)),
    "black-box": Card(f".st-key-black_box_verdict {VERDICT}", (".st-key-stage_black_box", ".st-key-black_box_verdict")),
    "unrestricted": Card(
        f".st-key-unrestricted_verdict {VERDICT}", (".st-key-stage_unrestricted", ".st-key-unrestricted_verdict")
    ),
    "speech": Card(
        f".st-key-speech_heard {VERDICT}",
        (".st-key-speech_heard", ".st-key-speech_row"),
        style=".st-key-speech_heard {min-height: 0 !important} "
        ".st-key-speech_heard [data-testid=stAlert] {display: none}",
    ),
    "why": Card(
        ".st-key-why_push_told [data-testid=stCaptionContainer]",
        (".st-key-stage_push",),
        style=".st-key-why_dimension, .st-key-play_dimension {display: none}",
    ),
    "poisoning": Card(f".st-key-poisoning_verdict {VERDICT}", (".st-key-stage_backdoor", ".st-key-poisoning_verdict")),
    "defences": Card(f".st-key-defences_verdict {VERDICT}", (".st-key-stage_defences", ".st-key-defences_verdict")),
}


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Run the app on a free port, and give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    command += ["--server.headless", "true", "--server.address", "127.0.0.1"]
    with tempfile.TemporaryDirectory() as state, tempfile.TemporaryFile() as log:
        variables = os.environ | {"ADV_STATE": state, "ADV_DRAIN_SECONDS": "1"}
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=variables)
        try:
            base = f"http://127.0.0.1:{port}"
            end = time.monotonic() + LIMIT / 1000
            while True:
                with contextlib.suppress(OSError), urllib.request.urlopen(base + "/_stcore/health", timeout=5):
                    break
                if server.poll() is not None or time.monotonic() > end:
                    log.seek(0)
                    raise SystemExit("The app does not start:\n" + log.read().decode(errors="replace"))
                time.sleep(0.1)
            yield base
        finally:
            server.terminate()
            server.wait()


@contextlib.contextmanager
def opened(browser: Browser, link: str, view: dict[str, int], scale: int) -> Iterator[Page]:
    """Open a page in the light theme, without anything that moves by itself."""
    with browser.new_context(
        viewport=view, device_scale_factor=scale, color_scheme="light", reduced_motion="reduce"
    ) as context:
        context.set_default_timeout(LIMIT)
        page = context.new_page()
        page.goto(link)
        page.locator("h1").first.wait_for()
        page.add_style_tag(content=CLEAN)
        yield page


def settle(page: Page) -> None:
    """Wait until the browser has painted what it has received: fonts, every picture, and two frames."""
    page.evaluate("""async () => {
        await document.fonts.ready
        await Promise.all([...document.images].map(image => image.decode().catch(() => null)))
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
    }""")


def screenshot(page: Page, box: Sequence[float]) -> Image.Image:
    left, top, right, bottom = box
    clip = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")  # type: ignore[arg-type]


def box_of(found: Locator) -> tuple[float, float, float, float]:
    """Return the smallest box around all elements that are found: left, top, right, bottom."""
    boxes = found.evaluate_all("""all => all.map(each => each.getBoundingClientRect()).filter(b => b.width && b.height)
        .map(b => [b.left, b.top, b.right, b.bottom])""")
    if not boxes:
        raise SystemExit(f"Nothing on the page matches {found}")
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def still(page: Page, shown: Locator) -> Image.Image:
    """Return a picture of these elements, as soon as nothing in it changes from one screenshot to the next.

    The rest of the page may still compute.
    """
    end = time.monotonic() + LIMIT / 1000
    before, same = None, 0
    while time.monotonic() < end:
        settle(page)
        left, top, right, bottom = box_of(shown)
        if bottom + MARGIN > NARROW["height"]:
            raise SystemExit(f"{page.url}: {shown} ends at {bottom:.0f}, below the window")
        picture = screenshot(page, (left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN))
        same = same + 1 if picture == before and not shown.locator("[data-testid=stSkeleton]").count() else 0
        if same == STILL:
            return picture
        before = picture
    raise SystemExit(f"{page.url}: {shown} does not come to rest")


def on_a_sheet(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Fit a picture into a sheet of the page's colour, without cutting anything off."""
    scale = min(size[0] / picture.width, size[1] / picture.height)
    small = picture.resize(
        (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)), Image.Resampling.LANCZOS
    )
    sheet = Image.new("RGB", size, picture.getpixel((0, 0)))  # type: ignore[arg-type]
    sheet.paste(small, ((size[0] - small.width) // 2, (size[1] - small.height) // 2))
    return sheet


def encoded(picture: Image.Image, most: int) -> bytes:
    """A WebP of the best quality that takes at most so many bytes."""
    for quality in range(90, 9, -5):
        data = io.BytesIO()
        picture.save(data, "WEBP", quality=quality, method=6)
        if data.tell() <= most:
            return data.getvalue()
    raise SystemExit(f"{picture.size} does not fit into {most} bytes")


def cut(browser: Browser, base: str, address: str) -> tuple[Image.Image, Image.Image]:
    """Visit a lesson. Return its title and its first result, as the page shows them."""
    card = CARD_OF[address]
    path = "" if address == "attack-lab" else address
    with opened(browser, f"{base}/{path}{card.query}", NARROW, 2) as page:
        page.locator(card.ready).first.wait_for(state="attached")
        settle(page)
        if page.get_by_test_id("stException").count():
            raise SystemExit(f"/{path} shows an exception")
        if card.style:
            page.add_style_tag(content=card.style)
        result = still(page, page.locator(", ".join(card.shown)))
        page.add_style_tag(content="h1 {font-size: 2rem !important; padding: .2rem 0 !important}")
        settle(page)
        return screenshot(page, box_of(page.locator("h1").first)), result


def make_cards(browser: Browser, base: str, addresses: Sequence[str]) -> dict[str, tuple[Image.Image, Image.Image]]:
    """Write the cards of these lessons; return the title and the first result of each."""
    CARDS.mkdir(exist_ok=True)
    found = {}
    for address in addresses:
        found[address] = cut(browser, base, address)
        path = CARDS / f"{address}.webp"
        path.write_bytes(encoded(on_a_sheet(found[address][1], CARD_SIZE), CARD_BYTES))
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes", flush=True)
    return found


def make_grid(found: dict[str, tuple[Image.Image, Image.Image]]) -> None:
    """Write the picture of four lessons, each with its title."""
    width, height = CELL
    titles = {name: found[name][0] for name in GRID}
    line = max(round(each.height * width / each.width) for each in titles.values())
    sheet = Image.new("RGB", (2 * width + 3 * GAP, 2 * (line + height) + 3 * GAP), (253, 253, 251))
    for place, name in enumerate(GRID):
        left, top = GAP + place % 2 * (width + GAP), GAP + place // 2 * (line + height + GAP)
        title = titles[name]
        small = title.resize((width, round(title.height * width / title.width)), Image.Resampling.LANCZOS)
        sheet.paste(small, (left, top))
        sheet.paste(on_a_sheet(found[name][1], CELL), (left, top + line))
    path = PICTURES / "lessons.webp"
    path.write_bytes(encoded(sheet, 200_000))
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes", flush=True)


class Film:
    """Screenshots of one part of a page with the time at which each was taken; equal ones are one."""

    def __init__(self, page: Page, box: Sequence[float]) -> None:
        self.page, self.box = page, box
        self.frames: list[Image.Image] = []
        self.milliseconds: list[int] = []
        self._last = 0.0
        self._pointer = ((box[0] + box[2]) / 2, box[3] - 60)

    def shoot(self, hold: int = 0) -> bool:
        """Take one. Return whether it differs from the one before, which was on the screen until now.

        Args:
            hold: milliseconds for which it is shown at least.
        """
        frame, now = screenshot(self.page, self.box), time.monotonic()
        known = bool(self.frames) and ImageChops.difference(frame, self.frames[-1]).getbbox() is None
        if known:
            self.milliseconds[-1] = max(self.milliseconds[-1], hold)
            return False
        if self.frames:
            # On a busy machine a screenshot takes long: the film does not wait for it.
            passed = min(max(round(1000 * (now - self._last)), 60), 240)
            self.milliseconds[-1] = max(self.milliseconds[-1], passed)
        self.frames.append(frame)
        self.milliseconds.append(hold)
        self._last = now
        return True

    def until(self, *wanted: Locator, hold: int) -> None:
        """Take shots until all of these are on the page and nothing changes any more; hold the last one."""
        end = time.monotonic() + LIMIT / 1000
        still = 0
        while still < 3:
            changed = self.shoot()
            still = 0 if changed or not all(each.first.is_visible() for each in wanted) else still + 1
            if time.monotonic() > end:
                raise SystemExit(f"It does not come: {wanted}")
        self.milliseconds[-1] = hold

    def point(self, x: float, y: float) -> None:
        """Move the pointer there, in a few steps that are seen."""
        x0, y0 = self._pointer
        for step in range(1, 6):
            self.page.mouse.move(x0 + (x - x0) * step / 5, y0 + (y - y0) * step / 5)
            self.shoot()
        self._pointer = (x, y)

    def save(self, path: Path, most: int) -> None:
        """Write an animated WebP of the best quality that takes at most so many bytes."""
        for quality in range(80, 14, -5):
            data = io.BytesIO()
            self.frames[0].save(
                data, "WEBP", save_all=True, append_images=self.frames[1:], duration=self.milliseconds, loop=0,
                quality=quality, method=4,
            )  # fmt: skip
            if data.tell() <= most:
                path.write_bytes(data.getvalue())
                seconds = sum(self.milliseconds) / 1000
                print(
                    f"{path.relative_to(ROOT)}: {data.tell()} bytes, {len(self.frames)} frames, {seconds:.0f} s, "
                    f"quality {quality}",
                    flush=True,
                )
                return
        raise SystemExit(f"{len(self.frames)} frames do not fit into {most} bytes")


def make_film(browser: Browser, base: str) -> None:
    """Write the film of the Attack Lab: an example is chosen and runs to its end, then ε is moved."""
    with opened(browser, base, FILM_VIEW, 1) as page:
        verdict = page.locator(".st-key-status [data-testid^=stAlertContent]")
        page.locator("img[alt$='classified as airliner']").first.wait_for()
        verdict.first.wait_for()
        page.evaluate(POINTER)
        settle(page)
        top = box_of(page.locator(".st-key-presets"))[1]
        bottom = box_of(page.locator(".st-key-lab_eps"))[3]
        film = Film(page, (0, top - MARGIN, FILM_WIDTH, bottom + 3 * MARGIN))  # a verdict may take two lines
        film.shoot(hold=1200)
        example = page.locator(".st-key-presets button").filter(has_text="gibbon")
        left, top, right, bottom = box_of(example)
        film.point((left + right) / 2, (top + bottom) / 2)
        example.click()
        film.until(page.locator("img[alt$='classified as gibbon']"), verdict, hold=2200)

        slider = page.locator(".st-key-lab_eps input[type=range]")
        left, top, right, bottom = slider.evaluate("""input => {
            const thumb = input.parentElement.parentElement.getBoundingClientRect()
            return [thumb.left, thumb.top, thumb.right, thumb.bottom]
        }""")
        x, y = (left + right) / 2, (top + bottom) / 2
        film.point(x, y)
        page.mouse.down()
        while int(slider.input_value()) > 1:
            x -= 2
            if x < 0:
                raise SystemExit("The slider of ε does not follow the pointer")
            page.mouse.move(x, y)
            film.shoot()
        page.mouse.up()
        film.until(page.locator(".st-key-stage").get_by_text("ε = 1/255"), verdict, hold=2600)
        film.save(PICTURES / "lab.webp", FILM_BYTES)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("what", nargs="*", help="lab, lessons, or addresses of lessons; all of them without an argument")
    what = ask.parse_args().what or ["lab", *CARD_OF, "lessons"]
    if unknown := set(what) - {"lab", "lessons", *CARD_OF}:
        ask.error(f"unknown: {', '.join(sorted(unknown))}")
    PICTURES.mkdir(exist_ok=True)
    wanted = dict.fromkeys([*(each for each in what if each in CARD_OF), *(GRID if "lessons" in what else ())])
    with serving() as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        if "lab" in what:
            make_film(browser, base)
        found = make_cards(browser, base, list(wanted))
        if "lessons" in what:
            make_grid(found)
        browser.close()


if __name__ == "__main__":
    main()
