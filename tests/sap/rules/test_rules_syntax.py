"""The rule language as text: what binds how, and where a fault is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import DataError
from assay.sap.rules.syntax import (
    Aggregate,
    Binary,
    Call,
    Comparison,
    Constant,
    Listed,
    Match,
    Member,
    Name,
    Node,
    Presence,
    Unary,
    parse,
    tokens,
)


def shape(node: Node | None) -> str:
    """The tree with every bracket written."""
    match node:
        case Constant(value=value):
            return str(value)
        case Name(text=text):
            return text
        case Unary(sign=sign, operand=operand):
            return f"({sign} {shape(operand)})"
        case Binary(sign=sign, left=left, right=right):
            return f"({shape(left)} {sign} {shape(right)})"
        case Comparison(sign=sign, left=left, right=right, within=within):
            close = f" within {shape(within)}" if within else ""
            return f"({shape(left)} {sign} {shape(right)}{close})"
        case Member(item=item, options=options, negated=negated):
            return f"({shape(item)} {'not ' if negated else ''}in {shape(options)})"
        case Listed(values=values):
            return f"[{', '.join(map(shape, values))}]"
        case Presence(name=name, present=present):
            return f"({name.text} is {'present' if present else 'missing'})"
        case Match(operand=operand, format=form):
            return f"({shape(operand)} matches {form})"
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(shape, arguments))})"
        case Aggregate(function=function, rows=rows, where=where, body=body):
            return f"{function}({rows} where {shape(where)}: {shape(body)})"
        case _:
            return "nothing"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("(1 + 2) * 3", "((1 + 2) * 3)"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("-a * b", "((- a) * b)"),
        ("a or b and c", "(a or (b and c))"),
        ("a implies b implies c", "(a implies (b implies c))"),
        ("a or b implies c", "((a or b) implies c)"),
        ("not a = b", "(not (a = b))"),
        ("not a and b", "((not a) and b)"),
        ("a + 1 <= b * 2 within 0.5", "((a + 1) <= (b * 2) within 0.5)"),
        ("a = b within c + d and e", "((a = b within (c + d)) and e)"),
        ('a in ["x", "y"] or b', "((a in [x, y]) or b)"),
        ("a not in order.b", "(a not in order.b)"),
        ("a is missing and order.b is present", "((a is missing) and (order.b is present))"),
        ("a matches iban and b", "((a matches iban) and b)"),
        ("d > 2024-02-29", "(d > 2024-02-29)"),
        ("f(a, b + 1)", "f(a, (b + 1))"),
        ("sum(items.net_amount)", "sum(items where nothing: net_amount)"),
        ("sum(items where a: b * c)", "sum(items where a: (b * c))"),
        ("count(order.items)", "count(order.items where nothing: nothing)"),
        ("count(taxes where a)", "count(taxes where a: nothing)"),
        ("max(a, b)", "max(a, b)"),
    ],
)
def test_what_binds_how(text: str, tree: str) -> None:
    assert shape(parse(text)) == tree


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("", 1, "a value was expected instead of the end"),
        ("1 +", 4, "a value was expected instead of the end"),
        ("a = = b", 5, 'a value was expected instead of "="'),
        ("a ? b", 3, "'?' means nothing here"),
        ("(a", 3, '")" was expected instead of the end'),
        ("a b", 3, '"b" is left over'),
        ("1 < a < 3", 7, "comparisons do not chain"),
        ("a is nice", 6, '"present" or "missing" was expected'),
        ("1 is present", 1, "only a name can be present"),
        ("a != b within 1", 8, '"within" goes with'),
        ("2024-02-30 < a", 1, "there is no day 2024-02-30"),
        ("a in [b]", 7, "a list holds"),
        ("sum(items)", 1, "it is written sum(items: …)"),
        ("count(items: a)", 1, "it is written count(items)"),
        ("a.", 3, "a name after the point was expected"),
        ("(" * 100 + "a", 41, "nested more than 40 deep"),
    ],
)
def test_a_fault_names_its_column(text: str, column: int, problem: str) -> None:
    with pytest.raises(DataError) as raised:
        parse(text)
    assert f"column {column}: " in raised.value.cause
    assert problem in raised.value.cause


@given(st.text(alphabet='ab1 .,:()[]"<=>!+-*/ andorinismissing', max_size=40))
def test_any_text_is_a_tree_or_a_fault(text: str) -> None:
    try:
        node = parse(text)
    except DataError as error:
        assert error.cause.startswith("column ")
    else:
        assert 0 <= node.start < node.end <= len(text)


def test_tokens_stand_where_they_say() -> None:
    text = "net_total >= sum( items.x ) "
    for token in tokens(text):
        assert text[token.start : token.end] == token.text
