"""``assay data inspect``: the label X-ray, what the model sees and which tokens it learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assay import files
from assay.cli import options
from assay.cli.console import emit, line, progress_for, stdout
from assay.errors import RecipeError

if TYPE_CHECKING:
    from assay.data.inspect import XRay
    from assay.data.records import Splits
    from assay.observability.progress import Progress
    from assay.recipe.load import Loaded

NAME, PANEL = "data", "Recipes"
EXTREMES = 3  # of the class balance: the commonest and the rarest
app = typer.Typer(help="Look at data before training on it.", no_args_is_help=True)


@dataclass(frozen=True)
class Look:
    """The training examples as an llm rung gets them, and through which base and template."""

    base: str
    template: str
    xray: XRay

    @property
    def about(self) -> str:
        """One line that says whose tokens these are."""
        return f"As tokens of {self.base}, template {self.template}"


@app.command("inspect")
def inspect(
    recipe: options.Recipe,
    profile: options.Profile = None,
    set_: options.Set = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Examples to draw.")] = 3,
    html: Annotated[Path | None, typer.Option("--html", help="Also write it as a page.")] = None,
    as_json: options.Json = False,
) -> None:
    """Prepare a recipe's data and show what becomes of it, down to every trained token."""
    from assay.data.inspect import named, to_html, to_rich
    from assay.data.passages import judged
    from assay.data.prepare import prepare
    from assay.recipe.load import load

    loaded = load(recipe, profile=profile, overrides=set_ or ())
    name = loaded.recipe.name
    entities = loaded.recipe.task.output == "entities"
    if html and not entities and not any(rung.kind == "llm" for rung in loaded.recipe.ladder):
        raise RecipeError(
            f"{name}: --html draws tokens, and no rung of its ladder reads any",
            "Leave --html out, or add `kind: llm` to the ladder.",
        )
    progress = progress_for(as_json)
    splits = prepare(loaded.recipe, loaded.path.parent, progress)
    look = look_through(loaded, splits, rows, progress)
    found = named(splits.train, rows) if entities else None
    answered = judged(splits, rows) if splits.corpus else None
    if html:
        xray, about = (look.xray, f"{look.about}.") if look else (None, "What the rows name.")
        files.write_text(html, to_html(xray, f"{name}: label X-ray", about, found))
    if as_json:
        shown = (
            {"base": look.base, "template": look.template, **look.xray.as_json()} if look else None
        )
        counts = {"entities": found.counts} if found else {}
        counts |= {"queries": answered} if answered else {}
        emit({"report": splits.report, "labels": list(splits.labels), "xray": shown, **counts})
        return
    console = stdout()
    line(console, f"{name}, profile {loaded.profile or 'none'}", style="bold")
    _draw_splits(console, splits)
    if found:
        line(console, f"  entities in train: {_few(list(found.counts.items()))}")
        console.print(found)
    if answered:
        _draw_ranking(console, splits.report["corpus"], answered)
    if look is None:
        line(console, "\nNo llm rung: the ladder reads the bare text, not tokens of a prompt.")
    else:
        line(console, f"\n{look.about}:", style="bold")
        console.print(to_rich(look.xray))
    if html:
        line(console, f"\nwrote {html}", style="green")


def look_through(loaded: Loaded, splits: Splits, rows: int, progress: Progress) -> Look | None:
    """What the llm rung would train on; ``None`` where the ladder has no such rung.

    Raises ``DataError`` when the template is wrong, or no token would be trained.
    """
    recipe = loaded.recipe
    rung = next((rung for rung in recipe.ladder if rung.kind == "llm"), None)
    if rung is None:
        return None
    from assay.data.inspect import xray
    from assay.data.prompts import encode_training_batch, fit_split, template_for
    from assay.models.load import load_tokenizer
    from assay.models.store import resolve

    ref = resolve(rung.base or recipe.base, progress)
    tokenizer = load_tokenizer(ref)
    template = template_for(recipe.task, tokenizer)
    encoded = encode_training_batch(template, tokenizer, splits.train, progress)
    kept, counts = fit_split(recipe.data, encoded)
    seen = xray(kept, tokenizer, rows, terminator=template.terminator, counts=counts)
    return Look(ref.name, template.name, seen)


def _draw_splits(console: Console, splits: Splits) -> None:
    report = splits.report
    columns = ("split", "read", "distinct inputs", "kept", "dropped, why", "digest")
    table = Table(*columns, header_style="bold", box=None)
    for name, kept in report["rows"].items():
        dropped: dict[str, int] = report["dropped"].get(name, {})
        why = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items()) or "none"
        read = report["rows_read"].get(name)
        shown = f"{read:,}" if read is not None else "cut from train"
        distinct = report["distinct_read"].get(name)
        told = f"{distinct:,} ({distinct / read:.1%})" if read else ""
        digest = report["digests"][name][:12]
        table.add_row(Text(name, style="cyan"), shown, told, f"{kept:,}", why, digest)
    console.print(table)
    made = {source.get("generated") for source in report["sources"].values()} - {None}
    for by in sorted(made):
        line(console, f"  generated {by}: nobody wrote these rows", style="yellow")
    ranked = list(report["balance"]["train"].items())
    if len(ranked) > 1:  # else no column tells rows apart
        told = f"{len(ranked)} classes or slices in train; commonest {_few(ranked[:EXTREMES])}"
        line(console, f"  {told}")
    if len(ranked) > EXTREMES:
        line(console, f"  rarest {_few(ranked[-EXTREMES:])}")


def _draw_ranking(
    console: Console, about: dict[str, Any], queries: Sequence[dict[str, Any]]
) -> None:
    """The corpus in figures, and some queries with the passages that answer them."""
    told = about["relevant_per_query"]
    grades = ", ".join(f"{grade} ({count:,})" for grade, count in about["grades"].items())
    line(
        console,
        f"  corpus: {about['passages']:,} passages, {about['relevant_to_a_query']:,} of them relevant to"
        f" a query; to each {told['least']} to {told['most']}, median {told['median']}",
    )
    line(console, f"  grades, best first: {grades}")
    for query in queries:
        line(console, f"\n{query['id']}  {query['text']}", style="bold")
        for passage in query["relevant"]:
            text = f"  {passage['grade']:g}  {passage['id']}  {passage['text']}"
            console.print(Text(text), no_wrap=True, overflow="ellipsis")


def _few(counted: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counted)
