"""``assay pilot``: the baseline alone, and the same run trained afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.evaluation.rungs.linear import TfidfLogistic

Assay = Callable[..., Any]  # the fixture `assay`
RECIPE = """\
name: cards
summary: A message about a card becomes an intent
task: {output: label}
base: {model: none}
data: {train: {path: rows.jsonl}, near_duplicates: null, leakage: null}
ladder: [{kind: majority}, {kind: tfidf}]
gate: {primary: accuracy, thresholds: {accuracy: 0.9, max_ece: 0.4}, min_items: 5}
profiles: {local: {}}
"""


@pytest.fixture
def cards(home: Path) -> str:
    topics = ("lost card gone", "euro rate now")
    rows = [{"text": f"{topics[n % 2]} {n}", "label": ("lost", "rate")[n % 2]} for n in range(120)]
    Path("rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    Path("cards.yaml").write_text(RECIPE, encoding="utf-8")
    return "cards.yaml"


def test_the_baseline_alone_trains_nothing(
    assay: Assay, cards: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(TfidfLogistic, "fit", lambda *_: pytest.fail("was trained"))
        done = assay("pilot", cards, "--baseline-only", "--json")
    assert done.code == 0, done
    (base,) = done.json["bases"]
    assert base["name"] == "commonest answer"
    assert 0.2 < base["metrics"]["accuracy"] < 0.8
    low, high = base["intervals"]["accuracy"]
    assert low < base["metrics"]["accuracy"] < high
    run = Path(done.json["run"])
    assert json.loads((run / "run.json").read_text())["status"] == "baseline"
    assert not (run / "ladder.json").exists()


def test_training_goes_on_from_a_baseline_and_a_baseline_follows_training(
    assay: Assay, cards: str
) -> None:
    first = assay("pilot", cards, "--baseline-only", "--json").json
    listed = assay("runs", "list", "--json").json
    trained = assay("pilot", cards, "--json")
    assert trained.code == 0, trained
    assert trained.json["verdict"] == "pass"
    assert len(list(Path("runs").glob("cards/*"))) == 1
    again = assay("pilot", cards, "--baseline-only", "--json").json
    assert again["bases"] == first["bases"]
    status = json.loads((Path(first["run"]) / "run.json").read_text())["status"]
    assert (listed[0]["status"], status) == ("baseline", "complete")


def test_the_baseline_is_told_beside_what_the_gate_asks_for(assay: Assay, cards: str) -> None:
    done = assay("pilot", cards, "--baseline-only")
    assert done.code == 0, done
    assert "On 12 held-out items, untrained" in done.out or "untrained, 95% intervals" in done.out
    lines = done.out.splitlines()
    assert any("base: commonest answer" in line for line in lines)
    asked = next(line for line in lines if "the gate asks for" in line)
    assert ">= 0.9" in asked and "<= 0.4" in asked
    assert "assay train cards.yaml --profile local" in done.out


def test_an_unknown_recipe_is_refused_with_a_suggestion(assay: Assay) -> None:
    done = assay("pilot", "banking-intnet", "--baseline-only", "--json")
    assert done.code == 1
    assert "banking-intent" in json.dumps(done.json["error"])


def test_a_recipe_without_a_local_profile_has_its_own_default(assay: Assay, cards: str) -> None:
    Path(cards).write_text(RECIPE.replace("profiles: {local: {}}\n", ""), encoding="utf-8")
    done = assay("pilot", cards, "--baseline-only")
    assert done.code == 0, done
    assert done.out.rstrip().endswith("assay train cards.yaml")
