"""A SkyPilot task: what is in it, what is kept out of it, and what starts it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay import files
from assay.errors import DataError, DependencyError
from assay.launch import cloud
from assay.launch.prices import instance
from assay.recipe.load import load, recipe_digest
from assay.run import folder_of

Small = Callable[..., str]
ROOT = Path("runs")
WHEEL = "assay-0.1.0-py3-none-any.whl"


@pytest.fixture
def written(small: Small) -> Callable[..., tuple[cloud.Launch, dict[str, Any]]]:
    """Write a task; returns it with what stands in its file."""

    def write(*changes: str, **more: Any) -> tuple[cloud.Launch, dict[str, Any]]:
        Path(WHEEL).write_bytes(b"")
        loaded = load(small("text"), overrides=changes)
        options = {"spot": True, "bucket": "s3://mine/assay", "wheel": Path(WHEEL), **more}
        made = cloud.write(loaded, instance("g5.xlarge"), root=ROOT, **options)
        return made, yaml.safe_load(made.path.read_text(encoding="utf-8"))

    return write


def test_the_task_asks_for_the_machine_and_carries_what_the_recipe_names(written: Any) -> None:
    made, task = written()
    assert task["resources"] == {
        "infra": "aws", "instance_type": "g5.xlarge", "use_spot": True,
    }  # fmt: skip
    mounts = task["file_mounts"]
    assert mounts["~/assay/rows.jsonl"] == str(Path("rows.jsonl").resolve())
    assert mounts[f"~/assay/{WHEEL}"] == str(Path(WHEEL).resolve())
    assert mounts["/results"] == {"source": f"s3://mine/assay/{made.name}", "mode": "MOUNT"}
    assert "secrets" not in task and "envs" not in task
    assert made.fetch == f"aws s3 sync s3://mine/assay/{made.name} runs"
    assert made.command[:3] == ("sky", "jobs", "launch") and made.command[-1] == str(made.path)
    on_demand = written(spot=False)[1]["resources"]
    assert on_demand["infra"] == "aws/us-east-1" and on_demand["use_spot"] is False


def test_the_recipe_that_travels_is_the_run_s_and_ends_in_its_folder(
    written: Any, small: Small
) -> None:
    made, task = written("training.epochs=3")
    loaded = load("cards.yaml", overrides=["training.epochs=3"])
    sent = load(made.path.parent / "recipe.yaml")
    assert recipe_digest(sent.recipe) == recipe_digest(loaded.recipe)
    folder = folder_of(loaded, ROOT)
    assert made.run == folder and not folder.exists()
    assert f"--folder ~/runs/{folder.parent.name}/{folder.name}" in task["run"]


def test_the_job_s_script_resumes_keeps_and_passes_a_verdict_on(
    written: Any, tmp_path: Path
) -> None:
    """Run by a shell, with a bucket that is a folder and programs that are scripts."""
    script = written()[1]["run"].replace("/results", str(tmp_path / "bucket"))
    home, bucket = tmp_path / "home", tmp_path / "bucket"
    for folder in (home / "assay", home / "assay-venv" / "bin", bucket / "cards"):
        folder.mkdir(parents=True)
    (bucket / "cards" / "checkpoint").write_text("of a machine before")
    program = home / "assay-venv" / "bin" / "assay"
    rsync = tmp_path / "bin" / "rsync"
    rsync.parent.mkdir()
    rsync.write_text('#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\ncp -r "$1." "$2"\n')
    rsync.chmod(0o755)

    def run(code: int) -> int:
        program.write_text(
            f"#!/bin/sh\ntest -f ~/runs/cards/checkpoint || exit 9\necho x > ~/runs/new\nexit {code}\n"
        )
        program.chmod(0o755)
        path = f"{rsync.parent}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "HOME": str(home), "PATH": path}
        return subprocess.run(["bash", "-c", script], env=env, timeout=60).returncode

    assert [run(code) for code in (0, 3, 4, 1, 130)] == [0, 0, 0, 1, 130]
    assert (bucket / "new").read_text() == "x\n"


def test_databases_travel_and_datasets_of_this_machine_do_not(
    written: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("dbs").mkdir()
    for name in ("a.sql", "b.sql"):
        (Path("dbs") / name).write_text("CREATE TABLE t (x INTEGER);", encoding="utf-8")
    asking = ("task.check=sql", "gate.primary=execution_match", "gate.thresholds={}")
    mounts = written(*asking, "data.database.path=dbs/{db}.sql")[1]["file_mounts"]
    for name in ("a.sql", "b.sql"):
        assert mounts[f"~/assay/dbs/{name}"] == str((Path("dbs") / name).resolve())
    with pytest.raises(DataError, match="no such database"):
        written(*asking, "data.database.path=none.sqlite")
    with pytest.raises(DataError, match="does not lie beside the recipe"):
        written(*asking, "data.database.path=/etc/passwd")
    own = tmp_path / "own" / "mine"
    own.mkdir(parents=True)
    (own / "train.jsonl").write_text('{"text": "a", "label": "b"}\n', encoding="utf-8")
    digest = files.sha256_file(own / "train.jsonl")
    card = {"licence": "MIT", "files": {"train.jsonl": {"sha256": digest}}}
    files.write_json(own / "digests.json", card)
    monkeypatch.setenv("ASSAY_DATA", str(own.parent))
    with pytest.raises(DataError, match="ASSAY_DATA on this machine only"):
        written("data.train={dataset: mine/train}")


def test_secrets_are_named_and_never_written(written: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "a" * 30)
    monkeypatch.setenv("DB", "postgresql://me:secret@host/x")
    made, task = written("base.model=hf://some/base", "data.train={sql: SELECT 1, url: '${DB}'}")
    assert task["secrets"] == {"DB": None, "HF_TOKEN": None}
    assert "--secret DB --secret HF_TOKEN" in " ".join(made.command)
    for path in made.path.parent.iterdir():
        assert "secret@" not in path.read_text() and "hf_a" not in path.read_text()


@pytest.mark.parametrize(
    "change,what",
    [
        ("task.system=see postgresql://me:hunter2@host/x", "password"),
        ("task.system=AKIAABCDEFGHIJKLMNOP", "AWS access key"),
        ("task.system=hf_abcdefghijklmnopqrstuvwxyz", "Hugging Face token"),
    ],
)
def test_what_looks_like_a_credential_is_refused(written: Any, change: str, what: str) -> None:
    with pytest.raises(DataError, match=f"looks like .*{what}") as caught:
        written(change)
    assert "${NAME}" in caught.value.remedy and not (ROOT / "launches").exists()


def test_data_elsewhere_a_bucket_and_a_wheel_that_are_none_are_told(
    written: Any, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="not the address of a bucket"):
        written(bucket="mine")
    with pytest.raises(DataError, match="no such wheel") as caught:
        written(wheel=Path("dist/none.whl"))
    assert "pip wheel" in caught.value.remedy
    with pytest.raises(DataError, match="does not lie beside the recipe"):
        written(f"data.train={{path: {tmp_path / 'rows.jsonl'}}}")


def test_without_skypilot_the_way_to_it_is_told(
    written: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made, _ = written()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DependencyError, match=r"not installed; the task is written") as caught:
        cloud.start(made)
    assert "skypilot[aws]" in caught.value.remedy and "sky jobs launch" in caught.value.remedy
    program = tmp_path / "sky"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\nexit ${{CODE:-0}}\n')
    program.chmod(0o755)
    cloud.start(made)
    assert (tmp_path / "said").read_text().split() == list(made.command[1:])
    monkeypatch.setenv("CODE", "2")
    with pytest.raises(DataError, match="exit code 2"):
        cloud.start(made)
