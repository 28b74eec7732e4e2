"""Builds the SAP schemas that come with Assay from a folder of originals and their index.

Usage: python tools/build_schemas.py ORIGINALS
ORIGINALS holds edmx_index.tsv and edmx/. Only files whose repository has an open licence are taken,
and none that names a host of somebody's own system. The same originals give the same bytes.
"""

from __future__ import annotations

import csv
import gzip
import re
import sys
from pathlib import Path

from assay.sap.documents import parse

OPEN = ("Apache-2.0", "MIT")
SCHEMAS = Path(__file__).parents[1] / "src" / "assay" / "sap" / "knowledge" / "schemas"
HOST = re.compile(rb"https?://([\w.-]+)")
KNOWN_HOSTS = re.compile(
    rb"^(host|sandbox\.api\.sap\.com|api\.sap\.com|help\.sap\.com|me\.sap\.com|wiki\.scn\.sap\.com"
    rb"|www\.sap\.com|www\.w3\.org|docs\.oasis-open\.org|schemas\.microsoft\.com|community\.sap\.com"
    rb"|launchpad\.support\.sap\.com|oasis-tcs\.github\.io|datatracker\.ietf\.org|tools\.ietf\.org)$"
)


def main(originals: Path) -> None:
    """Write the schemas and sources.tsv."""
    SCHEMAS.mkdir(parents=True, exist_ok=True)
    for old in SCHEMAS.glob("*.gz"):
        old.unlink()
    rows: list[tuple[str, str, str]] = []
    with (originals / "edmx_index.tsv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            if row["repo_licence"] not in OPEN:
                continue
            data = (originals / "edmx" / row["file"]).read_bytes()
            strangers = {host for host in HOST.findall(data) if not KNOWN_HOSTS.match(host)}
            if strangers:
                print(f"left out: {row['file']} names {sorted(strangers)}")
                continue
            parse(data, row["file"])
            name = f"{row['file']}.gz"
            (SCHEMAS / name).write_bytes(gzip.compress(data, 9, mtime=0))
            commit = row["commit"] if row["commit"].isalnum() else "its history"
            source = f"https://github.com/{row['repo']} {row['path']} ({commit})"
            rows.append((name, source, row["repo_licence"]))
    lines = ["file\tsource\tlicence", *("\t".join(row) for row in sorted(rows))]
    (SCHEMAS / "sources.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(rows)} schemas")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
