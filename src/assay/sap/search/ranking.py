"""The best entries for a query: cosine by the graph and BM25 by words, added up.

The query is looked for as it is read, and as the term that it puts into other words; an entry has the
better of its two scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from assay.errors import DataError, did_you_mean
from assay.models.embed import embed
from assay.models.load import Embedder
from assay.observability.progress import SILENT
from assay.sap.fields import fields
from assay.sap.search.entries import OTHER, Entry, modules
from assay.sap.search.glossary import Glossary
from assay.sap.search.index import Index
from assay.sap.search.meaning import Meanings
from assay.sap.search.spelling import Spelling

LONGEST = 2000  # characters of a query
CANDIDATES = 200  # of each way, before their scores are added
RULE = "rule"
FIELD = "field"
KINDS: tuple[str, ...] = ("service", "entity", "property", FIELD, RULE)


@dataclass(frozen=True)
class Weights:
    """What each way adds; BM25 is measured against its own best."""

    meaning: float
    words: float


HYBRID = Weights(1.0, 0.25)  # chosen on the development half of benchmarks/data/kb_queries.tsv
BY_MEANING = Weights(1.0, 0.0)
BY_WORDS = Weights(0.0, 1.0)


@dataclass(frozen=True)
class Filter:
    """What may be found; "" leaves all, but rules, which are found by their kind alone."""

    module: str = ""
    odata: str = ""
    kind: str = ""
    service: str = ""

    def check(self, names: Sequence[str]) -> None:
        """Raise ``DataError`` for a value that nothing can have."""
        for name, value, known in (
            ("module", self.module, [*modules(), OTHER]),
            ("odata", self.odata, ["V2", "V4"]),
            ("kind", self.kind, list(KINDS)),
            ("service", self.service, list(names)),
        ):
            if value and value not in known:
                listed = "" if name == "service" else f"Known are: {', '.join(known)}."
                raise DataError(
                    f"--{name}: there is no {name} {value!r}." + did_you_mean(value, known),
                    listed or "assay kb list shows the services.",
                )

    def places(self, entries: Sequence[Entry]) -> np.ndarray | None:
        """The places of the entries that pass; ``None`` for all."""
        if self == Filter():
            return None
        return np.array([n for n, each in enumerate(entries) if self._passes(each)], dtype=np.int64)

    def _passes(self, entry: Entry) -> bool:
        return (
            self.module in ("", entry.module)
            and self.odata in ("", entry.odata)
            and self.kind in ("", entry.kind)
            and self.service in ("", entry.service_name)
        )


@dataclass(frozen=True)
class Hit:
    """An entry with its score, and the text that it was found by."""

    entry: Entry
    score: float
    by: str


@dataclass(frozen=True)
class _Asked:
    """A text that is looked for."""

    text: str
    vector: np.ndarray  # [H]
    counted: np.ndarray  # [N], BM25 of every entry
    share: float  # that its scores have

    def scores(self, places: np.ndarray, vectors: np.ndarray, weights: Weights) -> np.ndarray:
        """What the entries at some places [C] with their vectors [C, H] score, [C]."""
        close = vectors @ self.vector
        relative = self.counted[places] / max(float(self.counted.max()), 1e-9)
        return self.share * (weights.meaning * close + weights.words * relative)


@dataclass
class Search:
    """An index with the model that reads queries."""

    index: Index
    embedder: Embedder

    @cached_property
    def glossary(self) -> Glossary:
        """Business terms in other languages."""
        return Glossary.load(fields().values())

    @cached_property
    def spelling(self) -> Spelling:
        """The words of the entries and of the glossary, and those that the model knows whole."""
        # A field's words are of five languages, and the glossary has them with what they mean.
        texts = {e.own for e in self.index.entries if e.kind != FIELD}
        return self.glossary.spelling(texts, frozenset(self.embedder.tokenizer.get_vocab()))

    @cached_property
    def meanings(self) -> Meanings:
        """The terms of the entries that are explained in plain words."""
        return Meanings.of(self.index)

    def read(self, query: str) -> str:
        """What is looked for: the query in English, spelt as the entries are."""
        return self.glossary.english(query, self.spelling)

    def find(
        self,
        query: str,
        limit: int = 10,
        only: Filter | None = None,
        weights: Weights = HYBRID,
        *,
        translated: bool = True,
    ) -> list[Hit]:
        """The best entries, best first; raises ``DataError`` for a query that cannot be read."""
        require_query(query)
        allowed = only or Filter()
        asked = self._asked(query) if translated else [self._text(query, self._vectors([query])[0])]
        places = allowed.places(self.index.entries)
        if places is None:
            places = np.unique(np.concatenate([self._candidates(each) for each in asked]))
        if not allowed.kind:  # who looks for a service wants no rule about its documents
            kept = np.array([self.index.entries[n].kind != RULE for n in places], dtype=bool)
            places = places[kept]
        if not len(places):
            return []
        vectors = self.index.graph.reconstruct_batch(places)
        each = np.stack([some.scores(places, vectors, weights) for some in asked])
        scores, best = each.max(axis=0), each.argmax(axis=0)
        order = np.argsort(-scores, kind="stable")[:limit]
        return [
            Hit(self.index.entries[places[n]], float(scores[n]), asked[best[n]].text) for n in order
        ]

    def _asked(self, query: str) -> list[_Asked]:
        """The query as it is read, and the term that it puts into other words."""
        whole = self.glossary.english(query, self.spelling, whole=True)
        texts = list(dict.fromkeys([self.read(query), whole]))
        vectors = self._vectors(texts)
        asked = [self._text(texts[0], vectors[0])]
        if (meant := self.meanings.nearest(texts, vectors)) is not None:
            asked.append(self._text(meant.term, meant.vector, meant.near))
        return asked

    def _text(self, text: str, vector: np.ndarray, share: float = 1.0) -> _Asked:
        return _Asked(text, vector, self.index.lexicon.scores(text), share)

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        return embed(self.embedder, texts, SILENT)

    def _candidates(self, asked: _Asked) -> np.ndarray:
        """Places of the entries that are near a text or have its words."""
        count = min(CANDIDATES, len(asked.counted) - 1)
        worded = np.argpartition(-asked.counted, count)[:count]
        return np.concatenate([self.near(asked.vector), worded])

    def near(self, vector: np.ndarray) -> np.ndarray:
        """The places [C] that the graph finds near a unit vector [H]."""
        import faiss

        # faiss makes this class when it is imported, which no type checker sees.
        breadth: Any = faiss.SearchParametersHNSW(  # pyright: ignore[reportAttributeAccessIssue]
            efSearch=2 * CANDIDATES
        )
        count = min(CANDIDATES, len(self.index.entries))
        _, found = self.index.graph.search(vector[None], count, params=breadth)
        return found[0][found[0] >= 0]


def require_query(query: str) -> None:
    """Raise ``DataError`` for a query without a word, or a longer one than is read."""
    if not any(letter.isalnum() for letter in query):
        raise DataError("The query is empty.", "Say what you look for in a few words.")
    if len(query) > LONGEST:
        raise DataError(
            f"The query has {len(query):,} characters, and more than {LONGEST:,} are not read.",
            "Say what you look for in a few words or one sentence.",
        )
