"""``assay kb``: the knowledge base of SAP's services, from their own metadata."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from assay.cli import options
from assay.cli.console import emit, line, progress_for, seconds, size, stdout
from assay.cli.kb_search import Address, search

if TYPE_CHECKING:
    from assay.sap.documents import Document
    from assay.sap.importing import Result
    from assay.sap.metadata import EntityType, Service
    from assay.sap.store import KnowledgeBase

NAME, PANEL = "kb", "SAP"
MOST_SHOWN = 12  # results of one kind that are told one by one
STYLES = {"added": "green", "replaced": "cyan", "quarantined": "bold red"}

app = typer.Typer(help="The knowledge base of SAP's services.", no_args_is_help=True)
app.command("search")(search)

Accept = Annotated[
    bool, typer.Option("--accept-licence", help="You have read the packages' licence and accept.")
]
MaxMb = Annotated[
    int, typer.Option("--max-mb", min=1, help="Metadata of more megabytes is not read.")
]


@app.command("import")
def import_(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH|URL|npm:NAME@VERSION|hub:PACKAGE]...",
            help="EDMX (V2, V4), SAP's OpenAPI JSON or CSN; without any, what ships with Assay.",
        ),
    ] = None,
    kb: Address = None,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Recorded for sources that state none.")
    ] = None,
    accept_licence: Accept = False,
    max_mb: MaxMb = 64,
    as_json: options.Json = False,
) -> None:
    """Import metadata. What is broken is put aside with its reason, and the rest goes on."""
    from assay.sap.shipped import SCHEMAS

    _import(sources or [str(SCHEMAS)], kb, licence, accept_licence, max_mb, as_json)


@app.command("pull")
def pull(
    kb: Address = None,
    accept_licence: Accept = False,
    max_mb: MaxMb = 64,
    as_json: options.Json = False,
) -> None:
    """Import 206 more services from SAP's own npm packages, pinned by their SHA-512.

    They come from the public registry to this machine under SAP's Developer License, which you
    accept, and are not part of Assay.
    """
    from assay.sap.fetch import pinned
    from assay.sap.shipped import CLOUD_SDK

    packages = [str(each) for each in pinned(CLOUD_SDK)]
    _import(packages, kb, None, accept_licence, max_mb, as_json)


def _import(
    sources: list[str],
    kb: str | None,
    licence: str | None,
    accept_licence: bool,
    max_mb: int,
    as_json: bool,
) -> None:
    import time

    from assay.sap.importing import as_rows, import_documents
    from assay.sap.store import KnowledgeBase

    progress = progress_for(as_json)
    began = time.monotonic()
    documents = list(_found(sources, licence, accept_licence, max_mb * 2**20, progress))
    with closing(KnowledgeBase(kb)) as base:
        results = import_documents(base, documents, base.quarantine, progress)
        if as_json:
            emit({"kb": base.shown, "results": as_rows(results)})
        else:
            _tell(results, base, time.monotonic() - began)
    if any(each.action == "quarantined" for each in results):
        raise typer.Exit(1)


def _found(
    sources: list[str], licence: str | None, accepted: bool, limit: int, progress: Any
) -> Iterator[Document]:
    """The documents of every source, a package's fetched; all are found before one is read."""
    from dataclasses import replace

    from assay.sap import fetch, hub
    from assay.sap.documents import NOT_STATED, in_path
    from assay.sap.shipped import CLOUD_SDK

    fetcher = fetch.Fetcher(limit)
    pins = {str(each): each for each in fetch.pinned(CLOUD_SDK)}
    packages = [each for each in sources if each.startswith("npm:")]
    with progress.task("fetching packages", max(len(packages), 1)) as task:
        for source in sources:
            if source.startswith("npm:"):
                wanted = pins.get(source) or fetch.package(source.removeprefix("npm:"))
                found = list(fetch.in_package(wanted, fetcher, accepted))
                task.advance(note=wanted.name)
            elif source.startswith("hub:"):
                found = list(hub.of_package(source.removeprefix("hub:"), fetcher))
            elif source.startswith(("http://", "https://")):
                found = list(fetch.at_url(source, fetcher))
            else:
                found = list(in_path(Path(source).expanduser(), limit))
            for each in found:
                unstated = each.licence == NOT_STATED and licence
                yield replace(each, licence=licence) if unstated else each


def _tell(results: list[Result], base: KnowledgeBase, took: float) -> None:
    for action in ("added", "replaced", "set aside", "withheld", "quarantined"):
        told = [each for each in results if each.action == action]
        for each in told[:MOST_SHOWN]:
            what = each.service or Path(each.name).name
            numbers = f"{_many(each.entities, 'entity type')}, {_many(each.properties, 'property')}"
            said = each.reason.removeprefix(f"{each.name}: ") or numbers
            if each.action == "replaced":
                said += f" (+{len(each.added)} -{len(each.dropped)} properties)"
            line(stdout(), f"{action:<12}{what}: {said}", style=STYLES.get(action, "dim"))
        if len(told) > MOST_SHOWN:
            line(stdout(), f"{action:<12}and {len(told) - MOST_SHOWN} more", style="dim")
    counts = Counter(each.action for each in results)
    summary = ", ".join(f"{n} {action}" for action, n in counts.items())
    what = _many(len(results), "document")
    line(stdout(), f"\n{what} in {seconds(took)}: {summary}. In {base.shown}.")
    if counts["quarantined"]:
        line(stdout(), f"What was not read is kept, with the reasons, in {base.quarantine}.")


def _many(count: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


@app.command("list")
def list_(
    part: Annotated[str, typer.Argument(help="Only names and titles with this in them.")] = "",
    odata: Annotated[str | None, typer.Option("--odata", help="V2 or V4.")] = None,
    kb: Address = None,
    as_json: options.Json = False,
) -> None:
    """List the services with their source and licence."""
    from assay.sap.store import KnowledgeBase

    with closing(KnowledgeBase(kb)) as base:
        rows = [
            each
            for each in base.services()
            if part.lower() in f"{each.name} {each.title}".lower()
            and (odata is None or odata.upper() == each.odata)
        ]
        shown = base.shown
    if as_json:
        emit([asdict(each) for each in rows])
        return
    if not rows:
        line(stdout(), f"No service in {shown}. assay kb import brings those that ship with Assay.")
        return
    table = Table("service", "", "from", "types", "properties", "title", "licence", box=None)
    for each in rows:
        name = Text(_short(each.name), style="dim" if each.deprecated else "cyan")
        numbers = (str(each.entities), f"{each.properties:,}")
        licence = each.origin.licence
        table.add_row(name, each.odata, each.kind, *numbers, each.title[:40], licence[:30])
    stdout().print(table)


def _short(name: str) -> str:
    """A V4 service's name without what all of them begin with."""
    return name.removeprefix("com.sap.gateway.")


@app.command("show")
def show(
    service: Annotated[str, typer.Argument(help="A service that `assay kb list` shows.")],
    entity: Annotated[str, typer.Argument(help="One of its entity types or sets.")] = "",
    kb: Address = None,
    as_json: options.Json = False,
) -> None:
    """Show a service's entity types, or the properties of one of them."""
    from assay.errors import DataError, did_you_mean
    from assay.sap.store import KnowledgeBase

    with closing(KnowledgeBase(kb)) as base:
        names = [each.name for each in base.services()]
        full = next((name for name in names if service in (name, _short(name))), service)
        found = base.service(full)
        origin = base.origin(full)
    if not entity:
        if as_json:
            emit({**asdict(found), "origin": asdict(origin[1]) if origin else None})
        else:
            _show_service(found, origin[1].source if origin else "")
        return
    one = found.entity(entity)
    if one is None:
        known = [each.set or each.name for each in found.entities]
        raise DataError(f"{full} has no entity {entity}." + did_you_mean(entity, known))
    if as_json:
        emit(asdict(one))
    else:
        _show_entity(one)


def _show_service(service: Service, source: str) -> None:
    from assay.sap.shipped import deprecations

    title = f" · {service.title}" if service.title else ""
    line(stdout(), f"{service.name} ({service.odata}){title}", style="bold cyan")
    for label, value in (("path", service.path), ("release", service.release), ("from", source)):
        if value:
            line(stdout(), f"{label:<9}{value}", style="dim")
    if service.deprecated:
        said = deprecations().get(service.name, "deprecated")
        line(stdout(), f"{'note':<9}{said}", style="yellow")
    table = Table("entity", "key", "properties", "ways", "create", "update", "delete", box=None)
    for each in service.entities:
        flags = [_flag(value) for value in (each.creatable, each.updatable, each.deletable)]
        keys = "unknown" if each.keys is None else ", ".join(each.keys)
        numbers = (str(len(each.properties)), str(len(each.navigations)))
        table.add_row(Text(each.set or each.name, style="cyan"), keys, *numbers, *flags)
    stdout().print(table)
    if service.operations:
        names = ", ".join(each.name for each in service.operations)
        line(stdout(), f"\noperations: {names}")


def _show_entity(entity: EntityType) -> None:
    table = Table("property", "type", "key", "null", "create", "update", "label", box=None)
    for each in entity.properties:
        name = Text(each.name, style="magenta" if each.custom else "cyan")
        key = "key" if entity.keys and each.name in entity.keys else ""
        flags = [_flag(value) for value in (each.nullable, each.creatable, each.updatable)]
        table.add_row(name, _typed(each), key, *flags, (each.label or each.description)[:40])
    stdout().print(table)
    for way in entity.navigations:
        many = "many " if way.many else ""
        line(stdout(), f"{way.name}: {many}{way.target}", style="dim")


def _typed(each: Any) -> str:
    """A property's type with its facets: ``String(10)``, ``Decimal(13,3)``, ``DateTime (day)``."""
    name = each.type.replace("Edm.", "")
    if each.max_length is not None:
        return f"{name}({each.max_length})"
    if name == "Decimal" and each.precision is not None:
        return f"{name}({each.precision},{'*' if each.variable_scale else each.scale or 0})"
    return f"{name} (day)" if each.is_date else name


def _flag(value: bool | None) -> Text:
    return Text("?", style="dim") if value is None else Text("yes" if value else "-")


@app.command("stats")
def stats(kb: Address = None, as_json: options.Json = False) -> None:
    """Count what is there: services by source and licence, and what Assay knows of documents."""
    from assay.sap.counts import counted
    from assay.sap.store import KnowledgeBase

    with closing(KnowledgeBase(kb)) as base:
        counts = counted(base)
        shown, weight = base.shown, base.bytes()
    if as_json:
        emit({"kb": shown, "bytes": weight, **asdict(counts)})
        return
    table = Table.grid(padding=(0, 2))
    for key, value in asdict(counts).items():
        said = f"{value:,}" if isinstance(value, int) else _parts(value)
        table.add_row(Text(key.replace("_", " "), style="cyan"), said)
    stdout().print(table)
    line(stdout(), f"\n{shown}" + (f", {size(weight)}" if weight else ""), style="dim")


def _parts(counts: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in counts.items())


@app.command("remove")
def remove(
    service: Annotated[str, typer.Argument(help="A service that `assay kb list` shows.")],
    kb: Address = None,
) -> None:
    """Forget a service."""
    from assay.sap.store import KnowledgeBase

    with closing(KnowledgeBase(kb)) as base:
        base.remove(service)
    line(stdout(), f"✓ {service} is no longer in the knowledge base", style="green")
