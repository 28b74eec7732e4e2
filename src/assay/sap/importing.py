"""Brings metadata documents into the knowledge base: what is new or richer goes in, what is broken
is put aside with its reason, and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from assay import files
from assay.errors import DataError
from assay.observability.progress import Progress
from assay.sap.documents import Document, Withheld, parse
from assay.sap.metadata import Service
from assay.sap.shipped import deprecations
from assay.sap.store import KnowledgeBase, Origin

Action = Literal["added", "replaced", "unchanged", "set aside", "withheld", "quarantined"]
DETAIL = {
    "edmx": 3,
    "openapi": 2,
    "csn": 1,
    "outline": 0,
}  # which form of the same service says more


@dataclass(frozen=True)
class Result:
    """What became of one document."""

    name: str
    action: Action
    service: str = ""
    reason: str = ""
    entities: int = 0
    properties: int = 0
    added: tuple[str, ...] = ()  # Entity.Property, where another schema was replaced
    dropped: tuple[str, ...] = ()


def import_documents(
    kb: KnowledgeBase, documents: Iterable[Document], quarantine: Path, progress: Progress
) -> list[Result]:
    """Import each document on its own; a repeated import changes nothing.

    Of one service the richest form is kept (EDMX before OpenAPI before CSN before an outline); one of the same form
    replaces what an earlier import brought. Two documents of the same form and import that
    disagree about a service are an error of the second.
    """
    waiting = list(documents)
    seen: dict[str, tuple[str, str]] = {}  # {service: (document, digest)} of this import
    results: list[Result] = []
    with progress.task("importing", len(waiting)) as task:
        for document in waiting:
            data = b""
            try:
                data = document.read()
                service = _completed(parse(data, document.name, document.beside), document)
                digest = files.sha256_bytes(data)
                origin = Origin(document.source, document.licence, digest)
                result = _place(kb, service, origin, document.name, seen)
                seen.setdefault(service.name, (document.name, digest))
            except Withheld as error:
                result = Result(document.name, "withheld", reason=f"{error.cause}. {error.remedy}")
            except DataError as error:
                result = Result(document.name, "quarantined", reason=error.cause)
                _quarantine(quarantine, document, data, error)
            results.append(result)
            task.advance(note=result.service or Path(document.name).name)
    return results


def _completed(service: Service, document: Document) -> Service:
    """A service with what is known beside its document: by where it was, a catalogue, our own list."""
    return replace(
        service,
        title=service.title or document.title,
        release=service.release or document.release,
        path=service.path or document.path,
        deprecated=service.deprecated or document.deprecated or service.name in deprecations(),
    )


def _place(
    kb: KnowledgeBase,
    service: Service,
    origin: Origin,
    name: str,
    seen: dict[str, tuple[str, str]],
) -> Result:
    result = Result(
        name,
        "added",
        service.name,
        entities=len(service.entities),
        properties=service.property_count,
    )
    there = kb.origin(service.name)
    if there is None:
        kb.put(service, origin)
        return result
    kind, stored = there
    if stored.digest == origin.digest and kind == service.kind:
        if service.deprecated and not kb.service(service.name).deprecated:
            kb.put(service, origin)
            return replace(result, action="replaced", reason="now deprecated")
        return replace(result, action="unchanged")
    if DETAIL[kind] > DETAIL[service.kind]:
        reason = f"the {kind} of {stored.source} says more than this {service.kind}"
        return replace(result, action="set aside", reason=reason)
    if kind == service.kind and service.name in seen:
        other, digest = seen[service.name]
        if digest == origin.digest:
            return replace(result, action="unchanged", reason=f"the same bytes as {other}")
        raise DataError(
            f"{name}: it names the service {service.name}, as {other} does, and says otherwise",
            "Import one of them.",
        )
    before, after = _members(kb.service(service.name)), _members(service)
    kb.put(service, origin)
    return replace(
        result,
        action="replaced",
        reason=f"in place of the {kind} of {stored.source}",
        added=tuple(sorted(after - before)),
        dropped=tuple(sorted(before - after)),
    )


def _members(service: Service) -> set[str]:
    """Every property, by its entity set where there is one: type names differ between forms."""
    return {
        f"{entity.set or entity.name}.{each.name}"
        for entity in service.entities
        for each in entity.properties
    }


def _quarantine(folder: Path, document: Document, data: bytes, error: DataError) -> None:
    """Keep the raw bytes, where they could be read, and the reason for somebody to look at."""
    name = f"{files.digest(document.name)[:8]}-{Path(document.name).name or 'document'}"
    said = {"document": document.name, "source": document.source, "reason": error.cause}
    if data:
        files.write_bytes(folder / name, data)
    files.write_json(folder / f"{name}.reason.json", said)


def as_rows(results: Iterable[Result]) -> list[dict[str, object]]:
    """The results for ``--json``."""
    return [asdict(each) for each in results]
