"""Queries as they are typed, in the words of SAP's services: other languages, compounds, misspellings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from assay import files
from assay.sap.fields import Field
from assay.sap.search.spelling import Spelling
from assay.sap.search.words import words_of

GLOSSARY = Path(__file__).parents[1] / "knowledge" / "glossary.yaml"
ENGLISH = "en"
LANGUAGES = (ENGLISH, "de", "fr", "es", "it")  # a term of two means what it does in the first
LONGEST = 4  # words of a term
SHORTEST = 4  # letters of a compound's part
STEMS = ("", "ung", "e")  # what a first part lacks: Liefer-datum
LINKS = ("s", "es", "n", "en")  # what it has too much: Rechnung-s-betrag


@dataclass(frozen=True)
class Glossary:
    """Business terms, and words that say nothing, by language."""

    terms: dict[str, dict[str, str]]  # {folded term: {language: English, "" for nothing}}
    idle: dict[str, frozenset[str]]  # {folded word: languages}

    @staticmethod
    def load(fields: Iterable[Field], path: Path = GLOSSARY) -> Glossary:
        """The shipped terms and the names that canonical fields have in other languages."""
        said = files.read_shipped(path)
        terms: dict[str, dict[str, str]] = {}
        idle: dict[str, frozenset[str]] = {}
        for language, name, english in _names(fields):
            terms.setdefault(_key(name), {})[language] = _key(english)
        for language in LANGUAGES:
            for term, english in said[language].items():
                terms.setdefault(_key(term), {})[language] = english
        _settle(terms)
        for language, phrases in said["idle"].items():
            for key in map(_key, phrases):
                if " " in key:
                    terms[key] = {language: ""}
                else:
                    idle[key] = idle.get(key, frozenset()) | {language}
        for word in (word for word, languages in idle.items() if ENGLISH in languages):
            terms.pop(word, None)  # German "per" is a field's name, English "per" is none
        return Glossary(terms, idle)

    def spelling(self, texts: Iterable[str], english: Collection[str] = frozenset()) -> Spelling:
        """The words of some texts and of the terms, and of English as it is written elsewhere."""
        whole = [term for term in self.terms if " " not in term]
        inner = (word for term in self.terms for word in term.split() if " " in term)
        return Spelling([*texts, *self._english_texts(), *whole], inner, english)

    @cached_property
    def plain(self) -> frozenset[str]:
        """The words of what the terms are in English."""
        return frozenset(word for text in self._english_texts() for word in text.split())

    @cached_property
    def _singular(self) -> dict[str, str]:
        """English terms that mean something else, by what they are without plurals."""
        said = {term: languages.get(ENGLISH, term) for term, languages in self.terms.items()}
        return {_singular(term): term for term, english in said.items() if english != term}

    def _english_texts(self) -> Iterator[str]:
        return (english for said in self.terms.values() for english in said.values())

    def english(self, query: str, spelling: Spelling, *, whole: bool = False) -> str:
        """The query with its known terms in English, misspelt words set right.

        English words that say nothing of their own are left out, but where it is asked for ``whole``.
        """
        words = self._known(words_of(query), spelling)
        found = list(self._found(words))
        shared = {word for word, _ in found if word in self.plain or word in spelling.english}
        languages = self._languages([pair for pair in found if pair[0] not in shared])
        content = sum(term is not None or word not in self.idle for word, term in found)
        said = [
            word
            if whole and ENGLISH in self.idle.get(word, ())
            else self._said(word, term, languages, shared=word in shared, alone=content == 1)
            for word, term in found
        ]
        return " ".join(text for text in said if text) or query

    def _known(self, words: list[str], spelling: Spelling) -> list[str]:
        """The words, those that nothing knows as the parts of a compound or as likely meant."""
        whole = {part for key, term in self._found(words) if term for part in key.split()}
        result: list[str] = []
        for place, word in enumerate(words):
            if word in whole or word in self.idle:
                result.append(word)
            elif not spelling.knows(word) and (parts := self._parts(word)):
                result += parts
            else:
                beside = [*words[max(place - 2, 0) : place], *words[place + 1 : place + 3]]
                result.append(spelling.right(word, beside))
        return result

    def _parts(self, word: str) -> list[str]:
        """The known words that a compound is made of, the longest last one first."""
        for cut in range(SHORTEST, len(word) - SHORTEST + 1):
            first, last = word[:cut], word[cut:]
            if not self._is_word(last):
                continue
            ends = [first + ending for ending in STEMS]
            ends += [first.removesuffix(link) for link in LINKS if first.endswith(link)]
            known = [end for end in ends if self._is_word(end)][:1] or self._parts(first)
            if known:
                return [*known, last]
        return []

    def _is_word(self, word: str) -> bool:
        return len(word) >= SHORTEST and (word in self.plain or word in self.terms)

    def _found(self, words: Sequence[str]) -> Iterator[tuple[str, dict[str, str] | None]]:
        """The terms among the words, the longest first, and the other words with ``None``."""
        place = 0
        while place < len(words):
            for length in range(min(LONGEST, len(words) - place), 0, -1):
                key = " ".join(words[place : place + length])
                known = key if key in self.terms else self._singular.get(_singular(key))
                if known or length == 1:
                    yield key, self.terms.get(known or key)
                    place += length
                    break

    def _languages(self, found: Sequence[tuple[str, dict[str, str] | None]]) -> frozenset[str]:
        """The languages that these words and terms are of."""
        seen = [
            set(term) if term is not None else self.idle.get(word, frozenset[str]())
            for word, term in found
        ]
        return frozenset().union(*(some for some in seen if ENGLISH not in some))

    def _said(
        self,
        word: str,
        term: dict[str, str] | None,
        languages: frozenset[str],
        *,
        shared: bool,
        alone: bool,
    ) -> str:
        """What a word or term is in English, "" for nothing.

        A word that English has too (date, lot) is shared: translated only in a query that is of the
        other language, and for both where it is all that is asked.
        """
        if term is None:
            return "" if word in self.idle else word
        meant = next((term[each] for each in LANGUAGES if each in term and each in languages), None)
        first = next(term[each] for each in LANGUAGES if each in term)
        if not shared or ENGLISH in term:
            return first if meant is None else meant
        if meant is not None:
            return meant
        return " ".join(dict.fromkeys([word, *first.split()])) if alone else word


def _names(fields: Iterable[Field]) -> Iterator[tuple[str, str, str]]:
    """Language, name and English name of the fields' names in other languages."""
    for field in fields:
        for language, names in field.names.items():
            if language != ENGLISH:
                yield from ((language, name, field.names[ENGLISH][0]) for name in names)


def _settle(terms: dict[str, dict[str, str]]) -> None:
    """Put English terms for what other languages are translated to, and let each stand for itself."""
    for said in list(terms.values()):
        for language, english in said.items():
            said[language] = terms.get(english, {}).get(ENGLISH, english)
            if " " in english:  # "bill of material" is whole, and "of" is not idle in it
                terms.setdefault(english, {ENGLISH: english})


def _singular(term: str) -> str:
    """The words without an ending s: no word of its own, but the same of one and of several."""
    return " ".join(w[:-1] if len(w) >= SHORTEST and w[-1] == "s" else w for w in term.split())


def _key(term: str) -> str:
    return " ".join(words_of(term))
