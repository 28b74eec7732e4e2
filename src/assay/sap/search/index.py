"""The index of a knowledge base: built once, saved beside the database, rebuilt when that changes.

Only distinct texts are embedded; an entry's vector is the weighted sum of those of its own words, its
entity type's and its service's. Vectors are kept by their text's digest, so that a second build, or
one that was killed, embeds only what is new.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from assay import files
from assay.data.records import Passage
from assay.errors import DataError
from assay.evaluation.rungs.ranking import Terms, bm25_weights
from assay.models.load import Embedder
from assay.observability.progress import Progress
from assay.sap.fields import fields
from assay.sap.rules import rules
from assay.sap.search.entries import Entry, entries_of
from assay.sap.search.explanations import explanations, held
from assay.sap.search.words import words_of
from assay.sap.store import KnowledgeBase

FORM = 3  # of what is saved; another one is built again
CHUNK = 2048  # texts embedded between two writes
MAX_TOKENS = 48
LINKS, BREADTH = 32, 80  # of the HNSW graph: neighbours of a node, and how widely it is built
SHARES = (0.6, 0.25, 0.15)  # of its own words, its entity type and its service in an entry's vector
K1, B = 1.2, 0.75
STAMP, VECTORS, ENTRIES, WORDS = "stamp.json", "index.faiss", "entries.json", "words.npz"
MEANINGS = "meanings.npz"


class _Words(Terms):
    """Terms of a text: folded words without their English endings."""

    def words(self, text: str) -> list[str]:
        return [word for each in words_of(text) for word in super(_Words, self).words(each)]


@dataclass(frozen=True)
class Lexicon:
    """BM25 weights [T, N] of the entries' words."""

    terms: _Words
    weights: Any

    @staticmethod
    def build(texts: Sequence[str]) -> Lexicon:
        """Count the terms of every text."""
        terms = _Words([Passage(str(n), text) for n, text in enumerate(texts)], stemmed=True)
        return Lexicon(terms, bm25_weights(terms, K1, B))

    @staticmethod
    def load(path: Path, places: dict[str, int]) -> Lexicon:
        """The inverse of ``as_bytes``."""
        terms = _Words([], stemmed=True)
        terms.places = places
        return Lexicon(terms, sparse.load_npz(path))

    def as_bytes(self) -> bytes:
        """The weights as they are saved."""
        held = io.BytesIO()
        sparse.save_npz(held, self.weights, compressed=False)
        return held.getvalue()

    def scores(self, query: str) -> np.ndarray:
        """What each entry scores, [N]."""
        return np.asarray((self.terms.query(query) @ self.weights).todense()).ravel()


@dataclass(frozen=True)
class Index:
    """Everything a query needs."""

    entries: list[Entry]
    lexicon: Lexicon
    graph: Any  # faiss.IndexHNSWFlat over unit vectors
    terms: list[str]  # P, the one that each phrase explains
    named: np.ndarray  # [T, H], unit vectors of the distinct terms, in their order
    phrases: np.ndarray  # [P, H], unit vectors


def folder_of(base: KnowledgeBase) -> Path:
    """Where a knowledge base's index is: beside its file, as its quarantine is."""
    beside = base.quarantine
    return beside.with_name(beside.name.removesuffix("-quarantine") + "-search")


def stamp_of(base: KnowledgeBase, model: str) -> str:
    """A digest of all that an index depends on."""
    require_some(base)
    services = [[each.name, each.origin.digest] for each in base.services()]
    known = [asdict(field) for field in fields().values()]
    named = [[rule.id, rule.name] for rule in rules()]
    parts = {"form": FORM, "model": model, "services": services, "fields": known, "rules": named}
    return files.digest({**parts, "explanations": explanations()})


def require_some(base: KnowledgeBase) -> None:
    """Raise ``DataError`` for a knowledge base without a service."""
    if not base.services():
        raise DataError(
            f"{base.shown}: the knowledge base is empty",
            "assay kb import brings the services that ship with Assay; assay kb pull brings more.",
        )


def open_index(
    base: KnowledgeBase, embedder: Embedder, progress: Progress, folder: Path | None = None
) -> Index:
    """The saved index, built first when there is none or the knowledge base is another now."""
    where = folder or folder_of(base)
    stamp = stamp_of(base, embedder.ref.digest)
    if not _is_current(where, stamp):
        progress.say(f"{base.shown}: building its search index")
        _build(base, embedder, progress, where, stamp)
    return _load(where)


def _is_current(folder: Path, stamp: str) -> bool:
    if not (folder / STAMP).is_file():
        return False
    said = files.read_object(folder / STAMP, "stamp", "files")
    if said["stamp"] != stamp:
        return False
    present = all((folder / name).is_file() for name in said["files"])
    return present and all(
        files.sha256_file(folder / name) == digest for name, digest in said["files"].items()
    )


def _build(
    base: KnowledgeBase, embedder: Embedder, progress: Progress, folder: Path, stamp: str
) -> None:
    services = (base.service(each.name) for each in base.services())
    entries = list(entries_of(services, fields().values(), rules()))
    cache = _Cache(folder / "vectors", embedder, progress)
    vectors = _vectors(entries, cache)
    explained = held(
        explanations(), (text for e in entries for text in (e.own, e.entity, e.service))
    )
    terms = [term for term, _ in explained]
    phrases = [phrase for _, phrase in explained]
    lexicon = Lexicon.build([f"{e.own} {e.own} {e.entity} {e.service}" for e in entries])
    graph = _graph(vectors, progress)
    rows = {
        "entries": [asdict(each) for each in entries],
        "places": lexicon.terms.places,
        "terms": terms,
    }
    parts = {
        VECTORS: _serialised(graph),
        ENTRIES: json.dumps(rows).encode(),
        WORDS: lexicon.as_bytes(),
        MEANINGS: _saved(cache.embed([*dict.fromkeys(terms)]), cache.embed(phrases)),
    }
    for name, data in parts.items():
        files.write_bytes(folder / name, data)
    digests = {name: files.sha256_bytes(data) for name, data in parts.items()}
    files.write_json(folder / STAMP, {"stamp": stamp, "files": digests})


def _graph(vectors: np.ndarray, progress: Progress) -> Any:
    import faiss

    graph: Any = faiss.IndexHNSWFlat(vectors.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = BREADTH
    with progress.task("linking vectors", len(vectors)) as bar:
        for start in range(0, len(vectors), CHUNK):
            some = vectors[start : start + CHUNK]
            graph.add(some)
            bar.advance(len(some))
    return graph


def _serialised(graph: Any) -> bytes:
    import faiss

    return faiss.serialize_index(graph).tobytes()  # the bytes that faiss.write_index writes


def _load(folder: Path) -> Index:
    import faiss

    rows: dict[str, Any] = files.read_object(folder / ENTRIES, "entries", "places", "terms")
    entries = [Entry(**row) for row in rows["entries"]]
    # One query is too little work to share out, and faiss's threads wait for torch's.
    faiss.omp_set_num_threads(1)
    lexicon = Lexicon.load(folder / WORDS, rows["places"])
    graph = faiss.read_index(str(folder / VECTORS))
    with np.load(folder / MEANINGS, allow_pickle=False) as vectors:
        return Index(entries, lexicon, graph, rows["terms"], vectors["named"], vectors["phrases"])


def _vectors(entries: Sequence[Entry], cache: _Cache) -> np.ndarray:
    """Unit vectors [N, H] of the entries."""
    texts = dict.fromkeys(t for e in entries for t in (e.own, e.entity, e.service) if t)
    found = cache.embed(list(texts))
    where = {text: n for n, text in enumerate(texts)}
    result = np.zeros((len(entries), found.shape[1]), dtype=np.float32)
    for parts, share in zip(
        ((e.own for e in entries), (e.entity for e in entries), (e.service for e in entries)),
        SHARES,
        strict=True,
    ):
        chosen = [(row, where[text]) for row, text in enumerate(parts) if text]
        rows, places = np.array(chosen, dtype=np.int64).reshape(-1, 2).T
        result[rows] += share * found[places]
    return result / np.maximum(np.linalg.norm(result, axis=1, keepdims=True), 1e-9)


def _saved(named: np.ndarray, phrases: np.ndarray) -> bytes:
    saved = io.BytesIO()
    np.savez(saved, named=named, phrases=phrases)
    return saved.getvalue()


class _Cache:
    """Vectors by the digest of model and text, in files of ``CHUNK``, each written whole."""

    def __init__(self, folder: Path, embedder: Embedder, progress: Progress) -> None:
        self.folder = folder
        self.embedder = embedder
        self.progress = progress

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors [N, H] in the order of ``texts``; the new ones are computed and kept."""
        known = self._read()
        keys = [self._key(text) for text in texts]
        missing = [(k, t) for k, t in zip(keys, texts, strict=True) if k not in known]
        missing.sort(key=lambda pair: len(pair[1]))  # texts of one length need no padding
        with self.progress.task("embedding distinct texts", max(len(missing), 1)) as bar:
            for start in range(0, len(missing), CHUNK):
                some = missing[start : start + CHUNK]
                known |= self._add(some)
                bar.advance(len(some))
        return np.stack([known[key] for key in keys]) if keys else np.zeros((0, 1), np.float32)

    def _key(self, text: str) -> str:
        return files.sha256_bytes(f"{self.embedder.ref.digest} {text}".encode())

    def _read(self) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for names in sorted(self.folder.glob("*.json")):
            vectors = np.load(names.with_suffix(".npy"), allow_pickle=False)
            found |= dict(zip(files.read_json(names), vectors, strict=True))
        return found

    def _add(self, some: Sequence[tuple[str, str]]) -> dict[str, np.ndarray]:
        from assay.models.embed import embed
        from assay.observability.progress import SILENT

        vectors = embed(self.embedder, [text for _, text in some], SILENT, max_tokens=MAX_TOKENS)
        keys = [key for key, _ in some]
        stem = self.folder / files.sha256_bytes("".join(keys).encode())[:16]
        saved = io.BytesIO()
        np.save(saved, vectors, allow_pickle=False)
        # The names come last: vectors without them are not read.
        files.write_bytes(stem.with_suffix(".npy"), saved.getvalue())
        files.write_json(stem.with_suffix(".json"), keys)
        return dict(zip(keys, vectors, strict=True))
