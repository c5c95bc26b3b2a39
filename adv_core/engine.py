"""Where attacks are computed: requests as data in, frames out.

One worker thread a process owns the networks and does all torch work; pages only submit and look. The worker takes one
step of every running job in turn, so a long job never keeps a short one waiting for more than a step. A job ends when
it is done, cancelled, or when nobody has looked at it for a while (a closed tab says no goodbye).
"""

import hashlib
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from adv_core.attacks import InputGradient, Step, fgsm, input_gradient, pgd, random_noise
from adv_core.catalogue import ATTACKS, AttackInfo, Norm
from adv_core.classifiers import Classifier, ClassifierError, load_classifier, pick_device
from adv_core.images import from_pixels, to_pixels
from adv_core.objectives import LogitsRatio, Margin, Objective, Targeted, TargetedDifference, Untargeted
from adv_core.perturbation_sets import L0, L1, L2, Ball, Linf, PerturbationSet

MAX_STEPS = 200
MAX_RESTARTS = 10
MAX_QUERIES = 2000
MAX_ROWS = 16
MAX_PIXELS = 3_000_000  # of all rows together
SHOWN_SIDE = 512  # a larger picture is thinned out on the way
_MAX_FRAMES = 200  # of one job; a longer run shows every second step, or every tenth
LEASE_SECONDS = 10.0
_REMEMBERED_BYTES = 192 * 2**20


@dataclass(frozen=True)
class Request:
    """One attack on one picture, as data. Equal requests have equal results, and are computed once.

    Attributes:
        image: the bytes of the 8-bit RGB picture, row by row, of shape (height, width, 3). One of another size than the
            network's is attacked as it is, through the network's own resizing.
        classifier: a name from the registry.
        attack: a name from the catalogue; "none" only looks at the picture; "noise" is random noise of the same size.
        norm, eps: the ball; several radii make several rows, attacked side by side (the ε sweep). Attacks that look
            for the smallest δ do not ask for ε.
        objective: cross-entropy, the lecture's difference, the margin, or the logits ratio.
        label: the present class; target: the wanted one, None for "anything else".
        step_size: None takes the default that follows from ε and steps.
        steps, step, random_start, restarts, queries, seed: options of the solvers that know them.
        pictures: whether the frames carry pictures, or only what the classifier says.
    """

    image: bytes = field(repr=False)
    height: int
    width: int
    classifier: str
    attack: str = "none"
    norm: Norm = "linf"
    eps: tuple[float, ...] = (0.0,)
    objective: Literal["ce", "difference", "margin", "dlr"] = "ce"
    label: int = 0
    target: int | None = None
    steps: int = 40
    step_size: float | None = None
    step: Literal["steepest", "gradient"] = "steepest"
    random_start: bool = False
    restarts: int = 1
    queries: int = 500
    seed: int = 0
    pictures: bool = True

    @property
    def info(self) -> AttackInfo | None:
        """The catalogue's entry; None for "none" and "noise"."""
        return ATTACKS.get(self.attack)

    @property
    def options(self) -> dict[str, object]:
        """What the solver is told beside its arguments."""
        return {name: getattr(self, name) for name in self.info.options} if self.info else {}

    @property
    def length(self) -> int:
        """The index of the last step, if the attack does not end earlier."""
        info, options = self.info, self.options
        if info is None:
            return 0 if self.attack == "none" else 1
        if "queries" in options:
            return self.queries - 1
        if "steps" not in options:
            return 1
        return self.steps * info.runs * (self.restarts if "restarts" in options else 1)

    @property
    def pixels(self) -> np.ndarray:
        """The picture, (H, W, 3) uint8."""
        return np.frombuffer(self.image, np.uint8).reshape(self.height, self.width, 3)

    def with_pixels(self, pixels: np.ndarray) -> "Request":
        """The same request for another picture (H, W, 3) uint8."""
        return replace(self, image=pixels.tobytes(), height=pixels.shape[0], width=pixels.shape[1])

    def check(self) -> None:
        """Refuse what would hurt the worker.

        Raises:
            ValueError: too much work, an unknown word, or a picture whose bytes do not fit its size.
        """
        if self.attack not in ("none", "noise") and self.info is None:
            raise ValueError(f"there is no attack {self.attack!r}")
        if self.norm not in _BALLS or (self.info and self.norm not in self.info.norms):
            raise ValueError(f"{self.attack} does not know the norm {self.norm!r}")
        if not 0 <= self.steps <= MAX_STEPS:
            raise ValueError(f"steps have to lie in 0 ... {MAX_STEPS}")
        if not 1 <= self.restarts <= MAX_RESTARTS:
            raise ValueError(f"restarts have to lie in 1 ... {MAX_RESTARTS}")
        if not 1 <= self.queries <= MAX_QUERIES:
            raise ValueError(f"queries have to lie in 1 ... {MAX_QUERIES}")
        if not 1 <= len(self.eps) <= MAX_ROWS:
            raise ValueError(f"1 ... {MAX_ROWS} values of ε at a time")
        if not all(math.isfinite(eps) and eps >= 0 for eps in self.eps):
            raise ValueError("ε has to be a finite number, zero or more")
        if self.step_size is not None and not math.isfinite(self.step_size):
            raise ValueError("the step size has to be a finite number")
        if len(self.image) != self.height * self.width * 3 or not self.image:
            raise ValueError("the picture's bytes do not fit its size")
        if len(self.eps) * self.height * self.width > MAX_PIXELS:
            raise ValueError(f"pictures of more than {MAX_PIXELS / 1e6:g} megapixels have to be made smaller first")

    def key(self) -> tuple[object, ...]:
        """What the result depends on, with a digest in the place of the picture."""
        digest = hashlib.sha256(self.image).hexdigest()
        return (digest, replace(self, image=b"", height=0, width=0), self.height, self.width)


@dataclass(frozen=True, eq=False)
class Frame:
    """One step, as arrays: what a page draws.

    Attributes:
        index: 0 is the start.
        pixels: x + δ rounded to 8 bits, (N, H, W, 3) uint8; None where no pictures were asked for. A picture with a
            side above `SHOWN_SIDE` is thinned out by `thin` on the way; the last frame has it whole.
        logits: (N, K) float32. At the last frame they belong to exactly these 8-bit pixels; before it, to x + δ before
            rounding.
        loss: (N,), what the attack maximises.
        gradient_norm: (N,), or None where no gradient was needed.
        size: ‖δ‖ before rounding, in the norm of the request, (N,).
        norms: ‖δ‖∞ (in levels of 255) and ‖δ‖₂ of the rounded δ, (N, 2); of a thinned-out picture, before rounding.
    """

    index: int
    pixels: np.ndarray | None
    logits: np.ndarray
    loss: np.ndarray
    gradient_norm: np.ndarray | None
    size: np.ndarray
    norms: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """softmax of the logits, (N, K)."""
        shifted = np.exp((self.logits - self.logits.max(1, keepdims=True)).astype(np.float64))
        return np.asarray(shifted / shifted.sum(1, keepdims=True))


class Job:
    """A submitted request. Frames appear while it runs; `wait` sleeps until there is something new."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.error: str | None = None
        self._frames: list[Frame] = []
        self._done = False
        self._cancelled = threading.Event()
        self._news = threading.Condition()
        self._seen = time.monotonic()
        self._key = request.key()

    @property
    def frames(self) -> list[Frame]:
        """The frames so far (a copy)."""
        with self._news:
            self._seen = time.monotonic()
            return list(self._frames)

    @property
    def done(self) -> bool:
        """Finished, failed or cancelled: no frame will come any more."""
        return self._done

    @property
    def finished(self) -> bool:
        """Done, and whole."""
        return self._done and self.error is None and not self._cancelled.is_set()

    def cancel(self) -> None:
        """Stop before the next step."""
        self._cancelled.set()

    def wait(self, seen: int, timeout: float) -> bool:
        """Sleep until there are more than ``seen`` frames or the job is done; False when the time ran out."""
        with self._news:
            self._seen = time.monotonic()
            return self._news.wait_for(lambda: self._done or len(self._frames) > seen, timeout)

    def result(self, timeout: float | None = None) -> list[Frame]:
        """Wait for the end; all frames.

        Raises:
            TimeoutError, or RuntimeError with the sentence for people when the job failed or was cancelled.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._done:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError("the computation takes longer than expected")
            self.wait(len(self._frames), 0.5)
        if not self.finished:
            raise RuntimeError(self.error or "The computation was stopped.")
        return self.frames

    def _abandoned(self) -> bool:
        return self._cancelled.is_set() or time.monotonic() - self._seen > LEASE_SECONDS

    def _add(self, frame: Frame) -> None:
        with self._news:
            self._frames.append(frame)
            self._news.notify_all()

    def _mirror(self, frames: list[Frame]) -> None:
        with self._news:
            if len(frames) != len(self._frames):
                self._frames = list(frames)
                self._news.notify_all()

    def _end(self, error: str | None = None, frames: list[Frame] | None = None) -> None:
        with self._news:
            self.error = error
            if frames is not None:
                self._frames = frames
            self._done = True
            self._news.notify_all()


class LocalEngine:
    """Computes in this process, in one worker thread on one device."""

    def __init__(self, device: str = "auto") -> None:
        self._device = device
        self._waiting: deque[Job] = deque()
        self._work = threading.Condition()
        self._classifiers: dict[str, Classifier] = {}
        self._leaders: dict[tuple[object, ...], Job] = {}
        self._results: OrderedDict[tuple[object, ...], list[Frame]] = OrderedDict()
        self._gradients: OrderedDict[tuple[object, ...], InputGradient] = OrderedDict()
        threading.Thread(target=self._run, name="adv_core engine", daemon=True).start()

    @property
    def device(self) -> str:
        """Where it computes, for a program that is to give the same bits."""
        return str(pick_device(self._device))

    @property
    def threads(self) -> int:
        """How many threads torch uses for one operation."""
        return torch.get_num_threads()

    def submit(self, request: Request) -> Job:
        """Queue a request; returns at once. A result that is known already is there at once, too."""
        request.check()
        job = Job(request)
        known = self._results.get(job._key)
        if known is not None:
            job._end(frames=known)
            return job
        with self._work:
            self._waiting.append(job)
            self._work.notify()
        return job

    def compute(self, request: Request, timeout: float = 120.0) -> list[Frame]:
        """Submit and wait for the end."""
        return self.submit(request).result(timeout)

    def _run(self) -> None:
        running: deque[tuple[Job, Iterator[Step]]] = deque()
        while True:
            with self._work:
                while not self._waiting and not running:
                    self._work.wait()
                arrived = list(self._waiting)
                self._waiting.clear()
            # Newcomers first: the first picture of a new run comes before the next step of an old one.
            for job in reversed(arrived):
                running.appendleft((job, self._steps(job.request)))
            job, steps = running.popleft()
            if self._advance(job, steps):
                running.append((job, steps))

    def _advance(self, job: Job, steps: Iterator[Step]) -> bool:
        """One step of one job; whether it goes on."""
        if job._abandoned():
            job.cancel()
            job._end()
            if self._leaders.get(job._key) is job:
                del self._leaders[job._key]  # or it would hold its pictures until somebody asks the same again
            return False
        # Of equal requests one is computed, and the others look on. If it stops, the next one takes over.
        leader = self._leaders.get(job._key)
        if leader is None or (leader.done and leader is not job):
            known = self._results.get(job._key)
            if known is not None:
                job._end(frames=known)
                return False
            job._mirror([])
            self._leaders[job._key] = job
        elif leader is not job:
            job._mirror(leader._frames)
            return True
        go_on = self._step(job, steps)
        if not go_on:
            self._leaders.pop(job._key, None)
        return go_on

    def _step(self, job: Job, steps: Iterator[Step]) -> bool:
        request = job.request
        stride = math.ceil((request.length + 1) / _MAX_FRAMES)
        try:
            step = next(steps, None)
            if step is None:
                self._remember(job)
                job._end()
                return False
            if step.final or step.index % stride == 0:
                job._add(_frame(step, request))
            return True
        except (ClassifierError, ValueError) as error:
            job._end(str(error))
        except (MemoryError, torch.cuda.OutOfMemoryError):
            job._end("There is not enough memory for this just now. Please try again, or choose a smaller network.")
        except Exception as error:  # the worker must outlive every request; the text may name paths, the type does not
            job._end(f"The computation failed ({type(error).__name__}). Please try again.")
        return False

    def _remember(self, job: Job) -> None:
        self._results[job._key] = list(job._frames)
        size = sum(_size(frames) for frames in self._results.values())
        while size > _REMEMBERED_BYTES and len(self._results) > 1:
            _, oldest = self._results.popitem(last=False)
            size -= _size(oldest)

    def _classifier(self, name: str) -> Classifier:
        if name not in self._classifiers:
            self._classifiers[name] = load_classifier(name, self._device, download=False)
        return self._classifiers[name]

    def _steps(self, request: Request) -> Iterator[Step]:
        classifier = self._classifier(request.classifier)
        x = from_pixels(request.pixels).to(classifier.device)
        rows = len(request.eps)
        x = x.expand(rows, -1, -1, -1)
        delta_set, objective, info = ball_of(request), objective_of(request), request.info
        if request.attack == "fgsm":
            gradient = self._gradient(request, classifier, x[:1], objective)
            yield from fgsm(classifier, x, delta_set, objective, gradient=_repeated(gradient, rows))
        elif info is not None:
            places = {"set": delta_set, "objective": objective, "y": request.label}
            yield from info.solver(classifier, x, *(places[name] for name in info.arguments), **request.options)
        elif request.attack == "noise":
            yield from random_noise(classifier, x, delta_set, objective, seed=request.seed)
        else:
            yield from pgd(classifier, x, delta_set, objective, steps=0)

    def _gradient(self, request: Request, classifier: Classifier, x: Tensor, objective: Objective) -> InputGradient:
        """∂L/∂x does not depend on ε: kept, so that moving ε costs one forward pass."""
        digest = hashlib.sha256(request.image).hexdigest()
        shape = (request.height, request.width)
        key = (digest, shape, request.classifier, request.objective, request.label, request.target)
        if key not in self._gradients:
            self._gradients[key] = input_gradient(classifier, x, objective)
            while len(self._gradients) > 32:
                self._gradients.popitem(last=False)
        return self._gradients[key]


_BALLS: dict[str, type[Ball]] = {"linf": Linf, "l2": L2, "l1": L1, "l0": L0}


def ball_of(request: Request) -> PerturbationSet:
    """Δ of a request; for attacks that look for the smallest δ, the ball without a limit."""
    kind = _BALLS[request.norm]
    if request.info and request.info.minimal:
        return kind(math.inf)
    return kind(torch.tensor(request.eps, dtype=torch.float64) if len(request.eps) > 1 else request.eps[0])


def objective_of(request: Request) -> Objective:
    """L of a request."""
    y, target = request.label, request.target
    if request.objective == "margin":
        return Margin(y) if target is None else Margin(target=target)
    if request.objective == "dlr":
        return LogitsRatio(y, target)
    if target is None:
        return Untargeted(y)
    return TargetedDifference(y, target) if request.objective == "difference" else Targeted(target)


def _repeated(gradient: InputGradient, rows: int) -> InputGradient:
    return InputGradient(
        gradient.logits.expand(rows, -1), gradient.loss.expand(rows), gradient.gradient.expand(rows, -1, -1, -1)
    )


def thin(pixels: np.ndarray) -> np.ndarray:
    """Every second (third, ...) pixel of (..., H, W, 3), until no side is longer than `SHOWN_SIDE`.

    Thinned out rather than averaged: averaging would wash the perturbation away.
    """
    stride = _stride(*pixels.shape[-3:-1])
    return pixels[..., ::stride, ::stride, :]


def _frame(step: Step, request: Request) -> Frame:
    ball, pixels = ball_of(request), None
    x, delta = step.x, step.delta
    if request.pictures:
        if not step.final:
            # Rounded as the result will be, so that a picture on the way keeps to the ball, too.
            x, delta = _thinned(x), _thinned(delta)
            delta = ball.quantize(delta, x)
        pixels = np.stack([to_pixels(row) for row in x + delta])
    if x.shape != step.x.shape:
        delta = step.delta
    return Frame(
        step.index,
        pixels,
        step.logits.float().cpu().numpy(),
        step.loss.float().cpu().numpy(),
        None if step.gradient_norm is None else step.gradient_norm.float().cpu().numpy(),
        ball.norm(step.delta).float().cpu().numpy(),
        torch.stack([(Linf(0).norm(delta) * 255).round(), L2(0).norm(delta)], 1).float().cpu().numpy(),
    )


def _stride(height: int, width: int) -> int:
    return math.ceil(max(height, width) / SHOWN_SIDE)


def _thinned(x: Tensor) -> Tensor:
    stride = _stride(*x.shape[-2:])
    return x[..., ::stride, ::stride]


def _size(frames: list[Frame]) -> int:
    return sum(f.logits.nbytes + (f.pixels.nbytes if f.pixels is not None else 0) for f in frames)


_engine: LocalEngine | None = None
_engine_lock = threading.Lock()


def default_engine() -> LocalEngine:
    """The process's engine: networks are loaded once, whoever asks."""
    global _engine
    with _engine_lock:
        if _engine is None:
            _engine = LocalEngine()
        return _engine
