"""A look at a data file: its columns, and which of them are probably input and target."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any, cast

from assay.errors import DataError
from assay.recipe.schema import Output

SAMPLE = 2_000  # rows looked at
MOST_LABELS = 200  # more distinct targets than this are not a label set
READABLE = (".jsonl", ".csv", ".parquet", ".conll")
INPUTS = ("text", "input", "question", "prompt", "query", "utterance", "sentence", "review", "body")
TARGETS = ("label", "target", "intent", "category", "class", "answer", "output", "response")

Row = dict[str, Any]


@dataclass(frozen=True)
class Sniffed:
    """What a recipe for this file would say, and why."""

    columns: tuple[str, ...]
    rows: int  # looked at, at most SAMPLE
    output: Output
    reason: str
    input: str = ""  # empty when the rows are messages
    target: str = ""
    messages: str = ""
    id: str | None = None
    schema: dict[str, Any] | None = None


def sniff(path: Path) -> Sniffed:
    """Propose columns and kind of output from the first rows of a JSONL, CSV, Parquet or CoNLL file.

    Raises:
        DataError: the file is missing, empty, malformed, has one row, or one column only.
    """
    rows = _sample(path)
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    if len(rows) < 2:
        raise DataError(f"{path}: {len(rows)} row: too few to learn from", "Give at least two.")
    chat = next((name for name in columns if _are_turns([row.get(name) for row in rows])), None)
    if chat is not None:
        reason = f"`{chat}` holds chat turns (role and content)"
        return Sniffed(columns, len(rows), "text", reason, messages=chat)
    if len(columns) < 2:
        raise DataError(
            f"{path}: only one column ({', '.join(columns)}); an input and a target are needed",
            "Add a column with the expected answer, or chat turns in a column `messages`.",
        )
    return _entities(rows, columns) or _pairs(rows, columns)


def _entities(rows: list[Row], columns: tuple[str, ...]) -> Sniffed | None:
    """Tokens with IOB tags, or a text with its entities."""
    found = {name: [listed_in(row.get(name)) for row in rows] for name in columns}
    tags = next((name for name in columns if _are_lists(found[name], _is_tag)), None)
    if tags is not None:
        words = [name for name in columns if name != tags and _are_lists(found[name], _is_word)]
        name = next((n for n in words if _as_long(found[n], found[tags])), None)
        if name is not None:
            reason = f"`{tags}` holds a tag for each of `{name}`"
            return Sniffed(columns, len(rows), "entities", reason, name, tags)
    listed = next((name for name in columns if _are_lists(found[name], _is_entity)), None)
    texts = [name for name in columns if all(isinstance(row.get(name), str) for row in rows)]
    text = _named(INPUTS, texts) or max(texts, key=lambda name: _length(rows, name), default=None)
    if listed is None or text is None:
        return None
    reason = f"`{listed}` lists entities of `{text}`"
    return Sniffed(columns, len(rows), "entities", reason, text, listed)


def _are_lists(values: list[Any], is_one: Callable[[Any], bool]) -> bool:
    """Whether all are lists of such values, and not all are empty."""
    return all(isinstance(v, list) and all(map(is_one, v)) for v in values) and any(values)


def _as_long(values: list[list[Any]], others: list[list[Any]]) -> bool:
    return all(len(value) == len(other) for value, other in zip(values, others, strict=True))


def _is_tag(value: Any) -> bool:
    return isinstance(value, str) and (value == "O" or value[:2] in ("B-", "I-"))


def _is_word(value: Any) -> bool:
    return isinstance(value, str)


def _is_entity(value: Any) -> bool:
    return isinstance(value, dict) and ("type" in value or "label" in value)


def listed_in(value: Any) -> Any:
    """A list that a cell of CSV or SQL holds as JSON text, as a list; else the value as it is."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):  # a text may begin with a bracket, too
            return json.loads(value)
    return value


def _pairs(rows: list[Row], columns: tuple[str, ...]) -> Sniffed:
    identity = next((name for name in columns if name.lower() in ("id", "uuid", "guid")), None)
    if identity is not None and not _are_unique([row.get(identity) for row in rows]):
        identity = None
    usable = [name for name in columns if name != identity]
    target = _named(TARGETS, usable) or min(
        (name for name in reversed(usable) if name not in INPUTS),
        key=lambda name: (len(_distinct(rows, name)) == 1, len(_distinct(rows, name))),
        default=usable[-1],
    )
    others = [name for name in usable if name != target] or [target]
    text = _named(INPUTS, others) or max(others, key=lambda name: _length(rows, name))
    output, reason, schema = _output(rows, target)
    return Sniffed(columns, len(rows), output, reason, text, target, id=identity, schema=schema)


def _output(rows: list[Row], target: str) -> tuple[Output, str, dict[str, Any] | None]:
    values = [row.get(target) for row in rows]
    objects = [found for found in map(_object, values) if found is not None]
    if len(objects) == len(values):
        return "json", f"every `{target}` is a JSON object", schema_of(objects)
    labels = _distinct(rows, target)
    seen = f"{len(labels):,} different values of `{target}` in the {len(rows):,} rows looked at"
    if len(labels) <= MOST_LABELS and 2 * len(labels) <= len(rows):
        return "label", seen, None
    return "text", f"{seen}: too many for labels", None


def schema_of(values: list[Any]) -> dict[str, Any]:
    """The narrowest plain JSON Schema that all of ``values`` satisfy; objects are closed.

    Properties keep the order of the rows: constrained answers follow the schema's order.
    """
    names = {type(value) for value in values}
    if names == {dict}:
        keys = list(dict.fromkeys(key for value in values for key in value))
        return {
            "type": "object",
            "properties": {k: schema_of([v[k] for v in values if k in v]) for k in keys},
            "required": [key for key in keys if all(key in value for value in values)],
            "additionalProperties": False,
        }
    if names == {list}:
        items = [item for value in values for item in value]
        return {"type": "array", "items": schema_of(items)} if items else {"type": "array"}
    kinds = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    types = sorted({kinds.get(kind, "object" if kind is dict else "array") for kind in names})
    return {"type": types[0] if len(types) == 1 else types}


def _sample(path: Path) -> list[Row]:
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    if kind not in READABLE:
        known = ", ".join(READABLE)
        raise DataError(f"{path}: not a data file that Assay reads", f"It reads {known} (.gz too).")
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path}: the file is empty", "Give a file with rows.")
        readers = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet, ".conll": _conll}
        return list(islice(readers[kind](path), SAMPLE))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file", "Check the path.") from error
    except UnicodeDecodeError as error:
        cause = f"{path}: not UTF-8: byte 0x{error.object[error.start]:02X} cannot be read"
        raise DataError(cause, "Save the file with the encoding UTF-8.") from error
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read: {error}", "Check the file.") from error


@contextmanager
def _text(path: Path) -> Generator[IO[str]]:
    if path.suffix.lower() == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as handle:
            yield handle
    else:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            yield handle


def _jsonl(path: Path) -> Iterator[Row]:
    with _text(path) as handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                cause = f"{path}:{number}: not JSON: {error.msg}"
                raise DataError(cause, "Each line of a JSONL file is one JSON object.") from error
            if not isinstance(row, dict):
                remedy = "Each line of a JSONL file is one JSON object."
                raise DataError(f"{path}:{number}: not a JSON object", remedy)
            yield cast(Row, row)


def _csv(path: Path) -> Iterator[Row]:
    with _text(path) as handle:
        reader = csv.DictReader(handle, strict=True)
        try:
            for row in reader:
                if None in row or None in row.values():
                    cause = f"{path}:{reader.line_num}: another number of cells than the header"
                    raise DataError(cause, "Quote cells that hold commas or line breaks.")
                yield row
        except csv.Error as error:
            cause = f"{path}:{reader.reader.line_num}: not CSV: {error}"
            raise DataError(cause, "Quote cells that hold commas or line breaks.") from error


def _conll(path: Path) -> Iterator[Row]:
    with _text(path) as handle:
        cells = (line.split() for line in handle)
        for filled, sentence in groupby(
            cells, key=lambda row: bool(row) and row[0] != "-DOCSTART-"
        ):
            if filled:
                rows = list(sentence)
                yield {"tokens": [row[0] for row in rows], "tags": [row[-1] for row in rows]}


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=SAMPLE):
                yield from batch.to_pylist()
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: not a Parquet file: {error}", "Write the file again.") from error


def _are_turns(values: list[Any]) -> bool:
    return all(
        isinstance(value, list)
        and value
        and all(isinstance(turn, dict) and {"role", "content"} <= turn.keys() for turn in value)
        for value in values
    )


def _are_unique(values: list[Any]) -> bool:
    return len({json.dumps(value, default=str) for value in values}) == len(values)


def _distinct(rows: list[Row], name: str) -> set[str]:
    return {json.dumps(row.get(name), sort_keys=True, default=str) for row in rows}


def _length(rows: list[Row], name: str) -> int:
    return sum(len(str(row.get(name, ""))) for row in rows)


def _named(names: tuple[str, ...], columns: list[str]) -> str | None:
    lowered = {column.lower(): column for column in reversed(columns)}
    return next((lowered[name] for name in names if name in lowered), None)


def _object(value: Any) -> Any:
    """The JSON object that ``value`` is or spells, else ``None``."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return None
    return value if isinstance(value, dict) else None
