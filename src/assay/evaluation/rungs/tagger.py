"""Taggers of entities: an encoder's words, and a tag for each; frozen (a regression) or fine-tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from assay.data.records import Example
from assay.data.spans import Span, answer_of, spans_of, tag_names, tagged, tags_of, word_bounds
from assay.errors import ModelError
from assay.evaluation.predictions import Prediction
from assay.evaluation.rungs.card import Card
from assay.evaluation.rungs.finetune import fine_tune, objective_of
from assay.evaluation.rungs.linear import fit_head, log_softmax
from assay.models.embed import MAX_TOKENS, embed
from assay.models.load import Embedder
from assay.observability.progress import Progress
from assay.recipe.schema import Adapter, Training
from assay.training.engine import Fitted
from assay.training.objectives import on_device
from assay.training.objectives.tag import EncoderTagger, Tag, TaggedText

WEIGHTS = "tagger.safetensors"
SHAPES = ("lower", "Capital", "UPPER", "miXed", "d1g1t", "other")
C = 1.0  # of the regression: inverse strength of its regularisation


class Tagger:
    """What both have in common: from a text's words to the best sequence of tags."""

    def __init__(self, card: Card, embedder: Embedder, network: EncoderTagger) -> None:
        self.card = card
        self.embedder = embedder
        self.network = network.eval()
        self.tags = tag_names(card.labels)

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """The entities of each example, with the calibrated probability that all are right."""
        texts = [example.text for example in examples]
        found: list[Prediction] = []
        for example, scores in zip(examples, self.scores(texts, progress), strict=True):
            path, logprob = best_path(scores, self.tags)
            spans = tagged(word_bounds(example.text), [self.tags[i] for i in path])
            answer = answer_of(example.text, spans)
            confidence = self.card.confidence(logprob)
            found.append(Prediction(example.id, answer, answer, True, confidence, logprob=logprob))
        return found

    def scores(self, texts: Sequence[str], progress: Progress) -> list[np.ndarray]:
        """Log-probabilities [words, tags] of each text, fp64."""
        batch = 64
        windows = [w for i, text in enumerate(texts) for w in _windows(self.embedder, text, i)]
        order = sorted(range(len(windows)), key=lambda i: len(windows[i].tokens))
        logits: list[np.ndarray] = [np.empty(0)] * len(windows)
        where = next(self.network.parameters()).device
        pad = Tag(self.embedder.tokenizer.pad_token_id)
        self.network.eval()
        with torch.inference_mode(), progress.task("tagging", len(windows)) as bar:
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                items = [windows[i].item([]) for i in chosen]
                inputs = on_device(pad.collate(items), where)
                del inputs["tags"]
                said = self.network(**inputs).float().cpu().numpy()
                ends = np.cumsum([len(item.firsts) for item in items])[:-1]
                for i, part in zip(chosen, np.split(said, ends), strict=True):
                    logits[i] = part
                bar.advance(len(chosen))
        joined: list[list[np.ndarray]] = [[np.zeros((0, len(self.tags)))] for _ in texts]
        for window, part in zip(windows, logits, strict=True):
            joined[window.text].append(part)
        return [log_softmax(np.concatenate(parts)) for parts in joined]


class FrozenTagger(Tagger):
    """Logistic regression on a frozen encoder's words."""

    kind = "embedding"

    @staticmethod
    def fit(
        card: Card, train: Sequence[Example], embedder: Embedder, progress: Progress
    ) -> FrozenTagger:
        """Read the training texts once, then learn the head."""
        network = network_of(embedder, card)
        fit_tags(network, items_of(embedder, card, train), embedder, progress)
        return FrozenTagger(card, embedder, network)

    def save(self, folder: Path) -> None:
        """Write card and head; the encoder is named by digest, not copied."""
        self.card.write(folder)
        save_file(_state(self.network.head), folder / WEIGHTS)

    @staticmethod
    def load(folder: Path, card: Card, embedder: Embedder) -> FrozenTagger:
        """The inverse of ``save``."""
        network = network_of(embedder, card)
        network.head.load_state_dict(load_file(folder / WEIGHTS), strict=True)
        return FrozenTagger(card, embedder, network)


class FineTunedTagger(Tagger):
    """Encoder and head, trained together (objective ``tag``)."""

    kind = "encoder"
    fitted: Fitted | None = None

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
    ) -> FineTunedTagger:
        """Train encoder and head; ``embedder`` is changed in place, so it must not be shared.

        The head starts from logistic regression on the frozen encoder (arXiv:2202.10054).
        """
        network = network_of(embedder, card)
        items = items_of(embedder, card, train)
        fit_tags(network, items, embedder, progress)
        fitted = fine_tune(
            network,
            objective_of(Tag, embedder, settings),
            items,
            items_of(embedder, card, validation),
            adapter,
            settings,
            folder,
            progress,
        )
        rung = FineTunedTagger(card, embedder, network)
        rung.fitted = fitted
        return rung

    def save(self, folder: Path) -> None:
        """Write card and every weight, encoder included."""
        self.card.write(folder)
        save_file(_state(self.network), folder / WEIGHTS)

    @staticmethod
    def load(folder: Path, card: Card, embedder: Embedder) -> FineTunedTagger:
        """The inverse of ``save``; ``embedder`` is changed in place, so it must not be shared."""
        network = network_of(embedder, card)
        network.load_state_dict(load_file(folder / WEIGHTS), strict=True)
        return FineTunedTagger(card, embedder, network)


class Untrained:
    """The base without an example seen.

    It names the runs of words that begin with a capital; the type is the one whose name is likest.
    """

    kind = "embedding"

    def __init__(self, card: Card, embedder: Embedder) -> None:
        self.card = card
        self.embedder = embedder

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """The entities of each example; without a confidence."""
        runs = [_capitalised(example.text) for example in examples]
        words = [e.text[a:b] for e, found in zip(examples, runs, strict=True) for a, b in found]
        names = [kind.replace("_", " ").replace("-", " ") for kind in self.card.labels]
        likeness = embed(self.embedder, [*names, *words], progress)
        best = iter((likeness[len(names) :] @ likeness[: len(names)].T).argmax(axis=1).tolist())
        predictions: list[Prediction] = []
        for example, found in zip(examples, runs, strict=True):
            spans = [Span(a, b, self.card.labels[next(best)]) for a, b in found]
            answer = answer_of(example.text, spans)
            predictions.append(Prediction(example.id, answer, answer, True, None))
        return predictions

    def save(self, folder: Path) -> None:
        """Refused: there is nothing to save."""
        raise ModelError("an untrained base is not saved", "Name the base in the recipe instead.")


def _capitalised(text: str) -> list[tuple[int, int]]:
    """Longest runs of words that begin with a capital."""
    runs: list[tuple[int, int]] = []
    open_ = False
    for start, end in word_bounds(text):
        capital = text[start].isupper()
        if capital and open_:
            runs[-1] = (runs[-1][0], end)
        elif capital:
            runs.append((start, end))
        open_ = capital
    return runs


# -- words ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Window:
    """A run of whole words that the encoder reads at once."""

    text: int  # which text it is part of
    first: int  # its first word
    tokens: list[int]
    firsts: list[int]
    shapes: list[int]

    def item(self, tags: Sequence[int]) -> TaggedText:
        """With the tags of all words of the text; without any, 0 for each."""
        mine = list(tags[self.first : self.first + len(self.firsts)]) or [0] * len(self.firsts)
        return TaggedText(self.tokens, self.firsts, self.shapes, mine)


def _windows(embedder: Embedder, text: str, number: int) -> list[_Window]:
    """The text in windows of at most ``MAX_TOKENS`` tokens: nothing of a long text is lost."""
    tokenizer = embedder.tokenizer
    encoded: Any = tokenizer(
        text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    before = [token for token in (tokenizer.cls_token_id,) if token is not None]
    after = [token for token in (tokenizer.sep_token_id,) if token is not None]
    room = MAX_TOKENS - len(before) - len(after)
    bounds = word_bounds(text)
    found: list[_Window] = []
    tokens: list[int] = []
    firsts: list[int] = []

    def close(upto: int) -> None:
        if firsts:
            first = upto - len(firsts)
            shapes = [shape(text[a:b]) for a, b in bounds[first:upto]]
            found.append(_Window(number, first, [*before, *tokens, *after], list(firsts), shapes))
        tokens.clear()
        firsts.clear()

    for i, word in enumerate(_by_word(encoded["input_ids"], encoded["offset_mapping"], bounds)):
        if tokens and len(tokens) + len(word) > room:
            close(i)
        at = len(before) + len(tokens)
        # A word that the tokenizer makes nothing of is read from the token before it.
        firsts.append(at if word else max(0, at - 1))
        tokens += word[:room]
    close(len(bounds))
    return found


def _by_word(
    tokens: Sequence[int], offsets: Sequence[tuple[int, int]], bounds: Sequence[tuple[int, int]]
) -> list[list[int]]:
    """The tokens that begin in each word, or between it and the next."""
    words: list[list[int]] = [[] for _ in bounds]
    at = 0
    for token, (start, _) in zip(tokens, offsets, strict=True):
        while at + 1 < len(bounds) and start >= bounds[at + 1][0]:
            at += 1
        if words:
            words[at].append(token)
    return words


def shape(word: str) -> int:
    """How a word is written: its index in ``SHAPES``."""
    if any(c.isdigit() for c in word):
        return SHAPES.index("d1g1t")
    if not any(c.isalpha() for c in word):
        return SHAPES.index("other")
    if word.islower():
        return SHAPES.index("lower")
    if word.isupper() and len(word) > 1:
        return SHAPES.index("UPPER")
    plain = word[0].isupper() and word[1:] == word[1:].lower()
    return SHAPES.index("Capital" if plain else "miXed")


def items_of(embedder: Embedder, card: Card, examples: Sequence[Example]) -> list[TaggedText]:
    """The examples as the objective wants them: windows of words with their tags."""
    index = {tag: i for i, tag in enumerate(tag_names(card.labels))}
    items: list[TaggedText] = []
    for number, example in enumerate(examples):
        tags = tags_of(word_bounds(example.text), spans_of(example.target))
        numbers = [index[tag] for tag in tags]
        items += [w.item(numbers) for w in _windows(embedder, example.text, number)]
    return items


# -- the network ---------------------------------------------------------------------------


def network_of(embedder: Embedder, card: Card) -> EncoderTagger:
    """The encoder with a new head; the encoder is not copied."""
    tags = len(tag_names(card.labels))
    hidden = embedder.model.config.hidden_size
    network = EncoderTagger(embedder.model, hidden, len(SHAPES), tags)
    return network.to(next(embedder.model.parameters()).device)


def _state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: t.detach().cpu().contiguous() for name, t in module.state_dict().items()}


def fit_tags(
    network: EncoderTagger, items: Sequence[TaggedText], embedder: Embedder, progress: Progress
) -> None:
    """Set the head by multinomial logistic regression on what the frozen encoder gives."""
    tag = Tag(embedder.tokenizer.pad_token_id)
    features: list[np.ndarray] = []
    wanted: list[np.ndarray] = []
    where = next(network.parameters()).device
    order = sorted(range(len(items)), key=lambda i: len(items[i].tokens))
    network.eval()
    with torch.inference_mode(), progress.task("reading the words", len(items)) as bar:
        for start in range(0, len(order), 64):
            chosen = [items[i] for i in order[start : start + 64]]
            batch = on_device(tag.collate(chosen), where)
            wanted.append(batch.pop("tags").cpu().numpy())
            features.append(network.features(**batch).float().cpu().numpy())
            bar.advance(len(chosen))
    targets = np.concatenate(wanted)
    seen = np.unique(targets)  # a type without any I- has no such word
    weights, bias = fit_head(np.concatenate(features), np.searchsorted(seen, targets), len(seen), C)
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.fill_(float(bias.min()) - 5.0)
        network.head.weight[seen] = torch.from_numpy(weights).to(where)
        network.head.bias[seen] = torch.from_numpy(bias).to(where)


def best_path(scores: np.ndarray, tags: Sequence[str]) -> tuple[list[int], float]:
    """The likeliest sequence in which each ``I-`` continues its type, and its log-likelihood.

    scores [words, tags] are log-probabilities (Viterbi 1967, with transitions allowed or not).
    """
    if not len(scores):
        return [], 0.0
    # What may come before each I-: its own B- and itself. Any tag may come before the others.
    continues = {i: [tags.index("B" + tag[1:]), i] for i, tag in enumerate(tags) if tag[0] == "I"}
    reached = scores[0].copy()
    reached[list(continues)] = -np.inf
    came: list[np.ndarray] = []
    for word in scores[1:]:
        origin = np.full(len(tags), int(reached.argmax()))
        for inside, allowed in continues.items():
            origin[inside] = max(allowed, key=lambda i: reached[i])
        came.append(origin)
        reached = reached[origin] + word
    path = [int(reached.argmax())]
    for origin in reversed(came):
        path.append(int(origin[path[-1]]))
    return path[::-1], float(reached.max())
