"""Adapters trained in turns on one base, against one by one, and against a process for each.

All train the same adapters on the same rows of Banking77 with the same steps. One by one and in turns
are compared by the clock, each in a process of its own, the clock over all steps, validation and
checkpoints of all adapters; a process for each is compared by memory. Memory is the largest sum of the
proportional set sizes (PSS: what processes share is counted once) of the processes of a way, looked at
five times a second. Medians over rounds; the ratio of times is taken within each round.

Usage: python benchmarks/bench_together.py [--adapters 8] [--rows 32] [--batch 8] [--rounds 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from bench_training import ALPHA, BETA2, RANK, RATE, sequences

TURNS, ONE_BY_ONE, PROCESSES = "together", "one by one", "a process each"
LOOK_EVERY = 0.2  # seconds


def trainings(rows: int, batch: int, adapters: range) -> list[Callable[[], float]]:
    """What trains each adapter, on rows of its own and one copy of the base; gives the last loss."""
    from assay.evaluation.rungs.llm import engine_for
    from assay.models.pool import BasePool, Weights
    from assay.observability.progress import SILENT
    from assay.recipe.load import load

    changes = {
        "adapter.rank": RANK,
        "adapter.alpha": ALPHA,
        "training.epochs": 1,
        "training.batch": batch,
        "training.learning_rate": RATE,
        "training.beta2": BETA2,
        "training.sinks": "[]",
    }
    recipe = load(
        "banking-intent", profile="local", overrides=[f"{k}={v}" for k, v in changes.items()]
    ).recipe
    items = sequences(rows * adapters.stop)
    weights = Weights()
    kept = BasePool(SILENT, weights)
    kept.causal(recipe.base)  # loaded before the clock starts

    def fit(kept: BasePool, number: int) -> float:
        pool = BasePool(SILENT, weights)  # one for each, as each run has; ``kept`` has the weights
        shared = pool.causal(recipe.base)
        assert kept.causal(recipe.base) is not shared
        with tempfile.TemporaryDirectory() as folder:
            engine = engine_for(recipe, shared, recipe.training, Path(folder), SILENT)
            engine.fit(items[number * rows :][:rows], [])
            return engine.mean_loss(items[number * rows :][:batch])

    return [partial(fit, kept, number) for number in adapters]


def child(way: str, rows: int, batch: int, adapters: range) -> None:
    """The seconds and losses of one way, as JSON on the last line."""
    from assay.training.turns import Turns

    works = trainings(rows, batch, adapters)
    works[0]()  # what a process does once (imports, buffers) is no part of either way
    began = time.perf_counter()
    losses = Turns(works, len(works)).run() if way == TURNS else [work() for work in works]
    print(json.dumps({"seconds": time.perf_counter() - began, "losses": losses}))


def measured(commands: list[list[str]], env: dict[str, str]) -> tuple[list[dict[str, Any]], float]:
    """What the processes print, run at the same time, and the most memory they had in all, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder) / str(number) for number in range(len(commands))]
        running: list[subprocess.Popen[bytes]] = []
        for command, path in zip(commands, said, strict=True):
            with path.open("wb") as out:
                running.append(subprocess.Popen(command, stdout=out, stderr=out, env=env))
        peak = [0.0]
        ended = threading.Event()
        watch = threading.Thread(target=_watch, args=([p.pid for p in running], peak, ended))
        watch.start()
        codes = [process.wait() for process in running]
        ended.set()
        watch.join()
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in said]
    for code, text in zip(codes, texts, strict=True):
        if code:
            sys.exit(f"a process failed:\n{text[-3000:]}")
    return [json.loads(text.strip().splitlines()[-1]) for text in texts], peak[0]


def _watch(pids: list[int], peak: list[float], ended: threading.Event) -> None:
    while not ended.wait(LOOK_EVERY):
        total = 0.0
        for pid in pids:
            try:
                total += psutil.Process(pid).memory_full_info().pss / 2**20
            except psutil.Error:
                continue
        peak[0] = max(peak[0], total)


def main() -> None:
    """Run the ways in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapters", type=int, default=8)
    parser.add_argument("--rows", type=int, default=32, help="of each adapter")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        adapters = range(options.first, options.first + options.adapters)
        child(options.child, options.rows, options.batch, adapters)
        return

    def command(way: str, first: int, adapters: int) -> list[str]:
        sizes = {"--rows": options.rows, "--batch": options.batch, "--adapters": adapters}
        given = [word for name, value in sizes.items() for word in (name, str(value))]
        return [sys.executable, __file__, "--child", way, "--first", str(first), *given]

    env = dict(os.environ)
    seconds: dict[str, list[float]] = {TURNS: [], ONE_BY_ONE: []}
    memory: dict[str, list[float]] = {TURNS: [], ONE_BY_ONE: []}
    losses: dict[str, list[float]] = {}
    for number in range(options.rounds):
        for way in (ONE_BY_ONE, TURNS):
            print(f"round {number + 1} of {options.rounds}: {way}", file=sys.stderr)
            (found,), most = measured([command(way, 0, options.adapters)], env)
            seconds[way].append(found["seconds"])
            memory[way].append(most)
            losses[way] = found["losses"]
    print(f"{options.adapters} processes at once", file=sys.stderr)
    each = [command(ONE_BY_ONE, first, 1) for first in range(options.adapters)]
    found, apart = measured(each, {**env, "OMP_NUM_THREADS": "1"})
    pairs = zip(seconds[TURNS], seconds[ONE_BY_ONE], strict=True)
    result: dict[str, Any] = {
        "adapters": options.adapters,
        "rows": options.rows,
        "batch": options.batch,
        "rounds": options.rounds,
        "seconds": {way: round(statistics.median(all_), 2) for way, all_ in seconds.items()},
        "memory_mb": {
            **{way: round(statistics.median(all_)) for way, all_ in memory.items()},
            PROCESSES: round(apart),
        },
        "times_as_long": round(statistics.median(mine / theirs for mine, theirs in pairs), 3),
        "memory_saved": round(1 - statistics.median(memory[TURNS]) / apart, 3),
        "same_losses": losses[TURNS] == losses[ONE_BY_ONE],
        "losses_of_processes": [one["losses"][0] for one in found],
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for way, spent in result["seconds"].items():
        print(f"{way:16} {spent:7.1f} s {result['memory_mb'][way]:7.0f} MB")
    print(f"{PROCESSES:16} {'':9} {result['memory_mb'][PROCESSES]:7.0f} MB")
    print(
        f"in turns: {result['times_as_long']} times as long as one by one, "
        f"{100 * result['memory_saved']:.0f} % less memory than {options.adapters} processes; "
        f"losses {'equal' if result['same_losses'] else 'DIFFER'}"
    )


if __name__ == "__main__":
    main()
