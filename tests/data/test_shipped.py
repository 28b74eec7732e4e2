"""The datasets that come with Assay: whole, documented, licensed, and fit for their recipes."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from assay import files
from assay.data.readers import SHIPPED, read
from assay.data.spans import from_tokens, tagged, tags_of, word_bounds
from assay.recipe.schema import Source

DATASETS = sorted(path.name for path in SHIPPED.iterdir())
LICENCES = ("CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-4.0 AND Apache-2.0")
ROWS = {
    "banking77/train": 10_003,
    "banking77/test": 3_080,
    "snips/train": 15_884,
    "snips/test": 700,
    "support-chat/train": 1_200,
    "support-chat/test": 300,
    "sec-filings/train": 888,
    "sec-filings/validation": 276,
    "sec-filings/test": 303,
    "wnut17/train": 3_394,
    "wnut17/validation": 1_009,
    "wnut17/test": 1_287,
    "uci-sentiment/train": 2_400,
    "uci-sentiment/test": 600,
}


def rows_of(name: str) -> list[dict[str, Any]]:
    return [row for _, row in read(Source(dataset=name), None)]


@pytest.mark.parametrize("name", ROWS)
def test_splits_are_whole(name: str) -> None:
    assert len(rows_of(name)) == ROWS[name]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_is_documented_and_licensed(dataset: str) -> None:
    folder = SHIPPED / dataset
    digests = files.read_json(folder / "digests.json")
    assert digests["licence"] in LICENCES
    notice = (folder / "LICENSE.txt").read_text(encoding="utf-8")
    for part in ("Source: https://", "Commit: ", "Licence: ", "Cite: ", "Changes: "):
        assert part in notice
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for split, entry in digests["files"].items():
        name = f"{dataset}/{split.removesuffix('.jsonl.gz')}"
        assert f"| `{name}` | {entry['rows']:,} |" in readme
        assert set(next(iter(rows_of(name)))) <= {w.split("`")[0] for w in readme.split("| `")}


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/*.gz")), ids=lambda p: p.parent.name)
def test_archives_carry_no_time_and_no_name(path: Path) -> None:
    head = path.read_bytes()[:10]
    assert head[3] == 0 and head[4:8] == b"\0\0\0\0"
    assert gzip.decompress(path.read_bytes()).endswith(b"}\n")


def test_banking77_has_its_77_intents_in_both_splits() -> None:
    train, test = ({row["label"] for row in rows_of(f"banking77/{s}")} for s in ("train", "test"))
    assert len(train) == 77 and train == test


def first_of(value: str | list[str]) -> str:
    return value if isinstance(value, str) else value[0]


def test_snips_slots_are_words_of_the_request() -> None:
    rows = rows_of("snips/test")
    assert set(Counter(row["target"]["intent"] for row in rows).values()) == {100}
    for row in rows:
        for value in row["target"]["slots"].values():
            assert all(
                part in row["text"] for part in ([value] if isinstance(value, str) else value)
            )


def test_snips_slots_come_in_the_order_they_are_spoken_in() -> None:
    rows = rows_of("snips/test")
    slots = [list(map(first_of, row["target"]["slots"].values())) for row in rows]
    places = [
        [row["text"].find(v) for v in values] for row, values in zip(rows, slots, strict=True)
    ]
    # A short value like "a" may also occur inside an earlier word, hence not every row.
    assert sum(found == sorted(found) for found in places) > 0.97 * len(rows)
    assert sum(values == sorted(values) for values in slots) < 0.7 * len(rows)


def test_snips_is_free_of_mojibake() -> None:
    from assay.data.clean import repaired

    for row in rows_of("snips/train"):
        assert repaired(row) == row


def test_uci_sentiment_is_balanced() -> None:
    counts = Counter((row["source"], row["label"]) for row in rows_of("uci-sentiment/test"))
    assert set(counts.values()) == {100} and len(counts) == 6


def test_support_chat_gives_each_intent_its_one_reply() -> None:
    replies: dict[str, set[str]] = {}
    lengths: Counter[int] = Counter()
    for split in ("train", "test"):
        for row in rows_of(f"support-chat/{split}"):
            turns = row["messages"]
            assert [turn["role"] for turn in turns[:3]] == ["system", "user", "assistant"]
            replies.setdefault(row["intent"], set()).add(turns[-1]["content"])
            lengths[len(turns)] += 1
    assert len(replies) == 24
    assert {len(given) for given in replies.values()} == {1}
    assert len(set.union(*replies.values())) == 24
    assert set(lengths) == {3, 5} and 0.4 < lengths[5] / lengths.total() < 0.6


def test_support_chat_takes_its_user_turns_from_the_same_split_of_banking77() -> None:
    for split in ("train", "test"):
        known = {row["text"] for row in rows_of(f"banking77/{split}")}
        for row in rows_of(f"support-chat/{split}"):
            said = [turn["content"] for turn in row["messages"] if turn["role"] == "user"]
            assert set(said) <= known


def test_the_example_in_each_readme_is_its_first_row() -> None:
    for dataset in DATASETS:
        readme = (SHIPPED / dataset / "README.md").read_text(encoding="utf-8")
        example = readme.split("```json\n")[1].split("\n```")[0]
        assert json.loads(example) == rows_of(f"{dataset}/train")[0]


def test_no_agreement_is_in_two_splits_of_sec_filings() -> None:
    splits = ("train", "validation", "test")
    found = [{row["agreement"] for row in rows_of(f"sec-filings/{split}")} for split in splits]
    assert list(map(len, found)) == [4, 1, 3]
    assert len(set.union(*found)) == 8


@pytest.mark.parametrize("dataset", ["sec-filings", "wnut17"])
def test_every_token_has_its_tag(dataset: str) -> None:
    for split in ("train", "validation", "test"):
        for row in rows_of(f"{dataset}/{split}"):
            text, spans = from_tokens(row["tokens"], row["tags"], split)
            begins = [tag for tag in row["tags"] if tag.startswith("B-")]
            assert len(spans) == len(begins)  # IOB2: every entity begins with a B-
            assert tagged(word_bounds(text), tags_of(word_bounds(text), spans)) == spans
