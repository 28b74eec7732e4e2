"""Earlier documents, indexed by what makes a later one their duplicate or their follower."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from assay.errors import DataError

_CONFUSED = str.maketrans("OIL", "011")  # what a scan takes for one another


def key(text: str) -> str:
    """A numeric key without leading zeros, as SAP's ALPHA conversion shows it."""
    text = text.strip()
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else text


@dataclass(frozen=True)
class Past:
    """What the history keeps of a document; ``id`` is how the user finds it."""

    id: str
    type: str
    party: str = ""  # supplier or customer number
    number: str = ""
    date: date | None = None
    amount: Decimal | None = None  # gross total
    net: Decimal | None = None
    currency: str = ""
    order: str = ""  # number of the purchase order
    reference: str = ""  # number of the invoice that a credit memo is for
    quantities: tuple[tuple[str, Decimal], ...] = ()  # (order item, quantity)

    def __post_init__(self) -> None:
        if isinstance(self.date, datetime):
            raise DataError(f"earlier document {self.id}: {self.date!r} is no plain date")
        object.__setattr__(self, "party", key(self.party))  # as the fields of a document are
        object.__setattr__(self, "order", key(self.order))


def exact(number: str) -> str:
    """A document's number without spaces, in one case."""
    return "".join(number.split()).casefold()


def blurred(number: str) -> str:
    """A number without signs, leading zeros, and what a scan confuses."""
    plain = re.sub(r"[\W_]", "", number).upper().translate(_CONFUSED)
    return plain.lstrip("0")


class History:
    """Earlier documents. A question costs as much as it has answers, whatever the number kept."""

    def __init__(self, documents: Iterable[Past] = ()) -> None:
        self._exact: defaultdict[tuple[str, ...], list[Past]] = defaultdict(list)
        self._blurred: defaultdict[tuple[str, ...], list[Past]] = defaultdict(list)
        self._amounts: defaultdict[tuple[object, ...], list[Past]] = defaultdict(list)
        self._twins: defaultdict[tuple[object, ...], list[Past]] = defaultdict(list)
        self._orders: defaultdict[str, list[Past]] = defaultdict(list)
        self._numbers: defaultdict[str, list[Past]] = defaultdict(list)
        self._credits: defaultdict[str, list[Past]] = defaultdict(list)
        for each in documents:
            self.add(each)

    def add(self, past: Past) -> None:
        """Keep one more document."""
        if past.number:
            self._exact[past.type, past.party, exact(past.number)].append(past)
            self._blurred[past.type, past.party, blurred(past.number)].append(past)
            self._numbers[exact(past.number)].append(past)
        if past.amount is not None and past.currency:
            self._amounts[past.type, past.party, past.amount, past.currency].append(past)
            twin = (past.type, exact(past.number), past.amount, past.currency, past.date)
            self._twins[twin].append(past)
        if past.order and past.type == "supplier_invoice":
            self._orders[past.order].append(past)
        if past.reference and past.type == "credit_memo":
            self._credits[exact(past.reference)].append(past)

    def same_number(self, new: Past) -> Past | None:
        """The first with the number of ``new``, of the same type and party."""
        return _first(self._exact.get((new.type, new.party, exact(new.number)), ()), new)

    def similar_number(self, new: Past) -> Past | None:
        """The first whose number reads alike and is not the same."""
        alike = self._blurred.get((new.type, new.party, blurred(new.number)), ())
        return _first((past for past in alike if exact(past.number) != exact(new.number)), new)

    def same_business_key(self, new: Past, days: int) -> Past | None:
        """The first with the party, amount and currency of ``new`` at most ``days`` apart."""
        alike = self._amounts.get((new.type, new.party, new.amount, new.currency), ())
        near = (past for past in alike if _near(past.date, new.date, days))
        return _first((past for past in near if exact(past.number) != exact(new.number)), new)

    def other_party(self, new: Past) -> Past | None:
        """The first of another party that agrees in number, amount, currency and date."""
        key = (new.type, exact(new.number), new.amount, new.currency, new.date)
        return _first((past for past in self._twins.get(key, ()) if past.party != new.party), new)

    def invoices_of(self, order: str, besides: str) -> Sequence[Past]:
        """The invoices for a purchase order, without the document of that id."""
        return [past for past in self._orders.get(order, ()) if past.id != besides]

    def invoice(self, number: str, party: str) -> Past | None:
        """The invoice of that number: the party's own if there are several parties'."""
        found = [
            past
            for past in self._numbers.get(exact(number), ())
            if past.type in ("supplier_invoice", "customer_invoice")
        ]
        own = [past for past in found if past.party == party]
        return (own or found or [None])[0]

    def credits_of(self, reference: str, besides: str) -> Sequence[Past]:
        """The credit memos for an invoice, without the document of that id."""
        return [past for past in self._credits.get(exact(reference), ()) if past.id != besides]


def _first(found: Iterable[Past], new: Past) -> Past | None:
    """The first that is not the document itself, which may be in the history already."""
    return next((past for past in found if not new.id or past.id != new.id), None)


def _near(one: date | None, other: date | None, days: int) -> bool:
    return one is not None and other is not None and abs((one - other).days) <= days
