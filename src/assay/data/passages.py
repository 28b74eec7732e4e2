"""Passages that queries are answered with, and the grades that say which passages answer one."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from assay.data.cells import column, parsed
from assay.data.clean import repaired, require_unicode
from assay.data.readers import read
from assay.data.records import Example, Passage, Splits
from assay.data.tables import Row
from assay.errors import DataError, did_you_mean
from assay.recipe.schema import Corpus

LISTED = 50  # ids that an error may name
Grades = dict[str, float]  # of the relevant passages, by id; higher is better


def read_corpus(corpus: Corpus, recipe_dir: Path | None, *, repair: bool) -> tuple[Passage, ...]:
    """Every passage, in the source's order.

    Raises ``DataError`` naming file and line for a missing column, an empty id or text, and an id
    that comes twice.
    """
    found: list[Passage] = []
    places: dict[str, str] = {}
    for where, row in read(corpus, recipe_dir):
        id_ = _cell(row, corpus.id, where, "data.corpus.id")
        text = _cell(row, corpus.text, where, "data.corpus.text")
        passage = Passage(id_, repaired(text) if repair else text)
        if passage.id in places:
            raise DataError(
                f'{where}: the passage id "{passage.id}" was given already at {places[passage.id]}',
                "Give every passage an id of its own.",
            )
        places[passage.id] = where
        found.append(passage)
    if len(found) < 2:
        raise DataError(
            f"data.corpus has {len(found)} passages: there is nothing to rank",
            "Give the source at least two.",
        )
    return tuple(found)


def _cell(row: Row, name: str, where: str, key: str) -> str:
    value = column(row, name, where, key)
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).strip():
        raise DataError(
            f"{where}: {name} is {value!r}, not a text that can be found",
            "Give every passage an id and a text; leave a passage without a text out.",
        )
    text = str(value).strip()
    require_unicode(text, where)
    return text


def grades_in(value: Any, known: Collection[str], where: str) -> Grades:
    """The grades in a row's target: a list of ids (each of grade 1), one id, or ``{id: grade}``.

    Lists and objects may be JSON text, as CSV and SQL hold them. Raises ``DataError`` for a target
    without a relevant passage, an id that is listed twice or not in the corpus, and a grade that is
    not a positive number.
    """
    value = _opened(value, where)
    graded: dict[str, Any]
    if isinstance(value, Mapping):
        graded = {str(k): v for k, v in cast("Mapping[Any, Any]", value).items()}
        graded = {k: v for k, v in graded.items() if v is not None}  # Parquet fills what is absent
    else:
        listed = cast("list[Any]", value) if isinstance(value, list) else [value]
        ids = [str(item) for item in listed if item not in (None, "")]
        if twice := [id_ for id_ in ids if ids.count(id_) > 1]:
            raise DataError(
                f'{where}: lists the passage "{twice[0]}" twice', "Name every passage once."
            )
        graded = dict.fromkeys(ids, 1)
    if not graded:
        raise DataError(
            f"{where}: names no relevant passage",
            "Leave the query out: every order of the passages would be as good for it.",
        )
    for id_, grade in graded.items():
        if id_ not in known:
            raise DataError(
                f'{where}: no passage of data.corpus has the id "{id_}".{_like(id_, known)}',
                "Correct the id, or add the passage.",
            )
        number = isinstance(grade, int | float) and not isinstance(grade, bool)
        if not number or not math.isfinite(grade) or grade <= 0:
            raise DataError(
                f'{where}: the grade of "{id_}" is {grade!r}, not a number above 0',
                "A higher grade is a better answer; leave passages out that answer nothing.",
            )
    return graded


def _like(id_: str, known: Collection[str]) -> str:
    """What ids look like; a corpus has too many to list, or to compare with one by one."""
    if len(known) <= LISTED:
        return did_you_mean(id_, [*known])
    return f' It has {len(known):,}, such as "{min(known)}".'


def _opened(value: Any, where: str) -> Any:
    """A list or object that a cell holds as JSON text; else the value as it is."""
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        return parsed(value, where)
    return value.strip() if isinstance(value, str) else value


def target_of(grades: Grades) -> str:
    """Grades as the text of an example's target, best first."""
    best = sorted(grades.items(), key=lambda item: (-item[1], item[0]))
    return json.dumps(dict(best), ensure_ascii=False)


def grades_of(target: str) -> Grades:
    """The inverse of ``target_of``; raises ``ValueError`` for a text that it did not write."""
    grades: Any = json.loads(target)
    if not isinstance(grades, dict) or not grades:
        raise ValueError("not an object of grades")
    found = cast("dict[str, Any]", grades)
    if not all(isinstance(g, int | float) and g > 0 for g in found.values()):
        raise ValueError("a grade is not a number above 0")
    return found


def corpus_digest(corpus: Iterable[Passage]) -> str:
    """Hex SHA-256 of the passages as ``files.write_jsonl`` writes them."""
    digest = hashlib.sha256()
    for passage in corpus:
        digest.update((json.dumps(passage.as_json(), ensure_ascii=False) + "\n").encode())
    return digest.hexdigest()


def about(corpus: Sequence[Passage], splits: Mapping[str, Sequence[Example]]) -> dict[str, Any]:
    """What the report of the data says of a corpus and of the judgements on it."""
    found = [grades_of(e.target) for examples in splits.values() for e in examples]
    counts = sorted(len(grades) for grades in found)
    return {
        "passages": len(corpus),
        "relevant_to_a_query": len({id_ for grades in found for id_ in grades}),
        "relevant_per_query": {
            "least": counts[0],
            "median": counts[len(counts) // 2],
            "most": counts[-1],
        },
        "grades": _counted(grade for grades in found for grade in grades.values()),
    }


def judged(splits: Splits, k: int) -> list[dict[str, Any]]:
    """``k`` training queries, from few relevant passages to many: ``id, text, relevant``."""
    texts = {passage.id: passage.text for passage in splits.corpus}
    ordered = sorted(splits.train, key=lambda e: (len(grades_of(e.target)), e.id))
    last = len(ordered) - 1
    chosen = dict.fromkeys(round(last * n / max(1, k - 1)) for n in range(min(k, len(ordered))))
    return [
        {
            "id": ordered[place].id,
            "text": ordered[place].text,
            "relevant": [
                {"id": id_, "grade": grade, "text": texts[id_]}
                for id_, grade in grades_of(ordered[place].target).items()
            ],
        }
        for place in chosen
    ]


def _counted(values: Iterable[float]) -> dict[str, int]:
    found = Counter(values)
    return {f"{value:g}": found[value] for value in sorted(found, reverse=True)}
