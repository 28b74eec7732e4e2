"""One raw row becomes the draft of an example, or is dropped for a reason that is counted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from assay.data.cells import as_text, column, given_input, named, parsed
from assay.data.clean import normalised, repaired, require_unicode
from assay.data.code import code_in, fault_in
from assay.data.databases import Stored, check_of, finder, require_compiles, require_within
from assay.data.grounding import grounding
from assay.data.numbers import final_number
from assay.data.passages import grades_in, target_of
from assay.data.prompts import conversation
from assay.data.records import Passage, Turn
from assay.data.spans import (
    Span,
    answer_of,
    from_entities,
    from_tokens,
    spoken,
    tagged,
    tags_of,
    word_bounds,
)
from assay.data.sql import one_form, question_in, resolved, schema_in
from assay.data.sql_grammar import allows, grammar
from assay.data.tables import Row
from assay.errors import ConstraintError, DataError
from assay.recipe.schema import Recipe
from assay.recipe.sniff import listed_in

ROLES = ("system", "user", "assistant")
Check = Callable[[str, str, str], bool]  # of where a row is, its text and its target


@dataclass(slots=True)
class Draft:
    """An example on its way, and where it came from."""

    where: str
    id: str | None
    text: str
    turns: tuple[Turn, ...]
    target: str
    slice: str
    repaired: bool
    check: str = ""
    grounded: bool = True  # no words in the answer but the input's, where the task asks for that
    asked: str = ""
    key: str = field(init=False)  # the normal form of the content

    def __post_init__(self) -> None:
        self.key = normalised(self.content)

    @property
    def content(self) -> str:
        """What duplicates are judged by: the input, or all that the user says in a chat.

        Of a question to a database it is the question, without the schema, which rows share.
        """
        if self.asked:
            return self.asked
        said = [turn.content for turn in self.turns if turn.role == "user"]
        return "\n".join(said) if len(said) > 1 else self.text


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that cannot be used, and why."""

    where: str
    reason: str


def drafter(
    recipe: Recipe, recipe_dir: Path | None = None, corpus: Sequence[Passage] = ()
) -> Callable[[str, Row], Draft | Dropped]:
    """The function that turns (where, row) into a draft, as the recipe says.

    The function raises ``DataError`` naming the row for a missing column, a value of a wrong type,
    an answer that breaks the task's schema or pattern, or turns in a wrong order.
    """
    makers = {"messages": _from_messages, "text": _from_text, "pairs": _from_pair}
    make = makers[recipe.data.format]
    check = _answer_check(recipe)
    if recipe.data.database is not None:
        find = finder(recipe.data.database, recipe_dir)

        def with_query(where: str, row: Row) -> Draft | Dropped:
            return _from_query(recipe, find, where, row)

        return with_query
    if recipe.task.output == "ranking":
        known = {passage.id for passage in corpus}
        return lambda where, row: _from_judgements(recipe, known, where, row)

    def draft(where: str, row: Row) -> Draft | Dropped:
        return make(recipe, check, where, row)

    return draft


def _from_pair(recipe: Recipe, check: Check, where: str, row: Row) -> Draft | Dropped:
    data, task = recipe.data, recipe.task
    if task.output == "entities":
        return _from_entities(recipe, where, row)
    given = given_input(row, data.input, where)
    answer = column(row, data.target, where, "data.target")
    fixed = repaired([given, answer]) if data.repair_encoding else [given, answer]
    text = as_text(fixed[0], f"{where}: {data.input}")
    if not text:
        return Dropped(where, "empty input")
    if task.output == "json" and fixed[1] is not None:
        target = _canonical(fixed[1], where)
    else:
        target = named(as_text(fixed[1], f"{where}: {data.target}"), data.names, where)
    if not target:
        return Dropped(where, "empty target")
    grounded = check(where, text, target)
    turns = conversation(task, text, target)
    slice_ = _slice(recipe, row, where, target)
    changed = fixed != [given, answer]
    tests = _tests(recipe, row, where, target)
    identity = _id(recipe, row, where)
    return Draft(where, identity, text, turns, target, slice_, changed, tests, grounded)


def _from_entities(recipe: Recipe, where: str, row: Row) -> Draft | Dropped:
    """A text and its entities, or tokens and their tags.

    Encoding is repaired in tokens only: in a text, offsets would then point elsewhere.
    """
    data = recipe.data
    given = listed_in(column(row, data.input, where, "data.input"))
    answer = listed_in(column(row, data.target, where, "data.target"))
    tokens: Any = given
    if isinstance(given, list):
        tokens = _tokens(cast("list[Any]", given), f"{where}: {data.input}")
        tokens = repaired(tokens) if data.repair_encoding else tokens
        if data.names and isinstance(answer, list):
            tags = cast("list[Any]", answer)
            answer = [named(as_text(tag, where), data.names, where) for tag in tags]
        text, spans = from_tokens(tokens, answer, f"{where}: {data.input}")
        require_unicode(text, f"{where}: {data.input}")
    else:
        raw = given if isinstance(given, str) else ""
        text = as_text(given, f"{where}: {data.input}")
        listed: Any = [] if answer is None or answer == "" else answer
        spans = from_entities(raw or text, listed, f"{where}: {data.target}")
        lead = len(raw) - len(raw.lstrip())  # offsets count the space that ``_text`` takes away
        spans = [Span(span.start - lead, span.end - lead, span.type) for span in spans]
    if not text:
        return Dropped(where, "empty input")
    if any(span.start < 0 or span.end > len(text) for span in spans):
        raise DataError(f"{where}: an entity is nothing but space", "Correct its offsets.")
    target = answer_of(text, spans)
    bounds = word_bounds(text)
    whole = tagged(bounds, tags_of(bounds, spans)) == spans
    turns = conversation(recipe.task, text, spoken(target))
    slice_ = _slice(recipe, row, where, target)
    changed = tokens != given
    identity = _id(recipe, row, where)
    return Draft(where, identity, text, turns, target, slice_, changed, grounded=whole)


def _from_query(
    recipe: Recipe, find: Callable[[str, Row], Stored], where: str, row: Row
) -> Draft | Dropped:
    """A question and its query, in one form, and the database that the query is run on."""
    made = _from_pair(recipe, _any_text, where, row)
    if isinstance(made, Dropped):
        return made
    database = find(where, row)
    others = listed_in(row.get(recipe.data.tests or "", None) or [])
    try:
        shown = schema_in("\n".join(turn.content for turn in made.turns[:-1]))
        schema = shown or database.schema
        also = [one_form(str(other), database.schema) for other in cast("list[Any]", others)]
        target = one_form(made.target, schema)
        if shown is not None:
            require_within(shown, database)
        resolved(target, schema)
        for query in also:
            resolved(query, database.schema)
        for query in (target, *also):
            require_compiles(query, database)
    except ConstraintError as error:
        raise DataError(f"{where}: {error.cause}", error.remedy or "Correct the row.") from error
    question = question_in(made.text)
    source = question if recipe.task.grounded else None
    said = shown is None or allows(grammar(shown, source), target)
    turns = conversation(recipe.task, made.text, target)
    check = check_of(database.digest, also)
    asked = f"{database.name}: {question}"
    return Draft(
        where, made.id, made.text, turns, target, made.slice, made.repaired, check, said, asked
    )


def _from_judgements(recipe: Recipe, known: set[str], where: str, row: Row) -> Draft | Dropped:
    """A query, and the passages of the corpus that answer it."""
    data = recipe.data
    given = given_input(row, data.input, where)
    fixed = repaired(given) if data.repair_encoding else given
    text = as_text(fixed, f"{where}: {data.input}")
    if not text:
        return Dropped(where, "empty input")
    answer = column(row, data.target, where, "data.target")
    target = target_of(grades_in(answer, known, f"{where}: {data.target}"))
    turns = conversation(recipe.task, text, target)
    slice_ = _slice(recipe, row, where, target)
    return Draft(where, _id(recipe, row, where), text, turns, target, slice_, fixed != given)


def _tests(recipe: Recipe, row: Row, where: str, target: str) -> str:
    """The tests of a row as one program; they and the target must be Python."""
    name = recipe.data.tests
    if name is None or recipe.task.check != "code":
        return ""
    given = listed_in(column(row, name, where, "data.tests"))
    parts = cast("list[Any]", given) if isinstance(given, list) else [given]
    tests = "\n".join(as_text(part, f"{where}: {name}") for part in parts)
    if not tests.strip():
        raise DataError(
            f"{where}: has no tests in {name}, so that any answer would pass",
            "Give every row its tests.",
        )
    for what, code in ((name, tests), (recipe.data.target, code_in(target))):
        if fault := fault_in(code):
            raise DataError(f"{where}: {what} is not Python: {fault}", "Correct the row.")
    return tests


def _tokens(values: list[Any], where: str) -> list[str]:
    for number, token in enumerate(values, start=1):
        if not isinstance(token, str) or not token.strip():
            raise DataError(
                f"{where}: token {number} is {token!r}, not a word",
                "Give a list of words with a list of as many tags, or a text with its entities.",
            )
    return values


def _from_text(recipe: Recipe, check: Check, where: str, row: Row) -> Draft | Dropped:
    """A whole text: what is read and what is predicted are the same."""
    data = recipe.data
    given = given_input(row, data.input, where)
    fixed = repaired([given])[0] if data.repair_encoding else given
    text = as_text(fixed, f"{where}: {data.input}")
    if not text:
        return Dropped(where, "empty input")
    check(where, text, text)
    turns = (Turn("system", ""), Turn("assistant", text))
    slice_ = _slice(recipe, row, where, text)
    return Draft(where, _id(recipe, row, where), text, turns, text, slice_, fixed != given)


def _from_messages(recipe: Recipe, check: Check, where: str, row: Row) -> Draft | Dropped:
    data = recipe.data
    given = column(row, data.messages, where, "data.messages")
    fixed = repaired(given) if data.repair_encoding else given
    turns = _turns(fixed, f"{where}: {data.messages}")
    system = recipe.task.system
    if turns[0].role != "system":
        turns = [Turn("system", system), *turns]
    elif system and turns[0].content != system:
        raise DataError(
            f"{where}: has a system turn of its own, and the recipe sets another in task.system",
            "Servers put task.system before every conversation; leave one of the two out.",
        )
    roles = [turn.role for turn in turns[1:]]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        raise DataError(
            f"{where}: the roles are {', '.join(turn.role for turn in turns)}",
            "After the system turn, user and assistant take turns, and assistant is the last.",
        )
    if not all(turn.content for turn in turns[1:]):
        return Dropped(where, "empty turn")
    if recipe.task.output == "json":
        turns = [
            Turn(t.role, _canonical(t.content, where)) if t.role == "assistant" else t
            for t in turns
        ]
    asked = zip(turns[1::2], turns[2::2], strict=True)  # every answer is trained
    checked = [check(where, user.content, answer.content) for user, answer in asked]
    text, target = turns[-2].content, turns[-1].content
    slice_ = _slice(recipe, row, where, target)
    identity = _id(recipe, row, where)
    changed, grounded = fixed != given, all(checked)
    return Draft(where, identity, text, tuple(turns), target, slice_, changed, grounded=grounded)


def _turns(messages: Any, where: str) -> list[Turn]:
    if isinstance(messages, str):  # as CSV and SQL hold it
        messages = parsed(messages, where)
    if not isinstance(messages, list) or not messages:
        raise DataError(f"{where} is not a list of turns", "Give [{role, content}, …].")
    turns: list[Turn] = []
    for number, message in enumerate(cast("list[Any]", messages), start=1):
        role = message.get("role") if isinstance(message, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        if role not in ROLES or not isinstance(content, str):
            raise DataError(
                f"{where}: turn {number} is {str(message)[:120]}",
                f'Each turn is {{"role": …, "content": text}} with a role of {", ".join(ROLES)}.',
            )
        require_unicode(content, where)
        turns.append(Turn(role, content.strip()))
    return turns


# -- values --------------------------------------------------------------------------------


def _canonical(value: Any, where: str) -> str:
    """Compact JSON with the keys in the order given; a string is parsed first."""
    if isinstance(value, str):
        if not value.strip():
            return ""
        value = parsed(value, f"{where}: the target")
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: the target is not JSON: {error}", "Correct the row.") from error
    require_unicode(text, where)
    return text


def _id(recipe: Recipe, row: Row, where: str) -> str | None:
    name = recipe.data.id
    if not name:
        return None
    identity = as_text(column(row, name, where, "data.id"), f"{where}: {name}")
    if not identity:
        raise DataError(f"{where}: the id is empty", "Give every row an id, or set data.id: null.")
    return identity


def _slice(recipe: Recipe, row: Row, where: str, target: str) -> str:
    """The row's slice: the column named, else the label, else the intent, else ``all``."""
    task, name = recipe.task, recipe.data.slice
    if name:
        return as_text(column(row, name, where, "data.slice"), f"{where}: {name}") or "none"
    if task.output == "label":
        return target
    if task.intent_field:
        answer = json.loads(target)
        return str(answer.get(task.intent_field, "none")) if isinstance(answer, dict) else "none"
    return "all"


def _answer_check(recipe: Recipe) -> Check:
    """Whether a target is grounded in its text, as far as the task asks for it.

    Raises ``DataError`` for a target that the task's own constraint would refuse.
    """
    task = recipe.task
    schema, pattern = task.json_schema, task.regex
    plain = _has_number if task.check == "number" else _any_text
    if schema is not None:
        from jsonschema import Draft202012Validator

        validator = Draft202012Validator(schema)
        is_grounded = grounding(schema) if task.grounded else None

        def check(where: str, text: str, target: str) -> bool:
            answer = json.loads(target)
            if is_grounded is not None and is_grounded(text, answer):
                return True  # and valid
            for fault in validator.iter_errors(answer):
                place = "/".join(map(str, fault.absolute_path)) or "the answer itself"
                raise DataError(
                    f"{where}: the target breaks task.schema at {place}: {fault.message[:200]}",
                    "Correct the row or the schema: a constrained model could never answer so.",
                )
            return is_grounded is None

        return check
    if pattern is not None:
        compiled = re.compile(pattern)

        def match(where: str, text: str, target: str) -> bool:
            if not compiled.fullmatch(target):
                raise DataError(
                    f"{where}: the target does not match task.regex: {target[:120]}",
                    "Correct the row or the pattern.",
                )
            return plain(where, text, target)

        return match
    return plain


def _any_text(where: str, text: str, target: str) -> bool:
    del where, text, target
    return True


def _has_number(where: str, text: str, target: str) -> bool:
    del text
    if final_number(target) is None:
        raise DataError(
            f"{where}: the target has no number to be checked: {target[:120]}",
            "Correct the row, or set task.check: null.",
        )
    return True
