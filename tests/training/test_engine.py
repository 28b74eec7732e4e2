"""The loop: same step whatever the micro-batch, same bits whatever kills it, clear errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from toy import Toy, engine, items, network, weights

from assay import files
from assay.errors import Interrupted, StorageError, TrainingError
from assay.observability.progress import SILENT
from assay.training import checkpoints
from assay.training.engine import Engine

TRAIN, HELD_OUT = items(), items(16, seed=1)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def trained(folder: Path, **changes: Any) -> dict[str, torch.Tensor]:
    loop = engine(folder, **changes)
    loop.fit(TRAIN, HELD_OUT)
    return weights(loop.model)


def rows(folder: Path, key: str) -> list[float]:
    return [row[key] for row in files.read_jsonl(folder / "metrics.jsonl") if key in row]


def test_it_learns(tmp_path: Path) -> None:
    fitted = engine(tmp_path, epochs=30).fit(TRAIN, HELD_OUT)
    losses = rows(tmp_path, "validation_loss")
    assert min(losses) < 0.3 * losses[0]
    assert fitted.best_loss == min(losses)
    assert fitted.steps == 30 * 6


@pytest.mark.parametrize("micro", [1, 2, 3, 8])
def test_accumulation_takes_the_same_steps(tmp_path: Path, micro: int) -> None:
    """1 x 8 equals 8 x 1: dropout is off here because it draws per pass."""

    def run(folder: Path, size: int) -> nn.Module:
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        torch.manual_seed(0)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.3)
        toy = engine(folder, micro_batch=size)
        Engine(model, Toy(), toy.settings, folder, SILENT).fit(TRAIN, [])
        return model

    whole, parts = run(tmp_path / "a", 8), run(tmp_path / "b", micro)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("at", [1, 4, 9, 14, 19])
def test_killed_and_resumed_is_bit_identical(tmp_path: Path, at: int) -> None:
    reference = trained(tmp_path / "whole")
    killed = tmp_path / "killed"
    script = [sys.executable, str(Path(__file__).parent / "toy.py"), str(killed), str(at)]
    assert subprocess.run(script, check=False).returncode == -9
    loop = engine(killed)
    fitted = loop.fit(TRAIN, HELD_OUT)
    assert same(weights(loop.model), reference)
    assert fitted.steps == 18
    steps = [row["step"] for row in files.read_jsonl(killed / "metrics.jsonl") if "loss" in row]
    assert steps == list(range(1, 19))
    if at > 5:
        assert fitted.resumed_from is not None


@pytest.mark.parametrize("damage", ["truncate", "flip", "manifest"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, damage: str) -> None:
    reference = trained(tmp_path / "whole")
    objective = Toy()
    objective.poison_at = 15
    with pytest.raises(TrainingError):
        engine(tmp_path / "run", objective).fit(TRAIN, [])
    newest = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]
    if damage == "manifest":
        (newest / "manifest.json").unlink()
    else:
        path = newest / "weights.safetensors"
        data = bytearray(path.read_bytes())
        if damage == "flip":
            data[-3] ^= 4
        path.write_bytes(data[:-5] if damage == "truncate" else data)
    said: list[str] = []
    loop = engine(tmp_path / "run")
    loop.progress = type("P", (), {"say": said.append, "task": staticmethod(SILENT.task)})()
    fitted = loop.fit(TRAIN, HELD_OUT)
    assert any(newest.name in line and "passed over" in line for line in said)
    assert fitted.resumed_from != newest.name and fitted.resumed_from is not None
    assert same(weights(loop.model), reference)


@pytest.mark.parametrize("step", [5, 18])  # the last step is followed by more work
def test_sigterm_saves_and_says_how_to_go_on(tmp_path: Path, step: int) -> None:
    reference = trained(tmp_path / "whole")
    objective = Toy()
    objective.stop_at = step
    with pytest.raises(Interrupted, match=f"SIGTERM: stopped at step {step} of 18"):
        engine(tmp_path / "run", objective, checkpoint_every=1000).fit(TRAIN, [])
    assert checkpoints.newest(tmp_path / "run" / "checkpoints") is not None
    loop = engine(tmp_path / "run", checkpoint_every=1000)
    assert loop.fit(TRAIN, HELD_OUT).resumed_from == f"step-{step:08}"
    assert same(weights(loop.model), reference)


def test_out_of_memory_halves_the_micro_batch_and_goes_on(tmp_path: Path) -> None:
    objective = Toy()
    objective.largest = 2
    loop = engine(tmp_path, objective)
    fitted = loop.fit(TRAIN, [])
    assert fitted.micro_batch == 2 and fitted.out_of_memory == 2 and fitted.steps == 18
    events = [
        row for row in files.read_jsonl(tmp_path / "metrics.jsonl") if row.get("event") == "oom"
    ]
    assert [row["detail"] for row in events] == ["micro_batch=4", "micro_batch=2"]


def test_out_of_memory_with_one_example_is_an_error(tmp_path: Path) -> None:
    objective = Toy()
    objective.largest = 0
    with pytest.raises(TrainingError, match="single example"):
        engine(tmp_path, objective).fit(TRAIN, [])


def test_out_of_memory_in_validation_takes_fewer_rows(tmp_path: Path) -> None:
    objective = Toy()
    objective.largest = 8  # a training batch fits, sixteen rows of validation do not
    loop = engine(tmp_path, objective)
    fitted = loop.fit(TRAIN, HELD_OUT)
    assert fitted.micro_batch == 8 and fitted.out_of_memory == 0
    roomy = engine(tmp_path / "roomy").fit(TRAIN, HELD_OUT)
    assert fitted.best_loss == pytest.approx(roomy.best_loss, rel=1e-5)
    objective.largest = 0
    with pytest.raises(TrainingError, match="in validation with a single example"):
        loop.mean_loss(HELD_OUT)


def test_halvings_are_counted_over_a_resume(tmp_path: Path) -> None:
    objective = Toy()
    objective.largest, objective.stop_at = 4, 12
    with pytest.raises(Interrupted):
        engine(tmp_path, objective).fit(TRAIN, [])
    fitted = engine(tmp_path).fit(TRAIN, [])
    assert fitted.resumed_from and fitted.out_of_memory == 1 and fitted.micro_batch == 4


def test_a_validation_loss_that_is_not_a_number_is_an_error(tmp_path: Path) -> None:
    odd = [(x, float("nan"), w) for x, y, w in HELD_OUT]
    with pytest.raises(TrainingError, match="step 6: validation loss nan"):
        engine(tmp_path).fit(TRAIN, odd)


def test_a_loss_that_is_not_a_number_stops_before_the_weights_are_touched(tmp_path: Path) -> None:
    objective = Toy()
    objective.poison_at = 5
    with pytest.raises(TrainingError, match="step 5: loss nan"):
        engine(tmp_path, objective, checkpoint_every=1).fit(TRAIN, [])
    good = checkpoints.newest(tmp_path / "checkpoints")
    assert good is not None and good.name == "step-00000004"
    assert all(torch.isfinite(t).all() for t in checkpoints.load(good).weights.values())


def test_a_full_disk_names_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = checkpoints.save_file
    written: list[int] = []

    def full(tensors: Any, path: Any) -> None:
        written.append(1)
        if len(written) > 5:
            raise OSError(28, "No space left on device")
        whole(tensors, path)

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(StorageError, match=r"no space left[\s\S]*step-000000"):
        engine(tmp_path).fit(TRAIN, [])
    folder = tmp_path / "checkpoints"
    assert checkpoints.newest(folder) is not None
    assert not [path for path in folder.iterdir() if path.name.startswith(".tmp")]


def test_nothing_to_train_on_and_nothing_that_moves_are_errors(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no training item"):
        engine(tmp_path).fit([([0.0] * 4, 0.0, 0)], [])
    for decay in (0.0, 0.1):  # weight decay moves parameters that nothing taught
        loop = engine(tmp_path / str(decay), weight_decay=decay)
        for parameter in loop.model.parameters():
            parameter.register_hook(torch.zeros_like)
        with pytest.raises(TrainingError, match="no trainable parameter moved"):
            loop.fit(TRAIN, [])


def test_early_stopping_keeps_the_best_weights(tmp_path: Path) -> None:
    far = [(x, -y, w) for x, y, w in HELD_OUT]  # training makes these worse
    loop = engine(tmp_path, epochs=50, validate_every=2, patience=3)
    fitted = loop.fit(TRAIN, far)
    assert fitted.stopped_early and fitted.steps < 300
    assert fitted.best_step < fitted.steps
    assert loop.mean_loss(far) == pytest.approx(fitted.best_loss, rel=1e-5)


def test_a_finished_training_takes_no_further_step(tmp_path: Path) -> None:
    reference = trained(tmp_path)
    objective = Toy()
    loop = engine(tmp_path, objective)
    loop.fit(TRAIN, [])
    assert objective.calls == 0
    assert same(weights(loop.model), reference)


def test_only_the_last_checkpoints_are_kept(tmp_path: Path) -> None:
    trained(tmp_path, keep_checkpoints=3)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-00000014", "step-00000016", "step-00000018"]


def test_checkpoints_hold_no_pickle(tmp_path: Path) -> None:
    trained(tmp_path)
    suffixes = {path.suffix for path in (tmp_path / "checkpoints").rglob("*") if path.is_file()}
    assert suffixes == {".safetensors", ".json"}


def test_two_processes_take_the_trajectory_of_one(tmp_path: Path) -> None:
    script = tmp_path / "pair.py"
    script.write_text(
        "import sys, torch\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "from torch import nn\n"
        "from safetensors.torch import save_file\n"
        "from toy import Toy, items, settings\n"
        "from assay.observability.progress import SILENT\n"
        "from assay.training.engine import Engine\n"
        "torch.manual_seed(0)\n"
        "model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))\n"
        "out = Path(sys.argv[1])\n"
        "Engine(model, Toy(), settings(), out, SILENT).fit(items(49), items(16, seed=1))\n"
        "import os\n"
        "if os.environ.get('RANK', '0') == '0':\n"
        "    save_file(model.state_dict(), out / 'final.safetensors')\n"
    )
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "--master-port=29533",
    ]
    subprocess.run([sys.executable, str(script), str(tmp_path / "one")], check=True)
    subprocess.run([*launch, str(script), str(tmp_path / "two")], check=True, capture_output=True)
    from safetensors.torch import load_file

    one = load_file(tmp_path / "one" / "final.safetensors")
    two = load_file(tmp_path / "two" / "final.safetensors")
    for name in one:
        torch.testing.assert_close(two[name], one[name], atol=1e-5, rtol=1e-4)
    assert rows(tmp_path / "two", "loss") == pytest.approx(rows(tmp_path / "one", "loss"), rel=1e-4)


def test_toy_network_is_seeded() -> None:
    assert same(weights(network()), weights(network()))
