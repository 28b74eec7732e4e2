"""The queries that a schema allows, as a grammar for llguidance: SELECTs over its own names.

Written for the form that ``sql.one_form`` gives: capital keywords, single spaces. Names of tables
and columns are the schema's; a result or a table may be called anything, and whether a name fits its
table is for ``sql.resolved`` to say. Lists end: a model that has nothing to say would go on for
ever. Left out: WITH, window functions, and columns of a query in FROM that are not the schema's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from assay.data.grounding import runs
from assay.data.sql import Schema, is_plain

AGGREGATES = ("COUNT", "SUM", "AVG", "MIN", "MAX", "TOTAL", "GROUP_CONCAT")
FUNCTIONS = (
    *AGGREGATES, "ABS", "COALESCE", "DATE", "DATETIME", "IFNULL", "IIF", "INSTR", "JULIANDAY",
    "LENGTH", "LOWER", "LTRIM", "NULLIF", "REPLACE", "ROUND", "RTRIM", "STRFTIME", "SUBSTRING",
    "TIME", "TRIM", "UPPER",
)  # fmt: skip
TYPES = ("REAL", "INTEGER", "TEXT", "NUMERIC", "DATE")
FORMATS = (
    "%Y",
    "%m",
    "%d",
    "%H",
    "%w",
    "%Y-%m",
    "%Y-%m-%d",
    "now",
)  # of dates: no question's words
_SPAN = "[+-][0-9]{1,4} (days|day|months|month|years|year)"
RULES = """\
start: query
query: body ((" UNION ALL " | " UNION " | " INTERSECT " | " EXCEPT ") body){0,3} order? limit?
body: "SELECT " "DISTINCT "? item (", " item){0,11} " FROM " source join{0,7} where? group? having?
item: "*" | (TABLE | CALLED) ".*" | value (" AS " CALLED)?
source: TABLE (" AS " CALLED)? | "(" query ")" " AS " CALLED
join: (" JOIN " | " LEFT JOIN " | " INNER JOIN " | " CROSS JOIN ") source (" ON " condition)?
where: " WHERE " condition
group: " GROUP BY " (value | CALLED) (", " (value | CALLED)){0,7}
having: " HAVING " condition
order: " ORDER BY " key (", " key){0,7}
key: (value | CALLED) (" DESC" | " ASC")? (" NULLS FIRST" | " NULLS LAST")?
limit: " LIMIT " WHOLE (" OFFSET " WHOLE)?
condition: test ((" OR " | " AND ") test){0,7}
test: "NOT "? (comparison | "(" condition ")" | "EXISTS(" query ")")
comparison: value COMPARE value
          | value " BETWEEN " value " AND " value
          | value " NOT"? " LIKE " value
          | value " IN (" (query | constant (", " constant){0,15}) ")"
          | value " IS NULL"
          | value
value: term (OPERATOR term){0,7}
term: column | constant | call | cast | choice | "-" term | "(" value ")" | "(" query ")"
column: NAME | (TABLE | CALLED) "." NAME
constant: NUMBER | TEXT | "NULL" | "TRUE" | "FALSE"
call: FUNCTION "(" ("*" | "DISTINCT "? value (", " value){0,7})? ")" filter?
filter: " FILTER(WHERE " condition ")"
cast: "CAST(" value " AS " TYPE ")"
choice: "CASE" (" " value)? (" WHEN " condition " THEN " value){1,12} (" ELSE " value)? " END"
COMPARE: " = " | " <> " | " < " | " <= " | " > " | " >= "
OPERATOR: " + " | " - " | " * " | " / " | " % " | " || "
WHOLE: /[0-9]{1,9}/
NUMBER: /-?[0-9]{1,12}(\\.[0-9]{1,6})?/
CALLED: /[A-Za-z_][A-Za-z0-9_]{0,31}/
"""


def grammar(schema: Schema, source: str | None) -> str:
    """The grammar of queries over ``schema``, in llguidance's Lark.

    With a ``source`` a text in a query is words of it, as written there, perhaps between the
    wildcards of LIKE; formats of dates are always allowed. Without, it may be anything.
    """
    tables = [_written(table) for table, _ in schema.tables]
    columns = {_written(name) for _, names in schema.tables for name in names}
    lines = [
        RULES,
        f"TABLE: {_any(tables)}",
        f"NAME: {_any(sorted(columns))}",
        f"FUNCTION: {_any(FUNCTIONS)}",
        f"TYPE: {_any(TYPES)}",
    ]
    if source is None:
        lines.append("TEXT: /'([^'\\n]|'')*'/")
    else:
        copied = _any(quoted(run) for run in runs(source)) or '"\'"'
        lines += [
            f"COPIED: {copied}",
            f"FORMAT: {_any(FORMATS)}",
            f"SPAN: /{_SPAN}/",
            'TEXT: "\'" (COPIED | "%" COPIED "%"? | COPIED "%" | FORMAT | SPAN) "\'"',
        ]
    return "\n".join(lines) + "\n"


def is_format(text: str) -> bool:
    """Whether a text in a query is about dates, and so need not be the question's words."""
    return text in FORMATS or re.fullmatch(_SPAN, text) is not None


def quoted(text: str) -> str:
    """A text as it stands between the quotes of a literal."""
    return text.replace("'", "''")


def allows(grammar_: str, query: str) -> bool:
    """Whether a query is one of the grammar's, whatever the tokens."""
    from llguidance import LLMatcher

    matcher = LLMatcher(_bytes(), grammar_, log_level=0)
    return bool(matcher.consume_tokens(list(query.encode())) and matcher.is_accepting())


@lru_cache(1)
def _bytes() -> Any:
    from llguidance import LLTokenizer

    return LLTokenizer("byte")


def _written(name: str) -> str:
    return name if is_plain(name) else '"' + name.replace('"', '""') + '"'


def _any(texts: Iterable[str]) -> str:
    return " | ".join(json.dumps(text, ensure_ascii=False) for text in texts)
