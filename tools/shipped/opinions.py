"""Sentences that judge something: reviews of products, films and restaurants."""

from __future__ import annotations

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
}
