"""Which segments are still to be made, and how long they are."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from vsr_cli.frames import ClipInfo
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.media.segments.packets import FrameMark, SegmentRecord
from vsr_cli.models.load import load_chain
from vsr_cli.pipeline.segments.plan import (
    LEAST_FRAMES,
    MOST_FRAMES,
    context_frames,
    missing_stretches,
    segment_length,
)
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.size import choose_size
from vsr_cli.specs import UpscaleSpec

RECORD = SegmentRecord(
    number=0,
    extradata="",
    times=((0, 1),),
    packets=((0, 0, 1, True),),
    scene_cuts=0,
    head=FrameMark(0, ""),
    tail=(),
    is_last=False,
)


@pytest.mark.parametrize(
    ("known", "last", "expected"),
    [
        ([], None, [(0, None)]),
        ([0, 1], None, [(2, None)]),
        ([0, 1, 2], 2, []),
        ([1, 2, 5], None, [(0, 1), (3, 5), (6, None)]),
        ([0, 3], 3, [(1, 3)]),
        ([3], 3, [(0, 3)]),
        ([0, 2, 7], 2, [(1, 2)]),
    ],
)
def test_what_is_missing_is_made_in_stretches(
    known: list[int], last: int | None, expected: list[tuple[int, int | None]]
) -> None:
    records = {
        n: replace(RECORD, number=n, is_last=n == last, tail=(FrameMark(n, "tail"),)) for n in known
    }
    stretches = missing_stretches(records)
    assert [(stretch.first, stretch.end) for stretch in stretches] == expected
    for stretch in stretches:
        before = stretch.first - 1
        assert stretch.context == ((FrameMark(before, "tail"),) if before in known else ())
        assert stretch.head == (None if stretch.end is None else records[stretch.end].head)


@pytest.mark.parametrize(
    ("model", "expected"),
    [("bicubic", 1), ("fsrcnn", 1), ("2d3d", 2), ("srnet3d+fsrcnn+srnet3d", 4), ("2d3d-fast", 2)],
)
def test_context_is_what_the_windows_reach(
    random_weights: tuple[Path, Path], model: str, expected: int
) -> None:
    weights = random_weights if "srnet3d" in model or model == "2d3d" else ()
    assert context_frames(load_chain(model, 2, weights=weights)) == expected


def test_length_falls_with_the_work_and_stays_in_its_limits() -> None:
    lengths = []
    for model in ("bicubic", "2d3d"):
        for width in (64, 320, 1280, 3840):
            info = ClipInfo(width, width // 2, require_planar("yuv420p"), Fraction(1, 25))
            spec = UpscaleSpec(model=model, device="cpu")
            chain = load_chain(model, 2, domain="climate" if model == "2d3d" else None)
            settings = StageSettings.of(spec, info, chain)
            lengths.append(segment_length(chain, settings, info, choose_size(spec, info)))
    assert lengths[:4] == sorted(lengths[:4], reverse=True)
    assert lengths[4:] == sorted(lengths[4:], reverse=True)
    assert all(slow <= fast for fast, slow in zip(lengths[:4], lengths[4:], strict=True))
    assert (max(lengths), min(lengths)) == (MOST_FRAMES, LEAST_FRAMES)
