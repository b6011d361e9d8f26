"""Segments: runs of frames that are computed apart, and give the frames of one run over all.

What a frame becomes depends on its neighbours within the windows of the networks. So a segment is
computed with frames of context on both sides, whose results are dropped. The scene detector
compares adjacent frames alone, and needs no more.

On a CPU the frames are those of one run bit for bit: how many go through a network at once changes
none (bicubic, fsrcnn, 2d3d and 2d3d-fast, 24 frames of 64x48, fp32 and bf16). On a GPU that was not
measured, and they may differ by rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from vsr_cli.frames import ClipInfo
from vsr_cli.media.segments.packets import FrameMark, SegmentRecord
from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.size import OutputSize

# A segment is a minute's work, so that no more than that is lost; as it is estimated, not measured:
# the borders of two runs must be the same. Products of a convolution per second (2d3d in fp32 on
# two cores of an EPYC with AVX-512; a GPU of today), and pixels encoded per second.
WORK_S = 60
PRODUCTS_PER_S: Mapping[str, float] = {"cpu": 1e11, "cuda": 1e13}
ENCODED_PIXELS_PER_S = 2e7
# Each border is a key frame more: of 25, 50 and 100 frames a file is 7, 4 and 2 % larger (carphone
# x2, x264 with CRF 18, 120 frames); from 250 on, where x264 has one anyhow, it is not.
LEAST_FRAMES, MOST_FRAMES = 100, 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Segments in a row that are still to be made; they are made in one go."""

    first: int  # number of the first segment
    end: int | None  # of the segment after the last one; None: up to the end of the clip
    context: tuple[FrameMark, ...]  # the frames of the source before the first one
    head: FrameMark | None  # the first frame of the segment ``end``
    extradata: str | None = None  # of the segment before, where it is there

    def end_frame(self, length: int) -> int | None:
        """Number of the frame after the last one; None: up to the end of the clip."""
        return None if self.end is None else self.end * length


def missing_stretches(records: Mapping[int, SegmentRecord]) -> list[Stretch]:
    """What is to be made beside the segments that are there, by number."""
    last = next((record.number for record in records.values() if record.is_last), None)
    known = sorted(number for number in records if last is None or number <= last)
    stretches = []
    first = 0
    for number in known:
        if first < number:
            stretches.append(_stretch(records, first, number))
        first = number + 1
    if last is None:
        stretches.append(_stretch(records, first, None))
    return stretches


def _stretch(records: Mapping[int, SegmentRecord], first: int, end: int | None) -> Stretch:
    before = records.get(first - 1)
    return Stretch(
        first=first,
        end=end,
        context=() if before is None else before.tail,
        head=None if end is None else records[end].head,
        extradata=None if before is None else before.extradata,
    )


def context_frames(chain: LoadedChain) -> int:
    """How many neighbours on each side a result depends on; one at least, to find the place."""
    return max(1, chain.reach)


def segment_length(
    chain: LoadedChain, settings: StageSettings, info: ClipInfo, size: OutputSize
) -> int:
    """Frames of a segment that take about a minute, within limits; the same in every run."""
    pixels, products = info.width * info.height, 0
    for stage in chain.stages:
        # A weight of a convolution is used once for each pixel, and each frame of a window.
        weights = sum(p.numel() for p in stage.module.parameters())
        products += weights * pixels * stage.spec.window
        pixels *= stage.scale**2
    seconds = products / PRODUCTS_PER_S[settings.device.type]
    seconds += size.width * size.height / ENCODED_PIXELS_PER_S
    return min(max(round(WORK_S / seconds), LEAST_FRAMES), MOST_FRAMES)


def shared_length(length: int, num_frames: int | None, num_devices: int) -> int:
    """Frames of a segment, at most ``length``, by which all devices have as many of them."""
    if not num_frames:
        return length
    rounds = math.ceil(num_frames / (num_devices * length))
    return min(length, max(LEAST_FRAMES, math.ceil(num_frames / (num_devices * rounds))))
