"""What README and docs tell a reader to type, and a reader who types it."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from ready import Ready

from assay.recipe.catalogue import entries

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
OWN_PAGE = ROOT / "docs" / "your-own.md"
SAP_PAGE = ROOT / "docs" / "sap.md"
DOCUMENTS_PAGE = ROOT / "docs" / "documents.md"
PAGES = [README, *sorted(set((ROOT / "docs").glob("*.md")) - {OWN_PAGE, SAP_PAGE, DOCUMENTS_PAGE})]
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
    "assay estimate --pack business --profile full --on g5.xlarge": "minutes; tests/cli/test_estimate.py, a pack of two",
    "assay words examples/documents/invoice.pdf": "tests/docs/test_documents.py",
    "assay words FILE": "tests/cli/test_words.py",
    "assay read FILE": "tests/cli/test_read.py",
    "assay read examples/documents/xrechnung_ubl.xml": "tests/docs/test_documents.py",
    "assay kb pull": "tests/cli/test_kb.py, from a registry on loopback",
    "assay kb import hub:SAPS4HANACloud": "tests/sap/test_hub.py, from a host on loopback",
    "assay kb import https://HOST/sap/opu/odata/sap/API_PRODUCT_SRV": "tests/sap/test_fetch.py, from a host on loopback",
    "assay sap post FILE.json --post --to https://HOST": "tests/cli/test_sap.py, to hosts on loopback",
}
STANDS_FOR = {
    "RECIPE": "review-sentiment",
    "NAME": "review-sentiment",
    "RUN": "banking-intent",
    "PACKAGE": "banking-intent.tgsp",
    "FILE": "banking-intent.tgsp",
    "FILE.json": "examples/supplier_invoice.json",
    "QUERY": "goods receipt",
    "mine.yaml": str(ROOT / "src/assay/sap/knowledge/mappings/supplier_invoice.v2.yaml"),
}


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
OWN = list(fenced(OWN_PAGE))  # another story, with data of its own
SAP = list(fenced(SAP_PAGE))  # and another
DOCUMENTS = list(fenced(DOCUMENTS_PAGE))
TEXT = sorted({c for page in PAGES for c in (*inline(page), *fenced(page))} - set(STORY))
COMMANDS = [c for c in TEXT if c.startswith("assay ") and c not in ELSEWHERE]
ON_SAP = [c for c in COMMANDS if c.startswith(("assay kb", "assay sap"))]  # need what ships for SAP
NAMED = [c for c in COMMANDS if c not in ON_SAP]
ALONE = [
    c
    for c in NAMED
    if c.startswith(("assay train", "assay data", "assay sweep", "assay pilot", "assay estimate"))
]  # need no story
# Those that train what the catalogue ships: one run each, which a pack and a recipe's own command share.
CATALOGUE = [c for c in ALONE if "--pack" in c or {*c.split()} & {e.name for e in entries()}]
MEASURED = sorted(c for c in set(inline(ROOT / "docs" / "results.md")) if not c.startswith("make "))


SMALLER = [
    f"--set={setting}"
    for setting in (
        "training.max_steps=2",
        "training.batch=4",
        "data.limit.train=160",
        "data.limit.validation=8",
        "data.limit.test=8",
        "task.max_new_tokens=8",
    )
]


@dataclass
class Reader:
    """Someone who types what the page says, in a folder and with keys of their own."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict[str, str])
    hurried: bool = False  # has bases that learn nothing
    ready: Ready | None = None  # has what is slow to import at hand

    def type(self, command: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        program, *words = shlex.split(command)
        if program == "assay" and self.ready:
            return self.ready.run([*words, *more], self.folder, self.env)
        found = str(BINARIES / program) if program in ("assay", "python") else program
        return subprocess.run(
            [found, *words, *more], cwd=self.folder, env=self.env, capture_output=True, text=True
        )

    def try_recipe(self, command: str) -> None:
        """Run ``assay train``, ``data``, ``pilot``, ``estimate`` or ``sweep``, with a shipped recipe for each placeholder, cut short."""
        words = [STANDS_FOR.get(word, word) for word in shlex.split(command)]
        if len(words) == 2:
            ended_well(self.type(command, "--help"))
        elif words[1] == "train":
            # A rung passes that takes seconds.
            quick = command == "assay train review-sentiment" and not self.hurried
            done = self.type(shlex.join(words), *([] if quick else SMALLER))
            ended_well(done, (0,) if quick else (0, 3, 4))  # with so few rows a gate may well fail
            assert ("leaderboard:" if "--pack" in words else "report:") in done.stdout
        elif words[1] == "pilot":
            ended_well(self.type(shlex.join(words), *SMALLER), (0, 3, 4))
        elif words[1] == "estimate":
            ended_well(self.type(shlex.join(words), *SMALLER))
        elif words[1] == "sweep":
            done = self.type(shlex.join(words), *SMALLER, "--trials", "2")
            ended_well(done)
            assert "next:   assay train" in done.stdout
        else:
            ended_well(self.type(shlex.join(words)))

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
