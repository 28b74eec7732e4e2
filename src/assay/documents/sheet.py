"""A page's words made ready to look for values in: texts, numbers, dates, codes."""

from __future__ import annotations

import re
import statistics
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from assay.documents.words import Page, Word
from assay.sap.fields import Value, fields
from assay.sap.transformations import Context, TransformationError, read_value
from assay.sap.transformations.values import folded

WIDE = 1.5  # times the height of a line: a gap between columns
ALIGNED = 0.6  # times the height of a line between the left edges of one column's lines
WEAK = 5  # letters or digits from which a text may begin or end at a mark inside a word
STRONG = ":/|;()="  # marks that part a word wherever they stand
LOCALES = ("en-US", "en-GB")  # month first and day first; names of months are known in every one
CODED = ("currency", "country", "unit", "language")
LONGEST = 40  # letters of a date or a code
MOST = 4  # words of one
NUMBER = re.compile(r"\D*?(\d[\d.,'’ ]*\d|\d)\D*")
AMOUNT = re.compile(r"[-+\d.,'’ ]")
MARKS = re.compile(r"[.,'’ ]")
DAY = re.compile(
    r"\d{1,4}\W{1,2}(\d{1,2}|[^\W\d]{3,12})\W{1,2}\d{1,4}|[^\W\d]{3,12}\W+\d{1,2}\W+\d{4}"
)


class Span(NamedTuple):
    """Words of a page, one value's."""

    page: int  # its place among the pages
    row: int  # of its first word
    words: tuple[int, ...]


@cache
def squashed(text: str) -> str:
    """The letters and digits of a text, without case and accents."""
    return "".join(letter for letter in _folded(text) if letter.isalnum())


@cache
def _folded(text: str) -> str:
    try:
        return folded(text)
    except TransformationError:  # more marks on a letter than any script has: it shows no value
        return ""


class Sheet:
    """One page to look for values in."""

    def __init__(self, page: Page, place: int) -> None:
        self.page = page
        self.words: Sequence[Word] = page.words
        self.plain = [squashed(word.text) for word in page.words]
        self.rows: dict[int, list[int]] = defaultdict(list)
        for n, word in enumerate(page.words):
            self.rows[word.row].append(n)
        heights = [word.box[3] - word.box[1] for word in page.words]
        self.height = max(statistics.median(heights), 1.0) if heights else 1.0
        self._place = place
        whole = list(range(len(page.words)))
        self._texts = [_Text(self.words, order) for order in (whole, *self._columns())]
        self._numbers: dict[Decimal, list[Span]] = defaultdict(list)
        self._days: dict[date, list[Span]] = defaultdict(list)
        for span in self._spans():
            text = self.text(span)
            for number in _numbers(text):
                self._numbers[number].append(span)
            for day in _days(text):
                self._days[day].append(span)

    def text(self, span: Span) -> str:
        """The words of a span."""
        return " ".join(self.words[n].text for n in span.words)

    def over(self, span: Span, row: int) -> list[int]:
        """The words of a row that stand in a span's column."""
        left = self.words[span.words[0]].box[0]
        right = self.words[span.words[-1]].box[2]
        boxes = ((n, self.words[n].box) for n in self.rows.get(row, ()))
        return [n for n, box in boxes if box[0] < right and box[2] > left]

    def between(self, one: Span, other: Span) -> float:
        """How far two spans are apart, in lines; ten widths of a line's height count as one."""
        here, there = self.words[one.words[0]].box, self.words[other.words[0]].box
        down, across = abs(here[1] - there[1]), abs(here[0] - there[0])
        return (down + across / 10) / self.height

    def find(self, name: str, raw: str, value: Value) -> list[Span]:
        """Every span that shows a field's value."""
        kind = fields()[name].type
        if isinstance(value, bool):
            return []
        if isinstance(value, Decimal | int):
            found = self._numbers.get(abs(Decimal(value)), [])
        elif isinstance(value, date):
            found = self._days.get(value, [])
        elif kind in CODED:
            found = [each for each in self._spans() if value == _coded(name, self.text(each))]
        else:
            found = []
        if isinstance(value, str) and kind not in ("currency", "country", "unit"):
            texts = {squashed(raw), squashed(value)} - {""}
            found = self._found(texts, weak=False) or self._found(texts, weak=True)
        return _shortest({*found})

    def _found(self, texts: set[str], weak: bool) -> list[Span]:
        return [
            self._span(words)
            for text in texts
            if not weak or len(text) >= WEAK
            for order in self._texts
            for words in order.find(text, weak)
        ]

    def _span(self, words: Sequence[int]) -> Span:
        order = tuple(sorted(words))
        return Span(self._place, self.words[order[0]].row, order)

    def _spans(self) -> Iterator[Span]:
        """Up to ``MOST`` words that stand beside one another."""
        for number, row in self.rows.items():
            for first in range(len(row)):
                for end in range(first + 1, min(first + MOST, len(row)) + 1):
                    if end - first > 1 and self._gap(row[end - 2], row[end - 1]) > WIDE:
                        break
                    yield Span(self._place, number, tuple(row[first:end]))

    def _gap(self, left: int, right: int) -> float:
        return (self.words[right].box[0] - self.words[left].box[2]) / self.height

    def _columns(self) -> Iterator[list[int]]:
        """Lines below one another that begin at one edge: texts that go on in the next line."""
        lines: list[list[int]] = []
        for row in self.rows.values():
            line = [row[0]]
            for n in row[1:]:
                if self._gap(line[-1], n) > WIDE:
                    lines.append(line)
                    line = []
                line.append(n)
            lines.append(line)
        open_: list[list[int]] = []  # columns, each with its last line at the end
        ends: list[list[int]] = []
        for line in lines:
            box = self.words[line[0]].box
            for n, last in enumerate(ends):
                above = self.words[last[0]].box
                if (
                    abs(above[0] - box[0]) < ALIGNED * self.height
                    and 0 < box[1] - above[1] < 3 * self.height
                ):
                    open_[n] += line
                    ends[n] = line
                    break
            else:
                open_.append(list(line))
                ends.append(line)
        return iter(open_)


class _Text:
    """Words in an order, as one string of letters and digits."""

    def __init__(self, words: Sequence[Word], order: Sequence[int]) -> None:
        self.order = order
        self.starts: list[int] = []
        self.edges: dict[int, bool] = {}  # offsets where a text may begin or end: whether any may
        letters: list[str] = []
        for n in order:
            self.starts.append(len(letters))
            self.edges[len(letters)] = True
            for letter in _folded(words[n].text):
                if letter.isalnum():
                    letters.append(letter)
                else:
                    at = len(letters)
                    self.edges[at] = self.edges.get(at, False) or letter in STRONG
            self.edges[len(letters)] = True
        self.letters = "".join(letters)

    def find(self, text: str, weak: bool) -> Iterator[list[int]]:
        """The words of every place where the text begins and ends as a text may.

        With ``weak`` also where a mark inside a word parts it from the rest.
        """
        at = self.letters.find(text)
        while at >= 0:
            end = at + len(text)
            edges = self.edges.get(at), self.edges.get(end)
            if all(edges) or (weak and None not in edges):
                first = bisect_right(self.starts, at) - 1
                last = bisect_right(self.starts, end - 1) - 1
                yield list(self.order[first : last + 1])
            at = self.letters.find(text, at + 1)


def _shortest(spans: set[Span]) -> list[Span]:
    """The spans that hold no shorter one."""
    sets = {span: frozenset(span.words) for span in spans}
    return sorted(
        span
        for span in spans
        if not any(o.page == span.page and sets[o] < sets[span] for o in spans)
    )


@cache
def _numbers(text: str) -> frozenset[Decimal]:
    """What a text may say as a number, without its sign, in one decimal convention or the other."""
    found = NUMBER.fullmatch(text)
    if found is None:
        return frozenset()
    number = found[1]
    parts = MARKS.split(number)
    said: set[Decimal] = set()
    if len(parts) == 1:
        return frozenset({Decimal(number)})
    marks = MARKS.findall(number)
    groups = all(len(part) == 3 for part in parts[1:]) and 1 <= len(parts[0]) <= 3
    if groups and len(set(marks)) == 1:
        said.add(Decimal("".join(parts)))
    whole = parts[:-1]
    if (
        marks[-1] in ".,"
        and marks[-1] not in marks[:-1]
        and len(set(marks[:-1])) <= 1
        and (len(whole) == 1 or all(len(part) == 3 for part in whole[1:]))
    ):
        said.add(Decimal("".join(whole) + "." + parts[-1]))
    return frozenset(said)


@cache
def _days(text: str) -> frozenset[date]:
    """What a text may say as a date, the day or the month first."""
    if len(text) > LONGEST or not DAY.search(text):
        return frozenset()
    said = (_read("document_date", text.strip(".,;:()"), each) for each in LOCALES)
    return frozenset(each for each in said if isinstance(each, date))


@cache
def _coded(name: str, text: str) -> Value | None:
    """What a text says as a code of a field; names of countries and units are known in five languages."""
    beside = AMOUNT.sub("", text) if fields()[name].type == "currency" else text
    return None if len(text) > LONGEST or not beside or text.isdigit() else _read(name, beside, "")


def _read(name: str, text: str, locale: str) -> Value | None:
    try:
        return read_value(name, text, Context.of(locale))
    except TransformationError:
        return None
