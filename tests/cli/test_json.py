"""--json of every command: one document, and nothing else on standard output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from vsr_cli.cli import main
from vsr_cli.cli.reference import all_commands

# A short job of each command that has --json. ``{}`` is a folder with the clip clip.mkv.
JOBS = {
    "upscale": "{}/clip.mkv {}/up.mkv --model bicubic --overwrite --quiet",
    "batch": "{}/clip.mkv {}/out --model bicubic --quiet --scheduler none",
    "info": "{}/clip.mkv",
    "models": "fsrcnn",
    "export": "fsrcnn {}/net.pth --overwrite",
    "eval": "{}/clip.mkv --model bicubic --quiet",
    "bench": "--model bicubic --size 32x16 --frames 2 --repeats 1 --quiet",
    "compare": "{}/clip.mkv {}/clip.mkv {}/beside.mkv --overwrite --quiet",
    "render": "{}/run.npz {}/render.mkv --overwrite --quiet",
    "simulate shallow-water": "{}/made.npz --size 64x32 --frames 2 --spinup-hours 0 --overwrite",
    "doctor": "",
    "simulate droplet": "{}/drops.npz --size 64x64 --frames 1 --overwrite --quiet",
}


@pytest.fixture(scope="module")
def job_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the jobs need."""
    folder = tmp_path_factory.mktemp("jobs")
    made = "simulate shallow-water {}/FILE --size 64x32 --frames 2 --spinup-hours 0 --quiet"
    for name in ("clip.mkv", "run.npz"):
        words = made.replace("{}", str(folder)).replace("FILE", name).split()
        assert CliRunner().invoke(main, words).exit_code == 0
    return folder


def test_every_command_with_json_has_its_job() -> None:
    found = {
        words
        for words, command in all_commands().items()
        if any(param.name == "as_json" for param in command.params)
    }
    assert found == JOBS.keys()


@pytest.mark.parametrize("command", JOBS)
def test_json_is_one_document_in_the_last_line(job_folder: Path, command: str) -> None:
    line = f"{command} {JOBS[command]}".replace("{}", str(job_folder)).split()
    plain, asked = (CliRunner().invoke(main, [*line, *extra]) for extra in ([], ["--json"]))
    assert (plain.exit_code, asked.exit_code) == (0, 0), plain.output + asked.output
    (document,) = asked.stdout.splitlines()
    assert isinstance(json.loads(document), dict | list)
    assert plain.stdout.splitlines()[0] != document
