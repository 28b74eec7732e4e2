"""Read documents: open each, take its words from the text layer where that is sound, else by OCR.

A text layer is sound where a reader sees what it says: words that are hidden, white, off the page or
tiny are dropped and named, and a few rows are recognised from the picture and compared.
"""

from __future__ import annotations

import os
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from assay import files
from assay.documents import einvoice
from assay.documents.inside.kinds import MAIL, PDF, XML
from assay.documents.inside.pdf import HIDDEN
from assay.documents.inside.refused import OPENED, TOO_LARGE
from assay.documents.ocr import RAPID, Engine, engine_of
from assay.documents.opening import DEFAULT, Limits, Opened, Opener, Result
from assay.documents.words import (
    BLANK,
    OCR,
    TEXT,
    Box,
    Dropped,
    Page,
    Place,
    Word,
    in_order,
    page_of,
)
from assay.observability.progress import Task

Paged = Literal["all", "with message", "none"]

FORM = 1  # of what is kept of a document; another one is read again
DPI = 150
SAMPLE = 3  # rows that are recognised to check a text layer
SHORTEST = 8  # letters of such a row
SOUND = 0.6  # likeness of the text layer and what is recognised, from which it is believed
PICTURED = 0.4  # a picture over this share of the page may hold text of its own
COVERED = 0.3  # of a recognised word's box by a word of the text layer: it is the same
DEEPEST = 3  # messages in messages
TELLING = 40  # letters from which a language is told
UNSURE = 0.6  # mean score below which a page is called hard to read


@dataclass(frozen=True)
class Document:
    """A document as it was read; ``verdict`` says whether, and ``reason`` why not."""

    name: str
    digest: str
    verdict: str
    reason: str = ""
    kind: str = ""
    pages: tuple[Page, ...] = ()
    attached: tuple[Document, ...] = ()  # of an e-mail, read as well
    embedded: tuple[str, ...] = ()  # names of the files inside a PDF
    notes: tuple[str, ...] = ()
    invoice: einvoice.EInvoice | None = None  # of XML, or of the XML inside a PDF
    pictures: tuple[bytes, ...] = field(
        default=(), repr=False
    )  # JPEG of each page, where asked for

    @property
    def language(self) -> str:
        """The language of most of its pages, or ""."""
        told = Counter(page.language for page in self.pages if page.language)
        return told.most_common(1)[0][0] if told else ""


@dataclass
class Reader:
    """Reads documents one after another; a context manager that owns the process that opens them."""

    limits: Limits = DEFAULT
    engine: str = RAPID
    dpi: int = DPI
    kept: Path | None = None  # where what was read is kept by digest; ``None``: nowhere
    pictures: bool = False  # whether documents come with pictures of their pages
    paged: Paged = "all"  # whose words are read: of all documents, of those with a message, of none
    _opener: Opener = field(init=False, repr=False)
    _ocr: Engine | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._opener = Opener(self.limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opener.__exit__(kind, error, trace)

    @property
    def ocr(self) -> Engine:
        """The engine, loaded at its first use."""
        if self._ocr is None:
            self._ocr = engine_of(self.engine)
        return self._ocr

    def read(
        self, source: Path | bytes, name: str = "", task: Task | None = None, depth: int = 0
    ) -> Document:
        """A document with the words of all its pages; ``task`` goes on by one in all.

        Raises ``DataError`` for a path that cannot be read; whatever is wrong with what it holds is
        a verdict.
        """
        with self._opener.open(source, name) as opened:
            document = _described(opened)
            if opened.verdict != OPENED:
                return document
            if opened.kind == MAIL:
                return self._mail(document, opened, depth)
            if opened.message is not None:
                return replace(document, invoice=einvoice.read(opened.message, document.name))
            document = self._structured(document, opened)
            if self.paged == "none" or (self.paged == "with message" and document.invoice is None):
                return document
            return self._grounded(self._pages(document, opened, task))

    def _structured(self, document: Document, opened: Opened) -> Document:
        """A document with the message that is inside its PDF, where there is one."""
        found: list[einvoice.EInvoice] = []
        notes = list(document.notes)
        for each in opened.attached:
            with self._opener.open(each.data, each.name) as inner:
                if inner.message is not None:
                    found.append(einvoice.read(inner.message, document.name))
                elif inner.kind == XML or each.name.lower().endswith(".xml"):
                    notes.append(f"{each.name} inside it is not read: {inner.reason}")
        if len(found) > 1:
            notes.append(f"{len(found)} messages are inside it; none is taken for its truth")
        only = found[0] if len(found) == 1 else None
        return replace(document, invoice=only, notes=tuple(notes))

    @staticmethod
    def _grounded(document: Document) -> Document:
        """A document with its message's values where its pages show them."""
        if document.invoice is None or document.verdict != OPENED:
            return document
        return replace(document, invoice=einvoice.on_pages(document.invoice, document.pages))

    def _pages(self, document: Document, opened: Opened, task: Task | None) -> Document:
        saved = self._saved(opened.digest)
        known = (
            [page_of(each) for each in files.read_json(saved)] if saved and saved.is_file() else []
        )
        pages = list(known)
        pictures: list[bytes] = []
        for number in range(opened.pages if self.pictures or not known else 0):
            found = self._opener.page(opened, number, self.dpi)
            if found.verdict != OPENED:
                why = f"page {number + 1}: {found.reason}"
                return replace(document, verdict=found.verdict, reason=why)
            if not known:
                pages.append(self._page(opened.kind, number + 1, found))
            if self.pictures:
                pictures.append(_jpeg(_picture(found)))
            if task:
                task.advance(1 / opened.pages)
        if saved and not known:
            files.write_json(saved, [asdict(page) for page in pages])
        return replace(document, pages=tuple(pages), pictures=tuple(pictures))

    def _mail(self, document: Document, opened: Opened, depth: int) -> Document:
        if depth == DEEPEST:
            why = f"it is a message inside {DEEPEST} others"
            return replace(document, verdict=TOO_LARGE, reason=why)
        inner = [self.read(each.data, each.name, None, depth + 1) for each in opened.attached]
        return replace(document, attached=tuple(inner), embedded=())

    def _saved(self, digest: str) -> Path | None:
        if self.kept is None:
            return None
        how = {"form": FORM, "dpi": self.dpi, "ocr": self.engine, "scripts": self.limits.acts}
        return self.kept / f"{digest}-{files.digest(how)[:12]}.json"

    def _page(self, kind: str, number: int, found: Result) -> Page:
        head = found.head
        picture = _picture(found)
        unit = "point" if kind == PDF else "dot"
        page = Page(number, head["width"], head["height"], unit, BLANK)
        if kind != PDF:
            return self._recognised(page, picture)
        dropped = tuple(
            Dropped(w["text"], tuple(w["box"]), tuple(w["flags"]))
            for w in head["words"]
            if w["flags"]
        )
        seen = [w for w in head["words"] if not w["flags"]]
        under = [w for w in head["words"] if w["flags"] == [HIDDEN]]
        page = replace(page, dropped=dropped, notes=_of_dropped(dropped))
        if head["blank"]:
            return page
        if seen:
            return self._layered(page, seen, picture, head["pictured"])
        if under:
            likeness = self._likeness(under, picture, page)
            if likeness is not None and likeness >= SOUND:
                note = f"its text lies unseen over a picture that says the same ({likeness:.2f})"
                rest = tuple(each for each in dropped if each.why != (HIDDEN,))
                page = replace(page, dropped=rest, notes=(*_of_dropped(rest), note))
                return _laid(page, _text_layer(under), TEXT)
        return self._recognised(page, picture)

    def _layered(
        self, page: Page, seen: Sequence[dict[str, Any]], picture: np.ndarray, pictured: float
    ) -> Page:
        """A page whose text layer can be seen."""
        likeness = self._likeness(seen, picture, page)
        if likeness is not None and likeness < SOUND:
            note = f"its text layer says something else than the page shows ({likeness:.2f} alike)"
            return self._recognised(replace(page, notes=(*page.notes, note)), picture)
        words = _text_layer(seen)
        if pictured < PICTURED:
            return _laid(page, words, TEXT)
        beside = self._recognised(replace(page, notes=()), picture)
        new = [word for word in beside.words if not _covered(word.box, words)]
        if not new:
            return _laid(page, words, TEXT)
        note = f"{len(new)} words beside its text layer were recognised in a picture"
        return _laid(replace(page, notes=(*page.notes, note)), [*words, *new], TEXT)

    def _recognised(self, page: Page, picture: np.ndarray) -> Page:
        """A page read by OCR."""
        sight = self.ocr.read(picture)
        scale = page.width / picture.shape[1]
        places = [Place(*read.middle, read.height) for read in sight.words]
        order, rows = in_order(places)
        words = [
            Word(
                sight.words[n].text,
                _scaled(sight.words[n].box, scale),
                row,
                round(sight.words[n].score, 4),
                OCR,
            )
            for n, row in zip(order, rows, strict=True)
        ]
        notes = list(page.notes)
        if not words:
            notes.append("no text was found on it")
        elif (mean := statistics.fmean(word.score for word in words)) < UNSURE:
            notes.append(f"it is hard to read (mean score {mean:.2f})")
        if sight.turned:
            notes.append(f"it lay turned and was read {sight.turned} degrees clockwise")
        read = replace(
            page,
            source=OCR,
            turned=sight.turned,
            slope=round(sight.slope, 2),
            words=tuple(words),
            notes=tuple(notes),
        )
        return replace(read, language=language_of(read.text))

    def _likeness(
        self, words: Sequence[dict[str, Any]], picture: np.ndarray, page: Page
    ) -> float | None:
        """How like some rows of a text layer are to what is recognised there; ``None``: no row to ask."""
        from rapidfuzz.fuzz import ratio

        scale = picture.shape[1] / page.width
        crops: list[np.ndarray] = []
        said: list[str] = []
        for row in _sample(words):
            left = min(w["box"][0] for w in row) * scale - 4
            top = min(w["box"][1] for w in row) * scale - 3
            right = max(w["box"][2] for w in row) * scale + 4
            bottom = max(w["box"][3] for w in row) * scale + 3
            crop = picture[max(0, int(top)) : int(bottom) + 1, max(0, int(left)) : int(right) + 1]
            if crop.shape[0] >= 6 and crop.shape[1] >= 12:
                crops.append(crop)
                said.append(_plain("".join(w["text"] for w in row)))
        if not crops:
            return None
        read = [_plain(text) for text in self.ocr.lines(crops)]
        return statistics.median(ratio(a, b) / 100 for a, b in zip(said, read, strict=True))


def words_folder() -> Path:
    """Where words are kept: ``words`` in Assay's home, or ``$ASSAY_WORDS``."""
    return Path(os.environ.get("ASSAY_WORDS") or files.home() / "words")


def language_of(text: str) -> str:
    """The ISO 639-1 code of a text's language; "" where it is too short to tell."""
    if sum(letter.isalpha() for letter in text) < TELLING:
        return ""
    import pycld2

    try:
        sure, _, found = pycld2.detect(text.encode("utf-8"), bestEffort=True)
    except pycld2.error:
        return ""
    code = str(found[0][1])
    return code if sure and code != "un" else ""


def _described(opened: Opened) -> Document:
    names = tuple(each.name for each in opened.attached)
    return Document(
        opened.name,
        opened.digest,
        opened.verdict,
        opened.reason,
        opened.kind,
        embedded=names,
        notes=opened.notes,
    )


def _picture(found: Result) -> np.ndarray:
    width, height = found.head["picture"]
    return np.frombuffer(found.parts[0], dtype=np.uint8).reshape(height, width, 3)


def _jpeg(picture: np.ndarray) -> bytes:
    import io

    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(picture).save(held, "JPEG", quality=70, optimize=True)
    return held.getvalue()


def _of_dropped(dropped: Sequence[Dropped]) -> tuple[str, ...]:
    """A note about words that nobody sees, or none."""
    if not dropped:
        return ()
    counts = Counter(why for each in dropped for why in each.why)
    told = ", ".join(f"{count:,} {why}" for why, count in sorted(counts.items()))
    start = " ".join(each.text for each in dropped[:12])
    return (f"words that cannot be seen were dropped ({told}): {start[:80]!r}",)


def _text_layer(words: Sequence[dict[str, Any]]) -> list[Word]:
    return [Word(w["text"], tuple(w["box"]), 0, 1.0, TEXT) for w in words]


def _laid(page: Page, words: Sequence[Word], source: str) -> Page:
    """A page with words in reading order."""
    places = [
        Place((w.box[0] + w.box[2]) / 2, (w.box[1] + w.box[3]) / 2, w.box[3] - w.box[1])
        for w in words
    ]
    order, rows = in_order(places)
    laid = tuple(replace(words[n], row=row) for n, row in zip(order, rows, strict=True))
    read = replace(page, source=source, words=laid)
    return replace(read, language=language_of(read.text))


def _scaled(box: Box, scale: float) -> Box:
    left, top, right, bottom = (round(side * scale, 2) for side in box)
    return (left, top, right, bottom)


def _covered(box: Box, words: Sequence[Word]) -> bool:
    """Whether a word of the text layer lies where another was recognised."""
    area = max((box[2] - box[0]) * (box[3] - box[1]), 1e-9)
    for word in words:
        wide = min(box[2], word.box[2]) - max(box[0], word.box[0])
        high = min(box[3], word.box[3]) - max(box[1], word.box[1])
        if wide > 0 and high > 0 and wide * high > COVERED * area:
            return True
    return False


def _sample(words: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows spread over the page whose letters the recogniser knows, at most ``SAMPLE``."""
    places = [
        Place(w["box"][0], (w["box"][1] + w["box"][3]) / 2, w["box"][3] - w["box"][1])
        for w in words
    ]
    order, numbers = in_order(places)
    rows: dict[int, list[dict[str, Any]]] = {}
    for n, row in zip(order, numbers, strict=True):
        rows.setdefault(row, []).append(words[n])
    runs = [run for row in rows.values() for run in _runs(row)]
    fit = [run for run in runs if len(_plain("".join(w["text"] for w in run))) >= SHORTEST]
    fit = [run for run in fit if all(_readable(w["text"]) for w in run)]
    if len(fit) <= SAMPLE:
        return fit
    return [fit[round(n * (len(fit) - 1) / (SAMPLE - 1))] for n in range(SAMPLE)]


def _runs(row: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """A row's words that stand close together: what a recogniser takes for one line."""
    runs: list[list[dict[str, Any]]] = []
    for word in row:
        high = word["box"][3] - word["box"][1]
        if runs and word["box"][0] - runs[-1][-1]["box"][2] < 2 * high and len(runs[-1]) < 8:
            runs[-1].append(word)
        else:
            runs.append([word])
    return runs


def _readable(text: str) -> bool:
    """Whether the recogniser knows the letters: Latin, digits and Chinese, not the others."""
    return all(
        not letter.isalpha() or ord(letter) < 0x250 or 0x4E00 <= ord(letter) <= 0x9FFF
        for letter in text
    )


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
