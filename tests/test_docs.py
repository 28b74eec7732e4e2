"""Every command that README and docs show is run: README's as they stand, others at reduced size.

What takes many minutes as it stands (`make demo`, the runs and benchmarks behind docs/results.md) is
run so under `make test-full`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"```(?:sh|console|bash)\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`((?:assay|make|python benchmarks/)[^`\n]*)`")
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
BINARIES = Path(sys.executable).parent

ELSEWHERE = {
    "make test": "it runs this test",
    "make test-full": "it runs this test",
    "make test PYTHON=python3.13": "it runs this test, with another Python",
    "make demo": "test_make_demo_runs_as_it_stands",
    "make bench": "test_a_benchmark_runs and test_a_benchmark_runs_as_it_stands",
    "assay serve PACKAGE PACKAGE": "tests/web: two packages, loaded and asked",
}
STANDS_FOR = {
    "RECIPE": "review-sentiment",
    "NAME": "review-sentiment",
    "RUN": "banking-intent",
    "PACKAGE": "banking-intent.tgsp",
    "FILE": "banking-intent.tgsp",
}
SMALLER = [
    f"--set={setting}"
    for setting in (
        "training.max_steps=2",
        "data.limit.train=160",
        "data.limit.validation=24",
        "data.limit.test=24",
    )
]


def fenced(page: Path) -> Iterator[str]:
    """Command lines of the page's shell blocks, prompts and trailing comments removed."""
    for block in FENCE.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if not line.startswith((" ", "\t")):
                command = line.removeprefix("$ ").split("  #")[0].strip()
                if command.startswith(("assay ", "make ", "python benchmarks/")):
                    yield command


def inline(page: Path) -> Iterator[str]:
    """Commands named in the text."""
    for command in INLINE.findall(page.read_text(encoding="utf-8")):
        yield command.removesuffix("...").strip()


STORY = list(fenced(README))
TEXT = sorted({c for page in PAGES for c in (*inline(page), *fenced(page))} - set(STORY))
NAMED = [c for c in TEXT if c.startswith("assay ") and c not in ELSEWHERE]
MEASURED = sorted(c for c in set(inline(ROOT / "docs" / "results.md")) if not c.startswith("make "))


@dataclass
class Reader:
    """Someone who types what the page says, in a folder and with keys of their own."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict[str, str])

    def type(self, command: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        program, *words = shlex.split(command)
        found = str(BINARIES / program) if program in ("assay", "python") else program
        return subprocess.run(
            [found, *words, *more], cwd=self.folder, env=self.env, capture_output=True, text=True
        )

    def serve(self, command: str) -> None:
        """Start a server, ask it over HTTP, and stop it with Ctrl-C."""
        program, *words = shlex.split(command)
        with subprocess.Popen(
            [str(BINARIES / program), *words, "--port", "0"],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_listens_to_ctrl_c,
        ) as server:
            assert server.stdout is not None
            said = ""
            for line in server.stdout:
                said += line
                if found := re.search(r"http://\S+/v1", said):
                    break
            else:
                raise AssertionError(f"{command}\n{said}")
            question = {
                "model": "banking-intent",
                "messages": [{"role": "user", "content": "my new card has not arrived"}],
            }
            reply = httpx.post(f"{found[0]}/chat/completions", json=question, timeout=60).json()
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)
        assert reply["choices"][0]["message"]["content"] == "card_arrival"
        assert server.returncode == 130  # 128 + SIGINT


def _listens_to_ctrl_c() -> None:
    """As from a terminal; tests that run in the background inherit that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ended_well(done: subprocess.CompletedProcess[str], codes: Sequence[int] = (0,)) -> None:
    said = f"{shlex.join(done.args)}\n{done.stdout[-1500:]}\n{done.stderr[-2500:]}"
    assert done.returncode in codes, said


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Has followed README to the end of its last block."""
    folder = tmp_path_factory.mktemp("reader")
    home = folder / "home"
    home.mkdir()
    models = Path.home() / ".cache" / "assay" / "models"
    if models.is_dir():
        (home / "models").symlink_to(models)
    stranger = Reader(folder, {**os.environ, "ASSAY_HOME": str(home), "COLUMNS": "120"})
    for command in STORY:
        if command.startswith("assay serve"):
            stranger.serve(command)
        elif command.startswith("assay "):
            ended_well(stranger.type(command))
        else:
            assert command in ELSEWHERE, command
    return stranger


def test_the_readme_s_commands_run_in_order(reader: Reader) -> None:
    assert {"make demo", "make test"} <= set(STORY) and len(STORY) >= 15
    assert (reader.folder / "banking-intent.tgsp").is_file()
    assert (reader.folder / "mine.yaml").is_file()


def test_the_readme_s_python_runs(reader: Reader) -> None:
    (code,) = PYTHON.findall(README.read_text(encoding="utf-8"))
    done = reader.type("python -c", code)
    ended_well(done)
    verdict, page = done.stdout.split()[-2:]
    assert verdict == "pass" and (reader.folder / page).is_file()


@pytest.mark.parametrize("command", NAMED)
def test_a_command_of_the_text_runs(reader: Reader, command: str) -> None:
    """With something real for each placeholder, and training cut to a few steps."""
    words = [STANDS_FOR.get(word, word) for word in shlex.split(command)]
    if words[1:3] == ["models", "info"]:
        words[-1] = "all-minilm-l6-v2"
    if len(words) == 2 or words[1:] in (["keys", "new"], ["keys", "trust"]):
        without = reader.type(shlex.join(words), "--help")  # the name of a command
        ended_well(without)
    elif words[1] == "serve":
        reader.serve(shlex.join(words))
    elif words[1] == "train":
        # README has trained the one; of the other, a rung passes that takes seconds
        quick = words[2:] == ["banking-intent"] or words[2] == "review-sentiment"
        done = reader.type(shlex.join(words), *([] if quick else SMALLER))
        ended_well(done, (0,) if quick else (0, 3, 4))  # with so few rows a gate may well fail
        assert "report:" in done.stdout
    else:
        ended_well(reader.type(shlex.join(words)))


@pytest.mark.parametrize(
    "script,smaller,key",
    [
        ("bench_training.py", ["--rows", "4", "--batch", "2", "--rounds", "1"], "against"),
        ("bench_label_decoding.py", ["--items", "4", "--rounds", "1"], "times_faster"),
    ],
)
def test_a_benchmark_runs(reader: Reader, script: str, smaller: list[str], key: str) -> None:
    done = reader.type(f"python {ROOT / 'benchmarks' / script} --json", *smaller)
    ended_well(done)
    assert f'"{key}"' in done.stdout
    assert {p.name for p in (ROOT / "benchmarks").glob("bench_*.py")} == {
        "bench_training.py",
        "bench_label_decoding.py",
    }


@pytest.mark.parametrize("command", sorted({c for c in (*STORY, *TEXT) if c.startswith("make ")}))
def test_a_make_target_that_is_named_exists(command: str) -> None:
    """And runs, where nothing else runs it."""
    target = command.split()[1]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)
    if command not in ELSEWHERE:
        done = subprocess.run(["make", "-C", ROOT, target], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]


@pytest.mark.full
@pytest.mark.parametrize("command", [c for c in MEASURED if c.startswith("assay train")])
def test_a_measured_run_passes_as_it_stands(reader: Reader, command: str) -> None:
    ended_well(reader.type(command, "--root", "full"))


@pytest.mark.full
@pytest.mark.parametrize("command", [c for c in MEASURED if c.startswith("python")])
def test_a_benchmark_runs_as_it_stands(reader: Reader, command: str) -> None:
    shutil.copytree(ROOT / "benchmarks", reader.folder / "benchmarks", dirs_exist_ok=True)
    ended_well(reader.type(command))


@pytest.mark.full
def test_make_demo_runs_as_it_stands(reader: Reader) -> None:
    done = reader.type(f"make -C {ROOT} demo")
    ended_well(done)
