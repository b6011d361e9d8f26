"""3D convolutions as 2D ones, against PyTorch's own in float64, float32 and bfloat16."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from vsr_cli.models import get_spec
from vsr_cli.models.rewrite.conv3d import (
    FramesConv3d,
    StackedConv3d,
    SummedConv3d,
    conv3d_form,
    force_blocked,
)
from vsr_cli.models.rewrite.faster import CPU_BF16, CPU_FP32, rewrite

ROUNDING = 1e-12  # float64, sums in another order
ROUNDING_FP32 = 1e-5  # of values about 1
ROUNDING_BF16 = 0.04  # of values about 1, which are rounded to 8 bits after each tap

FORMS = [StackedConv3d, SummedConv3d]
LAYERS = [  # in, out, kernel, padding, mode: those of the networks, and corners
    (1, 32, (3, 5, 5), (1, 2, 2), "zeros"),
    (32, 8, (3, 1, 1), (1, 0, 0), "zeros"),
    (8, 8, (3, 3, 3), (1, 1, 1), "zeros"),
    (8, 32, (3, 1, 1), (1, 0, 0), "zeros"),
    (4, 4, (3, 3, 3), (0, 1, 1), "replicate"),
    (3, 4, (3, 3, 3), (0, 0, 0), "zeros"),
    (3, 4, (5, 3, 1), (2, 0, 1), "zeros"),
    (3, 4, (3, 3, 3), (4, 1, 0), "zeros"),
    (3, 4, (1, 3, 5), (0, 2, 1), "replicate"),
    (3, 4, (1, 1, 1), (1, 0, 0), "zeros"),
]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(5)


def _frames(channels: int, time: int, *, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(2, channels, time, 11, 9, dtype=dtype) - 0.3


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("time", [1, 2, 5, 6])
@pytest.mark.parametrize(("inputs", "outputs", "kernel", "padding", "mode"), LAYERS)
@pytest.mark.parametrize("form", FORMS)
def test_equals_native_for_first_and_last_frames_too(  # type: ignore[no-untyped-def]
    form, inputs: int, outputs: int, kernel, padding, mode: str, time: int, bias: bool
) -> None:
    if time + 2 * padding[0] < kernel[0]:
        pytest.skip("PyTorch refuses a clip that is shorter than the taps")
    layer = nn.Conv3d(inputs, outputs, kernel, padding=padding, padding_mode=mode, bias=bias)
    layer.double()
    frames = _frames(inputs, time)
    with torch.no_grad():
        expected, got = layer(frames), form(layer)(frames)
    assert got.shape == expected.shape
    assert (got - expected).abs().max() < ROUNDING


@pytest.mark.parametrize("layout", ["contiguous", "channels_last_3d", "of another layer"])
@pytest.mark.parametrize("form", FORMS)
def test_any_layout_goes_in(form, layout: str) -> None:  # type: ignore[no-untyped-def]
    frames = _frames(3, 5)
    if layout == "channels_last_3d":
        frames = frames.contiguous(memory_format=torch.channels_last_3d)
    elif layout == "of another layer":
        frames = frames.permute(2, 0, 3, 4, 1).contiguous().permute(1, 4, 0, 2, 3)
    layer = nn.Conv3d(3, 4, 3, padding=1).double()
    with torch.no_grad():
        assert (form(layer)(frames) - layer(frames)).abs().max() < ROUNDING


def test_results_need_no_copy_in_the_next_layer() -> None:
    layer = SummedConv3d(nn.Conv3d(3, 4, 3, padding=1))
    with torch.no_grad():
        made = layer(_frames(3, 5, dtype=torch.float32))
    assert made.permute(2, 0, 3, 4, 1).is_contiguous()


@pytest.mark.parametrize(("forms", "most"), [(CPU_FP32, ROUNDING_FP32), (CPU_BF16, 0.0)])
def test_srnet3d_as_the_cpu_runs_it(forms, most: float) -> None:  # type: ignore[no-untyped-def]
    model = get_spec("srnet3d").build(1, True).eval()
    nn.init.normal_(model.reconstruct.weight, std=0.1)
    frames = torch.rand(1, 1, 5, 20, 24)
    fast = rewrite(copy.deepcopy(model), forms)
    assert any(isinstance(m, FramesConv3d) for m in fast.modules()) == (forms is CPU_FP32)
    half = forms is CPU_BF16
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        assert (fast(frames) - model(frames)).abs().max() <= most


@pytest.mark.parametrize("form", FORMS)
def test_bf16_stays_within_its_rounding(form) -> None:  # type: ignore[no-untyped-def]
    layer = nn.Conv3d(8, 8, 3, padding=1)
    frames = _frames(8, 5, dtype=torch.float32)
    with torch.no_grad():
        expected = layer(frames)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            got = form(layer)(frames)
    assert got.dtype == torch.bfloat16
    assert 0 < (got - expected).abs().max() < ROUNDING_BF16


def test_form_is_chosen_by_the_channels_that_stacking_copies() -> None:
    thin, wide = nn.Conv3d(1, 32, 3), nn.Conv3d(8, 8, 3)
    assert type(conv3d_form(thin, "summed")) is StackedConv3d
    assert type(conv3d_form(wide, "summed")) is SummedConv3d
    assert type(conv3d_form(wide, "stacked")) is StackedConv3d
    assert conv3d_form(wide, "native") is wide


@pytest.mark.parametrize(
    "options",
    [
        {"stride": (1, 2, 2)},
        {"dilation": 2},
        {"groups": 3},
        {"padding": 1, "padding_mode": "replicate"},
        {"padding": (0, 1, 1), "padding_mode": "reflect"},
        {"padding": "same"},
    ],
)
def test_3d_convolution_of_another_kind_stays(options) -> None:  # type: ignore[no-untyped-def]
    layer = nn.Conv3d(3, 3, 3, **options)
    assert conv3d_form(layer, "stacked") is layer
    assert conv3d_form(layer, "summed") is layer


@pytest.mark.parametrize(("kernel", "stride", "groups"), [(1, 1, 1), (3, 1, 1), (1, 2, 1)])
def test_kernel_of_one_pixel_does_the_same_when_forced(
    kernel: int, stride: int, groups: int
) -> None:
    layer = nn.Conv2d(4, 6, kernel, stride, padding=kernel // 2, groups=groups).double()
    frames = torch.rand(2, 4, 11, 9, dtype=torch.float64)
    with torch.no_grad():
        before = layer(frames)
        after = force_blocked(layer)(frames)
    assert after.shape == before.shape
    assert (after - before).abs().max() < ROUNDING
    assert (layer.dilation == (2, 2)) == (kernel == stride == 1)
