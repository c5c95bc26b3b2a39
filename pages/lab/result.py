"""The result of a run on the lab's page: the pictures, the probabilities before and after, the replay, the loss."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from adv_core.serving.engine.attack import SHOWN_SIDE, Attack, Frame, thin
from pages.lab.settings import Settings
from pages.lab.verdict import Verdict, at_step
from pages.widgets.ask import look
from pages.widgets.charts import loss_chart
from pages.widgets.lesson import vega_chart
from pages.widgets.stage import Stage, bars, class_colours, top


@dataclass(frozen=True, eq=False)
class Subject:
    """The picture under attack, and the network's prediction for the untouched picture.

    Attributes:
        original: (H, W, 3) uint8.
        clean: the probability of each class, (K,).
        request: the attack.
    """

    settings: Settings
    original: np.ndarray
    clean: np.ndarray
    request: Attack

    @property
    def label(self) -> int:
        """The class that the network predicts for the untouched picture."""
        return int(self.clean.argmax())

    def colours(self, *probabilities: np.ndarray) -> dict[int, str]:
        """Return a colour for each class that is shown: the same class has the same colour before and after."""
        wanted = [self.settings.target] if self.settings.targeted else []
        return class_colours(self.label, *wanted, *top(self.clean), *(c for p in probabilities for c in top(p)))

    def size_text(self, frame: Frame) -> str:
        """Return ε, or the size that was found where the attack looks for the smallest δ, with its unit."""
        settings = self.settings
        return settings.ball.text(float(frame.size[0]) if settings.info.minimal else settings.radius)


def display(pixels: np.ndarray) -> np.ndarray:
    """Return the pixels for the browser, which are fewer for a large picture. The saved file has them all."""
    side = max(pixels.shape[:2])
    if side <= SHOWN_SIDE:
        return pixels
    image = Image.fromarray(pixels)
    image.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


class Result:
    """The places of the result on the page, drawn empty; each frame fills them anew.

    Args:
        replaying: the place of the slider that replays the run.
        opinion: the place of the probabilities and of the chart over the steps; None where their tab is closed.
    """

    def __init__(
        self,
        subject: Subject,
        stage: Stage,
        status: DeltaGenerator,
        replaying: DeltaGenerator,
        opinion: DeltaGenerator | None,
    ) -> None:
        self.subject, self.stage, self.status, self.scrub = subject, stage, status, replaying
        self.opinion = opinion
        if opinion is None:
            return
        with opinion:
            st.subheader("Class probabilities, before and after", anchor="probabilities")
            before, after = (c.container(key=k) for c, k in zip(st.columns(2), ("before", "after"), strict=True))
            before.markdown("**Before**")
            self.title = after.empty()
            before_bars, self.bars = before.empty(), after.empty()
            if subject.settings.info.is_iterative:
                self.loss = st.container(key="loss").empty()
        bars(before_bars, subject.clean, top(subject.clean), subject.colours())

    def draw(self, frames: list[Frame]) -> None:
        """Show the newest frame of a run that goes on."""
        frame, length = frames[-1], max(self.subject.request.length, 1)
        self._show(frame, frame.probabilities[0], "After (running, before rounding to 8 bits)")
        self.status.progress(min(frame.index / length, 1.0), f"Step {frame.index} of {self.subject.request.length}")
        self._draw_loss(frames)

    def replay(self, frames: list[Frame]) -> Verdict | None:
        """Show the step of a finished run that the visitor chooses, the last one at first.

        Return what the network says at that step, or None at the last one, which counts.
        """
        settings, chosen = self.subject.settings, len(frames) - 1
        if settings.info.is_iterative:
            # Streamlit keeps the arguments of a widget, also of one that is gone: the frames must not be among them.
            indices = [each.index for each in frames]
            chosen = self.scrub.select_slider(
                "Replay the attack, step by step",
                range(len(frames)),
                chosen,
                format_func=lambda place: str(indices[place]),
                key=f"step_{hash(self.subject.request)}",
                help="Step 0 is the start of the attack.",
            )
        frame = frames[chosen]
        assert frame.pixels is not None
        probabilities, title = frame.probabilities[0], f"At step {frame.index}"
        if chosen == len(frames) - 1:
            title = "After"
        elif frame.pixels[0].shape != self.subject.original.shape:
            # A thinned-out picture is not the one that was judged.
            title = f"At step {frame.index}, before rounding to 8 bits"
        else:
            # A frame on the way was judged before rounding; the page judges the picture that it shows.
            judged = look("judge", frame.pixels[0], settings.model)
            if judged is not None:
                probabilities = judged.probabilities[0]
        self._show(frame, probabilities, title)
        self._draw_loss(frames, frame.index)
        if chosen == len(frames) - 1:
            return None
        return at_step(settings, self.subject.label, frame.index, probabilities)

    def _show(self, frame: Frame, probabilities: np.ndarray, title: str) -> None:
        subject = self.subject
        assert frame.pixels is not None
        now = int(probabilities.argmax())
        linf, l2 = map(float, frame.norms[0])
        delta = thin(subject.original), thin(frame.pixels[0])
        self.stage.perturbation(*delta, subject.settings.amp, subject.size_text(frame), (linf, l2))
        self.stage.fooled(display(frame.pixels[0]), now, float(probabilities[now]))
        if self.opinion is not None:
            self.title.markdown(f"**{title}**")
            bars(self.bars, probabilities, top(probabilities), subject.colours(probabilities))

    def _draw_loss(self, frames: list[Frame], mark: int | None = None) -> None:
        settings = self.subject.settings
        if not settings.info.is_iterative or self.opinion is None:
            return
        # A search for the smallest δ shows the size of δ; every other attack shows its objective.
        minimal, ball = settings.info.minimal, settings.ball
        points = [(f.index, float(f.size[0]) * ball.scale if minimal else float(f.loss[0])) for f in frames]
        title = f"size of δ, {ball.axis.removeprefix('ε ')}" if minimal else "objective"
        # Vega redraws in place; a plotly chart blinks each time it is replaced.
        vega_chart(
            loss_chart(points, self.subject.request.length, mark, title), 200, f"{title} at each step", self.loss
        )
