"""Pixel formats by FFmpeg's names: which planes they have, and which planar format holds them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import av

from vsr_cli.errors import InputError
from vsr_cli.frames import PixelFamily, PixelFormat

_GRAY = re.compile(r"gray(?P<bits>9|10|12|14|16)?(le)?")
_YUV = re.compile(r"yuv(?P<alpha>[aj])?(?P<sub>4[0-4][0-4])p(?P<bits>9|10|12|14|16)?(le)?")
_GBR = re.compile(r"gbr(?P<alpha>a)?p(?P<bits>9|10|12|14|16)?(le)?")
_NOT_SAMPLES = re.compile(r"xyz|.*f(16|32)[lb]e$")  # another colour space, or floats
# How often width and height are halved for a chroma plane.
_SHIFTS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"444": (0, 0), "422": (1, 0), "420": (1, 1), "440": (0, 1), "411": (2, 0), "410": (2, 2)}
)
_SUBSAMPLING: Mapping[tuple[int, int], str] = MappingProxyType({v: k for k, v in _SHIFTS.items()})


def parse_planar(name: str) -> PixelFormat | None:
    """The layout of a planar format, or None for one that is packed, big-endian or of floats.

    The old ``yuvj`` names come back as ``yuv``; that their range is full is the caller's to keep.
    """
    if match := _GRAY.fullmatch(name):
        return planar_format("gray", int(match["bits"] or 8))
    if match := _GBR.fullmatch(name):
        return planar_format("gbr", int(match["bits"] or 8), has_alpha=match["alpha"] is not None)
    if (match := _YUV.fullmatch(name)) and match["sub"] in _SHIFTS:
        has_alpha = match["alpha"] == "a"
        return planar_format(
            "yuv", int(match["bits"] or 8), _SHIFTS[match["sub"]], has_alpha=has_alpha
        )
    return None


def planar_cousin(name: str) -> PixelFormat | None:
    """The planar format that holds every sample of format ``name``; None if there is none."""
    if (planar := parse_planar(name)) is not None:
        return planar
    form = av.VideoFormat(name, 16, 16)
    parts = form.components
    if form.is_bayer or not parts or _NOT_SAMPLES.match(name):
        return None
    has_alpha = any(part.is_alpha for part in parts)
    bits = _storable_bits(max(part.bits for part in parts))
    if bits is None:
        return None
    if form.is_rgb or form.has_palette or (has_alpha and len(parts) == 2):
        # No planar gray with alpha exists; three equal planes and alpha lose nothing.
        return planar_format("gbr", bits, has_alpha=has_alpha)
    if len(parts) == 1:
        return planar_format("gray", bits)
    shift = 16 // form.chroma_width(16), 16 // form.chroma_height(16)
    return planar_format(
        "yuv", bits, (shift[0].bit_length() - 1, shift[1].bit_length() - 1), has_alpha
    )


def require_planar(name: str) -> PixelFormat:
    """``planar_cousin``, or the error for a format whose samples have no planar integer form.

    Raises:
        InputError: the samples are floats, a Bayer mosaic or XYZ.
    """
    if (planar := planar_cousin(name)) is None:
        raise InputError(
            f"pixel format {name} is not supported; accepted are 8 to 16-bit gray, YUV and RGB; "
            "try converting the clip first, for example to rgb48le"
        )
    return planar


def holds(target: PixelFormat, source: PixelFormat) -> bool:
    """True if every frame of ``source`` can be kept in ``target`` without loss."""
    same_family = target.family == source.family
    gray_in_yuv = source.family == "gray" and target.family == "yuv"
    return (
        (same_family or gray_in_yuv)
        and target.bits >= source.bits
        and target.has_alpha >= source.has_alpha
        and (gray_in_yuv or target.chroma_shift_x <= source.chroma_shift_x)
        and (gray_in_yuv or target.chroma_shift_y <= source.chroma_shift_y)
    )


def nearest_holding(source: PixelFormat, names: Iterable[str]) -> str | None:
    """The smallest of the formats ``names`` that loses nothing of ``source``; None if all do."""

    def cost(name: str) -> tuple[bool, bool, int, int, bool, int]:
        planar = require_planar(name)
        shifts = planar.chroma_shift_x + planar.chroma_shift_y
        # Packed forms of the same samples come last: they cost a conversion.
        is_packed = parse_planar(name) is None
        other = planar.family != source.family
        return name != source.name, other, planar.bits, -shifts, planar.has_alpha, is_packed

    fitting = [n for n in names if (p := planar_cousin(n)) is not None and holds(p, source)]
    return min(fitting, key=cost, default=None)


def stand_in(source: PixelFormat, names: Iterable[str]) -> tuple[str | None, str]:
    """What of the formats ``names`` keeps RGB best, and in words what is lost.

    RGB becomes YUV with full chroma; alpha is kept beside halved chroma before it is left out.
    """
    names = tuple(names)
    full = (0, 0)
    choices: list[tuple[PixelFamily, tuple[int, int]]] = []
    if source.family == "gbr":
        choices = [("gbr", full), ("yuv", full)]
    if source.has_alpha:
        halved: list[tuple[PixelFamily, tuple[int, int]]] = [("yuv", (1, 0)), ("yuv", (1, 1))]
        for family, shift in (*choices, *(halved if choices else ())):
            name = nearest_holding(planar_format(family, source.bits, shift, has_alpha=True), names)
            if name is not None:
                less = "" if shift == full else "; its colours are kept at half the size"
                return name, f"cannot hold {source.name}: written as {name}{less}"
    for family, shift in choices:
        name = nearest_holding(planar_format(family, source.bits, shift), names)
        if name is not None:
            dropped = "; what is transparent becomes opaque" if source.has_alpha else ""
            return name, f"cannot hold {source.name}: written as {name}{dropped}"
    return None, ""


def without_alpha(source: PixelFormat) -> PixelFormat:
    """The same planes but that of alpha."""
    shift = source.chroma_shift_x, source.chroma_shift_y
    return planar_format(source.family, source.bits, shift)


def turned_format(source: PixelFormat) -> PixelFormat:
    """The format of planes whose rows and columns have changed places.

    Raises:
        ValueError: none has its chroma like this.
    """
    shift = source.chroma_shift_y, source.chroma_shift_x
    if shift not in _SUBSAMPLING:
        raise ValueError(f"{source.name} cannot be turned by 90 degrees; write an .mp4 file")
    return planar_format(source.family, source.bits, shift, source.has_alpha)


def planar_format(
    family: PixelFamily, bits: int, shift: tuple[int, int] = (0, 0), has_alpha: bool = False
) -> PixelFormat:
    """The format with FFmpeg's name; ``shift`` is that of chroma, across and down."""
    alpha = "a" if has_alpha else ""
    depth = "" if bits == 8 else f"{bits}le"
    stem = {"gray": "gray", "yuv": f"yuv{alpha}{_SUBSAMPLING[shift]}p", "gbr": f"gbr{alpha}p"}
    return PixelFormat(stem[family] + depth, family, bits, *shift, has_alpha)


def _storable_bits(bits: int) -> int | None:
    """The smallest depth of a planar format with at least ``bits``; None above 16."""
    return next((depth for depth in (8, 9, 10, 12, 14, 16) if depth >= bits), None)
