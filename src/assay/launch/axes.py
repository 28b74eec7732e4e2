"""The settings that a sweep searches: those it takes by itself, and those of ``--over``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assay.errors import RecipeError, did_you_mean
from assay.evaluation.ladder import ordered
from assay.recipe.fields import leaves
from assay.recipe.load import load
from assay.recipe.schema import Adapter, Recipe, Rung, RungKind
from assay.recipe.tree import Scalar, dotted, plain
from assay.recipe.yaml_lines import inline, parse

TRAINED: tuple[RungKind, ...] = ("encoder", "llm")  # rungs that are trained in steps
RANKS = (4, 8, 16, 32, 64)
RATE_SPAN = 10.0  # the learning rate is searched from a tenth to ten times the recipe's
FORM = "--over KEY=LOW..HIGH, KEY=LOW..HIGH:log or KEY=ONE,ANOTHER"
_RANGE = re.compile(r"\s*([-+.0-9eE]*[0-9.])\.\.([-+.0-9eE]+)\s*(?::\s*(\w*)\s*)?")


@dataclass(frozen=True)
class Axis:
    """One setting and the values it may take: ``choices``, or all from ``low`` to ``high``."""

    key: str
    choices: tuple[Scalar, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    def holds(self, value: Any) -> bool:
        """Whether the recipe's own value is one of them."""
        if self.choices:
            return any(type(c) is type(value) and c == value for c in self.choices)
        return isinstance(value, int | float) and self.low <= value <= self.high

    def settled(self, value: Any) -> Any:
        """The value a trial is given: of numbers with a fraction, three figures inside the range."""
        if self.choices or self.whole:
            return value
        return min(max(float(f"{value:.3g}"), self.low), self.high)

    def as_json(self) -> dict[str, Any]:
        """What is written down of it."""
        kept: dict[str, Any] = {**asdict(self), "choices": list(self.choices)}
        gone = ("low", "high", "log", "whole") if self.choices else ("choices",)
        return {name: value for name, value in kept.items() if name not in gone}

    def __str__(self) -> str:
        if self.choices:
            return f"{self.key} in {', '.join(told(value) for value in self.choices)}"
        return f"{self.key} from {told(self.low)} to {told(self.high)}{' (log)' * self.log}"


def told(value: Any) -> str:
    """A setting's value as a command line takes it."""
    return repr(value) if isinstance(value, float) else inline(value)


def chosen_rung(recipe: Recipe, name: str | None) -> Rung:
    """The rung of that kind, or the cheapest that is trained.

    Raises ``RecipeError`` when the ladder has none such.
    """
    kinds = [rung.kind for rung in ordered(recipe)]
    trained = [rung for rung in ordered(recipe) if rung.kind in TRAINED]
    if name is not None and name not in kinds:
        raise RecipeError(
            f'--rung: the ladder of {recipe.name} has no rung "{name}".{did_you_mean(name, kinds)}',
            f"Its rungs: {', '.join(kinds)}.",
        )
    found = next((rung for rung in trained if name in (None, rung.kind)), None)
    if found is None:
        which = f'the rung "{name}" is' if name else f"the rungs of {recipe.name} are"
        theirs = "" if name else f": {', '.join(kinds)}"
        can = f"Its trained rungs: {', '.join(r.kind for r in trained)}." if trained else ""
        raise RecipeError(
            f"{which} not trained in steps{theirs}: there is no setting to search",
            can or f"A ladder with one of {', '.join(TRAINED)} can be searched.",
        )
    return found


def reads(recipe: Recipe, rung: Rung) -> dict[str, str]:
    """Where the rung's settings stand: the key of its adapter, training and base."""
    own = f"ladder.{recipe.ladder.index(rung)}."
    adapter = "adapter" if rung.kind == "llm" else f"{own}adapter"
    return {
        "adapter": adapter,
        "training": f"{own}training" if rung.training else "training",
        "base": f"{own}base" if rung.base else "base",
    }


def own_adapter(recipe: Recipe, rung: Rung) -> Adapter | None:
    """The adapter that the rung trains; None where every weight is trained."""
    return recipe.adapter if rung.kind == "llm" else rung.adapter


def usual_axes(recipe: Recipe, rung: Rung) -> list[Axis]:
    """Learning rate, batch, and rank where there is an adapter, around the recipe's own values."""
    keys = reads(recipe, rung)
    training = rung.training or recipe.training
    rate, batch = training.learning_rate, training.batch
    low, high = (float(f"{rate * by:.3g}") for by in (1 / RATE_SPAN, RATE_SPAN))
    batches = sorted({max(1, batch // 4), max(1, batch // 2), batch, 2 * batch})
    axes = [
        Axis(f"{keys['training']}.learning_rate", low=low, high=high, log=True),
        Axis(f"{keys['training']}.batch", choices=tuple(batches)),
    ]
    adapter = own_adapter(recipe, rung)
    if adapter is not None:
        ranks = tuple(sorted({*RANKS, adapter.rank}))
        axes.append(Axis(f"{keys['adapter']}.rank", choices=ranks))
    return axes


def axes_over(
    path: Path, profile: str | None, overrides: Sequence[str], rung: Rung, over: Sequence[str]
) -> list[Axis]:
    """The axes that ``--over`` asks for.

    Every value at the ends of a range, and every choice, is put into the recipe once: raises
    ``RecipeError`` with what the schema says of it, and for an axis that the rung does not read.
    """
    recipe = load(path, profile=profile, overrides=overrides).recipe
    axes: list[Axis] = []
    for wish in over:
        key, equals, text = (part.strip() for part in wish.partition("="))
        if not equals or not key or not text:
            raise RecipeError(f'--over: "{wish}" is not of the form KEY=VALUES', f"Give {FORM}.")
        if any(axis.key == key for axis in axes):
            raise RecipeError(f"--over {key}: is given twice", "Put its values into one --over.")
        values = _values(wish, text)
        found = [_taken(path, profile, overrides, key, value) for value in values]
        _require_read(recipe, rung, key)
        axes.append(_axis(wish, key, text, found))
    return axes


def _values(wish: str, text: str) -> list[str]:
    """The ends of a range, or the choices, as YAML."""
    match = _RANGE.fullmatch(text)
    if match is not None:
        if match[3] not in (None, "log"):
            raise RecipeError(f'--over "{wish}": ":{match[3]}" is not known', f"Give {FORM}.")
        return [match[1], match[2]]
    parsed = parse(f"[{text}]", "--over")
    values = plain(parsed.root) if parsed.root is not None and not parsed.faults else None
    if not isinstance(values, list) or not values:
        raise RecipeError(f'--over "{wish}": the values cannot be read', f"Give {FORM}.")
    return [json.dumps(value, ensure_ascii=False) for value in values]


def _taken(
    path: Path, profile: str | None, overrides: Sequence[str], key: str, value: str
) -> Scalar:
    """What the recipe makes of a value; raises ``RecipeError`` for one it does not take."""
    try:
        recipe = load(path, profile=profile, overrides=[*overrides, f"{key}={value}"]).recipe
    except RecipeError as error:
        raise RecipeError(error.cause.replace("--set:", "--over:"), error.remedy) from error
    known = {dotted(leaf.keys): leaf.value for leaf in leaves(recipe)}
    taken = known.get(key)
    if key not in known or isinstance(taken, dict | list):
        raise RecipeError(
            f"--over: {key} is not a single setting, so it cannot be searched",
            f"Name a setting that is one number, word or switch; see: assay explain {path}",
        )
    return taken


def _require_read(recipe: Recipe, rung: Rung, key: str) -> None:
    section, _, name = key.rpartition(".")
    there = reads(recipe, rung)
    if section not in there.values():
        listed = ", ".join(f"{place}.…" for place in there.values())
        moved = key.startswith(("adapter.", "training.", "base.", "ladder."))
        why = (
            f"the rung {rung.kind} does not read it"
            if moved
            else "it changes the items or how they are judged, and trials could not be compared"
        )
        raise RecipeError(f"--over: {key}: {why}", f"A sweep of {rung.kind} can search: {listed}")
    if name == "seed":
        raise RecipeError(
            f"--over: {key}: the best of several seeds is luck, not a setting",
            "Train with other seeds to see how far results spread.",
        )


def _axis(wish: str, key: str, text: str, found: Sequence[Any]) -> Axis:
    match = _RANGE.fullmatch(text)
    if match is None:
        distinct = list(dict.fromkeys((type(value), value) for value in found))
        if len(distinct) < 2:
            raise RecipeError(
                f'--over "{wish}": one value is no choice',
                f"Use --set {key}={text}, or give several: {FORM}.",
            )
        return Axis(key, choices=tuple(value for _, value in distinct))
    low, high = found
    if isinstance(low, bool | str) or low is None:
        raise RecipeError(f'--over "{wish}": {key} is no number', "List its values: KEY=ONE,OTHER.")
    if not low < high:
        problem = "LOW is above HIGH" if low > high else "LOW and HIGH are the same"
        raise RecipeError(f'--over "{wish}": {problem}', f"Give {FORM}.")
    log = match[3] == "log"
    if log and low <= 0:
        raise RecipeError(
            f'--over "{wish}": a logarithmic range begins above zero',
            "Raise LOW, or leave :log out.",
        )
    whole = isinstance(low, int) and isinstance(high, int)
    return Axis(key, low=low, high=high, log=log, whole=whole)


def changes(recipe: Recipe, rung: Rung, settings: dict[str, Any]) -> list[str]:
    """``--set`` for a trial's settings.

    Where a rank is searched and alpha is not, alpha follows, so that the update keeps its scale
    (alpha / rank; with rsLoRA alpha / sqrt(rank)) and the rank alone is compared.
    """
    found = [f"{key}={told(value)}" for key, value in settings.items()]
    place = reads(recipe, rung)["adapter"]
    rank = settings.get(f"{place}.rank")
    if rank is not None and f"{place}.alpha" not in settings:
        own = own_adapter(recipe, rung) or Adapter()
        by = math.sqrt(rank / own.rank) if own.rslora else rank / own.rank
        found.append(f"{place}.alpha={max(1, round(own.alpha * by))}")
    return found


def own_settings(recipe: Recipe, axes: Sequence[Axis]) -> dict[str, Any] | None:
    """The recipe's own values on the axes; None if one of them is not in the search."""
    known = {dotted(leaf.keys): leaf.value for leaf in leaves(recipe)}
    if all(axis.key in known and axis.holds(known[axis.key]) for axis in axes):
        return {axis.key: known[axis.key] for axis in axes}
    return None
