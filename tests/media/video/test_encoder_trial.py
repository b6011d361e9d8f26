"""Options of encoders: what one does not take is told in one line, before the first frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from vsr_cli.cli import main
from vsr_cli.frames import ClipInfo
from vsr_cli.media import check_encoding, open_writer
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.specs import EncodingSpec

INFO = ClipInfo(64, 64, require_planar("yuv420p"), Fraction(1, 25))


def encoding(codec: str, *options: str, crf: float | None = None) -> EncodingSpec:
    pairs = [option.partition("=") for option in options]
    given = tuple((name, value) for name, _, value in pairs)
    return EncodingSpec(codec=codec, crf=crf, codec_options=given)


@pytest.mark.parametrize(
    ("codec", "option", "words"),
    [
        ("x264", "tune=bogus", "tune=bogus; it takes film, animation, grain"),
        ("x265", "tune=bogus", "tune=bogus; it takes psnr, ssim, grain"),
        ("x265", "profile=bogus", "profile=bogus; it takes main, main10"),
        ("vp9", "cpu-used=99", "cpu-used=99; it takes -8 to 8"),
        ("vp9", "deadline=bogus", "deadline=bogus; it takes best, good, realtime"),
        ("ffv1", "coder=bogus", "coder=bogus; it takes -2 to 2 or rice, range_def"),
        ("svtav1", "crf=64", "crf=64; it takes 0 to 63"),
        ("svtav1", "crf=20.5", "crf=20.5; it takes whole numbers"),
        ("x264", "flags=cgop", "flags=cgop; give flags=+cgop"),
        ("x264", "threads=-5", "Value -5.000000 for parameter 'threads' out of range"),
        ("x264", "b=many", 'b=many: Unable to parse "b" option value'),
        ("x264", "crf=99", "crf=99; it takes 0 to 51"),
        ("x264", "bf=99", "bf=99; it takes 0 to 16"),
        ("x264", "x264-params=foo=1", "x264-params=foo=1: Error parsing option 'foo = 1'"),
        ("x264", "x264-params=bframes=x", "Error parsing option 'bframes = x'"),
        ("x264", "x264opts=foo=1", "bad option 'foo'"),
        ("x265", "x265-params=foo=1", "x265-params=foo=1: Unknown option: foo"),
        ("x265", "x265-params=bframes=x", "Invalid value for bframes: x"),
        ("svtav1", "svtav1-params=foo=1", "Error parsing option foo: 1"),
        ("svtav1", "svtav1-params=tune=99", "Invalid tune flag"),
        ("h264_nvenc", "preset=bogus", "preset=bogus; it takes 0 to 18 or default, slow"),
    ],
)
def test_value_that_an_encoder_does_not_take_is_named(
    capfd: pytest.CaptureFixture[str], codec: str, option: str, words: str
) -> None:
    with pytest.raises(ValueError, match="does not take --codec-option") as caught:
        check_encoding("a.mkv", encoding(codec, option), INFO)
    assert words in str(caught.value)
    assert capfd.readouterr() == ("", "")  # encoders would write there themselves


@pytest.mark.parametrize(
    ("codec", "fields", "words"),
    [
        ("x264", {"crf": 52.0}, "libx264 does not take --crf 52; it takes 0 to 51"),
        ("x265", {"crf": 60.0}, "libx265 does not take --crf 60; it takes 0 to 51"),
        ("svtav1", {"crf": 20.5}, "libsvtav1 does not take --crf 20.5; it takes whole numbers"),
        ("svtav1", {"preset": "slow"}, "libsvtav1 does not take --preset slow; it takes -2 to 13"),
        ("vp9", {"preset": "slow"}, "libvpx-vp9 does not take --preset slow; it takes -8 to 8"),
    ],
)
def test_quality_and_speed_beyond_the_codecs_own(
    codec: str, fields: dict[str, float | str], words: str
) -> None:
    with pytest.raises(ValueError, match="does not take") as caught:
        check_encoding("a.mkv", EncodingSpec(codec=codec, **fields), INFO)  # type: ignore[arg-type]
    assert str(caught.value) == words


def test_among_several_options_the_wrong_one_is_named() -> None:
    options = encoding("x264", "bf=2", "tune=bogus", "refs=3", crf=20)
    with pytest.raises(ValueError, match="libx264 does not take --codec-option tune=bogus"):
        check_encoding("a.mkv", options, INFO)


def test_option_that_is_set_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="--crf 20 and --codec-option crf=30 set the same"):
        check_encoding("a.mkv", encoding("x264", "crf=30", crf=20), INFO)
    with pytest.raises(ValueError, match=r"bf=1 and --codec-option bf=2 set the same"):
        check_encoding("a.mkv", encoding("x264", "bf=1", "bf=2"), INFO)


def test_lists_of_parameters_may_be_given_in_parts() -> None:
    options = encoding("x264", "x264-params=bframes=1", "x264-params=ref=2")
    assert check_encoding("a.mkv", options, INFO).options["x264-params"] == "bframes=1:ref=2"


@pytest.mark.parametrize(
    ("codec", "option"),
    [
        ("x264", "b=4M"),
        ("x264", "flags=+cgop"),
        ("x264", "bf=-1"),
        ("x264", "tune=film"),
        ("x264", "x264-params=keyint=50:ref=2"),
        ("x265", "x265-params=bframes=2"),
        ("svtav1", "svtav1-params=tune=0"),
        ("vp9", "deadline=best"),
        ("ffv1", "coder=range_tab"),
    ],
)
def test_values_that_an_encoder_takes_go_through(codec: str, option: str) -> None:
    name, _, value = option.partition("=")
    options = check_encoding("a.mkv", encoding(codec, option), INFO).options
    assert options[name].endswith(value)


def test_reason_is_given_where_the_value_is_among_those_that_are_taken() -> None:
    full = EncodingSpec(codec="x264", pix_fmt="yuv444p", codec_options=(("profile", "baseline"),))
    with pytest.raises(ValueError, match="profile=baseline: baseline profile doesn't support"):
        check_encoding("a.mkv", full, INFO)


@pytest.mark.parametrize("option", ["time_base=1/3", "video_size=10x10", "nothing=1"])
def test_what_an_encoder_does_not_take_from_a_user_is_no_option(option: str) -> None:
    with pytest.raises(ValueError, match="libx264 has no option"):
        check_encoding("a.mkv", encoding("x264", option), INFO)


def test_picture_that_is_too_large_for_a_video_is_refused() -> None:
    with pytest.raises(ValueError, match="20000x20000 is too large for a video"):
        check_encoding("a.mkv", EncodingSpec(), replace(INFO, width=20_000, height=20_000))


def test_hardware_that_is_missing_is_not_taken_for_a_wrong_option() -> None:
    """Where it is there, the same plan is the result."""
    plan = check_encoding("a.mkv", encoding("h264_nvenc", "preset=p4"), INFO)
    assert plan.options["preset"] == "p4"


def test_wrong_option_is_the_callers_fault_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not take"):
        open_writer(tmp_path / "a.mp4", INFO, encoding("x264", "tune=bogus"))
    assert list(tmp_path.iterdir()) == []


def test_wrong_option_is_one_line_and_exit_code_2(
    make_clip: Callable[..., Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    args = ["upscale", str(make_clip("in.mp4")), str(tmp_path / "o.mp4"), "--model", "bicubic"]
    result = CliRunner().invoke(main, [*args, "--codec-option", "tune=bogus"])
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert capfd.readouterr() == ("", "")
