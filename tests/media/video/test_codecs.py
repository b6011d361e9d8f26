"""Codecs: which fits what, known before the first frame."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vsr_cli.errors import OutputError
from vsr_cli.frames import ChromaLocation, ClipInfo, ColorInfo, Frame
from vsr_cli.media import check_encoding, open_reader, open_writer
from vsr_cli.media.pixels.formats import holds, nearest_holding, require_planar
from vsr_cli.specs import EncodingSpec


def make_info(pix_fmt: str = "yuv420p", width: int = 64, height: int = 64) -> ClipInfo:
    return ClipInfo(width, height, require_planar(pix_fmt), Fraction(1, 25))


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.m4v", "libx264"),
        ("a.mov", "libx264"),
        ("a.mkv", "libx264"),
        ("a.MKV", "libx264"),
        ("a.webm", "libvpx-vp9"),
    ],
)
def test_each_container_has_a_codec(name: str, codec: str) -> None:
    assert check_encoding(name, EncodingSpec(), make_info()).codec == codec


def test_unknown_codec_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="x264, x265, svtav1, vp9, ffv1, prores"):
        check_encoding("a.mp4", EncodingSpec(codec="h266"), make_info())


@pytest.mark.parametrize(
    ("name", "codec"), [("a.webm", "x264"), ("a.mp4", "prores"), ("a.mov", "ffv1")]
)
def test_codec_that_does_not_fit_the_container(name: str, codec: str) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        check_encoding(name, EncodingSpec(codec=codec), make_info())


@pytest.mark.parametrize(
    ("codec", "source", "chosen"),
    [
        ("x264", "yuv420p", "yuv420p"),
        ("x264", "yuv420p9le", "yuv420p10le"),
        ("x264", "yuv411p", "yuv422p"),
        ("x264", "gray", "gray"),
        ("svtav1", "gray10le", "yuv420p10le"),
        ("vp9", "gray", "yuv420p"),
        ("prores", "yuv420p", "yuv422p10le"),
        ("ffv1", "gbrp", "bgr0"),
        ("ffv1", "gray16le", "gray16le"),
        ("h264_nvenc", "yuv420p10le", "p010le"),
    ],
)
def test_nearest_format_that_loses_nothing(codec: str, source: str, chosen: str) -> None:
    plan = check_encoding("a.mkv", EncodingSpec(codec=codec), make_info(source))
    assert plan.pix_fmt == chosen
    assert plan.warnings == ()


@pytest.mark.parametrize(
    ("codec", "source"),
    [("x264", "gbrp"), ("x264", "gray16le"), ("svtav1", "yuv444p"), ("x264", "yuva420p")],
)
def test_a_loss_is_refused_unless_it_was_asked_for(codec: str, source: str) -> None:
    with pytest.raises(ValueError, match=r"without loss.*yuv420p"):
        check_encoding("a.mkv", EncodingSpec(codec=codec), make_info(source))
    plan = check_encoding("a.mkv", EncodingSpec(codec=codec, pix_fmt="yuv420p"), make_info(source))
    assert "yuv420p, which loses" in plan.warnings[0]


@pytest.mark.parametrize(
    ("codec", "name"),
    [("vp9", "a.mp4"), ("vp9", "a.mov"), ("x265", "a.mp4"), ("h264_nvenc", "a.mkv")],
)
def test_alpha_that_would_not_arrive_is_refused(codec: str, name: str) -> None:
    """Each of these encoders lists a format with alpha."""
    with pytest.raises(ValueError, match="cannot hold yuva420p without loss"):
        check_encoding(name, EncodingSpec(codec=codec), make_info("yuva420p"))


def test_pixel_format_that_a_codec_cannot_hold_names_those_that_it_can() -> None:
    with pytest.raises(ValueError, match="it holds yuv420p, yuv420p10le"):
        check_encoding("a.mp4", EncodingSpec(codec="svtav1", pix_fmt="yuv444p"), make_info())


@pytest.mark.parametrize(
    "encoding", [EncodingSpec(codec="ffv1", crf=18), EncodingSpec(codec="prores", preset="slow")]
)
def test_setting_that_a_codec_does_not_have(encoding: EncodingSpec) -> None:
    with pytest.raises(ValueError, match="takes no"):
        check_encoding("a.mkv", encoding, make_info())


@pytest.mark.parametrize("fields", [{"crf": -1.0}, {"crf": float("nan")}, {"codec": ""}])
def test_senseless_settings(fields: dict[str, float | str]) -> None:
    with pytest.raises(ValueError, match=r"crf|codec"):
        EncodingSpec(**fields)  # type: ignore[arg-type]


def test_encoder_that_refuses_its_settings_leaves_nothing(tmp_path: Path) -> None:
    encoding = EncodingSpec(codec="x264", preset="warp")
    with pytest.raises(ValueError, match=r"libx264 has no preset 'warp'; it has ultrafast"):
        open_writer(tmp_path / "out.mp4", make_info(), encoding)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "codec", "preset"),
    [
        ("a.mp4", "x264", "ultrafast"),
        ("a.mp4", "x265", "ultrafast"),
        ("a.mp4", "svtav1", "12"),
        ("a.webm", "vp9", "8"),
        ("a.mkv", "ffv1", None),
        ("a.mov", "prores", None),
    ],
)
def test_every_codec_writes_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, codec: str, preset: str | None
) -> None:
    info = make_info()
    planes = tuple(torch.full((side, side), 90, dtype=torch.uint8) for side in (64, 32, 32))
    encoding = EncodingSpec(codec=codec, preset=preset)
    with open_writer(tmp_path / name, info, encoding) as writer:
        for number in range(12):
            writer.write(Frame(planes, pts=number, duration=1))
    with open_reader(tmp_path / name) as reader:
        frames = list(reader)
    times = [frame.pts * reader.info.time_base for frame in frames]
    assert times == [Fraction(n, 25) for n in range(12)]
    shift = reader.info.pixel_format.bits - 8
    assert abs(int(frames[5].planes[0][20, 20]) - (90 << shift)) <= 2 << shift
    assert capfd.readouterr() == ("", "")


def test_option_of_the_encoder_is_used(tmp_path: Path) -> None:
    """A picture of noise at two settings that only a codec option tells apart."""
    info = make_info()
    random = torch.Generator().manual_seed(1)
    planes = tuple(
        torch.randint(0, 256, (side, side), generator=random, dtype=torch.uint8)
        for side in (64, 32, 32)
    )
    sizes = []
    for qp in ("10", "40"):
        encoding = EncodingSpec(codec_options=(("qp", qp), ("x264-params", "keyint=1")))
        with open_writer(tmp_path / f"{qp}.mp4", info, encoding) as writer:
            writer.write(Frame(planes, pts=0, duration=1))
        sizes.append((tmp_path / f"{qp}.mp4").stat().st_size)
    assert sizes[0] > 2 * sizes[1]


def test_parameters_of_the_user_join_those_that_are_set_anyway() -> None:
    own = EncodingSpec(codec="x265", codec_options=(("x265-params", "aq-mode=0"), ("bf", "2")))
    options = check_encoding("a.mp4", own, make_info()).options
    assert options["x265-params"] == "log-level=error:aq-mode=0"
    assert options["bf"] == "2"
    assert options["crf"] == "18"


def test_rate_control_of_the_user_takes_the_place_of_the_default() -> None:
    own = EncodingSpec(codec_options=(("qp", "0"),))
    assert "crf" not in check_encoding("a.mp4", own, make_info()).options


def test_option_that_no_encoder_knows_is_refused() -> None:
    own = EncodingSpec(codec_options=(("presett", "slow"),))
    with pytest.raises(ValueError, match=r"libx264 has no option 'presett'; it has preset$"):
        check_encoding("a.mp4", own, make_info())


@pytest.mark.parametrize("name", ["a.mkv", "a.webm"])
def test_high_speed_footage_needs_a_finer_clock_than_matroska_has(name: str) -> None:
    info = replace(make_info(), frame_rate=Fraction(10_000), time_base=Fraction(1, 10_000))
    with pytest.raises(ValueError, match=r"times to 1 ms.*10000 frames per second; write an .mp4"):
        check_encoding(name, EncodingSpec(), info)
    assert check_encoding("a.mp4", EncodingSpec(), info).warnings == ()


def test_a_rate_that_is_only_claimed_is_no_obstacle() -> None:
    """Real Matroska files claim 600 and 1000 frames per second; their own clock has 1 ms."""
    info = replace(make_info(), frame_rate=Fraction(1000), time_base=Fraction(1, 1000))
    assert check_encoding("a.mkv", EncodingSpec(), info).warnings == ()


def test_two_frames_on_one_millisecond_are_an_error(tmp_path: Path) -> None:
    info = replace(make_info(), time_base=Fraction(1, 90_000), frame_rate=None)
    planes = tuple(torch.full((side, side), 90, dtype=torch.uint8) for side in (64, 32, 32))

    def write_all() -> None:
        with open_writer(tmp_path / "a.mkv", info, EncodingSpec()) as writer:
            for pts in (0, 3600, 3609):
                writer.write(Frame(planes, pts=pts, duration=9))

    with pytest.raises(OutputError, match=r"0.040000 s and 0.040100 s fall on one millisecond"):
        write_all()
    assert list(tmp_path.iterdir()) == []


def test_ten_thousand_frames_per_second_keep_their_times(tmp_path: Path) -> None:
    info = replace(make_info(), frame_rate=Fraction(10_000), time_base=Fraction(1, 10_000))
    planes = tuple(torch.full((side, side), 90, dtype=torch.uint8) for side in (64, 32, 32))
    with open_writer(tmp_path / "a.mp4", info, EncodingSpec()) as writer:
        for number in range(20):
            writer.write(Frame(planes, pts=number, duration=1))
    with open_reader(tmp_path / "a.mp4") as reader:
        times = [frame.pts * reader.info.time_base for frame in reader]
    assert times == [Fraction(number, 10_000) for number in range(20)]


@pytest.mark.parametrize(
    ("location", "codec", "name", "is_kept"),
    [
        ("center", "prores", "a.mov", False),
        ("center", "ffv1", "a.mkv", True),
        ("topleft", "svtav1", "a.mp4", True),
        ("center", "svtav1", "a.mp4", False),
        ("left", "prores", "a.mov", True),
        ("bottom", "x264", "a.mp4", True),
        ("bottom", "ffv1", "a.mkv", False),
    ],
)
def test_chroma_location_that_cannot_be_stored_is_named(
    location: ChromaLocation, codec: str, name: str, is_kept: bool
) -> None:
    info = replace(make_info(), color=ColorInfo(chroma_location=location))
    warnings = check_encoding(name, EncodingSpec(codec=codec), info).warnings
    assert any(f"chroma lies {location}" in line for line in warnings) != is_kept


@pytest.mark.parametrize("codec", ["prores", "mpeg4"])
def test_full_range_that_no_player_would_see_is_refused(codec: str) -> None:
    info = replace(make_info(), color=ColorInfo("full"))
    with pytest.raises(ValueError, match="cannot say that the clip is of full range"):
        check_encoding("a.mkv", EncodingSpec(codec=codec), info)
    assert check_encoding("a.mkv", EncodingSpec(), info).warnings == ()


def test_holding_is_about_depth_chroma_and_alpha() -> None:
    def fits(target: str, source: str) -> bool:
        return holds(require_planar(target), require_planar(source))

    assert fits("yuv444p10le", "yuv420p")
    assert fits("yuv420p", "gray")
    assert not fits("gray", "yuv420p")
    assert not fits("yuv420p", "yuv422p")
    assert not fits("yuv420p", "yuva420p")
    assert not fits("gbrp", "yuv444p")
    assert nearest_holding(require_planar("yuv420p"), ["gray", "gbrp"]) is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, which may encode")
def test_hardware_encoder_without_hardware_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"h264_nvenc.*needs hardware that is not there"):
        open_writer(tmp_path / "a.mp4", make_info(), EncodingSpec(codec="h264_nvenc"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "hint"), [("a.mkv", "libx264"), ("a.mp4", "an .mkv file")])
def test_codec_that_a_file_cannot_hold_is_refused_with_another_way(name: str, hint: str) -> None:
    info = ClipInfo(64, 48, require_planar("yuv420p"), Fraction(1, 25))
    with pytest.raises(ValueError, match=f"cannot hold huffyuv; try .*{hint}$"):
        check_encoding(Path(name), EncodingSpec(codec="huffyuv"), info)
