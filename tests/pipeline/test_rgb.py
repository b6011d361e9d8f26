"""Networks that see RGB: bicubic interpolation of three channels stands in for one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import vsr_cli.pipeline.video as video
from vsr_cli.frames import ChromaLocation, ClipInfo, ColorInfo, Frame
from vsr_cli.imaging.resample import enlarge
from vsr_cli.media import open_reader, open_writer
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.models import get_spec
from vsr_cli.models.load import LoadedChain, LoadedModel
from vsr_cli.models.spec import ModelSpec
from vsr_cli.pipeline.evaluate.run import evaluate_clips
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.stages import run_stage
from vsr_cli.pipeline.transfer import to_codes, to_planes
from vsr_cli.specs import EncodingSpec, EvaluateSpec, UpscaleSpec

SIZE = (30, 44)  # (H, W)
FORMATS = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p12le", "yuva420p", "gray"]
ROUNDED = 1  # code: the same value, computed another way
SOFTENED = 0.012  # of the codes: smooth chroma, interpolated to every pixel and back


class ThreeChannels(nn.Module):
    """Bicubic enlargement that insists on RGB."""

    def forward(self, frames: Tensor) -> Tensor:
        assert frames.shape[1] == 3
        return enlarge(frames, 2)


class Swapped(ThreeChannels):
    """As before, but red becomes blue and the reverse."""

    def forward(self, frames: Tensor) -> Tensor:
        return super().forward(frames).flip(1)


def model(module: nn.Module) -> LoadedModel:
    spec = ModelSpec(
        name="stand-in",
        kind="frame",
        color="rgb",
        scales=(2,),
        window=1,
        radius=2,
        paper="none",
        build=lambda scale, residual: module,
        has_weights=False,
        pads_itself=True,
    )
    return LoadedModel(spec=spec, module=module, scale=2)


def chain(module: nn.Module) -> LoadedChain:
    return LoadedChain(stages=(model(module),), scale=2, domain=None)


def clip_info(
    name: str,
    *,
    full: bool = False,
    matrix: int = 6,
    location: ChromaLocation = "left",
    size: tuple[int, int] = SIZE,
) -> ClipInfo:
    color = ColorInfo("full" if full else "limited", matrix, chroma_location=location)
    height, width = size
    return ClipInfo(
        width, height, require_planar(name), Fraction(1, 25), color, Fraction(25), matrix=matrix
    )


def smooth_frame(info: ClipInfo) -> Frame:
    """Waves of other lengths in every plane, over three quarters of the codes."""
    planes = []
    for number in range(info.pixel_format.num_planes):
        height, width = info.pixel_format.plane_size(number, width=info.width, height=info.height)
        y, x = np.mgrid[:height, :width] + 0.5
        wave = np.sin(6.3 * y / height + number) * np.cos(6.3 * x / width - number)
        codes = (0.5 + 0.3 * wave) * info.pixel_format.max_code
        dtype = np.uint8 if info.pixel_format.bits == 8 else np.uint16
        planes.append(torch.from_numpy(codes.round().astype(dtype)))
    return Frame(tuple(planes), pts=0, duration=1)


def run(loaded: LoadedModel, frame: Frame, info: ClipInfo, *, tile: int = 0) -> list[np.ndarray]:
    spec = UpscaleSpec(device="cpu", precision="fp32", tile=tile)
    chain = LoadedChain(stages=(loaded,), scale=loaded.scale, domain=None)
    settings = StageSettings.of(spec, info, chain)
    planes = to_planes([frame], settings)
    finished = next(to_codes(run_stage(planes, loaded, settings), info.pixel_format))
    return [plane.numpy().astype(float) for plane in finished.planes]


def bicubic() -> LoadedModel:
    spec = get_spec("bicubic")
    return LoadedModel(spec=spec, module=spec.build(2, False), scale=2)


@pytest.mark.parametrize("size", [SIZE, (29, 43)])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", FORMATS)
def test_stand_in_equals_the_luma_path(name: str, full: bool, size: tuple[int, int]) -> None:
    info = clip_info(name, full=full, size=size)
    frame = smooth_frame(info)
    pairs = zip(run(model(ThreeChannels()), frame, info), run(bicubic(), frame, info), strict=True)
    for number, (found, wanted) in enumerate(pairs):
        assert found.shape == wanted.shape
        is_subsampled = info.pixel_format.plane_size(number, width=2, height=2) != (2, 2)
        limit = SOFTENED * info.pixel_format.max_code if is_subsampled else ROUNDED
        assert np.abs(found - wanted).max() <= limit


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("location", ["left", "center", "topleft"])
@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "yuv411p", "yuv444p", "gbrp"])
def test_flat_colours_keep_their_codes(name: str, location: ChromaLocation, matrix: int) -> None:
    """Saturated ones too, and codes that no RGB in [0, 1] has."""
    info = clip_info(name, location=location, matrix=matrix)
    step = 1 << (info.pixel_format.bits - 8)
    for codes in ((81, 90, 240), (16, 128, 128), (235, 128, 128), (250, 30, 200), (4, 128, 128)):
        shapes = [info.pixel_format.plane_size(k, width=44, height=30) for k in range(3)]
        planes = [
            torch.full(shape, code * step, dtype=torch.uint8 if step == 1 else torch.uint16)
            for shape, code in zip(shapes, codes, strict=True)
        ]
        for plane, code in zip(
            run(model(ThreeChannels()), Frame((*planes,), pts=0), info), codes, strict=True
        ):
            assert (plane == code * step).all()


def test_channels_are_red_green_and_blue() -> None:
    """The one that swaps red and blue does so in GBR, and in YUV makes Cr of Cb, near enough."""
    info = clip_info("gbrp")
    frame = smooth_frame(info)
    green, blue, red = run(model(ThreeChannels()), frame, info)
    swapped = run(model(Swapped()), frame, info)
    for found, wanted in zip(swapped, (green, red, blue), strict=True):
        assert np.array_equal(found, wanted)
    info = clip_info("yuv444p")
    planes = [torch.full(SIZE, code, dtype=torch.uint8) for code in (81, 90, 240)]  # red
    luma, to_blue, to_red = (
        plane.mean() for plane in run(model(Swapped()), Frame((*planes,), pts=0), info)
    )
    blue_codes = (41, 240, 110)  # of BT.601
    assert np.abs(np.subtract((luma, to_blue, to_red), blue_codes)).max() <= ROUNDED


@pytest.mark.parametrize("name", ["yuv420p", "gray", "gbrp"])
def test_tiles_equal_the_whole(name: str) -> None:
    info = clip_info(name)
    frame = smooth_frame(info)
    whole, tiled = (run(model(ThreeChannels()), frame, info, tile=tile) for tile in (0, 16))
    for left, right in zip(whole, tiled, strict=True):
        assert np.abs(left - right).max() <= ROUNDED


def test_clip_goes_from_file_to_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its tags, also to a size that is not twice its own, and with consistency."""
    info = clip_info("yuv420p10le", matrix=9, location="topleft")
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    lossless = EncodingSpec(codec="ffv1")
    with open_writer(source, info, lossless) as writer:
        for pts in range(3):
            writer.write(replace(smooth_frame(info), pts=pts))
    monkeypatch.setattr(video, "load_chain", lambda *args, **more: chain(ThreeChannels()))
    spec = UpscaleSpec(model="bicubic", scale=2, width=70, height=50, device="cpu", consistency=2)
    assert video.upscale_video(source, target, spec, lossless).frames == 3
    with open_reader(target) as reader:
        assert reader.info.color.matrix == 9
        assert reader.info.color.chroma_location == "topleft"
        shapes = [plane.shape for plane in next(iter(reader)).planes]
    assert shapes == [(50, 70), (25, 35), (25, 35)]


def test_eval_gives_it_red_green_and_blue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A red picture becomes blue, and so its luma is that of blue."""
    info = clip_info("gbrp", full=True, size=(48, 64))
    path = tmp_path / "red.mkv"
    planes = tuple(torch.full((48, 64), code, dtype=torch.uint8) for code in (0, 0, 255))
    with open_writer(path, info, EncodingSpec(codec="ffv1")) as writer:
        writer.write(Frame(planes, pts=0, duration=1))
    monkeypatch.setattr(
        "vsr_cli.pipeline.evaluate.contender.load_chain", lambda *args, **more: chain(Swapped())
    )
    found = evaluate_clips([path], EvaluateSpec(model="bicubic", device="cpu")).mean.mse
    assert found == pytest.approx(((81 - 41) / 255) ** 2, rel=1e-6)


def test_unknown_matrix_is_one_clear_error() -> None:
    info = clip_info("yuv420p", matrix=14)
    with pytest.raises(ValueError, match="colour matrix 14 cannot be converted to RGB"):
        run(model(ThreeChannels()), smooth_frame(info), info)
