"""Reading weights in the format safetensors: a header of JSON, then plain numbers. Such a file cannot run a program."""

import json
import math
from pathlib import Path

import torch
from torch import Tensor

_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_LONGEST_HEADER = 100_000_000  # bytes, as in the format's own reader


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by their names.

    Raises:
        ValueError: the file is damaged, or of another format.
    """
    data = path.read_bytes()
    try:
        length = int.from_bytes(data[:8], "little")
        if not 2 <= length <= min(_LONGEST_HEADER, len(data) - 8):
            raise ValueError("header")
        header, start = json.loads(data[8 : 8 + length]), 8 + length
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            kind, shape = _TYPES[entry["dtype"]], [int(side) for side in entry["shape"]]
            first, last = (start + int(offset) for offset in entry["data_offsets"])
            size = math.prod(shape) * kind.itemsize
            if min(shape, default=0) < 0 or not start <= first <= last <= len(data) or last - first != size:
                raise ValueError(name)
            values = torch.frombuffer(bytearray(data[first:last]), dtype=kind) if size else torch.empty(0, dtype=kind)
            tensors[name] = values.reshape(shape)
        return tensors
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{path} is no safetensors file, or is damaged") from error
