"""The datasets that come with Assay: whole, documented, licensed, and fit for their recipes."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from assay import files
from assay.data.datasets import SHIPPED
from assay.data.readers import read
from assay.data.spans import from_tokens, tagged, tags_of, word_bounds
from assay.recipe.schema import Source

SPLITS = ("train", "validation", "test")
DATASETS = sorted({path.parent.name for path in SHIPPED.glob("*/*.gz")})
LICENCES = (
    "Apache-2.0",
    "CC0-1.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-4.0 AND Apache-2.0",
    "CC-BY-SA-4.0",
    "MIT",
    "NOASSERTION",  # Cranfield: none is stated
    "PDDL-1.0 AND CC0-1.0",
)
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
    "clinc150/train": 15_100,
    "clinc150/validation": 550,
    "clinc150/test": 5_500,
    "consumer-complaints/train": 700,
    "consumer-complaints/test": 300,
    "newsgroups20/train": 2_313,
    "newsgroups20/validation": 500,
    "newsgroups20/test": 1_000,
    "spam-assassin/train": 1_030,
    "spam-assassin/validation": 165,
    "spam-assassin/test": 380,
    "sentence-polarity/train": 9_596,
    "sentence-polarity/test": 1_066,
    "subjectivity/train": 9_000,
    "subjectivity/test": 1_000,
    "amazon-google/train": 6_874,
    "amazon-google/validation": 2_293,
    "amazon-google/test": 2_293,
    "gsm8k/train": 3_000,
    "xquad-en/train": 714,
    "xquad-en/validation": 139,
    "xquad-en/test": 337,
    "gsm8k/test": 1_319,
    "mbpp/train": 374,
    "mbpp/validation": 90,
    "mbpp/test": 500,
    "qmsum/train": 496,
    "qmsum/validation": 105,
    "qmsum/test": 115,
    "chinook/train": 1_484,
    "chinook/validation": 140,
    "chinook/test": 280,
    "defog-sql/train": 79,
    "defog-sql/validation": 25,
    "defog-sql/test": 82,
    "shop-texts/train": 1_277,
    "shop-texts/test": 300,
    "cranfield/train": 85,
    "cranfield/validation": 40,
    "cranfield/test": 100,
    "cranfield/corpus": 1_398,
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
        if not split.endswith(".jsonl.gz"):  # a database
            assert set(entry) == {"sha256"}
            continue
        name = f"{dataset}/{split.removesuffix('.jsonl.gz')}"
        assert f"| `{name}` | {entry['rows']:,} |" in readme
        assert set(next(iter(rows_of(name)))) <= {w.split("`")[0] for w in readme.split("| `")}


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/*.gz")), ids=lambda p: p.parent.name)
def test_archives_carry_no_time_and_no_name(path: Path) -> None:
    head = path.read_bytes()[:10]
    assert head[3] == 0 and head[4:8] == b"\0\0\0\0"
    assert gzip.decompress(path.read_bytes()).endswith(b"}\n" if ".jsonl" in path.name else b";\n")


def test_every_split_of_every_dataset_is_counted_here() -> None:
    files_there = {f"{p.parent.name}/{p.name.split('.')[0]}" for p in SHIPPED.glob("*/*.jsonl.gz")}
    assert files_there == set(ROWS)


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
    found = [{row["agreement"] for row in rows_of(f"sec-filings/{split}")} for split in SPLITS]
    assert list(map(len, found)) == [4, 1, 3]
    assert len(set.union(*found)) == 8


@pytest.mark.parametrize("dataset", ["sec-filings", "wnut17"])
def test_every_token_has_its_tag(dataset: str) -> None:
    for split in SPLITS:
        for row in rows_of(f"{dataset}/{split}"):
            text, spans = from_tokens(row["tokens"], row["tags"], split)
            begins = [tag for tag in row["tags"] if tag.startswith("B-")]
            assert len(spans) == len(begins)  # IOB2: every entity begins with a B-
            assert tagged(word_bounds(text), tags_of(word_bounds(text), spans)) == spans


def test_clinc150_has_the_same_mixture_to_choose_with_and_to_be_tested_on() -> None:
    labels = {s: Counter(r["label"] for r in rows_of(f"clinc150/{s}")) for s in SPLITS}
    assert {len(found) for found in labels.values()} == {151}
    each = {split: set(found.values()) for split, found in labels.items()}
    assert each == {"train": {100}, "validation": {3, 100}, "test": {30, 1000}}
    for found in (labels["validation"], labels["test"]):
        assert abs(found["out_of_scope"] / found.total() - 0.18) < 0.002
    for split in SPLITS:
        for row in rows_of(f"clinc150/{split}"):
            assert (row["scope"] == "out") == (row["label"] == "out_of_scope")


@pytest.mark.parametrize(
    "dataset,labels,each",
    [("consumer-complaints", 5, 60), ("sentence-polarity", 2, 533), ("subjectivity", 2, 500)],
)
def test_a_test_split_by_hash_is_balanced(dataset: str, labels: int, each: int) -> None:
    counts = Counter(row["label"] for row in rows_of(f"{dataset}/test"))
    assert len(counts) == labels and set(counts.values()) == {each}
    rows = [*rows_of(f"{dataset}/train"), *rows_of(f"{dataset}/test")]
    assert len(set(Counter(row["label"] for row in rows).values())) == 1


@pytest.mark.parametrize("dataset", ["newsgroups20", "spam-assassin"])
def test_no_thread_is_in_two_splits(dataset: str) -> None:
    found = [{row["thread"] for row in rows_of(f"{dataset}/{split}")} for split in SPLITS]
    assert len(set.union(*found)) == sum(map(len, found)) > 800


@pytest.mark.parametrize("dataset", ["newsgroups20", "spam-assassin"])
def test_mails_keep_no_address_no_header_and_no_more_than_is_said(dataset: str) -> None:
    address = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
    header = re.compile(r"^(newsgroups|path|message-id|received|x-[\w-]+|return-path): ", re.I)
    for split in SPLITS:
        for row in rows_of(f"{dataset}/{split}"):
            assert address.search(row["text"]) is None
            assert header.match(row["text"]) is None
            assert 10 <= len(row["text"]) <= 2000
    hidden = sum("<email>" in row["text"] for row in rows_of(f"{dataset}/train"))
    assert hidden > 100


def test_newsgroups20_is_balanced_and_without_quotations() -> None:
    for split, each in (("validation", 25), ("test", 50)):
        counts = Counter(row["label"] for row in rows_of(f"newsgroups20/{split}"))
        assert len(counts) == 20 and set(counts.values()) == {each}
    lines = [line for row in rows_of("newsgroups20/train") for line in row["text"].split("\n")]
    assert [line for line in lines if line.startswith((">", "|", "In article"))] == []


def test_spam_assassin_is_text_of_the_groups_stated() -> None:
    counts = Counter((row["group"], row["label"]) for row in rows_of("spam-assassin/test"))
    assert counts == {("easy-ham", "HAM"): 180, ("hard-ham", "HAM"): 20, ("spam", "SPAM"): 180}
    rows = [row for split in SPLITS for row in rows_of(f"spam-assassin/{split}")]
    pages = [row for row in rows if re.search(r"<(html|body|table|font)\b", row["text"], re.I)]
    assert len(pages) < 0.02 * len(rows)  # what is left is quoted or broken mark-up
    listed = [row for row in rows if re.search(r"_{20,}\s.*\n?.*mailing list", row["text"])]
    assert len(listed) < 0.02 * len(rows)


def test_amazon_google_shows_both_offers_and_few_match() -> None:
    for split in SPLITS:
        rows = rows_of(f"amazon-google/{split}")
        for row in rows:
            one, other = row["text"].split("\n")
            assert one.startswith("A: ") and other.startswith("B: ")
            assert "COL " not in row["text"] and "VAL " not in row["text"]
        share = sum(row["label"] == "MATCH" for row in rows) / len(rows)
        assert 0.10 < share < 0.105
