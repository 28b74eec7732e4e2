"""``assay sweep``: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay import files

Assay = Callable[..., Any]  # the fixture `assay`
TOPICS = ("lost card gone", "euro rate now")
RATE = "ladder.1.training.learning_rate"


@pytest.fixture
def cards(home: Path, tiny_bert: Callable[[Sequence[str]], Path]) -> str:
    """A recipe with a rung that trains in a second, and one without any."""
    draw = random.Random(0)
    rows = [
        {"text": f"{TOPICS[n % 2 if draw.random() < 0.7 else 1 - n % 2]} {n}", "label": "ab"[n % 2]}
        for n in range(120)
    ]
    files.write_jsonl(Path("rows.jsonl"), rows)
    training = {"learning_rate": 1e-3, "sinks": []}
    document: dict[str, Any] = {
        "name": "cards",
        "summary": "A message about a card becomes an intent",
        "task": {"output": "label"},
        "base": {"model": str(tiny_bert(TOPICS))},
        "data": {"train": {"path": "rows.jsonl"}, "near_duplicates": None, "leakage": None},
        "ladder": [{"kind": "tfidf"}, {"kind": "encoder", "training": training}],
        "gate": {"primary": "accuracy", "thresholds": {"accuracy": 0.9}, "min_items": 5},
        "profiles": {"cheap": {"ladder": [{"kind": "majority"}, {"kind": "tfidf"}]}},
    }
    Path("cards.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return "cards.yaml"


def test_a_sweep_is_told_and_gone_on_with(assay: Assay, cards: str) -> None:
    done = assay("sweep", cards, "--trials", "2", "--over", f"{RATE}=1e-4..1e-2:log")
    assert done.code == 0, done
    assert "trial 2 of 2: learning_rate" in done.err and "the recipe's own settings" in done.err
    assert "the recipe's own" in done.out and "too good" in done.out
    assert "Importance (fANOVA): cannot be computed, only one setting was searched" in done.out
    (command,) = [text for text in done.out.splitlines() if text.startswith("next:")]
    assert f"assay train cards.yaml --set {RATE}=" in command
    (folder,) = Path("runs/cards").iterdir()
    assert f"report: {folder / 'report' / 'index.html'}" in done.out
    stamp = (folder / "study.db").stat().st_mtime_ns
    again = assay("sweep", cards, "-n", "2", "--over", f"{RATE}=1e-4..1e-2:log", "--json")
    assert again.code == 0 and again.json == {
        **files.read_json(folder / "sweep.json"),
        "report": str(folder / "report" / "index.html"),
    }
    assert (folder / "study.db").stat().st_mtime_ns == stamp
    assert assay("runs", "list", "--json").json == []


def test_limits_and_minutes(assay: Assay, cards: str) -> None:
    done = assay("sweep", cards, "--minutes", "0", "--limit", "20", "--set", "task.system=Say it.")
    assert done.code == 0, done
    assert "0 minutes are over: no further trial is begun" in done.err
    assert "at most 20 rows of each split; the command trains on all" in done.out.replace("\n", " ")
    (command,) = [text for text in done.out.splitlines() if text.startswith("next:")]
    assert "--set 'task.system=Say it.'" in command and "limit" not in command
    (found,) = [files.read_json(path) for path in Path("runs").glob("cards/*/sweep.json")]
    assert (len(found["trials"]), found["train_items"]) == (1, 20)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["cards.yml"], 1, 'Did you mean "cards.yaml"'),
        (["cards.yaml", "--trials", "0"], 2, "'--trials' / '-n'"),
        (
            ["cards.yaml", "--minutes", "-1"],
            2,
            "'--minutes': Input should be greater than or equal to 0",
        ),
        (["cards.yaml", "--rung", "llm"], 1, 'has no rung "llm"'),
        (["cards.yaml", "--profile", "cheap"], 1, "are not trained in steps: majority, tfidf"),
        (["cards.yaml", "--over", "adapter.rank=0"], 1, "must be at least 1, but is 0"),
        (["cards.yaml", "--over", f"{RATE}=1..0.1"], 1, "LOW is above HIGH"),
        (["cards.yaml", "--over", f"{RATE}e=1,2"], 1, 'Did you mean "learning_rate"'),
        (["cards.yaml", "--set", "ladder.1.training.batch=0"], 1, "--set: ladder.1.training.batch"),
    ],
)
def test_what_cannot_be_swept_is_refused(
    assay: Assay, cards: str, words: list[str], code: int, said: str
) -> None:
    done = assay("sweep", *words, "--json")
    assert done.code == code, done
    assert said in done.json["error"]["cause"] and done.json["error"]["remedy"]
    assert not Path("runs").exists()
