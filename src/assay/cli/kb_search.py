"""``assay kb search``: what in the knowledge base answers a query."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from assay.cli import options
from assay.cli.console import emit, line, progress_for, stdout

if TYPE_CHECKING:
    from assay.sap.search.ranking import Hit

MODEL = "all-minilm-l6-v2"

Address = Annotated[
    str | None,
    typer.Option(
        "--kb",
        metavar="FILE|URL",
        help="SQLite file, or postgresql://…; else $ASSAY_KB, else kb.sqlite in Assay's home.",
    ),
]


def search(
    query: Annotated[str, typer.Argument(help="Words or a question; German, French … will do.")],
    module: Annotated[str, typer.Option("--module", help="E.g. purchasing, sales.")] = "",
    odata: Annotated[str, typer.Option("--odata", help="V2 or V4.")] = "",
    kind: Annotated[
        str,
        typer.Option("--kind", help="service, entity, property, field; or rule, found only so."),
    ] = "",
    service: Annotated[str, typer.Option("--service", help="Only in this service.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="Results shown.")] = 10,
    kb: Address = None,
    as_json: options.Json = False,
) -> None:
    """Find services, entity types, properties, canonical fields, or rules, by what they mean."""
    from assay.models.load import load_embedder
    from assay.models.store import pull
    from assay.observability.progress import SILENT
    from assay.sap.search.index import open_index, require_some
    from assay.sap.search.ranking import Filter, Search, require_query
    from assay.sap.search.words import words_of
    from assay.sap.store import KnowledgeBase

    require_query(query)
    progress = progress_for(as_json)
    only = Filter(module.lower(), odata.upper(), kind.lower(), service)
    with closing(KnowledgeBase(kb)) as base:
        require_some(base)
        only.check([each.name for each in base.services()])
        embedder = load_embedder(pull(MODEL, progress), SILENT)
        search = Search(open_index(base, embedder, progress), embedder)
    if (read := search.read(query)) != " ".join(words_of(query)):
        progress.say(f"read as: {read}")
    found = search.find(query, limit, only)
    for term in sorted({hit.by for hit in found} - {read}):
        progress.say(f"it may mean: {term}")
    if as_json:
        emit([{**asdict(hit.entry), "score": round(hit.score, 4), "by": hit.by} for hit in found])
    else:
        _show(found)


def _show(found: list[Hit]) -> None:
    if not found:
        line(stdout(), "Nothing passes these filters.")
        return
    table = Table("score", "kind", "", "module", "what", box=None)
    for hit in found:
        entry = hit.entry
        path = Text(entry.path.removeprefix("com.sap.gateway."), style="cyan")
        table.add_row(f"{hit.score:.2f}", entry.kind, entry.odata, entry.module, path)
    stdout().print(table)
