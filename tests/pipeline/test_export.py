"""Exported networks: what other programs compute with them is what PyTorch computes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vsr_cli.errors import MissingExtraError, OutputError, VsrError, WeightsError
from vsr_cli.models import MODELS, get_spec
from vsr_cli.models.export import OPSET, write_onnx
from vsr_cli.models.load import LoadedModel, load_chain, load_network
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.weights import WeightRecord, save_weights
from vsr_cli.pipeline.export import export_model

# Of the largest result, 1 at least: float32, sums in another order, through up to 200 layers.
TOLERANCE = 1e-5
QUICK = ("bicubic", "fsrcnn", "srnet3d")  # exporting takes 2 to 5 seconds
NO_GRAPH = ("ibp",)  # degrades its own result, for which the exporter has no operator
SIZES = [(1, 4, 9), (3, 33, 20), (2, 64, 8)]  # batch, height, width


def _weights(spec: ModelSpec, scale: int, folder: Path, *, residual: bool = True) -> Path:
    """A weight file whose every layer is felt, also those that start near zero."""
    torch.manual_seed(3)
    model = spec.build(scale, residual)
    for parameter in model.parameters():
        if parameter.ndim > 1 and parameter.std() < 1e-2:
            nn.init.normal_(parameter, std=0.02)
    path = folder / f"{spec.name}.safetensors"
    chain_scale = 2 if spec.scales == (1,) else scale
    record = WeightRecord(arch=spec.name, scale=chain_scale, residual=residual, window=spec.window)
    save_weights(path, model, record)
    return path


def _frames(spec: ModelSpec, batch: int, height: int, width: int) -> Tensor:
    time = (spec.window,) if spec.kind == "clip" else ()
    return torch.rand(batch, 3 if spec.color == "rgb" else 1, *time, height, width)


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in MODELS
        if name not in NO_GRAPH
    ],
)
def test_onnxruntime_computes_what_torch_does_at_every_size(name: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    spec, target = get_spec(name), tmp_path / "n.onnx"
    scale = 3 if 3 in spec.scales else spec.scales[0]
    files = (_weights(spec, scale, tmp_path),) if spec.has_weights else ()
    chain_scale = 2 if spec.scales == (1,) else scale
    report = export_model(name, target, scale=chain_scale, weights=files)
    assert (report.opset, report.format) == (OPSET, "onnx")
    (loaded,) = load_network(name, chain_scale, weights=files).stages
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    assert [port.name for port in session.get_inputs()] == ["frames"]
    for size in SIZES:
        frames = _frames(spec, *size)
        (result,) = session.run(["upscaled"], {"frames": frames.numpy()})
        with torch.no_grad():
            expected = loaded.module(frames)
        assert result.shape == tuple(expected.shape)
        largest = max(1, expected.abs().max())
        assert (torch.from_numpy(result) - expected).abs().max() < TOLERANCE * largest


def test_onnx_names_its_open_sizes_its_opset_and_its_record(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    spec, target = get_spec("fsrcnn"), tmp_path / "n.onnx"
    export_model("fsrcnn", target, scale=4, weights=(_weights(spec, 4, tmp_path),))
    model = onnx.load(target)
    onnx.checker.check_model(model, full_check=True)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["batch", 1, "height", "width"]
    assert [entry.version for entry in model.opset_import if not entry.domain] == [OPSET]
    (record,) = [entry.value for entry in model.metadata_props if entry.key == "vsr"]
    assert json.loads(record)["arch"] == "fsrcnn"


@pytest.mark.parametrize("residual", [True, False])
def test_pth_holds_plain_tensors_and_comes_back_as_it_was(residual: bool, tmp_path: Path) -> None:
    spec, target = get_spec("fsrcnn"), tmp_path / "n.pth"
    source = _weights(spec, 2, tmp_path, residual=residual)
    export_model("fsrcnn", target, scale=2, weights=(source,))
    content = torch.load(target, weights_only=True)
    assert list(content) == ["params_ema"]
    assert all(type(tensor) is Tensor for tensor in content["params_ema"].values())
    plain = spec.build(2, residual).eval()
    plain.load_state_dict(content["params_ema"])
    chain = load_chain("fsrcnn", 2, weights=(target,))
    assert chain.warnings == ()
    frames = torch.rand(1, 1, 12, 10)
    (expected,) = (
        stage.module(frames) for stage in load_chain("fsrcnn", 2, weights=(source,)).stages
    )
    assert torch.equal(chain.stages[0].module(frames), expected)
    assert torch.equal(plain(frames), expected)


def test_exported_pair_is_still_a_pair_in_all_but_its_hash(
    random_weights: tuple[Path, Path], tmp_path: Path
) -> None:
    """A clip model knows its partner by the file; the same tensors in another file are new."""
    for name, source in zip(("fsrcnn", "srnet3d"), random_weights, strict=True):
        export_model(name, tmp_path / f"{name}.pth", scale=2, weights=(source,))
    files = (tmp_path / "fsrcnn.pth", tmp_path / "srnet3d.pth")
    (warning,) = load_chain("2d3d", 2, weights=files).warnings
    assert "trained behind other 2D weights" in warning
    assert load_chain("2d3d", 2, weights=(random_weights[0], files[1])).warnings == ()


def test_existing_file_is_kept_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    target, files = tmp_path / "n.pth", (_weights(get_spec("fsrcnn"), 2, tmp_path),)
    target.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists; give --overwrite"):
        export_model("fsrcnn", target, scale=2, weights=files)
    assert target.read_bytes() == b"mine"
    export_model("fsrcnn", target, scale=2, weights=files, overwrite=True)
    assert target.read_bytes() != b"mine"
    with pytest.raises(ValueError, match="is the input"):
        export_model("fsrcnn", files[0], scale=2, weights=files, form="pth", overwrite=True)


class Unexportable(nn.Module):
    def forward(self, frames: Tensor) -> Tensor:
        return frames if frames.sum() > 3 else -frames


def test_failed_export_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, files = tmp_path / "n.onnx", (_weights(get_spec("fsrcnn"), 2, tmp_path),)
    before = sorted(tmp_path.iterdir())

    def fail(model: LoadedModel, path: Path) -> None:
        path.write_bytes(b"half")
        raise VsrError("no more")

    monkeypatch.setattr("vsr_cli.pipeline.export.write_onnx", fail)
    with pytest.raises(VsrError, match="no more"):
        export_model("fsrcnn", target, scale=2, weights=files)
    assert sorted(tmp_path.iterdir()) == before


def test_network_that_cannot_be_exported_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    model = LoadedModel(spec=get_spec("fsrcnn"), module=Unexportable(), scale=2)
    with pytest.raises(VsrError, match="cannot be exported to ONNX with open sizes") as error:
        write_onnx(model, tmp_path / "n.onnx")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_missing_package_names_the_extra(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf'{package} .*pip install "vsr-cli\[onnx\]"'):
        export_model("bicubic", tmp_path / "n.onnx", scale=2)


@pytest.mark.parametrize(
    ("model", "name", "words"),
    [
        ("2d3d", "n.onnx", "2d3d is 2 networks: take one, fsrcnn or srnet3d"),
        ("fsrcn", "n.onnx", "unknown model 'fsrcn'"),
        ("bicubic", "n.pth", "bicubic has no weights that a .pth could hold"),
        ("bicubic", "n.tflite", "no format 'tflite' for 'n.tflite'; give a name in .onnx or .pth"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    model: str, name: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=words):
        export_model(model, tmp_path / name, scale=2)
    assert list(tmp_path.iterdir()) == []


def test_network_without_weights_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no released weights for edrn x4; there are:"):
        export_model("edrn", tmp_path / "n.pth", scale=4)
