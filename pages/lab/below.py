"""The tabs of the lab below the result: random views, noise, saving and sharing, the curve over ε."""

from dataclasses import replace

import streamlit as st

from adv_core.classifiers import categories, info_of
from adv_core.images import difference, to_png
from adv_core.serving.engine.attack import Frame, thin
from adv_core.serving.engine.look import Pictures, Views
from adv_core.serving.engine.noise import Noise
from adv_core.serving.engine.process import default_engine
from adv_core.serving.limits import LIMITS
from pages.lab.result import Subject, display
from pages.lab.settings import SEEN, page
from pages.lab.snippet import snippet
from pages.widgets.charts import curve, side_by_side
from pages.widgets.glossary import prose
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import OWN
from pages.widgets.program import show_program
from pages.widgets.stage import bars, class_colours, percent, save_button, show_picture, top


def show_sweep(subject: Subject) -> None:
    """Draw the curve of probabilities over ε: the same attack with several radii at once."""
    settings, request, clean, label = subject.settings, subject.request, subject.clean, subject.label
    st.subheader("Curve over ε: how large must it be?", anchor="epsilon-curve")
    if settings.info.minimal:
        st.caption("This attack searches for the smallest ε, so it has no curve over ε. Choose PGD to see one.")
        return
    if settings.radius <= 0:
        st.caption("ε = 0 allows no change. Increase ε to see the curve.")
        return
    if "queries" in request.info.options:
        st.caption("A black-box attack needs too many queries for a whole curve. Change ε by hand instead.")
        return
    if request.views:
        st.caption("With random views in each step, a whole curve takes too long. Change ε by hand instead.")
        return
    ball = settings.ball
    values = sorted({*ball.sweep, settings.shown_eps} - {0.0})
    if len(values) * request.row_pixels > LIMITS.max_pixels:
        st.caption(
            "This photograph is too large for a curve over ε. Turn off *Attack the photograph at its full size*."
        )
        return
    sweep = replace(request, eps=tuple(map(ball.radius, values)), pictures=False)
    slot, note = st.empty(), st.empty()
    wanted = settings.target if settings.targeted and settings.target != label else None
    colours = class_colours(label, *([] if wanted is None else [wanted]))

    def draw(frames: list[Frame]) -> None:
        index = frames[-1].index
        if index < sweep.length:
            note.caption(f"Running the attack with {len(values)} values of ε at once: step {index} of {sweep.length} …")
            return
        now = frames[-1].probabilities
        lines = [
            (categories()[c], [0.0, *values], [float(clean[c]), *map(float, now[:, c])], colours[c]) for c in colours
        ]
        figure = curve(
            lines,
            x_title=ball.axis,
            y_title="probability",
            y_range=(-0.02, 1.02),
            mark=settings.shown_eps,
            mark_text="your ε",
        )
        alt = f"Probability against ε of: {', '.join(categories()[c] for c in colours)}"
        slot.plotly_chart(figure, width="stretch", alt=alt, config={"displayModeBar": False}, key="sweep_chart")

    if follow(job_for("sweep", sweep), draw, note.caption, interval=0.6):
        note.caption(
            "Each point is a separate run of this attack with that ε. Its probability is that of the picture rounded "
            "to 8 bits. ε = 0 is the untouched picture."
            + (" The random starts of all runs have the same direction." if request.random_start else "")
        )


def show_views(subject: Subject, last: Frame) -> None:
    """Count how often the network is fooled when the picture is turned, scaled, blurred and compressed."""
    settings = subject.settings
    if not subject.request.views:
        return
    assert last.pixels is not None
    found = follow(job_for("views", Views(Pictures.of(last.pixels[0]), settings.model, SEEN, settings.seed + 1)))
    if found is None:
        return
    classes = found[-1].logits.argmax(1)
    fooled = int((classes == settings.target if settings.targeted else classes != subject.label).sum())
    aim = f"predicts {categories()[settings.target]}" if settings.targeted else "is fooled"
    st.caption(
        f"We draw {SEEN} new random views of this picture: rotated by up to 15°, scaled, cropped, lighter or darker, "
        f"blurred, saved as JPEG. The network {aim} in **{fooled}** of them."
    )


def show_noise(subject: Subject, last: Frame) -> None:
    """Show random noise of the same size beside the attack."""
    settings = subject.settings
    st.subheader("Random noise of the same size", anchor="random-noise")
    room = float(last.size[0]) if settings.info.minimal else settings.radius
    picture, classifier = subject.request.picture, subject.request.classifier
    noise = Noise(picture, classifier, settings.ball.key, (room,), subject.label, settings.seed)
    noisy = follow(job_for("noise", noise))
    if noisy is None:
        return
    pixels, probabilities = noisy[-1].pixels, noisy[-1].probabilities[0]
    assert pixels is not None
    shown, text = st.columns([1, 2])
    seen = int(probabilities.argmax())
    show_picture(display(pixels[0]), f"Noisy picture, classified as {categories()[seen]}", shown)
    prose(
        f"This picture has random noise with ε = {settings.ball.text(room)}, seed {settings.seed}. The network "
        f"predicts **{categories()[seen]}** ({percent(float(probabilities[seen]))}). Noise and attack are equally "
        "large; only the direction differs.",
        text,
    )
    bars(text.empty(), probabilities, top(probabilities), subject.colours(probabilities))


def show_saving(subject: Subject, last: Frame) -> None:
    """Offer the picture, a sheet for slides, the link and the program."""
    settings, request, original = subject.settings, subject.request, subject.original
    st.subheader("Save and share", anchor="save")
    final = last.pixels
    assert final is not None
    now = int(last.logits[0].argmax())
    p_label, p_now = float(subject.clean[subject.label]), float(last.probabilities[0, now])
    k = settings.amp
    linf, l2 = map(float, last.norms[0])
    left, right = st.columns(2)
    save_button("Adversarial picture (PNG)", to_png(final[0]), "adversarial.png", left, width="stretch")
    left.caption("The file has exactly the pixels that were classified. Upload it here: the prediction is the same.")
    sheet = side_by_side(
        [
            (display(original), categories()[subject.label], percent(p_label)),
            (
                difference(thin(original), thin(final[0]), k),
                f"{k} × perturbation",
                f"max {linf:g}/255, length {l2:.2f}",
            ),
            (display(final[0]), categories()[now], percent(p_now)),
        ],
        f"{info_of(settings.model).title}, {settings.info.title}, ε = {subject.size_text(last)} · Adversarial Lab",
    )
    save_button("Side by side, for slides (PNG)", sheet, "side-by-side.png", right, width="stretch")
    right.caption("All three pictures, with the predictions.")
    st.markdown("**Link to exactly this state**")
    st.code(page.link(), language=None, wrap_lines=True)
    if settings.image == OWN:
        st.caption("The link does not contain your own picture, which never leaves this session.")
    engine = default_engine()
    program = snippet(
        request, settings.image, whole=settings.whole, device=engine.device, threads=engine.threads, amp=settings.amp
    )
    show_program(
        program,
        page,
        "The program repeats this run. On the same processor, with the same number of threads, it gives the same "
        "δ, bit for bit. In three cases, sums are rounded differently: on another processor; where this page "
        "computed your run in one batch with those of others; and where your run left a core to another program. A "
        "few components of the gradient then change their sign, each step amplifies the difference, and many "
        "pixels differ in the end. The final loss is about the same.",
    )
