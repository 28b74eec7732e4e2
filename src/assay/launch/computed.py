"""Costs on a machine that is not here, computed from shapes and published speeds: nothing is measured.

Operations a token: 2 N to read it, 6 N to train every weight with it (Kaplan et al. 2020,
arXiv:2001.08361), and 4 N with LoRA, where the gradients of the frozen weights are not computed: about
two thirds (Schulman et al. 2025, as TRL's documentation quotes them). N counts the weights of the layers;
the output layer is computed for trained tokens only. Seconds are operations over the GPU's peak times a
utilisation, of which only a range is known: ``UTILISATION``. A model of a few million weights leaves most
of a GPU idle: ``SMALL``. Each token of an answer reads all weights once; a batch shares the reading:
``READING`` is the share of the memory's bandwidth that is reached.

Memory: weights, adapter with gradient and two moments in fp32, activations of 34 bytes a token, layer and
hidden unit in 16 bits (Korthikanti et al. 2022, arXiv:2205.05198, less its attention matrix, which is not
kept), logits of trained tokens and their gradient in fp32.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from assay import files
from assay.data.passages import grades_of
from assay.data.prompts import Encoded, encode_training_batch, fit_split, template_for
from assay.data.records import Example, Splits
from assay.errors import DataError, ModelError
from assay.evaluation.decoding import BATCH, CACHE_BYTES, MOST_ROWS
from assay.evaluation.ladder import base_key, rung_base
from assay.evaluation.rungs.finetune import SHARES
from assay.launch.costs import Memory, Range, RungCost, trained_in_steps
from assay.launch.prices import Instance
from assay.models.embed import MAX_TOKENS
from assay.models.load import load_tokenizer
from assay.models.store import MARKER, BaseRef, is_address, resolve
from assay.observability.progress import SILENT, Progress
from assay.recipe.catalogue import FOLDER
from assay.recipe.schema import Adapter, Base, Recipe, Training
from assay.recipe.schema import Rung as RungSettings
from assay.serving.parity import ITEMS, SERVED
from assay.training.schedule import steps_per_epoch, total_steps, validations

TABLE = FOLDER / "bases.yaml"
COUNTER = "smollm2-135m-instruct"  # its tokenizer counts where the base's own is not here
UTILISATION = (0.45, 0.30, 0.20)  # low, middle, high seconds; 43 % on an A10: karpathy/llm.c#621
SMALL = (0.20, 0.07, 0.02)
READING = (0.60, 0.40, 0.20)
BYTES = {"fp32": 4.0, "bf16": 2.0, "nf4": 0.55}  # of a weight
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
NOTES = (
    "computed, not measured: operations over peak speed at 20 to 45 % of it (small encoders 2 to 20 %), "
    "answers at 20 to 60 % of the memory's bandwidth",
    "not in it: starting the machine, fetching the base, regressions, bootstrap intervals, storage",
)


@dataclass(frozen=True)
class Shape:
    """What a transformer's cost follows from."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    key_value_heads: int
    head_dim: int
    vocabulary: int
    tied: bool = True
    gated: bool = True  # three matrices in a feed-forward layer, not two

    @property
    def projections(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of each linear layer of one block."""
        attended, kept = self.heads * self.head_dim, self.key_value_heads * self.head_dim
        wide = {
            "up_proj": (self.hidden, self.intermediate),
            "gate_proj": (self.hidden, self.intermediate),
        }
        return {
            "q_proj": (self.hidden, attended),
            "k_proj": (self.hidden, kept),
            "v_proj": (self.hidden, kept),
            "o_proj": (attended, self.hidden),
            **(wide if self.gated else {"up_proj": wide["up_proj"]}),
            "down_proj": (self.intermediate, self.hidden),
        }

    @property
    def in_layers(self) -> int:
        """Weights that every token is multiplied with, the output layer's not."""
        return self.layers * sum(a * b for a, b in self.projections.values())

    @property
    def parameters(self) -> int:
        """All weights, norms left out."""
        return self.in_layers + self.vocabulary * self.hidden * (1 if self.tied else 2)

    def adapter(self, settings: Adapter) -> int:
        """Weights of a LoRA adapter; raises ``ModelError`` when its targets are none of these layers."""
        names = PROJECTIONS if settings.targets == "all-linear" else settings.targets
        if not set(names) & set(self.projections):
            raise ModelError(
                f"adapter.targets {settings.targets}: none of the layers that an estimate knows",
                f"Known: {', '.join(self.projections)}.",
            )
        block = sum(
            settings.rank * sum(self.projections[n]) for n in names if n in self.projections
        )
        return block * min(settings.layers or self.layers, self.layers)


def compute(
    recipe: Recipe, splits: Splits, machine: Instance, progress: Progress
) -> list[RungCost]:
    """Costs of the ladder's rungs with a base on ``machine``.

    Raises ``ModelError`` for a base whose shape is not known, or a type that its GPU does not compute in.
    """
    found: list[RungCost] = []
    for rung in trained_in_steps(recipe):
        base = rung_base(recipe, rung)
        assert base is not None  # of these rungs
        shape = shape_of(base)
        if rung.kind == "llm":
            found.append(_language_model(recipe, rung, base, shape, splits, machine, progress))
        else:
            found.append(_encoder(recipe, rung, base, shape, splits, machine))
    return found


# -- bases ---------------------------------------------------------------------------------


def shape_of(base: Base) -> Shape:
    """A base's shape, from its own config.json where it is here, else from the table of published ones.

    Raises ``ModelError`` that says what is missing.
    """
    published: dict[str, Any] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    name = base.model.removeprefix("hf://").partition("@")[0]
    if base.model.startswith("hf://") and name in published:
        row = published[name]
        return Shape(**{key: row[key] for key in Shape.__dataclass_fields__ if key in row})
    ref = _stored(base)
    if ref is None:
        remedy = f"Fetch it: assay models pull {base.model}"
        if is_address(base.model):
            known = ", ".join(f"hf://{known}" for known in published)
            remedy = f"Add its config.json's figures to {TABLE}, with their source. There: {known}."
        raise ModelError(
            f"{base.model}: is not on this machine, and its layers, hidden size and vocabulary are not "
            "in the table of published bases",
            remedy,
        )
    config = files.read_object(
        ref.path / "config.json",
        "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads", "vocab_size",
    )  # fmt: skip
    heads: int = config["num_attention_heads"]
    return Shape(
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        intermediate=config["intermediate_size"],
        heads=heads,
        key_value_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        vocabulary=config["vocab_size"],
        tied=bool(config.get("tie_word_embeddings", True)),
        gated=ref.kind == "causal",
    )


def _stored(base: Base) -> BaseRef | None:
    """The base if it is on this machine; nothing is fetched."""
    if base.model.startswith("hf://"):
        return None
    if not is_address(base.model) and not (files.home() / "models" / base.model / MARKER).is_file():
        return None
    return resolve(base.model_copy(update={"allow_noncommercial": True}), SILENT)


def _tokenizer(base: Base, progress: Progress) -> Any:
    """The base's tokenizer, or the embedded one's, whose counts are near enough for an estimate."""
    ref = _stored(base)
    if ref is None:
        ref = _stored(Base(model=COUNTER))
        progress.say(f"tokens are counted with {COUNTER}'s tokenizer; {base.model} has its own")
    if ref is None:
        raise ModelError(
            f"{COUNTER}: is not on this machine, and its tokenizer is to count the tokens",
            f"Fetch it first: assay models pull {COUNTER}",
        )
    return load_tokenizer(ref)


# -- rungs ---------------------------------------------------------------------------------


def _over(amount: float, speed: float, shares: tuple[float, float, float]) -> Range:
    """Seconds for so much at a share of ``speed``."""
    low, middle, high = (amount / (speed * share) for share in shares)
    return Range(low, middle, high)


def _encoder(
    recipe: Recipe,
    rung: RungSettings,
    base: Base,
    shape: Shape,
    splits: Splits,
    machine: Instance,
) -> RungCost:
    ref = _stored(base)
    assert ref is not None  # its shape was read there
    tokenizer = load_tokenizer(ref)
    peak = _peak(machine, "auto") * 1e12

    def lengths(texts: Sequence[str]) -> list[int]:
        ids = tokenizer(texts, truncation=True, max_length=MAX_TOKENS, verbose=False)["input_ids"]
        return [*map(len, ids)]

    def seconds(tokens: int, factor: float = 2.0) -> Range:
        return _over(factor * shape.in_layers * tokens, peak, SMALL)

    def read(examples: Sequence[Example], factor: float = 2.0) -> Range:
        return seconds(sum(lengths([example.text for example in examples])), factor)

    if recipe.task.output == "ranking":
        return _retriever(recipe, rung, shape, splits, lengths, seconds)
    # Of labels, a frozen encoder reads each split once a run.
    labels, none = recipe.task.output == "label", Range(0.0, 0.0, 0.0)
    frozen = any(other.kind == "embedding" for other in recipe.ladder)
    fit, settings = read(splits.train), rung.training or recipe.training
    if rung.kind == "encoder":
        if labels and frozen:
            fit = none
        per_epoch = steps_per_epoch(len(splits.train), settings.batch)
        epochs = total_steps(len(splits.train), settings) / per_epoch
        held_out = splits.validation[: settings.validation_items]
        curve = read(held_out).times(validations(len(splits.train), settings))
        blend = read(splits.validation).times(len(SHARES))
        fit = fit + read(splits.train, 6.0).times(epochs) + curve + blend
    reads_again = not (labels and rung.kind == "embedding")
    return RungCost(
        kind=rung.kind,
        base=base_key(recipe, rung),
        fit=fit,
        validation=read(splits.validation),
        test=read(splits.test) if reads_again else none,
        base_validation=read(splits.validation) if reads_again else none,
        base_test=read(splits.test),
        gate=read(splits.test[:ITEMS]).times(2),
        how=f"computed: {shape.in_layers:,} weights in layers",
    )


def _retriever(
    recipe: Recipe,
    rung: RungSettings,
    shape: Shape,
    splits: Splits,
    lengths: Callable[[Sequence[str]], list[int]],
    seconds: Callable[..., Range],
) -> RungCost:
    """An encoder that ranks: the corpus is read once, and trained on in pairs with its queries."""
    sizes = dict(
        zip(
            (passage.id for passage in splits.corpus),
            lengths([passage.text for passage in splits.corpus]),
            strict=True,
        )
    )

    def pairs(examples: Sequence[Example]) -> list[int]:
        queries = lengths([example.text for example in examples])
        return [
            query + sizes[id_]
            for query, example in zip(queries, examples, strict=True)
            for id_ in grades_of(example.target)
        ]

    def asked(examples: Sequence[Example]) -> Range:
        return seconds(sum(lengths([example.text for example in examples])))

    key, corpus = base_key(recipe, rung), seconds(sum(sizes.values()))
    known = any(  # the run has read the corpus with the base already
        other.kind == "embedding" and rung_base(recipe, other) == rung_base(recipe, rung)
        for other in recipe.ladder
    )
    fit, settings = corpus, rung.training or recipe.training
    if rung.kind == "encoder":
        train, held_out = pairs(splits.train), pairs(splits.validation)
        epochs = total_steps(len(train), settings) / steps_per_epoch(len(train), settings.batch)
        curve = seconds(sum(held_out[: settings.validation_items]))
        curve = curve.times(validations(len(train), settings))
        blend = seconds(sum(held_out)).times(len(SHARES))
        fit = fit + seconds(sum(train), 6.0).times(epochs) + curve + blend
    return RungCost(
        kind=rung.kind,
        base=key,
        fit=fit,
        validation=asked(splits.validation),
        test=asked(splits.test),
        base_validation=asked(splits.validation) if key else None,
        base_test=(asked(splits.test) if known else asked(splits.test) + corpus) if key else None,
        gate=asked(splits.test[:ITEMS]).times(2),
        how=f"computed: {shape.in_layers:,} weights in layers",
    )


def _language_model(
    recipe: Recipe,
    rung: RungSettings,
    base: Base,
    shape: Shape,
    splits: Splits,
    machine: Instance,
    progress: Progress,
) -> RungCost:
    settings = rung.training or recipe.training
    precision = _precision(machine, base)
    peak = _peak(machine, precision) * 1e12
    tokenizer = _tokenizer(base, progress)
    template = template_for(recipe.task, tokenizer)

    def encoded(examples: Sequence[Example]) -> list[Encoded]:
        return encode_training_batch(template, tokenizer, examples, progress)

    items, _ = fit_split(recipe.data, encoded(splits.train))
    held_out = encoded(splits.validation[: settings.validation_items])
    steps = total_steps(len(items), settings)
    epochs = steps / steps_per_epoch(len(items), settings.batch)
    tokens, trained = _tokens(items) * epochs, _trained(items) * epochs
    passes = 6 if settings.activation_checkpointing else 4  # the forward pass comes twice
    output = shape.vocabulary * shape.hidden
    fit = _over(passes * (shape.in_layers * tokens + output * trained), peak, UTILISATION)
    read = 2 * (shape.in_layers * _tokens(held_out) + output * _trained(held_out))
    curve = _over(read, peak, UTILISATION).times(validations(len(items), settings))
    answers = _Answers(recipe, shape, machine, BYTES[precision], peak, items)
    test = encoded(splits.test)
    times = 1 + (recipe.task.samples or 0)  # a drawn answer takes as long as a greedy one
    asked = {"validation": encoded(splits.validation) * times, "test": test * times}
    return RungCost(
        kind=rung.kind,
        base=base_key(recipe, rung),
        fit=fit + curve,
        validation=answers.of(asked["validation"], trained=True),
        test=answers.of(asked["test"], trained=True),
        base_validation=answers.of(asked["validation"], trained=False),
        base_test=answers.of(asked["test"], trained=False),
        gate=answers.compared(test),
        memory=_memory(recipe, shape, settings, items, precision),
        how=(
            f"computed: {shape.parameters / 1e9:.2f} B weights in {precision}, {steps:,} steps, "
            f"{tokens:,.0f} tokens"
        ),
    )


@dataclass(frozen=True)
class _Answers:
    """Answers of a language model: prompts are read at once, then a token a pass for a batch."""

    recipe: Recipe
    shape: Shape
    machine: Instance
    width: float  # bytes of a weight
    peak: float
    items: Sequence[Encoded]  # of training: how long its answers are

    def of(self, spoken: Sequence[Encoded], *, trained: bool) -> Range:
        """Seconds for the items; an untrained base may go on to the limit."""
        prompts = [len(item.tokens) - sum(item.trained) for item in spoken]
        wanted = self._wanted(trained)
        batches = math.ceil(len(spoken) / self._rows(max(prompts)))
        reading = _over(2 * self.shape.in_layers * sum(prompts), self.peak, UTILISATION)
        return reading + self._passes(wanted.times(batches))

    def compared(self, spoken: Sequence[Encoded]) -> Range:
        """Seconds of ``parity``: a batch twice, and twice in fp32, and a few items one by one."""
        some = spoken[:ITEMS]
        prompts = sum(len(item.tokens) for item in some)
        reading = _over(2 * self.shape.in_layers * prompts * 5, self.peak, UTILISATION)
        weights = 2 + 2 * 4 / self.width + 2 * SERVED
        return reading + self._passes(self._wanted(True).times(weights))

    def _wanted(self, trained: bool) -> Range:
        """Tokens of an answer: of the mean, and of those that a batch waits for."""
        lengths = sorted(sum(item.trained) for item in self.items)
        mean, long = statistics.mean(lengths), lengths[int(0.95 * (len(lengths) - 1))]
        limit = self.recipe.task.max_new_tokens
        if self.recipe.task.output == "label" or trained:
            return Range(mean, (mean + long) / 2, max(mean, long))
        return Range(min(mean, limit), (mean + limit) / 2, max(mean, limit))

    def _passes(self, passes: Range) -> Range:
        weights = self.shape.parameters * self.width / self.machine.bandwidth
        low, middle, high = (weights / share for share in READING)
        return Range(passes.low * low, passes.middle * middle, passes.high * high)

    def _rows(self, prompt: int) -> int:
        """How many items share a pass, as ``decoding.rows_at_once`` has it."""
        if self.recipe.task.output == "label":
            return BATCH
        cached = (
            2 * self.shape.layers * self.shape.key_value_heads * self.shape.head_dim * self.width
        )
        tokens = prompt + self.recipe.task.max_new_tokens
        return max(1, min(MOST_ROWS, int(CACHE_BYTES / (cached * tokens))))


def _memory(
    recipe: Recipe, shape: Shape, settings: Training, items: Sequence[Encoded], precision: str
) -> Memory:
    width = 4 if precision == "fp32" else 2
    weights = shape.parameters * BYTES[precision]
    adapter = shape.adapter(recipe.adapter) * 4 * 4
    layers, kept = (shape.layers, 34) if not settings.activation_checkpointing else (1, 34)
    through = shape.hidden * layers * kept * width / 2
    if settings.activation_checkpointing:
        through += shape.hidden * shape.layers * width

    def passed(batch: Sequence[Encoded]) -> float:
        return _tokens(batch) * through + _trained(batch) * shape.vocabulary * 8

    longest = sorted(items, key=lambda item: -len(item.tokens))
    rows = min(settings.micro_batch or settings.batch, settings.batch)
    # Of ``parity``: the base twice; then one of the two in fp32, and the other waits elsewhere.
    gate = max(2 * weights, 0 if precision == "nf4" else 4 * shape.parameters)
    return Memory(
        training=weights + adapter + passed(longest[:rows]),
        least=weights + adapter + passed(longest[:1]),
        gate=gate,
        how=f"computed: weights, adapter, activations of the {rows} longest examples, logits",
    )


def _precision(machine: Instance, base: Base) -> str:
    """The type a base computes in there; raises ``ModelError`` where the recipe's is not possible."""
    if base.precision == "auto":
        return "bf16" if machine.tflops["bf16"] else "fp32"
    if base.precision != "fp32" and not machine.tflops["bf16"]:
        raise ModelError(
            f"{machine.name}: its {machine.gpu} does not compute in bf16, which "
            f"base.precision: {base.precision} asks for",
            "Choose another instance, or: --set base.precision=auto",
        )
    return base.precision


def _peak(machine: Instance, precision: str) -> float:
    """Tera-operations a second of one GPU."""
    wanted = "fp32" if precision == "fp32" or not machine.tflops["bf16"] else "bf16"
    found = machine.tflops[wanted]
    if found is None:
        raise DataError(
            f"{machine.name}: the price table has no speed in {wanted}", "Add it there."
        )
    return found


def _tokens(items: Sequence[Encoded]) -> int:
    return sum(len(item.tokens) for item in items)


def _trained(items: Sequence[Encoded]) -> int:
    return sum(sum(item.trained) for item in items)
