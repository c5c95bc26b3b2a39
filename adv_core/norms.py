"""The norms of a ball, one entry per norm: its name, unit and formulas, its set, and the bounds of ε.

All code that shows, checks or builds a ball reads this table. No other code distinguishes between norms.
"""

from dataclasses import dataclass
from typing import Literal

from adv_core.perturbation_sets import L0, L1, L2, Ball, Linf

NormKey = Literal["linf", "l2", "l1", "l0"]


@dataclass(frozen=True)
class Norm:
    """Norm metadata: names, unit, formulas, the set, and the bounds of ε.

    ε is computed in pixel units (brightness from 0 to 1) and read in the unit of the norm: ε = 8/255 reads as 8.

    Attributes:
        key: its name in requests and links.
        title: for people.
        ball: its set Δ.
        latex: the index of ‖δ‖.
        steepest: LaTeX of the steepest step along the gradient g.
        scale: the number of its units that make 1 in pixel units.
        axis: ε and its unit, for the axis of a chart.
        question: the label of the slider of ε.
        note: the meaning of a value of ε, a sentence; ``{eps}`` stands for the value read.
        bounds: the least and the largest ε of the slider, in the unit.
        step: the step of the slider.
        start: where the slider starts.
        sweep: values of ε for a curve, in the unit.
        whole: whether a photograph at its own size can be attacked in it. True where a step sorts no pixels.
    """

    key: NormKey
    title: str
    ball: type[Ball]
    latex: str
    steepest: str
    scale: float
    axis: str
    question: str
    note: str
    bounds: tuple[float, float]
    step: float
    start: float
    sweep: tuple[float, ...]
    whole: bool = True

    def radius(self, value: float) -> float:
        """ε in pixel units, of a value in the norm's unit."""
        return value / self.scale

    def text(self, radius: float) -> str:
        """A radius in pixel units for people: "4/255", "3 (L2)", "200 pixels"."""
        if self.scale == 255:
            return f"{radius * 255:.3g}/255"
        return f"{radius:.0f} pixels" if self.title == "pixels" else f"{radius:.3g} ({self.title})"

    def formula(self, value: float) -> str:
        """ε as LaTeX, of a value in the norm's unit."""
        return rf"\tfrac{{{value:g}}}{{255}}" if self.scale == 255 else f"{value:g}"


NORMS: dict[NormKey, Norm] = {
    norm.key: norm
    for norm in (
        Norm(
            "linf",
            "L∞",
            Linf,
            latex=r"\infty",
            steepest=r"\operatorname{sign}(g)",
            scale=255,
            axis="ε in 1/255",
            question="ε: largest change of each value, in 1/255",
            note="ε = {eps}/255 = {radius:.4f} of the brightness range.",
            bounds=(0, 32),
            step=1,
            start=4,
            sweep=(1.0, 2.0, 4.0, 8.0, 16.0),
        ),
        Norm(
            "l2",
            "L2",
            L2,
            latex="2",
            steepest=r"g / \|g\|_2",
            scale=1,
            axis="ε (L2)",
            question="ε: length of the whole change, ‖δ‖₂",
            note="‖δ‖₂ is taken over all colour values, each between 0 and 1.",
            bounds=(0.0, 10.0),
            step=0.25,
            start=3.0,
            sweep=(0.5, 1.0, 2.0, 4.0, 8.0),
        ),
        Norm(
            "l1",
            "L1",
            L1,
            latex="1",
            steepest=r"\operatorname{sign}(g)_{\text{largest } 1\,\%} / n",
            scale=1,
            axis="ε (L1)",
            question="ε: sum of all absolute changes, ‖δ‖₁",
            note="‖δ‖₁ = 40 is enough to move forty colour values from black to white.",
            bounds=(0.0, 400.0),
            step=5.0,
            start=40.0,
            sweep=(10.0, 20.0, 40.0, 80.0, 160.0),
            whole=False,
        ),
        Norm(
            "l0",
            "pixels",
            L0,
            latex="0",
            steepest=r"g / \|g\|_\infty",
            scale=1,
            axis="ε in pixels",
            question="ε: number of pixels that may change",
            note="These pixels may take any colour. All other pixels stay unchanged.",
            bounds=(0, 2000),
            step=10,
            start=200,
            sweep=(50.0, 100.0, 200.0, 400.0, 800.0),
            whole=False,
        ),
    )
}
