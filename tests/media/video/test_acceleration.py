"""Decoding by hardware: what is said where there is none, and the same frames where there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from vsr_cli.cli import main
from vsr_cli.errors import InputError
from vsr_cli.media import open_reader
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.media.pixels.planes import PictureConverter, read_planes
from vsr_cli.media.video import acceleration
from vsr_cli.media.video.acceleration import choose_device
from vsr_cli.specs import DecodingSpec

Clip = Callable[..., Path]


def _planes(path: Path, hwaccel: str) -> list[tuple[torch.Tensor, ...]]:
    with open_reader(path, DecodingSpec(hwaccel=hwaccel)) as reader:
        return [frame.planes for frame in reader]


def _same(one: list[tuple[torch.Tensor, ...]], other: list[tuple[torch.Tensor, ...]]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a, b)
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left, right, strict=True)
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_auto_falls_back_to_the_processor_and_says_why(make_clip: Clip) -> None:
    clip = make_clip("clip.mkv")
    device, notes = choose_device(clip, "auto")
    assert device is None
    assert notes[0].startswith("decoded on the CPU: no device can (")
    assert "cuda: " in notes[0]
    with open_reader(clip, DecodingSpec(hwaccel="auto")) as reader:
        assert list(notes) == reader.warnings
    assert _same(_planes(clip, "auto"), _planes(clip, "none"))
    assert choose_device(clip, "none") == (None, ())


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_named_device_that_is_missing_is_an_error_and_leaves_nothing(
    make_clip: Clip, tmp_path: Path
) -> None:
    clip, target = make_clip("clip.mkv"), tmp_path / "out" / "big.mkv"
    target.parent.mkdir()
    words = ["upscale", str(clip), str(target), "--model", "bicubic", "--hwaccel", "cuda"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "cannot be decoded on cuda: Cannot load libcuda" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(target.parent.iterdir())


def test_unknown_device_names_those_of_this_build(make_clip: Clip) -> None:
    with pytest.raises(InputError, match=r"--hwaccel abacus: this FFmpeg has .*try auto"):
        choose_device(make_clip("clip.mkv"), "abacus")


@pytest.mark.parametrize("word", ["", "cuda:0", "a b", "-"])
def test_word_that_names_no_device_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="hwaccel must be none, auto or a device's name"):
        DecodingSpec(hwaccel=word)


def test_damaged_file_is_not_blamed_on_the_device(tmp_path: Path) -> None:
    path = tmp_path / "noise.mkv"
    path.write_bytes(b"no video at all" * 100)
    for wish in ("auto", "cuda"):
        with pytest.raises(InputError, match="is not a video file"):
            choose_device(path, wish)


def test_first_device_that_works_is_taken(make_clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceleration, "hwdevices_available", lambda: ["qsv", "cuda", "drm"])
    monkeypatch.setattr(
        acceleration, "device_fault", lambda device, path: "" if device == "cuda" else "broken"
    )
    assert choose_device(make_clip("clip.mkv"), "auto") == ("cuda", ())


@pytest.mark.parametrize(
    ("coded", "planar", "dtype", "shift"),
    [("nv12", "yuv420p", np.uint8, 0), ("p010le", "yuv420p10le", np.uint16, 6)],
)
def test_formats_that_devices_give_become_planes_without_loss(
    coded: str, planar: str, dtype: type[np.generic], shift: int
) -> None:
    """Devices give both chroma planes as one, of interleaved samples; 10 bits lie on top of 16."""
    noise = np.random.default_rng(3)
    bits = 8 if dtype is np.uint8 else 10
    luma, u, v = (
        noise.integers(0, 2**bits, size, dtype) for size in ((48, 64), (24, 32), (24, 32))
    )
    picture = av.VideoFrame(64, 48, coded)
    interleaved = np.stack([u, v], axis=-1).reshape(24, 64)
    for plane, samples in zip(picture.planes, (luma, interleaved), strict=True):
        plane.update((samples << shift).astype(dtype).tobytes())
    pixel_format = require_planar(coded)
    assert pixel_format.name == planar
    planes = read_planes(picture, pixel_format, PictureConverter())
    for plane, samples in zip(planes, (luma, u, v), strict=True):
        assert np.array_equal(plane.numpy(), samples)


@pytest.mark.cuda
@pytest.mark.usefixtures("require_cuda")
def test_device_gives_the_frames_of_the_processor(make_clip: Clip) -> None:
    clip = make_clip("clip.mkv")
    assert choose_device(clip, "cuda") == ("cuda", ())
    assert _same(_planes(clip, "cuda"), _planes(clip, "none"))
