"""A faster equivalent of a frozen network, for forward passes and gradients with respect to the input only.

An attack never changes the network, so the work that depends on its weights alone is done once:

- `adv_core.networks.rewriting` folds batch norms, zero padding, residual sums and activations into the convolutions;
- on x86 the weights are packed for oneDNN: for the forward pass, and for the gradient to the input, which is a
  convolution with the kernel turned around. Activations lie channels-last there.

Elsewhere (CUDA, MPS, float64, ...) the rewritten network runs on torch's own convolutions.
"""

import itertools
import platform
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable

from adv_core.networks.rewriting import Convolution, Node, Pair, Rewriter, Shape

_LAST = torch.channels_last
_RELU6_LIMITS = (0, 6)


@torch.inference_mode(False)
def fast_network(network: nn.Module) -> nn.Module:
    """An equivalent of ``network``: the same logits and the same gradient to the input, up to rounding.

    Args:
        network: images (N, C, H, W) -> logits (N, K). It is changed: frozen, set to eval mode, and partly reused.

    Returns:
        The rewritten network; or ``network`` itself, frozen, where its control flow depends on the data.
    """
    network = network.eval().requires_grad_(False)
    try:
        traced = _traced(network)
    except Exception:  # tracing runs the network's own code, which may raise anything
        return network
    Rewriter(traced).rewrite()
    return FastNetwork(traced).eval()


class _Tracer(fx.Tracer):
    """A tracer that leaves the modules of other threads alone.

    While fx traces, it replaces ``nn.Module.__call__`` and ``__getattr__`` for the whole process.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)


_TRACING = threading.Lock()  # two traces at once would put back each other's replacements of nn.Module's methods


def _traced(network: nn.Module) -> fx.GraphModule:
    with _TRACING:
        return fx.GraphModule(network, _Tracer().trace(network), type(network).__name__)


class FastNetwork(nn.Module):
    """A rewritten network. On oneDNN it cannot be differentiated twice; a second derivative raises."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__()
        self.traced = traced
        self._weights = list(traced.parameters())
        self._plans: dict[Shape, _Plan] = {}
        self._has_plan = True

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor
        if self._runs_on_onednn(x):
            try:
                if x.requires_grad and torch.is_grad_enabled():
                    logits = _Apply.apply(x, self._plan(x.shape))
                else:
                    with torch.no_grad():
                        logits, _ = self._plan(x.shape).forward(x, keep=False)
                return logits
            except _NoPlanError:
                self._has_plan = False
        logits = self.traced(x)
        return logits

    def _runs_on_onednn(self, x: Tensor) -> bool:
        return (
            self._has_plan
            and x.device.type == "cpu"
            and x.dtype == torch.float32
            and x.ndim == 4
            and x.numel() > 0
            and _onednn_is_here()
            and not any(weight.requires_grad or weight.dtype != torch.float32 for weight in self._weights)
        )

    def _plan(self, shape: Shape) -> "_Plan":
        """Return the plan for inputs of that shape. It is made once, and again when the weights have changed.

        Its weights are packed for one image or for many; the last two plans are kept.
        """
        version = sum(weight._version for weight in self._weights if not weight.is_inference())
        key = (version, min(shape[0], 2), *shape[1:])
        plan = self._plans.get(key)
        if plan is None:
            plan = _Plan(self.traced)
            self._plans = dict([*self._plans.items()][-1:]) | {key: plan}
        return plan

    def forget_plans(self) -> None:
        """Drop the packed weights, which take several times the memory of the network. They are packed anew on use."""
        self._plans = {}

    def _apply(self, *arguments: Any, **options: Any) -> Any:
        self.forget_plans()  # the weights move to another device or change their type
        return super()._apply(*arguments, **options)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plans": {}}  # packed weights can be neither copied nor pickled


class _Packed:
    """A `Convolution` on oneDNN for inputs of one shape: its forward pass, and its gradient to the input.

    The gradient is a convolution of ∂L/∂y with the kernel turned around and the channels swapped; with a stride it is
    a transposed convolution. A network's first layer has only 3 channels, too few to fill a vector register. There, the
    s x s phases of ∂L/∂x are computed as 3·s² channels of an unstrided convolution, and interleaved (Shi et al., CVPR
    2016, arXiv:1609.05158), which is four times as fast for the first layer of ResNet50.
    """

    def __init__(self, conv: Convolution, shape: Shape) -> None:
        pack = torch.ops.mkldnn._reorder_convolution_weight
        weight, stride, padding, dilation, groups = conv.weight, conv.stride, conv.padding, conv.dilation, conv.groups
        out, kernel = conv.output_shape(shape), weight.shape[2:]
        self.activation, self.shape = conv.activation, shape
        self.limits = _RELU6_LIMITS if conv.activation == "hardtanh" else ()
        packed = pack(weight, padding, stride, dilation, groups, shape)
        self.layer = (packed, conv.bias, padding, stride, dilation, groups)
        self.phases, self.is_transposed = 0, False
        around = tuple(d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding, strict=True))
        if stride == (1, 1) and min(around) >= 0:
            geometry: tuple[Any, ...] = (around, (1, 1), dilation, groups)
            self.back = (pack(_turned(weight, groups), *geometry, out), None, *geometry)
        elif weight.shape[1] <= 4 and groups == 1 and dilation == (1, 1) and stride[0] == stride[1]:
            self.phases = stride[0]
            phases, around, self.shift = _phases(weight, padding, self.phases, shape, out)
            geometry = (around, (1, 1), (1, 1), 1)
            self.back = (pack(phases, *geometry, out), None, *geometry)
        else:
            self.is_transposed = True
            sides = zip(shape[2:], out[2:], kernel, stride, padding, dilation, strict=True)
            rest = tuple(n - (m - 1) * s + 2 * p - d * (k - 1) - 1 for n, m, k, s, p, d in sides)
            geometry = (padding, rest, stride, dilation, groups)
            pack = torch.ops.mkldnn._reorder_convolution_transpose_weight
            self.back = (pack(weight, *geometry, out), None, *geometry)

    def forward(self, x: Tensor, residual: Tensor | None) -> Tensor:
        """y (N, O, H', W'), channels-last."""
        x = x.contiguous(memory_format=_LAST)
        y: Tensor
        if residual is None:
            y = torch.ops.mkldnn._convolution_pointwise.default(x, *self.layer, self.activation, self.limits, "")
        else:
            residual = residual.contiguous(memory_format=_LAST)
            activation = None if self.activation == "none" else self.activation
            y = torch.ops.mkldnn._convolution_pointwise.binary(
                x, residual, *self.layer, "add", 1.0, activation, self.limits, ""
            )
        return y

    def gate(self, g: Tensor, y: Tensor, in_place: bool) -> Tensor:
        """Turn ∂L/∂y (N, O, H', W') behind the activation into that before it; y tells which values passed."""
        laid = g.contiguous(memory_format=_LAST)  # as y lies: values in two orders cannot be taken several at once
        out = laid if in_place or laid is not g else torch.empty_like(laid)
        if self.activation == "relu":
            torch.ops.aten.threshold_backward.grad_input(laid, y, 0, grad_input=out)
        else:
            torch.ops.aten.hardtanh_backward.grad_input(laid, y, *self.limits, grad_input=out)
        return out

    def backward(self, g: Tensor, onto: Tensor | None) -> Tensor:
        """∂L/∂x (N, I, H, W), plus ``onto``, from ∂L/∂y before the activation."""
        g = g.contiguous(memory_format=_LAST)
        convolve = torch.ops.mkldnn._convolution_pointwise
        gx: Tensor
        if self.is_transposed:
            gx = torch.ops.mkldnn._convolution_transpose_pointwise.default(g, *self.back, "none", (), "")
        elif self.phases:
            gx = convolve.default(g, *self.back, "none", (), "")
            gx = _interleaved(gx, self.phases, self.shift, (len(gx), *self.shape[1:]))
        elif onto is None:
            return cast(Tensor, convolve.default(g, *self.back, "none", (), ""))
        else:
            onto = onto.contiguous(memory_format=_LAST)
            return cast(Tensor, convolve.binary(g, onto, *self.back, "add", 1.0, None, (), ""))
        return gx if onto is None else gx.add_(onto)


class _NoPlanError(RuntimeError):
    """A network that has no `_Plan`."""


class _Gradients:
    """∂L/∂(value of a node), collected while a `_Plan` runs backwards. A tensor that is ours may be overwritten."""

    def __init__(self) -> None:
        self._found: dict[fx.Node, tuple[Tensor, bool]] = {}

    def take(self, node: fx.Node) -> tuple[Tensor | None, bool]:
        """Return the gradient, if there is one, and whether it is ours; and forget it."""
        return self._found.pop(node, (None, False))

    def add(self, node: fx.Node, g: Tensor, is_ours: bool) -> None:
        before, before_is_ours = self.take(node)
        if before is not None:
            g, is_ours = before.add_(g) if before_is_ours else before + g, True
        self._found[node] = (g, is_ours)


class _Layer:
    """A step of a `_Plan`: a `Convolution`. Frozen weights need no inputs kept for them: only ReLU's output is kept."""

    def __init__(self, node: fx.Node, conv: Convolution) -> None:
        self.node, self.conv = node, conv
        self.x: Node = node.args[0]
        self.residual: Node = node.args[1] if len(node.args) > 1 else None
        self.inputs = node.all_input_nodes
        self.packed: _Packed | None = None

    def forward(self, values: dict[Node, Any], keep: bool) -> Tensor | None:
        x, residual = values[self.x], values.get(self.residual)
        if self.packed is None:
            if residual is not None and residual.shape != self.conv.output_shape(x.shape):
                raise _NoPlanError("a sum that broadcasts")
            self.packed = _Packed(self.conv, x.shape)
        y = values[self.node] = self.packed.forward(x, residual)
        return y if keep and self.conv.activation != "none" else None

    def backward(self, kept: Tensor | None, gradients: _Gradients) -> None:
        g, is_ours = gradients.take(self.node)
        if g is None or self.packed is None:
            return
        if kept is not None:
            g, is_ours = self.packed.gate(g, kept, in_place=is_ours), True
        onto, _ = gradients.take(self.x)
        gradients.add(self.x, self.packed.backward(g, onto), True)
        if self.residual is not None:
            gradients.add(self.residual, g, is_ours)


class _Dense:
    """A step of a `_Plan`: nn.Linear. Where it has many rows per picture, it is a 1 x 1 convolution of them."""

    def __init__(self, node: fx.Node, linear: nn.Linear) -> None:
        self.node, self.linear, self.inputs = node, linear, node.all_input_nodes
        self.x: Node = node.args[0]
        self.packed: _Packed | None = None

    def forward(self, values: dict[Node, Any], keep: bool) -> None:
        x, weight, bias = values[self.x], self.linear.weight, self.linear.bias
        if x.ndim == 2:
            values[self.node] = F.linear(x, weight, bias)
            return
        pixels = _as_pixels(x)
        if self.packed is None or self.packed.shape != pixels.shape:  # packed for another number of rows, it is slow
            conv = Convolution(weight[:, :, None, None], bias, (1, 1), (0, 0), (1, 1), 1)
            self.packed = _Packed(conv, pixels.shape)
        values[self.node] = _as_rows(self.packed.forward(pixels, None), x.shape)

    def backward(self, kept: None, gradients: _Gradients) -> None:
        g, _ = gradients.take(self.node)
        if g is None:
            return
        if self.packed is None:
            gx = g @ self.linear.weight
        else:
            gx = _as_rows(self.packed.backward(_as_pixels(g), None), g.shape)
        gradients.add(self.x, gx, True)


class _Segment:
    """A step of a `_Plan`: everything between two other steps. It is left to autograd."""

    def __init__(self, traced: fx.GraphModule, nodes: list[fx.Node]) -> None:
        self.interpreter = fx.Interpreter(traced)
        self.nodes = nodes
        self.inputs = list(dict.fromkeys(i for node in nodes for i in node.all_input_nodes if i not in nodes))
        self.outputs = [node for node in nodes if any(user not in nodes for user in node.users)]

    def forward(self, values: dict[Node, Any], keep: bool) -> Any:
        local = {node: values[node] for node in self.inputs}
        if keep:
            local = {n: v.detach().requires_grad_() if _is_float(v) else v for n, v in local.items()}
        inputs = dict(local)
        with torch.set_grad_enabled(keep):
            for node in self.nodes:
                arguments = fx.map_arg((node.args, node.kwargs), local.__getitem__)
                local[node] = getattr(self.interpreter, node.op)(node.target, *arguments)
        outputs = {node: local[node] for node in self.outputs}
        if any(isinstance(value, tuple | list) for value in outputs.values()):
            raise _NoPlanError("a tuple of tensors")
        values.update((n, v.detach() if isinstance(v, Tensor) else v) for n, v in outputs.items())
        return (inputs, outputs) if keep else None

    def backward(self, kept: Any, gradients: _Gradients) -> None:
        inputs, outputs = ({n: v for n, v in part.items() if _is_float(v) and v.requires_grad} for part in kept)
        known = {node: g for node in outputs if (g := gradients.take(node)[0]) is not None}
        if not known or not inputs:
            return
        found = torch.autograd.grad(
            [outputs[node] for node in known],
            [*inputs.values()],
            [*known.values()],
            retain_graph=True,
            allow_unused=True,
        )
        for node, g in zip(inputs, found, strict=True):
            if g is not None:
                gradients.add(node, g, False)


class _Plan:
    """A rewritten network on oneDNN, for inputs of one shape: its forward and its backward pass.

    One plan is one node of autograd's graph. A node for each layer would cost a tenth of the time at batch 1, and would
    sum up gradients in separate passes.
    """

    def __init__(self, traced: fx.GraphModule) -> None:
        self.steps: list[_Layer | _Dense | _Segment] = []
        between: list[fx.Node] = []
        for node in traced.graph.nodes:
            module = traced.get_submodule(node.target) if node.op == "call_module" else None
            if between and (node.op == "output" or isinstance(module, Convolution | nn.Linear)):
                self.steps.append(_Segment(traced, between))
                between = []
            if isinstance(module, Convolution):
                self.steps.append(_Layer(node, module))
            elif isinstance(module, nn.Linear):
                self.steps.append(_Dense(node, module))
            elif node.op == "placeholder":
                self.x = node
            elif node.op == "output":
                self.y = node.args[0]
            else:
                between.append(node)
        last = {}
        for index, step in enumerate(self.steps):
            for node in step.inputs:
                last[node] = index
        last[self.y] = -1
        self.dead = [[node for node in last if last[node] == index] for index in range(len(self.steps))]

    def forward(self, x: Tensor, keep: bool) -> tuple[Tensor, list[Any]]:
        """Return the logits; and with ``keep``, the values that `backward` needs."""
        values: dict[Node, Any] = {self.x: x}
        kept = []
        for step, dead in zip(self.steps, self.dead, strict=True):
            kept.append(step.forward(values, keep))
            for node in dead:
                values.pop(node, None)
        return values[self.y], kept

    def backward(self, g: Tensor, kept: list[Any]) -> Tensor | None:
        """∂L/∂x from ∂L/∂logits."""
        gradients = _Gradients()
        gradients.add(self.y, g, False)
        for step, mine in zip(reversed(self.steps), reversed(kept), strict=True):
            step.backward(mine, gradients)
        return gradients.take(self.x)[0]


class _Apply(torch.autograd.Function):
    """A `_Plan` as a function of autograd."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, plan: _Plan) -> Tensor:
        logits, kept = plan.forward(x, keep=True)
        ctx.plan, ctx.kept, ctx.in_rows = plan, kept, x.is_contiguous()
        return logits.detach()  # a kept value must not lead back to ctx

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, None]:
        gx = ctx.plan.backward(g, ctx.kept)
        return (gx.contiguous() if gx is not None and ctx.in_rows else gx), None


def _as_pixels(rows: Tensor) -> Tensor:
    """(..., C) -> (1, C, M, 1), channels-last."""
    return rows.reshape(1, -1, 1, rows.shape[-1]).permute(0, 3, 1, 2)


def _as_rows(pixels: Tensor, shape: Shape) -> Tensor:
    """(1, C, M, 1), channels-last -> (..., C), where shape = (..., anything)."""
    return pixels.permute(0, 2, 3, 1).reshape(*shape[:-1], -1)


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _turned(weight: Tensor, groups: int) -> Tensor:
    """(O, I / groups, k, l) -> (I, O / groups, k, l), every kernel turned by 180°."""
    o, i, *kernel = weight.shape
    swapped = weight.view(groups, o // groups, i, *kernel).transpose(1, 2)
    return swapped.reshape(groups * i, o // groups, *kernel).flip(2, 3).contiguous()


def _phases(weight: Tensor, padding: Pair, s: int, shape: Shape, out: Shape) -> tuple[Tensor, Pair, Pair]:
    """The gradient of a convolution with stride s as an unstrided one: weights (s²·I, O, k', l'), padding and shift.

    gx[s·i + a − shift] = Σ_d g[i + d] · w[a − shift + padding − s·d], so phase a has those taps d that hit the kernel.
    The result has the shift that needs the fewest taps. ``shape`` and ``out`` are the shapes of x and y.
    """
    o, i, *kernel = weight.shape
    taps: list[range] = []
    shifts: list[int] = []
    for dim, p in zip((2, 3), padding, strict=True):
        hit = weight.transpose(dim, -1).flatten(0, -2).any(0).nonzero()  # uneven padding leaves zeros at one end
        low, high = (int(hit[0]), int(hit[-1])) if len(hit) else (0, 0)
        choices = []
        for shift in range(s):
            last = (s - 1 - shift + p - low) // s
            lacking = (shape[dim] - 1 + shift) // s + 1 - out[dim]  # as many cells as x has, not y
            choices.append((range(-max((high - p + shift) // s, last + lacking), last + 1), shift))
        best, shift = min(choices, key=lambda choice: len(choice[0]))
        taps.append(best)
        shifts.append(shift)
    phases = weight.new_zeros(s, s, i, o, len(taps[0]), len(taps[1]))
    for a, b, (m, d), (n, e) in itertools.product(range(s), range(s), enumerate(taps[0]), enumerate(taps[1])):
        u, v = a - shifts[0] + padding[0] - s * d, b - shifts[1] + padding[1] - s * e
        if 0 <= u < kernel[0] and 0 <= v < kernel[1]:
            phases[a, b, :, :, m, n] = weight[:, :, u, v].T
    return phases.flatten(0, 2), (-taps[0].start, -taps[1].start), (shifts[0], shifts[1])


def _interleaved(phases: Tensor, s: int, shift: Pair, shape: Shape) -> Tensor:
    """(N, s²·I, h, w) -> (N, I, H, W) = shape."""
    n, i, height, width = shape
    (top, left), h, w = shift, (height - 1 + shift[0]) // s + 1, (width - 1 + shift[1]) // s + 1
    cells = phases.permute(0, 2, 3, 1)[:, :h, :w].unflatten(3, (s, s, i))
    rows = cells.permute(0, 5, 1, 3, 2, 4).reshape(n, i, h * s, w * s)
    return rows[..., top : top + height, left : left + width]


@cache
def _onednn_is_here() -> bool:
    return (
        platform.machine().lower() in {"x86_64", "amd64"}
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_convolution_transpose_pointwise")
    )
