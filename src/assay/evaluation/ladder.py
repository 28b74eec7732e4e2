"""The ladder: fit rungs from cheapest to dearest to serve, stop at the first that passes.

Selection looks at validation only, where a rung need not beat a cheaper one that does not pass, and
where, if none passes, the cheapest is taken that misses a threshold by less than one standard error:
validation items are few. The verdict is stricter: on the test items, scored once, the rung selected
must meet every threshold and beat every rung below it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from assay import files
from assay.data.records import Example, Splits
from assay.evaluation.calibration import fit_otherwise, fit_platt, fit_temperature
from assay.evaluation.compare import Array
from assay.evaluation.evaluate import Answers, evaluate
from assay.evaluation.gate import judge
from assay.evaluation.metrics import score
from assay.evaluation.predictions import Prediction, Rung
from assay.evaluation.queries import query_metrics
from assay.evaluation.rungs import load_rung
from assay.evaluation.rungs.card import BaseCard, Card, Otherwise
from assay.evaluation.rungs.linear import at_temperature, label_indices
from assay.evaluation.texts import run_tests
from assay.models.pool import BasePool
from assay.observability.progress import Progress
from assay.recipe.schema import Base, Recipe
from assay.recipe.schema import Rung as RungSettings

# From cheapest to dearest to serve, as measured per item on a CPU (docs/results.md).
SERVING_ORDER = (
    "majority", "copy", "lead", "sentence", "dictionary", "keyword", "bm25", "tfidf", "nearest",
    "embedding", "encoder", "llm",
)  # fmt: skip
NEEDS_BASE = ("embedding", "encoder", "llm")


@dataclass
class Climb:
    """What the ladder needs at every rung."""

    recipe: Recipe
    splits: Splits
    folder: Path
    pool: BasePool
    progress: Progress
    bases: dict[str, dict[str, Answers]] = field(default_factory=dict)
    baseline: Path | None = None  # where the bases' answers lie; None: in the folder


@dataclass
class Step:
    """One rung after it was reached."""

    kind: str
    rung: Rung
    validation: Answers
    entry: dict[str, Any]  # its line in ladder.json


def ordered(recipe: Recipe) -> list[RungSettings]:
    """The recipe's rungs in serving order, whatever order they were written in."""
    return sorted(recipe.ladder, key=lambda rung: SERVING_ORDER.index(rung.kind))


def rung_base(recipe: Recipe, rung: RungSettings) -> Base | None:
    """The base a rung stands on, or None."""
    return (rung.base or recipe.base) if rung.kind in NEEDS_BASE else None


def card_for(climb: Climb, rung: RungSettings) -> Card:
    """The label of a rung about to be fitted."""
    base = rung_base(climb.recipe, rung)
    card = Card(kind=rung.kind, task=climb.recipe.task, labels=climb.splits.labels)
    if base is None:
        return card
    ref = climb.pool.ref(base)
    precision: Any = "fp32"
    digest: str | None = None
    if rung.kind == "llm":
        from assay.data.prompts import template_for

        shared = climb.pool.causal(base)
        precision = shared.causal.precision.name
        digest = template_for(climb.recipe.task, shared.tokenizer).digest
    described = BaseCard(
        model=base.model,
        name=ref.name,
        digest=ref.digest,
        licence=ref.licence,
        precision=precision,
        allow_noncommercial=base.allow_noncommercial,
    )
    return card.model_copy(update={"base": described, "template_digest": digest})


def untrained_base(recipe: Recipe, rung: RungSettings) -> Base | None:
    """The base that a rung is compared with; None: with the commonest answer.

    A frozen encoder that ranks has learnt nothing: it is its own base, and could never beat it.
    """
    ranks_as_it_is = recipe.task.output == "ranking" and rung.kind == "embedding"
    return None if ranks_as_it_is else rung_base(recipe, rung)


def base_key(recipe: Recipe, rung: RungSettings) -> str | None:
    """What rungs have in common whose base answers the same untrained; None without a base."""
    base = untrained_base(recipe, rung)
    if base is None:
        return None
    return f"{'causal' if rung.kind == 'llm' else 'embedding'}:{base.model}"


def base_answers(climb: Climb, rung: RungSettings, split: str) -> Answers:
    """What the rung's base answers untrained, on the same items; computed once a base.

    An llm is compared with the bare language model under the same prompt and constraint; an
    encoder with its own zero-shot similarity to the label names, or to the passages; a rung without
    a base with the commonest answer.
    """
    key = base_key(climb.recipe, rung) or "majority"
    cached = climb.bases.setdefault(key, {})
    if split not in cached:
        beside = climb.baseline or climb.folder / "baseline"
        path = beside / files.sha256_bytes(key.encode())[:12] / f"{split}.json"
        cached[split] = saved_answers(path) or _answer_base(climb, rung, split, path)
    return cached[split]


def _answer_base(climb: Climb, rung: RungSettings, split: str, path: Path) -> Answers:
    base = untrained_base(climb.recipe, rung)
    examples: Sequence[Example] = getattr(climb.splits, split)
    card = card_for(climb, rung)
    untrained: Rung
    if climb.recipe.task.output == "ranking":
        untrained, name = _ranking_base(climb, base, card)
    elif base is None:
        from assay.evaluation.rungs.simple import Majority

        untrained, name = Majority.fit(card, climb.splits.train), "commonest answer"
    elif rung.kind == "llm":
        from assay.evaluation.rungs.llm import LanguageModel

        untrained = LanguageModel.untrained(card, climb.pool.causal(base))
        name = f"{climb.pool.ref(base).name}, untrained"
    else:
        from assay.evaluation.rungs.linear import EmbeddingLogistic
        from assay.evaluation.rungs.tagger import Untrained

        embedder = climb.pool.embedder(base)
        name = f"{climb.pool.ref(base).name}, label names only"
        if climb.recipe.task.output == "entities":
            untrained, name = (
                Untrained(card, embedder),
                f"{climb.pool.ref(base).name}, type names only",
            )
        else:
            untrained = EmbeddingLogistic.zero_shot(card, embedder, climb.progress)
    answers = answer(name, untrained, examples, climb.progress)
    _save_answers(path, answers)
    return answers


def _ranking_base(climb: Climb, base: Base | None, card: Card) -> tuple[Rung, str]:
    corpus = climb.splits.corpus
    if base is None:
        from assay.evaluation.rungs.ranking import Popular

        return Popular.fit(card, climb.splits.train, corpus), "passages most often relevant"
    return _frozen_retriever(climb, base, card), f"{climb.pool.ref(base).name}, untrained"


def _frozen_retriever(climb: Climb, base: Base, card: Card) -> Rung:
    from assay.evaluation.rungs.retriever import FrozenRetriever

    embedder = climb.pool.embedder(base)
    return FrozenRetriever.over(card, embedder, climb.splits.corpus, climb.progress)


def answer(name: str, rung: Rung, examples: Sequence[Example], progress: Progress) -> Answers:
    """Predictions and how long they took, with what they would have if nothing was read before."""
    began, spared = time.perf_counter(), _spared(rung)
    predictions = rung.predict(examples, progress)
    seconds = time.perf_counter() - began + _spared(rung) - spared
    if rung.card.task.samples is not None and rung.card.kind == "llm":
        predictions = _with_samples(rung, examples, predictions, progress)
    if rung.card.task.check == "code":
        run_tests(examples, predictions, progress)  # remembered: the scores will ask for them
    if rung.card.task.check == "sql":
        query_metrics(examples, predictions, progress)  # remembered, too
    return Answers(name, predictions, seconds)


def _spared(rung: Rung) -> float:
    known = getattr(getattr(rung, "embedder", None), "remembered", None)
    return known.spared if known else 0.0


def _with_samples(
    rung: Rung, examples: Sequence[Example], said: Sequence[Prediction], progress: Progress
) -> list[Prediction]:
    """The answers, each with as many drawn ones as the task wants."""
    from assay.evaluation.rungs.llm import LanguageModel

    assert isinstance(rung, LanguageModel)
    drawn = rung.samples(examples, progress)
    return [replace(one, samples=texts) for one, texts in zip(said, drawn, strict=True)]


def climb_rung(climb: Climb, settings: RungSettings, below: Sequence[Step]) -> Step:
    """Fit (or reload) one rung, calibrate it and judge it on validation."""
    folder = climb.folder / "rungs" / settings.kind
    result = folder / "result.json"
    if result.is_file():
        rung = load_rung(folder / "rung", climb.progress, climb.pool)
        saved = saved_answers(folder / "validation.json")
        if saved is not None:
            return Step(
                settings.kind, rung, saved, files.read_object(result, "validation", "passes")
            )
    began, spared = time.perf_counter(), climb.pool.spared()
    rung = _fit(climb, settings, folder)
    seconds = time.perf_counter() - began + climb.pool.spared() - spared
    answers = answer(settings.kind, rung, climb.splits.validation, climb.progress)
    answers = _calibrated(climb, rung, answers)
    with files.new_directory(folder / "rung") as target:
        rung.save(target)
    entry = _judge(climb, settings, folder, rung, answers, below, seconds)
    _save_answers(folder / "validation.json", answers)
    files.write_json(result, entry)
    return Step(settings.kind, rung, answers, entry)


def _fit(climb: Climb, settings: RungSettings, folder: Path) -> Rung:
    recipe, splits, progress = climb.recipe, climb.splits, climb.progress
    card = card_for(climb, settings)
    training = settings.training or recipe.training
    base = rung_base(recipe, settings)
    if recipe.task.output == "ranking":
        return _fit_ranking(climb, settings, card, folder)
    if base is None:
        from assay.evaluation.rungs.dictionary import Dictionary
        from assay.evaluation.rungs.linear import TfidfLogistic
        from assay.evaluation.rungs.simple import Copy, Lead, Majority, Nearest, Sentence

        makers = {
            "majority": Majority.fit,
            "copy": Copy.fit,
            "lead": Lead.fit,
            "sentence": Sentence.fit,
            "dictionary": Dictionary.fit,
            "nearest": Nearest.fit,
            "tfidf": TfidfLogistic.fit,
        }
        return makers[settings.kind](card, splits.train)
    tags = recipe.task.output == "entities"
    if settings.kind == "embedding":
        from assay.evaluation.rungs.linear import EmbeddingLogistic
        from assay.evaluation.rungs.tagger import FrozenTagger

        frozen = FrozenTagger if tags else EmbeddingLogistic
        return frozen.fit(card, splits.train, climb.pool.embedder(base), progress)
    if settings.kind == "encoder":
        from assay.evaluation.rungs.encoder import FineTunedEncoder
        from assay.evaluation.rungs.tagger import FineTunedTagger
        from assay.models.load import load_embedder

        own = load_embedder(climb.pool.ref(base), progress)
        given = card, splits.train, splits.validation, own, settings.adapter, training, folder
        if tags:
            return FineTunedTagger.fit(*given, progress)
        return FineTunedEncoder.fit(*given, progress, climb.pool.embedder(base))
    from assay.evaluation.rungs.llm import LanguageModel

    return LanguageModel.fit(
        card,
        recipe,
        splits.train,
        splits.validation,
        climb.pool.causal(base),
        training,
        folder,
        progress,
    )


def _fit_ranking(climb: Climb, settings: RungSettings, card: Card, folder: Path) -> Rung:
    splits, progress = climb.splits, climb.progress
    base = rung_base(climb.recipe, settings)
    if base is None:
        from assay.evaluation.rungs.ranking import Bm25, Keyword, Popular

        kinds = {"majority": Popular, "keyword": Keyword, "bm25": Bm25}
        return kinds[settings.kind].fit(card, splits.train, splits.corpus)
    if settings.kind == "embedding":
        return _frozen_retriever(climb, base, card)
    from assay.evaluation.rungs.retriever import FineTunedRetriever
    from assay.models.load import load_embedder

    return FineTunedRetriever.fit(
        card,
        splits.train,
        splits.validation,
        splits.corpus,
        load_embedder(climb.pool.ref(base), progress),
        settings.adapter,
        settings.training or climb.recipe.training,
        folder,
        progress,
    )


def _calibrated(climb: Climb, rung: Rung, answers: Answers) -> Answers:
    """Fit the confidence on validation only: a temperature for labels, else Platt scaling.

    The answers stay, with the confidence that the rung has from now on.
    """
    card: Card = rung.card
    examples = climb.splits.validation
    if card.task.output == "label" and card.kind not in ("majority", "nearest"):
        scores = np.array([prediction.scores for prediction in answers.predictions])
        temperature = fit_temperature(scores, label_indices(card.labels, examples))
        rung.card = card.model_copy(update={"temperature": temperature})
        scores = at_temperature(scores, temperature)
        place = {label: i for i, label in enumerate(card.labels)}
        chosen = [
            float(row[place[p.output]]) for p, row in zip(answers.predictions, scores, strict=True)
        ]
        if card.task.otherwise is not None:
            rung.card = _with_otherwise(climb, rung.card, answers, np.array(chosen))
        predictions: list[Prediction] = []
        for p, row, logprob in zip(answers.predictions, scores, chosen, strict=True):
            output, confidence = rung.card.settle(p.output, logprob)
            predictions.append(
                replace(p, output=output, confidence=confidence, scores=tuple(row.tolist()))
            )
    elif (card.task.output in ("json", "entities") or card.task.check) and (
        answers.predictions[0].logprob is not None
    ):
        logprobs = [prediction.logprob or 0.0 for prediction in answers.predictions]
        scored = score(card.task, card.labels, examples, answers.predictions)
        platt = fit_platt(np.array(logprobs), scored.per_item[scored.correct] == 1.0)
        rung.card = card.model_copy(update={"platt": platt})
        predictions = [
            replace(said, confidence=rung.card.confidence(logprob))
            for said, logprob in zip(answers.predictions, logprobs, strict=True)
        ]
    else:
        return answers
    return replace(answers, predictions=predictions)


def _with_otherwise(climb: Climb, card: Card, answers: Answers, logprobs: Array) -> Card:
    """The card with the confidence below which answers become ``task.otherwise``."""
    targets = [example.target for example in climb.splits.validation]
    right = [p.output == target for p, target in zip(answers.predictions, targets, strict=True)]
    otherwise = np.array([target == card.task.otherwise for target in targets])
    below, slope, offset = fit_otherwise(logprobs, np.array(right), otherwise)
    if below == 0:
        climb.progress.say(f"no answer is better given up as {card.task.otherwise} (validation)")
        return card
    climb.progress.say(
        f"answers less sure than {below:.2f} become {card.task.otherwise} (fitted on validation)"
    )
    rule = Otherwise(below=below, slope=slope, offset=offset)
    return card.model_copy(update={"otherwise": rule})


def _judge(
    climb: Climb,
    settings: RungSettings,
    folder: Path,
    rung: Rung,
    answers: Answers,
    below: Sequence[Step],
    seconds: float,
) -> dict[str, Any]:
    recipe, examples = climb.recipe, climb.splits.validation
    base = base_answers(climb, settings, "validation")
    scored = score(recipe.task, climb.splits.labels, examples, answers.predictions)
    cheaper = [step.validation for step in below if step.entry["passes"]]
    evaluation = evaluate(recipe, climb.splits.labels, examples, answers, base, cheaper)
    verdict = judge(recipe.gate, evaluation, selecting=True)
    eased = judge(recipe.gate, evaluation, selecting=True, eased=True)
    near = eased.verdict == "pass" != verdict.verdict
    size = sum(path.stat().st_size for path in (folder / "rung").iterdir())
    base_ref = climb.pool.ref(b) if (b := rung_base(recipe, settings)) else None
    own_weights = settings.kind == "encoder"
    fitted = getattr(rung, "fitted", None)
    return {
        "kind": settings.kind,
        "reached": True,
        "base": base_ref.name if base_ref else None,
        "fit_seconds": round(seconds, 2),
        "ms_per_item": round(1000 * answers.seconds / len(examples), 3),
        "size_bytes": size,
        "base_bytes": 0 if base_ref is None or own_weights else base_ref.megabytes * 2**20,
        "validation": {k: round(v, 6) for k, v in scored.metrics.items()},
        "passes": verdict.verdict == "pass",
        "verdict": verdict.verdict,
        "near": near,  # what fails is a threshold missed by less than one standard error
        "reasons": [
            f"{reason.check} (missed by less than one standard error)" if near else reason.check
            for reason in verdict.reasons
            if reason.passed is not True
        ],
        "training": vars(fitted) if fitted else None,
        "selected": False,
    }


def climb_ladder(
    climb: Climb, *, all_rungs: bool = False
) -> tuple[list[Step], list[dict[str, Any]], int]:
    """Climb until a rung passes on validation; returns the steps, ``ladder.json`` and the choice.

    When none passes, the choice is the cheapest that misses a threshold by less than one standard
    error, else the rung with the best primary metric on validation: its verdict on the test items
    will say why it is not good enough.
    """
    steps: list[Step] = []
    entries: list[dict[str, Any]] = []
    chosen: int | None = None
    for settings in ordered(climb.recipe):
        if chosen is not None and not all_rungs:
            reason = f"not needed: {steps[chosen].kind} passes and is cheaper to serve"
            entries.append(
                {"kind": settings.kind, "reached": False, "reasons": [reason], "selected": False}
            )
            continue
        climb.progress.say(f"rung {settings.kind}: fitting on {len(climb.splits.train)} examples")
        step = climb_rung(climb, settings, steps)
        steps.append(step)
        entries.append(step.entry)
        _announce(climb, step)
        if chosen is None and step.entry["passes"]:
            chosen = len(steps) - 1
    if chosen is None:
        primary = climb.recipe.gate.primary
        near = [place for place, step in enumerate(steps) if step.entry.get("near")]
        best = int(np.argmax([step.entry["validation"][primary] for step in steps]))
        chosen = near[0] if near else best
        what = "cheapest within one standard error" if near else "best of them"
        climb.progress.say(f"no rung passes on validation; {steps[chosen].kind} is the {what}")
    entries[chosen]["selected"] = True
    return steps, entries, chosen


def _announce(climb: Climb, step: Step) -> None:
    primary = climb.recipe.gate.primary
    value = step.entry["validation"][primary]
    verdict = "passes" if step.entry["passes"] else f"not met: {'; '.join(step.entry['reasons'])}"
    climb.progress.say(f"rung {step.kind}: {primary} {value:.3f} on validation: {verdict}")


def _save_answers(path: Path, answers: Answers) -> None:
    rows = [{**p.as_json(), "scores": p.scores} for p in answers.predictions]
    files.write_json(path, {"name": answers.name, "seconds": answers.seconds, "predictions": rows})


def saved_answers(path: Path) -> Answers | None:
    """The answers that were written to ``path``, or None."""
    if not path.is_file():
        return None
    saved = files.read_object(path, "name", "seconds", "predictions")
    predictions = [
        replace(
            Prediction(**{k: v for k, v in row.items() if k not in ("scores", "samples")}),
            scores=tuple(row["scores"]) if row["scores"] else None,
            samples=tuple(row["samples"]) if "samples" in row else None,
        )
        for row in saved["predictions"]
    ]
    return Answers(saved["name"], predictions, saved["seconds"])
