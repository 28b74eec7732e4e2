"""Loads verified packages and answers with them; several specialists share one base."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.data.records import Example, Turn
from assay.errors import ConstraintError, DataError, PackageError, did_you_mean
from assay.evaluation.predictions import Rung
from assay.evaluation.rungs import load_rung
from assay.evaluation.rungs.card import Card
from assay.models.pool import BasePool
from assay.observability.progress import SILENT, Progress
from assay.packaging.keys import TrustStore
from assay.packaging.verify import verify


@dataclass(frozen=True)
class Answer:
    """What a specialist says, and how sure it is."""

    text: str
    confidence: float | None
    valid: bool
    cut: bool  # at task.max_new_tokens, before its end
    seconds: float
    prompt_tokens: int
    completion_tokens: int


@dataclass
class Specialist:
    """One verified package, ready to answer. Safe to use from several threads."""

    name: str
    version: str
    sha256: str  # of the package file
    manifest: dict[str, Any]
    card: Card
    rung: Rung
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, text: str) -> Answer:
        """The answer to a bare input."""
        return self.answer([Turn("user", text)])

    def answer(self, turns: Sequence[Turn]) -> Answer:
        """The answer to a conversation that ends with a user turn.

        Raises ``DataError`` for a conversation this specialist does not take, ``ConstraintError``
        when what the model said does not satisfy the task: a broken answer is never passed on.
        """
        example = self.example(turns)
        began = time.perf_counter()
        with self._lock:
            prediction = self.rung.predict([example], SILENT)[0]
        seconds = time.perf_counter() - began
        if not prediction.valid:
            raise ConstraintError(
                f"{self.name}: the answer does not satisfy the task's constraint",
                "Ask in other words; the input may be far from what it was trained on.",
            )
        return Answer(
            text=prediction.output,
            confidence=prediction.confidence,
            valid=True,
            cut=prediction.cut,
            seconds=seconds,
            prompt_tokens=self._count(example.prompt),
            completion_tokens=self._count([Turn("assistant", prediction.raw)]),
        )

    def usage(self, turns: Sequence[Turn], said: str) -> tuple[int, int]:
        """Tokens of the prompt that a conversation becomes, and of an answer to it."""
        prompt = self.example(turns).prompt
        return self._count(prompt), self._count([Turn("assistant", said)])

    def stream(self, turns: Sequence[Turn]) -> Generator[str, None, bool]:
        """The answer in pieces: token by token from a language model, else in one.

        Returns whether it was cut off.
        """
        from assay.evaluation.rungs.llm import LanguageModel

        whole = self.card.task.output in ("label", "entities")  # known when all of it is
        if isinstance(self.rung, LanguageModel) and not whole:
            return (yield from self.rung.stream(self.example(turns)))
        yield self.answer(turns).text
        return False

    def example(self, turns: Sequence[Turn]) -> Example:
        """The conversation as the rung expects it.

        A single user turn is an input of the task: it gets the task's own system turn and prompt,
        as in training. A longer conversation is taken as it is, under the task's system turn.
        """
        spoken = [turn for turn in turns if turn.role != "system"]
        roles = [turn.role for turn in spoken]
        if (
            not roles
            or roles != (["user", "assistant"] * len(roles))[: len(roles)]
            or roles[-1] != "user"
        ):
            raise DataError(
                f"{self.name}: the roles are {', '.join(t.role for t in turns) or 'none'}",
                "After an optional system turn, user and assistant alternate and user is last.",
            )
        text = spoken[-1].content
        if not text.strip():
            raise DataError(f"{self.name}: the last user turn is empty", "Send a text.")
        task = self.card.task
        if len(spoken) == 1 and task.prompt != "{input}":
            spoken = [Turn("user", task.prompt.replace("{input}", text))]
        given = [turn for turn in turns if turn.role == "system"]
        system = Turn("system", task.system) if task.system or not given else given[0]
        return Example("request", text, (system, *spoken, Turn("assistant", "")), "", "all")

    def _count(self, turns: Sequence[Turn]) -> int:
        """Tokens of the language model, or words where there is none."""
        from assay.evaluation.rungs.llm import LanguageModel

        if isinstance(self.rung, LanguageModel):
            if turns[-1].role == "assistant":
                return len(self.rung.shared.tokenizer.encode(turns[-1].content))
            return len(self.rung.encode(turns))
        return sum(len(turn.content.split()) for turn in turns)


def load_package(
    path: Path,
    pool: BasePool,
    trust: TrustStore,
    progress: Progress,
    *,
    allow_override: bool = False,
) -> Specialist:
    """Verify a package, then load what is in it; nothing is parsed before it verifies.

    Raises ``PackageError`` (altered, untrusted), ``GateError`` (no passing verdict and overrides
    not allowed) or ``ModelError`` (the base or the template is not the one it was trained with).
    """
    with verify(path, trust, allow_override=allow_override) as verified:
        manifest = verified.manifest
        progress.say(f"{path.name}: verified, signed by {verified.signer.name}")
        with tempfile.TemporaryDirectory(prefix="assay-") as scratch:
            folder = verified.extract(Path(scratch) / "content")
            rung = load_rung(folder, progress, pool)
        card = rung.card
        base = manifest["base"]
        stated = base["digest"] if base else None
        actual = card.base.digest if card.base else None
        if stated != actual or manifest["template_digest"] != card.template_digest:
            raise PackageError(
                f"{path}: the manifest and the specialist name different bases or templates",
                "Package the run again.",
            )
        return Specialist(
            manifest["name"], manifest["version"], verified.sha256, manifest, card, rung
        )


class Fleet:
    """Specialists by name, in one process."""

    def __init__(self, specialists: Sequence[Specialist]) -> None:
        self._by_name: dict[str, Specialist] = {}
        for specialist in specialists:
            if specialist.name in self._by_name:
                raise PackageError(
                    f"two packages are named {specialist.name}", "Serve one version at a time."
                )
            self._by_name[specialist.name] = specialist

    def __iter__(self) -> Iterator[Specialist]:
        return iter(self._by_name.values())

    def find(self, name: str) -> Specialist:
        """The specialist called ``name`` or ``name@version``; raises ``DataError`` if there is none."""
        short, _, version = name.partition("@")
        specialist = self._by_name.get(short)
        if specialist is None or (version and version != specialist.version):
            known = [f"{s.name}@{s.version}" for s in self] if version else list(self._by_name)
            raise DataError(
                f'no specialist is called "{name}".{did_you_mean(name, known)}',
                f"Served here: {', '.join(known)}.",
            )
        return specialist


def load_fleet(
    paths: Sequence[Path], trust: TrustStore, progress: Progress, *, allow_override: bool = False
) -> Fleet:
    """Every package on one pool of bases, each base loaded once."""
    pool = BasePool(progress)
    return Fleet(
        [load_package(path, pool, trust, progress, allow_override=allow_override) for path in paths]
    )
