"""TF-IDF features by scikit-learn, saved as JSON and safetensors instead of a pickle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Vectorizer:
    """Words and pairs of words, sublinear term frequency, unit length."""

    def __init__(self, terms: list[str], idf: np.ndarray) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.terms = terms
        self.idf = idf
        self._tfidf: Any = TfidfVectorizer(vocabulary=terms, **OPTIONS)
        self._tfidf.idf_ = idf

    @staticmethod
    def fit(texts: Sequence[str]) -> Vectorizer:
        """Learn terms and their inverse document frequencies."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        tfidf: Any = TfidfVectorizer(**OPTIONS).fit(texts)
        return Vectorizer(tfidf.get_feature_names_out().tolist(), tfidf.idf_)

    def transform(self, texts: Sequence[str]) -> Any:
        """Sparse matrix [N, terms]."""
        return self._tfidf.transform(texts)


# A token is any run of word characters: the default pattern drops "I" and single digits.
OPTIONS: dict[str, Any] = {
    "ngram_range": (1, 2),
    "sublinear_tf": True,
    "token_pattern": r"(?u)\b\w+\b",
}
