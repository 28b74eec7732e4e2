"""The HTTP API: OpenAI-compatible chat completions over verified specialists."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from pydantic import BaseModel, ConfigDict, Field

from assay.data.records import Turn
from assay.errors import AssayError, ConstraintError, DataError
from assay.serving.engine import Fleet, Specialist
from assay.web import api_keys

MOST_CHARACTERS = 100_000
DEFAULTS: dict[str, Any] = {
    "n": 1,
    "temperature": 0,
    "top_p": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "user": None,
    "stream_options": None,
}


class Message(BaseModel):
    """One turn of the conversation."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str = Field(max_length=MOST_CHARACTERS)


class ChatRequest(BaseModel):
    """The part of OpenAI's request that a specialist can honour."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[Message] = Field(min_length=1, max_length=200)
    stream: bool = False

    def unsupported(self) -> str | None:
        """The first parameter that asks for something a specialist does not do."""
        for name, value in (self.model_extra or {}).items():
            if name not in ("user", "stream_options") and value not in (None, DEFAULTS.get(name)):
                return name
        return None


def create_api(fleet: Fleet, *, require_key: bool) -> FastAPI:
    """The application; with ``require_key``, every call under /v1 needs a valid API key."""
    app = FastAPI(title="Assay", docs_url=None, redoc_url=None)
    meter = _Meter()
    guard = [Depends(_authorise)] if require_key else []

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        return {"status": "ok", "specialists": [f"{s.name}@{s.version}" for s in fleet]}

    @app.get("/metrics")
    def metrics() -> PlainTextResponse:
        return PlainTextResponse(generate_latest(meter.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/models", dependencies=guard)
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(s) for s in fleet]}

    @app.get("/v1/models/{name}", dependencies=guard)
    def model(name: str) -> dict[str, Any]:
        return _model(_find(fleet, name))

    @app.post("/v1/chat/completions", dependencies=guard)
    def chat(request: ChatRequest) -> Any:
        odd = request.unsupported()
        if odd is not None:
            raise HTTPException(400, f'"{odd}": specialists decode greedily, one answer, no tools')
        specialist = _find(fleet, request.model)
        turns = [Turn(m.role, m.content) for m in request.messages]
        began = time.perf_counter()
        if request.stream:
            pieces = _stream(specialist, turns, meter, began)
            return StreamingResponse(
                pieces, media_type="text/event-stream", headers=_headers(specialist)
            )
        try:
            answer = specialist.answer(turns)
        except AssayError:
            meter.requests.labels(specialist.name, "error").inc()
            raise
        meter.done(specialist.name, began, answer.completion_tokens)
        body = _completion(specialist, answer.text)
        body["usage"] = {
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "total_tokens": answer.prompt_tokens + answer.completion_tokens,
        }
        body["assay"] = {"confidence": answer.confidence, "package": specialist.sha256}
        return JSONResponse(body, headers=_headers(specialist))

    _register_errors(app)
    return app


class _Meter:
    """What /metrics shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "assay_requests_total",
            "Answers asked for.",
            ["specialist", "status"],
            registry=self.registry,
        )
        self.latency = Histogram(
            "assay_request_seconds",
            "Time to the whole answer.",
            ["specialist"],
            registry=self.registry,
        )
        self.tokens = Counter(
            "assay_completion_tokens_total",
            "Tokens answered.",
            ["specialist"],
            registry=self.registry,
        )

    def done(self, name: str, began: float, tokens: int) -> None:
        """Record one good answer."""
        self.requests.labels(name, "ok").inc()
        self.latency.labels(name).observe(time.perf_counter() - began)
        self.tokens.labels(name).inc(tokens)


def _authorise(request: Request) -> None:
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or api_keys.check(presented.strip()) is None:
        raise HTTPException(401, "missing or unknown API key; make one: assay keys api new NAME")


def _find(fleet: Fleet, name: str) -> Specialist:
    try:
        return fleet.find(name)
    except DataError as error:
        raise HTTPException(404, str(error)) from error


def _model(specialist: Specialist) -> dict[str, Any]:
    return {
        "id": specialist.name,
        "object": "model",
        "created": 0,
        "owned_by": "assay",
        "version": specialist.version,
        "package": specialist.sha256,
        "kind": specialist.card.kind,
    }


def _headers(specialist: Specialist) -> dict[str, str]:
    return {"x-assay-package": specialist.sha256}


def _completion(specialist: Specialist, text: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": specialist.name,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
    }


def _stream(
    specialist: Specialist, turns: list[Turn], meter: _Meter, began: float
) -> Iterator[str]:
    """Server-sent events; an error on the way is an event of its own, then the end."""
    head = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": specialist.name,
    }

    def event(delta: dict[str, str], finish: str | None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"

    pieces = 0
    try:
        yield event({"role": "assistant", "content": ""}, None)
        for piece in specialist.stream(turns):
            pieces += 1
            yield event({"content": piece}, None)
        yield event({}, "stop")
        meter.done(specialist.name, began, pieces)
    except AssayError as error:
        meter.requests.labels(specialist.name, "error").inc()
        yield f"data: {json.dumps(_error(str(error), 'invalid_request_error'))}\n\n"
    yield "data: [DONE]\n\n"


def _error(message: str, kind: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _register_errors(app: FastAPI) -> None:
    """Every error in OpenAI's form, so that its clients show the message."""

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> JSONResponse:
        del request
        return JSONResponse(_error(str(error.detail), "invalid_request_error"), error.status_code)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        del request
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return JSONResponse(_error(f"{where}: {first['msg']}", "invalid_request_error"), 400)

    @app.exception_handler(AssayError)
    def failed(request: Request, error: AssayError) -> JSONResponse:
        del request
        status = (
            422
            if isinstance(error, ConstraintError)
            else 400
            if isinstance(error, DataError)
            else 500
        )
        return JSONResponse(_error(str(error), type(error).__name__), status)

    del refused, malformed, failed
