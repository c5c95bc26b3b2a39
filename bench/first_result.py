"""Benchmark of the time from the click on a link to a page's first result, in a real browser.

    python -m bench.first_result

"Just started" is the first visit to a server that has just begun to answer and still loads its network. "Running" is
the same link in a fresh browser window afterwards. Figures are medians of three servers.
"""

import os
import shutil
import statistics
import time

from playwright.sync_api import Browser, sync_playwright

from bench.classroom import Server

# (link, the element that marks the first result)
PAGES = (
    ("/", "[data-testid=stImage] img[alt^='Perturbed picture, classified as']"),
    ("/threat-models", "img[alt^='The photograph with the worst']"),
    ("/fgsm-and-pgd", "[data-testid=stMetric], [data-testid=stAlert]"),
    ("/linear-models", "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"),
    ("/adversarial-training", "img[alt^='The digit after the attack on the robust']"),
    ("/evaluation", "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"),
)


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
                server = Server("local")
                try:
                    link = f"http://127.0.0.1:{server.port}{path}"
                    times.append([seconds(browser, link, result) for _ in range(2)])
                finally:
                    server.stop()
            first, again = (statistics.median(each) for each in zip(*times, strict=True))
            print(f"| `{path}` | {first:.1f} | {again:.1f} |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
