"""Runs the API: verified packages in, an address out."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from assay import files
from assay.errors import DataError
from assay.observability.progress import Progress
from assay.packaging.keys import TrustStore
from assay.serving.engine import load_fleet
from assay.web import api_keys
from assay.web.app import create_api


def create_app(
    packages: Sequence[Path],
    *,
    trust: TrustStore,
    progress: Progress,
    require_key: bool,
    allow_override: bool = False,
) -> FastAPI:
    """The API over every package that verifies; raises what loading them raises."""
    fleet = load_fleet(packages, trust, progress, allow_override=allow_override)
    return create_api(fleet, require_key=require_key)


def serve(
    packages: Sequence[Path],
    *,
    host: str,
    port: int,
    require_key: bool,
    allow_override: bool,
    progress: Progress,
) -> None:
    """Serve until stopped. Other machines are only served with API keys required."""
    if not _is_loopback(host) and not require_key:
        raise DataError(
            f"{host} can be reached from other machines, and no API key is required",
            "Add --require-key (and make one: assay keys api new NAME), or serve on 127.0.0.1.",
        )
    if require_key and not api_keys.list():
        raise DataError("there is no API key yet", "Make one: assay keys api new NAME")
    app = create_app(
        packages,
        trust=TrustStore.load(files.home()),
        progress=progress,
        require_key=require_key,
        allow_override=allow_override,
    )
    listener = _bind(host, port)
    address = f"http://{host}:{listener.getsockname()[1]}"
    progress.say(f"serving on {address}/v1 (Ctrl-C stops)")
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bind(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise DataError(
            f"cannot listen on {host}:{port} ({error.strerror})",
            "Choose another --port, or 0 for any.",
        ) from error
    return listener


@contextmanager
def start_in_thread(app: FastAPI) -> Generator[str]:
    """The app on a free loopback port while the block runs; yields its address."""
    listener = _bind("127.0.0.1", 0)
    config = uvicorn.Config(app, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
