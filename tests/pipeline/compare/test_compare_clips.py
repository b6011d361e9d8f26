"""Clips beside each other, from file to file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from vsr_cli.errors import InputError, OutputError
from vsr_cli.media import read_still, write_png
from vsr_cli.pipeline.compare.run import CompareReport, compare_videos
from vsr_cli.pipeline.report import Listener, Start
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import Box, CompareSpec, DecodingSpec, EncodingSpec, UpscaleSpec

Clip = Callable[..., Path]
Codes = NDArray[np.uint8]
LOSSLESS = EncodingSpec(codec="ffv1")
RED = (200, 40, 60)


def _compare(
    sources: Sequence[Path],
    target: Path,
    encoding: EncodingSpec | None = LOSSLESS,
    decoding: DecodingSpec | None = None,
    **settings: Any,
) -> CompareReport:
    """Without labels and gap, if not said otherwise."""
    spec = CompareSpec(**{"has_labels": False, "gap": 0} | settings)
    encoding = None if target.suffix == ".png" else encoding
    return compare_videos(sources, target, spec, encoding, decoding)


def _read(path: Path) -> tuple[list[Fraction], list[list[NDArray[Any]]]]:
    """Times and planes of all frames, by PyAV alone."""
    times, frames = [], []
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            planes = []
            for index, plane in enumerate(picture.planes):
                is_chroma = index > 0 and picture.format.name.startswith("yuv")
                height = picture.format.chroma_height() if is_chroma else picture.height
                width = picture.format.chroma_width() if is_chroma else picture.width
                dtype = np.uint8 if picture.format.components[0].bits == 8 else np.uint16
                samples = np.frombuffer(plane, dtype)
                stride = plane.line_size // samples.itemsize
                planes.append(samples.reshape(-1, stride)[:height, :width].copy())
            times.append(picture.pts * Fraction(picture.time_base))
            frames.append(planes)
    return times, frames


def _flat(path: Path, color: tuple[int, int, int], size: tuple[int, int], matrix: int) -> Path:
    """One picture of one colour, BT.601 (5) or BT.709 (1), by FFmpeg's scaler."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.width, context.height = size
        context.pix_fmt = "yuv420p"
        context.color_range, context.colorspace = 1, matrix
        rgb = np.empty((size[1], size[0], 3), np.uint8)
        rgb[:] = color
        picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        output.mux(stream.encode(picture.reformat(format="yuv420p", dst_colorspace=matrix)))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("layout", ["row", "column"])
def test_panels_are_those_of_ffmpeg(
    make_clip: Clip, tmp_path: Path, require_tool: Callable[[str], str], layout: str
) -> None:
    clips = [
        make_clip("a.mkv", codec="ffv1", pts=[3600 * n for n in range(6)]),
        make_clip("b.mp4", codec="ffv1", pts=[1800 * n for n in range(12)], last_duration=1800),
    ]
    expected, target = tmp_path / "expected.mkv", tmp_path / "out.mkv"
    words = [require_tool("ffmpeg"), "-v", "error", "-i", clips[0], "-i", clips[1]]
    stack = "hstack" if layout == "row" else "vstack"
    words += ["-lavfi", f"[0][1]{stack}", "-fps_mode", "passthrough", "-c:v", "ffv1", expected]
    subprocess.run(list(map(str, words)), check=True, timeout=60)
    report = _compare(clips, target, layout=layout)
    assert report.frames == 12
    found, wanted = _read(target), _read(expected)
    assert found[0] == wanted[0]
    for frame, other in zip(found[1], wanted[1], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(frame, other, strict=True))


def test_split_picture_has_a_line_between_its_parts(make_clip: Clip, tmp_path: Path) -> None:
    first = make_clip("a.mkv", codec="ffv1", pix_fmt="yuv420p10le")
    # The same times, other pictures.
    second = make_clip("b.mkv", codec="ffv1", pix_fmt="yuv420p10le", size=(64, 48), pts=range(5))
    target = tmp_path / "out.png"
    report = _compare([first, second], tmp_path / "out.mkv", layout="split", position=0.25)
    assert (report.width, report.height, report.frames) == (64, 48, 9)
    _, frames = _read(tmp_path / "out.mkv")
    (left, *_), (right, *_) = (_read(path)[1][0] for path in (first, second))
    luma, *chroma = frames[0]
    assert np.array_equal(luma[:, :16], left[:, :16])
    assert (luma[:, 16:18] == 940).all()
    assert np.array_equal(luma[:, 18:], right[:, 18:])
    assert (chroma[0][:, 8] == 512).all()
    assert not target.exists()


def test_smaller_clip_is_what_upscale_makes_of_it(make_clip: Clip, tmp_path: Path) -> None:
    low, high = make_clip("low.mkv", codec="ffv1", size=(32, 24)), make_clip("hr.mkv", codec="ffv1")
    for kernel in ("bicubic", "nearest"):
        enlarged, target = tmp_path / f"{kernel}.mkv", tmp_path / f"{kernel}-row.mkv"
        upscale_video(low, enlarged, UpscaleSpec(model=kernel, scale=2, device="cpu"), LOSSLESS)
        _compare([low, high], target, resize=kernel)
        for shown, left, right in zip(
            *(_read(p)[1] for p in (target, enlarged, high)), strict=True
        ):
            for plane, a, b in zip(shown, left, right, strict=True):
                assert np.array_equal(plane, np.hstack([a, b]))


def test_colours_of_other_matrices_look_the_same(tmp_path: Path) -> None:
    low = _flat(tmp_path / "low.mkv", RED, (32, 24), 5)
    high = _flat(tmp_path / "hr.mkv", RED, (64, 48), 1)
    gray = tmp_path / "gray.png"
    write_png(gray, np.full((48, 64), 90, np.uint8))
    _compare([low, high, gray], tmp_path / "out.png")
    planes = read_still(tmp_path / "out.png")[0].planes
    shown = np.stack([planes[index].numpy() for index in (2, 0, 1)], -1).astype(int)
    assert shown.shape == (48, 192, 3)
    for number, color in enumerate((RED, RED, (90, 90, 90))):
        assert np.abs(shown[:, 64 * number + 8 : 64 * number + 56] - color).max() <= 2
    # In a video too, whose tags say how it is to be shown.
    _compare([low, high], tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        picture = next(container.decode(video=0))
    assert picture.colorspace == 1
    rgb = picture.to_ndarray(format="rgb24").astype(int)
    assert np.abs(rgb - RED).max() <= 4


def test_colours_that_cannot_be_right_are_told(make_clip: Clip, tmp_path: Path) -> None:
    tags = [(1, 6, 6, 6), (1, 1, 1, 16)]  # range, matrix, primaries, transfer
    sizes = [(64, 48), (128, 96)]
    sd, hd = (
        make_clip(f"{size[0]}.mkv", codec="ffv1", size=size, tags=tag)
        for size, tag in zip(sizes, tags, strict=True)
    )
    told = _compare([sd, hd], tmp_path / "o.png").warnings
    assert [line.split(" has the ")[1].split(":")[0] for line in told] == [
        "primaries smpte170m and is shown as if they were bt709",
        "transfer smpte170m and is shown as if they were smpte2084",
    ]
    low, high = (
        make_clip(f"{height}.mkv", codec="ffv1", size=(96, height), sar=sar, pts=[0])
        for height, sar in ((360, Fraction(1)), (720, Fraction(2)))
    )
    (line,) = _compare([low, high], tmp_path / "p.png").warnings[:1]
    assert "states no matrix and is taken for smpte170m by its height, the largest" in line


def test_pictures_side_by_side_are_exact(tmp_path: Path) -> None:
    codes = np.random.default_rng(1).integers(0, 256, (2, 20, 30, 3)).astype(np.uint8)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, picture in zip(paths, codes, strict=True):
        write_png(path, picture)
    report = _compare(paths, tmp_path / "out.png")
    planes = read_still(tmp_path / "out.png")[0].planes
    shown = np.stack([planes[index].numpy() for index in (2, 0, 1)], -1)
    assert np.array_equal(shown, np.hstack([*codes]))
    assert (report.frames, report.start_s, report.end_s) == (1, 0, 0)


def test_part_is_magnified(tmp_path: Path) -> None:
    codes = np.random.default_rng(2).integers(0, 256, (2, 20, 30)).astype(np.uint8)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, picture in zip(paths, codes, strict=True):
        write_png(path, picture)
    _compare(paths, tmp_path / "out.png", crop=Box(5, 3, 7, 9), zoom=4, layout="column")
    (shown,) = read_still(tmp_path / "out.png")[0].planes
    parts = [np.kron(picture[3:12, 5:12], np.ones((4, 4), np.uint8)) for picture in codes]
    assert np.array_equal(shown.numpy(), np.vstack(parts))


def test_difference_is_a_panel_for_each_other_clip(tmp_path: Path) -> None:
    paths = [tmp_path / f"{code}.png" for code in (50, 60, 30)]
    for path in paths:
        write_png(path, np.full((10, 10), int(path.stem), np.uint8))
    report = _compare(paths, tmp_path / "out.png", difference=True, gain=2, layout="grid", gap=2)
    (shown,) = read_still(tmp_path / "out.png")[0].planes
    assert (report.width, report.height) == (34, 22)
    places = [(0, 0, 50), (0, 12, 60), (0, 24, 30), (12, 0, 20), (12, 12, 40), (12, 24, 0)]
    for y, x, code in places:
        assert shown[y : y + 10, x : x + 10].eq(code).all()
    assert shown[10:12].eq(0).all()


def test_labels_are_drawn_and_nothing_else_changes(make_clip: Clip, tmp_path: Path) -> None:
    clips = [make_clip(f"{name}.mkv", codec="ffv1", size=(320, 240)) for name in "ab"]
    _compare(clips, plain := tmp_path / "plain.mkv")
    report = _compare(clips, named := tmp_path / "named.mkv", has_labels=True)
    assert report.labels == ["a.mkv", "b.mkv"]
    before, after = (_read(path)[1][0][0].astype(int) for path in (plain, named))
    changed = before != after
    rows, columns = np.nonzero(changed)
    assert rows.max() < 24
    assert columns[columns < 320].max() < 80
    assert columns[columns >= 320].max() < 400
    assert after[changed].max() > 200  # letters
    assert after[:24][changed[:24]].mean() < before[:24][changed[:24]].mean()  # on a dark box


def test_times_are_written_below(make_clip: Clip, tmp_path: Path) -> None:
    slow = make_clip("a.mkv", codec="ffv1", size=(320, 240), pts=[0, 18_000])
    fast = make_clip("b.mkv", codec="ffv1", size=(320, 240), pts=[0, 9000, 18_000])
    _compare([slow, fast], plain := tmp_path / "plain.mkv")
    _compare([slow, fast], timed := tmp_path / "timed.mkv", has_times=True)
    shown = []
    for before, after in zip(_read(plain)[1], _read(timed)[1], strict=True):
        rows, columns = np.nonzero(before[0] != after[0])
        assert rows.min() > 216
        assert {0, 1} == {*(columns // 320)}
        shown.append(before[0][216:, :320])
    # The first clip's frame stays, and so does the time that is written on it.
    times = [frame[0][216:, :320] for frame in _read(timed)[1]]
    assert np.array_equal(shown[0], shown[1])
    assert np.array_equal(times[0], times[1])
    assert not np.array_equal(times[1], times[2])


def test_label_without_room_is_told(make_clip: Clip, tmp_path: Path) -> None:
    clips = [make_clip(f"{name}.mkv", codec="ffv1") for name in "ab"]
    told = _compare(clips, tmp_path / "o.mkv", has_labels=True, layout="split", position=0.2)
    assert told.warnings == ["no room for the label 'a.mkv'"]
    small = [make_clip(f"{name}s.mkv", codec="ffv1", size=(64, 16)) for name in "ab"]
    told = _compare(small, tmp_path / "s.mkv", has_labels=True)
    assert told.warnings == ["16 rows are too few for letters; try --zoom, or --no-labels"]


def test_sound_and_times_of_the_first_clip_are_kept(
    make_clip: Clip, tmp_path: Path, audio_packets: Callable[[Path], list[tuple[Fraction, bytes]]]
) -> None:
    first = make_clip("a.mp4", audio_start=0.0, pts=[0, 3600, 9000, 12_000, 20_000])
    second = make_clip("b.mp4", pts=[0, 3600, 9000, 12_000, 20_000], size=(32, 24))
    target = tmp_path / "out.mp4"
    report = _compare([first, second], target, None)
    assert _read(target)[0] == _read(first)[0]
    assert audio_packets(target) == audio_packets(first)
    assert report.warnings == []


def test_sound_ends_with_the_shortest_clip(
    make_clip: Clip, tmp_path: Path, audio_packets: Callable[[Path], list[tuple[Fraction, bytes]]]
) -> None:
    first = make_clip("a.mp4", audio_start=0.0, pts=[3600 * n for n in range(25)])
    second = make_clip("b.mp4", pts=[3600 * n for n in range(10)])
    _compare([first, second], target := tmp_path / "out.mp4", None, shortest=True)
    before = audio_packets(first)
    assert audio_packets(target) == [packet for packet in before if packet[0] < Fraction(2, 5)]
    assert before[-1][0] > Fraction(9, 10)


def test_cut_shows_what_was_on_the_screen(make_clip: Clip, tmp_path: Path) -> None:
    # The second clip's frame of 0.1 s is there until 3 s: it is found from a cut at 2 s.
    first = make_clip("a.mkv", codec="ffv1", pts=[3600 * n for n in range(100)])
    second = make_clip("b.mkv", codec="ffv1", pts=[0, 9000, 270_000])
    target = tmp_path / "out.mkv"
    report = _compare([first, second], target, decoding=DecodingSpec(start_s=2, end_s=2.2))
    assert (report.frames, report.start_s, report.end_s) == (5, 2.0, 2.2)
    times, frames = _read(target)
    assert times == [Fraction(n, 25) for n in range(5)]
    sources = [_read(path)[1] for path in (first, second)]
    for number, (luma, *_) in enumerate(frames):
        expected = np.hstack([sources[0][50 + number][0], sources[1][1][0]])
        assert np.array_equal(luma, expected)


def test_moment_of_clips_that_start_apart(make_clip: Clip, tmp_path: Path) -> None:
    first = make_clip("a.mkv", codec="ffv1", pix_fmt="gray")
    late = make_clip(
        "b.mkv", codec="ffv1", pix_fmt="gray", pts=[90_000 + 3600 * n for n in range(5)]
    )
    report = _compare([first, late], tmp_path / "a.png", at_s=0.05)
    (shown,) = read_still(tmp_path / "a.png")[0].planes
    assert np.array_equal(shown[:, :64].numpy(), _read(first)[1][1][0])
    assert shown[:, 64:].eq(0).all()
    assert "begins at 1.000 s and" in report.warnings[0]
    _compare([first, late], tmp_path / "b.png", at_s=0.05, align="first")
    (shown,) = read_still(tmp_path / "b.png")[0].planes
    assert np.array_equal(shown[:, 64:].numpy(), _read(late)[1][1][0])


def test_small_offset_is_told_and_can_be_taken_off(make_clip: Clip, tmp_path: Path) -> None:
    first = make_clip("a.mkv", codec="ffv1")
    late = make_clip("b.mkv", codec="ffv1", pts=[900 + 3600 * n for n in range(5)])
    report = _compare([first, late], tmp_path / "a.mkv.mkv")
    assert report.frames == 10  # each panel changes by itself
    assert "begins at 0.010 s and" in report.warnings[0]
    report = _compare([first, late], tmp_path / "b.mkv.mkv", align="first")
    assert (report.frames, report.warnings) == (5, [])


def test_clip_that_ends_early_is_told(make_clip: Clip, tmp_path: Path) -> None:
    clips = [make_clip("a.mkv", codec="ffv1"), make_clip("b.mkv", codec="ffv1", pts=[0, 3600])]
    report = _compare(clips, tmp_path / "held.mkv")
    assert report.frames == 5
    assert [w for w in report.warnings if "b.mkv ends at 0.080 s, the comparison at 0.200 s" in w]
    _, frames = _read(tmp_path / "held.mkv")
    assert np.array_equal(frames[4][0][:, 64:], _read(clips[1])[1][1][0])
    report = _compare(clips, tmp_path / "short.mkv", shortest=True)
    assert (report.frames, report.end_s, report.warnings) == (2, 0.08, [])


def test_picture_stays_beside_a_video(make_clip: Clip, tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.full((48, 64), 90, np.uint8))
    video = make_clip("b.mkv", codec="ffv1", pix_fmt="gray")
    report = _compare([tmp_path / "a.png", video], tmp_path / "out.mkv")
    assert (report.frames, report.warnings) == (5, [])
    assert all((planes[0][:, :64] == 90).all() for planes in _read(tmp_path / "out.mkv")[1])


def test_clip_of_another_shape_is_not_stretched(make_clip: Clip, tmp_path: Path) -> None:
    wide = make_clip("a.mkv", codec="ffv1", pix_fmt="gray", size=(96, 48))
    square = make_clip("b.mkv", codec="ffv1", pix_fmt="gray", size=(24, 24))
    report = _compare([wide, square], tmp_path / "out.png")
    (shown,) = read_still(tmp_path / "out.png")[0].planes
    panel = shown[:, 96:]
    assert panel[:, :24].eq(0).all()
    assert panel[:, 72:].eq(0).all()
    assert panel[:, 24:72].float().std() > 1
    assert "is shown as 48x48 in 96x48, with black around it" in report.warnings[0]
    anamorphic = make_clip("c.mp4", size=(48, 48), sar=Fraction(2))
    assert _compare([wide, anamorphic], tmp_path / "sar.png").warnings == []


def test_turned_clip_is_shown_upright(make_clip: Clip, tmp_path: Path) -> None:
    turned = make_clip("a.mp4", rotation=90)
    upright = make_clip("b.mp4", size=(48, 64))
    report = _compare([turned, upright], tmp_path / "out.png")
    assert (report.panel_width, report.panel_height, report.warnings) == (48, 64, [])


def test_names_that_are_alike_are_told_apart(make_clip: Clip, tmp_path: Path) -> None:
    clip = make_clip("a.mkv", codec="ffv1")
    (tmp_path / "other").mkdir()
    other = clip.rename(tmp_path / "other" / "a.mkv")
    clip = make_clip("a.mkv", codec="ffv1")
    assert _compare([clip, other], tmp_path / "o.mkv").labels == [str(clip), str(other)]


def test_memory_holds_a_few_frames(make_clip: Clip, tmp_path: Path) -> None:
    """The readers are never further ahead of the encoder than the queues are long."""
    clips = [
        make_clip(f"{name}.mkv", codec="ffv1", pts=[3600 * n for n in range(80)]) for name in "ab"
    ]
    ahead: list[int] = []

    class Watch(Listener):
        readers: Sequence[Any] = ()

        def on_start(self, start: Start) -> None:
            assert start.frames == 80

        def on_frame(self, number: int) -> None:
            ahead.append(max(reader.frames_read for reader in Watch.readers) - number)

    from vsr_cli.pipeline.compare import clips as compare_clips

    opened: list[Any] = []
    original = compare_clips.open_reader

    def spy(*args: Any) -> Any:
        opened.append(original(*args))
        return opened[-1]

    Watch.readers = opened
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare_clips, "open_reader", spy)
        compare_videos(clips, tmp_path / "o.mkv", CompareSpec(), LOSSLESS, listener=Watch())
    assert len(ahead) == 80
    assert max(ahead) <= 16


@pytest.mark.parametrize(
    ("settings", "error", "complaint"),
    [
        ({"labels": ("one",), "has_labels": True}, ValueError, "--label once for each of the 2"),
        ({"crop": Box(60, 0, 10, 10)}, ValueError, "crop 60,0,10,10 lies outside.* is 64x48"),
        ({"at_s": 1.0}, ValueError, r"--at is for one picture, such as out\.png"),
        ({"layout": "split", "position": 0.001}, ValueError, "too few to be split there"),
        ({"decoding": DecodingSpec(start_s=9)}, InputError, "nothing is shown between"),
    ],
)
def test_what_cannot_be_is_refused(
    make_clip: Clip, tmp_path: Path, settings: dict[str, Any], error: type, complaint: str
) -> None:
    clips = [make_clip("a.mkv", codec="ffv1"), make_clip("b.mkv", codec="ffv1")]
    with pytest.raises(error, match=complaint):
        _compare(clips, tmp_path / "out.mkv", **settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "b.mkv"]


def test_damage_in_the_middle_leaves_nothing(make_clip: Clip, tmp_path: Path) -> None:
    good = make_clip("a.mkv", codec="ffv1", pts=[3600 * n for n in range(40)])
    bad = make_clip("b.mkv", codec="ffv1", pts=[3600 * n for n in range(40)])
    bad.write_bytes(bad.read_bytes()[: -bad.stat().st_size // 3])
    with pytest.raises(InputError):
        _compare([good, bad], tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()
    (tmp_path / "out.mkv").write_text("here")
    with pytest.raises(OutputError, match="exists"):
        _compare([good, good], tmp_path / "out.mkv")
