"""HDR metadata of a clip: out of decoded pictures, and into the encoders that can store it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

import av

from vsr_cli.frames import ContentLight, HdrMetadata, MasteringDisplay

# FFmpeg's names of side data that differ from frame to frame, which no encoder here stores.
_DYNAMIC: Mapping[str, str] = MappingProxyType(
    {
        "DYNAMIC_HDR_PLUS": "HDR10+",
        "DYNAMIC_HDR_VIVID": "HDR Vivid",
        "DOVI_METADATA": "Dolby Vision",
        "DOVI_RPU_BUFFER": "Dolby Vision",
    }
)
# Encoder -> where its options go, the names of both, and what separates the two luminances.
_OPTIONS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "libx264": ("x264-params", "mastering-display", "cll"),
        "libx265": ("x265-params", "master-display", "max-cll"),
        "libsvtav1": ("svtav1-params", "mastering-display", "content-light"),
    }
)
_CHROMATICITY, _LUMINANCE = 50_000, 10_000  # steps per unit in H.264 and H.265


def read_hdr(picture: av.VideoFrame) -> HdrMetadata | None:
    """What a decoded picture carries; None for a clip that is not HDR, or only by its tags."""
    mastering = _read_mastering(_side_data(picture, "MASTERING_DISPLAY_METADATA"))
    light = _read_light(_side_data(picture, "CONTENT_LIGHT_LEVEL"))
    kinds = [kind for name, kind in _DYNAMIC.items() if _side_data(picture, name) is not None]
    dynamic = tuple(dict.fromkeys(kinds))
    if mastering is None and light is None and not dynamic:
        return None
    return HdrMetadata(mastering, light, dynamic)


def lost_hdr(codec: str, hdr: HdrMetadata | None) -> tuple[str, ...]:
    """The kinds of HDR metadata that an encoder cannot store, in words."""
    if hdr is None:
        return ()
    static = (("mastering display", hdr.mastering), ("content light level", hdr.light))
    lost = () if codec in _OPTIONS else tuple(name for name, value in static if value is not None)
    return (*lost, *hdr.dynamic)


def hdr_options(codec: str, hdr: HdrMetadata | None) -> tuple[str, str] | None:
    """The encoder option that stores the metadata, and its value; None if there is nothing."""
    if hdr is None or codec not in _OPTIONS:
        return None
    option, mastering, light = _OPTIONS[codec]
    parts = []
    if hdr.mastering is not None:
        parts.append(f"{mastering}={_display_string(hdr.mastering, decimal=codec == 'libsvtav1')}")
    if hdr.light is not None:
        parts.append(f"{light}={hdr.light.max_cll},{hdr.light.max_fall}")
    return (option, ":".join(parts)) if parts else None


def _side_data(picture: av.VideoFrame, name: str) -> bytes | None:
    data = picture.side_data.get(name)
    return None if data is None else bytes(data)  # type: ignore[call-overload]


def _read_mastering(data: bytes | None) -> MasteringDisplay | None:
    """FFmpeg's AVMasteringDisplayMetadata: ten rationals, and whether each half is there."""
    if data is None or len(data) < 88:
        return None
    numbers = struct.unpack("=20i2i", data[:88])
    if not all(numbers[20:]) or not all(numbers[1:20:2]):
        return None
    pairs = zip(numbers[0:20:2], numbers[1:20:2], strict=True)
    values = [Fraction(numerator, denominator) for numerator, denominator in pairs]
    points = [(values[k], values[k + 1]) for k in (0, 2, 4, 6)]
    return MasteringDisplay(tuple(points[:3]), points[3], values[8], values[9])


def _read_light(data: bytes | None) -> ContentLight | None:
    if data is None or len(data) < 8:
        return None
    return ContentLight(*struct.unpack("=2I", data[:8]))


def _display_string(display: MasteringDisplay, *, decimal: bool) -> str:
    """In the form that the encoders share: green, blue, red, white, luminance."""

    def number(value: Fraction, steps: int) -> str:
        return f"{float(value):.10g}" if decimal else str(round(value * steps))

    def point(name: str, place: tuple[Fraction, Fraction]) -> str:
        return f"{name}({number(place[0], _CHROMATICITY)},{number(place[1], _CHROMATICITY)})"

    red, green, blue = display.primaries
    points = (("G", green), ("B", blue), ("R", red), ("WP", display.white_point))
    largest, smallest = (
        number(value, _LUMINANCE) for value in (display.max_luminance, display.min_luminance)
    )
    return "".join(point(*named) for named in points) + f"L({largest},{smallest})"
