"""Which frames of two clips belong together: those that are shown at one time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vsr_cli.errors import InputError
from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.pipeline.alignment import ClipFrames, paired_frames
from vsr_cli.pipeline.evaluate.run import evaluate_clips
from vsr_cli.specs import EvaluateSpec

Clip = Callable[..., Path]
NTSC = 3003  # ticks of 1/90000: 30000/1001 frames per second
VARIABLE = (0, 3000, 12_000, 13_500, 40_000, 43_003)


def _frames(
    name: str, pts: Sequence[int], *, time_base: Fraction, rate: int | None = None
) -> ClipFrames:
    """A clip of single grey pixels."""
    info = ClipInfo(1, 1, PixelFormat("gray", "gray", 8), time_base)
    info = ClipInfo(1, 1, info.pixel_format, time_base, frame_rate=rate and Fraction(rate))
    ends = [*pts[1:], 2 * pts[-1] - pts[-2]] if len(pts) > 1 else [pts[0]]
    pixel = (torch.zeros(1, 1, dtype=torch.uint8),)
    steps = [Frame(pixel, t, end - t) for t, end in zip(pts, ends, strict=True)]
    return ClipFrames(Path(name), info, steps)


def _pair(truth: ClipFrames, given: ClipFrames) -> tuple[int, list[str]]:
    told: list[str] = []
    return len([*paired_frames(truth, [given], told.append)]), told


def test_clocks_of_milliseconds_pair_with_exact_ones() -> None:
    ticks = [NTSC * n for n in range(200)]
    rounded = [round(Fraction(t, 90)) for t in ticks]
    exact = _frames("a.mp4", ticks, time_base=Fraction(1, 90_000))
    coarse = _frames("b.mkv", rounded, time_base=Fraction(1, 1000))
    assert _pair(exact, coarse) == (200, [])
    assert _pair(coarse, exact) == (200, [])


def test_missing_frame_is_named_by_its_time() -> None:
    ticks = [40 * n for n in range(8)]
    whole = _frames("whole.mkv", ticks, time_base=Fraction(1, 1000), rate=25)
    holed = _frames("holed.mkv", [*ticks[:3], *ticks[4:]], time_base=Fraction(1, 1000), rate=25)
    says = r"holed.mkv has no frame at 0.120 s, where whole.mkv has its frame 3 \(from 0\): the "
    with pytest.raises(InputError, match=says + "next one is at 0.160 s$"):
        _pair(whole, holed)
    with pytest.raises(InputError, match="^" + says):
        _pair(holed, whole)


def test_other_rate_is_named_at_once() -> None:
    slow = _frames("a.mp4", range(0, 90_000, 3600), time_base=Fraction(1, 90_000), rate=25)
    fast = _frames("b.mp4", range(0, 90_000, 3000), time_base=Fraction(1, 90_000), rate=30)
    says = "a.mp4 has 25 frames/s and b.mp4 30 frames/s: frame 1 is shown at 0.040 s and at 0.033 s"
    with pytest.raises(InputError, match=says):
        _pair(slow, fast)
    half = _frames("c.mp4", range(0, 90_000, 7200), time_base=Fraction(1, 90_000), rate=12)
    with pytest.raises(InputError, match=r"c.mp4 has no frame at 0.040 s.* c.mp4 12 frames/s"):
        _pair(slow, half)


def test_rates_that_differ_by_a_thousandth_are_told_apart() -> None:
    film = _frames("a.mp4", range(0, 40), time_base=Fraction(1001, 30_000), rate=None)
    exact = _frames("b.mp4", range(0, 40), time_base=Fraction(1, 30), rate=None)
    assert _pair(film, exact)[0] == 40  # nothing is stated, and half a frame is not reached
    stated = [
        ClipFrames(c.path, ClipInfo(1, 1, c.info.pixel_format, t, frame_rate=1 / t), c.frames)
        for c, t in ((film, film.info.time_base), (exact, exact.info.time_base))
    ]
    with pytest.raises(InputError, match=r"29\.97 frames/s and b.mp4 30 frames/s: frame 1"):
        _pair(*stated)


def test_jitter_below_half_a_frame_is_no_fault() -> None:
    regular = _frames("a.mkv", [0, 40, 80, 120], time_base=Fraction(1, 1000), rate=25)
    jittered = _frames("b.mkv", [0, 55, 75, 128], time_base=Fraction(1, 1000), rate=25)
    with pytest.raises(InputError, match=r"no frame at"):  # 15 ms is more than half of 20 ms
        _pair(regular, jittered)
    jittered = _frames("b.mkv", [0, 49, 75, 128], time_base=Fraction(1, 1000), rate=25)
    assert _pair(regular, jittered) == (4, [])


def test_late_start_is_told_and_stands_in_a_later_error() -> None:
    early = _frames("a.mkv", [0, 40, 80, 120], time_base=Fraction(1, 1000), rate=25)
    late = _frames("b.mkv", [500, 540, 580, 620], time_base=Fraction(1, 1000), rate=25)
    count, told = _pair(early, late)
    assert (count, len(told)) == (4, 1)
    assert "a.mkv begins at 0.000 s and b.mkv at 0.500 s" in told[0]
    beheaded = _frames("c.mkv", [40, 80, 120], time_base=Fraction(1, 1000), rate=25)
    says = "a.mkv has 4 frames, but c.mkv has 3: c.mkv has none at 0.120 s; a.mkv begins at 0.000 s"
    with pytest.raises(InputError, match=says):
        _pair(early, beheaded)
    slight = _frames("d.mkv", [20, 60, 100, 140], time_base=Fraction(1, 1000), rate=25)
    assert _pair(early, slight) == (4, [])


def test_counts_of_several_clips_are_each_named() -> None:
    base = Fraction(1, 1000)
    truth = _frames("t.mkv", [0, 40, 80], time_base=base)
    good = _frames("g.mkv", [0, 40, 80], time_base=base)
    longer = _frames("l.mkv", [0, 40, 80, 120, 160], time_base=base)
    with pytest.raises(InputError, match=r"has 3 frames, but l.mkv has 5: t.mkv has none at 0.120"):
        list(paired_frames(truth, [good, longer], print))


def _score(truth: Path, other: Path) -> float | None:
    return evaluate_clips([truth], EvaluateSpec(against=other)).mean.mse


def test_variable_rate_pairs_across_containers(make_clip: Clip) -> None:
    files = [make_clip(name, pts=VARIABLE, codec="ffv1") for name in ("a.mkv", "b.mp4")]
    assert _score(*files) == 0
    assert _score(*reversed(files)) == 0


def test_offset_of_a_clip_is_a_warning(make_clip: Clip) -> None:
    truth = make_clip("a.mkv", codec="ffv1")
    late = make_clip("b.mkv", codec="ffv1", pts=[90_000 + 3600 * n for n in range(5)])
    result = evaluate_clips([truth], EvaluateSpec(against=late))
    assert result.mean.mse == 0
    assert [line for line in result.warnings if "begins at 0.000 s and" in line]


def test_clip_with_a_hole_is_refused(make_clip: Clip) -> None:
    truth = make_clip("a.mkv", codec="ffv1", pts=[3600 * n for n in range(5)])
    holed = make_clip("b.mkv", codec="ffv1", pts=[0, 3600, 10_800, 14_400])
    with pytest.raises(InputError, match=r"b\.mkv has no frame at 0\.080 s, where .*a\.mkv"):
        _score(truth, holed)


def test_given_input_is_paired_by_time_too(make_clip: Clip) -> None:
    truth = make_clip("a.mkv", codec="ffv1", size=(64, 48))
    holed = make_clip("b.mkv", codec="ffv1", size=(32, 24), pts=[0, 3600, 7200, 14_400, 18_000])
    spec = EvaluateSpec(model="bicubic", device="cpu", lr=holed)
    with pytest.raises(InputError, match=re.escape("no frame at 0.120 s")):
        evaluate_clips([truth], spec)
