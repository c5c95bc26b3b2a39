"""The lesson on speech in a real browser: both clips are played, and what the browser hears differs by very little."""

import re
import wave
from io import BytesIO

import numpy as np
from playwright.sync_api import Page, expect

from adv_core.speech.attack import heard_as
from adv_core.speech.recogniser import recogniser

PLAY = """async player => {
    player.muted = true;  // a browser plays by itself only what cannot be heard
    await player.play();
    for (let i = 0; i < 100 && player.currentTime < 0.3; i++) await new Promise(done => setTimeout(done, 50));
    const moved = player.currentTime;
    player.pause();
    return [moved, player.duration];
}"""
FETCH = "async player => Array.from(new Uint8Array(await (await fetch(player.src)).arrayBuffer()))"


def test_both_clips_play_and_say_different_things(page: Page, address: str) -> None:
    page.goto(f"{address}/speech?steps=80")
    expect(page.get_by_text(re.compile("Heard as “open the secret door”"))).to_be_visible()
    players = page.locator("audio")
    expect(players).to_have_count(3)
    clips = []
    for place in (0, 2):
        moved, seconds = players.nth(place).evaluate(PLAY)
        assert moved >= 0.3 and seconds > 1
        with wave.open(BytesIO(bytes(players.nth(place).evaluate(FETCH)))) as file:
            clips.append(np.frombuffer(file.readframes(file.getnframes()), "<i2"))
    original, changed = heard_as(recogniser().network, clips)
    assert changed == "open the secret door" and original != changed
    change = np.abs(clips[0].astype(int) - clips[1]).max()
    assert 0 < change < np.abs(clips[0].astype(int)).max() / 10


def test_it_fits_a_phone(phone: Page, address: str) -> None:
    phone.goto(f"{address}/speech?steps=80")
    expect(phone.get_by_text(re.compile(r"20 dB: \d+ of 10"))).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.locator("[data-testid=stException]").count() == 0
