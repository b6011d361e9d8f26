"""Alpha: read where FFmpeg's own decoders drop it, enlarged, written, and never lost in silence."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from vsr_cli.errors import InputError, OutputError
from vsr_cli.frames import Frame, FrameReader
from vsr_cli.media import check_encoding, open_reader
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import DecodingSpec, EncodingSpec, UpscaleSpec

Tool = Callable[[str], str]
BICUBIC = UpscaleSpec(model="bicubic", device="cpu")
SIZE = (64, 48)
# A moving ramp as alpha, with values between opaque and transparent and both ends of the range.
RAMP = "geq=lum='p(X,Y)':a='clip(X*6+Y*2+N*9-40,0,255)'"
DECODERS = {"vp8.webm": "libvpx", "vp9.webm": "libvpx-vp9", "vp9.mkv": "libvpx-vp9"}
# Keys' kernel reaches two pixels of the input; nearer to the edge Pillow leaves out what we mirror.
BORDER = 4
ROUNDING = 0.5 + 1e-2  # to a code value, and float32 sums in another order


def make(ffmpeg: str, path: Path, *options: str) -> Path:
    """Ten frames."""
    picture = f"testsrc2=size={SIZE[0]}x{SIZE[1]}:rate=25:duration=0.4,format=yuva420p,{RAMP}"
    command = [ffmpeg, "-v", "error", "-f", "lavfi", "-i", picture]
    subprocess.run([*command, *options, str(path)], check=True)
    return path


def make_vpx(ffmpeg: str, path: Path, *options: str) -> Path:
    codec = ["-c:v", DECODERS[path.name], "-auto-alt-ref", "0", "-b:v", "1M", "-g", "4"]
    return make(ffmpeg, path, *codec, *options)


def read(path: Path, **cut: float) -> tuple[FrameReader, list[Frame]]:
    with open_reader(path, DecodingSpec(**cut)) as reader:  # type: ignore[arg-type]
        return reader, list(reader)


def by_ffmpeg(ffmpeg: str, path: Path, pix_fmt: str, *decoder: str) -> np.ndarray:
    """All samples of each frame as the program ffmpeg gives them, one row for a frame."""
    command = [ffmpeg, "-v", "error", *decoder, "-i", str(path), "-map", "0:v:0"]
    command += ["-vsync", "passthrough", "-pix_fmt", pix_fmt, "-f", "rawvideo", "-"]
    data = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    with av.open(str(path)) as container:
        num_frames = sum(1 for _ in container.decode(video=0))
    return np.frombuffer(data, np.uint8).reshape(num_frames, -1)


def samples(frame: Frame) -> np.ndarray:
    return np.concatenate([plane.numpy().ravel() for plane in frame.planes])


def enlarged(plane: torch.Tensor, top: int) -> np.ndarray:
    """A plane of twice the size, by Pillow, whose bicubic kernel is Keys' too."""
    image = Image.fromarray(plane.numpy().astype(np.float32))
    doubled = image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC)
    return np.asarray(doubled).clip(0, top)


def assert_enlarged(found: torch.Tensor, plane: torch.Tensor, top: int = 255) -> None:
    inside = (slice(BORDER, -BORDER),) * 2
    difference = found.numpy().astype(np.float64) - enlarged(plane, top)
    assert np.abs(difference[inside]).max() <= ROUNDING


@pytest.mark.parametrize("name", DECODERS)
def test_alpha_of_vpx_is_read(tmp_path: Path, require_tool: Tool, name: str) -> None:
    """Luma, chroma and times are those of FFmpeg's decoder without alpha, alpha is libvpx's."""
    ffmpeg = require_tool("ffmpeg")
    path = make_vpx(ffmpeg, tmp_path / name)
    reader, frames = read(path)
    assert reader.info.pixel_format.name == "yuva420p"
    expected = by_ffmpeg(ffmpeg, path, "yuva420p", "-c:v", DECODERS[name])
    np.testing.assert_array_equal(np.stack([samples(frame) for frame in frames]), expected)
    assert len({bytes(frame.planes[3].numpy()) for frame in frames}) == 10
    with av.open(str(path)) as container:
        native = list(container.decode(video=0))
        colors = container.streams.video[0].codec_context
    for frame, picture in zip(frames, native, strict=True):
        assert (frame.pts, frame.duration) == (picture.pts, picture.duration)
        luma = np.frombuffer(picture.planes[0], np.uint8).reshape(SIZE[1], -1)[:, : SIZE[0]]
        np.testing.assert_array_equal(frame.planes[0].numpy(), luma)
    color = reader.info.color
    assert color.matrix == native[0].colorspace
    assert (color.primaries, color.transfer) == (colors.color_primaries, colors.color_trc)


def test_alpha_of_a_real_file_is_read(shared_data: Path, require_tool: Tool) -> None:
    path = shared_data / "awkward" / "transparent.webm"
    reader, frames = read(path)
    assert len(frames) == reader.frames_read == 150
    expected = by_ffmpeg(require_tool("ffmpeg"), path, "yuva420p", "-c:v", "libvpx-vp9")
    for frame, row in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(samples(frame), row)


def test_tag_without_alpha_in_the_packets_is_no_alpha(shared_data: Path) -> None:
    path = shared_data / "awkward" / "no_duration.webm"
    reader, frames = read(path)
    assert reader.info.pixel_format.name == "yuv420p"
    with av.open(str(path)) as container:
        assert container.streams.video[0].metadata["alpha_mode"] == "1"
        native = list(container.decode(video=0))
    assert [frame.pts for frame in frames] == [picture.pts for picture in native]


@pytest.mark.parametrize("first", [1, 4, 7])
def test_cut_has_the_alpha_of_the_whole(tmp_path: Path, require_tool: Tool, first: int) -> None:
    path = make_vpx(require_tool("ffmpeg"), tmp_path / "vp9.webm")
    _, whole = read(path)
    _, part = read(path, start_s=first / 25)
    assert [frame.pts for frame in part] == [frame.pts for frame in whole[first:]]
    for frame, other in zip(part, whole[first:], strict=True):
        assert all(map(torch.equal, frame.planes, other.planes))


def test_damaged_packet_of_alpha_is_counted(tmp_path: Path, require_tool: Tool) -> None:
    """The same error as without alpha: a packet that cannot be decoded is no frame."""
    path = make_vpx(require_tool("ffmpeg"), tmp_path / "vp9.webm")
    broken = tmp_path / "broken.webm"
    with av.open(str(path)) as source, av.open(str(broken), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        stream.metadata["alpha_mode"] = "1"
        for number, packet in enumerate(source.demux(video=0)):
            if not packet.size:
                continue
            if number == 5:
                times = packet.pts, packet.dts, packet.time_base
                packet = av.Packet(b"\xff" * 40)
                packet.pts, packet.dts, packet.time_base = times
            packet.stream = stream
            output.mux(packet)
    with pytest.raises(InputError, match=r"is damaged near 0\.20 s"):
        read(broken)


def test_alpha_is_enlarged_and_kept_in_ffv1(tmp_path: Path, require_tool: Tool) -> None:
    path = make_vpx(require_tool("ffmpeg"), tmp_path / "vp9.webm")
    _, before = read(path)
    upscale_video(path, tmp_path / "out.mkv", BICUBIC, EncodingSpec(codec="ffv1"))
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert "alpha_mode" not in container.streams.video[0].metadata
        pictures = list(container.decode(video=0))
    assert len(pictures) == 10
    for frame, picture in zip(before, pictures, strict=True):
        assert picture.format.name == "yuva420p"
        plane = np.frombuffer(picture.planes[3], np.uint8).reshape(2 * SIZE[1], -1)
        alpha = torch.from_numpy(plane[:, : 2 * SIZE[0]].copy())
        assert_enlarged(alpha, frame.planes[3])


def test_webm_keeps_alpha(tmp_path: Path, require_tool: Tool) -> None:
    ffmpeg = require_tool("ffmpeg")
    path = make_vpx(ffmpeg, tmp_path / "vp8.webm")
    _, before = read(path)
    target = tmp_path / "out.webm"
    upscale_video(path, target, BICUBIC, EncodingSpec(crf=4))
    with av.open(str(target)) as container:
        assert container.streams.video[0].metadata["alpha_mode"] == "1"
    written = by_ffmpeg(ffmpeg, target, "yuva420p", "-c:v", "libvpx-vp9")
    width, height = 2 * SIZE[0], 2 * SIZE[1]
    for frame, row in zip(before, written, strict=True):
        alpha = row[-width * height :].reshape(height, width)
        error = np.abs(alpha - enlarged(frame.planes[3], 255)).mean()
        assert error < 1  # of 255; the ramp has 6 to a pixel


def test_prores_4444_keeps_alpha(tmp_path: Path, require_tool: Tool) -> None:
    ffmpeg = require_tool("ffmpeg")
    options = ["-pix_fmt", "yuva444p10le", "-c:v", "prores_ks", "-alpha_bits", "16"]
    path = make(ffmpeg, tmp_path / "in.mov", *options)
    reader, before = read(path)
    assert reader.info.pixel_format.name == "yuva444p12le"  # what the decoder makes of it
    upscale_video(path, tmp_path / "out.mkv", BICUBIC, EncodingSpec(codec="ffv1"))
    _, after = read(tmp_path / "out.mkv")
    for frame, larger in zip(before, after, strict=True):
        assert_enlarged(larger.planes[3], frame.planes[3], 4095)
    encoding = EncodingSpec(codec="prores", pix_fmt="yuva444p10le")
    report = upscale_video(path, tmp_path / "out.mov", BICUBIC, encoding)
    assert "yuva444p12le is written as yuva444p10le, which loses something" in report.warnings[0]
    command = [require_tool("ffprobe"), "-v", "error", "-show_entries", "stream=pix_fmt"]
    shown = subprocess.check_output([*command, str(tmp_path / "out.mov")], text=True)
    assert "pix_fmt=yuva444p" in shown
    _, coded = read(tmp_path / "out.mov")
    for larger, exact in zip(coded, after, strict=True):
        difference = larger.planes[3].int() - exact.planes[3].int()
        assert difference.abs().max() <= 4  # ProRes keeps alpha without loss: 10 of 12 bits


def test_alpha_of_a_gif_is_read_and_enlarged(tmp_path: Path, require_tool: Tool) -> None:
    ffmpeg = require_tool("ffmpeg")
    palette = "split[a][b];[a]palettegen=reserve_transparent=1[p];[b][p]paletteuse"
    path = make(ffmpeg, tmp_path / "in.gif", "-vf", f"format=rgba,{palette}=alpha_threshold=99")
    reader, before = read(path)
    assert reader.info.pixel_format.name == "gbrap"
    expected = by_ffmpeg(ffmpeg, path, "gbrap")
    np.testing.assert_array_equal(np.stack([samples(frame) for frame in before]), expected)
    assert set(before[0].planes[3].unique().tolist()) == {0, 255}
    upscale_video(path, tmp_path / "out.mkv", BICUBIC, EncodingSpec(codec="ffv1"))
    _, after = read(tmp_path / "out.mkv")
    for frame, larger in zip(before, after, strict=True):
        assert_enlarged(larger.planes[3], frame.planes[3])


def test_output_that_holds_no_alpha_is_refused_unless_asked_for(
    tmp_path: Path, require_tool: Tool
) -> None:
    path = make_vpx(require_tool("ffmpeg"), tmp_path / "vp9.webm")
    for name in ("out.mp4", "out.mkv"):
        with pytest.raises(ValueError, match="libx264 cannot hold yuva420p without loss"):
            upscale_video(path, tmp_path / name, BICUBIC)
        assert not (tmp_path / name).exists()
    target = tmp_path / "out.mkv"
    report = upscale_video(path, target, BICUBIC, EncodingSpec(pix_fmt="yuv420p"))
    assert "yuva420p is written as yuv420p, which loses its alpha" in report.warnings
    with av.open(str(target)) as container:
        assert "alpha_mode" not in container.streams.video[0].metadata
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def make_gif(path: Path, *, is_transparent: bool) -> Path:
    """Six frames of a disc that moves over nothing, or over a ground of one colour."""
    pictures = []
    for number in range(6):
        ground = (0, 0, 0, 0) if is_transparent else (20, 40, 60, 255)
        picture = Image.new("RGBA", SIZE, ground)
        ImageDraw.Draw(picture).ellipse((8 + 3 * number, 8, 32 + 3 * number, 40), "#d02010ff")
        pictures.append(picture)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40, disposal=2)
    return path


@pytest.mark.parametrize(
    ("target", "codec", "decoder"),
    [
        ("out.webm", None, ("-c:v", "libvpx-vp9")),
        ("out.mkv", "ffv1", ()),
        ("out.mov", "prores", ()),
    ],
)
def test_transparent_gif_stays_transparent_where_the_codec_can(
    tmp_path: Path,
    require_tool: Tool,
    target: str,
    codec: str | None,
    decoder: tuple[str, ...],
) -> None:
    clip = make_gif(tmp_path / "clip.gif", is_transparent=True)
    strict = EncodingSpec(codec=codec, strict_streams=True)
    upscale_video(clip, tmp_path / target, BICUBIC, strict)
    ffmpeg = require_tool("ffmpeg")
    doubled = (2 * SIZE[1], 2 * SIZE[0])
    found = by_ffmpeg(ffmpeg, tmp_path / target, "rgba", *decoder)
    alpha = found.reshape(len(found), *doubled, 4)[..., 3]
    wanted = by_ffmpeg(ffmpeg, clip, "rgba")
    wanted = wanted.reshape(len(wanted), *SIZE[::-1], 4)[..., 3].repeat(2, 1).repeat(2, 2)
    assert len(alpha) == len(wanted)
    assert set(np.unique(wanted)) == {0, 255}
    is_same = (alpha > 127) == (wanted > 127)
    assert is_same.mean() > 0.99  # all but the edge of the disc


def test_transparency_that_the_codec_cannot_hold_is_named(tmp_path: Path) -> None:
    clip = make_gif(tmp_path / "clip.gif", is_transparent=True)
    message = r"libx264 cannot hold gbrap: written as yuv444p; what is transparent becomes opaque"
    with open_reader(clip) as reader:
        assert any(
            re.match(message, warning)
            for warning in check_encoding("out.mp4", EncodingSpec(), reader.info).warnings
        )
    with pytest.raises(OutputError, match=f"--strict-streams: {message}"):
        upscale_video(clip, tmp_path / "out.mp4", BICUBIC, EncodingSpec(strict_streams=True))
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(("target", "pix_fmt"), [("out.webm", "gbrp"), ("out.mp4", "yuv444p")])
def test_opaque_gif_keeps_its_colours_and_loses_nothing(
    tmp_path: Path, target: str, pix_fmt: str
) -> None:
    clip = make_gif(tmp_path / "clip.gif", is_transparent=False)
    upscale_video(clip, tmp_path / target, BICUBIC, EncodingSpec(strict_streams=True))
    with av.open(str(tmp_path / target)) as container:
        assert container.streams.video[0].format.name == pix_fmt
