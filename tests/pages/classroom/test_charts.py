import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from adv_core.serving.classroom.challenges import Challenge, Prediction
from adv_core.serving.classroom.nicknames import cleaned
from adv_core.serving.classroom.records import Board, Entry
from pages.classroom.charts import board_csv, board_picture, minutes, votes_chart
from pages.widgets import lettering
from tests.pages.widgets.test_lettering import characters, drawn_in

CHALLENGE = Challenge(bytes(3), 1, 1, "efficientnet_lite0", 105, most=8)


def board(count: int) -> Board:
    entries = [Entry(n, n, f"Ada {n}", n, Prediction(404, 0.5), None, 61.5 * n, 2) for n in range(1, count + 1)]
    return Board(tuple(entries), count + 3, 2 * count)


def test_the_answer_is_marked_once_it_is_known() -> None:
    asked, told = votes_chart(["left", "right"], [3, 0], None), votes_chart(["left", "right"], [3, 0], 1)
    assert [value["votes"] for value in asked["data"]["values"]] == [3, 0]
    assert not any(value["right"] for value in asked["data"]["values"])
    assert [value["choice"] for value in told["data"]["values"]] == ["left", "✓ right"]


def test_the_board_as_csv() -> None:
    lines = list(csv.reader(io.StringIO(board_csv(board(2), CHALLENGE))))
    assert lines[0][:3] == ["rank", "nickname", "score (levels of 1/255)"]
    assert lines[1:] == [
        ["1", "Ada 1", "1", "airliner", "0.5000", "61.5", "2"],
        ["2", "Ada 2", "2", "airliner", "0.5000", "123.0", "2"],
    ]


def test_the_board_as_a_picture_grows_with_its_lines() -> None:
    sizes, inks = [], []
    for count in (0, 1, 5, 20, 40):
        pixels = np.asarray(Image.open(io.BytesIO(board_picture(board(count), CHALLENGE))))
        sizes.append(pixels.shape[0])
        inks.append((pixels < 100).sum())
    assert sizes[0] <= sizes[1] < sizes[2] < sizes[3] == sizes[4] and inks[0] < inks[1] < inks[2] < inks[3]


def test_a_long_nickname_stays_in_its_column() -> None:
    long = replace(board(1).entries[0], nickname="W" * 20)
    pixels = np.asarray(Image.open(io.BytesIO(board_picture(Board((long,), 1, 1), CHALLENGE))))
    line = pixels[142:190]
    assert (line[:, 110:300] < 100).any() and not (line[:, 551:569] < 100).any()


NAMES = {
    "Latin": "Zoë Łukasiewicz-Đặng",
    "Greek": "Ελένη Παπαδάκη",
    "Cyrillic": "Юлія Ковальчук",
    "Arabic": "ليلى",
    "Hebrew": "יעל",
    "Georgian": "ნინო",
    "Chinese": "李明",
    "Devanagari": "प्रिया",
    "Hangul": "지민",
    "Thai": "สมชาย",
}
WRITTEN = ("Latin", "Greek", "Cyrillic", "Arabic", "Hebrew", "Georgian")


def test_names_in_every_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that no font can write is given by its script and its line. No font lacks a character of its text."""
    drawn = drawn_in(monkeypatch)
    monkeypatch.setattr(lettering, "OTHERS", ())
    lines = [replace(board(1).entries[0], nickname=cleaned(name), rank=1) for name in NAMES.values()]
    board_picture(Board(tuple(lines), len(lines), len(lines)), CHALLENGE)
    texts = [text for text, _ in drawn]
    for line, (script, name) in enumerate(NAMES.items(), 1):
        told = f"[{script} name, line {line}]"
        assert name in texts if script in WRITTEN else told in texts and name not in texts
    assert [text for text, face in drawn if any(ord(sign) not in characters(face) for sign in text)] == []


def test_minutes() -> None:
    assert [minutes(s) for s in (0, 9.9, 60, 605)] == ["0:00", "0:09", "1:00", "10:05"]
