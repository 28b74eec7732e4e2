"""A ranking run from recipe to signed answer, on a random encoder of two layers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay import files, run
from assay.data.passages import grades_of
from assay.errors import DataError
from assay.evaluation.evidence import read_evidence, rescore
from assay.models.pool import BasePool
from assay.observability.progress import SILENT
from assay.packaging import keys
from assay.packaging.keys import TrustStore
from assay.recipe.load import load
from assay.serving.engine import load_package

TOPICS = ("lift", "heat", "flow", "shock", "creep", "noise")
PLACES = ("wing", "plate", "nozzle", "shell", "cone", "tube", "wake", "jet")


def passages() -> list[dict[str, str]]:
    return [
        {"id": f"{topic}-{place}", "text": f"a study of {topic} in a {place} for flight"}
        for topic in TOPICS
        for place in PLACES
    ]


def queries(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Each names a topic and a place: that passage is the best, others of the topic are useful."""
    found: list[dict[str, Any]] = []
    for n in range(start, start + count):
        topic, place = TOPICS[n % 6], PLACES[n // 6 % 8]
        grades = {f"{topic}-{other}": 1 for other in PLACES[:4]}
        grades[f"{topic}-{place}"] = 3
        found.append({"text": f"what is known of {place} and {topic} {n}", "relevant": grades})
    return found


@pytest.fixture
def ranking(tmp_path: Path, tiny_bert: Callable[[list[str]], Path]) -> Callable[..., Path]:
    """Write a recipe over toy passages: the kinds of its rungs."""

    def make(*kinds: str, **gate: Any) -> Path:
        texts = [row["text"] for row in (*passages(), *queries(200))]
        files.write_jsonl(tmp_path / "corpus.jsonl", passages())
        files.write_jsonl(tmp_path / "train.jsonl", queries(90))
        files.write_jsonl(tmp_path / "validation.jsonl", queries(30, 90))
        files.write_jsonl(tmp_path / "test.jsonl", queries(60, 120))
        document = {
            "name": "toy-ranking",
            "summary": "passages of a topic",
            "task": {"output": "ranking"},
            "base": {"model": str(tiny_bert(texts)), "allow_noncommercial": True},
            "data": {
                **{s: {"path": f"{s}.jsonl"} for s in ("train", "validation", "test", "corpus")},
                "target": "relevant",
                "near_duplicates": None,
                "leakage": None,
            },
            "ladder": [{"kind": kind} for kind in kinds],
            "training": {"epochs": 1, "batch": 32, "learning_rate": 1e-3, "sinks": []},
            "gate": {"primary": "ndcg_10", "thresholds": {}, "min_items": 30, **gate},
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    return make


def test_from_recipe_to_signed_answer(
    ranking: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("ASSAY_HOME", str(home))
    path = ranking("majority", "bm25", thresholds={"ndcg_10": 0.6, "recall_100": 0.9})
    made = run.train(load(path), root=tmp_path / "runs")
    evaluation = made.evaluation
    assert evaluation is not None and made.verdict == "pass", evaluation
    assert made.state["selected"] == "bm25"
    assert evaluation["base"]["name"] == "passages most often relevant"
    assert {"ndcg_10", "mrr_10", "recall_10", "recall_100"} <= {*evaluation["candidate"]["metrics"]}
    page = made.report_path.read_text(encoding="utf-8")
    assert "NDCG@10" in page and "✓ " in page and "a study of" in page

    key = keys.new("tester", home)
    package = run.package(made, key)
    keys.trust("tester", home)
    specialist = load_package(package, BasePool(SILENT), TrustStore.load(home), SILENT)
    answer = json.loads(specialist.ask("heat in a nozzle").text)
    assert answer[0]["id"] == "heat-nozzle"
    assert answer[0]["text"] == "a study of heat in a nozzle for flight"
    # The passages in the package are those that the run's data names, by digest.
    packed = {f["path"]: f["sha256"] for f in specialist.manifest["files"]}
    digests = files.read_json(made.folder / "data" / "report.json")["files"]
    assert packed["passages.jsonl"] == digests["corpus"]
    assert specialist.manifest["data"].keys() == {"train", "validation", "test"}


def test_every_rung_is_shown_and_a_frozen_encoder_is_held_against_the_floor(
    ranking: Callable[..., Path], tmp_path: Path
) -> None:
    path = ranking("majority", "keyword", "bm25", "embedding", "encoder", min_gain=0.0)
    made = run.train(load(path), root=tmp_path / "runs", all_rungs=True)
    kinds = [entry["kind"] for entry in made.ladder]
    assert kinds == ["majority", "keyword", "bm25", "embedding", "encoder"]
    values = {entry["kind"]: entry["validation"]["ndcg_10"] for entry in made.ladder}
    assert values["majority"] < values["keyword"]
    assert made.ladder[4]["training"]["steps"] > 0
    names = {json.loads(p.read_text())["name"] for p in made.folder.glob("baseline/*/*.json")}
    assert {"passages most often relevant"} < names
    assert any(name.endswith(", untrained") for name in names)
    assert made.ladder[1]["base"] is None
    folder = made.folder / "rungs"
    frozen, tuned = ({p.name for p in (folder / k / "rung").iterdir()} for k in kinds[3:])
    assert tuned - frozen == {"encoder.safetensors"}


def test_evidence_alone_gives_the_scores_again(
    ranking: Callable[..., Path], tmp_path: Path
) -> None:
    made = run.train(load(ranking("majority", "keyword")), root=tmp_path / "runs")
    evaluation = made.evaluation
    assert evaluation is not None
    rows = read_evidence(made.folder / "evidence")
    again = rescore(load(made.folder / "recipe.yaml").recipe.task, (), rows)
    assert again.metrics == pytest.approx(evaluation["candidate"]["metrics"])
    assert grades_of(rows[0]["target"])


def test_a_changed_corpus_is_noticed(ranking: Callable[..., Path], tmp_path: Path) -> None:
    path = ranking("majority", "keyword")
    run.train(load(path), root=tmp_path / "runs")
    files.write_jsonl(tmp_path / "corpus.jsonl", [*passages(), {"id": "new", "text": "new"}])
    with pytest.raises(DataError, match=r"data\.corpus has changed since"):
        run.train(load(path), root=tmp_path / "runs")
