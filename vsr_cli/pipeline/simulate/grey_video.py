"""Simulated frames as grey video, and what is looked at before a run begins."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vsr_cli.errors import OutputError
from vsr_cli.fields import require_netcdf
from vsr_cli.frames import ClipInfo, ColorInfo, Frame, PixelFormat
from vsr_cli.media import open_writer
from vsr_cli.media.target import check_place
from vsr_cli.specs import DropletSpec, EncodingSpec, ShallowWaterSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float32]

GRAY = PixelFormat("gray", "gray", 8)
VIDEO_FRAME_RATE = 24  # frames per second, whatever the time between two frames is in nature
CODECS: Mapping[str, str] = MappingProxyType({".mkv": "ffv1", ".mp4": "x264"})


def check_file_output(output: Path, *, overwrite: bool) -> None:
    """Refuse, before the run, what could not be written after it."""
    if output.suffix.lower() == ".nc":
        require_netcdf()
    if output.is_dir():
        raise OutputError(f"output {output} is a folder; give a file name")
    check_place(output, overwrite=overwrite)


def write_grey_video(
    output: Path,
    spec: ShallowWaterSpec | DropletSpec,
    frames: Iterable[Values],
    comment: Mapping[str, Any],
    encoding: EncodingSpec,
    *,
    overwrite: bool,
) -> None:
    """Write frames of values as grey video of 8 bits; ``comment`` goes into its tags as JSON."""
    info = ClipInfo(
        width=spec.width,
        height=spec.height,
        pixel_format=GRAY,
        time_base=Fraction(1, VIDEO_FRAME_RATE),
        color=ColorInfo(range="full"),
        frame_rate=Fraction(VIDEO_FRAME_RATE),
        num_frames=spec.frames,
        duration_s=spec.frames / VIDEO_FRAME_RATE,
        metadata={"comment": json.dumps(comment)},
    )
    with open_writer(output, info, encoding, overwrite=overwrite) as writer:
        for pts, values in enumerate(frames):
            codes = torch.from_numpy(encode_values(values, spec.value_range))
            writer.write(Frame(planes=(codes,), pts=pts, duration=1))


def encode_values(values: Values, value_range: tuple[float, float]) -> NDArray[np.uint8]:
    """Physical values as codes 0 to 255, rounded to the nearest; values beyond are clipped."""
    low, high = value_range
    level = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1)
    return np.floor(level * GRAY.max_code + 0.5).astype(np.uint8)
