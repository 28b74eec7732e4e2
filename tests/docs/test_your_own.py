"""docs/your-own.md, typed by somebody with a table of their own."""

from __future__ import annotations

import csv
import shlex

from reader import OWN, OWN_PAGE, Reader, ended_well, inline

from assay.data.readers import read
from assay.recipe.schema import Source

KINDS = 12  # of real requests, enough for a test of a hundred rows


def test_the_page_can_be_followed(newcomer: Reader) -> None:
    rows = [row for _, row in read(Source(dataset="clinc150/train"), None)]
    teams = sorted({row["label"] for row in rows})[:KINDS]
    with (newcomer.folder / "tickets.csv").open("w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(["message", "team"])
        table.writerows([row["text"], row["label"]] for row in rows if row["label"] in teams)
    assert [shlex.split(command)[1] for command in OWN] == [
        "init", "validate", "data", "pilot", "train", "gate", "keys", "keys", "package", "ask",
    ]  # fmt: skip
    for command in OWN:
        done = newcomer.type(command)
        ended_well(done)
    assert any(team in done.stdout for team in teams)


def test_what_the_page_names_beside_is_known(newcomer: Reader) -> None:
    for command in inline(OWN_PAGE):
        if command.startswith("assay "):
            ended_well(newcomer.type(" ".join(command.split()[:2]), "--help"))
