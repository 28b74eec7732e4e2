"""A fine-tuned text encoder with a classification head (objective ``classify``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from assay.data.records import Example
from assay.evaluation.predictions import Prediction
from assay.evaluation.rungs.card import Card
from assay.evaluation.rungs.finetune import fine_tune, objective_of
from assay.evaluation.rungs.linear import fit_head, from_logits, label_indices
from assay.models.embed import MAX_TOKENS, embed, too_long
from assay.models.load import Embedder
from assay.observability.progress import Progress
from assay.recipe.schema import Adapter, Training
from assay.training.engine import Fitted
from assay.training.objectives.classify import Classify, EncoderClassifier, LabelledText

WEIGHTS = "encoder.safetensors"


class FineTunedEncoder:
    """Encoder and head, trained together."""

    kind = "encoder"

    def __init__(self, card: Card, embedder: Embedder, network: EncoderClassifier) -> None:
        self.card = card
        self.embedder = embedder
        self.network = network.eval()
        self.fitted: Fitted | None = None

    @staticmethod
    def fit(
        card: Card,
        train: Sequence[Example],
        validation: Sequence[Example],
        embedder: Embedder,
        adapter: Adapter | None,
        settings: Training,
        folder: Path,
        progress: Progress,
        frozen: Embedder | None = None,
    ) -> FineTunedEncoder:
        """Train encoder and head; ``embedder`` is changed in place, so it must not be shared.

        ``frozen`` is the same encoder where it is loaded already, and has perhaps read ``train``.

        The head starts from logistic regression on the frozen embeddings, which keeps the first
        steps from distorting the encoder (linear probing then fine-tuning, arXiv:2202.10054).
        """
        targets = label_indices(card.labels, train)
        features = embed(frozen or embedder, [example.text for example in train], progress)
        weights, bias = fit_head(features, targets, len(card.labels), C=20.0)
        network = network_of(embedder, len(card.labels))
        network.head.weight.data.copy_(torch.from_numpy(weights))
        network.head.bias.data.copy_(torch.from_numpy(bias))
        items = items_of(embedder, card.labels, train)
        fitted = fine_tune(
            network,
            objective_of(Classify, embedder, settings),
            items,
            items_of(embedder, card.labels, validation),
            adapter,
            settings,
            folder,
            progress,
        )
        rung = FineTunedEncoder(card, embedder, network)
        cut = too_long(embedder, [example.text for example in train])
        if cut:
            progress.say(f"{cut:,} training texts are cut to the encoder's {MAX_TOKENS} tokens")
        rung.fitted = replace(fitted, truncated=cut)
        return rung

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """Label and calibrated probability for each example."""
        logits = self._logits([example.text for example in examples], progress)
        return from_logits(self.card, examples, logits)

    def _logits(self, texts: list[str], progress: Progress, batch: int = 64) -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        result = np.zeros((len(texts), len(self.card.labels)), dtype=np.float32)
        where = next(self.network.parameters()).device
        self.network.eval()
        with torch.inference_mode(), progress.task("encoder", len(texts)) as bar:
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                encoded = self.embedder.tokenizer(
                    [texts[i] for i in chosen],
                    padding=True,
                    truncation=True,
                    max_length=MAX_TOKENS,
                    return_tensors="pt",
                ).to(where)
                logits = self.network(encoded["input_ids"], encoded["attention_mask"])
                result[chosen] = logits.float().cpu().numpy()
                bar.advance(len(chosen))
        return result

    def save(self, folder: Path) -> None:
        """Write card and every weight, encoder included."""
        self.card.write(folder)
        state = {
            name: t.detach().cpu().contiguous() for name, t in self.network.state_dict().items()
        }
        save_file(state, folder / WEIGHTS)

    @staticmethod
    def load(folder: Path, card: Card, embedder: Embedder) -> FineTunedEncoder:
        """The inverse of ``save``; ``embedder`` is changed in place, so it must not be shared."""
        network = network_of(embedder, len(card.labels))
        network.load_state_dict(load_file(folder / WEIGHTS), strict=True)
        return FineTunedEncoder(card, embedder, network)


def network_of(embedder: Embedder, classes: int) -> EncoderClassifier:
    """The encoder with a new head; the encoder is not copied."""
    network = EncoderClassifier(embedder.model, embedder.model.config.hidden_size, classes)
    return network.to(next(embedder.model.parameters()).device)


def items_of(
    embedder: Embedder, labels: Sequence[str], examples: Sequence[Example]
) -> list[LabelledText]:
    """The examples as the objective wants them, cut to what an encoder reads."""
    texts = [example.text for example in examples]
    encoded = embedder.tokenizer(texts, truncation=True, max_length=MAX_TOKENS)["input_ids"]
    targets = label_indices(labels, examples).tolist()
    return [LabelledText(tokens, target) for tokens, target in zip(encoded, targets, strict=True)]
