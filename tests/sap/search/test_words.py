"""Names are split, accents folded, terms of other languages and misspelt words put right."""

from __future__ import annotations

import pytest
import yaml

from assay.sap.search.words import GLOSSARY, Glossary, Spelling, fold, split_name


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return Glossary.load([])


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


@pytest.mark.parametrize(
    "query,english",
    [
        ("Wareneingang zur Bestellung", "goods receipt purchase order"),
        ("conditions de paiement", "payment terms"),
        ("pedido de compra", "purchase order"),
        ("ordine d'acquisto", "purchase order"),
        ("PRÜFLOS", "inspection lot"),
    ],
)
def test_terms_of_other_languages_become_english(
    glossary: Glossary, query: str, english: str
) -> None:
    assert glossary.english(query, Spelling([])) == english


def test_a_misspelt_word_is_set_right_and_a_strange_one_is_left(glossary: Glossary) -> None:
    spelling = Spelling(["purchase", "order", "reservation"])
    assert glossary.english("purchse reservaton xylophone", spelling) == (
        "purchase reservation xylophone"
    )


def test_a_query_of_idle_words_alone_is_left_as_it_is(glossary: Glossary) -> None:
    assert glossary.english("what is the", Spelling([])) == "what is the"


def test_the_glossary_has_its_languages() -> None:
    said = yaml.safe_load(GLOSSARY.read_text(encoding="utf-8"))
    assert len(said["de"]) >= 250
    assert all(len(said[language]) >= 100 for language in ("fr", "es", "it"))
    assert all(
        isinstance(english, str)
        for terms in said.values()
        if isinstance(terms, dict)
        for pair in terms.items()
        for english in pair
    )
