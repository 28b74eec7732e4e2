"""Duplicates and leaks among a million short records: minutes, memory and what is found.

The records are written by a word chain over seven shipped datasets (banking, assistants, reviews,
worked sums), so that words and phrases are as frequent as in real texts. Copies of records and of
held-out records are planted among them: exact but for case and punctuation, and changed by a word or
two. The time runs from texts in memory to the rows that stay: normal form, duplicates in train,
leaks into the held-out records, as ``assay.data.prepare`` does it.

The peer is datasketch (MinHash of 128 permutations, LSH that misses a pair at the threshold once in
a million, exact similarity of what it proposes), on the first records of the same corpus; Assay is
timed on those, too, and the two must agree. Every measurement is a process of its own, so that peak
memory is that process's.

Usage: python benchmarks/bench_duplicates.py [--limit 1000000] [--peer 20000] [--json]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

THRESHOLD = 0.9  # the schema's default of both settings
SOURCES = {
    "banking77": "text",
    "clinc150": "text",
    "snips": "text",
    "sentence-polarity": "text",
    "subjectivity": "text",
    "uci-sentiment": "text",
    "gsm8k": "question",
}
HELD_OUT = 0.02  # of all records
EXACT, NEAR, LEAKS = 0.02, 0.03, 0.01  # planted, of the training records


# -- the corpus ----------------------------------------------------------------------------


def real_texts() -> list[str]:
    """Every training text of the sources."""
    from assay.data.readers import read
    from assay.recipe.schema import Source

    return [
        row[column]
        for name, column in SOURCES.items()
        for _, row in read(Source(dataset=f"{name}/train"), None)
    ]


class Writer:
    """Writes texts whose words follow each other as in the real ones.

    Seven words in ten are drawn by the two before them, the others by the one before, so that most
    texts are new ones.
    """

    def __init__(self, texts: list[str], seed: int) -> None:
        self.draw = random.Random(seed)
        self.starts: list[tuple[str, str]] = []
        self.after_two: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.after_one: dict[str, list[str]] = defaultdict(list)
        for text in texts:
            words = [*text.split(), ""]
            if len(words) < 3:
                continue
            self.starts.append((words[0], words[1]))
            for one, two in pairwise(words):
                self.after_one[one].append(two)
            for one, two, three in zip(words, words[1:], words[2:], strict=False):
                self.after_two[one, two].append(three)

    def text(self) -> str:
        """One text of at most 80 words."""
        pick = self._pick
        one, two = pick(self.starts)
        words = [one, two]
        while len(words) < 80:
            wide = self.draw.random() < 0.7
            word = pick(self.after_two[words[-2], words[-1]] if wide else self.after_one[words[-1]])
            if not word:
                break
            words.append(word)
        return " ".join(words)

    def changed(self, text: str) -> str:
        """``text`` with a word or two more, less or other."""
        words = text.split()
        kind = self.draw.randrange(4)
        if kind == 0:
            words.append(self._pick(self.starts)[0])
        elif kind == 1:
            words.insert(0, self._pick(self.starts)[0])
        elif kind == 2:
            words.pop()
        else:
            words[self.draw.randrange(len(words))] = self._pick(self.starts)[1]
        return " ".join(words)

    def dressed(self, text: str) -> str:
        """``text`` with other case and punctuation."""
        return self.draw.choice([text.upper(), f"{text} !", f"({text})", text.capitalize() + "…"])

    def _pick(self, options: list[Any]) -> Any:
        return options[int(self.draw.random() * len(options))]


def held_out(limit: int) -> int:
    """Held-out records among ``limit``."""
    return max(1, round(limit * HELD_OUT))


def build(path: Path, limit: int) -> dict[str, Any]:
    """Write the corpus: held-out texts, training texts, and (row, kind, row it copies) of plants."""
    writer = Writer(real_texts(), seed=0)
    held = [writer.text() for _ in range(held_out(limit))]
    train: list[str] = []
    planted: list[tuple[int, str, int]] = []
    while len(train) < limit - len(held):
        chance = writer.draw.random()
        if not train or chance > EXACT + NEAR + LEAKS:
            train.append(writer.text())
            continue
        leak = chance < LEAKS
        texts = held if leak else train
        origin = writer.draw.randrange(len(texts))
        near = writer.draw.random() < NEAR / (EXACT + NEAR)
        planted.append((len(train), "leak" if leak else "copy", origin))
        text = texts[origin]
        train.append(writer.changed(text) if near else writer.dressed(text))
    corpus = {"held": held, "train": train, "planted": planted}
    path.write_text(json.dumps(corpus), encoding="utf-8")
    words = sum(len(text.split()) for text in train) / len(train)
    return {"records": limit, "words_a_record": round(words, 1), "distinct": len(set(train))}


# -- what is measured ----------------------------------------------------------------------


def drafts(texts: list[str], name: str) -> list[Any]:
    """Rows as preparation has them after reading."""
    from assay.data.rows import Draft

    return [
        Draft(f"{name}:{number}", None, text, (), "any", "all", False)
        for number, text in enumerate(texts, start=1)
    ]


def assay(train: list[str], held: list[str]) -> tuple[dict[int, int], dict[int, int], list[float]]:
    """Which training row repeats which, which leaks from which, and the seconds of three steps."""
    from assay.data.leakage import repeats_between, repeats_within, without
    from assay.observability.progress import SILENT

    times = [time.perf_counter()]
    rows, others = drafts(train, "train"), {"test": drafts(held, "test")}
    times.append(time.perf_counter())
    with SILENT.task("", 1) as bar:
        repeats = repeats_within(rows, "train", THRESHOLD, bar)
        distinct = without(rows, repeats)
        times.append(time.perf_counter())
        leaks = repeats_between(distinct, others, THRESHOLD, bar)
    times.append(time.perf_counter())
    place = {id(draft): at for some in (rows, others["test"]) for at, draft in enumerate(some)}
    copies, leaked = (
        {place[id(repeat.row)]: place[id(repeat.of)] for repeat in found}
        for found in (repeats, leaks)
    )
    return copies, leaked, [after - before for before, after in pairwise(times)]


def shingles(key: str) -> set[str]:
    """What similarity is counted by: words and pairs of neighbouring words."""
    words = key.split(" ")
    return {*words, *map(" ".join, pairwise(words))}


def jaccard(one: set[str], other: set[str]) -> float:
    """Shared shingles over all shingles."""
    return len(one & other) / len(one | other)


def datasketch(
    train: list[str], held: list[str]
) -> tuple[dict[int, int], dict[int, int], list[float]]:
    """The same with MinHash and LSH: 21 bands of 6 rows miss a pair at 0.9 once in eight million."""
    from datasketch import MinHash, MinHashLSH

    from assay.data.clean import normalised

    blank = MinHash(num_perm=128, seed=1)

    class Index:
        """Texts so far, and which of them a text repeats first."""

        def __init__(self) -> None:
            self.lsh = MinHashLSH(num_perm=128, params=(21, 6))
            self.exact: dict[str, int] = {}
            self.sets: dict[int, set[str]] = {}

        def sketch(self, mine: set[str]) -> Any:
            made = blank.copy()
            made.update_batch([shingle.encode() for shingle in mine])
            return made

        def add(self, place: int, key: str, mine: set[str], sketch: Any) -> None:
            self.exact.setdefault(key, place)
            self.sets[place] = mine
            self.lsh.insert(place, sketch, check_duplication=False)

        def find(self, mine: set[str], sketch: Any) -> int | None:
            near = sorted(self.lsh.query(sketch))
            return next((p for p in near if jaccard(mine, self.sets[p]) >= THRESHOLD), None)

    times = [time.perf_counter()]
    keys, others = [normalised(text) for text in train], [normalised(text) for text in held]
    times.append(time.perf_counter())
    copies: dict[int, int] = {}
    index = Index()
    for place, key in enumerate(keys):
        found = index.exact.get(key)
        if found is None:
            mine = shingles(key)
            sketch = index.sketch(mine)
            found = index.find(mine, sketch)
            if found is None:
                index.add(place, key, mine, sketch)
        if found is not None:
            copies[place] = found
    times.append(time.perf_counter())
    leaks: dict[int, int] = {}
    index = Index()
    for place, key in enumerate(others):
        mine = shingles(key)
        index.add(place, key, mine, index.sketch(mine))
    for place, key in enumerate(keys):
        if place not in copies:
            mine = shingles(key)
            found = index.exact.get(key)
            found = index.find(mine, index.sketch(mine)) if found is None else found
            if found is not None:
                leaks[place] = found
    times.append(time.perf_counter())
    return copies, leaks, [after - before for before, after in pairwise(times)]


def recall(
    corpus: dict[str, Any], copies: dict[int, int], leaks: dict[int, int]
) -> dict[str, list[int]]:
    """[found, planted] copies whose original stays, and leaks, that are alike enough to count."""
    from assay.data.clean import normalised

    counts = {"copies": [0, 0], "leaks": [0, 0]}
    for place, kind, origin in corpus["planted"]:
        if place >= len(corpus["train"]) or (kind == "copy" and origin in copies):
            continue
        texts = corpus["held"] if kind == "leak" else corpus["train"]
        one, other = normalised(corpus["train"][place]), normalised(texts[origin])
        if one == other or jaccard(shingles(one), shingles(other)) >= THRESHOLD:
            count = counts["leaks" if kind == "leak" else "copies"]
            count[0] += place in copies or place in leaks
            count[1] += 1
    return counts


def measure(way: str, path: Path, limit: int) -> dict[str, Any]:
    """One way on the corpus' first ``limit`` records."""
    corpus = json.loads(path.read_text(encoding="utf-8"))
    corpus["held"] = corpus["held"][: held_out(limit)]
    corpus["train"] = corpus["train"][: limit - held_out(limit)]
    kept = len(corpus["held"])
    corpus["planted"] = [p for p in corpus["planted"] if p[1] == "copy" or p[2] < kept]
    run = assay if way == "assay" else datasketch
    began = time.process_time()
    copies, leaks, spent = run(corpus["train"], corpus["held"])
    processor = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = json.dumps([sorted(copies.items()), sorted(leaks.items())])
    return {
        "records": limit,
        "seconds": round(sum(spent), 2),
        "processor_seconds": round(processor, 2),
        "steps": dict(zip(("normal_form", "duplicates", "leaks"), spent, strict=True)),
        "peak_mb": round(peak),
        "duplicates": len(copies),
        "leaks": len(leaks),
        "recall": recall(corpus, copies, leaks),
        "found": hashlib.sha256(found.encode()).hexdigest(),
    }


def main() -> None:
    """Write the corpus, measure both, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=1_000_000, help="records in all")
    parser.add_argument("--peer", type=int, default=20_000, help="of them, for datasketch")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        way, path, limit = options.child
        make = build if way == "corpus" else partial(measure, way)
        print(json.dumps(make(Path(path), int(limit))))
        return
    peer = min(options.peer, options.limit)
    if peer < 100:
        parser.error(f"--limit {options.limit} --peer {options.peer}: at least 100 records each")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.json"

        def child(way: str, limit: int) -> dict[str, Any]:
            print(f"{way}: {limit:,} records", file=sys.stderr)
            command = [sys.executable, __file__, "--child", way, str(path), str(limit)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{way} failed:\n{done.stderr[-3000:]}")
            return json.loads(done.stdout)

        corpus = child("corpus", options.limit)
        whole = child("assay", options.limit)
        mine, theirs = (child(way, peer) for way in ("assay", "datasketch"))
    result = {
        "corpus": corpus,
        "assay": whole,
        "peer": {"assay": mine, "datasketch": theirs},
        "times_faster": round(theirs["seconds"] / mine["seconds"], 1),
        "same_found": mine["found"] == theirs["found"],
        "datasketch_minutes_if_linear": round(theirs["seconds"] * options.limit / peer / 60, 1),
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(
        f"{whole['records']:,} records of {corpus['words_a_record']} words in"
        f" {whole['seconds'] / 60:.2f} min ({whole['processor_seconds'] / 60:.2f} min of a processor),"
        f" {whole['peak_mb']:,} MB at most, the corpus included:"
        f" {whole['duplicates']:,} duplicates, {whole['leaks']:,} leaks"
    )
    for kind, (found, planted) in whole["recall"].items():
        print(f"planted {kind} found: {found:,} of {planted:,}")
    print(
        f"assay is {result['times_faster']} times as fast as datasketch on {peer:,} records"
        f" ({mine['seconds']} s and {theirs['seconds']} s; the same found: {result['same_found']});"
        f" were datasketch linear, {options.limit:,} would take it"
        f" {result['datasketch_minutes_if_linear']} min"
    )


if __name__ == "__main__":
    main()
