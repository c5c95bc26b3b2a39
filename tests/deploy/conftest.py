"""The browser of the browser tests."""

from tests.browser.conftest import browser, seen_by_camera

__all__ = ["browser", "seen_by_camera"]
