"""Estimates: what is summed, what is measured, what is computed, and what a run then took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay import files
from assay import run as execution
from assay.errors import DataError, ModelError
from assay.launch import computed, prices
from assay.launch import estimate as room
from assay.launch.computed import Shape, shape_of
from assay.launch.costs import Estimate, Memory, Range, RungCost
from assay.launch.estimate import against, estimate, estimate_all, path_of, read, told, totals
from assay.launch.probe import Answering, Peak, _line, spread
from assay.observability.progress import SILENT
from assay.recipe.load import Loaded, load
from assay.recipe.schema import Adapter, Base

Small = Callable[..., str]
ROOT = Path("runs")
QWEN = "hf://Qwen/Qwen3-4B-Instruct-2507"


def here(loaded: Loaded, **more: Any) -> Estimate:
    return estimate(
        loaded, root=ROOT, **{"on": None, "usd_per_hour": None, "progress": SILENT, **more}
    )


def flat(value: float) -> Range:
    return Range(value, value, value)


def made_of(*rungs: RungCost, **more: Any) -> Estimate:
    return Estimate(
        "cards",
        "local",
        "0" * 64,
        "2026-11-22T00:00:00Z",
        "here",
        "measured",
        {},
        flat(1),
        rungs,
        **more,
    )


def rung(kind: str, base: str, scale: float, **more: Any) -> RungCost:
    parts = ("fit", "validation", "test", "base_validation", "base_test", "gate")
    costs = {part: flat(scale * (n + 1)) for n, part in enumerate(parts)}
    return RungCost(kind, base, **costs, **more)


# -- sums ----------------------------------------------------------------------------------


def test_stages_are_summed_as_a_run_does_them() -> None:
    costs = made_of(
        RungCost("majority", None),
        rung("encoder", "embedding:mini", 1),
        rung("llm", "causal:lm", 100),
    )
    low = {n: part.low for n, part in costs.stages(["majority", "encoder"], "encoder").items()}
    # base_test of the first base; fit, validation and its base's validation; test; gate
    assert low == {"data": 1, "baseline": 5, "train": 1 + 2 + 4, "evaluate": 3, "gate": 6}
    top = {n: part.low for n, part in costs.stages(["majority", "encoder", "llm"], "llm").items()}
    assert top == {"data": 1, "baseline": 5, "train": 707, "evaluate": 3 + 300 + 500, "gate": 600}


def test_two_rungs_on_one_base_ask_it_once() -> None:
    costs = made_of(rung("embedding", "embedding:mini", 1), rung("encoder", "embedding:mini", 10))
    stages = costs.stages(["embedding", "encoder"], "encoder")
    assert stages["train"].low == (1 + 2) + (10 + 20) + 4
    assert stages["evaluate"].low == 3 + 30  # the base's answers to the test are there


def test_a_run_lasts_from_the_cheapest_rung_that_may_pass_to_the_top() -> None:
    costs = made_of(rung("encoder", "a", 1), rung("llm", "b", 100), usd_per_hour={"spot": 3.6})
    assert costs.seconds.low == costs.to_verdict("encoder").low
    assert costs.seconds.high == costs.to_verdict("llm").high
    assert costs.money("spot").high == pytest.approx(costs.seconds.high / 1000)
    assert made_of(RungCost("majority", None)).seconds == flat(1)


def test_too_little_memory_says_needed_and_available() -> None:
    memory = Memory(training=30e9, least=10e9, gate=48.3e9, how="computed")
    short = made_of(rung("llm", "b", 1, memory=memory), available=24e9).shortage
    assert short is not None and "48.3 GB" in short and "24.0 GB" in short and "merged" in short
    assert made_of(rung("llm", "b", 1, memory=memory), available=80e9).shortage is None
    tight = replace(memory, least=30e9)
    short = made_of(rung("llm", "b", 1, memory=tight), available=24e9).shortage
    assert short is not None and "one example in a pass" in short


def test_an_estimate_is_read_back_as_it_was() -> None:
    memory = Memory(3.0, 1.0, 2.0, "computed")
    costs = made_of(
        RungCost("majority", None), rung("llm", "b", 1, memory=memory), notes=("a",), available=9.0
    )
    assert Estimate.from_json(costs.as_json()) == costs


# -- the arithmetic of a probe -------------------------------------------------------------


def test_steps_are_laid_on_a_line_between_the_fastest_and_the_slowest() -> None:
    tokens = [100.0, 200.0, 400.0, 200.0]
    took = [0.5 + 0.01 * count for count in tokens]  # half a second a step, 10 ms a token
    found = _line(tokens, took, steps=50, every=10_000.0)
    assert found.middle == pytest.approx(50 * 0.5 + 10_000 * 0.01)
    assert found.low == pytest.approx(10_000 * 4.5 / 400)
    assert found.high == pytest.approx(10_000 * 1.5 / 100)


def test_steps_of_one_length_have_their_own_rate() -> None:
    found = _line([100.0] * 4, [1.0, 2.0, 1.0, 2.0], steps=10, every=1000.0)
    assert (found.low, found.middle, found.high) == (10.0, 15.0, 20.0)


def test_answers_share_what_a_batch_costs() -> None:
    seen = Answering(few=4, many=16, few_seconds=2.0, many_seconds=(5.0, 5.0), at_once=100)
    found = seen.of(200)  # a batch costs 1 s, an item 0.25 s
    assert found.low == found.middle == pytest.approx(2 * 1.0 + 200 * 0.25)
    assert found.high == pytest.approx(200 * 5.0 / 16)
    shorter = replace(seen, share=(0.5, 0.5, 1.0)).of(200)
    assert shorter.middle == pytest.approx(26.0) and shorter.high == found.high


def test_answers_in_a_batch_that_cost_no_more_than_a_few_have_one_rate() -> None:
    seen = Answering(few=4, many=16, few_seconds=9.0, many_seconds=(8.0, 8.0), at_once=16)
    assert seen.of(32).middle == pytest.approx(16.0)


def test_a_sample_is_spread_from_the_shortest_to_the_longest() -> None:
    assert spread(range(100), 4, lambda n: n) == [12, 37, 62, 87]
    assert spread([3, 1, 2], 16, lambda n: n) == [1, 2, 3]


def test_a_peak_is_seen() -> None:
    with Peak() as peak:
        held = bytearray(64 * 2**20)
        held[::4096] = b"x" * len(held[::4096])
        del held
    assert peak.bytes >= peak.end > 0 and peak.bytes > 64 * 2**20


# -- on this machine -----------------------------------------------------------------------


@pytest.mark.parametrize("output", ["label", "text"])
def test_a_language_model_is_probed_then_trained_and_compared(small: Small, output: str) -> None:
    loaded = load(small(output))
    found = here(loaded, usd_per_hour=3.6)
    top = found.top
    assert top is not None and top.kind == "llm" and not found.rungs[0].estimated
    assert "steps of" in top.how and top.memory is not None and top.memory.training > 1e6
    for part in (top.fit, top.validation, top.test, top.base_test, top.gate):
        assert part is not None and 0 < part.low <= part.middle <= part.high
    assert found.shortage is None and found.available and found.method == "measured"
    assert found.money("given").high == pytest.approx(found.seconds.high / 1000)
    assert read(path_of(loaded, ROOT)) == found
    assert not (ROOT / "cards").exists()  # a probe leaves nothing where the run will be
    run = execution.train(loaded, root=ROOT)
    beside = told(loaded, root=ROOT, progress=SILENT)
    assert beside.estimate == found and beside.against is not None
    rows = {row["stage"]: row for row in beside.against["stages"]}
    assert set(rows) == {"data", "baseline", "train", "evaluate", "gate"}
    assert beside.against["total"]["took"] == pytest.approx(run.seconds, abs=0.1)
    assert rows["train"]["took"] == run.state["stages"]["train"]["seconds"]


def test_encoders_are_probed(small: Small) -> None:
    found = here(load(small(encoders=True)))
    kinds = {part.kind: part for part in found.rungs}
    assert list(kinds) == ["majority", "embedding", "encoder"]
    assert kinds["embedding"].base == kinds["encoder"].base
    frozen, tuned = kinds["embedding"].fit, kinds["encoder"].fit
    assert frozen is not None and tuned is not None and tuned.low > frozen.low > 0
    assert kinds["encoder"].memory is not None


def test_an_estimate_made_after_the_run_is_no_forecast(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(small("text"))
    monkeypatch.setattr(room, "_measured", lambda *_: ([], "measured", (), None))
    here(loaded)
    kept = read(path_of(loaded, ROOT))
    monkeypatch.setattr(room, "read", lambda _: replace(kept, made="2999-01-01T00:00:00Z"))
    run = execution.train(load(small("text"), overrides=["ladder=[{kind: nearest}]"]), root=ROOT)
    assert against(run) is None
    (ROOT / "estimates" / "cards").joinpath(f"{run.folder.name}.json").write_text("{}")
    assert against(run) is None


def test_a_base_that_is_not_here_says_how_to_fetch_it(small: Small, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not on this machine") as caught:
        here(load(small(llm=QWEN)))
    assert "--on INSTANCE" in caught.value.remedy


def test_a_registered_base_is_not_fetched_by_a_probe(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    with pytest.raises(ModelError, match="a probe fetches none") as caught:
        here(load(small(llm="smollm2-135m-instruct")))
    assert caught.value.remedy == "Fetch it first: assay models pull smollm2-135m-instruct"


def test_a_damaged_estimate_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"format": 1, "rungs": [], "data": {}, "rows": {}}')
    with pytest.raises(DataError, match="not an estimate") as caught:
        read(path)
    assert "assay estimate" in caught.value.remedy


# -- on a machine that can be rented -------------------------------------------------------


def test_a_shape_has_the_parameters_of_its_base() -> None:
    shape = shape_of(Base(model=QWEN))
    assert shape.parameters == pytest.approx(4.022e9, rel=1e-3)
    assert shape.in_layers == pytest.approx(3.633e9, rel=1e-3)
    # 16 * (in + out) of seven projections in 36 layers
    assert shape.adapter(Adapter(rank=16)) == pytest.approx(33.0e6, rel=1e-2)
    assert shape.adapter(Adapter(rank=16, layers=18)) * 2 == shape.adapter(Adapter(rank=16))
    assert shape.adapter(Adapter(rank=16, targets=["q_proj"])) == 36 * 16 * (2560 + 4096)
    with pytest.raises(ModelError, match="none of the layers"):
        shape.adapter(Adapter(targets=["wq"]))


def test_a_shape_is_read_from_the_config_of_a_base_that_is_here(tiny_folder: Path) -> None:
    shape = shape_of(Base(model=str(tiny_folder)))
    assert (shape.layers, shape.hidden, shape.intermediate) == (2, 32, 64)
    assert (shape.heads, shape.key_value_heads, shape.head_dim) == (4, 2, 8)


def test_a_base_of_unknown_shape_says_what_is_missing() -> None:
    with pytest.raises(ModelError, match="layers, hidden size and vocabulary") as caught:
        shape_of(Base(model="hf://nobody/nothing"))
    assert "bases.yaml" in caught.value.remedy and QWEN in caught.value.remedy


def test_another_machine_is_computed_and_says_so(small: Small) -> None:
    loaded = load(small("text"))
    found = here(loaded, on="g5.xlarge")
    top = found.top
    assert found.method == "computed" and top is not None and top.how.startswith("computed")
    assert any("computed, not measured" in note for note in found.notes)
    assert set(found.usd_per_hour) == {"on_demand", "spot"}
    assert found.available == prices.instance("g5.xlarge").gpu_memory
    fit, shape = top.fit, shape_of(loaded.recipe.base)
    assert fit is not None and fit.high == pytest.approx(fit.low * 0.45 / 0.20)
    slower = here(loaded, on="g4dn.xlarge").top  # fp32 on a T4: the tiny base's precision is auto
    assert slower is not None and slower.fit is not None and slower.fit.low > 5 * fit.low
    assert "in fp32" in slower.how and shape.parameters < 1e6
    assert path_of(loaded, ROOT, "g5.xlarge").is_file() and not path_of(loaded, ROOT).is_file()


def test_a_price_given_takes_the_place_of_the_table_s(small: Small) -> None:
    found = here(load(small("text")), on="g5.xlarge", usd_per_hour=2.0)
    assert found.usd_per_hour == {"given": 2.0}
    assert not any("undated" in note for note in found.notes)


def test_a_gpu_that_does_not_compute_in_the_type_asked_for_is_refused(small: Small) -> None:
    loaded = load(small("text"), overrides=["base.precision=bf16"])
    with pytest.raises(ModelError, match="T4 does not compute in bf16") as caught:
        here(loaded, on="g4dn.xlarge")
    assert "base.precision=auto" in caught.value.remedy


def test_one_of_several_gpus_is_used_and_that_is_said(small: Small) -> None:
    found = here(load(small("text")), on="p4d.24xlarge")
    assert any("one of its 8 GPUs" in note for note in found.notes)


def test_memory_is_weights_adapter_activations_and_logits() -> None:
    shape = Shape(2, 32, 64, 4, 2, 8, 320)
    recipe: Any = type("R", (), {"adapter": Adapter(rank=4)})()
    from assay.data.prompts import Encoded
    from assay.recipe.schema import Training

    items = [Encoded("a", [1] * 10, [False] * 8 + [True] * 2), Encoded("b", [1] * 4, [True] * 4)]

    def memory(precision: str) -> Memory:
        return computed._memory(recipe, shape, Training(batch=2), items, precision)

    found = memory("bf16")
    fixed = shape.parameters * 2 + shape.adapter(Adapter(rank=4)) * 16
    assert found.least == fixed + 10 * 34 * 32 * 2 + 2 * 320 * 8
    assert found.training == fixed + 14 * 34 * 32 * 2 + 6 * 320 * 8
    assert found.gate == shape.parameters * 4  # for the merged form one copy is in fp32
    assert memory("fp32").gate == shape.parameters * (4 + 4)
    assert memory("nf4").gate == shape.parameters * 2 * computed.BYTES["nf4"]  # never merged


def test_a_pack_goes_on_after_an_error_and_has_a_total(small: Small) -> None:
    name = small("text")
    found = estimate_all(
        [name, "absent.yaml"],
        profile=None,
        overrides=[],
        root=ROOT,
        on="g5.xlarge",
        usd_per_hour=None,
        progress=SILENT,
    )
    assert found[0].estimate is not None and found[1].error is not None
    assert totals(found)["seconds"] == found[0].estimate.seconds
    assert totals(found)["spot"].high == found[0].estimate.money("spot").high
    assert totals(found[1:]) == {"seconds": flat(0)}
    with pytest.raises(DataError, match="no instance"):
        estimate_all(
            [name],
            profile=None,
            overrides=[],
            root=ROOT,
            on="x",
            usd_per_hour=None,
            progress=SILENT,
        )


# -- rankings ------------------------------------------------------------------------------


def test_a_ranking_reads_its_corpus_here_and_elsewhere(small: Small) -> None:
    small(encoders=True)
    corpus = [{"id": str(n), "text": "lost card gone " * (1 + n % 40)} for n in range(120)]
    queries = [
        {"text": f"euro rate {n} now {n * 7}", "relevant": [str(n), str(n + 1)]} for n in range(100)
    ]
    for name, rows in (("rows", queries), ("corpus", corpus)):
        files.write_jsonl(Path(f"{name}.jsonl"), rows)
    text = Path("cards.yaml").read_text(encoding="utf-8")
    text = text.replace("output: label", "output: ranking").replace("accuracy", "mrr_10")
    text = text.replace("data: {", "data: {target: relevant, corpus: {path: corpus.jsonl}, ")
    Path("cards.yaml").write_text(text, encoding="utf-8")
    loaded = load("cards.yaml")
    for found in (here(loaded), here(loaded, on="g5.xlarge")):
        rungs = {part.kind: part for part in found.rungs}
        frozen, tuned = rungs["embedding"], rungs["encoder"]
        assert frozen.base is None and frozen.base_test is None and tuned.base is not None
        assert frozen.fit is not None and frozen.test is not None
        assert frozen.fit.low > 5 * frozen.test.low  # the corpus is what takes long
        assert tuned.fit is not None and tuned.fit.low > frozen.fit.low
        assert tuned.base_test is not None  # the frozen rung has read the corpus
        assert tuned.base_test.low < 0.5 * frozen.fit.low
        assert found.seconds.low > 0
    lines = [line for line in text.splitlines(keepends=True) if "kind: embedding" not in line]
    Path("alone.yaml").write_text("".join(lines), encoding="utf-8")
    alone = load("alone.yaml")
    assert [rung.kind for rung in alone.recipe.ladder] == ["majority", "encoder"]
    for found in (here(alone), here(alone, on="g5.xlarge")):
        (tuned,) = (part for part in found.rungs if part.kind == "encoder")
        assert tuned.base_test is not None and tuned.test is not None
        assert tuned.base_test.low > 5 * tuned.test.low
