"""Several models, or files, side by side in one pass over the truth."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from vsr_cli.errors import InputError
from vsr_cli.media import write_png
from vsr_cli.pipeline.evaluate import run as evaluate
from vsr_cli.pipeline.evaluate.evaluation import ScoredFrame, to_json
from vsr_cli.pipeline.evaluate.run import compare_models, evaluate_clips
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import EncodingSpec, EvaluateSpec, UpscaleSpec

EXACT = 1e-9  # two ways in float64
# FFmpeg takes plain 8x8 blocks in the place of a Gaussian window: 0.004 off at this little noise.
FFMPEG_SSIM = 0.01
FFMPEG_PSNR = 0.005  # dB; it prints two decimals
FRAMES = 7


def _scene(number: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:48, :64].astype(np.float64)
    waves = np.sin(x / 5 + number / 3) * np.cos(y / 7 - number / 4) + 0.3 * np.sin(2.1 * x + y)
    return np.round((0.5 + 0.35 * waves).clip(0, 1) * 255).astype(np.uint8)


def _write(path: Path, frames: list[NDArray[np.uint8]]) -> Path:
    """Lossless: about ffmpeg -f rawvideo -pix_fmt gray ... -c:v ffv1 PATH."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "gray"
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        output.mux(stream.encode(None))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return _write(tmp_path / "clip.mkv", [_scene(n) for n in range(FRAMES)])


def _spec(model: str, **settings: Any) -> EvaluateSpec:
    return EvaluateSpec(model=model, device="cpu", **settings)


def test_models_side_by_side_score_as_each_alone(
    clip: Path, random_weights: tuple[Path, Path]
) -> None:
    """A stage of windows lags behind one of frames: what waits between them is not mixed up."""
    models = ("bicubic", "fsrcnn", "fsrcnn+srnet3d", "nearest")
    together = compare_models([clip], [_spec(m, weights=random_weights) for m in models])
    assert [result.name for result in together] == list(models)
    weights = {"fsrcnn": random_weights[:1], "fsrcnn+srnet3d": random_weights}
    for model, result in zip(models, together, strict=True):
        alone = evaluate_clips([clip], _spec(model, weights=weights.get(model, ())))
        assert result.clips == alone.clips
        assert result.protocol == alone.protocol


def test_each_frame_of_the_truth_is_decoded_once(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, decoded = 0, 0
    original = evaluate.open_clip

    @contextmanager
    def counted(path: Path, **limits: int) -> Iterator[Any]:
        nonlocal opened
        opened += 1
        with original(path, **limits) as found:

            def frames() -> Iterator[Any]:
                nonlocal decoded
                for frame in found.frames:
                    decoded += 1
                    yield frame

            yield type(found)(found.path, found.info, frames(), found.warnings)

    monkeypatch.setattr(evaluate, "open_clip", counted)
    compare_models([clip], [_spec(model) for model in ("bicubic", "nearest", "lanczos")])
    assert (opened, decoded) == (1, FRAMES)


def test_files_side_by_side_score_as_each_alone(tmp_path: Path, clip: Path) -> None:
    darker = _write(tmp_path / "a.mkv", [_scene(n) // 2 for n in range(FRAMES)])
    later = _write(tmp_path / "b.mkv", [_scene(n + 1) for n in range(FRAMES)])
    specs = [EvaluateSpec(against=path) for path in (darker, later)]
    together = compare_models([clip], specs)
    for spec, result in zip(specs, together, strict=True):
        assert result.clips == evaluate_clips([clip], spec).clips
    short = _write(tmp_path / "c.mkv", [_scene(n) for n in range(3)])
    with pytest.raises(InputError, match=r"has 7 frames, but .*c\.mkv has 3"):
        compare_models([clip], [*specs, EvaluateSpec(against=short)])


def test_watcher_sees_what_is_scored(clip: Path) -> None:
    seen: list[ScoredFrame] = []
    specs = [_spec("bicubic"), _spec("nearest")]
    results = compare_models([clip], specs, watch=seen.append)
    assert [frame.number for frame in seen] == list(range(FRAMES))
    for index, result in enumerate(results):
        assert result.clips[0].per_frame == tuple(frame.scores[index] for frame in seen)
        inside = slice(2, -2)
        pair = [x.numpy()[inside, inside] for x in (seen[3].truth, seen[3].results[index])]
        expected = peak_signal_noise_ratio(*pair, data_range=1)
        assert seen[3].scores[index].psnr == pytest.approx(expected, abs=EXACT)
    assert np.array_equal(seen[3].truth.numpy() * 255, _scene(3))


def test_document_of_several_models_lists_those_of_each(clip: Path) -> None:
    results = compare_models([clip], [_spec("bicubic"), _spec("nearest")])
    document = to_json(results)
    assert document.keys() == {"models"}
    assert [one["name"] for one in document["models"]] == ["bicubic", "nearest"]
    assert {k: v for k, v in document["models"][1].items() if k != "name"} == results[1].to_json()
    assert to_json(results[:1]) == results[0].to_json()


def test_metrics_are_those_asked_for_in_their_order(clip: Path) -> None:
    spec = _spec("bicubic", metrics=("flicker", "rmse", "tpsnr"))
    result = evaluate_clips([clip], spec)
    frames = result.to_json()["clips"][0]["per_frame"]
    assert list(result.mean.values) == ["flicker", "rmse", "tpsnr"]
    assert frames[0]["tpsnr"] is None
    assert frames[1]["tpsnr"] > 0
    assert {frame["flicker"] for frame in frames} == {None}
    assert result.protocol["metrics"]["flicker"] == "flicker"
    with pytest.raises(ValueError, match="there is no psnr here, only flicker, rmse, tpsnr"):
        _ = result.mean.psnr


def test_rgb_is_scored_together(tmp_path: Path) -> None:
    hr, sr = (np.stack([_scene(n + k) for n in range(3)], -1) for k in (0, 1))
    for name, picture in (("hr.png", hr), ("sr.png", sr)):
        write_png(tmp_path / name, picture)
    settings: dict[str, Any] = {"channel": "rgb", "metrics": ("mse",)}
    files = EvaluateSpec(against=tmp_path / "sr.png", **settings)
    found = evaluate_clips([tmp_path / "hr.png"], files)
    assert found.mean.mse == pytest.approx(mean_squared_error(hr / 255, sr / 255), rel=EXACT)
    assert "R, G and B / (2^bits - 1), together" in found.protocol["color"]
    # Three grey planes that are enlarged one by one have the errors of each.
    gray = tmp_path / "gray.png"
    write_png(gray, np.stack([_scene(0)] * 3, -1))
    write_png(tmp_path / "plain.png", _scene(0))
    three = evaluate_clips([gray], _spec("bicubic", **settings)).mean.mse
    one = evaluate_clips([tmp_path / "plain.png"], _spec("bicubic", metrics=("mse",))).mean.mse
    assert three == pytest.approx(one, rel=EXACT)


def _yuv(path: Path, shift: int = 0, pix_fmt: str = "yuv420p") -> Path:
    """Three frames of colours that move, lossless, 64x48."""
    y, x = np.mgrid[:48, :64] / 6.0
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = 48, 64, pix_fmt
        for number in range(3):
            t = number + shift
            waves = [np.sin(x + t), np.cos(y - t / 2), np.sin(x / 2 - y / 3 + t)]
            rgb = np.round(128 + 90 * np.stack(waves, -1)).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)
            picture.pts = None
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


def _planes(path: Path) -> list[list[NDArray[np.uint8]]]:
    """Luma and chroma of each frame, by PyAV alone."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            whole = frame.to_ndarray(format="yuv420p")
            chroma = whole[48:].reshape(2, 24, 32)
            found.append([whole[:48], chroma[0], chroma[1]])
    return found


def test_planes_of_files_are_scored_each_by_itself(tmp_path: Path) -> None:
    hr, sr = _yuv(tmp_path / "hr.mkv"), _yuv(tmp_path / "sr.mkv", 1)
    spec = EvaluateSpec(against=sr, channel="planes", metrics=("mse", "psnr"), border=4)
    result = evaluate_clips([hr], spec)
    assert list(result.mean.values) == [f"{m}_{p}" for m in ("mse", "psnr") for p in "yuv"]
    for index, (plane, border) in enumerate((("y", 4), ("u", 2), ("v", 2))):
        inside = slice(border, -border)
        errors = [
            mean_squared_error(*(planes[index][inside, inside] / 255 for planes in pair))
            for pair in zip(_planes(hr), _planes(sr), strict=True)
        ]
        assert result.clips[0].values[f"mse_{plane}"] == pytest.approx(np.mean(errors), rel=EXACT)


@pytest.mark.parametrize("model", ["bicubic", "fsrcnn"])
@pytest.mark.parametrize("channel", ["planes", "rgb"])
def test_colours_score_as_those_of_the_file_that_upscale_writes(
    tmp_path: Path, random_weights: tuple[Path, Path], model: str, channel: str
) -> None:
    hr, low, written = _yuv(tmp_path / "hr.mkv"), tmp_path / "low.mkv", tmp_path / "sr.mkv"
    weights = random_weights[:1] if model == "fsrcnn" else ()
    _shrink(hr, low)
    encoding = EncodingSpec(codec="ffv1")
    upscale_video(low, written, UpscaleSpec(model=model, weights=weights, device="cpu"), encoding)
    settings: dict[str, Any] = {"channel": channel, "border": 2}
    scored = evaluate_clips([hr], _spec(model, weights=weights, lr=low, **settings))
    compared = evaluate_clips([hr], EvaluateSpec(against=written, **settings))
    assert scored.clips == compared.clips
    degraded = evaluate_clips([hr], _spec(model, weights=weights, **settings))
    assert degraded.mean.values == pytest.approx(scored.mean.values, rel=0.2)


def _shrink(source: Path, target: Path) -> None:
    """Means over 2x2 samples of each plane, which no part of the pipeline has made."""
    with av.open(str(target), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = 24, 32, "yuv420p"
        for planes in _planes(source):
            small = [plane.reshape(len(plane) // 2, 2, -1, 2).mean((1, 3)) for plane in planes]
            whole = np.concatenate([small[0], *(p.reshape(6, 32) for p in small[1:])])
            codes = np.round(whole).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="yuv420p")))
        output.mux(stream.encode(None))


def test_colours_of_another_format_are_refused(tmp_path: Path) -> None:
    hr, other = _yuv(tmp_path / "a.mkv"), _yuv(tmp_path / "b.mkv", pix_fmt="yuv444p")
    spec = EvaluateSpec(against=other, channel="planes")
    with pytest.raises(InputError, match=r"is yuv420p and .*b\.mkv is yuv444p"):
        evaluate_clips([hr], spec)


def test_rgb_of_a_clip_without_it_is_refused(clip: Path) -> None:
    with pytest.raises(InputError, match=r"clip\.mkv is gray: it has no colour for --channel rgb"):
        evaluate_clips([clip], _spec("bicubic", channel="rgb"))


def test_weights_of_several_models_go_where_they_belong(
    clip: Path, random_weights: tuple[Path, Path], tmp_path: Path
) -> None:
    frame, refine = random_weights
    specs = [_spec(m, weights=random_weights) for m in ("bicubic", "fsrcnn")]
    with pytest.raises(ValueError, match="is for srnet3d, which no --model has"):
        compare_models([clip], specs)
    named = Path(f"fsrcnn={frame}")
    results = compare_models([clip], [_spec(m, weights=(named,)) for m in ("bicubic", "fsrcnn")])
    assert results[0].protocol["weights"] == []
    assert [one["model"] for one in results[1].protocol["weights"]] == ["fsrcnn"]
    assert refine.exists()


def test_domain_is_for_models_with_weights_alone(clip: Path) -> None:
    specs = [_spec(model, domain="climate") for model in ("bicubic", "fsrcnn")]
    first, second = compare_models([clip], specs)
    assert (first.protocol["domain"], second.protocol["domain"]) == (None, "climate")
    assert first.warnings == ()


def test_one_pass_has_one_protocol(clip: Path) -> None:
    with pytest.raises(ValueError, match="one scale, input and protocol"):
        compare_models([clip], [_spec("bicubic"), _spec("nearest", scale=4)])
    with pytest.raises(ValueError, match="one scale, input and protocol"):
        compare_models([clip], [_spec("bicubic", border=0), EvaluateSpec(against=clip, border=0)])


@pytest.mark.parametrize("names", [(), ("bicubic", "bicubic")])
def test_models_are_named_once(clip: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="each model is named once, at least one"):
        compare_models([clip], [_spec(name) for name in names])


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"metrics": ()}, "each metric is named once"),
        ({"metrics": ("psnr", "psnr")}, "each metric is named once"),
        ({"metrics": ("sharpness",)}, "metric must be one of psnr, ssim.* got 'sharpness'"),
        ({"data_range": 0.0}, "data range must be a number above 0"),
        ({"channel": "cmyk"}, "channel must be one of luma, rgb, planes, got 'cmyk'"),
        ({"grid": "torus"}, "grid must be one of plane, sphere, got 'torus'"),
        ({"outline": "level", "channel": "rgb"}, "--outline measures luma"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        _spec("bicubic", **settings)


def test_frames_of_a_lossless_pair_score_as_by_ffmpeg(
    tmp_path: Path, clip: Path, require_tool: Callable[[str], str]
) -> None:
    draw = np.random.default_rng(3)
    noisy = [_scene(n) + draw.normal(0, 1 + n / 2, (48, 64)) for n in range(FRAMES)]
    other = _write(
        tmp_path / "sr.mkv", [frame.round().clip(0, 255).astype(np.uint8) for frame in noisy]
    )
    result = evaluate_clips([clip], EvaluateSpec(against=other)).clips[0]
    for metric, pattern, tolerance in (
        ("psnr", r"psnr_y:([\d.]+)", FFMPEG_PSNR),
        ("ssim", r" Y:([\d.]+)", FFMPEG_SSIM),
    ):
        log = tmp_path / f"{metric}.log"
        words = [require_tool("ffmpeg"), "-v", "error", "-i", other, "-i", clip]
        words += ["-lavfi", f"{metric}=stats_file={log}", "-f", "null", "-"]
        subprocess.run(list(map(str, words)), check=True, timeout=60)
        expected = [float(shown) for shown in re.findall(pattern, log.read_text())]
        found = [frame.value(metric) for frame in result.per_frame]
        assert found == pytest.approx(expected, abs=tolerance + 1e-9)
