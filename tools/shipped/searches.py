"""Questions to a collection of passages, with the passages that answer them."""

from __future__ import annotations

import re
from pathlib import Path

from shipped.card import Card, Row, Splits, hashed

CRANFIELD = """\
The Cranfield 1400 collection: abstracts on aerodynamics and questions that their readers asked,
judged for the second Cranfield experiments on indexing (Cyril Cleverdon, College of Aeronautics,
Cranfield, 1966), as the University of Glasgow has published it for decades.
Source: https://github.com/Chetan-Prasad/IR-Lucene_Cran (cran.all.1400, cran.qry, cranqrel)
Commit: ff1bd825c1781e908fdcb8a20609ef779abb3d2a
Licence: none is stated, by the University of Glasgow
(http://ir.dcs.gla.ac.uk/resources/test_collections/cran) or by the repository above. The collection
is public, and has been copied and used in research and teaching since the 1960s; that is custom, not
a grant. A recipe must therefore set data.allow_noncommercial: true, and whoever ships a specialist
that carries these passages must judge for themselves.
Cite: Cleverdon: The Cranfield tests on index language devices, Aslib Proceedings 19 (1967) 173-194
"""
WANTED = {"test": 100, "validation": 40}
ALIKE = 0.5  # of their telling words, shared: such questions stay together
COMMON = {
    "a", "an", "and", "any", "are", "as", "at", "be", "been", "by", "can", "do", "does", "for", "from",
    "has", "have", "how", "in", "is", "it", "of", "on", "or", "that", "the", "there", "to", "used",
    "using", "what", "when", "which", "with",
}  # fmt: skip


def numbered(path: Path) -> list[tuple[int, str]]:
    """The entries of a file in SMART's format: what follows ``.I``, and the text below it."""
    parts = re.split(r"^\.I (\d+)\s*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [(int(number), text) for number, text in zip(parts[::2], parts[1::2], strict=True)]


def body(entry: str) -> str:
    """The text below the first ``.W``, which begins with the title, its space made single."""
    text = entry.partition("\n.W\n")[2]
    return " ".join(re.sub(r"^\.[A-Z]$", " ", text, flags=re.MULTILINE).split())


def judgements(path: Path) -> dict[int, dict[int, int]]:
    """``{question: {passage: grade}}`` with the grade turned round: 4 is a complete answer, 1 the least.

    Lines of -1, one to each question, mean nothing that the original explains; they are left out.
    """
    found: dict[int, dict[int, int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        query, passage, code = map(int, line.split())
        if 1 <= code <= 4:
            found.setdefault(query, {})[passage] = 5 - code
    return found


def apart(rows: list[Row]) -> Splits:
    """Questions by the hash of their words; those that are much alike are in one split."""
    telling = [{*re.findall(r"\w+", row["text"])} - COMMON for row in rows]
    group = list(range(len(rows)))
    for one in range(len(rows)):
        for other in range(one):
            shared = len(telling[one] & telling[other]) / len(telling[one] | telling[other])
            if shared >= ALIKE and group[one] != group[other]:
                group = [group[other] if g == group[one] else g for g in group]
    groups: dict[int, list[int]] = {}
    for index, name in enumerate(group):
        groups.setdefault(name, []).append(index)
    home = dict.fromkeys(range(len(rows)), "train")
    free = dict(WANTED)
    for members in sorted(groups.values(), key=lambda found: hashed(rows[found[0]]["text"])):
        split = next((name for name, room in free.items() if room >= len(members)), None)
        if split is not None:
            home.update(dict.fromkeys(members, split))
            free[split] -= len(members)
    return {
        split: [row for index, row in enumerate(rows) if home[index] == split]
        for split in ("train", "validation", "test")
    }


def build_cranfield(source: Path) -> Splits:
    """Questions in three splits, and the corpus."""
    folder = source / "cranfield"
    corpus = {number: body(entry) for number, entry in numbered(folder / "cran.all.1400")}
    corpus = {number: text for number, text in corpus.items() if text}
    judged = judgements(folder / "cranqrel")
    rows: list[Row] = []
    # A question is known to the judgements by its place in the file, not by the number it bears.
    for place, (_, entry) in enumerate(numbered(folder / "cran.qry"), start=1):
        grades = {str(p): g for p, g in judged[place].items() if p in corpus}
        best = sorted(grades.items(), key=lambda item: (-item[1], int(item[0])))
        text = " ".join(entry.replace(".W", "", 1).split())
        rows.append({"id": f"q{place}", "text": text, "relevant": dict(best)})
    passages = [{"id": str(number), "text": text} for number, text in corpus.items()]
    return {**apart(rows), "corpus": passages}


CARDS = {
    "cranfield": Card(
        "NOASSERTION",
        CRANFIELD,
        "Questions of engineers about aerodynamics, and the abstracts that answer them: the oldest"
        " test collection of information retrieval. Every abstract was judged for every question.",
        {
            "id": "`q1` to `q225`, the place of the question in the original file; of a passage, its"
            " number",
            "text": "the question, or (in `corpus`) the abstract, which begins with its title",
            "relevant": "the passages that answer the question, each with its grade: 4 a complete"
            " answer, 3 of a high degree of relevance, 2 useful as background, 1 of minimum interest",
        },
        "The original counts grades from 1, the best, to 4: they are turned round. Its lines of grade"
        " -1, one to each question and unexplained, are left out, and so are the two abstracts without"
        " a text, 471 and 995. Authors and sources are left out, too; space was made single. Judgements"
        " name a question by its place in the file. There are no official splits: questions that share"
        " half of their telling words are kept together, and those whose SHA-256 is smallest are the"
        " test and the validation.",
        build=build_cranfield,
    ),
}
