"""One picture file as arrays of its samples: page by page, upright, nothing cut or converted.

Pillow reads what it keeps whole; 16-bit RGB, which it cuts to 8 bits without a word, is decoded by
PyAV.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from vsr_cli.errors import InputError
from vsr_cli.frames import ColorInfo
from vsr_cli.media.limits import check_input_pixels
from vsr_cli.media.pictures.deep import Samples, decode_deep
from vsr_cli.media.pictures.png import png_color, png_is_deep
from vsr_cli.media.pictures.tiff import check_samples, deep_page, is_thumbnail
from vsr_cli.specs import MAX_PIXELS

_ORIENTATION = 0x0112  # EXIF
# What Pillow raises for files that are damaged in one way or another.
_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError, struct.error)
_HINT = "accepted are 8 or 16-bit gray or RGB, try converting it to PNG"


@contextmanager
def _own_limit() -> Iterator[None]:
    """Open pictures of any size: what Pillow warns of, and refuses, our limit decides on."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


class PictureFile:
    """A picture file that is open, with one page or several; a context manager.

    Attributes:
        pages: its pages by their number in the file.
        durations: of an animation, how long each page is shown, in milliseconds; else None.
        loop: of an animation, how often it is repeated; 0: for ever, None: not stated.
        icc_profile: as it is in the file.
        color: its colour tags.
        has_square_pixels: False for a PNG that says otherwise.

    Raises:
        InputError: the file is missing, or is no picture.
    """

    def __init__(self, path: Path, *, max_pixels: int = MAX_PIXELS) -> None:
        self.path = path
        if not path.is_file():
            raise InputError(f"{path} does not exist or is not a file; check the name")
        try:
            with _own_limit():
                self._image: Image.Image = Image.open(path)
            with ExitStack() as stack:
                stack.callback(self._image.close)
                width, height = self._image.size
                check_input_pixels(path, width=width, height=height, limit=max_pixels)
                self._describe()
                stack.pop_all()  # it stays open
        except _DAMAGED as error:
            raise InputError(f"{path} is not a picture that can be read; try a PNG file") from error

    def page(self, number: int) -> Samples:
        """The samples of one page, turned as its EXIF orientation says.

        Raises:
            InputError: it is damaged, or has samples of another kind.
        """
        try:
            self._image.seek(number)
            samples = self._samples()
            orientation = self._image.getexif().get(_ORIENTATION, 1)
        except InputError:
            raise
        except (*_DAMAGED, av.error.FFmpegError) as error:
            raise InputError(f"{self.path} is damaged or not complete: {error}") from error
        return _upright(samples, orientation)

    def close(self) -> None:
        self._image.close()

    def __enter__(self) -> PictureFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _describe(self) -> None:
        image = self._image
        count = getattr(image, "n_frames", 1) if image.format in ("PNG", "WEBP", "TIFF") else 1
        # The default image of an animated PNG may be no part of the animation.
        first = 1 if getattr(image, "default_image", False) and count > 1 else 0
        self.pages = tuple(range(first, count))
        self.durations: tuple[Fraction, ...] | None = None
        if image.format == "TIFF":
            self.pages = tuple(page for page in self.pages if not is_thumbnail(image, page))
        elif len(self.pages) > 1:
            self.durations = tuple(self._duration(page) for page in self.pages)
            image.seek(first)
        self.loop: int | None = image.info.get("loop") if self.durations else None
        self.icc_profile: bytes | None = image.info.get("icc_profile")
        self.color = ColorInfo() if self.icc_profile else png_color(self.path)
        across, down = image.info.get("aspect", (1, 1))
        # FFmpeg writes 0 for a shape that it does not know.
        self.has_square_pixels = across == down or not across or not down

    def _duration(self, page: int) -> Fraction:
        """Milliseconds; a page that states none is shown for one tenth of a second."""
        self._image.seek(page)
        self._image.load()  # WebP tells it only then
        stated = Fraction(self._image.info.get("duration") or 0).limit_denominator(1000)
        return stated if stated > 0 else Fraction(100)

    def _samples(self) -> Samples:
        image = self._image
        if image.format == "TIFF":
            check_samples(image, self.path)
            if (deep := deep_page(image, self.path)) is not None:
                return deep
        elif png_is_deep(self.path):
            if len(self.pages) > 1:
                raise InputError(f"{self.path}: an animated PNG of 16 bits is not supported")
            return decode_deep("png", self.path.read_bytes())
        return _from_pillow(image, self.path)


def _from_pillow(image: Image.Image, path: Path) -> Samples:
    mode = image.mode
    has_transparency = "transparency" in image.info
    if mode.startswith("I;16"):
        gray = np.asarray(image).astype(np.uint16)[..., None]
        if not has_transparency:
            return gray
        shown = gray != image.info["transparency"]
        return np.concatenate([gray, shown.astype(np.uint16) * np.uint16(65_535)], axis=2)
    if mode == "1":
        wanted = "L"
    elif mode in ("P", "PA", "RGB", "RGBA", "RGBa"):
        wanted = "RGBA" if has_transparency or mode not in ("P", "RGB") else "RGB"
    elif mode in ("L", "LA", "La"):
        wanted = "LA" if has_transparency or mode != "L" else "L"
    else:
        kind = {"F": "floating-point", "I": "signed or 32-bit"}.get(mode, mode)
        raise InputError(f"{path}: {kind} samples are not supported; {_HINT}")
    samples = np.asarray(image if mode == wanted else image.convert(wanted))
    return samples[..., None] if samples.ndim == 2 else samples


def _upright(samples: Samples, orientation: int) -> Samples:
    """Turn and mirror a picture as EXIF's orientation (1 to 8) says."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples
