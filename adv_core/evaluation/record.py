"""`Evaluation`: the verdict so far, and all that it takes to go on."""

import io
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adv_core.norms import NORMS, NormKey

STANDS = -1
_FORMAT = 1  # of the saved state


@dataclass(frozen=True)
class Finding:
    """A sign that an attack may have failed, or that the verdict needs care.

    Attributes:
        key: its name in data; text: a sentence with the measurement.
    """

    key: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class AttackRecord:
    """The work and the success of one attack.

    Attributes:
        name: the key; title: for people.
        tried: examples that it was given; broke: those that it broke.
        accuracy: the share of all examples that stand under it and all attacks before it; None before it begins.
        forward, backward: pictures that passed through the classifier for it.
        seconds: the time it took.
        done: whether it has ended; skipped: a reason why it was left out, "" if it was not.
    """

    name: str
    title: str
    tried: int = 0
    broke: int = 0
    accuracy: float | None = None
    forward: int = 0
    backward: int = 0
    seconds: float = 0.0
    done: bool = False
    skipped: str = ""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The verdict so far on a classifier, over N examples and A attacks.

    An example is broken if the classifier is wrong at some δ in the set: asked again, at exactly this x + δ. It stands
    if no attack has broken it. The share that stands is an upper bound of the robust accuracy.

    Attributes:
        norm, eps: the set; settings: the budget, the seed and all else that a resumed evaluation has to share.
        right: (N,) bool, the examples that are right without an attack.
        labels: (N,) long.
        broken_by: (N,) long, the number of the first attack that broke the example; `STANDS` for those that stand, and
            for those that are wrong without an attack.
        tried, broke: (A, N) bool, which attack was given which example, and which it broke.
        sizes: (N,) float64, ‖δ‖ of the smallest δ found that fools, whatever ε is; 0 for an example that is wrong
            without an attack, infinity where none was found.
        deltas: (N, ...), that δ, on the CPU; zero where there is none. All records of an evaluation share it.
        becomes: (N,) long, the class that the classifier gives at that δ, or without one where the example is wrong;
            `STANDS` where there is none.
        measured: (N,) bool, the examples whose smallest δ was searched for, by an attack that takes no ε.
        attacks: what each attack has done.
        findings: the warnings.
        seconds: the time so far; share: the part of the work that is done, in (0, 1].
    """

    norm: NormKey
    eps: float
    settings: dict[str, Any]
    right: Tensor
    labels: Tensor
    broken_by: Tensor
    tried: Tensor
    broke: Tensor
    sizes: Tensor
    deltas: Tensor = field(repr=False)
    becomes: Tensor
    measured: Tensor
    attacks: tuple[AttackRecord, ...]
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    share: float = 0.0

    @property
    def count(self) -> int:
        """The number of examples."""
        return len(self.labels)

    @property
    def stands(self) -> Tensor:
        """The examples that are right, and that no attack has broken, (N,) bool."""
        return self.right & (self.broken_by == STANDS)

    @property
    def clean_accuracy(self) -> float:
        """The share that is right without an attack."""
        return _share(self.right)

    @property
    def accuracy(self) -> float:
        """The share that stands: robust accuracy under the pointwise worst case of all attacks."""
        return _share(self.stands)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy on all pictures of this kind, by the number of examples (Wilson, 1927)."""
        n, p, z = max(self.count, 1), self.accuracy, 1.96
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(middle - half, 0.0), min(middle + half, 1.0)

    @property
    def finished(self) -> bool:
        return all(attack.done for attack in self.attacks)

    @property
    def remaining(self) -> float:
        """The time that is left, in seconds, if the rest goes as fast; infinite before any of the work is done."""
        return self.seconds * (1 - self.share) / self.share if self.share else math.inf

    @property
    def forward(self) -> int:
        return sum(attack.forward for attack in self.attacks)

    @property
    def backward(self) -> int:
        return sum(attack.backward for attack in self.attacks)

    @property
    def warnings(self) -> list[str]:
        """The sentences of the findings."""
        return [finding.text for finding in self.findings]

    def curve(self, radii: Sequence[float]) -> list[float]:
        """The security curve: the share of the measured examples that stand at each ε, by the smallest δ found.

        Empty if no attack measured sizes.
        """
        if not bool(self.measured.any()):
            return []
        sizes = self.sizes[self.measured]
        return [_share(sizes > limit(radius)) for radius in radii]

    def table(self) -> str:
        """The verdict as a table of plain text."""
        rows = [("", "tried", "broken", "accuracy", "forward", "backward", "seconds")]
        rows.append(("without an attack", *self._numbers(self.right), "", "", ""))
        for each in self.attacks:
            if each.skipped:
                rows.append((each.title, "", "", "", "", "", "left out"))
                continue
            work = f"{each.forward}", f"{each.backward}", f"{each.seconds:.1f}"
            rows.append((each.title, str(each.tried), str(each.broke), percent(each.accuracy), *work))
        work = f"{self.forward}", f"{self.backward}", f"{self.seconds:.1f}"
        rows.append(("pointwise worst case", *self._numbers(self.stands), *work))
        widths = [max(len(row[column]) for row in rows) for column in range(7)]
        lines = []
        for first, *rest in rows:
            cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
            lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
        ball, (low, high) = NORMS[self.norm], self.interval
        head = f"{self.count} examples, {ball.title} ball, ε = {ball.text(self.eps)}"
        tail = f"At most {percent(self.accuracy)} of the examples stand ({percent(low)} to {percent(high)} at 95 %)."
        return "\n".join([head, "", *lines, "", tail])

    def _numbers(self, stand: Tensor) -> tuple[str, str, str]:
        return str(self.count), str(self.count - int(stand.sum())), percent(_share(stand))

    def to_json(self, rows: bool = True) -> dict[str, Any]:
        """The verdict as plain values, without the perturbations; ``rows=False`` leaves out the lists of examples."""
        totals = {
            "norm": self.norm,
            "eps": self.eps,
            "examples": self.count,
            "clean_accuracy": self.clean_accuracy,
            "robust_accuracy": self.accuracy,
            "interval_95": list(self.interval),
            "attacks": [asdict(attack) for attack in self.attacks],
            "forward": self.forward,
            "backward": self.backward,
            "seconds": round(self.seconds, 2),
            "finished": self.finished,
            "warnings": [asdict(finding) for finding in self.findings],
            "settings": self.settings,
        }
        if not rows:
            return totals
        return totals | {
            "right": self.right.int().tolist(),
            "labels": self.labels.tolist(),
            "broken_by": [self.attacks[k].name if k >= 0 else None for k in self.broken_by.tolist()],
            "smallest": [round(size, 6) if math.isfinite(size) else None for size in self.sizes.tolist()],
            "becomes": [k if k >= 0 else None for k in self.becomes.tolist()],
            "measured": self.measured.int().tolist(),
        }

    def to_bytes(self) -> bytes:
        """The whole state as bytes, for a file: an archive of arrays (npz), with the perturbations."""
        told = {
            "format": _FORMAT,
            "norm": self.norm,
            "eps": self.eps,
            "settings": self.settings,
            "attacks": [asdict(attack) for attack in self.attacks],
            "findings": [asdict(finding) for finding in self.findings],
            "seconds": self.seconds,
            "share": self.share,
            "shape": list(self.deltas.shape),
        }
        found = self.sizes.isfinite() & (self.sizes > 0)
        arrays = {name: getattr(self, name).numpy() for name in _TENSORS}
        buffer = io.BytesIO()
        np.savez(
            buffer,
            told=np.frombuffer(json.dumps(told).encode(), np.uint8),
            found=self.deltas[found].numpy(),
            **arrays,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Evaluation":
        """Read the state of `to_bytes`. Only arrays and numbers are read: such a file cannot run a program.

        Raises:
            ValueError: the bytes hold no such state.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                told = json.loads(stored["told"].tobytes())
                tensors = {name: torch.from_numpy(stored[name]) for name in _TENSORS}
                found = torch.from_numpy(stored["found"])
            if told.pop("format") != _FORMAT:
                raise ValueError("format")
            deltas = torch.zeros(told.pop("shape"), dtype=found.dtype)
            deltas[tensors["sizes"].isfinite() & (tensors["sizes"] > 0)] = found
            attacks = tuple(AttackRecord(**attack) for attack in told.pop("attacks"))
            findings = tuple(Finding(**finding) for finding in told.pop("findings"))
            return cls(**(told | tensors), deltas=deltas, attacks=attacks, findings=findings)
        except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
            raise ValueError("this is not the state of an evaluation") from error

    def with_findings(self, findings: Sequence[Finding]) -> "Evaluation":
        """The same with more warnings; one of a key that is known already replaces the old one."""
        kept = {finding.key: finding for finding in (*self.findings, *findings)}
        return replace(self, findings=tuple(kept.values()))


_TENSORS = ("right", "labels", "broken_by", "tried", "broke", "sizes", "becomes", "measured")


def limit(eps: float) -> float:
    """ε, and the last bits that its rounding to float32 may add."""
    return eps * (1 + 1e-6) + 3e-8


def _share(rows: Tensor) -> float:
    return float(rows.double().mean()) if len(rows) else 0.0


def percent(share: float | None) -> str:
    """Return a share for people: 0.452 is "45.2 %"; None is ""."""
    return "" if share is None else f"{100 * share:.1f} %"
