"""Reads rows out of JSONL, CSV, Parquet and CoNLL files; every fault names file and line."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from assay.errors import DataError, did_you_mean

Row = dict[str, Any]
Located = tuple[str, Row]  # ("file:line", row)
LONGEST_LINE = 1_000_000  # bytes; a longer one is a broken file, or a whole file on one line


def read_table(path: Path) -> Iterator[Located]:
    """Rows of a file, which its name says the format of; ``.gz`` may follow.

    Raises ``DataError`` for a file that is missing, unreadable, empty, truncated or malformed.
    """
    readers = {
        ".jsonl": _jsonl,
        ".ndjson": _jsonl,
        ".csv": _csv,
        ".parquet": _parquet,
        ".conll": _conll,
    }
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    with _read_faults(path):
        if not path.is_file():
            raise _missing(path)
        if kind not in readers or path.name.lower().endswith(".parquet.gz"):
            raise DataError(
                f"{path}: not a kind of file that Assay reads",
                "Give .jsonl (one JSON object a line), .csv or .conll, perhaps with .gz, or .parquet.",
            )
        if path.stat().st_size == 0:
            raise DataError(f"{path}: the file is empty", "Give a file with rows.")
        empty = True
        for located in readers[kind](path):
            empty = False
            yield located
        if empty:
            raise DataError(f"{path}: the file holds no row", "Give a file with rows.")


def _missing(path: Path) -> DataError:
    if path.is_dir():
        return DataError(f"{path}: a folder, not a file", "Name one of the files in it.")
    if not path.parent.is_dir():
        return DataError(f"{path}: no such file", f"The folder {path.parent} does not exist.")
    beside = [other.name for other in sorted(path.parent.iterdir())][:30]
    hint = did_you_mean(path.name, beside).strip() or "The folder is empty."
    return DataError(f"{path}: no such file", hint)


@contextmanager
def _read_faults(path: Path) -> Generator[None]:
    """Turn what the operating system and gzip raise into ``DataError``."""
    try:
        yield
    except PermissionError as error:
        raise DataError(f"{path}: permission denied", "Make the file readable for you.") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}: the gzip file is truncated or damaged ({error})", "Fetch or pack it again."
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error})", "Check the file and its disk."
        ) from error


# -- lines ---------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number, text) of every line, its end included; a byte-order mark is skipped."""
    packed = path.name.lower().endswith(".gz")
    with cast(IO[bytes], gzip.open(path) if packed else path.open("rb")) as handle:
        number = 0
        while line := handle.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise DataError(
                    f"{path}:{number}: the line is longer than {LONGEST_LINE:,} bytes",
                    "Give one row a line. Is this a whole JSON document on one line?",
                )
            text = _decoded(line, path, number)
            yield number, text.removeprefix("\ufeff") if number == 1 else text


def _decoded(line: bytes, path: Path, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}:{number}: byte {error.start + 1} of the line (0x{line[error.start]:02X})"
            " is not UTF-8",
            "Save the file as UTF-8; if it is Latin-1: iconv -f latin1 -t utf-8 OLD > NEW",
        ) from error


def _jsonl(path: Path) -> Iterator[Located]:
    for number, text in _lines(path):
        if text.strip():
            yield f"{path}:{number}", _object(text.rstrip("\r\n"), path, number)


def _object(text: str, path: Path, number: int) -> Row:
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}:{number}: not JSON at column {error.colno}: {error.msg}",
            "Each line must be one whole JSON object.",
        ) from error
    except (RecursionError, ValueError) as error:  # nested too deeply; a number of 5,000 digits
        raise DataError(f"{path}:{number}: {error}", "Simplify this row.") from error
    if not isinstance(row, dict):
        names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
        raise DataError(
            f"{path}:{number}: {names.get(type(row), 'a number')}, not an object",
            'Each line must be an object, like {"text": "…", "label": "…"}.',
        )
    return cast(Row, row)


def _conll(path: Path) -> Iterator[Located]:
    """A token and its tag a line, the first and the last of its cells; an empty line after a row."""
    tokens: list[str] = []
    tags: list[str] = []
    first = 1
    for number, text in _lines(path):
        cells = text.split()
        if cells and cells[0] != "-DOCSTART-":
            if len(cells) < 2:
                raise DataError(
                    f"{path}:{number}: a token without a tag: {text.strip()[:60]!r}",
                    "Each line holds a token and its tag; an empty line ends a sentence.",
                )
            first = first if tokens else number
            tokens.append(cells[0])
            tags.append(cells[-1])
        elif tokens:
            yield f"{path}:{first}", {"tokens": tokens, "tags": tags}
            tokens, tags = [], []
    if tokens:
        yield f"{path}:{first}", {"tokens": tokens, "tags": tags}


def _csv(path: Path) -> Iterator[Located]:
    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader((text for _, text in _lines(path)), strict=True)
    header: list[str] = []
    first = 1  # line on which the record begins: a quoted cell may hold line breaks
    try:
        for cells in reader:
            where, first = f"{path}:{first}", reader.line_num + 1
            if not cells:
                continue
            if not header:
                header = _header(cells, where)
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"{where}: {len(cells)} columns, where the header has {len(header)}"
                    f" ({', '.join(header)})",
                    "Put cells that hold a comma, a quote or a line break in double quotes.",
                )
            yield where, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise DataError(
            f"{path}:{first}: the row that begins here is not CSV: {error}",
            "Check its quotes: one that is not closed swallows the rows after it.",
        ) from error


def _header(cells: list[str], where: str) -> list[str]:
    twice = next((name for name in cells if cells.count(name) > 1), None)
    if twice is not None:
        raise DataError(f'{where}: two columns are called "{twice}"', "Rename one of them.")
    return cells


def _parquet(path: Path) -> Iterator[Located]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(1000):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}:{number}", row
    except PermissionError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path}: not a whole Parquet file ({str(error).splitlines()[0]})",
            "Fetch or write it again.",
        ) from error
