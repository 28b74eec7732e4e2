"""A server on loopback whose answers a test chooses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class Host:
    """The answers of a server, and what it was asked; the last answer of a path stays."""

    url: str
    answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    by_path: bool = False  # answers are of a path alone, whatever stands behind the question mark

    def says(self, path: str, code: int, body: bytes = b"", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.setdefault(path, []).append((code, named, body))


@contextmanager
def serving() -> Iterator[Host]:
    """A host that answers 404 to whatever it was not told to answer."""
    here: Host

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.asked.append((self.path, dict(self.headers)))
            path = unquote(urlsplit(self.path).path) if here.by_path else self.path
            waiting = here.answers.get(path, [(404, {}, b"")])
            code, headers, body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Host(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield here
    server.shutdown()
    server.server_close()
