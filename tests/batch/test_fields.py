"""A batch of files of fields: one part each, skipped when done, and done anew when changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from vsr_cli.batch.inputs import find_inputs
from vsr_cli.batch.stamps import ends_digest, stamp, whole_digest
from vsr_cli.cli import main
from vsr_cli.pipeline.fields.run import upscale_fields
from vsr_cli.specs import BatchSpec, FieldSpec, UpscaleSpec

xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
pytest.importorskip("netCDF4", reason="needs the extra [fields]")
pytest.importorskip("zarr", reason="needs the extra [fields]")

STEPS = 3
BOTH = ("--pattern", "*.nc", "--pattern", "*.zarr")
HERE = ("--model", "bicubic", "--scheduler", "none", "--json", "--quiet")


def make(path: Path, *, seed: int = 0) -> Path:
    draw = np.random.default_rng(seed)
    field = draw.normal(280, 5, (STEPS, 6, 12)).astype(np.float32)
    dims = ("time", "lat", "lon")
    dataset = xarray.Dataset(
        {"tas": (dims, field, {"units": "K"}), "ps": (dims, field + 1, {"units": "hPa"})},
        coords={
            "time": ("time", np.arange(STEPS) * 6.0, {"units": "hours since 2001-01-01"}),
            "lat": ("lat", np.arange(-75.0, 90, 30), {"units": "degrees_north"}),
            "lon": ("lon", np.arange(0.0, 360, 30), {"units": "degrees_east"}),
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zarr":
        dataset.to_zarr(path, mode="w", consolidated=False)
    else:
        dataset.to_netcdf(path)
    return path


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with a file, a store, and a file below."""
    make(tmp_path / "in" / "a.nc")
    make(tmp_path / "in" / "b.zarr", seed=1)
    make(tmp_path / "in" / "deep" / "c.nc", seed=2)
    return tmp_path / "in"


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["batch", *map(str, args)])


def reasons(done: Result) -> dict[str, tuple[str, str]]:
    """Of each file what became of it, and why."""
    files = json.loads(done.stdout)["files"]
    return {Path(file["input"]).name: (file["status"], file["reason"]) for file in files}


def values(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    engine = {"engine": "zarr", "consolidated": False} if path.suffix == ".zarr" else {}
    with xarray.open_dataset(path, **engine) as found:
        return np.asarray(found["tas"].to_numpy())


def test_fields_are_upscaled_as_by_vsr_upscale_and_skipped_when_done(runs: Path) -> None:
    out = runs.parent / "out"
    args = (runs, out, *BOTH, "--variable", "tas", *HERE)
    done = run(*args)
    assert done.exit_code == 0, done.stderr
    new = ("done", "new")
    assert reasons(done) == {"a.nc": new, "b.zarr": new, "c.nc": new}
    assert {file["frames"] for file in json.loads(done.stdout)["files"]} == {STEPS}
    spec, fields = UpscaleSpec(model="bicubic"), FieldSpec(variables=("tas",))
    for name in ("a.nc", "b.zarr", "deep/c.nc"):
        alone = runs.parent / f"alone{Path(name).suffix}"
        upscale_fields(runs / name, alone, spec, fields, overwrite=True)
        assert np.array_equal(values(out / name), values(alone))
    skipped = ("skipped", "done")
    assert reasons(run(*args)) == {"a.nc": skipped, "b.zarr": skipped, "c.nc": skipped}


def test_what_changed_is_done_anew(runs: Path) -> None:
    out = runs.parent / "out"
    args = (runs, out, *BOTH, "--variable", "tas", *HERE)
    run(*args)
    make(runs / "b.zarr", seed=5)
    shutil.rmtree(out / "deep")
    found = reasons(run(*args))
    assert found["a.nc"] == ("skipped", "done")
    assert found["b.zarr"] == ("done", "input changed")
    assert found["c.nc"] == ("done", "output changed")
    changed = reasons(run(*args, "--conserve", "mean"))
    assert {*changed.values()} == {("done", "settings changed")}
    (out / "a.nc").write_bytes((out / "a.nc").read_bytes()[:-50])
    assert reasons(run(*args, "--conserve", "mean"))["a.nc"] == ("done", "output changed")
    os.utime(out / "b.zarr" / "zarr.json")  # the same in another moment: it is opened and counted
    assert reasons(run(*args, "--conserve", "mean"))["b.zarr"] == ("skipped", "done")


def test_failed_file_stops_no_other_and_is_one_line(runs: Path) -> None:
    (runs / "bad.nc").write_text("no field")
    done = run(runs, runs.parent / "out", *BOTH, *HERE, "--variable", "tas")
    assert done.exit_code == 1
    files = {Path(file["input"]).name: file for file in json.loads(done.stdout)["files"]}
    assert [name for name, file in files.items() if file["status"] == "failed"] == ["bad.nc"]
    assert "cannot be read as a field" in files["bad.nc"]["error"]
    several = run(runs / "a.nc", runs.parent / "o", *HERE)
    (file,) = json.loads(several.stdout)["files"]
    assert "choose one with --variable: tas, ps" in file["error"]


def test_settings_of_single_files_and_endings(runs: Path) -> None:
    listed = runs.parent / "list.toml"
    listed.write_text(
        f"[[file]]\npath = '{runs / 'a.nc'}'\nvariable = ['ps']\n"
        f"[[file]]\npath = '{runs / 'b.zarr'}'\noutput = 'b.nc'\nscale = 3\n"
    )
    out = runs.parent / "out"
    done = run("--list", listed, out, *HERE, "--variable", "tas")
    assert done.exit_code == 0, done.stdout
    with xarray.open_dataset(out / "a.nc") as found:
        assert [*found.data_vars] == ["ps"]
    assert values(out / "b.nc").shape == (STEPS, 18, 36)


def test_plan_counts_steps_and_hours_and_writes_nothing(runs: Path) -> None:
    out = runs.parent / "out"
    before = sorted(runs.parent.rglob("*"))
    done = run(runs, out, *BOTH, *HERE, "--variable", "tas", "--plan")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["files"], document["frames"]) == (3, 3 * STEPS)
    assert {(group["width"], group["height"]) for group in document["groups"]} == {(24, 12)}
    assert all(group["hours"] > 0 for group in document["groups"])
    assert document["hours"] is not None
    assert sorted(runs.parent.rglob("*")) == before


def test_folder_of_fields_alone_needs_no_pattern(runs: Path) -> None:
    out = runs.parent / "out"
    found = find_inputs([runs], out, BatchSpec())
    assert sorted(str(file.place) for file in found) == ["a.nc", "b.zarr", "deep/c.nc"]
    done = run(runs, out, "--variable", "tas", *HERE)
    assert done.exit_code == 0, done.stderr
    (runs / "clip.mp4").write_bytes(b"")  # beside videos, fields are their by-products
    assert [file.place.name for file in find_inputs([runs], out, BatchSpec())] == ["clip.mp4"]


def test_store_is_one_input_and_nothing_in_it_is(runs: Path) -> None:
    make(runs / "b.zarr" / "hidden.nc")
    out = runs.parent / "out"
    spec = BatchSpec(patterns=("*.nc", "*.zarr"))
    expected = ["a.nc", "b.zarr", "deep/c.nc"]
    assert sorted(str(file.place) for file in find_inputs([runs], out, spec)) == expected
    assert [file.place.name for file in find_inputs([runs / "b.zarr"], out, spec)] == ["b.zarr"]
    found = find_inputs([runs / "**"], out, spec)
    assert {str(file.path.relative_to(runs)) for file in found} == {*expected}


def test_address_is_no_file(tmp_path: Path) -> None:
    done = run("https://host/run.nc", tmp_path / "out", *HERE)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "https://host/run.nc: a batch takes files" in done.stderr


def test_options_for_the_other_kind_are_refused(runs: Path, tmp_path: Path) -> None:
    done = run(runs / "a.nc", tmp_path / "out", *HERE, "--crf", "20")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "--crf is for videos" in done.stderr
    (tmp_path / "a.mp4").write_bytes(b"")
    done = run(tmp_path / "a.mp4", tmp_path / "out", *HERE, "--variable", "tas")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "--variable is for fields" in done.stderr


def test_stamps_of_stores_see_every_file(tmp_path: Path) -> None:
    store = make(tmp_path / "a.zarr")
    before, ends, whole = stamp(store), ends_digest(store), whole_digest(store)
    assert before[0] == sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    chunk = next(path for path in (store / "tas" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(bytes(len(chunk.read_bytes())))
    assert stamp(store)[1] > before[1]
    assert ends_digest(store) == ends
    assert whole_digest(store) != whole
    chunk.unlink()
    assert ends_digest(store) != ends


@pytest.mark.slow
def test_two_workers_of_dask_make_what_one_process_makes(runs: Path) -> None:
    pytest.importorskip("distributed")
    common = (runs, *BOTH, "--variable", "tas", "--model", "fsrcnn", "--domain", "climate")
    here, there = runs.parent / "here", runs.parent / "there"
    done = run(*common, here, "--scheduler", "none", "--json", "--quiet")
    assert done.exit_code == 0, done.stderr
    command = [sys.executable, "-m", "vsr_cli", "batch", *map(str, common), str(there)]
    found = subprocess.run(
        [*command, "--scheduler", "local:2", "--json", "--quiet"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=240,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    files = json.loads(found.stdout)["files"]
    assert [file["status"] for file in files] == ["done"] * 3
    for name in ("a.nc", "b.zarr", "deep/c.nc"):
        assert np.allclose(values(here / name), values(there / name), atol=1e-4)
    assert json.loads(found.stdout)["workers"] == 2
