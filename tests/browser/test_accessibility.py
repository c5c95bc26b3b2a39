"""Accessibility in a real browser: axe-core on every page in light and in dark, and the lab without a mouse.

axe finds what a program can find. It judges the contrast of what is inside the window only, so the window is made as
tall as the page.
"""

from dataclasses import dataclass

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from pages.contents import CLASSROOM, FOUNDATIONS, LAB, PAGES
from tests.browser.conftest import DESK, is_dark, join, no_exception, open_room, until, visiting

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@dataclass(frozen=True)
class Left:
    """A violation that stays, for a written reason: the rule of axe, the elements, the reason."""

    rule: str
    selector: str
    reason: str


# Each entry must still be needed: the test fails where none of its elements violates the rule any more.
LEFT = (
    Left(
        "scrollable-region-focusable",
        "[data-testid=stCode] pre",
        "Streamlit makes the box of a long program scroll, and gives it no tabindex. Chromium and Firefox let Tab "
        "reach a box that scrolls; elsewhere the program can be copied or saved by the buttons beside it.",
    ),
    Left(
        "color-contrast",
        "[data-testid=stWidgetLabel][disabled] p",
        "The label of a control that is switched off. WCAG 1.4.3 asks for no contrast there; axe cannot see that label "
        "and control belong together, since Streamlit names the control by aria-label.",
    ),
)
# Settings with which a lesson computes little.
LITTLE = {
    "defences": "?steps=4&done=b",
    "black-box": "?image=pig&eps=16&steps=1",
    "fooling-images": "?target=goldfish&start=grey&queries=200",
    "physical": "?views=2&eps=7",
    "speech": "?steps=30",
}
RUN = """async ([context, options, left]) => {
  const settings = {...options, elementRef: true, resultTypes: ["violations"]}
  const {violations} = await axe.run(context ?? document, settings)
  return violations.flatMap(({id, nodes}) => nodes.map(node => ({
    rule: id,
    place: node.target.flat().join(" "),
    why: node.failureSummary,
    left: left.findIndex(each => each.rule === id && node.element.matches(each.selector)),
  })))
}"""
OPEN = "document.querySelectorAll('[data-testid=stExpander] details:not([open]) summary').forEach(each => each.click())"


class Findings:
    """The violations that axe has found, and the exceptions that were needed."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.needed: set[Left] = set()

    def look(self, page: Page, name: str, without: str = "") -> None:
        """Open what is folded on the page, and judge the page in light and in dark.

        Args:
            without: a selector of what is left out.
        """
        context = {"exclude": [without]} if without else {}
        page.evaluate(OPEN)
        page.add_style_tag(content="* {transition: none !important}")  # no colour that is on its way to another one
        for _ in range(2):  # pictures whose height depends on the window's grow with it
            height = page.get_by_test_id("stMain").evaluate("main => main.scrollHeight")
            page.set_viewport_size({"width": DESK["width"], "height": max(DESK["height"], height)})
        page.evaluate("document.fonts.ready.then(() => null)")
        page.evaluate(Axe().axe_script)  # the browser's own tools may do what the policy forbids
        self._judge(page, f"{name}, light", context, {"runOnly": {"type": "tag", "values": WCAG}})
        page.emulate_media(color_scheme="dark")
        until(page, lambda: is_dark(page))
        self._judge(page, f"{name}, dark", context, {"runOnly": ["color-contrast"]})
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(DESK)
        until(page, lambda: not is_dark(page))

    def _judge(self, page: Page, name: str, context: dict[str, object], options: dict[str, object]) -> None:
        given = [context or None, options, [vars(left) for left in LEFT]]
        found = page.evaluate(RUN, given)
        for _ in range(10):  # a page whose fonts and charts still arrive may violate a rule for a moment
            if all(each["left"] >= 0 for each in found):
                break
            page.wait_for_timeout(500)
            found = page.evaluate(RUN, given)
        self.needed |= {LEFT[each["left"]] for each in found if each["left"] >= 0}
        told = [f"{name}: {each['rule']} at {each['place']}. {each['why']}" for each in found if each["left"] < 0]
        self.violations += told


def complete(page: Page) -> None:
    """Wait until the page is drawn and computes nothing."""
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_have_count(1)
    no_exception(page)


def answer_wrongly(page: Page) -> None:
    """Answer a question of the lesson on defences wrongly."""
    question = page.locator(".st-key-defences_question_a")
    question.get_by_text("JPEG makes the network robust").click()
    question.get_by_role("button", name="Check my answer").click()
    expect(question.get_by_text("Not right.")).to_be_visible()
    complete(page)


def test_every_page_in_light_and_in_dark(browser: Browser, address: str) -> None:
    findings = Findings()
    lessons = [each for entries in PAGES.values() for each in entries if each not in (LAB, *CLASSROOM)]
    with visiting(browser) as context:
        page = context.new_page()
        for entry in lessons:
            page.goto(f"{address}/{entry.address}{LITTLE.get(entry.address, '')}")
            complete(page)
            if entry.address == "defences":  # beside a question that is answered rightly
                answer_wrongly(page)
            assert page.locator("html").get_attribute("lang") == "en"
            # The programs are alike, and their thousand words in colour take axe as long as the rest of the page.
            findings.look(page, entry.label, "" if entry == FOUNDATIONS[0] else "[data-testid=stCode]")
        for tab in ("opinion", "noise", "formula", "curve", "save"):
            page.goto(f"{address}/?image=pig&target=106&eps=2&steps=10&tab={tab}")
            expect(page.get_by_text("Fooled.")).to_be_visible()
            complete(page)
            findings.look(page, f"Attack Lab, {tab}")
        for menu in ("Choose a photograph", "Advanced"):
            page.get_by_role("button", name=menu).click()
            expect(page.get_by_test_id("stPopoverBody")).to_be_visible()
            complete(page)
            findings.look(page, f"Attack Lab, {menu}")
        # A room before it is open, with a student, and with a picture on the board.
        page.goto(f"{address}/room")
        complete(page)
        findings.look(page, "the code of a room")
        page.goto(f"{address}/host")
        complete(page)
        findings.look(page, "a room to open")
        student = join(context, open_room(page, address), "Ada")
        complete(student)
        findings.look(student, "Ada's room")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(student.get_by_role("radiogroup", name="Your answer")).to_be_visible()
        complete(page)
        findings.look(page, "the host's room")
    assert findings.violations == []
    assert set(LEFT) - findings.needed == set()


NAME = """() => {
  const here = document.activeElement
  return here === document.body ? "" : here.getAttribute("aria-label") ?? here.innerText ?? ""
}"""
# What shows the focus: the look of the element and of what surrounds it closely, without what cannot be seen.
LOOK = """here => {
  const looks = []
  for (let each = here; each && looks.length < 5; each = each.parentElement) {
    const {opacity, outline, boxShadow, borderColor, backgroundColor} = getComputedStyle(each)
    looks.push(opacity === "0" ? "" : [opacity, outline, boxShadow, borderColor, backgroundColor].join())
  }
  return looks.join(" / ")
}"""
# Whether the pictures that stay in sight cover the element.
COVERED = """here => {
  const pictures = document.querySelector("[class*=st-key-play_] > :first-child")
  if (!pictures.parentElement.contains(here) || pictures.contains(here)) return false
  return here.getBoundingClientRect().top < pictures.getBoundingClientRect().bottom
}"""


def tab_to(page: Page, name: str, key: str = "Tab") -> list[str]:
    """Press Tab until the focus is on the element whose name starts so; the names on the way.

    Each element shows that it has the focus, and none is covered by the pictures of the lab.
    """
    names: list[str] = []
    while not names or not names[-1].startswith(name):
        page.keyboard.press(key)
        here = page.evaluate_handle("document.activeElement").as_element()
        assert here is not None and len(names) < 100, names
        names.append(page.evaluate(NAME).split("\n")[0])
        focused = here.evaluate(LOOK)
        assert not here.evaluate(COVERED), f"{names[-1]} is covered"
        here.evaluate("here => here.blur()")
        assert not names[-1] or here.evaluate(LOOK) != focused, f"{names[-1]} does not show the focus"
        here.evaluate("here => here.focus({preventScroll: true})")
    return names


def test_the_lab_without_a_mouse(page: Page, address: str) -> None:
    """Tab goes from the photograph by the network to ε, the attack, the replay and the tabs, and back."""
    page.goto(f"{address}/?image=pig&target=106&eps=2&steps=10")
    expect(page.get_by_text("Fooled.")).to_be_visible()
    complete(page)
    page.add_style_tag(content="* {transition: none !important}")
    for name in (
        "Skip to main content", "Choose a photograph", "upload", "Classifier", "Start", "dog → airliner",
        "ε: largest change", "Target class", "Basic", "FGSM", "tune", "Replay the attack", "Opinion",
    ):  # fmt: skip
        tab_to(page, name)
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**tab=noise**")
    complete(page)
    tab_to(page, "ε: largest change", "Shift+Tab")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**eps=3**")
    complete(page)
    tab_to(page, "FGSM")
    page.keyboard.press("Enter")
    page.wait_for_url("**attack=fgsm**")
    complete(page)
    tab_to(page, "Choose a photograph", "Shift+Tab")
    page.keyboard.press("Enter")
    tab_to(page, "Koala")
    page.keyboard.press("Enter")
    page.wait_for_url("**image=koala**")
    expect(page.get_by_alt_text("Original picture, classified as koala")).to_be_visible()
    no_exception(page)
