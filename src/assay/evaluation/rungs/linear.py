"""Logistic regression, on TF-IDF features or on a frozen encoder's sentence embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from assay import files
from assay.data.records import Example
from assay.evaluation.predictions import Prediction
from assay.evaluation.rungs.card import Card
from assay.evaluation.rungs.features import Vectorizer
from assay.models.embed import MAX_TOKENS, embed, too_long
from assay.models.load import Embedder
from assay.observability.progress import Progress

WEIGHTS = "head.safetensors"
TERMS = "terms.json"


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Row-wise log-probabilities of logits [N, K], in fp64."""
    wide = np.asarray(logits, dtype=np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def at_temperature(logprobs: np.ndarray, temperature: float) -> np.ndarray:
    """Log-probabilities [N, K] at another temperature than 1; every rung's scores pass here.

    So answers calibrated afterwards have the bits of the calibrated rung's own.
    """
    return logprobs if temperature == 1 else log_softmax(logprobs / temperature)


def from_logits(card: Card, examples: Sequence[Example], logits: np.ndarray) -> list[Prediction]:
    """Predictions from logits [N, K]; the temperature changes confidences, never the likeliest label."""
    scores = at_temperature(log_softmax(logits), card.temperature)
    best: list[int] = scores.argmax(axis=1).tolist()
    found: list[Prediction] = []
    for example, row, place in zip(examples, scores, best, strict=True):
        output, confidence = card.settle(card.labels[place], float(row[place]))
        raw = card.labels[place]
        found.append(Prediction(example.id, output, raw, True, confidence, tuple(row.tolist())))
    return found


def fit_head(
    features: Any, targets: np.ndarray, classes: int, C: float
) -> tuple[np.ndarray, np.ndarray]:
    """Multinomial logistic regression: weights [classes, features] and bias [classes]."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=C, max_iter=2000).fit(features, targets)
    weights, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
    if classes == 2:  # scikit-learn keeps only the second class's row
        weights = np.concatenate([-weights / 2, weights / 2])
        bias = np.concatenate([-bias / 2, bias / 2])
    return weights.astype(np.float32), bias.astype(np.float32)


def _save(folder: Path, **arrays: np.ndarray) -> None:
    """Write the arrays; in C order, because safetensors writes memory as it lies."""
    ordered = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    save_file(ordered, folder / WEIGHTS)


def label_indices(labels: Sequence[str], examples: Sequence[Example]) -> np.ndarray:
    """Index of each example's target in the label set."""
    index = {label: i for i, label in enumerate(labels)}
    return np.array([index[example.target] for example in examples])


class TfidfLogistic:
    """TF-IDF of words and pairs, then logistic regression."""

    kind = "tfidf"
    C = 20.0

    def __init__(
        self, card: Card, vectorizer: Vectorizer, weights: np.ndarray, bias: np.ndarray
    ) -> None:
        self.card = card
        self.vectorizer = vectorizer
        self.weights = weights
        self.bias = bias

    @staticmethod
    def fit(card: Card, train: Sequence[Example]) -> TfidfLogistic:
        """Learn the features, then the head."""
        texts = [example.text for example in train]
        vectorizer = Vectorizer.fit(texts)
        targets = label_indices(card.labels, train)
        features = vectorizer.transform(texts)
        weights, bias = fit_head(features, targets, len(card.labels), TfidfLogistic.C)
        return TfidfLogistic(card, vectorizer, weights, bias)

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Label and calibrated probability for each example."""
        del progress
        features = self.vectorizer.transform([example.text for example in examples])
        logits = np.asarray(features @ self.weights.T) + self.bias
        return from_logits(self.card, examples, logits)

    def save(self, folder: Path) -> None:
        """Write card, terms and arrays."""
        self.card.write(folder)
        files.write_json(folder / TERMS, self.vectorizer.terms)
        _save(folder, idf=self.vectorizer.idf, weights=self.weights, bias=self.bias)

    @staticmethod
    def load(folder: Path, card: Card) -> TfidfLogistic:
        """The inverse of ``save``."""
        arrays = load_file(folder / WEIGHTS)
        vectorizer = Vectorizer(files.read_json(folder / TERMS), arrays["idf"])
        return TfidfLogistic(card, vectorizer, arrays["weights"], arrays["bias"])


class EmbeddingLogistic:
    """A frozen encoder's sentence embedding, then logistic regression."""

    kind = "embedding"
    C = 20.0

    def __init__(
        self, card: Card, embedder: Embedder, weights: np.ndarray, bias: np.ndarray
    ) -> None:
        self.card = card
        self.embedder = embedder
        self.weights = weights
        self.bias = bias

    @staticmethod
    def fit(
        card: Card, train: Sequence[Example], embedder: Embedder, progress: Progress
    ) -> EmbeddingLogistic:
        """Embed the training texts, then learn the head."""
        texts = [example.text for example in train]
        if cut := too_long(embedder, texts):
            progress.say(f"{cut:,} training texts are cut to the encoder's {MAX_TOKENS} tokens")
        features = embed(embedder, texts, progress)
        targets = label_indices(card.labels, train)
        weights, bias = fit_head(features, targets, len(card.labels), EmbeddingLogistic.C)
        return EmbeddingLogistic(card, embedder, weights, bias)

    @staticmethod
    def zero_shot(card: Card, embedder: Embedder, progress: Progress) -> EmbeddingLogistic:
        """The untrained base: similarity of the text to each label's name, no example seen."""
        names = [label.replace("_", " ").replace("-", " ") for label in card.labels]
        # 20 is the usual inverse temperature of cosine similarities (sentence-transformers).
        weights = 20.0 * embed(embedder, names, progress)
        return EmbeddingLogistic(card, embedder, weights, np.zeros(len(names), dtype=np.float32))

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Label and calibrated probability for each example."""
        features = embed(self.embedder, [example.text for example in examples], progress)
        logits = features @ self.weights.T + self.bias
        return from_logits(self.card, examples, logits)

    def save(self, folder: Path) -> None:
        """Write card and head; the encoder is named by digest, not copied."""
        self.card.write(folder)
        _save(folder, weights=self.weights, bias=self.bias)

    @staticmethod
    def load(folder: Path, card: Card, embedder: Embedder) -> EmbeddingLogistic:
        """The inverse of ``save``."""
        arrays = load_file(folder / WEIGHTS)
        return EmbeddingLogistic(card, embedder, arrays["weights"], arrays["bias"])
