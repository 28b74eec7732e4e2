"""Texts of a web shop in several languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from shipped.card import Card, Row, Splits, hashed

BAGISTO = """\
Bagisto, copyright Webkul Software Pvt Ltd: the texts of its shop and its administration.
Source: https://github.com/bagisto/bagisto
Commit: 889a7c6bd7200867d528f6ddc2668798e7db05d8
Licence: MIT License, https://opensource.org/licenses/MIT
Cite: https://bagisto.com
"""
WORDS = 3  # fewest; a single word is a matter of a dictionary
TEST = 300
_PHP = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|(=>)|(\[)|(\])")


def strings(path: Path) -> Iterator[tuple[str, str]]:
    """The (key path, text) pairs of a PHP file that returns nested arrays of strings."""
    keys: list[str] = []
    last: str | None = None  # a string that may turn out to be a key
    pending = False  # whether ``last`` is a key
    for single, double, arrow, opened, closed in _PHP.findall(path.read_text(encoding="utf-8")):
        if arrow:
            pending = True
        elif opened:
            keys.append(last if pending and last is not None else "")
            last, pending = None, False
        elif closed:
            keys.pop()
            last, pending = None, False
        else:
            text = re.sub(r"\\(.)", r"\1", single or double)
            if pending and last is not None:
                yield ".".join([*keys, last]), text
                last, pending = None, False
            else:
                last = text


def build_shop(source: Path) -> Splits:
    """Each English text once, with its German one; the test are those that hash smallest."""
    folder = source / "bagisto_lang" / "packages" / "Webkul"
    pairs: dict[str, Row] = {}
    for part in ("Shop", "Admin"):
        lang = folder / part / "src" / "Resources" / "lang"
        german = dict(strings(lang / "de" / "app.php"))
        for key, text in strings(lang / "en" / "app.php"):
            said = german.get(key, "").strip()
            if len(text.split()) >= WORDS and said and said != text.strip():
                row = {"text": text.strip(), "translation": said, "part": part.lower()}
                pairs.setdefault(row["text"], row)
    test = set(sorted(pairs, key=hashed)[:TEST])
    return {
        "train": [row for text, row in pairs.items() if text not in test],
        "test": [row for text, row in pairs.items() if text in test],
    }


CARDS = {
    "shop-texts": Card(
        "MIT",
        BAGISTO,
        "Texts that a web shop shows its customers and its staff, in English and German.",
        {
            "text": "the English text; words that begin with a colon are placeholders",
            "translation": "the German one",
            "part": "`shop` (customers) or `admin` (staff)",
        },
        f"PHP arrays became JSONL. Texts of fewer than {WORDS} words, those without a German one"
        " or with the same, and repeats of an English text are left out. There is no official"
        f" split: the {TEST} texts with the smallest SHA-256 are the test.",
        build=build_shop,
    ),
}
