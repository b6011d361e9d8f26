"""What y4m and pictures cannot say of colours is named before the first frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from vsr_cli.frames import ClipInfo, ColorInfo, ContentLight, HdrMetadata
from vsr_cli.media import open_writer
from vsr_cli.media.pixels.formats import require_planar

TICKS = Fraction(1, 25)
HDR10 = ColorInfo(range="limited", matrix=9, primaries=9, transfer=16)
HLG = ColorInfo(range="limited", matrix=9, primaries=9, transfer=18)
SDR = ColorInfo(range="limited", matrix=1, primaries=1, transfer=1)
LIGHT = HdrMetadata(light=ContentLight(1000, 400))
PICTURES = "primaries bt2020, transfer smpte2084 left out"
CASES = {
    ("a.y4m", HDR10): "y4m says nothing of colours: matrix bt2020nc, " + PICTURES,
    ("a.y4m", SDR): "y4m says nothing of colours: matrix bt709, primaries bt709, "
    "transfer bt709 left out",
    ("a.gif", HDR10): f"a .gif file says nothing of colours: {PICTURES}",
    ("a_%03d.jpg", HLG): "a .jpg file says nothing of colours: primaries bt2020, "
    "transfer arib-std-b67 left out",
    ("a_%03d.tif", HDR10): f"a .tif file says nothing of colours: {PICTURES}",
    ("a_%03d.png", HDR10): None,
    ("a.gif", SDR): None,
    ("a_%03d.jpg", SDR): None,
    ("a.y4m", ColorInfo(range="limited")): None,
}


def warnings_of(path: Path, color: ColorInfo, hdr: HdrMetadata | None) -> list[str]:
    layout = require_planar("yuv420p10le")
    info = ClipInfo(32, 24, layout, TICKS, color=color, frame_rate=Fraction(25), hdr=hdr)
    writer = open_writer(path, info)
    writer.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    return [line for line in writer.warnings if "colours:" in line or "stores no" in line]


@pytest.mark.parametrize(("case", "warning"), CASES.items())
def test_lost_colour_tags_are_named(
    tmp_path: Path, case: tuple[str, ColorInfo], warning: str | None
) -> None:
    name, color = case
    assert warnings_of(tmp_path / name, color, None) == ([] if warning is None else [warning])


@pytest.mark.parametrize(
    ("name", "kind"), [("a.y4m", "y4m"), ("a.gif", "a .gif file"), ("a_%03d.png", "a .png file")]
)
def test_lost_hdr_metadata_is_named(tmp_path: Path, name: str, kind: str) -> None:
    expected = f"{kind} stores no content light level metadata: left out"
    assert expected in warnings_of(tmp_path / name, HDR10, LIGHT)
    assert list(tmp_path.iterdir()) == []
