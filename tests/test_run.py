"""A run from recipe to signed answer, on data and bases small enough for seconds."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay import files, run
from assay.errors import (
    AssayError,
    DataError,
    GateError,
    Interrupted,
    PackageError,
    StorageError,
)
from assay.evaluation.evidence import read_evidence, rescore
from assay.models.pool import BasePool
from assay.observability.progress import SILENT, SilentProgress
from assay.packaging import keys
from assay.packaging.keys import TrustStore
from assay.recipe.load import Loaded, load
from assay.serving.engine import load_package

WORDS = {
    "card": "my card is lost again",
    "loan": "a loan for the house",
    "rate": "the rate of today",
}
FILLERS = [
    "please",
    "today",
    "now",
    "thanks",
    "hello",
    "quickly",
    "kindly",
    "somehow",
    "urgently",
    "maybe",
    "soon",
    "really",
]


def rows(count: int, offset: int = 0) -> list[dict[str, str]]:
    """Texts whose label a bag of words can tell, all different."""
    found = []
    for i in range(count):
        label = list(WORDS)[i % 3]
        n = i + offset
        extra = f"{FILLERS[n % 12]} {FILLERS[(n * 5 + 1) % 12]} number {n}"
        found.append({"text": f"{extra} {WORDS[label]}", "label": label})
    return found


def label_recipe(folder: Path, **changes: Any) -> Path:
    """A TF-IDF ladder that passes."""
    document: dict[str, Any] = {
        "name": "toy-labels",
        "summary": "three labels",
        "task": {"output": "label"},
        "base": {"model": "./unused"},
        "data": {
            "train": {"path": "train.jsonl"},
            "test": {"path": "test.jsonl"},
            "near_duplicates": None,
            "leakage": None,
        },
        "ladder": [{"kind": "majority"}, {"kind": "tfidf"}],
        "gate": {"primary": "accuracy", "thresholds": {"accuracy": 0.9}, "min_items": 30},
    }
    document.update(changes)
    folder.mkdir(parents=True, exist_ok=True)
    files.write_jsonl(folder / "train.jsonl", rows(120))
    files.write_jsonl(folder / "test.jsonl", rows(60, offset=500))
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def llm_recipe(folder: Path, base: Path, **training: Any) -> Path:
    """A tiny random language model that learns to answer JSON."""
    settings = {"epochs": 2, "batch": 8, "learning_rate": 0.01, "sinks": [], "checkpoint_every": 2}
    path = label_recipe(
        folder,
        name="toy-json",
        task={
            "output": "json",
            "intent_field": "intent",
            "max_new_tokens": 40,
            "schema": {
                "type": "object",
                "properties": {"intent": {"enum": list(WORDS)}},
                "required": ["intent"],
                "additionalProperties": False,
            },
        },
        base={"model": str(base), "precision": "fp32"},
        ladder=[{"kind": "majority"}, {"kind": "llm"}],
        adapter={"rank": 4, "alpha": 8},
        training={**settings, **training},
        gate={"primary": "exact_match", "thresholds": {"valid": 1.0}, "min_items": 30},
    )
    for name in ("train", "test"):
        source = files.read_jsonl(folder / f"{name}.jsonl")
        changed = [{"text": r["text"], "label": {"intent": r["label"]}} for r in source]
        files.write_jsonl(folder / f"{name}.jsonl", changed)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_from_recipe_to_signed_answer(tmp_path: Path, home: Path) -> None:
    loaded = load(label_recipe(tmp_path / "recipe"))
    done = run.train(loaded, root=tmp_path / "runs")
    assert done.status == "complete" and done.verdict == "pass"
    assert done.state["selected"] == "tfidf"
    assert [entry["kind"] for entry in done.ladder] == ["majority", "tfidf"]
    page = done.report_path.read_text(encoding="utf-8")
    assert "toy-labels" in page and "tfidf" in page and "http://" not in page.split("<body")[0]
    evidence = read_evidence(done.folder / "evidence")
    scored = rescore(loaded.recipe.task, ("card", "loan", "rate"), evidence, "candidate")
    assert scored.metrics["accuracy"] == done.evaluation["candidate"]["metrics"]["accuracy"]
    key = keys.new("tester", home)
    package = run.package(done, key)
    with pytest.raises(PackageError, match="trust"):
        load_package(package, BasePool(SILENT), TrustStore.load(home), SILENT)
    keys.trust("tester", home)
    specialist = load_package(package, BasePool(SILENT), TrustStore.load(home), SILENT)
    assert specialist.ask("hello, my card is lost").text == "card"
    assert done.package_path == package


def test_a_complete_run_is_not_done_again(tmp_path: Path) -> None:
    loaded = load(label_recipe(tmp_path / "recipe"))
    first = run.train(loaded, root=tmp_path / "runs")
    stamp = (first.folder / "evaluation.json").stat().st_mtime_ns
    second = run.train(loaded, root=tmp_path / "runs")
    assert second.folder == first.folder
    assert (second.folder / "evaluation.json").stat().st_mtime_ns == stamp
    third = run.train(loaded, root=tmp_path / "runs", fresh=True)
    assert (third.folder / "evaluation.json").stat().st_mtime_ns != stamp


def test_another_recipe_has_another_folder(tmp_path: Path) -> None:
    one = load(label_recipe(tmp_path / "recipe"))
    other = load(tmp_path / "recipe" / "recipe.yaml", overrides=["gate.min_items=31"])
    first, second = (run.train(r, root=tmp_path / "runs") for r in (one, other))
    assert first.folder != second.folder
    assert {r.folder for r in run.list_runs(tmp_path / "runs")} == {first.folder, second.folder}
    with pytest.raises(DataError, match="another recipe"):
        run.train(other, folder=first.folder)


def test_what_does_not_pass_is_not_packaged(tmp_path: Path, home: Path) -> None:
    path = label_recipe(tmp_path / "recipe", ladder=[{"kind": "majority"}])
    done = run.train(load(path), root=tmp_path / "runs")
    assert done.verdict == "fail"
    key = keys.new("tester", home)
    keys.trust("tester", home)
    with pytest.raises(GateError, match="may not be packaged"):
        run.package(done, key)
    package = run.package(done, key, override="a demonstration")
    with pytest.raises(GateError):
        load_package(package, BasePool(SILENT), TrustStore.load(home), SILENT)
    allowed = load_package(
        package, BasePool(SILENT), TrustStore.load(home), SILENT, allow_override=True
    )
    assert allowed.manifest["override"]["reason"] == "a demonstration"


def test_changed_data_of_a_run_are_noticed(tmp_path: Path) -> None:
    loaded = load(label_recipe(tmp_path / "recipe"))
    done = run.train(loaded, root=tmp_path / "runs")
    state = done.state
    state["status"] = "interrupted"
    files.write_json(done.folder / "run.json", state)
    path = done.folder / "data" / "test.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("card", "cart", 1), encoding="utf-8")
    with pytest.raises(DataError, match=r"test\.jsonl: was changed"):
        run.train(loaded, root=tmp_path / "runs")


def test_another_content_of_the_source_is_noticed(tmp_path: Path) -> None:
    loaded = load(label_recipe(tmp_path / "recipe"))
    done = run.train(loaded, root=tmp_path / "runs")
    files.write_jsonl(tmp_path / "recipe" / "train.jsonl", rows(150))
    with pytest.raises(DataError, match=r"data\.train has changed since"):
        run.train(loaded, root=tmp_path / "runs")
    again = run.train(loaded, root=tmp_path / "runs", fresh=True)
    assert again.folder == done.folder
    report = files.read_json(again.folder / "data" / "report.json")
    assert report["rows_read"]["train"] == 150


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_that_is_no_run_is_left_alone(tmp_path: Path, fresh: bool) -> None:
    loaded = load(label_recipe(tmp_path / "recipe"))
    theirs = tmp_path / "precious"
    theirs.mkdir()
    (theirs / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="is not empty and no run's folder"):
        run.train(loaded, folder=theirs, fresh=fresh)
    assert [path.name for path in theirs.iterdir()] == ["letter.txt"]


def test_fresh_removes_nothing_that_the_run_did_not_make(tmp_path: Path, home: Path) -> None:
    loaded = load(label_recipe(tmp_path / "recipe"))
    done = run.train(loaded, root=tmp_path / "runs")
    run.package(done, keys.new("mine", home))
    before = done.state["created"], files.tree_digests(done.folder)
    (done.folder / "notes.txt").write_text("dear")
    (done.folder / ".git").mkdir()
    with pytest.raises(DataError, match=r"--fresh would remove it: \.git, notes\.txt"):
        run.train(loaded, root=tmp_path / "runs", fresh=True)
    (done.folder / "notes.txt").unlink()
    (done.folder / ".git").rmdir()
    assert (done.state["created"], files.tree_digests(done.folder)) == before
    assert {path.name for path in done.folder.iterdir()} <= run.MADE
    (done.folder / ".tmp-report-x").mkdir()  # these two were left by a killed run
    (done.folder / ".run.json.x").write_text("{")
    again = run.train(loaded, root=tmp_path / "runs", fresh=True)
    assert again.verdict == "pass"
    assert again.package_path is None


def test_an_edited_recipe_of_a_run_is_neither_reported_nor_signed(
    tmp_path: Path, home: Path
) -> None:
    done = run.train(load(label_recipe(tmp_path / "recipe")), root=tmp_path / "runs")
    path = done.folder / "recipe.yaml"
    said = path.read_text(encoding="utf-8")
    path.write_text(said.replace("version: 1.0.0", "version: 9.0.0"), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != said
    with pytest.raises(DataError, match=r"recipe.yaml: was changed after the run began"):
        run.report(done)
    with pytest.raises(DataError, match=r"recipe.yaml: was changed after the run began"):
        run.package(done, keys.new("mine", home))
    assert done.package_path is None
    path.write_text("# a remark changes nothing\n" + said, encoding="utf-8")
    assert run.package(done, keys.new("other", home)).name.endswith("-1.0.0.tgsp")


@pytest.mark.parametrize("part", ["evaluation.json", "rungs/tfidf/rung/rung.json"])
def test_what_was_changed_after_the_verdict_is_not_signed(
    tmp_path: Path, home: Path, part: str
) -> None:
    done = run.train(load(label_recipe(tmp_path / "recipe")), root=tmp_path / "runs")
    path = done.folder / part
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(GateError, match="changed after the verdict"):
        run.package(done, keys.new("tester", home))


def test_a_failed_stage_and_sigterm_are_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(label_recipe(tmp_path / "recipe"))
    whole = run._data

    def killed(*given: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        return whole(*given)

    monkeypatch.setattr(run, "_data", killed)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match="finished stages are kept"):
        run.train(loaded, folder=tmp_path / "run")
    assert signal.getsignal(signal.SIGTERM) is before
    stopped = run.open_run(tmp_path / "run")
    assert stopped.status == stopped.state["stages"]["data"]["status"] == "interrupted"

    def broken(*given: Any) -> Any:
        time.sleep(0.3)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(run, "_data", broken)
    with pytest.raises(OSError, match="Input/output"):
        run.train(loaded, folder=tmp_path / "run")
    assert stopped.status == "failed"
    before_it = stopped.state["stages"]["data"]["seconds"]
    assert before_it >= 0.3
    monkeypatch.setattr(run, "_data", whole)
    assert run.train(loaded, folder=tmp_path / "run").status == "complete"
    stages = stopped.state["stages"]
    assert stages["data"]["seconds"] >= before_it
    assert stopped.seconds >= before_it  # every attempt counts


@pytest.mark.parametrize("content", ["{broken", "[]", "{}"])
def test_a_damaged_run_json_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(DataError, match=r"run\.json: (not valid JSON|not a JSON object|lacks)"):
        _ = run.open_run(tmp_path).state


def test_a_damaged_run_does_not_hide_the_others(tmp_path: Path) -> None:
    done = run.train(load(label_recipe(tmp_path / "recipe")), root=tmp_path / "runs")
    (tmp_path / "runs" / "other" / "local").mkdir(parents=True)
    (tmp_path / "runs" / "other" / "local" / "run.json").write_text("{}")
    assert [one.folder for one in run.list_runs(tmp_path / "runs")] == [done.folder]
    [fault] = run.damaged_runs(tmp_path / "runs")
    assert "other" in fault.cause and "--fresh" in fault.remedy


@pytest.mark.parametrize("part", ["validation.json", "result.json", "rung/head.safetensors"])
def test_damaged_records_of_an_unfinished_run_are_named(tmp_path: Path, part: str) -> None:
    loaded = load(label_recipe(tmp_path / "recipe"))
    done = run.train(loaded, root=tmp_path / "runs")
    files.write_json(done.folder / "run.json", {**done.state, "status": "interrupted"})
    path = done.folder / "rungs" / "tfidf" / part
    path.write_bytes(b"{}" if path.suffix == ".json" else b"")
    with pytest.raises(AssayError, match=r"lacks|cannot be read"):
        run.train(loaded, root=tmp_path / "runs")


def test_half_removed_a_run_is_not_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(label_recipe(tmp_path / "recipe"))
    done = run.train(loaded, root=tmp_path / "runs")

    def refuse(path: Path) -> None:
        raise OSError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(run.shutil, "rmtree", refuse)
        with pytest.raises(StorageError, match="permission denied"):
            run.train(loaded, root=tmp_path / "runs", fresh=True)
    with pytest.raises(DataError, match="lacks"):
        run.train(loaded, root=tmp_path / "runs")
    assert run.train(loaded, root=tmp_path / "runs", fresh=True).folder == done.folder


def test_what_the_length_limit_costs_is_said_and_recorded(
    tmp_path: Path, tiny_folder: Path, home: Path
) -> None:
    path = llm_recipe(tmp_path / "recipe", tiny_folder, max_steps=1)
    rows_ = files.read_jsonl(path.parent / "train.jsonl")
    for number in range(3):
        rows_[number]["text"] = f"{number} " + "word " * 200
    files.write_jsonl(path.parent / "train.jsonl", rows_)
    said: list[str] = []

    class Listening(SilentProgress):
        def say(self, message: str) -> None:
            said.append(message)

    loaded = load(path, overrides=["data.max_tokens=200", "data.validation_share=0.2"])
    done = run.train(loaded, root=tmp_path / "runs", all_rungs=True, progress=Listening())
    (llm,) = [entry for entry in done.ladder if entry["kind"] == "llm"]
    left_out = llm["training"]["left_out"]
    assert 1 <= left_out <= 3  # some may have gone to validation
    assert any(
        re.match(rf"{left_out} of \d+ training examples are longer than data.max_tokens \(200\)", s)
        for s in said
    )


def test_packed_training_learns_too(tmp_path: Path, tiny_folder: Path, home: Path) -> None:
    path = llm_recipe(tmp_path / "recipe", tiny_folder, packing=True, epochs=6)
    done = run.train(load(path), root=tmp_path / "runs", all_rungs=True)
    assert files.read_json(done.folder / "parity.json")["agrees"]
    losses = [row["loss"] for row in done.curves()["llm"] if "loss" in row]
    assert losses[-1] < 0.95 * losses[0]


def test_open_run_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a run"):
        run.open_run(tmp_path)


def adapter(folder: Path) -> bytes:
    return (folder / "rungs" / "llm" / "rung" / "adapter_model.safetensors").read_bytes()


def test_language_model_learns_json_and_every_form_of_it_agrees(
    tmp_path: Path, tiny_folder: Path, home: Path
) -> None:
    loaded = load(llm_recipe(tmp_path / "recipe", tiny_folder, epochs=6))
    done = run.train(loaded, root=tmp_path / "runs", all_rungs=True)
    parity = files.read_json(done.folder / "parity.json")
    assert parity["agrees"]
    ladder = {entry["kind"]: entry for entry in done.ladder}
    assert ladder["llm"]["validation"]["valid"] == 1.0
    assert ladder["llm"]["training"]["steps"] > 0
    # Calibration asks the same items first: what is remembered still cost its time.
    assert ladder["llm"]["ms_per_item"] > 10 * ladder["majority"]["ms_per_item"]
    losses = [row["loss"] for row in done.curves()["llm"] if "loss" in row]
    assert losses[-1] < 0.95 * losses[0]  # a random base under a rank-4 adapter learns little


def test_two_processes_of_accelerate_make_one_run(tmp_path: Path, tiny_folder: Path) -> None:
    loaded = load(llm_recipe(tmp_path / "recipe", tiny_folder))
    alone = run.train(loaded, folder=tmp_path / "alone", all_rungs=True)
    # `--cpu` starts one process only; `--multi_gpu` means several processes, here on the CPU.
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    launch += ["--num_processes=2", "--num_machines=1", "--mixed_precision=no"]
    launch += ["--dynamo_backend=no", f"--main_process_port={free_port()}"]
    command = [*launch, "-m", "assay", "train", str(loaded.path), "--all-rungs", "--json"]
    command += ["--folder", str(tmp_path / "pair")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=300
    )
    assert done.stdout, done.stderr[-3000:]
    assert json.loads(done.stdout)["verdict"] == alone.verdict  # told once
    pair = run.open_run(tmp_path / "pair")
    assert pair.status == "complete" and pair.verdict == alone.verdict
    steps = [[r["step"] for r in one.curves()["llm"] if "loss" in r] for one in (pair, alone)]
    assert steps[0] == steps[1]
    losses = [[r["loss"] for r in one.curves()["llm"] if "loss" in r] for one in (pair, alone)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def text_recipe(folder: Path, base: Path) -> Path:
    """Whole texts to be predicted: the same words over and over, some texts in several pieces."""
    path = label_recipe(
        folder,
        name="toy-text",
        task={"output": "text", "template": "plain", "max_new_tokens": 8},
        base={"model": str(base), "precision": "fp32"},
        data={
            "train": {"path": "train.jsonl"},
            "test": {"path": "test.jsonl"},
            "format": "text",
            "max_tokens": 40,
            "near_duplicates": None,
            "leakage": None,
        },
        ladder=[{"kind": "llm"}],
        adapter={"rank": 8, "alpha": 32},
        training={"epochs": 4, "batch": 8, "learning_rate": 0.02, "sinks": []},
        gate={"primary": "compression", "thresholds": {"max_bits_per_byte": 8.0}, "min_items": 30},
    )
    for name in ("train", "test"):
        whole = [{"text": row["text"]} for row in files.read_jsonl(folder / f"{name}.jsonl")]
        files.write_jsonl(folder / f"{name}.jsonl", whole)
    return path


def test_whole_texts_are_predicted_better_than_the_base_does(
    tmp_path: Path, tiny_folder: Path, home: Path
) -> None:
    loaded = load(text_recipe(tmp_path / "recipe", tiny_folder))
    done = run.train(loaded, root=tmp_path / "runs")
    assert done.evaluation is not None
    candidate, base = (done.evaluation[who]["metrics"] for who in ("candidate", "base"))
    assert candidate["compression"] > base["compression"]
    assert candidate["bits_per_byte"] == pytest.approx(8 * (1 - candidate["compression"]))
    assert done.verdict == "pass"
    assert files.read_json(done.folder / "parity.json")["agrees"]
    evidence = read_evidence(done.folder / "evidence")
    again = rescore(loaded.recipe.task, (), evidence, "candidate")
    assert again.metrics["bits_per_byte"] == pytest.approx(candidate["bits_per_byte"])
    assert "Compression" in done.report_path.read_text(encoding="utf-8")
    key = keys.new("tester", home)
    keys.trust("tester", home)
    served = load_package(run.package(done, key), BasePool(SILENT), TrustStore.load(home), SILENT)
    assert served.ask("please today number").text  # a text that was begun is continued


def test_a_text_s_likelihood_is_hugging_faces(tmp_path: Path, tiny: Any) -> None:
    from assay.data.records import Example, Turn
    from assay.evaluation.rungs.card import Card
    from assay.evaluation.rungs.llm import LanguageModel
    from assay.models.load import Causal
    from assay.models.pool import SharedCausal
    from assay.models.precision import decide
    from assay.models.store import BaseRef
    from assay.recipe.schema import Task

    model, tokenizer = tiny
    ref = BaseRef("tiny", tmp_path, "0" * 64, "MIT", "causal", "test")
    shared = SharedCausal(Causal(model.eval(), tokenizer, ref, decide("fp32")))
    card = Card(kind="llm", task=Task(output="text", template="plain"), labels=())
    text = "the card is lost, système"
    example = Example("1", text, (Turn("system", ""), Turn("assistant", text)), text, "all")
    found = LanguageModel.untrained(card, shared).predict([example], SILENT)[0]
    ids = tokenizer(text + tokenizer.eos_token, return_tensors="pt")["input_ids"]
    expected = -float(model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
    assert found.logprob == pytest.approx(expected, rel=1e-5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> tuple[Loaded, run.Run]:
    """A recipe that trains for a while, and its run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    loaded = load(llm_recipe(folder / "recipe", tiny_folder, epochs=40))
    return loaded, run.train(loaded, root=folder / "runs", all_rungs=True)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_killed_in_training_and_resumed_gives_the_same_adapter(
    tmp_path: Path, whole: tuple[Loaded, run.Run], how: signal.Signals
) -> None:
    loaded, undisturbed = whole
    root = tmp_path / "killed"
    code = (
        "import sys; from pathlib import Path; from assay import run\n"
        "from assay.recipe.load import load\n"
        "run.train(load(sys.argv[1]), root=Path(sys.argv[2]), all_rungs=True)\n"
    )
    command = [sys.executable, "-c", code, str(loaded.path), str(root)]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ})
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = list(root.glob("*/*/rungs/llm/checkpoints/step-*"))
        if len(found) >= 2 or child.poll() is not None:
            break
        time.sleep(0.01)
    assert child.poll() is None, "the run ended before it could be killed"
    child.send_signal(how)
    child.wait(timeout=60)
    folder = next(root.glob("*/*"))
    status = json.loads((folder / "run.json").read_text())["status"]
    assert status == ("running" if how == signal.SIGKILL else "interrupted")
    resumed = run.train(loaded, root=root, all_rungs=True)
    assert resumed.status == "complete"
    assert resumed.ladder[-1]["training"]["resumed_from"] is not None
    assert adapter(resumed.folder) == adapter(undisturbed.folder)


def code_recipe(folder: Path, base: Path) -> Path:
    """Programs of one line; five more are drawn for each item."""
    path = label_recipe(
        folder,
        name="toy-code",
        task={"output": "text", "check": "code", "max_new_tokens": 8, "samples": 5},
        base={"model": str(base), "precision": "fp32"},
        data={
            "train": {"path": "train.jsonl"},
            "test": {"path": "test.jsonl"},
            "tests": "tests",
            "near_duplicates": None,
            "leakage": None,
            "limit": {"train": 60, "validation": 5, "test": 12},
        },
        ladder=[{"kind": "llm"}],
        adapter={"rank": 8, "alpha": 32},
        training={"epochs": 6, "batch": 8, "learning_rate": 0.02, "sinks": []},
        gate={"primary": "pass_at_5", "thresholds": {"pass_at_5": 0.6}, "min_items": 10},
    )
    for name in ("train", "test"):
        source = files.read_jsonl(folder / f"{name}.jsonl")
        program = {"label": "x = 1", "tests": ["assert x == 1"]}
        changed = [{"text": row["text"], **program} for row in source]
        files.write_jsonl(folder / f"{name}.jsonl", changed)
    return path


def test_programs_are_drawn_and_a_run_that_goes_on_draws_the_same(
    tmp_path: Path, tiny_folder: Path, home: Path
) -> None:
    loaded = load(code_recipe(tmp_path / "recipe", tiny_folder))
    done = run.train(loaded, root=tmp_path / "runs")
    rows = read_evidence(done.folder / "evidence")
    assert {len(row["candidate_samples"]) for row in rows} == {5}
    assert len({text for row in rows for text in row["base_samples"]}) > 12  # of random weights
    assert done.evaluation is not None
    metrics = done.evaluation["candidate"]["metrics"]
    assert metrics["pass_at_2"] <= metrics["pass_at_5"]
    assert rescore(loaded.recipe.task, (), rows).metrics["pass_at_5"] == metrics["pass_at_5"]
    assert "Pass@5" in done.report_path.read_text(encoding="utf-8")
    for name in ("evaluation.json", "evidence"):
        path = done.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    state = done.state
    for stage in ("evaluate", "gate"):
        state["stages"].pop(stage, None)
    files.write_json(done.folder / "run.json", {**state, "status": "interrupted"})
    again = run.train(loaded, root=tmp_path / "runs")
    assert read_evidence(again.folder / "evidence") == rows
