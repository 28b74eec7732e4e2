"""The parity certificate: the same prompts through every form a specialist takes.

Training and serving disagreeing is what users of fine-tuning tools report most (merged weights
that answer differently, adapters that load with a warning, prompts put together in another way).
So the forms are compared, on real test prompts, before anything is signed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from assay.data.records import Example, Turn
from assay.errors import TrainingError
from assay.evaluation.predictions import Rung
from assay.evaluation.rungs import load_rung
from assay.evaluation.rungs.llm import LanguageModel, is_whole_text
from assay.models.logits import logits_at
from assay.models.lora import merge
from assay.models.pool import BasePool, SharedCausal
from assay.observability.progress import SILENT, Progress
from assay.serving.engine import Specialist

ITEMS = 16
SERVED = 4  # of them one by one, as a server answers; that takes a second each on a small CPU
NEAR_TIE = 0.5  # nats between two tokens that rounding may put in either order


@dataclass
class _Said:
    """What a rung answered: tokens of a language model, else the answer as a whole."""

    answers: list[Sequence[int | str]]
    logits: torch.Tensor | None  # [N, vocabulary] after each prompt, or scores [N, labels]

    @staticmethod
    def joined(parts: Sequence[_Said]) -> _Said:
        logits = [part.logits for part in parts if part.logits is not None]
        answers = [answer for part in parts for answer in part.answers]
        return _Said(answers, torch.cat(logits) if logits else None)


def certify(
    trained: Rung, saved: Path, examples: Sequence[Example], progress: Progress
) -> dict[str, Any]:
    """Compare the live rung with itself reloaded, merged into its base, and as the server asks it.

    ``reloaded`` must give the same tokens. ``served`` (each prompt put together by the server's
    engine and answered by itself) and ``merged`` (rounded to the base's type) add numbers in
    another order, so they may part from the trained rung where it had two tokens within
    ``NEAR_TIE``, and nowhere else. Returns ``{"items", "forms": {form: {"items", "tokens_equal",
    "near_ties", "max_logit_drift"}}, "agrees"}``; raises ``TrainingError`` for a form that strays.
    """
    items = list(examples[:ITEMS])
    if isinstance(trained, LanguageModel):
        items = [_begun(item) if is_whole_text(item) else item for item in items]
        trained.forget()  # in a batch of other rows, rounding may have turned a near tie
    progress.say(
        f"parity: {len(items)} test prompts through training engine, reload, merge, server"
    )
    reference = _ask(trained, items, progress)
    again = load_rung(saved, progress, BasePool(progress))
    said = {"reloaded": _ask(again, items, progress)}
    if isinstance(again, LanguageModel):
        if again.shared.causal.precision.name == "nf4":
            progress.say("parity: weights of 4 bits are not merged; that form is left out")
        else:
            said["merged"] = _ask(_merged(again), items, progress)
    said["served"] = _serve(again, items[:SERVED], progress)
    forms: dict[str, dict[str, float]] = {}
    stray: list[str] = []
    for form, theirs in said.items():
        asked = len(theirs.answers)
        pairs = list(zip(items, reference.answers, theirs.answers, strict=False))
        parted = [(item, mine, other) for item, mine, other in pairs if mine != other]
        near = [p for p in parted if form != "reloaded" and abs(_gap(trained, *p)) <= NEAR_TIE]
        drift = 0.0
        if reference.logits is not None and theirs.logits is not None:
            drift = float((reference.logits[:asked] - theirs.logits).abs().max())
        forms[form] = {
            "items": asked,
            "tokens_equal": 1 - len(parted) / asked,
            "near_ties": len(near) / asked,
            "max_logit_drift": round(drift, 5),
        }
        if len(near) < len(parted):
            stray.append(form)
    if stray:
        raise TrainingError(
            f"the {' and the '.join(stray)} form does not answer like the trained one: {forms}",
            "Do not ship it. Versions of transformers and peft may differ: assay doctor.",
        )
    return {"items": len(items), "forms": forms, "agrees": True}


def _ask(rung: Rung, items: Sequence[Example], progress: Progress) -> _Said:
    """Answers to all items at once."""
    predictions = rung.predict(items, progress)
    answers: list[Sequence[int | str]] = [[prediction.output] for prediction in predictions]
    if isinstance(rung, LanguageModel):
        if rung.card.task.output != "label":
            answers = [answer.tokens for answer in rung.answers(items, progress)]
        return _Said(answers, _next_logits(rung, [rung.encode(item.prompt) for item in items]))
    scores = [prediction.scores for prediction in predictions if prediction.scores is not None]
    return _Said(answers, torch.tensor(scores, dtype=torch.float64) if scores else None)


def _serve(rung: Rung, items: Sequence[Example], progress: Progress) -> _Said:
    """Answers one by one, each to the conversation a client would send."""
    specialist = Specialist("unsigned", "0", "", {}, rung.card, rung)
    parts: list[_Said] = []
    with progress.task("asking as the server does", len(items)) as bar:
        for item in items:
            asked = specialist.example(_sent(item))
            if isinstance(rung, LanguageModel):
                rung.forget()
                if rung.encode(asked.prompt) != rung.encode(item.prompt):
                    raise TrainingError(
                        f"{item.id}: a server would put this prompt together otherwise",
                        f"Evaluated: {item.prompt}. Served: {asked.prompt}.",
                    )
            parts.append(_ask(rung, [asked], SILENT))
            bar.advance()
    return _Said.joined(parts)


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
        inputs = {
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
        one, other = (trained.card.labels.index(str(answer[0])) for answer in (mine, theirs))
        return scores[one] - scores[other]
    differ = [at for at, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b]
    if not differ:  # one goes on where the other was cut
        return math.inf
    said = [int(token) for token in mine[: differ[0]]]
    logits = _next_logits(trained, [[*trained.encode(item.prompt), *said]])[0]
    return float(logits[int(mine[differ[0]])] - logits[int(theirs[differ[0]])])


def _merged(rung: LanguageModel) -> LanguageModel:
    """The adapter merged into a copy of its base, rounded to the base's type."""
    causal = rung.shared.causal
    with rung.shared.using(rung.adapter) as model:
        merged = merge(model).to(causal.precision.dtype)
    return LanguageModel(rung.card, SharedCausal(replace(causal, model=merged)), None)
