"""``assay data inspect``: the label X-ray, what the model sees and which tokens it learns."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assay import files
from assay.cli import options
from assay.cli.console import PLAIN_WIDTH, emit, line, progress_for, stdout

if TYPE_CHECKING:
    from assay.data.prompts import Encoded
    from assay.data.records import Splits
    from assay.observability.progress import Progress
    from assay.recipe.load import Loaded

NAME, PANEL = "data", "Recipes"
EXTREMES = 3  # of the class balance: the commonest and the rarest
TRAINED, READ, ENDING = "bold black on green", "dim", "bold black on yellow"
app = typer.Typer(help="Look at data before training on it.", no_args_is_help=True)


@dataclass(frozen=True)
class XRay:
    """The training examples as an llm rung gets them: tokens, which are trained, the counts."""

    base: str
    template: str
    counts: dict[str, Any]  # of ``assay.data.prompts.fit``
    terminated: int  # kept examples whose last trained token ends the answer
    rows: list[list[tuple[str, bool]]]  # text and "trained" of every token


@app.command("inspect")
def inspect(
    recipe: options.Recipe,
    profile: options.Profile = None,
    set_: options.Set = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Examples to draw.")] = 3,
    html: Annotated[Path | None, typer.Option("--html", help="Also write it as HTML.")] = None,
    as_json: options.Json = False,
) -> None:
    """Prepare a recipe's data and show what becomes of it, down to every trained token."""
    from assay.data.prepare import prepare
    from assay.recipe.load import load

    loaded = load(recipe, profile=profile, overrides=set_ or ())
    progress = progress_for(as_json)
    splits = prepare(loaded.recipe, loaded.path.parent, progress)
    xray = x_ray(loaded, splits, rows, progress)
    if html:
        page = Console(record=True, file=io.StringIO(), width=PLAIN_WIDTH)
        _draw(page, loaded, splits, xray)
        files.write_text(html, page.export_html())
    if as_json:
        emit({"report": splits.report, "labels": list(splits.labels), "xray": _json(xray)})
        return
    _draw(stdout(), loaded, splits, xray)
    if html:
        line(stdout(), f"\nwrote {html}", style="green")


def x_ray(loaded: Loaded, splits: Splits, rows: int, progress: Progress) -> XRay | None:
    """What the llm rung would train on; ``None`` where the ladder has no such rung.

    Raises ``DataError`` when the template is wrong, or no token would be trained.
    """
    recipe = loaded.recipe
    rung = next((rung for rung in recipe.ladder if rung.kind == "llm"), None)
    if rung is None:
        return None
    from transformers import AutoTokenizer

    from assay.data.prompts import encode_training_batch, fit, template_for
    from assay.models.store import resolve

    ref = resolve(rung.base or recipe.base, progress)
    tokenizer: Any = AutoTokenizer.from_pretrained(ref.path, local_files_only=True)
    template = template_for(recipe.task, tokenizer)
    encoded = encode_training_batch(template, tokenizer, splits.train, progress)
    kept, counts = fit(encoded, recipe.data.max_tokens, recipe.data.overflow)
    end: int = tokenizer.convert_tokens_to_ids(template.terminator)
    return XRay(
        base=ref.name,
        template=template.name,
        counts=counts,
        terminated=sum(_last_trained(item) == end for item in kept),
        rows=[
            [
                (str(tokenizer.decode([token])), trained)
                for token, trained in zip(item.tokens, item.trained, strict=True)
            ]
            for item in kept[:rows]
        ],
    )


def _last_trained(item: Encoded) -> int | None:
    pairs = zip(reversed(item.tokens), reversed(item.trained), strict=True)
    return next((token for token, trained in pairs if trained), None)


def _json(xray: XRay | None) -> dict[str, Any] | None:
    if xray is None:
        return None
    examples = [[{"text": text, "trained": trained} for text, trained in row] for row in xray.rows]
    head = {"base": xray.base, "template": xray.template, "terminated": xray.terminated}
    return {**head, **xray.counts, "examples": examples}


def _draw(console: Console, loaded: Loaded, splits: Splits, xray: XRay | None) -> None:
    line(console, f"{loaded.recipe.name}, profile {loaded.profile or 'none'}", style="bold")
    _draw_splits(console, splits)
    if xray is None:
        line(
            console, "\nNo llm rung: the ladder's rungs see the bare text, not tokens of a prompt."
        )
        return
    counts, kept = xray.counts, xray.counts["kept"]
    line(console, f"\nAs tokens of {xray.base}, template {xray.template}:", style="bold")
    share = f"{counts['supervised_tokens']:,} of {counts['tokens']:,} tokens are trained"
    line(console, f"  {share} ({counts['supervised_share']:.1%})")
    ended = xray.terminated == kept
    told = f"  {xray.terminated:,} of {kept:,} examples end with a trained terminator"
    line(console, told, style="" if ended else "red")
    lost = counts["truncated"] + counts["dropped"]
    told = f"  {counts['truncated']:,} truncated, {counts['dropped']:,} dropped as too long"
    line(console, told, style="yellow" if lost else "")
    plain = console.color_system is None and not console.record
    legend = Text("  «trained»" if plain else "  ")
    if not plain:
        legend.append("trained", TRAINED).append(" ").append("ends the answer", ENDING)
    console.print(legend)
    for row in xray.rows:
        console.print()
        console.print(marked(row) if plain else coloured(row))


def marked(tokens: Sequence[tuple[str, bool]]) -> Text:
    """The tokens with «...» around each trained run, for where there is no colour."""
    runs = groupby(tokens, key=lambda token: token[1])
    parts = [("".join(text for text, _ in run), trained) for trained, run in runs]
    return Text("".join(f"«{text}»" if trained else text for text, trained in parts))


def _draw_splits(console: Console, splits: Splits) -> None:
    report = splits.report
    table = Table("split", "read", "kept", "dropped, why", "digest", header_style="bold", box=None)
    for name, kept in report["rows"].items():
        dropped: dict[str, int] = report["dropped"].get(name, {})
        why = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items()) or "none"
        read = report["rows_read"].get(name)
        shown = f"{read:,}" if read is not None else "cut from train"
        digest = report["digests"][name][:12]
        table.add_row(Text(name, style="cyan"), shown, f"{kept:,}", why, digest)
    console.print(table)
    balance: dict[str, int] = report["balance"]["train"]
    ranked = list(balance.items())
    line(
        console, f"  {len(ranked)} classes or slices in train; commonest {_few(ranked[:EXTREMES])}"
    )
    if len(ranked) > EXTREMES:
        line(console, f"  rarest {_few(ranked[-EXTREMES:])}")


def _few(counted: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counted)


def coloured(tokens: Sequence[tuple[str, bool]]) -> Text:
    """The tokens with the trained ones marked; the last trained one has a colour of its own."""
    last = max((index for index, (_, trained) in enumerate(tokens) if trained), default=None)
    text = Text()
    for index, (token, trained) in enumerate(tokens):
        style = ENDING if index == last else TRAINED if trained else READ
        text.append(token, style=style)
    return text
