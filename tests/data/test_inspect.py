"""The label X-ray, in numbers, in the terminal and as a page."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from assay.data.inspect import XRay, to_html, to_rich, xray
from assay.data.prompts import Encoded, conversation, encode_training_batch, fit, template_for
from assay.data.records import Example
from assay.observability.progress import SILENT
from assay.recipe.schema import Task

TASK = Task(output="label", system="Name the <intent>.")


def encoded(tokenizer: Any, texts: list[str]) -> list[Encoded]:
    examples = [
        Example(f"row {n}", text, conversation(TASK, text, "lost é 😀"), "lost", "all")
        for n, text in enumerate(texts)
    ]
    return encode_training_batch(template_for(TASK, tokenizer), tokenizer, examples, SILENT)


@pytest.fixture
def seen(tokenizer: Any) -> XRay:
    items = encoded(tokenizer, ["short", "a longer question", "x" * 90, "y" * 400, "z"])
    kept, counts = fit(items, 300, "drop")
    return xray(kept, tokenizer, 3, terminator="<|im_end|>", counts=counts)


def test_the_numbers_are_those_of_the_tokens(tokenizer: Any, seen: XRay) -> None:
    items = encoded(tokenizer, ["short", "a longer question", "x" * 90, "z"])
    assert (seen.examples, seen.dropped, seen.truncated) == (4, 1, 0)
    assert seen.tokens == sum(len(item.tokens) for item in items)
    assert seen.supervised == sum(sum(item.trained) for item in items)
    assert seen.share_supervised == pytest.approx(seen.supervised / seen.tokens)
    assert (seen.answers, seen.terminated, seen.share_terminated) == (4, 4, 1.0)


def test_lengths_cover_every_example(tokenizer: Any, seen: XRay) -> None:
    assert sum(bin.count for bin in seen.lengths) == 4
    assert len(seen.lengths) <= 16
    assert seen.lengths[-1].high == len(seen.rows[-1][1]) + 4  # é and 😀 are 2 and 4 tokens
    for before, after in zip(seen.lengths, seen.lengths[1:], strict=False):
        assert after.low == before.high + 1


def test_rows_are_spread_from_shortest_to_longest(seen: XRay) -> None:
    assert [id for id, _ in seen.rows] == ["row 4", "row 1", "row 2"]
    _, pieces = seen.rows[0]
    assert "".join(piece.text for piece in pieces if piece.trained) == "lost é 😀<|im_end|>"
    assert [piece.text for piece in pieces if piece.ends] == ["<|im_end|>"]
    assert {"é", "😀"} & {piece.text.strip() for piece in pieces}


@pytest.mark.parametrize(("k", "shown"), [(0, 0), (1, 1), (2, 2), (9, 4)])
def test_as_many_rows_are_shown_as_asked_for(tokenizer: Any, k: int, shown: int) -> None:
    items = encoded(tokenizer, ["a", "bb", "ccc", "dddd"])
    assert len(xray(items, tokenizer, k, terminator="<|im_end|>").rows) == shown


def test_an_answer_without_its_end_is_seen(tokenizer: Any) -> None:
    (whole,) = encoded(tokenizer, ["a"])
    endless = Encoded("1", whole.tokens[:-1], whole.trained[:-1])
    seen = xray([whole, endless], tokenizer, 2, terminator="<|im_end|>")
    assert seen.share_terminated == 0.5
    assert 'class="fact bad"' in to_html(seen)


def test_nothing_encoded_gives_an_empty_picture(tokenizer: Any) -> None:
    seen = xray([], tokenizer, 3, terminator="<|im_end|>")
    assert (seen.share_supervised, seen.share_terminated, seen.rows) == (0.0, 0.0, ())
    assert "<h1>" in to_html(seen)


def test_it_is_json(seen: XRay) -> None:
    value = json.loads(json.dumps(seen.as_json()))
    assert value["share_terminated"] == 1.0
    assert value["rows"][0]["tokens"][0] == {
        "text": "<|im_start|>",
        "trained": False,
        "ends": False,
    }


def drawn(seen: XRay, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=100, **options)
    console.print(to_rich(seen))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_terminal_shows_colours_and_a_file_shows_marks(seen: XRay) -> None:
    plain = drawn(seen)
    assert "«lost é 😀<|im_end|>»" in plain and "\x1b[" not in plain
    assert "4 of 4 answers end in a trained <|im_end|>" in plain
    assert "1 dropped as too long" in plain
    coloured = drawn(seen, force_terminal=True, color_system="standard")
    assert "\x1b[" in coloured and "«" not in coloured


def test_text_that_looks_like_markup_is_only_text(tokenizer: Any) -> None:
    items = encoded(tokenizer, ["[bold]<script>alert(1)</script>[/]"])
    seen = xray(items, tokenizer, 1, terminator="<|im_end|>")
    assert "[bold]<script>" in drawn(seen)
    page = to_html(seen, title="<b>", about="<i>")
    assert (
        "<script" not in page
        and "<b>&" not in page
        and "<i>" not in page.split("</style>")[1][:900]
    )


def test_the_page_stands_alone(seen: XRay) -> None:
    page = to_html(seen, title="cards")
    assert page.startswith("<!doctype html>") and "<title>cards</title>" in page
    assert "prefers-color-scheme: dark" in page
    for outside in ("http:", "https:", "src=", "<link", "<script", "@import", "url("):
        assert outside not in page
    assert 'class="e">&lt;|im_end|&gt;' in page
