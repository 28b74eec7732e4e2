"""The words and rows that the templates are given."""

from __future__ import annotations

from typing import Any

import pytest

from assay.evaluation import wording
from assay.evaluation.report import page


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (3_400, "3.4 kB"), (90_900_000, "91 MB"), (2e9, "2.0 GB")],
)
def test_size(value: float, text: str) -> None:
    assert page.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.42, "0.4 s"),
        (12.4, "12 s"),
        (59.7, "1 min 0 s"),
        (212, "3 min 32 s"),
        (3900, "1 h 05 min"),
    ],
)
def test_duration(value: float, text: str) -> None:
    assert page.duration(value) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:pa55@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("sqlite:///data.db", "sqlite:///data.db"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
    ],
)
def test_passwords_are_hidden(text: str, shown: str) -> None:
    assert page.secretless(text) == shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0002, "< 0.001"),
        (0.0361, "0.0361"),
        (12.34, "12.3"),
        (998.6, "999"),
        (999.6, "1,000"),
        (1890.2, "1,890"),
    ],
)
def test_milliseconds(value: float, text: str) -> None:
    assert page.milliseconds(value) == text


def test_long_text_is_clipped_and_says_so() -> None:
    assert page.clip("short") == "short"
    assert page.clip("x" * 3000, 10) == "xxxxxxxxxx … (3,000 characters)"


def test_markdown_cells_stay_cells() -> None:
    assert page.markdown_cell("a | b\n*c* <d>") == r"a \| b \*c\* \<d\>"


def test_metrics_start_with_the_primary(banking: dict[str, Any]) -> None:
    rows = page.metric_rows({**banking["evaluation"], "primary": "macro_f1"})
    names = [row["name"] for row in rows]
    assert names == ["macro_f1", "accuracy", "valid", "ece", "brier"]
    ece = rows[3]
    assert ece["lower"]
    assert ece["base"] is None  # the base gave no confidences
    assert ece["candidate_interval"] is None


def test_data_of_an_unknown_shape_is_kept() -> None:
    rows = page.data_rows({"rows": {"extra": 3, "train": 5}, "surprise": {"a": 1}})
    assert [(row["split"], row["kept"], row["read"]) for row in rows["splits"]] == [
        ("train", 5, None),
        ("extra", 3, None),
    ]
    assert rows["rest"] == {"surprise": {"a": 1}}


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (wording.threshold(0.9), "0.90"),
        (wording.threshold(0.925), "0.925"),
        (wording.percent(0.0), "0 %"),
        (wording.percent(0.0004), "< 0.1 %"),
        (wording.percent(0.431), "43.1 %"),
        (wording.p_value(0.0123), "p = 0.012"),
        (wording.p_value(0.0), "p < 0.0001"),
        (wording.signed(-0.0001), "0.000"),
        (wording.signed(-0.25), "-0.250"),
        (wording.count(1, "item"), "1 item"),
        (wording.count(3080, "item"), "3,080 items"),
        (wording.count(2, "class"), "2 classes"),
    ],
)
def test_wording(found: str, text: str) -> None:
    assert found == text
