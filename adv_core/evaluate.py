"""Judge a network by the attacks of AutoAttack, on your own machine.

    python -m adv_core.evaluate my_network.py:build --data pictures/ --norm linf --eps 8/255
    python -m adv_core.evaluate weights.safetensors --architecture resnet18 --data pictures/
    python -m adv_core.evaluate digits/robust_03 --eps 0.3 --limit 200

It can be stopped with Ctrl-C; the same command goes on where it was. It ends with a table, evaluation.json and
report.html, a page that opens offline.
"""

import argparse
import json
import math
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

from adv_core.evaluation.cascade import evaluate
from adv_core.evaluation.examples import Examples, examples_of
from adv_core.evaluation.members import STANDARD, Budget
from adv_core.evaluation.networks import Network, labels_by, network_of, try_out
from adv_core.evaluation.record import Evaluation
from adv_core.evaluation.report import html_report
from adv_core.norms import NORMS

DEFAULT_EPS = {"linf": "8/255", "l2": "0.5", "l1": "12", "l0": "20"}
_LEAST = {"limit": 0, "size": 1, "classes": 2, "curve": 0, "eot": 1, "batch": 1}
_LARGEST = 2048  # side of a picture; a batch of larger ones takes gigabytes
_SAVED_EVERY = 10.0  # seconds between two saved states, at least
_WIDTH = 24  # of the bar


def main(arguments: list[str] | None = None) -> int:
    """The command line. Returns 0, 2 where the input does not fit, and 130 where the evaluation was stopped."""
    given = sys.argv[1:] if arguments is None else arguments
    asked = _parser().parse_args(given)
    command = shlex.join(["python", "-m", "adv_core.evaluate", *given])
    try:
        return _judge(asked, command)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped before there was a result.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m adv_core.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", help="FILE.py:FUNCTION, WEIGHTS.safetensors, digits/NAME, or a name of the registry")
    parser.add_argument("--architecture", default="", help="of the weights: a name of the registry, or digits")
    parser.add_argument("--classes", type=int, default=1000, help="of the weights' network (%(default)s)")
    parser.add_argument("--data", default="", help="a folder of pictures, FILE.npz, mnist, or photographs")
    parser.add_argument("--limit", type=int, default=0, help="the most examples, spread evenly; 0 for all")
    parser.add_argument("--size", type=int, help="crop and resize the pictures to this side")
    parser.add_argument("--grey", action="store_true", help="pictures with one value for each pixel")
    parser.add_argument("--norm", choices=NORMS, default="linf", help="of the ball (%(default)s)")
    parser.add_argument("--eps", help=f"the radius, as 8/255 or 0.03 ({DEFAULT_EPS})")
    parser.add_argument("--attacks", default="standard", help=f"standard ({', '.join(STANDARD)}), or names with commas")
    defaults = Budget()
    for name in ("steps", "targets", "queries"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name), help="(%(default)s)")
    few, many = defaults.restarts, Budget.standard("l1").restarts
    parser.add_argument("--restarts", type=int, help=f"({few}, and {many} in L1)")
    parser.add_argument("--curve", type=int, default=100, help="examples of the security curve (%(default)s)")
    parser.add_argument("--surrogate", default="", help="another network, for attacks that transfer; as the first word")
    parser.add_argument("--eot", type=int, default=1, help="calls to average, for a network that draws at random")
    parser.add_argument("--batch", type=int, help="examples at a time")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("evaluation"), help="the folder of the results (%(default)s)")
    parser.add_argument("--brief", action="store_true", help="leave the lists of examples out of evaluation.json")
    parser.add_argument("--fresh", action="store_true", help="begin anew, even if there is a state to go on from")
    return parser


def _judge(asked: argparse.Namespace, command: str) -> int:
    for name, least in _LEAST.items():
        if (value := getattr(asked, name)) is not None and value < least:
            raise ValueError(f"--{name} has to be {least} or more, not {value}")
    if asked.size is not None and asked.size > _LARGEST:
        raise ValueError(f"--size has to be {_LARGEST} or less, not {asked.size}")
    eps = _number(DEFAULT_EPS[asked.norm] if asked.eps is None else asked.eps)
    if asked.norm == "linf" and eps > 1:
        raise ValueError(f"pixels are in [0, 1], so that --eps {asked.eps} in L∞ allows every picture. {_levels(eps)}")
    restarts = Budget.standard(asked.norm).restarts if asked.restarts is None else asked.restarts
    budget = Budget(asked.steps, asked.targets, restarts, asked.queries)
    network = network_of(asked.network, architecture=asked.architecture, classes=asked.classes, device=asked.device)
    examples = examples_of(asked.data, network, limit=asked.limit, size=asked.size, grey=asked.grey)
    classes = try_out(network, examples.x)
    surrogate = network_of(asked.surrogate, device=asked.device) if asked.surrogate else None
    if surrogate is not None and (others := try_out(surrogate, examples.x)) != classes:
        raise ValueError(
            f"--surrogate needs a network of the same classes: {surrogate.name} has {others}, not {classes}"
        )
    labels = labels_by(network, examples.x) if examples.y is None else examples.y
    source = examples.told or "the network's own answers, so that all are right without an attack"
    print(f"{network.name}: {len(labels)} examples on {network.device}. Labels: {source}.")
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--out {asked.out} cannot be made a folder: {error.strerror}") from error
    state = asked.out / "state.npz"
    resume = None if asked.fresh or not state.is_file() else Evaluation.from_bytes(state.read_bytes())
    if resume is not None:
        print(f"Going on from {state}, after {_clock(resume.seconds)}. (--fresh begins anew.)")
    records = evaluate(
        network.classifier,
        examples.x.to(network.device),
        labels.to(network.device),
        NORMS[asked.norm].ball(eps),
        asked.attacks if asked.attacks == "standard" else asked.attacks.split(","),
        budget=budget,
        curve=min(asked.curve, len(labels)) if asked.norm != "l0" else 0,
        surrogate=surrogate.classifier if surrogate is not None else None,
        eot=asked.eot,
        batch=asked.batch,
        seed=asked.seed,
        resume=resume,
    )
    bar, saved, now = Bar(), time.monotonic(), resume
    try:
        for now in records:
            bar.show(now)
            if time.monotonic() - saved > _SAVED_EVERY:
                _write(state, now.to_bytes())
                saved = time.monotonic()
    except KeyboardInterrupt:
        bar.end()
        if now is not None:
            _write(state, now.to_bytes())
            _save(asked.out, now, network, examples, command, asked.brief)
        print(f"Stopped. The same command goes on from here; what is known so far is in {asked.out}.")
        return 130
    bar.end()
    assert now is not None
    _save(asked.out, now, network, examples, command, asked.brief)
    state.unlink(missing_ok=True)
    print(now.table())
    for warning in now.warnings:
        print(f"\nWarning: {warning}")
    print(f"\n{asked.out / 'evaluation.json'}\n{asked.out / 'report.html'}")
    return 0


class Bar:
    """A bar of progress on the terminal; a line for each attack where the output is no terminal."""

    def __init__(self, write: Callable[[str], object] = sys.stderr.write, terminal: bool | None = None) -> None:
        self.write = write
        self.terminal = sys.stderr.isatty() if terminal is None else terminal
        self.told = ""
        self.width = 0

    def show(self, now: Evaluation) -> None:
        running = next((attack for attack in now.attacks if not attack.done and attack.tried + attack.forward), None)
        title = running.title if running else "diagnosis" if not any(each.done for each in now.attacks) else ""
        if not self.terminal:
            if title and title != self.told:
                self.told = title
                self.write(f"{now.accuracy:.1%} stand. {title} ...\n")
            return
        full = round(now.share * _WIDTH)
        left = _clock(now.remaining) if math.isfinite(now.remaining) else "?"
        line = f"[{'#' * full}{'.' * (_WIDTH - full)}] {now.share:4.0%}  {now.accuracy:.1%} stand  {left} left  {title}"
        self.write("\r" + line.ljust(self.width))
        self.width = len(line)

    def end(self) -> None:
        if self.terminal and self.width:
            self.write("\r" + " " * self.width + "\r")


def _save(folder: Path, now: Evaluation, network: Network, examples: Examples, command: str, brief: bool) -> None:
    told = {"network": network.name, "command": command, **now.to_json(rows=not brief)}
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in told.items())
    _write(folder / "evaluation.json", f"{{\n{lines}\n}}\n".encode())
    classes = network.classes or examples.classes
    page = html_report(now, examples.x, name=network.name, classes=classes, command=command)
    _write(folder / "report.html", page.encode())


def _write(path: Path, data: bytes) -> None:
    """Write a file such that it is never there in part."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def _number(text: str) -> float:
    """Return a number that is written as 8/255 or 0.03.

    Raises:
        ValueError: it is none, or not above zero.
    """
    top, slash, bottom = text.partition("/")
    try:
        value = float(top) / float(bottom) if slash else float(top)
    except (ValueError, ZeroDivisionError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"--eps has to be a number such as 8/255 or 0.03, not {text!r}")
    if not value > 0:
        raise ValueError(f"--eps has to be above zero, not {text!r}")
    return value


def _levels(eps: float) -> str:
    return f"For {eps:g} of 255 levels, give --eps {eps:g}/255." if eps <= 255 else "Give 8/255 or 0.03."


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


if __name__ == "__main__":
    raise SystemExit(main())
