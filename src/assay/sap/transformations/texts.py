"""Texts: cleaned, cut on purpose only, and keys in the form in which SAP stores them."""

from __future__ import annotations

import re
import unicodedata

from assay.sap.transformations.values import TransformationError, folded, normal, shown

_FLAGS = {
    **dict.fromkeys(
        ["x", "yes", "y", "true", "1", "ja", "oui", "si", "vrai", "wahr", "vero"], True
    ),
    **dict.fromkeys(
        ["no", "n", "false", "0", "nein", "non", "faux", "falsch", "falso", "-"], False
    ),
}


def clean(text: str) -> str:
    """White space of any kind as one space, none around; invisible signs left out."""
    return " ".join(normal("NFC", text).split())


def lines(text: str) -> str:
    """As ``clean``, line by line; empty lines at the ends are left out."""
    return "\n".join(clean(line) for line in text.splitlines()).strip("\n")


def upper(text: str) -> str:
    """In capitals."""
    return text.upper()


def lower(text: str) -> str:
    """In small letters."""
    return text.lower()


def tight(text: str) -> str:
    """Without any white space."""
    return "".join(text.split())


def ascii_digits(text: str) -> str:
    """Digits of any script as 0 to 9; the rest as it is."""
    return "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)


def digits(text: str) -> str:
    """The digits alone, as 0 to 9, whatever stands between them; raises where there is none."""
    found = "".join(c for c in ascii_digits(text) if c.isdecimal())
    if not found:
        raise TransformationError(f"{shown(text)} has no digit")
    return found


def one_number(text: str) -> str:
    """The only run of digits, as 0 to 9: ``Pos. 3`` is 3; raises where there are several or none."""
    found = re.findall(r"\d+", ascii_digits(text))
    if len(found) != 1:
        what = "no digit" if not found else f"{len(found)} numbers ({', '.join(found[:4])})"
        raise TransformationError(f"{shown(text)} has {what}, not one number")
    return found[0]


def without(text: str, characters: str) -> str:
    """The text without some characters."""
    return text.translate(str.maketrans("", "", characters))


def at_most(text: str, length: int) -> str:
    """The text itself; raises where it is longer, and never cuts."""
    if len(text) > length:
        raise TransformationError(
            f"{shown(text)} has {len(text):,} characters, at most {length} fit"
        )
    return text


def exactly(text: str, length: int) -> str:
    """The text itself; raises where it has another length."""
    if len(text) != length:
        raise TransformationError(f"{shown(text)} has {len(text):,} characters, not {length}")
    return text


def cut(text: str, length: int) -> str:
    """The first characters, where losing the rest is meant."""
    return text[:length].rstrip()


def prefix(text: str, before: str) -> str:
    """The text with another before it."""
    return before + text


def suffix(text: str, behind: str) -> str:
    """The text with another behind it."""
    return text + behind


def key(text: str, length: int) -> str:
    """SAP's ALPHA conversion: digits alone are filled with zeros on the left, anything else is not.

    Raises ``TransformationError`` where it is longer.
    """
    at_most(text, length)
    return text.zfill(length) if text.isascii() and text.isdigit() else text


def unkey(text: str) -> str:
    """What ``key`` was made from: a numeric key without the zeros on its left."""
    if text.isascii() and text.isdigit():
        return text.lstrip("0") or "0"
    return text


def flag(text: str) -> bool:
    """Yes or no in five languages; ``X`` as SAP writes it. Raises for any other word."""
    word = folded(text)
    if word not in _FLAGS:
        raise TransformationError(f"{shown(text)} is neither yes nor no")
    return _FLAGS[word]


def sap_flag(value: bool) -> str:
    """``X`` for yes and the empty text for no."""
    return "X" if value else ""


def matching(text: str, pattern: re.Pattern[str]) -> str:
    """The text itself; raises where it has not that form (a regular expression over all of it)."""
    if not pattern.fullmatch(text):
        raise TransformationError(f"{shown(text)} has not the form {pattern.pattern}")
    return text
