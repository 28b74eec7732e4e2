"""Builds the datasets shipped under src/assay/catalogue/data from their published originals.

Usage: ASSAY_DATA=FOLDER python tools/build_datasets.py [DATASET...]
FOLDER holds the originals as their repositories publish them, a folder each; without names, every
dataset is built. The same originals give the same bytes: rows have a fixed order and gzip carries
no time.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from shipped import commerce, entities, intents, mails, opinions, questions, translations, worked
from shipped.card import write

FAMILIES = (intents, opinions, entities, commerce, mails, worked, translations, questions)
CARDS = {name: card for family in FAMILIES for name, card in family.CARDS.items()}


def main() -> None:
    """Build the datasets named, or all."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("dataset", nargs="*", help="one of " + ", ".join(CARDS))
    names = arguments.parse_args().dataset or list(CARDS)
    if unknown := sorted(set(names) - set(CARDS)):
        arguments.error(f"no dataset {', '.join(unknown)}; there are {', '.join(CARDS)}")
    if "ASSAY_DATA" not in os.environ:
        arguments.error("set ASSAY_DATA to the folder that holds the originals")
    source = Path(os.environ["ASSAY_DATA"])
    for name in names:
        card = CARDS[name]
        write(name, card, card.build(source), card.texts(source))


if __name__ == "__main__":
    main()
