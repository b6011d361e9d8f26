"""Code values to the device and back: nothing changes on the way, and NaN is found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from vsr_cli.errors import NumericalError
from vsr_cli.frames import Frame, PixelFormat
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.pipeline.settings import StageSettings, checked
from vsr_cli.pipeline.transfer import require_numbers, to_codes, to_planes, to_whole_codes

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> torch.device:
    if request.param == "cuda":
        request.getfixturevalue("require_cuda")
    return torch.device(request.param)


def _settings(name: str, device: torch.device) -> StageSettings:
    form = require_planar(name)
    return StageSettings(device=device, precision=torch.float32, pixel_format=form)


def _frames(form: PixelFormat, count: int) -> Iterator[Frame]:
    """Every code there is, another picture each."""
    codes = torch.arange(form.max_code + 1, dtype=torch.int32)
    kind = torch.uint8 if form.max_code < 256 else torch.uint16
    for number in range(count):
        planes = [codes.roll(number + plane).to(kind).view(-1, 64) for plane in range(3)]
        yield Frame(tuple(planes), pts=number, duration=1)


@pytest.mark.parametrize("name", ["yuv444p", "yuv444p10le", "gbrp16le"])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_code_comes_back_in_its_frame(name: str, count: int, device: torch.device) -> None:
    settings = _settings(name, device)
    given = list(_frames(settings.pixel_format, count))
    back = list(to_codes(to_planes(given, settings), settings.pixel_format))
    assert [frame.pts for frame in back] == list(range(count))
    for before, after in zip(given, back, strict=True):
        assert all(map(torch.equal, before.planes, after.planes))
        assert all(plane.device.type == "cpu" for plane in after.planes)


def _checked_frames(result: torch.Tensor) -> Iterator[Frame]:
    for plane in checked(result):
        yield Frame((plane,), pts=0, duration=1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_no_number_ends_the_run(value: float, device: torch.device) -> None:
    result = torch.full((2, 8, 64), 0.5, device=device)
    result[1, 3, 5] = value
    form = require_planar("gray")
    for finish in (to_codes, to_whole_codes):
        with pytest.raises(NumericalError, match="not finite: try --precision fp32"):
            list(finish(_checked_frames(result.clone()), form))


def test_numbers_alone_are_required(device: torch.device) -> None:
    planes = [torch.zeros(3, 4, device=device), torch.ones(2, 2, device=device)]
    require_numbers(planes)
    planes[1][1, 1] = torch.nan
    with pytest.raises(NumericalError):
        require_numbers(planes)


def test_results_are_held_in_the_range_of_codes(device: torch.device) -> None:
    result = torch.tensor([[-0.5, 0.25, 1.5]], device=device)
    assert checked(result.clone()).tolist() == [[0.0, 0.25, 1.0]]
    assert checked(result.clone(), is_bounded=False).tolist() == [[-0.5, 0.25, 1.5]]
