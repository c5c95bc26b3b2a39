"""Anybody's model as a classifier: pixels in [0, 1] in, a row of logits for each picture out.

The solvers take every callable. `AnyModel` sets right what often differs: a model in train mode, an answer that is an
object with ``.logits`` (Transformers), logits in half precision or on another device. It refuses the rest with a
sentence that says what to do.
"""

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

Logits = Callable[[Tensor], Tensor]
HALF = (torch.float16, torch.bfloat16)


def as_classifier(model: Logits) -> "AnyModel":
    """Return the model as an `AnyModel`; one that is wrapped already comes back as it is."""
    return model if isinstance(model, AnyModel) else AnyModel(model)


class AnyModel:
    """A callable from pixels (N, ...) in [0, 1] to logits (N, K), on the device of the pixels.

    Every call runs in eval mode: dropout is off, and the statistics of batch normalisation stay as they are. When the
    call returns, each module has its own mode back.

    Args:
        model: returns a tensor, or an object whose ``logits`` are one.
        warns: whether to warn of answers that look like probabilities.
    """

    def __init__(self, model: Logits, *, warns: bool = True) -> None:
        self.model, self.modules, self._asked, self._warns = model, modules_of(model), False, warns

    def __call__(self, x: Tensor) -> Tensor:
        """The logits of x, (N, K); half precision becomes float32.

        Raises:
            ValueError: the model returns no tensor; or it fails, and the shape, device or type of x tells why.
        """
        with self.in_eval_mode():
            try:
                answer = self.model(x)
            except (RuntimeError, ValueError, IndexError) as error:
                if not self._asked and (remedy := self._remedy(x)):
                    raise ValueError(f"The classifier fails on x: {remedy} Its own message: {error}") from error
                raise
        logits = answer if isinstance(answer, Tensor) else _logits_in(answer)
        if logits.dtype in HALF:
            logits = logits.float()
        if logits.device != x.device:
            logits = logits.to(x.device)
        if not self._asked:
            self._asked = True
            if self._warns:
                _warn_of_probabilities(logits)
        return logits

    @contextmanager
    def in_eval_mode(self) -> Iterator[None]:
        """Put all modules into eval mode inside the block, also for a backward pass that computes a part again."""
        training = [module for module in self.modules if getattr(module, "training", False)]
        for module in training:
            module.training = False
        try:
            yield
        finally:
            for module in training:
                module.training = True

    def _remedy(self, x: Tensor) -> str:
        """Return what to do about an x that does not suit the model, "" if nothing is known."""
        shape, weight = tuple(x.shape), next((p for module in self.modules for p in module.parameters()), None)
        channels_last = x.ndim in (3, 4) and shape[-1] in (1, 3) and shape[-3] not in (1, 3)
        if x.ndim == 3:
            order = "x.permute(2, 0, 1)[None]" if channels_last else "x[None]"
            return f"its shape {shape} has no batch axis. For a single picture, give {order}."
        if channels_last:
            return f"its shape {shape} seems to have the colours last. Give x.permute(0, 3, 1, 2), (N, 3, H, W)."
        if weight is not None and weight.device != x.device:
            return f"it is on {x.device}, and the weights are on {weight.device}. Give x.to({str(weight.device)!r})."
        if weight is not None and weight.dtype != x.dtype:
            return f"it is {x.dtype}, and the weights are {weight.dtype}. Give lambda x: model(x.to({weight.dtype}))."
        return ""


def modules_of(model: object) -> list[nn.Module]:
    """Return the modules behind a callable: a module's own, or those that a function, method or partial refers to."""
    if isinstance(model, nn.Module):
        return [*model.modules()]
    if inspect.ismethod(model):
        return modules_of(model.__self__)
    if isinstance(model, partial):
        held = [model.func, *model.args, *model.keywords.values()]
    elif inspect.isfunction(model):
        held = [model.__globals__.get(name) for name in model.__code__.co_names]
        held += [cell.cell_contents for cell in model.__closure__ or ()]
    else:
        held = [*getattr(model, "__dict__", {}).values()]
    held += [one for each in held if isinstance(each, list | tuple) for one in each]
    found = (each.modules() for each in held if isinstance(each, nn.Module))
    return [*dict.fromkeys(module for modules in found for module in modules)]


def _logits_in(answer: object) -> Tensor:
    """Return the logits of an answer that is no tensor."""
    logits = getattr(answer, "logits", None)
    if isinstance(logits, Tensor):
        return logits
    kind, part = type(answer).__name__, ""
    if isinstance(answer, dict):
        part = f". Give lambda x: model(x)[key], where key is that of the logits among {', '.join(map(repr, answer))}"
    elif isinstance(answer, tuple | list):
        part = f" of {len(answer)} parts. Give lambda x: model(x)[0], if the first one is the logits"
    elif kind == "ndarray":
        part = ". Give lambda x: torch.from_numpy(model(x))"
    elif callable(answer):
        part = ", as a function does that makes a model. Give what it returns"
    raise ValueError(f"the classifier has to return a tensor of logits (N, K), and returns a {kind}{part}.")


def _warn_of_probabilities(logits: Tensor) -> None:
    """Warn if the "logits" look like probabilities: a second softmax would leave hardly any gradient."""
    if logits.ndim != 2 or not len(logits) or logits.shape[1] < 2 or logits.is_meta:
        return
    if bool((logits >= 0).all()):
        sums = logits.sum(1)
        if torch.allclose(sums, torch.ones_like(sums), rtol=0, atol=5e-3):  # half precision misses 1 by that much
            warnings.warn(
                "The classifier seems to return probabilities. The objectives expect logits: remove the softmax, or "
                "give lambda x: model(x).log().",
                stacklevel=3,
            )
