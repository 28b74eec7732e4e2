"""Reads rows from files, shipped datasets, the Hub and SQL; every fault names file and line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay import files
from assay.errors import DataError, DependencyError, did_you_mean
from assay.recipe.schema import Source

Located = tuple[str, dict[str, Any]]
SHIPPED = Path(__file__).resolve().parent.parent / "catalogue" / "data"
LONGEST_LINE = 1_000_000  # bytes; a longer one is a broken file or a whole file on one line


def read(source: Source, recipe_dir: Path | None) -> Iterator[Located]:
    """Rows of a source as (where, row); raises ``DataError`` naming file and line."""
    if source.dataset:
        yield from _shipped(source.dataset)
    elif source.hub:
        yield from _hub(source.hub)
    elif source.sql and source.url:
        yield from _sql(source.sql, source.url)
    elif source.path:
        yield from read_file(_resolve(source.path, recipe_dir))


def _resolve(text: str, recipe_dir: Path | None) -> Path:
    if "$ASSAY_DATA" in text.replace("{", "").replace("}", "") and not os.environ.get("ASSAY_DATA"):
        raise DataError(
            f"{text}: the environment variable ASSAY_DATA is not set",
            "Set it to the folder that holds your datasets.",
        )
    path = Path(os.path.expandvars(text)).expanduser()
    return path if path.is_absolute() else (recipe_dir or Path()) / path


def read_file(path: Path) -> Iterator[Located]:
    """Rows of one JSONL, CSV or Parquet file, perhaps gzipped."""
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
        raise DataError(
            f"{path}: no such file",
            (did_you_mean(path.name, beside) or "The folder does not exist.").strip(),
        )
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = next((s for s in reversed(suffixes) if s != ".gz"), "")
    if kind == ".parquet":
        yield from _parquet(path)
        return
    readers = {".jsonl": _jsonl, ".ndjson": _jsonl, ".csv": _csv}
    if kind not in readers:
        raise DataError(f"{path}: not a kind of file that is read", "Give .jsonl, .csv or .parquet (.gz too).")
    data = _bytes(path, packed=suffixes[-1] == ".gz")
    if not data.strip():
        raise DataError(f"{path}: the file is empty", "Give a file with at least a few rows.")
    yield from readers[kind](path, data)


def _bytes(path: Path, *, packed: bool) -> bytes:
    try:
        data = path.read_bytes()
    except PermissionError as error:
        raise DataError(f"{path}: permission denied", "Make the file readable.") from error
    if not packed:
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: truncated or damaged gzip ({error})", "Fetch the file again.") from error


def _text(path: Path, line: bytes, number: int) -> str:
    if len(line) > LONGEST_LINE:
        raise DataError(
            f"{path}:{number}: the line has {len(line):,} bytes, the limit is {LONGEST_LINE:,}",
            "One row a line; is this a JSON file instead of JSONL?",
        )
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}:{number}: byte {error.start + 1} of the line (0x{line[error.start]:02x}) is not UTF-8",
            f"Convert it: iconv -f latin1 -t utf-8 {path.name}",
        ) from error


def _jsonl(path: Path, data: bytes) -> Iterator[Located]:
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        text = _text(path, line, number)
        try:
            row = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            column = getattr(error, "colno", 1)
            reason = getattr(error, "msg", "nested too deeply")
            raise DataError(
                f"{path}:{number}:{column}: not JSON ({reason})", "Each line must be one JSON object."
            ) from error
        if not isinstance(row, dict):
            raise DataError(
                f"{path}:{number}: a JSON {type(row).__name__}, not an object",
                'Each line must be like {"text": "…", "label": "…"}.',
            )
        yield f"{path}:{number}", row


def _csv(path: Path, data: bytes) -> Iterator[Located]:
    lines = [
        _text(path, line, number)
        for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1)
    ]
    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader(io.StringIO("\n".join(lines)), strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            if not cells:
                continue
            if not header:
                header = cells
                if len(set(header)) != len(header):
                    raise DataError(f"{path}:1: a column name occurs twice", "Rename one.")
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"{path}:{reader.line_num}: {len(cells)} columns, the header has {len(header)}",
                    "Quote cells that contain a comma or a line break.",
                )
            yield f"{path}:{reader.line_num}", dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: {error}", "Check the quotes of this row.") from error


def _parquet(path: Path) -> Iterator[Located]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path)
        for batch in table.iter_batches(1000):
            for row in batch.to_pylist():
                yield str(path), row
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a complete Parquet file ({error})", "Write it again.") from error


def shipped_datasets() -> list[str]:
    """Names of the datasets that come with Assay, as ``dataset/split``."""
    return sorted(
        f"{path.parent.name}/{path.name.removesuffix('.jsonl.gz')}"
        for path in SHIPPED.glob("*/*.jsonl.gz")
    )


def _shipped(name: str) -> Iterator[Located]:
    known = shipped_datasets()
    if name not in known:
        raise DataError(
            f'no dataset "{name}" is shipped.{did_you_mean(name, known)}',
            f"Shipped: {', '.join(known)}.",
        )
    dataset, split = name.split("/")
    path = SHIPPED / dataset / f"{split}.jsonl.gz"
    expected: str = files.read_json(path.parent / "digests.json")["files"][path.name]["sha256"]
    if files.sha256_file(path) != expected:
        raise DataError(f"{path}: was altered after installation", "Install Assay again.")
    for where, row in read_file(path):
        yield f"{name}:{where.rsplit(':', 1)[1]}", row


def _hub(address: str) -> Iterator[Located]:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise DependencyError(
            f"{address}: the datasets library is not installed", 'pip install "assay[hub]"'
        ) from error
    name, _, split = address.removeprefix("hf://").partition("#")
    name, _, revision = name.partition("@")
    try:
        rows: Any = load_dataset(name, revision=revision or None, split=split or "train")
    except Exception as error:  # the library raises many unrelated classes
        raise DataError(
            f"{address}: the dataset could not be loaded ({type(error).__name__}: {error})",
            "Check the name, the split and the network; script-based datasets no longer load.",
        ) from error
    for number, row in enumerate(rows, start=1):
        yield f"{address}:{number}", dict(row)


def _sql(statement: str, url: str) -> Iterator[Located]:
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(url)
        with engine.connect().execution_options(stream_results=True) as connection:
            for number, row in enumerate(connection.execute(text(statement)).mappings(), start=1):
                yield f"{engine.url.render_as_string(hide_password=True)}:{number}", dict(row)
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"the query failed: {reason}", f"Check data.*.url and the query: {statement}") from error
