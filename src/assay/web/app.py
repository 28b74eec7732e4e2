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
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.exceptions import HTTPException as StarletteHTTPException

from assay.data.records import Turn
from assay.errors import AssayError, ConstraintError, DataError
from assay.serving.engine import Fleet, Specialist
from assay.web import api_keys

MOST_CHARACTERS = 100_000
NO_EFFECT = ("user", "seed", "metadata", "store", "service_tier", "safety_identifier")
SAME_AS_LEFT_OUT: dict[str, Any] = {
    "n": 1,
    "temperature": 0,
    "top_p": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logprobs": False,
    "logit_bias": {},
    "tools": [],
    "response_format": {"type": "text"},
}


class Part(BaseModel):
    """A piece of a turn's content; specialists read text."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """One turn of the conversation."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str | list[Part]

    @field_validator("content")
    @classmethod
    def joined(cls, content: str | list[Part]) -> str:
        """The parts as one text, of a length that a server can bear."""
        text = content if isinstance(content, str) else "".join(part.text for part in content)
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"has {len(text):,} characters, the most is {MOST_CHARACTERS:,}")
        return text


class StreamOptions(BaseModel):
    """What a stream ends with."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The part of OpenAI's request that a specialist can honour."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[Message] = Field(min_length=1, max_length=200)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None

    def require_supported(self, specialist: Specialist) -> None:
        """Raises ``HTTPException`` 400 for the first parameter that could not be honoured."""
        for name, value in (self.model_extra or {}).items():
            if name not in NO_EFFECT and value not in (None, SAME_AS_LEFT_OUT.get(name)):
                raise HTTPException(
                    400,
                    f'"{name}": specialists decode greedily: one answer, its form fixed in '
                    "training, no tools",
                )
        most = specialist.card.task.max_new_tokens
        for name in ("max_tokens", "max_completion_tokens"):
            given: int | None = getattr(self, name)
            if given is not None and given < most:
                raise HTTPException(
                    400,
                    f'"{name}": {specialist.name} answers in at most {most} tokens, and half an '
                    f"answer is none; give at least {most} or leave it out",
                )


def create_api(fleet: Fleet, *, require_key: bool) -> FastAPI:
    """The application; with ``require_key``, every call under /v1 needs a valid API key."""
    app = FastAPI(title="Assay", docs_url=None, redoc_url=None)
    meter = _Meter()
    guard = [Depends(_authorise)] if require_key else []

    @app.get("/healthz")
    async def healthz() -> dict[str, Any]:
        return {"status": "ok", "specialists": [f"{s.name}@{s.version}" for s in fleet]}

    @app.get("/metrics")
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(generate_latest(meter.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/models", dependencies=guard)
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(s) for s in fleet]}

    @app.get("/v1/models/{name}", dependencies=guard)
    def model(name: str) -> dict[str, Any]:
        return _model(_find(fleet, name))

    @app.post("/v1/chat/completions", dependencies=guard)
    def chat(request: ChatRequest) -> Any:
        specialist = _find(fleet, request.model)
        request.require_supported(specialist)
        turns = [Turn(m.role, str(m.content)) for m in request.messages]
        began = time.perf_counter()
        if request.stream:
            usage = request.stream_options is not None and request.stream_options.include_usage
            pieces = _stream(specialist, turns, meter, began, usage=usage)
            return StreamingResponse(
                pieces, media_type="text/event-stream", headers=_headers(specialist)
            )
        try:
            answer = specialist.answer(turns)
        except AssayError:
            meter.requests.labels(specialist.name, "error").inc()
            raise
        meter.done(specialist.name, began, answer.completion_tokens)
        body = _completion(specialist, answer.text, _finish(answer.cut))
        body["usage"] = _usage(answer.prompt_tokens, answer.completion_tokens)
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


def _finish(cut: bool) -> str:
    """OpenAI's word for how an answer ended."""
    return "length" if cut else "stop"


def _completion(specialist: Specialist, text: str, finish: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": specialist.name,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": finish,
            }
        ],
    }


def _usage(prompt: int, completion: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _stream(
    specialist: Specialist, turns: list[Turn], meter: _Meter, began: float, *, usage: bool
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

    said: list[str] = []
    pieces = specialist.stream(turns)
    try:
        yield event({"role": "assistant", "content": ""}, None)
        while True:
            try:
                said.append(next(pieces))
            except StopIteration as end:
                yield event({}, _finish(end.value))
                break
            yield event({"content": said[-1]}, None)
        prompt, completion = specialist.usage(turns, "".join(said))
        if usage:
            total = {**head, "choices": [], "usage": _usage(prompt, completion)}
            yield f"data: {json.dumps(total)}\n\n"
        meter.done(specialist.name, began, completion)
    except AssayError as error:
        meter.requests.labels(specialist.name, "error").inc()
        yield f"data: {json.dumps(_error(str(error), 'invalid_request_error'))}\n\n"
    yield "data: [DONE]\n\n"


def _error(message: str, kind: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _register_errors(app: FastAPI) -> None:
    """Every error in OpenAI's form, so that its clients show the message."""

    @app.exception_handler(StarletteHTTPException)  # of which FastAPI's own is one
    def refused(request: Request, error: StarletteHTTPException) -> JSONResponse:
        del request
        return JSONResponse(_error(str(error.detail), "invalid_request_error"), error.status_code)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        del request
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        if first["type"] == "json_invalid":
            where = "the body, at character " + where
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
