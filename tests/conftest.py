"""A causal model and tokenizer small enough to train in a test, made from nothing but a seed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

# Test processes side by side share the cores: with all of them each, they would wait for each other.
SIDE_BY_SIDE = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if SIDE_BY_SIDE > 1:  # torch and its children read it when they start
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // SIDE_BY_SIDE)))

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content']"
    " + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def _byte_tokenizer(text: str, vocabulary: int, chat_template: str) -> Any:
    """Byte-level BPE trained on ``text``, so that every text can be told; ChatML's tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([text] * 20, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
    )
    tokenizer.chat_template = chat_template
    return tokenizer


@pytest.fixture(scope="session")
def byte_tokenizer() -> Callable[[str, int, str], Any]:
    """Make a tokenizer from a text, a vocabulary size and a chat template."""
    return _byte_tokenizer


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder with a random two-layer Llama and a byte-level tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("tiny-base")
    tokenizer = _byte_tokenizer("user assistant system the card is lost", 320, CHAT_TEMPLATE)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def tiny(tiny_folder: Path) -> tuple[Any, Any]:
    """(model, tokenizer), fresh, fp32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(tiny_folder)


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[str]], Path]:
    """Make a Hugging Face folder with a random BERT of two layers that knows the words of texts."""

    def make(texts: Sequence[str]) -> Path:
        import torch
        from tokenizers import BertWordPieceTokenizer
        from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

        path = tmp_path_factory.mktemp("tiny-bert")
        # The trainer of word pieces numbers equally frequent ones by chance.
        words = sorted({word for text in texts for word in text.lower().split()})
        letters = sorted({letter for word in words for letter in word})
        known = dict.fromkeys(
            ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *words]
            + [f"##{letter}" for letter in letters]
        )
        inner = BertWordPieceTokenizer({token: number for number, token in enumerate(known)})
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=inner._tokenizer,
            unk_token="[UNK]",
            pad_token="[PAD]",
            cls_token="[CLS]",
            sep_token="[SEP]",
            mask_token="[MASK]",
        )
        tokenizer.save_pretrained(path)
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=inner.get_vocab_size(),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=256,
        )
        BertModel(config).save_pretrained(path)
        return path

    return make


@pytest.fixture(scope="session")
def tiny_encoder(
    tiny_bert: Callable[[Sequence[str]], Path],
) -> Callable[[Sequence[str]], Callable[[], Any]]:
    """Of texts that it knows the words of: a way to load a small encoder, fresh each time."""
    from assay.models.load import load_embedder
    from assay.models.store import BaseRef
    from assay.observability.progress import SILENT

    def make(texts: Sequence[str]) -> Callable[[], Any]:
        ref = BaseRef("tiny-bert", tiny_bert(texts), "0" * 64, "MIT", "embedding", "test")
        return lambda: load_embedder(ref, SILENT)

    return make
