"""Benchmark of the speed of the attacks and of the app's first answer, as ratios within one run.

    python -m bench.attack_lab [--repeats 3]

Each attack is compared with a bare loop, its lower bound: as many forward passes and `torch.autograd.grad` to the
input, of the same network. The app's cold start is compared with importing torch and streamlit alone.
"""

import startup

startup.prepare()  # as the app does, before torch is imported

import argparse
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from adv_core import Classifier, Linf, Targeted, Untargeted, fgsm, load_classifier, open_image, pgd, run

PHOTOS = sorted((Path(__file__).parents[1] / "assets" / "photos").glob("*.jpg"))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare_loop(classifier: Classifier, x: Tensor, y: Tensor, steps: int) -> None:
    for _ in range(steps):
        point = x.clone().requires_grad_()
        torch.autograd.grad(F.cross_entropy(classifier(point), y), point)


def attack_table(repeats: int) -> None:
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, batch 1, medians of {repeats} interleaved runs"
    )
    print(f"{'classifier':20} {'work':18} {'ms':>8} {'bare loop':>10} {'ratio':>6}")
    for name in ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"):
        clf = load_classifier(name, device="cpu")
        x = clf.prepare(open_image(PHOTOS[0].read_bytes()))
        y = clf(x).argmax(1)
        ball, objective = Linf(2 / 255), Untargeted(y)
        rows: list[tuple[str, Callable[[], object], int]] = [
            ("forward", lambda clf=clf, x=x: clf(x), 1),
            ("forward+gradient", lambda clf=clf, x=x, y=y: bare_loop(clf, x, y, 1), 1),
            ("FGSM", lambda clf=clf, x=x, b=ball, o=objective: run(fgsm(clf, x, b, o)), 1),
            ("PGD-10", lambda clf=clf, x=x, b=ball, o=objective: run(pgd(clf, x, b, o, steps=10)), 10),
            ("PGD-40", lambda clf=clf, x=x, b=ball, o=objective: run(pgd(clf, x, b, o, steps=40)), 40),
        ]
        bare_loop(clf, x, y, 3)  # warm up
        for title, work, steps in rows:
            ours, bare = [], []
            for _ in range(repeats):
                ours.append(seconds(work))
                bare.append(seconds(lambda clf=clf, x=x, y=y, n=steps: bare_loop(clf, x, y, n)))
            a, b = statistics.median(ours), statistics.median(bare)
            print(f"{name:20} {title:18} {a * 1e3:8.0f} {b * 1e3:10.0f} {a / b:6.2f}")


def cold_start(repeats: int) -> None:
    """Time a first visit in a fresh process, up to the untouched picture's classes on the page."""
    root = Path(__file__).parents[1]
    imports = "import torch, streamlit"
    first = (
        "from streamlit.testing.v1 import AppTest\n"
        "at = AppTest.from_file('pages/switchboard.py', default_timeout=300)\n"
        "at.query_params.update({'attack': 'fgsm', 'eps': '0'})\n"
        "at.run(); assert not at.exception"
    )

    def timed(code: str) -> float:
        command = [sys.executable, "-c", code]
        return seconds(lambda: subprocess.run(command, cwd=root, check=True, capture_output=True))

    pairs = [
        (timed(first.replace("'pages/switchboard.py'", repr(str(root / "pages" / "switchboard.py")))), timed(imports))
        for _ in range(repeats)
    ]
    ours, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"cold start {ours:.1f} s, importing torch and streamlit alone {bare:.1f} s: ratio {ours / bare:.2f}")


def success_rates() -> None:
    """Print the figures that the lecture relies on, on EfficientNet-Lite0 and pictures rounded to 8 bits."""
    clf = load_classifier(device="cpu")
    x = torch.cat([clf.prepare(open_image(path.read_bytes())) for path in PHOTOS])
    y = clf(x).argmax(1)
    fooled = run(pgd(clf, x, Linf(2 / 255), Untargeted(y), steps=10), keep_steps=False).logits.argmax(1) != y
    print(f"untargeted PGD-10, ε = 2/255: {int(fooled.sum())} of {len(y)} photographs fooled")
    choice, hits = random.Random(0), 0
    for target in (choice.randrange(1000) for _ in range(20)):
        logits = run(pgd(clf, x, Linf(8 / 255), Targeted(target), steps=40), keep_steps=False).logits
        hits += int((logits.argmax(1) == target).sum())
    print(f"targeted PGD-40, ε = 8/255: {hits} of {20 * len(y)} (photograph, random target) pairs reached")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    attack_table(repeats)
    cold_start(repeats)
    success_rates()


if __name__ == "__main__":
    main()
