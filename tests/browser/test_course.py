"""The way from the course page to a topic in a real browser: navigation, cards, ready links, terms that explain."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from pages.contents import PAGES
from tests.browser.conftest import PHONE, fits_a_phone, no_exception, until


def test_any_topic_in_two_clicks(page: Page, address: str) -> None:
    """The bar at the top lists all pages in their groups; a card and a ready link open a lesson."""
    page.goto(f"{address}/course")
    for group, entries in PAGES.items():
        page.get_by_test_id("stTopNavSection").filter(has_text=group).click()
        for entry in entries:
            expect(page.get_by_test_id("stTopNavDropdownLink").filter(has_text=entry.label)).to_be_visible()
        page.keyboard.press("Escape")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="FGSM and PGD: FGSM as a limit").first.click()
    section = opened.value
    expect(section.locator("#fgsm-limit")).to_be_in_viewport()
    assert section.url.endswith("/fgsm-and-pgd#fgsm-limit")
    section.close()
    no_exception(page)
    fits_a_phone(page)
    page.get_by_role("link", name="Adversarial patches and glasses").click()
    page.wait_for_url("**/patches*")
    expect(page.get_by_role("heading", name="Adversarial patches and glasses")).to_be_visible()


def test_a_phone_lists_every_page(page: Page, address: str) -> None:
    page.set_viewport_size(PHONE)
    page.goto(f"{address}/course")
    page.get_by_test_id("stExpandSidebarButton").click()
    for entry in (entry for entries in PAGES.values() for entry in entries):
        expect(page.get_by_test_id("stSidebarNavLink").filter(has_text=entry.label).first).to_be_attached()
    expect(page.get_by_text("View", exact=False).filter(has_text="more")).to_have_count(0)


def test_a_term_explains_itself_by_pointer_and_by_keyboard(page: Page, address: str) -> None:
    page.goto(f"{address}/fgsm-and-pgd")
    term = page.locator(".term").first
    shown = "term => getComputedStyle(term, '::after').content.replaceAll('\"', '')"
    expect(term).to_be_visible()
    assert term.evaluate(shown) == "none"
    meaning = term.get_attribute("aria-description")

    def explains(show: Callable[[], None]) -> bool:  # the page may still move below the pointer
        show()
        return bool(term.evaluate(shown) == meaning)

    for show in (term.hover, term.focus):
        until(page, lambda show=show: explains(show))  # type: ignore[misc]
        page.mouse.move(0, 0)
        term.blur()
        until(page, lambda: term.evaluate(shown) == "none")
