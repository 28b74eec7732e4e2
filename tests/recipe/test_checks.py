from __future__ import annotations

from collections.abc import Callable

import pytest

from assay.data.records import Example
from assay.errors import RecipeError
from assay.evaluation.metrics import score
from assay.evaluation.predictions import Prediction
from assay.recipe.checks import METRICS, is_computed
from assay.recipe.load import load
from assay.recipe.schema import Task

Write = Callable[[str], str]

JSON_TASK = (
    "output: json\n  intent_field: intent\n"
    "  schema: {type: object, properties: {intent: {type: string}}}"
)


def faults_of(name: str, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load(name, overrides=overrides)
    return caught.value.cause


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("gate.primary=macrof1", 'no metric "macrof1" for output: label. Did you mean "macro_f1"?'),
        ("gate.primary=ece", "gate.primary: ece is better when lower"),
        ("gate.thresholds.ece=0.1", "write max_ece, its largest value"),
        ("gate.thresholds.max_ecee=0.1", 'no metric "ecee" for output: label. Did you mean "ece"?'),
        ("gate.thresholds.accuracy=93", "between 0 and 1, but is the number 93; write 0.93"),
        ("gate.thresholds.accuracy=-1", "between 0 and 1, but is the number -1"),
        ("ladder.1.adapter.rank=4", "ladder.1.adapter: only an encoder has its own adapter"),
        ("ladder.0.training.epochs=4", "ladder.0.training: tfidf is not trained by the loop"),
        (
            "training.word_dropout=0.1",
            "training.word_dropout: has no effect on ladder.1, an llm",
        ),
        (
            "ladder.1={kind: encoder, training: {packing: true}}",
            "ladder.1.training.packing: has no effect on ladder.1, an encoder",
        ),
        ("ladder.0.base.model=x", "ladder.0.base: tfidf uses no base"),
        ("ladder.0={kind: nearest, base: {model: x}}", "ladder.0.base: nearest uses no base"),
        ("adapter.targets=[]", "adapter.targets: names no layer"),
        ("training.micro_batch=17", "training.micro_batch: is 17, more than the batch of 16"),
        ("data.test_share=0", "data.test_share: is 0, and no data.test is given"),
        ("data.test_share=0.95", "data: validation_share and test_share together leave nothing"),
    ],
)
def test_settings_that_cannot_work(write: Write, minimal: str, override: str, said: str) -> None:
    assert said in faults_of(write(minimal), override)


def test_a_password_is_not_written_into_a_recipe(write: Write, minimal: str) -> None:
    def source(url: str) -> str:
        return f"data.test={{sql: SELECT 1, url: '{url}'}}"

    for url in ("postgresql://me:s3cret@host/bank", "postgresql://:s3cret@host/bank"):
        said = faults_of(write(minimal), source(url))
        assert "data.test.url: holds a password" in said
    for url in (
        "postgresql://me:${BANK}@host/bank",
        "postgresql://me@host/a",
        "sqlite:///a:b@c.db",
    ):
        assert load(write(minimal), overrides=[source(url)])


@pytest.mark.parametrize("change", ["task.prompt=Q {input}", "task.answer=A {target}"])
def test_conversations_are_not_put_into_the_task_s_prompt(
    write: Write, minimal: str, change: str
) -> None:
    said = faults_of(write(minimal), "data.format=messages", change)
    assert f"{change.split('=')[0]}: has no effect with data.format: messages" in said


def test_a_given_split_needs_no_share(write: Write, minimal: str) -> None:
    changes = ["data.test_share=0", "data.test.path=test.jsonl"]
    assert load(write(minimal), overrides=changes).recipe.data.test_share == 0


def test_a_largest_value_is_a_threshold(write: Write, minimal: str) -> None:
    recipe = load(write(minimal), overrides=["gate.thresholds.max_ece=0.1"]).recipe
    assert recipe.gate.thresholds["max_ece"] == 0.1


def test_metrics_depend_on_the_fields_they_score(write: Write, minimal: str) -> None:
    text = minimal.replace("output: label", JSON_TASK).replace("- kind: tfidf", "- kind: nearest")
    text = text.replace("accuracy", "intent_accuracy")
    assert load(write(text)).recipe.gate.primary == "intent_accuracy"
    said = faults_of("recipe.yaml", "gate.thresholds.slot_f1=0.5")
    assert said == '--set: gate.thresholds.slot_f1: the metric "slot_f1" needs task.slots_field'


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("{type: objekt}", "task.schema: not a JSON Schema at type: 'objekt'"),
        ("{properties: {a: {minimum: x}}}", "not a JSON Schema at properties.a.minimum"),
        ("{properties: {intnt: {}}}", 'task.intent_field: the schema has no property "intent".'),
    ],
)
def test_the_schema_is_a_json_schema(write: Write, minimal: str, schema: str, said: str) -> None:
    text = minimal.replace("output: label", JSON_TASK).replace("- kind: tfidf", "- kind: nearest")
    text = text.replace("accuracy", "exact_match")
    assert said in faults_of(write(text), f"task.schema={schema}")


TASKS = [
    ({"output": "label"}, "yes"),
    (
        {"output": "json", "schema": {}, "intent_field": "intent", "slots_field": "slots"},
        '{"intent":"yes","slots":{"a":"b"}}',
    ),
    ({"output": "text"}, "yes"),
    ({"output": "text", "check": "number"}, "so 3"),
    ({"output": "text", "check": "code"}, "x = 1"),
    ({"output": "entities"}, '[{"type":"yes","text":"text","start":0}]'),
]


@pytest.mark.parametrize(("task", "answer"), TASKS, ids=lambda item: str(item)[:20])
def test_the_metrics_are_those_that_an_evaluation_computes(
    task: dict[str, object], answer: str
) -> None:
    examples = [Example(str(i), "text", (), answer, "slice", "assert x") for i in range(4)]
    predictions = [Prediction(str(i), answer, answer, True, 0.9) for i in range(4)]
    metrics = score(Task.model_validate(task), ["no", "yes"], examples, predictions).metrics
    known = METRICS[str(task["output"])]
    assert metrics.keys() == {m for m in known if is_computed(Task.model_validate(task), m)}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("task.output=entities", "ladder: tfidf needs task.output: label"),
        ("ladder.0.kind=dictionary", "ladder: dictionary needs task.output: entities"),
    ],
)
def test_a_rung_gives_what_the_task_asks_for(
    write: Write, minimal: str, override: str, said: str
) -> None:
    assert said in faults_of(write(minimal), override)


def test_only_labels_have_another_for_unsure_answers(write: Write, minimal: str) -> None:
    assert load(write(minimal), overrides=["task.otherwise=none"]).recipe.task.otherwise == "none"
    text = minimal.replace("output: label", "output: text").replace("tfidf", "copy")
    text = text.replace("accuracy", "chrf")
    assert "`otherwise` needs output: label" in faults_of(write(text), "task.otherwise=none")


def test_only_free_texts_are_checked(write: Write, minimal: str) -> None:
    assert "`check` needs output: text" in faults_of(write(minimal), "task.check=number")
    text = minimal.replace("output: label", "output: text").replace("tfidf", "copy")
    right = text.replace("accuracy", "number_match")
    assert 'the metric "number_match" needs task.check: number' in faults_of(write(right))
    assert load(write(right), overrides=["task.check=number"]).recipe.task.check == "number"
    assert "task.check: code and data.tests go together" in faults_of(
        write(right), "task.check=code"
    )
    assert "data.tests and data.database need data.format: pairs" in faults_of(
        write(right), "task.check=code", "data.tests=tests", "data.format=messages"
    )
    said = faults_of(write(right), "task.check=code", "data.tests=tests")
    assert 'the metric "number_match" needs task.check: number' in said


def test_pass_at_k_needs_as_many_programs(write: Write, minimal: str) -> None:
    text = minimal.replace("output: label", "output: text").replace("tfidf", "copy")
    right = write(text.replace("accuracy", "pass_at_10"))
    code = ("task.check=code", "data.tests=tests")
    assert "needs task.samples programs of each item; set task.samples" in faults_of(right, *code)
    said = faults_of(right, *code, "task.samples=7")
    assert "task.samples gives pass_at_2, pass_at_5" in said
    assert load(right, overrides=[*code, "task.samples=10"]).recipe.task.pass_at == (2, 5, 10)
    assert "`samples` needs check: code" in faults_of(right, "task.samples=10")


def test_queries_need_a_database_and_nothing_else_has_one(write: Write, minimal: str) -> None:
    text = minimal.replace("output: label", "output: text").replace("tfidf", "copy")
    right = text.replace("accuracy", "execution_match")
    shop = "data.database.path=shop.sqlite"
    loaded = load(write(right), overrides=["task.check=sql", shop, "task.grounded=true"])
    assert loaded.recipe.data.database is not None
    for overrides, said in (
        (("task.check=sql",), "task.check: sql and data.database go together"),
        (("task.check=number", shop), "task.check: sql and data.database go together"),
        (("task.check=number", "task.grounded=true"), "`grounded` needs output: json, or check: sql"),
        (("task.check=sql", shop, "task.regex=a+"), "`regex` needs output: text, and no check: sql"),
        (("task.check=sql", shop, "data.database.dataset=chinook/chinook.sql.gz"),
         "give exactly one of path, dataset"),
        (("task.check=sql", shop, "data.format=messages"), "need data.format: pairs"),
        (("task.check=sql", shop, "gate.primary=pass_at_1"), 'needs task.check: code'),
    ):  # fmt: skip
        assert said in faults_of(write(right), *overrides), overrides


def test_entities_have_metrics_and_settings_of_their_own(write: Write, minimal: str) -> None:
    text = minimal.replace("output: label", "output: entities").replace("tfidf", "dictionary")
    right = text.replace("accuracy", "span_f1")
    assert load(write(right)).recipe.task.output == "entities"
    said = 'no metric "spanf1" for output: entities. Did you mean "span_f1"?'
    assert said in faults_of(write(right), "gate.primary=spanf1")
    assert "`answer` has no effect with output: entities" in faults_of(
        write(right), "task.answer=Found {target}"
    )
    assert "ladder.0.base: dictionary uses no base" in faults_of(
        write(right), "ladder.0={kind: dictionary, base: {model: x}}"
    )
    assert "task.output: entities needs data.format: pairs" in faults_of(
        write(right), "data.format=messages"
    )


def test_rankings_need_a_corpus_and_have_metrics_of_their_own(write: Write, minimal: str) -> None:
    text = minimal.replace("output: label", "output: ranking").replace("accuracy", "ndcg_10")
    text = text.replace("kind: tfidf", "kind: bm25").replace("kind: llm", "kind: encoder")
    right = text.replace("data:\n", "data:\n  corpus: {path: corpus.jsonl}\n")
    made = load(write(right)).recipe
    assert made.data.corpus is not None
    assert (made.data.corpus.id, made.data.corpus.text) == ("id", "text")
    for overrides, said in (
        (("gate.primary=ndcg",), 'no metric "ndcg" for output: ranking. Did you mean "ndcg_10"?'),
        (("task.system=Rank.",), "have no effect with output: ranking"),
        (("task.prompt=Find {input}",), "have no effect with output: ranking"),
        (("task.template=instruction",), "have no effect with output: ranking"),
        (("data.format=messages",), "task.output: ranking needs data.format: pairs"),
        (("data.corpus.dataset=cranfield/corpus",), "data.corpus: give exactly one of path"),
        (("data.corpus.txt=body",), 'data.corpus: unknown key "txt". Did you mean "text"?'),
        (("ladder.0={kind: bm25, base: {model: x}}",), "ladder.0.base: bm25 uses no base"),
        (("ladder.0={kind: tfidf}",), "ladder: tfidf needs task.output: label"),
        (("ladder.1={kind: llm}",), "ladder: llm needs task.output: label or entities or json"),
        (("training.batch=1",), "training.batch: is 1: a pair is told from the others"),
        (("training.micro_batch=1",), "training.micro_batch: is 1: a pair is told from"),
        (("training.label_smoothing=0.1",), "training.label_smoothing: has no effect on ladder.1"),
    ):
        assert said in faults_of(write(right), *overrides), overrides
    assert "task.output: ranking and data.corpus go together" in faults_of(write(text))
    wrong = minimal.replace("data:\n", "data:\n  corpus: {path: corpus.jsonl}\n")
    assert "task.output: ranking and data.corpus go together" in faults_of(write(wrong))
    secret = right.replace(
        "{path: corpus.jsonl}", "{sql: SELECT 1, url: 'postgresql://me:secret@db/x'}"
    )
    assert "data.corpus.url: holds a password" in faults_of(write(secret))


def test_the_metrics_of_a_ranking_are_those_that_an_evaluation_computes() -> None:
    examples = [Example(str(i), "text", (), '{"a": 1}', "all") for i in range(4)]
    answer = '[{"id": "a", "score": 1.0}]'  # no rung that ranks gives a confidence
    predictions = [Prediction(str(i), answer, answer, True, None) for i in range(4)]
    scores = score(Task(output="ranking"), (), examples, predictions)
    assert scores.metrics.keys() == {*METRICS["ranking"]}
