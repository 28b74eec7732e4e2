"""The schemas that come with Assay, and the list of packages that do not."""

from __future__ import annotations

from pathlib import Path

_CATALOGUE = Path(__file__).parents[1] / "catalogue" / "sap"
SCHEMAS = _CATALOGUE / "schemas"  # Apache-2.0 and MIT; sources.tsv names each one's
CLOUD_SDK = _CATALOGUE / "cloud-sdk-vdm-1.21.0.tsv"  # names, versions and hashes only
