"""One pixel format as another: against the standards' equations in float64, chroma in its place."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from vsr_cli.frames import ChromaLocation, ClipInfo, ColorInfo, Frame
from vsr_cli.media.pixels.conversion import to_layout
from vsr_cli.media.pixels.formats import require_planar

HALF = 0.51  # of a code: rounding, and what float32 adds to it
SIZE = (48, 32)
WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def make_info(pix_fmt: str, **color: object) -> ClipInfo:
    layout = require_planar(pix_fmt)
    return ClipInfo(*SIZE, layout, Fraction(1, 25), ColorInfo(**color))  # type: ignore[arg-type]


def noise(info: ClipInfo, low: float = 0.0, high: float = 1.0) -> Frame:
    """Codes between two parts of the range."""
    layout, random = info.pixel_format, np.random.default_rng(5)
    dtype = np.uint8 if layout.bits == 8 else np.uint16
    planes = []
    for k in range(layout.num_planes):
        size = layout.plane_size(k, width=info.width, height=info.height)
        codes = random.uniform(low * layout.max_code, high * layout.max_code, size)
        planes.append(torch.from_numpy(codes.round().astype(dtype)))
    return Frame(tuple(planes), pts=0)


def as_float(planes: tuple[torch.Tensor, ...]) -> list[np.ndarray]:
    return [plane.numpy().astype(np.float64) for plane in planes]


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv444p10le", "yuv444p16le"])
@pytest.mark.parametrize("source", ["gbrp", "gbrp16le"])
def test_rgb_becomes_yuv_of_limited_range(source: str, pix_fmt: str, matrix: int) -> None:
    info = make_info(source, range="full", matrix=0)
    info = ClipInfo(*SIZE, info.pixel_format, info.time_base, info.color, matrix=matrix)
    frame, layout = noise(info), require_planar(pix_fmt)
    green, blue, red = (plane / info.pixel_format.max_code for plane in as_float(frame.planes))
    kr, kb = WEIGHTS[matrix]
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    step = 1 << (layout.bits - 8)
    wanted = (
        (219 * luma + 16) * step,
        (224 * (blue - luma) / (2 * (1 - kb)) + 128) * step,
        (224 * (red - luma) / (2 * (1 - kr)) + 128) * step,
    )
    for got, exact in zip(as_float(to_layout(frame, info, layout)), wanted, strict=True):
        assert np.abs(got - exact).max() <= HALF


def test_yuv_becomes_rgb_and_comes_back() -> None:
    info = make_info("yuv444p", range="limited", matrix=1)
    frame = noise(info, 0.45, 0.55)  # colours that RGB has
    layout = require_planar("gbrp16le")
    planes = to_layout(frame, info, layout)
    rgb = ClipInfo(*SIZE, layout, info.time_base, ColorInfo("full", 0), matrix=1)
    back = to_layout(Frame(planes, pts=0), rgb, info.pixel_format)
    for got, exact in zip(back, frame.planes, strict=True):
        assert torch.equal(got, exact)


@pytest.mark.parametrize("color_range", ["limited", "full", "unspecified"])
def test_more_bits_keep_every_code(color_range: str) -> None:
    info = make_info("yuv420p", range=color_range)
    frame, layout = noise(info), require_planar("yuv420p10le")
    planes = to_layout(frame, info, layout)
    for k, (got, code) in enumerate(zip(as_float(planes), as_float(frame.planes), strict=True)):
        exact = code * 4
        if color_range == "full":
            exact = code * 1023 / 255 if k == 0 else (code - 128) * 1023 / 255 + 512
        assert np.abs(got - exact.clip(0, 1023)).max() <= HALF


@pytest.mark.parametrize("location", ["left", "center", "topleft", "unspecified"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("yuv444p16le", "yuv420p16le"),
        ("yuv420p16le", "yuv444p16le"),
        ("yuv422p16le", "yuv420p16le"),
        ("yuv420p16le", "yuv422p16le"),
    ],
)
def test_chroma_on_another_grid_stays_where_it_was(
    old: str, new: str, location: ChromaLocation
) -> None:
    """A ramp, which both grids sample without loss, each at its own places."""
    places = {"center": (0.5, 0.5), "topleft": (0.0, 0.0)}.get(location, (0.5, 0.0))
    info = make_info(old, range="limited", chroma_location=location)

    def ramp(name: str) -> np.ndarray:
        layout = require_planar(name)
        height, width = layout.plane_size(1, width=SIZE[0], height=SIZE[1])
        down, across = 1 << layout.chroma_shift_y, 1 << layout.chroma_shift_x
        # Of a grid that is not halved the first sample lies with luma, else where it is stated.
        y = down * np.arange(height) + (places[0] if down > 1 else 0)
        x = across * np.arange(width) + (places[1] if across > 1 else 0)
        return 20_000 + 200 * x[None] + 300 * y[:, None]

    chroma = torch.from_numpy(ramp(old).round().astype(np.uint16))
    luma = torch.full(SIZE[::-1], 9_000, dtype=torch.uint16)
    planes = to_layout(Frame((luma, chroma, chroma), pts=0), info, require_planar(new))
    assert torch.equal(planes[0], luma)
    inside = np.abs(as_float(planes)[1] - ramp(new))[6:-6, 6:-6]
    assert inside.max() <= 2 * HALF


def test_alpha_is_scaled_made_or_dropped() -> None:
    info = make_info("yuva420p")
    frame = noise(info)
    deep = to_layout(frame, info, require_planar("yuva420p10le"))[-1]
    exact = as_float(frame.planes)[-1] * 1023 / 255
    assert np.abs(as_float((deep,))[0] - exact).max() <= HALF
    assert len(to_layout(frame, info, require_planar("yuv420p"))) == 3
    plain = make_info("yuv420p")
    made = to_layout(noise(plain), plain, require_planar("yuva420p"))[-1]
    assert (made == 255).all()
