"""The HTTP API with the official client, over a package that was really signed and verified."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import torch

from assay.data.records import Example, Turn
from assay.errors import DataError, PackageError
from assay.evaluation.rungs import llm
from assay.evaluation.rungs.card import Card
from assay.evaluation.rungs.linear import TfidfLogistic
from assay.evaluation.rungs.llm import LanguageModel
from assay.models.lora import attach
from assay.models.pool import BasePool
from assay.observability.progress import SILENT
from assay.packaging import keys
from assay.packaging.build import build
from assay.packaging.fields import now
from assay.packaging.keys import TrustStore
from assay.packaging.manifest import Evidence, claim
from assay.recipe.schema import Adapter, Base, Task
from assay.serving.engine import Fleet, Specialist
from assay.web import api_keys
from assay.web.app import create_api
from assay.web.server import create_app, serve, start_in_thread

TEXTS = {
    "colours": {"red": "a red rose", "blue": "the blue sea"},
    "animals": {"cat": "a cat purrs", "dog": "the dog barks"},
}


def package(name: str, home: Path, folder: Path) -> Path:
    """A TF-IDF specialist of two labels, signed by the key ``tester``."""
    pairs = [(f"{text} {i}", label) for label, text in TEXTS[name].items() for i in range(6)]
    examples = [
        Example(str(i), text, (Turn("user", text), Turn("assistant", label)), label, label)
        for i, (text, label) in enumerate(pairs)
    ]
    card = Card(kind="tfidf", task=Task(output="label"), labels=tuple(sorted(TEXTS[name])))
    rung = TfidfLogistic.fit(card, examples)
    content = folder / name
    content.mkdir(parents=True)
    rung.save(content)
    digest = "0" * 64
    evidence = Evidence(
        primary="accuracy",
        items=12,
        candidate={"accuracy": 1.0},
        base={"accuracy": 0.5},
        comparisons=[],
        confidence=0.95,
    )
    claims = claim(
        name=name,
        version="1.0.0",
        created=now(),
        specialist={"kind": "tfidf", "output": "label", "labels": 2},
        base=None,
        template_digest=None,
        recipe={"name": name, "profile": None, "digest": digest},
        data={"train": digest, "validation": digest, "test": digest},
        evidence=evidence,
        verdict="pass",
        override=None,
        licence="Apache-2.0",
        parity=None,
    )
    return build(content, claims, keys.load("tester", home), folder / f"{name}.tgsp")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    home = tmp_path / "home"
    monkeypatch.setenv("ASSAY_HOME", str(home))
    keys.new("tester", home)
    keys.trust("tester", home)
    return [package(name, home, tmp_path) for name in TEXTS]


def application(packages: list[Path], tmp_path: Path, **options: Any) -> Any:
    settings = {"require_key": False, **options}
    trust = TrustStore.load(tmp_path / "home")
    return create_app(packages, trust=trust, progress=SILENT, **settings)


@pytest.fixture
def address(packages: list[Path], tmp_path: Path) -> Iterator[str]:
    with start_in_thread(application(packages, tmp_path)) as url:
        yield url


def client(address: str, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0)


def ask(api: openai.OpenAI, model: str, text: str, **more: Any) -> Any:
    return api.chat.completions.create(
        model=model, messages=[{"role": "user", "content": text}], **more
    )


def test_the_official_client_is_answered(address: str) -> None:
    api = client(address)
    assert [model.id for model in api.models.list()] == ["colours", "animals"]
    reply = ask(api, "colours", "the sea is blue")
    assert reply.choices[0].message.content == "blue"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert ask(api, "animals@1.0.0", "it barks").choices[0].message.content == "dog"
    assert len(api.models.retrieve("animals").model_extra["package"]) == 64


def test_a_stream_joins_to_the_answer(address: str) -> None:
    pieces = ask(client(address), "colours", "a rose", stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in pieces)
    assert text == "red"


def test_specialists_never_mix_under_load(address: str) -> None:
    api = client(address)
    wanted = [("colours", "a red rose", "red"), ("animals", "the dog barks", "dog")] * 20
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda w: ask(api, w[0], w[1]).choices[0].message.content, wanted))
    assert replies == [label for _, _, label in wanted]


def test_an_unknown_model_names_the_known_ones(address: str) -> None:
    with pytest.raises(openai.NotFoundError, match="colours"):
        ask(client(address), "colour", "x")


@pytest.mark.parametrize(
    "more",
    [
        {"n": 2},
        {"temperature": 0.7},
        {"tools": [{"type": "x"}]},
        {"max_tokens": 1},
        {"response_format": {"type": "json_object"}},
    ],
)
def test_what_cannot_be_honoured_is_refused(address: str, more: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError, match=next(iter(more))):
        ask(client(address), "colours", "x", **more)


def test_what_changes_nothing_is_accepted(address: str) -> None:
    said = ask(
        client(address),
        "colours",
        "a rose",
        seed=7,
        max_tokens=4096,
        temperature=0,
        tools=[],
        response_format={"type": "text"},
    )
    assert said.choices[0].message.content == "red"
    parts: Any = [{"type": "text", "text": "a "}, {"type": "text", "text": "rose"}]
    assert ask(client(address), "colours", parts).choices[0].message.content == "red"


def test_an_answer_that_was_cut_off_says_so(tiny_folder: Path) -> None:
    base = Base(model=str(tiny_folder), precision="fp32", allow_noncommercial=True)
    shared = BasePool(SILENT).causal(base)
    card = Card(kind="llm", task=Task(output="text", max_new_tokens=6))
    rung = LanguageModel.untrained(card, shared)
    specialist = Specialist("talker", "1.0.0", "0" * 64, {}, card, rung)

    def finishes() -> tuple[Any, Any]:
        rung.forget()
        with start_in_thread(create_api(Fleet([specialist]), require_key=False)) as address:
            whole = ask(client(address), "talker", "a rose")
            *_, last = ask(client(address), "talker", "a rose", stream=True)
        return whole.choices[0].finish_reason, last.choices[0].finish_reason

    assert finishes() == ("length", "length")
    assert specialist.ask("a rose").cut
    fourth = rung.answers([specialist.example([Turn("user", "a rose")])], SILENT)[0].tokens[3]
    shared.causal.model.generation_config.eos_token_id = fourth
    assert finishes() == ("stop", "stop")
    assert not specialist.ask("a rose").cut


@pytest.fixture
def talkers(tiny_folder: Path, tmp_path: Path) -> list[Specialist]:
    """The base as a specialist, and an adapter on it that answers otherwise."""
    base = Base(model=str(tiny_folder), precision="fp32", allow_noncommercial=True)
    shared = BasePool(SILENT).causal(base)
    card = Card(kind="llm", task=Task(output="text", max_new_tokens=60))
    plain = LanguageModel.untrained(card, shared)
    with shared.changing():
        shared.model = attach(shared.model, Adapter(rank=4), seed=0, task="CAUSAL_LM")
        shared.adapters.add("default")
    torch.manual_seed(1)
    for name, parameter in shared.model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.3)
    other = LanguageModel(card, shared, "default")
    return [
        Specialist(name, "1.0.0", "0" * 64, {}, card, rung)
        for name, rung in (("plain", plain), ("other", other))
    ]


def test_streams_and_answers_never_mix_however_they_are_asked(talkers: list[Specialist]) -> None:
    asked = [(talker, f"a rose {i}") for i in range(8) for talker in talkers]
    expected = [talker.ask(text).text for talker, text in asked]
    assert expected[0] != expected[1]

    def said(number: int) -> str:
        talker, text = asked[number % len(asked)]
        if number % 3 == 0:
            return ask(client(address), talker.name, text).choices[0].message.content
        pieces = ask(client(address), talker.name, text, stream=True)
        return "".join(piece.choices[0].delta.content or "" for piece in pieces)

    over = threading.Event()

    def look() -> None:  # what a stream's next piece is made in the thread of
        with httpx.Client() as http:
            while not over.is_set():
                assert http.get(f"{address}/v1/models").status_code == 200

    with (
        start_in_thread(create_api(Fleet(talkers), require_key=False)) as address,
        ThreadPoolExecutor(12) as pool,
    ):
        looking = [pool.submit(look) for _ in range(4)]
        try:
            replies = [pool.submit(said, number) for number in range(48)]
            answers = [reply.result(timeout=60) for reply in replies]
        finally:
            over.set()
        for looked in looking:
            looked.result()
    assert answers == (expected * 3)[:48]


def test_what_another_thread_asks_meanwhile_is_not_in_the_way(
    talkers: list[Specialist], monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: Any = talkers[0].rung
    expected = talkers[0].ask("a rose").text

    def generate(*arguments: Any, **settings: Any) -> Any:
        rung.forget()  # as an answer to another question does
        return original(*arguments, **settings)

    original = llm.generate
    monkeypatch.setattr(llm, "generate", generate)
    assert talkers[0].ask("a rose").text == expected


def test_a_stream_that_nobody_reads_keeps_nobody_waiting(talkers: list[Specialist]) -> None:
    plain, other = talkers
    turns = [Turn("user", "a rose")]
    expected = [talker.ask("a rose").text for talker in talkers]
    left = plain.stream(turns)
    begun = next(left)
    with ThreadPoolExecutor(1) as pool:  # a lock that the stream held would be this thread's
        assert pool.submit(other.ask, "a rose").result(timeout=30).text == expected[1]
    in_turns = ["", ""]
    streams = [plain.stream(turns), other.stream(turns)]
    for pieces in itertools.zip_longest(*streams, fillvalue=""):
        in_turns = [text + piece for text, piece in zip(in_turns, pieces, strict=True)]
    assert in_turns == expected
    assert begun + "".join(left) == expected[0]


def test_a_stream_ends_with_its_usage_when_asked_for(address: str) -> None:
    api = client(address)
    *_, last = ask(api, "colours", "a rose", stream=True, stream_options={"include_usage": True})
    whole = ask(api, "colours", "a rose")
    assert last.choices == [] and last.usage == whole.usage


@pytest.mark.parametrize(
    "method,path,body,status",
    [
        ("GET", "/nowhere", None, 404),
        ("GET", "/v1/chat/completions", None, 405),
        ("POST", "/v1/chat/completions", "{broken", 400),
    ],
)
def test_every_error_has_openai_s_form(
    address: str, method: str, path: str, body: str | None, status: int
) -> None:
    reply = httpx.request(method, address + path, content=body)
    assert reply.status_code == status and reply.json()["error"]["message"]


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": "  "}],
        [{"role": "assistant", "content": "x"}],
        [{"role": "robot", "content": "x"}],
        [{"role": "user", "content": "x" * 100_001}],
    ],
)
def test_bad_messages_are_a_clear_400(address: str, messages: list[dict[str, str]]) -> None:
    body = {"model": "colours", "messages": messages}
    reply = httpx.post(f"{address}/v1/chat/completions", json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"]


def test_health_and_metrics(address: str) -> None:
    ask(client(address), "colours", "a rose")
    assert httpx.get(f"{address}/healthz").json()["specialists"] == [
        "colours@1.0.0",
        "animals@1.0.0",
    ]
    text = httpx.get(f"{address}/metrics").text
    assert 'assay_requests_total{specialist="colours",status="ok"} 1.0' in text


def test_api_keys_open_the_door_and_close_it_at_once(packages: list[Path], tmp_path: Path) -> None:
    made = api_keys.create("someone")
    assert [key.name for key in api_keys.list()] == ["someone"]
    assert made.secret not in (tmp_path / "home" / "api_keys.json").read_text()
    with start_in_thread(application(packages, tmp_path, require_key=True)) as url:
        for wrong in ("none", made.secret[:-1] + "!", f"assay_{made.id}_{'x' * 43}"):
            with pytest.raises(openai.AuthenticationError):
                ask(client(url, wrong), "colours", "a rose")
        assert ask(client(url, made.secret), "colours", "a rose").choices
        api_keys.revoke(made.id)
        with pytest.raises(openai.AuthenticationError):
            ask(client(url, made.secret), "colours", "a rose")
    with pytest.raises(DataError, match="no API key"):
        api_keys.revoke(made.id)


def test_only_verified_packages_of_different_names_load(
    packages: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(PackageError, match="two packages are named colours"):
        application([packages[0], packages[0]], tmp_path)
    data = bytearray(packages[0].read_bytes())
    data[len(data) // 2] ^= 1
    packages[0].write_bytes(data)
    with pytest.raises(PackageError):
        application(packages, tmp_path)


def test_other_machines_need_a_key(packages: list[Path]) -> None:
    options = {"port": 0, "allow_override": False, "progress": SILENT}
    with pytest.raises(DataError, match="other machines"):
        serve(packages, host="0.0.0.0", require_key=False, **options)
    with pytest.raises(DataError, match="no API key yet"):
        serve(packages, host="0.0.0.0", require_key=True, **options)
