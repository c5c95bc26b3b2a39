"""Other people's models: used as they are, with the right result, or refused with a sentence that says what to do."""

import math
import warnings
from collections import namedtuple
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.utils.checkpoint import checkpoint

from adv_core import (
    L2,
    Custom,
    Linf,
    Step,
    Transformed,
    Untargeted,
    fgsm,
    input_gradient,
    pgd,
    random_noise,
    run,
)
from adv_core.attacks.catalogue import ATTACKS
from adv_core.attacks.evolution import Tiles, evolve
from adv_core.attacks.info import AttackInfo
from adv_core.defences.smoothing import SoftVote, votes
from adv_core.networks.any_model import as_classifier
from adv_core.networks.ensemble import Ensemble
from adv_core.objectives import Labels
from adv_core.patches import Pasted
from adv_core.transforms.transform import opinions

EPS = 8 / 255
Model = Callable[[Tensor], Any]


class Net(nn.Module):
    """Three classes of 12 × 12 pictures; in train mode it draws at random, and its statistics move."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.convolution, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)
            self.dropout, self.head = nn.Dropout(0.5), nn.Linear(600, 3)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = 4 * self.head(self.dropout(self.norm(self.convolution(x)).tanh().flatten(1)))
        return logits


def pictures() -> Tensor:
    return torch.randint(40, 215, (3, 3, 12, 12), generator=torch.Generator().manual_seed(2)).float() / 255


def steps_of(info: AttackInfo, model: Model, x: Tensor, y: Labels | None = None) -> Iterator[Step]:
    """A short run of an attack of the catalogue; the labels are those of the untouched `Net` unless they are given."""
    y = Net()(pictures()).argmax(1) if y is None else y
    ball = (L2 if info.norms == ("l2",) else Linf)(math.inf if info.minimal else EPS)
    places = {"set": ball, "objective": Untargeted(y), "y": y}
    short = {"steps": 4, "queries": 40, "seed": 3}
    options = {name: value for name, value in short.items() if name in info.options}
    return info.solver(model, x, *(places[name] for name in info.arguments), **options)


class Holder:
    """An object that holds a model, such as people write around one."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def logits(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x)
        return logits

    __call__ = logits


def scaled(model: nn.Module, x: Tensor) -> Tensor:
    logits: Tensor = model(x)
    return logits


def in_list(models: list[nn.Module]) -> Model:
    return lambda x: sum(model(x) for model in models)


Auxiliary = namedtuple("Auxiliary", ["logits", "aux_logits"])
USED_AS_THEY_ARE: dict[str, Callable[[nn.Module], Model]] = {
    "a module": lambda net: net,
    "a function": lambda net: lambda x: net(x),
    "functions in a list": lambda net: in_list([net]),
    "a partial": lambda net: partial(scaled, net),
    "an object": Holder,
    "a method": lambda net: Holder(net).logits,
    "the method forward": lambda net: net.forward,
    "a named tuple with logits": lambda net: lambda x: Auxiliary(net(x), net(x)),
    "data-parallel": lambda net: nn.DataParallel(net),
    "an answer with logits": lambda net: lambda x: SimpleNamespace(logits=net(x)),
}
# The form of the model makes no difference between the attacks: each has the last one, and PGD has all.
CASES = [
    (info, wrap)
    for wrap in USED_AS_THEY_ARE
    for info in ATTACKS.values()
    if info.name == "pgd" or wrap == [*USED_AS_THEY_ARE][-1]
]


@pytest.mark.parametrize(("info", "wrap"), CASES, ids=lambda each: getattr(each, "name", each))
def test_a_model_in_train_mode_is_attacked_in_eval_mode(info: AttackInfo, wrap: str) -> None:
    expected, net = run(steps_of(info, Net(), pictures())), Net()
    net.train()
    net.convolution.eval()  # a mixture of modes has to come back as it was
    modes, state = [m.training for m in net.modules()], {key: value.clone() for key, value in net.state_dict().items()}
    rng, kept = torch.random.get_rng_state(), []
    for step in steps_of(info, USED_AS_THEY_ARE[wrap](net), pictures()):
        assert [m.training for m in net.modules()] == modes
        kept.append(step)
    result = kept[-1]
    assert torch.equal(result.delta, expected.delta) and torch.equal(result.logits, expected.logits)
    assert bool(result.delta.any())
    assert [m.training for m in net.modules()] == modes
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(rng, torch.random.get_rng_state())


@pytest.mark.parametrize("info", ATTACKS.values(), ids=ATTACKS)
def test_a_run_that_ends_early_leaves_the_modes(info: AttackInfo) -> None:
    net = Net().train()
    steps = steps_of(info, net, pictures())
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert all(module.training for module in net.modules())

    def failing(x: Tensor) -> Tensor:
        net(x)
        raise KeyError("broken")

    with pytest.raises(KeyError):
        run(steps_of(info, failing, pictures()))
    assert all(module.training for module in net.modules()) and int(net.norm.num_batches_tracked) == 0


def test_a_part_that_the_backward_pass_computes_again_is_in_eval_mode() -> None:
    class Thrifty(Net):
        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = checkpoint(super().forward, x, use_reentrant=False)
            return logits

    net, x = Thrifty().train(), pictures()
    for info in ATTACKS.values():
        assert torch.equal(run(steps_of(info, net, x)).delta, run(steps_of(info, Net(), x)).delta)
    assert int(net.norm.num_batches_tracked) == 0 and net.norm.training


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, x: input_gradient(model, x, Untargeted(0)).gradient,
        lambda model, x: run(random_noise(model, x, Linf(EPS), Untargeted(0))).logits,
        lambda model, x: Transformed(model, (), samples=3, chunk=2)(x),
        lambda model, x: input_gradient(Transformed(model, (), samples=3, chunk=2), x, Untargeted(0)).gradient,
        lambda model, x: Ensemble([model, model])(x),
        lambda model, x: SoftVote(model, 0.1, samples=4)(x),
        lambda model, x: Pasted(model, x)(x[:1, :, :4, :4]),
        lambda model, x: [*votes(model, x[:1], 0.1, 20)][-1],
        lambda model, x: [*evolve(model, lambda chance: Tiles.newborn(chance, 4), side=12, queries=9)][-1].scores,
    ],
    ids=["gradient", "noise", "views", "gradient over views", "ensemble", "vote", "patch", "smoothing", "evolution"],
)
def test_whatever_takes_a_classifier_takes_such_a_model(ask: Callable[[Model, Tensor], Tensor]) -> None:
    net, x = Net().train(), pictures()
    torch.testing.assert_close(ask(lambda x: SimpleNamespace(logits=net(x)), x), ask(Net(), x))
    assert int(net.norm.num_batches_tracked) == 0 and all(module.training for module in net.modules())


def test_opinions_are_given_in_eval_mode() -> None:
    net, pixels = Net().train(), (pictures() * 255).round().byte().permute(0, 2, 3, 1).numpy()
    assert (opinions(net, pixels) == opinions(Net(), pixels)).all() and net.training


def test_a_compiled_model() -> None:
    net = Net().train()
    compiled = torch.compile(net, backend="eager")
    for name in ("pgd", "deepfool"):
        expected = run(steps_of(ATTACKS[name], Net(), pictures())).delta
        assert torch.equal(run(steps_of(ATTACKS[name], compiled, pictures())).delta, expected)
    assert all(module.training for module in compiled.modules()) and int(net.norm.num_batches_tracked) == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_frozen_script() -> None:
    script = torch.jit.freeze(torch.jit.script(Net()))
    expected = run(pgd(Net(), pictures(), Linf(EPS), Untargeted(0), steps=2)).delta
    torch.testing.assert_close(run(pgd(script, pictures(), Linf(EPS), Untargeted(0), steps=2)).delta, expected)


@pytest.mark.parametrize("info", ATTACKS.values(), ids=ATTACKS)
def test_labels_in_a_column_are_labels(info: AttackInfo) -> None:
    y, x = Net()(pictures()).argmax(1), pictures()
    expected = run(steps_of(info, Net(), x, y)).delta
    for same in (y[:, None], y.int(), y.tolist(), y.numpy()):
        assert torch.equal(run(steps_of(info, Net(), x, same)).delta, expected)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("info", ATTACKS.values(), ids=ATTACKS)
def test_a_network_in_half_precision_keeps_the_ball(info: AttackInfo, kind: torch.dtype) -> None:
    """δ and the loss stay in float32; |δ| ≤ ε is compared as whole 8-bit levels, exactly."""
    net = Net().to(kind)
    result = run(steps_of(info, lambda x: net(x.to(kind)), pictures()))
    assert result.delta.dtype == result.logits.dtype == result.loss.dtype == torch.float32
    if not info.minimal:
        levels = (result.adversarial.double() * 255).round() - (pictures().double() * 255).round()
        assert bool(levels.any()) and int(levels.abs().max()) <= 8


def changed(change: Callable[[Tensor], Any]) -> tuple[Model, Any]:
    """The network, and other images."""
    return Net(), change(pictures())


def answering(answer: Callable[[Tensor], Any]) -> tuple[Model, Any]:
    """A network that answers in another form, and the images."""
    net = Net()
    return lambda x: answer(net(x)), pictures()


REFUSED: dict[str, tuple[Callable[[], tuple[Any, ...]], str]] = {
    "one column": (lambda: answering(lambda z: z[:, :1]), r"returns \(3, 1\)\. .* two logits, 0 and z: lambda x"),
    "one number": (lambda: answering(lambda z: z[:, 0]), r"returns \(3,\)\. .* two logits, 0 and z: lambda x"),
    "a map of classes": (lambda: answering(lambda z: z[:, :, None, None]), r"returns \(3, 3, 1, 1\)\. .* one row"),
    "a tuple": (lambda: answering(lambda z: (z, z)), r"a tuple of 2 parts\. Give lambda x: model\(x\)\[0\]"),
    "a dict": (lambda: answering(lambda z: {"out": z}), r"returns a dict\. Give lambda x: model\(x\)\[key\].* 'out'"),
    "an array": (lambda: answering(lambda z: z.detach().numpy()), "returns a ndarray"),
    "nothing": (lambda: answering(lambda z: None), "returns a NoneType"),
    "float16": (
        lambda: changed(Tensor.half),
        r"torch\.float16 cannot hold .* lambda x: model\(x\.to\(torch",
    ),
    "bfloat16": (lambda: changed(Tensor.bfloat16), r"torch\.bfloat16 cannot hold .* Give x\.float\(\)"),
    "whole numbers": (lambda: changed(lambda x: (x * 255).round().byte()), r"not torch\.uint8\. .* x / 255"),
    "0 to 255": (lambda: changed(lambda x: (x * 255).round()), r"reaches from 40 to 214\. .* x / 255"),
    "normalised": (lambda: changed(lambda x: (x - 0.5) / 0.2), r"reaches from -.* the classifier normalises"),
    "an array as x": (lambda: changed(Tensor.numpy), r"not a ndarray\..*from_pixels"),
    "no batch axis": (
        lambda: changed(lambda x: x[0]),
        r"\(3, 12, 12\).* give x\[None\]",
    ),
    "colours last": (lambda: changed(lambda x: x.permute(0, 2, 3, 1)), r"colours last\. Give x\.permute\(0, 3, 1, 2\)"),
    "colours last, no batch axis": (
        lambda: changed(lambda x: x[0].permute(1, 2, 0)),
        r"x\.permute\(2, 0, 1\)\[None\]|squares.* give x\[None\]",
    ),
    "a single row": (lambda: changed(lambda x: x[0].flatten()), r"\(432,\)\. .* give x\[None\]"),
    "another device": (lambda: (Net().to("meta"), pictures()), r"x: it is on cpu, .* on meta\. Give x\.to\('meta'\)"),
    "another type": (lambda: (Net().double(), pictures()), r"the weights are torch\.float64\. Give lambda x: model"),
    "one-hot labels": (
        lambda: (Net(), pictures(), one_hot(torch.tensor([0, 1, 2]))),
        r"9 labels for 3 images\. .* labels\.argmax\(1\)",
    ),
    "too few labels": (lambda: (Net(), pictures(), torch.tensor([0, 1])), r"2 labels for 3 images\.$"),
    "probabilities as labels": (lambda: (Net(), pictures(), torch.rand(3, 3)), "labels have to be class indices"),
}


@pytest.mark.parametrize(("case", "sentence"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("info", ATTACKS.values(), ids=ATTACKS)
def test_what_cannot_be_right_is_refused(info: AttackInfo, case: Callable[[], tuple[Any, ...]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        run(steps_of(info, *case()))


def test_two_logits_of_a_binary_model_as_the_sentence_says() -> None:
    net, x = Net(), pictures()

    def two(x: Tensor) -> Tensor:
        return nn.functional.pad(net(x)[:, :1].reshape(-1, 1), (1, 0))

    torch.testing.assert_close(two(x).softmax(1)[:, 1], net(x)[:, 0].sigmoid())
    for info in ATTACKS.values():
        assert bool(run(steps_of(info, two, x, 0)).delta.any())


def test_a_function_of_ones_own_may_climb_a_single_number() -> None:
    net = Net()
    result = run(fgsm(lambda x: net(x)[:, :1], pictures(), Linf(EPS), Custom(lambda z: z[:, 0])))
    assert bool((result.loss > net(pictures())[:, 0]).all())


def test_an_error_of_the_model_itself_stays_what_it_is() -> None:
    def broken(x: Tensor) -> Tensor:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        run(fgsm(broken, pictures(), Linf(EPS), Untargeted(0)))


@pytest.mark.parametrize("info", ATTACKS.values(), ids=ATTACKS)
def test_probabilities_are_used_with_a_warning(info: AttackInfo) -> None:
    net, half = Net(), Net().bfloat16()
    for model in (lambda x: net(x).softmax(1), lambda x: half(x.bfloat16()).softmax(1)):
        with pytest.warns(UserWarning, match="probabilities.* remove the softmax"):
            run(steps_of(info, model, pictures()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(steps_of(info, net, pictures()))
        run(steps_of(info, lambda x: net(x).log_softmax(1), pictures()))


def test_a_model_is_looked_at_once() -> None:
    wrapped = as_classifier(Net())
    assert as_classifier(wrapped) is wrapped
