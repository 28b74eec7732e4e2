"""Every message that SAP puts into an error or beside a success."""

from __future__ import annotations

import json

import httpx

from assay.sap.posting.errors import Message, messages_of, warnings_of

V2 = {
    "error": {
        "code": "VP/112",
        "message": {"lang": "en", "value": "Document contains errors"},
        "innererror": {
            "errordetails": [
                {"code": "V1/331", "message": "Enter a sold-to party", "severity": "error",
                 "propertyref": "SoldToParty", "target": ""},
                {"code": "V1/384", "message": "Check the date", "severity": "warning",
                 "target": "to_Item(1)/Date"},
            ]
        },
    }
}  # fmt: skip
XML = b"""<error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">
<code>VP/112</code><message xml:lang="en">Document contains errors</message><innererror>
<errordetails><errordetail><code>V1/331</code><message>Enter a sold-to party</message>
<propertyref>SoldToParty</propertyref><severity>error</severity></errordetail></errordetails>
</innererror></error>"""
OUTER = Message("VP/112", "Document contains errors")
SOLD_TO = Message("V1/331", "Enter a sold-to party", "error", "SoldToParty")


def answer(body: bytes, kind: str, **headers: str) -> httpx.Response:
    return httpx.Response(400, content=body, headers={"content-type": kind, **headers})


def test_every_detail_of_a_v2_error() -> None:
    found = messages_of(answer(json.dumps(V2).encode(), "application/json"))
    date = Message("V1/384", "Check the date", "warning", "to_Item(1)/Date")
    assert found == (OUTER, SOLD_TO, date)


def test_every_detail_of_an_error_in_xml() -> None:
    assert messages_of(answer(XML, "application/xml")) == (OUTER, SOLD_TO)


def test_an_error_that_is_none_of_saps_has_no_messages() -> None:
    bomb = b'<!DOCTYPE error [<!ENTITY a "x">]><error><code>&a;</code></error>'
    assert messages_of(answer(bomb, "application/xml")) == ()
    assert messages_of(answer(b"[]", "application/json")) == ()
    assert messages_of(answer(b"Bad gateway", "text/plain")) == ()


def test_warnings_beside_a_success() -> None:
    detail = {"code": "V1/2", "message": "Second", "severity": "info", "target": "Plant"}
    note = {"code": "V1/1", "message": "First", "severity": "warning", "details": [detail]}
    found = warnings_of(answer(b"", "application/json", **{"sap-message": json.dumps(note)}))
    assert found == (
        Message("V1/1", "First", "warning"),
        Message("V1/2", "Second", "info", "Plant"),
    )
