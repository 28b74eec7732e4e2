"""Requests and what they ask for: Banking77, SNIPS, CLINC150, Bitext, chats made of Banking77."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from shipped.card import CC_BY, CC_BY_3, Card, Row, Splits, hashed, held_out

REPLIES_FILE = Path(__file__).resolve().parents[1] / "support_replies.json"
SYSTEM = "You are a bank's support assistant."

BANKING = f"""\
BANKING77, copyright PolyAI Limited.
Source: https://github.com/PolyAI-LDN/task-specific-datasets
Commit: 57ec275d8078af65b7731c2a98be812d844a6d6b
{CC_BY}
Cite: Casanueva, Temčinas, Gerz, Henderson, Vulić: Efficient Intent Detection with Dual Sentence
Encoders, 2020, arXiv:2003.04807
"""
SNIPS = """\
SNIPS natural language understanding benchmark, 2017-06 custom intent engines, by Snips.
Source: https://github.com/snipsco/nlu-benchmark
Commit: b86ac7f1577868c42158d0dec77db50956046696
Licence: CC0 1.0 Universal, https://creativecommons.org/publicdomain/zero/1.0/legalcode
Cite: Coucke et al.: Snips Voice Platform, 2018, arXiv:1805.10190
"""
CLINC = f"""\
CLINC150, "An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction", by Clinc.
Source: https://github.com/clinc/oos-eval (data/data_full.json)
Commit: 828f8093932c8fe6ca7936c3d2e52903b1c523de
{CC_BY_3}
Cite: Larson et al.: An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction,
2019, arXiv:1909.02027
"""
BITEXT = """\
Bitext customer service tagged training dataset for intent detection, by Bitext.
Source: https://github.com/bitext/customer-support-intent-detection-training-dataset
Commit: e970229e6473109417301b5edddb283917a10aac
Licence: Community Data License Agreement - Sharing - Version 1.0 (CDLA-Sharing-1.0),
https://cdla.dev/sharing-1-0/
Cite: Bitext: Customer Service Tagged Training Dataset for Intent Detection, 2022
"""
REPLIES = """
The assistant turns were written for Assay. Licence: Apache License 2.0,
https://www.apache.org/licenses/LICENSE-2.0
"""


def banking(source: Path, split: str) -> list[Row]:
    """The official CSV files."""
    path = source / "banking77" / "banking_data" / f"{split}.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        return [{"text": r["text"].strip(), "label": r["category"]} for r in csv.DictReader(handle)]


def snips(source: Path, pattern: str) -> Iterator[Row]:
    """Rows of one published file of each intent, intents in alphabetical order."""
    folders = (source / "snips" / "2017-06-custom-intent-engines").iterdir()
    for folder in sorted(path for path in folders if path.is_dir()):
        raw = (folder / pattern.format(folder.name)).read_bytes()
        utf16 = raw.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass")
        for item in json.loads(utf16.decode("utf-16"))[folder.name]:
            yield snips_row(folder.name, item["data"])


def snips_row(intent: str, segments: list[dict[str, str]]) -> Row:
    """Join annotated segments to a text, and gather the annotated ones as slots."""
    found: dict[str, list[str]] = defaultdict(list)
    for segment in segments:
        if "entity" in segment:
            found[segment["entity"]].append(segment["text"].strip())
    slots = {name: values[0] if len(values) == 1 else values for name, values in found.items()}
    text = "".join(segment["text"] for segment in segments).strip()
    return {"text": text, "target": {"intent": intent, "slots": slots}}


def support(messages: list[Row], replies: dict[str, str], wanted: int) -> list[Row]:
    """Conversations about the intents that have a reply; every message is used at most once."""
    left = sorted(
        (row for row in messages if row["label"] in replies), key=lambda row: hashed(row["text"])
    )
    chats: list[Row] = []
    while left and len(chats) < wanted:
        asked = [left.pop()]
        goes_on = hashed("goes on? " + asked[0]["text"])[0] % 2 == 0
        if goes_on and left and left[-1]["label"] != asked[0]["label"]:
            asked.append(left.pop())
        turns = [{"role": "system", "content": SYSTEM}]
        for row in asked:
            turns.append({"role": "user", "content": row["text"]})
            turns.append({"role": "assistant", "content": replies[row["label"]]})
        chats.append({"messages": turns, "intent": asked[-1]["label"]})
    return chats


def clinc(source: Path, split: str) -> list[Row]:
    """Requests of the 150 intents, then those of none."""
    path = source / "clinc150" / "data" / "data_full.json"
    published = json.loads(path.read_text(encoding="utf-8"))
    inside = [
        {"text": text.strip(), "label": label, "scope": "in"} for text, label in published[split]
    ]
    outside = [
        {"text": text.strip(), "label": "out_of_scope", "scope": "out"}
        for text, _ in published[f"oos_{split}"]
    ]
    return [*inside, *outside]


def build_bitext(source: Path) -> Splits:
    """The published split."""
    splits: Splits = {}
    folders = {"train": ("train", "Training"), "validation": ("dev", "Validation")}
    for split, (folder, part) in {**folders, "test": ("test", "Testing")}.items():
        name = f"Bitext_Sample_Customer_Service_{part}_Dataset.csv"
        path = source / "bitext_support" / "data" / folder / name
        with path.open(encoding="utf-8-sig", newline="") as handle:
            splits[split] = [
                {"text": r["utterance"].strip(), "label": r["intent"], "group": r["category"]}
                for r in csv.DictReader(handle)
            ]
    return splits


def build_clinc(source: Path) -> Splits:
    """The official train and test; of validation as many in scope as give the test's mixture."""
    published = clinc(source, "val")
    inside = [row for row in published if row["scope"] == "in"]
    chosen = held_out(inside, lambda row: row["label"], 3)["test"]
    return {
        "train": clinc(source, "train"),
        "validation": [*chosen, *(row for row in published if row["scope"] == "out")],
        "test": clinc(source, "test"),
    }


def build_banking(source: Path) -> Splits:
    """The official split."""
    return {split: banking(source, split) for split in ("train", "test")}


def build_snips(source: Path) -> Splits:
    """Every published training row; the official validation set as the test."""
    requests = [*snips(source, "train_{}_full.json"), *snips(source, "train_{}.json")]
    return {"train": requests, "test": [*snips(source, "validate_{}.json")]}


def build_support(source: Path) -> Splits:
    """Training conversations of training messages, test conversations of test messages."""
    replies = json.loads(REPLIES_FILE.read_text(encoding="utf-8"))
    wanted = {"train": 1200, "test": 300}
    return {split: support(banking(source, split), replies, n) for split, n in wanted.items()}


CARDS = {
    "banking77": Card(
        "CC-BY-4.0",
        BANKING,
        "Messages of a bank's customers in 77 intents: the official training and test split.",
        {"text": "the message", "label": "the intent, e.g. `card_arrival`"},
        "CSV became JSONL, `category` is called `label`, space around texts is gone.",
        build=build_banking,
    ),
    "snips": Card(
        "CC0-1.0",
        SNIPS,
        "Spoken requests in 7 intents with their slots. `train` is every published training row"
        " (13,784 of the `train_*_full` files, then 2,100 of the `train_*` files); `test` is the"
        " official validation set.",
        {
            "text": "the request",
            "target": '`{"intent": …, "slots": {name: value}}`; slots in the order they are spoken'
            " in, a list of values where a slot is named more than once",
        },
        "Annotated segments were joined to texts. Space around texts and values is gone. One file"
        " spelt an emoji as a UTF-16 surrogate pair (CESU-8), which is valid UTF-8 now.",
        build=build_snips,
    ),
    "support-chat": Card(
        "CC-BY-4.0 AND Apache-2.0",
        BANKING + REPLIES,
        "Conversations with a bank's support: 24 intents of Banking77, one or two exchanges each."
        "\n\n**The user turns are real messages of Banking77. The assistant turns were written for"
        " this project, one reply for each intent.** So the data measures whether a model chooses"
        " the right reply and gives it word for word, not whether it can converse. Training"
        " conversations use Banking77's training messages, test conversations its test messages.",
        {
            "messages": "list of `{role, content}`: system, user, assistant and perhaps user,"
            " assistant again about another intent",
            "intent": "the intent of the last user turn",
        },
        "Messages of 24 intents, in the order of their SHA-256, were put into conversations;"
        " replies come from `tools/support_replies.json`.",
        build=build_support,
    ),
    "clinc150": Card(
        "CC-BY-3.0",
        CLINC,
        "Requests to an assistant in 150 intents of ten domains, and requests that are none of them"
        " (`out_of_scope`): 100 of each in `train`, but 30 of each intent and 1,000 out of scope in"
        " `test`. Both are the official splits (data_full). `validation` is cut from the official"
        " one: all 100 out of scope and 3 of each intent, so that 18 % are out of scope as in the"
        " test; whole, it has 3 %, and what is chosen with it would be chosen for another mixture.",
        {
            "text": "the request",
            "label": "the intent, e.g. `pay_bill`, or `out_of_scope`",
            "scope": "`in` or `out`: whether the request is one of the 150 intents",
        },
        "JSON became JSONL, `oos` is called `out_of_scope`; of the 3,000 validation requests in"
        " scope, the 3 of each intent with the smallest SHA-256 were kept.",
        build=build_clinc,
    ),
    "customer-support": Card(
        "CDLA-Sharing-1.0",
        BITEXT,
        "Requests to a shop's customer service in 27 intents of 11 groups: the official training,"
        " validation and test split. The requests are made from patterns and then varied (wording,"
        " courtesy, spelling mistakes), so that the test's are much like those of train.",
        {
            "text": "the request",
            "label": "the intent, e.g. `cancel_order`",
            "group": "the intent's group, e.g. `ORDER`",
        },
        "CSV became JSONL, `utterance` is called `text`, `intent` `label` and `category` `group`;"
        " entities, their offsets and tags were left out.",
        build=build_bitext,
        shipped=False,
    ),
}
