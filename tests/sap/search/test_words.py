"""Names are split at case and signs, accents folded."""

from __future__ import annotations

import pytest

from assay.sap.search.words import fold, split_name


@pytest.mark.parametrize(
    "name,words",
    [
        ("API_MATERIAL_DOCUMENT_SRV", "material document"),
        ("PurchaseOrderItem", "purchase order item"),
        ("A_GLAccountText", "gl account text"),
        ("NetAmount2", "net amount 2"),
    ],
)
def test_a_name_is_split(name: str, words: str) -> None:
    assert split_name(name) == words


def test_accents_are_folded_and_umlauts_are_two_letters() -> None:
    assert fold("Prüflos Straße échéance") == "prueflos strasse echeance"
