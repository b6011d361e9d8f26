"""The street: real files in, real files out, everything counted."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from vsr_cli.errors import InputError, OutputError
from vsr_cli.frames import Frame
from vsr_cli.imaging.resample import enlarge
from vsr_cli.imaging.siting import Siting
from vsr_cli.media import open_reader
from vsr_cli.models import get_spec
from vsr_cli.models.weights import read_weights
from vsr_cli.pipeline import video
from vsr_cli.pipeline.report import Listener, Start
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec

Clip = Callable[..., Path]
Weights = tuple[Path, Path]
LOSSLESS = EncodingSpec(codec="ffv1")
BICUBIC = UpscaleSpec(model="bicubic", device="cpu")
GRAY_FIVE = {"codec": "ffv1", "pix_fmt": "gray", "name": "gray.mkv", "size": (24, 16)}


def _spec(weights: Weights, model: str = "2d3d", **settings: object) -> UpscaleSpec:
    return UpscaleSpec(model=model, weights=weights, device="cpu", **settings)  # type: ignore[arg-type]


def _pts(path: Path) -> list[Fraction]:
    """Seconds of each picture, by PyAV alone."""
    with av.open(str(path)) as container:
        return [picture.pts * Fraction(picture.time_base) for picture in container.decode(video=0)]


def _lumas(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([p.to_ndarray(format="gray") for p in container.decode(video=0)])


@pytest.mark.parametrize("length", [1, 2, 4, 5, 6])
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_frames_and_times_are_kept(
    make_clip: Clip, random_weights: Weights, tmp_path: Path, length: int, name: str
) -> None:
    source = make_clip("in.mp4", pts=[3600 * t for t in range(length)], size=(24, 16))
    report = upscale_video(source, tmp_path / name, _spec(random_weights))
    assert report.frames == report.frames_expected == length
    assert _pts(tmp_path / name) == _pts(source)


def test_three_hundred_frames_with_uneven_times(
    make_clip: Clip, random_weights: Weights, tmp_path: Path
) -> None:
    steps = np.random.default_rng(0).choice([1800, 3600, 5400], 300).cumsum()
    source = make_clip("in.mp4", pts=[int(t) for t in steps], size=(16, 16))
    report = upscale_video(source, tmp_path / "out.mp4", _spec(random_weights))
    assert report.frames == 300
    assert _pts(tmp_path / "out.mp4") == _pts(source)


def test_result_is_that_of_the_plain_networks(
    make_clip: Clip, random_weights: Weights, tmp_path: Path
) -> None:
    """Against the paper's layout, frame by frame, in float64, with windows made by hand."""
    source = make_clip(**GRAY_FIVE)
    upscale_video(
        source, tmp_path / "out.mkv", _spec(random_weights, scene_threshold=0.0), LOSSLESS
    )
    models = []
    for path, name, scale in zip(random_weights, ("fsrcnn", "srnet3d"), (2, 1), strict=True):
        model = get_spec(name).build(scale, True).double()
        model.load_state_dict(read_weights(path)[0])
        models.append(model)
    lumas = torch.from_numpy(_lumas(source)).double() / 255
    with torch.no_grad():
        upscaled = _inside(models[0], lumas[:, None], 2).clamp(0, 1)  # (T, 1, H, W)
        for middle in range(5):
            times = [min(max(middle + k, 0), 4) for k in range(-2, 3)]
            window = upscaled[times].transpose(0, 1)[None]
            expected = (_inside(models[1], window, 1)[0, 0].clamp(0, 1) * 255).numpy()
            found = _lumas(tmp_path / "out.mkv")[middle]
            assert np.abs(found - expected).max() <= 0.5 + 1e-3


def test_cut_gives_the_frames_of_the_shots_apart(
    make_clip: Clip, random_weights: Weights, tmp_path: Path
) -> None:
    """A clip of two shots, and its two shots as clips of their own."""
    height, width = 32, 48
    ramp = np.add.outer(np.arange(height), 3 * np.arange(width)) % 200
    shots = [np.stack([ramp + t for t in range(4)]), np.stack([250 - ramp - t for t in range(5)])]
    together = _write_gray(tmp_path / "both.mkv", np.concatenate(shots))
    results = []
    for number, path in enumerate(
        [together, *(_write_gray(tmp_path / f"{k}.mkv", shots[k]) for k in (0, 1))]
    ):
        target = tmp_path / f"sr{number}.mkv"
        report = upscale_video(path, target, _spec(random_weights), LOSSLESS)
        assert report.scene_cuts == (1 if number == 0 else 0)
        results.append(_lumas(target))
    assert np.array_equal(results[0], np.concatenate(results[1:]))


def test_without_the_detector_the_cut_is_felt(
    make_clip: Clip, random_weights: Weights, tmp_path: Path
) -> None:
    flat = np.concatenate([np.full((4, 32, 48), 30), np.full((4, 32, 48), 220)])
    flat[:, ::2, ::3] += 20
    source = _write_gray(tmp_path / "in.mkv", flat)
    results = []
    for number, threshold in enumerate((50.0, 0.0)):
        target = tmp_path / f"{number}.mkv"
        spec = _spec(random_weights, scene_threshold=threshold)
        upscale_video(source, target, spec, LOSSLESS)
        results.append(_lumas(target))
    assert np.array_equal(results[0][0], results[1][0])
    assert not np.array_equal(results[0][3], results[1][3])


@pytest.mark.parametrize("size", [(37, 21), (1, 1), (16, 15)])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "gray"])
def test_odd_sizes_and_chroma(
    make_clip: Clip, tmp_path: Path, size: tuple[int, int], pix_fmt: str
) -> None:
    source = make_clip("in.mkv", codec="ffv1", pix_fmt=pix_fmt, size=size)
    upscale_video(source, tmp_path / "out.mkv", BICUBIC, LOSSLESS)
    before, after = _frames(source), _frames(tmp_path / "out.mkv")
    for low, high in zip(before, after, strict=True):
        for k, (plane, larger) in enumerate(zip(low.planes, high.planes, strict=True)):
            left = Siting(0.5, 0.25) if pix_fmt == "yuv420p" and k else Siting()
            exact = enlarge(plane[None, None].double(), 2, left)[0, 0].clamp(0, 255)
            exact = exact[: larger.shape[0], : larger.shape[1]]
            assert larger.shape == exact.shape
            assert (larger - exact).abs().max() <= 0.5 + 1e-3


def test_chroma_goes_through_the_model_when_asked(
    make_clip: Clip, random_weights: Weights, tmp_path: Path
) -> None:
    source = make_clip("in.mkv", codec="ffv1", size=(24, 16))
    for name in ("bicubic", "model"):
        spec = _spec(random_weights[:1], "fsrcnn", chroma=name)
        upscale_video(source, tmp_path / f"{name}.mkv", spec, LOSSLESS)
    plain, through = _frames(tmp_path / "bicubic.mkv"), _frames(tmp_path / "model.mkv")
    assert torch.equal(plain[0].planes[0], through[0].planes[0])
    assert not torch.equal(plain[0].planes[1], through[0].planes[1])


def test_scale_one_is_bit_exact(make_clip: Clip, tmp_path: Path) -> None:
    spec = UpscaleSpec(model="bicubic", scale=1)
    for pix_fmt in ("yuv420p", "yuv420p10le", "gbrp10le", "gray10le"):
        source = make_clip(f"{pix_fmt}.mkv", codec="ffv1", pix_fmt=pix_fmt)
        target = tmp_path / f"{pix_fmt}.out.mkv"
        upscale_video(source, target, spec, LOSSLESS)
        for low, high in zip(_frames(source), _frames(target), strict=True):
            assert all(map(torch.equal, low.planes, high.planes))


@pytest.mark.parametrize("settings", [{"tile": 16}, {"batch_size": 1}, {"batch_size": 3}])
def test_tiles_and_batches_change_nothing(
    make_clip: Clip, random_weights: Weights, tmp_path: Path, settings: dict[str, int]
) -> None:
    source = make_clip(**GRAY_FIVE | {"size": (50, 37)})
    upscale_video(source, tmp_path / "a.mkv", _spec(random_weights), LOSSLESS)
    upscale_video(source, tmp_path / "b.mkv", _spec(random_weights, **settings), LOSSLESS)
    difference = _lumas(tmp_path / "a.mkv").astype(int) - _lumas(tmp_path / "b.mkv")
    assert np.abs(difference).max() <= 1  # code value, where a sum rounds the other way


def test_cut_by_time_is_exact(make_clip: Clip, tmp_path: Path) -> None:
    source = make_clip("in.mp4", pts=[9000 * t for t in range(20)], size=(16, 16))
    cut = DecodingSpec(start_s=0.5, end_s=1.2)
    report = upscale_video(source, tmp_path / "out.mp4", BICUBIC, decoding=cut)
    assert report.frames == report.frames_expected == 7
    assert _pts(tmp_path / "out.mp4") == [Fraction(t, 10) for t in range(7)]


def test_audio_is_copied(
    make_clip: Clip,
    audio_packets: Callable[[Path], list[tuple[Fraction, bytes]]],
    tmp_path: Path,
) -> None:
    source = make_clip("in.mp4", audio_start=0.0)
    upscale_video(source, tmp_path / "out.mp4", BICUBIC)
    assert audio_packets(tmp_path / "out.mp4") == audio_packets(source)


def test_failing_network_leaves_nothing(
    make_clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_clip("in.mp4")

    def broken(frames: object, *_: object) -> object:
        yield from ()
        raise RuntimeError("the network fell over")

    monkeypatch.setattr(video, "run_stages", broken)
    with pytest.raises(RuntimeError, match="fell over"):
        upscale_video(source, tmp_path / "out.mp4", BICUBIC)
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4"}


def test_lost_frame_is_an_error(
    make_clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_clip("in.mp4")
    whole = video.run_stages

    def lossy(*args: object) -> object:
        for number, frame in enumerate(whole(*args)):  # type: ignore[arg-type]
            if number != 2:
                yield frame

    monkeypatch.setattr(video, "run_stages", lossy)
    with pytest.raises(OutputError, match="has 5 frames, but 4 were upscaled"):
        upscale_video(source, tmp_path / "out.mp4", BICUBIC)
    assert not (tmp_path / "out.mp4").exists()


def test_hidden_packets_are_no_lost_frames(
    require_tool: Callable[[str], str], tmp_path: Path
) -> None:
    """VP8 in two passes has alternate reference frames, packets that show nothing."""
    source = tmp_path / "in.webm"
    picture = ["-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25", "-frames:v", "120"]
    codec = ["-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "25", "-b:v", "200k"]
    log = ["-passlogfile", str(tmp_path / "log")]
    for number, output in (("1", ["-f", "null", "-"]), ("2", [str(source)])):
        command = [require_tool("ffmpeg"), "-v", "error", *picture, *codec, *log, "-pass", number]
        subprocess.run([*command, *output], check=True)
    with av.open(str(source)) as container:
        assert sum(bool(packet.size) for packet in container.demux(video=0)) > 120
    report = upscale_video(source, tmp_path / "out.mp4", BICUBIC)
    assert report.frames == report.frames_expected == 120


def test_interrupt_leaves_nothing(make_clip: Clip, tmp_path: Path) -> None:
    class Impatient(Listener):
        def on_frame(self, number: int) -> None:
            raise KeyboardInterrupt

    source = make_clip("in.mp4")
    with pytest.raises(KeyboardInterrupt):
        upscale_video(source, tmp_path / "out.mp4", BICUBIC, listener=Impatient())
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4"}


def test_listener_and_report_say_what_ran(make_clip: Clip, tmp_path: Path) -> None:
    class Recorder(Listener):
        start: Start
        frames = 0

        def on_start(self, start: Start) -> None:
            self.start = start

        def on_frame(self, number: int) -> None:
            self.frames = number

    listener = Recorder()
    spec = UpscaleSpec(model="bicubic", device="cpu", precision="bf16")
    report = upscale_video(make_clip("in.mp4"), tmp_path / "o.mp4", spec, listener=listener)
    assert (listener.start.model, listener.start.frames, listener.frames) == ("bicubic", 5, 5)
    assert (report.device, report.precision, report.scale) == ("cpu", "bf16", 2)
    assert set(report.stages) == {"decode_s", "model_s", "encode_s"}
    assert min(report.stages.values()) >= 0
    assert report.peak_rss_mb > 10


def test_missing_input_comes_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        upscale_video(tmp_path / "no.mp4", tmp_path / "out.mp4", BICUBIC)
    assert not list(tmp_path.iterdir())


def _frames(path: Path) -> list[Frame]:
    with open_reader(path) as reader:
        return list(reader)


def _inside(model: torch.nn.Module, frames: torch.Tensor, scale: int) -> torch.Tensor:
    """A network on frames whose borders are continued by their mirror image, by NumPy."""
    margin = 12
    widths = [(0, 0)] * (frames.ndim - 2) + [(margin, margin)] * 2
    padded = torch.from_numpy(np.pad(frames.numpy(), widths, mode="symmetric"))
    result: torch.Tensor = model(padded)
    return result[..., scale * margin : -scale * margin, scale * margin : -scale * margin]


def _write_gray(path: Path, lumas: np.ndarray) -> Path:
    """About: ffmpeg -f rawvideo -pix_fmt gray -s WxH -r 25 -i - -c:v ffv1 PATH."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.pix_fmt = "gray"
        stream.height, stream.width = lumas.shape[1:]
        for luma in lumas:
            picture = av.VideoFrame.from_ndarray(luma.astype(np.uint8), format="gray")
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path
