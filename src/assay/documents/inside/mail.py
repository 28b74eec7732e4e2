"""E-mails by Python's own parser: the files that are attached, as they are."""

from __future__ import annotations

from typing import Any

from assay.documents.inside.refused import EMPTY, TOO_LARGE, Refused

PARTS = 200
FILES = 50


def structure(data: bytes, job: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Names and contents of the attached files; a message inside is opened as one of them."""
    from email import policy
    from email.parser import BytesParser

    del job
    message = BytesParser(policy=policy.default).parsebytes(data)
    names: list[str] = []
    contents: list[bytes] = []
    for number, part in enumerate(_parts(message)):
        if number > PARTS or len(names) > FILES:
            raise Refused(TOO_LARGE, f"it has more than {FILES} attached files")
        content = _content(part)
        if content is not None:
            names.append(part.get_filename() or f"part-{number}")
            contents.append(content)
    if not names:
        raise Refused(EMPTY, "nothing is attached to it")
    return {"pages": [], "attached": names}, contents


def _parts(message: Any) -> list[Any]:
    """Attached parts, messages within not looked into."""
    if message.get_content_maintype() == "multipart":
        return [each for part in message.iter_parts() for each in _parts(part)]
    if message.get_content_maintype() == "text" and not message.get_filename():
        return []  # what the mail says
    return [message]


def _content(part: Any) -> bytes | None:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload(0)
        return inner.as_bytes()
    content = part.get_payload(decode=True)
    return content if content else None
