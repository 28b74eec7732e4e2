"""What an answer may be: a JSON Schema, a regular expression, or one of a set of labels.

llguidance computes which tokens may come next; label sets use a token trie of our own. Whatever
was decoded is validated again afterwards, by other code.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from assay.data import sql_grammar
from assay.data.grounding import grounded_schema, runs
from assay.data.spans import Span, answer_of, spans_of
from assay.data.sql import Schema, one_form, question_in, resolved, schema_in, texts_of
from assay.errors import ConstraintError
from assay.recipe.schema import Task

CLOSERS = set("}]")
QUERY_CLOSERS = ("FROM", "THEN", "END")


class Matcher(Protocol):
    """The state of one answer under a constraint."""

    def allowed(self) -> np.ndarray:
        """Boolean mask [vocabulary] of the tokens that may come next."""
        ...

    def advance(self, token: int) -> None:
        """Take one allowed token."""
        ...

    def forced(self) -> list[int]:
        """Take the tokens that must come next whatever the model says, and return them."""
        ...

    def fork(self) -> Matcher:
        """Another matcher in the same state."""
        ...


class Constraint(Protocol):
    """Starts a fresh ``Matcher`` for each answer."""

    unique_keys: bool  # whether answers are JSON, in which no key of an object may come twice
    overtime: int  # tokens beyond the limit in which an answer may be brought to its end

    def start(self, source: str) -> Matcher:
        """The state before the first token of an answer to ``source``."""
        ...

    def closing(self, text: str) -> tuple[np.ndarray, ...]:
        """Masks of tokens that bring the answer ``text`` to its end, most decisive first."""
        ...


class Grammar:
    """A constraint that llguidance compiles."""

    unique_keys = False
    overtime = 512  # required keys are long

    def __init__(self, tokenizer: Any, grammar: str, what: str) -> None:
        self._tokenizer = _ll_tokenizer(tokenizer)
        self._grammar = grammar
        self._vocabulary = len(tokenizer)
        self._what = what
        self._closers = _closers(tokenizer)
        self._matcher(grammar)  # a grammar that cannot be compiled is found now

    def start(self, source: str) -> Matcher:
        """A fresh matcher; compiling was done once, starting is cheap."""
        del source
        return self._matcher(self._grammar)

    def _matcher(self, grammar: str) -> Matcher:
        return _GrammarMatcher(self._tokenizer, grammar, self._vocabulary, self._what)

    def closing(self, text: str) -> tuple[np.ndarray, ...]:
        """End of text, else a closing bracket, else a quote, else the comma that ends a number.

        Without the comma a number before a required key could go on for ever.
        """
        ends, brackets, quotes, commas = self._closers
        return (ends, quotes) if _in_string(text) else (ends, brackets, quotes, commas)


class QueryGrammar(Grammar):
    """Queries over a schema: the prompt's own, or that of each source where the prompt has none."""

    overtime = 64

    def __init__(self, tokenizer: Any, task: Task, schema: Schema | None) -> None:
        probe = schema or Schema((("t", ("c",)),))
        super().__init__(tokenizer, sql_grammar.grammar(probe, None), "the prompt's schema")
        self._schema, self._grounded = schema, task.grounded
        texts = [text.strip() for text in token_texts(tokenizer)]
        self._quotes, self._brackets, self._words = (
            np.array([text in marks for text in texts]) for marks in ("'", ")", QUERY_CLOSERS)
        )

    def start(self, source: str) -> Matcher:
        """A matcher of this source's own, where the source has a schema or says the texts."""
        schema = schema_in(source) or self._schema
        if schema is None or (schema == self._schema and not self._grounded):
            return super().start(source)
        words = question_in(source) if self._grounded else None
        return self._matcher(sql_grammar.grammar(schema, words))

    def closing(self, text: str) -> tuple[np.ndarray, ...]:
        """End of text, else the quote of a literal, a bracket, or a word that has to follow."""
        ends = self._closers[0]
        if text.count("'") % 2:
            return ends, self._quotes
        return ends, self._brackets, self._words


class JsonGrammar(Grammar):
    """A JSON Schema, compiled once."""

    unique_keys = True

    def __init__(self, tokenizer: Any, schema: dict[str, Any]) -> None:
        super().__init__(tokenizer, _json_grammar(schema), "task.schema")


class GroundedGrammar(JsonGrammar):
    """A JSON Schema whose free strings are words of the source: compiled for each source."""

    def __init__(self, tokenizer: Any, schema: dict[str, Any]) -> None:
        super().__init__(tokenizer, grounded_schema(schema, "a b"))
        self._schema = schema

    def start(self, source: str) -> Matcher:
        """A matcher of this source's own; compiling takes milliseconds, half a second at 2,000 words.

        Raises ``ConstraintError`` for a source longer than the compiler can hold.
        """
        try:
            return self._matcher(_json_grammar(grounded_schema(self._schema, source)))
        except ConstraintError as error:
            raise ConstraintError(
                f"an input of {len(source.split()):,} words is too long for a grounded answer",
                "Shorten it, or train the specialist with task.grounded: false.",
            ) from error


def _json_grammar(schema: dict[str, Any]) -> str:
    """Compact JSON, as the training targets are written."""
    from llguidance import LLMatcher

    compact = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
    return LLMatcher.grammar_from_json_schema(json.dumps({**schema, "x-guidance": compact}))


def _in_string(text: str) -> bool:
    """Whether a JSON text breaks off inside a string, where a bracket would close nothing."""
    return len(re.findall(r'"', re.sub(r"\\.", "", text))) % 2 == 1


class _GrammarMatcher:
    def __init__(self, tokenizer: Any, grammar: str, vocabulary: int, what: str) -> None:
        import llguidance.numpy as lln
        from llguidance import LLMatcher

        self._matcher = LLMatcher(tokenizer, grammar)
        fault: str = self._matcher.get_error()
        if fault:
            raise ConstraintError(
                f"{what} cannot be compiled: {fault.splitlines()[0]}",
                "Use another way to say it; oneOf, not, if/then and uniqueItems cannot be enforced.",
            )
        self._bits = lln.allocate_token_bitmask(1, tokenizer.vocab_size)
        self._fill = lln.fill_next_token_bitmask
        self._vocabulary = vocabulary
        self._what = what

    def allowed(self) -> np.ndarray:
        self._fill(self._matcher, self._bits, 0)
        unpacked = np.unpackbits(self._bits[0].view(np.uint8), bitorder="little")
        return unpacked[: self._vocabulary].astype(bool)

    def advance(self, token: int) -> None:
        self._take([token])

    def forced(self) -> list[int]:
        # Tokenised as the text would be, and cut where a longer token could still begin, so the
        # model sees the tokens it was trained on.
        tokens: list[int] = self._matcher.compute_ff_tokens()
        self._take(tokens)
        return tokens

    def fork(self) -> _GrammarMatcher:
        ahead = copy.copy(self)  # the bitmask is scratch space: it may be shared
        ahead._matcher = self._matcher.deep_copy()
        return ahead

    def _take(self, tokens: list[int]) -> None:
        if not self._matcher.consume_tokens(tokens):
            raise ConstraintError(
                f"{self._what}: tokens {tokens} were refused ({self._matcher.get_error()})",
                "This is a fault in the decoder; please report it.",
            )


@lru_cache(maxsize=8)
def _ll_tokenizer(tokenizer: Any) -> Any:
    import llguidance.hf

    return llguidance.hf.from_tokenizer(tokenizer)


@lru_cache(maxsize=8)
def token_texts(tokenizer: Any) -> list[str]:
    """The text of every token by itself."""
    return tokenizer.batch_decode([[token] for token in range(len(tokenizer))])


@lru_cache(maxsize=8)
def _closers(tokenizer: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Tokens that end the text, are closing brackets, are a single quote, are a single comma."""
    size = len(tokenizer)
    ends, brackets, quotes, commas = (np.zeros(size, dtype=bool) for _ in range(4))
    ends[tokenizer.eos_token_id] = True
    for token, text in enumerate(token_texts(tokenizer)):
        if text == '"':
            quotes[token] = True
        elif text == ",":
            commas[token] = True
        elif text and set(text) <= CLOSERS:
            brackets[token] = True
    return ends, brackets, quotes, commas


@dataclass
class Node:
    """A place in the trie: the tokens that may follow, and the label that ends here."""

    children: dict[int, Node] = field(default_factory=dict)
    label: int | None = None
    leaves: int = 0  # labels below, this one included


class LabelTrie:
    """The answers of a label set, as token sequences that share their beginnings."""

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        self.root = Node()
        self.count = len(sequences)
        for index, sequence in enumerate(sequences):
            node = self.root
            node.leaves += 1
            for token in sequence:
                if node.label is not None:
                    raise _alike(index)
                node = node.children.setdefault(token, Node())
                node.leaves += 1
            if node.label is not None or node.children:
                raise _alike(index)
            node.label = index


def _alike(index: int) -> ConstraintError:
    return ConstraintError(
        f"label {index} and one before it are not told apart by their tokens",
        "End each answer with the terminator, and make the labels differ.",
    )


def label_trie(task: Task, labels: Sequence[str], tokenizer: Any) -> LabelTrie:
    """The trie of every label's answer, tokenised as in training, terminator included."""
    texts = [task.answer.replace("{target}", label) + tokenizer.eos_token for label in labels]
    return LabelTrie(tokenizer(texts, add_special_tokens=False)["input_ids"])


def spoken_task(task: Task, labels: Sequence[str]) -> Task:
    """The task as a language model does it: entities are JSON, without ``start``, in its words."""
    if task.output != "entities":
        return task
    entity = {
        "type": "object",
        "properties": {"type": {"enum": list(labels)}, "text": {"type": "string"}},
        "required": ["type", "text"],
        "additionalProperties": False,
    }
    schema = {"type": "array", "items": entity}
    return task.model_copy(update={"output": "json", "json_schema": schema, "grounded": True})


def compile_constraint(task: Task, tokenizer: Any) -> Constraint | None:
    """The constraint of a task that generates, or None for free text.

    Raises ``ConstraintError`` for a schema or pattern that cannot be enforced.
    """
    if task.check == "sql":
        return QueryGrammar(tokenizer, task, schema_in(f"{task.system}\n{task.prompt}"))
    if task.json_schema is not None and task.grounded:
        return GroundedGrammar(tokenizer, task.json_schema)
    if task.json_schema is not None:
        return JsonGrammar(tokenizer, task.json_schema)
    if task.regex is not None:
        from llguidance import LLMatcher

        return Grammar(tokenizer, LLMatcher.grammar_from_regex(task.regex), "task.regex")
    return None


@lru_cache(maxsize=32)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(schema))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Python keeps the last of two equal keys; other readers keep the first, or refuse."""
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ConstraintError(f'the answer gives the key "{twice}" twice')
    return value


def _refuse_constant(name: str) -> None:
    """Python reads NaN and Infinity; JSON has neither."""
    raise ConstraintError(f"the answer is not JSON: {name} is not a JSON number")


def validate(task: Task, labels: Sequence[str], text: str, source: str) -> Any:
    """The parsed answer to ``source``.

    Raises ``ConstraintError`` saying how it breaks the task's constraint.
    """
    if task.output == "json":
        assert task.json_schema is not None
        schema = grounded_schema(task.json_schema, source) if task.grounded else task.json_schema
        try:
            value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        except json.JSONDecodeError as error:
            raise ConstraintError(f"the answer is not JSON: {error.msg} at {error.pos}") from error
        for fault in _validator(json.dumps(schema)).iter_errors(value):
            raise ConstraintError(f"the answer violates task.schema: {fault.message[:200]}")
        return value
    if task.output == "label":
        if text not in labels:
            raise ConstraintError(f'"{text[:80]}" is not one of the {len(labels)} labels')
        return text
    if task.output == "entities":
        return _entities(labels, text, source)
    if task.check == "sql":
        return _query(task, text, source)
    if task.regex is not None and not re.fullmatch(task.regex, text):
        raise ConstraintError(f'"{text[:80]}" does not match task.regex')
    return text


def _query(task: Task, text: str, source: str) -> str:
    """The query: a single SELECT over the schema shown; grounded, its texts are the question's words."""
    schema = schema_in(f"{task.system}\n{task.prompt}\n{source}")
    if schema is None:
        one_form(text)
        return text
    resolved(text, schema)
    if task.grounded:
        asked = runs(question_in(source))
        for literal in texts_of(text):
            if literal.strip("%") not in asked and not sql_grammar.is_format(literal):
                raise ConstraintError(f"the query's text {literal!r} is not words of the question")
    return text


def _entities(labels: Sequence[str], text: str, source: str) -> tuple[Span, ...]:
    """The spans that an answer names: of known types, where it says, none on another."""
    try:
        spans = spans_of(text)
    except ValueError as error:
        raise ConstraintError(f"the answer is not a list of entities: {error}") from error
    unknown = sorted({span.type for span in spans} - set(labels))
    if unknown:
        raise ConstraintError(f'"{unknown[0]}" is not one of the {len(labels)} types')
    if any(not 0 <= span.start < span.end for span in spans):
        raise ConstraintError("an entity without words")
    if any(one.end > other.start for one, other in pairwise(spans)):
        raise ConstraintError("two entities overlap, or stand in another order than in the text")
    if answer_of(source, spans) != text:
        raise ConstraintError("an entity is not what the text says at its place")
    return spans
