"""Numbers with a check: sound ones pass in any writing, and one wrong digit is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schwifty import IBAN

from assay.sap.transformations import TransformationError
from assay.sap.transformations import identifiers as i


@pytest.mark.parametrize(
    "made,expected",
    [
        (i.iban("de89 3704 0044 0532 0130 00"), "DE89370400440532013000"),
        (i.bic("cobadeff"), "COBADEFF"),
        (i.vat_id("DE 136 695 976"), "DE136695976"),
        (i.vat_id("GR 094259216"), "EL094259216"),
        (i.vat_id("ATU13585627"), "ATU13585627"),
        (i.vat_id("GB 980 7806 84"), "GB980780684"),
        (i.creditor_id("DE98 ZZZ 0999 9999 999"), "DE98ZZZ09999999999"),
        (i.gtin("4 006381 333931"), "4006381333931"),
        (i.gln("4006381333931"), "4006381333931"),
        (i.duns("31-568-8888"), "315688888"),
        (i.duns("\uff13\uff11-568-8888"), "315688888"),  # full width
        (i.iban("DE\uff18\uff19370400440532013000"), "DE89370400440532013000"),
        (i.creditor_id("DE\uff19\uff18ZZZ09999999999"), "DE98ZZZ09999999999"),
        (i.postal_code("\uff12\uff10457"), "20457"),
        (i.email("<orders@example.com>"), "orders@example.com"),
        (i.phone("Tel. +49 (40) 12 34-56"), "+49 (40) 12 34-56"),
        (i.postal_code("D-20457"), "20457"),
        (i.postal_code("sw1a 2aa"), "SW1A 2AA"),
        (i.payment_reference("rf18 5390 0754 7034"), "RF18539007547034"),
        (i.payment_reference("RF19 5390 0754 7034"), "RF19 5390 0754 7034"),  # a wrong check
        (
            i.payment_reference("21 00000 00003 13947 14300 09017"),
            "210000000003139471430009017",
        ),
        (i.payment_reference("10 4711 2"), "10 4711 2"),  # too short to be a Swiss one
        (i.payment_reference("+++ 010/8068/17183 +++"), "010806817183"),
        (i.payment_reference("+++010/8068/17184+++"), "+++010/8068/17184+++"),
        (i.payment_reference("Rechnung 4711 vom 3. Mai"), "Rechnung 4711 vom 3. Mai"),
        (i.payment_reference("x " * 80), "x " * 80),
    ],
)
def test_a_sound_number(made: str, expected: str) -> None:
    assert made == expected


@pytest.mark.parametrize(
    "call,reason",
    [
        (lambda: i.iban("DE88370400440532013000"), "is no IBAN"),
        (lambda: i.iban("DE89"), "is no IBAN"),
        (lambda: i.bic("COBADE"), "is no BIC"),
        (lambda: i.vat_id("DE136695975"), "is no VAT number of DE"),
        (lambda: i.vat_id("136695976"), "begins with its country"),
        (lambda: i.vat_id(""), "begins with its country"),
        (lambda: i.creditor_id("DE97ZZZ09999999999"), "check digits are wrong"),
        (lambda: i.creditor_id("DE98"), "is no creditor identifier"),
        (lambda: i.gtin("4006381333932"), "is no GTIN"),
        (lambda: i.gln("96385074"), "8 digits, not 13"),
        (lambda: i.duns("1234"), "nine digits"),
        (lambda: i.email("orders at example.com"), "is no address"),
        (lambda: i.email("a@b.c, d@e.f"), "is no address"),
        (lambda: i.phone("on request"), "is no telephone number"),
        (lambda: i.phone("12"), "is no telephone number"),
        (lambda: i.postal_code("Hamburg-Altstadt"), "is no postal code"),
    ],
)
def test_what_is_refused(call: object, reason: str) -> None:
    with pytest.raises(TransformationError) as caught:
        call()  # pyright: ignore[reportCallIssue]
    assert reason in caught.value.cause


@given(
    st.sampled_from(["DE", "FR", "ES", "IT", "NL", "AT", "CH"]), st.integers(0, 10**6), st.data()
)
def test_an_iban_passes_and_not_with_another_digit(
    country: str, seed: int, data: st.DataObject
) -> None:
    import random as chance

    number = str(IBAN.random(country_code=country, random=chance.Random(seed)))
    assert i.iban(" ".join(number[n : n + 4] for n in range(0, len(number), 4))) == number
    digits = [n for n, letter in enumerate(number) if letter.isdigit()]
    place = data.draw(st.sampled_from(digits))
    other = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
    with pytest.raises(TransformationError):
        i.iban(other)


@pytest.mark.parametrize(
    "code,country,sound",
    [
        ("20457", "DE", True),
        ("2045", "DE", False),
        ("SW1A 2AA", "GB", True),
        ("1012 AB", "NL", True),
        ("00-950", "PL", True),
        ("anything", "BR", None),
    ],
)
def test_a_postal_code_of_a_country(code: str, country: str, sound: bool | None) -> None:
    assert i.is_postal_code(code, country) is sound
