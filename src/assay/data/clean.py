"""Text repair, and the normal form in which two texts count as the same."""

from __future__ import annotations

import unicodedata
from typing import Any

from assay.errors import DataError


class _Blanks(dict[int, int | None]):
    """A ``str.translate`` table that learns a character's fate when it first meets it.

    Punctuation (P), separators (Z) and control characters (C) become spaces. Letters, digits,
    symbols and, unlike with ``\\w``, the combining marks that many scripts write vowels with stay.
    """

    def __missing__(self, code: int) -> int:
        self[code] = ord(" ") if unicodedata.category(chr(code))[0] in "PZC" else code
        return self[code] or 0


_BLANKS = _Blanks()


def normalised(text: str) -> str:
    """``text`` without case, punctuation and extra space; the text itself if nothing is left."""
    words = unicodedata.normalize("NFKC", text).casefold().translate(_BLANKS).split()
    return " ".join(words) or text.strip()


def repaired(value: Any) -> Any:
    """``value`` with mojibake repaired (ftfy) in every string inside it."""
    if isinstance(value, str):
        if value.isascii():
            return value
        import ftfy

        return ftfy.fix_encoding(value)
    if isinstance(value, dict):
        return {key: repaired(item) for key, item in value.items()}
    if isinstance(value, list):
        return [repaired(item) for item in value]
    return value


def require_unicode(text: str, where: str) -> None:
    """Refuse half of a surrogate pair: JSON can spell it, nothing can store it as UTF-8."""
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        code = f"\\u{ord(text[error.start]):04x}"
        raise DataError(
            f"{where}: the text holds {code}, half of a surrogate pair, which is no character",
            "Write the row again with whole characters; something cut an emoji in two.",
        ) from error
