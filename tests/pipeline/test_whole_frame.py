"""A network whose results depend on the whole frame: from file to file, never in tiles."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from vsr_cli.cli import main
from vsr_cli.media import open_reader
from vsr_cli.models import get_spec
from vsr_cli.models.edrn import EDRN
from vsr_cli.models.load import LoadedChain, LoadedModel
from vsr_cli.pipeline.evaluate.run import evaluate_clips
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EncodingSpec, EvaluateSpec, UpscaleSpec

Clip = Callable[..., Path]
LOSSLESS = EncodingSpec(codec="ffv1")
WARNING = "--tile 16 is not for edrn: it sees the whole frame at once"


def _stage(name: str, scale: int) -> LoadedModel:
    spec = get_spec(name)
    thin = EDRN(scale, features=4, blocks=1, squeeze=1) if name == "edrn" else None
    module = (thin or spec.build(scale, True)).eval().requires_grad_(False)
    if spec.has_weights:
        module.get_parameter("reconstruct.weight").normal_(std=0.05)
    return LoadedModel(spec=spec, module=module, scale=scale)


@pytest.fixture(autouse=True)
def thin_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is loaded has few channels, and its weights are random."""

    def load(model: str, scale: int, **more: object) -> LoadedChain:
        torch.manual_seed(3)
        own = [(name, 1 if name == "srnet3d" else scale) for name in model.split("+")]
        stages = tuple(_stage(name, its) for name, its in own)
        return LoadedChain(stages=stages, scale=scale, domain=None)

    for module in ("video", "evaluate.contender", "preview"):
        monkeypatch.setattr(f"vsr_cli.pipeline.{module}.load_chain", load)


def _planes(path: Path) -> list[torch.Tensor]:
    with open_reader(path) as reader:
        return [plane.clone() for frame in reader for plane in frame.planes]


@pytest.mark.parametrize("model", ["edrn", "edrn+srnet3d", "srnet3d+edrn"])
def test_tile_is_for_the_others_and_a_warning_says_so(
    model: str, make_clip: Clip, tmp_path: Path
) -> None:
    source = make_clip("in.mkv", size=(38, 26), codec="ffv1")
    spec = UpscaleSpec(model=model, scale=2, device="cpu", precision="fp32", tile=16)
    tiled = upscale_video(source, tmp_path / "tiled.mkv", spec, LOSSLESS)
    assert tiled.warnings == [WARNING]
    whole = upscale_video(source, tmp_path / "whole.mkv", replace(spec, tile=0), LOSSLESS)
    assert whole.warnings == []
    pairs = zip(_planes(tmp_path / "tiled.mkv"), _planes(tmp_path / "whole.mkv"), strict=True)
    for one, other in pairs:
        assert (one.int() - other.int()).abs().max() <= 1  # of 255, where float sums round apart


def test_clip_is_enlarged_frame_by_frame(
    make_clip: Clip, tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    """Also at a size whose sides are no multiple of four."""
    target = tmp_path / "out.mkv"
    spec = UpscaleSpec(model="edrn", scale=3, device="cpu")
    assert upscale_video(make_clip("in.mkv", size=(38, 26)), target, spec, LOSSLESS).frames == 5
    command = [require_tool("ffprobe"), "-v", "error", "-count_frames", "-of", "json"]
    command += ["-show_entries", "stream=width,height,nb_read_frames", str(target)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    (stream,) = found["streams"]
    assert (stream["width"], stream["height"], stream["nb_read_frames"]) == (114, 78, "5")


def test_eval_and_preview_warn_of_a_tile_too(make_clip: Clip, tmp_path: Path) -> None:
    source = make_clip("in.mkv", size=(64, 48), codec="ffv1")
    spec = EvaluateSpec(model="edrn", scale=2, device="cpu", tile=16)
    assert list(evaluate_clips([source], spec).warnings) == [WARNING]
    shown = [str(source), str(tmp_path / "p.png"), "--preview", "1", "--model", "edrn"]
    result = CliRunner().invoke(main, ["upscale", *shown, "--tile", "16", "--device", "cpu"])
    assert result.exit_code == 0, result.stderr
    assert f"Warning: {WARNING}" in result.stderr
