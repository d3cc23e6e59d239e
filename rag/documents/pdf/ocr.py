"""Pages that are pictures of text, read with RapidOCR on OpenVINO (the extra `ocr`; its models come with the package)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    Word = tuple[str, tuple[float, float, float, float]]

EXTRA = 'pip install "groundtext[ocr]"'
_RESOLUTION = 200  # dots per inch
_LARGEST = 4000  # pixels on a side, however large the page says it is
_LEAST_PICTURE = 0.1  # of the page
_MANY_DRAWINGS = 100
_LONGEST_SIDE = 1280  # pixels, when looking for lines of words; larger takes twice the memory and finds no more
_FEWEST_CHARACTERS = 3  # a drawing may look like a letter or two
_SURE = 0.85  # upside down, the engine is less sure
_SAME_LINE = 0.5  # of a line's height


def is_installed() -> bool:
    """Whether there is an engine; looks without loading it."""
    return find_spec("rapidocr") is not None


def read_page(page: Any) -> str:
    """The words on an open page of pdfium, line by line; "" where it is blank or nothing is recognised."""
    width, height = page.get_size()
    if not _may_show_text(page, _LEAST_PICTURE * width * height):
        return ""
    scale = min(_RESOLUTION / 72, _LARGEST / max(width, height, 1))
    return read_image(page.render(scale=scale).to_numpy())


def _may_show_text(page: Any, least_area: float) -> bool:
    """Whether there is a picture of some size on the page, or as many drawings as letters made of lines would be."""
    from pypdfium2.raw import FPDF_PAGEOBJ_FORM, FPDF_PAGEOBJ_IMAGE, FPDFPage_CountObjects

    if FPDFPage_CountObjects(page) >= _MANY_DRAWINGS:
        return True
    for drawn in page.get_objects(filter=(FPDF_PAGEOBJ_FORM, FPDF_PAGEOBJ_IMAGE), max_depth=1):
        left, bottom, right, top = drawn.get_bounds()
        if (right - left) * (top - bottom) >= least_area:
            return True
    return False


def read_image(image: Any) -> str:
    """The words in a picture (height, width, colours as blue, green, red), line by line.

    A picture that reads badly or whose lines stand upright is turned, and read the way that the engine is surest of.
    """
    import numpy as np

    first = _Reading.of(image)
    if not first.words:
        return ""
    turns = (1, 3) if first.is_upright else () if first.confidence >= _SURE else (2,)
    turned = [_Reading.of(np.ascontiguousarray(np.rot90(image, turn))) for turn in turns]
    best = max(turned if first.is_upright else [first, *turned], key=lambda reading: reading.confidence)
    text = "\n".join(in_lines(best.words))
    return text if len(text) >= _FEWEST_CHARACTERS else ""


@dataclass(frozen=True, slots=True)
class _Reading:
    words: list[Word]
    confidence: float

    @classmethod
    def of(cls, image: Any) -> _Reading:
        found = _engine()(image, use_cls=False)
        if not found.txts:
            return cls([], 0.0)
        length = sum(map(len, found.txts))
        sure = sum(score * len(text) for score, text in zip(found.scores, found.txts, strict=True)) / max(1, length)
        return cls(list(zip(found.txts, map(_edges, found.boxes), strict=True)), float(sure))

    @property
    def is_upright(self) -> bool:
        """Whether most of the words stand on their ends."""
        tall = [bottom - top > 1.5 * (right - left) for text, (left, top, right, bottom) in self.words if len(text) > 2]
        return sum(tall) * 2 > len(tall)


def in_lines(words: Sequence[Word]) -> list[str]:
    """Texts with their boxes (left, top, right, bottom) as lines: what stands at one height, from left to right."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda word: (word[1][1] + word[1][3]) / 2):
        _, (_, top, _, bottom) = word
        if lines:
            _, (_, above, _, below) = lines[-1][-1]
            if abs((top + bottom) - (above + below)) / 2 < _SAME_LINE * min(bottom - top, below - above):
                lines[-1].append(word)
                continue
        lines.append([word])
    return [" ".join(text for text, box in sorted(line, key=lambda word: word[1][0])) for line in lines]


@lru_cache(maxsize=1)
def _engine() -> Any:
    from rapidocr import EngineType, RapidOCR

    engines = {f"{part}.engine_type": EngineType.OPENVINO for part in ("Det", "Cls", "Rec")}
    small = {"Det.limit_type": "max", "Det.limit_side_len": _LONGEST_SIDE, "EngineConfig.openvino.inference_num_threads": 1}
    return RapidOCR(params={"Global.log_level": "critical", **engines, **small})


def _edges(box: Any) -> tuple[float, float, float, float]:
    across, down = [float(point[0]) for point in box], [float(point[1]) for point in box]
    return min(across), min(down), max(across), max(down)
