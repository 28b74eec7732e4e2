"""Words of names and queries: split, accents folded."""

from __future__ import annotations

import re
import unicodedata

_NOISE = frozenset(
    [
        "com",
        "sap",
        "gateway",
        "srvd",
        "a2x",
        "api",
        "srv",
        "cds",
        "v0001",
        "0001",
        "0002",
        "01",
        "a",
        "type",
        "test",
        "odata",
        "service",
    ]
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe"})
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def fold(text: str) -> str:
    """Lower case without accents; umlauts as two letters."""
    plain = unicodedata.normalize("NFC", text).lower().translate(_UMLAUTS)
    apart = unicodedata.normalize("NFKD", plain)
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def split_name(text: str) -> str:
    """The words of a name or title, split at case and signs, without what all names have."""
    return " ".join(word for p in _PART.findall(_plain(text)) if (word := p.lower()) not in _NOISE)


def _plain(text: str) -> str:
    """Without accents, in the case it was written."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def words_of(text: str) -> list[str]:
    """Folded runs of letters and digits."""
    return re.findall(r"[a-z0-9]+", fold(text))
