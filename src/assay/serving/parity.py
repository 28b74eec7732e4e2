"""The parity certificate: the same prompts through every form a specialist takes.

Training and serving disagreeing is what users of fine-tuning tools report most (merged weights
that answer differently, adapters that load with a warning, prompts put together in another way).
So the forms are compared, on real test prompts, before anything is signed.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from assay.data.records import Example, Turn
from assay.errors import TrainingError
from assay.evaluation.predictions import Rung
from assay.evaluation.rungs import load_rung
from assay.evaluation.rungs.llm import LanguageModel, is_whole_text
from assay.evaluation.rungs.tagger import Tagger
from assay.models.logits import logits_at
from assay.models.lora import merged
from assay.models.pool import BasePool
from assay.observability.progress import SILENT, Progress
from assay.serving.engine import Specialist

ITEMS = 16
SERVED = 4  # of them one by one, as a server answers; that takes a second each on a small CPU
NEAR_TIE = 1e-3  # nats; in fp32 the order of additions moves a logit by a tenth of it


@dataclass
class _Said:
    """What a rung answered: tokens of a language model, else the answer as a whole."""

    answers: list[Sequence[int | str]]
    logits: torch.Tensor | None  # [N, vocabulary] after each prompt; scores [N, labels]; of words

    @staticmethod
    def joined(parts: Sequence[_Said]) -> _Said:
        logits = [part.logits for part in parts if part.logits is not None]
        answers = [answer for part in parts for answer in part.answers]
        return _Said(answers, torch.cat(logits) if logits else None)


def certify(
    trained: Rung, saved: Path, examples: Sequence[Example], progress: Progress
) -> dict[str, Any]:
    """Compare the live rung with itself reloaded, as the server asks it, and merged into its base.

    Each pair computes in the same way, so that only a fault can tell them apart: ``reloaded``
    answers the same batch, ``served`` one prompt at a time, each put together by the server's
    engine, and ``merged`` in fp32, beside base and adapter in fp32. The tokens must be equal. Only
    the merged form, whose additions come in another order, may part from the trained one where
    that had two tokens within ``NEAR_TIE``. How far rounding the merged weights to the base's type
    moves a logit is reported. Beside the live rung there is one copy of its base in memory, the
    reloaded one, which becomes fp32 for the last comparison.

    Returns ``{"items", "forms": {form: {"items", "tokens_equal", "near_ties", "max_logit_drift",
    "agrees"}}, "agrees"}``; raises ``TrainingError`` for a form that strays.
    """
    items = list(examples[:ITEMS])
    if isinstance(trained, LanguageModel):
        items = [_begun(item) if is_whole_text(item) else item for item in items]
        trained.forget()  # in a batch of other rows, rounding may have turned a near tie
    progress.say(
        f"parity: {len(items)} test prompts through training engine, reload, server, merge"
    )
    reference = _ask(trained, items, progress)
    again = load_rung(saved, progress, BasePool(progress))
    forms = {
        "reloaded": _compare(items, reference, _ask(again, items, progress)),
        "served": _compare(items[:SERVED], *_serve(trained, again, items, progress)),
    }
    if isinstance(trained, LanguageModel) and isinstance(again, LanguageModel):
        if again.shared.causal.precision.name == "nf4":
            progress.say("parity: weights of 4 bits are not merged; that form is left out")
        else:
            with _aside(trained):
                forms["merged"] = _merge(again, items, reference, progress)
    stray = [form for form, found in forms.items() if not found["agrees"]]
    if stray:
        raise TrainingError(
            f"the {' and the '.join(stray)} form does not answer like the trained one: {forms}",
            "Do not ship it. Versions of transformers and peft may differ: assay doctor.",
        )
    return {"items": len(items), "forms": forms, "agrees": True}


def _compare(
    items: Sequence[Example], mine: _Said, theirs: _Said, judge: Rung | None = None
) -> dict[str, Any]:
    """How far two forms agree; where they part, ``judge`` says how near the two answers were."""
    pairs = list(zip(items, mine.answers, theirs.answers, strict=True))
    parted = [(item, one, other) for item, one, other in pairs if one != other]
    near = [pair for pair in parted if judge is not None and abs(_gap(judge, *pair)) <= NEAR_TIE]
    return {
        "items": len(items),
        "tokens_equal": 1 - len(parted) / len(items),
        "near_ties": len(near) / len(items),
        "max_logit_drift": _drift(mine, theirs),
        "agrees": len(near) == len(parted),
    }


def _drift(mine: _Said, theirs: _Said) -> float:
    if mine.logits is None or theirs.logits is None:
        return 0.0
    return float(f"{float((mine.logits - theirs.logits).abs().max()):.3g}")


def _ask(rung: Rung, items: Sequence[Example], progress: Progress) -> _Said:
    """Answers to all items at once."""
    predictions = rung.predict(items, progress)
    answers: list[Sequence[int | str]] = [[prediction.output] for prediction in predictions]
    if isinstance(rung, LanguageModel):
        if rung.card.task.output != "label":
            answers = [answer.tokens for answer in rung.answers(items, progress)]
        return _Said(answers, _next_logits(rung, [rung.encode(item.prompt) for item in items]))
    if isinstance(rung, Tagger):
        words = rung.scores([item.text for item in items], progress)
        return _Said(answers, torch.from_numpy(np.concatenate(words)))
    scores = [prediction.scores for prediction in predictions if prediction.scores is not None]
    return _Said(answers, torch.tensor(scores, dtype=torch.float64) if scores else None)


def _serve(
    trained: Rung, again: Rung, items: Sequence[Example], progress: Progress
) -> tuple[_Said, _Said]:
    """Both rungs' answers to ``SERVED`` prompts, one by one; the second's come as a client's."""
    specialist = Specialist("unsigned", "0", "", {}, again.card, again)
    asked = [specialist.example(_sent(item)) for item in items]
    for item, theirs in zip(items, asked, strict=True):
        if isinstance(again, LanguageModel) and (
            again.encode(theirs.prompt) != again.encode(item.prompt)
        ):
            raise TrainingError(
                f"{item.id}: a server would put this prompt together otherwise",
                f"Evaluated: {item.prompt}. Served: {theirs.prompt}.",
            )
    said: tuple[list[_Said], list[_Said]] = ([], [])
    both = ((trained, items[:SERVED]), (again, asked[:SERVED]))
    with progress.task("asking as the server does", 2 * len(asked[:SERVED])) as bar:
        for parts, (rung, examples) in zip(said, both, strict=True):
            for example in examples:
                if isinstance(rung, LanguageModel):
                    rung.forget()
                parts.append(_ask(rung, [example], SILENT))
                bar.advance()
    return _Said.joined(said[0]), _Said.joined(said[1])


def _sent(item: Example) -> list[Turn]:
    """The bare input, which the server puts into the task's prompt, or a whole conversation."""
    spoken = [turn for turn in item.prompt if turn.role != "system"]
    if len(spoken) > 1:
        return list(item.prompt)
    return [*(turn for turn in item.prompt if turn.role == "system"), Turn("user", item.text)]


def _begun(text: Example) -> Example:
    """A whole text as one that someone began: its first half, to be continued."""
    half = text.text[: max(1, len(text.text) // 2)]
    return replace(text, text=half, turns=(Turn("user", half), Turn("assistant", "")))


def _next_logits(rung: LanguageModel, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
    """Logits [N, vocabulary] of the token after each prompt, in one pass."""
    ids = torch.zeros(len(prompts), max(map(len, prompts)), dtype=torch.long)
    seen = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = torch.tensor(prompt)
        seen[row, : len(prompt)] = 1
    with rung.shared.using(rung.adapter) as model, torch.inference_mode():
        last = torch.tensor([len(prompt) - 1 for prompt in prompts], device=model.device)
        rows = torch.arange(len(prompts), device=model.device)
        inputs: dict[str, Any] = {
            "input_ids": ids.to(model.device),
            "attention_mask": seen.to(model.device),
            "use_cache": False,
        }
        return logits_at(model, rows, last, **inputs).float().cpu()


def _gap(
    trained: Rung, item: Example, mine: Sequence[int | str], theirs: Sequence[int | str]
) -> float:
    """Nats by which the trained rung preferred its answer, where the other one first differs."""
    if not isinstance(trained, LanguageModel):
        return math.inf
    if trained.card.task.output == "label":
        scores = trained.predict([item], SILENT)[0].scores or ()
        rule = trained.card.otherwise
        if rule is not None and trained.card.task.otherwise in (mine[0], theirs[0]):
            return max(scores) - math.log(rule.below)  # how near it was to be given up
        one, other = (trained.card.labels.index(str(answer[0])) for answer in (mine, theirs))
        return scores[one] - scores[other]
    differ = [at for at, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b]
    if not differ:  # one goes on where the other was cut
        return math.inf
    said = [int(token) for token in mine[: differ[0]]]
    logits = _next_logits(trained, [[*trained.encode(item.prompt), *said]])[0]
    return float(logits[int(mine[differ[0]])] - logits[int(theirs[differ[0]])])


def _merge(
    rung: LanguageModel, items: Sequence[Example], rounded: _Said, progress: Progress
) -> dict[str, Any]:
    """The adapter merged into its base against the two side by side, both in fp32.

    ``rounded`` is what the rung answered in its own type; ``rounded_logit_drift`` is how far the
    merged weights, rounded to it, are from that. The rung is of no use afterwards: a copy of it
    would be twice the memory of its base.
    """
    model = rung.shared.model.float()
    rung.forget()
    beside = _ask(rung, items, progress)
    with merged(model):
        rung.forget()
        added = _ask(rung, items, progress)
    rung.forget()
    found = _compare(items, beside, added, rung)
    with merged(model):
        model.to(rung.shared.causal.precision.dtype)
        logits = _next_logits(rung, [rung.encode(item.prompt) for item in items])
    return {**found, "rounded_logit_drift": _drift(rounded, _Said([], logits))}


@contextmanager
def _aside(rung: LanguageModel) -> Generator[None]:
    """While entered, a model that is on an accelerator waits in the machine's own memory."""
    model = rung.shared.model
    place = model.device
    model.to("cpu")
    try:
        yield
    finally:
        model.to(place)
