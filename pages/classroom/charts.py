"""Charts of a class: the histogram of a poll as a Vega-Lite specification, the board as CSV and as PNG."""

import csv
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from adv_core.classifiers import categories
from adv_core.images import to_png
from adv_core.serving.classroom.challenges import RULES, Challenge
from adv_core.serving.classroom.records import Board, Entry
from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE
from pages.widgets.lettering import can_write, script_of, write
from pages.widgets.stage import percent


def votes_chart(choices: Sequence[str], counts: Sequence[int], answer: int | None) -> vega.Spec:
    """Return the votes, a bar per choice. Once the answer is known, the right bar has a tick and its own colour."""
    values = [
        {"choice": f"{'✓ ' if place == answer else ''}{choice}", "votes": count, "right": place == answer}
        for place, (choice, count) in enumerate(zip(choices, counts, strict=True))
    ]
    y: vega.Spec = {"field": "choice", "type": "nominal", "title": None, "sort": None}
    y["axis"] = {"labelLimit": 220, "labelFontSize": 15, "ticks": False, "domain": False}
    x = vega.numbers("votes", "votes", (0, max(5, *counts)), {"tickMinStep": 1, "format": "d"})
    colour = {"condition": {"test": "datum.right", "value": PALETTE[2]}, "value": PALETTE[0]}
    bar, told = {"type": "bar", "cornerRadiusEnd": 3}, vega.tips(choice="", votes="")
    text = {"type": "text", "align": "left", "dx": 5, "fontSize": 15, "fontWeight": "bold", "color": GREY}
    return {
        "data": {"values": values},
        "layer": [
            {"mark": bar, "encoding": {"x": x, "y": y, "color": colour, "tooltip": told}},
            {"mark": text, "encoding": {"x": x, "y": y, "text": {"field": "votes"}}},
        ],
    }


def minutes(seconds: float) -> str:
    """Return a time as minutes and seconds, such as "4:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def board_csv(board: Board, challenge: Challenge) -> str:
    """Return the board as CSV. A nickname begins with a letter or a digit, so no spreadsheet runs it as a formula."""
    file = io.StringIO()
    lines = csv.writer(file)
    unit = "pixels" if challenge.rule == "pixels" else "levels of 1/255"
    lines.writerow(
        ["rank", "nickname", f"score ({unit})", "class", "probability", "seconds after opening", "pictures handed in"]
    )
    for entry in board.entries:
        said = entry.said
        numbers = [f"{said.probability:.4f}", f"{entry.at:.1f}", entry.tries]
        lines.writerow([entry.rank, entry.nickname, entry.score, categories()[said.label], *numbers])
    return file.getvalue()


def board_picture(board: Board, challenge: Challenge, most: int = 20) -> bytes:
    """Return the first ``most`` lines of the board as a picture for slides, PNG bytes."""
    shown = board.entries[:most]
    width, top, step = 1280, 150, 52
    height = top + step * max(len(shown), 1) + 70
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    write(draw, (40, 28), f"Board: {RULES[challenge.rule].title}", 34, "#16202a", width - 80)
    write(draw, (40, 80), challenge.task, 24, "#44505c", width - 80)
    for place, entry in enumerate(shown):
        y = top + step * place
        if place % 2 == 0:
            draw.rectangle((30, y - 8, width - 30, y + step - 12), fill="#eef2f5")
        said = f"{categories()[entry.said.label]}, {percent(entry.said.probability)}"
        for left, right, text in (
            (44, 100, str(entry.rank)),
            (110, 550, _nickname(entry, place + 1)),
            (570, 825, challenge.score_text(entry.score)),
            (830, 1150, said),
            (1160, 1250, minutes(entry.at)),
        ):
            write(draw, (left, y), text, 24, "#16202a", right - left)
    more = len(board.entries) - len(shown)
    footer = f"{board.members} students, {board.tries} pictures handed in" + (
        f", {more} more on the board" * (more > 0)
    )
    write(draw, (40, height - 50), f"{footer} · Adversarial Lab", 24, "#6a7580", width - 80)
    return to_png(np.asarray(sheet))


def _nickname(entry: Entry, place: int) -> str:
    """The nickname; where no font has its letters, its script and its line on the board."""
    name = entry.nickname
    return name if can_write(name) else f"[{script_of(name)} name, line {place}]"
