"""HDR metadata: the same numbers in the output, or a warning before the first frame."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch

from vsr_cli.frames import ClipInfo, ColorInfo, ContentLight, Frame, HdrMetadata, MasteringDisplay
from vsr_cli.media import open_reader, open_writer
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EncodingSpec, UpscaleSpec

STEP, NIT = 50_000, 10_000
DISPLAY = MasteringDisplay(
    primaries=(
        (Fraction(34000, STEP), Fraction(16000, STEP)),
        (Fraction(13250, STEP), Fraction(34500, STEP)),
        (Fraction(7500, STEP), Fraction(3000, STEP)),
    ),
    white_point=(Fraction(15635, STEP), Fraction(16450, STEP)),
    min_luminance=Fraction(50, NIT),
    max_luminance=Fraction(1000),
)
HDR10 = HdrMetadata(DISPLAY, ContentLight(1000, 400))
PQ = ColorInfo("limited", matrix=9, primaries=9, transfer=16, chroma_location="topleft")
AV1_STEP = 1 / (1 << 14)  # the coarsest fixed point of AV1's metadata
CODECS = ["x264", "x265", "svtav1"]


def write_clip(path: Path, codec: str, hdr: HdrMetadata | None = HDR10) -> list[str]:
    info = ClipInfo(
        64,
        64,
        require_planar("yuv420p10le"),
        Fraction(1, 25),
        PQ,
        frame_rate=Fraction(25),
        hdr=hdr,
    )
    planes = tuple(
        torch.full(size, 500, dtype=torch.uint16) for size in ((64, 64), *[(32, 32)] * 2)
    )
    with open_writer(path, info, EncodingSpec(codec=codec)) as writer:
        for number in range(3):
            writer.write(Frame(planes, pts=number, duration=1))
    return writer.warnings


def first_side_data(path: Path, kind: str) -> bytes:
    """Through PyAV alone."""
    with av.open(str(path)) as file:
        return bytes(next(file.decode(video=0)).side_data[kind])


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_mastering_and_light_are_kept(tmp_path: Path, codec: str, name: str) -> None:
    assert write_clip(tmp_path / name, codec) == []
    numbers = struct.unpack(
        "=20i2i", first_side_data(tmp_path / name, "MASTERING_DISPLAY_METADATA")
    )
    values = [n / d for n, d in zip(numbers[0:20:2], numbers[1:20:2], strict=True)]
    wanted = [*sum(DISPLAY.primaries, ()), *DISPLAY.white_point, Fraction(50, NIT), 1000]
    tolerance = AV1_STEP if codec == "svtav1" else 0
    assert values == pytest.approx([float(value) for value in wanted], abs=tolerance, rel=0)
    light = first_side_data(tmp_path / name, "CONTENT_LIGHT_LEVEL")
    assert struct.unpack("=2I", light[:8]) == (1000, 400)


def test_upscaled_hdr10_keeps_all_of_it(tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    tool = require_tool("ffprobe")
    write_clip(tmp_path / "in.mp4", "x265")
    spec = UpscaleSpec(model="bicubic", device="cpu")
    target = tmp_path / "out.mp4"
    report = upscale_video(tmp_path / "in.mp4", target, spec, EncodingSpec(codec="x265"))
    assert report.warnings == []
    command = [tool, "-v", "error", "-show_frames", "-show_streams", "-of", "json", str(target)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    stream, data = answer["streams"][0], answer["frames"][0]["side_data_list"]
    assert stream["color_transfer"] == "smpte2084"
    assert stream["color_primaries"] == "bt2020"
    assert stream["chroma_location"] == "topleft"
    assert stream["pix_fmt"] == "yuv420p10le"
    mastering = next(d for d in data if d["side_data_type"] == "Mastering display metadata")
    assert (mastering["red_x"], mastering["max_luminance"]) == ("34000/50000", "10000000/10000")
    light = next(d for d in data if d["side_data_type"] == "Content light level metadata")
    assert (light["max_content"], light["max_average"]) == (1000, 400)


@pytest.mark.parametrize(("codec", "name"), [("ffv1", "out.mkv"), ("prores", "out.mov")])
def test_what_an_encoder_cannot_store_is_named_before_the_first_frame(
    tmp_path: Path, codec: str, name: str
) -> None:
    warnings = write_clip(tmp_path / name, codec)
    assert any("no mastering display and no content light" in line for line in warnings)
    without = write_clip(tmp_path / f"b{name}", codec, hdr=None)
    assert not any("metadata" in line for line in without)


def test_dynamic_metadata_is_named(tmp_path: Path) -> None:
    hdr = replace(HDR10, dynamic=("HDR10+",))
    assert any("HDR10+" in line for line in write_clip(tmp_path / "out.mp4", "x265", hdr))


def test_real_hdr10_clip_is_read(shared_data: Path) -> None:
    """The numbers that ffprobe 5.1 shows for this file."""
    with open_reader(shared_data / "awkward" / "sample_with_colr_mdcv_and_clli.mp4") as reader:
        hdr = reader.info.hdr
    assert hdr is not None
    assert hdr.mastering is not None
    assert hdr.mastering.primaries[0] == (Fraction(33899, STEP), Fraction(16099, STEP))
    assert hdr.mastering.max_luminance == 1000
    assert hdr.light == ContentLight(1100, 180)
