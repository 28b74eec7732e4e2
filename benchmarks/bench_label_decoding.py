"""Label-constrained decoding against ``model.generate`` one by one, same model, in one run.

The peer decodes greedily with ``prefix_allowed_tokens_fn`` over the same label tokens. Both sides
take turns; the median ratio and the share of equal answers are printed.

Usage: python benchmarks/bench_label_decoding.py [--items 64] [--rounds 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import torch

from assay.data.prepare import prepare
from assay.data.prompts import encode_prompt, template_for
from assay.evaluation.constraints import Node, label_trie
from assay.evaluation.decoding import score_labels
from assay.models.load import load_causal
from assay.models.precision import decide
from assay.models.store import pull
from assay.observability.progress import SILENT
from assay.recipe.load import load


def one_by_one(model: Any, tokenizer: Any, prompts: list[list[int]], root: Node) -> list[int]:
    """Hugging Face generate with the trie as its prefix function."""
    answers: list[int] = []
    for prompt in prompts:

        def allowed(batch: int, ids: torch.Tensor, start: int = len(prompt)) -> list[int]:
            del batch
            node = root
            for token in ids[start:].tolist():
                node = node.children.get(token, Node())
            return list(node.children) or [tokenizer.eos_token_id]

        with torch.inference_mode():
            output = model.generate(
                input_ids=torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                max_new_tokens=32,
                do_sample=False,
                prefix_allowed_tokens_fn=allowed,
                use_cache=True,
            )
        node = root
        for token in output[0, len(prompt) :].tolist():
            node = node.children[token]
            if node.label is not None:
                answers.append(node.label)
                break
    return answers


def main() -> None:
    """Measure, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    limits = [f"data.limit.test={options.items}", "data.near_duplicates=", "data.leakage="]
    recipe = load("banking-intent", profile="local", overrides=limits).recipe
    splits = prepare(recipe, None, SILENT)
    # fp32: bf16 rounds differently at batch 1 and batch 64, which turns near ties around.
    causal = load_causal(pull("smollm2-135m-instruct", SILENT), decide("fp32"), SILENT)
    template = template_for(recipe.task, causal.tokenizer)
    prompts = [encode_prompt(template, causal.tokenizer, e.prompt) for e in splits.test]
    trie = label_trie(recipe.task, splits.labels, causal.tokenizer)
    ratios: list[float] = []
    equal = 0.0
    for _ in range(options.rounds):
        began = time.perf_counter()
        found = score_labels(
            causal.model, causal.tokenizer, prompts, trie, mode="greedy", progress=SILENT
        )
        batched = time.perf_counter() - began
        began = time.perf_counter()
        expected = one_by_one(causal.model, causal.tokenizer, prompts, trie.root)
        single = time.perf_counter() - began
        ratios.append(single / batched)
        equal = sum(a == b for a, b in zip(found.choice.tolist(), expected, strict=True)) / len(
            expected
        )
    result = {
        "items": len(prompts),
        "times_faster": round(statistics.median(ratios), 2),
        "rounds": [round(ratio, 2) for ratio in ratios],
        "equal_answers": equal,
    }
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"batched trie decoding is {result['times_faster']} times as fast as generate one by one"
            f" ({result['items']} items, {equal:.1%} equal answers)"
        )


if __name__ == "__main__":
    main()
