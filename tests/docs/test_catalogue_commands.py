"""Every command of the pages that trains a recipe of the catalogue, at reduced size.

On narrow bases; README's story and `assay train request-json` are run on the embedded ones, and
`assay train review-sentiment` and all that docs/results.md names under `make test-full`.
"""

from __future__ import annotations

import pytest
from reader import CATALOGUE, Reader

WHOLE = (  # the first has the language model; the second's encoder is trained by README's story, too
    "assay train request-json",
    pytest.param("assay train review-sentiment", marks=pytest.mark.full),
)


@pytest.mark.parametrize("command", CATALOGUE)
def test_a_recipe_of_the_catalogue_runs(hurried: Reader, command: str) -> None:
    hurried.try_recipe(command)


@pytest.mark.parametrize("command", WHOLE)
def test_it_runs_on_the_embedded_bases(newcomer: Reader, command: str) -> None:
    assert command in CATALOGUE
    newcomer.try_recipe(command)
