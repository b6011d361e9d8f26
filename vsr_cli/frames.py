"""The nouns of the data flow: what walks through the house, and who hands it over.

A frame is its decoded planes. Integer planes hold code values exactly as they were decoded; float
planes hold the same value divided by ``2**bits - 1`` and may lie on any device and, between two
stages, outside [0, 1]. Nothing here knows a file format or a model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from torch import Tensor

# Code point 2 is "unspecified" in ISO/IEC 23091-2 (H.273) for matrix, primaries and transfer.
UNSPECIFIED = 2

PixelFamily = Literal["gray", "yuv", "gbr"]
ColorRange = Literal["limited", "full", "unspecified"]
Origin = Literal["video", "pictures"]
ChromaLocation = Literal["unspecified", "left", "center", "topleft", "top", "bottomleft", "bottom"]


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How the planes of a frame are laid out.

    Plane 0 has the size of the frame; planes 1 and 2 of a ``yuv`` format are smaller by
    ``2**chroma_shift_x`` and ``2**chroma_shift_y``, rounded up. ``gbr`` planes come in the order
    G, B, R. A format with alpha has it as its last plane.
    """

    name: str  # FFmpeg's name, e.g. "yuv420p10le"
    family: PixelFamily
    bits: int  # significant bits per sample, 8 to 16
    chroma_shift_x: int = 0
    chroma_shift_y: int = 0
    has_alpha: bool = False

    @property
    def max_code(self) -> int:
        """The largest code value, ``2**bits - 1``."""
        return (1 << self.bits) - 1

    @property
    def num_planes(self) -> int:
        """One of gray, else three; and one more with alpha."""
        return (1 if self.family == "gray" else 3) + self.has_alpha

    def plane_size(self, plane: int, *, width: int, height: int) -> tuple[int, int]:
        """The (height, width) of one plane of a frame of ``width`` x ``height``."""
        if self.family == "yuv" and plane in (1, 2):
            return -(-height >> self.chroma_shift_y), -(-width >> self.chroma_shift_x)
        return height, width


@dataclass(frozen=True, slots=True)
class ColorInfo:
    """The colour tags of a clip, as code points of ISO/IEC 23091-2; untagged stays untagged."""

    range: ColorRange = "unspecified"
    matrix: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    chroma_location: ChromaLocation = "unspecified"


@dataclass(frozen=True, slots=True)
class MasteringDisplay:
    """The display on which an HDR clip was graded (SMPTE ST 2086); exact, as the file states it."""

    primaries: tuple[tuple[Fraction, Fraction], ...]  # CIE 1931 x and y of red, green and blue
    white_point: tuple[Fraction, Fraction]
    min_luminance: Fraction  # cd/m2
    max_luminance: Fraction


@dataclass(frozen=True, slots=True)
class ContentLight:
    """How bright an HDR clip is (CTA-861.3), in cd/m2."""

    max_cll: int  # the brightest pixel
    max_fall: int  # the brightest frame, on average


@dataclass(frozen=True, slots=True)
class HdrMetadata:
    """What an HDR clip says of itself beside its colour tags."""

    mastering: MasteringDisplay | None = None
    light: ContentLight | None = None
    dynamic: tuple[str, ...] = ()  # kinds that change from frame to frame, e.g. "HDR10+"


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What a reader knows about its clip before the first frame."""

    width: int  # pixels, as stored (before SAR and rotation)
    height: int
    pixel_format: PixelFormat
    time_base: Fraction  # seconds per tick of ``Frame.pts``
    color: ColorInfo = ColorInfo()
    frame_rate: Fraction | None = None  # a tag for the container; never used to make a pts
    sample_aspect_ratio: Fraction | None = None  # None: not stated
    # Nine numbers of the container, by which a player turns and mirrors; None: as stored.
    display_matrix: tuple[int, ...] | None = None
    num_frames: int | None = None  # what the container promises; an estimate
    duration_s: float | None = None  # for progress only
    metadata: Mapping[str, str] = field(default_factory=dict)
    hdr: HdrMetadata | None = None
    # The matrix between YUV and RGB: the clip's own, or what one without a tag is taken for.
    matrix: int = UNSPECIFIED
    origin: Origin = "video"  # "pictures": stills, or an animated picture such as a GIF
    icc_profile: bytes | None = None  # of pictures
    is_opaque: bool = False  # its format has alpha, but nothing in it is transparent
    loop: int | None = None  # of animated pictures: repetitions, 0 for ever; None: not stated

    @property
    def frame_bytes(self) -> int:
        """The bytes of a decoded frame."""
        form, size = self.pixel_format, {"width": self.width, "height": self.height}
        samples = (math.prod(form.plane_size(p, **size)) for p in range(form.num_planes))
        return sum(samples) * (2 if form.bits > 8 else 1)

    @property
    def rotation(self) -> int:
        """Degrees counter-clockwise by which a player turns the picture, -180 to 180."""
        m = self.display_matrix
        if m is None:
            return 0
        return -round(math.degrees(math.atan2(m[1], m[0])))

    @property
    def is_mirrored(self) -> bool:
        """True if a player shows the picture's mirror image, turned or not."""
        m = self.display_matrix
        return m is not None and m[0] * m[4] - m[1] * m[3] < 0


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a clip and its place in time."""

    planes: tuple[Tensor, ...]  # each (H, W): uint8 or uint16 code values, or float (see above)
    pts: int  # ticks of the clip's time_base
    duration: int = 0  # ticks; 0: not stated
    shot: int = 0  # number of scene cuts before this frame


class Context(Protocol):
    """Something that is used in a ``with`` block, which ends it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class FrameReader(Context, Protocol):
    """Yields the frames of one clip, once, in order of presentation."""

    path: Path
    warnings: list[str]  # one line each; complete when the last frame was handed out
    frames_read: int  # frames handed out so far
    lost: tuple[str, ...]  # what no writer can carry over from it, one line each

    @property
    def info(self) -> ClipInfo:
        """What is known of the clip; of the whole of it, also where a cut is read."""

    def __iter__(self) -> Iterator[Frame]: ...


class FrameWriter(Context, Protocol):
    """Takes frames in order of presentation; leaving the context without error completes the file.

    Leaving it with an error removes what was written: the target is untouched.
    """

    path: Path
    warnings: list[str]  # what is not kept; complete before the first frame

    def write(self, frame: Frame) -> None:
        """Take the next frame: planes of code values of the clip's format, its pts after the last.

        Raises:
            ValueError: it is not a frame of the clip.
            OutputError: the encoder or the disk fails.
        """
