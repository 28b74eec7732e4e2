"""Words of names and queries: split, accents folded."""

from __future__ import annotations

import re
import unicodedata

# What the names of services have in common.
_SHARED = frozenset(
    ["com", "sap", "gateway", "srvd", "a2x", "api", "srv", "cds", "a", "odata", "test"]
)
_VERSION = re.compile(r"v?\d+")
_ENTITY_TYPE = re.compile(r"^[A-Z]_(?P<first>\w+?)_?Type$|(?P<second>.+)_Type$")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe"})
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def fold(text: str) -> str:
    """Lower case without accents; umlauts as two letters."""
    plain = unicodedata.normalize("NFC", text).lower().translate(_UMLAUTS)
    apart = unicodedata.normalize("NFKD", plain)
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def split_name(text: str) -> str:
    """The words of a name or label, split at case and signs."""
    return " ".join(part.lower() for part in _PART.findall(_plain(text)))


def service_words(text: str) -> str:
    """The words of a service's name or title, without what all have: API_BANKDETAIL_SRV."""
    parts = [part for part in re.split(r"[._]", text) if not _is_shared(part.lower())]
    words = split_name(" ".join(parts)).split()
    return " ".join(words[:-1] if len(words) > 1 and words[-1] == "service" else words)


def _is_shared(part: str) -> bool:
    return part in _SHARED or _VERSION.fullmatch(part) is not None


def entity_words(name: str) -> str:
    """The words of an entity type's name, without what marks a type: A_BankDetailType."""
    found = _ENTITY_TYPE.match(name)
    own = (found["first"] or found["second"]) if found else name.removeprefix("A_")
    return split_name(own)


def _plain(text: str) -> str:
    """Without accents, in the case it was written."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def words_of(text: str) -> list[str]:
    """Folded runs of letters and digits."""
    return re.findall(r"[a-z0-9]+", fold(text))
