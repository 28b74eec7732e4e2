"""Times in one spelling, and JSON that is read only in its canonical form."""

from __future__ import annotations

import pytest

from assay.errors import PackageError
from assay.files import canonical_json
from assay.packaging.fields import Strict, Timestamp, now, parse_canonical, timestamp


class Sample(Strict):
    at: Timestamp
    share: float = 0.5


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("2026-12-31", False, "2026-12-31T00:00:00Z"),
        ("2026-12-31", True, "2026-12-31T23:59:59Z"),
        ("2026-12-31T17:00:00Z", True, "2026-12-31T17:00:00Z"),
        ("2026-12-31T17:00:00+02:00", False, "2026-12-31T15:00:00Z"),
    ],
)
def test_timestamps_are_normalised(text: str, end: bool, expected: str) -> None:
    assert timestamp(text, end_of_day=end) == expected


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "2026-12-31T17:00:00"])
def test_times_that_are_refused(text: str) -> None:
    with pytest.raises(PackageError):
        timestamp(text)


def parsed(data: bytes) -> Sample:
    return parse_canonical(Sample, data, "sample.json", "Try again.")


def test_now_is_a_timestamp() -> None:
    stamp = now()
    data = canonical_json({"at": stamp, "share": 1.0})
    assert parsed(data) == Sample(at=stamp, share=1.0)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b'{"at":"2026-11-21T08:00:00Z"}', "canonical"),
        (b'{"at":"2026-11-21T08:00:00Z","share":1.0}', "canonical"),
        (b'{"share":1,"at":"2026-11-21T08:00:00Z"}', "canonical"),
        (b'{"at":"x","at":"2026-11-21T08:00:00Z","share":1}', "canonical"),
        (b'{"at":"2026-11-21T08:00:00Z","more":1,"share":1}', "more: Extra"),
        (b'{"at":"2026-11-21T08:00:00Z","share":"1"}', "share: "),
        (b'{"at":"2026-11-21T08:00:00Z","share":NaN}', "share: |NaN|JSON"),
        (b'{"at":"2026-11-21T08:00:00Z","share":1e999}', "share: "),
        (b'{"at":"2026-02-30T08:00:00Z","share":1}', "at: "),
        (b'{"at":"2026-11-21 08:00:00Z","share":1}', "at: "),
        (b'{"at":"2026-11-21T08:00:00Z\\n","share":1}', "at: "),
        (b"[" * 10_000, "sample.json: document"),
        (b"\xff", "sample.json: document"),
    ],
)
def test_documents_that_are_refused(data: bytes, cause: str) -> None:
    with pytest.raises(PackageError, match=cause):
        parsed(data)
