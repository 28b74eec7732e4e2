"""The label X-ray: what a model reads, which tokens it is trained on, and whether answers end."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from assay.data.prompts import Encoded
from assay.data.records import Example
from assay.data.spans import Span, spans_of

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.text import Text

BINS = 16
TRAINED, ENDING, READ = "bold black on green", "bold black on yellow", "dim"


@dataclass(frozen=True, slots=True)
class Piece:
    """One token as text (more than one where a character needs several)."""

    text: str
    trained: bool
    ends: bool  # the token that ends an answer


@dataclass(frozen=True, slots=True)
class Bin:
    """How many examples have ``low`` to ``high`` tokens, both included."""

    low: int
    high: int
    count: int


@dataclass(frozen=True)
class XRay:
    """What a set of encoded examples trains."""

    examples: int
    truncated: int
    dropped: int
    tokens: int
    supervised: int  # trained tokens
    answers: int  # runs of trained tokens; a conversation may hold several
    terminated: int  # of those, how many end in a trained terminator
    terminator: str
    lengths: tuple[Bin, ...]  # in tokens
    rows: tuple[tuple[str, tuple[Piece, ...]], ...]  # (id, pieces), from shortest to longest

    @property
    def share_supervised(self) -> float:
        """Trained tokens over all tokens."""
        return self.supervised / self.tokens if self.tokens else 0.0

    @property
    def share_terminated(self) -> float:
        """Answers that end in a trained terminator, over all answers."""
        return self.terminated / self.answers if self.answers else 0.0

    def as_json(self) -> dict[str, Any]:
        """Every number, and the rows as lists of ``{text, trained, ends}``."""
        value = asdict(self)
        value["share_supervised"] = round(self.share_supervised, 4)
        value["share_terminated"] = round(self.share_terminated, 4)
        value["rows"] = [
            {"id": id, "tokens": [asdict(piece) for piece in pieces]} for id, pieces in self.rows
        ]
        return value


def xray(
    encoded: Sequence[Encoded],
    tokenizer: Any,
    k: int,
    *,
    terminator: str,
    counts: Mapping[str, int] | None = None,
) -> XRay:
    """Look through ``encoded``, as ``prompts.fit`` kept it; ``counts`` is that function's report.

    ``k`` examples are shown token by token: spread over the lengths, the longest included.
    ``terminator`` is the template's.
    """
    end: int = tokenizer.convert_tokens_to_ids(terminator)
    runs = [run for item in encoded for run in _answers(item)]
    by_length = sorted(encoded, key=lambda item: (len(item.tokens), item.id))
    chosen = [by_length[place] for place in _spread(len(by_length), k)]
    return XRay(
        examples=len(encoded),
        truncated=counts["truncated"] if counts else 0,
        dropped=counts["dropped"] if counts else 0,
        tokens=sum(len(item.tokens) for item in encoded),
        supervised=sum(map(len, runs)),
        answers=len(runs),
        terminated=sum(run[-1] == end for run in runs),
        terminator=terminator,
        lengths=_histogram([len(item.tokens) for item in encoded]),
        rows=tuple((item.id, tuple(_pieces(item, tokenizer, end))) for item in chosen),
    )


def _spread(count: int, k: int) -> list[int]:
    """At most ``k`` of ``count`` positions: the last, and before it others at equal distances."""
    if k < 2 or count < 2:
        return [count - 1] if k and count else []
    return list(dict.fromkeys(round((count - 1) * n / (k - 1)) for n in range(k)))


def _answers(item: Encoded) -> Iterator[list[int]]:
    """The token ids of each run of trained tokens."""
    pairs = zip(item.tokens, item.trained, strict=True)
    for trained, run in groupby(pairs, key=lambda pair: pair[1]):
        if trained:
            yield [token for token, _ in run]


def _histogram(lengths: Sequence[int]) -> tuple[Bin, ...]:
    """At most ``BINS`` bins of equal width over all lengths."""
    if not lengths:
        return ()
    low, high = min(lengths), max(lengths)
    width = max(1, -(-(high - low + 1) // BINS))
    starts = range(low, high + 1, width)
    return tuple(
        Bin(start, min(high, start + width - 1), sum(start <= n < start + width for n in lengths))
        for start in starts
    )


def _pieces(item: Encoded, tokenizer: Any, end: int) -> Iterator[Piece]:
    """Tokens as text; those that only together make a character stay together."""
    held: list[int] = []
    following = [*item.trained[1:], None]
    for token, trained, then in zip(item.tokens, item.trained, following, strict=True):
        held.append(token)
        text: str = tokenizer.decode(held, clean_up_tokenization_spaces=False)
        if "\ufffd" in text and then == trained and len(held) < 4:
            continue
        yield Piece(text, trained, trained and token == end)
        held = []


# -- entities ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """What the rows of an entity task name."""

    counts: dict[str, int]  # entities of each type, the commonest first
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # (id, pieces of text with a type)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        coloured = console.color_system is not None or console.record
        for id, pieces in self.rows:
            yield Text(f"\n{id}", style="bold")
            text = Text()
            for piece, kind in pieces:
                text.append(piece if coloured or not kind else f"«{piece}»", TRAINED * bool(kind))
                text.append(f" {kind}" if kind else "", ENDING)
            yield text

    def to_html(self) -> str:
        """The rows as a section of the page."""
        told = ", ".join(f"{html.escape(kind)} {count:,}" for kind, count in self.counts.items())
        rows = "".join(
            f'<article class="row"><header>{html.escape(id)}</header><pre>'
            + "".join(
                f'<span class="t" title="{html.escape(kind)}">{html.escape(piece)}</span>&thinsp;'
                f'<span class="e">{html.escape(kind)}</span>'
                if kind
                else html.escape(piece)
                for piece, kind in pieces
            )
            + "</pre></article>"
            for id, pieces in self.rows
        )
        return f'<h2>Entities</h2><p class="legend">in train: {told}</p>{rows}'


def named(examples: Sequence[Example], k: int) -> Named:
    """Count the entities; ``k`` rows are shown, spread over how many they name."""
    spans = {example.id: spans_of(example.target) for example in examples}
    counts = Counter(span.type for found in spans.values() for span in found)
    ranked = sorted(examples, key=lambda e: (len(spans[e.id]), e.id))
    ranked = [example for example in ranked if spans[example.id]]
    chosen = [ranked[place] for place in _spread(len(ranked), k)]
    rows = tuple((e.id, tuple(_named_pieces(e.text, spans[e.id]))) for e in chosen)
    return Named(dict(sorted(counts.items(), key=lambda c: (-c[1], c[0]))), rows)


def _named_pieces(text: str, spans: Sequence[Span]) -> Iterator[tuple[str, str]]:
    """The text in pieces, each with its type or, outside of entities, none."""
    at = 0
    for span in spans:
        yield text[at : span.start], ""
        yield text[span.start : span.end], span.type
        at = span.end
    yield text[at:], ""


# -- terminal ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _View:
    """Draws itself for the console at hand: colours, or marks where there is none."""

    shown: XRay

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        coloured = console.color_system is not None or console.record
        yield Text("\n".join(_facts(self.shown)))
        legend = Text("legend: ", style="")
        if coloured:
            legend.append("trained", TRAINED).append(" ").append("ends the answer", ENDING)
            legend.append(" ").append("only read", READ)
        else:
            legend.append("«trained», the rest is only read")
        yield legend
        for id, pieces in self.shown.rows:
            yield Text(f"\n{id}", style="bold")
            yield _coloured(pieces) if coloured else _marked(pieces)


def to_rich(shown: XRay) -> RenderableType:
    """The X-ray for ``rich``: counts, legend, and the rows with their trained tokens marked."""
    return _View(shown)


def _facts(shown: XRay) -> list[str]:
    lengths = shown.lengths
    return [
        f"{shown.supervised:,} of {shown.tokens:,} tokens are trained"
        f" ({shown.share_supervised:.1%}), in {shown.answers:,} answers",
        f"{shown.terminated:,} of {shown.answers:,} answers end in a trained {shown.terminator}",
        f"{shown.examples:,} examples"
        + (f" of {lengths[0].low} to {lengths[-1].high} tokens" if lengths else "")
        + f"; {shown.truncated:,} truncated, {shown.dropped:,} dropped as too long",
    ]


def _coloured(pieces: Sequence[Piece]) -> Text:
    from rich.text import Text

    text = Text()
    for piece in pieces:
        style = ENDING if piece.ends else TRAINED if piece.trained else READ
        text.append(piece.text, style=style)
    return text


def _marked(pieces: Sequence[Piece]) -> Text:
    from rich.text import Text

    runs = groupby(pieces, key=lambda piece: piece.trained)
    parts = [("".join(piece.text for piece in run), trained) for trained, run in runs]
    return Text("".join(f"«{text}»" if trained else text for text, trained in parts))


# -- page ----------------------------------------------------------------------------------

STYLE = """
:root { color-scheme: light dark; --paper: #f6f3ec; --card: #fffefb; --ink: #211e1a;
  --muted: #726b60; --rule: #e3ddd2; --trained: #cfe8d5; --trained-ink: #14452a;
  --ends: #f3dd9b; --ends-ink: #5a4207; --bar: #8fa9b8; --bad: #b2382b; }
@media (prefers-color-scheme: dark) { :root { --paper: #151412; --card: #1e1c19; --ink: #ece6db;
  --muted: #a39b8d; --rule: #35312b; --trained: #1f4a31; --trained-ink: #c9f0d6;
  --ends: #6a5013; --ends-ink: #ffe9b0; --bar: #5d7686; --bad: #ee8577; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui,
  -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; }
main { max-width: 940px; margin: 0 auto; padding: 44px 24px 72px; }
h1 { margin: 0; font: 600 34px/1.15 Georgia, "Noto Serif", serif; overflow-wrap: anywhere; }
.lede { margin: 8px 0 28px; color: var(--muted); font-size: 17px; max-width: 40em; }
h2 { margin: 38px 0 10px; font: 600 20px/1.3 Georgia, "Noto Serif", serif; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; }
.fact, .row { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
.fact { padding: 14px 16px; }
.fact b { display: block; font: 600 26px/1.2 Georgia, "Noto Serif", serif; }
.fact.bad b { color: var(--bad); }
.fact span { color: var(--muted); font-size: 13px; }
.hist { display: flex; align-items: flex-end; gap: 3px; height: 120px;
  border-bottom: 1px solid var(--rule); }
.hist i { flex: 1; background: var(--bar); border-radius: 3px 3px 0 0; min-height: 1px; }
.ends-of { display: flex; justify-content: space-between; color: var(--muted); font-size: 12px; }
.legend { display: flex; flex-wrap: wrap; gap: 8px 18px; color: var(--muted); font-size: 13px; }
.row { margin: 12px 0; overflow: hidden; }
.row header { padding: 8px 16px; color: var(--muted); font-size: 12px;
  border-bottom: 1px solid var(--rule); }
pre { margin: 0; padding: 14px 16px; font: 13px/1.75 ui-monospace, "SF Mono", "Cascadia Code",
  Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; color: var(--muted); }
pre span:hover { outline: 1px solid var(--muted); }
.t { background: var(--trained); color: var(--trained-ink); border-bottom: 2px solid currentColor; }
.e { background: var(--ends); color: var(--ends-ink); border-bottom: 2px double currentColor; }
.t, .e { border-radius: 3px 3px 0 0; padding: 1px 0; }
.nl { opacity: .55; }
"""


def to_html(
    shown: XRay | None, title: str = "Label X-ray", about: str = "", entities: Named | None = None
) -> str:
    """The X-ray as one self-contained page: no script, nothing loaded, light and dark."""
    about = about or "What the model reads, and which of it the model is trained to write."
    sections = (entities.to_html() if entities else "") + (_tokens_html(shown) if shown else "")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><style>{STYLE}</style></head><body><main>
<h1>{html.escape(title)}</h1><p class="lede">{html.escape(about)}</p>
{sections}</main></body></html>
"""


def _tokens_html(shown: XRay) -> str:
    rows = "".join(_row_html(id, pieces) for id, pieces in shown.rows)
    return f"""<div class="facts">{_facts_html(shown)}</div>
<h2>Length in tokens</h2>{_histogram_html(shown.lengths)}
<h2>Token by token</h2>
<p class="legend"><span><span class="t">trained</span> part of the answer</span>
<span><span class="e">{html.escape(shown.terminator)}</span> trained, ends the answer</span>
<span>plain: only read</span></p>
{rows}"""


def _facts_html(shown: XRay) -> str:
    unended = shown.answers - shown.terminated
    lost = f"{shown.truncated:,} truncated, {shown.dropped:,} dropped as too long"
    facts = (
        (f"{shown.share_supervised:.1%}", "of the tokens are trained", not shown.supervised),
        (f"{shown.supervised:,}", f"of {shown.tokens:,} tokens", not shown.supervised),
        (f"{shown.share_terminated:.1%}", "of the answers end in a trained terminator", unended),
        (f"{shown.examples:,}", f"examples; {lost}", shown.dropped),
    )
    return "".join(
        f'<div class="fact{" bad" if bad else ""}"><b>{value}</b><span>{html.escape(what)}</span></div>'
        for value, what, bad in facts
    )


def _histogram_html(lengths: Sequence[Bin]) -> str:
    if not lengths:
        return ""
    most = max(bin.count for bin in lengths)
    bars = "".join(
        f'<i style="height:{100 * bin.count / most:.1f}%"'
        f' title="{bin.low} to {bin.high} tokens: {bin.count:,} examples"></i>'
        for bin in lengths
    )
    ends = f"<span>{lengths[0].low}</span><span>{lengths[-1].high}</span>"
    return f'<div class="hist">{bars}</div><div class="ends-of">{ends}</div>'


def _row_html(id: str, pieces: Sequence[Piece]) -> str:
    trained = sum(piece.trained for piece in pieces)
    body = "".join(
        f'<span class="{"e" if piece.ends else "t" if piece.trained else "r"}">'
        + html.escape(piece.text).replace("\n", '<span class="nl">↵</span>\n')
        + "</span>"
        for piece in pieces
    )
    head = f"{html.escape(id)} · {len(pieces):,} tokens, {trained:,} trained"
    return f'<article class="row"><header>{head}</header><pre>{body}</pre></article>'
