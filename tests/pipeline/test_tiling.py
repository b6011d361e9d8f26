"""Tiles: smaller ones when memory runs out, and an error when there are none smaller."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vsr_cli.errors import DeviceError
from vsr_cli.frames import Frame
from vsr_cli.imaging.resample import enlarge
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.models import get_spec
from vsr_cli.models.load import LoadedModel
from vsr_cli.pipeline import stages
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.stages import run_stage
from vsr_cli.pipeline.tiling import TiledModel

FLOAT32 = 1e-5  # sums in another order
RADIUS = 2  # of bicubic interpolation


class SmallMemory:
    """Bicubic enlargement on a machine that holds so many pixels."""

    def __init__(self, pixels: int, error: type[RuntimeError] = torch.OutOfMemoryError) -> None:
        self.pixels = pixels
        self.error = error
        self.calls = 0

    def __call__(self, frames: Tensor) -> Tensor:
        self.calls += 1
        if frames.numel() > self.pixels:
            raise self.error("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return enlarge(frames, 2)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
def test_out_of_memory_halves_the_tile_and_says_so(
    error: type[RuntimeError], caplog: pytest.LogCaptureFixture
) -> None:
    model = SmallMemory(70 * 70, error)
    frames = torch.rand(1, 1, 150, 200)
    tiled = TiledModel(model, scale=2, radius=RADIUS, pads_itself=True)
    assert torch.allclose(tiled(frames), enlarge(frames, 2), atol=FLOAT32)
    assert tiled.tile == 50
    assert "going on with --tile 50" in caplog.text
    calls = model.calls
    tiled(frames)
    assert model.calls == calls + 3 * 4  # the small tile is kept


def test_failing_allocation_of_this_machine_is_recognised() -> None:
    calls = 0

    def greedy(frames: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 1:
            torch.empty(1 << 55)  # more than any address space
        return enlarge(frames, 2)

    tiled = TiledModel(greedy, scale=2, radius=RADIUS, pads_itself=True)
    assert tiled(torch.rand(1, 1, 80, 80)).shape == (1, 1, 160, 160)
    assert tiled.tile == 40


def test_no_memory_at_all_is_one_clear_error() -> None:
    tiled = TiledModel(SmallMemory(10), scale=2, radius=RADIUS, pads_itself=True)
    with pytest.raises(DeviceError, match="out of memory on cpu even with tiles of"):
        tiled(torch.rand(1, 1, 100, 100))


class Brightened:
    """A network each of whose pixels depends on all, on a machine that holds so many."""

    def __init__(self, pixels: int) -> None:
        self.pixels = pixels
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, frames: Tensor) -> Tensor:
        self.seen.append(tuple(frames.shape))
        if frames.numel() > self.pixels:
            raise torch.OutOfMemoryError("full")
        return enlarge(frames, 2) + frames.mean((-2, -1), keepdim=True)


def test_network_that_sees_the_whole_frame_gets_no_tiles_and_no_margin() -> None:
    model, frames = Brightened(10**6), torch.rand(2, 1, 90, 70)
    tiled = TiledModel(model, scale=2, radius=None, tile=32)
    assert torch.equal(tiled(frames), model(frames))
    assert model.seen == [(2, 1, 90, 70)] * 2


def test_out_of_memory_gives_whole_frames_in_smaller_batches(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model, frames = Brightened(2 * 90 * 70), torch.rand(5, 1, 90, 70)
    tiled = TiledModel(model, scale=2, radius=None)
    assert torch.equal(tiled(frames), Brightened(10**6)(frames))
    assert [shape[0] for shape in model.seen] == [5, 2, 2, 1]
    assert "going on with --batch-size 2" in caplog.text
    tiled(frames[:3])
    assert [shape[0] for shape in model.seen[4:]] == [2, 1]  # the small batch is kept


def test_whole_frame_that_does_not_fit_is_one_clear_error() -> None:
    tiled = TiledModel(Brightened(90 * 70 - 1), scale=2, radius=None)
    words = "out of memory on cpu with one frame of 70x90, which this network sees as a whole"
    with pytest.raises(DeviceError, match=words):
        tiled(torch.rand(3, 1, 90, 70))


@pytest.mark.parametrize("tile", [0, 7, 9, 12])
@pytest.mark.parametrize("radius", [1, 2, 3])
def test_what_the_network_gets_begins_at_multiples_of_the_unit(tile: int, radius: int) -> None:
    """A network that treats every third pixel otherwise, counted from where its input begins."""

    def mark(frames: Tensor) -> Tensor:
        result = frames.clone()
        result[..., ::3, ::3] += 1
        return result

    frames = torch.zeros(1, 1, 20, 29)
    tiled = TiledModel(mark, scale=1, radius=radius, tile=tile, unit=3)
    assert torch.equal(tiled(frames), mark(frames))


def test_other_errors_pass() -> None:
    def broken(frames: Tensor) -> Tensor:
        raise RuntimeError(f"shape {tuple(frames.shape)}")

    with pytest.raises(RuntimeError, match="shape"):
        TiledModel(broken, scale=1, radius=0)(torch.rand(1, 1, 4, 4))


@pytest.mark.parametrize(("name", "tile"), [("drcn", 256), ("vdsr", 512), ("fsrcnn", 1094)])
def test_wide_networks_get_tiles_on_a_cpu(
    name: str, tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest layer stays below 256 MiB."""
    spec = get_spec(name)
    module = spec.build(2, True).eval()
    settings = StageSettings(
        device=torch.device("cpu"), precision=torch.float32, pixel_format=require_planar("gray")
    )
    made: list[TiledModel] = []

    class Recorded(TiledModel):
        def __call__(self, frames: Tensor) -> Tensor:
            made.append(self)
            return enlarge(frames, self.scale)

    monkeypatch.setattr(stages, "TiledModel", Recorded)
    frames = [Frame((torch.rand(20, 30),), pts=0)]
    list(run_stage(frames, LoadedModel(spec=spec, module=module, scale=2), settings))
    assert [network.tile for network in made] == [tile]


@pytest.mark.parametrize(
    ("name", "values"), [("srnet3d", 160), ("2d3d-fast", 72), ("srresnet", 256)]
)
def test_windows_and_colours_count_in_the_size_of_a_tile(name: str, values: int) -> None:
    """srnet3d: five frames of 32 channels; 2d3d-fast: three of 24; srresnet: 256 at the end."""
    spec = get_spec(name)
    tile = stages.cpu_tile(spec.build(2, True).eval(), spec)
    assert tile == math.isqrt((1 << 26) // values)
    four = stages.cpu_tile(spec.build(2, True).eval(), spec, 4)
    assert four == math.isqrt((1 << 26) // (4 * values))


@pytest.mark.parametrize("is_last", [False, True])
def test_tiles_keep_the_order_of_channels_in_memory(is_last: bool) -> None:
    """To turn it for every tile cost 2d3d-fast a seventh of its time on 1280x720."""
    order = torch.channels_last if is_last else torch.contiguous_format
    frames = torch.rand(2, 3, 20, 30)
    tiled = TiledModel(lambda x: x.contiguous(memory_format=order), scale=1, radius=2, tile=8)
    result = tiled(frames)
    assert torch.equal(result, frames)
    assert result.is_contiguous(memory_format=order)
