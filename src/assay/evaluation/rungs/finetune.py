"""Training a text encoder with a head on it, whatever the head is for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from assay.errors import TrainingError
from assay.models.load import Embedder
from assay.models.lora import attach
from assay.observability.progress import Progress
from assay.recipe.schema import Adapter, Training
from assay.training.engine import Engine, Fitted
from assay.training.objectives import Objective
from assay.training.objectives.classify import Classify
from assay.training.objectives.contrast import Contrast
from assay.training.objectives.tag import Tag

SHARES = (1.0, 0.8, 0.6, 0.4)  # of the way from frozen to trained
Item = TypeVar("Item")
Made = TypeVar("Made", Classify, Tag, Contrast)


def engine_for(
    network: Any,
    objective: Objective[Item],
    adapter: Adapter | None,
    settings: Training,
    folder: Path,
    progress: Progress,
) -> Engine[Item]:
    """What trains ``network``: all of its encoder, or an adapter that is put on it here."""
    if adapter is None:
        network.encoder.requires_grad_(True)
    else:
        network.encoder = attach(network.encoder, adapter, seed=settings.seed, task=None)
    # The pooler is not used. Word vectors stay: they are half of a small encoder, a quarter of
    # each step's time, and words that training never shows keep their place among the others.
    for name, parameter in network.named_parameters():
        if ".pooler." in name or ".word_embeddings." in name:
            parameter.requires_grad_(False)
    return Engine(network, objective, settings, folder, progress, title="training the encoder")


def fine_tune(
    network: Any,
    objective: Objective[Item],
    items: Sequence[Item],
    held_out: Sequence[Item],
    adapter: Adapter | None,
    settings: Training,
    folder: Path,
    progress: Progress,
) -> Fitted:
    """Train ``network.encoder`` and the network's head in place; an adapter ends merged."""
    engine = engine_for(network, objective, adapter, settings, folder, progress)
    before = {n: p.detach().clone() for n, p in network.named_parameters() if p.requires_grad}
    fitted = engine.fit(items, held_out[: settings.validation_items])
    if adapter is not None:
        network.encoder = network.encoder.merge_and_unload()
    else:
        share = _blend(engine, before, held_out)
        progress.say(f"weights {share:.0%} of the way from frozen to trained validate best")
    return fitted


def _blend(
    engine: Engine[Item], before: dict[str, torch.Tensor], held_out: Sequence[Item]
) -> float:
    """Move the weights back towards where they started; returns the share of the way kept.

    Between a frozen encoder with its own head and the trained one lie weights that generalise
    better than either (Wortsman et al. 2022, arXiv:2109.01903), at no cost in serving. The share
    is the one with the lowest loss on validation.
    """
    after = {name: parameter.detach().clone() for name, parameter in engine.names.items()}

    def move(share: float) -> None:
        with torch.no_grad():
            for name, parameter in engine.names.items():
                parameter.copy_(torch.lerp(before[name], after[name], share))

    losses: dict[float, float] = {}
    with engine.progress.task("blending with the frozen encoder", len(SHARES)) as bar:
        for share in SHARES:
            move(share)
            losses[share] = engine.mean_loss(held_out)
            bar.advance()
    best = min(losses, key=lambda share: losses[share])
    move(best)
    return best


def objective_of(kind: type[Made], embedder: Embedder, settings: Training) -> Made:
    """The objective ``classify``, ``tag`` or ``contrast`` for this encoder's tokens."""
    tokenizer = embedder.tokenizer
    if settings.word_dropout and tokenizer.mask_token_id is None:
        raise TrainingError(
            f"training.word_dropout: {embedder.ref.name} has no mask token to hide words with",
            "Set it to 0, or use another encoder.",
        )
    return kind(
        tokenizer.pad_token_id,
        settings.label_smoothing,
        mask=tokenizer.mask_token_id,
        word_dropout=settings.word_dropout,
    )
