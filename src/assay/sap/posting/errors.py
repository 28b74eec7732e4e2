"""What SAP says about a request: its messages, and the ways in which a request can fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import httpx
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from assay.errors import DataError


@dataclass(frozen=True)
class Message:
    """One message of SAP's, with what it is about."""

    code: str
    text: str
    severity: str = ""
    target: str = ""

    def __str__(self) -> str:
        about = f" ({self.target})" if self.target else ""
        return f"{self.severity + ' ' if self.severity else ''}{self.code}: {self.text}{about}"


class Refused(DataError):
    """SAP answered that it did not do it; ``messages`` are all that it said."""

    def __init__(self, cause: str, status: int = 0, messages: tuple[Message, ...] = ()) -> None:
        super().__init__("\n".join([cause, *(f"  {each}" for each in messages)]))
        self.args = (cause, status, messages)
        self.status = status
        self.messages = messages


class NotSent(DataError):
    """The request was certainly not executed, and may be sent again later."""


class OutcomeUnknown(DataError):
    """The request was sent, and nothing tells whether it was executed."""

    def __init__(self, cause: str, status: int = 0, messages: tuple[Message, ...] = ()) -> None:
        super().__init__(cause, "Read the document back before sending it again.")
        self.args = (cause, status, messages)
        self.status = status
        self.messages = messages


def messages_of(answer: httpx.Response) -> tuple[Message, ...]:
    """The messages of an error's body, in JSON or XML, the outer one first, none twice."""
    body = answer.content
    if "json" in answer.headers.get("content-type", ""):
        found = _of_json(body)
    elif "xml" in answer.headers.get("content-type", ""):
        found = _of_xml(body)
    else:
        found = []
    return tuple(dict.fromkeys(found))


def warnings_of(answer: httpx.Response) -> tuple[Message, ...]:
    """The messages that come beside a success, in the header ``sap-message(s)``."""
    found: list[Message] = []
    for name in ("sap-message", "sap-messages"):
        if not (written := answer.headers.get(name)):
            continue
        try:
            held = json.loads(written)
        except ValueError:
            found.append(Message("", written, "warning"))
            continue
        for each in _list(held):
            found += [_message(each), *map(_message, _list(each.get("details", [])))]
    return tuple(dict.fromkeys(found))


def _of_json(body: bytes) -> list[Message]:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return []
    if not isinstance(error, dict):
        return []
    inner = error.get("innererror")
    details = _list(error.get("details", []))
    if isinstance(inner, dict):
        details += _list(inner.get("errordetails", []))
    return [_message(error), *map(_message, details)]


def _list(value: Any) -> list[dict[str, Any]]:
    held: list[Any] = value if isinstance(value, list) else [value]
    return [each for each in held if isinstance(each, dict)]


def _message(entry: Mapping[str, Any]) -> Message:
    text: Any = entry.get("message", "")
    if isinstance(text, dict):
        text = text.get("value", "")
    severity = entry.get("severity", entry.get("@Common.numericSeverity", ""))
    target = entry.get("target") or entry.get("propertyref") or ""
    return Message(str(entry.get("code", "")), str(text), str(severity), str(target))


def _of_xml(body: bytes) -> list[Message]:
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        return []
    inner = [each for each in root.iter() if _tag(each) == "errordetail"]
    return [_of_element(each) for each in [root, *inner]] if _tag(root) == "error" else []


def _of_element(element: Element) -> Message:
    held = {_tag(each): (each.text or "").strip() for each in element}
    return _message(held)


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]
