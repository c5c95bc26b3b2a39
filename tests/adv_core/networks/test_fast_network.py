import copy
import gc
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core import Classifier
from adv_core.networks import fast_network as module
from adv_core.networks.fast_network import FastNetwork, fast_network
from adv_core.networks.rewriting import Convolution
from adv_core.networks.torchvision_compat import ensure_torchvision_imports
from adv_core.serving.memory import give_back_freed_memory
from tests.networks import loaded

# name -> side of the input, as small as the architecture allows
TORCHVISION = {
    "alexnet": 96,
    "vgg11_bn": 64,
    "googlenet": 64,
    "resnet18": 65,
    "densenet121": 64,
    "mobilenet_v3_large": 64,
    "efficientnet_b0": 65,
    "convnext_tiny": 64,
    "resnext50_32x4d": 64,
    "shufflenet_v2_x1_0": 64,
}


def randomised(network: nn.Module) -> nn.Module:
    """Batch norms with statistics of their own: with those of a new network, folding would not show."""
    torch.manual_seed(0)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 2)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.2)
    return network.eval().requires_grad_(False)


def random_torchvision(name: str) -> nn.Module:
    ensure_torchvision_imports()
    from torchvision import models

    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    inputs = {"alexnet": 256 * 6 * 6, "vgg11_bn": 512 * 7 * 7}
    if name not in inputs:
        return randomised(models.get_model(name, weights=None, **options))
    with torch.device("meta"):  # their own classifiers are up to 120 M weights
        network = models.get_model(name, weights=None)
        network.classifier = nn.Sequential(nn.Dropout(), nn.Linear(inputs[name], 10))
    network.to_empty(device="cpu")
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            part.reset_parameters()
    return randomised(network)


def look(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits, and the gradient to x of a fixed mixture of them (a cross-entropy could be flat at random weights)."""
    point = x.detach().requires_grad_()
    logits = network(point)
    mixture = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1)).to(logits)
    (gradient,) = torch.autograd.grad((logits * mixture).sum(), point)
    return logits.detach(), gradient


def assert_equivalent(plain: nn.Module, fast: nn.Module, x: Tensor, signs: float = 0.999) -> None:
    (a, ga), (b, gb) = look(plain, x), look(fast, x)
    assert float((a - b).abs().max()) < 1e-4 * max(1, float(a.abs().max()))
    assert float((ga.sign() == gb.sign()).float().mean()) > signs
    assert gb.shape == x.shape and gb.dtype == x.dtype


@pytest.fixture
def collected() -> Iterator[None]:
    """A traced network lies in circles: without a collection, one after the other stays in memory."""
    yield
    gc.collect()
    give_back_freed_memory()


@pytest.mark.slow
@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision_with_random_weights(name: str) -> None:
    plain = random_torchvision(name)
    fast = fast_network(copy.deepcopy(plain))
    assert isinstance(fast, FastNetwork) and any(isinstance(part, Convolution) for part in fast.modules())
    assert not any(isinstance(part, nn.BatchNorm2d | nn.Conv2d | nn.Dropout) for part in fast.modules())
    assert not fast.training and not any(p.requires_grad for p in fast.parameters())
    x = torch.rand(2, 3, TORCHVISION[name], TORCHVISION[name])
    (a, ga), (b, gb) = look(plain, x), look(fast, x)
    torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-4)
    assert float((ga - gb).norm()) < 0.05 * float(ga.norm())
    # In float64 rounding flips no ReLU: there, everything has to agree.
    assert_equivalent(plain.double(), fast.double(), x.double())


def vision_transformer() -> nn.Module:
    from torchvision import models

    network = models.VisionTransformer(64, 16, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64, num_classes=10)
    nn.init.normal_(network.heads.head.weight)  # zero at first
    return network


def swin_transformer() -> nn.Module:
    from torchvision import models

    return models.SwinTransformer([4, 4], 24, [2, 2], [2, 4], [7, 7], num_classes=10)


@pytest.mark.parametrize("make", [vision_transformer, swin_transformer])
def test_attention_is_left_as_it_is(make: Callable[[], nn.Module]) -> None:
    ensure_torchvision_imports()
    torch.manual_seed(0)
    plain = make().eval().requires_grad_(False)
    fast, x = fast_network(copy.deepcopy(plain)), torch.rand(2, 3, 64, 64)
    (a, ga), (b, gb) = look(plain, x), look(fast, x)
    assert float(a.abs().max()) > 0.1 and float(ga.abs().max()) > 0
    torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gb, ga, rtol=1e-3, atol=1e-4 * float(ga.abs().max()))


@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_packaged_networks(name: str, photo: Callable[[str], Tensor]) -> None:
    clf = loaded(name)
    plain = copy.deepcopy(clf)
    plain.network = clf.info.load().eval().requires_grad_(False)
    side = clf.info.input_size
    x = F.interpolate(photo("pig"), (side, side))
    assert_equivalent(plain, clf, torch.cat([x, torch.rand(1, 3, side, side)]))
    # nothing left to pad: uneven padding is in the kernels
    parts = {type(part).__name__ for part in clf.network.modules() if not list(part.children())}
    assert parts == {"Convolution", "AdaptiveAvgPool2d", "Linear"}


@pytest.fixture(scope="module")
def plain(classifier: Classifier) -> Classifier:
    """The default classifier as it comes in its package."""
    own = copy.deepcopy(classifier)
    own.network = classifier.info.load().eval().requires_grad_(False)
    return own


@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_any_batch_and_any_layout(classifier: Classifier, plain: Classifier, batch: int) -> None:
    x = torch.rand(batch, 3, 224, 224)
    transposed = x.transpose(2, 3).contiguous().transpose(2, 3)
    layouts = [x, x.contiguous(memory_format=torch.channels_last), transposed, torch.rand(1, 3, 1, 1).expand_as(x)]
    with torch.no_grad():
        same, other = plain(x), plain(layouts[3])
    for layout, expected in zip(layouts, (same, same, same, other), strict=True):
        logits, gradient = look(classifier, layout)
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
        assert gradient.shape == x.shape and (layout is not x or gradient.is_contiguous())


def test_no_picture_at_all() -> None:
    fast = fast_network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    logits, gradient = look(fast, torch.rand(0, 3, 8, 8))
    assert logits.shape == (0, 4, 6, 6) and gradient.shape == (0, 3, 8, 8)


def geometries() -> list[dict[str, object]]:
    return [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 1, "stride": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1, "groups": 6},
        {"kernel_size": 5, "padding": 2, "groups": 2},
        {"kernel_size": 3, "padding": 2, "dilation": 2},
        {"kernel_size": 3, "stride": 2, "padding": 2, "dilation": 2},
        {"kernel_size": 2, "padding": 3},
        {"kernel_size": (3, 5), "stride": (1, 2), "padding": (1, 0)},
        {"kernel_size": (1, 3), "padding": (0, 1), "bias": False},
    ]


@pytest.mark.parametrize("geometry", geometries(), ids=str)
@pytest.mark.parametrize("side", [16, 19])
def test_convolutions_of_every_geometry(geometry: dict[str, object], side: int) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(6, 12, **geometry)).requires_grad_(False)  # type: ignore[arg-type]
    assert_close_to(plain, torch.rand(2, 6, side, side + 3))


@pytest.mark.parametrize("kernel, stride, padding", [(3, 2, 1), (7, 2, 3), (11, 4, 2), (4, 4, 0), (2, 3, 0), (3, 2, 0)])
@pytest.mark.parametrize("side", [32, 33, 35])
def test_the_first_layer(kernel: int, stride: int, padding: int, side: int) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 8, kernel, stride, padding)).requires_grad_(False)
    assert_close_to(plain, torch.rand(2, 3, side, side))


@pytest.mark.parametrize("zeros", [(0, 1, 0, 1), (1, 0, 2, 1), (1, 2, 1, 2), (2, 2, 1, 1)])
@pytest.mark.parametrize("channels", [3, 8])
def test_uneven_padding(zeros: tuple[int, int, int, int], channels: int) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.ZeroPad2d(zeros), nn.Conv2d(channels, 8, 3, 2, 1)).requires_grad_(False)
    fast = assert_close_to(plain, torch.rand(2, channels, 17, 18))
    assert not any(isinstance(part, nn.ZeroPad2d) for part in fast.modules())


def assert_close_to(plain: nn.Module, x: Tensor) -> nn.Module:
    fast = fast_network(copy.deepcopy(plain))
    (a, ga), (b, gb) = look(plain, x), look(fast, x)
    torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gb, ga, rtol=1e-4, atol=1e-4)
    return fast


class Awkward(nn.Module):
    """Everything that must not be fused wrongly: values that are used twice, sums that broadcast, in-place code."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.gate = nn.Conv2d(4, 4, 1)
        self.norm, self.lone = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.relu, self.silu = nn.ReLU(inplace=True), nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        first = self.a(x)
        both = self.norm(first) + first  # the norm may not be folded: the sum needs its input, too
        y = self.relu(both)
        y = self.b(y) + self.gate(y.mean((2, 3), keepdim=True))  # broadcasts
        z = F.relu6(self.c(y) + y)
        again = self.b(z)  # the same weights
        again += z
        z = self.silu(again)
        w = F.relu(self.b(z), inplace=True)
        w = self.silu(self.c(w)) + w
        w *= 2
        return self.lone(w).relu().mean((2, 3)) + 1


def test_what_must_not_be_fused() -> None:
    torch.manual_seed(0)
    assert_close_to(randomised(Awkward()), torch.rand(2, 3, 8, 8))


@pytest.mark.usefixtures("collected")
def test_residual_sum_and_relu_are_fused() -> None:
    fast = fast_network(random_torchvision("resnet18"))
    assert isinstance(fast, FastNetwork)
    targets = {node.target for node in fast.traced.graph.nodes if node.op == "call_function"}
    assert targets == {torch.flatten} and not any(isinstance(part, nn.ReLU) for part in fast.modules())


class DataDependent(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) if x.sum() > 0 else -x.flatten(1)


def test_what_cannot_be_traced_stays() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), DataDependent())
    assert fast_network(network) is network
    assert not network.training and not any(p.requires_grad for p in network.parameters())


class Waiting(nn.Module):
    """A network whose own code takes as long as a test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 1)
        self.entered, self.may_go_on = threading.Event(), threading.Event()

    def forward(self, x: Tensor) -> Tensor:
        self.entered.set()
        assert self.may_go_on.wait(60)
        logits: Tensor = self.layer(x).mean((2, 3))
        return logits


def test_other_threads_compute_while_a_network_is_traced() -> None:
    first, second, other, x = Waiting(), Waiting(), nn.Sequential(nn.Linear(3, 2)), torch.ones(1, 3)
    expected, call = other(x), nn.Module.__call__
    with ThreadPoolExecutor(2) as threads:
        ours = threads.submit(fast_network, first)
        assert first.entered.wait(60)
        theirs = threads.submit(fast_network, second)
        assert torch.equal(other(x), expected)
        first.may_go_on.set()
        second.may_go_on.set()
        for network, fast in ((first, ours.result(60)), (second, theirs.result(60))):
            assert isinstance(fast, FastNetwork)
            pixels = torch.rand(2, 1, 4, 4)
            torch.testing.assert_close(fast(pixels), network(pixels))
    assert nn.Module.__call__ is call


def test_twice_differentiated_raises() -> None:
    if not module._onednn_is_here():
        pytest.skip("torch's own convolutions can do it")
    fast = fast_network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    x = torch.rand(1, 3, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(fast(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(gradient.sum(), x)


@pytest.mark.usefixtures("collected")
def test_gradients_of_the_same_graph_twice_are_equal() -> None:
    fast = fast_network(random_torchvision("resnet18"))
    x = torch.rand(1, 3, 64, 64, requires_grad=True)
    loss = fast(x).square().sum()
    first, second = (torch.autograd.grad(loss, x, retain_graph=True)[0] for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_weights_that_change_are_packed_again() -> None:
    fast = fast_network(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1)))
    x = torch.rand(1, 3, 8, 8)
    before, _ = look(fast, x)
    fast.load_state_dict({name: 2 * value for name, value in fast.state_dict().items()})
    torch.testing.assert_close(look(fast, x)[0], 2 * before)
    torch.testing.assert_close(look(fast, x)[1], look(fast.double(), x.double())[1].float())
    part = next(part for part in fast.float().modules() if isinstance(part, Convolution))
    part.weight.requires_grad_(True)  # a gradient that is asked for is not left out silently
    fast(x).sum().backward()
    assert part.weight.grad is not None


@pytest.mark.usefixtures("collected")
def test_copies_and_modes() -> None:
    fast = fast_network(random_torchvision("resnet18"))
    x = torch.rand(1, 3, 64, 64)
    expected = fast(x)
    assert isinstance(fast, FastNetwork)
    torch.testing.assert_close(copy.deepcopy(fast)(x), expected, rtol=0, atol=0)
    torch.testing.assert_close(pickle.loads(pickle.dumps(fast))(x), expected, rtol=0, atol=0)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            torch.testing.assert_close(fast(x), expected, rtol=0, atol=0)
    torch.testing.assert_close(look(fast, x)[0], expected, rtol=0, atol=0)


@pytest.mark.usefixtures("collected")
def test_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = random_torchvision("resnet18")
    x = torch.rand(2, 3, 64, 64)
    monkeypatch.setattr(module, "_onednn_is_here", lambda: False)
    assert_equivalent(plain, fast_network(copy.deepcopy(plain)), x)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_cuda(classifier: Classifier) -> None:
    plain = classifier.info.load().eval().requires_grad_(False).cuda()
    with torch.backends.cudnn.flags(allow_tf32=False):
        assert_equivalent(plain, fast_network(copy.deepcopy(plain)), torch.rand(2, 3, 224, 224).cuda(), signs=0.99)


class Rows(nn.Module):
    """nn.Linear on many rows a picture, as in ConvNeXt, and on one."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 2, 2), nn.LayerNorm(8)
        self.wide, self.narrow, self.head = nn.Linear(8, 16), nn.Linear(16, 8, bias=False), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).permute(0, 2, 3, 1)
        x = x + self.narrow(F.gelu(self.wide(self.norm(x))))
        return self.head(x.mean((1, 2)))


def test_rows_and_batches_in_turn() -> None:
    torch.manual_seed(0)
    plain = Rows().requires_grad_(False)
    fast = fast_network(copy.deepcopy(plain))
    for batch, side in ((1, 8), (3, 8), (2, 8), (1, 12), (5, 8), (1, 8)):
        x = torch.rand(batch, 3, side, side)
        (a, ga), (b, gb) = look(plain, x), look(fast, x)
        torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gb, ga, rtol=1e-4, atol=1e-5)


def test_nothing_stays_alive(classifier: Classifier) -> None:
    x = torch.rand(1, 3, 224, 224)
    look(classifier, x)
    gc.collect()
    gc.disable()  # so that a cycle would stay
    try:
        before = sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())
        for _ in range(3):
            look(classifier, x)
        assert sum(issubclass(type(thing), Tensor) for thing in gc.get_objects()) <= before
    finally:
        gc.enable()


@pytest.mark.parametrize("batch", [1, 3])
def test_a_forward_pass_alone(classifier: Classifier, plain: Classifier, batch: int) -> None:
    x = torch.randn(batch, 3, 224, 224)
    with torch.no_grad():
        expected = plain.network(x)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            torch.testing.assert_close(classifier.network(x), expected, rtol=0, atol=1e-4)
