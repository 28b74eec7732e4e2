"""The rule language as text and as a tree: a lexer and a Pratt parser.

Binding, loosest first: ``implies`` (right to left), ``or``, ``and``, ``not``, comparisons (which do
not chain), ``+ -``, ``* /``, a sign. A comparison may end in ``within TOLERANCE``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal, NoReturn

from assay.errors import DataError, did_you_mean

Rows = Literal["items", "taxes", "order.items"]

WORDS = (
    *("and", "or", "not", "implies", "in", "is", "present", "missing", "matches", "within"),
    *("where", "true", "false"),
)
AGGREGATES = ("sum", "count", "all", "any", "min", "max", "unique")
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
MAX_DEPTH = 40

_TOKEN = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})|(?P<number>\d+(?:\.\d+)?)|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign><=|>=|!=|[-+*/=<>()\[\],.:])",
    re.ASCII,
)
_BINDING = {"implies": 1, "or": 2, "and": 3, "+": 6, "-": 6, "*": 7, "/": 7}
_NOT, _COMPARE, _SIGN = 4, 5, 8


@dataclass(frozen=True, slots=True)
class Token:
    """A word of an expression; ``kind`` is date, number, text, name, word, sign or end."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression and where it stands in the text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A number, a text, a date, ``true`` or ``false``."""

    value: Decimal | str | date | bool


@dataclass(frozen=True, slots=True)
class Listed(Node):
    """``["a", "b"]``"""

    values: tuple[Constant, ...]


@dataclass(frozen=True, slots=True)
class Name(Node):
    """``net_total``, ``order.currency``, ``today``"""

    text: str


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """``not x``, ``-x``"""

    sign: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Arithmetic and logic."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """``a = b``, ``a <= b within t``"""

    sign: str
    left: Node
    right: Node
    within: Node | None


@dataclass(frozen=True, slots=True)
class Member(Node):
    """``x in ["a", "b"]``, ``iban not in supplier.ibans``"""

    item: Node
    options: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class Presence(Node):
    """``x is present``, ``x is missing``"""

    name: Name
    present: bool


@dataclass(frozen=True, slots=True)
class Match(Node):
    """``iban matches iban``"""

    operand: Node
    format: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``abs(x)``"""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Aggregate(Node):
    """``sum(items where CONDITION: EXPRESSION)``"""

    function: str
    rows: Rows
    where: Node | None
    body: Node | None


def parse(text: str) -> Node:
    """The tree of an expression; raises ``DataError`` that names the column (from 1)."""
    parser = _Parser(text)
    node = parser.expression(0)
    if parser.token.kind != "end":
        parser.refuse(f"{parser.shown} is left over")
    return node


def refuse(column: int, problem: str, remedy: str = "") -> NoReturn:
    """Raise the ``DataError`` of a fault at a column (from 0) of an expression."""
    raise DataError(f"column {column + 1}: {problem}", remedy)


def tokens(text: str) -> list[Token]:
    """The words of an expression, and an end."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            refuse(at, f"{text[at]!r} means nothing here")
        kind = match.lastgroup
        if kind == "name" and match.group() in WORDS:
            kind = "word"
        found.append(Token(kind, match.group(), at, match.end()))
        at = match.end()
    found.append(Token("end", "", len(text), len(text)))
    return found


class _Parser:
    """Reads tokens from left to right; ``token`` is the next one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    @property
    def shown(self) -> str:
        return f'"{self.token.text}"' if self.token.text else "the end"

    def refuse(self, problem: str) -> NoReturn:
        refuse(self.token.start, problem)

    def take(self) -> Token:
        token = self.token
        self.at += token.kind != "end"
        return token

    def skip(self, text: str) -> bool:
        """Whether the next token is that sign or word; it is passed over."""
        if self.token.kind not in ("sign", "word") or self.token.text != text:
            return False
        self.take()
        return True

    def need(self, text: str) -> Token:
        if self.token.kind not in ("sign", "word") or self.token.text != text:
            self.refuse(f'"{text}" was expected instead of {self.shown}')
        return self.take()

    def name(self, what: str) -> Token:
        if self.token.kind != "name":
            self.refuse(f"{what} was expected instead of {self.shown}")
        return self.take()

    def expression(self, binding: int) -> Node:
        """What binds tighter than ``binding``."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse(f"nested more than {MAX_DEPTH} deep")
        left = self.prefix()
        while (power := self.power()) > binding:
            left = self.comparison(left) if power == _COMPARE else self.binary(left, power)
        self.depth -= 1
        return left

    def power(self) -> int:
        """How tightly the next token binds to what is left of it; 0 if it does not."""
        token = self.token
        if token.kind not in ("sign", "word"):
            return 0
        if token.text in COMPARISONS or token.text in ("in", "is", "matches"):
            return _COMPARE
        if token.text == "not" and self.tokens[self.at + 1].text == "in":
            return _COMPARE
        return _BINDING.get(token.text, 0)

    def binary(self, left: Node, power: int) -> Node:
        sign = self.take().text
        right = self.expression(power - 1 if sign == "implies" else power)
        return Binary(left.start, right.end, sign, left, right)

    def comparison(self, left: Node) -> Node:
        if isinstance(left, Comparison):
            self.refuse("comparisons do not chain; join two with and")
        if self.skip("is"):
            return self.presence(left)
        if self.skip("matches"):
            token = self.name("the name of a format")
            return Match(left.start, token.end, left, token.text)
        negated = self.skip("not")
        if self.skip("in"):
            options = self.options()
            return Member(left.start, options.end, left, options, negated)
        sign = self.take().text
        right = self.expression(_COMPARE)
        within = None
        if self.token.text == "within" and self.token.kind == "word":
            if sign not in ("=", "<=", ">="):
                self.refuse(f'"within" goes with =, <= and >=, not with {sign}')
            self.take()
            within = self.expression(_COMPARE)
        end = within.end if within else right.end
        return Comparison(left.start, end, sign, left, right, within)

    def presence(self, left: Node) -> Node:
        if not isinstance(left, Name):
            refuse(left.start, "only a name can be present or missing")
        if self.token.text not in ("present", "missing"):
            self.refuse(f'"present" or "missing" was expected instead of {self.shown}')
        token = self.take()
        return Presence(left.start, token.end, left, token.text == "present")

    def options(self) -> Node:
        if self.token.kind == "name":
            return self.dotted(self.take())
        start = self.need("[").start
        values: list[Constant] = []
        while True:
            value = self.prefix()
            if not isinstance(value, Constant):
                refuse(value.start, "a list holds numbers, texts and dates only")
            values.append(value)
            if not self.skip(","):
                return Listed(start, self.need("]").end, tuple(values))

    def prefix(self) -> Node:
        """A literal, a name, a call, or a sign and what follows it."""
        token = self.take()
        if token.kind == "number":
            return Constant(token.start, token.end, Decimal(token.text))
        if token.kind == "text":
            return Constant(token.start, token.end, token.text[1:-1])
        if token.kind == "date":
            return self.date(token)
        if token.kind == "word" and token.text in ("true", "false"):
            return Constant(token.start, token.end, token.text == "true")
        if token.kind == "name":
            return self.call(token) if self.token.text == "(" else self.dotted(token)
        if token.text in ("not", "-"):
            operand = self.expression(_NOT if token.text == "not" else _SIGN)
            return Unary(token.start, operand.end, token.text, operand)
        if token.text != "(":
            self.at -= token.kind != "end"
            self.refuse(f"a value was expected instead of {self.shown}")
        inner = self.expression(0)
        return replace(inner, start=token.start, end=self.need(")").end)

    def date(self, token: Token) -> Node:
        try:
            return Constant(token.start, token.end, date.fromisoformat(token.text))
        except ValueError:
            refuse(token.start, f"there is no day {token.text}")

    def dotted(self, token: Token) -> Name:
        if not self.skip("."):
            return Name(token.start, token.end, token.text)
        last = self.name("a name after the point")
        return Name(token.start, last.end, f"{token.text}.{last.text}")

    def call(self, name: Token) -> Node:
        self.need("(")
        if name.text in AGGREGATES and (rows := self.rows()):
            return self.aggregate(name, rows)
        arguments: list[Node] = []
        while self.token.text != ")" or self.token.kind != "sign":
            arguments.append(self.expression(0))
            if not self.skip(","):
                break
        return Call(name.start, self.need(")").end, name.text, tuple(arguments))

    def rows(self) -> Rows | None:
        """``items``, ``taxes`` or ``order.items`` if these come next."""
        ahead = [token.text for token in self.tokens[self.at : self.at + 3]]
        if ahead == ["order", ".", "items"]:
            self.at += 3
            return "order.items"
        if ahead[0] == "items" or ahead[0] == "taxes":
            self.at += 1
            return ahead[0]
        return None

    def aggregate(self, name: Token, rows: Rows) -> Node:
        where = self.expression(0) if self.skip("where") else None
        body: Node | None = None
        if self.skip(":"):
            body = self.expression(0)
        elif where is None and self.skip("."):
            field = self.name("a field of the rows")
            body = Name(field.start, field.end, field.text)
        end = self.need(")").end
        if (body is None) != (name.text == "count"):
            form = f"{name.text}({rows})" if name.text == "count" else f"{name.text}({rows}: …)"
            refuse(name.start, f"it is written {form}")
        return Aggregate(name.start, end, name.text, rows, where, body)


def unknown(what: str, word: str, known: list[str] | tuple[str, ...]) -> str:
    """``no function sim. Did you mean "sum"?``"""
    return f"no {what} {word}.{did_you_mean(word, known)}"
