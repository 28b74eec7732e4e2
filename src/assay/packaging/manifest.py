"""The manifest: what the signer states about a specialist, and the digest of every file.

Its bytes are the RFC 8785 form of the document; those bytes are what the signatures cover.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from assay.errors import PackageError
from assay.files import canonical_json
from assay.packaging.archive import REFETCH, check_names
from assay.packaging.fields import (
    Count,
    Digest,
    Line,
    Strict,
    Timestamp,
    faults,
    parse_canonical,
)
from assay.recipe.schema import Output

FORMAT = 1
MANIFEST = "manifest.json"
ENVELOPE = "envelope.json"
CONTENT = "content/"
MAX_MANIFEST = 8 * 2**20


class Specialist(Strict):
    """The trained thing: which rung it is and what comes out of it."""

    kind: Line
    output: Output
    labels: Count = Field(
        0, description="Size of the label set, or types of entities; 0 for other outputs."
    )
    languages: list[Line] | None = None


class BaseModelRef(Strict):
    """The model it starts from; its weights are not in the package."""

    name: Line
    digest: Digest
    licence: Line


class RecipeRef(Strict):
    """The resolved recipe it was made with."""

    name: Line
    profile: Line | None
    digest: Digest


class DataDigests(Strict):
    """The prepared splits."""

    train: Digest
    validation: Digest
    test: Digest


class Comparison(Strict):
    """Candidate minus another system on the same items, with its confidence interval."""

    against: Line
    metric: Line
    difference: float
    interval: tuple[float, float]
    p_value: float | None
    wins: Count
    losses: Count


class Evidence(Strict):
    """The numbers the verdict rests on."""

    primary: Line
    items: Count
    candidate: dict[str, float]
    base: dict[str, float]
    comparisons: list[Comparison]
    confidence: float

    @classmethod
    def of(cls, evaluation: Mapping[str, Any]) -> Self:
        """The summary of a run's ``evaluation.json``; raises ``PackageError`` if one is missing."""
        try:
            return cls(
                primary=evaluation["primary"],
                items=evaluation["items"],
                candidate=evaluation["candidate"]["metrics"],
                base=evaluation["base"]["metrics"],
                comparisons=evaluation["comparisons"],
                confidence=evaluation["confidence"],
            )
        except (KeyError, TypeError) as error:
            raise PackageError(
                f"the evaluation cannot be summarised: {error!r}", "Evaluate the run again."
            ) from error
        except ValidationError as error:
            raise PackageError(
                f"the evaluation cannot be summarised: {faults(error)}", "Evaluate the run again."
            ) from error


class Override(Strict):
    """Why, and on whose word, a specialist is packaged without a passing verdict."""

    reason: Line
    by: Line


class FileEntry(Strict):
    """One file below ``content/``."""

    path: str
    size: Count
    sha256: Digest


class Claims(Strict):
    """All that the signer states; the files are added by ``build``."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=100)
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$", max_length=100)
    created: Timestamp
    specialist: Specialist
    base: BaseModelRef | None
    template_digest: Digest | None
    recipe: RecipeRef
    data: DataDigests
    evidence: Evidence
    verdict: Literal["pass", "fail", "investigate"]
    override: Override | None = None
    licence: Line
    parity: dict[str, JsonValue] | None = None


class Manifest(Claims):
    """The signed document."""

    format: Literal[1] = FORMAT
    files: list[FileEntry] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.verdict == "pass") != (self.override is None):
            raise ValueError("an override belongs to a verdict other than pass, and only to it")
        try:
            check_names([CONTENT + entry.path for entry in self.files])
        except PackageError as error:
            raise ValueError(f"files: {error.cause}") from error
        return self


def claim(**fields: Any) -> Claims:
    """``Claims`` of these fields; raises ``PackageError`` that lists every faulty one."""
    try:
        return Claims.model_validate(fields)
    except ValidationError as error:
        raise PackageError(
            f"the package's label is not valid: {faults(error)}", "Correct what the cause names."
        ) from error


def of(claims: Claims, files: Sequence[FileEntry]) -> Manifest:
    """The manifest of ``claims`` and ``files``; raises ``PackageError`` if it cannot be one."""
    try:
        listed = sorted(files, key=lambda entry: entry.path)
        return Manifest.model_validate({**claims.model_dump(), "files": listed})
    except ValidationError as error:
        raise PackageError(
            f"{MANIFEST}: {faults(error)}", "Correct what the cause names, and package again."
        ) from error


def encode(manifest: Manifest) -> bytes:
    """The bytes to sign. Raises ``PackageError`` for a value that JSON cannot carry exactly.

    What is returned is proved to read back: a number of 2^53 or more would not.
    """
    remedy = "Give numbers that a double holds exactly, and strings that are valid Unicode."
    try:
        data = canonical_json(manifest.model_dump(mode="json"))
    except ValueError as error:
        raise PackageError(f"{MANIFEST}: {error}", remedy) from error
    parse_canonical(Manifest, data, MANIFEST, remedy)
    return data


def decode(data: bytes) -> Manifest:
    """The manifest in ``data``; raises ``PackageError`` unless it is complete and canonical."""
    return parse_canonical(Manifest, data, MANIFEST, f"{REFETCH} Or install a newer Assay.")
