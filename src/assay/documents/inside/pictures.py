"""Pictures by Pillow: how many pages, and each as RGB dots, the right way up."""

from __future__ import annotations

import io
from typing import Any

from assay.documents.inside.refused import DAMAGED, TOO_LARGE, Refused

FORMATS = ("PNG", "JPEG", "TIFF")


def structure(data: bytes, job: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Frames with their sizes in dots."""
    picture = _opened(data)
    count = int(getattr(picture, "n_frames", 1))
    if count > job["pages"]:
        raise Refused(
            TOO_LARGE, f"it has {count:,} pages, and {job['pages']:,} are read (--max-pages)"
        )
    sizes: list[list[int]] = []
    for number in range(count):
        _seek(picture, number)
        _require_size(number + 1, picture.size, job["pixels"])
        sizes.append(list(picture.size))
    return {"pages": sizes, "attached": []}, []


def page(data: bytes, job: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """One frame as RGB bytes; what is transparent is white."""
    from PIL import Image, ImageOps

    picture = _opened(data)
    _seek(picture, job["page"])
    _require_size(job["page"] + 1, picture.size, job["pixels"])
    dots = picture.info.get("dpi", (None, None))[0]
    try:
        picture.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise Refused(DAMAGED, f"its dots cannot be decoded ({error})") from None
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("I;16", "I", "F"):
        picture = _grey(picture)
    if picture.has_transparency_data:
        whole = picture.convert("RGBA")
        under = Image.new("RGBA", whole.size, "white")
        picture = Image.alpha_composite(under, whole)
    picture = picture.convert("RGB")
    head = {
        "width": picture.size[0],
        "height": picture.size[1],
        "dpi": float(dots) if dots and dots > 1 else None,
        "picture": list(picture.size),
    }
    return head, [picture.tobytes()]


def _grey(picture: Any) -> Any:
    """A picture of finer greys than 256, from its darkest to its lightest."""
    dots: Any = picture.convert("F")
    low, high = dots.getextrema()
    scale = 255.0 / ((high - low) or 1.0)
    return dots.point(lambda dot: dot * scale - low * scale).convert("L")


def _opened(data: bytes) -> Any:
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the size is looked at here, before a dot is decoded
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise Refused(DAMAGED, f"it is no whole picture ({type(error).__name__})") from None


def _seek(picture: Any, number: int) -> None:
    try:
        picture.seek(number)
    except (EOFError, OSError, SyntaxError, ValueError) as error:
        raise Refused(DAMAGED, f"page {number + 1} cannot be found ({error})") from None


def _require_size(number: int, size: tuple[int, int], pixels: int) -> None:
    if size[0] * size[1] > pixels:
        raise Refused(
            TOO_LARGE,
            f"page {number} has {size[0]:,} x {size[1]:,} dots, and {pixels:,} are read of one",
        )
