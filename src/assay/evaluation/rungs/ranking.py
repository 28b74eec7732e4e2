"""Rankings by counting: the passages most often relevant, shared words, BM25.

Passages travel with a saved rung; what follows from them is computed again when it is loaded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from assay import files
from assay.data.passages import grades_of
from assay.data.records import Example, Passage
from assay.evaluation.predictions import Prediction
from assay.evaluation.rankings import answer_of, best, score_one
from assay.evaluation.rungs.card import Card
from assay.observability.progress import Progress

PASSAGES = "passages.jsonl"
SETTINGS = "ranking.json"
K1 = (1.2, 0.6, 0.9, 1.6, 2.0)  # how soon more of the same word stops to count; the usual one first
B = (0.75, 0.25, 0.5, 1.0)  # how much a long passage is held against it
CHOSEN_ON = 500  # training queries that k1, b and stemming are chosen on


def save_passages(folder: Path, corpus: Sequence[Passage]) -> None:
    """Write the passages: the same bytes, and so the same digest, as the run's own."""
    files.write_jsonl(folder / PASSAGES, [passage.as_json() for passage in corpus])


def load_passages(folder: Path) -> tuple[Passage, ...]:
    """The inverse of ``save_passages``."""
    return tuple(Passage(row["id"], row["text"]) for row in files.read_jsonl(folder / PASSAGES))


def ranked(
    example: Example, corpus: Sequence[Passage], scores: np.ndarray, least: float | None = None
) -> Prediction:
    """The answer that scores [N] make; a score is not a probability."""
    said = answer_of(corpus, scores, least=least)
    return Prediction(example.id, said, said, True, None)


class Popular:
    """Always the passages that were most often relevant in training, whatever is asked."""

    kind = "majority"

    def __init__(self, card: Card, corpus: Sequence[Passage], counts: Sequence[int]) -> None:
        self.card = card
        self.corpus = corpus
        self.counts = counts

    @staticmethod
    def fit(card: Card, train: Sequence[Example], corpus: Sequence[Passage]) -> Popular:
        """Count the queries that each passage answers."""
        counts = Counter(id_ for example in train for id_ in grades_of(example.target))
        return Popular(card, corpus, [counts[passage.id] for passage in corpus])

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """The same passages for every query."""
        del progress
        scores = np.array(self.counts, dtype=np.float64)
        return [ranked(example, self.corpus, scores, least=0.0) for example in examples]

    def save(self, folder: Path) -> None:
        """Write card, passages and counts."""
        self.card.write(folder)
        save_passages(folder, self.corpus)
        files.write_json(folder / SETTINGS, {"counts": list(self.counts)})

    @staticmethod
    def load(folder: Path, card: Card) -> Popular:
        """The inverse of ``save``."""
        return Popular(card, load_passages(folder), files.read_json(folder / SETTINGS)["counts"])


class Terms:
    """The words of passages: ``counts`` [N, T], and how a query becomes a row of it."""

    def __init__(self, corpus: Sequence[Passage], *, stemmed: bool) -> None:
        self.stemmed = stemmed
        self.places: dict[str, int] = {}
        rows: list[int] = []
        columns: list[int] = []
        for row, passage in enumerate(corpus):
            for word in self.words(passage.text):
                rows.append(row)
                columns.append(self.places.setdefault(word, len(self.places)))
        shape = (len(corpus), len(self.places))
        cells = (np.ones(len(rows)), (rows, columns))
        self.counts: Any = sparse.csr_array(cells, shape=shape)  # adds up what comes twice

    def words(self, text: str) -> list[str]:
        """Runs of letters and digits in lower case, perhaps without their English endings."""
        found = re.findall(r"\w+", text.lower())
        return list(map(_stemmer(), found)) if self.stemmed else found

    def query(self, text: str) -> Any:
        """How often each word of the passages is in ``text``, [1, T]."""
        known = Counter(word for word in self.words(text) if word in self.places)
        columns = [self.places[word] for word in known]
        cells = (np.array([*known.values()], dtype=np.float64), ([0] * len(columns), columns))
        return sparse.csr_array(cells, shape=(1, len(self.places)))

    @property
    def frequencies(self) -> np.ndarray:
        """In how many passages each word is, [T]."""
        return np.bincount(self.counts.indices, minlength=len(self.places))


@cache
def _stemmer() -> Callable[[str], str]:
    from nltk.stem.porter import PorterStemmer

    return cache(PorterStemmer().stem)


class Keyword:
    """How many different words of the query a passage has; words of most passages do not count."""

    kind = "keyword"

    def __init__(self, card: Card, corpus: Sequence[Passage]) -> None:
        self.card = card
        self.corpus = corpus
        self.terms = Terms(corpus, stemmed=False)
        telling = (self.terms.frequencies <= len(corpus) / 2).astype(np.float64)
        there = self.terms.counts.sign()
        self.weights: Any = sparse.csr_array((there * telling).T)  # [T, N]

    @staticmethod
    def fit(card: Card, train: Sequence[Example], corpus: Sequence[Passage]) -> Keyword:
        """Nothing is learned from queries."""
        del train
        return Keyword(card, corpus)

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Passages that share a word with the query."""
        del progress
        return [
            ranked(e, self.corpus, (self.terms.query(e.text).sign() @ self.weights).toarray()[0], 0)
            for e in examples
        ]

    def save(self, folder: Path) -> None:
        """Write card and passages."""
        self.card.write(folder)
        save_passages(folder, self.corpus)

    @staticmethod
    def load(folder: Path, card: Card) -> Keyword:
        """The inverse of ``save``."""
        return Keyword(card, load_passages(folder))


def bm25_weights(terms: Terms, k1: float, b: float) -> Any:
    """What each word adds to each passage's score, [T, N].

    Okapi BM25 (Robertson and Zaragoza 2009) with the inverse document frequency of Lucene, which is
    never negative, and without the constant factor k1 + 1, which changes no order.
    """
    counts = terms.counts
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    frequencies = terms.frequencies
    idf = np.log1p((len(lengths) - frequencies + 0.5) / (frequencies + 0.5))
    cells = counts.tocoo()
    rows, columns = cells.coords
    normal = k1 * (1.0 - b + b * lengths / max(lengths.mean(), 1.0))
    found = idf[columns] * cells.data / (cells.data + normal[rows])
    return sparse.csr_array((found, (columns, rows)), shape=counts.shape[::-1])


class Bm25:
    """Okapi BM25; k1, b and stemming are those that rank the training queries' passages best."""

    kind = "bm25"

    def __init__(
        self, card: Card, corpus: Sequence[Passage], k1: float, b: float, *, stemmed: bool
    ) -> None:
        self.card = card
        self.corpus = corpus
        self.k1, self.b = k1, b
        self.terms = Terms(corpus, stemmed=stemmed)
        self.weights = bm25_weights(self.terms, k1, b)

    @staticmethod
    def fit(card: Card, train: Sequence[Example], corpus: Sequence[Passage]) -> Bm25:
        """Try every setting on some training queries, by NDCG@10; of equal ones the first is kept."""
        some = train[:: max(1, len(train) // CHOSEN_ON)]
        grades = [grades_of(example.target) for example in some]
        found: list[tuple[float, tuple[bool, float, float]]] = []
        for stemmed in (False, True):
            terms = Terms(corpus, stemmed=stemmed)
            queries = [terms.query(example.text) for example in some]
            for k1, b in product(K1, B):
                weights = bm25_weights(terms, k1, b)
                worth = 0.0
                for query, relevant in zip(queries, grades, strict=True):
                    places = best((query @ weights).toarray()[0], 0.0)
                    worth += score_one([corpus[i].id for i in places], relevant)["ndcg_10"]
                found.append((worth, (stemmed, k1, b)))
        _, (stemmed, k1, b) = max(found, key=lambda setting: setting[0])
        return Bm25(card, corpus, k1, b, stemmed=stemmed)

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Passages that share a word with the query."""
        del progress
        return [
            ranked(e, self.corpus, (self.terms.query(e.text) @ self.weights).toarray()[0], 0.0)
            for e in examples
        ]

    def save(self, folder: Path) -> None:
        """Write card, passages and settings."""
        self.card.write(folder)
        save_passages(folder, self.corpus)
        settings = {"k1": self.k1, "b": self.b, "stemmed": self.terms.stemmed}
        files.write_json(folder / SETTINGS, settings)

    @staticmethod
    def load(folder: Path, card: Card) -> Bm25:
        """The inverse of ``save``."""
        saved: dict[str, Any] = files.read_json(folder / SETTINGS)
        return Bm25(card, load_passages(folder), saved["k1"], saved["b"], stemmed=saved["stemmed"])
