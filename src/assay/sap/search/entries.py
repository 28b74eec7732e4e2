"""What is searched: services, entity types, properties, canonical fields and rules, each as one entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from assay import files
from assay.sap.fields import Field
from assay.sap.metadata import EntityType, Service
from assay.sap.rules import Rule
from assay.sap.search.words import entity_words, service_words, split_name

_MODULES = Path(__file__).parents[1] / "knowledge" / "modules.yaml"
OTHER = "other"


@dataclass(frozen=True)
class Entry:
    """One thing that can be found."""

    kind: str  # service, entity, property, field, rule
    path: str  # Service, Service/Entity, Service/Entity/Property, field/name or rule/ID
    odata: str  # "" where it belongs to no service
    module: str
    own: str  # its own words: label, name, description
    entity: str = ""  # the words of the entity type around it
    service: str = ""  # the words of the service around it

    @property
    def service_name(self) -> str:
        """The service it belongs to; "" for a field or a rule."""
        return self.path.split("/")[0] if self.odata else ""


@cache
def modules() -> dict[str, tuple[str, ...]]:
    """The parts of services' names that mark each module, in the order they are tried."""
    said = files.read_shipped(_MODULES)
    return {name: tuple(parts) for name, parts in said.items()}


def module_of(service: str) -> str:
    """The module a service belongs to: that of the longest part found in its name."""
    squeezed = service.lower().replace("_", "")
    found = [(len(p), name) for name, parts in modules().items() for p in parts if p in squeezed]
    return max(found)[1] if found else OTHER


def entries_of(
    services: Iterable[Service], fields: Iterable[Field], rules: Iterable[Rule]
) -> Iterator[Entry]:
    """Every entry of services, canonical fields and rules."""
    for service in services:
        yield from _of_service(service)
    for field in fields:
        names = (split_name(name) for words in field.names.values() for name in words)
        own = _joined(split_name(field.name), split_name(field.means), *names)
        yield Entry("field", f"field/{field.name}", "", OTHER, own)
    for rule in rules:
        yield Entry("rule", f"rule/{rule.id}", "", OTHER, split_name(rule.name))


def _of_service(service: Service) -> Iterator[Entry]:
    module = module_of(service.name)
    title = _joined(service_words(service.title), service_words(service.name))
    own = _joined(title, split_name(service.description[:300]))
    yield Entry("service", service.name, service.odata, module, own)
    for entity in service.entities:
        path = f"{service.name}/{entity.name}"
        about = _joined(split_name(entity.label), entity_words(entity.name))
        yield Entry("entity", path, service.odata, module, about, service=title)
        yield from _of_entity(service, entity, path, module, about, title)


def _of_entity(
    service: Service, entity: EntityType, path: str, module: str, about: str, title: str
) -> Iterator[Entry]:
    for each in entity.properties:
        said = (each.label, each.name, each.description[:200])
        own = _joined(*map(split_name, said))
        yield Entry("property", f"{path}/{each.name}", service.odata, module, own, about, title)


def _joined(*parts: str) -> str:
    """The parts; one whose words are all said before is left out."""
    said: list[str] = []
    for part in parts:
        if not set(part.split()) <= set(" ".join(said).split()):
            said.append(part)
    return " ".join(said)
