"""Pictures: there when there is something to show, in the page's colours."""

from __future__ import annotations

import re
import struct
import warnings
from typing import Any

import pytest

from assay.evaluation.report import charts as drawing
from assay.evaluation.report.charts import confused_pairs, draw_charts


@pytest.fixture(scope="module")
def drawn(banking: dict[str, Any]) -> dict[str, drawing.Chart]:
    return draw_charts(banking["evaluation"], banking["ladder"], banking["curves"])


def test_each_is_a_png_and_an_svg_without_colours_of_its_own(drawn: Any) -> None:
    for name, chart in drawn.items():
        assert chart.name == name
        assert chart.alt
        assert chart.png.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", chart.png[16:24])
        assert width > 800
        assert height > 200
        assert chart.svg.startswith("<svg viewBox=")
        assert re.findall(r"#[0-9a-fA-F]{6}", chart.svg) == []
        assert "var(--ink)" in chart.svg
        assert re.findall(r"<(style|metadata|image|script)", chart.svg) == []
        assert "DejaVu" not in chart.svg


def test_numbers_are_written_in_the_pictures(drawn: Any, banking: dict[str, Any]) -> None:
    found = banking["evaluation"]
    assert f">{found['candidate']['metrics']['accuracy']:.3f}<" in drawn["comparison"].svg
    assert "encoder  0.910" in drawn["ladder"].svg
    assert "llm" not in drawn["ladder"].svg
    assert "best" in drawn["training-curve"].svg
    assert "resume" in drawn["training-curve"].svg


def test_rungs_at_one_place_share_a_label() -> None:
    def rung(kind: str, ms: float, value: float, selected: bool = False) -> dict[str, Any]:
        common = {"kind": kind, "reached": True, "passes": selected, "selected": selected}
        return {**common, "ms_per_item": ms, "validation": {"accuracy": value}}

    rungs = [
        rung("majority", 0.2, 0.0),
        rung("nearest", 0.21, 0.0),
        rung("encoder", 9.0, 0.0),
        rung("llm", 700.0, 0.3, selected=True),
    ]
    with drawing.plain_style():
        found = drawing.ladder_chart(rungs, "accuracy")
    assert found is not None
    written = [text.get_text() for text in found[2].axes[0].texts]
    assert written == ["majority, nearest  0.000", "encoder  0.000", "llm  0.300"]


def test_nothing_to_show_gives_no_picture(banking: dict[str, Any]) -> None:
    bare = {**banking["evaluation"], "confusion": None, "slices": [], "calibration": None}
    events = {"encoder": [{"step": 1, "event": "checkpoint", "detail": "step-1"}]}
    assert list(draw_charts(bare, banking["ladder"][-2:], events)) == ["comparison"]


def test_few_classes_give_a_matrix_and_many_give_pairs() -> None:
    def confusion(size: int) -> dict[str, Any]:
        matrix = [[8 if i == j else int(j == i + 1) for j in range(size)] for i in range(size)]
        return {"labels": [f"class {i}" for i in range(size)], "matrix": matrix}

    with drawing.plain_style():
        few, many = (drawing.confusion_chart(confusion(size)) for size in (5, 40))
        perfect = {"labels": list(map(str, range(30))), "matrix": [[0] * 30 for _ in range(30)]}
        assert drawing.confusion_chart(perfect) is None
    assert few is not None
    assert many is not None
    assert "matrix" in few[1].lower()
    assert "pairs" in many[1]


def test_confused_pairs_by_hand() -> None:
    matrix = [[5, 2, 0], [3, 1, 0], [2, 0, 0]]
    assert confused_pairs({"labels": ["a", "b", "c"], "matrix": matrix}) == [
        ("b", "a", 3, 4),
        ("c", "a", 2, 2),
        ("a", "b", 2, 7),
    ]


def test_a_moving_average_does_not_lag() -> None:
    line = [float(i) for i in range(200)]
    smooth = drawing._smooth(line)  # pyright: ignore[reportPrivateUsage]
    assert smooth[50:150] == pytest.approx(line[50:150])
    assert len(drawing._smooth([1.0])) == 1  # pyright: ignore[reportPrivateUsage]


def test_text_in_any_script_and_with_dollars(banking: dict[str, Any]) -> None:
    found = {**banking["evaluation"]}
    found["slices"] = [{**part, "slice": "$5 \\frac \u4f60\u597d <b>"} for part in found["slices"]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = draw_charts(found, [], {})["slices"].svg
    assert "$5 \\frac \u4f60\u597d &lt;b&gt;" in svg


def test_the_style_of_other_figures_is_left_alone(banking: dict[str, Any]) -> None:
    from matplotlib import rcParams

    before = dict(rcParams)
    draw_charts(banking["evaluation"], banking["ladder"], banking["curves"])
    assert dict(rcParams) == before
