"""Rungs that need no model at all: a training answer given again, or words of the input."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from assay import files
from assay.data.records import Example
from assay.errors import ConstraintError
from assay.evaluation.constraints import validate
from assay.evaluation.predictions import Prediction
from assay.evaluation.rungs.card import Card
from assay.evaluation.rungs.features import Vectorizer
from assay.observability.progress import Progress

ANSWERS = "answers.json"
LEAD = 3  # sentences


def _copied(
    card: Card,
    example: Example,
    answer: str,
    confidence: float | None = None,
    scores: tuple[float, ...] | None = None,
) -> Prediction:
    """An answer made for something else; it may break a constraint of the task."""
    try:
        validate(card.task, card.labels, answer, example.text)
    except ConstraintError:
        return Prediction(example.id, "", answer, False, confidence, scores)
    return Prediction(example.id, answer, answer, True, confidence, scores)


class Majority:
    """Always the commonest training answer: the floor any specialist must clear."""

    kind = "majority"

    def __init__(self, card: Card, answer: str, share: float) -> None:
        self.card = card
        self.answer = answer
        self.share = share

    @staticmethod
    def fit(card: Card, train: Sequence[Example]) -> Majority:
        """Count the training targets; ties go to the one that sorts first."""
        counts = Counter(example.target for example in train)
        answer, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
        return Majority(card, answer, count / len(train))

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """The same answer for every example, with its share of the training set as confidence."""
        del progress
        scores = self._scores()
        return [_copied(self.card, e, self.answer, self.share, scores) for e in examples]

    def _scores(self) -> tuple[float, ...] | None:
        if self.card.task.output != "label":
            return None
        rest = max(1.0 - self.share, 1e-9) / max(1, len(self.card.labels) - 1)
        return tuple(
            float(np.log(self.share if label == self.answer else rest))
            for label in self.card.labels
        )

    def save(self, folder: Path) -> None:
        """Write the answer."""
        self.card.write(folder)
        files.write_json(folder / ANSWERS, {"answer": self.answer, "share": self.share})

    @staticmethod
    def load(folder: Path, card: Card) -> Majority:
        """The inverse of ``save``."""
        saved: dict[str, Any] = files.read_json(folder / ANSWERS)
        return Majority(card, saved["answer"], saved["share"])


class Copy:
    """The input as the answer: what a translation or a correction must be better than."""

    kind = "copy"

    def __init__(self, card: Card) -> None:
        self.card = card

    @classmethod
    def fit(cls, card: Card, train: Sequence[Example]) -> Self:
        """Nothing is learned."""
        del train
        return cls(card)

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """The input, or what is taken of it."""
        del progress
        return [_copied(self.card, example, self._answer(example.text)) for example in examples]

    def _answer(self, text: str) -> str:
        return text

    def save(self, folder: Path) -> None:
        """Write the card."""
        self.card.write(folder)

    @classmethod
    def load(cls, folder: Path, card: Card) -> Self:
        """The inverse of ``save``."""
        del folder
        return cls(card)


class Lead(Copy):
    """The first three sentences of the input: the classical baseline of summaries (lead-3)."""

    kind = "lead"

    def _answer(self, text: str) -> str:
        return " ".join(_sentences(text)[:LEAD])


def _sentences(text: str) -> list[str]:
    """Parts that end in a line break, or in a full stop, question or exclamation mark and space."""
    return [part for part in re.split(r"(?<=[.!?])\s+|\s*\n\s*", text) if part]


class Sentence:
    """The sentence of the input that is most like its question (TF-IDF cosine).

    The question is the last paragraph; an input of one paragraph ends in it.
    """

    kind = "sentence"

    def __init__(self, card: Card, vectorizer: Vectorizer) -> None:
        self.card = card
        self.vectorizer = vectorizer

    @staticmethod
    def fit(card: Card, train: Sequence[Example]) -> Sentence:
        """Learn which words are rare; what is answered does not matter."""
        texts = [sentence for example in train for sentence in _sentences(example.text)]
        return Sentence(card, Vectorizer.fit(texts))

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """A sentence of each input; the similarity is not a probability."""
        del progress
        return [_copied(self.card, example, self._answer(example.text)) for example in examples]

    def _answer(self, text: str) -> str:
        said, _, question = text.strip().rpartition("\n\n")
        found = _sentences(said)
        if not found:
            *found, question = _sentences(text)
        if not found:
            return question
        features = self.vectorizer.transform([question, *found])
        return found[int((features[1:] @ features[0].T).toarray().argmax())]

    def save(self, folder: Path) -> None:
        """Write terms and their weights."""
        self.card.write(folder)
        weights = {"terms": self.vectorizer.terms, "idf": self.vectorizer.idf.tolist()}
        files.write_json(folder / ANSWERS, weights)

    @staticmethod
    def load(folder: Path, card: Card) -> Sentence:
        """The inverse of ``save``."""
        saved: dict[str, Any] = files.read_json(folder / ANSWERS)
        return Sentence(card, Vectorizer(saved["terms"], np.array(saved["idf"])))


class Nearest:
    """The answer of the most similar training input (TF-IDF cosine)."""

    kind = "nearest"

    def __init__(
        self, card: Card, vectorizer: Vectorizer, texts: list[str], answers: list[str]
    ) -> None:
        self.card = card
        self.vectorizer = vectorizer
        self.texts = texts
        self.answers = answers
        self._matrix = vectorizer.transform(texts)

    @staticmethod
    def fit(card: Card, train: Sequence[Example]) -> Nearest:
        """Remember the training inputs and answers."""
        texts = [example.text for example in train]
        answers = [example.target for example in train]
        return Nearest(card, Vectorizer.fit(texts), texts, answers)

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Copy the answer of the nearest training input; the similarity is not a probability."""
        del progress
        similarity = self.vectorizer.transform([e.text for e in examples]) @ self._matrix.T
        best = np.asarray(similarity.argmax(axis=1)).ravel()
        return [
            _copied(self.card, example, self.answers[i])
            for example, i in zip(examples, best, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write inputs and answers; the TF-IDF weights follow from them."""
        self.card.write(folder)
        files.write_json(folder / ANSWERS, {"texts": self.texts, "answers": self.answers})

    @staticmethod
    def load(folder: Path, card: Card) -> Nearest:
        """The inverse of ``save``."""
        saved: dict[str, Any] = files.read_json(folder / ANSWERS)
        return Nearest(card, Vectorizer.fit(saved["texts"]), saved["texts"], saved["answers"])
