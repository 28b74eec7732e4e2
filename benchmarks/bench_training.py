"""Training throughput and memory against TRL's SFTTrainer, on the same tokens, in one run.

All train the same base with the same LoRA (the same initial weights) on the same token sequences,
effective batch and steps, in turn, each in a process of its own, so that peak memory is that
process's. TRL runs at its defaults (fp32 weights under bf16 autocast, activations recomputed) and at
its best setting on a CPU (weights in the numbers that Assay takes there: bf16 where the processor
computes it, else fp32; activations kept). The clock runs over the steps: loading, set-up and
checkpoints are not counted. Medians over rounds.

How far training gets is compared with TRL given the rows in Assay's order, batch for batch: left to
itself it draws another order, and a few dozen steps do not average that out.

Usage: python benchmarks/bench_training.py [--rows 160] [--rounds 3] [--against trl-best] [--json]
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

RANK, ALPHA, RATE, BETA2 = 16, 32, 1e-3, 0.999
TRL: dict[str, dict[str, Any]] = {
    "trl-best": {"bf16": False, "gradient_checkpointing": False},
    "trl-default": {},
}
SAME_BATCHES = "trl-same-batches"


def sequences(rows: int) -> list[Any]:
    """Encoded Banking77 rows, as the recipe's llm rung would see them."""
    from transformers import AutoTokenizer

    from assay.data.prepare import prepare
    from assay.data.prompts import encode_training, template_for
    from assay.models.store import pull
    from assay.observability.progress import SILENT
    from assay.recipe.load import load

    drawn = max(rows, 77)  # at least one of each class
    limits = [f"data.limit.train={drawn}", "data.near_duplicates=", "data.leakage="]
    recipe = load("banking-intent", profile="local", overrides=limits).recipe
    tokenizer = AutoTokenizer.from_pretrained(pull("smollm2-135m-instruct", SILENT).path)
    template = template_for(recipe.task, tokenizer)
    examples = prepare(recipe, None, SILENT).train[:rows]
    return [encode_training(template, tokenizer, example) for example in examples]


def ours(rows: int, batch: int) -> dict[str, Any]:
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
        epochs=1,
        batch=batch,
        learning_rate=RATE,
        beta2=BETA2,
        weight_decay=0,
        schedule="constant",
        warmup=0,
        sinks=[],
    )
    with tempfile.TemporaryDirectory() as folder:
        objective = Watched()
        objective.asked = []
        engine = Engine(model, objective, settings, Path(folder), SILENT)
        fitted = engine.fit(items, [])
    first = objective.asked[1] - psutil.Process().create_time()
    return {"seconds": fitted.seconds, "loss": engine.mean_loss(items), "first_step": first}


def trl(way: str, rows: int, batch: int) -> dict[str, Any]:
    """TRL's SFTTrainer on the same token ids and masks."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from assay.models.precision import decide
    from assay.models.store import pull
    from assay.observability.progress import SILENT
    from assay.training.objectives.sft import Sft
    from assay.training.schedule import epoch_batches

    class Clock(TrainerCallback):
        """Times the steps."""

        began = seconds = 0.0

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.began = time.perf_counter()

        def on_train_end(self, *_: Any, **__: Any) -> None:
            self.seconds = time.perf_counter() - self.began

    items = sequences(rows)
    objective = Sft(share_prefix=False)
    if way == SAME_BATCHES:
        lengths = [objective.length(item) for item in items]
        items = [items[i] for step in epoch_batches(lengths, batch, 0, 0) for i in step]
    path = pull("smollm2-135m-instruct", SILENT).path
    data = Dataset.from_list(
        [{"input_ids": i.tokens, "completion_mask": [int(t) for t in i.trained]} for i in items]
    )
    settings = TRL.get(way, TRL["trl-best"])
    kind = decide("auto").dtype if settings else torch.float32
    model: Any = AutoModelForCausalLM.from_pretrained(path, dtype=kind)
    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
    torch.manual_seed(0)
    model = get_peft_model(model, lora)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(
            output_dir=folder,
            use_cpu=True,
            per_device_train_batch_size=batch,
            num_train_epochs=1,
            learning_rate=RATE,
            adam_beta2=BETA2,
            lr_scheduler_type="constant",
            train_sampling_strategy="sequential" if way == SAME_BATCHES else "random",
            max_grad_norm=1.0,
            completion_only_loss=True,
            report_to=[],
            save_strategy="no",
            logging_steps=1000,
            disable_tqdm=True,
            **settings,
        )
        trainer = SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=data,
            callbacks=[clock],
            processing_class=AutoTokenizer.from_pretrained(path),
        )
        trainer.train()
    trained: Any = trainer.model
    trained.eval()
    with torch.no_grad():
        losses = [
            float(objective.loss(trained, objective.collate(items[i : i + batch])))
            for i in range(0, len(items), batch)
        ]
    return {"seconds": clock.seconds, "loss": sum(losses) / sum(objective.weight(i) for i in items)}


def child(way: str, rows: int, batch: int) -> None:
    """One measured training, as JSON on the last line."""
    result = ours(rows, batch) if way == "assay" else trl(way, rows, batch)
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


def main() -> None:
    """Run every way in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=160)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--against", choices=TRL, action="append", help="one of the two only (default: both)"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 0 < options.batch < options.rows:
        parser.error(
            f"--rows {options.rows} --batch {options.batch}: the first step is timed up to the second"
        )
    if options.child:
        child(options.child, options.rows, options.batch)
        return
    peers = options.against or list(TRL)
    found: dict[str, list[dict[str, float]]] = {}
    for number in range(options.rounds):
        for way in ("assay", *peers, *([SAME_BATCHES] if number == 0 else [])):
            print(f"round {number + 1} of {options.rounds}: {way}", file=sys.stderr)
            sizes = ["--rows", str(options.rows), "--batch", str(options.batch)]
            command = [sys.executable, __file__, "--child", way, *sizes]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{way} failed:\n{done.stderr[-3000:]}")
            found.setdefault(way, []).append(json.loads(done.stdout.strip().splitlines()[-1]))
    medians = {
        way: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for way, runs in found.items()
    }
    mine = medians["assay"]
    ratios = {
        way: {
            "times_faster": round(medians[way]["seconds"] / mine["seconds"], 2),
            "memory": round(mine["peak_mb"] / medians[way]["peak_mb"], 3),
        }
        for way in peers
    }
    theirs = medians[SAME_BATCHES]["loss"]
    result: dict[str, Any] = {
        "rows": options.rows,
        "batch": options.batch,
        "rounds": options.rounds,
        "medians": medians,
        "against": ratios,
        "loss_difference": round(abs(mine["loss"] - theirs) / theirs, 4),
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
    print(f"final losses, same batches: {100 * result['loss_difference']:.2f} % apart")


if __name__ == "__main__":
    main()
