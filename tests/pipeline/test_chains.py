"""Frame networks and clip networks in any order, from file to file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vsr_cli.media import open_reader
from vsr_cli.models import get_spec, parse_chain
from vsr_cli.models.weights import WeightRecord, save_weights
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EncodingSpec, UpscaleSpec


def _weights(folder: Path, name: str, scale: int) -> Path:
    """A network as it starts, in its residual form, which then hardly changes a frame."""
    spec = get_spec(name)
    torch.manual_seed(1)
    model = spec.build(scale if spec.scales != (1,) else 1, True)
    path = folder / f"{name}.safetensors"
    record = WeightRecord(arch=name, scale=scale, color=spec.color, window=spec.window)
    save_weights(path, model, record)
    return path


@pytest.mark.parametrize(
    ("model", "scale"),
    [
        ("scmsrn+srnet3d", 2),
        ("srnet3d+espcn", 3),
        ("srresnet+srnet3d", 4),
        ("srnet3d+2d3d-joint", 2),
        ("2d3d-joint+srnet3d", 2),
        ("3d2d", 2),
        ("fstrn+srnet3d", 3),
    ],
)
def test_chain_goes_from_file_to_file(
    make_clip: Callable[..., Path], tmp_path: Path, model: str, scale: int
) -> None:
    """All start near bicubic interpolation, whose result is the measure."""
    source = make_clip("in.mkv", codec="ffv1", size=(24, 18))
    weights = tuple(_weights(tmp_path, name, scale) for name in parse_chain(model))
    planes = {}
    for name, files in ((model, weights), ("bicubic", ())):
        spec = UpscaleSpec(model=name, scale=scale, weights=files, device="cpu", precision="fp32")
        target = tmp_path / f"{name}.mkv"
        report = upscale_video(source, target, spec, EncodingSpec(codec="ffv1"))
        assert report.frames == 5
        with open_reader(target) as reader:
            assert (reader.info.width, reader.info.height) == (24 * scale, 18 * scale)
            planes[name] = [frame.planes[0] for frame in reader]
    assert len(planes[model]) == 5
    for found, wanted in zip(planes[model], planes["bicubic"], strict=True):
        both = torch.stack([found.flatten(), wanted.flatten()]).double()
        assert torch.corrcoef(both)[0, 1] > 0.98
