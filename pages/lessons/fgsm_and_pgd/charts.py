"""Drawings of the plane of two-pixel pictures: arrays in; pixels, plotly figures or plain data out."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from pages.lessons.fgsm_and_pgd.world import Landscape, Path, Window, turn
from pages.widgets import vega
from pages.widgets.charts import PALETTE, short

# Visible on light and on dark pages, and on the orange of a high loss.
INK, STEP, BACK, ONE_STEP = "#6b7680", PALETTE[0], PALETTE[2], PALETTE[3]
CLASSES = (PALETTE[5], PALETTE[4])
HIGH = 10.0  # the loss from which on the colour stays the same
_ORANGE = (213, 94, 0)
_GREY = (120, 128, 136)


def terrain(land: Landscape) -> np.ndarray:
    """The loss as a picture with a transparent background, (H, W, 4) uint8, its first row on top.

    The orange gets stronger with the loss. Thin lines join points of equal loss, a factor of ten from one to the next;
    the thick line is the decision boundary, where p(y) = ½.
    """
    loss = np.maximum(land.loss, 1e-12)
    opacity = 0.8 * np.clip(loss / HIGH, 0, 1) ** 0.8
    colour = np.broadcast_to(np.array(_ORANGE, np.float64), (*loss.shape, 3))
    tens = np.log10(loss)
    thin = 0.4 * _line(tens - tens.round(), np.gradient(tens), 1.0)
    thick = _line(loss - np.log(2), np.gradient(loss), 2.0)
    for line in (thin, thick):  # grey over the colours
        covered = line + opacity * (1 - line)
        weight = (line / np.maximum(covered, 1e-9))[..., None]
        colour, opacity = weight * np.array(_GREY) + (1 - weight) * colour, covered
    picture = np.concatenate([colour, 255 * opacity[..., None]], -1)
    return picture.round().clip(0, 255).astype(np.uint8)[::-1]


def terrain_png(land: Landscape) -> bytes:
    """`terrain` as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(terrain(land)).save(file, "PNG", compress_level=6)
    return file.getvalue()


def _line(value: np.ndarray, slopes: Sequence[np.ndarray], width: float) -> np.ndarray:
    """The part of each pixel that a line of that width covers where ``value`` is zero, (H, W) in [0, 1].

    Args:
        slopes: the change of the value from pixel to pixel, down and to the right, (H, W) each.
    """
    distance = np.abs(value) / np.maximum(np.hypot(*slopes), 1e-9)
    return np.clip(0.5 + width / 2 - distance, 0, 1)


# ------------------------------------------------------------------------------------------- the plane, as plain data


def scene(window: Window, picture: str, x: np.ndarray, shapes: Sequence[dict[str, Any]], alt: str) -> dict[str, Any]:
    """The plane for a browser to draw.

    Args:
        picture: `terrain` of that window, as a data address.
        x: the attacked point (2,).
        shapes: from `line`, `arrow`, `mark` and `dots`, in the order in which they are drawn.
        alt: a description in words.
    """
    return {
        "window": list(window),
        "picture": picture,
        "point": _rounded(x),
        "shapes": list(shapes),
        "names": ["left pixel x₁", "right pixel x₂"],
        "alt": alt,
    }


def line(
    points: np.ndarray, colour: str, width: float = 2.5, *, dashes: str = "", name: str = "", follows: bool = False
) -> dict[str, Any]:
    """A line through points (M, 2).

    Args:
        name: for the legend.
        follows: whether it moves with x while x is dragged.
    """
    kind = {"kind": "line", "points": _rounded(points), "colour": colour, "width": width}
    return {**kind, "dashes": dashes, "name": name, "follows": follows}


def arrow(start: np.ndarray, end: np.ndarray, colour: str, width: float = 4) -> dict[str, Any]:
    """An arrow from point to point, each (2,)."""
    return {"kind": "arrow", "points": _rounded(np.stack([start, end])), "colour": colour, "width": width}


def mark(point: np.ndarray, symbol: str, colour: str, name: str = "") -> dict[str, Any]:
    """One point (2,) as a "circle", a "cross" or a "star"."""
    return {"kind": "mark", "points": _rounded(point[None]), "symbol": symbol, "colour": colour, "name": name}


def dots(x: np.ndarray, y: np.ndarray) -> list[dict[str, Any]]:
    """The data, points (N, 2) of labels (N,): circles are class 0, squares class 1."""
    return [
        {"kind": "dots", "points": _rounded(x[y == label], 3), "symbol": symbol, "colour": CLASSES[label]}
        for label, symbol in enumerate(("circle", "square"))
    ]


# -------------------------------------------------------------------------------------------------------------- charts


def surface_chart(land: Landscape, edge: np.ndarray, edge_loss: np.ndarray, marks: Sequence[Any]) -> go.Figure:
    """The loss as a surface in space, with the ball's edge (M, 2) drawn on it.

    Args:
        edge_loss: the loss along the edge, (M,).
        marks: (points (K, 2), their losses (K,), colour, name) each, drawn as a line with its last point marked.
    """
    figure = go.Figure()
    figure.add_surface(
        x=land.xs, y=land.ys, z=np.minimum(land.loss, 2 * HIGH).astype(np.float32), cmin=0, cmax=HIGH, opacity=0.92,
        colorscale=[[0, "#e8ecef"], [1, PALETTE[1]]], showscale=False,
        hovertemplate="x₁ %{x:.2f}, x₂ %{y:.2f}<br>loss %{z:.2f}<extra></extra>",
        contours={"z": {"show": True, "start": 1, "end": 2 * HIGH, "size": 1, "color": "#8a949e", "width": 1}},
    )  # fmt: skip
    lift = 0.15
    figure.add_scatter3d(
        x=edge[:, 0], y=edge[:, 1], z=edge_loss + lift, mode="lines", hoverinfo="skip", showlegend=False,
        line={"color": "#16202a", "width": 5},
    )  # fmt: skip
    for points, losses, colour, name in marks:
        figure.add_scatter3d(
            x=points[:, 0], y=points[:, 1], z=losses + lift, mode="lines+markers", name=name, hoverinfo="name",
            line={"color": colour, "width": 6},
            marker={"color": colour, "size": [*[1] * (len(points) - 1), 6]},
        )  # fmt: skip
    axis = {"showbackground": False, "gridcolor": _css(_GREY, 0.4)}
    figure.update_layout(
        height=440,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        legend={"orientation": "h", "y": 0.02, "x": 0},
        uirevision="keep",
        scene={
            "xaxis": {**axis, "title": "x₁"},
            "yaxis": {**axis, "title": "x₂"},
            "zaxis": {**axis, "title": "loss"},
            "aspectratio": {"x": 1, "y": 1, "z": 0.65},
            "camera": {"eye": {"x": -1.0, "y": -1.5, "z": 0.95}},
        },
    )
    return figure


def confidence_chart(doubt: np.ndarray, norms: np.ndarray, here: tuple[float, float]) -> dict[str, Any]:
    """‖∂L/∂x‖₂ against 1 - p(y), both logarithmic, as a Vega-Lite specification: (N,) each for the data; one mark."""

    def rows(pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
        return {"values": [{"doubt": float(f"{a:.4g}"), "norm": float(f"{b:.4g}")} for a, b in pairs if a > 0 < b]}

    ticks = {"format": ".0e", "tickCount": 5, "labelOverlap": True}
    x = vega.numbers("doubt", "1 − p(y)", axis=ticks, type="log")
    y = vega.numbers("norm", "‖∇L‖₂", axis=ticks, type="log")
    tooltip = [
        {"field": "doubt", "title": "1 − p(y)", "format": ".1e"},
        {"field": "norm", "title": "‖∇L‖₂", "format": ".1e"},
    ]
    data = {"type": "point", "filled": True, "size": 35, "color": PALETTE[5], "opacity": 0.8}
    own = {"type": "point", "filled": True, "shape": "diamond", "size": 320, "color": PALETTE[1], "stroke": "white"}
    return {
        "encoding": {"x": x, "y": y, "tooltip": tooltip},
        "layer": [
            {"data": rows(list(zip(doubt, norms, strict=True))), "mark": data},
            {"data": rows([here]), "mark": {**own, "opacity": 1}},
        ],
    }


def _css(colour: tuple[int, int, int], opacity: float) -> str:
    return f"rgba({colour[0]}, {colour[1]}, {colour[2]}, {opacity})"


# ------------------------------------------------------------------------------------------------ a run, phase by phase


def panel(title: str, way: Path, window: Window, picture: str, edge: np.ndarray, symbol: str) -> dict[str, Any]:
    """A run as plain data for a player: the fixed background, and one phase after the other.

    Each step has three phases: the gradient, the step, the projection.

    Args:
        picture: the terrain of the window, a data address; edge: the ball's, (M, 2).
        symbol: the formula of the step, such as "α·sign(∇L)".
    """
    return {
        "title": title,
        "window": list(window),
        "picture": picture,
        "edge": _rounded(edge),
        "points": _rounded(_within(way.points, way.points[0], window)),
        "moved": _rounded(_within(way.moved, way.points[:-1], window)),
        "gradients": [_rounded(_unit(each)) for each in way.gradients],
        "projects": [way.projects(step) for step in range(way.steps)],
        "texts": [_start(way), *(text for step in range(way.steps) for text in _phases(way, step, symbol))],
    }


def _within(points: np.ndarray, origins: np.ndarray, window: Window) -> np.ndarray:
    """The points; those far outside the window are pulled towards their origins, in the same direction."""
    far = 3 * (window[1] - window[0])
    away = points - origins
    size = np.abs(away).max(-1, keepdims=True)
    return origins + away * np.minimum(1, far / np.maximum(size, 1e-300))


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-300)


def _rounded(values: np.ndarray, digits: int = 5) -> list[Any]:
    listed: list[Any] = np.round(values, digits).tolist()
    return listed


def _start(way: Path) -> str:
    return f"Start at x. Loss {short(way.losses[0])}, p(y)\u00a0{_share(way.probabilities[0])}."


def _phases(way: Path, step: int, symbol: str) -> tuple[str, str, str]:
    gradient, went = way.gradients[step], way.moved[step] - way.points[step]
    angle = turn(gradient, went)
    turned = f", turned by {angle:.0f}° from ∇L" if angle >= 0.5 else ""
    now = f"Loss {short(way.losses[step + 1])}, p(y)\u00a0{_share(way.probabilities[step + 1])}."
    if way.projects(step):
        after = "Outside the ball: back to its nearest point"
    elif way.projected == "last" and step < way.steps - 1:
        after = "No projection yet"
    else:
        after = "Inside the ball: nothing to project"
    return (
        f"∇L = ({short(gradient[0])}, {short(gradient[1])}), length {short(float(np.linalg.norm(gradient)))}.",
        f"{symbol} = ({short(went[0])}, {short(went[1])}){turned}.",
        f"{after}. {now}",
    )


def _share(p: float) -> str:
    """A probability after its "p(y)", with spaces that do not break."""
    text = "< 0.1 %" if p < 0.0005 else "> 99.9 %" if p > 0.9995 else f"= {100 * p:.1f} %"
    return text.replace(" ", "\u00a0")
