"""The sections on the drive, and on the poster."""

from collections.abc import Iterator, Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.images import difference, to_png
from adv_core.serving.engine.look import Pictures
from adv_core.signs.driving import ABOVE, ASIDE, FAR, FOCAL, NEAR, WIDTH, angle, sign_pixels
from pages.lessons.signs.charts import Reading, distance_chart, strip
from pages.lessons.signs.run import Run, around, counted, short, title
from pages.lessons.signs.settings import DRIVES, FRAMES, JUDGED, POSTER_STEPS, VIEWS, page
from pages.lessons.signs.tasks import Drive, Frame, Postered, PutPoster
from pages.widgets.charts import GREY, PALETTE
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, table, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.stage import PictureRow, drawn, drawn_times, percent, picture_uri, playground, save_button, share
from pages.widgets.verdict import fooled, held, note

ROWS = ("the untouched sign", "plain grey stickers, the control", "the stickers")
LINES = (("untouched", PALETTE[0]), ("grey", GREY), ("stickers", PALETTE[1]))  # short: a phone shows them in a row
POSTER = {"x": "x, the sign", "delta": "+ δ", "now": "= x + δ"}


def along_the_road(run: Run) -> Iterator[None]:
    st.subheader("2 · The drive", anchor="drive")
    prose(
        f"A car drives up to the sign from {FAR:g} to {NEAR:g} metres. Its camera is {FOCAL:g} pixels “long” (84° on a "
        f"picture 1920 pixels wide), {ASIDE:g} m beside and {ABOVE:g} m below the middle of the sign, which is "
        f"{100 * WIDTH:g} cm wide: {sign_pixels(FAR):.0f} pixels in the first frame, seen from {angle(FAR):.0f}° "
        f"aside, and {sign_pixels(NEAR):.0f} pixels in the last one, from {angle(NEAR):.0f}°. A tracker cuts the sign "
        "out, not quite exactly; light and noise differ from frame to frame. Each small picture is what the network "
        "sees, and the sign below it is what it reads."
    )
    places: list[DeltaGenerator] = []
    for name in ROWS:
        st.markdown(f"**{name[0].upper()}{name[1:]}**")
        places.append(st.container(key=f"signs_strip_{len(places)}").empty())
        skeleton(places[-1], 150, "The frames come with the stickers")
    counts = st.container(key="signs_counts").empty()
    chart = st.container(key="signs_distances").empty()
    skeleton(chart, 300, "The distances come with the stickers")
    yield
    if not run.drives or run.label is None:
        return
    for which, (name, place) in enumerate(zip(ROWS, places, strict=True)):
        place.html(strip(readings(run.drives[0], which, run.target, run.label), name))
    show_counts(run, counts)
    show_distances(run, chart)


def readings(frames: Sequence[Frame], which: int, target: int, label: int) -> list[Reading]:
    """The frames of one photograph, as the strip shows them."""
    found = []
    for frame in frames:
        said = int(frame.probabilities[which].argmax())
        kind = "fooled" if said == target else "right" if said == label else "other"
        p = percent(float(frame.probabilities[which, said]))
        found.append(Reading(picture_uri(frame.pixels[which]), frame.distance, short(said), p, kind))
    return found


def show_counts(run: Run, slot: DeltaGenerator) -> None:
    """Count the frames of all drives."""
    assert run.label is not None
    whole = DRIVES * FRAMES
    rows = []
    for which, name in enumerate(ROWS):
        wanted, right = (counted(run.drives, which, label) for label in (run.target, run.label))
        rows.append((name, f"**{wanted}** ({share(wanted / whole)})", f"{right} ({share(right / whole)})"))
    head = (f"frames of {DRIVES} drives, {whole} in all", f"read as {title(run.target)}", f"read as {title(run.label)}")
    with slot.container():
        table(head, rows)
        st.caption(
            f"The strips show the first of the {DRIVES} drives. None of their views was used by the attack: they have "
            "other random numbers. What is photographed is the saved 8-bit picture, with black and white squares."
        )


def show_distances(run: Run, slot: DeltaGenerator) -> None:
    """Draw the probability of the target against the distance, the mean of all drives."""
    lines = []
    for which, (name, colour) in enumerate(LINES):
        means = [
            (frames[0].distance, float(np.mean([frame.probabilities[which, run.target] for frame in frames])))
            for frames in zip(*run.drives, strict=True)
        ]
        lines.append((name, colour, means))
    mean = percent(float(np.mean([p for _, p in lines[-1][2]])))
    alt = f"Probability of {title(run.target)} against the distance: with the stickers {mean} on average"
    vega_chart(distance_chart(lines, short(run.target)), 300, alt, slot)


def as_poster(run: Run) -> Iterator[None]:
    st.subheader("3 · The poster: a subtle change of the whole sign", anchor="poster")
    prose(
        "Stickers are seen, but look harmless. The other way of the paper is a poster: the whole sign is printed anew, "
        "and every value changes a little, by at most ε. Here δ is the $L_\\infty$ ball on the octagon, and the "
        "attack averages over the same views."
    )
    about = (hash(run.original.tobytes()), page.value.target, page.value.eps, page.value.large, page.value.seed)
    with playground("poster"):
        pictures, told = st.columns([2, 1], gap="medium", vertical_alignment="center")
        with pictures:
            titles = POSTER | {"delta": drawn(drawn_times(page.value.eps))}
            row = PictureRow("stage_poster", titles, np.full((8, 8, 3), 128, np.uint8), about)
        verdict = told.container(key="signs_poster_verdict").empty()
        page.control("eps", st.slider, "ε of the poster, in 1/255", 0, 64)
    place = st.container(key="signs_poster_strip").empty()
    skeleton(place, 150, "The frames come with the poster")
    yield
    yield
    if run.stuck is not None:
        follow_poster(run, row, verdict, place)


def follow_poster(run: Run, row: PictureRow, verdict: DeltaGenerator, place: DeltaGenerator) -> None:
    """Show the attack, and then what the drives read."""
    assert run.box is not None
    assert run.label is not None
    settings, original = page.value, run.original
    work = PutPoster(Pictures.of(original[None]), run.box, settings.eps, run.target, POSTER_STEPS, VIEWS, settings.seed)
    row.show("x", around(original, run.box), title(run.label))

    def draw(steps: list[Postered]) -> None:
        last = steps[-1]
        verdict.progress(
            last.index / POSTER_STEPS,
            f"Step {last.index} of {POSTER_STEPS}: {short(run.target)} {percent(last.wanted)} in its views",
        )

    steps = follow(job_for("sign poster", work), draw, verdict.info)
    if steps is None:
        return
    poster = steps[-1].pixels
    times = drawn_times(settings.eps)
    norm = int(np.abs(poster.astype(int) - original).max())
    row.show("delta", around(difference(original, poster, times), run.box), f"‖δ‖∞ = {norm}/255")
    row.show("now", around(poster, run.box), "driving by …")
    drives = []
    for each in range(DRIVES):
        seen = Drive(Pictures.of(poster[None]), run.box, FRAMES, JUDGED + settings.seed * DRIVES + each)
        frames = follow(job_for(f"sign poster drive {each}", seen), end=False)
        if frames is None:
            return
        drives.append(frames)
    place.html(strip(readings(drives[0], 0, run.target, run.label), "the poster"))
    last = drives[0][-1].probabilities[0]
    row.show("now", None, title(int(last.argmax())), f"{percent(float(last.max()))}\nin the last frame of the drive")
    wanted, right, whole = (*(counted(drives, 0, label) for label in (run.target, run.label)), DRIVES * FRAMES)
    told = (
        f"The network reads **{title(run.target)}** in **{wanted} of {whole} frames**, and {title(run.label)} in "
        f"{right}. No value of the photograph differs by more than {norm} of 255 levels."
    )
    with verdict.container():
        if wanted > whole / 2:
            fooled(None, f"**Fooled.** {told}")
        elif right < whole:
            note(None, f"**Fooled now and then.** {told} A larger ε does better.")
        else:
            held(None, f"**The network holds.** {told} Take a larger ε.")
        save_button("Save the photograph (PNG)", to_png(poster), "sign-as-poster.png", key="signs_poster_save")
