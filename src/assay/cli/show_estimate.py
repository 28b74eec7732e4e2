"""Draws estimates for the terminal: ranges of time, memory and money, and what a run then took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from assay.cli.console import line, seconds, size
from assay.launch.costs import Estimate, Range
from assay.launch.estimate import Told, totals

BUYING = {"on_demand": "on demand", "spot": "spot", "given": "at the price given"}


def span(part: Range) -> str:
    """``4 min 02 s – 8 min 10 s``: never one figure alone."""
    return f"{seconds(part.low)} – {seconds(part.high)}"


def about(part: Range) -> str:
    """``about 5 min 20 s (4 min 02 s – 8 min 10 s)``."""
    return f"about {seconds(part.middle)} ({span(part)})"


def dollars(part: Range) -> str:
    """``$0.80 – $2.10``."""
    return f"${part.low:,.2f} – ${part.high:,.2f}"


def estimate(console: Console, made: Estimate, against: dict[str, Any] | None) -> None:
    """A recipe's estimate, and the run that it can be held against."""
    profile = f", profile {made.profile}" if made.profile else ""
    rows = ", ".join(f"{count:,} {name}" for name, count in made.rows.items())
    line(console, f"{made.name}{profile}, on {_machine(made)}: {made.method}; {rows}", style="bold")
    table = Table(header_style="bold", box=None)
    for heading in ("rung", "training", "answers", "run, if it is taken"):
        table.add_column(heading, no_wrap=True)
    for rung in made.rungs:
        name = rung.kind
        if rung.fit is None:
            table.add_row(*(Text(cell, style="dim") for cell in (name, "not estimated: seconds")))
            continue
        asked = (rung.validation, rung.test, rung.base_validation, rung.base_test)
        answers = Range.total(part for part in asked if part is not None)
        taken = Text(span(made.to_verdict(rung.kind)), style="green")
        table.add_row(name, span(rung.fit), span(answers), taken)
    console.print(table)
    line(console, "\nThe ladder ends at the first rung that passes.")
    if made.top is not None:
        line(console, f"climbed to the top: {about(made.to_verdict(made.top.kind))}", style="bold")
    for rung in made.rungs:
        if rung.estimated:
            line(console, f"{rung.kind}: {rung.how}", style="dim")
        if rung.memory is not None:
            needed = f"{size(rung.memory.training)} in training"
            if rung.memory.least < rung.memory.training:
                needed += f" ({size(rung.memory.least)} with one example in a pass)"
            if rung.memory.gate > rung.memory.least:
                needed += f", {size(rung.memory.gate)} to compare it with its merged form"
            line(console, f"  memory: {needed}; {rung.memory.how}", style="dim")
    for buying, price in made.usd_per_hour.items():
        spent = dollars(made.money(buying))
        line(console, f"{BUYING[buying]}, ${price:,.3f} an hour: {spent}")
    for note in made.notes:
        line(console, f"· {note}", style="dim")
    if made.shortage is not None:
        line(console, f"does not fit: {made.shortage}", style="red")
    if against is not None:
        comparison(console, against)


def comparison(console: Console, against: dict[str, Any]) -> None:
    """What was estimated beside what the run took, stage by stage."""
    line(console, f"\nEstimated {against['made']}, and what the run took:", style="bold")
    table = Table("stage", "estimated", "took", "", header_style="bold", box=None)
    for row in (*against["stages"], against["total"]):
        part = Range(**row["estimated"])
        within = Text("within", style="green") if row["within"] else Text("outside", style="yellow")
        table.add_row(row["stage"], span(part), seconds(row["took"]), within)
    console.print(table)
    line(console, f"rungs trained: {', '.join(against['reached'])}; taken: {against['taken']}")


def pack(console: Console, found: Sequence[Told]) -> None:
    """Every recipe of a pack, and the total."""
    made = [one.estimate for one in found if one.estimate is not None]
    kinds = list(made[0].usd_per_hour) if made else []
    table = Table(header_style="bold", box=None)
    for heading in ("recipe", "rows", "time", *(BUYING[kind] for kind in kinds), "memory", ""):
        table.add_column(heading, no_wrap=True)
    for one in found:
        row = one.estimate
        if row is None:
            table.add_row(Text(one.name, style="dim"), "", "no estimate")
            continue
        spent = [dollars(row.money(kind)) for kind in kinds]
        short = Text("does not fit" if row.shortage else "", style="red")
        held = size(row.memory) if row.memory else "–"
        table.add_row(one.name, f"{row.rows['train']:,}", span(row.seconds), *spent, held, short)
    console.print(table)
    summed = totals(found)
    line(console, f"\n{len(made)} recipes: {about(summed['seconds'])}", style="bold")
    for kind in kinds:
        price = made[0].usd_per_hour[kind]
        line(console, f"{BUYING[kind]}, ${price:,.3f} an hour: {dollars(summed[kind])}")
    for note in dict.fromkeys(note for row in made for note in row.notes):
        line(console, f"· {note}", style="dim")
    for one in found:
        if one.error is not None:
            line(console, f"{one.name}: {one.error.cause}", style="red")
            line(console, f"  {one.error.remedy}", style="dim")
    for short in dict.fromkeys(row.shortage for row in made if row.shortage):
        line(console, f"does not fit: {short}", style="red")


def _machine(made: Estimate) -> str:
    return "this machine" if made.machine == "here" else made.machine
