"""The app below another site's top, behind Debian's nginx, over plain http: the way of a visitor through it."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests import nginx
from tests.browser.conftest import answers, free_port, join, no_exception, open_room, start, until, visiting
from tests.deploy.test_nginx import FAST, shown, upload


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The app's address. Its host is none that browsers trust without https."""
    if nginx.program() is None and not os.environ.get("REQUIRE_NGINX"):
        pytest.skip("no nginx on this machine")
    port, inside = free_port(), free_port()
    app = start(inside, STREAMLIT_SERVER_BASE_URL_PATH="lab")
    try:
        assert answers(f"http://127.0.0.1:{inside}/lab")
        with nginx.serving(port, f"127.0.0.1:{inside}", f"127.0.0.1:{inside}", "/lab"):
            yield f"http://lab.test:{port}/lab"
    finally:
        app.kill()
        app.wait()


def test_a_visit(browser: Browser, base: str) -> None:
    with visiting(browser) as context, visiting(browser) as students:
        page = context.new_page()
        page.goto(base + FAST)  # without the slash
        shown(page, "hog")
        upload(page, "koala")
        page.get_by_role("tab", name="Save").click()
        with page.expect_download() as saved:
            page.get_by_role("button", name="Adversarial picture (PNG)").click()
        assert saved.value.path().read_bytes().startswith(b"\x89PNG")
        expect(page.get_by_text("Use the camera: browsers allow this over https only.")).to_be_visible()

        page.get_by_test_id("stTopNavSection").filter(has_text="Start").click()
        page.get_by_test_id("stTopNavDropdownLink").filter(has_text="Course").click()
        expect(page.get_by_role("link", name="Adversarial patches and glasses")).to_be_visible()
        assert page.url == f"{base}/course"
        page.get_by_role("link", name="Threat models: what is").first.click()
        expect(page.get_by_text(f"{base}/threat-models", exact=True)).to_be_visible()
        page.get_by_text(f"{base}/threat-models", exact=True).hover()
        page.get_by_role("button", name="Copy to clipboard").last.click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="Threat models")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("link", name="Adversarial patches and glasses")).to_be_visible()
        no_exception(page)

        page.goto(f"{base}/host")
        student = join(students, open_room(page, base), "Ada")
        for one, each, name in ((page, context, "host_"), (student, students, "room_")):

            def paths(name: str, each: BrowserContext = each) -> set[str]:
                return {cookie["path"] for cookie in each.cookies() if cookie["name"].startswith(name)}

            until(one, lambda paths=paths, name=name: paths(name))  # type: ignore[misc]
            assert paths(name) == paths("lab_") == {"/lab/"}
            one.reload()
        expect(student.locator(".class-name")).to_have_text("Ada")
        expect(page.get_by_role("button", name="Presenter")).to_be_visible()
