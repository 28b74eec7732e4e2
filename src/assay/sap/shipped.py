"""What comes with Assay about SAP's services: schemas, deprecations, and a list of packages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from assay import files

_KNOWLEDGE = Path(__file__).with_name("knowledge")
SCHEMAS = _KNOWLEDGE / "schemas"  # Apache-2.0 and MIT; sources.tsv names each one's
CLOUD_SDK = _KNOWLEDGE / "cloud-sdk-vdm-1.21.0.tsv"  # names, versions and hashes only


@dataclass(frozen=True)
class Deprecation:
    """That a service is on its way out, since which release, and what takes its place."""

    since: str
    successor: str
    source: str

    def __str__(self) -> str:
        return f"deprecated since {self.since}, use {self.successor} ({self.source})"


@cache
def deprecations() -> dict[str, Deprecation]:
    """The deprecated services that are known, by name."""
    said = files.read_shipped(_KNOWLEDGE / "deprecated.yaml")
    return {name: Deprecation(**each) for name, each in said.items()}
