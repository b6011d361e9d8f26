"""Footage twice as large by 2d3d-fast, and a video in which you see what it gained on bicubic.

Makes CLIP_x2.mp4, with sound, times and colours of CLIP, CLIP_bicubic.mp4, and CLIP_look.mp4:
bicubic left of a line, 2d3d-fast right of it. Needs nothing but vsr-cli; its weights come along.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from vsr_cli import DecodingSpec, compare_videos, upscale
from vsr_cli.specs import CompareSpec

HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> None:
    """Upscale by both, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--folder", type=Path, default=HERE / "output")
    parser.add_argument("--seconds", type=float, help="from the start  [default: all]")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    name, part = options.clip.stem, DecodingSpec(end_s=options.seconds)
    larger, plain, look = (
        options.folder / f"{name}_{what}.mp4" for what in ("x2", "bicubic", "look")
    )

    both = {"scale": 2, "decoding": part, "overwrite": True}
    upscale(options.clip, plain, model="bicubic", **both)
    report = upscale(options.clip, larger, model="2d3d-fast", domain="natural", **both)
    print(f"{larger}: {report.frames} frames in {report.seconds:.1f} s")
    for warning in report.warnings:
        print("Warning:", warning)

    split = CompareSpec(layout="split", labels=("bicubic", "2d3d-fast"))
    compare_videos([plain, larger], look, split, overwrite=True)
    print(f"{look}: both, beside each other")


if __name__ == "__main__":
    main()
