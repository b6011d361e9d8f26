"""Peers: the same pictures as ours where they should be, and one line where one is missing."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from vsr_cli.bench.peers import PEERS, MissingPeerError, check_peer
from vsr_cli.bench.peers.contender import Contender
from vsr_cli.bench.peers.ffmpeg import FfmpegFile
from vsr_cli.bench.peers.frames import FrameContender
from vsr_cli.bench.peers.own import OwnFile, OwnFrames
from vsr_cli.bench.peers.plain import PlainFile, PlainFrames
from vsr_cli.bench.peers.process import ContenderProcess
from vsr_cli.bench.peers.race import COURSES, Race, make_contender
from vsr_cli.bench.setting import Setting
from vsr_cli.errors import InputError, VsrError
from vsr_cli.media import open_reader
from vsr_cli.models import get_spec
from vsr_cli.models.weights import WeightRecord, save_weights
from vsr_cli.specs import BenchSpec

MakeSetting = Callable[..., Setting]
BORDER = 36  # pixels of the output that the padding of fsrcnn and srnet3d at x2 reaches
WIDE = BenchSpec(size=(48, 44), frames=3, repeats=1)


def _picture(contender: Contender) -> np.ndarray:
    assert contender.round() > 0
    picture = contender.picture()
    assert picture is not None
    return picture


def _inside(picture: np.ndarray) -> np.ndarray:
    return picture[BORDER:-BORDER, BORDER:-BORDER]


@pytest.mark.parametrize("model", ["2d3d", "srnet3d+fsrcnn"])
def test_plain_networks_give_our_picture_away_from_the_border(
    model: str, make_setting: MakeSetting, random_weights: tuple[Path, Path]
) -> None:
    setting = make_setting(WIDE, model=model, weights=random_weights)
    ours, plain = _picture(OwnFrames(setting)), _picture(PlainFrames(setting))
    assert ours.shape == plain.shape == (88, 96)
    assert np.abs(_inside(ours) - _inside(plain)).max() <= 1.001 / 255
    assert not np.array_equal(ours, plain)  # at the border they pad with zeros, and we mirror


def test_plain_networks_compute_2d_results_again_for_each_window(
    make_setting: MakeSetting, random_weights: tuple[Path, Path]
) -> None:
    plain = PlainFrames(make_setting(model="2d3d", weights=random_weights))
    stages = [module for _, module in plain.networks._stages]
    kinds = {type(layer) for stage in stages for layer in stage.modules()}
    assert {nn.ConvTranspose2d, nn.Conv3d} <= kinds  # nothing is rewritten
    calls: list[int] = []
    stages[0].register_forward_hook(lambda *_: calls.append(1))
    plain.round()
    assert len(calls) == 5 * 6  # frames of a window, windows


def test_plain_file_holds_the_pictures_of_a_run(
    make_setting: MakeSetting, random_weights: tuple[Path, Path]
) -> None:
    setting = make_setting(WIDE, model="2d3d", weights=random_weights)
    for contender in (PlainFile(setting), OwnFile(setting)):
        assert contender.round() > 0
    plain, ours = (_decoded(setting.folder / name) for name in ("plain.mkv", "out.mkv"))
    assert len(plain[0]) == len(ours[0]) == 3
    luma = np.abs(plain[0].astype(int) - ours[0])[:, BORDER:-BORDER, BORDER:-BORDER]
    chroma = np.abs(plain[1].astype(int) - ours[1])
    assert max(luma.max(), chroma.max()) <= 1


def _decoded(path: Path) -> list[np.ndarray]:
    """Planes of all frames, (T, H, W) each."""
    with open_reader(path) as reader:
        frames = list(reader)
    return [np.stack([f.planes[k].numpy() for f in frames]) for k in range(3)]


def test_plain_is_for_luma(make_setting: MakeSetting, tmp_path: Path) -> None:
    path = tmp_path / "srresnet.safetensors"
    record = WeightRecord(arch="srresnet", scale=2, domain="test")
    save_weights(path, get_spec("srresnet").build(2, True), record)
    with pytest.raises(ValueError, match="srresnet sees RGB"):
        PlainFrames(make_setting(model="srresnet", weights=(path,)))


@pytest.mark.slow
def test_onnxruntime_gives_our_picture_away_from_the_border(
    make_setting: MakeSetting, random_weights: tuple[Path, Path]
) -> None:
    for package in PEERS["onnxruntime"].packages:
        pytest.importorskip(package)
    from vsr_cli.bench.peers.onnx import OnnxFrames

    setting = make_setting(WIDE, model="2d3d", weights=random_weights)
    ours, theirs = _picture(OwnFrames(setting)), _picture(OnnxFrames(setting))
    assert np.abs(_inside(ours) - _inside(theirs)).max() <= 1.001 / 255


@pytest.fixture
def opencv_model(shared_data: Path) -> Path:
    """OpenCV's FSRCNN; skips without OpenCV or its file."""
    pytest.importorskip("cv2", reason="needs OpenCV: pip install opencv-contrib-python-headless")
    path = shared_data / "peers" / "FSRCNN_x2.pb"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    return path


def test_opencv_enlarges_the_same_frames(make_setting: MakeSetting, opencv_model: Path) -> None:
    """Another network with weights of its own: near our bicubic, and of our size."""
    from vsr_cli.bench.peers.opencv import OpencvFrames

    spec = BenchSpec(size=(48, 44), frames=3, peer="opencv", peer_model=opencv_model)
    setting = make_setting(spec, model="bicubic")
    ours, theirs = _picture(OwnFrames(setting)), _picture(OpencvFrames(setting))
    assert ours.shape == theirs.shape
    assert np.abs(_inside(ours) - _inside(theirs)).mean() < 0.03


def test_opencv_with_a_network_of_another_scale_is_an_error(
    make_setting: MakeSetting, opencv_model: Path
) -> None:
    from vsr_cli.bench.peers.opencv import OpencvFrames

    spec = BenchSpec(size=(48, 32), frames=2, peer="opencv", peer_model=opencv_model)
    setting = make_setting(spec, model="bicubic", scale=3)
    with pytest.raises(VsrError, match=r"pixels, asked for were 144x96|cannot use"):
        OpencvFrames(setting).round()


def test_ffmpeg_scales_the_clip_with_our_settings(
    make_setting: MakeSetting, require_tool: Callable[[str], str]
) -> None:
    """Its bicubic has a = -0.6 where ours has -0.5: near, not equal; ffv1 loses nothing."""
    require_tool("ffmpeg")
    setting = make_setting(WIDE, model="bicubic")
    for contender in (FfmpegFile(setting), OwnFile(setting)):
        contender.warm_up()
        assert contender.round() >= 0
    theirs, ours = (_decoded(setting.folder / name) for name in ("ffmpeg.mkv", "out.mkv"))
    assert theirs[0].shape == ours[0].shape == (3, 88, 96)
    assert np.abs(theirs[0].astype(int) - ours[0]).mean() < 1.5  # code values


def test_failing_ffmpeg_says_why(
    make_setting: MakeSetting, require_tool: Callable[[str], str]
) -> None:
    require_tool("ffmpeg")
    setting = make_setting(model="bicubic")
    peer = FfmpegFile(setting)
    setting.clip.path.write_bytes(b"no clip")
    with pytest.raises(VsrError, match=r"FFmpeg .* failed: .*Invalid data"):
        peer.round()


@pytest.mark.parametrize("peer", ["opencv", "onnxruntime", "ffmpeg"])
def test_missing_peer_is_one_line_that_says_how_to_get_it(
    peer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsr_cli.bench.peers.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    model = Path(__file__) if peer == "opencv" else None
    with pytest.raises(MissingPeerError, match=f"--against {peer} needs .*; try: .*install"):
        check_peer(BenchSpec(peer=peer, peer_model=model))  # type: ignore[arg-type]


def test_peer_without_its_network_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsr_cli.bench.peers.find_spec", lambda name: True)
    with pytest.raises(InputError, match=r"no\.pb does not exist"):
        check_peer(BenchSpec(peer="opencv", peer_model=tmp_path / "no.pb"))


def test_every_peer_has_a_course_whose_contenders_are_there() -> None:
    assert COURSES.keys() == PEERS.keys()
    for course in (course for courses in COURSES.values() for course in courses):
        for place in (course.own, course.other):
            module, _, _ = place.partition(":")
            assert find_spec(module) is not None, place


def test_ratio_is_the_median_of_the_rounds() -> None:
    race = Race(
        course="model",
        peer="plain",
        title="x",
        num_frames=10,
        own_seconds=(1.0, 2.0, 1.0),
        peer_seconds=(4.0, 4.0, 3.0),
        psnr=float("inf"),
    )
    assert (race.ratios, race.ratio, race.own_fps, race.peer_fps) == ((4, 2, 3), 3, 10, 2.5)
    document = race.to_json()
    assert (document["psnr_db"], document["is_same_picture"]) == (None, True)
    assert (document["ratio"], document["ratio_min"], document["ratio_max"]) == (3, 2, 4)


class _Late(FrameContender):
    """Loses the last frame."""

    def upscale(self, frames: list) -> list[np.ndarray]:  # type: ignore[type-arg]
        size = self.setting.size
        return [np.zeros((size.height, size.width), np.uint8) for _ in frames[1:]]


def test_contender_that_loses_frames_is_an_error(make_setting: MakeSetting) -> None:
    with pytest.raises(VsrError, match="another number of frames"):
        _Late(make_setting(model="bicubic"), "x").round()


@pytest.mark.slow
def test_contender_runs_in_another_process_of_the_same_group(make_setting: MakeSetting) -> None:
    place = next(course.own for course in COURSES["opencv"])
    make = partial(make_contender, place, make_setting(model="bicubic"))
    with ContenderProcess("vsr", make) as process:
        assert process.pid is not None
        assert process.pid != os.getpid()
        assert os.getpgid(process.pid) == os.getpgrp()
        assert process.round() > 0
        picture, pid = process.picture(), process.pid
    assert picture is not None
    assert picture.shape == (64, 96)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.slow
def test_error_in_the_other_process_comes_back_as_what_it_is(make_setting: MakeSetting) -> None:
    place = next(course.other for course in COURSES["opencv"])
    setting = make_setting(model="bicubic")
    with (
        pytest.raises(ValueError, match="needs --peer-model FILE"),
        ContenderProcess("opencv", partial(make_contender, place, setting)),
    ):
        pass
    place = next(course.own for course in COURSES["opencv"])
    setting.clip.path.unlink()
    with (
        pytest.raises(VsrError, match="does not exist"),
        ContenderProcess("vsr", partial(make_contender, place, setting)),
    ):
        pass
