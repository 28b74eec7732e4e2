"""The ways to do a task, from cheapest to dearest to serve; ``load_rung`` reads any of them."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError

from assay.errors import AssayError, PackageError
from assay.evaluation.predictions import Rung
from assay.evaluation.rungs.card import BaseCard, Card
from assay.models.pool import BasePool
from assay.observability.progress import Progress
from assay.training.memory import is_out_of_memory


def load_rung(folder: Path, progress: Progress, pool: BasePool) -> Rung:
    """The rung saved in ``folder``, on bases taken from ``pool``.

    Raises ``PackageError`` when the folder is not a saved rung, ``ModelError`` when its base is
    missing or has other bytes than those it was trained on.
    """
    try:
        return _load(folder, progress, pool)
    except AssayError:
        raise
    except (SafetensorError, KeyError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        raise PackageError(
            f"{folder}: the saved rung cannot be read ({type(error).__name__}: {error})",
            "It is damaged: train it again with --fresh, or fetch the package again.",
        ) from error


def _load(folder: Path, progress: Progress, pool: BasePool) -> Rung:
    card = Card.read(folder)
    if card.task.output == "ranking":
        return _load_ranking(folder, card, progress, pool)
    if card.kind in ("majority", "copy", "lead", "sentence", "nearest"):
        from assay.evaluation.rungs import simple

        kinds = (simple.Majority, simple.Copy, simple.Lead, simple.Sentence, simple.Nearest)
        return next(kind for kind in kinds if kind.kind == card.kind).load(folder, card)
    if card.kind == "dictionary":
        from assay.evaluation.rungs.dictionary import Dictionary

        return Dictionary.load(folder, card)
    if card.kind == "tfidf":
        from assay.evaluation.rungs.linear import TfidfLogistic

        return TfidfLogistic.load(folder, card)
    base = _base(card)
    tags = card.task.output == "entities"
    if card.kind == "embedding":
        from assay.evaluation.rungs.linear import EmbeddingLogistic
        from assay.evaluation.rungs.tagger import FrozenTagger

        kind = FrozenTagger if tags else EmbeddingLogistic
        return kind.load(folder, card, pool.embedder(base.as_base(), base.digest))
    if card.kind == "encoder":
        from assay.evaluation.rungs.encoder import FineTunedEncoder
        from assay.evaluation.rungs.tagger import FineTunedTagger
        from assay.models.load import load_embedder

        # Its weights are its own, so it must not share the pool's frozen encoder.
        own = load_embedder(pool.ref(base.as_base(), base.digest), progress)
        return (FineTunedTagger if tags else FineTunedEncoder).load(folder, card, own)
    from assay.evaluation.rungs.llm import LanguageModel

    return LanguageModel.load(folder, card, pool.causal(base.as_base(), base.digest))


def _load_ranking(folder: Path, card: Card, progress: Progress, pool: BasePool) -> Rung:
    if card.kind in ("majority", "keyword", "bm25"):
        from assay.evaluation.rungs import ranking

        kinds = (ranking.Popular, ranking.Keyword, ranking.Bm25)
        return next(kind for kind in kinds if kind.kind == card.kind).load(folder, card)
    from assay.evaluation.rungs.retriever import FineTunedRetriever, FrozenRetriever
    from assay.models.load import load_embedder

    base = _base(card)
    if card.kind == "embedding":
        embedder = pool.embedder(base.as_base(), base.digest)
        return FrozenRetriever.load(folder, card, embedder)
    own = load_embedder(pool.ref(base.as_base(), base.digest), progress)
    return FineTunedRetriever.load(folder, card, own)


def _base(card: Card) -> BaseCard:
    if card.base is None:
        raise PackageError(f"rung.json: a {card.kind} rung must name its base", "Package it again.")
    return card.base
