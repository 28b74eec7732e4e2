"""Every command of the pages that trains a recipe of the catalogue, at reduced size."""

from __future__ import annotations

import pytest
from reader import CATALOGUE, Reader


@pytest.mark.parametrize("command", CATALOGUE)
def test_a_recipe_of_the_catalogue_runs(newcomer: Reader, command: str) -> None:
    newcomer.try_recipe(command)
