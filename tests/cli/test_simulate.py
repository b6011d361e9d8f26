"""vsr simulate: words to a spec, a report to stdout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vsr_cli.cli import main
from vsr_cli.cli.progress import progress_bar
from vsr_cli.pipeline.simulate import droplets
from vsr_cli.pipeline.simulate import shallow_water as simulate
from vsr_cli.pipeline.simulate.droplets import DropletReport
from vsr_cli.pipeline.simulate.shallow_water import SimulationReport
from vsr_cli.specs import DropletSpec, ShallowWaterSpec


def _run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["simulate", "shallow-water", *map(str, args)])


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the library was called with, instead of a run."""
    calls: list[dict[str, Any]] = []

    def record(spec: ShallowWaterSpec, output: Path, **settings: Any) -> SimulationReport:
        calls.append({"spec": spec, "output": output, **settings})
        for _ in range(spec.frames):
            settings["on_frame"]()
        size = (spec.width, spec.height)
        return SimulationReport(
            str(output), spec.frames, *size, spec.field, "m", spec.value_range, 0.0, 1.0, 0.0
        )

    monkeypatch.setattr(simulate, "simulate_to_file", record)
    return calls


def test_defaults_are_those_of_the_spec(calls: list[dict[str, Any]]) -> None:
    result = _run("a.mkv")
    assert result.exit_code == 0, result.output
    assert calls[0]["spec"] == ShallowWaterSpec()
    assert calls[0]["output"] == Path("a.mkv")
    assert calls[0]["crf"] is None
    assert calls[0]["overwrite"] is False
    assert result.stdout == "a.mkv: 120 frames of vorticity\n"


def test_every_option_reaches_the_library(calls: list[dict[str, Any]]) -> None:
    words = (
        "--size 64x32 --frames 7 --interval-min 10 --spinup-hours 3 --initial turbulence --seed 9 "
        "--field height --crf 20 --overwrite"
    )
    assert _run("a.mp4", *words.split()).exit_code == 0
    assert calls[0]["spec"] == ShallowWaterSpec(
        width=64,
        height=32,
        frames=7,
        interval_min=10.0,
        spinup_hours=3.0,
        initial="turbulence",
        seed=9,
        field="height",
    )
    assert calls[0]["crf"] == 20
    assert calls[0]["overwrite"] is True


@pytest.mark.usefixtures("calls")
def test_json_is_the_only_thing_on_stdout() -> None:
    result = _run("a.npz", "--frames", "3", "--json")
    assert json.loads(result.stdout)["frames"] == 3
    assert "3/3" in result.stderr


@pytest.mark.usefixtures("calls")
def test_quiet_leaves_stderr_empty() -> None:
    assert _run("a.npz", "--quiet").stderr == ""


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--size 640", "a size is WIDTHxHEIGHT in pixels (640x320), got '640'"),
        ("--size 640x0", "a size is WIDTHxHEIGHT"),
        ("--size 100x100", "size must be twice as wide as high"),
        ("--frames 0", "frames must be at least 1, got 0"),
        ("--spinup-hours -1", "'--spinup-hours'"),
        ("--field tea", "'tea' is not one of"),
        ("--crf 20", "crf is for .mp4"),
    ],
)
def test_bad_input_is_exit_code_2(words: str, complaint: str, tmp_path: Path) -> None:
    result = _run(tmp_path / "a.mkv", *words.split())
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert "0/" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_existing_output_is_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").touch()
    result = _run(tmp_path / "a.mkv")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "exists; give --overwrite" in result.stderr


def test_real_run_writes_a_file(tmp_path: Path) -> None:
    pytest.importorskip("dinosaur", reason="needs the extra [simulate]")
    words = "--size 32x16 --frames 2 --spinup-hours 0 --json"
    result = _run(tmp_path / "a.mkv", *words.split())
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["clipped"] == 0
    assert (tmp_path / "a.mkv").stat().st_size > 0


def test_progress_bar_of_unknown_length_works(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("frames", None) as advance:
        advance()
        advance(4)
    assert "5/?" in capsys.readouterr().err


def _drop(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["simulate", "droplet", *map(str, args)])


@pytest.fixture
def drops(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the library was called with, instead of a rendering."""
    calls: list[dict[str, Any]] = []

    def record(spec: DropletSpec, output: Path, **settings: Any) -> DropletReport:
        calls.append({"spec": spec, "output": output, **settings})
        size = (spec.width, spec.height)
        return DropletReport(str(output), "t.json", spec.frames, *size, spec.stills, 0.0, ())

    monkeypatch.setattr(droplets, "simulate_droplets_to_file", record)
    return calls


@pytest.mark.parametrize(
    ("name", "words", "stills"),
    [
        ("a.mkv", "", False),
        ("a.mp4", "", False),
        ("a.npz", "", True),
        ("a", "", True),
        ("a", "--clip", False),
        ("a.mkv", "--stills", True),
    ],
)
def test_ending_says_stills_or_clip(
    drops: list[dict[str, Any]], name: str, words: str, stills: bool
) -> None:
    result = _drop(name, *words.split())
    assert result.exit_code == 0, result.output
    assert drops[0]["spec"] == DropletSpec(stills=stills)
    assert drops[0]["output"] == Path(name)
    what = "stills of drops" if stills else "frames of a drop"
    assert result.stdout == f"{name}: 120 {what}; truth in t.json\n"


def test_every_option_of_drops_reaches_the_library(drops: list[dict[str, Any]]) -> None:
    words = (
        "--size 200x160 --frames 7 --seed 9 --diameter 50 60.5 --amplitude 0.02 --camera-rate 500 "
        "--blur 1.5 --noise 2 --supersample 3 --crf 20 --overwrite"
    )
    assert _drop("a.mp4", *words.split()).exit_code == 0
    assert drops[0]["spec"] == DropletSpec(
        width=200,
        height=160,
        frames=7,
        seed=9,
        diameter=(50.0, 60.5),
        amplitude=0.02,
        camera_rate=500.0,
        blur=1.5,
        noise=2.0,
        supersample=3,
    )
    assert drops[0]["crf"] == 20
    assert drops[0]["overwrite"] is True


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--size 280", "a size is WIDTHxHEIGHT"),
        ("--size 20x20", "size must be at least 32x32"),
        ("--frames 0", "frames must be at least 1, got 0"),
        ("--diameter 60 50", "the smaller one first, got 60 50"),
        ("--diameter 50", "'--diameter'"),
        ("--amplitude 1", "amplitude must be in 0..0.08, got 1.0"),
        ("--crf 20", "crf is for .mp4"),
    ],
)
def test_bad_input_of_drops_is_exit_code_2(words: str, complaint: str, tmp_path: Path) -> None:
    result = _drop(tmp_path / "a.mkv", *words.split())
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_real_drops_are_written_with_their_truth(tmp_path: Path) -> None:
    result = _drop(tmp_path / "drops", *["--size", "48x48", "--frames", "2", "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert [round(d["diameter"]) > 10 for d in document["droplets"]] == [True, True]
    assert (tmp_path / "drops" / "00002.png").exists()
    assert "2/2" in result.stderr
