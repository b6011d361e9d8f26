"""Degradations in evaluation: against inputs made outside of it, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from vsr_cli.errors import InputError
from vsr_cli.imaging.degradation import degrade_bicubic
from vsr_cli.media import open_reader, write_png
from vsr_cli.models import get_spec
from vsr_cli.models.weights import WeightRecord, save_weights
from vsr_cli.pipeline.degrade import PLAIN, degrade_clip
from vsr_cli.pipeline.evaluate.run import Evaluation, evaluate_clips
from vsr_cli.specs import EvaluateSpec, parse_degradation
from vsr_cli.specs.degradation_text import PLAIN_RECORD

Codes = NDArray[np.uint8]
Clip = Callable[..., Path]
FRAMES = 6


def _scene(number: int, height: int = 48, width: int = 64) -> Codes:
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = np.sin(x / 5 + number / 3) * np.cos(y / 7 - number / 4) + 0.3 * np.sin(2.1 * x + y)
    return np.round((0.5 + 0.35 * waves).clip(0, 1) * 255).astype(np.uint8)


def _write(path: Path, frames: list[Codes]) -> Path:
    """Lossless gray."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "gray"
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        output.mux(stream.encode(None))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return _write(tmp_path / "clip.mkv", [_scene(n) for n in range(FRAMES)])


def _evaluate(clip: Path, chain: str = "bicubic", **settings: Any) -> Evaluation:
    options = {"model": "bicubic", "device": "cpu", **settings}
    return evaluate_clips([clip], EvaluateSpec(degradation=parse_degradation(chain), **options))


def _area(frame: Codes) -> Codes:
    return np.floor(frame.reshape(24, 2, 32, 2).mean((1, 3)) + 0.5).astype(np.uint8)


def _blurred(frame: Codes) -> Codes:
    soft = ndimage.gaussian_filter(frame * 1.0, 1.5, mode="nearest", radius=6)
    return np.floor(soft.reshape(24, 2, 32, 2).mean((1, 3)) + 0.5).astype(np.uint8)


def _compressed(frame: Codes) -> Codes:
    low = (degrade_bicubic(torch.from_numpy(frame) / 255, 2) * 255).round().byte().numpy()
    file = BytesIO()
    Image.fromarray(low).save(file, "JPEG", quality=40)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize(
    ("chain", "make"),
    [
        ("area", _area),
        ("blur:sigma=1.5+area", _blurred),
        ("jpeg:quality=40", _compressed),
    ],
)
def test_scores_are_those_of_inputs_made_by_hand(
    tmp_path: Path, clip: Path, chain: str, make: Callable[[Codes], Codes]
) -> None:
    low = _write(tmp_path / "low.mkv", [make(_scene(n)) for n in range(FRAMES)])
    found = _evaluate(clip, chain).clips
    assert found == _evaluate(clip, lr=low).clips
    assert found != _evaluate(clip).clips


@pytest.mark.parametrize("chain", ["noise:sigma=3,gain=0.2", "h264:crf=30", "h265:crf=30"])
def test_scores_are_the_same_again_and_in_other_batches(clip: Path, chain: str) -> None:
    first = _evaluate(clip, chain, batch_size=1)
    assert first.clips == _evaluate(clip, chain, batch_size=4).clips
    assert first.clips[0].frames == FRAMES
    assert first.clips[0].psnr < _evaluate(clip).clips[0].psnr


def test_other_seeds_give_other_noise_of_the_same_strength(clip: Path) -> None:
    scores = [_evaluate(clip, f"noise:sigma=8,seed={n}").clips[0].psnr for n in range(2)]
    assert scores[0] != scores[1]
    assert scores[0] == pytest.approx(scores[1], abs=0.2)


def test_codec_sees_the_chroma_of_the_clip(make_clip: Clip) -> None:
    """Luma of 4:2:0 is coded beside its chroma; without a codec chroma is left out."""
    path = make_clip("in.mkv", codec="ffv1", size=(67, 50))
    counts = {}
    for chain in ("area", "h264:crf=30"):
        with open_reader(path) as reader:
            low = list(degrade_clip(reader, reader.info, 2, parse_degradation(chain), name="in"))
        counts[chain] = {tuple(map(tuple, (p.shape for p in f.planes))) for f in low}
    assert counts == {"area": {((25, 33),)}, "h264:crf=30": {((25, 33), (13, 17), (13, 17))}}


@pytest.mark.parametrize("chain", ["noise:sigma=4", "jpeg:quality=50", "h264:crf=30"])
def test_stills_of_rgb_are_degraded_in_all_planes(tmp_path: Path, chain: str) -> None:
    rgb = np.stack([_scene(n, 50, 70) for n in range(3)], axis=-1)
    write_png(tmp_path / "a.png", rgb)
    result = _evaluate(tmp_path / "a.png", chain)
    assert 15 < result.clips[0].psnr < _evaluate(tmp_path / "a.png").clips[0].psnr


def test_clip_with_alpha_is_coded_without_it(make_clip: Clip) -> None:
    path = make_clip("in.mkv", codec="ffv1", pix_fmt="yuva420p")
    assert _evaluate(path, "h264:crf=20").clips[0].frames == 5


def test_layout_that_no_codec_has_is_named(make_clip: Clip) -> None:
    path = make_clip("in.mkv", codec="ffv1", pix_fmt="yuv440p")
    with pytest.raises(InputError, match="h264:crf=20 cannot code yuv440p"):
        _evaluate(path, "h264:crf=20")


def test_protocol_names_the_chain(tmp_path: Path, clip: Path) -> None:
    plain = _evaluate(clip).protocol
    assert (plain["degradation"], plain["degradation_chain"]) == (PLAIN, "bicubic")
    other = _evaluate(clip, "blur:sigma=1.20").protocol
    assert other["degradation_chain"] == "blur:sigma=1.2+bicubic"
    assert other["degradation"] == "blur:sigma=1.2+bicubic, rounded to the truth's bits"
    low = _write(tmp_path / "low.mkv", [_scene(n, 24, 32) for n in range(FRAMES)])
    given = _evaluate(clip, lr=low).protocol
    assert (given["degradation"], given["degradation_chain"]) == (f"given: {low}", None)
    files = evaluate_clips([clip], EvaluateSpec(against=clip)).protocol
    assert (files["degradation"], files["degradation_chain"]) == (None, None)


@pytest.mark.parametrize(
    ("record", "chain", "warned"),
    [
        (PLAIN_RECORD, "bicubic", ""),
        (PLAIN_RECORD, "area", "trained on another degradation than area: fsrcnn (bicubic)"),
        ("bicubic+noise:sigma=2", "noise:sigma=2,seed=9", ""),
        (
            "bicubic+noise:sigma=2",
            "bicubic",
            "trained on another degradation than bicubic: fsrcnn (bicubic+noise:sigma=2)",
        ),
        ("who knows", "area", ""),
        (None, "area", ""),
    ],
)
def test_weights_of_another_degradation_are_one_warning(
    tmp_path: Path, clip: Path, record: str | None, chain: str, warned: str
) -> None:
    training = {} if record is None else {"degradation": record}
    path = tmp_path / "w.safetensors"
    fields = WeightRecord(arch="fsrcnn", scale=2, training=training)
    save_weights(path, get_spec("fsrcnn").build(2, True), fields)
    result = _evaluate(clip, chain, model="fsrcnn", weights=(path,))
    assert result.warnings == ((warned,) if warned else ())


def test_given_inputs_are_not_compared_with_the_record(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "w.safetensors"
    record = WeightRecord(arch="fsrcnn", scale=2, training={"degradation": "area"})
    save_weights(path, get_spec("fsrcnn").build(2, True), record)
    low = _write(tmp_path / "low.mkv", [_scene(n, 24, 32) for n in range(FRAMES)])
    assert _evaluate(clip, model="fsrcnn", weights=(path,), lr=low).warnings == ()


def test_degradation_goes_with_a_model_alone() -> None:
    area = parse_degradation("area")
    with pytest.raises(ValueError, match="--degradation belongs to --model"):
        EvaluateSpec(against=Path("a"), degradation=area)
    with pytest.raises(ValueError, match="leave --degradation out"):
        EvaluateSpec(model="bicubic", lr=Path("a"), degradation=area)
