"""Rules for nicknames in a room: readable, harmless on every page that shows them, and unique."""

import unicodedata

from adv_core.serving.classroom import Refused

MAX_LETTERS = 20
# Characters that Unicode counts as letters, but that are invisible on the screen.
_BLANK_LETTERS = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_MARKS_IN_A_ROW = 2  # accents; more of them cover the lines above
_BETWEEN = " -'’"
# Cyrillic and Greek letters that look like Latin ones, after `casefold`.
_TWINS = str.maketrans("аеорсухіјѕԁԛԝһкмтвнαορνικτυχ’", "aeopcyxijsdqwhkmtbhaopviktux'")


def cleaned(nickname: str) -> str:
    """Return the nickname as the room shows it: in the normal form NFKC, with single spaces, and none at the ends.

    It has letters and digits of any script, and between them spaces, hyphens and apostrophes. None of these has a
    special meaning in HTML, Markdown or a spreadsheet.

    Raises:
        Refused: empty, longer than `MAX_LETTERS`, or with any other character.
    """
    # Only the plain space: every other blank character is refused below. Cut first, since NFKC lengthens some texts.
    parts = unicodedata.normalize("NFKC", nickname[: 10 * MAX_LETTERS]).split(" ")
    text = " ".join(part for part in parts if part)
    if not text:
        raise Refused(f"The nickname is empty. Please choose one of 1 to {MAX_LETTERS} characters.")
    if len(text) > MAX_LETTERS:
        raise Refused(f"A nickname may have {MAX_LETTERS} characters, and this one has more. Please shorten it.")
    marks = 0
    for sign in text:
        kind = unicodedata.category(sign)
        marks = marks + 1 if kind in ("Mn", "Mc") else 0
        letter = (kind[0] == "L" or kind == "Nd") and sign not in _BLANK_LETTERS
        if not (letter or sign in _BETWEEN or 0 < marks <= _MARKS_IN_A_ROW):
            raise Refused(
                "A nickname may have only letters, digits, spaces, hyphens and apostrophes. Please remove the rest."
            )
    if unicodedata.category(text[0])[0] not in "LN":
        raise Refused("A nickname must begin with a letter or a digit. Please change its first character.")
    return text


def key_of(nickname: str) -> str:
    """Return a key that is equal for nicknames that look the same to people.

    It ignores capitals, spaces and the alphabet of look-alike letters.
    """
    latin = cleaned(nickname).replace("Ν", "N")  # the capital of ν, which itself looks like a v
    folded = unicodedata.normalize("NFKC", latin.casefold())
    return "".join(folded.translate(_TWINS).split()).replace("-", "")
