from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import RecipeError
from assay.recipe.load import faults_in, load
from assay.recipe.new import UNSEEN, init, starter
from assay.recipe.sniff import Sniffed


def rows_file(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_starter_validates_and_opens_with_its_commands(tmp_path: Path) -> None:
    path = init(tmp_path / "mine.yaml", "mine", None)
    assert load(path).recipe.name == "mine"
    assert load(path, profile="full").recipe.base.model.startswith("hf://")
    header = path.read_text().split("\nname:")[0].splitlines()
    assert all(line.startswith("#") for line in header)
    commands = [line for line in header if line.startswith("#   assay ")]
    expected = ["validate mine.yaml", "data inspect mine.yaml", "train mine.yaml"]
    assert all(e in c for e, c in zip(expected, commands, strict=False))


def test_columns_and_kind_come_from_the_data(tmp_path: Path) -> None:
    rows = [{"id": i, "query": f"q {i}", "intent": "ab"[i % 2], "channel": "x"} for i in range(20)]
    data = rows_file(tmp_path / "rows.jsonl", rows)
    (tmp_path / "recipes").mkdir()
    path = init(tmp_path / "recipes", "mine", data)
    assert path == tmp_path / "recipes" / "mine.yaml"
    recipe = load(path).recipe
    assert recipe.data.train.path == "../rows.jsonl"
    assert (recipe.data.input, recipe.data.target, recipe.data.id) == ("query", "intent", "id")
    assert recipe.task.output == "label"
    text = path.read_text()
    assert "2 different values of `intent` in the 20 rows looked at" in text
    assert "Not used: channel" in text


def test_objects_become_a_json_task(tmp_path: Path) -> None:
    rows = [{"text": "x", "parsed": {"no": 1, "b: c": {"1": "x"}}}] * 2
    recipe = load(init(tmp_path / "a", "a", rows_file(tmp_path / "r.jsonl", rows))).recipe
    assert recipe.task.output == "json"
    assert recipe.task.json_schema is not None
    assert recipe.task.json_schema["required"] == ["no", "b: c"]
    assert [rung.kind for rung in recipe.ladder] == ["majority", "nearest", "llm"]


def test_chats_become_a_text_task(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    data = rows_file(tmp_path / "r.jsonl", [{"turns": turns}] * 2)
    recipe = load(init(tmp_path / "a.yml", "a", data)).recipe
    assert (recipe.data.format, recipe.data.messages) == ("messages", "turns")
    assert (recipe.task.output, recipe.gate.primary) == ("text", "chrf")


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    for target in (path, tmp_path, tmp_path / "mine"):
        with pytest.raises(RecipeError, match="exists already"):
            init(target, "mine", None)
    assert path.read_text() == "precious"


@pytest.mark.parametrize("name", ["Mine", "my recipe", "a: b", "", "x\ny"])
def test_a_bad_name_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecipeError):
        init(tmp_path / "mine.yaml", name, None)
    assert list(tmp_path.iterdir()) == []


columns = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(text=columns, target=columns, other=columns, path=columns)
def test_any_column_name_gives_a_valid_recipe(
    text: str, target: str, other: str, path: str
) -> None:
    found = Sniffed((text, target, other), 5, "text", f"many of `{target}`", text, target)
    assert faults_in(starter("f.yaml", "mine", found, path), "f.yaml") == []
    chat = Sniffed((text,), 5, "text", "turns", messages=text)
    assert faults_in(starter("f.yaml", "mine", chat, path), "f.yaml") == []


def test_the_unseen_starter_is_a_label_task() -> None:
    assert faults_in(starter("f.yaml", "mine", UNSEEN, "data.jsonl"), "f.yaml") == []
