"""Counterparts on loopback: mock-sap serving a real V2 service, and a thin OData V4 service."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import httpx
import mocksap.schema as mock
import mocksap.store
import uvicorn
from mocksap.server import Config, make_server
from mocksap.service import Response as MockResponse
from posting.children import ROOT
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assay.sap.metadata import EntityType, Service

SLOW = 0.5  # seconds that a slow answer takes; the clients of the tests wait for less


# -- V2: mock-sap --------------------------------------------------------------------------------


class Loaded(mock.EntityType):
    """A type of a real service, beside mock-sap's own one of the same name."""

    @property
    def edm_name(self) -> str:
        return self.name.rpartition(":")[2] + self.edm_suffix


def load(service: Service) -> None:
    """Lets mock-sap serve the entities of a service whose metadata were read."""
    by_name = {each.name: each for each in service.entities}
    for entity in service.entities:
        loaded = Loaded(
            f"{service.name}:{entity.name}",
            [_property(entity, each.name) for each in entity.properties],
            [_navigation(service, entity, way, by_name) for way in entity.navigations],
            edm_suffix="",
        )
        mock.ENTITY_TYPES[loaded.name] = loaded
        if entity.keys and len(entity.keys) == 1:
            mocksap.store.AUTO_KEY[loaded.name] = (entity.keys[0], loaded.name, 10)
    mock.SERVICES[service.name] = mock.Service(
        service.name,
        service.namespace,
        service.title,
        {each.set: f"{service.name}:{each.name}" for each in service.entities if each.set},
    )


def _property(entity: EntityType, name: str) -> mock.Prop:
    held = next(each for each in entity.properties if each.name == name)
    key = name in (entity.keys or ())
    return mock.Prop(
        name,
        held.type,
        key=key,
        nullable=not key,
        max_length=held.max_length,
        precision=held.precision,
        scale=held.scale,
        creatable=not key and held.creatable is not False,
        concurrency=name == "LastChangeDateTime",
    )


def _navigation(service, entity, way, by_name) -> mock.Nav:
    shared = [name for name in entity.keys or () if name in (by_name[way.target].keys or ())]
    joined = list(way.constraints) or [(name, name) for name in shared]
    return mock.Nav(way.name, f"{service.name}:{way.target}", "*" if way.many else "1", joined)


@contextmanager
def v2(service: Service, **settings) -> Iterator[tuple[str, object, list[str]]]:
    """mock-sap with a service: its address, its state, and the faults of the next POSTs."""
    types, services = dict(mock.ENTITY_TYPES), dict(mock.SERVICES)
    load(service)
    httpd = make_server(Config(**{"port": 0, "quiet": True, **settings}))
    faults: list[str] = []
    plain = httpd.RequestHandlerClass

    class Faulty(plain):
        fault = ""

        def _route(self, method, path, *rest):
            self.fault = faults.pop(0) if method == "POST" and faults else ""
            if self.fault == "cut before":
                return MockResponse(500)
            if self.fault == "slow before":
                time.sleep(SLOW)
                return MockResponse(500)
            if self.fault == "500 before":
                return MockResponse(500, body={"error": {"code": "X/1", "message": {"value": "?"}}})
            return super()._route(method, path, *rest)

        def _send(self, response, head_only=False):
            if self.fault.startswith("cut"):
                self.close_connection = True
                return
            if self.fault == "slow after":
                time.sleep(SLOW)
            if self.fault == "500 after":
                response = MockResponse(500, body=b"")
            super()._send(response, head_only)

    httpd.RequestHandlerClass = Faulty
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}", httpd.mock, faults
    finally:
        httpd.shutdown()
        httpd.server_close()
        httpd.mock.close()
        for held, before in ((mock.ENTITY_TYPES, types), (mock.SERVICES, services)):
            held.clear()
            held.update(before)


# -- V4 ------------------------------------------------------------------------------------------

_EQ = re.compile(r"(\w+) eq (?:'((?:[^']|'')*)'|([\w.:-]+))")


class CutError(Exception):
    """The connection ends without an answer."""


@dataclass
class PurchaseOrders:
    """Purchase orders in memory, with CSRF, ETags, deep insert, ``$filter``, and faults."""

    rows: list[dict] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # of the next writes
    seen: list[tuple[str, str, dict]] = field(default_factory=list)
    visible: Callable[[], float] = time.monotonic  # the clock by which late commits appear
    at: Callable[[str], None] = lambda moment: None  # called around the commit
    late: float = 0.0
    repeatable: bool = False  # whether a request with an identifier is run once
    answers: dict[str, tuple[int, dict, bytes]] = field(default_factory=dict)  # by identifier
    logon: str = ""  # what Authorization must be
    tokens: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method, path, query, headers, body) -> tuple[int, dict, bytes]:
        with self.lock:
            self.seen.append((method, path, headers))
            if self.logon and headers.get("authorization") != self.logon:
                return self.error(401, "AUTH", "Logon failed")
            if method == "GET":
                return self.read(path, dict(parse_qsl(query)), headers)
            session = headers.get("cookie", "").rpartition("=")[2]
            if headers.get("x-csrf-token") not in self.tokens or session not in self.tokens:
                refused = self.error(403, "CSRF", "CSRF token validation failed")
                return refused[0], {**refused[1], "x-csrf-token": "Required"}, refused[2]
            fault = self.faults.pop(0) if self.faults else ""
        return self.faulty(fault, lambda: self.write(method, path, headers, body, fault))

    def faulty(self, fault, commit) -> tuple[int, dict, bytes]:
        if fault == "cut before":
            raise CutError
        if fault == "slow before":
            time.sleep(SLOW)
            raise CutError
        if fault == "html":
            return 200, {"content-type": "text/html"}, b"<html>Log on</html>"
        if fault == "redirect":
            return 302, {"location": "https://idp.example/logon"}, b""
        if fault == "expired":
            self.tokens.clear()
            return 403, {"x-csrf-token": "Required"}, b""
        status, _, rest = fault.partition(" ")
        if status.isdigit() and rest != "after":
            header = {"retry-after": "1"} if rest == "retry" else {}
            answer = self.error(int(status), f"ME/{status}", "No")
            return answer[0], {**answer[1], **header}, answer[2]
        self.at("before")
        answer = commit()
        self.at("after")
        if fault in ("cut after", "late"):
            raise CutError
        if fault == "slow after":
            time.sleep(SLOW)
        return (
            self.error(int(status), "X", "No") if rest == "after" and status.isdigit() else answer
        )

    def read(self, path, query, headers) -> tuple[int, dict, bytes]:
        if path == ROOT + "/":
            if headers.get("x-csrf-token") != "Fetch":
                return 200, {}, b"{}"
            token = f"token{len(self.seen)}"
            self.tokens = {token}
            return 200, {"x-csrf-token": token, "set-cookie": f"SAP_SESSIONID={token}"}, b"{}"
        shown = [each for each in self.rows if each["#at"] <= self.visible()]
        if path == ROOT + "/PurchaseOrder":
            wanted = [
                (name, bare or text.replace("''", "'"))
                for name, text, bare in _EQ.findall(query.get("$filter", ""))
            ]
            found = [each for each in shown if all(str(each.get(n)) == v for n, v in wanted)]
            return self.json(200, {"value": [self.public(each) for each in found]})
        for each in shown:
            if path == self.address(each):
                return self.json(200, self.public(each), {"etag": each["#etag"]})
        return self.error(404, "ME/404", "Not found")

    def write(self, method, path, headers, body, fault) -> tuple[int, dict, bytes]:
        with self.lock:
            asked = headers.get("repeatability-request-id", "") if self.repeatable else ""
            if method == "POST" and asked in self.answers:
                return self.answers[asked]
            if method == "POST":
                row = json.loads(body)
                row["PurchaseOrder"] = str(4500000000 + len(self.rows))
                row["#etag"], row["#at"] = 'W/"1"', self.visible() + self.late * (fault == "late")
                self.rows.append(row)
                note = json.dumps(
                    [{"code": "ME/1", "message": "Check the date", "numericSeverity": 3}]
                )
                head = {"location": self.address(row), "sap-messages": note, "etag": row["#etag"]}
                if asked:
                    head["repeatability-result"] = "accepted"
                answer = self.json(201, self.public(row), head)
                self.answers |= {asked: answer} if asked else {}
                return answer
            row = next(each for each in self.rows if path == self.address(each))
            if "if-match" not in headers:
                return self.error(428, "ME/428", "If-Match is missing")
            if headers["if-match"] != row["#etag"]:
                return self.error(412, "ME/412", "Precondition failed")
            if method == "DELETE":
                self.rows.remove(row)
            else:
                row.update(json.loads(body), **{"#etag": row["#etag"] + "+"})
            return 204, {}, b""

    @staticmethod
    def address(row) -> str:
        return f"{ROOT}/PurchaseOrder('{row['PurchaseOrder']}')"

    def public(self, row) -> dict:
        return {"@odata.id": self.address(row)} | {n: v for n, v in row.items() if n[0] != "#"}

    @staticmethod
    def json(status, body, headers=None) -> tuple[int, dict, bytes]:
        head = {"content-type": "application/json", **(headers or {})}
        return status, head, json.dumps(body).encode()

    def error(self, status, code, text) -> tuple[int, dict, bytes]:
        detail = {
            "code": "ME/083",
            "message": "Enter Plant",
            "target": "Plant",
            "severity": "error",
        }
        return self.json(status, {"error": {"code": code, "message": text, "details": [detail]}})

    def transport(self) -> httpx.MockTransport:
        """The same service without a network, for many faults in little time."""

        def handle(request: httpx.Request) -> httpx.Response:
            url = request.url
            try:
                status, headers, body = self.answer(
                    request.method,
                    url.path,
                    url.query.decode(),
                    dict(request.headers),
                    request.content,
                )
            except CutError as error:
                raise httpx.ReadError("cut") from error
            return httpx.Response(status, headers=headers, content=body)

        return httpx.MockTransport(handle)


@contextmanager
def v4(orders: PurchaseOrders) -> Iterator[str]:
    """The V4 service behind uvicorn on loopback."""

    async def handle(request: Request):
        body = await request.body()
        args = (request.method, request.url.path, request.url.query, dict(request.headers), body)
        try:
            status, headers, content = await run_in_threadpool(orders.answer, *args)
        except CutError:  # less than was promised: uvicorn closes the connection
            return Response(b"", 200, {"content-length": "99"})
        return Response(content, status, headers)

    methods = ["GET", "POST", "PATCH", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", handle, methods=methods)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
