"""Convolutions that add and rectify in one pass, against PyTorch's functions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.models.layers import rectified
from vsr_cli.models.rewrite import fused
from vsr_cli.models.rewrite.conv3d import SummedConv3d, conv3d_form
from vsr_cli.models.rewrite.fused import add_convolution, convolve, is_fused

TRY_OPERATORS = fused._works.__wrapped__  # without its memory
ROUNDING = 2e-5  # fp32, sums of some hundred values about 1


@pytest.fixture(autouse=True, params=[True, False], ids=["oneDNN", "PyTorch"])
def by_onednn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways, where the first is there."""
    torch.manual_seed(2)
    if request.param and not fused._works():
        pytest.skip("this PyTorch has no such operators")
    if not request.param:
        monkeypatch.setattr(fused, "_works", lambda: False)
    return bool(request.param)


def _frames(*shape: int) -> Tensor:
    return torch.randn(shape).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("rectify", [True, False])
@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (1, 2), (3, 1), (5, 1), (3, 2)])
def test_result_is_the_sum_of_both(kernel: int, dilation: int, rectify: bool) -> None:
    """On a part of a result, of a part of the frames; what lies beside stays."""
    frames, weight, bias = _frames(5, 6, 12, 9), _frames(7, 6, kernel, kernel), torch.randn(7)
    padding = [dilation * (kernel // 2)] * 2
    with torch.inference_mode():
        start = convolve(frames, weight, bias, padding=padding, dilation=dilation)
        result = start.clone()
        given = {"padding": padding, "dilation": dilation}
        add_convolution(result[1:4], frames[2:5], weight, rectify=rectify, **given)  # type: ignore[arg-type]
    options = {"padding": padding, "dilation": dilation}
    expected = F.conv2d(frames.double(), weight.double(), bias.double(), **options)  # type: ignore[arg-type]
    assert (start - expected).abs().max() < ROUNDING
    added = F.conv2d(frames[2:5].double(), weight.double(), **options)  # type: ignore[arg-type]
    total = expected[1:4] + added
    assert (result[1:4] - (total.relu() if rectify else total)).abs().max() < ROUNDING
    assert result[0].equal(start[0])
    assert result[4].equal(start[4])


def test_rectified_convolution() -> None:
    frames, weight, bias = _frames(2, 6, 12, 9), _frames(7, 6, 3, 3), torch.randn(7)
    with torch.inference_mode():
        made = convolve(frames, weight, bias, padding=[0, 1], rectify=True)
    expected = F.conv2d(frames.double(), weight.double(), bias.double(), padding=(0, 1)).relu()
    assert (made - expected).abs().max() < ROUNDING
    assert (made == 0).any()


@pytest.mark.parametrize("time", [1, 2, 5, 6])
@pytest.mark.parametrize(("padding", "mode"), [(0, "replicate"), (1, "zeros"), (2, "zeros")])
def test_rectified_3d_convolution_for_first_and_last_frames_too(
    padding: int, mode: str, time: int
) -> None:
    if time + 2 * padding < 3:
        pytest.skip("PyTorch refuses a clip that is shorter than the taps")
    layer = nn.Conv3d(8, 8, 3, padding=(padding, 1, 1), padding_mode=mode)
    fast = conv3d_form(layer, "summed")
    assert isinstance(fast, SummedConv3d)
    frames = torch.randn(2, 8, time, 11, 9)
    with torch.inference_mode():
        made, plain = rectified(fast, frames), fast(frames)
        expected = layer.double()(frames.double())
    assert (made - expected.relu()).abs().max() < ROUNDING
    assert (plain - expected).abs().max() < ROUNDING


def test_only_plain_fp32_on_a_cpu_is_fused(by_onednn: bool) -> None:
    frames = _frames(1, 2, 4, 4)
    assert is_fused(frames) == by_onednn
    assert not is_fused(frames.double())
    assert not is_fused(frames.to("meta"))
    assert not is_fused(frames.clone().requires_grad_())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not is_fused(frames)
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
    try:
        assert not is_fused(frames)
    finally:
        torch.backends.mkldnn.enabled = True  # type: ignore[assignment]


def test_the_trial_does_not_depend_on_defaults() -> None:
    found = TRY_OPERATORS()
    torch.set_default_dtype(torch.float64)
    try:
        assert TRY_OPERATORS() == found
    finally:
        torch.set_default_dtype(torch.float32)


def test_gradients_pass_where_they_are_wanted() -> None:
    """Training behind a rewritten network, and back-projection, differentiate through it."""
    layer = nn.Conv3d(8, 8, 3, padding=1)
    frames = torch.randn(1, 8, 5, 7, 7, requires_grad=True)
    rectified(conv3d_form(layer, "summed"), frames).sum().backward()
    found = frames.grad
    frames.grad = None
    F.relu(layer(frames)).sum().backward()
    assert found is not None
    assert frames.grad is not None
    assert (found - frames.grad).abs().max() < ROUNDING
