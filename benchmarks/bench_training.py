"""Training throughput and memory against TRL's SFTTrainer, on the same tokens, in one run.

Both train the same base with the same LoRA on the same token sequences, effective batch and steps,
in turn, each in a process of its own, so that peak memory is that process's. TRL runs at its
default (fp32 weights) and at its best setting on a CPU (bf16 weights). Medians over rounds.

Usage: python benchmarks/bench_training.py [--rows 96] [--rounds 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

BATCH, RANK, ALPHA, RATE = 16, 16, 32, 1e-3
WAYS = ("assay", "trl-bf16", "trl-default")


def sequences(rows: int) -> list[Any]:
    """Encoded Banking77 rows, as the recipe's llm rung would see them."""
    from transformers import AutoTokenizer

    from assay.data.prepare import prepare
    from assay.data.prompts import encode_training, template_for
    from assay.models.store import pull
    from assay.observability.progress import SILENT
    from assay.recipe.load import load

    limits = [f"data.limit.train={rows}", "data.near_duplicates=", "data.leakage="]
    recipe = load("banking-intent", profile="local", overrides=limits).recipe
    tokenizer = AutoTokenizer.from_pretrained(pull("smollm2-135m-instruct", SILENT).path)
    template = template_for(recipe.task, tokenizer)
    return [encode_training(template, tokenizer, e) for e in prepare(recipe, None, SILENT).train]


def ours(rows: int) -> dict[str, Any]:
    """Assay's engine, objective sft."""
    from assay.models import lora
    from assay.models.load import load_causal
    from assay.models.precision import decide
    from assay.models.store import pull
    from assay.observability.progress import SILENT
    from assay.recipe.schema import Adapter, Training
    from assay.training.engine import Engine
    from assay.training.objectives.sft import Sft

    class Watched(Sft):
        """Notes when the first batch was asked for: the first step is done at the second."""

        asked: list[float]

        def collate(self, items: Any) -> Any:
            self.asked.append(time.time())
            return super().collate(items)

    items = sequences(rows)
    causal = load_causal(pull("smollm2-135m-instruct", SILENT), decide("auto"), SILENT)
    adapter = Adapter(rank=RANK, alpha=ALPHA)
    model: Any = lora.attach(causal.model, adapter, seed=0, task="CAUSAL_LM")
    settings = Training(
        epochs=1, batch=BATCH, learning_rate=RATE, schedule="constant", warmup=0, sinks=[]
    )
    with tempfile.TemporaryDirectory() as folder:
        objective = Watched()
        objective.asked = []
        engine = Engine(model, objective, settings, Path(folder), SILENT)
        began = time.perf_counter()
        engine.fit(items, [])
        seconds = time.perf_counter() - began
    first = objective.asked[1] - psutil.Process().create_time()
    return {"seconds": seconds, "loss": engine.mean_loss(items), "first_step": first}


def trl(rows: int, bf16: bool) -> dict[str, Any]:
    """TRL's SFTTrainer on the same token ids and masks."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from assay.models.store import pull
    from assay.observability.progress import SILENT

    items = sequences(rows)
    path = pull("smollm2-135m-instruct", SILENT).path
    data = Dataset.from_list(
        [{"input_ids": i.tokens, "completion_mask": [int(t) for t in i.trained]} for i in items]
    )
    kind = torch.bfloat16 if bf16 else torch.float32
    model = AutoModelForCausalLM.from_pretrained(path, dtype=kind)
    with tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=False,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            max_grad_norm=1.0,
            completion_only_loss=True,
            report_to=[],
            save_strategy="no",
            logging_steps=1000,
            disable_tqdm=True,
            gradient_checkpointing=False,
        )
        lora = LoraConfig(
            r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        trainer = SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=data,
            peft_config=lora,
            processing_class=AutoTokenizer.from_pretrained(path),
        )
        began = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - began
    from assay.training.objectives.sft import Sft

    objective = Sft(share_prefix=False)
    trained: Any = trainer.model.eval()
    with torch.no_grad():
        losses = [
            float(objective.loss(trained, objective.collate(items[i : i + BATCH])))
            for i in range(0, len(items), BATCH)
        ]
    return {"seconds": seconds, "loss": sum(losses) / sum(objective.weight(i) for i in items)}


def child(way: str, rows: int) -> None:
    """One measured training, as JSON on the last line."""
    result = ours(rows) if way == "assay" else trl(rows, bf16=way == "trl-bf16")
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


def main() -> None:
    """Run every way in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.rows)
        return
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            command = [sys.executable, __file__, "--child", way, "--rows", str(options.rows)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{way} failed:\n{done.stderr[-3000:]}")
            found[way].append(json.loads(done.stdout.strip().splitlines()[-1]))
    medians = {
        way: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for way, runs in found.items()
    }
    mine = medians["assay"]
    ratios = {
        way: {
            "times_faster": round(medians[way]["seconds"] / mine["seconds"], 2),
            "memory": round(mine["peak_mb"] / medians[way]["peak_mb"], 3),
            "loss_difference": round(
                abs(mine["loss"] - medians[way]["loss"]) / medians[way]["loss"], 4
            ),
        }
        for way in WAYS[1:]
    }
    result: dict[str, Any] = {
        "rows": options.rows,
        "rounds": options.rounds,
        "medians": medians,
        "against": ratios,
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for way, median in medians.items():
        print(
            f"{way:12} {median['seconds']:7.1f} s {median['peak_mb']:7.0f} MB  loss {median['loss']:.4f}"
        )
    print(f"assay: {mine['first_step']:.1f} s from the start of the process to its first step")
    for way, ratio in ratios.items():
        print(
            f"assay is {ratio['times_faster']} times as fast as {way}, with {ratio['memory']} of its memory"
        )


if __name__ == "__main__":
    main()
