"""What every operator works with: locales, their context, and the error of a value that does not fit."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from assay.errors import DataError, did_you_mean

DayOrder = Literal["dmy", "mdy"]
Tables = Mapping[str, Mapping[str, str]]  # {table: {as printed: code}}
NO_TABLES: Tables = {}
MARKS = 30  # combining marks on one letter; UAX 15 (Stream-Safe Text) allows as many


class TransformationError(DataError):
    """A value that cannot be read; the cause names the value and the rule that it breaks."""


@dataclass(frozen=True)
class Locale:
    """How a document writes numbers and dates."""

    name: str
    decimal: str  # the decimal mark; the other of "." and "," groups thousands
    order: DayOrder


LOCALES = {
    each.name: each
    for each in (
        Locale("en-US", ".", "mdy"),
        Locale("en-GB", ".", "dmy"),
        Locale("de-DE", ",", "dmy"),
        Locale("de-CH", ".", "dmy"),
        Locale("fr-FR", ",", "dmy"),
        Locale("es-ES", ",", "dmy"),
        Locale("it-IT", ",", "dmy"),
    )
}
ASK = 'Say the document\'s locale ("locale": "de-DE").'


@dataclass(frozen=True)
class Context:
    """What reading a value depends on: the locale, ``None`` where it is not known, and own tables."""

    locale: Locale | None = None
    tables: Tables = field(default_factory=dict[str, Mapping[str, str]])

    @staticmethod
    def of(locale: str, tables: Tables = NO_TABLES) -> Context:
        """A context of the locale of that name, "" for none; raises ``DataError`` for another."""
        if locale and locale not in LOCALES:
            raise DataError(
                f"locale {locale}: not known." + did_you_mean(locale, list(LOCALES)),
                f"There are: {', '.join(LOCALES)}.",
            )
        return Context(LOCALES.get(locale), tables)


def normal(form: Literal["NFC", "NFKD"], text: str) -> str:
    """The text in a normal form of Unicode, without invisible signs.

    Raises ``TransformationError`` for more combining marks in a row than any script needs: to put
    them in order takes time that grows with their square.
    """
    if text.isascii():
        return text
    row = 0
    for character in text:
        row = row + 1 if unicodedata.combining(character) else 0
        if row > MARKS:
            raise TransformationError(f"{shown(text)} has more than {MARKS} marks on one letter")
    formed = unicodedata.normalize(form, text)
    return "".join(c for c in formed if unicodedata.category(c) != "Cf")


def folded(text: str) -> str:
    """The text to compare by: small letters without accents, single spaces."""
    plain = normal("NFKD", text).casefold()
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def shown(text: str) -> str:
    """The value as messages quote it."""
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
