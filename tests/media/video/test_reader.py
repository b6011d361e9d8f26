"""Reading: planes, times, tags and mistakes."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame

from vsr_cli.errors import InputError
from vsr_cli.frames import Frame
from vsr_cli.media import VideoReader, open_reader
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.media.pixels.planes import PictureConverter, read_planes
from vsr_cli.specs import DecodingSpec

PLANAR = ["gray", "gray10le", "gray16le", "yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv410p"]
PLANAR += ["yuv440p", "yuv420p10le", "yuv422p12le", "yuv444p16le", "yuva420p", "yuva444p10le"]
PLANAR += ["gbrp10le", "gbrp16le", "gbrap12le"]
# What lies in the file -> the planar format that it is read in. "nut" holds nearly everything.
PACKED = {
    "nv12": "yuv420p",
    "yuyv422": "yuv422p",
    "rgb24": "gbrp",
    "bgr24": "gbrp",
    "rgb0": "gbrp",
    "rgba": "gbrap",
    "rgb48le": "gbrp16le",
    "ya8": "gbrap",
    "gray16be": "gray16le",
    "yuv422p10be": "yuv422p10le",
}
SIZE = (38, 22)


def read_all(path: Path, **cut: float) -> tuple[VideoReader, list[Frame]]:
    with open_reader(path, DecodingSpec(**cut)) as reader:
        return reader, list(reader)


def decode_planes(picture: VideoFrame, dtype: type) -> list[np.ndarray]:
    """The planes as PyAV holds them, without the padding of each line."""
    planes = []
    for plane in picture.planes:
        rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)
        planes.append(rows[:, : plane.width].copy())
    return planes


@pytest.mark.parametrize("pix_fmt", PLANAR)
def test_planar_formats_come_out_as_they_are(make_clip: Callable[..., Path], pix_fmt: str) -> None:
    path = make_clip(codec="ffv1", pix_fmt=pix_fmt, size=SIZE)
    reader, frames = read_all(path)
    layout = reader.info.pixel_format
    assert layout.name == pix_fmt
    with av.open(str(path)) as container:
        for frame, picture in zip(frames, container.decode(video=0), strict=True):
            expected = decode_planes(picture, np.uint8 if layout.bits == 8 else np.uint16)
            assert len(frame.planes) == layout.num_planes == len(expected)
            for index, (plane, samples) in enumerate(zip(frame.planes, expected, strict=True)):
                assert plane.shape == layout.plane_size(index, width=SIZE[0], height=SIZE[1])
                assert plane.dtype == (torch.uint8 if layout.bits == 8 else torch.uint16)
                assert plane.is_contiguous()
                np.testing.assert_array_equal(plane.numpy(), samples)


@pytest.mark.parametrize("pix_fmt", PACKED)
def test_packed_formats_lose_nothing(make_clip: Callable[..., Path], pix_fmt: str) -> None:
    path = make_clip("clip.nut", codec="rawvideo", pix_fmt=pix_fmt, size=SIZE)
    reader, frames = read_all(path)
    assert reader.info.pixel_format.name == PACKED[pix_fmt]
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
    assert picture.format.name == pix_fmt
    luma = frames[0].planes[0].numpy()
    width, height = SIZE
    if pix_fmt == "nv12":
        both = np.frombuffer(picture.planes[1], np.uint8).reshape(height // 2, -1)[:, :width]
        np.testing.assert_array_equal(frames[0].planes[1].numpy(), both[:, 0::2])
        np.testing.assert_array_equal(frames[0].planes[2].numpy(), both[:, 1::2])
    elif pix_fmt == "yuyv422":
        stored = np.frombuffer(picture.planes[0], np.uint8).reshape(height, -1)[:, : 2 * width]
        np.testing.assert_array_equal(luma, stored[:, 0::2])
        np.testing.assert_array_equal(frames[0].planes[2].numpy(), stored[:, 3::4])
    elif pix_fmt in ("rgb24", "rgba", "rgb48le", "bgr24", "rgb0"):
        channels = {"rgb24": 3, "bgr24": 3, "rgb48le": 3}.get(pix_fmt, 4)
        dtype = np.uint16 if pix_fmt == "rgb48le" else np.uint8
        stored = np.frombuffer(picture.planes[0], dtype).reshape(height, -1)
        pixels = stored[:, : channels * width].reshape(height, width, channels)
        order = [1, 0, 2] if pix_fmt == "bgr24" else [1, 2, 0]
        if pix_fmt == "rgba":
            order.append(3)
        for plane, channel in zip(frames[0].planes, order, strict=True):
            np.testing.assert_array_equal(plane.numpy(), pixels[..., channel])
    elif pix_fmt == "ya8":
        stored = np.frombuffer(picture.planes[0], np.uint8).reshape(height, -1)[:, : 2 * width]
        np.testing.assert_array_equal(luma, stored[:, 0::2])
        np.testing.assert_array_equal(frames[0].planes[3].numpy(), stored[:, 1::2])
    else:
        big = np.frombuffer(picture.planes[0], ">u2").reshape(height, -1)[:, :width]
        np.testing.assert_array_equal(luma, big)


def test_p010_is_shifted_down() -> None:
    picture = av.VideoFrame(38, 22, "p010le")
    for plane in picture.planes:
        view = np.frombuffer(plane, np.uint16)
        view[:] = (np.arange(view.size) % 1024) << 6
    luma, blue, red = read_planes(picture, require_planar("p010le"), PictureConverter())
    stored = [np.frombuffer(p, np.uint16).reshape(p.height, -1) >> 6 for p in picture.planes]
    np.testing.assert_array_equal(luma.numpy(), stored[0][:, :38])
    np.testing.assert_array_equal(blue.numpy(), stored[1][:, 0:38:2])
    np.testing.assert_array_equal(red.numpy(), stored[1][:, 1:38:2])


def test_padding_of_lines_is_left_out(make_clip: Callable[..., Path]) -> None:
    path = make_clip(codec="ffv1", size=(642, 16))
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
    assert picture.planes[0].line_size > 642
    _, frames = read_all(path)
    assert [tuple(p.shape) for p in frames[0].planes] == [(16, 642), (8, 321), (8, 321)]
    expected = decode_planes(picture, np.uint8)
    for plane, samples in zip(frames[0].planes, expected, strict=True):
        np.testing.assert_array_equal(plane.numpy(), samples)


def test_planes_outlive_the_reader(make_clip: Callable[..., Path]) -> None:
    path = make_clip(codec="ffv1")
    _, kept = read_all(path)
    _, again = read_all(path)
    assert all(torch.equal(a, b) for a, b in zip(kept[0].planes, again[0].planes, strict=True))
    kept[0].planes[0].zero_()
    assert again[0].planes[0].any()


def test_variable_frame_rate_keeps_every_time(make_clip: Callable[..., Path]) -> None:
    pts = [0, 3000, 9001, 9100, 90_000, 91_000]
    path = make_clip("clip.mp4", pts=pts, last_duration=7777, options={"bf": "0"})
    reader, frames = read_all(path)
    ticks = [frame.pts * reader.info.time_base for frame in frames]
    assert ticks == [Fraction(tick, 90_000) for tick in pts]
    assert frames[-1].duration * reader.info.time_base == Fraction(7777, 90_000)
    assert reader.frames_read == reader.packets_read == len(pts)


def test_frames_last_until_the_next_one_with_b_frames(make_clip: Callable[..., Path]) -> None:
    pts = [0, 3000, 9001, 9100, 90_000, 91_000]
    _, frames = read_all(make_clip("clip.mp4", pts=pts, options={"bf": "3"}))
    ends = [frame.pts + frame.duration for frame in frames]
    assert ends[:-1] == [frame.pts for frame in frames[1:]]


def test_old_full_range_names_become_tags(make_clip: Callable[..., Path]) -> None:
    path = make_clip("clip.avi", codec="mjpeg", pix_fmt="yuvj420p")
    reader, _ = read_all(path)
    assert reader.info.pixel_format.name == "yuv420p"
    assert reader.info.color.range == "full"


@pytest.mark.parametrize("name", ["clip.mkv", "clip.mp4", "clip.ts"])
@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [(0.0, 0.4, 0, 10), (0.48, 1.0, 12, 25), (1.001, 1.5, 26, 38), (0.5, 9.0, 13, 50)],
)
def test_cut_is_exact_to_the_frame(
    make_clip: Callable[..., Path], name: str, start: float, end: float, first: int, last: int
) -> None:
    path = make_clip(name, pts=[3600 * n for n in range(50)], options={"g": "12", "bf": "3"})
    _, whole = read_all(path)
    _, cut = read_all(path, start_s=start, end_s=end)
    assert [frame.pts for frame in cut] == [frame.pts for frame in whole[first:last]]
    for a, b in zip(cut, whole[first:last], strict=True):
        assert all(torch.equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))


def test_raw_stream_without_times_is_cut_all_the_same(make_clip: Callable[..., Path]) -> None:
    path = make_clip("clip.h264", pts=[3600 * n for n in range(30)], options={"g": "5"})
    reader, whole = read_all(path)
    assert [frame.pts for frame in whole] == [n * whole[0].duration for n in range(30)]
    assert any("no timestamp" in warning for warning in reader.warnings)
    _, cut = read_all(path, start_s=0.4, end_s=0.8)
    assert [frame.pts for frame in cut] == [frame.pts for frame in whole[10:20]]
    assert torch.equal(cut[0].planes[0], whole[10].planes[0])


def test_cut_beyond_the_end_is_an_error(make_clip: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"between start and end; the clip lasts 0\.2 s$"):
        read_all(make_clip(), start_s=100.0)


def test_cut_beyond_an_end_that_is_not_stated_is_an_error(make_clip: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"no frame lies between start and end$"):
        read_all(make_clip("clip.h264"), start_s=100.0)


@pytest.mark.parametrize(
    ("start", "end"), [(-1.0, None), (2.0, 1.0), (1.0, 1.0), (float("nan"), 2)]
)
def test_senseless_cut_is_the_callers_mistake(
    make_clip: Callable[..., Path], start: float, end: float | None
) -> None:
    with pytest.raises(ValueError, match=r"start|end"):
        open_reader(make_clip(), DecodingSpec(start_s=start, end_s=end))


def test_reader_runs_in_a_thread_and_closes_elsewhere(make_clip: Callable[..., Path]) -> None:
    frames: list[Frame] = []
    with open_reader(make_clip()) as reader:
        thread = threading.Thread(target=lambda: frames.extend(reader))
        thread.start()
        thread.join()
    assert len(frames) == 5


def test_closing_early_and_twice_is_allowed(make_clip: Callable[..., Path]) -> None:
    with open_reader(make_clip()) as reader:
        next(iter(reader))
        reader.close()
    reader.close()
    assert reader.frames_read <= 1


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_reader(tmp_path / "none.mp4")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no"):
        open_reader(tmp_path)


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(InputError, match="0 bytes"):
        open_reader(tmp_path / "empty.mp4")


def test_file_that_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(InputError, match="not a video file"):
        open_reader(path)


def test_audio_alone(tmp_path: Path) -> None:
    # ffmpeg -f lavfi -i sine=duration=0.1 -c:a pcm_s16le tone.wav
    path = tmp_path / "tone.wav"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000)
        block = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        block.sample_rate = 8000
        output.mux(stream.encode(block))
        output.mux(stream.encode(None))
    with pytest.raises(InputError, match=r"holds no video \(only audio\)"):
        open_reader(path)


def test_change_of_size_is_an_error(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    # ffmpeg -i a.h264 -c copy - ; ffmpeg -i b.h264 -c copy - : two streams behind one another
    small = make_clip("a.h264", size=(64, 48)).read_bytes()
    large = make_clip("b.h264", size=(96, 64)).read_bytes()
    path = tmp_path / "both.h264"
    path.write_bytes(small + large)
    with pytest.raises(InputError, match="the picture changes from"):
        read_all(path)


def test_names_that_look_like_options_or_urls_are_files(
    make_clip: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip("clip.mkv")
    monkeypatch.chdir(tmp_path)
    for name in ("-dash.mkv", "http:clip.mkv", "100%03d ünï.mkv"):
        shutil.copy(clip, tmp_path / name)
        assert len(read_all(Path(name))[1]) == 5
