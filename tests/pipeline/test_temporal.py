"""A stream of frames through the steps of a network equals the network on each window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from vsr_cli.frames import Frame
from vsr_cli.imaging.resample import enlarge
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.models import MODELS, get_spec
from vsr_cli.models.fstrn import FSTRN
from vsr_cli.models.load import LoadedModel
from vsr_cli.models.temporal import TemporalUpscaler
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.stages import run_stage
from vsr_cli.pipeline.tiling import TiledModel
from vsr_cli.pipeline.whole_windows import held_values
from vsr_cli.pipeline.window import windows

ROUNDING = 2e-6  # float32, sums in another order
GRAY = require_planar("gray")
HEIGHT, WIDTH = 13, 18
NAMES = [name for name in MODELS if isinstance(get_spec(name).build(2, True), TemporalUpscaler)]


# The same layers with few channels, for what does not depend on how many there are.
THIN: dict[str, Callable[[int], nn.Module]] = {
    "fstrn": lambda scale: FSTRN(scale, True, features=8),
}


def _model(name: str, scale: int = 2) -> LoadedModel:
    """A network whose every layer is felt."""
    torch.manual_seed(3)
    spec = get_spec(name)
    module = (THIN[name](scale) if name in THIN else spec.build(scale, True)).eval()
    for parameter in module.parameters():
        if parameter.ndim > 1 and parameter.std() < 1e-2:
            nn.init.normal_(parameter, std=0.02)
        parameter.requires_grad_(False)
    return LoadedModel(spec=spec, module=module, scale=scale)


def _clip(shots: Sequence[int]) -> list[Frame]:
    """Frames of noise, so many in each shot."""
    generator = torch.Generator().manual_seed(5)
    numbers = [number for number, length in enumerate(shots) for _ in range(length)]
    return [
        Frame(
            planes=(torch.rand(HEIGHT, WIDTH, generator=generator),),
            pts=time,
            duration=1,
            shot=shot,
        )
        for time, shot in enumerate(numbers)
    ]


def _settings(**changed: object) -> StageSettings:
    settings = StageSettings(device=torch.device("cpu"), precision=torch.float32, pixel_format=GRAY)
    return replace(settings, **changed)  # type: ignore[arg-type]


def _by_windows(frames: list[Frame], model: LoadedModel) -> list[Tensor]:
    """The network on every window for itself."""
    network = TiledModel(model.module, scale=model.scale, radius=model.spec.radius)
    return [
        network(torch.stack([frame.planes[0] for frame in window])[None, None])[0, 0].clamp(0, 1)
        for window in windows(frames, model.spec.window)
    ]


@pytest.mark.parametrize("shots", [(9,), (1,), (2,), (3, 1, 1, 6)])
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("name", NAMES)
def test_stream_equals_windows(name: str, batch_size: int, shots: tuple[int, ...]) -> None:
    model, frames = _model(name), _clip(shots)
    wanted = _by_windows(frames, model)
    found = list(run_stage(frames, model, _settings(batch_size=batch_size)))
    assert [frame.pts for frame in found] == [frame.pts for frame in frames]
    for frame, plane in zip(found, wanted, strict=True):
        assert (frame.planes[0] - plane).abs().max() < ROUNDING


@pytest.mark.parametrize("shots", [(9,), (1,), (3, 1, 1, 6)])
@pytest.mark.parametrize("tile", [None, 9])
@pytest.mark.parametrize("name", NAMES)
def test_windows_are_computed_anew_where_memory_is_short(
    name: str, tile: int | None, shots: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a step was called that keeps what it makes")

    model, frames = _model(name), _clip(shots)
    wanted = _by_windows(frames, model)
    monkeypatch.setattr("vsr_cli.pipeline.memory.free_memory", lambda _: 1000)
    monkeypatch.setattr("vsr_cli.pipeline.temporal.WindowStream.push", fail)
    found = list(run_stage(frames, model, _settings(tile=tile, batch_size=2)))
    assert [frame.pts for frame in found] == [frame.pts for frame in frames]
    for frame, plane in zip(found, wanted, strict=True):
        assert (frame.planes[0] - plane).abs().max() < ROUNDING


def test_held_values_are_those_of_all_taps() -> None:
    """2d3d-fast: 1 channel in, 24 behind the first step of 3 taps, 32 behind the second of 3."""
    module = _model("2d3d-fast").module
    assert isinstance(module, TemporalUpscaler)
    assert held_values(module) == 2 * 3 * 1 + 2 * 3 * 24 + 32


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", NAMES)
def test_tiles_equal_whole_frames(name: str, scale: int) -> None:
    model, frames = _model(name, scale), _clip((4,))
    wanted = _by_windows(frames, model)
    found = run_stage(frames, model, _settings(tile=9))
    for frame, plane in zip(found, wanted, strict=True):
        assert (frame.planes[0] - plane).abs().max() < ROUNDING


@pytest.mark.parametrize("name", NAMES)
def test_each_frame_goes_through_each_step_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _model(name)
    module = model.module
    assert isinstance(module, TemporalUpscaler)
    seen: Counter[int] = Counter()
    step = module.step

    def count(number: int, codes: Tensor) -> Tensor:
        if codes.shape[-2] != codes.shape[-1]:  # else it is the square that is tried before
            seen[number] += len(codes)
        return step(number, codes)

    monkeypatch.setattr(module, "step", count)
    assert len(list(run_stage(_clip((12,)), model, _settings()))) == 12
    later = 0  # results beside those of the clip's frames that the steps behind need
    for number in reversed(range(len(module.taps))):
        frames_alone = number == 0 and module.taps[0] == 1  # repeated frames give equal results
        assert seen[number] == 12 + (0 if frames_alone else later)
        later += module.taps[number] - 1


@pytest.mark.parametrize("name", NAMES)
def test_frames_leave_as_soon_as_their_window_is_there(name: str) -> None:
    taken = 0

    def counted() -> Iterator[Frame]:
        nonlocal taken
        for frame in _clip((20,)):
            taken += 1
            yield frame

    model = _model(name)
    results = run_stage(counted(), model, _settings(batch_size=1))
    for number, _ in enumerate(results):
        assert taken <= number + model.spec.window // 2 + 1


@pytest.mark.parametrize("name", NAMES)
def test_chroma_is_interpolated(name: str) -> None:
    model = _model(name)
    pixel_format = require_planar("yuv420p")
    chroma = torch.rand(7, 9)
    frames = [replace(f, planes=(*f.planes, chroma, chroma)) for f in _clip((3,))]
    found = list(run_stage(frames, model, _settings(pixel_format=pixel_format)))
    wanted = enlarge(chroma[None, None], 2)[0, 0, :HEIGHT]
    for frame in found:
        assert [plane.shape for plane in frame.planes] == [(26, 36), (13, 18), (13, 18)]
        assert torch.allclose(frame.planes[1], wanted.clamp(0, 1), atol=ROUNDING)


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_stays_near(name: str) -> None:
    frames = _clip((6,))
    whole, half = (
        list(run_stage(frames, _model(name), _settings(precision=precision)))
        for precision in (torch.float32, torch.bfloat16)
    )
    for one, other in zip(whole, half, strict=True):
        assert (one.planes[0] - other.planes[0]).abs().max() < 0.02
