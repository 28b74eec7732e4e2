"""Requests that SAP itself runs once, however often they come: for services that are set up for it.

V2: ``RequestID`` and ``RepeatabilityCreation`` of SAP Gateway ("Defining Settings for Idempotent
Services", help.sap.com). V4: Repeatable Requests 1.0 of OASIS. The outbox keeps the headers, so that
each repeat of a posting carries those of its first sending.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from uuid import uuid4

ACCEPTED = "accepted"
_RESULTS = ("repeatabilityresult", "repeatability-result")


def request_headers(odata: str) -> dict[str, str]:
    """The headers of a new request, with an identifier of its own and the time of now."""
    now = datetime.now(UTC).replace(microsecond=0)
    if odata == "V2":
        return {
            "RequestID": uuid4().hex.upper(),
            "RepeatabilityCreation": now.strftime("%Y-%m-%dT%H:%M:%S"),
        }
    return {
        "Repeatability-Request-ID": str(uuid4()),
        "Repeatability-First-Sent": format_datetime(now, usegmt=True),
    }


def result_of(headers: Mapping[str, str]) -> str:
    """What SAP said of the wish, in lower case; "" where it said nothing."""
    return next((headers[name].lower() for name in _RESULTS if name in headers), "")


def doubt(wished: Mapping[str, str], result: str) -> str:
    """Why a repeat would not have been safe by itself; "" where it was, or nobody asked for it."""
    if not wished or result == ACCEPTED:
        return ""
    said = f"answered {result!r}" if result else "did not answer"
    return f"SAP {said} to the wish that the request be repeatable: only the read-back protected it"
