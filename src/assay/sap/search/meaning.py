"""Which of SAP's terms a query puts into other words: the one whose explanation is nearest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.sap.search.explanations import explanations
from assay.sap.search.index import Index, Lexicon

# Chosen on the first and second set of queries in benchmarks/data.
MEAN = 0.3  # share of the mean of a term's phrases; the rest has its nearest phrase
WORDS = 0.1  # what BM25 adds, against its own best
LIKELY = 0.4  # from which a term is looked for as well


@dataclass(frozen=True)
class Meaning:
    """A term that a query may stand for."""

    term: str
    near: float  # to the term's explanation: about 1 for one of its phrases as it stands
    vector: np.ndarray  # [H], the term's own


@dataclass(frozen=True)
class Meanings:
    """The explained terms of an index."""

    terms: list[str]  # T
    named: np.ndarray  # [T, H], unit vectors of the terms
    owners: np.ndarray  # [P], the place of each phrase's term
    phrases: np.ndarray  # [P, H], unit vectors
    means: np.ndarray  # [T, H], of each term's phrases, as unit vectors
    lexicon: Lexicon  # of each term's phrases

    @staticmethod
    def of(index: Index) -> Meanings:
        """The terms whose phrases an index holds."""
        terms = list(dict.fromkeys(index.terms))
        place = {term: n for n, term in enumerate(terms)}
        owners = np.array([place[term] for term in index.terms], dtype=np.int64)
        sums = np.zeros((len(terms), index.phrases.shape[1]), dtype=np.float32)
        np.add.at(sums, owners, index.phrases)
        means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        lexicon = Lexicon.build([" ".join(explanations()[term]) for term in terms])
        return Meanings(terms, index.named, owners, index.phrases, means, lexicon)

    def nearest(self, texts: Sequence[str], vectors: np.ndarray) -> Meaning | None:
        """The term nearest to one of some texts with their unit vectors [Q, H]; ``None`` for none."""
        if not self.terms:
            return None
        phrase = np.full(len(self.terms), -1, dtype=np.float32)
        np.maximum.at(phrase, self.owners, (self.phrases @ vectors.T).max(axis=1))
        mean = (self.means @ vectors.T).max(axis=1)
        counted = np.max([self.lexicon.scores(text) for text in texts], axis=0)
        worded = counted / max(float(counted.max()), 1e-9)
        near = (1 - MEAN) * phrase + MEAN * mean + WORDS * worded
        best = int(near.argmax())
        if near[best] < LIKELY:
            return None
        return Meaning(self.terms[best], float(near[best]), self.named[best])
