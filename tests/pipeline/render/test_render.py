"""Fields as pictures: colours are those of the map, and grey codes are values."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vsr_cli.fields.times import time_labels
from vsr_cli.media import open_reader
from vsr_cli.pipeline.render.colors import GrayCodes
from vsr_cli.pipeline.render.run import render_field
from vsr_cli.specs import EncodingSpec, RenderSpec

xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
pytest.importorskip("netCDF4", reason="needs the extra [fields]")
matplotlib = pytest.importorskip("matplotlib", reason="needs the extra [report]")

LAT, LON = np.arange(-75.0, 90, 30), np.arange(0.0, 360, 40)
STEPS = 4
BARE = RenderSpec(has_labels=False, scale=1, at=0)


def values() -> np.ndarray:  # type: ignore[type-arg]
    """Anomalies in K, more below zero than above, with two cells missing."""
    field = np.random.default_rng(5).normal(-1, 2, (STEPS, len(LAT), len(LON)))
    field[:, 1, 2:4] = np.nan
    return field.astype(np.float32)


def make(path: Path, field: np.ndarray | None = None, **time: Any) -> Path:  # type: ignore[type-arg]
    field = values() if field is None else field
    dims = (
        ("time", "lev", "lat", "lon")[: field.ndim] if field.ndim == 4 else ("time", "lat", "lon")
    )
    attrs = {"units": "hours since 2001-02-26 06:00", **time}
    xarray.Dataset(
        {"anomaly": (dims, field, {"units": "K"})},
        coords={
            "time": ("time", np.arange(len(field)) * 6.0, attrs),
            "lat": ("lat", LAT, {"units": "degrees_north"}),
            "lon": ("lon", LON, {"units": "degrees_east"}),
        },
    ).to_netcdf(path)
    return path


def picture(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    with Image.open(path) as image:
        return np.asarray(image)


def frames(path: Path) -> tuple[Any, np.ndarray]:  # type: ignore[type-arg]
    with open_reader(path) as reader:
        return reader.info, np.stack([np.stack(frame.planes) for frame in reader])


@pytest.mark.parametrize("cmap", ["viridis", "RdBu_r", "tab10"])
def test_colours_are_those_of_matplotlib(tmp_path: Path, cmap: str) -> None:
    source = make(tmp_path / "in.nc")
    spec = RenderSpec(cmap=cmap, value_range=(-3, 2.5), has_labels=False, scale=3, at=2)
    report = render_field(source, tmp_path / "out.png", spec)
    found = picture(tmp_path / "out.png")
    scaled = matplotlib.colors.Normalize(-3, 2.5)(values()[2].astype(np.float64))
    expected = matplotlib.colormaps[cmap](scaled, bytes=True)[::-1, :, :3]
    expected[np.isnan(values()[2])[::-1]] = 128
    assert np.array_equal(found, expected.repeat(3, 0).repeat(3, 1))
    assert (report.width, report.height, report.scale, report.frames) == (27, 18, 3, 1)
    assert report.has_missing
    assert report.minimum == pytest.approx(np.nanmin(values()))


@pytest.mark.parametrize("bits", [8, 16])
def test_values_come_back_from_gray_codes(tmp_path: Path, bits: Any) -> None:
    source, target = make(tmp_path / "in.nc"), tmp_path / "out.mkv"
    report = render_field(source, target, RenderSpec(cmap="gray", bits=bits))
    assert report.warnings == []
    info, codes = frames(target)
    comment = json.loads({key.lower(): text for key, text in info.metadata.items()}["comment"])
    assert (comment["field"], comment["units"], comment["missing_code"]) == ("anomaly", "K", 0)
    (low, high), (first, last) = comment["value_range"], comment["codes"]
    back = low + (codes[:, 0, ::-1].astype(np.float64) - first) * (high - low) / (last - first)
    back[codes[:, 0, ::-1] == 0] = np.nan
    assert np.array_equal(np.isnan(back), np.isnan(values()))
    assert np.nanmax(np.abs(back - values())) <= (high - low) / (last - first) * 0.5001
    gray = GrayCodes(value_range=(low, high), bits=bits, has_missing=True)
    assert np.array_equal(gray.encode(back), codes[:, 0, ::-1])


def test_gray_says_what_does_not_come_back(tmp_path: Path) -> None:
    source = make(tmp_path / "in.nc", np.nan_to_num(values()))
    narrow = RenderSpec(cmap="gray", value_range=(-1, 1))
    report = render_field(source, tmp_path / "a.mkv", narrow)
    assert any("beyond the range" in warning for warning in report.warnings)
    _, codes = frames(tmp_path / "a.mkv")
    assert (codes.min(), codes.max()) == (0, 255)  # no code is kept for what is missing
    report = render_field(source, tmp_path / "b.mp4", RenderSpec(cmap="gray", scale=4))
    assert any("ffv1" in warning for warning in report.warnings)


def test_limits_are_the_same_for_all_steps_and_hold_zero_in_the_middle(tmp_path: Path) -> None:
    field = np.nan_to_num(values())
    field[1:] *= 10
    source = make(tmp_path / "in.nc", field)
    report = render_field(source, tmp_path / "a.png", BARE)
    assert report.value_range[0] < 5 * field[0].min()
    for cmap in ("RdBu_r", "BrBG"):
        spec = RenderSpec(cmap=cmap, has_labels=False, scale=1)
        report = render_field(source, tmp_path / f"{cmap}.mkv", spec, EncodingSpec(codec="ffv1"))
        low, high = report.value_range
        assert low == -high
        assert high >= -0.9 * field.min()
    positive = make(tmp_path / "p.nc", np.abs(field) + 1)
    report = render_field(positive, tmp_path / "c.png", RenderSpec(cmap="RdBu_r", at=0))
    assert report.value_range[0] > 0


def test_one_wild_value_does_not_darken_all_others(tmp_path: Path) -> None:
    field = np.random.default_rng(0).uniform(0, 1, (100, len(LAT), len(LON)))
    field[50, 3, 3] = 1e6
    report = render_field(make(tmp_path / "in.nc", field), tmp_path / "a.png", BARE)
    assert report.value_range[1] < 1.5
    assert report.maximum == 1e6


def test_video_has_a_step_for_each_frame_and_a_legend_below(tmp_path: Path) -> None:
    source, target = make(tmp_path / "in.nc"), tmp_path / "out.mkv"
    spec = RenderSpec(rate=Fraction(10), scale=50, value_range=(-4, 4))
    report = render_field(source, target, spec, EncodingSpec(codec="ffv1"))
    info, shown = frames(target)
    assert info.frame_rate == 10
    assert shown.shape == (STEPS, 3, report.height, 450)
    assert report.height > 300
    legend = shown[:, :, 300:]
    time = 450 * 66 // 100
    assert (legend[1:, :, :, :time] == legend[:1, :, :, :time]).all()  # the colours stay
    assert (legend[1:, :, :, time:] != legend[:1, :, :, time:]).any((1, 2, 3)).all()  # not the time
    ends = matplotlib.colormaps["viridis"]([0, 255], bytes=True)[:, [1, 2, 0]]
    bar = legend[0, :, legend.shape[2] // 3]
    assert np.array_equal(bar[:, 450 * 3 // 100 + 1], ends[0])
    assert np.array_equal(bar[:, 450 * 6 // 10 - 1], ends[1])
    comment = json.loads({key.lower(): text for key, text in info.metadata.items()}["comment"])
    assert comment["value_range"] == [-4, 4]
    assert comment["cmap"] == "viridis"


def test_narrow_picture_has_no_room_for_words(tmp_path: Path) -> None:
    source = make(tmp_path / "in.nc")
    report = render_field(source, tmp_path / "a.png", RenderSpec(scale=2, at=-1))
    assert any("too few for letters" in warning for warning in report.warnings)
    assert (report.width, report.height) == (18, 12)


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ({}, ["2001-02-26 06:00", "2001-02-26 12:00"]),
        ({"units": "days since 2001-02-25"}, ["2001-02-25", "2001-03-03"]),
        ({"units": "days since 2000-02-25", "calendar": "noleap"}, ["2000-02-25", "2000-03-03"]),
        ({"units": "s", "axis": "T"}, ["0 s", "6 s"]),
    ],
)
def test_times_are_words_of_the_files_calendar(
    tmp_path: Path, time: dict[str, str], words: list[str]
) -> None:
    labels = time_labels(make(tmp_path / "in.nc", **time))
    assert labels is not None
    assert [*labels[:2]] == words
    assert len(labels) == STEPS


def test_archive_of_a_simulation_is_shown_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "run.npz", frames=np.nan_to_num(values()), lat=LAT, lon=LON, units="s-1")
    report = render_field(tmp_path / "run.npz", tmp_path / "a.png", RenderSpec(at=1))
    assert (report.units, report.frames) == ("s-1", 1)
    assert time_labels(tmp_path / "run.npz") is None


def test_one_of_several_levels_is_chosen(tmp_path: Path) -> None:
    field = np.stack([values(), values() + 50], 1)
    source = make(tmp_path / "in.nc", field)
    with pytest.raises(ValueError, match=r"2 series \(\[lev=0\], \[lev=1\]\).*--series 0 to 1"):
        render_field(source, tmp_path / "a.png", RenderSpec(at=0))
    report = render_field(source, tmp_path / "a.png", RenderSpec(at=0, series=1))
    assert report.variable == "anomaly[lev=1]"
    assert report.value_range[0] > 30


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("a.png", {}, "choose one with --at"),
        ("a.png", {"at": STEPS}, "one of the steps 0 to 3"),
        ("a.mp4", {"at": 0}, "--at is for one picture"),
        ("a.mp4", {"cmap": "virdis"}, "try viridis"),
        ("a.mp4", {"series": 1}, "leave --series out"),
        ("a.txt", {}, "no container fits"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(
    tmp_path: Path, name: str, settings: dict[str, Any], words: str
) -> None:
    source = make(tmp_path / "in.nc")
    with pytest.raises(ValueError, match=words):
        render_field(source, tmp_path / name, RenderSpec(**settings))
    assert [path.name for path in tmp_path.iterdir()] == ["in.nc"]
