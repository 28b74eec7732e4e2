"""A company's own tables, for codes that no standard knows: its units, and what its mappings look up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from assay.errors import DataError
from assay.sap.transformations.values import Tables

SHAPE = 'It is {table: {"as printed": "CODE"}}, such as units: {Karton: "KAR"}.'


def load_tables(path: Path) -> Tables:
    """Tables from a file of YAML; raises ``DataError`` naming the file and every entry that is wrong."""
    try:
        said: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not YAML: {error}", SHAPE) from error
    if not isinstance(said, dict):
        raise DataError(f"{path}: no tables", SHAPE)
    wrong = [f"{path}: {name}: not a table" for name, rows in said.items() if not _is_table(rows)]
    wrong += [
        f"{path}: {name}.{text}: {code!r} is no text (put it in quotes)"
        for name, rows in said.items()
        if _is_table(rows)
        for text, code in rows.items()
        if not (isinstance(text, str) and isinstance(code, str) and code)
    ]
    if wrong:
        raise DataError("\n".join(wrong), SHAPE)
    return {str(name): dict(rows) for name, rows in said.items()}


def _is_table(rows: Any) -> bool:
    return isinstance(rows, dict)
