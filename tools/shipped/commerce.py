"""Texts of trade: complaints about financial products, and pairs of offers."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from shipped.card import Card, Row, Splits, held_out

COMPLAINTS = """\
1,000 consumer complaints about five financial products, drawn by Konstantinos I. Roumeliotis from
the Consumer Complaint Database of the U.S. Consumer Financial Protection Bureau (CFPB).
Source: https://github.com/Applied-AI-Research-Lab/DeepSeek-LLM-and-GPT-Fall-Behind-Claude-Leads-in-Zero-Shot-Consumer-Complaints-Classification
Commit: a03a4a65aa9767812a4c67b80cfc5c069a27ca61
Licence: MIT for the repository, copyright (c) 2025 Konstantinos I. Roumeliotis,
https://opensource.org/license/mit. The complaints are published by the CFPB, an agency of the
United States, in the public domain.
Cite: the repository above.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
OFFERS = """\
Amazon-Google, pairs of software offers, as prepared by Magellan and published with Ditto.
Source: https://github.com/megagonlabs/ditto (data/er_magellan/Structured/Amazon-Google)
Commit: 52985564a93fb11308439516d3e17a033d43ec8f
Licence: Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0
Cite: Li, Li, Suhara, Doan, Tan: Deep Entity Matching with Pre-Trained Language Models, 2020,
arXiv:2004.00584
"""


def complaints(source: Path) -> list[Row]:
    """Every complaint with its product, in the published order."""
    path = source / "consumer_complaints_1k" / "Datasets" / "dataset.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        return [
            {"text": row["narrative"].strip(), "label": row["product"]}
            for row in csv.DictReader(handle)
        ]


def build_complaints(source: Path) -> Splits:
    """60 test rows of each product."""
    return held_out(complaints(source), lambda row: row["label"], 60)


def offer(name: str, serialised: str) -> str:
    """``COL title VAL x COL price VAL 1`` as a line to read; what is empty is left out."""
    cells = re.findall(r"COL (\w+) VAL (.*?)(?= COL |$)", serialised.strip())
    told = {column: value.strip() for column, value in cells if value.strip()}
    title = told.pop("title", "")
    return "; ".join([f"{name}: {title}", *(f"{column} {value}" for column, value in told.items())])


def offers(path: Path) -> list[Row]:
    """Pairs of offers as texts of two lines, in the published order."""
    rows: list[Row] = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.strip():
            one, other, same = line.split("\t")
            label = {"0": "NO_MATCH", "1": "MATCH"}[same.strip()]
            rows.append({"text": f"{offer('A', one)}\n{offer('B', other)}", "label": label})
    return rows


def build_offers(source: Path) -> Splits:
    """The official splits."""
    folder = source / "product_matching_ditto" / "data" / "er_magellan" / "Structured"
    files = {"train": "train", "validation": "valid", "test": "test"}
    return {
        split: offers(folder / "Amazon-Google" / f"{file}.txt") for split, file in files.items()
    }


CARDS = {
    "consumer-complaints": Card(
        "MIT",
        COMPLAINTS,
        "1,000 complaints to a public authority about a financial product, 200 of each of five."
        " Their texts were prepared by others before they were published: lower case, without"
        " punctuation, figures and most common words, at most 85 words long. Some products"
        " overlap: a debt, for instance, shows in a credit report.",
        {
            "text": "the complaint",
            "label": "`credit_card`, `credit_reporting`, `debt_collection`, `mortgages_and_loans` or"
            " `retail_banking`",
        },
        "CSV became JSONL; `narrative` is called `text` and `product` `label`; ids and other"
        " systems' predictions are left out. There is no official split: of each product, the 60"
        " complaints with the smallest SHA-256 are the test.",
        build=build_complaints,
    ),
    "amazon-google": Card(
        "Apache-2.0",
        OFFERS,
        "Pairs of software offers from Amazon (A) and Google's product search (B): is it the same"
        " product? Official splits; one pair in ten is a match. The split is one of pairs: an offer"
        " of the test may be part of other pairs in train.",
        {
            "text": "both offers, a line each: title, manufacturer and price where they are given",
            "label": "`MATCH` or `NO_MATCH`",
        },
        "Each pair of `COL … VAL …` records became a text of two lines; fields without a value"
        " are left out; 0 and 1 became NO_MATCH and MATCH.",
        build=build_offers,
    ),
}
