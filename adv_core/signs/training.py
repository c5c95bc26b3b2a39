"""Train the sign network on drawn signs, and judge it.

    python -m adv_core.signs.training             # draw, train, judge, and write assets/signs
    python -m adv_core.signs.training --judge     # judge the network as it is, and write its figures

No photograph of a sign is used: signs are drawings, seen before pieces of photographs that show none. On the same
machine, equal recipes give equal weights.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from adv_core.datasets import photograph
from adv_core.networks.first_weights import first_weights
from adv_core.signs.backgrounds import SEEN, UNSEEN, background
from adv_core.signs.classes import CLASSES, INDEX
from adv_core.signs.drawing import MAKE_SIDE, make, multiplied
from adv_core.signs.network import CHECKPOINT, SIDE, STAGES, SignNetwork, edges, load, save
from adv_core.signs.views import views

NOTHING = INDEX["no_sign"]
HELD_OUT = 1_000_003  # the seed of drawings and views that judge the network
EACH = 100  # held-out views of each class that judge the network
FEW = 5  # views of each class that are also judged by themselves, which is quick to repeat


@dataclass(frozen=True)
class Recipe:
    """The settings of a training.

    Attributes:
        steps: minibatches; batch: views of one of them.
        makes: drawings of each class; backgrounds: scenes behind them. Each view combines them anew.
        nothing: share of the views without a sign.
        rate: the largest step of AdamW (Loshchilov & Hutter, ICLR 2019), which rises, then falls to zero.
        decay: of the weights.
        seed: of everything.
    """

    steps: int = 1500
    batch: int = 128
    makes: int = 60
    backgrounds: int = 8000
    nothing: float = 0.2
    rate: float = 3e-3
    decay: float = 0.01
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Drawn:
    """Drawings and scenes, which random views combine.

    Attributes:
        signs: (classes, makes, 4, S, S) uint8, see `multiplied`.
        backgrounds: (M, 3, 48, 48) uint8.
    """

    signs: Tensor = field(repr=False)
    backgrounds: Tensor = field(repr=False)

    @classmethod
    def by_seed(cls, makes: int, backgrounds: int, seed: int, names: Sequence[str] = SEEN) -> "Drawn":
        """Draw that many makes of each class, and take that many scenes from those photographs."""
        draws = np.random.default_rng((seed, 1))
        signs = [multiplied([make(each.key, MAKE_SIDE, draws) for _ in range(makes)]) for each in CLASSES]
        scenes = np.stack([background(draws, names) for _ in range(backgrounds)])
        return cls(torch.stack(signs), torch.from_numpy(scenes).permute(0, 3, 1, 2).contiguous())

    def seen(self, labels: np.ndarray, draws: np.random.Generator) -> Tensor:
        """A random view of each label's sign, (N, 3, 48, 48) in [0, 1]."""
        chosen = self.signs[labels, draws.integers(self.signs.shape[1], size=len(labels))]
        behind = self.backgrounds[draws.integers(len(self.backgrounds), size=len(labels))]
        return views(chosen.float() / 255, behind.float() / 255, draws)


class Normalised(nn.Module):
    """The network while it is trained, in bfloat16: each convolution is followed by batch normalisation."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with first_weights(seed):
            self.plain = SignNetwork()
            for layer in self.plain.features:
                if isinstance(layer, nn.Conv2d):
                    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.norms = nn.ModuleList([nn.BatchNorm2d(channels) for channels, *_ in STAGES])

    def forward(self, x: Tensor) -> Tensor:
        x, norms = edges(x), iter(self.norms)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            for layer in self.plain.features:
                x = next(norms)(layer(x)) if isinstance(layer, nn.Conv2d) else layer(x)
            return self.plain.head(x.amax((2, 3))).float()

    @torch.no_grad()
    def folded(self) -> SignNetwork:
        """The network with each normalisation, as it is in eval mode, inside the weights before it."""
        network = SignNetwork().eval()
        network.load_state_dict(self.plain.state_dict())
        convolutions = [layer for layer in network.features if isinstance(layer, nn.Conv2d)]
        for layer, norm in zip(convolutions, self.norms, strict=True):
            assert isinstance(norm, nn.BatchNorm2d)
            fused = nn.utils.fuse_conv_bn_eval(layer, norm.eval())
            layer.load_state_dict(fused.state_dict())
        return network


@dataclass(frozen=True, eq=False)
class Progress:
    """One minibatch of a training: its number from 1, the loss before the step, the share of wrong views, the model."""

    step: int
    loss: float
    error: float
    model: Normalised = field(repr=False)


def train(recipe: Recipe, drawn: Drawn | None = None) -> Iterator[Progress]:
    """Train a network; to stop, stop iterating.

    Args:
        recipe: the settings; drawn: the drawings, those of the recipe where none are given.
    """
    drawn = drawn or Drawn.by_seed(recipe.makes, recipe.backgrounds, recipe.seed)
    model, draws = Normalised(recipe.seed).train(), np.random.default_rng((recipe.seed, 2))
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.steps, pct_start=min(0.1, 500 / recipe.steps), cycle_momentum=False
    )
    for step in range(1, recipe.steps + 1):
        labels = draws.integers(len(CLASSES) - 1, size=recipe.batch)
        labels[draws.random(recipe.batch) < recipe.nothing] = NOTHING
        x, y = drawn.seen(labels, draws), torch.from_numpy(labels)
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        yield Progress(step, float(loss.detach()), float((logits.argmax(1) != y).float().mean()), model)


@torch.no_grad()
def drawn_judged(network: Callable[[Tensor], Tensor], each: int) -> np.ndarray:
    """Judge held-out views: makes, scenes and photographs that the training never sees.

    Returns:
        Which are right, (classes, each) bool.
    """
    drawn = Drawn.by_seed(20, 600, HELD_OUT, UNSEEN)
    draws = np.random.default_rng((HELD_OUT, 2))
    right = np.zeros((len(CLASSES), each), bool)
    for place in range(each):
        labels = np.arange(len(CLASSES))
        right[:, place] = network(drawn.seen(labels, draws)).argmax(1).numpy() == labels
    return right


def squares(image: Image.Image) -> list[Image.Image]:
    """Squares of a photograph at 48 × 48: its middle; four and nine overlapping ones, of 2/3 and 1/2 of that side."""
    found = []
    for parts, fraction in ((1, 1.0), (2, 2 / 3), (3, 1 / 2)):
        side = min(image.size) * fraction
        for row in range(parts):
            for column in range(parts):
                place = [0.5 if parts == 1 else index / (parts - 1) for index in (column, row)]
                left, top = place[0] * (image.width - side), place[1] * (image.height - side)
                box = (left, top, left + side, top + side)
                found.append(image.resize((SIDE, SIDE), Image.Resampling.BOX, box))
    return found


@torch.no_grad()
def nothing_seen(network: Callable[[Tensor], Tensor], name: str) -> np.ndarray:
    """Tell for each of the `squares` of a sample photograph whether the network sees no sign, (14,) bool."""
    stacked = np.stack([np.asarray(square) for square in squares(photograph(name).convert("RGB"))])
    x = torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 255
    return network(x).argmax(1).numpy() == NOTHING


def judged(network: Callable[[Tensor], Tensor], each: int = EACH) -> dict[str, Any]:
    """The figures of a network: shares of held-out views, and of photographs, that it classifies rightly."""
    right = drawn_judged(network, each)
    photographs = {
        key: {name: [int(seen.sum()), len(seen)] for name in names for seen in [nothing_seen(network, name)]}
        for key, names in (("photographs of the training", SEEN), ("photographs left out", UNSEEN))
    }
    return {
        "trained on": f"drawings before drawn scenes and pieces of {', '.join(SEEN)}; no photograph of a sign",
        "held out": f"other drawings, before other drawn scenes and pieces of {', '.join(UNSEEN)}",
        "views of each class": each,
        "right": round(float(right.mean()), 4),
        f"first {FEW} of each class, right": round(float(right[:, :FEW].mean()), 4),
        "right, by class": {sign.key: round(float(row.mean()), 3) for sign, row in zip(CLASSES, right, strict=True)},
        "squares without a sign, seen as such, of": photographs,
    }


def ship(recipe: Recipe, file: Path = CHECKPOINT, say: Callable[[str], object] = print, *, each: int = EACH) -> None:
    """Train, save and judge a network; see `judge`."""
    start, losses, errors = time.perf_counter(), [], []
    for now in train(recipe):
        losses.append(now.loss)
        errors.append(now.error)
        if now.step % 100 == 0 or now.step == recipe.steps:
            passed = time.perf_counter() - start
            means = f"loss {np.mean(losses):.3f}, error {np.mean(errors):.3f}"
            say(f"{now.step} of {recipe.steps}: {means}, {passed:.0f} s")
            losses.clear()
            errors.clear()
    save(now.model.folded(), {"recipe": asdict(recipe)}, file)
    judge(file, say, each=each)


def judge(file: Path = CHECKPOINT, say: Callable[[str], object] = print, *, each: int = EACH) -> None:
    """Judge a network as it is stored, on that many held-out views a class, and write its figures beside it."""
    network, made = load(file)
    figures = judged(network, each)
    say(f"right: {figures['right']:.2%} of held-out views")
    save(network, {**made, "command": "python -m adv_core.signs.training", "judged": figures}, file)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m adv_core.signs.training", description="Train the sign network.")
    parser.add_argument("--judge", action="store_true", help="judge it as it is, without training")
    parser.add_argument("--steps", type=int, default=Recipe.steps, help="minibatches")
    parser.add_argument("--file", type=Path, default=CHECKPOINT, help="where it lies, without the suffix")
    asked = parser.parse_args(arguments)
    if asked.judge:
        judge(asked.file)
    else:
        ship(Recipe(steps=asked.steps), asked.file)


if __name__ == "__main__":
    main()
