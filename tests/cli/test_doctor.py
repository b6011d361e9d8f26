"""vsr doctor: one table or one document, and an exit code."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from vsr_cli.cli import main
from vsr_cli.doctor import Checkup, Finding

FAULT = Finding(
    area="encoder",
    name="libx264",
    is_ok=False,
    detail="[not here]",
    is_needed=True,
    causes=("one", "two"),
    remedy="pip install it",
)
GOOD = Finding(area="version", name="vsr", is_ok=True, detail="1.0", facts={"version": "1.0"})


def _run(*args: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *args])


@pytest.fixture
def _findings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let these be what is found."""
    monkeypatch.setattr("vsr_cli.doctor.examine", lambda: Checkup(request.param))


@pytest.mark.parametrize("_findings", [(GOOD, FAULT)], indirect=True)
@pytest.mark.usefixtures("_findings")
def test_fault_is_shown_with_its_causes_and_remedy() -> None:
    result = _run()
    assert result.exit_code == 1
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "encoder libx264 FAILS [not here]" in lines
    assert lines[-5:] == [
        "libx264:",
        "likely: one",
        "likely: two",
        "try: pip install it",
        "vsr upscale does not work here",
    ]


@pytest.mark.parametrize("_findings", [(GOOD, FAULT)], indirect=True)
@pytest.mark.usefixtures("_findings")
def test_json_is_one_document() -> None:
    result = _run("--json")
    assert (result.exit_code, result.stderr) == (1, "")
    document = json.loads(result.stdout)
    assert document["can_upscale"] is False
    good, fault = document["findings"]
    assert good["facts"] == {"version": "1.0"}
    assert (fault["ok"], fault["needed"], fault["causes"]) == (False, True, ["one", "two"])


@pytest.mark.parametrize("_findings", [(GOOD,)], indirect=True)
@pytest.mark.usefixtures("_findings")
def test_machine_on_which_all_works() -> None:
    result = _run()
    assert result.exit_code == 0
    assert "try:" not in result.stdout
    assert result.stdout.endswith("vsr upscale works here\n")


def test_machine_without_torch_is_told_how_to_get_it() -> None:
    code = "import sys; sys.modules['torch'] = None\nfrom vsr_cli.cli import main; main(['doctor'])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "FAILS   ModuleNotFoundError" in done.stdout
    assert "try: pip install torch --index-url" in done.stdout
    assert done.stdout.endswith("vsr upscale does not work here\n")


@pytest.mark.slow  # it loads every extra
def test_whole_examination() -> None:
    result = _run("--json")
    assert (result.exit_code, result.stderr) == (0, "")
    findings = json.loads(result.stdout)["findings"]
    areas = {"version", "device", "encoder", "decoder", "weights", "extra", "program", "disk"}
    assert {finding["area"] for finding in findings} == areas | {"job"}
    extras = {f["name"]: f["ok"] for f in findings if f["area"] == "extra"}
    assert extras["[fields]"]
    assert extras["[report]"]
