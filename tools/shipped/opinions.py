"""Sentences of reviews: what they judge, and whether they judge at all."""

from __future__ import annotations

import zipfile
from pathlib import Path

from shipped.card import CC_BY, Card, Row, Splits, held_out

SENTIMENT = f"""\
Sentiment Labelled Sentences, UCI Machine Learning Repository no. 331, by Dimitrios Kotzias.
Source: https://archive.ics.uci.edu/dataset/331, as copied in
https://github.com/stein-kim/sentiment_analysis
Commit: 6850d5392de0703fb7ec7ea9a81b37d8098e4353
{CC_BY}
Cite: Kotzias, Denil, de Freitas, Smyth: From Group to Individual Labels using Deep Features,
KDD 2015
"""
POLARITY = f"""\
Sentence Polarity Dataset v1.0, copyright 2005 Bo Pang and Lillian Lee.
Source: https://github.com/nltk/nltk_data (packages/corpora/sentence_polarity.zip)
Commit: 5db857e6f7df11eabb5e5665836db9ec8df07e28
{CC_BY}
Cite: Pang, Lee: Seeing stars: Exploiting class relationships for sentiment categorization with
respect to rating scales, ACL 2005
"""
SUBJECTIVITY = f"""\
Subjectivity Dataset v1.0, copyright 2004 Bo Pang and Lillian Lee.
Source: https://github.com/nltk/nltk_data (packages/corpora/subjectivity.zip)
Commit: 5db857e6f7df11eabb5e5665836db9ec8df07e28
{CC_BY}
Cite: Pang, Lee: A Sentimental Education: Sentiment Analysis Using Subjectivity Summarization Based
on Minimum Cuts, ACL 2004
"""


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


def build_sentiment(source: Path) -> Splits:
    """100 test rows of each site and label."""
    return held_out(sentiment(source), lambda row: (row["source"], row["label"]), 100)


def lines_of(source: Path, corpus: str, files: dict[str, str]) -> list[Row]:
    """Every line of a corpus of NLTK, labelled by the file it is in; labels in turn."""
    path = source / "nltk_corpora" / "packages" / "corpora" / f"{corpus}.zip"
    with zipfile.ZipFile(path) as archive:
        columns = [
            [(line, label) for line in archive.read(f"{corpus}/{file}").decode().split("\n")]
            for label, file in files.items()
        ]
    turns = (pair for turn in zip(*columns, strict=True) for pair in turn)
    return [{"text": line.strip(), "label": label} for line, label in turns if line.strip()]


def build_polarity(source: Path) -> Splits:
    """A tenth is the test: 533 of each label."""
    files = {"POSITIVE": "rt-polarity.pos", "NEGATIVE": "rt-polarity.neg"}
    return held_out(lines_of(source, "sentence_polarity", files), lambda row: row["label"], 533)


def build_subjectivity(source: Path) -> Splits:
    """A tenth is the test: 500 of each label."""
    files = {"SUBJECTIVE": "quote.tok.gt9.5000", "OBJECTIVE": "plot.tok.gt9.5000"}
    return held_out(lines_of(source, "subjectivity", files), lambda row: row["label"], 500)


CARDS = {
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
        build=build_sentiment,
    ),
    "sentence-polarity": Card(
        "CC-BY-4.0",
        POLARITY,
        "Snippets of film reviews, about a sentence each, half of them positive. Nobody labelled the"
        " sentences: a snippet of a review that Rotten Tomatoes calls fresh is positive, of one it"
        " calls rotten negative, so some labels do not follow from the words.",
        {"text": "the snippet, in lower case and tokenised", "label": "`POSITIVE` or `NEGATIVE`"},
        "Two files became one table, their labels in turn; space around texts is gone. There is no"
        " official split: of each label, the 533 snippets with the smallest SHA-256 are the test.",
        build=build_polarity,
    ),
    "subjectivity": Card(
        "CC-BY-4.0",
        SUBJECTIVITY,
        "Sentences of ten tokens or more: half of them snippets of film reviews (Rotten Tomatoes),"
        " taken as subjective, half from plot summaries (IMDb), taken as objective. So the label is"
        " where a sentence comes from: telling a plot from a review is most of the task, and some"
        " sentences of summaries do judge.",
        {
            "text": "the sentence, in lower case and tokenised",
            "label": "`SUBJECTIVE` or `OBJECTIVE`",
        },
        "Two files became one table, their labels in turn; space around texts is gone. There is no"
        " official split: of each label, the 500 sentences with the smallest SHA-256 are the test.",
        build=build_subjectivity,
    ),
}
