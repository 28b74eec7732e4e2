"""Batched greedy decoding under a constraint.

Rows of a batch need not move in step: each round feeds every row the tokens it has pending, padded
on the left inside the cache and masked out, so a run of forced tokens costs one pass, and a row
that is finished leaves the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from assay.evaluation.constraints import Constraint, LabelTrie, Matcher, Node
from assay.observability.progress import Progress

BATCH = 64
OVERTIME = 512  # tokens beyond the limit for bringing an answer to its end: required keys are long
COMPACT = 0.75  # below this share of live rows, finished ones are cut out of the cache


@dataclass
class Generated:
    """One answer: its tokens (terminator included), log-likelihood, and whether it ended."""

    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0
    complete: bool = False


class _Batch:
    """A key-value cache whose rows grow at their own pace."""

    def __init__(self, model: Any, pad: int, rows: int) -> None:
        from transformers import DynamicCache

        self.model = model
        self.pad = pad
        self.device = next(model.parameters()).device
        self.cache: Any = DynamicCache(config=model.config)
        self.mask = torch.zeros(rows, 0, dtype=torch.long)
        self.lengths = torch.zeros(rows, dtype=torch.long)

    def feed(self, pending: Sequence[Sequence[int]]) -> Tensor:
        """Append each row's tokens; returns the logits [rows, vocabulary] after its last one."""
        width = max(len(tokens) for tokens in pending)
        ids = torch.full((len(pending), width), self.pad)
        fresh = torch.zeros(len(pending), width, dtype=torch.long)
        positions = torch.zeros(len(pending), width, dtype=torch.long)
        for row, tokens in enumerate(pending):
            n = len(tokens)
            ids[row, width - n :] = torch.tensor(tokens)
            fresh[row, width - n :] = 1
            start = int(self.lengths[row])
            positions[row, width - n :] = torch.arange(start, start + n)
            self.lengths[row] += n
        self.mask = torch.cat([self.mask, fresh], dim=1)
        output = self.model(
            input_ids=ids.to(self.device),
            attention_mask=self.mask.to(self.device),
            position_ids=positions.to(self.device),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1].float().cpu()

    def keep(self, rows: Sequence[int]) -> None:
        """Drop every other row from the cache."""
        index = torch.tensor(rows)
        self.cache.batch_select_indices(index.to(self.device))
        self.mask = self.mask[index]
        self.lengths = self.lengths[index]

    def crop(self, length: int, lengths: Tensor) -> None:
        """Forget what was fed after ``length`` columns."""
        self.cache.crop(length - self.mask.shape[1])  # negative: how many columns to remove
        self.mask = self.mask[:, :length]
        self.lengths = lengths.clone()


def generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    *,
    constraint: Constraint | None,
    max_new_tokens: int,
    terminators: set[int],
    progress: Progress,
    batch: int = BATCH,
) -> list[Generated]:
    """Greedy answers to ``prompts`` (token ids), in order.

    A constrained answer that reaches ``max_new_tokens`` is brought to its end: only tokens that
    close what is open are allowed. ``complete`` is false when an answer did not end all the same.
    """
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    answers = [Generated() for _ in prompts]
    with torch.inference_mode(), progress.task("answering", len(prompts)) as bar:
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            rows = [
                _Row(answers[i], tokenizer, constraint, max_new_tokens, terminators, prompts[i])
                for i in chosen
            ]
            _run(_Batch(model, tokenizer.pad_token_id, len(rows)), rows)
            bar.advance(len(chosen))
    return answers


class _Row:
    """One answer in the making."""

    def __init__(
        self,
        answer: Generated,
        tokenizer: Any,
        constraint: Constraint | None,
        limit: int,
        terminators: set[int],
        prompt: Sequence[int],
    ) -> None:
        self.answer = answer
        self.tokenizer = tokenizer
        self.constraint = constraint
        self.matcher: Matcher | None = constraint.start() if constraint else None
        self.limit = limit
        self.terminators = terminators
        self.pending = list(prompt)
        self.done = False

    def take(self, logits: Tensor) -> None:
        """Choose the next token from logits [vocabulary]."""
        if self.matcher is not None:
            allowed = torch.from_numpy(self._narrowed(self.matcher.allowed()))
            logits = logits[: len(allowed)].masked_fill(~allowed, float("-inf"))
        token = int(logits.argmax())
        self.answer.logprob += float(logits[token] - torch.logsumexp(logits, dim=0))
        self.answer.tokens.append(token)
        self.pending = [token]
        if token in self.terminators:
            self.done = self.answer.complete = True
            return
        if self.matcher is not None:
            self.matcher.advance(token)
        overtime = OVERTIME if self.matcher is not None else 0
        self.done = len(self.answer.tokens) >= self.limit + overtime

    def _narrowed(self, allowed: np.ndarray) -> np.ndarray:
        """In overtime, only the most decisive of the closing tokens that are allowed."""
        if self.constraint is not None and len(self.answer.tokens) >= self.limit:
            text: str = self.tokenizer.decode(self.answer.tokens)
            for closing in self.constraint.closing(text):
                if (allowed & closing).any():
                    return allowed & closing
        return allowed


def _run(batch: _Batch, rows: list[_Row]) -> None:
    live = rows
    while live:
        logits = batch.feed([row.pending for row in live])
        for row, scores in zip(live, logits, strict=True):
            if not row.done:
                row.take(scores)
        left = [i for i, row in enumerate(live) if not row.done]
        if not left:
            return
        if len(left) <= COMPACT * len(live):
            batch.keep(left)
            live = [live[i] for i in left]


@dataclass
class LabelScores:
    """The label chosen for each prompt, and log-probabilities [N, K] that sum to one."""

    choice: np.ndarray
    logprobs: np.ndarray


def score_labels(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    trie: LabelTrie,
    *,
    mode: Literal["exact", "greedy"],
    progress: Progress,
    batch: int = BATCH,
) -> LabelScores:
    """Which label answers each prompt, and how probable every label is.

    ``exact`` scores every label and chooses the most probable. ``greedy`` walks down the trie as
    greedy decoding would; a branch not taken shares its probability evenly among its labels. The
    model is only asked where the trie branches: a forced token needs no forward pass of its own.
    """
    if trie.count == 1:  # nothing to choose, so nothing to ask the model
        return LabelScores(np.zeros(len(prompts), dtype=np.intp), np.zeros((len(prompts), 1)))
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    choice = np.zeros(len(prompts), dtype=np.intp)
    logprobs = np.full((len(prompts), trie.count), -np.inf)
    score = _exact if mode == "exact" else _greedy
    with torch.inference_mode(), progress.task("scoring labels", len(prompts)) as bar:
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            cache = _Batch(model, tokenizer.pad_token_id, len(chosen))
            picked, scores = score(cache, [list(prompts[i]) for i in chosen], trie)
            choice[chosen] = picked
            logprobs[chosen] = scores
            bar.advance(len(chosen))
    return LabelScores(choice, logprobs)


def _branch(logits: Tensor, node: Node) -> dict[int, float]:
    """Log-probability of each child, renormalised over the children."""
    tokens = list(node.children)
    scores = torch.log_softmax(logits[tokens].double(), dim=0)
    return dict(zip(tokens, scores.tolist(), strict=True))


def _forced(node: Node) -> tuple[list[int], Node]:
    """Follow single children; returns their tokens and the node where a choice or the end is."""
    tokens: list[int] = []
    while len(node.children) == 1:
        token, node = next(iter(node.children.items()))
        tokens.append(token)
    return tokens, node


def _labels_below(node: Node) -> list[int]:
    found = [node.label] if node.label is not None else []
    for child in node.children.values():
        found += _labels_below(child)
    return found


def _greedy(
    batch: _Batch, prompts: list[list[int]], trie: LabelTrie
) -> tuple[np.ndarray, np.ndarray]:
    rows = len(prompts)
    choice = np.zeros(rows, dtype=np.intp)
    logprobs = np.full((rows, trie.count), -np.inf)
    forced, start = _forced(trie.root)
    nodes = [start] * rows
    reached = [0.0] * rows  # log-probability of the path so far
    pending = [prompt + forced for prompt in prompts]
    live = list(range(rows))
    while live:
        logits = batch.feed([pending[row] for row in live])
        left: list[int] = []
        for position, row in enumerate(live):
            branch = _branch(logits[position], nodes[row])
            best = max(branch, key=lambda token: branch[token])
            for token, score in branch.items():
                if token != best:
                    below = _labels_below(nodes[row].children[token])
                    logprobs[row, below] = reached[row] + score - np.log(len(below))
            reached[row] += branch[best]
            forced, node = _forced(nodes[row].children[best])
            if node.label is not None:
                choice[row] = node.label
                logprobs[row, node.label] = reached[row]
            else:
                nodes[row], pending[row] = node, [best, *forced]
                left.append(position)
        if left and len(left) < len(live):
            batch.keep(left)
        live = [live[position] for position in left]
    return choice, logprobs


def _exact(
    batch: _Batch, prompts: list[list[int]], trie: LabelTrie
) -> tuple[np.ndarray, np.ndarray]:
    logprobs = np.full((len(prompts), trie.count), -np.inf)
    forced, start = _forced(trie.root)
    logits = batch.feed([prompt + forced for prompt in prompts])
    width, lengths = batch.mask.shape[1], batch.lengths.clone()

    def descend(node: Node, path: list[int], reached: np.ndarray, scores: Tensor) -> None:
        branches = [_branch(row, node) for row in scores]
        for token, child in node.children.items():
            here = reached + np.array([branch[token] for branch in branches])
            run, end = _forced(child)
            if end.label is not None:
                logprobs[:, end.label] = here
                continue
            longer = [*path, token, *run]
            below = batch.feed([longer] * len(prompts))
            batch.crop(width, lengths)
            descend(end, longer, here, below)

    descend(start, [], np.zeros(len(prompts)), logits)
    return logprobs.argmax(axis=1), logprobs


def stream(
    model: Any,
    tokenizer: Any,
    prompt: Sequence[int],
    *,
    constraint: Constraint | None,
    max_new_tokens: int,
    terminators: set[int],
) -> Iterator[str]:
    """The greedy answer to one prompt in pieces that join to the whole text.

    A piece is held back while it ends inside a multi-byte character.
    """
    answer = Generated()
    row = _Row(answer, tokenizer, constraint, max_new_tokens, terminators, prompt)
    batch = _Batch(model, tokenizer.pad_token_id, 1)
    shown = ""
    while not row.done:
        with torch.inference_mode():
            row.take(batch.feed([row.pending])[0])
        kept = [token for token in answer.tokens if token not in terminators]
        text: str = tokenizer.decode(kept, skip_special_tokens=True)
        if row.done or not text.endswith("\ufffd"):
            if len(text) > len(shown):
                yield text[len(shown) :]
            shown = text
