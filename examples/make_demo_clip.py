"""Make the demo's clips: a simulated jet as ground truth, and the same at half the size.

The run is one of the test seeds of benchmark.toml, which no weights were trained on. Needs
pip install "vsr-cli[simulate]" and some minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch

from vsr_cli.imaging.degradation import degrade_bicubic
from vsr_cli.media import open_reader, open_writer
from vsr_cli.pipeline.simulate.shallow_water import GRAY, simulate_to_file
from vsr_cli.specs import EncodingSpec, ShallowWaterSpec

HERE = Path(__file__).parent
SPEC = ShallowWaterSpec(initial="jet", seed=1001, spinup_hours=192, frames=60)
SCALE = 2
LOSSLESS = EncodingSpec(codec="x264", crf=0, preset="veryslow", pix_fmt="gray")


def main() -> None:
    """Simulate, or take the first frames of a run that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a run of that seed, instead of simulating it")
    parser.add_argument("--folder", type=Path, default=HERE, help="where the clips go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or Path(folder) / "jet.mkv"
        if options.run is None:
            simulate_to_file(SPEC, run)
        for path in write_clips(run, options.folder, SPEC.frames):
            print(f"{path}: {path.stat().st_size} bytes")


def write_clips(run: Path, folder: Path, frames: int) -> tuple[Path, Path]:
    """Write the luma of a run's first frames, lossless: at half the size, and as they are."""
    with open_reader(run) as reader:
        info = replace(reader.info, pixel_format=GRAY, num_frames=frames, duration_s=None)
        small = replace(info, width=info.width // SCALE, height=info.height // SCALE)
        low = folder / f"jet_{small.width}x{small.height}.mp4"
        truth = folder / f"jet_{info.width}x{info.height}_truth.mkv"
        with (
            open_writer(low, small, LOSSLESS, overwrite=True) as low_writer,
            open_writer(truth, info, LOSSLESS, overwrite=True) as truth_writer,
        ):
            for frame in islice(reader, frames):
                hr = frame.planes[0]  # all there is: H.264 gives grey back with empty chroma
                lr = (degrade_bicubic(hr.to(torch.float32) / 255, SCALE) * 255).round()
                low_writer.write(replace(frame, planes=(lr.to(torch.uint8),)))
                truth_writer.write(replace(frame, planes=(hr,)))
    return low, truth


if __name__ == "__main__":
    main()
