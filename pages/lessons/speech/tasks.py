"""Tasks of the lesson on speech, for both recognisers: transcribe a clip, hide a phrase in it, add noise to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, Checked, number, several, word
from adv_core.serving.limits import LIMITS, Limits
from adv_core.speech import dictation
from adv_core.speech.attack import GRAIN, STEPS, Listener, Spoken, as_input, as_samples, heard_as, hide, with_noise
from adv_core.speech.dictation import Dictated, dictate, dictated, spelling, written
from adv_core.speech.moonshine import moonshine, most_pieces, tokenizer
from adv_core.speech.recogniser import HOP, STRIDE, Moment, alignment, needed_frames, recogniser, spell, transcripts
from adv_core.speech.sound import FULL, MAX_SECONDS, RATE, Samples, amplified, to_pcm
from adv_core.speech.wording import readings, same_words, words_of

OWN_NETWORK, MOONSHINE = "own", "moonshine"
NETWORKS = (OWN_NETWORK, MOONSHINE)
MAX_VIEWS = 4
LIVE, LATER = 3, 10  # steps from one transcript of Moonshine to the next, before and after the first success


@dataclass(frozen=True)
class Clip(Checked):
    """16-bit samples at `sound.RATE`, as bytes, so that equal clips are equal values."""

    data: bytes = field(repr=False)

    @classmethod
    def of(cls, samples: Samples) -> "Clip":
        """The clip of (T,) int16."""
        return cls(samples.astype("<i2").tobytes())

    @cached_property
    def samples(self) -> Samples:
        """The samples, (T,) int16."""
        return np.frombuffer(self.data, "<i2").astype(np.int16)

    @property
    def frames(self) -> int:
        """The number of the recogniser's frames during the clip, one every 20 ms."""
        return len(self.data) // 2 // (HOP * STRIDE)

    def check(self, limits: Limits = LIMITS) -> None:
        """Refuse bytes that are no clip, and a clip that is too long."""
        super().check(limits)
        if not self.data or len(self.data) % 2 or len(self.data) > 2 * RATE * MAX_SECONDS:
            seconds = len(self.data) / 2 / RATE
            raise ValueError(f"A clip has to last more than 0 and at most {MAX_SECONDS} seconds, not {seconds:g}.")


def refused(clip: Clip, text: str, network: str = OWN_NETWORK) -> str | None:
    """The reason why this text cannot be hidden in that clip, as a sentence; None if it can."""
    if not text:
        return "The target text is empty. Enter the words that the network should write."
    if network == MOONSHINE:
        return _undictated(clip, text)
    try:
        spell(text)
    except ValueError as error:
        return str(error)
    needed = needed_frames(text)
    if needed > clip.frames:
        return (
            f"This text does not fit: its {len(text)} letters need {needed} frames of 20 ms, and this clip has "
            f"{clip.frames}. Shorten the text, or choose a longer clip."
        )
    return None


def _undictated(clip: Clip, text: str) -> str | None:
    if not next(readings(text)):
        return "The target text has no word. Enter the words that the network should write."
    if foreign := next((letter for word in words_of(text) for letter in word if not letter.isascii()), ""):
        return f"Moonshine writes English, which has no “{foreign}”. Enter English words."
    needed, most = len(tokenizer().spell(spelling(text))), most_pieces(len(clip.samples))
    if needed > most:
        return (
            f"This text does not fit: it has {needed} pieces of words, and Moonshine writes at most {most} about a "
            f"clip of {len(clip.samples) / RATE:.1f} s. Shorten the text, or choose a longer clip."
        )
    return None


def transcribed(network: str, device: str, clips: Sequence[Samples]) -> list[str]:
    """The text that the network writes of each clip, heard by itself."""
    if network == MOONSHINE:
        return dictated(moonshine(device), clips)
    return heard_as(recogniser(device).network, clips)


def same(network: str, one: str, other: str) -> bool:
    """Tell whether both texts count as the same: for Moonshine, whose texts have punctuation, if the words agree."""
    return same_words(one, other) if network == MOONSHINE else one == other


@dataclass(frozen=True)
class Heard:
    """The transcript of a clip.

    Attributes:
        text: as the network writes it.
        moments: the times of its letters; empty for Moonshine, which has none.
        pieces: each piece of Moonshine's text, with its probability given those before it.
    """

    text: str
    moments: tuple[Moment, ...] = ()
    pieces: tuple[tuple[str, float], ...] = ()

    @property
    def sure(self) -> float:
        """The geometric mean of the pieces' probabilities; 1 where there are none."""
        return float(np.exp(np.mean(np.log([max(p, 1e-9) for _, p in self.pieces])))) if self.pieces else 1.0


@dataclass(frozen=True)
class Listen(Task[Heard]):
    """Transcribe a clip."""

    clip: Clip
    network: str = word(OWN_NETWORK, NETWORKS)

    def records(self, networks: Networks) -> Iterator[Heard]:
        x = as_input(self.clip.samples).to(networks.device)
        if self.network == MOONSHINE:
            shared = moonshine(str(networks.device))
            with torch.no_grad():
                frames = shared.encode((x - 0.5) * 2)
            numbers = torch.tensor(shared.write_heard(frames, 1, most_pieces(len(self.clip.samples))), device=x.device)
            with torch.no_grad():
                chances = shared.forced(frames, numbers.long()).softmax(2)[0]
            sure = [float(chances[i, number]) for i, number in enumerate(numbers.tolist())]
            names = [shared.pieces.all[number].decode("utf-8", "replace") for number in numbers.tolist()]
            yield Heard(shared.pieces.text(numbers.tolist()), pieces=tuple(zip(names, sure, strict=True)))
            return
        with torch.no_grad():
            logits = Listener(recogniser(str(networks.device)).network)(x)[:, 0]
        yield Heard(transcripts(logits)[0], tuple(alignment(logits[0])))


@dataclass(frozen=True)
class SpeechStep:
    """One step of the attack.

    Attributes:
        index: 0 is the clip itself; text: the latest transcript of x + δ.
        loss: CTC, or the cross-entropy of Moonshine's pieces, averaged over the views.
        level: the largest change, in levels of 16 bits.
        found: the quietest clip so far if this step found it, else None.
    """

    index: int
    text: str
    loss: float
    level: int
    found: Clip | None = None


@dataclass(frozen=True)
class Hide(Task[SpeechStep]):
    """Change the clip as little as possible so that its transcript is the text.

    Attributes:
        views: noisy views in each step; 0 is the attack of the paper.
    """

    clip: Clip
    text: str
    steps: int = number(STEPS, 1, "max_sound_steps")
    views: int = number(0, 0, MAX_VIEWS)
    seed: int = number(0, 0, SEEDS)
    network: str = word(OWN_NETWORK, NETWORKS)

    # For a short clip, waking a second thread for each layer takes longer than the layer's computation: one thread is
    # twice as fast as two; with four noisy views it is as fast as two.
    threads = 1

    @property
    def length(self) -> int:
        return self.steps

    @property
    def rows(self) -> int:
        return 1 + self.views

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        if why := refused(self.clip, self.text, self.network):
            raise ValueError(why)
        if self.network == MOONSHINE and self.views > dictation.MAX_VIEWS:
            raise ValueError(f"views has to lie in 0 ... {dictation.MAX_VIEWS} for Moonshine, not {self.views}")

    def records(self, networks: Networks) -> Iterator[SpeechStep]:
        yield from self._dictated(networks) if self.network == MOONSHINE else self._spoken(networks)

    def _spoken(self, networks: Networks) -> Iterator[SpeechStep]:
        network = recogniser(str(networks.device)).network
        aim, least = Spoken(self.text), FULL * 2
        for step in hide(network, self.clip.samples, self.text, steps=self.steps, views=self.views, seed=self.seed):
            if step.final:  # the quietest one found, which an earlier record has reported
                return
            level = round(float(step.delta.abs().max()) / GRAIN)
            found = None
            if level < least and bool(aim.reached(step.logits)):
                least, found = level, Clip.of(as_samples(step.adversarial))
            yield SpeechStep(step.index, transcripts(step.logits[:, 0])[0], -float(step.loss), level, found)

    def _dictated(self, networks: Networks) -> Iterator[SpeechStep]:
        network, samples = moonshine(str(networks.device)), self.clip.samples
        aim, least, text = Dictated(tuple(network.pieces.spell(spelling(self.text)))), FULL * 2, ""
        options = {"steps": self.steps, "views": self.views, "seed": self.seed}
        for step, frames in dictate(network, samples, self.text, **options):
            if step.final:
                return
            level = round(float(step.delta.abs().max()) / GRAIN)
            found = None
            if level < least and bool(aim.reached(step.logits)):
                clip = Clip.of(as_samples(step.adversarial))
                (text,) = dictated(network, [clip.samples])  # what is saved is heard anew
                if same_words(text, self.text):
                    least, found = level, clip
            elif step.index % (LIVE if least > FULL else LATER) == 0:
                text = written(network, frames, len(samples))
            yield SpeechStep(step.index, text, -float(step.loss), level, found)


@dataclass(frozen=True)
class Disturbed:
    """The transcripts of a clip in noise, in the draws so far.

    Attributes:
        place: the index of the clip in the task; snr: decibels.
        kept: the number of draws in which it is transcribed right; of: the number of draws so far.
        example: the transcript in the first draw.
    """

    place: int
    snr: float
    kept: int
    of: int
    example: str


@dataclass(frozen=True)
class Disturb(Task[Disturbed]):
    """Add white noise to clips and count the draws in which they are still transcribed right; a record a draw.

    Attributes:
        clips: and ``texts``, one each.
        snrs: the distance of the noise below the clip, in decibels.
        draws: the number of noise draws for each clip and each level.
    """

    clips: tuple[Clip, ...] = several(..., 1, 4)
    texts: tuple[str, ...] = several(..., 1, 4)
    snrs: tuple[float, ...] = number((40.0, 30.0, 20.0), -20, 100, count=(1, 8))
    draws: int = number(10, 1, 20)
    seed: int = number(0, 0, SEEDS)
    network: str = word(OWN_NETWORK, NETWORKS)

    @property
    def length(self) -> int:
        return len(self.clips) * len(self.snrs) * self.draws

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        if len(self.clips) != len(self.texts):
            raise ValueError(f"texts has to hold {len(self.clips)} values, one for each clip, not {len(self.texts)}")

    def records(self, networks: Networks) -> Iterator[Disturbed]:
        for snr in self.snrs:
            for place, (clip, text) in enumerate(zip(self.clips, self.texts, strict=True)):
                kept, example = 0, ""
                for draw in range(self.draws):
                    seed = self.seed * 1000 + draw + 500_000  # not those of the attack
                    noisy = with_noise(clip.samples, snr, seed)
                    (said,) = transcribed(self.network, str(networks.device), [noisy])
                    kept, example = kept + same(self.network, said, text), example if draw else said
                    yield Disturbed(place, snr, kept, draw + 1, example)


# ----------------------------------------------------------------------------------------------------------- carriers


def melody(seconds: float = 3.0) -> Samples:
    """A short tune of plucked strings, synthesised: a carrier without words."""
    time = np.arange(round(seconds * RATE)) / RATE
    heard = np.zeros_like(time)
    for start, note in zip(np.arange(0, seconds, 0.3), (0, 4, 7, 12, 7, 4, 9, 5, 2, 7), strict=False):
        after = np.maximum(time - start, 0)
        pitch = 220 * 2 ** (note / 12)
        for harmonic in range(1, 9):
            heard += (time >= start) * np.sin(2 * np.pi * pitch * harmonic * after) * np.exp(-4 * after) / harmonic**1.5
    return to_pcm(0.5 * heard / np.abs(heard).max())


def rushing(seconds: float = 3.0) -> Samples:
    """Pink noise, as of a waterfall: a carrier without words."""
    white = np.fft.rfft(np.random.default_rng(0).standard_normal(round(seconds * RATE)))
    heard = np.fft.irfft(white / np.sqrt(np.maximum(np.arange(len(white)), 60)), round(seconds * RATE))
    return to_pcm(0.5 * heard / np.abs(heard).max())


def change_alone(original: Clip, changed: Clip) -> tuple[Clip, float]:
    """δ as a clip, made loud enough to hear, and the factor of amplification."""
    heard, factor = amplified(original.samples, changed.samples)
    return Clip.of(heard), factor
