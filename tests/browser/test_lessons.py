"""One journey through each lesson in a real browser: what only happens there, and at its end the page on a phone.

`tests.pages` tests what a lesson says and computes.
"""

import io
import re
import wave

import numpy as np
from PIL import Image
from playwright.sync_api import FloatRect, Page, expect

from adv_core import Classifier
from adv_core.faces import portrait
from adv_core.speech.dictation import dictated
from adv_core.speech.moonshine import moonshine
from tests.browser.conftest import DESK, box, fits_a_phone, move, no_exception, until

PLAY = """async player => {
    player.muted = true;  // a browser plays by itself only what cannot be heard
    await player.play();
    for (let i = 0; i < 100 && player.currentTime < 0.3; i++) await new Promise(done => setTimeout(done, 50));
    const moved = player.currentTime;
    player.pause();
    return [moved, player.duration];
}"""
FETCH = "async player => Array.from(new Uint8Array(await (await fetch(player.src)).arrayBuffer()))"
# Press the button until there is a photograph: before the component has its camera's picture, it does nothing.
TAKEN = """() => {
    const button = document.querySelector("[data-testid=stCameraInputButton]")
    if (button.textContent.includes("Clear photo")) return true
    // A camera that has just been opened may show one colour before its first picture.
    const look = Object.assign(document.createElement("canvas"), {width: 16, height: 16}).getContext("2d")
    const video = document.querySelector("video")
    if (!video) return false  // the photograph is taken, and its button not yet there
    look.drawImage(video, 0, 0, 16, 16)
    const levels = look.getImageData(0, 0, 16, 16).data.filter((_, place) => place % 4 === 0)
    if (Math.max(...levels) - Math.min(...levels) < 64) return false
    button.click()
    return false
}"""
# What a browser's translator does, again and again: a <font> with other words in the place of every text.
TRANSLATE = """() => setInterval(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const all = []
    while (texts.nextNode()) all.push(texts.currentNode)
    for (const text of all) {
        if (!text.data.trim() || text.parentNode.closest("font, script, style")) continue
        const font = document.createElement("font")
        font.append(document.createElement("font"))
        font.firstChild.textContent = text.data.toUpperCase()
        text.replaceWith(font)
    }
}, 50)"""
HILL = ".st-key-hill .plane > svg"


def draw(page: Page, *points: tuple[float, float]) -> None:
    """A stroke on the canvas through such points, in parts of its width and its height."""
    surface = page.get_by_role("application")
    surface.evaluate("canvas => canvas.scrollIntoView({block: 'end'})")  # the pictures above it stay in sight
    frame = box(surface)
    for number, (x, y) in enumerate(points):
        page.mouse.move(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"], steps=8)
        if not number:
            page.mouse.down()
    page.mouse.up()


def test_linear_models(page: Page, address: str) -> None:
    """Line by line, and on to the lab."""
    page.goto(f"{address}/linear-models?line=2")
    expect(page.get_by_text("Under δ*", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Next line").click()
    page.wait_for_url("**line=3**")
    expect(page.get_by_text("applies to each pixel separately", exact=False)).to_be_visible()
    no_exception(page)
    fits_a_phone(page)
    page.set_viewport_size(DESK)
    page.get_by_role("link", name="Attack Lab").first.click()
    expect(page.get_by_alt_text("Perturbed picture, classified as airliner")).to_be_visible()


def test_fgsm_and_pgd(page: Page, address: str) -> None:
    """The run is played, and the point is dragged, clicked and tapped."""
    page.goto(f"{address}/fgsm-and-pgd?steps=4&raw=1e3")
    where = page.locator(".player .where")
    expect(where).to_have_text("Step 4 of 4: the projection")
    expect(page.get_by_role("button", name="Next", exact=True)).to_be_disabled()
    slider = page.get_by_role("slider", name="Phase of the run")
    slider.focus()
    slider.press("Home")
    expect(where).to_have_text("Start")
    for told in ("the gradient", "the step α", "the projection"):
        page.get_by_role("button", name="Next", exact=True).click()
        expect(where).to_have_text(f"Step 1 of 4: {told}")
    texts = page.locator(".player .text")
    expect(texts.nth(1)).to_contain_text("Inside the ball")
    page.get_by_role("button", name="Back", exact=True).click()
    expect(texts.nth(1)).to_contain_text("α·sign(∇L) = (−0.04, −0.04), turned by 20° from ∇L.")
    for key in ("End", "ArrowLeft", "ArrowLeft"):  # what is played takes its time
        slider.press(key)
    expect(where).to_have_text("Step 4 of 4: the gradient")
    play = page.get_by_role("button", name="Play", exact=True)
    # In one go: who looks later may come when it has ended.
    assert play.evaluate("button => { button.click(); return button.textContent }") == "Pause"
    expect(where).to_have_text("Step 4 of 4: the projection")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()

    hill = page.get_by_role("img", name=re.compile("The loss over the square"))
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.38, 0\.73\)"))
    hill.scroll_into_view_if_needed()
    page.mouse.move(*spot(page, 0.38, 0.73))
    page.mouse.down()
    page.mouse.move(*spot(page, 0.5, 0.6), steps=5)
    page.mouse.up()
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.5\d?, 0\.6\d?\)|x at \(0\.49, 0\.(59|60)\)"))
    page.wait_for_url("**x1=0.**")
    hill.scroll_into_view_if_needed()
    page.mouse.click(*spot(page, 0.25, 0.25))
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.2[456], 0\.2[456]\)"))
    # a second click in the same place, after x was moved elsewhere, counts as well
    page.get_by_role("button", name="A linear classifier", exact=True).click()
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.50, 0\.68\)"))
    hill.scroll_into_view_if_needed()
    page.mouse.click(*spot(page, 0.25, 0.25))
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.2[456], 0\.2[456]\)"))
    # the browser's Back undoes one change after the other
    page.wait_for_url("**x1=0.2**")
    page.go_back()
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.50, 0\.68\)"))
    page.go_back()
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.2[456], 0\.2[456]\)"))
    page.go_forward()
    expect(hill).to_have_accessible_name(re.compile(r"x at \(0\.50, 0\.68\)"))
    page.get_by_role("radio", name="L2", exact=True).click()
    page.wait_for_url("**ball=l2**")
    no_exception(page)

    fits_a_phone(page)
    panels = page.locator(".player figure").evaluate_all("all => all.map(f => f.getBoundingClientRect().toJSON())")
    assert len(panels) == 2 and all(each["x"] >= 0 and each["right"] <= 390 for each in panels)
    hill.scroll_into_view_if_needed()
    tap(page, *spot(page, 0.7, 0.5))
    page.wait_for_url("**x1=0.7**")


def spot(page: Page, x1: float, x2: float) -> tuple[float, float]:
    """Where a point of the plane is on the screen."""
    frame = box(page.locator(f"{HILL} > svg"))
    return frame["x"] + x1 * frame["width"], frame["y"] + (1 - x2) * frame["height"]


def tap(page: Page, x: float, y: float) -> None:
    """A finger, on a screen that has known a mouse only. (Playwright's own needs a browser that began with touch.)"""
    client = page.context.new_cdp_session(page)
    client.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    client.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": round(x), "y": round(y)}]})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    client.detach()


def test_threat_models(page: Page, address: str) -> None:
    """A mask is painted, a guess and an answer are given, while the browser translates the page."""
    page.goto(f"{address}/threat-models?image=koala&place=own")
    expect(page.get_by_alt_text("The photograph with the worst δ of the L1 ball", exact=False)).to_be_visible()
    page.evaluate(TRANSLATE)
    slider = page.get_by_role("slider").first
    slider.focus()
    move(slider, "ArrowRight")
    expect(page.get_by_text("CLASSIFIES THE UNTOUCHED PHOTOGRAPH AS KOALA", exact=False)).to_be_visible()
    expect(page.get_by_text("Paint something first", exact=False)).to_be_visible()
    draw(page, (0.1, 0.1), (0.5, 0.4))
    expect(page.get_by_text("0 of them outside of the mask", exact=False)).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Paint something first", exact=False)).to_be_visible()
    page.get_by_role("button", name="Submit my guess").click()
    expect(page.get_by_text(re.compile(r"YOU SAID \d+\. IT WAS"))).to_be_visible()
    page.wait_for_url(re.compile(r"guess=\d+"))
    page.get_by_role("button", name="The left one").click()
    page.wait_for_url("**answers=**")
    expect(page.get_by_text("NotFoundError")).to_have_count(0)  # React's, about a text that is gone
    no_exception(page)
    fits_a_phone(page)


def test_adversarial_training(page: Page, address: str) -> None:
    """A digit is written and attacked; a live training is stopped and goes on."""
    page.goto(f"{address}/adversarial-training?source=own&epochs=4&inner=fgsm")
    expect(page.get_by_role("application")).to_be_visible()
    draw(page, (0.5, 0.15), (0.5, 0.85))
    expect(page.get_by_text("Label of your digit")).to_be_visible()
    expect(page.get_by_text("The least ε that was found")).to_be_visible()
    picture = page.get_by_role("img", name=re.compile("The digit after the attack on the robust network"))
    expect(picture).to_be_visible()

    page.get_by_role("button", name="Train both").click()
    expect(page.get_by_text(re.compile("Training the (standard|robust) network: [1-9]"))).to_be_visible()
    expect(page.get_by_role("button", name="Train both")).to_have_count(0)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped. It resumes")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Trained. In section 1")).to_be_visible()
    expect(page.get_by_role("button", name="Train again, other seed")).to_be_visible()
    page.get_by_text("the one you trained", exact=True).first.click()
    page.wait_for_url("**against=own**")
    expect(page.get_by_text("yours, FGSM")).to_be_visible()
    no_exception(page)
    fits_a_phone(page)


def test_evaluation(page: Page, address: str) -> None:
    page.goto(f"{address}/evaluation?defence=quantized")
    expect(page.get_by_text("Symptoms of a hidden gradient")).to_be_visible()
    expect(page.get_by_text("The smoothed network predicts")).to_be_visible()
    expect(page.get_by_text(re.compile("At ε = 0.1: "))).to_be_visible()
    no_exception(page)
    fits_a_phone(page)


def test_black_box(page: Page, address: str) -> None:
    """Queries, and the first answers to a substitute; another ε."""
    page.goto(f"{address}/black-box?image=pig&eps=16&steps=1")
    expect(page.get_by_text("The attacker has seen no weight")).to_be_visible()
    page.get_by_role("button", name="Run this (about 20 seconds").click()
    expect(page.get_by_text("The newest queries, and the victim's answers")).to_be_visible()
    slider = page.get_by_role("slider", name="ε of the squares")
    slider.focus()
    move(slider, "ArrowRight")
    expect(page).to_have_url(re.compile("eps=17"))
    expect(page.get_by_role("img", name=re.compile("drawn 10 × stronger.: ε = 17.255"))).to_be_visible()
    expect(page.get_by_text("The attacker has seen no weight")).to_be_visible()
    no_exception(page)
    fits_a_phone(page)


def test_physical(page: Page, address: str) -> None:
    """Every knob that moves while the attack runs ends a run of the page in the middle. The last one shows its own
    result, and nothing has jumped. Then to paper and back, through the camera."""
    page.goto(f"{address}/physical?views=2&eps=7")
    eps = page.get_by_role("slider", name="ε of both, in 1/255")
    eps.scroll_into_view_if_needed()
    turn = page.get_by_role("slider", name="Turn, in degrees")
    turn.focus()
    main = page.locator("[data-testid=stMain]")
    scrolled = main.evaluate("main => main.scrollTop")
    for _ in range(3):  # a key that seemed to be missed is pressed again: one move may be two steps
        move(turn, "ArrowRight")
        until(page, lambda: page.url.endswith(f"angle={turn.get_attribute('aria-valuetext')}"))
    assert main.evaluate("main => main.scrollTop") == scrolled
    eps.focus()  # this may scroll: the pictures above do not cover what has the focus
    scrolled = main.evaluate("main => main.scrollTop")
    move(eps, "ArrowRight")
    page.wait_for_url("**eps=8**")
    living = page.get_by_role("img", name=re.compile("The attack over views in this view: the network predicts wombat"))
    expect(living).to_be_visible()
    expect(page.get_by_text("All changes at once")).to_be_visible()
    assert main.evaluate("main => main.scrollTop") == scrolled

    page.get_by_role("button", name="Front view", exact=True).click()
    ordinary = page.get_by_role("img", name=re.compile("The ordinary attack in this view: the network predicts wombat"))
    expect(ordinary).to_be_visible()
    expect(page).to_have_url(re.compile("angle=0"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Two sheets to print").click()
    assert b"data:image/png" in download.value.path().read_bytes()
    no_exception(page)
    fits_a_phone(page)

    page.set_viewport_size(DESK)
    # Another camera, for a photograph of the print, stands further down.
    page.get_by_test_id("stSidebar").get_by_text("Use the camera").click()
    take_a_photograph(page)
    page.wait_for_url("**image=own**")
    no_exception(page)


def test_speech(page: Page, address: str) -> None:
    """Both clips are played, and what the browser hears differs by very little; then a visitor records a sentence."""
    page.goto(f"{address}/speech?steps=30")
    expect(page.get_by_text(re.compile("The network hears “Open the front door.”"))).to_be_visible()
    players = page.locator(".st-key-speech_row audio")  # the recorder has one, too
    expect(players).to_have_count(3)
    clips = []
    for place in (0, 2):
        moved, seconds = players.nth(place).evaluate(PLAY)
        assert moved >= 0.3 and seconds > 1
        with wave.open(io.BytesIO(bytes(players.nth(place).evaluate(FETCH)))) as file:
            clips.append(np.frombuffer(file.readframes(file.getnframes()), "<i2"))
    original, changed = dictated(moonshine(), clips)
    assert changed == "Open the front door." and original == "Ask what you can do for your country."
    change = np.abs(clips[0].astype(int) - clips[1]).max()
    assert 0 < change < np.abs(clips[0].astype(int)).max() / 10
    expect(page.get_by_role("row", name=re.compile(r"20 dB \d+ of 5"))).to_be_visible()
    no_exception(page)
    fits_a_phone(page)

    page.set_viewport_size(DESK)
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_test_id("stAudioInputWaveformTimeCode")).to_have_text("00:05")  # the microphone says SAID, twice
    page.get_by_role("button", name="Stop recording").click()
    expect(page.get_by_role("radio", name="your own recording")).to_be_checked()
    expect(page.get_by_text(re.compile("Transcript of the original: .*country", re.IGNORECASE))).to_be_visible()
    expect(page.get_by_text(re.compile("Level: loudest moment −.* dB of full scale"))).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_test_id("stAudioInputWaveformTimeCode")).to_have_text("00:00")
    no_exception(page)


def test_patches(page: Page, address: str) -> None:
    """Glasses go where one clicks."""
    page.goto(f"{address}/patches")
    expect(page.get_by_role("img", name=re.compile(r"= x \+ δ: macaw"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("With the patch: monarch"))).to_be_visible()
    expect(page.get_by_text(re.compile("Largest change anywhere else: 0"))).to_be_visible()
    page.get_by_text("Position: click the two points").click()
    chart = page.get_by_label(re.compile("^The photograph: click to set the two points"))
    spots = chart.locator("canvas.marks, svg.marks")
    expect(spots).to_be_visible()
    frame = box(spots)
    page.mouse.click(frame["x"] + 0.2 * frame["width"], frame["y"] + 0.4 * frame["height"])
    expect(page).to_have_url(re.compile("ax=(19|20|21)"))
    no_exception(page)
    fits_a_phone(page)


def test_signs(page: Page, address: str) -> None:
    """A box is dragged on the sample; a photograph of the camera shows no sign."""
    page.goto(f"{address}/signs")
    expect(page.get_by_text(re.compile("With the stickers, the network reads"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^the stickers, from 40 metres: "))).to_be_visible()
    expect(page.get_by_text(re.compile("No value of the photograph differs by more than 16"))).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Stickers to print").click()
    assert b"data:image/png" in download.value.path().read_bytes()

    page.get_by_text("The box of the sign: drag another one").click()
    drag_a_box(page, (0.24, 0.16), (0.76, 0.68))
    page.wait_for_url(re.compile(r"large=5[123]\.\d"))
    side = page.get_by_role("slider", name="Its side, in % of the photograph's width")
    before = float(side.get_attribute("aria-valuetext") or "nan")
    move(side, "ArrowRight")
    expect(page).to_have_url(re.compile(f"large={before + 0.5}"))
    expect(page.get_by_text(re.compile("With the stickers, the network reads"))).to_be_visible()
    no_exception(page)
    fits_a_phone(page)

    page.set_viewport_size(DESK)
    page.get_by_test_id("stSidebar").get_by_text("Use the camera").click()
    take_a_photograph(page)
    page.wait_for_url("**image=own**")
    expect(page.get_by_text("The network finds no sign in this photograph")).to_be_visible()
    drag_a_box(page, (0.1, 0.1), (0.3, 0.3))
    expect(page.get_by_text("In this box, the network reads no sign")).to_be_visible()
    no_exception(page)


def take_a_photograph(page: Page) -> None:
    """Wait for the picture of a camera that has just been opened, and take it."""
    expect(page.locator("video")).not_to_have_js_property("videoWidth", 0)
    until(page, lambda: page.evaluate(TAKEN))


def drag_a_box(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one point of the lesson's photograph to another, in parts of its width and its height."""
    chart = page.get_by_label(re.compile("^The photograph: drag a box")).locator("canvas.marks, svg.marks")
    expect(chart).to_be_visible()
    seen: list[FloatRect] = []

    def stands_still() -> bool:
        """Tell whether the chart is where it was a moment ago: the box that holds it opens slowly."""
        chart.evaluate("marks => marks.scrollIntoView({block: 'end'})")  # the pictures above it stay in sight
        seen.append(box(chart))
        return len(seen) > 3 and all(each == seen[-1] for each in seen[-4:-1])

    until(page, stands_still)
    frame = seen[-1]
    places = [(frame["x"] + u * frame["width"], frame["y"] + v * frame["height"]) for u, v in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=8)
    page.mouse.up()


def test_faces(page: Page, address: str) -> None:
    """A visitor enrols with the camera and with a second photograph, and mends the place of the glasses by a click."""
    page.goto(f"{address}/patches?wearer=own&hide=sidebar")
    expect(page.get_by_text("Take a photograph of yourself with the camera")).to_be_visible()
    main = page.get_by_test_id("stMain")
    main.get_by_text("Use the camera").click()
    take_a_photograph(page)
    expect(page.get_by_text(re.compile("Distance to you: "))).to_be_visible()
    expect(page.get_by_text(re.compile("In random views"))).to_be_visible()
    second = io.BytesIO()
    Image.fromarray(portrait("collins")).save(second, "JPEG")
    uploads = main.get_by_test_id("stFileUploaderDropzoneInput")
    uploads.nth(1).set_input_files({"name": "me.jpg", "mimeType": "image/jpeg", "buffer": second.getvalue()})
    expect(page.get_by_text("The attack has not seen this photograph.")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^with the same glasses: "))).to_be_visible()

    page.get_by_text("Position of the glasses: click the two pupils").click()
    spots = page.get_by_label(re.compile("^The face: click to set the two pupils")).locator("canvas.marks, svg.marks")
    expect(spots).to_be_visible()
    spots.scroll_into_view_if_needed()
    frame = box(spots)
    page.mouse.click(frame["x"] + 0.3 * frame["width"], frame["y"] + 0.45 * frame["height"])
    expect(page).to_have_url(re.compile("left_x=-?[0-9]+&left_y=-?[0-9]+"))
    expect(page.get_by_text("Your next click sets the eye on the right")).to_be_visible()
    no_exception(page)
    fits_a_phone(page)


def test_unrestricted(page: Page, address: str) -> None:
    """A search, and a hand."""
    page.goto(f"{address}/unrestricted")
    expect(page.get_by_role("img", name=re.compile("found by the search: indri"))).to_be_visible()
    page.get_by_role("radio", name="turn", exact=True).click()
    expect(page.get_by_text(re.compile("No turn up to 180° fools|The smallest turn found"))).to_be_visible()
    expect(page).to_have_url(re.compile("kind=turn"))
    no_exception(page)
    fits_a_phone(page)


def test_defences(page: Page, address: str) -> None:
    page.goto(f"{address}/defences?steps=4")
    expect(page.get_by_text("gets through")).to_be_visible()
    expect(page.get_by_text("raise no alarm")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^adaptive attack: .*score"))).to_be_visible()
    page.get_by_role("radio", name="feature squeezing").click()
    page.wait_for_url("**detector=squeezing**")
    expect(page.get_by_text("Bits that the squeezing leaves to each value")).to_be_visible()
    expect(page.get_by_text("raise no alarm")).to_be_visible()
    no_exception(page)
    fits_a_phone(page)


def test_poisoning(page: Page, address: str) -> None:
    """The network trains as the page opens, and the defender examines it."""
    page.goto(f"{address}/poisoning?share=5")
    expect(page.get_by_text(re.compile("100 of 2000 training digits were poisoned"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^the same with the trigger"))).to_be_visible()
    page.locator(".st-key-run_defender button").click()
    expect(page.get_by_text("activation clustering").last).to_be_visible()
    expect(page.get_by_text(re.compile("of 100 poisoned digits")).first).to_be_visible()
    no_exception(page)
    fits_a_phone(page)


def test_fooling_images(page: Page, address: str, classifier: Classifier) -> None:
    """The saved picture fools, and another one is evolved."""
    page.goto(f"{address}/fooling-images?target=goldfish&start=grey&queries=200")
    expect(page.get_by_text("The network predicts goldfish, ")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="This picture (PNG)").click()
    picture = Image.open(io.BytesIO(saved.value.path().read_bytes()))
    best, _, p = classifier.predict(classifier.prepare(picture))[0]
    assert best == 1 and p >= 0.99 and np.ptp(np.asarray(picture)) < 100

    page.get_by_role("button", name="Evolve: goldfish").click()
    page.wait_for_url("**bred=1**")
    expect(page.get_by_text(re.compile("200 queries; the champions of"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^The champion of"))).to_have_count(8)
    expect(page.get_by_role("button", name="Evolve: goldfish")).to_have_count(0)
    expect(page.get_by_text("You see grey and some texture.")).to_be_visible()
    no_exception(page)
    fits_a_phone(page)
