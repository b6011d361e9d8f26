"""What every network of the table keeps, and the counts of the papers."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models import ALIASES, MODELS, get_spec, parse_chain
from vsr_cli.models.cost import parameter_count
from vsr_cli.models.rewrite import channels_last, rewrite
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.weights import WeightRecord, fill, read_weights, save_weights
from vsr_cli.pipeline.tiling import TiledModel

ROUNDING = 1e-10  # float64, sums in another order
CASES = [(name, scale) for name in MODELS for scale in get_spec(name).scales]
TRAINED = [case for case in CASES if get_spec(case[0]).has_weights]
PAPER_COUNTS = {"fsrcnn": 12_637, "srnet3d": 63_129}


def _build(spec: ModelSpec, scale: int, *, residual: bool = True) -> nn.Module:
    """A network in float64 whose every layer is felt, also those that start near zero."""
    torch.manual_seed(11)
    model = spec.build(scale, residual).double()
    for parameter in model.parameters():
        if parameter.ndim > 1 and parameter.std() < 1e-2:
            nn.init.normal_(parameter, std=0.02)
        elif parameter.ndim == 1:
            nn.init.uniform_(parameter, 0.05, 0.3)
    return model.eval()


def _input(spec: ModelSpec, *, batch: int = 2, height: int = 21, width: int = 17) -> Tensor:
    time = (spec.window,) if spec.kind == "clip" else ()
    generator = torch.Generator().manual_seed(4)
    shape = (batch, 1, *time, height, width)
    return torch.rand(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_odd_sizes_grow_by_the_scale(name: str, scale: int) -> None:
    spec = get_spec(name)
    result = _build(spec, scale)(_input(spec))
    assert result.shape == (2, 1, 21 * scale, 17 * scale)


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_batch_equals_single(name: str, scale: int) -> None:
    spec = get_spec(name)
    model, frames = _build(spec, scale), _input(spec)
    assert (model(frames)[1:] - model(frames[1:])).abs().max() < ROUNDING


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("name", "scale"), CASES)
def test_rewritten_equals_plain(name: str, scale: int, residual: bool) -> None:
    spec = get_spec(name)
    model = _build(spec, scale, residual=residual)
    fast = channels_last(rewrite(copy.deepcopy(model)))
    frames = _input(spec)
    assert (fast(frames) - model(frames)).abs().max() < ROUNDING


@pytest.mark.parametrize("tile", [8, 13])
@pytest.mark.parametrize(("name", "scale"), CASES)
def test_tiled_equals_whole(name: str, scale: int, tile: int) -> None:
    spec = get_spec(name)
    model, frames = _build(spec, scale), _input(spec, height=41, width=33)
    tiled, whole = (
        TiledModel(model, scale=scale, radius=spec.radius, tile=size) for size in (tile, 0)
    )
    assert (tiled(frames) - whole(frames)).abs().max() < ROUNDING


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_mirrored_border_is_out_of_sight(name: str, scale: int) -> None:
    """Mirroring further than the network sees changes nothing: no zero padding is felt."""
    spec = get_spec(name)
    model, frames = _build(spec, scale), _input(spec)
    near, far = (TiledModel(model, scale=scale, radius=spec.radius + more) for more in (0, 9))
    assert (near(frames) - far(frames)).abs().max() < ROUNDING


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_radius_is_that_of_the_receptive_field(name: str, scale: int) -> None:
    """No output pixel beyond the radius changes with an input pixel, and one just inside does."""
    spec = get_spec(name)
    middle = spec.radius + 3
    frames = _input(spec, batch=1, height=2 * middle + 1, width=2 * middle + 1)
    frames[..., middle, middle] = torch.nan  # reaches all that depends on it, however little
    touched = _build(spec, scale)(frames)[0, 0].isnan()
    rows = touched.any(1).nonzero().flatten() // scale - middle
    assert rows.abs().max() <= spec.radius
    assert rows.abs().max() >= spec.radius - 1 or scale == 1 == spec.window


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_float32_and_bfloat16_stay_near_float64(name: str, scale: int) -> None:
    spec = get_spec(name)
    frames = _input(spec)
    torch.manual_seed(0)
    model = spec.build(scale, True).double().eval()
    exact = model(frames)
    base = frames[:, :, 2] if spec.kind == "clip" else enlarge(frames, scale)
    model = model.float()
    assert (model(frames.float()) - exact).abs().max() < 1e-5
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = model(frames.float())
    # The network's own output is small; what it is added to stays in float32.
    assert (rounded.float() - exact).abs().max() < 0.05 * (exact - base).abs().max() + 1e-5


@pytest.mark.parametrize(("name", "scale"), TRAINED)
def test_gradient_reaches_every_parameter(name: str, scale: int) -> None:
    spec = get_spec(name)
    model = _build(spec, scale).train()
    model(_input(spec)).square().mean().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize(("name", "scale"), TRAINED)
def test_saved_and_loaded_gives_the_same(name: str, scale: int, tmp_path: Path) -> None:
    spec = get_spec(name)
    model, path = _build(spec, scale).float(), tmp_path / "w.safetensors"
    save_weights(path, model, WeightRecord(arch=name, scale=scale, window=spec.window))
    tensors, record = read_weights(path)
    loaded = spec.build(scale, record.residual).eval()
    fill(loaded, tensors, path)
    frames = _input(spec).float()
    assert torch.equal(loaded(frames), model(frames))


@pytest.mark.parametrize("name", PAPER_COUNTS)
def test_parameters_are_those_of_the_paper(name: str) -> None:
    spec = get_spec(name)
    assert parameter_count(spec.build(spec.scales[0], False)) == PAPER_COUNTS[name]
    assert parameter_count(spec.build(spec.scales[0], True)) == PAPER_COUNTS[name]


def test_srnet3d_layers_have_the_counts_of_the_table() -> None:
    model = get_spec("srnet3d").build(1, False)
    counts = [
        sum(p.numel() for p in layer.parameters())
        for layer in model.modules()
        if isinstance(layer, nn.Conv2d | nn.Conv3d)
    ]
    assert counts == [2432, 776, 1736, 1736, 800, 27_680, 27_680, 289]


def test_plain_srnet3d_is_never_negative() -> None:
    spec = get_spec("srnet3d")
    model = spec.build(1, False)
    with torch.no_grad():
        model.reconstruct.weight.normal_()
    assert model(_input(spec).float()).min() >= 0


def test_aliases_are_chains_of_known_models() -> None:
    for chain in ALIASES.values():
        assert parse_chain(chain)
    assert parse_chain("2d3d") == ("fsrcnn", "srnet3d")
    assert parse_chain("bicubic+srnet3d") == ("bicubic", "srnet3d")


@pytest.mark.parametrize("text", ["", "fsrcn", "fsrcnn+", "fsrcnn+nope"])
def test_unknown_names_are_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(ValueError, match="known are " + ", ".join([*MODELS, *ALIASES])):
        parse_chain(text)
