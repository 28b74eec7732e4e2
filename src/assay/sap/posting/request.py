"""A posting: what is sent to which entity set, and how it is found again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

from assay import files
from assay.errors import DataError

Key = str | int | bool | Decimal | date | datetime
_PROPERTY = re.compile(r"^[A-Za-z_]\w*(/[A-Za-z_]\w*)*$")


@dataclass(frozen=True)
class Posting:
    """One change of one document.

    ``entity_set`` is a set for ``POST``; for ``PATCH`` it is the address of an entity in it, as
    ``A_SalesOrder('1')``. ``repeatability`` are the headers of a request that SAP itself runs once
    (``repeatable.request_headers``), empty for a service that is not set up for it.
    """

    service: str
    odata: Literal["V2", "V4"]
    path: str  # the service's root below the host
    entity_set: str
    body: Mapping[str, Any]
    business_key: Mapping[str, Key]
    method: Literal["POST", "PATCH"] = "POST"
    document: str = ""  # the document it was built from
    repeatability: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        root = self.path.split("/")
        if not self.path.startswith("/") or ".." in root or set("?#\\") & set(self.path):
            raise DataError(
                f"{self.service}: path {self.path!r} is not a service's root",
                "Write it as /sap/opu/odata/sap/API_SALES_ORDER_SRV.",
            )
        if self.method == "POST" and not self.business_key:
            raise DataError(
                f"{self.service}/{self.entity_set}: no business key",
                "Name the properties by which the document is found again.",
            )
        for name in self.business_key:
            if not _PROPERTY.match(name):
                raise DataError(f"{self.service}: {name!r} is not the name of a property")

    @property
    def url(self) -> str:
        """Where it is sent, below the host."""
        return f"{self.path.rstrip('/')}/{quote(self.entity_set, safe=_IN_A_KEY)}"

    @property
    def identity(self) -> str:
        """A digest that two postings of the same document share, whatever their bodies."""
        return files.digest([self.service, self.entity_set, _written(self)])

    def key(self) -> str:
        """The idempotency key: a digest of service, entity set, business key and body."""
        return files.digest([self.service, self.entity_set, _written(self), self.method, self.body])

    def filter(self) -> str:
        """The ``$filter`` that finds the document."""
        return " and ".join(
            f"{name} eq {literal(value, self.odata)}"
            for name, value in sorted(self.business_key.items())
        )


_IN_A_KEY = "(),='"


def literal(value: Key, odata: str) -> str:
    """A value as a filter writes it: quotes are doubled; the types of V2 carry prefixes."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if odata == "V4":
            return value.isoformat() + ("" if value.tzinfo else "Z")
        prefix = "datetimeoffset" if value.tzinfo else "datetime"
        return f"{prefix}'{value.isoformat()}'"
    if isinstance(value, date):
        return value.isoformat() if odata == "V4" else f"datetime'{value.isoformat()}T00:00:00'"
    if isinstance(value, Decimal):
        return f"{value:f}" if odata == "V4" else f"{value:f}M"
    return str(value)


def _written(posting: Posting) -> dict[str, str]:
    return {name: literal(value, posting.odata) for name, value in posting.business_key.items()}


def to_json(posting: Posting) -> dict[str, Any]:
    """A posting as the outbox keeps it."""
    return {
        "service": posting.service,
        "odata": posting.odata,
        "path": posting.path,
        "entity_set": posting.entity_set,
        "body": dict(posting.body),
        "business_key": {name: _typed(value) for name, value in posting.business_key.items()},
        "method": posting.method,
        "document": posting.document,
        "repeatability": dict(posting.repeatability),
    }


def from_json(value: Mapping[str, Any]) -> Posting:
    """The posting that ``to_json`` wrote."""
    held = dict(value)
    held["business_key"] = {name: _READ[t](v) for name, (t, v) in held["business_key"].items()}
    return Posting(**held)


def _typed(value: Key) -> tuple[str, str | int | bool]:
    if isinstance(value, (datetime, date)):
        return type(value).__name__, value.isoformat()
    if isinstance(value, Decimal):
        return "Decimal", str(value)
    return type(value).__name__, value


_READ: dict[str, Any] = {
    "str": str,
    "int": int,
    "bool": bool,
    "Decimal": Decimal,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
}
