"""The networks of the papers against their equations, written down a second time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import correlate2d
from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.resample import enlarge, resize
from vsr_cli.models import MODELS, get_spec
from vsr_cli.models.drcn import DRCN, RECURSIONS
from vsr_cli.models.edrn import EDRN, AttentionBlock, Level
from vsr_cli.models.emtcm import EMTCM
from vsr_cli.models.fstrn import FSTRN
from vsr_cli.models.msrn import MSRN, MultiScaleBlock
from vsr_cli.models.scmsrn import SCMSRN, MultiCoreBlock, SingleCoreBlock
from vsr_cli.models.srresnet import Discriminator, ResidualBlock, SRResNet
from vsr_cli.models.vdsr import VDSR

Array = NDArray[np.float64]
ROUNDING = 1e-10  # float64, sums in another order
STARTS_NEAR = 0.15  # of what an untrained residual form adds to the bicubic enlargement
RESIDUAL_NAMES = [
    name for name in MODELS if get_spec(name).has_weights and get_spec(name).scales != (1,)
]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)


def _frames(channels: int = 1, *, height: int = 9, width: int = 7) -> Tensor:
    return torch.rand(2, channels, height, width, dtype=torch.float64)


def _shaken(model: nn.Module) -> nn.Module:
    """In float64, with biases, slopes and statistics that are felt."""
    for parameter in model.double().parameters():
        if parameter.ndim == 1:
            nn.init.uniform_(parameter, -0.3, 0.6)
        elif parameter.std() < 1e-2:
            nn.init.normal_(parameter, std=0.1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model.eval()


def _convolve(image: Array, layer: nn.Conv2d) -> Array:
    """(C, H, W) to (O, H, W) by SciPy."""
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    return np.stack(
        [
            offset
            + sum(
                correlate2d(channel, tap, mode="same")
                for channel, tap in zip(image, taps, strict=True)
            )
            for taps, offset in zip(weight, bias, strict=True)
        ]
    )


def _apply(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution as a product of its weights with unfolded patches."""
    size = layer.kernel_size[0]
    patches = F.unfold(x, size, padding=size // 2)  # (B, C*k*k, H*W)
    y = torch.einsum("ok,bkn->bon", layer.weight.flatten(1), patches)
    return (y + layer.bias[:, None]).unflatten(-1, x.shape[-2:])


def _prelu(x: Tensor, slope: nn.PReLU) -> Tensor:
    return torch.where(x > 0, x, x * slope.weight[:, None, None])


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("name", ["srcnn", "srcnn-915"])
def test_srcnn_is_three_convolutions_of_the_enlargement(name: str, residual: bool) -> None:
    model = _shaken(get_spec(name).build(3, residual))
    frames = _frames(height=5, width=4)
    bicubic = resize(frames[0], height=15, width=12).numpy()
    x = bicubic - 0.5 * residual
    x = np.maximum(_convolve(x, model.feature), 0)
    x = np.maximum(_convolve(x, model.map), 0)
    expected = _convolve(x, model.reconstruct) + residual * bicubic
    assert np.abs(model(frames)[0].detach().numpy() - expected).max() < ROUNDING


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_espcn_lays_channels_out_as_pixels(scale: int) -> None:
    """PS(T)[x, y] = T[x // r, y // r, r mod(y, r) + mod(x, r)], Eq. 4 of the paper."""
    model = _shaken(get_spec("espcn").build(scale, False))
    frames = _frames(height=5, width=4)
    x = np.tanh(_convolve(frames[0].numpy(), model.feature))
    x = _convolve(np.tanh(_convolve(x, model.map)), model.upsample)
    rows, columns = np.indices((5 * scale, 4 * scale))
    channel = scale * (rows % scale) + columns % scale
    expected = x[channel, rows // scale, columns // scale]
    assert np.abs(model(frames)[0, 0].detach().numpy() - expected).max() < ROUNDING


@pytest.mark.parametrize("residual", [True, False])
def test_vdsr_without_its_last_layer_is_the_enlargement(residual: bool) -> None:
    model = _shaken(VDSR(3, residual, features=4))
    nn.init.zeros_(model.reconstruct.weight)
    nn.init.zeros_(model.reconstruct.bias)
    frames = _frames()
    assert torch.equal(model(frames), enlarge(frames, 3))


def test_vdsr_is_one_network_for_every_scale() -> None:
    """At x3 it does to the enlargement what it does at x1 to a frame of that size."""
    trained = _shaken(VDSR(2, features=4))
    models = [VDSR(scale, features=4).double() for scale in (1, 3)]
    for model in models:
        model.load_state_dict(trained.state_dict())
    one, three = models
    frames = _frames()
    assert (three(frames) - one(enlarge(frames, 3))).abs().max() < ROUNDING


def test_vdsr_has_twenty_layers() -> None:
    layers = [module for module in VDSR(2).modules() if isinstance(module, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [64] * 19 + [1]


@pytest.mark.parametrize("residual", [True, False])
def test_drcn_mixes_the_predictions_of_every_recursion(residual: bool) -> None:
    model = _shaken(DRCN(2, residual, features=3))
    frames = _frames()
    bicubic = enlarge(frames, 2)
    x = bicubic - 0.5 * residual
    for layer in model.embed:
        x = _apply(layer, x).clamp(min=0)
    expected = torch.zeros_like(bicubic)
    result, predictions = model.predict_each(frames)
    for number in range(RECURSIONS):
        x = _apply(model.recur, x).clamp(min=0)
        difference = _apply(model.reconstruct, _apply(model.map, x).clamp(min=0))
        assert (predictions[number] - (bicubic + difference)).abs().max() < ROUNDING
        expected += model.share[number] * (difference + (0 if residual else bicubic))
    expected += bicubic if residual else 0
    assert (model(frames) - expected).abs().max() < ROUNDING
    assert torch.equal(result, model(frames))


def test_fresh_drcn_takes_the_mean_of_its_recursions() -> None:
    model, frames = DRCN(2, False, features=3).double(), _frames()
    _, predictions = model.predict_each(frames)
    assert (model(frames) - predictions.mean(0)).abs().max() < 1e-6  # float32 shares


def test_plain_drcn_starts_with_recursions_that_change_nothing() -> None:
    model = DRCN(2, False, features=3).double()
    _, predictions = model.predict_each(_frames())
    assert (predictions - predictions[0]).abs().max() < ROUNDING
    assert predictions.std() > 0


def test_msrn_block_crosses_its_branches() -> None:
    block = _shaken(MultiScaleBlock(3))
    x = torch.rand(2, 3, 8, 6, dtype=torch.float64)
    s, p = (_apply(layer, x).clamp(min=0) for layer in (block.first_3, block.first_5))
    both = torch.cat([s, p], 1)
    s, p = (_apply(layer, both).clamp(min=0) for layer in (block.second_3, block.second_5))
    expected = _apply(block.fuse, torch.cat([s, p], 1)) + x
    assert (block(x) - expected).abs().max() < ROUNDING


def test_msrn_fuses_the_features_of_every_block() -> None:
    model = _shaken(MSRN(3, False, features=2))
    frames = _frames()
    levels = [_apply(model.feature, frames)]
    for block in model.block:
        levels.append(block(levels[-1]))
    assert len(levels) == 9
    x = _apply(model.upsample, _apply(model.fuse, torch.cat(levels, 1)))  # (B, 2*9, H, W)
    x = x.unflatten(1, (2, 3, 3)).permute(0, 1, 4, 2, 5, 3).reshape(2, 2, 27, 21)
    assert (model(frames) - _apply(model.reconstruct, x)).abs().max() < ROUNDING


@pytest.mark.parametrize("block", [SingleCoreBlock, MultiCoreBlock])
def test_scmsrn_blocks_see_one_to_nine_pixels(block: type[nn.Module]) -> None:
    """What each fifth of the concatenated features sees of one bright pixel."""
    model = _shaken(block(3))
    dark, bright = (torch.zeros(1, 3, 15, 15, dtype=torch.float64) for _ in range(2))
    bright[..., 7, 7] = 1
    seen: list[Tensor] = []
    model.fuse.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    model(dark)
    model(bright)
    changed = (seen[1] - seen[0])[0].abs() > 1e-12  # (15, H, W)
    widths = [
        int(changed[3 * k : 3 * k + 3].any(0).any(0).sum()) for k in range(changed.shape[0] // 3)
    ]
    assert widths == [1, 3, 5, 7, 9]


@pytest.mark.parametrize("block", [SingleCoreBlock, MultiCoreBlock])
def test_scmsrn_sums_the_features_of_every_block(block: type[nn.Module]) -> None:
    model = _shaken(SCMSRN(2, False, features=3, block=block))
    frames = _frames()
    levels = [_prelu(_apply(model.feature, frames), model.feature_slope)]
    for stage in model.block:
        levels.append(stage(levels[-1]))
    assert len(levels) == 5
    x = _prelu(_apply(model.fuse, torch.stack(levels).sum(0)), model.fuse_slope)
    x = _apply(model.upsample, x)  # (B, 4, H, W)
    x = x.unflatten(1, (2, 2)).permute(0, 3, 1, 4, 2).reshape(2, 1, 18, 14).tanh()
    assert (model(frames) - _apply(model.reconstruct, x)).abs().max() < ROUNDING


def test_scmsrn_cascade_concatenates_in_order() -> None:
    block = _shaken(SingleCoreBlock(2))
    x = torch.rand(1, 2, 6, 5, dtype=torch.float64)
    levels = [_prelu(_apply(block.point, x), block.point_slope)]
    deeper = x
    for layer, slope in zip(block.cascade, block.cascade_slope, strict=True):
        deeper = _prelu(_apply(layer, deeper), slope)
        levels.append(deeper)
    expected = _prelu(_apply(block.fuse, torch.cat(levels, 1)), block.fuse_slope)
    assert (block(x) - expected).abs().max() < ROUNDING


def _normalise(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    mean, var, weight, bias = (
        value[:, None, None]
        for value in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return (x - mean) / (var + norm.eps).sqrt() * weight + bias


def test_srresnet_block_normalises_by_its_statistics() -> None:
    block = _shaken(ResidualBlock(3))
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64)
    y = _prelu(_normalise(_apply(block.first, x), block.first_norm), block.first_slope)
    expected = x + _normalise(_apply(block.second, y), block.second_norm)
    assert (block(x) - expected).abs().max() < ROUNDING


def test_srresnet_shuffles_twice_at_x4() -> None:
    model = _shaken(SRResNet(4, False, features=3))
    frames = _frames(3)
    start = x = _prelu(_apply(model.feature, frames), model.feature_slope)
    for block in model.block:
        x = block(x)
    x = start + _normalise(_apply(model.fuse, x), model.fuse_norm)
    for layer, slope in zip(model.upsample, model.upsample_slope, strict=True):
        height, width = x.shape[-2:]
        x = _apply(layer, x).unflatten(1, (3, 2, 2)).permute(0, 1, 4, 2, 5, 3)
        x = _prelu(x.reshape(2, 3, 2 * height, 2 * width), slope)
    assert (model(frames) - _apply(model.reconstruct, x)).abs().max() < ROUNDING


def test_srgan_is_the_network_of_srresnet() -> None:
    with torch.device("meta"):
        states = [get_spec(name).build(4, True).state_dict() for name in ("srresnet", "srgan")]
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in states]
    assert shapes[0] == shapes[1]


def test_discriminator_has_the_layers_of_the_paper() -> None:
    with torch.device("meta"):
        model = Discriminator()
    convs = [(m.in_channels, m.out_channels, m.stride[0]) for m in model.map]
    assert [outputs for _, outputs, _ in convs] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [stride for *_, stride in convs] == [1, 2] * 4
    dense = 512 * 6 * 6 * 1024 + 1024 + 1024 + 1
    norms = 2 * sum(outputs for _, outputs, _ in convs[1:])
    kernels = sum(9 * inputs * outputs + outputs for inputs, outputs, _ in convs)
    assert sum(p.numel() for p in model.parameters()) == kernels + norms + dense == 23_565_505


def test_discriminator_learns_to_tell_bright_from_dark() -> None:
    model = Discriminator(features=2, patch=16)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    truth = torch.tensor([1.0, 1.0, 0.0, 0.0])[:, None]
    frames = 0.2 * torch.rand(4, 3, 16, 16) + 0.6 * truth[:, :, None, None]
    losses = []
    for _ in range(40):
        logits = model(frames)
        assert logits.shape == (4, 1)
        loss = F.binary_cross_entropy_with_logits(logits, truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_discriminator_refuses_other_sizes() -> None:
    with pytest.raises(ValueError, match="patches must be 16x16, got 20x16"):
        Discriminator(features=2, patch=16)(torch.zeros(1, 3, 16, 20))
    with pytest.raises(ValueError, match="patch must be a positive multiple of 16, got 90"):
        Discriminator(patch=90)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_emtcm_has_nine_residual_blocks_in_one_long_skip(scale: int) -> None:
    model = _shaken(EMTCM(scale, False))
    frames = _frames()
    x = _prelu(_apply(model.feature, frames), model.feature_slope)
    start = x = _prelu(_apply(model.shrink, x), model.shrink_slope)
    assert len(model.map) == 9
    for layer, slope in zip(model.map, model.map_slope, strict=True):
        x = x + _prelu(_apply(layer, x), slope)
    x = _prelu(_apply(model.expand, x + start), model.expand_slope)
    # A transposed convolution is an ordinary one, turned round, on frames with zeros between.
    spread = x.new_zeros(2, 56, 9 * scale, 7 * scale)
    spread[..., ::scale, ::scale] = x
    expected = F.conv2d(
        spread, model.upsample.weight.flip(-1, -2).transpose(0, 1), model.upsample.bias, padding=4
    )
    assert (model(frames) - expected).abs().max() < ROUNDING


def test_emtcm_has_the_weights_and_biases_of_its_table() -> None:
    sizes = {name: p.numel() for name, p in EMTCM(3).named_parameters() if "slope" not in name}
    assert sum(size for name, size in sizes.items() if name.endswith("weight")) == 18_944
    assert sum(size for name, size in sizes.items() if name.endswith("bias")) == 233


def _conv3d(layer: nn.Conv3d, x: Tensor) -> Tensor:
    """A 3D convolution on frames that are padded before it to keep time and space."""
    around = [reach for size in layer.kernel_size[::-1] for reach in [size // 2] * 2]
    return F.conv3d(F.pad(x, around), layer.weight, layer.bias)


def _spread(x: Tensor, factor: int) -> Tensor:
    """(..., H, W) with zeros between the pixels, (..., s*H, s*W)."""
    height, width = x.shape[-2:]
    spread = x.new_zeros(*x.shape[:-2], factor * height, factor * width)
    spread[..., ::factor, ::factor] = x
    return spread


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_fstrn_is_the_middle_of_five_frames_enlarged_together(scale: int, residual: bool) -> None:
    model = _shaken(FSTRN(scale, residual, features=8))
    frames = torch.rand(2, 1, 5, 6, 7, dtype=torch.float64)

    def leaky(x: Tensor) -> Tensor:
        return torch.maximum(x, 0.2 * x)

    def prelu(x: Tensor, slope: nn.PReLU) -> Tensor:
        return x.clamp(min=0) + slope.weight[:, None, None, None] * x.clamp(max=0)

    start = x = leaky(_conv3d(model.feature, frames - 0.5 * residual))
    assert len(model.block) == 5
    for block in model.block:
        x = x + _conv3d(block.time, _conv3d(block.space, prelu(x, block.slope)))
    x = _conv3d(model.widen, prelu(start + x, model.fuse_slope))
    # A transposed convolution is an ordinary one, turned round, on frames with zeros between; the
    # three taps follow the pixel that they belong to, at x2 they lie about it.
    before, after = (1, 1) if scale == 2 else (2, 0)
    x = F.pad(_spread(x, scale), (before, after, before, after, 1, 1))
    turned = model.upsample.weight.flip(-1, -2, -3).transpose(0, 1)
    x = _conv3d(model.reconstruct, F.conv3d(x, turned, model.upsample.bias))
    assert x.shape == (2, 1, 5, 6 * scale, 7 * scale)
    if residual:
        base, x = resize(frames, height=6 * scale, width=7 * scale), x
    else:
        flat = frames.flatten(0, 1)
        base = F.interpolate(flat, scale_factor=scale, mode="bilinear").unflatten(0, (2, 1))
        x = leaky(x)
    assert (model(frames) - (base + x)[:, :, 2]).abs().max() < ROUNDING


@pytest.mark.parametrize(("residual", "kept"), [(False, 0.3), (True, 1)])
def test_fstrn_drops_features_in_training_of_its_plain_form_alone(
    residual: bool, kept: float
) -> None:
    model = FSTRN(4, residual, features=8)
    seen: list[Tensor] = []
    model.widen.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    for is_training in (True, False):
        model.train(is_training)(torch.rand(1, 1, 5, 20, 20))
    trained, evaluated = ((x != 0).double().mean() for x in seen)
    assert (trained, evaluated) == (pytest.approx(kept, abs=0.02), 1)


def _attended(block: AttentionBlock, x: Tensor) -> Tensor:
    """Channels of what two layers find, each times a number in (0, 1) that their means decide."""
    y = _apply(block.second, _apply(block.first, x).clamp(min=0))
    means = y.flatten(2).sum(-1) / y[0, 0].numel()  # (B, C)
    narrow = (means @ block.squeeze.weight[..., 0, 0].T + block.squeeze.bias).clamp(min=0)
    wide = narrow @ block.excite.weight[..., 0, 0].T + block.excite.bias
    return x + y / (1 + torch.exp(-wide))[..., None, None]


def _levelled(level: Level, x: Tensor) -> Tensor:
    for group in level.group:
        inner = x
        for block in group.block:
            inner = _attended(block, inner)
        x = x + _apply(group.fuse, inner)
    return _apply(level.fuse, x)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_edrn_goes_down_to_a_quarter_and_back(scale: int, residual: bool) -> None:
    model = _shaken(EDRN(scale, residual, features=4, blocks=2, squeeze=2))
    frames = _frames(3)  # 9x7, of which no scale makes sides that are both a multiple of four
    base = resize(frames, height=9 * scale, width=7 * scale)
    colour = torch.tensor([0.4313, 0.4162, 0.3861], dtype=torch.float64)[:, None, None]
    mean = torch.full_like(colour, 0.5) if residual else colour
    x = F.pad(base - mean, (0, -7 * scale % 4, 0, -9 * scale % 4), mode="replicate")
    down = [_apply(model.feature, x)]
    for half in model.encoder:
        # Every second place in either axis is a convolution of stride two.
        x = _apply(half.conv, down[-1])[..., ::2, ::2]
        down.append(_normalise(x, half.norm).clamp(min=0))
    assert [len(level.group) for level in model.level] == [4, 2, 1]
    x = _levelled(model.level[0], down[2]) + down[2]
    for number, double in enumerate(model.decoder):
        turned = double.conv.weight.flip(-1, -2).transpose(0, 1)
        x = F.conv2d(_spread(x, 2), turned, double.conv.bias, padding=1)
        x = _normalise(x, double.norm).clamp(min=0)
        x = _levelled(model.level[number + 1], x) + down[1 - number]
    x = _apply(model.reconstruct, x)[..., : 9 * scale, : 7 * scale]
    expected = (base if residual else mean) + x
    assert (model(frames) - expected).abs().max() < ROUNDING


def test_edrn_sees_the_whole_frame_by_its_channel_attention_alone() -> None:
    """The far corner is out of reach of its convolutions."""
    model = _shaken(EDRN(2, features=4, blocks=1, squeeze=1))

    def touched() -> Tensor:
        frames = torch.rand(1, 3, 4, 90, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(model(frames)[..., 0, 0].sum(), frames)
        return (gradient != 0).flatten(0, 2).any(0)  # (W,)

    assert touched().all()
    for block in model.modules():
        if isinstance(block, AttentionBlock):
            nn.init.zeros_(block.excite.weight)  # the same for all frames
    seen = touched()
    assert seen[0]
    assert not seen[60:].any()


def test_edrn_attends_with_a_sixteenth_of_its_channels_in_ten_blocks() -> None:
    with torch.device("meta"):
        model = EDRN(4)
    for level, width in zip(model.level, (256, 128, 64), strict=True):
        assert {len(group.block) for group in level.group} == {10}
        squeezed = {block.squeeze.out_channels for group in level.group for block in group.block}
        assert squeezed == {width // 16}


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", RESIDUAL_NAMES)
def test_untrained_residual_form_is_about_the_enlargement(name: str, scale: int) -> None:
    spec = get_spec(name)
    model = spec.build(scale, True).eval()
    frames = torch.rand(1, 3 if spec.color == "rgb" else spec.window, 7, 6)
    middle = frames if spec.color == "rgb" else frames[:, spec.window // 2, None]
    with torch.inference_mode():
        own = model(frames[:, None] if spec.kind == "clip" else frames) - enlarge(middle, scale)
    assert 0 < own.abs().max() < STARTS_NEAR
