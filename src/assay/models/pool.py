"""Loaded bases, each once a process, shared by every specialist that stands on it."""

from __future__ import annotations

import copy
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.errors import ModelError
from assay.models.load import Causal, Embedder, Remembered, load_causal, load_embedder
from assay.models.lora import Unchanging, load_adapter, require_delta
from assay.models.precision import decide
from assay.models.store import BaseRef, resolve
from assay.observability.progress import Progress
from assay.recipe.schema import Base


class Weights:
    """Weights of bases in memory, which several pools stand on; gone when no pool does any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._causal: weakref.WeakValueDictionary[tuple[str, str], Causal] = (
            weakref.WeakValueDictionary()
        )

    def causal(self, ref: BaseRef, base: Base, progress: Progress) -> Causal:
        """The base as it was loaded; take a ``twin`` of it to put anything on it."""
        key = (ref.digest, base.precision)
        with self._lock:
            found = self._causal.get(key)
            if found is None:
                found = self._causal[key] = load_causal(ref, decide(base.precision), progress)
            return found


def twin(causal: Causal) -> Causal:
    """The same base as modules of its own on the same weights, which must not change."""
    model = causal.model
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return replace(causal, model=copy.deepcopy(model, shared))


class BasePool:
    """Loads a base on first use and keeps it; safe to use from several threads.

    With ``weights`` those of its language models are the ones of every other pool that has them. With
    ``remember`` its encoders keep what they read: for a run, whose rungs read the same splits.
    """

    def __init__(
        self, progress: Progress, weights: Weights | None = None, *, remember: bool = False
    ) -> None:
        self.progress = progress
        self._weights = weights
        self._stands_on: list[Causal] = []
        self._lock = threading.RLock()
        self._refs: dict[str, BaseRef] = {}
        self._causal: dict[tuple[str, str], SharedCausal] = {}
        self._embedders: dict[str, Embedder] = {}
        self._remember = remember

    def ref(self, base: Base, digest: str | None = None) -> BaseRef:
        """The verified base; raises ``ModelError`` if its digest is not the one expected."""
        with self._lock:
            if base.model not in self._refs:
                self._refs[base.model] = resolve(base, self.progress)
            ref = self._refs[base.model]
        if digest is not None and ref.digest != digest:
            raise ModelError(
                f"{base.model}: this copy has digest {ref.digest[:12]}, the specialist was trained "
                f"on {digest[:12]}",
                "Fetch the base it names, or train the specialist again on this one.",
            )
        return ref

    def causal(self, base: Base, digest: str | None = None) -> SharedCausal:
        """A language model, with the adapters of every specialist that uses it."""
        ref = self.ref(base, digest)
        key = (ref.digest, base.precision)
        with self._lock:
            if key not in self._causal:
                self._causal[key] = SharedCausal(self._loaded(ref, base))
            return self._causal[key]

    def _loaded(self, ref: BaseRef, base: Base) -> Causal:
        if self._weights is None:
            return load_causal(ref, decide(base.precision), self.progress)
        self._stands_on.append(self._weights.causal(ref, base, self.progress))
        return twin(self._stands_on[-1])

    def embedder(self, base: Base, digest: str | None = None) -> Embedder:
        """A text encoder, frozen: do not train it, ask ``load_embedder`` for a copy."""
        ref = self.ref(base, digest)
        with self._lock:
            if ref.digest not in self._embedders:
                found = load_embedder(ref, self.progress)
                found.remembered = Remembered() if self._remember else None
                self._embedders[ref.digest] = found
            return self._embedders[ref.digest]

    def spared(self) -> float:
        """Seconds that its encoders did not take because they remembered."""
        with self._lock:
            known = [e.remembered for e in self._embedders.values() if e.remembered]
            return sum(one.spared for one in known)


class SharedCausal:
    """One language model and the adapters on it; ``using`` makes one of them active."""

    def __init__(self, causal: Causal) -> None:
        self.causal = causal
        self.model: Any = causal.model  # a PeftModel once the first adapter is on
        self.tokenizer: Any = causal.tokenizer
        self.adapters: set[str] = set()
        self._lock = threading.RLock()

    @contextmanager
    def using(self, adapter: str | None, unchanging: Unchanging | None = None) -> Generator[Any]:
        """The model with that adapter active (None: the bare base), to one thread at a time.

        Do not yield to a caller inside: he may come back in another thread, or never. Who comes
        once a token brings his own ``unchanging``.
        """
        with self._lock:
            if adapter is not None:
                if self.model.active_adapters != [adapter]:
                    self.model.set_adapter(adapter, inference_mode=True)
                with unchanging or Unchanging(self.model):
                    yield self.model
            elif self.adapters:
                with self.model.disable_adapter():
                    yield self.model
            else:
                yield self.model

    def add(self, folder: Path, name: str) -> None:
        """Put a saved adapter on the base; raises ``ModelError`` for one that changes nothing."""
        with self.changing():
            self.model = load_adapter(self.model, folder, name)
            self.adapters.add(name)
            require_delta(self.model, "after reloading", name)

    @contextmanager
    def changing(self) -> Generator[None]:
        """Exclusive access while an adapter is added."""
        with self._lock:
            yield
