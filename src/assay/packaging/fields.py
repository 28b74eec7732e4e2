"""The field types that the manifest, the envelope, the keys and the trust store are made of."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from assay.errors import PackageError
from assay.files import canonical_json


class Strict(BaseModel):
    """Frozen; unknown keys, NaN and infinities are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def _check_timestamp(text: str) -> str:
    if not _UTC.fullmatch(text):
        raise ValueError(f"{text!r} is not an RFC 3339 time in UTC such as 2026-11-21T08:00:00Z")
    datetime.fromisoformat(text)
    return text


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# One width and one zone, so that the order of the strings is the order of the times.
Timestamp = Annotated[str, AfterValidator(_check_timestamp)]
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
Count = Annotated[int, Field(ge=0)]

Model = TypeVar("Model", bound=BaseModel)


def now() -> str:
    """The present time as a ``Timestamp``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def timestamp(text: str, *, end_of_day: bool = False) -> str:
    """``text`` (a date, or an ISO 8601 time with zone) as a ``Timestamp``.

    A bare date means its first second in UTC, or its last with ``end_of_day``.
    Raises ``PackageError`` when it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise PackageError(
            f"{text!r} is not a date or a time ({error})",
            "Write 2026-12-31, or 2026-12-31T17:00:00Z.",
        ) from error
    if len(text) == len("2026-12-31"):
        clock = (23, 59, 59) if end_of_day else (0, 0, 0)
        moment = moment.replace(hour=clock[0], minute=clock[1], second=clock[2], tzinfo=UTC)
    if moment.tzinfo is None:
        raise PackageError(
            f"{text!r} has no time zone", f"Write {text}Z for UTC, or an offset such as +01:00."
        )
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_canonical(model: type[Model], data: bytes, where: str, remedy: str) -> Model:
    """``data`` as ``model``, accepted only if it is the one canonical encoding of that value.

    The comparison with the RFC 8785 bytes of what was understood refuses in one stroke
    duplicate keys, left-out defaults, other number and string spellings, and stray whitespace.
    Raises ``PackageError`` naming ``where`` and the field.
    """
    value = parse(model, data, where, remedy)
    try:
        same = canonical_json(value.model_dump(mode="json", by_alias=True)) == data
    except ValueError as error:
        raise PackageError(f"{where}: {error}", remedy) from error
    if not same:
        raise PackageError(f"{where}: the JSON is not in its canonical form (RFC 8785)", remedy)
    return value


def parse(model: type[Model], data: bytes, where: str, remedy: str) -> Model:
    """``data`` as ``model``; raises ``PackageError`` that lists every faulty field."""
    try:
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise PackageError(f"{where}: {faults(error)}", remedy) from error


def faults(error: ValidationError) -> str:
    """The faults of a validation as ``key.path: problem; key.path: problem``."""
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or 'document'}: {fault['msg']}"
        for fault in error.errors(include_url=False)
    )
