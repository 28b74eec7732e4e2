"""From sources to frozen splits: read, repair, check, deduplicate, split, remove leaks, limit.

Read ``prepare`` top to bottom: it is the order in which things happen.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.data import databases, datasets, passages
from assay.data.clean import normalised
from assay.data.leakage import (
    Repeat,
    repeats_between,
    repeats_within,
    require_unique_ids,
    without,
)
from assay.data.readers import describe, read
from assay.data.records import Example, Passage, Splits
from assay.data.rows import Draft, Dropped, drafter
from assay.data.spans import spans_of
from assay.data.splits import Key, balance, cut, subset
from assay.data.tables import Located
from assay.errors import DataError, did_you_mean
from assay.observability.progress import Progress
from assay.recipe.licences import is_noncommercial, is_unknown
from assay.recipe.schema import Recipe, Source

SPLITS = ("train", "validation", "test")
UNGROUNDED = "answer not in words of the input"
OUTSIDE = "query that the grammar does not allow"
SHOWN = 5  # examples of each finding kept in the report
CLIP = 200  # characters of each text in them
Parts = dict[str, list[Draft]]


@dataclass
class Findings:
    """What preparation found and did, for the report."""

    read: dict[str, int] = field(default_factory=dict)
    distinct: dict[str, int] = field(default_factory=dict)  # inputs among the rows read
    digests: dict[str, str] = field(default_factory=dict)  # of sources that are no files
    repaired: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    kept: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    examples: dict[str, list[list[str]]] = field(default_factory=lambda: defaultdict(list))

    def drop(self, split: str, reason: str, *shown: str) -> None:
        """Count a row that goes, and keep the first few as examples."""
        self.dropped[split][reason] += 1
        self._show(reason, split, shown)

    def keep(self, split: str, reason: str, *shown: str) -> None:
        """Count a row that has a fault but stays: given splits are judged, not changed."""
        self.kept[split][reason] += 1
        self._show(f"{reason} (kept)", split, shown)

    def _show(self, reason: str, split: str, shown: Sequence[str]) -> None:
        if len(self.examples[reason]) < SHOWN:
            self.examples[reason].append([split, *(text[:CLIP] for text in shown)])


def prepare(recipe: Recipe, recipe_dir: Path | None, progress: Progress) -> Splits:
    """The splits of a recipe; the same sources and settings give the same rows everywhere.

    Given validation and test splits stay as they are, except for rows without input or target:
    whatever repeats them is taken out of train. Raises ``DataError`` naming file and line for
    anything unfit: a missing column, an answer that breaks the schema, a label that train does not
    have, duplicate ids, one row, one class, train equal to test.
    """
    _require_licences(recipe, progress)
    findings, seed = Findings(), recipe.training.seed
    corpus = _corpus(recipe, recipe_dir, findings, progress)
    parts = _drafted(recipe, recipe_dir, corpus, findings, progress)
    require_unique_ids(parts)
    given = {name: rows for name, rows in parts.items() if name != "train"}
    _judge_given(recipe, given, findings, progress)
    rows = _distinct(parts["train"], recipe, findings, progress)
    rows = _without_leaks(rows, given, recipe, findings, progress)
    shares = {
        name: share
        for name, share in (
            ("test", recipe.data.test_share),
            ("validation", recipe.data.validation_share),
        )
        if name not in given
    }
    fresh = cut(rows, shares, seed, _target if recipe.task.output == "label" else None)
    rows = fresh.pop("train")
    rows = _without_leaks(rows, fresh, recipe, findings, progress)
    parts = {"train": rows, **fresh, **given}
    labels = _labels(recipe, parts)
    parts = _limited(recipe, parts, labels, seed)
    splits = {name: _examples(parts[name]) for name in SPLITS}
    report = _report(recipe, recipe_dir, splits, findings)
    if corpus:
        report["corpus"] = passages.about(corpus, splits)
    _tell(report, progress)
    return Splits(splits["train"], splits["validation"], splits["test"], labels, report, corpus)


# -- the steps -----------------------------------------------------------------------------


def _sources(recipe: Recipe) -> dict[str, Source]:
    data = recipe.data
    sources = {"train": data.train, "validation": data.validation, "test": data.test}
    return {name: source for name, source in sources.items() if source is not None}


def _all_sources(recipe: Recipe) -> dict[str, Source]:
    """Those of the splits, and that of the passages."""
    corpus = recipe.data.corpus
    return {**_sources(recipe), "corpus": corpus} if corpus else _sources(recipe)


def _require_licences(recipe: Recipe, progress: Progress) -> None:
    """Refuse datasets that may not be used commercially, unless the recipe accepts them."""
    for name, source in _all_sources(recipe).items():
        if source.dataset:
            found = datasets.find(source.dataset)
            licence = found.licence
            if not found.shipped:
                progress.say(f"{source.dataset}: {licence or 'no licence'}, from {found.path}")
        elif source.licence is not None:
            licence = source.licence
        else:  # one's own data, unless it is the Hub's
            if source.hub:
                progress.say(f"{source.hub}: data.{name}.licence does not say what its licence is")
            continue
        if recipe.data.allow_noncommercial:
            continue
        if is_noncommercial(licence) or is_unknown(licence):
            raise DataError(
                f"data.{name}: the licence of {source.dataset or source.hub or 'the rows'}"
                f" ({licence or 'none stated'}) does not allow commercial use",
                "Choose other data, or set data.allow_noncommercial: true if you may use it so.",
            )


def _corpus(
    recipe: Recipe, recipe_dir: Path | None, findings: Findings, progress: Progress
) -> tuple[Passage, ...]:
    """The passages, where the task is to rank them."""
    source = recipe.data.corpus
    if source is None:
        return ()
    found = passages.read_corpus(source, recipe_dir, repair=recipe.data.repair_encoding)
    if source.sql or source.hub:
        findings.digests["corpus"] = passages.corpus_digest(found)
    progress.say(f"corpus: {len(found):,} passages")
    return found


def _drafted(
    recipe: Recipe,
    recipe_dir: Path | None,
    corpus: Sequence[Passage],
    findings: Findings,
    progress: Progress,
) -> Parts:
    """Every usable row of every given source."""
    draft = drafter(recipe, recipe_dir, corpus)
    unsayable = OUTSIDE if recipe.task.check == "sql" else UNGROUNDED
    parts: Parts = {}
    for name, source in _sources(recipe).items():
        raw = list(read(source, recipe_dir))
        if source.sql or source.hub:  # no file to digest: what was read
            findings.digests[name] = _read_digest(raw)
        rows: list[Draft] = []
        inputs: set[str] = set()
        with progress.task(f"checking the {name} rows", len(raw)) as bar:
            for where, row in raw:
                made = draft(where, row)
                if isinstance(made, Draft):
                    inputs.add(made.key)
                if isinstance(made, Dropped):
                    findings.drop(name, made.reason, made.where)
                elif made.grounded:
                    rows.append(made)
                elif name == "train":
                    findings.drop(name, unsayable, made.where, made.text, made.target)
                else:
                    findings.keep(name, unsayable, made.where, made.text, made.target)
                    rows.append(made)
                bar.advance()
        if not rows:
            why = findings.dropped[name].most_common(1)
            raise DataError(
                f"the {name} source has no usable row: {len(raw):,} read"
                + (f", {why[0][1]:,} with {why[0][0]}" if why else ""),
                "Check data.input and data.target, or give a source with rows.",
            )
        findings.read[name], findings.distinct[name] = len(raw), len(inputs)
        findings.repaired[name] = sum(row.repaired for row in rows)
        parts[name] = rows
    return parts


def _judge_given(recipe: Recipe, given: Parts, findings: Findings, progress: Progress) -> None:
    """Count repeats in the given held-out splits; they stay, so that scores stay comparable."""
    with progress.task("repeats in held-out rows", sum(map(len, given.values()))) as bar:
        for name, rows in given.items():
            for repeat in repeats_within(rows, name, None, bar):
                findings.keep(name, _reason_within(repeat), *_shown(repeat))
    if len(given) == 2:
        total = sum(map(len, given.values()))
        with progress.task("validation rows that are in test", total) as bar:
            others = {"test": given["test"]}
            for repeat in repeats_between(given["validation"], others, recipe.data.leakage, bar):
                findings.keep("validation", _reason_between(repeat), *_shown(repeat))


def _distinct(
    rows: list[Draft], recipe: Recipe, findings: Findings, progress: Progress
) -> list[Draft]:
    with progress.task("duplicates in train", len(rows)) as bar:
        repeats = repeats_within(rows, "train", recipe.data.near_duplicates, bar)
    for repeat in repeats:
        findings.drop("train", _reason_within(repeat), *_shown(repeat))
    return without(rows, repeats)


def _without_leaks(
    rows: list[Draft], held_out: Parts, recipe: Recipe, findings: Findings, progress: Progress
) -> list[Draft]:
    """``rows`` without those that repeat a held-out row."""
    if not held_out:
        return rows
    total = len(rows) + sum(map(len, held_out.values()))
    names = " and ".join(held_out)
    with progress.task(f"training rows that are in {names}", total) as bar:
        leaks = repeats_between(rows, held_out, recipe.data.leakage, bar)
    for leak in leaks:
        findings.drop("train", _reason_between(leak), *_shown(leak))
    if rows and len(leaks) == len(rows):
        raise DataError(
            f"every one of the {len(rows):,} distinct training rows is also in {names}",
            "Train and test hold the same rows: give others, or leave data.test out to have it cut.",
        )
    return without(rows, leaks)


def _reason_within(repeat: Repeat) -> str:
    if repeat.conflicting:
        return "same input, another target"
    return "exact duplicate" if repeat.exact else "near duplicate"


def _reason_between(repeat: Repeat) -> str:
    return f"also in {repeat.split}" if repeat.exact else f"nearly in {repeat.split}"


def _shown(repeat: Repeat) -> list[str]:
    """What an example of a finding shows: both texts, or both answers where those differ."""
    if repeat.conflicting:
        return [repeat.row.where, repeat.row.text, repeat.of.target, repeat.row.target]
    return [repeat.row.where, repeat.row.text, repeat.of.text]


def _target(draft: Draft) -> str:
    return draft.target


def _slice(draft: Draft) -> str:
    return draft.slice


def _labels(recipe: Recipe, parts: Parts) -> tuple[str, ...]:
    """The sorted labels of train, after checking that there is something to learn."""
    train = parts["train"]
    if len(train) < 2:
        raise DataError(
            f"data.train: {len(train)} training row is left: nothing can be learnt from it",
            "Give more rows; repeats and rows without input or target were dropped.",
        )
    output = recipe.task.output
    if output not in ("label", "entities"):
        return ()
    labels = tuple(sorted({name for draft in train for name in _names(output, draft)}))
    if not labels:
        raise DataError(
            f"none of the {len(train):,} training rows has an entity",
            "Is data.target the right column? It lists entities, or the tags of tokens.",
        )
    if len(labels) < 2 and output == "label":
        raise DataError(
            f'all {len(train):,} training rows have the label "{train[0].target}"',
            "A classifier needs at least two classes. Is data.target the right column?",
        )
    known = set(labels)
    otherwise = recipe.task.otherwise
    if otherwise is not None and otherwise not in known:
        raise DataError(
            f'task.otherwise: no training row has the label "{otherwise}"'
            + did_you_mean(otherwise, labels),
            "Name one of train's labels; a few rows of it are enough.",
        )
    for name in ("validation", "test"):
        for draft in parts[name]:
            for label in _names(output, draft) - known:
                raise DataError(
                    f'{draft.where}: the label "{label}" of {name} is not in train',
                    f"Correct it, or add training rows with it. Known: {', '.join(labels)[:400]}",
                )
    return labels


def _names(output: str, draft: Draft) -> set[str]:
    """The labels in a row: its own, or the types of its entities."""
    return {draft.target} if output == "label" else {s.type for s in spans_of(draft.target)}


def _limited(recipe: Recipe, parts: Parts, labels: Sequence[str], seed: int) -> Parts:
    """The subsets that ``data.limit`` asks for."""
    kinds: list[Key] = [_target, _slice] if recipe.task.output == "label" else [_slice]
    most = recipe.data.limit.train
    classes = len(labels) if recipe.task.output == "label" else 0
    if most is not None and most < max(2, classes):
        raise DataError(
            f"data.limit.train is {most}, but there are {max(2, classes)} classes to learn",
            "Raise it: each class needs at least one training row.",
        )
    for name in ("validation", "test"):
        if not parts[name]:
            share = f"data.{name}_share"
            raise DataError(
                f"the {name} split is empty: none of the rows fell into it",
                f"Give more rows, give data.{name}, or raise {share}.",
            )
    return {
        name: subset(parts[name], getattr(recipe.data.limit, name), seed, kinds) for name in SPLITS
    }


def _examples(rows: Iterable[Draft]) -> tuple[Example, ...]:
    """Examples with their ids: the given ones, else a digest of the content."""
    seen: Counter[str] = Counter()
    made: list[Example] = []
    for draft in rows:
        content = "\0".join([*(f"{t.role}\1{t.content}" for t in draft.turns), draft.target])
        identity = draft.id or hashlib.sha256(content.encode()).hexdigest()[:16]
        seen[identity] += 1
        if seen[identity] > 1:  # only where a given held-out split repeats a row
            identity = f"{identity}-{seen[identity]}"
        made.append(
            Example(identity, draft.text, draft.turns, draft.target, draft.slice, draft.check)
        )
    return tuple(made)


# -- the report ----------------------------------------------------------------------------


def source_digests(recipe: Recipe, recipe_dir: Path | None) -> dict[str, str]:
    """SHA-256 of each source that is a file, by split; raises ``DataError`` when one is missing."""
    found = _digests({n: describe(s, recipe_dir) for n, s in _all_sources(recipe).items()})
    database = recipe.data.database
    return {**found, "database": databases.digest(database, recipe_dir)} if database else found


def _digests(described: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: about["sha256"] for name, about in described.items() if "sha256" in about}


def _report(
    recipe: Recipe,
    recipe_dir: Path | None,
    splits: dict[str, tuple[Example, ...]],
    findings: Findings,
) -> dict[str, Any]:
    """Everything that happened to the rows, as JSON."""
    described = {name: describe(s, recipe_dir) for name, s in _sources(recipe).items()}
    dropped = findings.dropped["train"]
    return {
        "sources": {
            name: {
                k: v for k, v in described.get(name, {"cut": "from train"}).items() if k != "sha256"
            }
            for name in SPLITS
        },
        "source_digests": {**source_digests(recipe, recipe_dir), **findings.digests},
        "rows_read": findings.read,
        "distinct_read": findings.distinct,  # inputs, before any row was dropped for another
        "rows": {name: len(rows) for name, rows in splits.items()},
        "digests": {name: rows_digest(rows) for name, rows in splits.items()},
        "dropped": {name: dict(findings.dropped[name]) for name in SPLITS},
        "kept_as_given": {name: dict(counts) for name, counts in findings.kept.items()},
        "duplicates": sum(count for reason, count in dropped.items() if "duplicate" in reason),
        "conflicting": dropped["same input, another target"],
        "leakage": {
            name: {"exact": dropped[f"also in {name}"], "near": dropped[f"nearly in {name}"]}
            for name in ("validation", "test")
        },
        "encoding_repaired": findings.repaired,
        "examples": dict(findings.examples),
        "balance": {name: balance([e.slice for e in rows]) for name, rows in splits.items()},
        "distinct_texts": {
            name: round(len({normalised(e.text) for e in rows}) / len(rows), 4)
            for name, rows in splits.items()
        },
    }


def _read_digest(raw: Iterable[Located]) -> str:
    """Hex SHA-256 of rows as a database or hub gave them, in their order."""
    digest = hashlib.sha256()
    for _, row in raw:
        told = json.dumps(row, ensure_ascii=False, sort_keys=True, default=str)
        digest.update((told + "\n").encode(errors="surrogatepass"))
    return digest.hexdigest()


def rows_digest(rows: Iterable[Example]) -> str:
    """Hex SHA-256 of the rows as JSON lines: that of the file that ``files.write_jsonl`` writes."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update((json.dumps(row.as_json(), ensure_ascii=False) + "\n").encode())
    return digest.hexdigest()


def _tell(report: dict[str, Any], progress: Progress) -> None:
    for name in SPLITS:
        reasons = [f"{count:,} {reason}" for reason, count in report["dropped"][name].items()]
        lost = f"; dropped: {', '.join(reasons)}" if reasons else ""
        read = report["rows_read"].get(name)
        of = (
            f" ({report['distinct_read'][name]:,} distinct inputs in {read:,} read)" if read else ""
        )
        progress.say(f"{name}: {report['rows'][name]:,} rows{of}{lost}")
    for name, counts in report["kept_as_given"].items():
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
        progress.say(f"{name} is kept as given, with {reasons}")
