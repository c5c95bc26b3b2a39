"""The section on the sign: its box, and stickers for it."""

from collections.abc import Iterator

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.images import Pixels, to_png
from adv_core.serving.engine.look import Pictures
from adv_core.signs.driving import SignBox
from adv_core.signs.finding import LEAST
from adv_core.signs.stickers import BARE, covered, places, with_stickers
from pages.lessons.signs.charts import box_chart
from pages.lessons.signs.run import NO_SIGN, Run, around, boxed, counted, short, title
from pages.lessons.signs.settings import DRIVES, FRAMES, JUDGED, SIGNS, STEPS, VIEWS, WHERE, page
from pages.lessons.signs.tasks import Drive, FindSign, PutStickers, ReadSign, Stuck
from pages.widgets.glossary import prose
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import OWN
from pages.widgets.stage import PictureRow, percent, picture_uri, playground, save_button
from pages.widgets.verdict import fooled, held, note

TITLES = {"x": "x, the sign", "alone": "+ δ, the stickers", "now": "= x + δ"}
ALONE = "The stickers alone, at their places on the sign"
WIDEST = 320  # of the photograph to drag on, in pixels: it fits on a phone
GREY = 128  # the level of the control's stickers
state = st.session_state


def on_the_sign(run: Run) -> Iterator[None]:
    st.subheader("1 · Stickers on a sign", anchor="stickers")
    prose(
        "A small network reads traffic signs. Put small black and white stickers on a stop sign, less than a twentieth "
        "of it, and the network reads another sign from a car that drives by. People see a stop sign with stickers."
    )
    settings = page.value
    about = (
        hash(run.original.tobytes()),
        settings.target,
        settings.where,
        settings.part,
        settings.large,
        settings.seed,
    )
    with playground("signs"):
        pictures, told = st.columns([2, 1], gap="medium", vertical_alignment="center")
        with pictures:
            row = PictureRow("stage_signs", TITLES, middle(run.original), about, grey=("alone", "now"))
        verdict = told.container(key="signs_verdict").empty()
        left, right = st.columns(2, gap="medium")
        with left:
            page.control(
                "target", st.selectbox, "The sign that the network has to read", list(SIGNS), format_func=SIGNS.get
            )
        with right:
            page.control("part", st.slider, "Part of the sign that stickers may cover, in %", 1, 20)
        page.choice("where", "Where stickers may be", WHERE)
    place = st.container(key="signs_place")
    yield
    height, width = run.original.shape[:2]
    if min(height, width) < LEAST:
        row.show("x", middle(run.original), "too small")
        note(
            verdict,
            f"**The photograph is too small:** it has {width} × {height} pixels here. "
            f"It needs at least {LEAST} × {LEAST}. Choose another one in the settings of the page.",
        )
        return
    goes_on = find_box(run, row, verdict)
    box_controls(run, place)
    if goes_on:
        follow_stickers(run, row, verdict)


def middle(pixels: Pixels) -> Pixels:
    """The square in the middle of a photograph."""
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


# ------------------------------------------------------------------------------------------------------------- the box


def box_controls(run: Run, place: DeltaGenerator) -> None:
    """Draw the photograph to drag a box on, and the same as sliders.

    They open by themselves for a photograph of the visitor's own, whose proposal may be wrong, and where no sign is
    found. Who closes them leaves them closed for that photograph.
    """
    settings, shown = page.value, state["signs photograph"][0]
    needed = settings.image == OWN or run.label in (None, NO_SIGN)
    if needed and state.get("signs offered") != shown:
        state["signs offered"] = shown
        state.signs_open = True
    places = place.expander("The box of the sign: drag another one", on_change="rerun", key="signs_open")
    if not places.open:
        return
    box = run.box
    with places:
        left, right = st.columns([3, 2], gap="medium")
        with left, st.container(key="signs_photograph"):
            show_box(run.original, box)
        with right:
            st.caption("Drag a box around the sign, so that it touches the sign's edges.")
            if settings.large:
                page.control("across", st.slider, "Its middle, from the left in %", 0.0, 100.0, step=0.5)
                page.control("down", st.slider, "Its middle, from the top in %", 0.0, 100.0, step=0.5)
                page.control("large", st.slider, "Its side, in % of the photograph's width", 2.0, 100.0, step=0.5)
                st.button("Take the network's proposal", on_click=page.set, kwargs={"large": 0.0}, key="signs_propose")
            elif box is not None:
                st.caption("The network has proposed this one.")
                st.button(
                    "Move it by sliders", on_click=page.set, kwargs=as_settings(box, run.original), key="signs_move"
                )


def as_settings(box: SignBox, pixels: Pixels) -> dict[str, float]:
    """The settings that say the same as a box in pixels, in steps of half a per cent."""
    (across, down), (height, width) = box.middle, pixels.shape[:2]
    parts = {"across": across / width, "down": down / height, "large": max(box.size) / width}
    return {name: min(max(round(200 * part) / 2, 0.0), 100.0) for name, part in parts.items()}


def show_box(pixels: Pixels, box: SignBox | None) -> None:
    """Draw the photograph with its box, to drag another one."""
    height, width = pixels.shape[:2]
    scale = min(WIDEST / width, WIDEST / height, 1)
    parts = None if box is None else (box.left / width, box.top / height, box.right / width, box.bottom / height)
    st.vega_lite_chart(
        box_chart(picture_uri(pixels), parts, round(scale * width), round(scale * height)),
        width="content",
        key="signs_box",
        on_select=dragged,
        alt="The photograph: drag a box around the sign; the sliders beside it do the same",
    )


def dragged() -> None:
    """Take the box that was dragged. A mere click changes nothing."""
    seen = state.signs_box.selection.get("box") or {}
    if not {"u", "v"} <= seen.keys():
        return
    pixels = state["signs photograph"][1]
    (height, width), (left, right), (top, bottom) = pixels.shape[:2], sorted(seen["u"]), sorted(seen["v"])
    if max((right - left) * width, (bottom - top) * height) >= 16:
        page.set(**as_settings(SignBox(left * width, top * height, right * width, bottom * height), pixels))


def find_box(run: Run, row: PictureRow, verdict: DeltaGenerator) -> bool:
    """Find the sign's box, and ask the network what it reads there. Where there is no sign, tell what to do."""
    picture = Pictures.of(run.original[None])
    run.box = boxed(run.original)
    if run.box is None:
        found = follow(job_for("sign find", FindSign(picture)), waiting=verdict.info, end=False)
        if found is None:
            return False
        if found[-1] is None:
            row.show("x", middle(run.original), "no sign found")
            note(
                verdict,
                "**The network finds no sign in this photograph.** If there is one, drag a box around it, under *The "
                "box of the sign* below. Or choose another photograph in the settings of the page.",
            )
            return False
        run.box = found[-1].box
    said = follow(job_for("sign read", ReadSign(picture, run.box)), end=False)
    if said is None:
        return False
    run.label = int(said[-1][0].argmax())
    row.show("x", around(run.original, run.box), title(run.label), percent(float(said[-1][0][run.label])))
    if run.label == NO_SIGN:
        note(
            verdict,
            "**In this box, the network reads no sign.** Drag the box closer around the sign, or take the network's "
            "proposal (see *The box of the sign* below).",
        )
    elif run.label == run.target:
        note(verdict, f"The network reads “{title(run.label)}” without any sticker: choose another sign to be read.")
    return run.label not in (NO_SIGN, run.target)


# -------------------------------------------------------------------------------------------------------- the stickers


def follow_stickers(run: Run, row: PictureRow, verdict: DeltaGenerator) -> None:
    """Show the attack, and then what a drive reads."""
    assert run.box is not None
    settings, box = page.value, run.box
    asked = (settings.where, settings.part, STEPS, VIEWS, settings.seed)
    work = PutStickers(Pictures.of(run.original[None]), box, run.target, *asked)
    index = places(box, *run.original.shape[:2]).numpy()

    def draw(steps: list[Stuck]) -> None:
        last = steps[-1]
        now = with_stickers(run.original, box, last.squares)
        there = (index >= 0) & (last.squares.flatten()[index.clip(0)] != BARE)
        alone = np.where(there[..., None], now, GREY).astype(np.uint8)
        told = f"{int((last.squares != BARE).sum())} squares\nstep {last.index} of {STEPS}"
        row.show("alone", around(alone, box), f"{percent(covered(last.squares))} of the sign", told, ALONE)
        told = f"{short(run.target)}: {percent(last.wanted)}\nin the views of this step"
        row.show("now", around(now, box), "…" if last.index < STEPS else "driving by …", told)

    steps = follow(job_for("sign stickers", work), draw, verdict.info)
    if steps is None:
        return
    run.squares = steps[-1].squares
    run.stuck = with_stickers(run.original, box, run.squares)
    run.grey = with_stickers(run.original, box, run.squares, GREY)
    photographs = Pictures.of(np.stack([run.original, run.grey, run.stuck]))
    for place in range(DRIVES):
        seen = Drive(photographs, box, FRAMES, JUDGED + settings.seed * DRIVES + place)
        frames = follow(job_for(f"sign drive {place}", seen), end=False)
        if frames is None:
            return
        run.drives.append(frames)
    show_verdict(run, verdict, percent(covered(run.squares)))
    last = run.drives[0][-1].probabilities[2]
    row.show("now", None, title(int(last.argmax())), f"{percent(float(last.max()))}\nin the last frame of the drive")


def show_verdict(run: Run, slot: DeltaGenerator, part: str) -> None:
    """Tell in how many frames the network reads the target."""
    assert run.stuck is not None
    assert run.label is not None
    whole = DRIVES * FRAMES
    _, grey, stuck = (counted(run.drives, which, run.target) for which in range(3))
    told = (
        f"With the stickers, the network reads **{title(run.target)}** in **{stuck} of {whole} frames** of {DRIVES} "
        f"drives; with plain grey ones at the same places, in {grey}. They cover {part} of the sign."
    )
    with slot.container():
        if stuck > whole / 2:
            fooled(None, f"**Fooled.** {told}")
        elif stuck > grey:
            note(None, f"**Fooled now and then.** {told} A larger part, or another sign to be read, does better.")
        else:
            held(None, f"**The network holds.** {told} Allow a larger part, or choose another sign to be read.")
        save_button("Save the photograph (PNG)", to_png(run.stuck), "sign-with-stickers.png", key="signs_save")
