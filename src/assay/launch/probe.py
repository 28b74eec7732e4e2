"""A probe on this machine: a few real optimizer steps and a few real answers of each rung that trains.

Steps: one to warm up, then a short, a median and the longest batch of the first epoch and the median
once more, taken by the run's own engine. ``low`` and ``high`` are the seconds a token of the fastest and
the slowest of the four, times all tokens of the training; ``middle`` is the line through them.

Answers: batches of four and of sixteen validation items (the latter twice) give what a batch costs
by itself and what an item adds. ``high`` takes an item as in the slower sixteen, whatever the run's
batches; ``low`` the faster, its fixed cost shared by a batch as large as the run's.

Memory: the most that this process holds resident (on a GPU, that the allocator gave out) while the
steps run, AdamW's moments included. Not estimated: regressions, intervals, rungs without a base.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import psutil
import torch

from assay.data.prompts import Encoded
from assay.data.records import Example
from assay.evaluation.decoding import BATCH, generate, rows_at_once
from assay.evaluation.ladder import Climb, base_key, card_for, rung_base
from assay.evaluation.predictions import Rung
from assay.evaluation.rungs.card import Card
from assay.evaluation.rungs.finetune import SHARES, objective_of
from assay.evaluation.rungs.finetune import engine_for as encoder_engine
from assay.evaluation.rungs.llm import LanguageModel, encode_split, engine_for, is_whole_text
from assay.launch.costs import Memory, Range, RungCost, trained_in_steps
from assay.models.embed import embed
from assay.models.load import Embedder, load_embedder
from assay.models.pool import SharedCausal
from assay.models.precision import device
from assay.observability.progress import SILENT
from assay.recipe.schema import Rung as RungSettings
from assay.recipe.schema import Training
from assay.serving.parity import ITEMS, SERVED
from assay.training.engine import Engine
from assay.training.schedule import epoch_batches, steps_per_epoch, total_steps, validations

FEW, MANY = 4, 16  # items answered at once
TEXTS = 64  # that an encoder reads at once
WIDER = (1.0, 2.0, 4.0)  # what fp32 costs where the base computes in bf16, as seen on processors
NONE = Range(0.0, 0.0, 0.0)
EVERY = 0.02  # seconds between looks at the memory


def probe(climb: Climb) -> list[RungCost]:
    """Costs of the ladder's rungs with a base, measured; ``climb.folder`` is scratch.

    Raises what loading a base and training raise.
    """
    found: list[RungCost] = []
    for rung in trained_in_steps(climb.recipe):
        climb.progress.say(f"probing the rung {rung.kind}")
        measure = {"embedding": _embedding, "encoder": _encoder, "llm": _language_model}[rung.kind]
        found.append(measure(climb, rung))
    return found


# -- rungs ---------------------------------------------------------------------------------


def _embedding(climb: Climb, rung: RungSettings) -> RungCost:
    embedder = climb.pool.embedder(_base(climb, rung))
    read = _reading(climb, partial(_embed, embedder))
    if climb.recipe.task.output == "ranking":  # compared with no base; reads the corpus once
        return RungCost(
            kind=rung.kind,
            base=None,
            fit=_passages(climb, embedder),
            validation=read(climb.splits.validation),
            test=read(climb.splits.test),
            gate=read(climb.splits.test[:ITEMS]).times(2),
            how=f"measured: texts read in batches of {TEXTS}",
        )
    again = read if climb.recipe.task.output == "entities" else _known
    return RungCost(
        kind=rung.kind,
        base=base_key(climb.recipe, rung),
        fit=read(climb.splits.train),
        validation=read(climb.splits.validation),
        test=again(climb.splits.test),  # read for the base's answers
        base_validation=again(climb.splits.validation),
        base_test=read(climb.splits.test),
        gate=read(climb.splits.test[:ITEMS]).times(2),
        how=f"measured: texts read in batches of {TEXTS}; its regression is not estimated",
    )


def _known(examples: Sequence[Example]) -> Range:
    """What a frozen encoder has read already."""
    del examples
    return NONE


def _encoder(climb: Climb, rung: RungSettings) -> RungCost:
    settings = rung.training or climb.recipe.training
    card = card_for(climb, rung)
    base = climb.pool.embedder(_base(climb, rung))
    read_base = _reading(climb, partial(_embed, base))
    own = load_embedder(climb.pool.ref(_base(climb, rung)), climb.progress)
    engine, items, held_out, trained = _encoder_engine(climb, rung, card, own, settings)
    with Peak() as peak:
        steps, how = _steps(engine, items, settings)
    loss = _loss(engine, held_out)
    read = _reading(climb, lambda examples: trained.predict(examples, SILENT))
    ranks = climb.recipe.task.output == "ranking"  # the corpus is read once, and no regression made
    corpus = _passages(climb, own) if ranks else NONE
    known = any(  # the run has read these texts with the base already
        other.kind == "embedding" and _base(climb, other) == _base(climb, rung)
        for other in climb.recipe.ladder
    )
    labels = climb.recipe.task.output == "label"
    before = corpus if ranks else NONE if known and labels else read_base(climb.splits.train)
    curve = min(len(held_out), settings.validation_items) * validations(len(items), settings)
    blend = 0 if rung.adapter is not None else len(SHARES) * len(held_out)
    return RungCost(
        kind=rung.kind,
        base=base_key(climb.recipe, rung),
        fit=before + steps + loss.times(curve + blend),
        validation=read(climb.splits.validation),
        test=read(climb.splits.test),
        base_validation=read_base(climb.splits.validation),
        base_test=read_base(climb.splits.test) + (NONE if known else corpus),
        gate=read(climb.splits.test[:ITEMS]).times(2),
        memory=Memory(peak.bytes, peak.bytes, peak.bytes, peak.how),
        how=how if ranks else f"{how}; its regression is not estimated",
    )


def _language_model(climb: Climb, rung: RungSettings) -> RungCost:
    recipe, splits, progress = climb.recipe, climb.splits, climb.progress
    settings = rung.training or recipe.training
    card = card_for(climb, rung)
    shared = climb.pool.causal(_base(climb, rung))
    untrained = _answers(LanguageModel.untrained(card, shared), splits.validation, climb)
    template = LanguageModel.untrained(card, shared).template
    items, _ = encode_split(recipe, template, shared, splits.train, progress)
    held_out, _ = encode_split(
        recipe, template, shared, splits.validation[: settings.validation_items], progress
    )
    engine = engine_for(recipe, shared, settings, climb.folder / rung.kind, progress)
    with Peak() as peak:
        steps, how = _steps(engine, items, settings)
    curve = _loss(engine, held_out).times(len(held_out) * validations(len(items), settings))
    shared.model.requires_grad_(False)
    if settings.activation_checkpointing:
        shared.model.activation_checkpointing_disable()
    specialist = LanguageModel(card, shared, "default")
    answers = _answers(specialist, splits.validation, climb)
    answers = replace(answers, share=_shares(specialist, splits.validation, items, answers))
    times = 1 + (recipe.task.samples or 0)  # a drawn answer takes as long as a greedy one
    wider = WIDER if shared.causal.precision.name == "bf16" else (1.0, 1.0, 1.0)
    return RungCost(
        kind=rung.kind,
        base=base_key(recipe, rung),
        fit=steps + curve,
        validation=answers.of(times * len(splits.validation)),
        test=answers.of(times * len(splits.test)),
        base_validation=untrained.of(times * len(splits.validation)),
        base_test=untrained.of(times * len(splits.test)),
        gate=answers.compared(min(ITEMS, len(splits.test)), wider),
        memory=Memory(peak.bytes, peak.bytes, peak.end + _beside(shared), peak.how),
        how=how,
    )


# -- training ------------------------------------------------------------------------------


def _encoder_engine(
    climb: Climb, rung: RungSettings, card: Card, own: Embedder, settings: Training
) -> tuple[Engine[Any], list[Any], list[Any], Rung]:
    """The engine, its items, those held out, and the rung that it trains; ``own`` is changed."""
    splits = climb.splits
    if climb.recipe.task.output == "entities":
        from assay.evaluation.rungs import tagger as tagging
        from assay.training.objectives.tag import Tag

        network: Any = tagging.network_of(own, card)
        items: list[Any] = [*tagging.items_of(own, card, splits.train)]
        held_out: list[Any] = [*tagging.items_of(own, card, splits.validation)]
        trained: Rung = tagging.FineTunedTagger(card, own, network)
        objective: Any = objective_of(Tag, own, settings)
    elif climb.recipe.task.output == "ranking":
        from assay.evaluation.rungs import retriever
        from assay.training.objectives.contrast import Contrast

        network = retriever.network_of(own)
        items = [*retriever.pairs_of(own, splits.corpus, splits.train)]
        held_out = [*retriever.pairs_of(own, splits.corpus, splits.validation)]
        no_vectors = np.zeros((0, own.model.config.hidden_size), dtype=np.float32)
        trained = retriever.FineTunedRetriever(card, own, (), no_vectors)
        objective = objective_of(Contrast, own, settings)
    else:
        from assay.evaluation.rungs import encoder as encoding
        from assay.training.objectives.classify import Classify

        network = encoding.network_of(own, len(card.labels))
        items = [*encoding.items_of(own, card.labels, splits.train)]
        held_out = [*encoding.items_of(own, card.labels, splits.validation)]
        trained = encoding.FineTunedEncoder(card, own, network)
        objective = objective_of(Classify, own, settings)
    folder = climb.folder / rung.kind
    engine = encoder_engine(network, objective, rung.adapter, settings, folder, climb.progress)
    return engine, items, held_out, trained


def _steps(engine: Engine[Any], items: Sequence[Any], settings: Training) -> tuple[Range, str]:
    """Seconds of all optimizer steps, from a few of them; and how that was done."""
    lengths = [engine.objective.length(item) for item in items]
    batches = epoch_batches(lengths, settings.batch, settings.seed, 0)
    tokens = [sum(lengths[i] for i in batch) for batch in batches]
    order = sorted(range(len(batches)), key=lambda b: tokens[b])
    short, median, longest = order[len(order) // 10], order[len(order) // 2], order[-1]
    probed = [short, median, longest, median]
    took = engine.timed(items, [batches[b] for b in (short, *probed)])[1:]
    steps = total_steps(len(items), settings)
    every = sum(tokens) * steps / steps_per_epoch(len(items), settings.batch)
    found = _line([float(tokens[b]) for b in probed], took, steps, every)
    rows = engine.state.micro_batch
    halved = f", micro-batch {rows} for want of memory" if engine.state.out_of_memory else ""
    return found, (
        f"measured: steps of {tokens[short]:,}, {tokens[median]:,} and "
        f"{tokens[longest]:,} tokens{halved}; {steps:,} steps, {every:,.0f} tokens in all"
    )


def _line(tokens: Sequence[float], took: Sequence[float], steps: int, every: float) -> Range:
    """Seconds of ``steps`` steps with ``every`` tokens in all, from steps that were timed."""
    rates = [seconds / count for seconds, count in zip(took, tokens, strict=True)]
    low, high = min(rates) * every, max(rates) * every
    middle = every * sum(took) / sum(tokens)
    if len(set(tokens)) > 1:
        slope, offset = statistics.linear_regression(tokens, took)
        if slope > 0 and offset > 0:
            middle = slope * every + offset * steps
    return Range(low, min(max(middle, low), high), high)


def _loss(engine: Engine[Any], held_out: Sequence[Any]) -> Range:
    """Seconds an item of a validation of the training curve."""
    sample = spread(held_out, MANY, engine.objective.length)
    return Range.of([_timed(lambda: engine.mean_loss(sample)) / len(sample) for _ in range(2)])


# -- answers -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answering:
    """How long a language model took for batches of few and of many items."""

    few: int
    many: int
    few_seconds: float
    many_seconds: tuple[float, ...]
    at_once: int  # how many items the run answers at once
    share: tuple[float, float, float] = (1.0, 1.0, 1.0)  # of that, with answers of another length

    def _parts(self, seconds: float) -> tuple[float, float]:
        """What a batch costs by itself, and what an item adds."""
        if self.many > self.few:
            item = (seconds - self.few_seconds) / (self.many - self.few)
            batch = self.few_seconds - self.few * item
            if item > 0 and batch > 0:
                return batch, item
        return 0.0, seconds / self.many

    def of(self, items: int) -> Range:
        """Seconds for so many items."""
        batches = math.ceil(items / self.at_once)
        fast, mean, slow = (
            min(self.many_seconds),
            statistics.mean(self.many_seconds),
            max(self.many_seconds),
        )
        (fast_batch, fast_item), (batch, item) = self._parts(fast), self._parts(mean)
        ends = [
            (batches * fast_batch + items * fast_item) * self.share[0],
            (batches * batch + items * item) * self.share[1],
            items * slow / self.many * self.share[2],
        ]
        return Range(min(ends), ends[1], max(ends))

    def compared(self, items: int, wider: tuple[float, float, float]) -> Range:
        """Seconds of ``parity``: a batch twice, and twice in fp32, and a few items one by one."""
        batch, item = self._parts(statistics.mean(self.many_seconds))
        together = batch + items * item
        alone = 2 * min(SERVED, items) * (batch + item)
        low, middle, high = (
            (together * (2 + 2 * factor) + alone) * share
            for factor, share in zip(wider, self.share, strict=True)
        )
        return Range(low, max(low, middle), max(low, middle, high))


def _answers(rung: LanguageModel, examples: Sequence[Example], climb: Climb) -> Answering:
    few, many = (spread(examples, count, _letters) for count in (FEW, MANY))
    with climb.progress.task("probing: answers", 4) as bar:

        def ask(sample: Sequence[Example]) -> float:
            rung.forget()
            seconds = _timed(lambda: rung.predict(sample, SILENT))
            bar.advance()
            return seconds

        ask(few[:1])
        few_seconds = ask(few)
        many_seconds = ask(many), ask(many)
    longest = max(len(rung.encode(e.prompt)) for e in examples) if _generates(rung, examples) else 0
    at_once = (
        rows_at_once(rung.shared.model, longest + rung.card.task.max_new_tokens)
        if longest
        else BATCH
    )
    return Answering(len(few), len(many), few_seconds, many_seconds, at_once)


def _generates(rung: LanguageModel, examples: Sequence[Example]) -> bool:
    """Whether answers are generated, and neither chosen from labels nor read."""
    plain = rung.card.task.template == "plain" and all(map(is_whole_text, examples))
    return rung.card.task.output != "label" and not plain


def _shares(
    rung: LanguageModel, examples: Sequence[Example], items: Sequence[Encoded], seen: Answering
) -> tuple[float, float, float]:
    """What answers as long as the training targets take, as a share of those just given.

    A few steps teach no length: where the probe's answers are longer than the targets, the trained
    ones will be shorter. Reading the prompt takes the same time.
    """
    if not _generates(rung, examples):
        return 1.0, 1.0, 1.0
    sample = spread(examples, MANY, _letters)
    given = statistics.mean(len(answer.tokens) for answer in rung.answers(sample, SILENT)) or 1.0
    wanted = statistics.mean(sum(item.trained) for item in items)
    prompts = [rung.encode(example.prompt) for example in sample]

    def read() -> None:
        with rung.shared.using(rung.adapter) as model:
            generate(
                model,
                rung.shared.tokenizer,
                prompts,
                [example.text for example in sample],
                constraint=None,
                max_new_tokens=1,
                terminators=rung.shared.causal.terminators,
                progress=SILENT,
            )

    reading = min(1.0, _timed(read) / statistics.mean(seen.many_seconds))
    share = reading + (1 - reading) * wanted / given
    return min(share, 1.0), share, max(share, 1.0)


def _reading(
    climb: Climb, read: Callable[[Sequence[Example]], Any]
) -> Callable[[Sequence[Example]], Range]:
    """A function that says how long examples take to be read in batches of like length."""
    ordered = sorted(climb.splits.train, key=_letters)
    last = max(0, len(ordered) - TEXTS)
    batches = [ordered[int(share * last) :][:TEXTS] for share in (0.1, 0.5, 0.9)]
    read(batches[0][:FEW])
    rates = Range.of(
        [_timed(partial(read, batch)) / max(1, sum(map(_letters, batch))) for batch in batches]
    )
    return lambda examples: rates.times(sum(map(_letters, examples)))


def _passages(climb: Climb, embedder: Embedder) -> Range:
    """Seconds to read the corpus, from a batch of short, of middling and of long passages."""
    texts = sorted((passage.text for passage in climb.splits.corpus), key=len)
    last = max(0, len(texts) - TEXTS)
    batches = [texts[int(share * last) :][:TEXTS] for share in (0.1, 0.5, 0.9)]
    rates = [
        _timed(partial(embed, embedder, batch, SILENT)) / sum(map(len, batch)) for batch in batches
    ]
    return Range.of(rates).times(sum(map(len, texts)))


def _embed(embedder: Embedder, examples: Sequence[Example]) -> None:
    embed(embedder, [example.text for example in examples], SILENT)


# -- measuring -----------------------------------------------------------------------------


class Peak:
    """While entered, watches how much memory is held: ``bytes`` at most, ``end`` when it is left."""

    def __enter__(self) -> Peak:
        self._stop = threading.Event()
        self._gpu = device().type == "cuda"
        self.end = self.bytes = self._held()
        if self._gpu:
            torch.cuda.reset_peak_memory_stats()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._watch.join()
        self.end = self._held()
        self.bytes = max(self.bytes, self.end)
        if self._gpu:
            self.bytes = torch.cuda.max_memory_allocated()

    @property
    def how(self) -> str:
        """What was watched."""
        return "measured: " + ("given out on the GPU" if self._gpu else "resident in this process")

    def _held(self) -> float:
        if self._gpu:
            return float(torch.cuda.memory_allocated())
        return float(psutil.Process().memory_info().rss)

    def _look(self) -> None:
        while not self._stop.wait(EVERY):
            self.bytes = max(self.bytes, self._held())


def _beside(shared: SharedCausal) -> float:
    """Bytes that ``parity`` holds beside the base: it once more as it is, and that then in fp32."""
    parameters = list(shared.model.parameters())
    held = sum(p.numel() * p.element_size() for p in parameters)
    if shared.causal.precision.name == "nf4":
        return float(held)
    wide = 4 * sum(p.numel() for p in parameters)
    apart = held if shared.model.device.type != "cpu" else 0  # the base waits elsewhere meanwhile
    return float(max(held, wide - apart))


def spread(items: Sequence[Any], count: int, length: Callable[[Any], int]) -> list[Any]:
    """At most ``count`` items, spread evenly from the shortest to the longest."""
    ordered = sorted(items, key=length)
    if len(ordered) <= count:
        return ordered
    return [ordered[(2 * i + 1) * len(ordered) // (2 * count)] for i in range(count)]


def _letters(example: Example) -> int:
    return len(example.text)


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _base(climb: Climb, rung: RungSettings) -> Any:
    base = rung_base(climb.recipe, rung)
    assert base is not None  # of the rungs that are probed
    return base
