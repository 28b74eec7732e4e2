"""A language-model specialist from run to package to answers: what was proved is what is served."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

from assay import files, run
from assay.data.records import Turn
from assay.errors import DataError, GateError, ModelError, PackageError
from assay.evaluation.rungs import llm
from assay.models.pool import BasePool
from assay.observability.progress import SILENT
from assay.packaging import keys
from assay.packaging.keys import TrustStore
from assay.recipe.load import load
from assay.serving.engine import Specialist, load_fleet, load_package
from assay.web.server import create_app, start_in_thread

NAMES = ("anna", "otto", "ida", "emil", "ruth", "karl")


def recipe(folder: Path, base: Path, name: str) -> Path:
    """Who is asked for? JSON with a name copied from the request."""
    schema = {
        "type": "object",
        "properties": {"act": {"enum": ["call", "mail"]}, "who": {"type": "string"}},
        "required": ["act", "who"],
        "additionalProperties": False,
    }
    document = {
        "name": name,
        "summary": "a request becomes JSON",
        "task": {
            "output": "json",
            "grounded": True,
            "intent_field": "act",
            "max_new_tokens": 24,
            "schema": schema,
        },
        "base": {"model": str(base), "precision": "fp32"},
        "data": {
            "train": {"path": "train.jsonl"},
            "target": "answer",
            "near_duplicates": None,
            "leakage": None,
        },
        "ladder": [{"kind": "llm"}],
        "adapter": {"rank": 4, "alpha": 8},
        "training": {"max_steps": 4, "batch": 8, "learning_rate": 0.01, "sinks": []},
        "gate": {"primary": "exact_match", "thresholds": {"exact_match": 0.99}, "min_items": 5},
    }
    folder.mkdir(parents=True)
    rows = [
        {"text": f"please {act} {who} number {n}", "answer": {"act": act, "who": who}}
        for n in range(12)
        for who in NAMES
        for act in ("call", "mail")
    ]
    files.write_jsonl(folder / "train.jsonl", rows)
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Any:
    """(home, run, package): a specialist that fails its gate and is packaged by override."""
    folder = tmp_path_factory.mktemp("served")
    home = folder / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_HOME", str(home))
        keys.new("tester", home)
        keys.trust("tester", home)
        done = run.train(load(recipe(folder / "recipe", tiny_folder, "dial")), root=folder / "runs")
        package = run.package(done, keys.load("tester", home), override="a test of serving")
    return home, done, package


@pytest.fixture
def served(made: Any, monkeypatch: pytest.MonkeyPatch) -> Specialist:
    home, _, package = made
    monkeypatch.setenv("ASSAY_HOME", str(home))
    return load_package(
        package, BasePool(SILENT), TrustStore.load(home), SILENT, allow_override=True
    )


def evidence(made: Any) -> list[dict[str, Any]]:
    return files.read_jsonl(made[1].folder / "evidence" / "evidence.jsonl")


def test_the_served_specialist_answers_what_its_evidence_says(
    made: Any, served: Specialist
) -> None:
    rows = evidence(made)
    assert len(rows) >= 5
    for row in rows:
        answer = served.ask(row["input"])
        assert answer.text == row["candidate_output"]
        assert answer.confidence == pytest.approx(row["candidate_confidence"], abs=1e-4)
        value = json.loads(answer.text)
        assert value["act"] in ("call", "mail") and value["who"] in row["input"]
        assert answer.prompt_tokens > answer.completion_tokens > 0


def test_over_http_it_answers_what_its_evidence_says(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _, package = made
    monkeypatch.setenv("ASSAY_HOME", str(home))
    trust = TrustStore.load(home)
    app = create_app(
        [package], trust=trust, progress=SILENT, require_key=False, allow_override=True
    )
    with start_in_thread(app) as address:
        api = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        for row in evidence(made):
            reply = api.chat.completions.create(
                model="dial", messages=[{"role": "user", "content": row["input"]}]
            )
            assert reply.choices[0].message.content == row["candidate_output"]


def test_streamed_pieces_join_to_the_answer(made: Any, served: Specialist) -> None:
    for row in evidence(made)[:5]:
        pieces = list(served.stream([Turn("user", row["input"])]))
        assert len(pieces) > 1
        assert "".join(pieces) == row["candidate_output"]


def test_words_that_were_never_seen_are_still_copied_from_the_request(served: Specialist) -> None:
    answer = json.loads(served.ask('mail "Zoë O\'Neill" & co').text)
    assert answer["who"] in 'mail "Zoë O\'Neill" & co'


def test_a_conversation_that_is_not_one_is_refused(served: Specialist) -> None:
    for turns in (
        [],
        [Turn("assistant", "hello")],
        [Turn("user", "a"), Turn("user", "b")],
        [Turn("user", "a"), Turn("assistant", "b")],
    ):
        with pytest.raises(DataError, match="the roles are"):
            served.answer(turns)
    with pytest.raises(DataError, match="the last user turn is empty"):
        served.ask("  ")


def test_an_override_must_be_allowed_where_it_is_served(made: Any) -> None:
    home, _, package = made
    with pytest.raises(GateError, match="override"):
        load_package(package, BasePool(SILENT), TrustStore.load(home), SILENT)


def test_a_stranger_s_package_is_not_loaded(made: Any, tmp_path: Path) -> None:
    trust = TrustStore.load(tmp_path / "another-home")
    with pytest.raises(PackageError, match="trust"):
        load_package(made[2], BasePool(SILENT), trust, SILENT, allow_override=True)


def test_another_base_at_the_same_place_is_refused(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("ASSAY_HOME", str(home))
    keys.new("tester", home)
    keys.trust("tester", home)
    base = tmp_path / "base"
    shutil.copytree(tiny_folder, base)
    done = run.train(load(recipe(tmp_path / "recipe", base, "dial")), root=tmp_path / "runs")
    package = run.package(done, keys.load("tester", home), override="a test of serving")
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    (base / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 0.5}), encoding="utf-8")
    with pytest.raises(ModelError, match="digest"):
        load_package(package, BasePool(SILENT), TrustStore.load(home), SILENT, allow_override=True)


def test_another_template_than_that_of_training_is_refused(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a later version of Assay, or of a tokenizer's chat template, would do."""
    home, _, package = made
    monkeypatch.setenv("ASSAY_HOME", str(home))
    as_trained = llm.template_for
    monkeypatch.setattr(
        llm, "template_for", lambda *args: replace(as_trained(*args), digest="0" * 64)
    )
    with pytest.raises(ModelError, match=r"template .* digest 000000000000"):
        load_package(package, BasePool(SILENT), TrustStore.load(home), SILENT, allow_override=True)


def test_two_specialists_share_one_base(
    made: Any, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _, package = made
    monkeypatch.setenv("ASSAY_HOME", str(home))
    path = recipe(tmp_path / "recipe", tiny_folder, "dial-two")
    loaded = load(path, overrides=["training.seed=5"])
    other = run.package(
        run.train(loaded, root=tmp_path / "runs"),
        keys.load("tester", home),
        override="a test of serving",
    )
    fleet = load_fleet([package, other], TrustStore.load(home), SILENT, allow_override=True)
    one, two = fleet.find("dial"), fleet.find("dial-two")
    assert one.rung.shared is two.rung.shared  # pyright: ignore[reportAttributeAccessIssue]
    before = [one.ask(row["input"]).text for row in evidence(made)[:4]]
    two.ask("call anna")  # its adapter was the active one in between
    assert [one.ask(row["input"]).text for row in evidence(made)[:4]] == before
    with pytest.raises(PackageError, match="two packages are named dial"):
        load_fleet([package, package], TrustStore.load(home), SILENT, allow_override=True)


def test_nothing_is_kept_of_a_question(served: Specialist) -> None:
    for n in range(5):
        served.ask(f"call anna {n}")
    assert len(served.rung._answered) <= 1  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage]


def test_the_first_question_waits_for_no_compiling(
    served: Specialist, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(*_: Any) -> None:
        raise AssertionError("compiled when it was asked")

    monkeypatch.setattr("assay.evaluation.rungs.llm.compile_constraint", again)
    monkeypatch.setattr("assay.evaluation.constraints._ll_tokenizer", again)
    assert json.loads(served.ask("call anna").text)["who"] == "anna"
