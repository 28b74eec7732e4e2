"""A sweep: searches on validation alone, survives a kill, and says what it cannot do."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay import files, run
from assay.errors import (
    DataError,
    DependencyError,
    Interrupted,
    ModelError,
    RecipeError,
    TrainingError,
)
from assay.evaluation import ladder
from assay.launch import sweep as room
from assay.launch.axes import Axis, changes, chosen_rung, own_settings, usual_axes
from assay.launch.pack import limits
from assay.launch.study import Study
from assay.launch.sweep import Sweep, sweep
from assay.launch.sweep_page import axes_chart, history_chart, importance_chart, write_page
from assay.recipe.load import load
from assay.recipe.schema import Adapter, Recipe

WORDS = {"card": "my card is lost", "loan": "a loan for a house", "rate": "the rate of today"}
FILLERS = [
    "please",
    "today",
    "now",
    "thanks",
    "hello",
    "quickly",
    "kindly",
    "somehow",
    "maybe",
    "soon",
    "really",
]
Make = Callable[..., Path]
TRIALS = 4


def rows(count: int, seed: int) -> list[dict[str, str]]:
    """Texts of which half have the words of any label, so that settings make a difference."""
    draw = random.Random(seed)
    found: list[dict[str, str]] = []
    for i in range(count):
        label = list(WORDS)[i % 3]
        said = WORDS[label if draw.random() < 0.5 else draw.choice(list(WORDS))]
        extra = " ".join(draw.choice(FILLERS) for _ in range(3))
        found.append({"text": f"{extra} {said} {i}", "label": label})
    return found


def written(folder: Path, bert: Path, **more: Any) -> Path:
    """A recipe whose encoder trains in a fraction of a second."""
    folder.mkdir(parents=True, exist_ok=True)
    training = {"epochs": 2, "batch": 16, "learning_rate": 1e-3, "sinks": []}
    document: dict[str, Any] = {
        "name": "cards",
        "summary": "A message about a card becomes an intent",
        "task": {"output": "label"},
        "base": {"model": str(bert)},
        "data": {
            "train": {"path": "train.jsonl"},
            "validation": {"path": "validation.jsonl"},
            "test": {"path": "test.jsonl"},
            "near_duplicates": None,
            "leakage": None,
        },
        "ladder": [
            {"kind": "majority"},
            {"kind": "encoder", "training": {**training, "checkpoint_every": 2}},
        ],
        "gate": {"primary": "accuracy", "thresholds": {"accuracy": 0.9}, "min_items": 5},
    }
    for name, count in (("train", 60), ("validation", 45), ("test", 30)):
        files.write_jsonl(folder / f"{name}.jsonl", rows(count, len(name)))
    path = folder / "cards.yaml"
    path.write_text(yaml.safe_dump({**document, **more}, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def bert(tiny_bert: Callable[[Sequence[str]], Path]) -> Path:
    return tiny_bert([" ".join((*WORDS.values(), *FILLERS))])


@pytest.fixture(scope="module")
def whole(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Four trials that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return sweep(written(folder, bert), trials=TRIALS, root=folder / "runs")


@pytest.fixture
def make(tmp_path: Path, bert: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Write a recipe; runs go below the working folder, which is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    return lambda **more: written(tmp_path / "recipe", bert, **more)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page: drawing takes longer than a trial."""
    monkeypatch.setattr(room, "write_page", lambda *_: None)


def told(found: dict[str, Any]) -> list[Any]:
    """What does not depend on the clock."""
    return [(t["state"], t["settings"], t["value"], t["interval"]) for t in found["trials"]]


# -- what is searched ----------------------------------------------------------------------


def test_the_usual_axes_lie_around_the_recipes_own_values(make: Make) -> None:
    recipe = load(make()).recipe
    rung = chosen_rung(recipe, None)
    rate, batch = usual_axes(recipe, rung)
    assert (rate.key, batch.key) == (
        "ladder.1.training.learning_rate",
        "ladder.1.training.batch",
    )
    assert (rate.low, rate.high, rate.log) == (1e-4, 1e-2, True)
    assert batch.choices == (4, 8, 16, 32)
    assert own_settings(recipe, [rate, batch]) == {rate.key: 1e-3, batch.key: 16}
    assert own_settings(recipe, [Axis(rate.key, low=0.1, high=0.2)]) is None


def test_a_language_model_reads_the_recipes_own_sections() -> None:
    recipe = load("request-json", profile="local").recipe
    rung = chosen_rung(recipe, "llm")
    keys = [axis.key for axis in usual_axes(recipe, rung)]
    assert keys == ["training.learning_rate", "training.batch", "adapter.rank"]
    rank = usual_axes(recipe, rung)[2]
    assert {4, 8, 16, 32, 64} <= set(rank.choices) and recipe.adapter.rank in rank.choices


@pytest.mark.parametrize(("rslora", "alpha"), [(False, 128), (True, 64)])
def test_alpha_follows_a_rank_so_that_the_update_keeps_its_scale(rslora: bool, alpha: int) -> None:
    recipe = load("request-json").recipe
    adapter = Adapter(rank=16, alpha=32, rslora=rslora)
    recipe = Recipe.model_validate({**recipe.model_dump(by_alias=True), "adapter": adapter})
    rung = chosen_rung(recipe, "llm")
    assert changes(recipe, rung, {"adapter.rank": 64}) == [
        "adapter.rank=64",
        f"adapter.alpha={alpha}",
    ]
    both = {"adapter.rank": 64, "adapter.alpha": 8}
    assert changes(recipe, rung, both) == ["adapter.rank=64", "adapter.alpha=8"]


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ("ladder.1.training.learning_ratee=1e-4..1e-3", 'Did you mean "learning_rate"'),
        ("nonsense=1,2", 'unknown key "nonsense"'),
        ("ladder.7.training.batch=2,4", "its positions are 0 to 1"),
        ("ladder.1.training.learning_rate=1e-3..1e-4", "LOW is above HIGH"),
        ("ladder.1.training.learning_rate=1e-3..1e-3", "the same"),
        ("ladder.1.training.learning_rate=1e-4..1e-3:lin", '":lin" is not known'),
        ("ladder.1.training.weight_decay=0..0.1:log", "begins above zero"),
        ("ladder.1.training.batch=0,8", "must be at least 1, but is 0"),
        ("ladder.1.training.batch=8", "one value is no choice"),
        ("ladder.1.training.batch=8,8", "one value is no choice"),
        ("ladder.1.training.batch=[8", "cannot be read"),
        ("ladder.1.training.batch", "not of the form KEY=VALUES"),
        ("ladder.1.training.batch=four..8", "must be a whole number"),
        ("ladder.1.training.sinks=[], [tensorboard]", "not a single setting"),
        ("ladder.1.training.seed=1,2", "is luck"),
        ("adapter.rank=4,8", "the rung encoder does not read it"),
        ("training.batch=4,8", "the rung encoder does not read it"),
        ("data.max_tokens=64,128", "could not be compared"),
        ("ladder.1.adapter.rank=0..8", "must be at least 1, but is 0"),
    ],
)
def test_an_axis_that_cannot_be_searched_is_refused(make: Make, over: str, said: str) -> None:
    with pytest.raises(RecipeError) as refused:
        sweep(make(), over=[over])
    assert said in refused.value.cause, refused.value.cause
    assert refused.value.remedy and "--set:" not in refused.value.cause
    assert not Path("runs").exists()


def test_a_setting_may_be_given_once(make: Make) -> None:
    key = "ladder.1.training.batch"
    with pytest.raises(RecipeError, match="is given twice"):
        sweep(make(), over=[f"{key}=4,8", f"{key}=16,32"])


@pytest.mark.parametrize(
    ("rung", "kinds", "said"),
    [
        (None, ["majority", "tfidf"], "are not trained in steps: majority, tfidf"),
        ("majority", ["majority", "encoder"], '"majority" is not trained in steps'),
        ("encodre", ["majority", "encoder"], 'no rung "encodre". Did you mean "encoder"?'),
        ("llm", ["encoder"], 'no rung "llm". Available: encoder'),
    ],
)
def test_a_rung_that_cannot_be_swept_is_refused(
    make: Make, rung: str | None, kinds: list[str], said: str
) -> None:
    path = make(ladder=[{"kind": kind} for kind in kinds])
    with pytest.raises(RecipeError) as refused:
        sweep(path, rung=rung)
    assert said in refused.value.cause


# -- searching -----------------------------------------------------------------------------


def test_it_ends_in_the_best_settings_and_a_page(whole: Sweep) -> None:
    found, folder = whole.found, whole.folder
    assert folder.parent.name == "cards" and folder.name.startswith("sweep-")
    assert files.read_json(folder / "sweep.json") == found
    assert [t["state"] for t in found["trials"]] == ["complete"] * TRIALS
    first = found["trials"][0]
    assert first["own"] and first["settings"]["ladder.1.training.learning_rate"] == 1e-3
    values = [t["value"] for t in found["trials"]]
    assert len(set(values)) > 1, "the settings make no difference"
    assert found["best"]["value"] == max(values)
    assert found["best"]["trial"] == values.index(max(values)) + 1
    low, high = found["best"]["interval"]
    assert low <= found["best"]["value"] <= high
    assert (found["primary"], found["items"]) == ("accuracy", 45)
    assert sum(found["importances"].values()) == pytest.approx(1, abs=1e-3)
    page = whole.report_path.read_text(encoding="utf-8")
    assert "--set" in page and "too good" in page and "45 validation items" in page
    assert "<script" not in page and "http://" not in page
    assert page.count('<figure class="card"') == 3
    assert (whole.report_path.parent / "sweep-importance.png").read_bytes()[:4] == b"\x89PNG"
    left = {p.name for p in folder.glob("trials/*/rungs/encoder/*")}
    assert left == {"metrics.jsonl", "result.json", "validation.json"}


def test_the_command_trains_the_best_settings_to_the_same_answers(
    whole: Sweep, tmp_path: Path
) -> None:
    best = whole.found["best"]
    words = best["command"]
    assert words[:2] == ["assay", "train"] and set(words[3::2]) == {"--set"}
    loaded = load(words[2], overrides=words[4::2])
    trained = loaded.recipe.ladder[1].training
    assert trained is not None
    assert trained.batch == best["settings"]["ladder.1.training.batch"]
    done = run.train(loaded, folder=tmp_path / "run", all_rungs=True)
    assert done.ladder[1]["validation"]["accuracy"] == pytest.approx(best["value"], abs=1e-6)


@pytest.mark.usefixtures("undrawn")
def test_no_test_answer_changes_anything(
    whole: Sweep, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other answers in the test split give the same sweep; nothing is predicted for its items."""
    asked: list[str] = []
    own = ladder.answer

    def spy(name: str, rung: Any, examples: Any, progress: Any) -> Any:
        asked.extend(example.text for example in examples)
        return own(name, rung, examples, progress)

    monkeypatch.setattr(ladder, "answer", spy)
    path = make()
    test = path.parent / "test.jsonl"
    texts = {row["text"] for row in files.read_jsonl(test)}
    files.write_jsonl(test, [{"text": text, "label": "card"} for text in sorted(texts)])
    other = sweep(path, trials=2)
    assert told(other.found) == told(whole.found)[:2]
    validation = {row["text"] for row in files.read_jsonl(path.parent / "validation.jsonl")}
    assert set(asked) == validation and not texts & set(asked)
    assert not list(other.folder.rglob("test.jsonl"))


@pytest.mark.usefixtures("undrawn")
def test_what_is_done_is_kept_and_more_trials_follow(
    whole: Sweep, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make()
    sweep(path, trials=2)
    fitted: list[Any] = []
    own = room.climb_rung

    def counting(climb: Any, settings: Any, below: Any) -> Any:
        fitted.append(climb.folder.name)
        return own(climb, settings, below)

    monkeypatch.setattr(room, "climb_rung", counting)
    more = sweep(path, trials=TRIALS)
    assert fitted == ["0002", "0003"]
    assert told(more.found) == told(whole.found)
    assert told(sweep(path, trials=1).found) == told(whole.found)
    assert fitted == ["0002", "0003"]


@pytest.mark.usefixtures("undrawn")
def test_an_interrupted_trial_goes_on_with_its_settings(
    whole: Sweep, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, own = make(), room.climb_rung

    def interrupted(climb: Any, settings: Any, below: Any) -> Any:
        if climb.folder.name == "0001":
            raise Interrupted("SIGTERM", "again")
        return own(climb, settings, below)

    for _ in range(room.DEATHS + 1):  # asked to stop is no death, however often
        with monkeypatch.context() as patch:
            patch.setattr(room, "climb_rung", interrupted)
            with pytest.raises(Interrupted):
                sweep(path, trials=2)
    assert told(sweep(path, trials=2).found) == told(whole.found)[:2]


@pytest.mark.usefixtures("undrawn")
def test_a_killed_sweep_goes_on(whole: Sweep, make: Make) -> None:
    """SIGKILL in the middle of a training: the same trials and values as if nothing had been."""
    path = make()
    code = f"from assay.launch.sweep import sweep; sweep({str(path)!r}, trials={TRIALS})"
    env = {**os.environ, "PYTHONPATH": str(Path(room.__file__).resolve().parents[2])}
    child = subprocess.Popen([sys.executable, "-c", code], env=env, stderr=subprocess.PIPE)
    until = time.monotonic() + 120
    while not list(Path("runs").glob("cards/*/trials/0001/rungs/encoder/checkpoints/*")):
        assert child.poll() is None and time.monotonic() < until, child.communicate()
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    (folder,) = Path("runs/cards").iterdir()
    assert not (folder / "sweep.json").exists()
    resumed = sweep(path, trials=TRIALS)
    assert resumed.folder == folder
    assert told(resumed.found) == told(whole.found)


def test_adapters_of_a_language_model_are_each_their_own(
    make: Make, tiny_folder: Path, tmp_path: Path
) -> None:
    """A later trial is what the same settings train alone: no adapter is left on the base."""
    path = make(
        base={"model": str(tiny_folder), "precision": "fp32"},
        ladder=[{"kind": "llm"}],
        training={"max_steps": 4, "batch": 8, "learning_rate": 1e-2, "sinks": []},
        adapter={"rank": 4, "alpha": 8},
    )
    over = ["adapter.rank=2,8", "training.learning_rate=1e-3..5e-2:log"]
    done = sweep(path, trials=3, over=over, limit=24)
    assert not done.found["trials"][0]["own"], "the recipe's rank is not among those"
    later = done.found["trials"][2]
    sets = [f"{key}={value}" for key, value in later["settings"].items()]
    rank = later["settings"]["adapter.rank"]
    loaded = load(path, overrides=[*limits(24), *sets, f"adapter.alpha={2 * rank}"])
    alone = run.train(loaded, folder=tmp_path / "run").ladder[0]
    assert alone["validation"]["accuracy"] == pytest.approx(later["value"], abs=1e-6)
    rows = [
        files.read_jsonl(folder / "rungs" / "llm" / "metrics.jsonl")
        for folder in (done.folder / "trials" / "0002", tmp_path / "run")
    ]
    losses = [[row["loss"] for row in each if "loss" in row] for each in rows]
    assert losses[0] == losses[1] and len(losses[0]) == 4


# -- what goes wrong -----------------------------------------------------------------------


def test_a_failed_trial_is_written_down_and_the_sweep_goes_on(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = room.climb_rung
    faults: dict[str, Exception] = {
        "0001": TrainingError("step 3: loss nan: not a finite number", "Lower it."),
        "0002": RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
    }

    def failing(climb: Any, settings: Any, below: Any) -> Any:
        if fault := faults.get(climb.folder.name):
            raise fault
        return own(climb, settings, below)

    monkeypatch.setattr(room, "climb_rung", failing)
    done = sweep(make(), trials=3)
    states = [t["state"] for t in done.found["trials"]]
    assert states == ["complete", "failed", "failed"]
    reasons = [t["reason"] for t in done.found["trials"]]
    assert "not a finite number" in reasons[1] and "CUDA out of memory" in reasons[2]
    assert done.found["importances"] == {}
    assert "1 complete trial, it takes 4" in done.found["no_importances"]
    page = done.report_path.read_text(encoding="utf-8")
    assert "cannot be computed: 1 complete trial, it takes 4" in page and "CUDA" in page


def test_when_every_trial_fails_it_says_why(make: Make) -> None:
    path = make()
    with pytest.raises(TrainingError) as failed:
        sweep(path, trials=2, over=["ladder.1.training.learning_rate=1e30..1e36:log"])
    assert "all 2 trials failed" in failed.value.cause
    assert "not a finite number" in failed.value.cause
    (folder,) = Path("runs/cards").iterdir()
    assert files.read_json(folder / "sweep.json")["best"] is None
    assert "Every trial failed" in (folder / "report/index.html").read_text(encoding="utf-8")


def test_any_other_fault_is_not_taken_for_a_trials(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a fault in the program")

    monkeypatch.setattr(room, "climb_rung", broken)
    with pytest.raises(RuntimeError, match="a fault in the program"):
        sweep(make(), trials=2)


@pytest.mark.usefixtures("undrawn")
def test_settings_that_were_tried_are_not_trained_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[str] = []
    own = room.climb_rung

    def counting(climb: Any, settings: Any, below: Any) -> Any:
        fitted.append(climb.folder.name)
        return own(climb, settings, below)

    monkeypatch.setattr(room, "climb_rung", counting)
    found = sweep(make(), trials=5, over=["ladder.1.training.batch=16,32"]).found
    assert len(fitted) == 2
    repeated = [t for t in found["trials"] if t["repeats"]]
    assert len(repeated) == 3
    for trial in repeated:
        first = found["trials"][trial["repeats"] - 1]
        assert (trial["value"], trial["settings"]) == (first["value"], first["settings"])
    assert found["no_importances"] == "only one setting was searched"


@pytest.mark.usefixtures("undrawn")
def test_a_trial_in_which_the_process_dies_again_and_again_is_given_up(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, own = make(), room.climb_rung

    class Killed(BaseException):
        """As if the system had ended the process."""

    def dying(climb: Any, settings: Any, below: Any) -> Any:
        if climb.folder.name == "0000":
            raise Killed
        return own(climb, settings, below)

    monkeypatch.setattr(room, "climb_rung", dying)
    for _ in range(room.DEATHS):
        with pytest.raises(Killed):
            sweep(path, trials=2)
    done = sweep(path, trials=2)
    assert [t["state"] for t in done.found["trials"]] == ["failed", "complete"]
    assert "the process died in it 3 times" in done.found["trials"][0]["reason"]
    assert done.found["gain"] is None


@pytest.mark.usefixtures("undrawn")
def test_no_trial_is_begun_when_the_time_is_over_but_one_always_is(make: Make) -> None:
    assert len(sweep(make(), trials=9, minutes=0.0).found["trials"]) == 1


@pytest.mark.usefixtures("undrawn")
def test_a_folder_holds_one_sweep(make: Make) -> None:
    path, folder = make(), Path("here")
    sweep(path, trials=1, folder=folder)
    with pytest.raises(DataError, match="another recipe"):
        sweep(path, trials=1, folder=folder, overrides=["ladder.1.training.epochs=3"])
    with pytest.raises(DataError, match="another seed"):
        sweep(path, trials=1, folder=folder, seed=1)
    with pytest.raises(DataError, match="other axes"):
        sweep(path, trials=1, folder=folder, over=["ladder.1.training.batch=4,8"])
    with (path.parent / "validation.jsonl").open("a") as handle:
        handle.write(json.dumps({"text": "one more card", "label": "card"}) + "\n")
    with pytest.raises(DataError, match=r"data\.validation has changed") as changed:
        sweep(path, trials=2, folder=folder)
    assert "move here elsewhere" in changed.value.remedy
    Path("theirs").mkdir()
    Path("theirs/letter.txt").write_text("dear")
    with pytest.raises(DataError, match=r"no sweep's folder \(holds letter\.txt\)"):
        sweep(path, trials=1, folder=Path("theirs"))
    with pytest.raises(DataError, match="is a file"):
        sweep(path, trials=1, folder=Path("theirs/letter.txt"))


@pytest.mark.usefixtures("undrawn")
def test_two_sweeps_do_not_share_a_folder(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path, own = make(), room.climb_rung
    refused: list[str] = []

    def meeting(climb: Any, settings: Any, below: Any) -> Any:
        with pytest.raises(DataError) as error:
            sweep(path, trials=1)
        refused.append(error.value.cause)
        return own(climb, settings, below)

    monkeypatch.setattr(room, "climb_rung", meeting)
    sweep(path, trials=1)
    assert len(refused) == 1 and "another `assay sweep` is at work there" in refused[0]


@pytest.mark.usefixtures("undrawn")
def test_a_damaged_study_is_told(make: Make) -> None:
    path = make()
    done = sweep(path, trials=1)
    (done.folder / "study.db").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(DataError, match=r"study\.db: is not a study that can be read"):
        sweep(path, trials=2)


def test_a_base_that_is_not_there_is_no_trials_fault(make: Make) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        sweep(make(base={"model": "./nowhere"}), trials=2)
    with pytest.raises(ModelError, match="elsewhere"):
        sweep(make(), trials=2, over=["base.model=./elsewhere,./nowhere"])
    assert not list(Path("runs").rglob("study.db"))


def test_it_says_which_extra_is_missing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(DependencyError) as missing:
        sweep(make())
    assert missing.value.remedy == 'pip install "assay[sweep]"'


def test_it_is_one_process(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="one process"):
        sweep(make())


# -- the study and the pictures ------------------------------------------------------------


def test_a_study_keeps_what_it_was_given_wherever_it_lies(tmp_path: Path) -> None:
    odd = tmp_path / "a %41 ? # folder"
    odd.mkdir()
    axes = [Axis("x", low=0.0, high=1.0), Axis("k", choices=("a", None, True, 2))]
    first = {"x": 0.123456, "k": None}

    def opened() -> Study:
        return Study(odd / "study.db", axes, 0, first)

    study = opened()
    assert study.next().settings == first
    study.close()
    study = opened()
    again = study.next()
    assert (again.number, again.settings, again.state) == (0, first, "running")
    study.complete(0, 0.5)
    for number in range(1, 8):
        trial = study.next()
        assert trial.number == number
        assert trial.settings["x"] == float(f"{trial.settings['x']:.3g}")
        if number == 3:
            study.fail(number, "no")
        else:
            study.complete(number, trial.settings["x"])
    assert [t.state for t in study.trials()].count("failed") == 1
    shares, why = study.importances()
    assert why == "" and shares["x"] > shares["k"]
    study.close()
    assert [p.name for p in odd.iterdir()] == ["study.db"] and len(list(tmp_path.iterdir())) == 1


def test_a_seed_gives_the_same_trials_and_another_seed_others(tmp_path: Path) -> None:
    axes = [Axis("x", low=1e-5, high=1.0, log=True), Axis("k", choices=(1, 2, 3))]
    proposed: list[list[Any]] = []
    for number, seed in enumerate((1, 1, 2)):
        study = Study(tmp_path / f"{number}.db", axes, seed, None)
        for _ in range(12):  # ten at random, then two that follow from them
            trial = study.next()
            study.complete(trial.number, trial.settings["k"] - trial.settings["x"])
        proposed.append([trial.settings for trial in study.trials()])
        study.close()
    assert proposed[0] == proposed[1] != proposed[2]


@pytest.mark.parametrize(
    ("axes", "values", "why"),
    [
        ([Axis("x", low=0.0, high=1.0)], [1, 2, 3, 4, 5], "only one setting"),
        ([Axis("x", low=0.0, high=1.0), Axis("k", choices=(1, 2))], [1, 1, 1, 1], "the same value"),
        (
            [Axis("x", low=0.0, high=1.0), Axis("k", choices=(1, 2))],
            [1, 2, 3],
            "3 complete trials, it takes 4",
        ),
    ],
)
def test_there_is_no_importance_where_none_can_be_had(
    tmp_path: Path, axes: list[Axis], values: list[float], why: str
) -> None:
    study = Study(tmp_path / "study.db", axes, 0, None)
    for value in values:
        study.complete(study.next().number, value)
    shares, said = study.importances()
    study.close()
    assert shares == {} and why in said


def test_pictures_of_many_kinds_of_settings(tmp_path: Path) -> None:
    axes = [
        Axis("training.batch", choices=(1, True, "1", None)),
        Axis("adapter.rank", low=4, high=64, log=True, whole=True),
        Axis("a.dropout", low=0.0, high=0.5),
        Axis("b.dropout", low=0.0, high=0.5),
    ]
    trials: list[dict[str, Any]] = [
        {
            "trial": n + 1,
            "state": "complete",
            "settings": dict(
                zip([a.key for a in axes], (choice, 8, 0.1, 0.2 * n / 5), strict=True)
            ),
            "value": value,
            "interval": [value - 0.05, value + 0.05],
            "own": n == 0,
            **dict.fromkeys(("passes", "steps", "best_step", "seconds", "reason", "repeats")),
        }
        for n, (choice, value) in enumerate(
            zip((1, True, "1", None, 1), (0.7, 0.71, 0.72, 0.1, 0.7), strict=True)
        )
    ]
    found: dict[str, Any] = {
        "name": "<b>cards</b>", "profile": None, "rung": "llm", "primary": "accuracy",
        "confidence": 0.95, "items": 100, "train_items": 10, "limit": 10, "seed": 0,
        "axes": [axis.as_json() for axis in axes], "trials": trials, "optimistic": "too good",
        "best": {**trials[2], "command": ["assay", "train", "a b.yaml"]}, "gain": None,
        "importances": {axis.key: 0.25 for axis in axes}, "no_importances": "",
    }  # fmt: skip
    for draw in (history_chart, importance_chart, axes_chart):
        assert draw(found) is not None
        assert draw({**found, "trials": [], "importances": {}}) is None
    page = write_page(tmp_path, found).read_text(encoding="utf-8")
    assert "<b>cards" not in page and "assay train &#39;a b.yaml&#39;" in page
    assert "0.100" in page and "b.dropout" in page and "mathdefault" not in page
