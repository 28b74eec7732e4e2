"""What is said beside a shipped dataset, and how its files are written."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[2] / "src" / "assay" / "catalogue" / "data"
ELSEWHERE = """\
**The rows do not come with Assay**, only this card. From a copy of the originals, in a folder each,
`python tools/build_datasets.py --from ORIGINALS --into FOLDER {dataset}` makes them, byte for byte;
Assay finds them when the environment variable `ASSAY_DATA` names FOLDER."""
Row = dict[str, Any]
Splits = dict[str, list[Row]]

CC_BY = """\
Licence: Creative Commons Attribution 4.0 International (CC BY 4.0),
https://creativecommons.org/licenses/by/4.0/legalcode"""
CC_BY_3 = """\
Licence: Creative Commons Attribution 3.0 Unported (CC BY 3.0),
https://creativecommons.org/licenses/by/3.0/legalcode"""


@dataclass(frozen=True)
class Card:
    """What the README and LICENSE.txt beside a dataset say, and what builds its rows."""

    licence: str  # SPDX expression
    notice: str
    summary: str
    columns: dict[str, str]
    changes: str
    build: Callable[[Path], Splits]  # from the folder of all originals
    texts: Callable[[Path], dict[str, str]] = lambda _: {}  # files beside the rows, packed too
    shipped: bool = True  # else only the card is: the licence asks for more than attribution


def hashed(text: str) -> bytes:
    """An order that depends on nothing but the content."""
    return hashlib.sha256(text.encode()).digest()


def held_out(rows: Sequence[Row], kind: Callable[[Row], Hashable], wanted: int) -> Splits:
    """Of each ``kind``, the ``wanted`` rows that hash smallest are the test."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[kind(row)].append(index)
    test: set[int] = set()
    for group in groups.values():
        test.update(sorted(group, key=lambda index: hashed(rows[index]["text"]))[:wanted])
    return {
        "train": [row for index, row in enumerate(rows) if index not in test],
        "test": [row for index, row in enumerate(rows) if index in test],
    }


def write(
    dataset: str, card: Card, splits: Splits, texts: dict[str, str], into: Path | None = None
) -> None:
    """Write the splits, and beside them further texts, licence, README and digests.

    What is not shipped goes ``into`` a folder, and only its card goes where the shipped ones are.
    """
    packed = {
        f"{split}.jsonl.gz": gzip.compress(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(), 9, mtime=0
        )
        for split, rows in splits.items()
    }
    digests: dict[str, Any] = {
        f"{split}.jsonl.gz": {
            "rows": len(rows),
            "sha256": hashlib.sha256(packed[f"{split}.jsonl.gz"]).hexdigest(),
        }
        for split, rows in splits.items()
    }
    for name, text in texts.items():
        packed[name] = gzip.compress(text.encode(), 9, mtime=0)
        digests[name] = {"sha256": hashlib.sha256(packed[name]).hexdigest()}
    homes = (
        [TARGET / dataset] if card.shipped or into is None else [TARGET / dataset, into / dataset]
    )
    for home in homes:
        home.mkdir(parents=True, exist_ok=True)
        document = {"files": digests, "licence": card.licence}
        (home / "digests.json").write_text(json.dumps(document, indent=2) + "\n")
        notice = f"{card.notice}\nChanges: {card.changes}\n"
        (home / "LICENSE.txt").write_text(notice, encoding="utf-8")
        (home / "README.md").write_text(readme(dataset, card, splits), encoding="utf-8")
    for name, content in packed.items():
        (homes[-1] / name).write_bytes(content)


def readme(dataset: str, card: Card, splits: Splits) -> str:
    """Columns, rows, an example where rows are shipped, what was changed, the licence."""
    columns = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in card.columns.items())
    counts = "\n".join(f"| `{dataset}/{name}` | {len(rows):,} |" for name, rows in splits.items())
    example = json.dumps(splits["train"][0], ensure_ascii=False)
    shown = f"```json\n{example}\n```" if card.shipped else ELSEWHERE.format(dataset=dataset)
    return f"""# {dataset}

{card.summary}

| split | rows |
|---|---:|
{counts}

| column | what it holds |
|---|---|
{columns}

{shown}

Changes to the original: {card.changes}

Licence: {card.licence}; source, commit and attribution are in `LICENSE.txt`. Made by
`tools/build_datasets.py`; `digests.json` holds the SHA-256 of every file, which Assay checks before
it reads one.
"""
