"""From raw rows to frozen splits: repair, validate, deduplicate, split, remove leakage, limit."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay import files
from assay.data.duplicates import Index, first_of_each, normalised
from assay.data.prompts import conversation
from assay.data.readers import read
from assay.data.records import Example, Splits, Turn
from assay.errors import DataError
from assay.observability.progress import Progress
from assay.recipe.schema import Data, Recipe, Source

SHOWN = 5  # examples of each kind of finding kept in the report


@dataclass
class Draft:
    """One row on its way to an example."""

    where: str
    id: str | None
    text: str
    target: str
    turns: tuple[Turn, ...]
    slice: str


@dataclass
class Findings:
    """What preparation did, for the report."""

    read: Counter[str] = field(default_factory=Counter)
    dropped: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    repaired: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def drop(self, split: str, reason: str, *shown: Any) -> None:
        """Count a dropped row and keep the first few as examples."""
        self.dropped[split][reason] += 1
        if shown and len(self.examples[reason]) < SHOWN:
            self.examples[reason].append([split, *shown])


def prepare(recipe: Recipe, recipe_dir: Path | None, progress: Progress) -> Splits:
    """The splits of a recipe; the same sources and settings always give the same rows.

    Raises ``DataError`` naming file and line for anything unfit: a missing column, an answer that
    violates the schema, a label unknown to training, one class, one row, train equal to test.
    """
    data, findings = recipe.data, Findings()
    sources = {"train": data.train, "validation": data.validation, "test": data.test}
    drafts = {
        name: _drafts(recipe, source, name, recipe_dir, findings)
        for name, source in sources.items()
        if source is not None
    }
    _check_ids(drafts)
    for name in drafts:
        drafts[name] = _distinct(drafts[name], data, name, findings, progress)
    _cut(drafts, data, recipe.training.seed, findings)
    drafts["train"] = _without_leaks(drafts, data, findings, progress)
    labels = _labels(recipe, drafts)
    limits = data.limit
    for name, limit in (
        ("train", limits.train),
        ("validation", limits.validation),
        ("test", limits.test),
    ):
        drafts[name] = _limited(drafts[name], limit, recipe.training.seed)
        if not drafts[name]:
            raise DataError(
                f"the {name} split is empty", "Give more rows, or lower data.validation_share/test_share."
            )
    splits = {name: tuple(_example(draft) for draft in rows) for name, rows in drafts.items()}
    report = _report(recipe, splits, findings)
    for name, rows in splits.items():
        dropped = sum(findings.dropped[name].values())
        progress.say(f"{name}: {len(rows):,} examples" + (f" ({dropped:,} dropped)" if dropped else ""))
    return Splits(splits["train"], splits["validation"], splits["test"], labels, report)


# -- rows ----------------------------------------------------------------------------------


def _drafts(
    recipe: Recipe, source: Source, split: str, recipe_dir: Path | None, findings: Findings
) -> list[Draft]:
    make = _from_messages if recipe.data.format == "messages" else _from_pair
    check = _schema_check(recipe)
    drafts: list[Draft] = []
    for where, row in read(source, recipe_dir):
        findings.read[split] += 1
        draft = make(recipe, row, where, _Repair(recipe.data, split, findings))
        if not draft.text.strip() or not draft.target.strip():
            findings.drop(split, "empty text or target", where)
            continue
        check(draft)
        drafts.append(draft)
    if not drafts:
        raise DataError(f"the {split} source has no usable row", "Give a source with rows.")
    return drafts


class _Repair:
    """Repairs mojibake in every string, and counts the rows it touched."""

    def __init__(self, data: Data, split: str, findings: Findings) -> None:
        self.on = data.repair_encoding
        self.split = split
        self.findings = findings

    def __call__(self, value: Any) -> Any:
        if not self.on:
            return value
        if isinstance(value, str):
            if value.isascii():
                return value
            import ftfy

            fixed = ftfy.fix_encoding(value)
            self.findings.repaired[self.split] += fixed != value
            return fixed
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self(item) for item in value]
        return value


def _column(row: dict[str, Any], name: str, where: str, key: str) -> Any:
    if name not in row:
        raise DataError(
            f'{where}: no column "{name}" ({key})', f"Columns of this row: {', '.join(map(str, row))}."
        )
    return row[name]


def _from_pair(recipe: Recipe, row: dict[str, Any], where: str, repair: _Repair) -> Draft:
    data = recipe.data
    text = repair(_column(row, data.input, where, "data.input"))
    raw = repair(_column(row, data.target, where, "data.target"))
    if not isinstance(text, str):
        raise DataError(f"{where}: {data.input} is {type(text).__name__}, not text", "Give a string.")
    text = text.strip()
    target = _canonical(raw, where) if recipe.task.output == "json" else str(raw or "").strip()
    turns = conversation(recipe.task, text, target)
    slice_ = _slice(recipe, row, where, target)
    return Draft(where, _id(row, data, where), text, target, turns, slice_)


def _from_messages(recipe: Recipe, row: dict[str, Any], where: str, repair: _Repair) -> Draft:
    data = recipe.data
    messages = repair(_column(row, data.messages, where, "data.messages"))
    turns: list[Turn] = []
    for message in messages if isinstance(messages, list) else [None]:
        role = message.get("role") if isinstance(message, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        if role not in ("system", "user", "assistant") or not isinstance(content, str):
            raise DataError(
                f"{where}: {data.messages} holds {message!r}",
                'Each message must be {"role": "system|user|assistant", "content": "…"}.',
            )
        turns.append(Turn(role, content.strip()))
    if turns[0].role != "system":
        turns.insert(0, Turn("system", recipe.task.system))
    roles = [turn.role for turn in turns[1:]]
    if len(roles) < 2 or roles != ["user", "assistant"] * (len(roles) // 2):
        raise DataError(
            f"{where}: roles are {', '.join(roles) or 'none'}",
            "After the system turn, user and assistant must alternate and end with assistant.",
        )
    target = turns[-1].content
    slice_ = _slice(recipe, row, where, target)
    return Draft(where, _id(row, data, where), turns[-2].content, target, tuple(turns), slice_)


def _id(row: dict[str, Any], data: Data, where: str) -> str | None:
    return str(_column(row, data.id, where, "data.id")) if data.id else None


def _slice(recipe: Recipe, row: dict[str, Any], where: str, target: str) -> str:
    if recipe.data.slice:
        return str(_column(row, recipe.data.slice, where, "data.slice"))
    if recipe.task.output == "label":
        return target
    if recipe.task.intent_field:
        return str(json.loads(target).get(recipe.task.intent_field, "none"))
    return "all"


def _canonical(value: Any, where: str) -> str:
    """Compact JSON, keys in the order given; a string is parsed first."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{where}: the target is not JSON ({error.msg})", "task.output is json: give JSON targets."
            ) from error
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _schema_check(recipe: Recipe) -> Callable[[Draft], None]:
    if recipe.task.json_schema is None:
        return lambda draft: None
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(recipe.task.json_schema)

    def check(draft: Draft) -> None:
        for fault in validator.iter_errors(json.loads(draft.target)):
            path = "/".join(map(str, fault.absolute_path)) or "the answer"
            raise DataError(
                f"{draft.where}: the target violates task.schema at {path}: {fault.message[:200]}",
                "Correct the row or the schema.",
            )

    return check


# -- the whole set -------------------------------------------------------------------------


def _check_ids(drafts: dict[str, list[Draft]]) -> None:
    seen: dict[str, str] = {}
    for rows in drafts.values():
        for draft in rows:
            if draft.id is None:
                continue
            if draft.id in seen:
                raise DataError(
                    f'{draft.where}: id "{draft.id}" was used already at {seen[draft.id]}',
                    "Ids must be unique over all splits.",
                )
            seen[draft.id] = draft.where


def _content(draft: Draft) -> str:
    """What duplicates are judged on: the whole prompt of a chat, the text of a pair."""
    users = [turn.content for turn in draft.turns[:-1] if turn.role == "user"]
    return " / ".join(users) if len(users) > 1 else draft.text


def _distinct(
    rows: list[Draft], data: Data, split: str, findings: Findings, progress: Progress
) -> list[Draft]:
    """Drop exact repeats everywhere, near ones in training only: a given test stays as given."""
    threshold = data.near_duplicates if split == "train" else None
    with progress.task(f"duplicates in {split}", 1) as bar:
        hits = first_of_each([_content(draft) for draft in rows], threshold)
        bar.advance(1)
    kept: list[Draft] = []
    for draft, hit in zip(rows, hits, strict=True):
        if hit is None:
            kept.append(draft)
            continue
        first = rows[hit[0]]
        if split == "test":
            kept.append(draft)
        elif hit[1] == 1.0 and first.target != draft.target:
            findings.drop(split, "same text, conflicting target", draft.text, first.target, draft.target)
        else:
            reason = "exact duplicate" if hit[1] == 1.0 else "near duplicate"
            findings.drop(split, reason, draft.text, first.text)
    return kept


def _cut(drafts: dict[str, list[Draft]], data: Data, seed: int, findings: Findings) -> None:
    """Cut the splits that were not given from train, by a hash of the content alone."""
    shares = {"validation": data.validation_share, "test": data.test_share}
    missing = [name for name in ("test", "validation") if name not in drafts]
    bounds: list[tuple[str, float]] = []
    top = 0.0
    for name in missing:
        top += shares[name]
        bounds.append((name, top))
        drafts[name] = []
    kept: list[Draft] = []
    for draft in drafts["train"]:
        place = _unit(_content(draft), seed)
        home = next((name for name, bound in bounds if place < bound), None)
        (drafts[home] if home else kept).append(draft)
    drafts["train"] = kept
    findings.examples["cut"] = [{name: len(drafts[name]) for name in missing}]


def _unit(text: str, seed: int) -> float:
    """A number in [0, 1) from the content and the seed."""
    digest = hashlib.sha256(f"{seed}:{normalised(text)}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def _without_leaks(
    drafts: dict[str, list[Draft]], data: Data, findings: Findings, progress: Progress
) -> list[Draft]:
    """Training rows that do not resemble a held-out row."""
    index = Index(data.leakage)
    held_out = [draft for name in ("validation", "test") for draft in drafts[name]]
    kept: list[Draft] = []
    train = drafts["train"]
    with progress.task("leakage", len(held_out) + len(train)) as bar:
        for draft in held_out:
            index.add(_content(draft))
            bar.advance(1)
        for draft in train:
            hit = index.find(_content(draft))
            if hit is None:
                kept.append(draft)
            else:
                findings.drop("train", "leaks into held-out", draft.text, held_out[hit[0]].text)
            bar.advance(1)
    if train and not kept:
        raise DataError(
            f"every one of the {len(train):,} training rows is also in validation or test",
            "Train and test are the same data: give different files, or leave data.test out.",
        )
    return kept


def _labels(recipe: Recipe, drafts: dict[str, list[Draft]]) -> tuple[str, ...]:
    train = drafts["train"]
    if len(train) < 2:
        raise DataError(f"{len(train)} training row: nothing can be learnt", "Give more rows.")
    if recipe.task.output != "label":
        return ()
    labels = tuple(sorted({draft.target for draft in train}))
    if len(labels) < 2:
        raise DataError(
            f'all {len(train):,} training rows have the label "{labels[0]}"',
            "A classifier needs at least two classes.",
        )
    known = set(labels)
    for name in ("validation", "test"):
        for draft in drafts[name]:
            if draft.target not in known:
                raise DataError(
                    f'{draft.where}: label "{draft.target}" of the {name} split is not in train',
                    f"Correct the label or add training rows. Labels: {', '.join(labels)[:400]}",
                )
    return labels


def _limited(rows: list[Draft], limit: int | None, seed: int) -> list[Draft]:
    """At most ``limit`` rows, taken in turn from each slice, in an order fixed by content."""
    if limit is None or len(rows) <= limit:
        return rows
    by_slice: dict[str, list[Draft]] = defaultdict(list)
    for draft in sorted(rows, key=lambda d: _unit("limit:" + _content(d), seed)):
        by_slice[draft.slice].append(draft)
    turns = [
        (position, _unit(draft.slice, seed), draft)
        for group in by_slice.values()
        for position, draft in enumerate(group)
    ]
    chosen = sorted(turns, key=lambda item: item[:2])[:limit]
    keep = {id(draft) for _, _, draft in chosen}
    return [draft for draft in rows if id(draft) in keep]


def _example(draft: Draft) -> Example:
    derived = files.sha256_bytes(f"{draft.where}\0{draft.text}\0{draft.target}".encode())[:16]
    return Example(draft.id or derived, draft.text, draft.turns, draft.target, draft.slice)


def _report(
    recipe: Recipe, splits: dict[str, tuple[Example, ...]], findings: Findings
) -> dict[str, Any]:
    sources = {"train": recipe.data.train, "validation": recipe.data.validation, "test": recipe.data.test}
    return {
        "sources": {n: s.model_dump(exclude_none=True) if s else "cut from train" for n, s in sources.items()},
        "rows_read": dict(findings.read),
        "rows": {name: len(rows) for name, rows in splits.items()},
        "digests": {name: _digest(rows) for name, rows in splits.items()},
        "dropped": {name: dict(counts) for name, counts in findings.dropped.items()},
        "encoding_repaired": dict(findings.repaired),
        "examples": dict(findings.examples),
        "balance": {name: _balance(rows) for name, rows in splits.items()},
        "distinct_texts": {
            name: round(len({normalised(e.text) for e in rows}) / len(rows), 4) for name, rows in splits.items()
        },
    }


def _digest(rows: Sequence[Example]) -> str:
    return files.digest([row.as_json() for row in rows])


def _balance(rows: Iterable[Example]) -> dict[str, int]:
    return dict(Counter(row.slice for row in rows).most_common())
