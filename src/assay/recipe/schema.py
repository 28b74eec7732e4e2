"""The recipe: every setting of a run, its type, its default and what it trades.

``Recipe`` is the resolved form: profiles are applied before validation, so nothing in it is
conditional. Unknown keys are refused everywhere.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from assay.recipe import hub as hubs

RungKind = Literal[
    "majority",
    "copy",
    "lead",
    "sentence",
    "dictionary",
    "keyword",
    "bm25",
    "tfidf",
    "nearest",
    "embedding",
    "encoder",
    "llm",
]
Output = Literal["label", "entities", "json", "text", "ranking"]
OUTPUTS: dict[str, tuple[str, ...]] = {  # of a task, that a kind of rung can give; others: any
    "copy": ("text",),
    "lead": ("text",),
    "sentence": ("text",),
    "dictionary": ("entities",),
    "keyword": ("ranking",),
    "bm25": ("ranking",),
    "tfidf": ("label",),
    "nearest": ("label", "json", "text"),
    "embedding": ("label", "entities", "ranking"),
    "encoder": ("label", "entities", "ranking"),
    "llm": ("label", "entities", "json", "text"),
}
PASS_AT = (2, 5, 10, 25, 50, 100)  # each k of pass@k, as far as programs are drawn
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Base of every section: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Task(Section):
    """What goes in and what must come out."""

    output: Output = Field(
        description="label: one of a fixed set. entities: the words that name something, and what. json: an object valid under `schema`. text: free. ranking: the passages of `data.corpus` that answer the input, best first."
    )
    system: str = Field(
        default="", description="System instruction put before every input; part of the prompt."
    )
    prompt: str = Field(
        default="{input}", description="How an input becomes the user turn; must contain {input}."
    )
    answer: str = Field(
        default="{target}",
        description="How a label becomes the assistant turn, e.g. '**Sentiment:** {target}'; must contain {target}.",
    )
    template: Literal["chat", "instruction", "plain"] = Field(
        default="chat",
        description="chat: the base's own chat template. instruction: `### Instruction / ### Response` text. plain: nothing around the text, for data.format: text.",
    )
    json_schema: dict[str, Any] | None = Field(
        default=None,
        alias="schema",
        description="JSON Schema of the answer; required when output is json.",
    )
    intent_field: str | None = Field(
        default=None, description="Top-level JSON key scored as the class (intent accuracy)."
    )
    slots_field: str | None = Field(
        default=None, description="Top-level JSON key whose items are scored as slot F1."
    )
    grounded: bool = Field(
        default=False,
        description="Hold every free string of a JSON answer, or text in a query, to words of the input, as written there.",
    )
    regex: str | None = Field(
        default=None, description="Constrain text output to this regular expression."
    )
    otherwise: str | None = Field(
        default=None,
        description="A label that also takes the answers less sure than a confidence fitted on validation: what is out of scope.",
    )
    check: Literal["number", "code", "sql"] | None = Field(
        default=None,
        description="What makes a text right. number: its final number is the target's (after ####, else the last). code: it is Python that passes the row's `data.tests`. sql: it is a query that gives the target's rows on `data.database`, held to the names of the schema that the prompt shows. null: the same words.",
    )
    max_new_tokens: PositiveInt = Field(default=128, description="Longest answer, in tokens.")
    samples: Annotated[int, Field(ge=2)] | None = Field(
        default=None,
        description="With check: code, programs drawn for each item beside the greedy one, for pass@k; takes as many times as long. What is served stays greedy.",
    )
    temperature: Annotated[float, Field(gt=0, le=5)] = Field(
        default=0.8, description="Of `samples`: lower draws likelier programs, higher more kinds."
    )

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def _consistent(self) -> Task:
        if self.output == "json" and self.json_schema is None:
            raise ValueError("output is json, so `schema` (a JSON Schema) is required")
        if self.output != "json" and (self.json_schema or self.intent_field or self.slots_field):
            raise ValueError("`schema`, `intent_field` and `slots_field` need output: json")
        if self.grounded and self.output != "json" and self.check != "sql":
            raise ValueError("`grounded` needs output: json, or check: sql")
        if self.regex and (self.output != "text" or self.check == "sql"):
            raise ValueError("`regex` needs output: text, and no check: sql")
        if self.otherwise is not None and self.output != "label":
            raise ValueError("`otherwise` needs output: label")
        if self.check and (self.output != "text" or self.template == "plain"):
            raise ValueError("`check` needs output: text, and answers to check")
        if self.samples is not None and self.check != "code":
            raise ValueError("`samples` needs check: code")
        if self.template == "plain" and (self.output != "text" or self.system or self.regex):
            raise ValueError(
                "template: plain is for whole texts: output: text, without `system` and `regex`"
            )
        if "{input}" not in self.prompt:
            raise ValueError("`prompt` must contain {input}")
        if "{target}" not in self.answer:
            raise ValueError("`answer` must contain {target}")
        if self.output == "entities" and self.answer != "{target}":
            raise ValueError("`answer` has no effect with output: entities")
        spoken = (self.system, self.prompt, self.answer, self.template)
        if self.output == "ranking" and spoken != ("", "{input}", "{target}", "chat"):
            raise ValueError(
                "`system`, `prompt`, `answer` and `template` have no effect with output: ranking"
            )
        return self

    @property
    def pass_at(self) -> tuple[int, ...]:
        """Each k that pass@k of the drawn programs is measured for."""
        return tuple(k for k in PASS_AT if k <= (self.samples or 0))


class Base(Section):
    """The model a specialist starts from."""

    model: str = Field(
        description="A name from `assay models list`, a folder, or hf://owner/name@revision."
    )
    precision: Literal["auto", "fp32", "bf16", "nf4"] = Field(
        default="auto",
        description="auto: bf16 where the processor or GPU computes it natively, else fp32.",
    )
    allow_noncommercial: bool = Field(
        default=False,
        description="Accept a base whose licence forbids commercial use. Recorded in the package.",
    )


class Source(Section):
    """One table of records."""

    path: str | None = Field(
        default=None,
        description="JSONL, CSV, Parquet or CoNLL file (.gz too); relative to the recipe.",
    )
    dataset: str | None = Field(
        default=None,
        description="A dataset shipped with Assay, e.g. banking77/train, or one in the folder that the environment variable ASSAY_DATA names.",
    )
    hub: str | None = Field(
        default=None,
        description="hf://owner/name@revision#config/split; a commit as the revision always names the same rows. Needs the `hub` extra.",
    )
    licence: str | None = Field(
        default=None,
        description="What the data's licence is (SPDX): one that forbids commercial use, or is `unknown`, is refused unless `allow_noncommercial`. A prepared dataset's is in its card.",
    )
    sql: str | None = Field(default=None, description="SELECT statement, run against `url`.")
    url: str | None = Field(
        default=None, description="SQLAlchemy URL for `sql`, e.g. sqlite:///data.db."
    )

    @model_validator(mode="after")
    def _one(self) -> Source:
        given = [name for name in ("path", "dataset", "hub", "sql") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"give exactly one of path, dataset, hub, sql (got {given or 'none'})")
        if bool(self.sql) != bool(self.url):
            raise ValueError("`sql` and `url` go together")
        if self.hub:
            hubs.parse(self.hub)
        if self.dataset and self.licence is not None:
            raise ValueError("`licence` of a `dataset` is in its card; leave it out")
        return self


class Corpus(Source):
    """The passages that a ranking is made of."""

    id: str = Field(default="id", description="Column with a passage's unique id.")
    text: str = Field(default="text", description="Column with a passage's text.")


class Database(Section):
    """Where the databases are that queries are run on."""

    path: str | None = Field(
        default=None,
        description="An SQLite file, or SQL text that makes one (.gz too), relative to the recipe; {name} is the row's value in that column, e.g. databases/{db}.sql.",
    )
    dataset: str | None = Field(
        default=None,
        description="The same in a dataset shipped with Assay, e.g. chinook/chinook.sql.gz.",
    )

    @model_validator(mode="after")
    def _one(self) -> Database:
        if bool(self.path) == bool(self.dataset):
            raise ValueError("give exactly one of path, dataset")
        return self

    @property
    def pattern(self) -> str:
        """The path or name, with {column} in it perhaps."""
        return self.path or self.dataset or ""


class Limits(Section):
    """Rows kept of each split, drawn evenly over classes; null keeps all."""

    train: PositiveInt | None = Field(default=None, description="Training rows kept.")
    validation: PositiveInt | None = Field(default=None, description="Validation rows kept.")
    test: PositiveInt | None = Field(default=None, description="Test rows kept.")


class Data(Section):
    """Where records come from and how they are cleaned and split."""

    train: Source = Field(
        description="Training records; also split when validation or test is absent."
    )
    validation: Source | None = Field(
        default=None, description="Given validation split; null cuts one from train."
    )
    test: Source | None = Field(
        default=None, description="Given, frozen test split; null cuts one from train."
    )
    format: Literal["pairs", "messages", "text"] = Field(
        default="pairs",
        description="pairs: an input column and a target column. messages: chat turns. text: whole texts, every token trained.",
    )
    input: str = Field(
        default="text",
        description="Column with the input (pairs), or the text; several as a template, e.g. '{premise}\\n\\n{hypothesis}'. Of a nested column by its path, e.g. answers.text.0.",
    )
    target: str = Field(
        default="label",
        description="Column with the target (pairs); JSON targets may be objects. Entities: a list of {type, start, end} or {type, text}, or IOB tags where the input is a list of tokens. Ranking: a list of the ids of the passages that answer the input, or {id: grade} with a higher grade for a better answer.",
    )
    names: dict[str, str] = Field(
        default_factory=dict,
        description="What the codes of a target mean, e.g. {0: negative, 1: positive}; what is neither a code nor a name here is an error. Empty: targets as they are.",
    )
    tests: str | None = Field(
        default=None,
        description="Column with the tests of a row, Python text or a list of it, for task.check: code; with sql, further queries that are right.",
    )
    database: Database | None = Field(
        default=None, description="The database that answers are run on, for task.check: sql."
    )
    corpus: Corpus | None = Field(
        default=None, description="The passages that inputs are answered with, for output: ranking."
    )
    messages: str = Field(
        default="messages", description="Column with the list of {role, content} turns (messages)."
    )
    id: str | None = Field(
        default=None, description="Column with a unique id; null derives ids from the content."
    )
    slice: str | None = Field(
        default=None, description="Column whose values are reported as slices; null uses the class."
    )
    allow_noncommercial: bool = Field(
        default=False,
        description="Accept datasets whose licence forbids commercial use, or is not known.",
    )
    repair_encoding: bool = Field(default=True, description="Repair mojibake with ftfy.")
    near_duplicates: Fraction | None = Field(
        default=0.9,
        description="Drop a row whose word-shingle Jaccard similarity to an earlier one is at least this; null: only exact.",
    )
    leakage: Fraction | None = Field(
        default=0.9,
        description="Drop a training row this similar to a validation or test row; null: only exact.",
    )
    validation_share: Fraction = Field(
        default=0.1, description="Share of train cut off for validation, by content hash."
    )
    test_share: Fraction = Field(
        default=0.1, description="Share of train cut off for test, by content hash."
    )
    max_tokens: PositiveInt = Field(
        default=512, description="Longest example in tokens, prompt and answer together."
    )
    overflow: Literal["drop", "truncate", "error"] = Field(
        default="drop",
        description="What happens to a longer training example (whole texts are cut in pieces instead); every count is reported.",
    )
    limit: Limits = Field(default_factory=Limits)


class Adapter(Section):
    """Low-rank adaptation (LoRA, arXiv:2106.09685) through PEFT."""

    rank: PositiveInt = Field(
        default=16, description="Width of the update: more learns more, and costs memory and size."
    )
    alpha: PositiveInt = Field(
        default=32, description="Scale of the update, alpha / rank; usually twice the rank."
    )
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        default=0.0, description="Share of the adapter's inputs dropped in training."
    )
    targets: list[str] | Literal["all-linear"] = Field(
        default="all-linear", description="Names of the layers adapted, or every linear layer."
    )
    layers: PositiveInt | None = Field(
        default=None,
        description="Adapt the last so many layers only; null: all. Nothing flows back below them, so steps are shorter.",
    )
    rslora: bool = Field(default=False, description="Scale by alpha/sqrt(rank) (arXiv:2312.03732).")
    dora: bool = Field(
        default=False,
        description="Weight-decomposed LoRA (arXiv:2402.09353); slower, not mergeable in mixed batches.",
    )


class Training(Section):
    """The one loop's settings. `batch` is the effective batch, over all processes."""

    epochs: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="Passes over the training rows; parts of one are allowed."
    )
    max_steps: PositiveInt | None = Field(
        default=None, description="Stop after this many optimizer steps; overrides epochs."
    )
    batch: PositiveInt = Field(
        default=16, description="Examples per optimizer step, over all processes."
    )
    micro_batch: PositiveInt | None = Field(
        default=None, description="Examples per forward pass; null: the whole batch."
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(
        default=1e-3, description="Largest step size of AdamW; larger bases want smaller ones."
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", description="How the learning rate falls after the warm-up."
    )
    warmup: Fraction = Field(default=0.05, description="Share of steps with rising learning rate.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="AdamW's pull of the weights towards zero."
    )
    beta2: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.999, description="AdamW's memory of squared gradients."
    )
    clip: Annotated[float, Field(gt=0)] | None = Field(
        default=1.0, description="Largest gradient norm; null: no clipping."
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="Probability spread over the wrong answers in the loss."
    )
    word_dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="Share of the tokens hidden from an encoder while it trains."
    )
    packing: bool = Field(
        default=False,
        description="Put several examples in one row, attention kept inside each (sft).",
    )
    activation_checkpointing: bool = Field(
        default=False, description="Recompute activations: less memory, about 30 % slower."
    )
    validate_every: PositiveInt | None = Field(
        default=None, description="Steps between validations; null: once an epoch."
    )
    validation_items: PositiveInt = Field(
        default=256, description="Validation examples used for the training curve."
    )
    patience: PositiveInt | None = Field(
        default=None, description="Stop after this many validations without improvement."
    )
    checkpoint_every: PositiveInt | None = Field(
        default=None, description="Steps between checkpoints; null: every 30 seconds of work."
    )
    keep_checkpoints: PositiveInt = Field(default=2, description="Newest checkpoints kept.")
    seed: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Seed of the order of rows, dropout and new weights."
    )
    sinks: list[Literal["tensorboard", "wandb", "mlflow", "trackio"]] = Field(
        default_factory=lambda: ["tensorboard"], description="Metric sinks beside metrics.jsonl."
    )


class Rung(Section):
    """One way to do the task, with what differs from the recipe's own settings."""

    kind: RungKind = Field(description="How the rung answers, from cheapest to dearest to serve.")
    base: Base | None = Field(
        default=None, description="The rung's own base; null: the recipe's base."
    )
    adapter: Adapter | None = Field(
        default=None,
        description="LoRA for an encoder; null: every weight trains. An llm uses the recipe's adapter.",
    )
    training: Training | None = Field(
        default=None, description="The rung's own loop settings; null: the recipe's."
    )


class Slices(Section):
    """When a slice of the data counts as bad."""

    min_items: PositiveInt = Field(
        default=20, description="Slices with fewer items are listed, not judged."
    )
    max_drop: Fraction = Field(
        default=0.10, description="Largest drop below the base on any slice, beyond noise."
    )


class Gate(Section):
    """What a specialist must show before it can be packaged."""

    primary: str = Field(
        description="The metric compared between candidate, base and cheaper rungs."
    )
    thresholds: dict[str, float] = Field(
        description="Least value of each metric; a key `max_<metric>` (e.g. max_ece) is a largest value."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        default=0.95, description="Level of every interval the gate judges by."
    )
    min_gain: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="Least gain over the base: the interval's lower end must exceed it.",
    )
    min_items: PositiveInt = Field(default=100, description="Fewer test items give `investigate`.")
    max_invalid_baseline: Fraction = Field(
        default=0.2,
        description="A base whose answers fail to parse more often than this is a broken baseline: `investigate`.",
    )
    slices: Slices = Field(default_factory=Slices)


class Package(Section):
    """What goes on the label of the package."""

    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] = Field(
        default="1.0.0", description="Semantic version of the specialist."
    )
    licence: str = Field(default="proprietary", description="SPDX identifier, or `proprietary`.")
    description: str = Field(default="", description="One line about the specialist.")


class Recipe(Section):
    """Everything a run needs; the profile is already applied."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = Field(
        description="Name of the specialist: lower-case letters, digits and hyphens."
    )
    summary: str = Field(description="One line: what goes in and what comes out.")
    pack: str = Field(default="business", description="The family of recipes it belongs to.")
    category: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")] | None = Field(
        default=None, description="The kind of work, by which `assay recipes` groups a pack."
    )
    task: Task
    base: Base
    data: Data
    ladder: Annotated[list[Rung], Field(min_length=1)] = Field(
        description="Rungs from cheapest to dearest to serve; the first that passes the gate is shipped."
    )
    adapter: Adapter = Field(default_factory=Adapter)
    training: Training = Field(default_factory=Training)
    gate: Gate
    package: Package = Field(default_factory=Package)

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        kinds = [rung.kind for rung in self.ladder]
        if len(set(kinds)) != len(kinds):
            raise ValueError(f"ladder: each kind of rung may appear once (got {', '.join(kinds)})")
        output = self.task.output
        for kind in kinds:
            if output not in OUTPUTS.get(kind, (output,)):
                need = " or ".join(OUTPUTS[kind])
                raise ValueError(f"ladder: {kind} needs task.output: {need}")
        if output in ("entities", "ranking") and self.data.format != "pairs":
            raise ValueError(f"task.output: {output} needs data.format: pairs")
        if self.data.names and (output not in ("label", "entities") or self.data.format != "pairs"):
            raise ValueError("data.names: only labels and tags have names, in data.format: pairs")
        if (output == "ranking") != (self.data.corpus is not None):
            raise ValueError("task.output: ranking and data.corpus go together")
        check, tests = self.task.check, self.data.tests is not None
        if (check == "code") != tests and not (check == "sql" and tests):
            raise ValueError("task.check: code and data.tests go together")
        if (check == "sql") != (self.data.database is not None):
            raise ValueError("task.check: sql and data.database go together")
        if (tests or self.data.database) and self.data.format != "pairs":
            raise ValueError("data.tests and data.database need data.format: pairs")
        if (self.data.format == "text") != (self.task.template == "plain"):
            raise ValueError("data.format: text and task.template: plain go together")
        if self.data.format == "text" and kinds != ["llm"]:
            raise ValueError("ladder: only an llm predicts whole texts (data.format: text)")
        if self.training.packing and self.task.output == "label" and "llm" not in kinds:
            raise ValueError("training.packing needs an llm rung")
        return self
