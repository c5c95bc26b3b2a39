"""How long until a page shows its first result, in a real browser, from the click on a link.

    python -m bench.first_result

"Just started": the first visitor of a server that has only just begun to answer, while it still loads its network.
"Running": the same link in a fresh browser window afterwards. Medians of three servers.
"""

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
# (link, what stands for the first result)
PAGES = (
    ("/", "[data-testid=stImage] img[alt^='Perturbed picture, classified as']"),
    ("/small", "img[alt^='The photograph with the worst']"),
    ("/up", "[data-testid=stMetric], [data-testid=stAlert]"),
    ("/linear", "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"),
)


@contextlib.contextmanager
def server() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    process = subprocess.Popen(
        [*command, "--server.port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                break
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def seconds(browser: Browser, link: str, result: str) -> float:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    start = time.perf_counter()
    page.goto(link)
    page.locator(result).first.wait_for(timeout=60_000)
    taken = time.perf_counter() - start
    context.close()
    return taken


def main() -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    print("| page | just started, s | running, s |\n|---|---|---|")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for path, result in PAGES:
            times = []
            for _ in range(3):
                with server() as address:
                    times.append([seconds(browser, address + path, result) for _ in range(2)])
            first, again = (statistics.median(each) for each in zip(*times, strict=True))
            print(f"| `{path}` | {first:.1f} | {again:.1f} |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
