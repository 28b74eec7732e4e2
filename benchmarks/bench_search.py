"""Search over the knowledge base: P@5 of BM25, of embeddings, and of both, on judged queries.

Without ``--kb`` over what ships, whose index is built first (a minute or two).

Relevance was judged as patterns over entries' paths. Of the first set, half of the queries (by their
digest) chose the weights. The second was written by somebody who knew neither search nor the first, and
showed what search did not do: it is development since. A query that has fewer than five relevant entries
in the knowledge base at hand is left out.

Usage: python benchmarks/bench_search.py [--kb FILE] [--queries N] [--tune] [--json]
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from assay.files import sha256_bytes
from assay.models.embed import embed
from assay.models.load import load_embedder
from assay.models.store import pull
from assay.observability.progress import SILENT
from assay.sap.documents import in_path
from assay.sap.importing import import_documents
from assay.sap.search.entries import Entry
from assay.sap.search.index import open_index
from assay.sap.search.ranking import BY_MEANING, BY_WORDS, HYBRID, Search, Weights
from assay.sap.shipped import SCHEMAS
from assay.sap.store import KnowledgeBase

DATA = Path(__file__).with_name("data")
FIRST, SECOND = "first", "second"
FILES = {
    FIRST: DATA / "kb_queries.tsv",
    SECOND: DATA / "kb_queries_second.tsv",
}
SHOWN = 5
WAYS = {  # the weights, and whether glossary and spelling read the query first
    "bm25": (BY_WORDS, False),
    "embeddings": (BY_MEANING, False),
    "bm25_of_query_read": (BY_WORDS, True),
    "embeddings_of_query_read": (BY_MEANING, True),
    "hybrid": (HYBRID, True),
}


@dataclass(frozen=True)
class Query:
    """A query with the entries that answer it."""

    text: str
    form: str
    relevant: frozenset[str]

    @property
    def is_test(self) -> bool:
        """Whether it is in the half of the first set that nothing was chosen on."""
        return int(sha256_bytes(self.text.encode())[:8], 16) % 2 == 1


def judged(entries: Sequence[Entry], file: Path) -> list[Query]:
    """The queries of a file with at least five relevant entries among these."""
    paths = [each.path for each in entries]
    lower = [path.lower() for path in paths]
    found: dict[str, frozenset[str]] = {}
    queries: list[Query] = []
    with file.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            said = row["relevant"]
            if said not in found:
                patterns = said.lower().split()
                matching = (p for p, low in zip(paths, lower, strict=True) if _any(low, patterns))
                found[said] = frozenset(matching)
            queries.append(Query(row["query"], row["form"], found[said]))
    return [query for query in queries if len(query.relevant) >= SHOWN]


def _any(path: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def precision(search: Search, query: Query, weights: Weights, *, translated: bool) -> float:
    """The share of the first five that is relevant."""
    hits = search.find(query.text, SHOWN, weights=weights, translated=translated)
    return sum(hit.entry.path in query.relevant for hit in hits) / SHOWN


def by_form(search: Search, queries: Sequence[Query]) -> dict[str, float]:
    """P@5 of search as it is for each form of query."""
    found: dict[str, list[float]] = {}
    for query in queries:
        found.setdefault(query.form, []).append(precision(search, query, HYBRID, translated=True))
    return {form: round(statistics.fmean(some), 3) for form, some in found.items()}


def tune(search: Search, queries: Sequence[Query]) -> list[tuple[float, Weights]]:
    """Every setting with its P@5 on the development half, best first."""
    settings = [Weights(1.0, words) for words in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)]
    found = [
        (statistics.fmean(precision(search, q, each, translated=True) for q in queries), each)
        for each in settings
    ]
    return sorted(found, key=lambda pair: -pair[0])


def nearest_found(search: Search, queries: Sequence[Query]) -> float:
    """The share of queries whose five nearest entries are all among those that the graph gives."""
    every = search.index.graph.reconstruct_n(0, len(search.index.entries))
    right = 0
    for query in queries:
        vector = embed(search.embedder, [search.read(query.text)], SILENT)[0]
        exact = every @ vector
        given = np.sort(exact[search.near(vector)])[-SHOWN:]
        right += bool(np.allclose(given, np.sort(exact)[-SHOWN:], atol=1e-6))
    return right / len(queries)


def latencies(search: Search, queries: Sequence[Query]) -> list[float]:
    """Milliseconds of each query, in a process that is warm."""
    taken: list[float] = []
    for query in queries:
        began = time.perf_counter()
        search.find(query.text)
        taken.append(1000 * (time.perf_counter() - began))
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kb")
    parser.add_argument("--queries", type=int)
    parser.add_argument("--tune", action="store_true", help="show the weights on development")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    embedder = load_embedder(pull("all-minilm-l6-v2", SILENT), SILENT)
    with (
        tempfile.TemporaryDirectory() as scratch,
        closing(KnowledgeBase(options.kb or f"{scratch}/kb.sqlite")) as base,
    ):
        if not options.kb:
            import_documents(base, in_path(SCHEMAS), base.quarantine, SILENT)
        search = Search(open_index(base, embedder, SILENT), embedder)
    sets = {
        name: judged(search.index.entries, file)[: options.queries] for name, file in FILES.items()
    }
    parts = {
        "first_development": [query for query in sets[FIRST] if not query.is_test],
        "first_test": [query for query in sets[FIRST] if query.is_test],
        SECOND: sets[SECOND],
    }
    if options.tune:
        for value, weights in tune(search, parts["first_development"])[:10]:
            print(f"{value:.3f} {weights}")
    scores = {
        part: {
            way: round(statistics.fmean(precision(search, q, w, translated=t) for q in some), 3)
            for way, (w, t) in WAYS.items()
        }
        for part, some in parts.items()
        if some
    }
    queries = [query for some in sets.values() for query in some]
    times = latencies(search, queries)
    result = {
        "entries": len(search.index.entries),
        "queries": {part: len(some) for part, some in parts.items()},
        "p5": scores,
        "p5_by_form": {name: by_form(search, some) for name, some in sets.items()},
        "nearest_found": round(nearest_found(search, queries), 3),
        "hybrid_to_bm25": round(scores[SECOND]["hybrid"] / max(scores[SECOND]["bm25"], 1e-9), 2),
        "ms_median": round(statistics.median(times), 1),
        "ms_p95": round(float(np.percentile(times, 95)), 1),
    }
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        for key, value in result.items():
            print(f"{key:<16}{value}")


if __name__ == "__main__":
    main()
