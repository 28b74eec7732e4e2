"""From conversations to tokens, and which of those tokens are trained.

Every template is a Jinja chat template: the base's own for ``chat``, ours for ``instruction``. A
conversation is cut into segments by rendering it turn by turn, and each segment is tokenised by
itself, in training and in serving alike, so that a prompt's tokens are always a prefix of the
tokens trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay import files
from assay.data.records import Example, Turn
from assay.errors import DataError
from assay.observability.progress import Progress
from assay.recipe.schema import Task

INSTRUCTION = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}"
    "{% if message['content'] %}{{ message['content'] + '\n\n' }}{% endif %}"
    "{% elif message['role'] == 'user' %}"
    "{{ '### Instruction:\n' + message['content'] + '\n\n' }}"
    "{% else %}"
    "{{ '### Response:\n' + message['content'] + eos_token + '\n' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}"
)
REMEDY = (
    "Use a base whose chat template ends each turn with a special token, or template: instruction."
)


@dataclass(frozen=True)
class PromptTemplate:
    """A Jinja chat template and the token that ends an answer."""

    name: str
    source: str
    terminator: str
    digest: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of text that is trained on, or is not."""

    text: str
    trained: bool


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one example; ``trained[t]`` says whether token ``t`` is a label."""

    id: str
    tokens: list[int]
    trained: list[bool]


def template_for(task: Task, tokenizer: Any) -> PromptTemplate:
    """The template of the task on this base; raises ``DataError`` when the base has none."""
    if task.template == "instruction":
        source: str | None = INSTRUCTION
    else:
        source = tokenizer.chat_template
    if not source:
        raise DataError(
            "template: chat, but this base has no chat template", "Set task.template: instruction."
        )
    terminator: str | None = tokenizer.eos_token
    if not terminator:
        raise DataError("this base's tokenizer has no end-of-text token", REMEDY)
    digest = files.digest({"name": task.template, "source": source, "terminator": terminator})
    return PromptTemplate(task.template, source, terminator, digest)


def conversation(task: Task, text: str, target: str | None) -> tuple[Turn, ...]:
    """The turns around one input, with the answer when there is a target.

    The system turn is always there, even empty: many chat templates put a persona of their own
    where it is missing.
    """
    turns = [Turn("system", task.system), Turn("user", task.prompt.replace("{input}", text))]
    if target is not None:
        turns.append(Turn("assistant", task.answer.replace("{target}", target)))
    return tuple(turns)


def segments(template: PromptTemplate, tokenizer: Any, turns: Sequence[Turn]) -> list[Segment]:
    """The conversation as text, each assistant turn up to its terminator marked as trained.

    Raises ``DataError`` when the template does not extend turn by turn, or a turn does not end in
    the terminator: training on it would teach the model never to stop.
    """
    parts: list[Segment] = []
    done = ""
    for index, turn in enumerate(turns):
        if turn.role != "assistant":
            continue
        before = _render(template, tokenizer, turns[:index], open_answer=True)
        after = _render(template, tokenizer, turns[: index + 1], open_answer=False)
        if not before.startswith(done) or not after.startswith(before):
            raise DataError(
                f"wrong chat template: rendering turn {index + 1} changes the text before it",
                REMEDY,
            )
        answer = after[len(before) :]
        end = answer.find(template.terminator, len(turn.content))
        if end < 0:
            raise DataError(
                f"wrong chat template: turn {index + 1} does not end with {template.terminator!r}",
                REMEDY,
            )
        end += len(template.terminator)
        parts += [Segment(before[len(done) :], False), Segment(answer[:end], True)]
        done = before + answer[:end]
    return parts


def _render(
    template: PromptTemplate, tokenizer: Any, turns: Sequence[Turn], *, open_answer: bool
) -> str:
    messages = [{"role": turn.role, "content": turn.content} for turn in turns]
    return tokenizer.apply_chat_template(
        messages,
        chat_template=template.source,
        tokenize=False,
        add_generation_prompt=open_answer,
    )


def encode_prompt(template: PromptTemplate, tokenizer: Any, turns: Sequence[Turn]) -> list[int]:
    """Token ids up to where the next answer begins."""
    past = segments(template, tokenizer, turns)
    done = "".join(segment.text for segment in past)
    whole = _render(template, tokenizer, turns, open_answer=True)
    if not whole.startswith(done):
        raise DataError("wrong chat template: the prompt does not extend the turns before", REMEDY)
    texts = [segment.text for segment in past] + [whole[len(done) :]]
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return [token for part in ids for token in part]


def encode_training(template: PromptTemplate, tokenizer: Any, example: Example) -> Encoded:
    """Token ids and mask of one example."""
    parts = segments(template, tokenizer, example.turns)
    ids: list[list[int]] = tokenizer([p.text for p in parts], add_special_tokens=False)["input_ids"]
    return _joined(example.id, parts, ids)


def encode_training_batch(
    template: PromptTemplate, tokenizer: Any, examples: Sequence[Example], progress: Progress
) -> list[Encoded]:
    """``encode_training`` of many examples, tokenised in batches."""
    result: list[Encoded] = []
    with progress.task("tokenising", len(examples)) as bar:
        for start in range(0, len(examples), 1000):
            part = examples[start : start + 1000]
            cut = [segments(template, tokenizer, example.turns) for example in part]
            texts = [segment.text for row in cut for segment in row]
            ids = iter(tokenizer(texts, add_special_tokens=False)["input_ids"])
            for example, row in zip(part, cut, strict=True):
                result.append(_joined(example.id, row, [next(ids) for _ in row]))
            bar.advance(len(part))
    return result


def _joined(id: str, parts: Sequence[Segment], ids: Sequence[list[int]]) -> Encoded:
    tokens: list[int] = []
    trained: list[bool] = []
    for segment, part in zip(parts, ids, strict=True):
        tokens += part
        trained += [segment.trained] * len(part)
    return Encoded(id, tokens, trained)


def fit(
    encoded: Sequence[Encoded], max_tokens: int, overflow: str
) -> tuple[list[Encoded], dict[str, Any]]:
    """Apply the length limit; returns what is kept and a report of every count.

    ``truncate`` cuts the oldest prompt tokens, never a trained one. Raises ``DataError`` when
    nothing is left, or nothing that is left is trained on.
    """
    kept: list[Encoded] = []
    truncated = dropped = 0
    for item in encoded:
        if len(item.tokens) <= max_tokens:
            kept.append(item)
            continue
        if overflow == "error":
            raise DataError(
                f"example {item.id}: {len(item.tokens)} tokens, data.max_tokens is {max_tokens}",
                "Raise data.max_tokens, or set data.overflow to drop or truncate.",
            )
        cut = len(item.tokens) - max_tokens
        if overflow == "truncate" and not any(item.trained[:cut]):
            kept.append(Encoded(item.id, item.tokens[cut:], item.trained[cut:]))
            truncated += 1
        else:
            dropped += 1
    if not kept:
        raise DataError(
            f"all {len(encoded)} examples are longer than data.max_tokens ({max_tokens})",
            "Raise data.max_tokens; the longest example has "
            f"{max((len(item.tokens) for item in encoded), default=0)} tokens.",
        )
    supervised = sum(sum(item.trained) for item in kept)
    if supervised == 0:
        raise DataError(
            "no token would be trained: every label is masked",
            "Check task.answer and the chat template: assay data inspect",
        )
    tokens = sum(len(item.tokens) for item in kept)
    return kept, {
        "examples": len(encoded),
        "kept": len(kept),
        "truncated": truncated,
        "dropped": dropped,
        "tokens": tokens,
        "supervised_tokens": supervised,
        "supervised_share": round(supervised / tokens, 4),
    }
