"""The parity certificate: the same prompts through every form a specialist takes.

Training and serving disagreeing is what users of fine-tuning tools report most (merged weights
that answer differently, adapters that load with a warning). So the forms are compared, on real
test prompts, before anything is signed.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from assay.data.records import Example, Turn
from assay.errors import TrainingError
from assay.evaluation.predictions import Rung
from assay.evaluation.rungs import load_rung
from assay.evaluation.rungs.llm import LanguageModel, is_whole_text
from assay.models.load import load_causal
from assay.models.logits import logits_at
from assay.models.pool import BasePool
from assay.observability.progress import Progress

ITEMS = 16
REQUIRED = ("reloaded", "served")  # forms that must agree on every token


def certify(
    trained: Rung, saved: Path, examples: Sequence[Example], progress: Progress
) -> dict[str, Any]:
    """Compare the live rung with itself reloaded, merged, and loaded as the server does.

    Returns ``{"items", "forms": {form: {"tokens_equal", "max_logit_drift"}}, "agrees"}``. Raises
    ``TrainingError`` when the reloaded or the served form answers anything else.
    """
    items = list(examples[:ITEMS])
    progress.say(
        f"parity: {len(items)} test prompts through training engine, reload, merge, server"
    )
    if not isinstance(trained, LanguageModel):
        forms = {"reloaded": _compare_outputs(trained, _served(saved, progress), items, progress)}
        forms["served"] = forms["reloaded"]
    else:
        forms = _compare_language_models(trained, saved, items, progress)
    agrees = all(forms[form]["tokens_equal"] == 1.0 for form in REQUIRED)
    certificate = {"items": len(items), "forms": forms, "agrees": agrees}
    if not agrees:
        raise TrainingError(
            f"the saved specialist does not answer like the trained one: {forms}",
            "Do not ship it. Versions of transformers and peft may differ: assay doctor.",
        )
    return certificate


def _served(saved: Path, progress: Progress) -> Rung:
    """Loaded through the same call, and a pool of its own, as the server uses."""
    return load_rung(saved, progress, BasePool(progress))


def _compare_outputs(
    one: Rung, other: Rung, items: Sequence[Example], progress: Progress
) -> dict[str, float]:
    first, second = one.predict(items, progress), other.predict(items, progress)
    equal = [a.output == b.output for a, b in zip(first, second, strict=True)]
    drift = [
        max(abs(x - y) for x, y in zip(a.scores, b.scores, strict=True))
        for a, b in zip(first, second, strict=True)
        if a.scores is not None and b.scores is not None
    ]
    return {
        "tokens_equal": sum(equal) / len(equal),
        "max_logit_drift": float(max(drift, default=0.0)),
    }


def _compare_language_models(
    trained: LanguageModel, saved: Path, items: Sequence[Example], progress: Progress
) -> dict[str, dict[str, float]]:
    items = [_begun(item) if is_whole_text(item) else item for item in items]
    with trained.shared.using(trained.adapter) as model:
        reference = _answers(trained, model, items, progress)
    served = _served(saved, progress)
    assert isinstance(served, LanguageModel)
    with served.shared.using(served.adapter) as model:
        again = _answers(served, model, items, progress)
    stock, merged = _stock_and_merged(trained, saved, items, progress)
    return {
        "reloaded": _difference(reference, stock),
        "served": _difference(reference, again),
        "merged": _difference(reference, merged),
    }


Answers = tuple[list[list[int]], torch.Tensor]


def _answers(
    rung: LanguageModel, model: Any, items: Sequence[Example], progress: Progress
) -> Answers:
    """Generated tokens, and the logits [N, vocabulary] after each prompt."""
    prompts = [rung.encode(item.prompt) for item in items]
    generated = rung.generate(model, prompts, [item.text for item in items], progress)
    return [answer.tokens for answer in generated], _next_logits(model, prompts)


def _next_logits(model: Any, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
    """Logits [N, vocabulary] of the token after each prompt, in one pass."""
    ids = torch.zeros(len(prompts), max(map(len, prompts)), dtype=torch.long)
    seen = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = torch.tensor(prompt)
        seen[row, : len(prompt)] = 1
    last = torch.tensor([len(prompt) - 1 for prompt in prompts], device=model.device)
    rows = torch.arange(len(prompts), device=model.device)
    with torch.inference_mode():
        inputs = {
            "input_ids": ids.to(model.device),
            "attention_mask": seen.to(model.device),
            "use_cache": False,
        }
        return logits_at(model, rows, last, **inputs).float().cpu()


def _begun(text: Example) -> Example:
    """A whole text as one that someone began: its first half, to be continued."""
    half = text.text[: max(1, len(text.text) // 2)]
    return replace(text, text=half, turns=(Turn("user", half), Turn("assistant", "")))


def _stock_and_merged(
    rung: LanguageModel, saved: Path, items: Sequence[Example], progress: Progress
) -> tuple[Answers, Answers]:
    """A fresh base with the saved adapter, and the same merged into the weights in fp32."""
    from assay.models.lora import load_adapter

    causal = rung.shared.causal
    fresh = load_causal(causal.ref, causal.precision, progress)
    adapted: Any = load_adapter(fresh.model, saved, "default")
    stock = _answers(rung, adapted, items, progress)
    merged_model: Any = copy.deepcopy(adapted).float().merge_and_unload()
    moved = _moved(fresh.model, merged_model)
    if not moved:
        raise TrainingError(
            "merging the adapter changed no weight", "The adapter is empty; train it again."
        )
    merged = _answers(rung, merged_model.to(causal.precision.dtype), items, progress)
    return stock, merged


def _moved(base: Any, merged: Any) -> bool:
    """Whether any weight of the merged model differs from the base's."""
    before = {
        name.replace(".base_layer", ""): tensor
        for name, tensor in base.state_dict().items()
        if "lora_" not in name
    }
    after = merged.state_dict()
    return any(not torch.equal(before[name].float(), after[name].float()) for name in after)


def _difference(reference: Answers, other: Answers) -> dict[str, float]:
    equal = [a == b for a, b in zip(reference[0], other[0], strict=True)]
    drift = (reference[1] - other[1]).abs().max()
    return {"tokens_equal": sum(equal) / len(equal), "max_logit_drift": round(float(drift), 5)}
