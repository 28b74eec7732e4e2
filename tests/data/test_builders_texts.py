"""How reports and reviews become shipped rows: small originals, and the bytes they give."""

from __future__ import annotations

import json
import sys
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))
card: Any = import_module("shipped.card")
aspects: Any = import_module("shipped.aspects")
functions: Any = import_module("shipped.functions")
reports: Any = import_module("shipped.reports")
worked: Any = import_module("shipped.worked")


# -- reports -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("$1,496.5", "1496.5"),
        ("$ (1.9)", "-1.9"),
        ("(1.9)%", "-1.9"),
        ("($3,505)", "-3505"),
        ("-€ 12", "-12"),
        ("−298", "-298"),
        ("28 %", "28"),
        ("$53.1 million", "53.1"),
        (".5", ".5"),
        ("2019", "2019"),
        ("2.5 years", None),
        ("January 1, 2018", None),
        ("30 to 90", None),
        ("1,23", None),
        ("", None),
    ],
)
def test_a_number_is_read_as_reports_write_it(said: str, number: str | None) -> None:
    assert reports.number_in(said) == number


@pytest.mark.parametrize(
    ("kind", "said", "derivation", "answer"),
    [
        ("arithmetic", -22.22, "(44.1-56.7)/56.7", "(44.1-56.7)/56.7\n#### -22.22"),
        ("arithmetic", -94, "680-774", "680-774\n#### -94"),
        ("arithmetic", 13.0, "26 / 2", "26 / 2\n#### 13"),
        ("arithmetic", 13, "", None),
        ("count", "2", "2019##2018", "2019; 2018\n#### 2"),
        ("span", ["$ (1.9)"], "", "$ (1.9)\n#### -1.9"),
        ("span", ["2018"], "918>914", "918>914\n#### 2018"),
        ("span", ["Annual basis"], "", None),
        ("multi-span", ["3,757", "3,777"], "", None),
    ],
)
def test_an_answer_says_how_it_comes_about(
    kind: str, said: Any, derivation: str, answer: str | None
) -> None:
    asked = {"answer_type": kind, "answer": said, "derivation": derivation}
    assert reports.answer_of(asked) == answer


def document(number: int, paragraph: str, answer: str = "$ 5") -> dict[str, Any]:
    question = {"question": " How  much? ", "answer_type": "span", "answer": [answer]}
    return {
        "table": {"uid": f"t{number}", "table": [["", "2019"], ["Sales", answer], ["", ""]]},
        "paragraphs": [{"order": 2, "text": paragraph}, {"order": 1, "text": f"Note {number}."}],
        "questions": [{**question, "derivation": ""}],
    }


def reported(folder: Path) -> Path:
    """Twenty pages to train on, of which one shares a paragraph with the test, and a long one."""
    raw = folder / "tatqa" / "dataset_raw"
    raw.mkdir(parents=True)
    shared = "The company has operating losses that expire in the years to come, and no others."
    own = [document(n, f"Sales of year {n} were as follows, in millions.") for n in range(20)]
    own += [document(20, shared), document(21, "word " * 400)]
    parts = {"dev": own, "test_gold": [document(30, shared)]}
    for part, documents in parts.items():
        (raw / f"tatqa_dataset_{part}.json").write_text(json.dumps(documents))
    return folder


def test_pages_are_whole_short_and_not_of_a_report_that_is_tested(tmp_path: Path) -> None:
    splits = reports.build(reported(tmp_path))
    assert {name: len(rows) for name, rows in splits.items()} == {
        "train": 17,
        "validation": 3,
        "test": 1,
    }
    row = splits["test"][0]
    assert row["text"].startswith(" | 2019\nSales | $ 5\n\nNote 30.\nThe company has operating")
    assert row["text"].endswith("no others.\n\nHow much?")
    assert (row["answer"], row["kind"], row["page"]) == ("$ 5\n#### 5", "cell", "t30")
    kept = {row["page"] for rows in splits.values() for row in rows}
    assert not kept & {"t20", "t21"}


# -- reviews -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("", []),
        ("use[+2]", [("use", "POSITIVE", False)]),
        (
            " picture quality[+], price [-3][p][cc]; look[-1] ",
            [
                ("picture quality", "POSITIVE", False),
                ("price", "NEGATIVE", True),
                ("look", "NEGATIVE", False),
            ],
        ),
        ("look{+1]", None),
        ("antivirus[2]", None),
        ("feature", None),
        ("[s]", None),
    ],
)
def test_the_marks_before_a_sentence(head: str, found: list[Any] | None) -> None:
    assert aspects.features(head) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("picture[+2]##The pictures of it, and a PICTURE.", ["pictures", "PICTURE"]),
        ("colors[+2]##One color is enough .", ["color"]),
        ("auto-mode[+2]##) The auto mode is good.", ["auto mode"]),
        ("##There is nothing to say of its size.", []),
    ],
)
def test_features_are_looked_for_in_their_sentence(line: str, found: list[str]) -> None:
    (row,) = aspects.sentences(line, "toy")
    assert [row["text"][a["start"] : a["end"]] for a in row["aspects"]] == found
    assert {a["type"] for a in row["aspects"]} <= {"POSITIVE"}


@pytest.mark.parametrize(
    "line",
    [
        "look[+2]##the finest looking player",  # not a word of it, and not said to be unnamed
        "size[+2], size[-1]##its size is good and bad",
        "size[+2]##its size is ##good",
        "##size[+2] its size is good",
        "size[+2]##its size",  # too short
        "size[+2] its size is good",  # no mark of a sentence
        "[t]a size to remember",
    ],
)
def test_a_sentence_is_left_out_where_its_marks_cannot_be_trusted(line: str) -> None:
    assert [*aspects.sentences(line, "toy")] == []


def test_the_longer_of_two_features_keeps_its_words() -> None:
    line = "picture[-2],picture quality[+1]##picture quality is what a picture needs"
    (row,) = aspects.sentences(line, "toy")
    found = [(row["text"][a["start"] : a["end"]], a["type"]) for a in row["aspects"]]
    assert found == [("picture quality", "POSITIVE"), ("picture", "NEGATIVE")]
    assert [*aspects.sentences("picture[-2],picture quality[+1]##picture quality it is", "")] == []


def test_a_feature_that_is_marked_as_unnamed_leaves_its_sentence() -> None:
    (row,) = aspects.sentences("look[+2][u]##the finest looking &#38; best", "toy")
    assert row == {"text": "the finest looking & best", "aspects": [], "product": "toy"}


def reviewed(folder: Path) -> Path:
    corpora = folder / "nltk_corpora" / "packages" / "corpora"
    corpora.mkdir(parents=True)
    for number in (1, 2):
        with zipfile.ZipFile(corpora / f"product_reviews_{number}.zip", "w") as archive:
            archive.writestr(f"product_reviews_{number}/README.txt", "size[+2]##not a review")
            for product in range(7):
                text = f"*** {product}\n[t]a title\nsize[+2]##the size of toy {product} is good\n"
                archive.writestr(f"product_reviews_{number}/toy_{number}{product}.txt", text)
    return folder


def test_whole_products_are_held_out(tmp_path: Path) -> None:
    splits = aspects.build(reviewed(tmp_path))
    assert {name: len(rows) for name, rows in splits.items()} == {
        "train": 8,
        "validation": 2,
        "test": 4,
    }
    assert len({row["product"] for rows in splits.values() for row in rows}) == 14


# -- programs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("Write a function to find the  minimum.", "Find the minimum."),
        ("Write a python function to count it", "Count it"),
        ("write a function that matches a string.", "Matches a string."),
        ("Write a function for computing n", "Computing n"),
        ("Write function to find the sum", ""),
        ("## write a function to find", ""),
    ],
)
def test_what_a_program_does_is_its_problem_without_the_order(problem: str, said: str) -> None:
    assert worked.description(problem) == said


# -- bytes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "family", "originals"),
    [("tatqa", reports, reported), ("product-reviews", aspects, reviewed)],
)
def test_the_same_originals_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, family: Any, originals: Any
) -> None:
    source = originals(tmp_path / "originals")
    written: list[dict[str, bytes]] = []
    for target in (tmp_path / "one", tmp_path / "two"):
        monkeypatch.setattr(card, "TARGET", target)
        about = family.CARDS[dataset]
        card.write(dataset, about, about.build(source), {})
        written.append({p.name: p.read_bytes() for p in sorted((target / dataset).iterdir())})
    assert written[0] == written[1]
    assert {*written[0]} >= {"LICENSE.txt", "README.md", "digests.json", "test.jsonl.gz"}


# -- functions ------------------------------------------------------------------------------------


def problem(code: str, example: str, text: str = "Write a function to add numbers.") -> Any:
    return {"text": text, "code": code, "tests": [example], "example": example, "task": 7}


def test_a_problem_becomes_a_head_with_its_first_test_as_the_example() -> None:
    code = "import math\ndef half(x):\n  return x / 2\ndef add(a, b=(1, 2)):\n  return a + sum(b)"
    row = functions.completed(problem(code, "assert add(1,(2,3)) == 6"))
    assert row["head"] == (
        'import math\n\ndef add(a, b=(1, 2)):\n    """Add numbers.\n    >>> add(1, (2, 3))\n    6\n    """'
    )
    assert (row["code"], row["task"]) == (code, "MBPP/7")


@pytest.mark.parametrize(
    "unfit",
    [
        problem("def add(a): return a", "assert add(1)"),
        problem("def add(a): return a", "assert add(1) >= 1"),
        problem("def add(a): return a", "assert set(add(1)) == {1}"),
        problem("def plus(a): return a", "assert add(1) == 1"),
        problem("def add(a): return a", "assert add(1) == 1", text="What is one and one?"),
    ],
)
def test_a_problem_without_such_a_test_is_left_out(unfit: Any) -> None:
    assert functions.completed(unfit) is None


def test_the_docstrings_of_a_program_go_and_nothing_else() -> None:
    code = 'import math\ndef f(x):\n    """Half."""\n    s = "kept"\n    return x / 2\n'
    assert functions.undocumented(code) == (
        "import math\n\ndef f(x):\n    s = 'kept'\n    return x / 2"
    )
