"""Targets by width and height: which scale, which shape of pixels, which pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from vsr_cli.cli import main
from vsr_cli.errors import WeightsError
from vsr_cli.frames import ClipInfo
from vsr_cli.media import open_reader
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.models.load import available_scales
from vsr_cli.pipeline.size import OutputSize, choose_size, output_info
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EncodingSpec, UpscaleSpec

INFO = ClipInfo(720, 576, require_planar("yuv420p"), Fraction(1, 25))
BORDER = 8  # pixels where Pillow treats the border otherwise
PILLOW_KERNELS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
PILLOW = 1  # code by which Pillow's 8-bit rounding may differ


def bicubic(**size: int | Fraction | None) -> UpscaleSpec:
    return UpscaleSpec(model="bicubic", device="cpu", **size)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, (2, 1440, 1152)),
        ({"scale": 3}, (3, 2160, 1728)),
        ({"height": 1080}, (1, 1350, 1080)),
        ({"width": 1000}, (1, 1000, 800)),
        ({"width": 1920, "height": 1080}, (1, 1920, 1080)),
        ({"height": 1080, "scale": 2}, (2, 1350, 1080)),
        ({"height": 720}, (1, 900, 720)),
        ({"scale": Fraction(3)}, (3, 2160, 1728)),
        ({"scale": Fraction(3, 2)}, (1, 1080, 864)),
        ({"scale": Fraction("1.001")}, (1, 721, 577)),
    ],
)
def test_size_follows_from_what_is_asked(
    wanted: dict[str, int | Fraction], expected: tuple[int, int, int]
) -> None:
    assert choose_size(bicubic(**wanted), INFO) == OutputSize(*expected)


def test_scale_between_whole_numbers_takes_the_next_network(
    random_weights: tuple[Path, Path], make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    spec = UpscaleSpec(model="2d3d", weights=random_weights, scale=Fraction(3, 2))
    assert choose_size(spec, INFO) == OutputSize(2, 1080, 864)
    with pytest.raises(ValueError, match="with a width or height the scale must be whole, got 3/2"):
        bicubic(scale=Fraction(3, 2), height=800)
    source, target = make_clip("in.mkv", size=(64, 48)), tmp_path / "o.mkv"
    arguments = ["upscale", str(source), str(target), "--model", "lanczos", "--scale"]
    result = CliRunner().invoke(main, [*arguments, "3/2"])
    assert result.exit_code == 0, result.stderr
    with open_reader(target) as reader:
        assert (reader.info.width, reader.info.height) == (96, 72)
    result = CliRunner().invoke(main, [*arguments, "much", "--overwrite"])
    assert result.exit_code == 2
    assert "a scale is a number or a fraction (3/2), got 'much'" in result.stderr


def test_odd_shape_is_rounded_to_even_and_pixels_stay_square() -> None:
    info = replace(INFO, width=854, height=480, sample_aspect_ratio=Fraction(1))
    size = choose_size(bicubic(height=1080), info)
    assert (size.width, size.height) == (1922, 1080)
    assert output_info(info, size).sample_aspect_ratio == 1


def test_another_shape_changes_the_pixels_not_what_is_shown() -> None:
    info = replace(INFO, sample_aspect_ratio=Fraction(16, 15))  # shown as 4:3
    out = output_info(info, OutputSize(2, 1920, 1080))
    assert out.sample_aspect_ratio is not None
    assert Fraction(1920, 1080) * out.sample_aspect_ratio == Fraction(4, 3)


def test_display_matrix_grows_with_the_picture() -> None:
    turned = (0, 65536, 0, -65536, 0, 0, 576 << 16, 0, 1 << 30)
    out = output_info(replace(INFO, display_matrix=turned), OutputSize(2, 1440, 1152))
    assert out.display_matrix == (0, 65536, 0, -65536, 0, 0, 1152 << 16, 0, 1 << 30)


def test_smaller_than_the_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be smaller than the clip, which is 720x576"):
        choose_size(bicubic(height=480), INFO)


def test_network_takes_the_scale_that_its_weights_reach(random_weights: tuple[Path, Path]) -> None:
    assert available_scales("2d3d", weights=random_weights) == (2,)
    assert available_scales("bicubic") == (1,)
    assert available_scales("ibp") == (2, 3, 4)
    spec = UpscaleSpec(model="2d3d", weights=random_weights, height=576 * 3)
    assert choose_size(spec, INFO).scale == 2  # the largest there is; bicubic does the rest
    with pytest.raises(WeightsError, match="no scale of fsrcnn has weights"):
        available_scales("fsrcnn", domain="nowhere")


@pytest.mark.parametrize("model", PILLOW_KERNELS)
@pytest.mark.parametrize(("width", "height"), [(96, 72), (100, 72), (150, 130)])
@pytest.mark.parametrize("scale", [None, 3])
def test_luma_equals_that_of_pillow(
    make_clip: Callable[..., Path],
    tmp_path: Path,
    model: str,
    width: int,
    height: int,
    scale: int | None,
) -> None:
    """Also where x3 is shrunk again, antialiased: by the model's own kernel both times."""
    source = make_clip("in.mkv", codec="ffv1", size=(64, 48))
    spec = replace(bicubic(width=width, height=height, scale=scale), model=model)
    kernel = PILLOW_KERNELS[model]
    upscale_video(source, tmp_path / "out.mkv", spec, EncodingSpec(codec="ffv1"))
    with open_reader(source) as reader:
        low = next(iter(reader)).planes[0].numpy().astype(np.float32)
    with open_reader(tmp_path / "out.mkv") as reader:
        assert (reader.info.width, reader.info.height) == (width, height)
        found = next(iter(reader)).planes[0].numpy()
    picture = Image.fromarray(low, mode="F")
    if scale:
        larger = picture.resize((64 * scale, 48 * scale), kernel)
        picture = Image.fromarray(np.asarray(larger).clip(0, 255), mode="F")
    picture = picture.resize((width, height), kernel)
    expected = np.asarray(picture).clip(0, 255).round()
    difference = np.abs(found - expected)[BORDER:-BORDER, BORDER:-BORDER]
    assert difference.max() <= PILLOW


def test_network_output_is_brought_to_any_size(
    make_clip: Callable[..., Path], random_weights: tuple[Path, Path], tmp_path: Path
) -> None:
    source = make_clip("in.mkv", codec="ffv1", size=(33, 21))
    spec = UpscaleSpec(model="2d3d", weights=random_weights, device="cpu", width=51, height=40)
    report = upscale_video(source, tmp_path / "out.mkv", spec, EncodingSpec(codec="ffv1"))
    assert (report.frames, report.scale) == (5, 2)
    with open_reader(tmp_path / "out.mkv") as reader:
        frame = next(iter(reader))
        assert [tuple(plane.shape) for plane in frame.planes] == [(40, 51), (20, 26), (20, 26)]
        assert reader.info.sample_aspect_ratio == Fraction(33 * 40, 21 * 51)
