"""From conversations to tokens, and which of those tokens are trained.

Every template is a Jinja chat template: the base's own for ``chat``, ours for ``instruction``. A
conversation is cut into segments by rendering it turn by turn, and each segment is tokenised by
itself, in training and in serving alike, so that a prompt's tokens are always a prefix of the
tokens trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from assay import files
from assay.data.records import Example, Turn
from assay.errors import DataError
from assay.observability.progress import Progress
from assay.recipe.schema import Data, Task

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
# A user turn is a text someone began; a text by itself is an assistant turn, trained to its end.
PLAIN = (
    "{% for message in messages %}"
    "{{ message['content'] + (eos_token if message['role'] == 'assistant' else '') }}"
    "{% endfor %}"
)
PROBE = (Turn("system", ""), Turn("user", "question"), Turn("assistant", "answer"))
REMEDY = (
    "Use a base whose chat template ends each answer with its end-of-text token, or set"
    " task.template: instruction."
)


@dataclass(frozen=True)
class PromptTemplate:
    """A Jinja chat template, the token that ends an answer, and what identifies the two.

    ``control`` are the special tokens that the template builds prompts with: text that spells one
    of them could end a turn or begin another, so it is refused.
    """

    name: str
    source: str
    terminator: str
    digest: str
    control: tuple[str, ...]


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
    """The task's template on this base; raises ``DataError`` where the base has none that works."""
    source: str | None = tokenizer.chat_template
    if task.template != "chat":
        first = tokenizer("")["input_ids"][:1]
        begins = "{{ bos_token }}" * (first == [tokenizer.bos_token_id])
        source = begins + (INSTRUCTION if task.template == "instruction" else PLAIN)
    if not source:
        raise DataError(
            "task.template is chat, but this base has no chat template",
            "Set task.template: instruction, or use a base made for chat.",
        )
    terminator: str | None = tokenizer.eos_token
    if not terminator:
        raise DataError("this base's tokenizer has no end-of-text token", "Use another base.")
    digest = files.digest({"name": task.template, "source": source, "terminator": terminator})
    bare = PromptTemplate(task.template, source, terminator, digest, ())
    probe = "".join(segment.text for segment in segments(bare, tokenizer, PROBE))
    control = tuple(token for token in tokenizer.all_special_tokens if token in probe)
    return replace(bare, control=control)


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

    Raises ``DataError`` when the template does not extend turn by turn, when an answer does not
    end in the terminator (training on it would teach the model never to stop), or when a turn
    spells one of the template's control tokens.
    """
    _refuse_control(template, turns)
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
        end = answer.find(template.terminator)
        if end < 0:
            raise DataError(
                f"wrong chat template: an answer does not end with {template.terminator}", REMEDY
            )
        end += len(template.terminator)
        parts += [Segment(before[len(done) :], False), Segment(answer[:end], True)]
        done = before + answer[:end]
    return parts


def _refuse_control(template: PromptTemplate, turns: Sequence[Turn]) -> None:
    for turn in turns:
        for token in template.control:
            if token in turn.content:
                raise DataError(
                    f"a {turn.role} turn contains the control token {token}: {turn.content[:120]!r}",
                    "Take it out of the text; in a prompt it would end the turn or begin another.",
                )


def _render(
    template: PromptTemplate, tokenizer: Any, turns: Sequence[Turn], *, open_answer: bool
) -> str:
    messages = [{"role": turn.role, "content": turn.content} for turn in turns]
    try:
        return tokenizer.apply_chat_template(
            messages,
            chat_template=template.source,
            tokenize=False,
            add_generation_prompt=open_answer,
        )
    except Exception as error:  # its syntax, what it says to roles it does not know, or any fault
        raise DataError(f"wrong chat template: {error}", REMEDY) from error


def encode_prompt(template: PromptTemplate, tokenizer: Any, turns: Sequence[Turn]) -> list[int]:
    """Token ids up to where the next answer begins: a prefix of what training saw, always."""
    past = segments(template, tokenizer, turns)
    done = "".join(segment.text for segment in past)
    whole = _render(template, tokenizer, turns, open_answer=True)
    if not whole.startswith(done):
        raise DataError("wrong chat template: a prompt does not extend the turns before it", REMEDY)
    texts = [*(segment.text for segment in past), whole[len(done) :]]
    return [token for part in _tokens(tokenizer, texts) for token in part]


def _tokens(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Each text tokenised by itself."""
    return tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []


def encode_training(template: PromptTemplate, tokenizer: Any, example: Example) -> Encoded:
    """Token ids and mask of one example."""
    parts = segments(template, tokenizer, example.turns)
    return _joined(example.id, parts, _tokens(tokenizer, [part.text for part in parts]))


def encode_training_batch(
    template: PromptTemplate, tokenizer: Any, examples: Sequence[Example], progress: Progress
) -> list[Encoded]:
    """``encode_training`` of many examples, tokenised in batches."""
    result: list[Encoded] = []
    with progress.task("tokenising", len(examples)) as bar:
        for start in range(0, len(examples), 1000):
            part = examples[start : start + 1000]
            cut = [segments(template, tokenizer, example.turns) for example in part]
            ids = iter(_tokens(tokenizer, [segment.text for row in cut for segment in row]))
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


def cut(encoded: Sequence[Encoded], max_tokens: int) -> list[Encoded]:
    """Texts longer than ``max_tokens`` in pieces of that length, in order.

    A single token at the end is left out: nothing before it predicts it.
    """
    return [
        Encoded(
            item.id,
            item.tokens[start : start + max_tokens],
            item.trained[start : start + max_tokens],
        )
        for item in encoded
        for start in range(0, max(1, len(item.tokens) - 1), max_tokens)
    ]


def fit_split(data: Data, encoded: Sequence[Encoded]) -> tuple[list[Encoded], dict[str, Any]]:
    """``fit`` as a recipe's ``data`` says; whole texts are cut in pieces first."""
    pieces = cut(encoded, data.max_tokens) if data.format == "text" else encoded
    return fit(pieces, data.max_tokens, data.overflow)


def fit(
    encoded: Sequence[Encoded], max_tokens: int, overflow: Literal["drop", "truncate", "error"]
) -> tuple[list[Encoded], dict[str, Any]]:
    """Apply the length limit; returns what is kept, and a count of everything.

    ``truncate`` takes the oldest tokens of the prompt, and drops an example that would lose a
    trained one. Raises ``DataError`` when nothing is left, when nothing that is left is trained
    on, and for the first long example if ``overflow`` is ``error``.
    """
    kept: list[Encoded] = []
    truncated = 0
    for item in encoded:
        excess = len(item.tokens) - max_tokens
        if excess <= 0:
            kept.append(item)
        elif overflow == "error":
            raise DataError(
                f"example {item.id} has {len(item.tokens)} tokens, data.max_tokens is {max_tokens}",
                "Raise data.max_tokens, or set data.overflow to drop or truncate.",
            )
        elif overflow == "truncate" and not any(item.trained[:excess]):
            kept.append(Encoded(item.id, item.tokens[excess:], item.trained[excess:]))
            truncated += 1
    if not kept:
        lengths = sorted(len(item.tokens) for item in encoded) or [0]
        raise DataError(
            f"all {len(encoded):,} examples are longer than data.max_tokens ({max_tokens}): the"
            f" shortest has {lengths[0]} tokens, the longest {lengths[-1]}",
            "Raise data.max_tokens, or shorten task.system and task.prompt.",
        )
    tokens = sum(len(item.tokens) for item in kept)
    supervised = sum(sum(item.trained) for item in kept)
    if supervised == 0:
        raise DataError(
            "no token would be trained: every label is masked",
            "Check task.answer and the chat template: assay data inspect RECIPE",
        )
    return kept, {
        "examples": len(encoded),
        "kept": len(kept),
        "truncated": truncated,
        "dropped": len(encoded) - len(kept),
        "unsupervised": sum(not any(item.trained) for item in kept),
        "tokens": tokens,
        "supervised_tokens": supervised,
        "supervised_share": round(supervised / tokens, 4),
    }
