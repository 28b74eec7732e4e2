"""Builds prepared datasets from their published originals, which lie in a folder each.

Usage: python tools/build_datasets.py [--from ORIGINALS] [--into FOLDER] [DATASET...]
Without originals, the generated datasets are built, which have none.
The datasets that come with Assay go under src/assay/catalogue/data; of the others only the card
does, and the rows go into FOLDER, which ASSAY_DATA then names. Without names, all are built: the
others only with --into. The same originals give the same bytes: rows have a fixed order and gzip
carries no time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from shipped import (
    aspects,
    commerce,
    entities,
    functions,
    intents,
    logic,
    mails,
    opinions,
    practices,
    questions,
    records,
    relations,
    reports,
    resumes,
    risks,
    searches,
    translations,
    worked,
)
from shipped.card import write

FAMILIES = (
    aspects,
    intents,
    opinions,
    entities,
    commerce,
    mails,
    worked,
    translations,
    questions,
    reports,
    records,
    risks,
    practices,
    resumes,
    relations,
    logic,
    searches,
    functions,
)
CARDS = {name: card for family in FAMILIES for name, card in family.CARDS.items()}


def main() -> None:
    """Build the datasets named, or all."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--from", dest="originals", type=Path, help="a folder of originals")
    arguments.add_argument("--into", type=Path, help="where datasets go that are not shipped")
    arguments.add_argument("dataset", nargs="*", help="one of " + ", ".join(CARDS))
    options = arguments.parse_args()
    names = options.dataset or [
        name
        for name, card in CARDS.items()
        if card.generated or (options.originals and (card.shipped or options.into))
    ]
    if unknown := sorted(set(names) - set(CARDS)):
        arguments.error(f"no dataset {', '.join(unknown)}; there are {', '.join(CARDS)}")
    derived = [name for name in names if not CARDS[name].generated]
    if derived and options.originals is None:
        arguments.error(f"{', '.join(derived)}: say --from which folder the originals lie in")
    if options.originals and not options.originals.is_dir():
        arguments.error(f"--from {options.originals}: no such folder")
    elsewhere = [name for name in names if not CARDS[name].shipped]
    if elsewhere and options.into is None:
        arguments.error(f"{', '.join(elsewhere)}: not shipped; say --into which folder it goes")
    for name in names:
        try:
            card = CARDS[name]
            originals = options.originals or Path()  # which the generated ones do not look into
            splits, texts = card.build(originals), card.texts(originals)
        except FileNotFoundError as error:
            arguments.error(f"{name}: its original {error.filename} is not there")
        write(name, card, splits, texts, options.into)


if __name__ == "__main__":
    main()
