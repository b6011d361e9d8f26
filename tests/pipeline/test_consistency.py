"""Results that degrade to their input, whatever made them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from vsr_cli.imaging.resample import resize
from vsr_cli.imaging.siting import CENTERED, Siting
from vsr_cli.media import open_reader
from vsr_cli.pipeline.evaluate.run import evaluate_clips
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import Chroma, EncodingSpec, EvaluateSpec, UpscaleSpec

Weights = tuple[Path, Path]
LOSSLESS = EncodingSpec(codec="ffv1")
LEFT = Siting(0.5, 0.25)
STORED = 1.0  # code: half of one for each pixel of the result, weighted by a kernel with lobes


def frames(path: Path) -> list[list[np.ndarray]]:
    with open_reader(path) as reader:
        return [[plane.numpy().astype(float) for plane in frame.planes] for frame in reader]


def write_smooth(path: Path, make_clip: Callable[..., Path], size: tuple[int, int]) -> Path:
    """Five frames, each a little brighter, from a clip whose pattern is smoothed."""
    noisy = make_clip("noise.mkv", codec="ffv1", size=(size[0] // 4, size[1] // 4))
    upscale_video(noisy, path, UpscaleSpec(model="bilinear", scale=4, device="cpu"), LOSSLESS)
    return path


def error(low: np.ndarray, high: np.ndarray, siting: Siting, factors: tuple[float, float]) -> float:
    """The largest difference in codes that is left when a result is degraded."""
    back = resize(
        torch.from_numpy(high),
        height=low.shape[0],
        width=low.shape[1],
        siting=siting,
        factors=factors,
    )
    return float((back - torch.from_numpy(low)).abs().max())


@pytest.mark.parametrize(
    ("settings", "chroma"),
    [({"scale": 2, "tile": 16}, "bicubic"), ({"scale": 2}, "model"), ({"height": 72}, "model")],
)
def test_frames_of_two_networks_degrade_to_the_input(
    make_clip: Callable[..., Path],
    random_weights: Weights,
    tmp_path: Path,
    settings: dict[str, int],
    chroma: Chroma,
) -> None:
    """Each frame to its own, though windows and batches delay them; also of no whole factor."""
    source = write_smooth(tmp_path / "in.mkv", make_clip, (64, 48))
    errors = {}
    for rounds in (0, 60):
        target = tmp_path / f"{rounds}.mkv"
        spec = UpscaleSpec(
            model="2d3d",
            weights=random_weights,
            device="cpu",
            chroma=chroma,
            consistency=rounds,
            **settings,  # type: ignore[arg-type]
        )
        upscale_video(source, target, spec, LOSSLESS)
        scale = 72 / 48 if "height" in settings else 2
        pairs = list(zip(frames(source), frames(target), strict=True))
        planes = (0, 1, 2) if chroma == "model" else (0,)
        errors[rounds] = [
            max(
                error(low[k], high[k], LEFT if k else CENTERED, (1 / scale, 1 / scale))
                for low, high in pairs
            )
            for k in planes
        ]
    assert max(errors[60]) < STORED
    assert min(errors[0]) > 2 * STORED


def test_eval_scores_what_upscale_writes(
    make_clip: Callable[..., Path], random_weights: Weights, tmp_path: Path
) -> None:
    source = make_clip("in.mkv", codec="ffv1", pix_fmt="gray", size=(64, 48))
    settings = {"weights": random_weights, "device": "cpu", "consistency": 3}
    upscale_video(source, tmp_path / "sr.mkv", UpscaleSpec(model="2d3d", **settings), LOSSLESS)
    truth = make_clip("hr.mkv", codec="ffv1", pix_fmt="gray", size=(128, 96))
    scored = evaluate_clips([truth], EvaluateSpec(model="2d3d", lr=source, **settings))
    compared = evaluate_clips([truth], EvaluateSpec(against=tmp_path / "sr.mkv", border=2))
    assert scored.clips == compared.clips
    assert scored.protocol["consistency"] == 3


def test_luma_of_set5_gains_by_it(shared_data: Path) -> None:
    """Of the butterfly: more than half a decibel from the first round, a little from the rest."""
    folder = shared_data / "test" / "Set5" / "x2"
    truth = sorted((folder / "hr").iterdir())[2]
    low = folder / "lr_matlab_bicubic" / truth.name
    psnr = [
        evaluate_clips(
            [truth], EvaluateSpec(model="bicubic", lr=low, device="cpu", consistency=rounds)
        ).mean.psnr
        for rounds in (0, 1, 8)
    ]
    assert psnr[1] > psnr[0] + 0.5
    assert psnr[2] > psnr[1]
