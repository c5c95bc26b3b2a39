"""Fold the layers around a frozen network's convolutions into them: the rewriting behind `fast_network`.

A batch norm in eval mode is an affine map per channel and disappears into the convolution before it. A batch norm
without a convolution before it becomes a 1 x 1 depthwise convolution itself. Zero padding, the residual sum and ReLU
or ReLU6 become part of the convolution.
"""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

Pair = tuple[int, int]
Shape = tuple[int, ...]
Node = Any  # fx.Node, but the arguments of nodes may be anything

# Under their names in oneDNN: ReLU6 is hardtanh between 0 and 6.
_ACTIVATIONS: dict[Any, str] = {
    nn.ReLU: "relu",
    F.relu: "relu",
    torch.relu: "relu",
    nn.ReLU6: "hardtanh",
    F.relu6: "hardtanh",
}
_OUT_OF_PLACE: dict[Any, Any] = {operator.iadd: operator.add, operator.imul: operator.mul}


class Convolution(nn.Module):
    """activation(conv(x) + bias + residual), frozen.

    Args:
        weight: (O, I / groups, k, l).
        bias: (O,).
        stride, padding, dilation, groups: as for nn.Conv2d.
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

    @property
    def is_linear(self) -> bool:
        """True where the convolution has no activation and no residual sum yet."""
        return self.activation == "none" and not self.takes_residual

    def fold(self, norm: nn.BatchNorm2d) -> None:
        """Fold in the batch norm that follows, in float64, so that no accuracy is lost."""
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


class Rewriter:
    """Replace every convolution of a traced network, and the layers around it, by a `Convolution`."""

    def __init__(self, traced: fx.GraphModule) -> None:
        self.traced, self.graph = traced, traced.graph
        self.made = 0

    def rewrite(self) -> None:
        for rule in (self._drop_nothing, self._convolution, self._fuse):
            for node in list(self.graph.nodes):
                rule(node)
        for node in self.graph.nodes:
            self._out_of_place(node)
        self.graph.eliminate_dead_code()
        self.traced.delete_all_unused_submodules()
        self.graph.lint()
        self.traced.recompile()

    def _drop_nothing(self, node: Node) -> None:
        """Remove a layer that does nothing in eval mode."""
        is_nothing = isinstance(self._module(node), nn.Dropout | nn.Dropout2d | nn.Identity)
        if is_nothing or getattr(node.target, "__name__", "") == "stochastic_depth":
            self._replace(node, node.args[0])

    def _convolution(self, node: Node) -> None:
        """Replace nn.Conv2d or F.conv2d, with the zero padding before it."""
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
            # Uneven padding equals even padding for a kernel with zeros at the side that had less.
            left, right, top, bottom = zeros.padding
            weight = F.pad(weight, [max(n, 0) for n in (right - left, left - right, bottom - top, top - bottom)])
            padding = (padding[0] + max(top, bottom), padding[1] + max(left, right))
            x = x.args[0]
        self._insert(node, Convolution(weight, bias, stride, padding, dilation, geometry[3]), x)

    def _fuse(self, node: Node) -> None:
        """Fold a batch norm, a residual sum or an activation into the convolution before it."""
        module = self._module(node)
        target = node.target if module is None else type(module)
        before = [self._only_for(argument, node) for argument in node.args] or [None]
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            conv = before[0]
            if conv is not None and conv.is_linear:
                conv.fold(module)
                self._replace(node, node.args[0])
            else:  # a new convolution multiplies each channel by 1, and the norm is folded into it
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

    def _out_of_place(self, node: Node) -> None:
        """Make a remaining operation work out of place: it must not overwrite a value that a `Convolution` keeps."""
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
        """The node's `Convolution`, if ``user`` alone uses its output."""
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


def _pair(entry: Any) -> Pair:
    return (entry, entry) if isinstance(entry, int) else (entry[0], entry[1])
