"""The label X-ray: which tokens a recipe trains on, and what became of its rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Assay = Callable[..., Any]  # the fixture `assay`

RECIPE = """\
name: cards
summary: A message about a card becomes an intent
task: {{output: label}}
base: {{model: "{base}", precision: fp32}}
data: {{train: {{path: rows.jsonl}}, near_duplicates: null, leakage: null}}
ladder: [{ladder}]
gate: {{primary: accuracy, thresholds: {{accuracy: 0.5}}}}
"""


def write_recipe(base: Path, ladder: str) -> None:
    """``cards.yaml`` and its rows in the current folder."""
    rows = [{"text": f"the card {n} is lost", "label": ("lost", "found")[n % 2]} for n in range(60)]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    Path("cards.yaml").write_text(RECIPE.format(base=base, ladder=ladder), encoding="utf-8")


def test_the_trained_tokens_are_the_answer_and_its_end(assay: Assay, tiny_folder: Path) -> None:
    write_recipe(tiny_folder, "{kind: tfidf}, {kind: llm}")
    done = assay("data", "inspect", "cards.yaml", "--rows", "2", "--json")
    assert done.code == 0, done
    xray = done.json["xray"]
    assert len(xray["rows"]) == 2
    for row in xray["rows"]:
        answer = "".join(token["text"] for token in row["tokens"] if token["trained"])
        assert answer in ("lost<|im_end|>", "found<|im_end|>")
    assert 0 < xray["share_supervised"] < 1
    assert xray["terminated"] == xray["answers"] == done.json["report"]["rows"]["train"]


def test_the_report_is_drawn_in_the_terminal_and_as_html(assay: Assay, tiny_folder: Path) -> None:
    write_recipe(tiny_folder, "{kind: tfidf}, {kind: llm}")
    done = assay("data", "inspect", "cards.yaml", "--html", "xray.html")
    assert done.code == 0, done
    assert "tokens are trained" in done.out
    assert "60 (100.0%)" in done.out  # distinct inputs of the rows read
    assert "2 classes or slices in train; commonest" in done.out
    page = Path("xray.html").read_text(encoding="utf-8")
    assert "cards: label X-ray" in page
    assert "of the tokens are trained" in page
    assert "&lt;|im_end|&gt;" in page
    assert "<script" not in page


def test_a_recipe_without_an_llm_gets_the_data_report(assay: Assay, tmp_path: Path) -> None:
    write_recipe(tmp_path / "no-such-base", "{kind: tfidf}")
    done = assay("data", "inspect", "cards.yaml", "--json")
    assert done.code == 0, done
    assert done.json["xray"] is None
    assert done.json["labels"] == ["found", "lost"]
    assert "No llm rung" in assay("data", "inspect", "cards.yaml").out
    refused = assay("data", "inspect", "cards.yaml", "--html", "xray.html")
    assert refused.code == 1
    assert "no rung of its ladder reads any" in refused.err
    assert not Path("xray.html").exists()


def test_rows_that_all_exceed_the_limit_stop_hard(assay: Assay, tiny_folder: Path) -> None:
    write_recipe(tiny_folder, "{kind: llm}")
    done = assay("data", "inspect", "cards.yaml", "--set", "data.max_tokens=3")
    assert done.code == 1
    assert "data.max_tokens" in done.err


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_data_file_is_a_clear_error(assay: Assay, tmp_path: Path, text: str) -> None:
    write_recipe(tmp_path, "{kind: tfidf}")
    Path("rows.jsonl").write_text(text, encoding="utf-8")
    done = assay("data", "inspect", "cards.yaml")
    assert done.code == 1
    assert "rows.jsonl" in done.err or "no usable row" in done.err


def test_what_a_text_names_is_marked(assay: Assay, tmp_path: Path) -> None:
    rows = [
        {"tokens": ["Ann", f"has {n}", "in", "Rome"], "tags": ["B-PER", "O", "O", "B-LOC"]}
        for n in range(40)
    ]
    write_recipe(tmp_path / "no-such-base", "{kind: dictionary}")
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    text = Path("cards.yaml").read_text(encoding="utf-8")
    text = text.replace("output: label", "output: entities").replace("accuracy", "span_f1")
    text = text.replace("data: {", "data: {input: tokens, target: tags, ")
    Path("cards.yaml").write_text(text, encoding="utf-8")
    done = assay("data", "inspect", "cards.yaml", "--html", "xray.html")
    assert done.code == 0, done
    assert "entities in train: LOC" in done.out
    assert "classes or slices" not in done.out  # rows with entities have neither
    assert "«Ann» PER has" in done.out and "in «Rome» LOC" in done.out
    page = Path("xray.html").read_text(encoding="utf-8")
    assert '<span class="t" title="PER">Ann</span>&thinsp;<span class="e">PER</span>' in page
    counts = assay("data", "inspect", "cards.yaml", "--json").json["entities"]
    assert counts["PER"] == counts["LOC"] > 20


def test_queries_are_shown_with_the_passages_that_answer_them(assay: Assay, tmp_path: Path) -> None:
    corpus = [{"id": f"p{n}", "text": f"passage {n} of a book"} for n in range(5)]
    rows = [
        {"text": f"what about {n} and {7 * n}?", "relevant": {f"p{n % 5}": 2, f"p{(n + 1) % 5}": 1}}
        for n in range(40)
    ]
    write_recipe(tmp_path / "no-such-base", "{kind: bm25}")
    for name, table in (("rows", rows), ("corpus", corpus)):
        lines = "".join(json.dumps(row) + "\n" for row in table)
        Path(f"{name}.jsonl").write_text(lines, encoding="utf-8")
    text = Path("cards.yaml").read_text(encoding="utf-8")
    text = text.replace("output: label", "output: ranking").replace("accuracy", "mrr_10")
    text = text.replace("data: {", "data: {target: relevant, corpus: {path: corpus.jsonl}, ")
    Path("cards.yaml").write_text(text, encoding="utf-8")
    done = assay("data", "inspect", "cards.yaml", "--rows", "2")
    assert done.code == 0, done
    assert "corpus: 5 passages, 5 of them relevant to a query; to each 2 to 2" in done.out
    assert "grades, best first: 2 (40), 1 (40)" in done.out
    assert "what about" in done.out and "of a book" in done.out
    queries = assay("data", "inspect", "cards.yaml", "--rows", "2", "--json").json["queries"]
    assert [len(query["relevant"]) for query in queries] == [2, 2]
    refused = assay("data", "inspect", "cards.yaml", "--html", "page.html")
    assert refused.code == 1 and "no rung of its ladder reads any" in refused.err
