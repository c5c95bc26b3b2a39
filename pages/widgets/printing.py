"""Pictures on paper: one HTML file that needs no network."""

import base64
import html
from collections.abc import Sequence

import numpy as np

from adv_core.images import to_png


def for_printing(sheets: Sequence[tuple[np.ndarray, str]], footer: str, width: float = 160) -> bytes:
    """Return a self-contained HTML page: one picture on each sheet of A4, its pixels as sharp squares.

    Args:
        sheets: (pixels (H, W, 3) or (H, W, 4) uint8, caption) each.
        footer: the text at the foot of every sheet.
        width: of each picture on the paper, in millimetres.
    """
    parts = []
    for pixels, text in sheets:
        address = "data:image/png;base64," + base64.b64encode(to_png(pixels)).decode()
        parts.append(
            f"<section><img src='{address}' alt='{html.escape(text, quote=True)}'>"
            f"<p>{html.escape(text)}</p><footer>{html.escape(footer)}</footer></section>"
        )
    style = (
        "@page{size:A4;margin:15mm} body{margin:0;font:12pt sans-serif;color:#333} "
        "section{break-after:page;text-align:center;padding-top:10mm} section:last-child{break-after:auto} "
        f"img{{width:{width:.1f}mm;image-rendering:pixelated}} p{{margin-top:25mm}} footer{{font-size:9pt;color:#666}}"
    )
    title = "<title>Adversarial Lab: sheets to print</title>"
    head = f"<!doctype html><html lang='en'><meta charset='utf-8'>{title}<style>{style}</style>"
    return (head + "".join(parts) + "</html>").encode()
