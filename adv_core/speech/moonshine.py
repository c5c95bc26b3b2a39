"""Moonshine tiny: a recogniser of English that understands people (Jeffries et al. 2024, arXiv:2410.15608).

A wave form goes in and text comes out, differentiable from end to end. There is no spectrogram: three convolutions on
the samples, a transformer that listens (the encoder), and one that writes piece after piece of words (the decoder).

The weights are those of the package moonshine-voice 0.0.44 (MIT), 27 million, with 8 bits a weight as they are stored
there: (q - zero) · scale, one scale a matrix.
"""

import hashlib
import math
import threading
import time
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.assets import ASSETS
from adv_core.speech.pieces import END, START, Pieces
from adv_core.speech.sound import RATE

FOLDER = ASSETS / "speech" / "moonshine"
WEIGHTS, TOKENIZER = "moonshine_tiny.npz", "tokenizer.bin"
SHA256 = {
    WEIGHTS: "1f5737c6d5e0f6c0f5299d12720d6fe3b2bc1634a9760d475a700e7a929ccc6c",
    TOKENIZER: "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
}

WIDTH, HEADS, SIZE, LAYERS = 288, 8, 36, 6  # numbers a frame, heads, numbers a head, layers on either side
ROTATED = 32  # of a head's numbers: those that hold the place in time
MIDDLE = 1152  # numbers of a layer's perceptron
PIECES = 32_768
A_SECOND = 6.5  # pieces, at most: a network that begins to repeat itself has to stop

KeysValues = tuple[Tensor, Tensor]
"""Keys and values, (N, heads, T, size) each."""


def rotated(x: Tensor, first: int) -> Tensor:
    """Rotary positions (Su et al. 2021, arXiv:2104.09864) on the first 32 numbers of a head, in neighbouring pairs.

    Args:
        x: (N, heads, T, size); first: the place in time of the first of T.
    """
    time_ = torch.arange(first, first + x.shape[2], device=x.device, dtype=x.dtype)
    angle = time_[:, None] * 10_000 ** (-torch.arange(0, ROTATED, 2, device=x.device, dtype=x.dtype) / ROTATED)
    cos, sin = angle.cos().repeat_interleave(2, 1), angle.sin().repeat_interleave(2, 1)
    turned, rest = x[..., :ROTATED], x[..., ROTATED:]
    crossed = torch.stack((-turned[..., 1::2], turned[..., ::2]), -1).flatten(-2)
    return torch.cat((turned * cos + crossed * sin, rest), -1)


class Attention(nn.Module):
    """Eight heads; ``rotary`` where the queries and the keys know their places in time."""

    def __init__(self, rotary: bool) -> None:
        super().__init__()
        self.rotary = rotary
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            self.add_module(name, nn.Linear(WIDTH, WIDTH, bias=False))

    def _heads(self, x: Tensor, name: str, first: int) -> Tensor:
        heads = self.get_submodule(name)(x).unflatten(2, (HEADS, SIZE)).transpose(1, 2)
        return rotated(heads, first) if self.rotary and name != "v_proj" else heads

    def keys_values(self, x: Tensor, first: int = 0) -> KeysValues:
        """Keys and values of (N, T, width), for others to attend to."""
        return self._heads(x, "k_proj", first), self._heads(x, "v_proj", first)

    def forward(self, x: Tensor, seen: KeysValues, first: int = 0, causal: bool = False) -> Tensor:
        query = self._heads(x, "q_proj", first)
        found = F.scaled_dot_product_attention(query, *seen, is_causal=causal, scale=1 / math.sqrt(SIZE))
        out: Tensor = self.get_submodule("o_proj")(found.transpose(1, 2).flatten(2))
        return out


class Perceptron(nn.Module):
    """One hidden layer; ``gated`` has SiLU gates, the other GELU."""

    def __init__(self, gated: bool) -> None:
        super().__init__()
        self.gated = gated
        self.fc1 = nn.Linear(WIDTH, MIDDLE * (2 if gated else 1))
        self.fc2 = nn.Linear(MIDDLE, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.fc1(x)
        if self.gated:
            inner, gate = inner.chunk(2, -1)
            out: Tensor = self.fc2(F.silu(gate) * inner)
        else:
            out = self.fc2(F.gelu(inner))
        return out


def _norm() -> nn.LayerNorm:
    return nn.LayerNorm(WIDTH, eps=1e-5, bias=False)


class EncoderLayer(nn.Module):
    """Frames attend to all frames."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = _norm(), _norm()
        self.self_attn, self.mlp = Attention(rotary=True), Perceptron(gated=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.input_layernorm(x)
        x = x + self.self_attn(y, self.self_attn.keys_values(y))
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class DecoderLayer(nn.Module):
    """Pieces attend to the pieces before them, and to what was heard."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm, self.final_layernorm = _norm(), _norm(), _norm()
        self.self_attn, self.encoder_attn = Attention(rotary=True), Attention(rotary=False)
        self.mlp = Perceptron(gated=True)

    def forward(self, x: Tensor, heard: KeysValues, before: KeysValues | None) -> tuple[Tensor, KeysValues]:
        """Pieces (N, L, width), and the keys and values of those before them -> the layer's output, and all so far."""
        y = self.input_layernorm(x)
        first = 0 if before is None else before[0].shape[2]
        seen = self.self_attn.keys_values(y, first)
        if before is not None:  # one more piece, which may see all
            seen = torch.cat((before[0], seen[0]), 2), torch.cat((before[1], seen[1]), 2)
        x = x + self.self_attn(y, seen, first, causal=before is None)
        x = x + self.encoder_attn(self.post_attention_layernorm(x), heard)
        out: Tensor = x + self.mlp(self.final_layernorm(x))
        return out, seen


class Moonshine(nn.Module):
    """Wave form (N, T) in [-1, 1], 16 000 samples a second -> text.

    Args:
        pieces: of its words.
    """

    def __init__(self, pieces: Pieces) -> None:
        super().__init__()
        self.pieces = pieces
        self.conv1 = nn.Conv1d(1, WIDTH, 127, 64, bias=False)
        self.groupnorm = nn.GroupNorm(1, WIDTH, eps=1e-5)
        self.conv2 = nn.Conv1d(WIDTH, 2 * WIDTH, 7, 3)
        self.conv3 = nn.Conv1d(2 * WIDTH, WIDTH, 3, 2)
        self.encoder = nn.ModuleList([EncoderLayer() for _ in range(LAYERS)])
        self.encoder_norm = _norm()
        self.decoder = nn.ModuleList([DecoderLayer() for _ in range(LAYERS)])
        self.decoder_norm = _norm()
        self.embed = nn.Embedding(PIECES, WIDTH)  # it is the output's matrix, too

    @property
    def device(self) -> torch.device:
        return self.embed.weight.device

    def encode(self, wave_form: Tensor) -> Tensor:
        """Wave form (N, T) -> frames (N, about T / 384, 288), one for every 24 ms."""
        x = self.groupnorm(self.conv1(wave_form[:, None]).tanh())
        x = F.gelu(self.conv3(F.gelu(self.conv2(x)))).transpose(1, 2)
        for layer in self.encoder:
            x = layer(x)
        out: Tensor = self.encoder_norm(x)
        return out

    def heard(self, frames: Tensor) -> list[KeysValues]:
        """Keys and values of the frames for each layer of the decoder, computed once for all pieces."""
        return [layer.encoder_attn.keys_values(frames) for layer in self._writing]

    @property
    def _writing(self) -> list[DecoderLayer]:
        return [layer for layer in self.decoder if isinstance(layer, DecoderLayer)]

    def decode(
        self, heard: Sequence[KeysValues], numbers: Tensor, before: Sequence[KeysValues] | None = None
    ) -> tuple[Tensor, list[KeysValues]]:
        """Pieces (N, L), after those of ``before`` -> logits (N, L, 32768) of each next piece, and all so far.

        After ``before``, L is 1.
        """
        x, seen = self.embed(numbers), []
        for i, layer in enumerate(self._writing):
            x, now = layer(x, heard[i], None if before is None else before[i])
            seen.append(now)
        return self.decoder_norm(x) @ self.embed.weight.T, seen

    def forced(self, frames: Tensor, numbers: Tensor) -> Tensor:
        """Logits (N, L + 1, 32768) of each piece, and of the end, if the pieces (L,) before it are those (teacher
        forcing)."""
        row = torch.cat((numbers.new_tensor([START]), numbers)).expand(len(frames), -1)
        return self.decode(self.heard(frames), row)[0]

    def loss(self, wave_form: Tensor, text: str) -> Tensor:
        """-log of the probability that the network writes this text, in this very spelling, (N,)."""
        numbers = torch.tensor(self.pieces.spell(text), device=wave_form.device)
        logits = self.forced(self.encode(wave_form), numbers)
        wanted = torch.cat((numbers, numbers.new_tensor([END]))).expand(len(logits), -1)
        return F.cross_entropy(logits.transpose(1, 2), wanted, reduction="none").sum(1)

    @torch.no_grad()
    def write(self, wave_form: Tensor, beams: int = 1) -> str:
        """The text of one clip (1, T)."""
        return self.pieces.text(self.write_heard(self.encode(wave_form), beams, most_pieces(wave_form.shape[1])))

    @torch.no_grad()
    def write_heard(self, frames: Tensor, beams: int, most: int) -> list[int]:
        """The pieces of one clip, from its frames (1, F, 288).

        Args:
            beams: 1 takes the likeliest next piece each time (greedy); more keep as many beginnings side by side, and
                take the text with the largest mean log-probability of its pieces.
            most: pieces after which the text ends in any case.
        """
        heard = self.heard(frames)
        logits, seen = self.decode(heard, torch.tensor([[START]], device=frames.device))
        if beams == 1:
            numbers: list[int] = []
            while len(numbers) < most and (best := int(logits[0, -1].argmax())) != END:
                numbers.append(best)
                logits, seen = self.decode(heard, torch.tensor([[best]], device=frames.device), seen)
            return numbers
        return self._beam(heard, logits, seen, beams, most)

    def _beam(
        self, heard: list[KeysValues], logits: Tensor, seen: list[KeysValues], beams: int, most: int
    ) -> list[int]:
        texts: list[list[int]] = [[]]
        chances = torch.zeros(1, device=logits.device)
        best: tuple[float, list[int]] = (-math.inf, [])
        for length in range(1, most + 2):
            sums = chances[:, None] + logits[:, -1].log_softmax(1)
            ended = sums[:, END]
            place = int(ended.argmax())
            if (mean := float(ended[place]) / length) > best[0]:
                best = mean, texts[place]
            sums[:, END] = -math.inf
            chances, flat = sums.flatten().topk(beams)
            if length > most or float(chances[0]) / length < best[0]:  # the rest is less likely, piece by piece
                break
            rows, numbers = flat // PIECES, flat % PIECES
            texts = [[*texts[row], number] for row, number in zip(rows.tolist(), numbers.tolist(), strict=True)]
            seen = [(keys[rows], values[rows]) for keys, values in seen]
            wide = [(keys.expand(beams, -1, -1, -1), values.expand(beams, -1, -1, -1)) for keys, values in heard]
            logits, seen = self.decode(wide, numbers[:, None], seen)
        return best[1]


def most_pieces(samples: int) -> int:
    """The most pieces of a text of so many samples."""
    return max(4, int(samples / RATE * A_SECOND))


# --------------------------------------------------------------------------------------------------------- the weights


@cache
def tokenizer() -> Pieces:
    """Return the shipped network's pieces, read once; they take a few megabytes."""
    return Pieces.read(FOLDER / TOKENIZER)


def is_here(folder: Path = FOLDER) -> bool:
    """Tell whether the weights are installed; `python -m adv_core.speech fetch` brings them."""
    return (folder / WEIGHTS).is_file() and (folder / TOKENIZER).is_file()


def load(folder: Path = FOLDER, device: str = "cpu") -> Moonshine:
    """Read the network, in eval mode, its parameters without gradients.

    Raises:
        ValueError: a file is missing or damaged. The message is for people.
    """
    if not is_here(folder):
        raise ValueError(
            "The weights of Moonshine are not installed. `python -m adv_core.speech fetch` downloads them."
        )
    try:
        for name, wanted in SHA256.items():
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != wanted:
                raise ValueError("these are other weights")
        with torch.device("meta"):  # no memory for weights that are replaced at once
            network = Moonshine(Pieces.read(folder / TOKENIZER))
        network.load_state_dict(_weights(folder / WEIGHTS), assign=True)
    except (OSError, EOFError, KeyError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"the weights of Moonshine are damaged ({type(error).__name__})") from error
    return network.to(device).eval().requires_grad_(False)


def _weights(file: Path) -> dict[str, Tensor]:
    """The weights by the names of `Moonshine`. Matrices are stored as (in, out)."""
    found = {}
    with np.load(file, allow_pickle=False) as stored:
        for key in stored.files:
            if "|" in key:
                continue
            value = stored[key]
            if value.dtype == np.uint8:
                value = (value.astype(np.float32) - np.float32(stored[f"{key}|zero"])) * stored[f"{key}|scale"]
            name = key.replace("coder.layer_norm", "coder_norm").replace("coder.norm", "coder_norm")
            if value.ndim == 2:
                value, name = value if key == "embed" else value.T, f"{name}.weight"
            found[name] = torch.from_numpy(np.ascontiguousarray(value, np.float32))
    return found


_shared: dict[str, tuple[Moonshine, float]] = {}  # by device; the time of the last use
_lock = threading.Lock()


def moonshine(device: str = "cpu") -> Moonshine:
    """The shipped network: read at its first use, shared by all who ask, until `forget_unused` drops it.

    Raises:
        ValueError: its files are missing or damaged.
    """
    with _lock:
        network = _shared[device][0] if device in _shared else load(device=device)
        _shared[device] = network, time.monotonic()
        return network


def forget_unused(since: float) -> bool:
    """Drop the networks that nobody has asked for since that time (of `time.monotonic`). Tell whether there were any.

    A run keeps its network to its end.
    """
    with _lock:
        old = [device for device, (_, used) in _shared.items() if used < since]
        for device in old:
            del _shared[device]
    return bool(old)
