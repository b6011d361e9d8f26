"""Which pixel format an encoder is given."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from av.codec import Codec

from vsr_cli.frames import ClipInfo
from vsr_cli.media.pixels.formats import (
    holds,
    nearest_holding,
    parse_planar,
    planar_cousin,
    stand_in,
    without_alpha,
)
from vsr_cli.media.target import MATROSKA

# Formats that an encoder lists and then refuses (FFmpeg 8.1).
_REFUSED_FORMATS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"libvpx-vp9": frozenset({"gbrap", "yuva422p", "yuva444p"})}
)
FULL = "yuv444p"
_NO_ALPHA = frozenset({"libx265"})  # lists formats with alpha, and its build refuses them


def choose_format(
    codec: Codec, container: str, wanted: str | None, info: ClipInfo
) -> tuple[str, str]:
    """The encoder's pixel format, and a warning if it loses something of the source.

    What is lost without being asked for: of pictures, the rounding of RGB to YUV, for few encoders
    take RGB, chroma of full size where the encoder has alpha only beside halved chroma, and alpha
    itself as a last resort.
    """
    source = info.pixel_format
    usable = _usable_formats(codec, container)
    if wanted is not None:
        target = planar_cousin(wanted) if wanted in usable else None
        if target is None:
            raise ValueError(
                f"{codec.name} cannot hold pixel format {wanted!r}; it holds " + ", ".join(usable)
            )
        if info.is_opaque:
            source = without_alpha(source)
        part = "its alpha" if source.has_alpha > target.has_alpha else "something of it"
        loss = f"{source.name} is written as {wanted}, which loses {part}"
        return wanted, "" if holds(target, source) else loss
    name, loss = nearest_holding(source, usable), ""
    if name is None and info.is_opaque:
        source = without_alpha(source)
        name = nearest_holding(source, usable)
    if name is None and info.origin == "pictures":
        name, loss = stand_in(source, usable)
        loss = f"{codec.name} {loss}{_hint(name, usable, info)}"
    if name is None:
        planar = [name for name in usable if parse_planar(name) is not None]
        raise ValueError(
            f"{codec.name} cannot hold {source.name} without loss; give --pix-fmt with one of "
            f"{', '.join(planar or usable)}, or --codec ffv1 and an .mkv file"
        )
    return name, loss


def _hint(name: str | None, usable: list[str], info: ClipInfo) -> str:
    """What to do about chroma of full size, which many players do not show."""
    fits = "yuv420p" in usable and info.width % 2 == info.height % 2 == 0
    return "; for players without 4:4:4 try --pix-fmt yuv420p" if name == FULL and fits else ""


def _usable_formats(codec: Codec, container: str) -> list[str]:
    """The formats whose every sample arrives in the file."""
    names = [f.name for f in codec.video_formats or [] if not f.name.startswith("yuvj")]
    refused = _REFUSED_FORMATS.get(codec.name, frozenset())
    keeps_alpha = codec.name not in _NO_ALPHA and not codec.name.endswith("_nvenc")
    if codec.name == "libvpx-vp9":
        keeps_alpha = container in MATROSKA  # beside the picture, in a block's addition
    deepest = 10 if codec.name.endswith("_nvenc") else 16  # which lists 16 bits and writes 10
    return [
        name
        for name in names
        if name not in refused
        and (planar := planar_cousin(name)) is not None
        and planar.bits <= deepest
        and (keeps_alpha or not planar.has_alpha)
    ]
