"""The parity certificate agrees for an honest save, and refuses an altered one."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from assay.data.prompts import conversation
from assay.data.records import Example, Passage
from assay.data.spans import Span, answer_of, spans_of
from assay.errors import TrainingError
from assay.evaluation.rungs import load_rung
from assay.evaluation.rungs.card import BaseCard, Card
from assay.evaluation.rungs.linear import TfidfLogistic
from assay.evaluation.rungs.llm import LanguageModel
from assay.evaluation.rungs.retriever import FrozenRetriever
from assay.evaluation.rungs.tagger import FrozenTagger
from assay.models.lora import attach
from assay.models.pool import BasePool
from assay.models.precision import decide
from assay.observability.progress import SILENT
from assay.recipe.schema import Adapter, Base, Task
from assay.serving import parity
from assay.serving.parity import certify

TASK = Task(output="text", max_new_tokens=8)
ADAPTER = "adapter_model.safetensors"


def items(task: Task = TASK) -> list[Example]:
    texts = ["the card is lost", "where is it", "system", "user lost the card"]
    return [
        Example(f"item-{i}", text, conversation(task, text, "lost"), "lost", "")
        for i, text in enumerate(texts)
    ]


@pytest.fixture
def trained(tiny_folder: Path) -> LanguageModel:
    """A language model whose adapter changes its answers."""
    base = Base(model=str(tiny_folder), precision="fp32", allow_noncommercial=True)
    pool = BasePool(SILENT)
    ref, shared = pool.ref(base), pool.causal(base)
    described = BaseCard(
        model=base.model,
        name=ref.name,
        digest=ref.digest,
        licence=ref.licence,
        precision="fp32",
        allow_noncommercial=True,
    )
    adapted: Any = attach(shared.model, Adapter(rank=4), seed=0, task="CAUSAL_LM")
    generator = torch.Generator().manual_seed(1)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0.0, 0.5, generator=generator)
    adapted.requires_grad_(False)
    shared.model = adapted.eval()
    shared.adapters.add("default")
    return LanguageModel(Card(kind="llm", task=TASK, base=described), shared, "default")


def test_an_honest_save_agrees_in_every_form(trained: LanguageModel, tmp_path: Path) -> None:
    trained.save(tmp_path)
    certificate = certify(trained, tmp_path, items(), SILENT)
    assert certificate["agrees"]
    assert certificate["items"] == 4
    assert set(certificate["forms"]) == {"reloaded", "served", "merged"}
    for form in certificate["forms"].values():
        assert form["agrees"]
        assert form["tokens_equal"] == 1.0
        assert form["near_ties"] == 0.0
        assert form["max_logit_drift"] < 1e-3
    for form in ("reloaded", "served"):  # computed in the same way: equal to the bit
        assert certificate["forms"][form]["max_logit_drift"] == 0.0


def test_merging_is_judged_in_fp32_and_its_rounding_reported(
    trained: LanguageModel, tmp_path: Path
) -> None:
    trained.save(tmp_path)
    rung = load_rung(tmp_path, SILENT, BasePool(SILENT))
    assert isinstance(rung, LanguageModel)
    shared = rung.shared
    shared.model.to(torch.bfloat16)
    shared.causal = replace(shared.causal, precision=decide("bf16"))
    found = parity._merge(rung, items(), parity._ask(rung, items(), SILENT), SILENT)
    assert found["agrees"] and found["tokens_equal"] == 1.0
    assert found["max_logit_drift"] < 1e-3 < found["rounded_logit_drift"]


def test_the_base_is_in_memory_twice_and_no_more(
    trained: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained.save(tmp_path)
    kind, ask, seen = type(trained.shared.causal.model), parity._ask, list[int]()

    def counting(*arguments: Any) -> Any:
        gc.collect()
        seen.append(sum(type(thing) is kind for thing in gc.get_objects()))
        return ask(*arguments)

    gc.collect()
    others = sum(type(thing) is kind for thing in gc.get_objects()) - 1
    monkeypatch.setattr(parity, "_ask", counting)
    certify(trained, tmp_path, items(), SILENT)
    assert max(seen) - others == 2 and len(seen) > 4


def test_what_is_on_an_accelerator_waits_aside_and_comes_back() -> None:
    moves: list[str] = []
    model = SimpleNamespace(device="cuda:1", to=moves.append)
    rung: Any = SimpleNamespace(shared=SimpleNamespace(model=model))
    with pytest.raises(TrainingError), parity._aside(rung):
        assert moves == ["cpu"]
        raise TrainingError("strays", "")
    assert moves == ["cpu", "cuda:1"]


def test_answers_from_another_batch_are_not_the_reference(
    trained: LanguageModel, tmp_path: Path
) -> None:
    trained.save(tmp_path)
    trained.predict(items(), SILENT)
    for remembered in trained._answered.values():
        remembered.tokens = [5, *remembered.tokens[1:]]
    assert certify(trained, tmp_path, items(), SILENT)["agrees"]


def test_the_adapter_changes_the_answers(trained: LanguageModel) -> None:
    bare = LanguageModel(trained.card, trained.shared, None)
    assert [p.raw for p in trained.predict(items(), SILENT)] != [
        p.raw for p in bare.predict(items(), SILENT)
    ]


def test_an_altered_adapter_is_refused(trained: LanguageModel, tmp_path: Path) -> None:
    trained.save(tmp_path)
    tensors = load_file(tmp_path / ADAPTER)
    altered = {name: -t if "lora_B" in name else t for name, t in tensors.items()}
    save_file(altered, tmp_path / ADAPTER, metadata={"format": "pt"})
    with pytest.raises(TrainingError, match="does not answer like the trained one"):
        certify(trained, tmp_path, items(), SILENT)


def test_an_emptied_adapter_is_refused(trained: LanguageModel, tmp_path: Path) -> None:
    trained.save(tmp_path)
    tensors = load_file(tmp_path / ADAPTER)
    save_file(
        {name: torch.zeros_like(t) for name, t in tensors.items()},
        tmp_path / ADAPTER,
        metadata={"format": "pt"},
    )
    with pytest.raises(TrainingError, match="still zero"):
        certify(trained, tmp_path, items(), SILENT)


def test_a_prompt_that_the_server_puts_together_otherwise_is_refused(
    trained: LanguageModel, tmp_path: Path
) -> None:
    trained.save(tmp_path)
    examples = [replace(item, text=f"please: {item.text}") for item in items()]
    with pytest.raises(
        TrainingError, match="item-0: a server would put this prompt together otherwise"
    ):
        certify(trained, tmp_path, examples, SILENT)


def test_a_merged_form_may_part_at_a_near_tie_and_nowhere_else(
    trained: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained.save(tmp_path)

    @contextmanager
    def forgets_the_adapter(model: Any) -> Generator[None]:
        with model.disable_adapter():
            yield

    monkeypatch.setattr(parity, "merged", forgets_the_adapter)
    with pytest.raises(TrainingError, match=r"^the merged form does not answer like"):
        certify(trained, tmp_path, items(), SILENT)
    monkeypatch.setattr(parity, "NEAR_TIE", 1e6)
    merged = certify(trained, tmp_path, items(), SILENT)["forms"]["merged"]
    assert merged["near_ties"] > 0 and merged["tokens_equal"] + merged["near_ties"] == 1


def test_the_gap_is_the_trained_model_s_preference_at_the_first_difference(
    trained: LanguageModel,
) -> None:
    item = items()[0]
    mine = trained.answers([item], SILENT)[0].tokens
    theirs = [*mine[:3], (mine[3] + 7) % 250, 5]
    with trained.shared.using("default") as model, torch.no_grad():
        ids = torch.tensor([[*trained.encode(item.prompt), *mine[:3]]])
        logprobs = model(input_ids=ids).logits[0, -1].log_softmax(-1)
    expected = float(logprobs[mine[3]] - logprobs[theirs[3]])
    assert parity._gap(trained, item, mine, theirs) == pytest.approx(expected, abs=1e-4)
    assert parity._gap(trained, item, mine, mine[:3]) == float("inf")


def test_labels_are_compared_as_they_are_served(trained: LanguageModel, tmp_path: Path) -> None:
    task = Task(output="label")
    card = trained.card.model_copy(update={"task": task, "labels": ("lost", "found", "stolen")})
    labels = LanguageModel(card, trained.shared, "default")
    labels.save(tmp_path)
    examples = items(task)
    certificate = certify(labels, tmp_path, examples, SILENT)
    assert {form["tokens_equal"] for form in certificate["forms"].values()} == {1.0}
    said = labels.predict(examples[:1], SILENT)[0]
    other = next(label for label in card.labels if label != said.output)
    assert said.scores is not None
    gap = said.scores[card.labels.index(said.output)] - said.scores[card.labels.index(other)]
    assert parity._gap(labels, examples[0], [said.output], [other]) == pytest.approx(gap)


def test_fields_are_served_in_the_order_of_the_schema(
    trained: LanguageModel, tmp_path: Path
) -> None:
    fields = {name: {"type": "string", "maxLength": 3} for name in ("to", "by", "at")}
    schema = {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }
    task = Task(output="json", schema=schema, max_new_tokens=60)
    card = trained.card.model_copy(update={"task": task})
    rung = LanguageModel(card, trained.shared, "default")
    rung.save(tmp_path)
    said = rung.predict(items(task), SILENT)[0].output
    assert [said.index(f'"{name}"') for name in fields] == sorted(
        said.index(f'"{name}"') for name in fields
    )
    assert certify(rung, tmp_path, items(task), SILENT)["agrees"]


def test_a_linear_rung_is_certified_too(tmp_path: Path) -> None:
    task = Task(output="label")
    texts, targets = ["lost card", "my card is gone", "rate of euro", "rate"], "llrr"
    examples = [
        Example(f"item-{i}", text, (), target, "")
        for i, (text, target) in enumerate(zip(texts, targets, strict=True))
    ]
    rung = TfidfLogistic.fit(Card(kind="tfidf", task=task, labels=("l", "r")), examples)
    rung.save(tmp_path)
    assert certify(rung, tmp_path, examples, SILENT)["agrees"]
    rung.weights, rung.bias = -rung.weights, -rung.bias
    with pytest.raises(TrainingError, match="does not answer like the trained one"):
        certify(rung, tmp_path, examples, SILENT)


def test_a_tagger_is_certified_by_its_words(tmp_path: Path, tiny_encoder: Any) -> None:
    texts = ["Ann is in Rome", "in Oslo", "nobody", "Ann and Bob"]
    names = {"Ann": "PER", "Bob": "PER", "Rome": "LOC", "Oslo": "LOC"}
    examples: list[Example] = []
    for i, text in enumerate(texts):
        spans = [
            Span(text.index(name), text.index(name) + len(name), kind)
            for name, kind in names.items()
            if name in text
        ]
        examples.append(Example(f"item-{i}", text, (), answer_of(text, spans), "all"))
    embedder = tiny_encoder(texts * 20)()
    folder = embedder.ref.path
    base = BasePool(SILENT).ref(Base(model=str(folder), allow_noncommercial=True))
    described = BaseCard(
        model=str(folder),
        name=base.name,
        digest=base.digest,
        licence=base.licence,
        precision="fp32",
        allow_noncommercial=True,
    )
    task = Task(output="entities")
    card = Card(kind="embedding", task=task, labels=("LOC", "PER"), base=described)
    rung = FrozenTagger.fit(card, examples, embedder, SILENT)
    rung.save(tmp_path)
    certificate = certify(rung, tmp_path, examples, SILENT)
    assert certificate["agrees"] and set(certificate["forms"]) == {"reloaded", "served"}
    assert all(form["max_logit_drift"] == 0.0 for form in certificate["forms"].values())
    rung.network.head.weight.data.neg_()
    with pytest.raises(TrainingError, match="does not answer like the trained one"):
        certify(rung, tmp_path, examples, SILENT)


def test_entities_of_a_language_model_are_served_with_their_places(
    trained: LanguageModel, tmp_path: Path
) -> None:
    task = Task(output="entities", max_new_tokens=48)
    card = trained.card.model_copy(update={"task": task, "labels": ("LOC", "PER")})
    rung = LanguageModel(card, trained.shared, "default")
    examples = items(task)
    for example, said in zip(examples, rung.predict(examples, SILENT), strict=True):
        if said.valid:
            assert '"start"' not in said.raw
            for span in spans_of(said.output):
                assert example.text[span.start : span.end] in said.raw
    rung.save(tmp_path)
    assert certify(rung, tmp_path, examples, SILENT)["agrees"]


def test_a_retriever_is_certified_by_its_passages(tmp_path: Path, tiny_encoder: Any) -> None:
    corpus = [Passage(f"p{n}", f"passage {word}") for n, word in enumerate(("one", "two", "six"))]
    examples = [
        Example(f"q{n}", f"{p.text} please", (), '{"p0": 1}', "all") for n, p in enumerate(corpus)
    ]
    embedder = tiny_encoder([e.text for e in examples])()
    folder = embedder.ref.path
    base = BasePool(SILENT).ref(Base(model=str(folder), allow_noncommercial=True))
    described = BaseCard(
        model=str(folder),
        name=base.name,
        digest=base.digest,
        licence=base.licence,
        precision="fp32",
        allow_noncommercial=True,
    )
    card = Card(kind="embedding", task=Task(output="ranking"), base=described)
    rung = FrozenRetriever.over(card, embedder, corpus, SILENT)
    rung.save(tmp_path)
    certificate = certify(rung, tmp_path, examples, SILENT)
    assert certificate["agrees"] and set(certificate["forms"]) == {"reloaded", "served"}
    rung.vectors = -rung.vectors
    with pytest.raises(TrainingError, match="does not answer like the trained one"):
        certify(rung, tmp_path, examples, SILENT)
