"""Finding runs, and comparing two of them item by item."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from assay import files
from assay.cli.runs import compared, find_run
from assay.errors import DataError
from assay.evaluation.evidence import DIGESTS, JSONL, PARQUET
from assay.run import Run

Assay = Callable[..., Any]  # the fixture `assay`


def write_run(folder: Path, right: list[bool], created: str, verdict: str = "pass") -> Run:
    """A finished run whose specialist answered these items right or wrong."""
    accuracy = sum(right) / len(right)
    state = {
        "format": 1,
        "name": folder.parent.name,
        "profile": "local",
        "recipe_digest": "0" * 64,
        "created": created,
        "status": "complete",
        "stages": {"train": {"status": "done", "seconds": 2.0}},
        "selected": "tfidf",
        "verdict": verdict,
    }
    system = {"name": "tfidf", "metrics": {"accuracy": accuracy}, "intervals": {}, "seconds": 1.0}
    reason = {"check": "accuracy >= 0.50", "passed": verdict == "pass", "detail": "of 40 items"}
    evaluation = {
        "task": "label",
        "primary": "accuracy",
        "items": len(right),
        "confidence": 0.95,
        "candidate": system,
        "base": {**system, "name": "commonest answer"},
        "cheaper": [],
        "comparisons": [],
        "gate": {"verdict": verdict, "reasons": [reason]},
    }
    files.write_json(folder / "run.json", state)
    files.write_json(folder / "evaluation.json", evaluation)
    rows = [
        {"id": f"i{n}", "input": f"text {n}", "target": "a", "candidate_correct": float(ok)}
        for n, ok in enumerate(right)
    ]
    evidence = folder / "evidence"
    files.write_jsonl(evidence / JSONL, rows)
    parquet.write_table(pyarrow.Table.from_pylist(rows), evidence / PARQUET)
    digests = {name: files.sha256_file(evidence / name) for name in (JSONL, PARQUET)}
    files.write_json(evidence / DIGESTS, digests)
    return Run(folder)


OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def test_a_run_is_found_by_folder_or_newest_by_name(home: Path) -> None:
    old = write_run(Path("runs/cards/local-1"), [True] * 4, OLD)
    new = write_run(Path("runs/cards/local-2"), [True] * 4, NEW)
    assert find_run("runs/cards/local-1", Path("runs")) == old
    assert find_run("cards", Path("runs")) == new
    assert find_run("local-1", Path("runs")) == old
    with pytest.raises(DataError, match='Did you mean "cards"'):
        find_run("crads", Path("runs"))


def test_runs_are_compared_on_the_same_items(home: Path) -> None:
    first = write_run(Path("runs/cards/a"), [True] * 20 + [False] * 20, OLD)
    second = write_run(Path("runs/cards/b"), [True] * 35 + [False] * 5, NEW)
    paired = compared(first, second)["paired"]
    assert paired["difference"] == pytest.approx(15 / 40)
    assert (paired["wins"], paired["losses"]) == (15, 0)
    assert paired["interval"][0] > 0
    assert paired["p_value"] == pytest.approx(2 * 0.5**15)


def test_runs_on_other_items_are_not_paired(home: Path) -> None:
    first = write_run(Path("runs/cards/a"), [True] * 40, OLD)
    second = write_run(Path("runs/cards/b"), [True] * 39, NEW)
    found = compared(first, second)
    assert found["paired"] is None
    assert "different items" in found["why_not_paired"]


def test_list_compare_and_gate_on_the_command_line(assay: Assay) -> None:
    write_run(Path("runs/cards/a"), [True] * 20 + [False] * 20, OLD)
    write_run(Path("runs/cards/b"), [False] * 40, NEW, verdict="fail")
    rows = assay("runs", "list", "--json").json
    assert [(row["verdict"], row["value"]) for row in rows] == [("pass", 0.5), ("fail", 0.0)]
    assert "accuracy 0.500" in assay("runs", "list").out
    assert "-0.500" in assay("runs", "compare", "a", "b").out
    assert assay("gate", "a").code == 0
    failed = assay("gate", "b")
    assert failed.code == 3
    assert "Verdict: fail" in failed.out
    assert assay("gate", "b", "--json").json["verdict"] == "fail"


def test_no_runs_is_said_plainly(assay: Assay) -> None:
    assert "no runs below runs" in assay("runs", "list").out
    assert assay("runs", "list", "--json").json == []
    assert assay("runs", "show", "cards").code == 1
