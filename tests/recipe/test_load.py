from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import RecipeError
from assay.recipe import fields
from assay.recipe.load import Origin, load, recipe_digest, resolved_yaml, validate_all
from assay.recipe.schema import Recipe, Section
from assay.recipe.tree import put, written
from assay.recipe.validate import EXAMPLES, validated

Write = Callable[[str], str]

PROFILES = """\
default_profile: local
profiles:
  local:
    training:
      epochs: 3
    gate:
      thresholds: {macro_f1: 0.5}
  full:
    base: {model: other}
    ladder:
      - kind: llm
"""


def faults_of(name: str, **options: Any) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        load(name, **options)
    return [line.strip() for line in caught.value.cause.splitlines()]


def test_a_minimal_recipe_loads(write: Write, minimal: str) -> None:
    loaded = load(write(minimal))
    assert loaded.recipe.name == "tiny"
    assert loaded.recipe.training.epochs == 1.0
    assert loaded.profile is None
    assert loaded.path == Path("recipe.yaml")
    assert loaded.text == minimal
    assert loaded.origin["ladder.1.kind"] == Origin("recipe", "recipe.yaml", 12)
    assert loaded.origin["training.epochs"] == Origin("default", None, None)


def test_the_default_profile_is_merged_over_the_document(write: Write, minimal: str) -> None:
    loaded = load(write(minimal + PROFILES))
    assert loaded.profile == "local"
    assert loaded.recipe.training.epochs == 3.0
    assert loaded.recipe.gate.thresholds == {"accuracy": 0.9, "macro_f1": 0.5}
    assert loaded.origin["training.epochs"] == Origin("profile:local", "recipe.yaml", 21)
    assert loaded.origin["gate.thresholds.macro_f1"].line == 23
    assert loaded.origin["gate.thresholds.accuracy"] == Origin("recipe", "recipe.yaml", 16)


def test_lists_and_scalars_of_a_profile_replace(write: Write, minimal: str) -> None:
    recipe = load(write(minimal + PROFILES), profile="full").recipe
    assert [rung.kind for rung in recipe.ladder] == ["llm"]
    assert recipe.base.model == "other"
    assert recipe.training.epochs == 1.0


def test_an_unknown_profile_lists_the_known_ones(write: Write, minimal: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load(write(minimal + PROFILES), profile="locl")
    assert 'no profile "locl". Did you mean "local"?' in caught.value.cause
    assert caught.value.remedy == "Profiles of this recipe: local, full."


def test_an_unknown_default_profile_names_its_line(write: Write, minimal: str) -> None:
    text = minimal + PROFILES.replace("default_profile: local", "default_profile: loca")
    assert faults_of(write(text)) == [
        'recipe.yaml:17: default_profile: the text "loca" is not a profile of this file. '
        'Did you mean "local"?'
    ]


def test_a_fault_in_an_overlay_names_the_overlay_and_its_line(write: Write, minimal: str) -> None:
    text = minimal + PROFILES.replace("epochs: 3", "epochs: three")
    assert faults_of(write(text)) == [
        'recipe.yaml:21: profiles.local.training.epochs: must be a number, but is the text "three"'
    ]
    assert load("recipe.yaml", profile="full").profile == "full"


EVERYTHING_WRONG = """\
name: Tiny Recipe
task:
  outptu: label
  promt: "{input}"
  max_new_tokens: 1_000
base: {model: 3, precision: bf166}
data:
  train: {path: a.jsonl, sql: SELECT 1}
  format: pairs
  format: pairs
  repair_encoding: yes
  near_duplicates: 1.5
epochs: 3
ladder:
  - kind: tfdif
  - kind: llm
    training: {epochs: "3", batch: 0}
    adapter: {rank: 8.5}
gate:
  primary: acuracy
  thresholds: {accuracy: 90, macro_f1: high}
adapter: {targets: all-liner}
training: {micro_batch: 64, sinks: [tensorbord]}
profiles:
  local: 3
"""


def test_every_fault_is_reported_at_once_with_its_line(write: Write) -> None:
    faults = faults_of(write(EVERYTHING_WRONG))
    assert faults[0] == f"{len(faults) - 1} faults in recipe.yaml"
    assert faults[1:] == [
        'recipe.yaml:1: name: the text "Tiny Recipe" does not match the pattern '
        "^[a-z0-9][a-z0-9-]*$",
        "recipe.yaml:1: summary: required, but not given",
        'recipe.yaml:3: task.outptu: unknown key "outptu". Did you mean "output"?',
        'recipe.yaml:4: task.promt: unknown key "promt". Did you mean "prompt"?',
        "recipe.yaml:5: task.max_new_tokens: must be a whole number, but is the text "
        '"1_000"; write 1000',
        "recipe.yaml:6: base.model: must be text, but is the number 3; put it in quotes",
        "recipe.yaml:6: base.precision: must be auto, fp32, bf16 or nf4, but is the text "
        '"bf166". Did you mean "bf16"?',
        "recipe.yaml:8: data.train: give exactly one of path, dataset, hub, sql "
        "(got ['path', 'sql'])",
        "recipe.yaml:10: data.format: given twice (first on line 9); keep one",
        "recipe.yaml:11: data.repair_encoding: must be true or false, but is the text "
        '"yes"; write true',
        "recipe.yaml:12: data.near_duplicates: must be at most 1, but is 1.5",
        'recipe.yaml:13: epochs: unknown key "epochs". It belongs under ladder.N.training '
        "or training.",
        "recipe.yaml:15: ladder.0.kind: must be majority, copy, lead, sentence, dictionary, keyword, bm25, tfidf, nearest, embedding, encoder "
        'or llm, but is the text "tfdif". Did you mean "tfidf"?',
        'recipe.yaml:17: ladder.1.training.epochs: must be a number, but is the text "3"; write 3',
        "recipe.yaml:17: ladder.1.training.batch: must be at least 1, but is 0",
        "recipe.yaml:18: ladder.1.adapter.rank: must be a whole number, but is the number 8.5",
        "recipe.yaml:18: ladder.1.adapter: only an encoder has its own adapter, not llm",
        'recipe.yaml:20: gate.primary: no metric "acuracy" for output: label. '
        'Did you mean "accuracy"?',
        'recipe.yaml:21: gate.thresholds.macro_f1: must be a number, but is the text "high"',
        "recipe.yaml:21: gate.thresholds.accuracy: must be a share between 0 and 1, "
        "but is the number 90; write 0.9",
        'recipe.yaml:22: adapter.targets: must be all-linear, but is the text "all-liner". '
        'Did you mean "all-linear"?',
        "recipe.yaml:23: training.sinks.0: must be tensorboard, wandb, mlflow or trackio, "
        'but is the text "tensorbord". Did you mean "tensorboard"?',
        "recipe.yaml:23: training.micro_batch: is 64, more than the batch of 16 it divides",
        "recipe.yaml:25: profiles.local: must be a mapping of keys, but is the number 3",
    ]


def test_the_remedy_names_the_command(write: Write, minimal: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load(write(minimal + "extra: 1\n"))
    assert "assay validate recipe.yaml" in caught.value.remedy


def test_sections_and_their_surroundings_are_both_checked(write: Write, minimal: str) -> None:
    text = minimal.replace("output: label", "output: json").replace("kind: tfidf", "kind: llm")
    assert faults_of(write(text))[1:] == [
        "recipe.yaml:3: task: output is json, so `schema` (a JSON Schema) is required",
        "recipe.yaml:10: ladder: each kind of rung may appear once (got llm, llm)",
        'recipe.yaml:14: gate.primary: no metric "accuracy" for output: json. '
        "Available: brier, ece, exact_match, valid.",
        'recipe.yaml:16: gate.thresholds.accuracy: no metric "accuracy" for output: json. '
        "Available: brier, ece, exact_match, valid.",
    ]


def test_a_consequence_of_a_fault_is_not_reported(write: Write, minimal: str) -> None:
    text = minimal.replace("output: label", "output: json\n  schema: none")
    assert not any("is required" in fault for fault in faults_of(write(text)))


def test_nothing_else_is_said_about_a_refused_value(write: Write, minimal: str) -> None:
    text = minimal + "training: {epochs: !!python/name:os.system x}\n"
    (fault,) = faults_of(write(text))
    assert "the tag !!python/name:os.system is not allowed" in fault


def test_the_internal_name_of_a_field_is_not_a_key(write: Write, minimal: str) -> None:
    text = minimal.replace("output: label", "output: json\n  json_schema: {type: object}")
    assert 'unknown key "json_schema". Did you mean "schema"?' in "\n".join(faults_of(write(text)))


def test_validate_all_finds_the_faults_of_every_profile(write: Write, minimal: str) -> None:
    text = minimal.replace("accuracy: 0.9", "accuracy: 2") + PROFILES
    text = text.replace("epochs: 3", "epochs: 0").replace("- kind: llm\n", "- kind: lm\n")
    text = text.replace("  - kind: lm\ngate", "  - kind: llm\ngate")
    assert validate_all(write(text)) == [
        "recipe.yaml:16: gate.thresholds.accuracy: must be a share between 0 and 1, "
        "but is the number 2; write 0.02",
        "recipe.yaml:21: profiles.local.training.epochs: must be more than 0, but is 0",
        "recipe.yaml:27: profiles.full.ladder.0.kind: must be majority, copy, lead, sentence, dictionary, keyword, bm25, tfidf, nearest, embedding, "
        'encoder or llm, but is the text "lm". Did you mean "llm"?',
    ]


def test_validate_all_of_a_good_file_is_empty(write: Write, minimal: str) -> None:
    assert validate_all(write(minimal + PROFILES)) == []
    assert validate_all(write(minimal + "profiles: {full: }\n")) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "recipe.yaml: the file is empty"),
        (b" \n\n", "recipe.yaml: the file is empty"),
        (b"# only a comment\n", "recipe.yaml:1: a recipe is a mapping of keys, not null"),
        (b"- a\n- b\n", "recipe.yaml:1: a recipe is a mapping of keys, not a list"),
        (b"just text\n", "recipe.yaml:1: a recipe is a mapping of keys, not the text"),
        (b"name: a\nsummary: caf\xe9\n", "recipe.yaml:2: not UTF-8: byte 0xE9"),
        (b"name: [\n", "recipe.yaml:2: not valid YAML"),
        (b"#" * 1_000_001, "recipe.yaml: 1.0 MB is too large for a recipe"),
    ],
)
def test_files_that_are_no_recipes(write: Write, content: bytes, said: str) -> None:
    Path(write("")).write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        load("recipe.yaml")
    assert caught.value.cause.startswith(said)


def test_a_byte_order_mark_is_no_fault(write: Write, minimal: str) -> None:
    assert load(write("\ufeff" + minimal)).recipe.name == "tiny"


def test_a_missing_file_suggests_a_similar_one(write: Write, minimal: str) -> None:
    write(minimal)
    with pytest.raises(RecipeError, match=r'recipes\.yaml: no such file\. Did you mean "recipe\.y'):
        load("recipes.yaml")
    with pytest.raises(RecipeError, match="a folder, not a recipe"):
        load(Path())


def test_a_resolved_recipe_reads_back_equal(write: Write, minimal: str) -> None:
    first = load(write(minimal + PROFILES)).recipe
    again = load(write(resolved_yaml(first))).recipe
    assert again == first
    assert recipe_digest(again) == recipe_digest(first)


def test_the_digest_depends_on_every_value(write: Write, minimal: str) -> None:
    first = recipe_digest(load(write(minimal)).recipe)
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert recipe_digest(load("recipe.yaml", overrides=["training.seed=1"]).recipe) != first
    assert recipe_digest(load("recipe.yaml", overrides=["training.epochs=1"]).recipe) == first


def test_the_digest_depends_on_the_order_of_a_schema(write: Write, minimal: str) -> None:
    """Answers are written in it, so a run with another order is another run."""

    def digest(first: str, second: str) -> str:
        fields = f"{first}: {{type: string}}, {second}: {{type: string}}"
        schema = f"{{type: object, properties: {{{fields}}}, additionalProperties: false}}"
        text = minimal.replace("output: label", f"output: json\n  schema: {schema}")
        text = re.sub(r"ladder:(\n  - .*)+", "ladder: [{kind: majority}]", text)
        text = text.replace("accuracy", "exact_match")
        loaded = load(write(text))
        assert list(loaded.recipe.task.json_schema["properties"]) == [first, second]  # type: ignore[index]
        return recipe_digest(loaded.recipe)

    assert digest("to", "by") != digest("by", "to")
    assert digest("to", "by") == digest("to", "by")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
shares = st.floats(0.01, 0.4)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Valid recipes of labels, with hostile texts and numbers."""
    training = {
        "epochs": draw(st.floats(0.001, 1e6)),
        "learning_rate": draw(st.floats(1e-12, 1.0)),
        "seed": draw(st.integers(0, 2**53 - 1)),
        "clip": draw(st.none() | st.floats(0.1, 10)),
    }
    return Recipe.model_validate(
        {
            "name": draw(st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True)),
            "summary": draw(texts),
            "task": {
                "output": "label",
                "system": draw(texts),
                "prompt": draw(texts) + "{input}" + draw(texts),
                "answer": "{target}" + draw(texts),
            },
            "base": {"model": draw(texts)},
            "data": {
                "train": {"path": draw(texts.filter(bool))},
                "input": draw(texts),
                "id": draw(st.none() | texts),
                "validation_share": draw(shares),
            },
            "ladder": [{"kind": "tfidf"}, {"kind": "llm", "training": training}],
            "adapter": {"targets": draw(st.just("all-linear") | st.lists(texts, min_size=1))},
            "training": training,
            "gate": {"primary": "accuracy", "thresholds": {"accuracy": draw(st.floats(0, 1))}},
        }
    )


@settings(max_examples=60, deadline=None)
@given(recipe=recipes())
def test_any_recipe_survives_its_yaml(
    recipe: Recipe, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("recipes") / "resolved.yaml"
    path.write_text(resolved_yaml(recipe), encoding="utf-8", newline="")
    loaded = load(path)
    assert loaded.recipe == recipe
    assert recipe_digest(loaded.recipe) == recipe_digest(recipe)


KEYS = [
    (place, key)
    for place in ("", "task", "base", "data", "data.limit", "adapter", "training", "gate")
    if (spot := fields.spot(tuple(filter(None, place.split("."))))) and spot.section
    for key in fields.keys_of(spot.section)
]


@settings(max_examples=150, deadline=None)
@given(key=st.sampled_from(KEYS), position=st.integers(0, 30), double=st.booleans())
def test_any_misspelt_key_gets_its_suggestion(
    key: tuple[str, str], position: int, double: bool
) -> None:
    place, name = key
    index = position % len(name)
    wrong = name[:index] + (name[index] * 2 if double else "") + name[index + 1 :]
    if len(wrong) < 3 or wrong in name:
        wrong = name + name[-1]
    required = [key for key, info in fields.keys_of(Recipe).items() if info.is_required()]
    root = written({key: EXAMPLES[key] for key in required}, Origin("recipe", "f.yaml", 1))
    above = tuple(filter(None, place.split(".")))
    recipe, faults = validated(
        put(root, (*above, wrong), written(1, Origin("recipe", "f.yaml", 7)))
    )
    assert recipe is None
    path = ".".join((*above, wrong))
    expected = f'f.yaml:7: {path}: unknown key "{wrong}". Did you mean "{name}"?'
    assert expected in [str(fault) for fault in faults]


def test_every_required_field_has_an_example() -> None:
    def visit(section: type[Section]) -> None:
        for key, info in fields.keys_of(section).items():
            if info.is_required():
                assert key in EXAMPLES, f"{section.__name__}.{key}"
            below = fields.step(fields.Spot(None, section), key)
            if below and below.section:
                visit(below.section)

    visit(Recipe)


def test_an_empty_document_misses_exactly_the_required_fields(write: Write) -> None:
    required = [key for key, info in fields.keys_of(Recipe).items() if info.is_required()]
    faults = faults_of(write("pack: mine\n"))[1:]
    assert faults == [f"recipe.yaml:1: {key}: required, but not given" for key in required]
