"""Words: names split, accents folded, and business terms of other languages put into English."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import yaml

from assay.sap.fields import Field

GLOSSARY = Path(__file__).parents[1] / "knowledge" / "glossary.yaml"
LONGEST = 4  # words of a glossary's term
ALIKE = 0.8  # how alike a misspelt word and a known one are
SHORTEST = 4  # letters of a word that is set right
COMPARED = 30  # known words that share the most letters with a misspelt one
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


def grams_of(text: str) -> list[str]:
    """The runs of three letters of every word, its ends marked."""
    return [f"_{w}_"[i : i + 3] for w in words_of(text) for i in range(len(w))]


@dataclass(frozen=True)
class Glossary:
    """Business terms: {folded term: English}, and words that say nothing."""

    terms: dict[str, str]
    idle: frozenset[str]

    @staticmethod
    def load(fields: Iterable[Field], path: Path = GLOSSARY) -> Glossary:
        """The shipped terms and the names that canonical fields have in other languages."""
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = {
            " ".join(words_of(name)): " ".join(words_of(field.names["en"][0]))
            for field in fields
            if field.names
            for language, given in field.names.items()
            if language != "en"
            for name in given
        }
        own = {
            " ".join(words_of(term)): english
            for language in ("de", "fr", "es", "it", "en")
            for term, english in said[language].items()
        }
        return Glossary(names | own, frozenset(map(fold, said["idle"])))

    def english(self, query: str, spelling: Spelling) -> str:
        """The query with its known terms in English, misspelt words set right."""
        words = [self._right(word, spelling) for word in words_of(query)]
        said: list[str] = []
        place = 0
        while place < len(words):
            length, english = self._term(words[place : place + LONGEST])
            if english not in self.idle:
                said.append(english)
            place += length
        return " ".join(said) or query

    def _term(self, words: list[str]) -> tuple[int, str]:
        """How many of the words make a term, the longest first, and its English."""
        for length in range(len(words), 0, -1):
            term = " ".join(words[:length])
            if term in self.terms:
                return length, self.terms[term]
        return 1, words[0]

    def _right(self, word: str, spelling: Spelling) -> str:
        return word if word in self.idle else spelling.right(word)


class Spelling:
    """Known words, and the one that a misspelt word is most like."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = frozenset(known)
        self._with: dict[str, list[str]] = {}
        for word in sorted(self.known):
            for gram in set(grams_of(word)):
                self._with.setdefault(gram, []).append(word)

    def right(self, word: str) -> str:
        """The word, or the known one most like it when it is not known itself."""
        if len(word) < SHORTEST or word in self.known:
            return word
        shared = Counter(other for gram in grams_of(word) for other in self._with.get(gram, ()))
        near = [
            (SequenceMatcher(None, word, other).ratio(), other)
            for other, _ in shared.most_common(COMPARED)
        ]
        ratio, best = max(near, default=(0.0, word))
        return best if ratio >= ALIKE else word
