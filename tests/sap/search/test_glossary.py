"""Terms of other languages become English, compounds fall apart, misspelt words are put right."""

from __future__ import annotations

import pytest
import yaml

from assay.sap.fields import fields
from assay.sap.search.glossary import ENGLISH, GLOSSARY, LANGUAGES, Glossary
from assay.sap.search.spelling import Spelling


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return Glossary.load([])


@pytest.fixture(scope="module")
def spelling(glossary: Glossary) -> Spelling:
    return glossary.spelling(
        ["purchase order", "creates a reservation", "document date", "inspection lot"]
    )


@pytest.mark.parametrize(
    "query,english",
    [
        ("Wareneingang zur Bestellung", "goods receipt material document purchase order"),
        ("conditions de paiement", "payment terms"),
        ("pedido de compra", "purchase order"),
        ("ordine d'acquisto", "purchase order"),
        ("PRÜFLOS", "inspection lot"),
    ],
)
def test_terms_of_other_languages_become_english(
    glossary: Glossary, spelling: Spelling, query: str, english: str
) -> None:
    assert glossary.english(query, spelling) == english


@pytest.mark.parametrize(
    "query,english",
    [
        ("Lieferstatus", "delivery status"),  # Lieferung
        ("Rechnungsdatum", "invoice date"),
        ("Materialbestellung", "material purchase order"),
        ("purchaseorder", "purchase order"),
        ("Lieferxyz", "lieferxyz"),
    ],
)
def test_a_compound_is_its_parts(
    glossary: Glossary, spelling: Spelling, query: str, english: str
) -> None:
    assert glossary.english(query, spelling) == english


@pytest.mark.parametrize(
    "query,english",
    [
        ("inspection lot", "inspection lot"),  # French "lot" is a batch
        ("lot de fabrication", "batch fabrication"),
        ("lot", "lot batch"),
        ("Datum und Lot", "date lot"),  # and no German one
    ],
)
def test_a_word_of_two_languages_is_read_by_the_words_beside_it(
    glossary: Glossary, spelling: Spelling, query: str, english: str
) -> None:
    assert glossary.english(query, spelling) == english


@pytest.mark.parametrize(
    "query,english",
    [
        ("Which service creates orders?", "creates orders"),
        ("service entry sheet", "service entry sheet"),
        ("bill of material", "bill of material"),
        ("delivery time per item", "delivery time item"),
        ("what is the", "what is the"),  # of idle words alone: left as it is
    ],
)
def test_words_that_only_ask_are_left_out(
    glossary: Glossary, spelling: Spelling, query: str, english: str
) -> None:
    assert glossary.english(query, spelling) == english


def test_a_whole_question_keeps_its_english_words(glossary: Glossary, spelling: Spelling) -> None:
    query = "Where is the Bestellung of a custmer kept?"
    assert glossary.english(query, spelling, whole=True) == (
        "where is the purchase order of a customer kept"
    )


def test_an_english_word_is_a_term_of_another_language_only_beside_its_words(
    glossary: Glossary,
) -> None:
    spelling = glossary.spelling(["material"], english={"master", "data"})
    assert glossary.english("master data of a material", spelling) == "master data material"
    assert glossary.english("data di consegna", spelling).endswith("delivery date")


@pytest.mark.parametrize(
    "query,english",
    [
        ("vendors", "supplier"),
        ("good receipts", "goods receipt material document"),
        ("customer orders", "sales order"),
    ],
)
def test_one_and_several_are_the_same_term(
    glossary: Glossary, spelling: Spelling, query: str, english: str
) -> None:
    assert glossary.english(query, spelling) == english


def test_misspelt_words_are_put_right_and_a_strange_one_is_left(
    glossary: Glossary, spelling: Spelling
) -> None:
    assert glossary.english("purchse reservaton xylophone", spelling) == (
        "purchase reservation xylophone"
    )
    assert glossary.english("Beschaffung der Bestelung", spelling).endswith("purchase order")


def test_names_of_fields_are_terms() -> None:
    known = Glossary.load(fields().values())
    every = [n for f in fields().values() for language in f.names for n in f.names[language]]
    assert len(known.terms) > len(Glossary.load([]).terms) + len(every) / 4


def test_the_glossary_has_its_languages() -> None:
    said = yaml.safe_load(GLOSSARY.read_text(encoding="utf-8"))
    assert set(said) == {*LANGUAGES, "idle"} == {*said["idle"], "idle"}
    assert len(said["de"]) >= 250
    assert all(len(said[language]) >= 100 for language in ("fr", "es", "it"))
    assert all(
        isinstance(term, str) and isinstance(english, str)
        for language in LANGUAGES
        for term, english in said[language].items()
    )
    assert all(isinstance(each, str) for some in said["idle"].values() for each in some)
    assert ENGLISH in said
