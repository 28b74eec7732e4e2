"""Answers under a constraint are valid whatever the weights, and validation refuses the rest."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from llguidance import LLMatcher, LLTokenizer

from assay.data.spans import Span
from assay.data.sql import schema_in
from assay.data.sql_grammar import allows, grammar
from assay.errors import ConstraintError
from assay.evaluation.constraints import (
    LabelTrie,
    compile_constraint,
    label_trie,
    spoken_task,
    validate,
)
from assay.evaluation.decoding import Generated, _Row, generate, score_labels, stream
from assay.observability.progress import SILENT
from assay.recipe.schema import Task

OBJECT = {
    "type": "object",
    "properties": {
        "intent": {"enum": ["lost_card", "late_card"]},
        "amount": {"type": "integer"},
        "notes": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["intent", "amount", "notes"],
    "additionalProperties": False,
}
PATTERN = {
    "type": "object",
    "properties": {
        "intent": {"type": "string"},
        "slots": {
            "type": "object",
            "patternProperties": {"^[a-z_]+$": {"type": "string"}},
            "additionalProperties": False,
        },
    },
    "required": ["intent", "slots"],
    "additionalProperties": False,
}
KEYS = [f"a_rather_long_key_{i}" for i in range(8)]
MANY = {
    "type": "object",
    "properties": {key: {"type": "string"} for key in KEYS},
    "required": KEYS,
    "additionalProperties": False,
}
LABELS = ("card late", "card lost", "lost", "user")


def task(schema: dict[str, Any]) -> Task:
    return Task(output="json", json_schema=schema)


def randomise(model: Any, seed: int) -> None:
    """Weights large enough that greedy decoding wanders instead of repeating itself."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0.0, 0.3, generator=generator)


def answer_validly(model: Any, tokenizer: Any, asked: Task, texts: list[str], most: int) -> None:
    """Every answer to ``texts``, of about ``most`` tokens, is complete and valid."""
    answers = generate(
        model,
        tokenizer,
        [tokenizer(text)["input_ids"] for text in texts],
        [""] * len(texts),
        constraint=compile_constraint(asked, tokenizer),
        max_new_tokens=most,
        terminators={tokenizer.eos_token_id},
        progress=SILENT,
    )
    assert len(answers) == len(texts)
    for answer in answers:
        assert answer.complete
        validate(asked, (), tokenizer.decode(answer.tokens, skip_special_tokens=True), "")


@pytest.mark.parametrize(
    "schema", [OBJECT, PATTERN, MANY], ids=["object", "patternProperties", "many"]
)
@pytest.mark.parametrize("seed", range(4))
def test_json_of_random_weights_is_always_valid(
    tiny: Any, schema: dict[str, Any], seed: int
) -> None:
    model, tokenizer = tiny
    randomise(model, seed)
    answer_validly(model, tokenizer, task(schema), ["the card", "lost", "system is", "a"], 6)


FEW_KEYS = {
    "type": "object",
    "patternProperties": {"^(who|what|when|where|why)$": {"enum": ["x", "y"]}},
    "additionalProperties": False,
}


@pytest.mark.parametrize("seed", range(12))
def test_random_weights_give_no_key_twice_while_there_are_others(tiny: Any, seed: int) -> None:
    model, tokenizer = tiny
    randomise(model, seed)
    [answer] = generate(
        model,
        tokenizer,
        [tokenizer("the card")["input_ids"]],
        [""],
        constraint=compile_constraint(task(FEW_KEYS), tokenizer),
        max_new_tokens=60,
        terminators={tokenizer.eos_token_id},
        progress=SILENT,
    )
    text = tokenizer.decode(answer.tokens, skip_special_tokens=True)
    keys = re.findall(r'"(wh?[a-z]+)":', text)
    assert len(set(keys[:5])) == len(keys[:5])  # a sixth key has no new name left


@pytest.mark.parametrize("more", [False, True])
def test_an_answer_that_would_repeat_a_key_ends_if_nothing_else_has_to_follow(
    tiny: Any, more: bool
) -> None:
    tokenizer = tiny[1]
    around: dict[str, Any] = {"type": "object", "properties": {"slots": FEW_KEYS}}
    if more:
        around["properties"]["end"] = {"enum": ["y", "z"]}  # a choice is left
    around |= {"required": list(around["properties"]), "additionalProperties": False}
    constraint = compile_constraint(task(around), tokenizer)
    answer, ends = Generated(), {tokenizer.eos_token_id}
    row = _Row(answer, tokenizer, constraint, 60, ends, [], "")
    text = '{"slots":{"who":"x","who'
    while True:
        written = tokenizer.decode(answer.tokens)
        assert text.startswith(written)
        if row.repeating is not None and row.repeating.any():
            break
        for token in tokenizer(text[len(written) :])["input_ids"]:
            assert row.allowed is not None and row.allowed[token]
            row.take(token, -0.5)
            break
    assert answer.tokens[: row.sure] != answer.tokens  # a stream does not show the comma yet
    if more:
        assert not row.close() and not answer.complete
        return
    assert row.close() and answer.complete and row.sure == len(answer.tokens)
    assert tokenizer.decode(answer.tokens, skip_special_tokens=True) == '{"slots":{"who":"x"}}'


@pytest.mark.parametrize("seed", range(8))
def test_a_stream_of_keys_joins_to_the_answer(tiny: Any, seed: int) -> None:
    model, tokenizer = tiny
    randomise(model, seed)
    prompt = tokenizer("the card")["input_ids"]
    constraint = compile_constraint(task(FEW_KEYS), tokenizer)
    ends = {tokenizer.eos_token_id}
    settings: Any = {"constraint": constraint, "max_new_tokens": 60, "terminators": ends}
    [answer] = generate(model, tokenizer, [prompt], [""], progress=SILENT, **settings)
    streamed = Generated()
    joined = "".join(
        stream(lambda: nullcontext(model), tokenizer, prompt, "", answer=streamed, **settings)
    )
    assert (streamed.tokens, streamed.complete) == (answer.tokens, answer.complete)
    assert joined == tokenizer.decode(answer.tokens, skip_special_tokens=True)
    validate(task(FEW_KEYS), (), joined, "")


@pytest.mark.parametrize("seed", range(4))
def test_regex_of_random_weights_always_matches(tiny: Any, seed: int) -> None:
    model, tokenizer = tiny
    randomise(model, seed)
    asked = Task(output="text", regex=r"[A-Z]{2}-[0-9]{3,6}")
    answer_validly(model, tokenizer, asked, ["the card", "lost"], 3)


@pytest.mark.parametrize("mode", ["exact", "greedy"])
@pytest.mark.parametrize("seed", range(3))
def test_a_label_of_random_weights_is_in_the_set(tiny: Any, mode: Any, seed: int) -> None:
    model, tokenizer = tiny
    randomise(model, seed)
    trie = label_trie(Task(output="label"), LABELS, tokenizer)
    prompts = [tokenizer(text)["input_ids"] for text in ("the card", "lost", "system")]
    found = score_labels(model, tokenizer, prompts, trie, mode=mode, progress=SILENT)
    assert found.logprobs.shape == (3, len(LABELS))
    for choice in found.choice:
        assert validate(Task(output="label"), LABELS, LABELS[choice], "") in LABELS


@pytest.mark.parametrize(
    "part",
    [
        {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        {"not": {"type": "string"}},
        {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
    ],
    ids=["oneOf", "not", "uniqueItems"],
)
def test_a_schema_that_cannot_be_enforced_is_refused(tiny: Any, part: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"a": part}, "required": ["a"]}
    with pytest.raises(ConstraintError, match=r"task\.schema cannot be compiled"):
        compile_constraint(task(schema), tiny[1])


@pytest.mark.parametrize("pattern", ["[a-z", "(ab", "a{3,1}"])
def test_a_bad_regex_is_refused(tiny: Any, pattern: str) -> None:
    with pytest.raises(ConstraintError, match=r"task\.regex"):
        compile_constraint(Task(output="text", regex=pattern), tiny[1])


def test_free_text_and_labels_have_no_grammar(tiny: Any) -> None:
    assert compile_constraint(Task(output="text"), tiny[1]) is None
    assert compile_constraint(Task(output="label"), tiny[1]) is None


def test_validate_refuses_what_breaks_the_constraint() -> None:
    good = json.dumps({"intent": "lost_card", "amount": 3, "notes": []})
    assert validate(task(OBJECT), (), good, "")["amount"] == 3
    with pytest.raises(ConstraintError, match="not JSON"):
        validate(task(OBJECT), (), good[:-1], "")
    for wrong in (
        {"intent": "other", "amount": 3, "notes": []},
        {"intent": "lost_card", "amount": "3", "notes": []},
        {"intent": "lost_card", "amount": 3},
        {"intent": "lost_card", "amount": 3, "notes": [], "more": 1},
    ):
        with pytest.raises(ConstraintError, match=r"violates task\.schema"):
            validate(task(OBJECT), (), json.dumps(wrong), "")
    with pytest.raises(ConstraintError, match="not one of the 4 labels"):
        validate(Task(output="label"), LABELS, "card", "")
    with pytest.raises(ConstraintError, match="does not match"):
        validate(Task(output="text", regex="[0-9]+"), (), "12a", "")
    assert validate(Task(output="text", regex="[0-9]+"), (), "12", "") == "12"


def test_json_that_python_reads_but_json_forbids_is_refused() -> None:
    asked = task({"type": "object", "properties": {"x": {"type": "number"}}})
    for text in ('{"x": NaN}', '{"x": Infinity}'):
        with pytest.raises(ConstraintError, match="not JSON"):
            validate(asked, (), text, "")


def test_a_key_given_twice_is_refused() -> None:
    asked = task({"type": "object"})
    for text in ('{"a":1,"a":1}', '{"b":[{"a":1,"c":2,"a":3}]}'):
        with pytest.raises(ConstraintError, match='the key "a" twice'):
            validate(asked, (), text, "")


def test_labels_that_share_all_their_tokens_are_refused() -> None:
    for sequences in ([[1, 2], [1, 2]], [[1], [1, 2]], [[1, 2], [1]]):
        with pytest.raises(ConstraintError, match="not told apart"):
            LabelTrie(sequences)


def test_a_trie_counts_the_labels_below(tiny: Any) -> None:
    trie = label_trie(Task(output="label"), LABELS, tiny[1])
    assert trie.root.leaves == trie.count == len(LABELS)
    assert sum(child.leaves for child in trie.root.children.values()) == len(LABELS)


GROUNDED = {
    "type": "object",
    "properties": {
        "intent": {"enum": ["lost_card", "other"]},
        "slots": {
            "type": "object",
            "patternProperties": {
                "^(who|what)$": {
                    "anyOf": [
                        {"type": "string"},
                        {"type": "array", "items": {"type": "string"}, "maxItems": 3},
                    ]
                }
            },
            "additionalProperties": False,
        },
    },
    "required": ["intent", "slots"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("seed", range(6))
def test_grounded_answers_of_random_weights_hold_only_words_of_the_input(
    tiny: Any, seed: int
) -> None:
    model, tokenizer = tiny
    randomise(model, seed)
    asked = task(GROUNDED).model_copy(update={"grounded": True})
    sources = ["the card is lost", 'say "no" \\ now', "a", "système – où ?"]
    answers = generate(
        model,
        tokenizer,
        [tokenizer("x" + source)["input_ids"] for source in sources],
        sources,
        constraint=compile_constraint(asked, tokenizer),
        max_new_tokens=12,
        terminators={tokenizer.eos_token_id},
        progress=SILENT,
    )
    for source, answer in zip(sources, answers, strict=True):
        text = tokenizer.decode(answer.tokens, skip_special_tokens=True)
        if answer.complete:  # the weights may open keys for ever
            value = validate(asked, (), text, source)
            assert value["intent"] in ("lost_card", "other")
            for found in value["slots"].values():
                for piece in found if isinstance(found, list) else [found]:
                    assert piece in source
    assert any(answer.complete for answer in answers)


def test_validate_refuses_words_that_are_not_in_the_input() -> None:
    asked = task(GROUNDED).model_copy(update={"grounded": True})
    said = json.dumps({"intent": "lost_card", "slots": {"who": "Adele", "what": ["song", "new"]}})
    assert validate(asked, (), said, "the new song of Adele, please")["slots"]["who"] == "Adele"
    for source in ("the new song of Adel", "the new song of Adeles", "song and Adele"):
        with pytest.raises(ConstraintError, match=r"violates task\.schema"):
            validate(asked, (), said, source)


def test_an_input_too_long_to_be_held_to_is_refused_by_its_length(tiny: Any) -> None:
    asked = task(GROUNDED).model_copy(update={"grounded": True})
    constraint: Any = compile_constraint(asked, tiny[1])
    constraint.start(" ".join(f"word{n}" for n in range(1000)))
    with pytest.raises(ConstraintError, match=r"5,000 words is too long"):
        constraint.start(" ".join(f"word{n}" for n in range(5000)))


# -- entities ------------------------------------------------------------------------------

NAMING = Task(output="entities", max_new_tokens=60)
TYPES = ("LOC", "PER")


@pytest.mark.parametrize("seed", range(3))
def test_a_model_can_only_name_words_of_the_text(tiny: Any, seed: int) -> None:
    model, tokenizer = tiny
    randomise(model, seed)
    spoken = spoken_task(NAMING, TYPES)
    sources = ["the card is lost in Rome", "user: Ann-Lee (5)"]
    prompts = [tokenizer.encode(source) for source in sources]
    found = generate(
        model,
        tokenizer,
        prompts,
        sources,
        constraint=compile_constraint(spoken, tokenizer),
        max_new_tokens=60,
        terminators={tokenizer.eos_token_id},
        progress=SILENT,
    )
    for source, answer in zip(sources, found, strict=True):
        text = tokenizer.decode(answer.tokens, skip_special_tokens=True)
        for entity in validate(spoken, TYPES, text, source):
            assert entity["type"] in TYPES and entity["text"] in source


def test_an_answer_that_names_what_the_text_says_is_valid() -> None:
    answer = '[{"type":"PER","text":"Ann","start":3}]'
    assert validate(NAMING, TYPES, answer, "by Ann") == (Span(3, 6, "PER"),)
    assert validate(NAMING, TYPES, "[]", "by Ann") == ()


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("[", "not a list of entities"),
        ('[{"type":"PER"}]', "not a list of entities"),
        ('[{"type":"ORG","text":"Ann","start":3}]', '"ORG" is not one of the 2 types'),
        ('[{"type":"PER","text":"Ann","start":0}]', "not what the text says at its place"),
        ('[{"type":"PER","text":"Ann","start":-3}]', "without words"),
        ('[{"type":"PER","text":"","start":3}]', "without words"),
        (
            '[{"type":"PER","text":"Ann","start":3},{"type":"LOC","text":"by","start":0}]',
            "another order than in the text",
        ),
        (
            '[{"type":"PER","text":"by Ann","start":0},{"type":"LOC","text":"Ann","start":3}]',
            "two entities overlap",
        ),
    ],
)
def test_an_answer_that_names_anything_else_is_refused(answer: str, cause: str) -> None:
    with pytest.raises(ConstraintError, match=re.escape(cause)):
        validate(NAMING, TYPES, answer, "by Ann")


# --- queries ------------------------------------------------------------------------------------


def begins(rules: str, text: str) -> bool:
    """Whether a query of the grammar begins so."""
    matcher = LLMatcher(LLTokenizer("byte"), rules, log_level=0)
    return matcher.consume_tokens(list(text.encode()))


SONGS = "CREATE TABLE song (id INTEGER, name TEXT, artist TEXT);"


def answers_to(
    model: Any, tokenizer: Any, asked: Task, sources: list[str], most: int
) -> list[tuple[str, bool]]:
    """Each answer's text, and whether it came to its end."""
    found = generate(
        model,
        tokenizer,
        [tokenizer("the card")["input_ids"]] * len(sources),
        sources,
        constraint=compile_constraint(asked, tokenizer),
        max_new_tokens=most,
        terminators={tokenizer.eos_token_id},
        progress=SILENT,
    )
    return [
        (tokenizer.decode(answer.tokens, skip_special_tokens=True), answer.complete)
        for answer in found
    ]


@pytest.mark.parametrize("seed", range(6))
def test_queries_of_random_weights_are_of_the_grammar(tiny: Any, seed: int) -> None:
    model, tokenizer = tiny
    randomise(model, seed)
    asked = Task.model_validate(
        {"output": "text", "check": "sql", "system": SONGS, "grounded": True}
    )
    sources = ["Which songs has Ada?", "songs called Rock & Roll", "?"]
    schema = schema_in(SONGS)
    assert schema is not None
    said = answers_to(model, tokenizer, asked, sources, 120)
    for (text, complete), source in zip(said, sources, strict=True):
        rules = grammar(schema, source)
        assert text.startswith("SELECT ")
        assert allows(rules, text) if complete else begins(rules, text)
    assert not begins(rules, f"{said[0][0]}\n")


def test_the_schema_of_a_query_may_come_with_its_source(tiny: Any) -> None:
    model, tokenizer = tiny
    randomise(model, 1)
    asked = Task.model_validate({"output": "text", "check": "sql"})
    sources = [f"{SONGS}\n\nWho?", "CREATE TABLE town (size INTEGER);\n\nHow large?"]
    (songs, _), (towns, _) = answers_to(model, tokenizer, asked, sources, 60)
    assert " town" not in songs and " song" not in towns
    assert songs.startswith("SELECT ") and towns.startswith("SELECT ")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("SELECT age FROM song", "does not fit the schema"),
        ("SELECT name FROM town", "no table of the schema"),
        ("SELECT name FROM song WHERE artist = 'Bo'", "'Bo' is not words of the question"),
        ("DELETE FROM song", "not a single SELECT"),
        ("Ada has many songs", "SELECT|parsed"),
    ],
)
def test_a_query_that_is_not_over_the_schema_is_refused(answer: str, cause: str) -> None:
    asked = Task.model_validate(
        {"output": "text", "check": "sql", "system": SONGS, "grounded": True}
    )
    with pytest.raises(ConstraintError, match=cause):
        validate(asked, (), answer, "Which songs has Ada?")


def test_a_query_over_the_schema_is_valid() -> None:
    asked = Task.model_validate(
        {"output": "text", "check": "sql", "system": SONGS, "grounded": True}
    )
    query = "SELECT name FROM song WHERE artist LIKE '%Ada%'"
    assert validate(asked, (), query, "Which songs has Ada?") == query
    free = Task.model_validate({"output": "text", "check": "sql"})
    assert validate(free, (), "SELECT x FROM y", "Which?") == "SELECT x FROM y"
