"""Chroma against luma after enlargement, and against zimg, another resampler."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vsr_cli.frames import ChromaLocation, ClipInfo, ColorInfo, Frame
from vsr_cli.media import open_reader, open_writer
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EncodingSpec, UpscaleSpec

LOSSLESS = EncodingSpec(codec="ffv1")
SIZE = (96, 64)
EDGE = 0.43  # of the width and height: where saturated red begins
BORDER = 12  # samples that the two treatments of the border reach
ROUNDED = 0.08  # columns of the input by which rounding to codes moves an edge
ZIMG = 1.01  # codes: zimg rounds its weights
TWICE = 4  # codes of 224: interpolated twice, the edge is a little softer
PLACES: dict[ChromaLocation, tuple[float, float]] = {
    "left": (0.5, 0.0),
    "center": (0.5, 0.5),
    "topleft": (0.0, 0.0),
}


def edge(position: np.ndarray, length: int) -> np.ndarray:
    """From 0 to 1 over some samples around the edge; ``position`` in luma samples of the input."""
    return 1 / (1 + np.exp(-(position / length - EDGE) * length / 2))


def write_red(path: Path, location: ChromaLocation) -> None:
    """A red corner: luma and chroma are samples of one function, each where it is sited."""
    width, height = SIZE
    down, across = PLACES[location]
    grids = []
    for step, y0, x0 in ((1, 0.0, 0.0), (2, down, across)):
        y = step * np.arange(height // step) + y0 + 0.5
        x = step * np.arange(width // step) + x0 + 0.5
        grids.append(edge(y, height)[:, None] * edge(x, width)[None])
    levels = [(grids[0], 81, 16), (grids[1], 90, 128), (grids[1], 240, 128)]
    codes = [np.round(low + g * (high - low)).astype(np.uint8) for g, high, low in levels]
    planes = tuple(torch.from_numpy(code) for code in codes)
    info = ClipInfo(
        *SIZE,
        require_planar("yuv420p"),
        Fraction(1, 25),
        ColorInfo("limited", 6, 6, 6, chroma_location=location),
        frame_rate=Fraction(25),
    )
    with open_writer(path, info, LOSSLESS) as writer:
        writer.write(Frame(planes, pts=0, duration=1))


def read_planes(path: Path) -> list[np.ndarray]:
    with open_reader(path) as reader:
        return [plane.numpy().astype(float) for plane in next(iter(reader)).planes]


def edge_column(plane: np.ndarray, place: float, step: float) -> float:
    """Where a row of the plane goes over from one level to the other, in luma columns."""
    row = plane[-plane.shape[0] // 4].astype(float)
    before = (1 - (row - row[0]) / (row[-1] - row[0])).sum()  # samples before the edge
    return step * (before - 0.5) + place + 0.5


@pytest.mark.parametrize("model", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("location", PLACES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_saturated_edge_stays_with_luma(
    tmp_path: Path, location: ChromaLocation, scale: int, model: str
) -> None:
    write_red(tmp_path / "in.mkv", location)
    spec = UpscaleSpec(model=model, scale=scale, device="cpu")
    upscale_video(tmp_path / "in.mkv", tmp_path / "out.mkv", spec, LOSSLESS)
    with open_reader(tmp_path / "out.mkv") as reader:
        assert reader.info.color.chroma_location == location
    luma, _, red = read_planes(tmp_path / "out.mkv")
    across = PLACES[location][1]
    shift = edge_column(red, across, 2) - edge_column(luma, 0, 1)
    # Luma columns; taken for centred, left would be off by (scale - 1) / 2.
    assert abs(shift) < ROUNDED * scale


@pytest.mark.parametrize("location", PLACES)
@pytest.mark.parametrize("scale", [2, 3])
def test_chroma_equals_that_of_zimg(
    tmp_path: Path, require_tool: Callable[[str], str], location: ChromaLocation, scale: int
) -> None:
    tool = require_tool("ffmpeg")
    write_red(tmp_path / "in.mkv", location)
    spec = UpscaleSpec(model="bicubic", scale=scale, device="cpu")
    upscale_video(tmp_path / "in.mkv", tmp_path / "out.mkv", spec, LOSSLESS)
    width, height = SIZE[0] * scale, SIZE[1] * scale
    place = f"chromalin={location}:chromal={location}"
    kernel = "filter=bicubic:param_a=0:param_b=0.5"
    resize = f"zscale=w={width}:h={height}:{kernel}:{place}"
    run = [tool, "-v", "error", "-i", tmp_path / "in.mkv", "-vf", resize]
    subprocess.run([*run, "-c:v", "ffv1", tmp_path / "zimg.mkv"], check=True)
    for ours, theirs in zip(
        read_planes(tmp_path / "out.mkv"), read_planes(tmp_path / "zimg.mkv"), strict=True
    ):
        inside = np.abs(ours - theirs)[BORDER:-BORDER, BORDER:-BORDER]
        assert inside.max() <= ZIMG


def test_chroma_through_the_network_stays_with_luma(tmp_path: Path) -> None:
    """A network takes every plane for a centred one; what comes out is moved back."""
    write_red(tmp_path / "in.mkv", "topleft")
    planes = []
    for chroma in ("bicubic", "model"):
        target = tmp_path / f"{chroma}.mkv"
        spec = UpscaleSpec(model="bicubic", chroma=chroma, device="cpu")
        upscale_video(tmp_path / "in.mkv", target, spec, LOSSLESS)
        planes.append(read_planes(target))
    for plain, moved in zip(*planes, strict=True):
        assert np.abs(plain - moved).max() <= TWICE
    assert np.array_equal(planes[0][0], planes[1][0])
