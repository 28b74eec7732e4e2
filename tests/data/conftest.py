"""A tokenizer with SmolLM2's chat template, and recipes over files written by the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from assay.data.prepare import prepare
from assay.data.records import Splits
from assay.observability.progress import SILENT
from assay.recipe.schema import Recipe

SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] +"
    " '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="session")
def tokenizer(byte_tokenizer: Callable[[str, int, str], Any]) -> Any:
    """A byte-level tokenizer with SmolLM2's chat template."""
    return byte_tokenizer("system user assistant where is the card?", 330, SMOLLM2)


def _lines(rows: Iterable[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as JSONL (or text, or bytes) and return the path."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        if not isinstance(content, str | bytes):
            content = _lines(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    """A label recipe over ``train.jsonl``; keywords replace parts of ``data`` and ``task``."""

    def recipe(task: dict[str, Any] | None = None, seed: int = 0, **data: Any) -> Recipe:
        task = {"output": "label", **(task or {})}
        given = {"train": {"path": "train.jsonl"}, **data}
        document = {
            "name": "cards",
            "summary": "A message becomes an intent",
            "task": task,
            "base": {"model": "none"},
            "data": given,
            "ladder": [{"kind": "majority"}],
            "training": {"seed": seed},
            "gate": {"primary": "accuracy", "thresholds": {}},
        }
        return Recipe.model_validate(document)

    return recipe


@pytest.fixture
def run(tmp_path: Path, write: Callable[..., Path], recipe: Callable[..., Recipe]) -> Any:
    """Prepare rows: ``run(train, test=…, validation=…, task=…, **data)``."""

    def run(train: Any, **data: Any) -> Splits:
        write("train.jsonl", train)
        for name in ("validation", "test"):
            if name in data:
                write(f"{name}.jsonl", data[name])
                data[name] = {"path": f"{name}.jsonl"}
        return prepare(recipe(**data), tmp_path, SILENT)

    return run


WORDS = [
    "card",
    "lost",
    "found",
    "money",
    "sent",
    "late",
    "early",
    "bank",
    "fee",
    "blocked",
    "frozen",
    "pin",
    "code",
    "app",
    "transfer",
    "topup",
    "cash",
    "machine",
    "refund",
    "charge",
    "rate",
    "euro",
    "dollar",
    "pound",
    "cheque",
    "salary",
    "passport",
    "address",
    "name",
    "phone",
]


def sentence(number: int) -> str:
    """Five words that no other number under 30 cubed has, and that share few shingles."""
    a, b, c = number % 30, number // 30 % 30, number // 900 % 30
    return f"{WORDS[a]} {WORDS[b]} {number} {WORDS[c]} {number * 7 + 1}"


@pytest.fixture
def rows() -> Callable[..., list[dict[str, str]]]:
    """Distinct rows of two classes, ``text`` and ``label``."""

    def rows(count: int, start: int = 0) -> list[dict[str, str]]:
        numbers = range(start, start + count)
        return [{"text": sentence(n), "label": ("lost", "found")[n % 2]} for n in numbers]

    return rows
