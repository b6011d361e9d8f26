"""Codecs are tried, not believed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vsr_cli.media import codec_trial
from vsr_cli.media.codec_trial import (
    READ,
    WRITTEN,
    hardware_decoding,
    hardware_encoders,
    moving_picture,
    try_codec,
    write_clip,
)

DECODERS = {"libx264": "h264", "libx265": "hevc", "libvpx-vp9": "vp9", "ffv1": "ffv1"}


@pytest.mark.parametrize("encoder", [*WRITTEN, *READ])
def test_encoder_of_software_works_and_leaves_nothing(encoder: str, tmp_path: Path) -> None:
    trial = try_codec(encoder, tmp_path)
    assert (trial.fault, trial.is_hardware) == ("", False)
    assert trial.decoder == DECODERS.get(encoder, trial.decoder) != ""
    assert [*tmp_path.iterdir()] == []


def test_encoder_that_is_none_has_a_fault(tmp_path: Path) -> None:
    trial = try_codec("libx2644", tmp_path)
    assert "'libx2644' is unknown" in trial.fault
    assert trial.decoder == ""


def test_hardware_that_is_not_there_is_named_once_and_quietly(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "h264_nvenc" in hardware_encoders()
    if torch.cuda.is_available():
        pytest.skip("there is a GPU, so NVENC may well work")
    trial = try_codec("h264_nvenc", tmp_path)
    assert trial.is_hardware
    assert "\n" not in trial.fault
    assert "cuda" in trial.fault.lower()
    assert "cuda" in hardware_decoding_of(tmp_path)["cuda"].lower()
    assert capfd.readouterr().err == ""


def hardware_decoding_of(folder: Path) -> dict[str, str]:
    write_clip(folder / "a.mkv", list(moving_picture(64, 48, 2)))
    return hardware_decoding(folder / "a.mkv")


@pytest.mark.cuda
@pytest.mark.usefixtures("require_cuda")
def test_hardware_that_is_there_decodes(tmp_path: Path) -> None:
    assert hardware_decoding_of(tmp_path)["cuda"] == ""


def test_picture_that_comes_back_changed_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_black(path: Path, frames: list[codec_trial.Frame], codec: str) -> None:
        black = [
            codec_trial.Frame(
                (torch.full_like(frame.planes[0], 16), *frame.planes[1:]), pts=frame.pts, duration=1
            )
            for frame in frames
        ]
        write_clip(path, black, codec)

    monkeypatch.setattr(codec_trial, "write_clip", write_black)
    assert "luma is off by" in try_codec("ffv1", tmp_path).fault


def test_frames_that_are_lost_are_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_less(path: Path, frames: list[codec_trial.Frame], codec: str) -> None:
        write_clip(path, frames[:-1], codec)

    monkeypatch.setattr(codec_trial, "write_clip", write_less)
    assert try_codec("ffv1", tmp_path).fault == "4 of 5 frames came back"


def test_clip_is_what_ffprobe_sees(require_tool: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    write_clip(path, list(moving_picture(66, 50, 4)), "libx264")
    command = [require_tool("ffprobe"), "-v", "error", "-count_frames", "-show_streams"]
    done = subprocess.run([*command, "-of", "json", path], capture_output=True, check=True)
    (stream,) = json.loads(done.stdout)["streams"]
    assert (stream["width"], stream["height"], stream["nb_read_frames"]) == (66, 50, "4")
    assert stream["avg_frame_rate"] == "25/1"
