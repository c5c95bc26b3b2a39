"""The lesson on speech, driven through Streamlit's AppTest, from the entry script."""

import re
import struct
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from adv_core.speech.attack import heard_as
from adv_core.speech.dictation import dictated
from adv_core.speech.moonshine import moonshine
from adv_core.speech.recogniser import CHECKPOINT, recogniser
from adv_core.speech.sound import Samples, open_sound, to_wav
from pages.lessons.speech.recording import level_of
from pages.lessons.speech.settings import CLIPS
from pages.lessons.speech.sounds import doubts
from pages.lessons.speech.tasks import Heard, melody
from tests.pages.visit import answered, button, link, questions_of, row, visit, words

lesson = partial(visit, "lessons/speech/page.py")


def sample(name: str) -> Samples:
    return open_sound((CHECKPOINT / "clips" / f"{name}.flac").read_bytes()).samples


@pytest.fixture(scope="module")
def opened() -> AppTest:
    """The small network, which is fast."""
    return lesson(network="own", clip="weather", text="open the secret door", steps="60")


@pytest.fixture(scope="module")
def people() -> AppTest:
    """Moonshine on a person's voice, as the page opens, with fewer steps."""
    return lesson(steps="30")


def test_opens_with_a_person_whose_words_are_exchanged(people: AppTest) -> None:
    assert "Transcript of the original: **Ask what you can do for your country.**" in words(people)
    assert "The network hears “Open the front door.”" in people.warning[0].value
    assert "Moonshine tiny" in row(people, "network")[2] and "cross-entropy" in row(people, "loss")[2]
    pieces = row(people, "changed")[1]
    assert pieces.startswith("**␣Open**") and len(pieces.split(" · ")) == 5
    assert all(re.fullmatch(r"\*\*\d of 5\*\*", cell) for cell in row(people, "40 dB")[1:])


def test_the_other_network_is_asked(people: AppTest) -> None:
    assert row(people, "Moonshine (attacked)")[1:] == ["Ask what you can do for your country.", "Open the front door"]
    assert "does not transfer" in people.info[-1].value
    assert row(people, "the small network")[2] != "open the front door"


def test_the_measured_figures_are_quoted(people: AppTest) -> None:
    assert row(people, "phrases, three speakers")[1:3] == ["11", "0\u00a0%"]
    assert re.search(r"of \d+ clips that fool Moonshine, the small network wrote", words(people))
    assert re.search(r"\*\*\d+\*\* reach the target within 200 steps", words(people))


def test_the_switch_leads_to_the_network_that_one_can_look_into() -> None:
    at = button(lesson(steps="30"), "Look into the small network, which hears a letter every 20 ms")
    assert link(at) == {"network": "own", "steps": "30"}
    assert len(at.get("vega_lite_chart")) >= 1 and "The network hears “open the front door”" in at.warning[0].value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("!!!", "no word"),
        ("the quick brown fox jumps over the lazy dog and then it sleeps in the sun", "at most 17"),
        ("ask what you can do for your country", "without any change"),
    ],
)
def test_what_moonshine_cannot_be_made_to_write_is_told(text: str, says: str) -> None:
    at = lesson(text=text)
    assert says in at.info[0].value and not at.warning


def test_noise_is_heard_as_english_and_that_is_told() -> None:
    at = lesson(clip="rushing", text="!")
    assert "Transcript of the original" in words(at)
    assert "it has never learnt to write nothing" in words(at) or "This is a guess" in words(at)


@pytest.mark.parametrize("text", ["You", "Thank you for watching!"])
def test_what_moonshine_writes_without_words_is_told(text: str) -> None:
    told = doubts(Heard(text, pieces=(("▁it", 0.9),)))
    assert f"Moonshine writes “{text.strip('!')}” where it hears no words" in told
    assert not doubts(Heard("Yes.", pieces=(("▁Yes", 0.9),)))


def test_a_recording_s_level_is_told() -> None:
    tone = (np.sin(np.arange(16000) / 5) * 32767).astype(np.int16)
    assert level_of(tone // 1000)[1].startswith("This is quiet")
    assert level_of(tone // 4) == (pytest.approx(-12.0, abs=0.1), "This is a good level.")
    assert "clipped" in level_of(np.clip(tone.astype(int) * 2, -32768, 32767).astype(np.int16))[1]


def test_opens_with_a_hidden_phrase(opened: AppTest) -> None:
    assert "The network hears “open the secret door”" in opened.warning[0].value
    loud = re.search(r"−\d+\.\d dB(?= relative to)", opened.warning[0].value)
    assert loud is not None and loud[0] in row(opened, "loudness of δ")[2]
    assert re.search(r"Transcript of the original: \*\*[a-z ]+\*\*", words(opened))
    assert all(re.fullmatch(r"\*\*\d+ of 10\*\*", cell) for cell in row(opened, "20 dB")[1:])


def test_an_idea_becomes_the_target(opened: AppTest) -> None:
    at = button(lesson(network="own", clip="weather", steps="40", text="route 66"), "yes")
    assert link(at) == {"network": "own", "clip": "weather", "steps": "40", "text": "yes"}
    assert "The network hears “yes”" in at.warning[0].value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (" ".join(["one hundred million dollars"] * 4), "does not fit"),
        ("route 66", "'6'"),
        ("café’s", "'é'"),  # the apostrophe is one, however it is typed
        (heard_as(recogniser().network, [sample("weather")])[0], "without any change"),
    ],
)
def test_what_cannot_be_hidden_is_refused_with_a_sentence(text: str, says: str) -> None:
    at = lesson(network="own", clip="weather", text=text)
    assert says in at.info[0].value and not at.warning
    assert len(at.get("vega_lite_chart")) == 1  # the clip's own letters


def test_a_mad_link_is_repaired_and_told() -> None:
    at = lesson(clip="own", steps="0", views="-3", text="")
    assert len(at.info) >= 3


def test_the_quiz_knows_right_from_wrong(opened: AppTest) -> None:
    answered(opened, "speech_answer_b", 50)
    assert "each blank between two equal ones" in opened.error[-1].value
    answered(opened, "speech_answer_b_again", 100)
    answered(opened, "speech_answer_a", 0)
    assert questions_of("speech", text="open the secret door")[0].first.judge(21)[0]  # 20, and a blank in "oo"
    assert link(opened)["done"] == "ab"


def test_an_upload_is_used_and_rubbish_is_refused() -> None:
    at = lesson(network="own", clip="weather", steps="40", text="yes")
    at.file_uploader(key="speech_upload").upload("noise.wav", struct.pack("<64I", *range(64))).run()
    assert not at.exception and "not a sound that can be opened" in at.error[0].value
    assert "The page keeps the clip before it." in at.error[0].value
    assert at.radio(key="speech_clip").value == "weather" and "The network hears “yes”" in at.warning[0].value
    at.file_uploader(key="speech_upload").upload("tune.wav", to_wav(melody(1.0))).run()
    assert not at.exception and not at.error and link(at)["clip"] == "own"
    assert at.radio(key="speech_clip").value == "own" and "The network hears “yes”" in at.warning[0].value
    assert "Your own recording is not in this link" in words(at)


def test_the_samples_are_understood() -> None:
    clips = {file.stem: sample(file.stem) for file in (CHECKPOINT / "clips").glob("*.flac")}
    assert set(CLIPS) - set(clips) == {"melody", "rushing"}
    assert all(heard_as(recogniser().network, list(clips.values())))
    assert all(len(text) > 8 for text in dictated(moonshine(), list(clips.values())))
