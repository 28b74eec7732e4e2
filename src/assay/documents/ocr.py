"""Words from a picture of a page: RapidOCR by default, Tesseract as the other engine.

A picture is an array [H, W, 3] of RGB bytes. Boxes are in its dots, whichever way it was turned to
be read.
"""

from __future__ import annotations

import io
import math
import os
import shutil
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from assay.errors import DataError, DependencyError

RAPID, TESSERACT = "rapidocr", "tesseract"
ENGINES = (RAPID, TESSERACT)
UPRIGHT = 1.5  # a box this much taller than wide is a line that stands on end
LINES_ASKED = 12  # the widest, about the way up
LONG = 4.0  # times as wide as high: a line whose slope can be trusted
SURE = 2.0  # Tesseract's confidence in which way is up, from which it is believed
SECONDS = 60.0  # that Tesseract may take for a page

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Read:
    """A word that was recognised."""

    text: str
    box: Box  # around the word as it lies, in the picture's dots
    middle: tuple[float, float]  # once the page is turned upright and its lines are level
    height: float  # of its letters
    score: float  # 0 to 1, as the engine says


@dataclass(frozen=True)
class Sight:
    """What an engine saw on a picture."""

    words: tuple[Read, ...]
    turned: int  # degrees clockwise that make it upright: 0, 90, 180 or 270
    slope: float  # degrees that its lines then fall to the right


class Engine(Protocol):
    """What reads pictures."""

    name: str
    version: str

    def read(self, picture: np.ndarray) -> Sight:
        """Every word of a page."""
        ...

    def lines(self, crops: Sequence[np.ndarray]) -> list[str]:
        """The text of pictures that hold one upright line each."""
        ...


def engine_of(name: str) -> Engine:
    """The engine of a name; raises ``DependencyError`` where it is not installed."""
    if name == RAPID:
        return RapidOcr()
    if name == TESSERACT:
        return Tesseract()
    raise DataError(f"there is no OCR engine {name!r}", f"There are: {', '.join(ENGINES)}.")


class RapidOcr:
    """PP-OCR's detector, classifier and recogniser on ONNX Runtime; the models are in the wheel."""

    name = RAPID

    def __init__(self) -> None:
        try:
            import rapidocr  # noqa: F401  # pyright: ignore[reportUnusedImport]
        except ImportError as error:
            raise DependencyError(
                f"pictures cannot be read: {error}", "pip install 'assay[documents]'"
            ) from None
        from importlib.metadata import version

        self.version = version("rapidocr")

    @cached_property
    def _engine(self) -> Any:
        from rapidocr import RapidOCR

        told = {
            "Global.return_word_box": True,
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": _threads(),
        }
        return RapidOCR(params=told)

    def read(self, picture: np.ndarray) -> Sight:
        """Every word of a page, which is turned upright first."""
        turned = 0
        crops, boxes, record, image = self._found(picture)
        if boxes is not None and _lie_on_end(boxes):
            turned = 90
            crops, boxes, record, image = self._found(_turn(picture, turned))
        if boxes is not None and self._upside_down(crops, boxes):
            turned += 180
            crops, boxes, record, image = self._found(_turn(picture, turned))
        if boxes is None:
            return Sight((), turned, 0.0)
        return self._recognised(crops, boxes, record, image, picture.shape, turned)

    def lines(self, crops: Sequence[np.ndarray]) -> list[str]:
        """The recogniser alone, without a search for lines."""
        if not crops:
            return []
        found = self._engine.recognize_txt([_bgr(crop) for crop in crops])
        return [str(text) for text in found.txts]

    def _found(self, picture: np.ndarray) -> tuple[list[Any], Any, Any, np.ndarray]:
        """Pictures of lines with their boxes."""
        from rapidocr.main import RapidOCRError

        image = _bgr(picture)
        scaled, record = self._engine.preprocess_img(image)
        try:
            crops, found = self._engine.detect_and_crop(scaled, record)
        except RapidOCRError:
            return [], None, record, image
        return crops, found, record, image

    def _upside_down(self, crops: list[Any], found: Any) -> bool:
        """Whether most of the widest lines stand on their heads."""
        widths = [_side(box, 0, 1) for box in found.boxes]
        widest = sorted(range(len(crops)), key=lambda n: -widths[n])[:LINES_ASKED]
        _, said = self._engine.cls_and_rotate([crops[n].copy() for n in widest])
        return 2 * sum(label == "180" for label, _ in said.cls_res) > len(widest)

    def _recognised(
        self,
        crops: list[Any],
        found: Any,
        record: Any,
        image: np.ndarray,
        shape: tuple[int, ...],
        turned: int,
    ) -> Sight:
        from rapidocr.ch_ppocr_cls import TextClsOutput
        from rapidocr.main import RapidOCRError

        try:
            texts = self._engine.recognize_txt(crops)
        except RapidOCRError:
            return Sight((), turned, 0.0)
        done = self._engine.build_final_output(image, found, TextClsOutput(), texts, crops, record)
        if done.boxes is None:
            return Sight((), turned, 0.0)
        slope = _slope(done.boxes)
        words = [
            _word(str(text), np.asarray(box, dtype=float), float(score), shape, turned, slope)
            for line in done.word_results
            for text, score, box in line
            if str(text).strip()
        ]
        return Sight(tuple(words), turned, slope)


class Tesseract:
    """The program ``tesseract``, which the system has to bring."""

    name = TESSERACT

    def __init__(self) -> None:
        if not (program := shutil.which("tesseract")):
            raise DependencyError(
                "the program tesseract is not on the PATH",
                "Debian and Ubuntu: apt-get install tesseract-ocr tesseract-ocr-deu …; or use "
                f"--ocr {RAPID}.",
            )
        self._program = program
        self.version = self._said("--version").split()[1]
        known = self._said("--list-langs").split("\n")[1:]
        wanted = ("eng", "deu", "fra", "spa", "ita")
        self._languages = "+".join(each for each in wanted if each in known) or "eng"

    def read(self, picture: np.ndarray) -> Sight:
        """Every word of a page; where Tesseract is unsure which way is up, both are read."""
        turned, sure = self._way_up(picture)
        seen = self._seen(picture, turned)
        if turned and not sure:
            seen = max(seen, self._seen(picture, 0), key=_worth)
        if abs(seen.slope) > 45:  # it read lines that stand on end, without saying so
            seen = self._seen(picture, (seen.turned + (270 if seen.slope > 0 else 90)) % 360)
        return seen

    def _seen(self, picture: np.ndarray, turned: int) -> Sight:
        rows = [row.split("\t") for row in self._tsv(_turn(picture, turned), "3").splitlines()[1:]]
        words = [row for row in rows if len(row) == 12 and row[11].strip() and float(row[10]) >= 0]
        boxes = [_corners(*(float(each) for each in row[6:10])) for row in words]
        lines: dict[tuple[str, ...], list[np.ndarray]] = {}
        for row, box in zip(words, boxes, strict=True):
            lines.setdefault(tuple(row[2:5]), []).append(box)
        slope = _slope([_line(line) for line in lines.values()])
        found = [
            _word(row[11].strip(), box, float(row[10]) / 100, picture.shape, turned, slope)
            for row, box in zip(words, boxes, strict=True)
        ]
        return Sight(tuple(found), turned, slope)

    def lines(self, crops: Sequence[np.ndarray]) -> list[str]:
        """One call for each line."""
        return [
            " ".join(
                row.split("\t")[11] for row in self._tsv(each, "7").splitlines()[1:]
                if len(row.split("\t")) == 12
            ).strip()
            for each in crops
        ]  # fmt: skip

    def _way_up(self, picture: np.ndarray) -> tuple[int, bool]:
        """Degrees clockwise that make a picture upright, and whether Tesseract is sure of it."""
        done = self._run([*self._input(), "--psm", "0"], _png(picture))
        said = dict(
            line.split(": ", 1) for line in done.stdout.decode().splitlines() if ": " in line
        )
        sure = float(said.get("Orientation confidence", 0)) >= SURE
        return int(said.get("Rotate", 0)) % 360, sure

    def _tsv(self, picture: np.ndarray, layout: str) -> str:
        languages = ["-l", self._languages]
        done = self._run([*self._input(), "--psm", layout, *languages, "tsv"], _png(picture))
        if done.returncode:
            raise DataError(
                f"tesseract: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}",
                f"Use --ocr {RAPID}.",
            )
        return done.stdout.decode("utf-8", "replace")

    def _input(self) -> list[str]:
        return [self._program, "stdin", "stdout"]

    def _said(self, option: str) -> str:
        done = self._run([self._program, option], b"")
        return (done.stdout + done.stderr).decode("utf-8", "replace")

    def _run(self, command: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
        # Its threads wait for each other: on a busy machine two take ten times as long as one.
        env = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        try:
            return subprocess.run(
                command, input=data, capture_output=True, env=env, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise DataError(
                f"tesseract took more than {SECONDS:g} s for a page", f"Use --ocr {RAPID}."
            ) from None


def _threads() -> int:
    """As many as torch and its company may use."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def _bgr(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture[:, :, ::-1])


def _png(picture: np.ndarray) -> bytes:
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(picture).save(held, "PNG", compress_level=1)
    return held.getvalue()


def _turn(picture: np.ndarray, clockwise: int) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(picture, -(clockwise // 90)))


def _turned_back(points: np.ndarray, shape: tuple[int, ...], clockwise: int) -> np.ndarray:
    """Points [P, 2] of a picture that was turned, in the one of ``shape`` that it was."""
    height, width = shape[:2]
    x, y = points[:, 0], points[:, 1]
    back = {
        0: (x, y),
        90: (y, height - x),
        180: (width - x, height - y),
        270: (width - y, x),
    }[clockwise]
    return np.stack(back, axis=1)


def _side(box: Any, first: int, second: int) -> float:
    return float(np.hypot(*(np.asarray(box[first]) - np.asarray(box[second]))))


def _lie_on_end(found: Any) -> bool:
    """Whether most of the text, by its length, stands on end."""
    ends = [(_side(box, 0, 1), _side(box, 1, 2)) for box in found.boxes]
    upright = sum(high for wide, high in ends if high >= UPRIGHT * wide)
    return 2 * upright > sum(max(pair) for pair in ends)


def _corners(left: float, top: float, width: float, height: float) -> np.ndarray:
    """The corners [4, 2] of a level box, from the upper left clockwise."""
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _line(words: Sequence[np.ndarray]) -> np.ndarray:
    """The corners [4, 2] of a line that begins and ends with level boxes."""
    first, last = words[0], words[-1]
    rise = np.array([0.0, (_side(first, 0, 3) - _side(last, 0, 3)) / 2])
    return np.stack([first[0], last[1] - rise, last[2] + rise, first[3]])


def _worth(sight: Sight) -> float:
    """How much was read, and how well."""
    return sum(word.score * len(word.text) for word in sight.words)


def _slope(boxes: Any) -> float:
    """The median slope of the long lines, in degrees."""
    slopes = [
        math.degrees(math.atan2(box[1][1] - box[0][1], box[1][0] - box[0][0]))
        for box in boxes
        if _side(box, 0, 1) > LONG * _side(box, 1, 2)
    ]
    return statistics.median(slopes) if slopes else 0.0


def _word(
    text: str,
    corners: np.ndarray,
    score: float,
    shape: tuple[int, ...],
    turned: int,
    slope: float,
) -> Read:
    """A word from its four corners on the turned picture."""
    around = _turned_back(corners, shape, turned)
    box = (*around.min(axis=0).tolist(), *around.max(axis=0).tolist())
    middle = corners.mean(axis=0)
    angle = math.radians(-slope)
    level = (
        float(middle[0] * math.cos(angle) - middle[1] * math.sin(angle)),
        float(middle[0] * math.sin(angle) + middle[1] * math.cos(angle)),
    )
    height = (_side(corners, 0, 3) + _side(corners, 1, 2)) / 2
    return Read(text, box, level, height, score)
