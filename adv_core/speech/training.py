"""Train the recogniser on synthesised, disturbed speech, and judge it.

    python -m adv_core.speech.training                      # synthesise, train, judge, and write assets/speech
    python -m adv_core.speech.training --cycle 3            # the fourth cycle, from what the third one has left there
    python -m adv_core.speech.training --judge              # judge the network as it is, and write its figures

Training is deterministic by seed, up to the last bits of the kernels, and resumable: every minute it writes its state
beside the synthesised speech. It needs espeak-ng, flite and festival (`adv_core.speech.synthesis`).
"""

import argparse
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset

from adv_core.speech.recogniser import CHECKPOINT, Block, SpeechNetwork, load, save, spell, transcripts, word_errors
from adv_core.speech.recordings import phrases, telephone
from adv_core.speech.sound import RATE, Samples
from adv_core.speech.synthesis import MIXES, WORDS, Part, breed, heard, line, say


@dataclass(frozen=True)
class Cycle:
    """A stretch of the training: the step of AdamW rises for a tenth of it, then falls along a cosine.

    The next cycle starts from the weights at the end of this one, as they are stored, with 16 bits (Loshchilov &
    Hutter, ICLR 2017 and ICLR 2019).

    Attributes:
        clips: the number of synthesised phrases of each part; the parts decide who speaks.
        steps: minibatches; rate: the largest step of AdamW.
        grown: kernels of blocks that are inserted beforehand, see `grown`.
        blur: share of the clips whose spectrogram is smoothed, as a vocoder smooths it.
        average: the last share of the cycle, over which the weights are averaged (stochastic weight averaging: Izmailov
            et al., UAI 2018, arXiv:1803.05407); 0 keeps the last weights.
        back: the share by which the result is moved back towards the weights at the cycle's start, so that it does not
            forget voices that the cycle lacks (Wortsman et al., "Robust fine-tuning", CVPR 2022, arXiv:2109.01903).
    """

    clips: Mapping[Part, int]
    steps: int
    rate: float
    grown: tuple[int, ...] = ()
    blur: float = 0.0
    average: float = 0.0
    back: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """The settings of a training. Beside them, it depends only on the versions of the synthesisers.

    Attributes:
        width, kernels: of the first network, see `SpeechNetwork`.
        cycles: one after the other.
        batch: clips in a minibatch; decay: of the weights.
    """

    width: int = 256
    kernels: tuple[int, ...] = (9, 11, 11, 13, 13, 15, 17, 19)
    cycles: tuple[Cycle, ...] = (
        Cycle({"train": 40_000}, 26_000, 2e-3),
        Cycle({"again": 32_000}, 20_000, 1e-3, blur=0.3, average=0.45),
        Cycle({"again": 16_000, "accents": 20_000}, 17_000, 1e-3, (11, 13, 15, 17), blur=0.3, average=0.45),
        Cycle({"accents": 20_000, "strangers": 20_000}, 9_000, 7e-4, blur=0.3, average=0.45, back=0.5),
    )
    batch: int = 32
    decay: float = 1e-3
    seed: int = 0

    def span(self, cycle: int) -> range:
        """The minibatches of that cycle, counted from the beginning of the training."""
        first = sum(each.steps for each in self.cycles[:cycle])
        return range(first, first + self.cycles[cycle].steps)

    def rate_at(self, step: int) -> float:
        """The step size of that minibatch."""
        cycle = next(place for place in range(len(self.cycles)) if step in self.span(place))
        done = (step - self.span(cycle).start) / self.cycles[cycle].steps
        warmth = done / 0.1 if done < 0.1 else 0.5 + 0.5 * math.cos(math.pi * (done - 0.1) / 0.9)
        return self.cycles[cycle].rate * warmth


@dataclass(frozen=True, eq=False)
class Corpus:
    """Clips, concatenated.

    Attributes:
        samples: all of them, int16; ends: where each one ends.
        texts: the text of each.
    """

    samples: Samples = field(repr=False)
    ends: np.ndarray = field(repr=False)
    texts: Sequence[str] = field(repr=False)

    def __len__(self) -> int:
        return len(self.texts)

    def clip(self, index: int) -> Samples:
        return self.samples[(self.ends[index - 1] if index else 0) : self.ends[index]]

    def seconds(self, index: int) -> float:
        return len(self.clip(index)) / RATE

    @classmethod
    def joined(cls, corpora: Sequence["Corpus"]) -> "Corpus":
        """All of them, in this order."""
        if len(corpora) == 1:
            return corpora[0]
        samples = np.concatenate([each.samples for each in corpora])
        firsts = np.cumsum([0, *(len(each.samples) for each in corpora)])
        ends = np.concatenate([each.ends + first for each, first in zip(corpora, firsts[:-1], strict=True)])
        return cls(samples, ends, [text for each in corpora for text in each.texts])


def synthesised(part: Part, clips: int, folder: Path, seed: int = 0) -> Corpus:
    """The first clips of that part, read from ``folder`` where they are there, else spoken now and kept there."""
    name = folder / f"{part}_{clips}_{seed}"
    if not name.with_suffix(".json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            lines = [line(number, part, seed) for number in range(clips)]
            # Each part of the training has a folder of its own: espeak-ng cannot read the voices of all parts.
            own = part in MIXES and part != "train"
            voices = breed(folder / part, part) if own else breed(folder)
            spoken = list(pool.map(partial(say, voices=voices), lines, chunksize=64))
        np.save(name.with_suffix(".npy"), np.concatenate(spoken))
        index = {"lengths": [len(clip) for clip in spoken], "texts": [each.text for each in lines]}
        name.with_suffix(".json").write_text(json.dumps(index), encoding="utf-8")
    index = json.loads(name.with_suffix(".json").read_text(encoding="utf-8"))
    samples = np.load(name.with_suffix(".npy"), mmap_mode="r")
    return Corpus(samples, np.cumsum(index["lengths"]), index["texts"])


class Batches(Dataset[tuple[Tensor, list[str]]]):
    """The minibatch of every step: clips of similar length, disturbed as on the way to a microphone."""

    def __init__(self, corpus: Corpus, recipe: Recipe) -> None:
        self.corpus, self.recipe = corpus, recipe

    def __len__(self) -> int:
        return sum(cycle.steps for cycle in self.recipe.cycles)

    def chosen(self, step: int) -> list[int]:
        """The clips of that step. Twenty batches are drawn at a time, sorted by length, and used in random order."""
        batch, size = self.recipe.batch, 20 * self.recipe.batch
        group, place = divmod(step, 20)
        start = group * size
        epoch = np.random.default_rng((self.recipe.seed, start // len(self.corpus))).permutation(len(self.corpus))
        following = np.random.default_rng((self.recipe.seed, start // len(self.corpus) + 1)).permutation(
            len(self.corpus)
        )
        first = start % len(self.corpus)
        drawn = np.concatenate([epoch, following])[first : first + size]
        drawn = np.resize(drawn, size)  # a corpus smaller than a group
        lengths = np.diff(self.corpus.ends, prepend=0)[drawn]
        drawn = drawn[np.argsort(lengths, kind="stable")]
        order = np.random.default_rng((self.recipe.seed, 7, group)).permutation(20)[place]
        return [int(index) for index in drawn[order * batch : (order + 1) * batch]]

    def __getitem__(self, step: int) -> tuple[Tensor, list[str]]:
        chosen = self.chosen(step)
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + step)
        longest = max(self.corpus.seconds(index) for index in chosen)
        seconds = longest * 1.05 + 0.3 * float(torch.rand((), generator=generator))
        clips = [self.corpus.clip(index) for index in chosen]
        return heard(clips, seconds, generator), [self.corpus.texts[index] for index in chosen]


def loss_of(logits: Tensor, texts: Sequence[str]) -> Tensor:
    """CTC for each row, (N,): −log of the probability that the row's paths give its text."""
    targets = [spell(text) for text in texts]
    flat = torch.tensor([one for target in targets for one in target])
    lengths = torch.tensor([len(target) for target in targets])
    frames = torch.full((len(texts),), logits.shape[1])
    chances = logits.log_softmax(2).transpose(0, 1)
    return F.ctc_loss(chances, flat.to(logits.device), frames, lengths, reduction="none", zero_infinity=True)


def masked(loud: Tensor, generator: torch.Generator) -> Tensor:
    """SpecAugment (Park et al., Interspeech 2019, arXiv:1904.08779): mask a band and a moment of each clip."""
    loud = loud.clone()
    height, columns = loud.shape[1:]
    for row, (band, tall, moment, long) in zip(
        loud, torch.rand(len(loud), 4, generator=generator).tolist(), strict=True
    ):
        size = int(tall * 10)
        first = int(band * (height - size))
        row[first : first + size] = 0
        size = int(long * min(12, columns / 8))
        first = int(moment * (columns - size))
        row[:, first : first + size] = 0
    return loud


def warped(loud: Tensor, generator: torch.Generator, most: float = 0.15) -> Tensor:
    """Stretch or squeeze each spectrogram (N, bands, columns) along the bands, by up to ``most``: another throat.

    This is vocal tract length perturbation (Jaitly & Hinton, ICML Workshops 2013), applied directly to the mel bands.
    The highest bands are warped the other way, so that the ends stay in place.
    """
    count = loud.shape[1]
    factor = 1 + most * (2 * torch.rand(len(loud), generator=generator) - 1)
    place = torch.arange(count).float()
    knee = 0.75 * (count - 1)
    end = factor * knee
    tail = end[:, None] + (place - knee) * ((count - 1 - end) / (count - 1 - knee))[:, None]
    where = torch.where(place <= knee, factor[:, None] * place, tail)
    weights = (1 - (where[:, :, None] - place).abs()).clamp_min(0)
    return weights.to(loud) @ loud


def blurred(loud: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Smooth the spectrogram (N, bands, columns) of that share of the clips, as a vocoder does."""
    loud = loud.clone()
    for row, (chance, tall, long) in enumerate(torch.rand(len(loud), 3, generator=generator).tolist()):
        if chance < share:
            bands, columns = (_bell(2 * size).to(loud) for size in (tall, long))
            soft = F.conv2d(loud[row, None, None], bands[None, None, :, None], padding=(len(bands) // 2, 0))
            soft = F.conv2d(soft, columns[None, None, None], padding=(0, len(columns) // 2))
            loud[row] = soft[0, 0]
    return loud


def _bell(deviation: float) -> Tensor:
    places = torch.arange(-4.0, 5.0)
    weights = (-0.5 * (places / max(deviation, 1e-3)).square()).exp()
    return weights / weights.sum()


def grown(network: SpeechNetwork, kernels: Sequence[int], seed: int = 0) -> SpeechNetwork:
    """A deeper network with the same outputs: new blocks of these kernels, spread evenly between the old ones.

    A new block starts as the identity: its batch norm begins with the weight 0 (Chen, Goodfellow & Shlens, "Net2Net",
    ICLR 2016, arXiv:1511.05641; Goyal et al., 2017, arXiv:1706.02677).

    Raises:
        ValueError: more new blocks than old ones.
    """
    if not kernels:
        return network
    old = len(network.blocks)
    if len(kernels) > old:
        raise ValueError("more new blocks than old ones")
    order, new = list(network.kernels), [(place + 1) * old // len(kernels) + place for place in range(len(kernels))]
    for place, kernel in zip(new, kernels, strict=True):
        order.insert(place, kernel)
    deeper = SpeechNetwork(network.width, order, seed)
    deeper.first, deeper.vote, known = network.first, network.vote, iter(network.blocks)
    for place, block in enumerate(deeper.blocks):
        if place in new:
            assert isinstance(block, Block)
            nn.init.zeros_(block.norm.weight)
        else:
            deeper.blocks[place] = next(known)
    return deeper.train(network.training)


@dataclass(eq=False)
class State:
    """The state of a training. A training resumed from it gives the same result as one that never stopped."""

    step: int
    network: dict[str, Any]
    optimiser: dict[str, Any]
    average: dict[str, Any] | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Record:
    """A minibatch: its mean loss per letter, and the seconds that the cycle has taken so far."""

    step: int
    loss: float
    seconds: float


def train(
    recipe: Recipe,
    cycle: int,
    corpus: Corpus,
    network: SpeechNetwork,
    *,
    state: State | None = None,
    workers: int = 0,
) -> Iterator[tuple[Record, State]]:
    """Train for one cycle, one record per minibatch.

    Args:
        network: the network to start from. It is trained in place; at the end it has the weights that the cycle keeps.
        state: the state to resume from.
        workers: processes that prepare minibatches; 0 is this one.

    Yields:
        The record, and the current state. Read the state before the next record: the training changes it.
    """
    network.requires_grad_(True)
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate_at(0), betas=(0.9, 0.98), weight_decay=recipe.decay)
    first = {key: value.detach().clone() for key, value in network.named_parameters()}
    mean = AveragedModel(network)
    steps = recipe.span(cycle)
    averaged = steps.stop - round(recipe.cycles[cycle].average * len(steps))
    if state is not None:
        network.load_state_dict(state.network)
        optimiser.load_state_dict(state.optimiser)
        if state.average is not None:
            mean.load_state_dict(state.average)
        steps = range(state.step, steps.stop)
    began = time.monotonic() - (0.0 if state is None else state.seconds)
    network.train()
    loader = DataLoader(
        torch.utils.data.Subset(Batches(corpus, recipe), steps),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
    blur, back = recipe.cycles[cycle].blur, recipe.cycles[cycle].back
    for step, (sound, texts) in zip(steps, loader, strict=True):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate_at(step)
        # Dropout draws from the global generator: every step has its own seed, so that a resumed training is the same.
        torch.manual_seed(recipe.seed * 1_000_003 + step)
        with torch.no_grad():
            chance, loud = torch.Generator().manual_seed(~step), network.front(sound.to(network.device))
            loud = blurred(warped(loud, chance), chance, blur) if blur else warped(loud, chance)
            loud = masked(loud, chance)
        # 16-bit factors and 32-bit sums are twice as fast where the processor has bfloat16.
        with torch.autocast(network.device.type, torch.bfloat16):
            logits = network.hear(loud)
        loss = loss_of(logits.float(), texts)
        letters = sum(map(len, texts))
        optimiser.zero_grad()
        (loss.sum() / letters).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if step >= averaged:
            mean.update_parameters(network)
        if step == steps[-1] and averaged <= step:
            kept = {key: torch.lerp(value, first[key], back) for key, value in mean.module.named_parameters()}
            _become(network, kept, recipe, corpus)
        record = Record(step + 1, float(loss.detach().sum()) / letters, time.monotonic() - began)
        yield (
            record,
            State(step + 1, network.state_dict(), optimiser.state_dict(), mean.state_dict(), record.seconds),
        )


@torch.no_grad()
def _become(
    network: SpeechNetwork, weights: Mapping[str, Tensor], recipe: Recipe, corpus: Corpus, minibatches: int = 400
) -> None:
    """Load averaged weights. Statistics of batch norms cannot be averaged, so some minibatches compute them anew."""
    network.load_state_dict(weights, strict=False)  # the norms' statistics are not among them
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm1d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all minibatches
    network.train()
    batches = Batches(corpus, recipe)
    for step in range(min(minibatches, len(batches))):
        network(batches[step][0].to(network.device))
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum


# --------------------------------------------------------------------------------------------------------- the judge


@torch.no_grad()
def word_error_rate(network: SpeechNetwork, clips: Sequence[Samples], texts: Sequence[str]) -> float:
    """errors per word, each clip heard by itself, as the recogniser is used."""
    errors = words = 0
    for clip, text in zip(clips, texts, strict=True):
        sound = torch.from_numpy(np.asarray(clip, np.float32) / 32768)[None].to(network.device)
        errors += word_errors(text, transcripts(network(sound))[0])
        words += len(text.split())
    return errors / max(words, 1)


def judge(network: SpeechNetwork, folder: Path, clips: int = 500, seed: int = 1) -> dict[str, float]:
    """Word error rates on new phrases by new speakers: of espeak-ng in trained accents, of espeak-ng in new accents
    ("abroad"), of flite."""
    found: dict[str, float] = {}
    parts: tuple[Part, ...] = ("espeak", "abroad", "flite")
    for part in parts:
        corpus = synthesised(part, clips, folder, seed)
        found[part] = word_error_rate(network, [corpus.clip(i) for i in range(clips)], corpus.texts)
    return found


def judge_on_people(network: SpeechNetwork) -> dict[str, float]:
    """Word error rates on the recordings of people that are installed (`adv_core.speech.recordings`)."""
    recorded = {"telephone": telephone(), "phrases": phrases()}
    return {
        name: word_error_rate(network, [each.samples for each in clips], [each.text for each in clips])
        for name, clips in recorded.items()
        if clips
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", action="store_true", help="judge the shipped network instead of training one")
    parser.add_argument("--work", type=Path, default=Path("speech_work"), help="where speech and states are kept")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cycle", type=int, default=0, help="where to begin; 1 or more: from what is in assets/speech")
    given = parser.parse_args()
    if not given.judge:
        for cycle in range(given.cycle, len(Recipe.cycles)):
            _train_and_save(Recipe(), cycle, given.work, given.device, given.workers)
    network, figures = load(CHECKPOINT)
    known = figures.get("recordings", {})  # from an earlier run that had more recordings
    figures = {
        **figures,
        "word_error_rate": judge(network, given.work),
        "recordings": {**known, **judge_on_people(network)},
    }
    save(network, figures)
    print(json.dumps({name: figures[name] for name in ("word_error_rate", "recordings")}, indent=2))


def _train_and_save(recipe: Recipe, cycle: int, work: Path, device: str, workers: int) -> None:
    """Train one cycle, starting from the network of the cycle before, save the result and judge it."""
    network, before = SpeechNetwork(recipe.width, recipe.kernels, recipe.seed), []
    if cycle > 0:
        network, figures = load(CHECKPOINT)
        before = list(figures["seconds"])[:cycle]
    network = grown(network, recipe.cycles[cycle].grown, recipe.seed)
    parts = recipe.cycles[cycle].clips.items()
    corpus = Corpus.joined([synthesised(part, clips, work, recipe.seed) for part, clips in parts])
    print(f"{len(corpus)} clips, {corpus.ends[-1] / RATE / 3600:.1f} hours, {len(WORDS)} words", flush=True)
    kept = work / f"state_{recipe.seed}_{cycle}_{recipe.cycles[cycle].steps}.pt"
    state = State(**torch.load(kept, weights_only=True)) if kept.exists() else None
    saved, seconds, mean = time.monotonic(), 0.0, 0.0
    network.to(device)
    for record, reached in train(recipe, cycle, corpus, network, state=state, workers=workers):
        last = record.step == recipe.span(cycle).stop
        mean = record.loss if mean == 0 else 0.98 * mean + 0.02 * record.loss
        if record.step % 100 == 0:
            print(f"step {record.step}: loss per letter {mean:.4f}, {record.seconds:.0f} s", flush=True)
        if time.monotonic() - saved > 60 or last:
            saved, seconds = time.monotonic(), record.seconds
            fresh = kept.with_suffix(".new")
            torch.save(vars(reached), fresh)
            fresh.replace(kept)
        if record.step % 2000 == 0 or last:
            network.eval()
            print(f"step {record.step}: {judge(network, work, 100)}", flush=True)
            network.train()
    network.eval().requires_grad_(False)
    done = replace(recipe, cycles=recipe.cycles[: cycle + 1])
    figures = {**asdict(done), "kernels": network.kernels, "words": len(WORDS), "seconds": [*before, round(seconds)]}
    save(network, figures)


if __name__ == "__main__":
    torch.set_num_threads(max(torch.get_num_threads() - 1, 1))
    main()
