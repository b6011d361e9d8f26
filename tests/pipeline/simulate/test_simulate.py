"""One run into one file: the same values whatever the format, and no half files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vsr_cli.errors import OutputError
from vsr_cli.media import open_reader
from vsr_cli.pipeline.simulate import shallow_water as simulate
from vsr_cli.pipeline.simulate.grey_video import encode_values
from vsr_cli.pipeline.simulate.shallow_water import (
    SimulationReport,
    simulate_to_file,
)
from vsr_cli.specs import ShallowWaterSpec

SPEC = ShallowWaterSpec(width=32, height=16, frames=3, interval_min=20.0, seed=4)
CODE = (SPEC.value_range[1] - SPEC.value_range[0]) / 255  # 1/s between two codes


def _fake_run(spec: ShallowWaterSpec) -> Iterator[NDArray[np.float32]]:
    """Frames without physics; some values lie beyond the range."""
    draw = np.random.default_rng(spec.seed)
    for _ in range(spec.frames):
        yield draw.normal(0, 1e-4, (spec.height, spec.width)).astype(np.float32)


@pytest.fixture(autouse=True)
def _no_physics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "simulate_shallow_water", _fake_run)


def _values() -> NDArray[np.float32]:
    return np.stack(list(_fake_run(SPEC)))


def _write(output: Path, **settings: object) -> SimulationReport:
    return simulate_to_file(SPEC, output, **settings)


def test_lossless_video_holds_every_code(tmp_path: Path) -> None:
    _write(tmp_path / "a.mkv")
    with open_reader(tmp_path / "a.mkv") as reader:
        frames = list(reader)
        info = reader.info
    codes = np.stack([frame.planes[0].numpy() for frame in frames])
    assert np.array_equal(codes, encode_values(_values(), SPEC.value_range))
    assert info.pixel_format.name == "gray"
    assert info.color.range == "full"
    times_s = [frame.pts * info.time_base for frame in frames]
    assert [round(time_s * 24) for time_s in times_s] == [0, 1, 2]
    assert info.frame_rate == Fraction(24)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_video_says_how_to_get_back_to_physical_values(name: str, tmp_path: Path) -> None:
    _write(tmp_path / name)
    with open_reader(tmp_path / name) as reader:
        metadata = {key.lower(): value for key, value in reader.info.metadata.items()}
    comment = json.loads(metadata["comment"])
    assert comment["field"] == "vorticity"
    assert comment["units"] == "s-1"
    assert comment["value_range"] == list(SPEC.value_range)
    assert ShallowWaterSpec(**comment["spec"]) == SPEC


def test_lower_crf_is_closer_to_the_values(tmp_path: Path) -> None:
    errors = []
    for crf in (4, 40):
        _write(tmp_path / f"{crf}.mp4", crf=crf)
        with open_reader(tmp_path / f"{crf}.mp4") as reader:
            luma = np.stack([frame.planes[0].numpy() for frame in reader]).astype(float)
        errors.append(np.abs(luma - encode_values(_values(), SPEC.value_range)).mean())
    assert errors[0] < 2 < errors[1]


def test_archive_holds_values_and_axes(tmp_path: Path) -> None:
    _write(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as archive:
        assert np.array_equal(archive["frames"], _values())
        assert archive["frames"].dtype == np.float32
        assert archive["lat"].shape == (16,)
        assert np.array_equal(archive["lon"], np.arange(32) * 11.25)
        assert archive["time_min"].tolist() == [0, 20, 40]
        assert archive["value_range"].tolist() == list(SPEC.value_range)
        assert str(archive["units"]) == "s-1"
        assert ShallowWaterSpec(**json.loads(str(archive["spec"]))) == SPEC


def test_netcdf_holds_values_and_axes(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
    _write(tmp_path / "a.nc")
    with xarray.open_dataset(tmp_path / "a.nc") as dataset:
        assert np.array_equal(dataset["vorticity"], _values())
        assert (np.diff(dataset["lat"]) < 0).all()
        assert '"seed": 4' in dataset.attrs["history"]


def test_report_counts_what_was_clipped(tmp_path: Path) -> None:
    report = _write(tmp_path / "a.npz")
    values = _values()
    assert (report.frames, report.width, report.height) == (3, 32, 16)
    assert report.minimum == values.min()
    assert report.maximum == values.max()
    assert report.clipped == np.mean(np.abs(values) > np.float32(SPEC.value_range[1]))
    assert 0 < report.clipped < 0.1


def test_each_frame_is_reported(tmp_path: Path) -> None:
    calls = []
    _write(tmp_path / "a.mkv", on_frame=lambda: calls.append(1))
    assert len(calls) == SPEC.frames


def test_codes_are_rounded_to_the_nearest_and_clipped() -> None:
    low, high = SPEC.value_range
    values = np.array([low - 1, low, low + 0.4 * CODE, low + 0.6 * CODE, high, high + 1])
    assert encode_values(values.astype(np.float32), (low, high)).tolist() == [0, 0, 0, 1, 255, 255]


@pytest.mark.parametrize("name", ["a.mkv", "a.npz", "a.nc"])
def test_existing_output_is_kept(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(OutputError, match="exists; give --overwrite"):
        _write(tmp_path / name)
    assert (tmp_path / name).read_text() == "precious"
    _write(tmp_path / name, overwrite=True)
    assert (tmp_path / name).stat().st_size > 100


@pytest.mark.parametrize("name", ["a.mkv", "a.npz", "a.nc"])
def test_run_that_fails_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(spec: ShallowWaterSpec) -> Iterator[NDArray[np.float32]]:
        yield np.zeros((spec.height, spec.width), np.float32)
        raise FloatingPointError("unstable")

    monkeypatch.setattr(simulate, "simulate_shallow_water", fail)
    with pytest.raises(FloatingPointError):
        _write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.npz", "a.nc"])
def test_file_that_cannot_be_written_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, *_: object, **__: object) -> None:
        path.write_text("half")
        raise OSError("no space left")

    monkeypatch.setattr(simulate, "write_npz", fail)
    monkeypatch.setattr(simulate, "write_field_series", fail)
    with pytest.raises(OSError, match="no space"):
        _write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.avi", "a", "a.gif"])
def test_ending_that_is_not_known_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"one of .mkv, .mp4, .npz, .nc, got '{name}'"):
        _write(tmp_path / name)


def test_crf_of_a_lossless_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"crf is for .mp4; .mkv is lossless, got crf = 10"):
        _write(tmp_path / "a.mkv", crf=10)


@pytest.mark.parametrize("name", ["a.mkv", "a.npz"])
def test_missing_folder_is_refused_before_the_run(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"attic does not exist"):
        _write(tmp_path / "attic" / name)
