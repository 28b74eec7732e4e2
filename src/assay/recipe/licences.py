"""What a licence's identifier says about commercial use, of bases and of data."""

from __future__ import annotations

NONCOMMERCIAL = (
    "-nc",
    "noncommercial",
    "non-commercial",
    "research",
    "llama2",
    "apple-amlr",
    "unlicensed",
)
UNKNOWN = ("", "unknown", "other", "none", "noassertion")


def is_noncommercial(licence: str) -> bool:
    """Whether a licence identifier forbids, or does not grant, commercial use."""
    lowered = licence.lower()
    return any(mark in lowered for mark in NONCOMMERCIAL)


def is_unknown(licence: str) -> bool:
    """Whether an identifier names no licence."""
    return licence.strip().lower() in UNKNOWN
