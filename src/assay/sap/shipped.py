"""What comes with Assay about SAP's services: schemas, deprecations, and a list of packages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

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
    text = (_KNOWLEDGE / "deprecated.yaml").read_text(encoding="utf-8")
    return {name: Deprecation(**said) for name, said in yaml.safe_load(text).items()}
