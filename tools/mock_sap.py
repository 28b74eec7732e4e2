"""Serves a service that ships as mock-sap would, on this machine, to try `assay sap post` on.

Usage: python tools/mock_sap.py [--port 8001] [SERVICE]    (needs the development dependencies)
It is the counterpart of the tests: real metadata, CSRF tokens, deep inserts, and no master data.
"""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "sap"))


def main() -> None:
    """Serve until Ctrl-C."""
    from posting.server import v2

    from assay.sap.documents import in_path, parse
    from assay.sap.shipped import SCHEMAS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("service", nargs="?", default="API_SALES_ORDER_SRV")
    parser.add_argument("--port", type=int, default=8001)
    options = parser.parse_args()
    services = (parse(each.read(), each.name) for each in in_path(SCHEMAS))
    service = next((each for each in services if each.name == options.service), None)
    if service is None or service.odata != "V2":
        sys.exit(f"{options.service}: no service of V2 that ships")
    with v2(service, port=options.port) as (address, _, _):
        print(f"{service.name} at {address}{service.path}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
