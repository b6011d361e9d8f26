"""Scores against ground truth: by hand, by scikit-image, by FFmpeg, and by upscaling to a file."""

from __future__ import annotations

import math
import re
import subprocess
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio.v3 as iio
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio
from skimage.metrics import structural_similarity as skimage_ssim

from vsr_cli.errors import InputError
from vsr_cli.imaging.degradation import degrade_bicubic
from vsr_cli.imaging.resample import enlarge
from vsr_cli.media import write_png
from vsr_cli.models import get_spec
from vsr_cli.models.weights import WeightRecord, save_weights
from vsr_cli.pipeline.evaluate import run as evaluate
from vsr_cli.pipeline.evaluate import truth
from vsr_cli.pipeline.evaluate.run import evaluate_clips
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EncodingSpec, EvaluateSpec, UpscaleSpec

Codes = NDArray[Any]
BICUBIC = EvaluateSpec(model="bicubic", device="cpu")
EXACT = 1e-9  # two ways in float64, dB or SSIM
SHOWN = 0.01  # dB; FFmpeg prints two decimals
PUBLISHED = {2: (33.66, 0.9299), 3: (30.39, 0.8682), 4: (28.42, 0.8104)}  # bicubic on Set5


def _scene(number: int, height: int = 48, width: int = 64, *, top: int = 255) -> Codes:
    """Waves that move, with fine texture on them."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = np.sin(x / 5 + number / 3) * np.cos(y / 7 - number / 4) + 0.3 * np.sin(2.1 * x + y)
    return np.round((0.5 + 0.35 * waves).clip(0, 1) * top).astype(
        np.uint8 if top < 256 else np.uint16
    )


def _write(path: Path, frames: list[Codes], pix_fmt: str = "gray") -> Path:
    """Lossless: about ffmpeg -f rawvideo -pix_fmt gray ... -c:v ffv1 PATH."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=Fraction(25))
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=pix_fmt)))
        output.mux(stream.encode(None))
    return path


def _by_hand(hr: Codes, *, top: int = 255, scale: int = 2) -> Codes:
    """Degrade and enlarge one frame without any of the pipeline: code values as float64."""
    low = degrade_bicubic(torch.from_numpy(hr / top), scale, bits=top.bit_length()).float()
    return (enlarge(low[None, None], scale)[0, 0] * top).round().clamp(0, top).double().numpy()


def _scores(sr: Codes, hr: Codes, *, top: int = 255, border: int = 2) -> tuple[float, float]:
    """PSNR and SSIM of scikit-image."""
    inside = slice(border or None, -border or None)
    pair = [image[inside, inside].astype(np.float64) / top for image in (hr, sr)]
    psnr = peak_signal_noise_ratio(*pair, data_range=1)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    _, full = skimage_ssim(*pair, data_range=1, full=True, **options)
    return psnr, float(full[5:-5, 5:-5].mean())


def _random_weights(path: Path, name: str) -> Path:
    spec = get_spec(name)
    torch.manual_seed(7)
    module = spec.build(2 if 2 in spec.scales else 1, True)
    save_weights(path, module, WeightRecord(arch=name, scale=2, window=spec.window))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return _write(tmp_path / "clip.mkv", [_scene(n) for n in range(7)])


def test_bicubic_scores_are_those_by_hand(clip: Path) -> None:
    result = evaluate_clips([clip], BICUBIC).clips[0]
    expected = [_scores(_by_hand(_scene(n)), _scene(n)) for n in range(7)]
    found = [(frame.psnr, frame.ssim) for frame in result.per_frame]
    assert result.frames == 7
    assert np.allclose(found, expected, rtol=0, atol=EXACT)
    assert result.psnr == pytest.approx(np.mean(expected, 0)[0])


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    path = _write(tmp_path / "clip.mkv", [_scene(0, top=1023)], "gray10le")
    result = evaluate_clips([path], BICUBIC)
    expected = _scores(
        _by_hand(_scene(0, top=1023), top=1023), _scene(0, top=1023), top=1023, border=2
    )
    assert result.clips[0].psnr == pytest.approx(expected[0], abs=EXACT)
    assert result.protocol["bits"] == 10


def test_odd_truth_is_cropped_to_a_multiple_of_scale(tmp_path: Path) -> None:
    hr = _scene(0, 50, 67)
    path = _write(tmp_path / "clip.mkv", [hr])
    result = evaluate_clips([path], EvaluateSpec(model="bicubic", scale=3, device="cpu"))
    expected = _scores(_by_hand(hr, scale=3), hr[:48, :66], border=3)
    assert result.clips[0].psnr == pytest.approx(expected[0], abs=EXACT)


@pytest.mark.parametrize("model", ["nearest", "bicubic", "lanczos"])
def test_chroma_is_enlarged_as_upscale_does(
    make_clip: Callable[..., Path], tmp_path: Path, model: str
) -> None:
    truth, low = (
        make_clip(name, size=size, codec="ffv1", pix_fmt="yuv420p")
        for name, size in (("truth.mkv", (64, 48)), ("low.mkv", (32, 24)))
    )
    written = tmp_path / "sr.mkv"
    upscale_video(low, written, UpscaleSpec(model=model, device="cpu"), EncodingSpec(codec="ffv1"))
    given = EvaluateSpec(model=model, lr=low, device="cpu", channel="planes", border=0)
    compared = EvaluateSpec(against=written, channel="planes")
    found, expected = (evaluate_clips([truth], spec).mean.values for spec in (given, compared))
    assert found == expected


def test_border_is_the_callers_if_given(clip: Path) -> None:
    result = evaluate_clips([clip], EvaluateSpec(model="bicubic", device="cpu", border=0))
    expected = _scores(_by_hand(_scene(0)), _scene(0), border=0)
    assert result.clips[0].per_frame[0].psnr == pytest.approx(expected[0], abs=EXACT)


@pytest.mark.parametrize("model", ["fsrcnn", "bicubic+srnet3d"])
def test_scores_are_those_of_the_file_that_upscale_writes(tmp_path: Path, model: str) -> None:
    """Same windows, same scene cuts: here one in the middle of the clip."""
    frames = [_scene(n) if n < 4 else 255 - _scene(n) for n in range(9)]
    path = _write(tmp_path / "clip.mkv", frames)
    low = [(degrade_bicubic(torch.from_numpy(f) / 255, 2) * 255).round().byte() for f in frames]
    source = _write(tmp_path / "low.mkv", [frame.numpy() for frame in low])
    weights = (_random_weights(tmp_path / "own.safetensors", model.split("+")[-1]),)
    settings = {"model": model, "weights": weights, "device": "cpu"}
    written = tmp_path / "sr.mkv"
    report = upscale_video(source, written, UpscaleSpec(**settings), EncodingSpec(codec="ffv1"))
    assert report.scene_cuts == (None if model == "fsrcnn" else 1)

    scored = evaluate_clips([path], EvaluateSpec(**settings))
    compared = evaluate_clips([path], EvaluateSpec(against=written, border=2))
    assert scored.clips == compared.clips
    uncut = evaluate_clips([path], EvaluateSpec(**settings, scene_threshold=0))
    assert (uncut.clips == scored.clips) == (model == "fsrcnn")
    assert scored.protocol["weights"][0]["model"] == model.split("+")[-1]
    assert len(scored.protocol["weights"][0]["sha256"]) == 64


def test_given_low_resolution_takes_the_place_of_degrading(tmp_path: Path, clip: Path) -> None:
    low = [np.asarray(_scene(n, 24, 32)) for n in range(7)]
    _write(tmp_path / "low.mkv", low)
    spec = EvaluateSpec(model="bicubic", device="cpu", lr=tmp_path / "low.mkv")
    result = evaluate_clips([clip], spec)
    sr = enlarge(torch.from_numpy(low[3] / 255)[None, None], 2)[0, 0]
    expected = _scores((sr * 255).round().clamp(0, 255).numpy(), _scene(3))
    assert result.clips[0].per_frame[3].psnr == pytest.approx(expected[0], abs=1e-3)


@pytest.mark.parametrize("size", [(16, 21), (17, 22)])
def test_given_low_resolution_may_be_rounded_up_or_down(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = _write(tmp_path / "clip.mkv", [_scene(0, 50, 64)])
    low = _write(tmp_path / "low.mkv", [_scene(0, *size)])
    spec = EvaluateSpec(model="bicubic", scale=3, device="cpu", lr=low)
    assert evaluate_clips([path], spec).clips[0].frames == 1


def test_given_low_resolution_of_another_size_is_refused(tmp_path: Path, clip: Path) -> None:
    low = _write(tmp_path / "low.mkv", [_scene(0, 24, 30)])
    spec = EvaluateSpec(model="bicubic", device="cpu", lr=low)
    with pytest.raises(InputError, match=r"30x24, but .* is 64x48: at scale 2 it must be 32x24"):
        evaluate_clips([clip], spec)


def test_identical_files_have_infinite_psnr_and_ssim_1(clip: Path) -> None:
    result = evaluate_clips([clip], EvaluateSpec(against=clip))
    assert math.isinf(result.mean.psnr)
    assert result.mean.ssim == pytest.approx(1, abs=EXACT)
    document = result.to_json()
    assert document["mean"]["psnr"] is None
    assert document["clips"][0]["per_frame"][0]["psnr"] is None


def test_comparison_of_files_equals_ffmpeg(
    tmp_path: Path, clip: Path, require_tool: Callable[[str], str]
) -> None:
    other = _write(tmp_path / "sr.mkv", [_scene(n) // 2 + 40 for n in range(7)])
    words = [require_tool("ffmpeg"), "-i", other, "-i", clip, "-lavfi", "psnr", "-f", "null", "-"]
    log = subprocess.run(map(str, words), capture_output=True, text=True, check=True, timeout=60)
    shown = re.search(r"PSNR y:([\d.]+)", log.stderr)
    assert shown is not None
    found = evaluate_clips([clip], EvaluateSpec(against=other)).mean
    assert -10 * math.log10(found.mse) == pytest.approx(float(shown[1]), abs=SHOWN)


@pytest.mark.parametrize(("truth_bits", "bits"), [(8, 10), (10, 8), (8, 12)])
def test_same_picture_of_another_depth_is_the_same(
    tmp_path: Path, truth_bits: int, bits: int
) -> None:
    codes = _scene(0).astype(np.uint16)
    names = {8: "gray", 10: "gray10le", 12: "gray12le"}

    def write(name: str, bits: int) -> Path:
        dtype = np.uint8 if bits == 8 else np.uint16
        return _write(tmp_path / name, [(codes << (bits - 8)).astype(dtype)], names[bits])

    hr, sr = write("hr.mkv", truth_bits), write("sr.mkv", bits)
    result = evaluate_clips([hr], EvaluateSpec(against=sr))
    assert math.isinf(result.mean.psnr)
    assert "2^(truth's bits - bits)" in result.protocol["given_depth"]


def test_low_resolution_of_another_depth_gives_the_same_scores(tmp_path: Path, clip: Path) -> None:
    low = [_scene(n, 24, 32) for n in range(7)]
    deep = [frame.astype(np.uint16) << 2 for frame in low]
    files = _write(tmp_path / "8.mkv", low), _write(tmp_path / "10.mkv", deep, "gray10le")
    specs = [EvaluateSpec(model="bicubic", device="cpu", lr=path) for path in files]
    first, second = (evaluate_clips([clip], spec) for spec in specs)
    assert first.clips == second.clips


def test_full_range_of_another_depth_has_its_own_white(tmp_path: Path) -> None:
    codes = _scene(0)
    write_png(tmp_path / "hr.png", codes)
    iio.imwrite(tmp_path / "sr.png", codes.astype(np.uint16) * 257)
    result = evaluate_clips([tmp_path / "hr.png"], EvaluateSpec(against=tmp_path / "sr.png"))
    assert math.isinf(result.mean.psnr)


def test_numbers_of_frames_that_differ_are_both_named(tmp_path: Path, clip: Path) -> None:
    other = _write(tmp_path / "sr.mkv", [_scene(n) for n in range(4)])
    with pytest.raises(InputError, match=r"has 7 frames, but .*sr\.mkv has 4"):
        evaluate_clips([clip], EvaluateSpec(against=other))


def test_sizes_that_differ_are_both_named(tmp_path: Path, clip: Path) -> None:
    other = _write(tmp_path / "sr.mkv", [_scene(0, 48, 62)])
    with pytest.raises(InputError, match=r"is 62x48, but .* is 64x48"):
        evaluate_clips([clip], EvaluateSpec(against=other))


def test_rgb_is_not_compared_with_gray(tmp_path: Path, clip: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(InputError, match=r"is gray and .* is gbr"):
        evaluate_clips([clip], EvaluateSpec(against=tmp_path / "a.png"))


def test_folder_of_stills_is_a_clip_each(tmp_path: Path) -> None:
    for name in ("b.png", "a.png"):
        rgb = np.stack([_scene(n) for n in range(3)], axis=-1)
        write_png(tmp_path / name, rgb)
    result = evaluate_clips([tmp_path], BICUBIC)
    assert [clip.name for clip in result.clips] == ["a.png", "b.png"]
    assert "BT.601" in result.protocol["color"]
    assert result.mean.frames == 2


def test_folder_of_clips_and_stills_is_refused(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, _scene(0))
    _write(tmp_path / "c.mkv", [_scene(0)])
    with pytest.raises(InputError, match=r"both clips \(1\) and stills \(2\); name the files"):
        evaluate_clips([tmp_path], BICUBIC)


def test_given_files_match_by_name_then_stem_then_order(tmp_path: Path) -> None:
    truths = [tmp_path / "a.png", tmp_path / "b.png"]

    def folder(*names: str) -> Path:
        made = tmp_path / "-".join(names)
        made.mkdir()
        for name in names:
            (made / name).touch()
        return made

    def matched(*names: str) -> tuple[list[str], int]:
        files, warnings = truth.match_clips(truths, folder(*names))
        return [file.name for file in files], len(warnings)

    assert matched("b.png", "a.png", "c.png") == (["a.png", "b.png"], 0)
    assert matched("b.jpg", "a.jpg") == (["a.jpg", "b.jpg"], 0)
    assert matched("y.png", "x.png") == (["x.png", "y.png"], 1)
    with pytest.raises(InputError, match="holds 3 files for 2 truths"):
        matched("x.png", "y.png", "z.png")


def test_no_more_than_the_frames_in_flight_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path / "long.mkv", [_scene(n) for n in range(40)])
    longest = 0

    class Watched(deque[Any]):
        def append(self, item: Any, /) -> None:
            nonlocal longest
            super().append(item)
            longest = max(longest, len(self))

    monkeypatch.setattr(evaluate, "deque", Watched)
    weights = (_random_weights(tmp_path / "3d.safetensors", "srnet3d"),)
    spec = EvaluateSpec(model="bicubic+srnet3d", weights=weights, batch_size=2, device="cpu")
    assert evaluate_clips([path], spec).clips[0].frames == 40
    assert longest <= 2 + 2 * 2  # half a window, and one batch in each stage


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "got neither"),
        ({"model": "bicubic", "against": Path("a")}, "got both"),
        ({"against": Path("a"), "lr": Path("b")}, "--lr"),
        *(
            ({"against": Path("a"), name: value}, f"--{option} belongs to --model")
            for name, value, option in (
                ("domain", "climate", "domain"),
                ("weights", (Path("b"),), "weights"),
                ("device", "cpu", "device"),
                ("precision", "bf16", "precision"),
                ("batch_size", 4, "batch-size"),
                ("tile", 0, "tile"),
                ("scene_threshold", 0.0, "scene-threshold"),
                ("consistency", 2, "consistency"),
            )
        ),
        ({"model": "bicubic", "border": -1}, "border"),
        ({"model": "bicubic", "tile": 3}, "tile"),
        ({"model": "bicubic", "consistency": -1}, r"consistency must be in 0\.\.1000"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        EvaluateSpec(**settings)


@pytest.mark.parametrize("scale", PUBLISHED)
def test_bicubic_on_set5_is_what_tables_print(shared_data: Path, scale: int) -> None:
    """0.010 dB below at x2: the tables' luma was shrunk unrounded, here RGB of 8 bits is."""
    folder = shared_data / "test" / "Set5" / f"x{scale}"
    spec = EvaluateSpec(model="bicubic", scale=scale, device="cpu", lr=folder / "lr_matlab_bicubic")
    mean = evaluate_clips([folder / "hr"], spec).mean
    assert mean.psnr == pytest.approx(PUBLISHED[scale][0], abs=0.011)
    assert mean.ssim == pytest.approx(PUBLISHED[scale][1], abs=0.0006)
