"""Whom a connection to SAP trusts: the machine's own certificates and the public ones."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from assay.errors import DataError

_NAMED = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # as OpenSSL reads them; they replace all others


def context() -> ssl.SSLContext:
    """A context for clients; raises ``DataError`` where a named file holds no certificates.

    A company's own authority stands in the machine's store, where the public list alone would not
    find it; that list stands in where the machine has no store.
    """
    for name in _NAMED:
        if (named := os.environ.get(name)) and not Path(named).exists():
            raise DataError(f"{name}: {named}: no such file", "Name a file of certificates.")
    made = ssl.create_default_context()
    if not any(os.environ.get(name) for name in _NAMED):
        import certifi

        made.load_verify_locations(certifi.where())
    return made
