"""Every bad input is one clear screen, through the real command, and leaves nothing half-written."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from assay import files

Assay = Callable[..., Any]  # the fixture `assay`
Spoil = Callable[[], object]
Change = tuple[str, str]  # what to replace in the recipe, by what

VALIDATE, INSPECT, TRAIN = "validate", "data inspect", "train"
RECORDS = ("run.json", "recipe.yaml", "environment.json")  # what a failed run keeps of itself
WORDS = {"card": "my card is lost again", "loan": "a loan for a house", "rate": "the rate of today"}
RECIPE = """\
name: toy
summary: three labels
task: {output: label, max_new_tokens: 4}
base: {model: ./base, precision: fp32}
data:
  train: {path: train.jsonl}
  test: {path: test.jsonl}
  id: null
  near_duplicates: null
  leakage: null
  max_tokens: 512
ladder: [{kind: tfidf}]
training: {max_steps: 2, sinks: []}
gate: {primary: accuracy, thresholds: {accuracy: 0.9}, min_items: 30}
"""
LLM: Change = ("kind: tfidf", "kind: llm")
IDS: Change = ("id: null", "id: id")
TEXT: tuple[Change, ...] = (
    ("output: label", "output: text, regex: '[a-z]+'"),
    ("primary: accuracy, thresholds: {accuracy: 0.9}", "primary: exact_match, thresholds: {}"),
)
WEIGHTS, TOKENIZER = Path("base/model.safetensors"), Path("base/tokenizer.json")
CONFIG, TEMPLATE = Path("base/config.json"), Path("base/chat_template.jinja")
TRAINING, TESTING = Path("train.jsonl"), Path("test.jsonl")


# -- good inputs, and what spoils them -----------------------------------------------------


def rows(count: int, first: int = 0) -> list[dict[str, str]]:
    """Texts whose label a bag of words can tell, all different."""
    named = [(n, list(WORDS)[n % 3]) for n in range(first, first + count)]
    return [{"id": f"i{n}", "text": f"number {n} {WORDS[x]}", "label": x} for n, x in named]


def good_inputs(base: Path, *changes: Change) -> None:
    """Recipe, rows and, where the ladder reads one, a base, in the working folder."""
    Path("recipe.yaml").write_text(RECIPE, encoding="utf-8")
    recipe_with(*changes)()
    files.write_jsonl(TRAINING, rows(60))
    files.write_jsonl(TESTING, rows(30, first=300))
    if LLM in changes:
        shutil.rmtree("base", ignore_errors=True)
        shutil.copytree(base, "base")


def recipe_with(*changes: Change) -> Spoil:
    def spoil() -> None:
        text = Path("recipe.yaml").read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        Path("recipe.yaml").write_text(text, encoding="utf-8")

    return spoil


def written(path: Path, content: bytes) -> Spoil:
    return lambda: path.write_bytes(content)


def truncated(path: Path) -> Spoil:
    return lambda: path.write_bytes(path.read_bytes()[:-1000])


def row_added(path: Path, **row: str) -> Spoil:
    added = {"id": "added", "text": "something new", "label": "card", **row}
    return lambda: files.write_jsonl(path, [*files.read_jsonl(path), added])


def all_cards() -> None:
    for path in (TRAINING, TESTING):
        files.write_jsonl(path, [{**row, "label": "card"} for row in files.read_jsonl(path)])


def config_with(**changes: Any) -> Spoil:
    return lambda: files.write_json(CONFIG, {**files.read_json(CONFIG), **changes})


def weights_with(change: Callable[[dict[str, Any]], object]) -> Spoil:
    def spoil() -> None:
        from safetensors.torch import load_file, save_file

        tensors = load_file(WEIGHTS)
        change(tensors)
        save_file(tensors, WEIGHTS, {"format": "pt"})

    return spoil


def fewer_tokens_than_the_tokenizer() -> None:
    name = "model.embed_tokens.weight"
    weights_with(lambda tensors: tensors.update({name: tensors[name][:100].clone()}))()
    config_with(vocab_size=100)()


@dataclass(frozen=True)
class Bad:
    """How an input is spoilt, and what is said of it."""

    spoil: Spoil
    told: str  # pattern of cause and remedy
    changes: tuple[Change, ...] = ()  # of the recipe, before anything is spoilt
    by: tuple[str, ...] = (INSPECT, TRAIN)  # the commands that must refuse it


of_recipe = partial(Bad, by=(VALIDATE, INSPECT, TRAIN))
of_base = partial(Bad, changes=(LLM,))
of_loaded_base = partial(Bad, changes=(LLM,), by=(TRAIN,))  # inspect reads no weights

BAD = {
    "misspelt key": of_recipe(
        recipe_with(("leakage", "leekage")), r'recipe\.yaml:10: data\.leekage: .*"leakage"\?'
    ),
    "wrong type": of_recipe(
        recipe_with(("min_items: 30", "min_items: many")),
        r'recipe\.yaml:14: gate\.min_items: must be a whole number, but is .*"many"',
    ),
    "regex that is none": of_recipe(
        recipe_with(("[a-z]+", "[a-z")), r"recipe\.yaml:3: task\.regex: not a regular", (LLM, *TEXT)
    ),
    "regex that cannot be enforced": of_loaded_base(
        recipe_with(("[a-z]+", "(?=c)[a-z]+")), r"task\.regex", changes=(LLM, *TEXT)
    ),
    "missing data file": Bad(TRAINING.unlink, r"train\.jsonl: no such file"),
    "empty file": Bad(written(TRAINING, b""), r"train\.jsonl: the file is empty"),
    "one row": Bad(lambda: files.write_jsonl(TRAINING, rows(1)), r"data\.train|train\.jsonl"),
    "one class": Bad(all_cards, r'all \d+ training rows have the label "card".*data\.target'),
    "label not in the set": Bad(
        row_added(TESTING, label="lone"), r'test\.jsonl:31: the label "lone" of test is not in'
    ),
    "label of 500 kB": Bad(row_added(TESTING, label="z" * 500_000), r"test\.jsonl:31: the label"),
    "label of 500 kB in lines": Bad(
        row_added(TESTING, label=("z" * 900 + "\n") * 555), r"test\.jsonl:31: the label"
    ),
    "not UTF-8": Bad(
        written(TRAINING, b'{"text": "caf\xe9"}\n'), r"train\.jsonl:1: byte 14 .*0xE9.* UTF-8"
    ),
    "line of 2 MB": Bad(
        row_added(TRAINING, text="x" * 2_000_000), r"train\.jsonl:61: the line is longer than"
    ),
    "id given twice": Bad(
        row_added(TESTING, id="i7"), r'test\.jsonl:31: the id "i7" .* train\.jsonl:8', (IDS,)
    ),
    "id of 500 kB given twice": Bad(
        lambda: [row_added(path, id="i" * 500_000)() for path in (TRAINING, TESTING)],
        r"test\.jsonl:31: the id .* train\.jsonl:61",
        (IDS,),
    ),
    "train equal to test": Bad(
        lambda: shutil.copy(TRAINING, TESTING), r"the 60 distinct .* also in test.*data\.test"
    ),
    "rows over the length limit": of_base(
        recipe_with(("max_tokens: 512", "max_tokens: 3")), r"longer than data\.max_tokens \(3\)"
    ),
    "weights of 0 bytes": of_base(
        written(WEIGHTS, b""), r"base/model\.safetensors: not a complete .*\(0 bytes"
    ),
    "truncated weights": of_base(
        truncated(WEIGHTS), r"base/model\.safetensors: not a complete safetensors file"
    ),
    "weights without a layer": of_loaded_base(
        weights_with(lambda tensors: tensors.pop("model.layers.1.mlp.up_proj.weight")),
        r"base\b.*model\.layers\.1\.mlp\.up_proj\.weight",
    ),
    "weights that are not numbers": of_loaded_base(
        weights_with(lambda tensors: tensors["model.norm.weight"].fill_(float("nan"))),
        r"base\b.*(NaN|finite|number)",
    ),
    "missing tokenizer": of_base(TOKENIZER.unlink, "base: the tokenizer cannot be loaded"),
    "broken tokenizer": of_base(truncated(TOKENIZER), "base: the tokenizer cannot be loaded"),
    "tokenizer of a larger base": of_loaded_base(
        fewer_tokens_than_the_tokenizer, r"base\b.*tokenizer"
    ),
    "broken config": of_base(written(CONFIG, b'{"arch'), r"base/config\.json: not valid JSON"),
    "config of a wrong type": of_base(config_with(hidden_size="many"), r"base\b.*hidden_size"),
    "config that cannot be": of_base(config_with(architectures=5), r"base\b.*architectures"),
    "template without an end": of_base(
        written(TEMPLATE, b"{% for m in messages %}{{ m.content }}{% endfor %}"),
        r"wrong chat template: an answer does not end with <\|im_end\|>",
    ),
    "template that is not Jinja": of_base(written(TEMPLATE, b"{% for"), "wrong chat template"),
    "template that fails": of_base(written(TEMPLATE, b"{{ 3 + 'x' }}"), "wrong chat template"),
}


# -- what is asked of every one ------------------------------------------------------------


def refused(done: Any, told: str, *, listed: bool = False) -> None:
    """One screen with cause and remedy; ``listed``: the faults are on stdout, as of validate."""
    shown = done.out + done.err
    assert done.code == 1, shown[-2000:]
    assert len(shown) <= 5000 and len(shown.splitlines()) <= 45, (len(shown), shown[:2000])
    _, _, message = ("\n" + done.err).partition("\nerror: ")
    assert re.search(told, done.out if listed else message, re.DOTALL), shown
    assert listed or re.search(r"\nwhat to do: \S.{10}", message), shown


def tree() -> dict[str, str]:
    """Every path in this test's folders; of a file, the digest of its bytes."""
    paths = Path.cwd().parent.rglob("*")
    return {str(path): files.sha256_file(path) if path.is_file() else "" for path in paths}


def half_written(before: dict[str, str]) -> set[str]:
    """What changed, but for the records of a failed run and the stages that it finished."""
    after = tree()
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    for folder in Path.cwd().glob("runs/*/*"):
        state = files.read_json(folder / "run.json")
        assert state["status"] == "failed"
        stages = [name for name, stage in state["stages"].items() if stage["status"] == "done"]
        whole = re.compile(rf"{re.escape(str(folder))}/({'|'.join([*RECORDS, *stages])})(/[^.].*)?")
        changed -= {str(folder), *map(str, folder.parents)}
        changed -= {path for path in changed if whole.fullmatch(path) and "/." not in path}
    return changed


@pytest.mark.parametrize("name", BAD)
def test_a_bad_input_is_told_and_nothing_is_half_written(
    assay: Assay, tiny_folder: Path, name: str
) -> None:
    bad = BAD[name]
    good_inputs(tiny_folder, *bad.changes)
    bad.spoil()
    before = tree()
    for command in bad.by:
        assert tree() == before
        refused(assay(*command.split(), "recipe.yaml"), bad.told, listed=command == VALIDATE)
    assert half_written(before) == set()
    good_inputs(tiny_folder, *bad.changes)
    command = TRAIN if not {LLM, *TEXT} & {*bad.changes} else INSPECT  # what is cheap
    mended = assay(*command.split(), "recipe.yaml")
    assert mended.code == 0, mended


@contextmanager
def locked(path: Path, mode: int) -> Generator[None]:
    """``path`` with another mode, which holds for root too: it lays down its right to pass it by."""
    libc, header = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this thread
    had, less = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    root, usual = os.geteuid() == 0, path.stat().st_mode
    path.chmod(mode)
    try:
        if root:
            assert libc.capget(header, had) == 0
            less[:] = [had[0] & ~0b110, *had[1:]]  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            assert libc.capset(header, less) == 0
        yield
    finally:
        if root:
            libc.capset(header, had)
        path.chmod(usual)


@pytest.mark.parametrize(
    "name", ["recipe.yaml", "train.jsonl", WEIGHTS, TOKENIZER, "runs"], ids=str
)
def test_without_permission(assay: Assay, tiny_folder: Path, name: str | Path) -> None:
    good_inputs(tiny_folder, LLM)
    Path("runs").mkdir()
    before = tree()
    for command in (TRAIN,) if name == "runs" else (INSPECT, TRAIN):
        with locked(Path(name), 0o555 if name == "runs" else 0):
            done = assay(*command.split(), "recipe.yaml")
        refused(done, rf"{name}.*: permission denied")
    assert half_written(before) == set()


def test_fresh_without_permission_is_no_success(assay: Assay, tiny_folder: Path) -> None:
    good_inputs(tiny_folder)
    assert assay("train", "recipe.yaml").code == 0
    [data] = Path("runs").glob("*/*/data")
    row_added(TRAINING)()
    with locked(data, 0o555):
        done = assay("train", "recipe.yaml", "--fresh")
    refused(done, f"{data.parent}.*: permission denied")
    assert assay("train", "recipe.yaml", "--fresh").code == 0


@pytest.mark.parametrize("flags", [(), ("--fresh",)], ids=["as it is", "fresh"])
@pytest.mark.parametrize("theirs", ["thesis.txt", "recipe.yaml", "run.json"])
def test_the_folder_of_somebody_else_survives(
    assay: Assay, tiny_folder: Path, theirs: str, flags: tuple[str, ...]
) -> None:
    good_inputs(tiny_folder)
    files.write_json(Path("theirs") / theirs, {"years": "of work"})
    before = tree()
    refused(assay("train", "recipe.yaml", "--folder", "theirs", *flags), "^theirs")
    assert tree() == before
    assert assay("train", "recipe.yaml", "--folder", "mine").code == 0


@pytest.mark.parametrize(
    "damage",
    ["", "[]", '{"name": "to', {"recipe_digest": None}, {"status": "failed", "stages": ["data"]}],
)
def test_a_damaged_record_of_a_run(assay: Assay, tiny_folder: Path, damage: Any) -> None:
    good_inputs(tiny_folder)
    assert assay("train", "recipe.yaml").code == 0
    [record] = Path("runs").glob("*/*/run.json")
    state = files.read_json(record)
    text = damage if isinstance(damage, str) else json.dumps({**state, **damage})
    record.write_text(text, encoding="utf-8")
    before = tree()
    refused(assay("train", "recipe.yaml"), rf"{record}.*--fresh")  # removing it would not help
    assert tree() == before
    assert assay("train", "recipe.yaml", "--fresh").code == 0


def test_data_that_changed_after_a_run(assay: Assay, tiny_folder: Path) -> None:
    good_inputs(tiny_folder)
    assert assay("train", "recipe.yaml").code == 0
    row_added(TRAINING)()
    before = tree()
    refused(assay("train", "recipe.yaml"), r"data\.train has changed since runs/toy/.*--fresh")
    assert tree() == before
    assert assay("train", "recipe.yaml", "--fresh").code == 0
