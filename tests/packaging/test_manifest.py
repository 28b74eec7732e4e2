"""The manifest: complete, canonical, finite, and consistent about its verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import PackageError
from assay.files import canonical_json
from assay.packaging import manifest
from assay.packaging.manifest import Claims, Evidence, FileEntry

MakeClaims = Callable[..., Claims]

FILES = [
    FileEntry(path="rung/rung.json", size=2, sha256="d" * 64),
    FileEntry(path="README.md", size=3, sha256="e" * 64),
]


def test_bytes_are_canonical_and_read_back(make_claims: MakeClaims) -> None:
    made = manifest.of(make_claims(), FILES)
    data = manifest.encode(made)
    assert data == canonical_json(json.loads(data))
    assert manifest.decode(data) == made
    assert [entry.path for entry in made.files] == ["README.md", "rung/rung.json"]
    assert json.loads(data)["format"] == 1


@settings(max_examples=100, deadline=None)
@given(
    value=st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15),
    reason=st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=50),
)
def test_any_number_and_text_survives(value: float, reason: str) -> None:
    fields = json.loads(canonical_json(_TEMPLATE))
    fields["evidence"]["candidate"]["accuracy"] = value
    fields["verdict"], fields["override"] = "fail", {"reason": reason, "by": "someone"}
    made = manifest.of(manifest.claim(**fields), FILES)
    read = manifest.decode(manifest.encode(made))
    assert read == made
    assert read.evidence.candidate["accuracy"] == value


_TEMPLATE: dict[str, Any] = {
    "name": "a",
    "version": "1.0.0",
    "created": "2026-11-21T08:00:00Z",
    "specialist": {"kind": "tfidf", "output": "label", "labels": 2},
    "base": None,
    "template_digest": None,
    "recipe": {"name": "a", "profile": None, "digest": "c" * 64},
    "data": {"train": "1" * 64, "validation": "2" * 64, "test": "3" * 64},
    "evidence": {
        "primary": "accuracy",
        "items": 1,
        "candidate": {"accuracy": 1.0},
        "base": {"accuracy": 0.5},
        "comparisons": [],
        "confidence": 0.95,
    },
    "verdict": "pass",
    "licence": "proprietary",
}


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"name": "../evil"}, "name: "),
        ({"version": "1.0"}, "version: "),
        ({"created": "yesterday"}, "created: "),
        ({"created": "2026-11-21T08:00:00+00:00"}, "created: "),
        ({"licence": ""}, "licence: "),
        ({"base": {"name": "x", "digest": "short", "licence": "MIT"}}, r"base\.digest: "),
        ({"template_digest": "B" * 64}, "template_digest: "),
        ({"verdict": "maybe"}, "verdict: "),
        ({"override": {"reason": "two\nlines", "by": "me"}}, r"override\.reason: "),
        ({"unknown": 1}, "unknown: Extra"),
    ],
)
def test_claims_that_are_refused(
    make_claims: MakeClaims, changes: dict[str, Any], cause: str
) -> None:
    with pytest.raises(PackageError, match=cause):
        make_claims(**changes)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(make_claims: MakeClaims, bad: float) -> None:
    evaluation = {**_TEMPLATE["evidence"], "candidate": {"metrics": {"ece": bad}}}
    evaluation["base"] = {"metrics": {}}
    with pytest.raises(PackageError, match="ece"):
        Evidence.of(evaluation)
    with pytest.raises(PackageError, match=r"parity\.drift.* finite"):
        make_claims(parity={"drift": bad})


@pytest.mark.parametrize("number", [2**53, 1e17])
def test_numbers_that_would_not_read_back_are_refused(
    make_claims: MakeClaims, number: float
) -> None:
    with pytest.raises(PackageError, match="safe integer"):
        manifest.encode(manifest.of(make_claims(parity={"big": number}), FILES))


def test_an_evaluation_without_a_base_is_refused() -> None:
    with pytest.raises(PackageError, match="base"):
        Evidence.of({"primary": "accuracy", "items": 1, "candidate": {"metrics": {}}})


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ([], "files: "),
        ([FileEntry(path="../up.txt", size=0, sha256="d" * 64)], "'..'"),
        ([FileEntry(path="model.pkl", size=0, sha256="d" * 64)], "refused"),
        ([*FILES, FileEntry(path="readme.md", size=0, sha256="d" * 64)], "twice"),
    ],
)
def test_file_lists_that_are_refused(
    make_claims: MakeClaims, files: list[FileEntry], cause: str
) -> None:
    with pytest.raises(PackageError, match=cause):
        manifest.of(make_claims(), files)


def edited(claims: Claims, edit: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(manifest.encode(manifest.of(claims, FILES)))
    edit(document)
    return canonical_json(document)


@pytest.mark.parametrize(
    ("edit", "cause"),
    [
        (lambda d: d.update(format=2), "format: "),
        (lambda d: d.update(verdict="fail"), "override belongs"),
        (lambda d: d.update(override={"reason": "a", "by": "b"}), "override belongs"),
        (lambda d: d["files"].reverse(), "sorted"),
        (lambda d: d["files"][0].update(size=-1), r"files\.0\.size"),
        (lambda d: d.update(trusted=True), "trusted: Extra"),
        (lambda d: d.pop("parity"), "canonical"),
        (lambda d: d.pop("evidence"), "evidence: "),
    ],
)
def test_documents_that_are_refused(
    make_claims: MakeClaims, edit: Callable[[dict[str, Any]], object], cause: str
) -> None:
    with pytest.raises(PackageError, match=cause):
        manifest.decode(edited(make_claims(), edit))
