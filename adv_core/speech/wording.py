"""Compare texts as they are spoken: "Route 66." and "route six six" are the same words.

Equal are two texts that differ in case, in punctuation or hyphens, or in the writing of numbers: a number in digits is
read digit by digit, or in groups of two (66 is "six six" or "sixty six", 649 is "six four nine", "sixty four nine" or
"six forty nine"). A letter that is spelt alone is a word.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice, product

from adv_core.speech.recogniser import word_errors

_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_MOST = 400  # readings of one text


def words_of(text: str) -> list[str]:
    """The words in lower case, without accents and punctuation; digits stay."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub(r"(?<=\d)[.,](?=\d)", "", plain)
    return [word for part in re.findall(r"[\w']+", plain.replace("_", " ")) if (word := part.strip("'"))]


def readings(text: str) -> Iterator[str]:
    """The ways to say a text, each in lower case without punctuation; the first reads numbers digit by digit."""
    parts = [part for word in words_of(text) for part in re.findall(r"[0-9]+|[^0-9]+", word)]
    choices = [list(_numbers(part)) if part[0] in "0123456789" else [part] for part in parts]
    return (" ".join(chosen) for chosen in islice(product(*choices), _MOST))


def _numbers(digits: str) -> Iterator[str]:
    if not digits:
        yield ""
    elif len(digits) > 8:  # too many ways
        yield " ".join(_UNITS[int(digit)] for digit in digits)
    else:
        for rest in _numbers(digits[1:]):
            yield f"{_UNITS[int(digits[0])]} {rest}".strip()
        if len(digits) > 1 and digits[0] != "0":
            for rest in _numbers(digits[2:]):
                yield f"{_pair(int(digits[:2]))} {rest}".strip()


def _pair(number: int) -> str:
    if number < 20:
        return _UNITS[number]
    return _TENS[number // 10 - 2] + (f" {_UNITS[number % 10]}" if number % 10 else "")


def same_words(one: str, other: str) -> bool:
    """Tell whether the two texts have a reading in common."""
    return not set(readings(one)).isdisjoint(readings(other))


def fewest_errors(said: str, heard: str) -> int:
    """Words to change, insert or delete, between the readings that are nearest; ``said`` is spelt out already."""
    return min(word_errors(said, reading) for reading in readings(heard))
