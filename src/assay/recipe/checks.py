"""What types cannot say about a recipe: names that must exist, numbers that must fit together.

These faults would otherwise show up after hours of training, at the gate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay.errors import did_you_mean
from assay.recipe.schema import Recipe, Task
from assay.recipe.tree import Keys
from assay.recipe.urls import password_in

CONFIDENCE_METRICS = ("ece", "brier")  # need rungs that give a confidence
LOWER_IS_BETTER = (*CONFIDENCE_METRICS, "bits_per_byte")
BEYOND_ONE = ("brier", "bits_per_byte")  # Brier's score of many classes reaches 2
METRICS: dict[str, tuple[str, ...]] = {
    "label": ("accuracy", "macro_f1", "valid", *CONFIDENCE_METRICS),
    "json": (
        "exact_match",
        "valid",
        "intent_accuracy",
        "slot_precision",
        "slot_recall",
        "slot_f1",
        *CONFIDENCE_METRICS,
    ),
    "entities": (
        "exact_match",
        "span_precision",
        "span_recall",
        "span_f1",
        "span_macro_f1",
        "overlap_f1",
        "valid",
        *CONFIDENCE_METRICS,
    ),
    "text": (
        "exact_match",
        "token_f1",
        "rouge_l",
        "chrf",
        "chrf_pp",
        "bleu",
        "number_match",
        "pass_at_1",
        "sql_parses",
        "sql_executes",
        "execution_match",
        "sql_exact",
        "valid",
        *CONFIDENCE_METRICS,
    ),
    "ranking": ("ndcg_10", "mrr_10", "recall_10", "recall_100", "success_1", "valid"),
    "plain": ("compression", "bits_per_byte", "valid"),
}
NEEDED: dict[str, tuple[str, str | None]] = {  # key of task, perhaps its value, for a metric
    "intent_accuracy": ("intent_field", None),
    "slot_precision": ("slots_field", None),
    "slot_recall": ("slots_field", None),
    "slot_f1": ("slots_field", None),
    "number_match": ("check", "number"),
    "pass_at_1": ("check", "code"),
    "sql_parses": ("check", "sql"),
    "sql_executes": ("check", "sql"),
    "execution_match": ("check", "sql"),
    "sql_exact": ("check", "sql"),
}
WITHOUT_BASE = (
    "majority", "copy", "lead", "sentence", "dictionary", "keyword", "bm25", "tfidf", "nearest",
)  # fmt: skip
TRAINED_BY_THE_LOOP = ("encoder", "llm")
WITHOUT_EFFECT = {"encoder": ("packing", "activation_checkpointing"), "llm": ("word_dropout",)}


def checks(recipe: Recipe) -> Iterator[tuple[Keys, str]]:
    """Every ``(key path, problem)`` in a recipe whose types are right."""
    yield from _gate(recipe)
    yield from _constraint(recipe)
    yield from _ladder(recipe)
    yield from _numbers(recipe)
    for split in ("train", "validation", "test", "corpus"):
        source = getattr(recipe.data, split)
        written = password_in(source.url or "") if source else None
        if written and "${" not in written:
            problem = "holds a password, which every run and report would repeat; write ${NAME}, a "
            yield ("data", split, "url"), f"{problem}variable of the environment"
    if recipe.data.format != "pairs":
        for name, bare in (("prompt", "{input}"), ("answer", "{target}")):
            if getattr(recipe.task, name) != bare:
                problem = (
                    f"has no effect with data.format: {recipe.data.format}; put it into the rows"
                )
                yield ("task", name), problem
    if not recipe.package.licence.strip():
        yield ("package", "licence"), "is empty; it is signed into the package"


def metrics_of(recipe: Recipe) -> list[str]:
    """The metrics that an evaluation of this recipe computes."""
    known = [name for name in METRICS[_kind(recipe)] if is_computed(recipe.task, name)]
    return known + [f"pass_at_{k}" for k in recipe.task.pass_at]


def is_computed(task: Task, metric: str) -> bool:
    """Whether the task says what a metric of its kind of output needs."""
    if metric not in NEEDED:
        return True
    key, value = NEEDED[metric]
    given = getattr(task, key)
    return given == value if value else bool(given)


def _kind(recipe: Recipe) -> str:
    return "plain" if recipe.task.template == "plain" else recipe.task.output


def _gate(recipe: Recipe) -> Iterator[tuple[Keys, str]]:
    known = metrics_of(recipe)
    primary = recipe.gate.primary
    if primary not in known:
        yield ("gate", "primary"), _unknown_metric(primary, recipe)
    elif primary in LOWER_IS_BETTER:
        yield ("gate", "primary"), f"{primary} is better when lower; compare by a gain"
    for key, bound in recipe.gate.thresholds.items():
        keys = ("gate", "thresholds", key)
        name = key.removeprefix("max_")
        if name not in known:
            yield keys, _unknown_metric(name, recipe)
        elif name in LOWER_IS_BETTER and key == name:
            yield keys, f"{name} is better when lower: write max_{name}, its largest value"
        elif not 0 <= bound <= 1 and name not in BEYOND_ONE:
            share = f"; write {bound / 100:g}" if 1 < bound <= 100 else ""
            yield keys, f"must be a share between 0 and 1, but is the number {bound:g}{share}"


def _unknown_metric(name: str, recipe: Recipe) -> str:
    output = recipe.task.output
    if re.fullmatch(r"pass_at_\d+", name) and recipe.task.check == "code":
        drawn = [f"pass_at_{k}" for k in recipe.task.pass_at]
        measured = f"task.samples gives {', '.join(drawn)}" if drawn else "set task.samples"
        return f'the metric "{name}" needs task.samples programs of each item; {measured}'
    if name in METRICS[_kind(recipe)]:
        key, value = NEEDED[name]
        return f'the metric "{name}" needs task.{key}' + (f": {value}" if value else "")
    what = "data.format: text" if _kind(recipe) == "plain" else f"output: {output}"
    return f'no metric "{name}" for {what}.{did_you_mean(name, metrics_of(recipe))}'


def _constraint(recipe: Recipe) -> Iterator[tuple[Keys, str]]:
    schema, pattern = recipe.task.json_schema, recipe.task.regex
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            yield ("task", "regex"), f"not a regular expression: {error}"
    if schema is None:
        return
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = ".".join(str(key) for key in error.absolute_path)
        inside = f" at {place}" if place else ""
        yield ("task", "schema"), f"not a JSON Schema{inside}: {error.message}"
        return
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    for field in ("intent_field", "slots_field"):
        name = getattr(recipe.task, field)
        if name is not None and name not in properties:
            hint = did_you_mean(name, [str(key) for key in properties])
            yield ("task", field), f'the schema has no property "{name}".{hint}'


def _ladder(recipe: Recipe) -> Iterator[tuple[Keys, str]]:
    for index, rung in enumerate(recipe.ladder):
        keys = ("ladder", index)
        if rung.adapter is not None and rung.kind != "encoder":
            yield (*keys, "adapter"), f"only an encoder has its own adapter, not {rung.kind}"
        if rung.training is not None and rung.kind not in TRAINED_BY_THE_LOOP:
            yield (*keys, "training"), f"{rung.kind} is not trained by the loop; remove it"
        if rung.base is not None and rung.kind in WITHOUT_BASE:
            yield (*keys, "base"), f"{rung.kind} uses no base; remove it"
        loop, where = recipe.training, ("training",)
        if rung.training is not None:
            loop, where = rung.training, (*keys, "training")
        if rung.kind == "encoder" and recipe.task.output == "ranking":
            for name in ("batch", "micro_batch"):
                if getattr(loop, name) == 1:
                    yield (*where, name), "is 1: a pair is told from the others of its batch"
        unread = WITHOUT_EFFECT.get(rung.kind, ())
        if rung.kind == "encoder" and recipe.task.output == "ranking":
            unread = (*unread, "label_smoothing")  # its loss has no labels
        for name in unread:
            if getattr(loop, name):
                problem = f"has no effect on ladder.{index}, an {rung.kind}; its own training "
                yield (*where, name), f"{problem}can leave it out"


def _numbers(recipe: Recipe) -> Iterator[tuple[Keys, str]]:
    data = recipe.data
    cut = (data.validation_share if data.validation is None else 0) + (
        data.test_share if data.test is None else 0
    )
    if cut >= 1:
        yield ("data",), "validation_share and test_share together leave nothing to train on"
    for field, given in (("validation", data.validation), ("test", data.test)):
        if given is None and getattr(data, f"{field}_share") == 0:
            yield ("data", f"{field}_share"), f"is 0, and no data.{field} is given; one is needed"
    loops = [(("training",), recipe.training)] + [
        (("ladder", index, "training"), rung.training)
        for index, rung in enumerate(recipe.ladder)
        if rung.training is not None
    ]
    for keys, loop in loops:
        if loop.micro_batch is not None and loop.micro_batch > loop.batch:
            problem = f"is {loop.micro_batch}, more than the batch of {loop.batch} it divides"
            yield (*keys, "micro_batch"), problem
    if recipe.adapter.targets == []:
        yield ("adapter", "targets"), "names no layer, so nothing would be trained"
