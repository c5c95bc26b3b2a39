import io
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from torch import Tensor, nn

from adv_core import Classifier, Linf, Targeted, TargetedDifference, Untargeted, input_gradient, pgd, run
from adv_core.images import is_8bit
from adv_core.networks.torchvision_compat import ensure_torchvision_imports
from adv_core.objectives import ExpectedTargeted, ExpectedUntargeted
from adv_core.transforms.expectation import Transformed
from adv_core.transforms.geometry import Crop, Resize, Rotation, Scale, Translation
from adv_core.transforms.jpeg import Jpeg, quantization_tables
from adv_core.transforms.light import BitDepth, Blur, Brightness, Hue
from adv_core.transforms.transform import Transform

Photo = Callable[[str], Tensor]

EVERY: list[Transform] = [
    Rotation(30),
    Scale(0.5, 2),
    Crop(0.6),
    Translation(0.3),
    Resize(0.3),
    Brightness(0.4),
    Hue(180),
    Blur(0, 2),
    BitDepth(4),
    Jpeg(20, 95),
    Jpeg(20, 95, "4:4:4"),
]
# A transform, parameters that change nothing, and parameters that do. Rounding is not among them.
SMOOTH: list[tuple[Transform, tuple[float, ...], tuple[float, ...]]] = [
    (Rotation(), (0.0,), (20.0,)),
    (Scale(), (1.0,), (0.7,)),
    (Scale(), (1.0,), (1.3,)),
    (Crop(), (1.0, 0.3, 0.8), (0.6, 0.3, 0.8)),
    (Translation(), (0.0, 0.0), (0.13, -0.07)),
    (Resize(), (1.0,), (0.6,)),
    (Brightness(), (0.0,), (0.1,)),
    (Hue(), (0.0,), (40.0,)),
    (Blur(), (0.0,), (0.9,)),
]


def name_of(value: object) -> str | None:
    return repr(value) if isinstance(value, Transform) else None


def pictures(n: int = 2, height: int = 12, width: int = 9, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


def mild(n: int = 1, height: int = 6, width: int = 5) -> Tensor:
    """Far enough from black and white that nothing is clipped."""
    return 0.4 + 0.2 * pictures(n, height, width, torch.float64)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Network(nn.Module):
    """A small convolution network, 5 classes; it remembers how many rows it saw at a time."""

    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        draw = generator(3)
        self.first = nn.Parameter(torch.randn(6, 3, 3, 3, generator=draw).to(dtype))
        self.second = nn.Parameter(torch.randn(5, 6, generator=draw).to(dtype))
        self.rows: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.rows.append(len(x))
        features = F.conv2d(x - 0.5, self.first, padding=1).tanh()
        return F.adaptive_avg_pool2d(features, 1).flatten(1) @ self.second.T * 10


SOME = [Rotation(40), Brightness(0.2), Blur(0, 1)]


# -------------------------------------------------------------------------------------------------- every transform


@pytest.mark.parametrize(("transform", "nothing", "_"), SMOOTH, ids=name_of)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_that_change_nothing(
    transform: Transform, nothing: tuple[float, ...], _: tuple[float, ...], dtype: torch.dtype
) -> None:
    x = pictures(dtype=dtype)
    assert torch.equal(transform.at(x, *nothing), x)


@pytest.mark.parametrize(("transform", "_", "something"), SMOOTH, ids=name_of)
def test_gradients_against_finite_differences(
    transform: Transform, _: tuple[float, ...], something: tuple[float, ...]
) -> None:
    x = mild().requires_grad_()
    assert not torch.allclose(transform.at(x, *something), x, atol=1e-3)
    assert torch.autograd.gradcheck(lambda x: transform.at(x, *something), (x,))


@pytest.mark.parametrize("transform", EVERY, ids=name_of)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 8), (33, 20)])
def test_any_size_and_always_a_picture(transform: Transform, size: tuple[int, int]) -> None:
    x = pictures(6, *size).round()  # black and white: where clipping matters
    for dtype in (torch.float32, torch.float64):
        seen = transform(x.to(dtype), generator())
        assert seen.shape == x.shape and seen.dtype == dtype
        assert bool(((seen >= 0) & (seen <= 1)).all())


def test_hue_keeps_brightness_and_comes_back_after_a_full_turn() -> None:
    x = mild()
    brightness = torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype)[:, None, None]
    turned = Hue().at(x, 120.0)
    assert torch.allclose((turned * brightness).sum(1), (x * brightness).sum(1), atol=1e-12)
    assert torch.allclose(Hue().at(Hue().at(turned, 120.0), 120.0), x, atol=1e-12)
    grey = torch.full((1, 3, 2, 2), 0.3, dtype=x.dtype)
    assert torch.allclose(Hue().at(grey, 77.0), grey, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_another_device(dtype: torch.dtype) -> None:
    # torch's meta device computes nothing, but refuses to mix devices and types as an accelerator would.
    x = pictures(3, dtype=dtype).to("meta").requires_grad_()
    turned = Transformed(Network(dtype).to("meta"), EVERY, samples=2, chunk=5)
    found = input_gradient(turned, x, lambda q: q[:, 0])
    assert found.logits.shape == (3, 5) and found.gradient.shape == x.shape
    assert found.gradient.is_meta and found.gradient.dtype == turned.views(x).dtype == dtype


@pytest.mark.parametrize("transform", EVERY, ids=name_of)
def test_a_batch_is_its_rows(transform: Transform) -> None:
    x = pictures(5, dtype=torch.float64)
    drawn = transform.sample(5, generator())
    together = transform.at(x, *drawn)
    for i in range(5):
        alone = transform.at(x[i : i + 1], *(parameter[i] for parameter in drawn))
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("transform", EVERY, ids=name_of)
def test_draws(transform: Transform) -> None:
    before = torch.random.get_rng_state()
    x = pictures(3)
    seen = transform(x, generator(7))
    assert torch.equal(seen, transform(x, generator(7)))
    assert torch.equal(before, torch.random.get_rng_state())
    if not isinstance(transform, BitDepth):
        assert not torch.equal(seen, transform(x, generator(8)))
        same = transform(x[:1].repeat(3, 1, 1, 1), generator())
        assert not torch.equal(same[0], same[1]) and not torch.equal(same[1], same[2])  # a draw of its own a row


def test_draws_keep_to_their_ranges() -> None:
    def ends(transform: Transform, which: int = 0) -> tuple[float, float]:
        values = transform.sample(4000, generator())[which]
        assert values.shape == (4000,)
        return float(values.min()), float(values.max())

    assert ends(Rotation(30)) == pytest.approx((-30, 30), abs=0.1)
    assert ends(Scale(0.5, 2)) == pytest.approx((0.5, 2), abs=0.01)
    assert ends(Crop(0.6)) == pytest.approx((0.6, 1), abs=0.01)
    assert ends(Crop(0.6), 1) == pytest.approx((0, 1), abs=0.01)
    assert ends(Crop(0.6), 2) == pytest.approx((0, 1), abs=0.01)
    assert ends(Translation(0.3), 0) == pytest.approx((-0.3, 0.3), abs=0.01)
    assert ends(Translation(0.3), 1) == pytest.approx((-0.3, 0.3), abs=0.01)
    assert ends(Brightness(0.2)) == pytest.approx((-0.2, 0.2), abs=0.01)
    assert ends(Blur(1, 3)) == pytest.approx((1, 3), abs=0.01)
    assert ends(Jpeg(40, 43)) == (40, 43)
    assert ends(BitDepth(5)) == (5, 5)


def test_one_picture_along_a_curve() -> None:
    x = pictures(1)
    along = Rotation().at(x, torch.tensor([0.0, 30.0, 90.0]))
    assert along.shape == (3, 3, 12, 9)
    assert torch.equal(along[1:2], Rotation().at(x, 30))
    crops = Crop().at(x, 0.5, torch.tensor([0.0, 1.0]), 0.0)  # numbers and tensors mix
    assert torch.equal(crops[1:], Crop().at(x, 0.5, 1.0, 0.0))


def test_transforms_are_values() -> None:
    assert Rotation(30) == Rotation(30) != Rotation(31)
    assert len({Jpeg(50, 60), Jpeg(50, 60), Jpeg(50, 61)}) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: Rotation(-1),
        lambda: Rotation(181),
        lambda: Rotation(math.nan),
        lambda: Scale(0, 1),
        lambda: Scale(1.2, 0.8),
        lambda: Crop(0),
        lambda: Crop(1.1),
        lambda: Translation(1.5),
        lambda: Brightness(-0.1),
        lambda: Blur(0, math.inf),
        lambda: BitDepth(0),
        lambda: Jpeg(0, 50),
        lambda: Jpeg(50, 101),
        lambda: Jpeg(50, 60, "4:1:1"),  # type: ignore[arg-type]
        lambda: Rotation().at(pictures(), math.inf),
        lambda: Rotation().at(pictures(2), torch.zeros(3)),
        lambda: Rotation().at(pictures()[0], 10),
        lambda: Rotation().at((pictures() * 255).byte(), 10),
        lambda: Scale().at(pictures(), 0.0),
        lambda: Crop().at(pictures(), 0.5, 1.1),
        lambda: Translation().at(pictures(), 2.0),
        lambda: Brightness().at(pictures(), 2.0),
        lambda: Blur().at(pictures(), torch.tensor([0.5, -0.5])),
        lambda: BitDepth().at(pictures(), 17),
        lambda: Jpeg().at(pictures(), 0),
        lambda: Jpeg().at(pictures()[:, :1], 50),
        lambda: Transformed(Network(), [], samples=0),
        lambda: Transformed(Network(), [], chunk=0),
        lambda: Transformed(Network(), []).views(pictures(), samples=0),
    ],
)
def test_errors(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        make()


# ------------------------------------------------------------------------------------------------- where things are


@pytest.mark.parametrize("turns", [1, 2, 3, -1])
def test_quarter_turns(turns: int) -> None:
    x = pictures(2, 9, 9, torch.float64)
    torch.testing.assert_close(Rotation().at(x, 90.0 * turns), torch.rot90(x, turns, (2, 3)), rtol=0, atol=1e-12)


def test_half_a_turn_of_an_oblong() -> None:
    x = pictures(dtype=torch.float64)
    torch.testing.assert_close(Rotation().at(x, 180), x.flip(2, 3), rtol=0, atol=1e-12)


def test_rotation_as_pillow_does_it(photo: Photo) -> None:
    x = photo("koala")[..., :150, :]
    turned = Image.fromarray(as_bytes(x)).rotate(25, Image.Resampling.BILINEAR)
    inside = (slice(None), slice(None), slice(40, 110), slice(75, 150))  # Pillow's corners are black
    difference = Rotation().at(x, 25)[inside] * 255 - as_tensor(turned)[inside]
    assert float(difference.abs().mean()) < 0.6  # Pillow rounds


def test_scale_of_a_ramp() -> None:
    ramp = (torch.arange(4.0) / 10).expand(1, 3, 4, 4)
    row = torch.tensor([0.075, 0.125, 0.175, 0.225])
    torch.testing.assert_close(Scale().at(ramp, 2.0), row.expand(1, 3, 4, 4))
    torch.testing.assert_close(Scale().at(ramp.mT, 2.0), row.expand(1, 3, 4, 4).mT)


def test_making_smaller_is_antialiased_and_mirrors() -> None:
    x = pictures(1, 32, 16)
    small = F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True, align_corners=False)
    seen = Scale().at(x, 0.5)
    torch.testing.assert_close(seen[..., 9:23, 5:11], small[..., 1:15, 1:7])
    torch.testing.assert_close(seen[..., :8, 4:12], seen[..., 8:16, 4:12].flip(2))  # above the picture: the picture


def test_translation() -> None:
    x = torch.tensor([0.1, 0.2, 0.3, 0.4]).expand(1, 3, 4, 4)
    torch.testing.assert_close(Translation().at(x, 0, 0.25)[0, 0, 0], torch.tensor([0.1, 0.1, 0.2, 0.3]))
    torch.testing.assert_close(Translation().at(x, 0, -0.5)[0, 0, 0], torch.tensor([0.3, 0.4, 0.4, 0.3]))
    torch.testing.assert_close(Translation().at(x, 0, 0.125)[0, 0, 0], torch.tensor([0.1, 0.15, 0.25, 0.35]))
    torch.testing.assert_close(Translation().at(x.mT, 0.25)[0, 0, :, 0], torch.tensor([0.1, 0.1, 0.2, 0.3]))


@pytest.mark.parametrize(("down", "right"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_crop_is_a_window_made_large(down: int, right: int) -> None:
    x = pictures(1, 16, 16)
    window = x[..., 8 * down :, 8 * right :][..., :8, :8]
    large = F.interpolate(window, (16, 16), mode="bilinear", align_corners=False)
    # The outermost pixel is mixed with what lies beside the window, as in the picture it is cut from.
    inside = (slice(None), slice(None), slice(1, 15), slice(1, 15))
    torch.testing.assert_close(Crop().at(x, 0.5, float(down), float(right))[inside], large[inside])


# --------------------------------------------------------------------------------------------- what light and lens do


def test_light() -> None:
    x = torch.tensor([0.0, 0.3, 0.5, 1.0]).view(1, 1, 1, 4)
    torch.testing.assert_close(Brightness().at(x, 0.2).flatten(), torch.tensor([0.2, 0.5, 0.7, 1.0]))
    torch.testing.assert_close(Brightness().at(x, -0.4).flatten(), torch.tensor([0.0, 0.0, 0.1, 0.6]))


def test_blur_as_torchvision_does_it() -> None:
    ensure_torchvision_imports()
    from torchvision.transforms.v2.functional import gaussian_blur

    x = pictures(1, 20, 17, torch.float64)
    mirrored = torch.from_numpy(np.pad(x.numpy(), ((0, 0), (0, 0), (9, 9), (9, 9)), mode="symmetric"))
    expected = gaussian_blur(mirrored, [19, 19], [1.5, 1.5])[..., 9:-9, 9:-9]  # its kernel ends at six σ
    torch.testing.assert_close(Blur().at(x, 1.5), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("transform", [Blur(3, 3), Scale(0.3, 0.3), Scale(3, 3), Rotation(33), Translation(0.3)])
def test_a_white_page_stays_white_and_keeps_its_gradient(transform: Transform) -> None:
    x = torch.ones(2, 3, 13, 11).requires_grad_()
    seen = transform(x, generator())
    torch.testing.assert_close(seen, torch.ones_like(seen))
    # Rounding to a hair above 1 must not clip the gradient away: every pixel shown passes all of it on.
    (gradient,) = torch.autograd.grad(seen.sum(), x)
    torch.testing.assert_close(gradient.sum(), torch.tensor(float(x.numel())))


# --------------------------------------------------------------------------------------------- what saving a file does


def as_bytes(x: Tensor) -> np.ndarray:
    return (x[0] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def as_tensor(image: Image.Image) -> Tensor:
    """In levels, 0 ... 255."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()


def pillow_jpeg(x: Tensor, quality: int, subsampling: str) -> JpegImageFile:
    file = io.BytesIO()
    Image.fromarray(as_bytes(x)).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return JpegImageFile(io.BytesIO(file.getvalue()))


def test_bit_depth() -> None:
    x = pictures()
    levels = torch.arange(256) / 255
    assert torch.equal(BitDepth().at(levels.view(1, 1, 16, 16), 8).flatten(), levels)  # to the bit
    assert is_8bit(BitDepth().at(pictures(4, 100, 100), 8))
    assert torch.equal(BitDepth().at(x, 1), x.round())
    assert len(BitDepth().at(x, 2).unique()) == 4


def test_rounding_passes_the_gradient() -> None:
    x, weight = pictures().requires_grad_(), pictures(2).flip(0)
    (gradient,) = torch.autograd.grad((BitDepth(3).at(x, 3) * weight).sum(), x)
    torch.testing.assert_close(gradient, weight)


def test_jpeg_without_its_rounding_is_nothing() -> None:
    x, weight = mild(2, 19, 12).requires_grad_(), pictures(2, 19, 12, torch.float64)
    (gradient,) = torch.autograd.grad((Jpeg(subsampling="4:4:4").at(x, 60) * weight).sum(), x)
    torch.testing.assert_close(gradient, weight)
    # With colour at half the resolution it changes colours alone: along grey directions the slope is that of nothing.
    (gradient,) = torch.autograd.grad((Jpeg().at(x, 60) * weight).sum(), x)
    assert not torch.allclose(gradient, weight, atol=0.01)
    torch.testing.assert_close(gradient.sum(1), weight.sum(1))


def test_quantization_tables_are_those_in_a_file() -> None:
    for quality in range(1, 101):
        tables = pillow_jpeg(pictures(1, 16, 16), quality, "4:2:0").quantization
        for number, ours in enumerate(quantization_tables(torch.tensor([quality]))):
            assert list(tables[number]) == ours.flatten().int().tolist()


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("size", [(224, 224), (101, 90)])
def test_jpeg_as_pillow_does_it(photo: Photo, subsampling: str, size: tuple[int, int]) -> None:
    for name in ("koala", "macaw"):
        x = photo(name)[..., : size[0], : size[1]]
        for quality in (10, 50, 75, 95, 100):
            ours = Jpeg(subsampling=subsampling).at(x, quality) * 255  # type: ignore[arg-type]
            theirs = as_tensor(pillow_jpeg(x, quality, subsampling))
            assert float((ours - theirs).abs().mean()) < 0.85  # the file itself is 0.4 to 11 away from x
            assert float((ours - theirs)[..., -1].abs().mean()) < 1  # at the edge of the last, incomplete block, too
            changed = float((theirs - x * 255).abs().mean())
            assert float((ours - x * 255).abs().mean()) == pytest.approx(changed, rel=0.1)


def test_a_better_quality_changes_less(photo: Photo) -> None:
    x = photo("pig")
    qualities = torch.tensor([5, 10, 25, 50, 75, 90, 95, 100])
    changed = (Jpeg().at(x, qualities) - x).abs().mean((1, 2, 3))
    assert bool((changed.diff() < 0).all())


# ------------------------------------------------------------------------------------------------- the expectation


def test_without_a_change_it_is_the_classifier() -> None:
    network, x = Network(), pictures(3, dtype=torch.float64)
    expected = network(x).log_softmax(1)
    torch.testing.assert_close(Transformed(network, [])(x), expected)
    still = [Rotation(0), Scale(1, 1), Crop(1), Translation(0), Brightness(0), Blur(0, 0)]
    torch.testing.assert_close(Transformed(network, still)(x), expected)
    torch.testing.assert_close(Transformed(network, still).expected_probabilities(x), expected.exp())


def test_it_is_the_mean_of_the_views_log_probabilities() -> None:
    network, x = Network(), pictures(3, dtype=torch.float64)
    turned = Transformed(network, SOME, samples=6, seed=4, fresh=False)
    views = turned.views(x, seed=4)
    assert views.shape == (6, 3, 3, 12, 9)
    each = torch.stack([network(view).log_softmax(1) for view in views])
    torch.testing.assert_close(turned(x), each.mean(0))
    torch.testing.assert_close(turned.probabilities(x, seed=4), each.exp())
    torch.testing.assert_close(turned.expected_probabilities(x, seed=4), each.exp().mean(0))


def test_transforms_act_in_their_order() -> None:
    views = Transformed(Network(), [BitDepth(1), Brightness(0.3)], samples=3).views(mild(1, 8, 8))
    for view in views:  # black and white first, and then lit: the other way round, only 0 and 1 would be left
        assert len(view.unique()) <= 2 and not {0.0, 1.0} >= set(view.unique().tolist())


def test_draws_are_fresh_and_reproducible() -> None:
    x = pictures(2, dtype=torch.float64)
    turned, other = Transformed(Network(), SOME, seed=2), Transformed(Network(), SOME, seed=2)
    first, second = turned(x), turned(x)
    assert not torch.allclose(first, second)
    assert torch.equal(first, other(x)) and torch.equal(second, other(x))
    turned.reset()
    assert torch.equal(first, turned(x)) and torch.equal(second, turned(x))
    assert not torch.allclose(first, Transformed(Network(), SOME, seed=3)(x))
    twins = turned(x[:1].repeat(2, 1, 1, 1))
    assert not torch.allclose(twins[0], twins[1])  # every picture has views of its own


def test_fixed_draws_make_a_function_of_the_picture() -> None:
    x = pictures(4, dtype=torch.float64)
    turned = Transformed(Network(), SOME, fresh=False)
    first = turned(x)
    assert torch.equal(first, turned(x))
    torch.testing.assert_close(turned(x[2:3]), first[2:3])
    torch.testing.assert_close(turned(x[[3, 0]]), first[[3, 0]])


def test_reports_leave_the_attack_alone_and_show_other_views() -> None:
    x = pictures(2, dtype=torch.float64)
    turned = Transformed(Network(), SOME, seed=2)
    first, second = turned(x), turned(x)
    turned.reset()
    assert torch.equal(first, turned(x))
    held_out = turned.expected_probabilities(x, samples=3)
    turned.views(x), turned.probabilities(x)
    assert torch.equal(second, turned(x))
    assert torch.equal(held_out, turned.expected_probabilities(x, samples=3))
    assert not torch.allclose(held_out, turned.expected_probabilities(x, samples=3, seed=2))
    assert not turned.views(x.requires_grad_()).requires_grad


def test_chunks_change_nothing_but_the_memory() -> None:
    x = pictures(3, dtype=torch.float64)
    network = Network()
    whole = input_gradient(Transformed(network, SOME, samples=5, chunk=1000), x, ExpectedUntargeted(0))
    assert network.rows == [15]
    for chunk in (1, 4):
        network.rows.clear()
        parts = input_gradient(Transformed(network, SOME, samples=5, chunk=chunk), x, ExpectedUntargeted(0))
        assert max(network.rows) == chunk and sum(network.rows) == 30  # there, and once more on the way back
        torch.testing.assert_close(parts.logits, whole.logits)
        torch.testing.assert_close(parts.gradient, whole.gradient)
        network.rows.clear()
        with torch.no_grad():
            Transformed(network, SOME, samples=5, chunk=chunk)(x)
        assert sum(network.rows) == 15


@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_touched(training: bool) -> None:
    network, x = Network().train(training), pictures(dtype=torch.float64)
    before, rng = [p.detach().clone() for p in network.parameters()], torch.random.get_rng_state()
    turned = Transformed(network, EVERY, samples=4, chunk=3)
    run(pgd(turned, x, Linf(0.05), ExpectedUntargeted(0), steps=2))
    turned.expected_probabilities(x)
    assert torch.equal(rng, torch.random.get_rng_state())
    assert network.training == turned.training == training
    for parameter, old in zip(network.parameters(), before, strict=True):
        assert torch.equal(parameter, old) and parameter.grad is None and parameter.requires_grad


def test_any_callable_and_no_picture_at_all() -> None:
    weight = torch.ones(3, 2)
    turned = Transformed(lambda x: x.mean((2, 3)) @ weight, SOME, samples=2)
    assert turned(pictures()).tolist() == pytest.approx(np.full((2, 2), math.log(0.5)))
    assert turned(pictures()[:0]).shape == (0, 2)
    assert turned.views(pictures()[:0]).shape == (2, 0, 3, 12, 9)


def test_the_expected_objectives_are_the_means_over_the_views() -> None:
    network, x, y, target = (
        Network(),
        pictures(3, dtype=torch.float64),
        torch.tensor([0, 1, 2]),
        torch.tensor([4, 4, 3]),
    )
    turned = Transformed(network, SOME, samples=6, seed=4, fresh=False)
    each = [network(view) for view in turned.views(x, seed=4)]
    q = turned(x)
    for expected, objective in [
        (ExpectedUntargeted(y), Untargeted(y)),
        (ExpectedTargeted(target), Targeted(target)),
        (TargetedDifference(y, target), TargetedDifference(y, target)),
    ]:
        torch.testing.assert_close(expected(q), torch.stack([objective(logits) for logits in each]).mean(0))
    assert torch.equal(ExpectedTargeted(target).reached(q), q.argmax(1) == target)
    assert torch.equal(ExpectedUntargeted(y).reached(q), q.argmax(1) != y)
    assert torch.equal(ExpectedTargeted(target).rows(torch.tensor([2]))(q[2:]), ExpectedTargeted(3)(q[2:]))


@pytest.mark.slow
def test_an_attack_on_the_expectation_survives_views_it_has_not_seen(classifier: Classifier, photo: Photo) -> None:
    x, target = photo("pig"), 106
    turned = Transformed(classifier, [Rotation(30), Scale(0.8, 1.2)], samples=4, chunk=8)
    ball, step = Linf(8 / 255), 2 / 255
    robust = run(pgd(turned, x, ball, ExpectedTargeted(target), steps=6, step_size=step)).adversarial
    plain = run(pgd(classifier, x, ball, Targeted(target), steps=24, step_size=step)).adversarial  # as many gradients
    assert classifier.predict(plain, top=1)[0][0] == target  # it fools, as long as nobody turns it
    held_out = turned.expected_probabilities(torch.cat([robust, plain]), samples=12)[:, target]
    assert float(held_out[0]) > 0.8
    assert float(held_out[1]) < 0.3
