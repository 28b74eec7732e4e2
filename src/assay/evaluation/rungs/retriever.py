"""Rankings by cosine between vectors of an encoder, frozen or trained (objective ``contrast``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
from safetensors import numpy as arrays
from safetensors import torch as tensors

from assay.data.passages import grades_of
from assay.data.records import Example, Passage
from assay.evaluation.predictions import Prediction
from assay.evaluation.rungs.card import Card
from assay.evaluation.rungs.finetune import fine_tune, objective_of
from assay.evaluation.rungs.ranking import load_passages, ranked, save_passages
from assay.models.embed import MAX_TOKENS, embed, too_long
from assay.models.load import Embedder
from assay.observability.progress import Progress
from assay.recipe.schema import Adapter, Training
from assay.training.engine import Fitted
from assay.training.objectives.contrast import BiEncoder, Contrast, Pair, Text

VECTORS = "vectors.safetensors"
WEIGHTS = "encoder.safetensors"


class FrozenRetriever:
    """The passages whose vectors are nearest to the query's; nothing is learned."""

    kind = "embedding"

    def __init__(
        self, card: Card, embedder: Embedder, corpus: Sequence[Passage], vectors: np.ndarray
    ) -> None:
        self.card = card
        self.embedder = embedder
        self.corpus = corpus
        self.vectors = vectors  # [N, hidden], of unit length

    @classmethod
    def over(
        cls, card: Card, embedder: Embedder, corpus: Sequence[Passage], progress: Progress
    ) -> Self:
        """Read every passage once."""
        texts = [passage.text for passage in corpus]
        if cut := too_long(embedder, texts):
            progress.say(f"{cut:,} passages are cut to the encoder's {MAX_TOKENS} tokens")
        return cls(card, embedder, corpus, embed(embedder, texts, progress))

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """The nearest passages; the cosine is not a probability."""
        queries = embed(self.embedder, [example.text for example in examples], progress)
        # Query by query, so that one asked alone gets the same sums as one among others.
        return [
            ranked(example, self.corpus, self.vectors @ query)
            for example, query in zip(examples, queries, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write card, passages and their vectors; the encoder is named by digest, not copied."""
        self.card.write(folder)
        save_passages(folder, self.corpus)
        arrays.save_file({"vectors": np.ascontiguousarray(self.vectors)}, folder / VECTORS)

    @classmethod
    def load(cls, folder: Path, card: Card, embedder: Embedder) -> Self:
        """The inverse of ``save``."""
        vectors = arrays.load_file(folder / VECTORS)["vectors"]
        return cls(card, embedder, load_passages(folder), vectors)


class FineTunedRetriever(FrozenRetriever):
    """One encoder for queries and passages, trained to bring a query near what answers it."""

    kind = "encoder"
    fitted: Fitted | None = None

    @staticmethod
    def fit(
        card: Card,
        train: Sequence[Example],
        validation: Sequence[Example],
        corpus: Sequence[Passage],
        embedder: Embedder,
        adapter: Adapter | None,
        settings: Training,
        folder: Path,
        progress: Progress,
    ) -> FineTunedRetriever:
        """Train the encoder; ``embedder`` is changed in place, so it must not be shared."""
        network = network_of(embedder)
        fitted = fine_tune(
            network,
            objective_of(Contrast, embedder, settings),
            pairs_of(embedder, corpus, train),
            pairs_of(embedder, corpus, validation),
            adapter,
            settings,
            folder,
            progress,
        )
        own = replace(embedder, model=network.encoder.eval())
        rung = FineTunedRetriever.over(card, own, corpus, progress)
        rung.fitted = fitted
        return rung

    def save(self, folder: Path) -> None:
        """Write card, passages, their vectors and every weight."""
        super().save(folder)
        state = self.embedder.model.state_dict()
        kept = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        tensors.save_file(kept, folder / WEIGHTS)

    @classmethod
    def load(cls, folder: Path, card: Card, embedder: Embedder) -> Self:
        """The inverse of ``save``; ``embedder`` is changed in place, so it must not be shared."""
        embedder.model.load_state_dict(tensors.load_file(folder / WEIGHTS), strict=True)
        return super().load(folder, card, embedder)


def network_of(embedder: Embedder) -> BiEncoder:
    """The encoder as what is trained; it is not copied."""
    return BiEncoder(embedder.model)


def pairs_of(
    embedder: Embedder, corpus: Sequence[Passage], examples: Sequence[Example]
) -> list[Pair]:
    """Every query with every passage that answers it, cut to what an encoder reads.

    All grades count alike: a query is brought near every passage that answers it.
    """
    places = {passage.id: place for place, passage in enumerate(corpus)}
    relevant = [[places[id_] for id_ in grades_of(example.target)] for example in examples]
    needed = sorted({place for found in relevant for place in found})
    passages = dict(
        zip(needed, _tokenised(embedder, [corpus[i].text for i in needed]), strict=True)
    )
    queries = _tokenised(embedder, [example.text for example in examples])
    return [
        Pair(query, passages[place], place, frozenset(found))
        for query, found in zip(queries, relevant, strict=True)
        for place in found
    ]


def _tokenised(embedder: Embedder, texts: Sequence[str]) -> list[Text]:
    encoded = embedder.tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
    return [Text(tokens) for tokens in encoded]
