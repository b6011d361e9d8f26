"""Lines of text as pictures, drawn by Pillow.

The font that comes with Pillow has the letters of English alone. For others that of matplotlib
(DejaVu Sans: Latin, Greek, Cyrillic and more) is taken where it is installed, or a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont
from torch import Tensor

from vsr_cli.errors import InputError

_UNKNOWN = "\uffff"  # no character, which every font draws as what it has not
_MORE_LETTERS = Path("mpl-data", "fonts", "ttf", "DejaVuSans.ttf")  # in matplotlib's folder


@dataclass(frozen=True, slots=True)
class DrawnText:
    """A line of text."""

    ink: Tensor  # (H, W) in [0, 1]: how much of a pixel is letter; as high as the font's lines
    missing: str  # characters that the font does not have


def draw_text(
    text: str, *, size: int, max_width: int, font: Path | None = None
) -> DrawnText | None:
    """Draw a line of at most ``max_width`` pixels; of a longer one the end, after three dots.

    ``size`` is that of the font in pixels. Returns None if not even one letter has room.

    Raises:
        InputError: ``font`` is not there, or is no font.
    """
    drawn, face = " ".join(text.split()), _find_face(text, size, font)
    for first in range(len(drawn) + 1):
        line = drawn if not first else f"...{drawn[first:]}"
        if face.getlength(line) <= max_width:
            break
    if not drawn or line == "...":
        return None
    ascent, descent = face.getmetrics()
    width = max(1, int(np.ceil(face.getlength(line))))
    mask, (left, top) = face.getmask2(line, mode="L")
    ink = np.zeros((ascent + descent, width), np.float32)
    columns, rows = mask.size
    samples = np.asarray(list(mask), np.float32).reshape(rows, columns) / 255
    top, left = max(0, top), max(0, left)
    part = samples[: ink.shape[0] - top, : ink.shape[1] - left]
    ink[top : top + part.shape[0], left : left + part.shape[1]] = part
    return DrawnText(torch.from_numpy(ink), _missing(line, face))


def _find_face(text: str, size: int, font: Path | None) -> FreeTypeFont:
    face = _load_face(font, size)
    if font is None and _missing(text, face) and (more := _font_of_matplotlib()) is not None:
        return _load_face(more, size)
    return face


@lru_cache(maxsize=8)
def _load_face(font: Path | None, size: int) -> FreeTypeFont:
    """A font; None is that of Pillow.

    Raises:
        InputError: it cannot be read.
    """
    if font is not None:
        try:
            return ImageFont.truetype(font, size)
        except OSError as error:
            raise InputError(f"{font} cannot be read as a font: {error}; give another") from error
    face = ImageFont.load_default(size)
    if not isinstance(face, FreeTypeFont):
        raise InputError("this build of Pillow has no FreeType and cannot draw text; --no-labels")
    return face


def _font_of_matplotlib() -> Path | None:
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / _MORE_LETTERS
    return path if path.is_file() else None


def _missing(text: str, face: FreeTypeFont) -> str:
    """The characters that are drawn as the one that does not exist."""
    unknown = _shape(_UNKNOWN, face)
    letters = dict.fromkeys(letter for letter in text if not letter.isspace())
    return "".join(letter for letter in letters if _shape(letter, face) == unknown)


def _shape(letter: str, face: FreeTypeFont) -> tuple[tuple[int, int], bytes]:
    mask = face.getmask(letter)
    return mask.size, bytes(mask)
