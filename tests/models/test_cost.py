"""The cost of networks: by hand, and by PyTorch's own counter of operations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vsr_cli.models import MODELS, get_spec
from vsr_cli.models.catalog import describe_layers, find_entry
from vsr_cli.models.cost import (
    _result_shape,
    largest_layer,
    layer_costs,
    macs_per_pixel,
    plain_form,
    values_per_pixel,
)
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.temporal import TemporalUpscaler

SIDES = 8, 16  # of inputs without values, compared to leave out what is done once for a frame
CASES = [(name, scale) for name in MODELS for scale in get_spec(name).scales]
# Kernel x channels in x channels out of feature, shrink, four maps, expand and upsample.
FSRCNN = 25 * 56 + 56 * 12 + 4 * 9 * 12 * 12 + 12 * 56 + 81 * 56
# The same for srnet3d, times the frames that come out: five, then three, then one.
SRNET3D = [75 * 32 * 5, 3 * 256 * 5, 27 * 64 * 5, 27 * 64 * 5, 3 * 256 * 5]
SRNET3D += [27 * 1024 * 3, 27 * 1024, 9 * 32]
# Of three unshuffled frames, of one, and of the middle one; four pixels are one.
REFINE3D = [27 * 4 * 16 * 3, 27 * 16 * 32, 9 * 32 * 32, 9 * 32 * 32, 9 * 32 * 4]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_fsrcnn_costs_what_its_layers_say(scale: int) -> None:
    """A transposed convolution multiplies each pixel of its input with each tap, none twice."""
    assert macs_per_pixel(get_spec("fsrcnn"), scale) == pytest.approx(FSRCNN / scale**2)


def test_srnet3d_spends_most_on_its_two_last_3d_layers() -> None:
    costs = [layer.macs for layer in layer_costs(get_spec("srnet3d"), 1)]
    assert costs == SRNET3D
    assert round(sum(costs) / 1000) == 148
    assert round(sum(costs[5:7]) / 1000) in (110, 111)


def test_refine3d_spends_a_fifteenth_of_srnet3d() -> None:
    costs = [layer.macs for layer in layer_costs(get_spec("refine3d"), 1)]
    assert [cost for cost in costs if cost] == [count / 4 for count in REFINE3D]
    assert sum(REFINE3D) / 4 < 10_000
    assert sum(SRNET3D) / (sum(REFINE3D) / 4) > 15


def test_steps_that_windows_share_are_counted_once_for_each_frame() -> None:
    """2d3d-joint enlarges a frame for one window of five; each window of five is refined."""
    assert macs_per_pixel(get_spec("2d3d-joint"), 2) == FSRCNN / 4 + sum(SRNET3D)


def test_values_that_layers_read_and_write_are_those_of_their_channels() -> None:
    """FSRCNN per pixel of its input, srnet3d per pixel: frames that go in and out, by channels."""
    fsrcnn = (1 + 56) + (56 + 12) + 4 * (12 + 12) + (12 + 56)
    for scale in (2, 3, 4):
        last = 56 + scale**2
        found = values_per_pixel(get_spec("fsrcnn"), scale)
        assert found == pytest.approx((fsrcnn + last) / scale**2)
    wide = (5 + 5 * 32) + (5 * 32 + 5 * 8) + 2 * (5 * 8 + 5 * 8) + (5 * 8 + 5 * 32)
    fused = (5 * 32 + 3 * 32) + (3 * 32 + 32) + (32 + 1)
    assert values_per_pixel(get_spec("srnet3d"), 1) == pytest.approx(wide + fused)
    assert values_per_pixel(get_spec("bicubic"), 2) == 0


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_macs_are_half_the_operations_that_pytorch_counts(name: str, scale: int) -> None:
    """Of networks; interpolation is no layer, and costs nothing in the papers' way of counting."""
    spec = get_spec(name)
    if not spec.has_weights:
        assert macs_per_pixel(spec, scale) == 0
        return
    time = (spec.window,) if spec.kind == "clip" else ()
    channels = 3 if spec.color == "rgb" else 1
    flops = []
    with torch.device("meta"):
        model = spec.build(scale, False).eval()
    for side in SIDES:
        frames = torch.zeros(1, channels, *time, side, side, device="meta")
        if isinstance(model, TemporalUpscaler):
            flops.append(_flops_of_one_more_frame(model, frames))
        else:
            flops.append(_flops(model, frames))
    expected = (flops[1] - flops[0]) / 2 / ((SIDES[1] ** 2 - SIDES[0] ** 2) * scale**2)
    assert macs_per_pixel(spec, scale) == pytest.approx(expected)


def _flops(run: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run(*inputs)
    return counter.get_total_flops()


def _flops_of_one_more_frame(model: TemporalUpscaler, frames: torch.Tensor) -> int:
    """The steps of a window that is longer by a frame, less those of the window; and the last."""
    codes: list[torch.Tensor] = []
    finish = model.finish
    model.finish = lambda *given: [codes.append(x) for x in given] and finish(*given)
    longer = torch.cat([frames, frames[:, :, :1]], dim=2)
    steps = _flops(model, longer) - _flops(model, frames)
    return steps + _flops(finish, *codes[:2])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_fstrn_computes_no_more_than_the_middle_frame_needs(scale: int) -> None:
    """All five frames up to the transposed convolution, of what comes out of it but one."""
    block = 9 * 64 * 64 + 3 * 64 * 64
    small = 5 * (27 * 64 + 5 * block + 27 * 64 * 256) + 5 * 27 * 256 * 16
    assert macs_per_pixel(get_spec("fstrn"), scale) == pytest.approx(small / scale**2 + 27 * 16)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_edrn_costs_what_its_levels_say(scale: int) -> None:
    """Per pixel of the result; channel attention multiplies once for a frame, and costs nothing."""
    ends = 27 * 64 + 64 * 27
    levels = sum(
        9 * width**2 * (groups * (10 * 2 + 1) + 1) / pixels
        for width, groups, pixels in ((256, 4, 16), (128, 2, 4), (64, 1, 1))
    )
    # A convolution multiplies for each pixel that comes out, a transposed one for each that goes in
    between = 2 * (9 * 64 * 128 / 4 + 9 * 128 * 256 / 16)
    assert macs_per_pixel(get_spec("edrn"), scale) == pytest.approx(ends + levels + between)


def test_chain_with_a_network_that_sees_the_whole_frame_sees_it_too() -> None:
    assert find_entry("edrn").radius is None
    assert find_entry("edrn+srnet3d").radius is None
    assert find_entry("srnet3d+edrn").to_json()["receptive_radius"] is None


def test_groups_reuse_and_linear_layers_are_counted() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1, groups=2)
            self.widen = nn.Conv2d(1, 4, 1)
            self.mix = nn.Linear(4, 1)

        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            x = self.conv(self.conv(self.widen(frames)))
            return self.mix(x.movedim(1, -1)).movedim(-1, 1)

    spec = ModelSpec(
        name="odd",
        kind="frame",
        color="luma",
        scales=(1,),
        window=1,
        radius=2,
        paper="",
        build=lambda scale, residual: Odd(),
    )
    assert macs_per_pixel(spec, 1) == 2 * (9 * 2 * 4) + 4 + 4


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(4, 6, 3),
        nn.Conv2d(4, 6, (5, 3), stride=2, padding=(2, 0), groups=2),
        nn.Conv2d(4, 2, 3, padding=2, dilation=2, padding_mode="replicate"),
        nn.Conv3d(4, 2, (2, 3, 1), stride=(1, 2, 1), padding=(0, 1, 0)),
        nn.ConvTranspose2d(4, 3, 9, stride=3, padding=4, output_padding=2),
        nn.ConvTranspose2d(4, 2, (2, 4), stride=(2, 1), dilation=(1, 2), groups=2),
        nn.Linear(7, 3),
    ],
    ids=str,
)
def test_counted_layers_multiply_nothing_and_give_the_shapes_that_they_would(
    layer: nn.Module,
) -> None:
    sides = {nn.Conv1d: 1, nn.Conv3d: 3}.get(type(layer), 2)
    frames = torch.rand(2, 4, *(9, 8, 7)[3 - sides :])
    assert _result_shape(layer, frames.shape) == layer(frames).shape


def test_only_a_network_that_is_counted_has_no_start() -> None:
    spec = get_spec("fsrcnn")
    before = [tensor.clone() for tensor in _started(spec).values()]
    plain_form(spec, 2)
    after = _started(spec)
    assert [*after] == [*plain_form(spec, 2).state_dict()]
    assert all(map(torch.equal, before, after.values()))


def _started(spec: ModelSpec) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return spec.build(2, False).state_dict()


def test_chain_is_the_sum_of_its_stages_at_their_sizes() -> None:
    entry = find_entry("2d3d")
    assert (entry.kind, entry.stages, entry.window) == ("chain", ("fsrcnn", "srnet3d"), 5)
    assert set(entry.parameters.values()) == {75_766}
    assert entry.macs[2] == pytest.approx(FSRCNN / 4 + sum(SRNET3D))
    turned = find_entry("srnet3d+fsrcnn")
    assert turned.macs[3] == pytest.approx((FSRCNN + sum(SRNET3D)) / 9)
    assert (entry.radius, turned.radius) == (8 + 4, 7 + 8)  # 7 large pixels are 3.5 small ones


def test_layers_of_a_chain_carry_the_name_of_their_stage() -> None:
    scale, layers = describe_layers("srnet3d+fsrcnn", 4)
    assert scale == 4
    assert [layers[0].name, layers[-1].name] == ["srnet3d.feature", "fsrcnn.upsample"]
    assert layers[0].macs == pytest.approx(SRNET3D[0] / 16)
    assert sum(layer.parameters for layer in layers) == 75_766 + 56 + 12 * 5 + 56  # and slopes


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("bicubic", 4),  # what comes out, at x2
        ("fsrcnn", 56),  # feature channels
        ("vdsr", 4 * 64),  # at the size of the output
        ("drcn", 4 * 256),
        ("msrn", 9 * 64),  # the blocks side by side
    ],
)
def test_largest_layer_is_that_with_most_values_for_a_pixel(name: str, values: int) -> None:
    side = 5
    model = get_spec(name).build(2, True).eval()
    assert largest_layer(model, torch.zeros(1, 1, side, side)) == values * side**2
    assert not any(module._forward_hooks for module in model.modules())


def test_chain_without_one_enlarging_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="2 stages that enlarge"):
        find_entry("fsrcnn+bicubic")
    with pytest.raises(ValueError, match="no scale 7: known are 2, 3, 4"):
        describe_layers("fsrcnn", 7)
