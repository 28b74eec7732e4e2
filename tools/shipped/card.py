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


def write(dataset: str, card: Card, splits: Splits, texts: dict[str, str]) -> None:
    """Write the splits, and beside them further texts, licence, README and digests."""
    folder = TARGET / dataset
    folder.mkdir(parents=True, exist_ok=True)
    digests: dict[str, Any] = {}
    for split, rows in splits.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        packed = gzip.compress(lines.encode("utf-8"), 9, mtime=0)
        (folder / f"{split}.jsonl.gz").write_bytes(packed)
        digest = hashlib.sha256(packed).hexdigest()
        digests[f"{split}.jsonl.gz"] = {"rows": len(rows), "sha256": digest}
    for name, text in texts.items():
        packed = gzip.compress(text.encode("utf-8"), 9, mtime=0)
        (folder / name).write_bytes(packed)
        digests[name] = {"sha256": hashlib.sha256(packed).hexdigest()}
    document = {"files": digests, "licence": card.licence}
    (folder / "digests.json").write_text(json.dumps(document, indent=2) + "\n")
    notice = f"{card.notice}\nChanges: {card.changes}\n"
    (folder / "LICENSE.txt").write_text(notice, encoding="utf-8")
    (folder / "README.md").write_text(readme(dataset, card, splits), encoding="utf-8")


def readme(dataset: str, card: Card, splits: Splits) -> str:
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
