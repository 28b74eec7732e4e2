"""SAP's terms in plain words, as somebody would say them who does not know the term."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from assay import files
from assay.sap.search.words import words_of

EXPLANATIONS = Path(__file__).parents[1] / "knowledge" / "explanations.yaml"


@cache
def explanations() -> dict[str, tuple[str, ...]]:
    """The shipped explanations: {term: phrases}."""
    said = files.read_shipped(EXPLANATIONS)
    return {term: tuple(phrases) for term, phrases in said.items()}


def held(explained: Mapping[str, Iterable[str]], texts: Iterable[str]) -> list[tuple[str, str]]:
    """Term and phrase of every explanation whose term stands in one of the texts."""
    runs: set[str] = set()
    longest = max((len(term.split()) for term in explained), default=0)
    for words in {tuple(words_of(text)) for text in texts}:
        for start in range(len(words)):
            ends = range(start + 1, min(start + longest, len(words)) + 1)
            runs.update(" ".join(words[start:end]) for end in ends)
    return [(term, phrase) for term, said in explained.items() if term in runs for phrase in said]
