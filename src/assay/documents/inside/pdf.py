"""PDF by PDFium: how many pages, their words with boxes, the page as it looks, files attached.

Boxes are in points from the upper left corner of the page as it is shown (cropped and turned).
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from assay.documents.inside.refused import DAMAGED, EMPTY, ENCRYPTED, TOO_LARGE, Refused

POINTS = 72.0  # per inch
FINE = 100  # device units per point, as PDFium gives whole ones
LONGEST_SIDE = 14_400  # points, the longest that the format allows
CHARACTERS = 200_000  # of a page
ATTACHED = 20  # files of a document that are handed out
ATTACHED_BYTES = 20_000_000  # of one of them
GAP = 0.5  # of the letters' size: a wider one parts two words without a blank between them
SMALLEST = 2.0  # points: smaller letters cannot be read
FAINTEST = 20  # of 255, between the darkest and the lightest dot of a word that can be seen
PASSWORD, SECURITY = 4, 5  # FPDF_GetLastError
INVISIBLE = (3, 7)  # text render modes

HIDDEN, UNSEEN, OFF_PAGE, TINY = "hidden", "unseen", "off page", "tiny"


@dataclass
class Letter:
    """A character with its box in the page's own space (points, from below)."""

    text: str
    left: float
    bottom: float
    right: float
    top: float
    size: float  # of its font as it is set here, in points
    hidden: bool


def opened(data: bytes) -> Any:
    """The document; raises ``Refused`` where PDFium cannot read it."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (PASSWORD, SECURITY):
            raise Refused(
                ENCRYPTED, "it asks for a password. Save it without one, or ask for it again."
            ) from None
        raise Refused(DAMAGED, "PDFium finds no document in it") from None
    document.init_forms()
    return document


def structure(data: bytes, job: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Pages with their sizes, and attached files."""
    document = opened(data)
    count = len(document)
    if not count:
        raise Refused(EMPTY, "it has no pages")
    if count > job["pages"]:
        raise Refused(
            TOO_LARGE, f"it has {count:,} pages, and {job['pages']:,} are read (--max-pages)"
        )
    sizes = [list(document.get_page_size(n)) for n in range(count)]
    for number, (width, height) in enumerate(sizes, 1):
        _require_size(number, width, height)
    names, contents = _attached(document)
    return {"pages": sizes, "attached": names}, contents


def page(data: bytes, job: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Words of one page, and its picture as RGB bytes."""
    import pypdfium2.raw as raw

    document = opened(data)
    one = document[job["page"]]
    if raw.FPDFPage_GetAnnotCount(one) > 0:
        # What is filled into forms and written in notes becomes text of the page.
        raw.FPDFPage_Flatten(one, raw.FLAT_NORMALDISPLAY)
        one = document[job["page"]]
    width, height = one.get_size()
    _require_size(job["page"] + 1, width, height)
    dots = min(job["dpi"], POINTS * (job["pixels"] / max(width * height, 1.0)) ** 0.5)
    picture = one.render(scale=dots / POINTS, rev_byteorder=True).to_pil().convert("RGB")
    found = _words(one, width, height)
    grey = picture.convert("L")
    for word in found:
        word["flags"] = _flags(word, grey, width, height)
    head = {
        "width": width,
        "height": height,
        "dpi": dots,
        "words": found,
        "pictured": _pictured(one, width * height),
        "blank": _contrast(grey, (0, 0, *grey.size)) < FAINTEST,
        "picture": list(picture.size),
    }
    return head, [picture.tobytes()]


def _require_size(number: int, width: float, height: float) -> None:
    if not (width > 0 and height > 0):
        raise Refused(DAMAGED, f"page {number} has no size")
    if max(width, height) > LONGEST_SIDE:
        raise Refused(
            TOO_LARGE, f"page {number} is {width:,.0f} x {height:,.0f} points, which no page can be"
        )


def _attached(document: Any) -> tuple[list[str], list[bytes]]:
    import pypdfium2

    names: list[str] = []
    contents: list[bytes] = []
    for number in range(min(document.count_attachments(), ATTACHED)):
        one = document.get_attachment(number)
        try:
            content = bytes(one.get_data())
        except pypdfium2.PdfiumError:
            continue
        if len(content) <= ATTACHED_BYTES:
            names.append(one.get_name())
            contents.append(content)
    return names, contents


def _letters(text: Any, count: int) -> list[Letter | None]:
    """Every letter, and ``None`` where words are parted."""
    import pypdfium2.raw as raw

    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    modes: dict[int, bool] = {}
    found: list[Letter | None] = []
    loose = raw.FS_RECTF()
    alpha = ctypes.c_uint()
    unused = ctypes.c_uint()
    colour = [ctypes.byref(each) for each in (unused, unused, unused, alpha)]
    box = [ctypes.byref(each) for each in (left, right, bottom, top)]
    for n in range(count):
        code = raw.FPDFText_GetUnicode(text, n)
        letter = chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
        if letter.isspace() or not letter.isprintable():
            found.append(None)
            continue
        raw.FPDFText_GetCharBox(text, n, *box)
        place = raw.FPDFText_GetTextObject(text, n)
        owner = ctypes.addressof(place.contents) if place else 0
        if owner not in modes:
            modes[owner] = bool(place) and raw.FPDFTextObj_GetTextRenderMode(place) in INVISIBLE
        painted = raw.FPDFText_GetFillColor(text, n, *colour)
        hidden = modes[owner] or bool(painted and alpha.value == 0)
        raw.FPDFText_GetLooseCharBox(text, n, loose)
        size = max(abs(loose.top - loose.bottom), abs(loose.right - loose.left))
        ink = (left.value, bottom.value, right.value, top.value)
        found.append(Letter(letter, *ink, size, hidden))
    return found


def _words(one: Any, width: float, height: float) -> list[dict[str, Any]]:
    import pypdfium2.raw as raw

    layer = one.get_textpage()
    count = layer.count_chars()
    if count > CHARACTERS:
        raise Refused(
            TOO_LARGE, f"a page has {count:,} characters, and {CHARACTERS:,} are read of one"
        )
    runs: list[list[Letter]] = [[]]
    for letter in _letters(layer, count):
        if letter is None:
            runs.append([])
        else:
            if runs[-1] and _parted(runs[-1][-1], letter):
                runs.append([])
            runs[-1].append(letter)
    whole = (round(width * FINE), round(height * FINE))
    across, down = ctypes.c_int(), ctypes.c_int()

    def shown(x: float, y: float) -> tuple[float, float]:
        raw.FPDF_PageToDevice(one, 0, 0, *whole, 0, x, y, ctypes.byref(across), ctypes.byref(down))
        return across.value / FINE, down.value / FINE

    found: list[dict[str, Any]] = []
    for run in filter(None, runs):
        a = shown(min(e.left for e in run), min(e.bottom for e in run))
        b = shown(max(e.right for e in run), max(e.top for e in run))
        box = [min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])]
        hidden = 2 * sum(each.hidden for each in run) > len(run)
        size = max(each.size for each in run)
        text = "".join(each.text for each in run)
        found.append({"text": text, "box": box, "hidden": hidden, "size": size})
    return found


def _parted(before: Letter, after: Letter) -> bool:
    """Whether two letters without a blank between them are of different words."""
    size = max(before.size, after.size, 1.0)
    aside = max(after.left - before.right, before.left - after.right)
    apart = max(after.bottom - before.top, before.bottom - after.top)
    return aside > GAP * size or apart > GAP * size


def _flags(word: dict[str, Any], grey: Any, width: float, height: float) -> list[str]:
    """Why a reader of the page would not see a word."""
    left, top, right, bottom = word["box"]
    flags = [HIDDEN] if word.pop("hidden") else []
    if word.pop("size") < SMALLEST:
        flags.append(TINY)
    if not (0 <= (left + right) / 2 <= width and 0 <= (top + bottom) / 2 <= height):
        return [*flags, OFF_PAGE]
    scale = (grey.size[0] / width, grey.size[1] / height)
    box = (left * scale[0] - 1, top * scale[1] - 1, right * scale[0] + 2, bottom * scale[1] + 2)
    if _contrast(grey, box) < FAINTEST:
        flags.append(UNSEEN)
    return flags


def _contrast(grey: Any, box: tuple[float, ...]) -> int:
    """Between the darkest and the lightest dot of a part of a picture."""
    part = (
        max(0, int(box[0])),
        max(0, int(box[1])),
        min(grey.size[0], int(box[2]) + 1),
        min(grey.size[1], int(box[3]) + 1),
    )
    if part[0] >= part[2] or part[1] >= part[3]:
        return 0
    darkest, lightest = grey.crop(part).getextrema()
    return lightest - darkest


def _pictured(one: Any, area: float) -> float:
    """The share of the page under its largest picture."""
    import pypdfium2.raw as raw

    shares = [0.0]
    for each in one.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = each.get_bounds()
        shares.append(abs((right - left) * (top - bottom)) / max(area, 1.0))
    return min(max(shares), 1.0)
