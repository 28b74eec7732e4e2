"""Where the pages of a document show values that are known of it: page, box and words.

A value is looked for by what it means: 1804.00 is found in "1.804,00 €", 2021-04-28 in "28. April 2021",
DE in "Deutschland". Where it stands more than once, the printed name of its field decides (beside it or
above it), then what is known of the same party; items are found in their order, each field in its column.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from itertools import pairwise

from assay.documents.sheet import Sheet, Span, squashed
from assay.documents.words import Box, Page
from assay.sap.fields import Value, fields
from assay.sap.transformations import Context, TransformationError, read_value

LEFT = 8  # words before a value among which its name is looked for
LONGEST = 5  # words of a name
ABOVE = 3  # rows over a value, of a document, among which its name is looked for
BIG = 100  # from which a whole number is such a value
TELLING = 4  # letters or digits from which a value is one that a page shows only where it means it
DEEP = 5  # rows of one item, at most
ALONE = 4  # rows of the only item
COLUMN = 6.0  # points between the edges of one column's values
IBAN = re.compile(r"[A-Z]{2}\d{2}")  # how one begins
PARTS = 9  # words of one
PARTIES = ("supplier", "customer", "buyer", "ship_to")


@dataclass(frozen=True)
class Wanted:
    """A value to look for."""

    field: str  # canonical
    level: str  # document, item or tax
    row: int  # of an item or a tax, from 0
    raw: str  # as the message writes it
    value: Value


@dataclass(frozen=True)
class Place:
    """Where a value stands."""

    page: int  # from 1
    box: Box  # in the page's units, from its upper left corner
    text: str  # the words in it


@dataclass(frozen=True)
class Shown:
    """What the pages show of a value: how often it stands there, and which of them is meant."""

    times: int
    place: Place | None  # ``None`` where nothing tells


def ground(wanted: Sequence[Wanted], pages: Sequence[Page]) -> list[Shown]:
    """What the pages show of each value [W]."""
    return _Grounding([Sheet(page, place) for place, page in enumerate(pages)], wanted).done()


def ibans(pages: Sequence[Page]) -> dict[str, int]:
    """The bank accounts that the pages show, each with the first page (from 1) that does."""
    found: dict[str, int] = {}
    for place, page in enumerate(pages):
        sheet = Sheet(page, place)
        for row in sheet.rows.values():
            texts = [page.words[n].text.strip(",.;:()") for n in row]
            for start, text in enumerate(texts):
                if IBAN.match(text):
                    for end in range(min(start + PARTS, len(texts)), start, -1):
                        if (number := _iban("".join(texts[start:end]))) is not None:
                            found.setdefault(number, page.number)
                            break
    return found


def _iban(text: str) -> str | None:
    try:
        return str(read_value("iban", text, Context()))
    except TransformationError:
        return None


@cache
def _names() -> dict[str, frozenset[str]]:
    """The fields that are printed under a name, by the name without spaces and marks."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in fields().values():
        for names in each.names.values():
            for name in names:
                found[squashed(name)].add(each.name)
    return {name: frozenset(meant) for name, meant in found.items() if name}


@dataclass
class _Grounding:
    sheets: Sequence[Sheet]
    wanted: Sequence[Wanted]
    taken: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])  # page, word
    chosen: dict[int, Span] = field(default_factory=dict[int, Span])
    shown: dict[int, list[Span]] = field(default_factory=dict[int, list[Span]])

    def done(self) -> list[Shown]:
        for n, each in enumerate(self.wanted):
            self.shown[n] = [
                span
                for sheet in self.sheets
                for span in sheet.find(each.field, each.raw, each.value)
            ]
        self._items()
        self._document()
        return [
            Shown(len(self.shown[n]), self._place(self.chosen.get(n)))
            for n in range(len(self.wanted))
        ]

    def _place(self, span: Span | None) -> Place | None:
        if span is None:
            return None
        words = [self.sheets[span.page].words[n] for n in span.words]
        boxes = [word.box for word in words]
        box = (
            min(box[0] for box in boxes),
            min(box[1] for box in boxes),
            max(box[2] for box in boxes),
            max(box[3] for box in boxes),
        )
        page = self.sheets[span.page].page.number
        return Place(page, box, " ".join(word.text for word in words))

    def _choose(self, rated: Iterable[tuple[float, int, Span]]) -> None:
        """The best span of each value, no word for two values as long as there is another one.

        What is printed once may be meant twice (the total and what is due), but not a number of an
        item: 0.90 in the column of amounts is no price.
        """
        order = sorted(rated, key=lambda each: (-each[0], each[1], each[2]))
        for again in (False, True):
            for _, n, span in order:
                each = self.wanted[n]
                both = again and not (each.level == "item" and isinstance(each.value, Decimal))
                if n not in self.chosen and (both or not self._taken(span)):
                    self.chosen[n] = span
                    self.taken |= {(span.page, word) for word in span.words}

    # What stands once: numbers, dates, parties, totals.

    def _document(self) -> None:
        rest = [n for n, each in enumerate(self.wanted) if each.level != "item"]
        free = {n: [span for span in self.shown[n] if not self._taken(span)] for n in rest}
        named = {n: [(self._named(n, span), span) for span in free[n]] for n in rest}
        sure: list[tuple[float, int, Span]] = []
        for n in rest:
            told = [(score, n, span) for score, span in named[n] if score]
            if told or (len(named[n]) == 1 and self._telling(n)):
                sure += told or [(0.0, n, named[n][0][1])]
        self._choose(sure)
        self._choose(
            (self._near(n, span), n, span)
            for n in rest
            if n not in self.chosen
            for span in free[n]
            if self._telling(n) or self._near(n, span) > 0
        )

    def _taken(self, span: Span) -> bool:
        return any((span.page, word) in self.taken for word in span.words)

    def _telling(self, n: int) -> bool:
        """Whether finding the value says that it is meant: 19, 0.00 and DE stand for many things."""
        each = self.wanted[n]
        if isinstance(each.value, Decimal):
            return abs(each.value) >= BIG or each.value != each.value.to_integral_value()
        return len(squashed(each.raw)) >= TELLING or fields()[each.field].type == "currency"

    def _named(self, n: int, span: Span) -> float:
        """How close the field's name stands before the span or above it; 0 where it does not."""
        name, sheet = self.wanted[n].field, self.sheets[span.page]
        row = sheet.rows[span.row]
        before = row[: row.index(span.words[0])][-LEFT:]
        best = self._told(name, [sheet.plain[word] for word in before])
        for up in range(1, ABOVE + 1):
            if span.row - up in sheet.rows and (over := sheet.over(span, span.row - up)):
                best = max(best, 0.9 * self._told(name, [sheet.plain[w] for w in over]) / up)
                break  # the next one up is another value's
        return best

    @staticmethod
    def _told(name: str, texts: Sequence[str]) -> float:
        """1 where the texts end in a name of the field, less for each text behind it."""
        best = 0.0
        for end in range(len(texts), 0, -1):
            for start in range(max(end - LONGEST, 0), end):
                if name in _names().get("".join(texts[start:end]), ()):
                    best = max(best, (1 + 0.1 * (end - start)) / (1 + len(texts) - end))
        return best

    def _near(self, n: int, span: Span) -> float:
        """How near the span is to what was found of the same party, or of the same tax rate."""
        each = self.wanted[n]
        party = next((party for party in PARTIES if each.field.startswith(party)), "")
        best = 0.0
        for other, there in self.chosen.items():
            same = (
                each.level == "tax"
                and (self.wanted[other].level, self.wanted[other].row) == (each.level, each.row)
            ) or (party and self.wanted[other].field.startswith(party))
            if same and there.page == span.page:
                best = max(best, 1 / (1 + self.sheets[span.page].between(span, there)))
        return best

    # Items.

    def _items(self) -> None:
        of_item: dict[int, list[int]] = defaultdict(list)
        for n, each in enumerate(self.wanted):
            if each.level == "item":
                of_item[each.row].append(n)
        anchors = self._anchors(of_item)
        bands = self._bands(anchors)
        inside = {
            n: [span for span in self.shown[n] if (span.page, span.row) in bands[item]]
            for item in bands
            for n in of_item[item]
        }
        columns: dict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
        for n, spans in inside.items():
            columns[self.wanted[n].field].update({self._column(n, span) for span in spans})
        self._choose(
            (
                columns[self.wanted[n].field][self._column(n, span)] / len(bands)
                + self._headed(n, span, anchors),
                n,
                span,
            )
            for n, spans in inside.items()
            for span in spans
        )

    def _column(self, n: int, span: Span) -> tuple[int, int]:
        """Which column a span stands in: numbers end where others end, texts begin there."""
        words = self.sheets[span.page].words
        number = fields()[self.wanted[n].field].kind == "decimal"
        edge = words[span.words[-1]].box[2] if number else words[span.words[0]].box[0]
        return number, round(edge / COLUMN)

    def _headed(self, n: int, span: Span, anchors: dict[int, tuple[int, int]]) -> float:
        """1 where the words above the page's first item, in the span's column, name the field."""
        sheet, name = self.sheets[span.page], self.wanted[n].field
        first = min(row for page, row in anchors.values() if page == span.page)
        head: list[int] = []
        for row in sorted((r for r in sheet.rows if r < first), reverse=True)[:DEEP]:
            head = sheet.over(span, row) + head
            if self._told(name, [sheet.plain[word] for word in head]):
                return 1.0
        return 0.0

    def _anchors(self, of_item: dict[int, list[int]]) -> dict[int, tuple[int, int]]:
        """The page and row where each item begins: the most that fits with the items in order."""
        places = [(p, row) for p, sheet in enumerate(self.sheets) for row in sorted(sheet.rows)]
        at = {place: g for g, place in enumerate(places)}
        items = sorted(of_item)
        fit = {item: [0.0] * len(places) for item in items}
        for item in items:
            for n in of_item[item]:
                weight = 1 / (1 + len(self.shown[n])) + (0.5 if self._telling(n) else 0)
                hit = [0.0] * len(places)
                for span in self.shown[n]:
                    g = at[span.page, span.row]
                    for back in range(min(DEEP, g + 1)):
                        hit[g - back] = max(hit[g - back], weight * 0.8**back)
                fit[item] = [one + other for one, other in zip(fit[item], hit, strict=True)]
        best = [[0.0] * (len(places) + 1) for _ in range(len(items) + 1)]
        for i, item in enumerate(items, 1):
            for g in range(1, len(places) + 1):
                best[i][g] = max(
                    best[i - 1][g], best[i][g - 1], best[i - 1][g - 1] + fit[item][g - 1]
                )
        found: dict[int, tuple[int, int]] = {}
        i, g = len(items), len(places)
        while i and g:
            if best[i][g] == best[i][g - 1]:
                g -= 1
            elif best[i][g] == best[i - 1][g]:
                i -= 1
            else:
                found[items[i - 1]] = places[g - 1]
                i, g = i - 1, g - 1
        return found

    def _bands(self, anchors: dict[int, tuple[int, int]]) -> dict[int, set[tuple[int, int]]]:
        """The pages and rows of each item: from where it begins to where the next one does."""
        starts = set(anchors.values())
        bands: dict[int, set[tuple[int, int]]] = {}
        gaps = [
            there - row
            for (page, row), (other, there) in pairwise(sorted(anchors.values()))
            if page == other
        ]
        deep = min(max(gaps, default=ALONE), DEEP)  # what ends a page is as deep as the others
        for item, (page, row) in anchors.items():
            band = {(page, row)}
            for after in range(row + 1, row + deep):
                if (page, after) in starts or after not in self.sheets[page].rows:
                    break
                band.add((page, after))
            bands[item] = band
        return bands
