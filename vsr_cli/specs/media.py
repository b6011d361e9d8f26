"""How files are read and written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

Deinterlace = Literal["auto", "off", "bwdif"]
MAX_RATE = 1000  # frames per second
# Of a frame; a 16K video has 15360x8640. Absurd sizes are refused before memory is taken for them.
MAX_PIXELS = 1 << 27
MAX_TIME_S = 1e9  # thirty years, which every time base can count


def check_max_pixels(limit: int) -> None:
    """Refuse a limit that no frame could keep.

    Raises:
        ValueError: it is below one pixel.
    """
    if limit < 1:
        raise ValueError(f"max pixels must be at least 1, got {limit}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingSpec:
    """Which part of the input is read, and how."""

    start_s: float | None = None  # seconds from the first frame; None: from it on
    end_s: float | None = None  # None: to the last frame
    deinterlace: Deinterlace = "auto"  # auto: the frames that say so; bwdif: all of them
    rate: Fraction | None = None  # frames per second of stills, which have no times; None: 25
    tolerate: int = 0  # damaged packets that are put up with; an early end counts as one
    hwaccel: str = "none"  # auto, or FFmpeg's name of a device that decodes; none: the CPU does
    max_pixels: int = MAX_PIXELS  # of a frame, of the input as it states its size and of the output

    def __post_init__(self) -> None:
        start, end = self.start_s or 0.0, self.end_s
        if not (math.isfinite(start) and start >= 0):
            raise ValueError(f"start must be at least 0 seconds, got {start:g}")
        if end is not None and not (math.isfinite(end) and end > start):
            raise ValueError(f"end must be finite and later than start, got {start:g} to {end:g}")
        if max(start, end or 0.0) > MAX_TIME_S:
            raise ValueError(f"start and end are at most {MAX_TIME_S:g} seconds")
        if self.deinterlace not in get_args(Deinterlace):
            accepted = ", ".join(get_args(Deinterlace))
            raise ValueError(f"deinterlace must be one of {accepted}, got {self.deinterlace!r}")
        if self.rate is not None and not 0 < self.rate <= MAX_RATE:
            raise ValueError(f"rate must be above 0 and at most {MAX_RATE}, got {self.rate}")
        if self.tolerate < 0:
            raise ValueError(f"tolerate must be at least 0 damaged packets, got {self.tolerate}")
        if not self.hwaccel.isidentifier():
            raise ValueError(f"hwaccel must be none, auto or a device's name, got {self.hwaccel!r}")
        check_max_pixels(self.max_pixels)

    @property
    def is_cut(self) -> bool:
        """True if a part of the clip is read, not the whole."""
        return self.start_s is not None or self.end_s is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingSpec:
    """How the output is encoded. None: what suits the container and the clip."""

    codec: str | None = None  # x264, x265, svtav1, vp9, ffv1, prores, or an encoder of FFmpeg
    crf: float | None = None  # constant rate factor: lower is better and larger
    preset: str | None = None  # the encoder's own name for its speed, e.g. "slow" or "8"
    pix_fmt: str | None = None  # FFmpeg's name, e.g. "yuv420p"; may lose something, and says so
    keep_partial: bool = False  # what is complete when a run ends early is kept beside the target
    codec_options: tuple[tuple[str, str], ...] = ()  # the encoder's own, by FFmpeg's names
    audio_codec: str | None = None  # for audio that the container cannot hold; None: left out
    strict_streams: bool = False  # a stream that is left out or loses something is an error

    def __post_init__(self) -> None:
        if self.crf is not None and not (math.isfinite(self.crf) and 0 <= self.crf <= 63):
            raise ValueError(f"crf must be in 0..63, got {self.crf:g}")
        for name in ("codec", "preset", "pix_fmt", "audio_codec"):
            if getattr(self, name) == "":
                raise ValueError(f"{name.replace('_', '-')} must not be empty")
