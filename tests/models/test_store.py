"""Bases are found, verified and licensed, or refused with a reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assay import files
from assay.errors import DataError, ModelError
from assay.models import store
from assay.models.load import load_tokenizer
from assay.models.registry import REGISTERED, registered
from assay.observability.progress import SILENT
from assay.recipe.licences import is_noncommercial
from assay.recipe.schema import Base


def resolve(model: str, **settings: bool) -> store.BaseRef:
    return store.resolve(Base(model=model, **settings), SILENT)


def test_a_folder_is_resolved_with_a_stable_digest(tiny_folder: Path, tmp_path: Path) -> None:
    first = resolve(str(tiny_folder))
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    assert resolve(str(copy)).digest == first.digest
    assert first.kind == "causal" and first.licence == "unknown"


def test_another_byte_gives_another_digest(tiny_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert resolve(str(copy)).digest != resolve(str(tiny_folder)).digest


@pytest.mark.parametrize("size", [0, 40, 5000])
def test_truncated_weights_are_refused(tiny_folder: Path, tmp_path: Path, size: int) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    with pytest.raises(ModelError, match="not a complete safetensors") as error:
        resolve(str(copy))
    assert str(size) in error.value.cause


def test_pickled_weights_are_named_and_refused(tiny_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin are pickles"):
        resolve(str(copy))


@pytest.mark.parametrize(
    "card,licence",
    [
        ("---\nlicense: other\nlicense_name: qwen-research\n---\n", "other, qwen-research"),
        ("---\nlicense:\n- cc-by-nc-4.0\n---\n", "cc-by-nc-4.0"),
        ("---\nlicense: mit\ntags: [a]\n---\n# Model", "mit"),
        ("---\nlicense: [unclosed\n---\n", "unknown"),
        ("# no front matter\n", "unknown"),
    ],
)
def test_a_licence_is_read_as_model_cards_state_it(
    tiny_folder: Path, tmp_path: Path, card: str, licence: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    (copy / "README.md").write_text(card)
    assert resolve(str(copy), allow_noncommercial=True).licence == licence
    if is_noncommercial(licence):
        with pytest.raises(ModelError, match="does not allow commercial use"):
            resolve(str(copy))


@pytest.mark.parametrize("content", ["{broken", "[]"])
def test_a_broken_config_is_named(tiny_folder: Path, tmp_path: Path, content: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    (copy / "config.json").write_text(content)
    with pytest.raises(DataError, match=r"config\.json: not"):
        resolve(str(copy))


def test_a_broken_tokenizer_is_named(tiny_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    (copy / "tokenizer.json").write_text("{broken")
    with pytest.raises(ModelError, match="the tokenizer cannot be loaded"):
        load_tokenizer(resolve(str(copy)))


def test_a_missing_folder_and_an_unknown_name_say_what_there_is() -> None:
    with pytest.raises(ModelError, match="no such folder"):
        resolve("./nowhere")
    with pytest.raises(ModelError, match='Did you mean "smollm2-135m-instruct"'):
        resolve("smolm2-135m-instruct")


def test_noncommercial_licences_need_consent(tiny_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    (copy / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n# A model\n")
    with pytest.raises(ModelError, match=r"cc-by-nc-4\.0"):
        resolve(str(copy))
    assert resolve(str(copy), allow_noncommercial=True).licence == "cc-by-nc-4.0"


@pytest.mark.parametrize(
    "licence,refused",
    [("Apache-2.0", False), ("mit", False), ("cc-by-nc-sa-4.0", True), ("qwen-research", True)],
)
def test_which_licences_are_noncommercial(licence: str, refused: bool) -> None:
    assert is_noncommercial(licence) is refused


def test_registered_bases_are_pinned_and_commercial() -> None:
    for entry in REGISTERED:
        assert len(entry.wheel.sha256) == 64
        assert not is_noncommercial(entry.licence)
    with pytest.raises(ModelError, match=r"Available|Did you mean"):
        registered("gpt-99")


def test_a_stored_base_that_was_altered_is_refused(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    folder = tmp_path / "models" / "smollm2-135m-instruct"
    with files.new_directory(folder) as target:
        shutil.copytree(tiny_folder, target, dirs_exist_ok=True)
        store._write_marker(target, "smollm2-135m-instruct", "causal", "Apache-2.0", "test")
    assert resolve("smollm2-135m-instruct").licence == "Apache-2.0"
    (folder / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"config\.json: the file differs"):
        resolve("smollm2-135m-instruct")
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json: the file differs"):
        resolve("smollm2-135m-instruct")


def test_a_failed_fetch_names_the_cause_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(ModelError, match="could not be fetched"):
        store.pull("all-minilm-l6-v2", SILENT)
    assert not (tmp_path / "models" / "all-minilm-l6-v2").exists()
    assert not [p for p in (tmp_path / "models").iterdir() if p.name.startswith(".tmp")]
