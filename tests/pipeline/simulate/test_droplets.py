"""Drops into files: the same values whatever the format, the truth beside them, no half outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vsr_cli.errors import OutputError
from vsr_cli.media import open_reader
from vsr_cli.metrics.contour import find_outline
from vsr_cli.pipeline.simulate import droplets
from vsr_cli.pipeline.simulate.droplets import DropletReport, simulate_droplets_to_file
from vsr_cli.pipeline.simulate.grey_video import encode_values
from vsr_cli.simulation.droplet import DropletFrame, simulate_droplets
from vsr_cli.specs import DropletSpec

SPEC = DropletSpec(width=64, height=48, frames=3, seed=4, diameter=(24.0, 26.0))
STILLS = replace(SPEC, stills=True)


def _write(output: Path, spec: DropletSpec = SPEC, **settings: Any) -> DropletReport:
    return simulate_droplets_to_file(spec, output, **settings)


def _codes(spec: DropletSpec) -> np.ndarray:
    return np.stack([encode_values(f.values, (0.0, 1.0)) for f in simulate_droplets(spec)])


def _read(path: Path) -> np.ndarray:
    with open_reader(path) as reader:
        return np.stack([frame.planes[0].numpy() for frame in reader])


def test_lossless_video_holds_every_code(tmp_path: Path) -> None:
    _write(tmp_path / "a.mkv")
    assert np.array_equal(_read(tmp_path / "a.mkv"), _codes(SPEC))
    with open_reader(tmp_path / "a.mkv") as reader:
        assert reader.info.color.range == "full"
        metadata = {key.lower(): value for key, value in reader.info.metadata.items()}
    comment = json.loads(metadata["comment"])
    assert comment["truth"] == "a.json"
    assert comment["droplet"]["seed"] == 4


def test_lower_crf_is_closer_to_the_values(tmp_path: Path) -> None:
    errors = []
    for crf in (4, 45):
        _write(tmp_path / f"{crf}.mp4", crf=crf)
        difference = _read(tmp_path / f"{crf}.mp4").astype(float) - _codes(SPEC)
        errors.append(np.abs(difference).mean())
    assert errors[0] < 1 < errors[1]


def test_folder_holds_pictures_and_truth(tmp_path: Path) -> None:
    report = _write(tmp_path / "drops", STILLS)
    names = sorted(path.name for path in (tmp_path / "drops").iterdir())
    assert names == ["00001.png", "00002.png", "00003.png", "truth.json"]
    assert np.array_equal(_read(tmp_path / "drops"), _codes(STILLS))
    truth = json.loads((tmp_path / "drops" / "truth.json").read_text())
    assert [droplet["file"] for droplet in truth["droplets"]] == names[:3]
    assert report.truth == str(tmp_path / "drops" / "truth.json")


def test_archive_holds_values_and_measures(tmp_path: Path) -> None:
    report = _write(tmp_path / "a.npz", STILLS)
    with np.load(tmp_path / "a.npz") as archive:
        frames = np.stack([frame.values for frame in simulate_droplets(STILLS)])
        assert np.array_equal(archive["frames"], frames)
        assert archive["area"].tolist() == [droplet.area for droplet in report.droplets]
        assert archive["legendre"].shape == (3, 4)
        assert json.loads(str(archive["spec"])) == json.loads(json.dumps(asdict(STILLS)))


@pytest.mark.parametrize("name", ["a.mkv", "a.npz", "a"])
def test_truth_beside_the_output_is_that_of_the_report(name: str, tmp_path: Path) -> None:
    report = _write(tmp_path / name)
    document = json.loads(Path(report.truth).read_text())
    found = [{k: v for k, v in d.items() if k != "file"} for d in document["droplets"]]
    assert found == json.loads(json.dumps([asdict(droplet) for droplet in report.droplets]))
    spec = document["spec"]
    assert DropletSpec(**{**spec, "diameter": tuple(spec["diameter"])}) == SPEC
    assert (report.frames, report.width, report.height, report.clipped) == (3, 64, 48, 0)


def test_truth_is_what_can_be_measured_in_the_pictures(tmp_path: Path) -> None:
    spec = DropletSpec(frames=2, stills=True, noise=0.5)
    report = _write(tmp_path / "drops", spec)
    for codes, droplet in zip(_read(tmp_path / "drops"), report.droplets, strict=True):
        outline = find_outline(codes / 255.0)
        # The light's edge lies up to 0.2 pixels inside the outline: the limb is dark at its end.
        assert outline.diameter == pytest.approx(droplet.diameter, abs=0.4)
        assert outline.max_feret == pytest.approx(droplet.max_feret, abs=0.6)


def test_each_frame_is_reported(tmp_path: Path) -> None:
    calls: list[int] = []
    _write(tmp_path / "a.mkv", on_frame=lambda: calls.append(1))
    assert len(calls) == SPEC.frames


@pytest.mark.parametrize(
    ("name", "existing"),
    [
        ("a.mkv", "a.mkv"),
        ("a.mkv", "a.json"),
        ("a.npz", "a.npz"),
        ("a.npz", "a.json"),
        ("a", "a/00002.png"),
        ("a", "a/truth.json"),
    ],
)
def test_existing_output_is_kept(name: str, existing: str, tmp_path: Path) -> None:
    precious = tmp_path / existing
    precious.parent.mkdir(exist_ok=True)
    precious.write_text("precious")
    with pytest.raises(OutputError, match="give --overwrite or another name"):
        _write(tmp_path / name)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [precious]
    assert precious.read_text() == "precious"
    _write(tmp_path / name, overwrite=True)
    assert precious.stat().st_size > 100


def test_folder_with_other_files_is_refused_always(tmp_path: Path) -> None:
    _write(tmp_path / "a", STILLS)
    with pytest.raises(OutputError, match=r"holds other files \(00003.png\)"):
        _write(tmp_path / "a", replace(STILLS, frames=2), overwrite=True)


@pytest.mark.parametrize("name", ["a.mkv", "a.npz", "a"])
def test_run_that_fails_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(spec: DropletSpec) -> Iterator[DropletFrame]:
        yield next(simulate_droplets(spec))
        raise RuntimeError("broken")

    monkeypatch.setattr(droplets, "simulate_droplets", fail)
    with pytest.raises(RuntimeError, match="broken"):
        _write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.avi", "a.png", "a.nc"])
def test_ending_that_is_not_known_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"one of .mkv, .mp4, .npz, or have no .*got '{name}'"):
        _write(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mkv", "a", "a.npz"])
def test_crf_of_a_lossless_output_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"crf is for .mp4; {name} is lossless"):
        _write(tmp_path / name, crf=10)


@pytest.mark.parametrize("name", ["a.mkv", "a.npz", "a"])
def test_missing_folder_is_refused_before_the_run(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="attic does not exist"):
        _write(tmp_path / "attic" / name)


def test_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("precious")
    with pytest.raises(OutputError, match="is a file"):
        _write(tmp_path / "a", overwrite=True)
