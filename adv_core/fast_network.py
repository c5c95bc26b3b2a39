"""The same f at less cost: a frozen network rewritten for forward passes and gradients to the input alone.

An attack never changes the network, so all that depends on its weights alone is done once, here:

- a batch norm in eval mode is an affine map per channel and disappears into the convolution before it (one that has no
  convolution before it becomes a 1 x 1 depthwise convolution itself),
- zero padding, the residual sum and ReLU or ReLU6 become part of the convolution,
- on x86 the weights are packed for oneDNN: for the forward pass, and for the gradient to the input, which is a
  convolution with the kernel turned around. Activations lie channels-last there.

Elsewhere (CUDA, MPS, float64, ...) the rewritten network runs on torch's own convolutions.
"""

import itertools
import operator
import platform
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.fusion import fuse_conv_bn_weights

Pair = tuple[int, int]
Shape = tuple[int, ...]
Node = Any  # fx.Node, but the arguments of nodes may be anything

_LAST = torch.channels_last
_RELU6_LIMITS = (0, 6)
# Under their names in oneDNN: ReLU6 is hardtanh between 0 and 6.
_ACTIVATIONS: dict[Any, str] = {
    nn.ReLU: "relu",
    F.relu: "relu",
    torch.relu: "relu",
    nn.ReLU6: "hardtanh",
    F.relu6: "hardtanh",
}
_OUT_OF_PLACE: dict[Any, Any] = {operator.iadd: operator.add, operator.imul: operator.mul}


def fast_network(network: nn.Module) -> nn.Module:
    """An equivalent of ``network``: the same logits and the same gradient to the input, up to rounding.

    Args:
        network: images (N, C, H, W) -> logits (N, K). It is taken over: frozen, in eval mode, in parts reused.

    Returns:
        The rewritten network; or ``network`` itself, frozen, where its control flow depends on the data.
    """
    network = network.eval().requires_grad_(False)
    try:
        traced = fx.symbolic_trace(network)
    except Exception:  # tracing runs the network's own code, which may raise anything
        return network
    _Rewriter(traced).rewrite()
    return traced.eval()


class Convolution(nn.Module):
    """activation(conv(x) + bias + residual), frozen.

    Args:
        weight: (O, I / groups, k, l).
        bias: (O,).
        stride, padding, dilation, groups: as for nn.Conv2d.

    On oneDNN it cannot be differentiated twice; asking for that raises.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> None:
        super().__init__()
        bias = weight.new_zeros(len(weight)) if bias is None else bias
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = nn.Parameter(bias.detach(), requires_grad=False)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.activation = "none"
        self.takes_residual = False
        self.owns_gradient = False
        self._packed: dict[Shape, _Packed] = {}

    @property
    def is_linear(self) -> bool:
        """Whether nothing comes after the convolution yet."""
        return self.activation == "none" and not self.takes_residual

    def fold(self, norm: nn.BatchNorm2d) -> None:
        """Take in the batch norm that follows. In float64, so that it costs no accuracy."""
        assert norm.running_mean is not None and norm.running_var is not None
        weight, bias = fuse_conv_bn_weights(
            self.weight.double(),
            self.bias.double(),
            norm.running_mean,
            norm.running_var.double(),
            norm.eps,
            norm.weight,
            norm.bias,
        )
        self.weight = nn.Parameter(weight.to(self.weight), requires_grad=False)
        self.bias = nn.Parameter(bias.to(self.bias), requires_grad=False)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        if self._runs_on_onednn(x) and (residual is None or residual.shape == self.output_shape(x.shape)):
            y: Tensor = _Apply.apply(x, residual, self)
            return y
        y = F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        if residual is not None:
            y = y + residual
        if self.activation == "relu":
            return F.relu(y)
        return F.relu6(y) if self.activation == "hardtanh" else y

    def output_shape(self, shape: Shape) -> Shape:
        """(N, O, H', W') of an input (N, I, H, W)."""
        geometry = zip(shape[2:], self.weight.shape[2:], self.stride, self.padding, self.dilation, strict=True)
        return (shape[0], len(self.bias), *((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in geometry))

    def packed(self, shape: Shape) -> "_Packed":
        """Itself on oneDNN for inputs of such a shape: made once, and again when the weights have changed.

        One image wants other layouts than many. The two that were made last are kept.
        """
        key = (self.weight._version, self.bias._version, min(shape[0], 2), *shape[2:])
        packed = self._packed.get(key)
        if packed is None:
            packed = _Packed(self, shape)
            self._packed = dict([*self._packed.items()][-1:]) | {key: packed}
        return packed

    def _runs_on_onednn(self, x: Tensor) -> bool:
        weight = self.weight
        return (
            x.device.type == "cpu"
            and x.dtype == weight.dtype == torch.float32
            and not weight.requires_grad
            and x.numel() > 0
            and _onednn_is_here()
        )

    def _apply(self, *arguments: Any, **options: Any) -> Any:
        self._packed = {}  # the weights move or change their type
        return super()._apply(*arguments, **options)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_packed": {}}  # what is packed can be neither copied nor pickled


class _Packed:
    """A `Convolution` on oneDNN for inputs of one shape: its forward pass, and its gradient to the input.

    The gradient is a convolution of ∂L/∂y with the kernel turned around and the channels swapped; with a stride it is
    a transposed convolution. A network's first layer has only 3 channels to fill a vector register with. There, the
    s x s phases of ∂L/∂x are computed as 3·s² channels of an unstrided convolution, and interleaved (Shi et al., CVPR
    2016, arXiv:1609.05158): four times as fast for ResNet50's.
    """

    def __init__(self, conv: Convolution, shape: Shape) -> None:
        pack = torch.ops.mkldnn._reorder_convolution_weight
        weight, stride, padding, dilation, groups = conv.weight, conv.stride, conv.padding, conv.dilation, conv.groups
        out, kernel = conv.output_shape(shape), weight.shape[2:]
        self.activation, self.owns_gradient = conv.activation, conv.owns_gradient
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
            phases, around = _phases(weight, padding, self.phases, shape, out)
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

    def gate(self, g: Tensor, y: Tensor) -> Tensor:
        """∂L/∂y (N, O, H', W') behind the activation -> the same before it; y tells what was let through."""
        out = g if self.owns_gradient else torch.empty_like(g)
        if self.activation == "relu":
            torch.ops.aten.threshold_backward.grad_input(g, y, 0, grad_input=out)
        else:
            torch.ops.aten.hardtanh_backward.grad_input(g, y, *self.limits, grad_input=out)
        return out

    def backward(self, g: Tensor, shape: Shape) -> Tensor:
        """∂L/∂x (N, I, H, W) = shape from ∂L/∂y before the activation."""
        g = g.contiguous(memory_format=_LAST)
        convolve = torch.ops.mkldnn._convolution_pointwise.default
        if self.is_transposed:
            convolve = torch.ops.mkldnn._convolution_transpose_pointwise.default
        gx: Tensor = convolve(g, *self.back, "none", (), "")
        return _interleaved(gx, self.phases, shape) if self.phases else gx


class _Apply(torch.autograd.Function):
    """`_Packed` for autograd. Frozen weights need no activations for their gradient: only ReLU's output is kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, residual: Tensor | None, conv: Convolution) -> Tensor:
        packed = conv.packed(x.shape)
        y = packed.forward(x, residual)
        ctx.packed, ctx.shape, ctx.in_rows = packed, x.shape, x.is_contiguous()
        if packed.activation != "none":
            ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        if ctx.packed.activation != "none":
            g = ctx.packed.gate(g, *ctx.saved_tensors)
        gx = None
        if ctx.needs_input_grad[0]:
            gx = ctx.packed.backward(g, ctx.shape)
            gx = gx.contiguous() if ctx.in_rows else gx
        return gx, g if ctx.needs_input_grad[1] else None, None


def _turned(weight: Tensor, groups: int) -> Tensor:
    """(O, I / groups, k, l) -> (I, O / groups, k, l), every kernel turned by 180°."""
    o, i, *kernel = weight.shape
    swapped = weight.view(groups, o // groups, i, *kernel).transpose(1, 2)
    return swapped.reshape(groups * i, o // groups, *kernel).flip(2, 3).contiguous()


def _phases(weight: Tensor, padding: Pair, s: int, shape: Shape, out: Shape) -> tuple[Tensor, Pair]:
    """The gradient of a convolution with stride s as an unstrided one: weights (s²·I, O, k', l') and padding.

    gx[s·i + a] = Σ_d g[i + d] · w[a + padding − s·d], so phase a has those taps d that hit the kernel. ``shape`` and
    ``out`` are the shapes of x and y.
    """
    o, i, *kernel = weight.shape
    taps: list[range] = []
    for dim, p in zip((2, 3), padding, strict=True):
        hit = weight.transpose(dim, -1).flatten(0, -2).any(0).nonzero()  # uneven padding leaves zeros at one end
        low, high = (int(hit[0]), int(hit[-1])) if len(hit) else (0, 0)
        last = (s - 1 + p - low) // s
        lacking = -(-shape[dim] // s) - out[dim]  # as many cells as x has, not y
        taps.append(range(-max((high - p) // s, last + lacking), last + 1))
    phases = weight.new_zeros(s, s, i, o, len(taps[0]), len(taps[1]))
    for a, b, (m, d), (n, e) in itertools.product(range(s), range(s), enumerate(taps[0]), enumerate(taps[1])):
        u, v = a + padding[0] - s * d, b + padding[1] - s * e
        if 0 <= u < kernel[0] and 0 <= v < kernel[1]:
            phases[a, b, :, :, m, n] = weight[:, :, u, v].T
    return phases.flatten(0, 2), (-taps[0].start, -taps[1].start)


def _interleaved(phases: Tensor, s: int, shape: Shape) -> Tensor:
    """(N, s²·I, h, w) -> (N, I, H, W) = shape."""
    n, i, height, width = shape
    h, w = -(-height // s), -(-width // s)
    cells = phases.permute(0, 2, 3, 1)[:, :h, :w].unflatten(3, (s, s, i))
    return cells.permute(0, 5, 1, 3, 2, 4).reshape(n, i, h * s, w * s)[..., :height, :width]


def _pair(entry: Any) -> Pair:
    return (entry, entry) if isinstance(entry, int) else (entry[0], entry[1])


@cache
def _onednn_is_here() -> bool:
    return (
        platform.machine().lower() in {"x86_64", "amd64"}
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_convolution_transpose_pointwise")
    )


class _Rewriter:
    """Puts a `Convolution` into the place of every convolution of a traced network and of what surrounds it."""

    def __init__(self, traced: fx.GraphModule) -> None:
        self.traced, self.graph = traced, traced.graph
        self.made = 0

    def rewrite(self) -> None:
        for rule in (self._drop_nothing, self._convolution, self._fuse):
            for node in list(self.graph.nodes):
                rule(node)
        for node in self.graph.nodes:
            self._let_own_gradient(node)
            self._out_of_place(node)
        self.graph.eliminate_dead_code()
        self.traced.delete_all_unused_submodules()
        self.graph.lint()
        self.traced.recompile()

    def _drop_nothing(self, node: Node) -> None:
        """What does nothing in eval mode."""
        is_nothing = isinstance(self._module(node), nn.Dropout | nn.Dropout2d | nn.Identity)
        if is_nothing or getattr(node.target, "__name__", "") == "stochastic_depth":
            self._replace(node, node.args[0])

    def _convolution(self, node: Node) -> None:
        """nn.Conv2d or F.conv2d, with the zero padding before it."""
        module = self._module(node)
        if type(module) is nn.Conv2d and module.padding_mode == "zeros":
            weight, bias = module.weight, module.bias
            geometry: tuple[Any, ...] = (module.stride, module.padding, module.dilation, module.groups)
        elif node.target is F.conv2d and len(node.args) == 7 and self._is_attribute(node.args[1]):
            weight, bias = (self._attribute(argument) for argument in node.args[1:3])
            geometry = node.args[3:]
        else:
            return
        if isinstance(geometry[1], str):  # "same", "valid"
            return
        stride, padding, dilation = (_pair(entry) for entry in geometry[:3])
        x = node.args[0]
        zeros = self._module(x)
        if isinstance(zeros, nn.ZeroPad2d) and dilation == (1, 1):
            # Uneven padding is even padding for a kernel with zeros at the side that had less.
            left, right, top, bottom = zeros.padding
            weight = F.pad(weight, [max(n, 0) for n in (right - left, left - right, bottom - top, top - bottom)])
            padding = (padding[0] + max(top, bottom), padding[1] + max(left, right))
            x = x.args[0]
        self._insert(node, Convolution(weight, bias, stride, padding, dilation, geometry[3]), x)

    def _fuse(self, node: Node) -> None:
        """Batch norm, residual sum and activation."""
        module = self._module(node)
        target = node.target if module is None else type(module)
        before = [self._only_for(argument, node) for argument in node.args] or [None]
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            conv = before[0]
            if conv is not None and conv.is_linear:
                conv.fold(module)
                self._replace(node, node.args[0])
            else:  # as a convolution that multiplies each channel by 1, and takes the norm in
                channels = module.num_features
                ones = module.running_mean.new_ones(channels, 1, 1, 1)
                conv = Convolution(ones, None, (1, 1), (0, 0), (1, 1), channels)
                conv.fold(module)
                self._insert(node, conv, node.args[0])
        elif target in _ACTIVATIONS:
            conv, activation = before[0], _ACTIVATIONS[target]
            # oneDNN has no ReLU6 after a sum
            if conv is not None and (conv.is_linear or (conv.activation, activation) == ("none", "relu")):
                conv.activation = activation
                self._replace(node, node.args[0])
        elif target in (operator.add, operator.iadd, torch.add) and len(node.args) == 2 and not node.kwargs:
            for conv, argument, other in zip(before, node.args, node.args[::-1], strict=True):
                if conv is not None and conv.is_linear and isinstance(other, fx.Node) and other is not argument:
                    conv.takes_residual = True
                    self._insert(node, conv, argument.args[0], other)
                    self.graph.erase_node(argument)
                    return

    def _let_own_gradient(self, node: Node) -> None:
        """A gradient that comes from the next `Convolution` alone was made for us, and may be overwritten."""
        conv = self._module(node)
        user, *others = node.users or [None]
        if isinstance(conv, Convolution) and isinstance(self._module(user), Convolution) and not others:
            conv.owns_gradient = node not in user.args[1:]

    def _out_of_place(self, node: Node) -> None:
        """What is left must not overwrite an activation that its `Convolution` has kept."""
        node.target = _OUT_OF_PLACE.get(node.target, node.target)
        if "inplace" in node.kwargs:
            node.update_kwarg("inplace", False)
        module = self._module(node)
        if hasattr(module, "inplace"):
            module.inplace = False

    def _module(self, node: Node) -> Any:
        if isinstance(node, fx.Node) and node.op == "call_module":
            return self.traced.get_submodule(str(node.target))
        return None

    def _only_for(self, node: Node, user: Node) -> Convolution | None:
        """The node's `Convolution`, if nobody but ``user`` looks at its output."""
        conv = self._module(node)
        return conv if isinstance(conv, Convolution) and list(node.users) == [user] else None

    def _is_attribute(self, node: Node) -> bool:
        return isinstance(node, fx.Node) and node.op == "get_attr"

    def _attribute(self, node: Node) -> Any:
        return operator.attrgetter(str(node.target))(self.traced) if isinstance(node, fx.Node) else None

    def _replace(self, node: Node, other: Node) -> None:
        node.replace_all_uses_with(other)
        self.graph.erase_node(node)

    def _insert(self, node: Node, module: Convolution, *arguments: Node) -> None:
        """Put a call of the module into the place of ``node``."""
        name = f"convolution_{self.made}"
        self.made += 1
        self.traced.add_submodule(name, module)
        with self.graph.inserting_before(node):
            self._replace(node, self.graph.call_module(name, arguments))
