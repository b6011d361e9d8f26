"""The clip that everything is measured on: one that is given, or a moving picture made for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.media import open_reader, open_writer
from vsr_cli.specs import DEFAULT_SIZE, BenchSpec, DecodingSpec

FORMAT = PixelFormat("yuv420p", "yuv", 8, chroma_shift_x=1, chroma_shift_y=1)
RATE = Fraction(25)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchClip:
    """A file, and the part of it that is measured; other processes read it again."""

    path: Path
    decoding: DecodingSpec
    info: ClipInfo
    num_frames: int

    def read(self) -> list[Frame]:
        """All frames of the part, as decoded."""
        with open_reader(self.path, self.decoding) as reader:
            return list(reader)

    def read_luma(self) -> list[Frame]:
        """The same with their first planes alone: luma, gray, or green."""
        return [Frame(frame.planes[:1], pts=frame.pts) for frame in self.read()]

    @property
    def luma_info(self) -> ClipInfo:
        """What ``read_luma`` gives, as a clip of its own."""
        bits = self.info.pixel_format.bits
        name = "gray" if bits == 8 else f"gray{bits}le"
        return ClipInfo(
            width=self.info.width,
            height=self.info.height,
            pixel_format=PixelFormat(name, "gray", bits),
            time_base=self.info.time_base,
        )


def prepare_clip(spec: BenchSpec, folder: Path) -> BenchClip:
    """The clip of a benchmark; without an input it is written to ``folder``, as H.264.

    Raises:
        InputError: the input cannot be read.
        OutputError: the folder cannot be written to.
    """
    if spec.source is not None:
        return _first_frames(spec.source, spec)
    path = folder / "input.mp4"
    width, height = spec.size or DEFAULT_SIZE
    info = ClipInfo(
        width=width,
        height=height,
        pixel_format=FORMAT,
        time_base=1 / RATE,
        frame_rate=RATE,
        num_frames=spec.frames,
    )
    with open_writer(path, info, decoding=DecodingSpec(max_pixels=spec.max_pixels)) as writer:
        for number in range(spec.frames):
            planes = moving_picture(number, width=width, height=height)
            writer.write(Frame(planes, pts=number, duration=1))
    return _first_frames(path, spec)


def moving_picture(number: int, *, width: int, height: int) -> tuple[Tensor, Tensor, Tensor]:
    """One frame of a picture that moves, the same on every machine: Y, U, V of 4:2:0, uint8.

    A zone plate with all frequencies up to the finest drifts under a disc with a sharp edge, over
    a grating; a fixed grain pans with it. So there is motion, detail and noise for a codec to code,
    and no two adjacent frames are so different that they would be taken for a scene cut.
    """
    y, x = np.mgrid[:height, :width].astype(np.float64)
    left, top = width / 2 + 1.5 * number, height / 2 - 0.75 * number
    rings = np.cos(np.pi * ((x - left) ** 2 + (y - top) ** 2) / (2 * max(width, height)))
    grating = np.sin(2 * np.pi * (x / 23 + y / 41 + number / 16))
    grain = np.random.default_rng(1).normal(size=(height, width))
    disc = np.hypot(x - (0.3 * width + 2 * number) % width, y - 0.4 * height) < 0.15 * height
    luma = 118 + 48 * rings + 28 * grating + 4 * np.roll(grain, 2 * number, axis=1) + 40 * disc
    v, u = np.mgrid[: -(-height // 2), : -(-width // 2)].astype(np.float64)
    blue = 128 + 40 * np.sin(2 * np.pi * (u / 60 + number / 50))
    red = 128 + 40 * np.cos(2 * np.pi * (v / 45 - number / 50))
    y_codes, u_codes, v_codes = (
        torch.from_numpy(plane.round().clip(16, 235).astype(np.uint8))
        for plane in (luma, blue, red)
    )
    return y_codes, u_codes, v_codes


def _first_frames(path: Path, spec: BenchSpec) -> BenchClip:
    """The first ``spec.frames`` frames of a clip, or all that it has if they are fewer."""
    whole, count = DecodingSpec(max_pixels=spec.max_pixels), spec.frames
    with open_reader(path, whole) as reader:
        times = [frame.pts for frame in islice(reader, count + 1)]
        info = reader.info
    if len(times) <= count:
        return BenchClip(path=path, decoding=whole, info=info, num_frames=len(times))
    middle = Fraction(times[-2] + times[-1], 2) - times[0]
    decoding = replace(whole, end_s=float(middle * info.time_base))
    return BenchClip(path=path, decoding=decoding, info=info, num_frames=count)
