"""The verdict as one page of HTML: it opens offline, and fetches nothing."""

import base64
import math
from collections.abc import Sequence
from html import escape

import numpy as np
import torch
from torch import Tensor

from adv_core.evaluation.record import STANDS, Evaluation, percent
from adv_core.images import to_png
from adv_core.norms import NORMS

SHOWN = 12  # pictures of broken examples
_SIDE = 112  # of a picture on the page, in pixels

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 25%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: right; white-space: nowrap; }
th { white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; white-space: normal; }
tr.worst { font-weight: 600; }
.verdict { font-size: 1.4rem; }
.warnings li { margin-bottom: .5rem; }
.examples { display: flex; flex-wrap: wrap; gap: 1.2rem; }
figure { margin: 0; } figcaption { font-size: .85rem; max-width: 22rem; }
figure img { image-rendering: pixelated; margin-right: .2rem; }
svg { max-width: 100%; height: auto; }
polyline { stroke: light-dark(#0072b2, #56b4e9); }
@media (max-width: 600px) { th, td { padding: .3rem; font-size: .85rem; } svg text { font-size: 17px; } }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
"""


def html_report(
    now: Evaluation, x: Tensor, *, name: str = "the classifier", classes: Sequence[str] | None = None, command: str = ""
) -> str:
    """Return the page: verdict, table, warnings, security curve, and the examples with the smallest perturbations.

    Args:
        x: the examples of the evaluation, (N, C, H, W) with one or three colours, or other ones, which are not shown.
        name: of the classifier; classes: names of the classes; command: the command that made the report, if any.
    """
    ball = NORMS[now.norm]
    title = f"Robustness of {name}"
    low, high = now.interval
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p class='verdict'>At most <strong>{percent(now.accuracy)}</strong> of {now.count} examples stand in the "
        f"{escape(ball.title)} ball of ε = {escape(ball.text(now.eps))}. Without an attack, "
        f"{percent(now.clean_accuracy)} are right.</p>",
        "<p>An example stands if no attack has found a δ in the ball at which the classifier is wrong. With this many "
        f"examples, the share is known from {percent(low)} to {percent(high)} (95 % interval).</p>",
        "" if now.finished else "<p><strong>This evaluation was stopped before its end.</strong></p>",
        _warnings(now),
        "<h2>Attacks</h2>",
        _table(now),
        _curve(now),
        _examples(now, x, classes),
    ]
    if command:
        parts.append(f"<h2>How it was made</h2><pre>{escape(command)}</pre>")
    body = "\n".join(part for part in parts if part)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


def _warnings(now: Evaluation) -> str:
    if not now.findings:
        return "<h2>Warnings</h2><p>None: no sign that an attack has failed was measured.</p>"
    items = "".join(f"<li>{escape(finding.text)}</li>" for finding in now.findings)
    return f"<h2>Warnings</h2><ul class='warnings'>{items}</ul>"


def _table(now: Evaluation) -> str:
    heads = ("attack", "tried", "broken", "accuracy after it", "forward", "backward", "seconds")
    rows: list[tuple[object, ...]] = []
    rows.append(
        ("without an attack", now.count, now.count - int(now.right.sum()), percent(now.clean_accuracy), "", "", "")
    )
    for each in now.attacks:
        if each.skipped:
            rows.append((f"{each.title}: left out, since {each.skipped}", "", "", "", "", "", ""))
            continue
        accuracy = percent(each.accuracy)
        rows.append((each.title, each.tried, each.broke, accuracy, each.forward, each.backward, f"{each.seconds:.1f}"))
    worst = (now.count, now.count - int(now.stands.sum()), percent(now.accuracy), now.forward, now.backward)
    rows.append(("pointwise worst case", *worst, f"{now.seconds:.1f}"))
    head = "".join(f"<th scope='col'>{each}</th>" for each in heads)
    lines = ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines[:-1]) + f"<tr class='worst'>{lines[-1]}</tr>"
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        "<p>Each attack gets the examples that no attack before it has broken; the one that measures the curve gets "
        "all. Forward and backward count pictures that pass through the classifier.</p>"
    )


def _curve(now: Evaluation) -> str:
    """The security curve as SVG: the share that stands against ε."""
    if not bool(now.measured.any()):
        return ""
    ball, sizes = NORMS[now.norm], now.sizes[now.measured]
    finite = sizes[sizes.isfinite()]
    top = max(float(finite.max()) if len(finite) else 0.0, 1.5 * now.eps) or 1.0
    radii = [top * step / 120 for step in range(121)]
    shares = now.curve(radii)
    width, height, left, bottom = 560, 300, 60, 40

    def place(radius: float, share: float) -> str:
        return f"{left + radius / top * (width - left - 24):.1f},{10 + (1 - share) * (height - bottom - 10):.1f}"

    line = " ".join(place(radius, share) for radius, share in zip(radii, shares, strict=True))
    mark = place(now.eps, 0).split(",")[0]
    ticks = "".join(
        f"<text x='{left - 8}' y='{float(place(0, share).split(',')[1]) + 4:.1f}' text-anchor='end'>"
        f"{100 * share:.0f} %</text>"
        for share in (0.0, 0.5, 1.0)
    ) + "".join(
        f"<text x='{place(top * part, 0).split(',')[0]}' y='{height - bottom + 16}' text-anchor='middle'>"
        f"{top * part * ball.scale:.3g}</text>"
        for part in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    at_eps = now.curve([now.eps])[0]
    told = (
        f"The share of {len(sizes)} examples that stand, against {ball.axis}: {percent(shares[0])} at 0, "
        f"{percent(at_eps)} at the ε of the verdict."
    )
    return (
        f"<h2>Security curve</h2><svg viewBox='0 0 {width} {height}' width='{width}' role='img'"
        f" aria-label='{escape(told)}' font-size='12' fill='currentColor'>"
        f"<path d='M{left},10 V{height - bottom} H{width - 24}' fill='none' stroke='currentColor'/>"
        f"<line x1='{mark}' x2='{mark}' y1='10' y2='{height - bottom}' stroke='currentColor' stroke-dasharray='4 4'/>"
        f"<polyline points='{line}' fill='none' stroke-width='2.5'/>{ticks}"
        f"<text x='{(left + width) / 2}' y='{height - 6}' text-anchor='middle'>{escape(ball.axis)}</text></svg>"
        f"<p>{escape(told)} By the smallest δ that any attack has found for each of them.</p>"
    )


def _examples(now: Evaluation, x: Tensor, classes: Sequence[str] | None) -> str:
    """The broken examples with the smallest δ: the picture, δ, and the adversarial picture."""
    broken = (now.broken_by != STANDS).nonzero().flatten()
    if x.ndim != 4 or x.shape[1] not in (1, 3) or not len(broken):
        return ""
    ball = NORMS[now.norm]
    order = broken[now.sizes[broken].argsort(stable=True)][:SHOWN]
    figures = []
    for row in order.tolist():
        picture, delta = x[row].detach().cpu(), now.deltas[row]
        times = 0.5 / max(float(delta.abs().max()), 1e-12)
        times = float(2 ** math.floor(math.log2(times))) if times >= 1 else times
        drawn = "as it is" if times == 1 else f"{times:g} times as strong"
        label, becomes = (_name(int(number), classes) for number in (now.labels[row], now.becomes[row]))
        by = now.attacks[int(now.broken_by[row])].title
        size = ball.text(float(now.sizes[row]))
        images = (
            _image(picture, f"example {row}: {label}"),
            _image(0.5 + times * delta, f"the perturbation, drawn {drawn}"),
            _image(picture + delta, f"the same with the perturbation: {becomes}"),
        )
        caption = f"Example {row}: {label} becomes {becomes}. ‖δ‖ = {size}; δ is drawn {drawn}. Broken by: {by}."
        figures.append(f"<figure>{''.join(images)}<figcaption>{escape(caption)}</figcaption></figure>")
    return (
        f"<h2>The examples with the smallest perturbations</h2><div class='examples'>{''.join(figures)}</div>"
        "<p>The pictures are rounded to 8 bits for this page; the verdict is on x + δ itself.</p>"
    )


def _name(number: int, classes: Sequence[str] | None) -> str:
    return classes[number] if classes is not None and number < len(classes) else f"class {number}"


def _image(values: Tensor, alt: str) -> str:
    levels = (values.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    pixels = np.ascontiguousarray(levels.expand(-1, -1, 3).numpy())
    data = base64.b64encode(to_png(pixels)).decode()
    return f"<img src='data:image/png;base64,{data}' width='{_SIDE}' height='{_SIDE}' alt='{escape(alt, quote=True)}'>"
