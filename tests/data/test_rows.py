"""One row at a time: values, turns, answers, and the reasons to drop or refuse."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.rows import Draft, Dropped, drafter
from assay.errors import DataError
from assay.recipe.schema import Recipe

Make = Callable[..., Recipe]
SCHEMA = {
    "type": "object",
    "properties": {
        "intent": {"enum": ["Play", "Rate"]},
        "slots": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["intent", "slots"],
}
JSON = {"output": "json", "schema": SCHEMA, "intent_field": "intent", "slots_field": "slots"}


def made(recipe: Recipe, row: dict[str, Any]) -> Draft:
    """The draft of a row that is fine."""
    draft = drafter(recipe)("f.jsonl:7", row)
    assert isinstance(draft, Draft)
    return draft


def refused(recipe: Recipe, row: dict[str, Any]) -> DataError:
    """The error of a row that is not."""
    with pytest.raises(DataError) as caught:
        drafter(recipe)("f.jsonl:7", row)
    assert caught.value.cause.startswith("f.jsonl:7")
    return caught.value


# -- pairs ---------------------------------------------------------------------------------


def test_a_pair_becomes_a_conversation(recipe: Make) -> None:
    task = {"system": "Name it.", "prompt": "Q: {input}", "answer": "A: {target}"}
    draft = made(recipe(task), {"text": " where? ", "label": " lost "})
    assert (draft.text, draft.target, draft.slice) == ("where?", "lost", "lost")
    assert [(turn.role, turn.content) for turn in draft.turns] == [
        ("system", "Name it."),
        ("user", "Q: where?"),
        ("assistant", "A: lost"),
    ]


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (0, "0"),
        (True, "true"),
        (1.5, "1.5"),
        (Decimal("2.50"), "2.50"),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_numbers_are_labels_too(recipe: Make, value: Any, label: str) -> None:
    assert made(recipe(), {"text": "x", "label": value}).target == label


@pytest.mark.parametrize("empty", [None, "", "  \n", math.nan])
def test_an_empty_cell_drops_the_row(recipe: Make, empty: Any) -> None:
    draft = drafter(recipe())
    assert draft("f:1", {"text": empty, "label": "a"}) == Dropped("f:1", "empty input")
    assert draft("f:1", {"text": "a", "label": empty}) == Dropped("f:1", "empty target")


def test_a_missing_column_is_told_with_those_there_are(recipe: Make) -> None:
    error = refused(recipe(), {"text": "x", "intent": "a"})
    assert 'no column "label" (data.target)' in error.cause
    assert error.remedy == "Columns of this row: text, intent."


@pytest.mark.parametrize("value", [{"a": 1}, ["a"], b"a"])
def test_a_cell_that_is_no_text_is_refused(recipe: Make, value: Any) -> None:
    assert "not text" in refused(recipe(), {"text": "x", "label": value}).cause


def test_half_a_character_is_refused(recipe: Make) -> None:
    row = json.loads('{"text": "cut \\ud83d", "label": "a"}')
    assert "surrogate" in refused(recipe(), row).cause


def test_mojibake_is_repaired_and_counted(recipe: Make) -> None:
    row = {"text": "NoctÃ¡mbulo", "label": "a"}
    assert (made(recipe(), row).text, made(recipe(), row).repaired) == ("Noctámbulo", True)
    assert made(recipe(repair_encoding=False), row).text == "NoctÃ¡mbulo"
    assert not made(recipe(), {"text": "sound", "label": "é"}).repaired


def test_ids_and_slices_come_from_their_columns(recipe: Make) -> None:
    draft = made(recipe(id="no", slice="site"), {"text": "x", "label": "a", "no": 7, "site": None})
    assert (draft.id, draft.slice) == ("7", "none")
    row = {"text": "x", "label": "a", "no": "", "site": "y"}
    assert "the id is empty" in refused(recipe(id="no"), row).cause


# -- JSON and patterns ---------------------------------------------------------------------


@pytest.mark.parametrize("as_text", [False, True])
def test_a_json_target_is_compact_and_keeps_its_order(recipe: Make, as_text: bool) -> None:
    target: Any = {"intent": "Play", "slots": {"song": "é", "artist": "b"}}
    row = {"text": "x", "label": json.dumps(target, indent=2) if as_text else target}
    draft = made(recipe(JSON), row)
    assert draft.target == '{"intent":"Play","slots":{"song":"é","artist":"b"}}'
    assert draft.slice == "Play"


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ({"intent": "Play", "slots": {"song": 7}}, "task.schema at slots/song: 7 is not of type"),
        ({"intent": "Stop", "slots": {}}, "task.schema at intent: 'Stop' is not one of"),
        ({"intent": "Play"}, "task.schema at the answer itself: 'slots' is a required"),
        (["Play"], "task.schema at the answer itself"),
        ("{not json", "the target is not JSON"),
        ({"intent": math.inf}, "the target is not JSON"),
        ({"intent": date(2026, 1, 1)}, "the target is not JSON"),
    ],
    ids=str,
)
def test_a_target_that_breaks_the_schema_is_refused(recipe: Make, target: Any, told: str) -> None:
    assert told in refused(recipe(JSON), {"text": "x", "label": target}).cause


@pytest.mark.parametrize("empty", [None, "", " "])
def test_an_empty_json_target_drops_the_row(recipe: Make, empty: Any) -> None:
    draft = drafter(recipe(JSON))("f:1", {"text": "x", "label": empty})
    assert draft == Dropped("f:1", "empty target")


def test_a_target_that_does_not_match_the_pattern_is_refused(recipe: Make) -> None:
    task = {"output": "text", "regex": r"[0-9]{4}"}
    assert made(recipe(task), {"text": "x", "label": 1234}).slice == "all"
    assert "task.regex: 12345" in refused(recipe(task), {"text": "x", "label": "12345"}).cause


def test_a_target_whose_number_is_checked_must_have_one(recipe: Make) -> None:
    task = {"output": "text", "check": "number"}
    assert made(recipe(task), {"text": "x", "label": "so #### 4"}).target == "so #### 4"
    assert made(recipe(task), {"text": "x", "label": 4}).target == "4"
    error = refused(recipe(task), {"text": "x", "label": "four"})
    assert "the target has no number to be checked: four" in error.cause
    assert "task.check" in error.remedy
    both = recipe({**task, "regex": ".*4.*|none"})
    assert "no number" in refused(both, {"text": "x", "label": "none"}).cause
    assert "task.regex" in refused(both, {"text": "x", "label": "5"}).cause


def test_the_tests_of_a_program_come_along(recipe: Make) -> None:
    task = {"output": "text", "check": "code"}
    row = {"text": "x", "label": "x = 1", "tests": ["import math", "assert x == 1"]}
    given = recipe(task, tests="tests")
    assert made(given, row).check == "import math\nassert x == 1"
    assert made(given, {**row, "tests": "assert x"}).check == "assert x"
    assert made(given, {**row, "tests": '["assert x", "assert 1"]'}).check == "assert x\nassert 1"
    assert made(given, {**row, "label": "```python\nx = 1\n```"}).target.startswith("```")
    for changed, said in (
        ({"tests": []}, "no tests in tests, so that any answer would pass"),
        ({"tests": None}, "no tests in tests"),
        ({"tests": "assert x =="}, "tests is not Python"),
        ({"label": "x = ="}, "label is not Python"),
        ({"tests": [1, {}]}, "holds dict, not text"),
    ):
        assert said in refused(given, {**row, **changed}).cause
    assert 'no column "tests" (data.tests)' in refused(given, {"text": "x", "label": "1"}).cause


# -- messages ------------------------------------------------------------------------------

ROLES = st.lists(st.sampled_from(["system", "user", "assistant"]), max_size=6)
CHAT = {"task": {"output": "text"}, "format": "messages"}


def chat(*roles: str) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": f"{role} {n}"} for n, role in enumerate(roles)]}


def test_a_chat_keeps_its_turns(recipe: Make) -> None:
    draft = made(recipe(**CHAT), chat("system", "user", "assistant", "user", "assistant"))
    assert (draft.text, draft.target, draft.slice) == ("user 3", "assistant 4", "all")
    assert draft.content == "user 1\nuser 3"
    assert [turn.role for turn in draft.turns][:2] == ["system", "user"]


def test_a_system_turn_of_the_chat_and_another_of_the_task_is_an_error(recipe: Make) -> None:
    made_ = recipe({"output": "text", "system": "Be kind."}, format="messages")
    with pytest.raises(DataError, match="system turn of its own"):
        made(made_, chat("system", "user", "assistant"))


def test_a_chat_without_system_turn_gets_the_task_s(recipe: Make) -> None:
    made_ = made(
        recipe({"output": "text", "system": "Be kind."}, format="messages"),
        chat("user", "assistant"),
    )
    assert (made_.turns[0].role, made_.turns[0].content) == ("system", "Be kind.")


def test_a_chat_may_be_json_text(recipe: Make) -> None:
    row = chat("user", "assistant")
    text = {"messages": json.dumps(row["messages"])}
    assert made(recipe(**CHAT), text).turns == made(recipe(**CHAT), row).turns
    assert "not JSON" in refused(recipe(**CHAT), {"messages": "[{"}).cause


def said(*contents: str) -> dict[str, Any]:
    roles = ("user", "assistant") * len(contents)
    return {"messages": [{"role": r, "content": c} for r, c in zip(roles, contents, strict=False)]}


def test_every_answer_of_a_chat_keeps_to_the_task(recipe: Make) -> None:
    json_chat = recipe(JSON, format="messages")
    good = '{ "intent": "Play", "slots": {} }'
    draft = made(json_chat, said("a", good, "b", good))
    assert [turn.content for turn in draft.turns[2::2]] == ['{"intent":"Play","slots":{}}'] * 2
    assert draft.slice == "Play"
    assert "not JSON" in refused(json_chat, said("a", "Sure!")).cause
    assert (
        "at intent"
        in refused(json_chat, said("a", '{"intent":"Stop","slots":{}}', "b", good)).cause
    )
    pattern = recipe({"output": "text", "regex": "[0-9]+"}, format="messages")
    assert "task.regex: one" in refused(pattern, said("a", "one", "b", "2")).cause


def test_an_answer_with_words_of_its_own_is_not_grounded(recipe: Make) -> None:
    task = {**JSON, "grounded": True}
    song = '{"intent":"Play","slots":{"song":"jazz"}}'
    none = '{"intent":"Play","slots":{}}'
    assert made(recipe(task), {"text": "play jazz", "label": song}).grounded
    assert not made(recipe(task), {"text": "play rock", "label": song}).grounded
    assert made(recipe(JSON), {"text": "play rock", "label": song}).grounded  # nobody asks
    chats = recipe(task, format="messages")
    assert made(chats, said("play jazz", song, "stop", none)).grounded
    assert not made(chats, said("play rock", song, "stop", none)).grounded


@given(ROLES)
def test_turns_in_any_other_order_are_refused(roles: list[str]) -> None:
    document = {
        "name": "chat",
        "summary": "s",
        "task": {"output": "text"},
        "base": {"model": "none"},
        "data": {"train": {"path": "x.jsonl"}, "format": "messages"},
        "ladder": [{"kind": "majority"}],
        "gate": {"primary": "chrf", "thresholds": {}},
    }
    body = roles[1:] if roles[:1] == ["system"] else roles
    sound = bool(body) and body == ["user", "assistant"] * (len(body) // 2)
    row = chat(*roles)
    if sound:
        assert made(Recipe.model_validate(document), row).turns[-1].role == "assistant"
    else:
        refused(Recipe.model_validate(document), row)


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([], "not a list of turns"),
        ({"role": "user"}, "not a list of turns"),
        (None, "not a list of turns"),
        (["hi"], "turn 1 is hi"),
        ([{"role": "user", "content": None}], "turn 1"),
        ([{"role": "tool", "content": "x"}], "turn 1"),
        ([{"role": "user", "content": "x"}, {"role": "assistant"}], "turn 2"),
    ],
    ids=str,
)
def test_turns_that_are_none_are_refused(recipe: Make, messages: Any, told: str) -> None:
    assert told in refused(recipe(**CHAT), {"messages": messages}).cause


def test_a_chat_with_an_empty_turn_is_dropped(recipe: Make) -> None:
    row = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": " "}]}
    assert drafter(recipe(**CHAT))("f:1", row) == Dropped("f:1", "empty turn")


# -- entities ------------------------------------------------------------------------------

NAMED = {"output": "entities", "system": "List them."}


def test_tokens_with_tags_become_a_text_with_entities(recipe: Make) -> None:
    row = {
        "tokens": ["Ann", "is", "in", "New", "York"],
        "tags": ["B-PER", "O", "O", "I-LOC", "I-LOC"],
    }
    for cells in (row, {name: json.dumps(cell) for name, cell in row.items()}):  # as CSV has them
        draft = made(recipe(NAMED, input="tokens", target="tags"), cells)
        assert draft.text == "Ann is in New York"
        assert draft.target == (
            '[{"type":"PER","text":"Ann","start":0},{"type":"LOC","text":"New York","start":10}]'
        )
        assert draft.turns[-1].content == (
            '[{"type":"PER","text":"Ann"},{"type":"LOC","text":"New York"}]'
        )
        assert draft.slice == "all" and draft.grounded


def test_offsets_count_the_space_that_is_taken_away(recipe: Make) -> None:
    row = {"text": "  Ann is here", "label": [{"type": "PER", "start": 2, "end": 5}]}
    assert made(recipe(NAMED), row).target == '[{"type":"PER","text":"Ann","start":0}]'
    blank = {"text": "  Ann", "label": [{"type": "PER", "start": 0, "end": 1}]}
    assert "nothing but space" in refused(recipe(NAMED), blank).cause


def test_a_row_may_name_nothing_and_a_text_may_begin_with_a_bracket(recipe: Make) -> None:
    for nothing in ([], None, "[]"):
        assert made(recipe(NAMED), {"text": "[laughs] no", "label": nothing}).target == "[]"


def test_an_entity_that_ends_inside_a_word_cannot_be_learnt(recipe: Make) -> None:
    row = {"text": "10km away", "label": [{"type": "number", "start": 0, "end": 2}]}
    assert not made(recipe(NAMED), row).grounded


def test_neighbours_of_one_type_stay_two(recipe: Make) -> None:
    row = {"tokens": ["Rome", "Oslo"], "tags": ["B-LOC", "B-LOC"]}
    draft = made(recipe(NAMED, input="tokens", target="tags"), row)
    assert draft.grounded and json.loads(draft.target)[1] == {
        "type": "LOC",
        "text": "Oslo",
        "start": 5,
    }


@pytest.mark.parametrize(
    ("tokens", "tags", "cause"),
    [
        (["a", " "], ["O", "O"], "token 2 is ' ', not a word"),
        (["a", 5], ["O", "O"], "token 2 is 5, not a word"),
        (["a", "b"], ["O"], "2 tokens with 1 tags"),
        (["a", "b"], ["O", "U-PER"], '"U-PER" is not O, B-type or I-type'),
        ("a b", ["O", "O"], "it has no type"),
        ("a b", "O O", "the entities are str, not a list"),
        ("a b", {}, "the entities are dict, not a list"),
        ("a b", 0, "the entities are int, not a list"),
    ],
)
def test_entities_that_do_not_fit_are_refused(
    recipe: Make, tokens: Any, tags: Any, cause: str
) -> None:
    fault = refused(recipe(NAMED, input="tokens", target="tags"), {"tokens": tokens, "tags": tags})
    assert cause in fault.cause
