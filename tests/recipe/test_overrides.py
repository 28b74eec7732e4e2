from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.errors import RecipeError
from assay.recipe.load import Origin, load
from assay.recipe.schema import Section

Write = Callable[[str], str]


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("training.epochs=3", "training.epochs", 3.0),
        ("training.learning_rate=1e-4", "training.learning_rate", 1e-4),
        ("training.sinks=[wandb, mlflow]", "training.sinks", ["wandb", "mlflow"]),
        ("ladder.1.training.epochs=5", "ladder.1.training.epochs", 5.0),
        ("ladder.0.kind=embedding", "ladder.0.kind", "embedding"),
        ("ladder=[{kind: majority}]", "ladder.0.kind", "majority"),
        ("gate.thresholds.macro_f1=0.8", "gate.thresholds.macro_f1", 0.8),
        ("gate.thresholds={valid: 1.0}", "gate.thresholds", {"valid": 1.0}),
        ("data.test.path=a=b.csv", "data.test.path", "a=b.csv"),
        ("task.system=no", "task.system", "no"),
        ("data.id=", "data.id", None),
        ("package.version='2.0.0'", "package.version", "2.0.0"),
    ],
)
def test_values_are_yaml_put_at_their_path(
    write: Write, minimal: str, override: str, path: str, value: Any
) -> None:
    loaded = load(write(minimal), overrides=[override])
    found: Any = loaded.recipe
    for part in path.split("."):
        if isinstance(found, Section):
            found = getattr(found, part)
        else:
            found = found[int(part)] if part.isdigit() else found[part]
    assert found == value
    assert loaded.origin[override.partition("=")[0]] == Origin("--set")


def test_overrides_come_after_the_profile_and_the_last_one_wins(write: Write, minimal: str) -> None:
    text = minimal + "profiles: {p: {training: {epochs: 2, batch: 4}}}\n"
    changes = ["training.epochs=3", "training.epochs=4"]
    loaded = load(write(text), profile="p", overrides=changes)
    assert (loaded.recipe.training.epochs, loaded.recipe.training.batch) == (4.0, 4)
    assert loaded.origin["training.batch"].layer == "profile:p"


@pytest.mark.parametrize(("asked", "kept"), [(9, 5), (5, 5), (3, 3)])
def test_at_most_leaves_a_smaller_number_as_it_is(
    write: Write, minimal: str, asked: int, kept: int
) -> None:
    text = minimal + "profiles: {p: {data: {limit: {train: 5}}}}\n"
    changes = [f"data.limit.{split}<={asked}" for split in ("train", "test")]
    loaded = load(write(text), profile="p", overrides=changes)
    limit = loaded.recipe.data.limit
    assert (limit.train, limit.validation, limit.test) == (kept, None, asked)
    by = "--set" if kept < 5 else "profile:p"
    assert loaded.origin["data.limit.train"].layer == by


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("training.epoch=3", '--set: training: unknown key "epoch". Did you mean "epochs"?'),
        (
            "package.size=3",
            '--set: package: unknown key "size". Available: description, licence, version.',
        ),
        ("learning_rate=3", '--set: unknown key "learning_rate". It belongs under ladder.N'),
        (
            "ladder.9.kind=llm",
            '--set: ladder: "9" is not a position of this list; its positions are 0 to 1',
        ),
        ("ladder.llm.kind=x", '--set: ladder: "llm" is not a position of this list'),
        ("training.sinks.0=wandb", '--set: training.sinks: "0" cannot be set here'),
        ("name.first=x", '--set: name: this is a single value and has no key "first"'),
        ("profiles.p=x", '--set: unknown key "profiles"'),
        ("training.epochs", '--set: "training.epochs" is not of the form key.path=value'),
        ("=3", '--set: "=3" is not of the form key.path=value'),
        ("<=3", '--set: "<=3" is not of the form key.path=value'),
        ("data.limit.train<=few", '--set: data.limit.train: the text "few" is no number'),
        ("data.limit.train<=true", "--set: data.limit.train: true is no number"),
        ("data.limit.size<=3", '--set: data.limit: unknown key "size"'),
        ("training.epochs=[", "--set: training.epochs: not valid YAML"),
        ("training.epochs=!!python/name:os.system ", "--set: training.epochs: the tag"),
        ("training.epochs=three", '--set: training.epochs: must be a number, but is the text "'),
        ("gate.thresholds.acuracy=1", '--set: gate.thresholds.acuracy: no metric "acuracy"'),
    ],
)
def test_a_wrong_override_says_what_is_there(
    write: Write, minimal: str, override: str, fault: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load(write(minimal), overrides=[override])
    assert caught.value.cause.startswith(fault)


def test_faults_of_overrides_and_of_the_file_come_together(write: Write, minimal: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load(write(minimal + "extra: 1\n"), overrides=["a=1", "b=2"])
    assert len(caught.value.cause.splitlines()) == 4
