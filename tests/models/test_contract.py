"""What every network of the table keeps, and the counts of the papers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vsr_cli.errors import WeightsError
from vsr_cli.imaging.resample import enlarge
from vsr_cli.models import ALIASES, MODELS, get_spec, parse_chain
from vsr_cli.models.cost import parameter_count
from vsr_cli.models.drcn import DRCN
from vsr_cli.models.edrn import EDRN
from vsr_cli.models.fstrn import FSTRN
from vsr_cli.models.load import load_chain, load_model
from vsr_cli.models.msrn import MSRN
from vsr_cli.models.rewrite.faster import (
    ANYWHERE,
    CPU_FP32,
    Forms,
    channels_last,
    rewrite,
)
from vsr_cli.models.scmsrn import SCMSRN, MultiCoreBlock
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.srresnet import SRResNet
from vsr_cli.models.vdsr import VDSR
from vsr_cli.models.weights import WeightRecord, released_weights, save_weights
from vsr_cli.pipeline.tiling import TiledModel

ROUNDING = 1e-10  # float64, sums in another order
SINGLE = 2e-5  # float32 against float64, of the largest value that a network itself gives
HALF = 0.08  # bfloat16, likewise: 8 bits of mantissa, through 20 thin layers that average little
CASES = [(name, scale) for name in MODELS for scale in get_spec(name).scales]
# Networks whose results depend on no more than what lies within a radius, and all others.
LOCAL = [case for case in CASES if get_spec(case[0]).radius is not None]
GLOBAL = [case for case in CASES if case not in LOCAL]
TRAINED = [case for case in CASES if get_spec(case[0]).has_weights]
TRAINED_NAMES = [name for name in MODELS if get_spec(name).has_weights]
RELEASED = {entry.model for entry in released_weights()}
PAPER_COUNTS = {
    ("srcnn", 2): 57_281,
    ("srcnn-915", 2): 8_129,
    ("fsrcnn", 2): 12_637,
    ("fsrcnn-s", 2): 4_012,
    ("espcn", 2): 21_284,
    ("espcn", 3): 22_729,
    ("espcn", 4): 24_752,
    ("vdsr", 2): 665_921,
    ("drcn", 2): 1_775_105 + 16,
    ("msrn", 2): 5_891_073,
    ("mcmsrn", 2): 2_791_886,
    ("scmsrn", 2): 694_734,
    ("srresnet", 4): 1_549_443,
    ("srgan", 4): 1_549_443,
    ("edrn", 2): 58_445_899,
    ("emtcm", 2): 19_177,
    ("srnet3d", 1): 63_129,
    ("2d3d-joint", 2): 75_766,
    ("fstrn", 4): 801_857,
    ("plain", 2): 47_716,
    ("plain", 4): 51_184,
    ("plain-s", 2): 7_700,
    ("2d3d-fast", 2): 51_508,
    ("2d3d-fast", 4): 54_976,
    ("refine3d", 1): 35_252,
}
# The same layers with few channels, for what does not depend on how many there are.
THIN: dict[str, Callable[[int, bool], nn.Module]] = {
    "vdsr": lambda scale, residual: VDSR(scale, residual, features=6),
    "drcn": lambda scale, residual: DRCN(scale, residual, features=6),
    "msrn": lambda scale, residual: MSRN(scale, residual, features=4),
    "mcmsrn": lambda scale, residual: SCMSRN(scale, residual, features=4, block=MultiCoreBlock),
    "scmsrn": lambda scale, residual: SCMSRN(scale, residual, features=4),
    "srresnet": lambda scale, residual: SRResNet(scale, residual, features=4),
    "srgan": lambda scale, residual: SRResNet(scale, residual, features=4),
    "edrn": lambda scale, residual: EDRN(scale, residual, features=8, blocks=1, squeeze=1),
    "fstrn": lambda scale, residual: FSTRN(scale, residual, features=8),
}


def _fresh(spec: ModelSpec, scale: int, *, residual: bool = True) -> nn.Module:
    """A network as it starts, thin where the paper's is wide."""
    torch.manual_seed(11)
    return THIN.get(spec.name, spec.build)(scale, residual)


def _build(spec: ModelSpec, scale: int, *, residual: bool = True) -> nn.Module:
    """A network in float64 whose every layer is felt, also those that start near zero."""
    model = _fresh(spec, scale, residual=residual).double()
    for parameter in model.parameters():
        if parameter.ndim > 1 and parameter.std() < 1e-2:
            nn.init.normal_(parameter, std=0.02)
        elif parameter.ndim == 1:
            nn.init.uniform_(parameter, 0.05, 0.3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


def _input(spec: ModelSpec, *, batch: int = 2, height: int = 15, width: int = 11) -> Tensor:
    time = (spec.window,) if spec.kind == "clip" else ()
    generator = torch.Generator().manual_seed(4)
    shape = (batch, _channels(spec), *time, height, width)
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def _base(spec: ModelSpec, scale: int, frames: Tensor) -> Tensor:
    """What a residual form adds to: the (middle) frame in the size of the result."""
    middle = frames[:, :, spec.window // 2] if spec.kind == "clip" else frames
    return enlarge(middle, scale) if scale > 1 else middle


def _tiled(
    model: nn.Module, spec: ModelSpec, scale: int, *, more: int = 0, tile: int = 0
) -> TiledModel:
    radius = None if spec.radius is None else spec.radius + more
    return TiledModel(model, scale=scale, radius=radius, tile=tile, unit=spec.unit)


def _channels(spec: ModelSpec) -> int:
    return 3 if spec.color == "rgb" else 1


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_networks_of_full_width_grow_odd_sizes_by_the_scale(name: str, scale: int) -> None:
    spec = get_spec(name)
    frames = _input(spec, batch=1, height=5, width=3).float()
    with torch.inference_mode():
        result = spec.build(scale, True).eval()(frames)
    assert result.shape == (1, _channels(spec), 5 * scale, 3 * scale)
    assert result.isfinite().all()


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_odd_sizes_grow_by_the_scale(name: str, scale: int) -> None:
    spec = get_spec(name)
    result = _build(spec, scale)(_input(spec))
    assert result.shape == (2, _channels(spec), 15 * scale, 11 * scale)


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_batch_equals_single(name: str, scale: int) -> None:
    spec = get_spec(name)
    model, frames = _build(spec, scale), _input(spec)
    assert (model(frames)[1:] - model(frames[1:])).abs().max() < ROUNDING


@pytest.mark.parametrize("forms", [ANYWHERE, CPU_FP32])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("name", "scale"), CASES)
def test_rewritten_equals_plain(name: str, scale: int, residual: bool, forms: Forms) -> None:
    spec = get_spec(name)
    model = _build(spec, scale, residual=residual)
    fast = channels_last(rewrite(copy.deepcopy(model), forms))
    frames = _input(spec)
    assert (fast(frames) - model(frames)).abs().max() < ROUNDING


@pytest.mark.parametrize("tile", [8, 13])
@pytest.mark.parametrize(("name", "scale"), CASES)
def test_tiled_equals_whole(name: str, scale: int, tile: int) -> None:
    spec = get_spec(name)
    model, frames = _build(spec, scale), _input(spec, batch=1, height=23, width=14)
    tiled, whole = (_tiled(model, spec, scale, tile=size) for size in (tile, 0))
    assert (tiled(frames) - whole(frames)).abs().max() < ROUNDING


@pytest.mark.parametrize(("name", "scale"), LOCAL)
def test_mirrored_border_is_out_of_sight(name: str, scale: int) -> None:
    """Mirroring further than the network sees changes nothing: no zero padding is felt."""
    spec = get_spec(name)
    model, frames = _build(spec, scale), _input(spec)
    near, far = (_tiled(model, spec, scale, more=more) for more in (0, 5))
    assert (near(frames) - far(frames)).abs().max() < ROUNDING


@pytest.mark.parametrize("name", dict(LOCAL))
def test_radius_is_that_of_the_receptive_field(name: str) -> None:
    """The gradient of a pixel's results is zero beyond the radius, and not at it."""
    spec = get_spec(name)
    reaches = [_reach(_build(spec, scale), spec, scale) for scale in spec.scales]
    assert max(reaches) == spec.radius


@pytest.mark.parametrize(("name", "scale"), GLOBAL)
def test_without_a_radius_every_pixel_depends_on_the_whole_frame(name: str, scale: int) -> None:
    spec = get_spec(name)
    frames = _input(spec, batch=1, height=6, width=90)
    corner = _build(spec, scale)(frames.requires_grad_())[..., 0, 0]
    (gradient,) = torch.autograd.grad(corner, frames, torch.rand_like(corner))
    assert (gradient.abs() > 0).all()


@pytest.mark.parametrize(("name", "scale"), GLOBAL)
def test_without_a_radius_frames_go_in_as_they_are(name: str, scale: int) -> None:
    spec = get_spec(name)
    model, frames = _build(spec, scale), _input(spec, height=23, width=14)
    assert torch.equal(_tiled(model, spec, scale, tile=8)(frames), model(frames))


def _reach(model: nn.Module, spec: ModelSpec, scale: int) -> int:
    middle = spec.radius + 3
    frames = _input(spec, batch=1, height=2 * middle + 1, width=2 * middle + 1)
    result = model(frames.requires_grad_())
    block = slice(middle * scale, (middle + 1) * scale)
    seen = result[..., block, block]
    (gradient,) = torch.autograd.grad(seen, frames, torch.rand_like(seen))
    touched = gradient.flatten(0, -3).abs().sum(0) > 0  # (H, W)
    rows, columns = (touched.any(axis).nonzero().flatten() - middle for axis in (1, 0))
    assert (rows.min(), rows.max()) == (columns.min(), columns.max())
    return int(rows.abs().max())


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_float32_and_bfloat16_stay_near_float64(name: str, scale: int) -> None:
    """The network's own output is small; what it is added to stays in float32."""
    spec = get_spec(name)
    frames = _input(spec, height=9, width=11)
    model = _fresh(spec, scale).double().eval()
    base = _base(spec, scale, frames)
    with torch.inference_mode():
        exact = model(frames)
        model = model.float()
        single = model(frames.float())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = model(frames.float())
    own = (exact - base).abs().max()
    assert (single - exact).abs().max() < SINGLE * own + 1e-6
    assert (half.float() - exact).abs().max() < HALF * own + 1e-6


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("name", "scale"), TRAINED)
def test_gradient_reaches_every_parameter(name: str, scale: int, residual: bool) -> None:
    """In eval mode: in training a bias in front of batch normalisation has none."""
    spec = get_spec(name)
    model = _build(spec, scale, residual=residual)
    model(_input(spec)).square().mean().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("name", TRAINED_NAMES)
def test_untrained_network_learns(name: str, residual: bool) -> None:
    """A few steps on one batch bring the result nearer to the truth."""
    spec = get_spec(name)
    model = _fresh(spec, spec.scales[0], residual=residual).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    frames = _input(spec, height=12, width=12).float()
    base = _base(spec, spec.scales[0], frames)
    truth = 0.9 * base + 0.02
    losses = []
    for _ in range(25):
        loss = (model(frames) - truth).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("name", TRAINED_NAMES)
def test_saved_and_loaded_gives_the_same(name: str, tmp_path: Path) -> None:
    spec = get_spec(name)
    scale, path = spec.scales[-1], tmp_path / "w.safetensors"
    model = _fresh(spec, scale, residual=False).eval()
    record = WeightRecord(
        arch=name, scale=scale, color=spec.color, window=spec.window, residual=False
    )
    save_weights(path, model, record)
    loaded = load_model(replace(spec, build=THIN.get(name, spec.build)), scale, path=path)
    frames = _input(spec, batch=1, height=5, width=4).float()
    with torch.inference_mode():
        assert torch.equal(loaded.module(frames), model(frames))


@pytest.mark.parametrize("name", [name for name in TRAINED_NAMES if name not in RELEASED])
def test_networks_without_released_weights_say_what_there_is(name: str) -> None:
    with pytest.raises(WeightsError, match=f"no released weights for {name} x2; there are: "):
        load_chain(name if get_spec(name).scales != (1,) else f"bicubic+{name}", 2)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("name", "scale"), PAPER_COUNTS)
def test_parameters_are_those_of_the_paper(name: str, scale: int, residual: bool) -> None:
    with torch.device("meta"):
        model = get_spec(name).build(scale, residual)
    assert parameter_count(model) == PAPER_COUNTS[name, scale]


def test_every_network_with_weights_has_its_count() -> None:
    assert {name for name, _ in PAPER_COUNTS} == set(TRAINED_NAMES)


def test_clip_model_that_sees_the_whole_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="a clip model must have a radius, but srnet3d sees whole"):
        replace(get_spec("srnet3d"), radius=None)


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
    with pytest.raises(ValueError, match=f"known are {', '.join([*MODELS, *ALIASES])}"):
        parse_chain(text)
