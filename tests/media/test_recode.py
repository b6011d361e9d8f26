"""Frames through JPEG, H.264 and H.265: as many as before, of the same form, and worse."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vsr_cli.errors import InputError, VsrError
from vsr_cli.frames import Frame, PixelFormat
from vsr_cli.media import recode
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.media.recode import recode_frames
from vsr_cli.specs import Jpeg, VideoCoding

CODECS = ["h264", "h265"]


def _plane(height: int, width: int, time: float, top: int, phase: float) -> Tensor:
    """Waves that move, with fine texture on them."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = np.sin(x / 5 + time / 3 + phase) * np.cos(y / 7 - time / 4) + 0.3 * np.sin(2.1 * x + y)
    codes = torch.from_numpy(np.round((0.5 + 0.35 * waves).clip(0, 1) * top)).to(torch.int32)
    return codes.to(torch.uint8 if top == 255 else torch.uint16)


def _clip(layout: PixelFormat, height: int, width: int, count: int) -> list[Frame]:
    frames = []
    for time in range(count):
        sizes = [
            layout.plane_size(number, width=width, height=height)
            for number in range(layout.num_planes)
        ]
        planes = (_plane(*size, time, layout.max_code, n) for n, size in enumerate(sizes))
        frames.append(Frame(tuple(planes), pts=7 * time, duration=3 + time))
    return frames


def _psnr(first: Sequence[Frame], second: Sequence[Frame], top: int = 255, plane: int = 0) -> float:
    errors = [
        float((a.planes[plane].double() - b.planes[plane].double()).pow(2).mean())
        for a, b in zip(first, second, strict=True)
    ]
    return -10 * float(np.log10(np.mean(errors) / top**2))


def _pillow(array: NDArray[np.uint8], mode: str, **options: int) -> NDArray[np.uint8]:
    """A picture through a JPEG file, as Pillow reads it without converting colours."""
    file = BytesIO()
    Image.fromarray(array, mode if array.ndim == 3 else None).save(file, "JPEG", **options)
    picture = Image.open(file)
    picture.draft(mode, picture.size)
    assert picture.mode == mode
    return np.asarray(picture)


@pytest.mark.parametrize("quality", [1, 40, 95])
@pytest.mark.parametrize("size", [(48, 64), (19, 37), (1, 1)])
def test_jpeg_of_gray_is_that_of_pillow(size: tuple[int, int], quality: int) -> None:
    (frame,) = _clip(require_planar("gray"), *size, 1)
    (found,) = recode_frames([frame], require_planar("gray"), Jpeg(quality=quality))
    expected = _pillow(frame.planes[0].numpy(), "L", quality=quality)
    assert np.array_equal(found.planes[0].numpy(), expected)
    assert (found.pts, found.duration) == (frame.pts, frame.duration)


@pytest.mark.parametrize("quality", [10, 60])
def test_jpeg_of_yuv_is_a_file_of_those_planes(quality: int) -> None:
    """4:4:4, of which a decoder shows every plane as it is; luma is the same in 4:2:0."""
    layout = require_planar("yuv444p")
    (frame,) = _clip(layout, 37, 51, 1)
    (found,) = recode_frames([frame], layout, Jpeg(quality=quality))
    samples = np.stack([plane.numpy() for plane in frame.planes], axis=-1)
    expected = _pillow(samples, "YCbCr", quality=quality, subsampling=0)
    for number, plane in enumerate(found.planes):
        assert np.array_equal(plane.numpy(), expected[..., number])
    halved = _pillow(samples, "YCbCr", quality=quality, subsampling=2)
    assert np.array_equal(found.planes[0].numpy(), halved[..., 0])


def test_jpeg_of_rgb_is_that_of_pillow() -> None:
    layout = require_planar("gbrp")
    (frame,) = _clip(layout, 33, 50, 1)
    (found,) = recode_frames([frame], layout, Jpeg(quality=70))
    green, blue, red = (plane.numpy() for plane in frame.planes)
    expected = _pillow(np.stack([red, green, blue], axis=-1), "RGB", quality=70)
    shown = torch.stack([found.planes[n] for n in (2, 0, 1)], dim=-1).numpy()
    assert np.array_equal(shown, expected)


def test_jpeg_of_ten_bits_has_eight_of_them() -> None:
    layout = require_planar("gray10le")
    (frame,) = _clip(layout, 40, 48, 1)
    (found,) = recode_frames([frame], layout, Jpeg(quality=90))
    codes = ((frame.planes[0].int() + 2) // 4).clamp(max=255).to(torch.uint8)
    expected = _pillow(codes.numpy(), "L", quality=90).astype(int) * 4
    assert found.planes[0].dtype == torch.uint16
    assert np.array_equal(found.planes[0].int().numpy(), expected)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("name", "size", "count"),
    [
        ("gray", (48, 64), 9),
        ("gray", (17, 33), 7),  # x265 itself crashes with these
        ("gray", (1, 1), 2),
        ("yuv420p", (47, 65), 1),
        ("yuv420p", (47, 65), 9),
        ("yuv422p", (30, 31), 4),
        ("yuv444p", (50, 70), 3),
        ("gbrp", (50, 70), 3),
        ("gray10le", (48, 64), 4),
        ("yuv420p10le", (47, 65), 4),
        ("yuv420p12le", (48, 64), 3),
        ("gray16le", (48, 64), 3),
        ("gbrp16le", (48, 64), 2),
    ],
)
def test_video_keeps_frames_sizes_and_times(
    codec: str, name: str, size: tuple[int, int], count: int
) -> None:
    layout = require_planar(name)
    frames = _clip(layout, *size, count)
    good, bad = (
        list(recode_frames(frames, layout, VideoCoding(codec=codec, crf=crf)))  # type: ignore[arg-type]
        for crf in (12, 40)
    )
    for found in (good, bad):
        assert [(f.pts, f.duration) for f in found] == [(f.pts, f.duration) for f in frames]
        for before, after in zip(frames, found, strict=True):
            assert [p.shape for p in after.planes] == [p.shape for p in before.planes]
            assert {p.dtype for p in after.planes} == {p.dtype for p in before.planes}
    if size == (1, 1):
        return
    for plane in range(layout.num_planes):
        scores = [_psnr(frames, found, layout.max_code, plane) for found in (good, bad)]
        assert scores[0] > 36
        assert scores[0] > scores[1] + 8
        assert scores[1] > 15  # still the same picture


@pytest.mark.parametrize("codec", CODECS)
def test_higher_crf_is_worse(codec: str) -> None:
    layout = require_planar("yuv420p")
    frames = _clip(layout, 96, 128, 12)
    scores = [
        _psnr(frames, list(recode_frames(frames, layout, VideoCoding(codec=codec, crf=crf))))  # type: ignore[arg-type]
        for crf in (4, 20, 28, 40)
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1] + 12


def test_crf_means_what_it_means_to_ffmpeg(
    tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    """The program's own x264 may be another version: within a quarter of a decibel."""
    layout = require_planar("gray")
    frames = _clip(layout, 96, 128, 12)
    raw = b"".join(frame.planes[0].numpy().tobytes() for frame in frames)
    size = "-f rawvideo -pix_fmt gray -s 128x96 -r 25"
    coded = tmp_path / "coded.mkv"
    words = f"{require_tool('ffmpeg')} -v error {size} -i - -c:v libx264 -mbtree 0 -crf 30 {coded}"
    subprocess.run(words.split(), input=raw, check=True, timeout=60)
    with av.open(str(coded)) as file:
        expected = [
            Frame((torch.from_numpy(picture.to_ndarray()[:96].copy()),), pts=0)
            for picture in file.decode(video=0)
        ]
    found = list(recode_frames(frames, layout, VideoCoding(codec="h264", crf=30)))
    assert _psnr(frames, found) == pytest.approx(_psnr(frames, expected), abs=0.25)


@pytest.mark.parametrize("codec", CODECS)
def test_frames_are_predicted_from_each_other(codec: str) -> None:
    """Noise that stands still is coded once and shown again; noise that moves is not coded anew."""
    layout = require_planar("gray")
    noise = torch.randint(0, 256, (64, 96), generator=torch.Generator().manual_seed(2))
    still = Frame((noise.to(torch.uint8),), pts=0)
    step = VideoCoding(codec=codec, crf=30)  # type: ignore[arg-type]
    coded = [frame.planes[0].double() for frame in recode_frames([still] * 8, layout, step)]
    error = float((coded[0] - noise).abs().mean())
    changes = [float((later - earlier).abs().mean()) for earlier, later in pairwise(coded)]
    assert np.mean(changes) < 0.5 * error
    moved = [Frame((still.planes[0].roll(2 * n, 1),), pts=n) for n in range(8)]
    together = list(recode_frames(moved, layout, step))
    alone = list(recode_frames(moved[5:6], layout, step))
    assert not torch.equal(together[5].planes[0], alone[0].planes[0])


@pytest.mark.parametrize("codec", CODECS)
def test_same_frames_give_the_same_codes(codec: str) -> None:
    """Ten runs: x264 with its macroblock tree gave three results and more in as many."""
    layout = require_planar("gray")
    frames = _clip(layout, 48, 80, 10)
    step = VideoCoding(codec=codec, crf=30)  # type: ignore[arg-type]
    runs = [
        torch.stack([frame.planes[0] for frame in recode_frames(iter(frames), layout, step)])
        for _ in range(10)
    ]
    assert all(torch.equal(run, runs[0]) for run in runs)


def test_encoder_looks_ahead_no_further_than_it_must() -> None:
    """A long clip is not held: frames come out while others go in."""
    layout, taken = require_planar("gray"), 0

    def counted() -> object:
        nonlocal taken
        for frame in _clip(layout, 32, 32, 150):
            taken += 1
            yield frame

    behind = [
        taken - number
        for number, _ in enumerate(
            recode_frames(counted(), layout, VideoCoding(codec="h264", crf=30))
        )  # type: ignore[arg-type]
    ]
    assert len(behind) == 150
    assert max(behind) < 60


def test_no_frames_are_none() -> None:
    layout = require_planar("gray")
    assert list(recode_frames([], layout, VideoCoding(codec="h264", crf=30))) == []
    assert list(recode_frames([], layout, Jpeg(quality=50))) == []


def test_layout_that_no_encoder_has_is_named() -> None:
    layout = require_planar("yuv440p")
    with pytest.raises(InputError, match="h264:crf=30 cannot code yuv440p: convert the clip"):
        list(recode_frames(_clip(layout, 32, 32, 1), layout, VideoCoding(codec="h264", crf=30)))


def test_encoder_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    coder = recode._Coder("libnothing", "h264", {})
    monkeypatch.setattr(recode, "_CODERS", {("h264", False): coder})
    layout = require_planar("gray")
    with pytest.raises(VsrError, match="h264:crf=30 needs libnothing"):
        list(recode_frames(_clip(layout, 32, 32, 1), layout, VideoCoding(codec="h264", crf=30)))
