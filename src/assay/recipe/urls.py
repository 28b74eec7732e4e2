"""Passwords in the URLs of databases: found, so that none is written down or shown."""

from __future__ import annotations

import re

# user:password@ up to the last @ before the path, or a parameter of that name
_PASSWORD = re.compile(r"(^[\w+]+://[^:/@]*:)([^/]*)(?=@)|([?&]password=)([^&]*)")


def password_in(url: str) -> str | None:
    """The password that ``url`` holds, or None."""
    found = _PASSWORD.search(url)
    return (found[2] or found[4]) if found else None


def without_password(url: str) -> str:
    """``url`` with its password as ``***``."""
    return _PASSWORD.sub(lambda found: f"{found[1] or found[3]}***", url)
