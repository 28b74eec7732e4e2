"""Cranfield as it is shipped, and how its originals are read."""

from __future__ import annotations

import re
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from assay.data.prepare import prepare
from assay.data.readers import read
from assay.errors import DataError
from assay.observability.progress import SILENT
from assay.recipe.load import load
from assay.recipe.schema import Source

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))
searches: Any = import_module("shipped.searches")
SPLITS = ("train", "validation", "test")


def rows_of(split: str) -> list[dict[str, Any]]:
    return [row for _, row in read(Source(dataset=f"cranfield/{split}"), None)]


def test_every_question_is_in_one_split_with_grades_of_passages_that_are_there() -> None:
    corpus = {row["id"] for row in rows_of("corpus")}
    assert corpus == {str(n) for n in range(1, 1401)} - {"471", "995"}
    found = [row for split in SPLITS for row in rows_of(split)]
    assert sorted(row["id"] for row in found) == sorted(f"q{n}" for n in range(1, 226))
    grades = Counter(grade for row in found for grade in row["relevant"].values())
    # The original has 734 of code 3; one of them names a passage without a text.
    assert grades == {1: 363, 2: 733, 3: 387, 4: 128}
    assert {id_ for row in found for id_ in row["relevant"]} <= corpus
    assert all(row["relevant"] for row in found)


def test_judgements_name_a_question_by_its_place() -> None:
    """The file's fourth question bears the number 8; its answers are about that question."""
    by_id = {row["id"]: row for split in SPLITS for row in rows_of(split)}
    assert by_id["q4"]["text"].startswith("can a criterion be developed to show empirically")
    assert by_id["q4"]["relevant"] == {"166": 2, "236": 2}
    texts = {row["id"]: row["text"] for row in rows_of("corpus")}
    assert texts["166"].startswith("flow of chemically reacting gas mixtures")
    assert texts["236"].startswith("criteria for thermodynamic equilibrium in gas flow")


def test_questions_much_alike_are_in_one_split() -> None:
    def telling(row: dict[str, Any]) -> set[str]:
        return {*re.findall(r"\w+", row["text"])} - searches.COMMON

    parts = {split: [telling(row) for row in rows_of(split)] for split in SPLITS}
    for split in SPLITS:
        for other in SPLITS:
            if split < other:
                alike = [len(a & b) / len(a | b) for a in parts[split] for b in parts[other]]
                assert max(alike) < searches.ALIKE


def test_the_recipe_takes_them_all_and_says_that_no_licence_is_stated() -> None:
    loaded = load("passage-ranking")
    splits = prepare(loaded.recipe, loaded.path.parent, SILENT)
    assert [len(getattr(splits, name)) for name in SPLITS] == [85, 40, 100]
    assert len(splits.corpus) == 1_398
    careful = load("passage-ranking", overrides=["data.allow_noncommercial=false"]).recipe
    with pytest.raises(DataError, match="the licence of cranfield/train"):
        prepare(careful, None, SILENT)


def test_grades_are_turned_round_and_unexplained_ones_left_out(tmp_path: Path) -> None:
    (tmp_path / "cranqrel").write_text("1 184 2 \n1 29 4\n1 486 -1\n2 12 1 \n2 13 5\n")
    assert searches.judgements(tmp_path / "cranqrel") == {1: {184: 3, 29: 1}, 2: {12: 4}}


def test_the_text_of_an_entry_is_all_that_follows_its_first_w() -> None:
    entry = "\n.T\na title\n.A\nan author\n.W\na title\nand  text\n.A\n.B\n.W\nand more .\n"
    assert searches.body(entry) == "a title and text and more ."
    assert searches.body("\n.T\n\n.A\n\n.W\n") == ""


def test_like_questions_stay_together_whatever_their_order() -> None:
    texts = [f"word{n} other{n}" for n in range(300)] + ["word7 other7 again", "word8 other8 more"]
    rows = [{"text": text} for text in texts]
    home = {row["text"]: split for split, part in searches.apart(rows).items() for row in part}
    assert home["word7 other7"] == home["word7 other7 again"]
    turned = searches.apart(rows[::-1])
    assert Counter(home.values()) == {s: len(part) for s, part in turned.items()}
    assert Counter(home.values())["test"] == 100
