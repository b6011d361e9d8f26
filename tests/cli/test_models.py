"""vsr models: the list, one network, and whether the released weights are whole."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vsr_cli.cli import main
from vsr_cli.errors import WeightsError
from vsr_cli.models import ALIASES, MODELS, get_spec, weights
from vsr_cli.models.load import load_chain
from vsr_cli.models.weights import weights_folder


def _run(*args: str) -> Result:
    return CliRunner().invoke(main, ["models", *args])


def test_json_lists_every_network_and_alias() -> None:
    result = _run("--json")
    assert result.exit_code == 0, result.stderr
    models = {model["name"]: model for model in json.loads(result.stdout)["models"]}
    assert list(models) == [*MODELS, *ALIASES]
    main_model = models["2d3d"]
    assert (main_model["kind"], main_model["parameters"]) == ("chain", 75_766)
    assert (main_model["receptive_radius"], models["edrn"]["receptive_radius"]) == (12, None)
    assert models["fsrcnn"]["macs_per_output_pixel"]["2"] == 3116
    file = models["fsrcnn"]["weights"][0]
    assert (file["scale"], file["domain"], file["present"]) == (2, "climate", True)
    assert file["scores"]["mean"]["psnr"] == pytest.approx(53.117)


def test_table_has_a_line_for_every_name() -> None:
    result = _run()
    assert result.exit_code == 0, result.stderr
    first = {line.split()[0] for line in result.stdout.splitlines() if line.strip()}
    assert first >= {*MODELS, *ALIASES}
    assert "x2 climate (53.12)" in result.stdout
    assert [line.split()[0] for line in result.stdout.splitlines() if "whole frame" in line] == [
        name for name in MODELS if get_spec(name).radius is None
    ]


def test_weights_of_another_width_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(weights.released_weights()[0], model="drcn", scale=2, features=32)
    monkeypatch.setattr("vsr_cli.models.catalog.released_weights", lambda: (entry,))
    assert "32 channels" in _run("drcn").stdout
    assert json.loads(_run("drcn", "--json").stdout)["weights"][0]["features"] == 32


def test_chain_lists_only_weights_that_all_its_networks_have() -> None:
    """Each that is listed loads, and none of the others does."""
    models = {model["name"]: model for model in json.loads(_run("--json").stdout)["models"]}
    domains = {file["domain"] for model in models.values() for file in model["weights"]}
    for name in ("2d3d", "2d3d-fast", "2d3d-joint"):
        listed = {(file["scale"], file["domain"]) for file in models[name]["weights"]}
        for scale in models[name]["scales"]:
            for domain in domains:
                if (scale, domain) in listed:
                    assert load_chain(name, scale, domain=domain).domain == domain
                else:
                    with pytest.raises(WeightsError, match=domain):
                        load_chain(name, scale, domain=domain)
    assert {file["model"] for file in models["2d3d"]["weights"]} == {"fsrcnn", "srnet3d"}


def test_chain_shows_each_of_its_weights_once() -> None:
    text = " ".join(_run("2d3d").stdout.split())
    assert text.count("x2 climate") == text.count("x2 natural") == 1
    assert "x2 climate (54.17)" in text
    assert "x3 natural" not in text


def test_one_network_shows_its_layers() -> None:
    result = _run("fsrcnn", "--scale", "4")
    assert result.exit_code == 0, result.stderr
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "feature Conv2d 5x5 1 to 56 1,456 87.5" in lines
    assert "upsample ConvTranspose2d 9x9 56 to 1 4,537 283.5" in lines
    document = json.loads(_run("fsrcnn", "--scale", "4", "--json").stdout)
    assert (document["scale"], document["layers"][0]["kernel"]) == (4, [5, 5])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["fsrcn"], "unknown model 'fsrcn': try fsrcnn or "),
        (["fsrcnn", "--scale", "9"], "fsrcnn has no scale 9: known are 2, 3, 4"),
        (["srnet3d+srnet3d"], "stages that enlarge, must have one; try bicubic+srnet3d+srnet3d"),
        (["--scale", "2"], "vsr models NAME"),
        (["verify", "--scale", "2"], "vsr models NAME"),
    ],
)
def test_bad_arguments_are_named(args: list[str], words: str) -> None:
    result = _run(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_released_weights_are_whole() -> None:
    result = _run("verify")
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) == len(
        {entry.path for entry in weights.released_weights()}
    )


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of released weights, as a copy that may be damaged."""
    folder = tmp_path / "weights"
    shutil.copytree(weights_folder(), folder)
    monkeypatch.setattr(weights, "weights_folder", lambda: folder)
    return folder


def test_damaged_and_missing_files_are_named(copied: Path) -> None:
    damaged, missing = sorted(copied.glob("*x2_climate.safetensors"))[:2]
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    missing.unlink()
    result = _run("verify")
    assert result.exit_code == 1
    errors = result.stderr.splitlines()
    assert len(errors) == 2
    assert any(f"{damaged} is damaged: SHA-256 is" in line for line in errors)
    assert any(f"{missing} does not exist" in line for line in errors)
    document = json.loads(_run("verify", "--json").stdout)
    assert sorted(file["file"] for file in document["weights"] if not file["ok"]) == sorted(
        [damaged.name, missing.name]
    )
    assert ", missing" in _run().stdout


def test_folder_without_a_manifest_has_nothing_to_verify(copied: Path) -> None:
    (copied / "manifest.toml").unlink()
    result = _run("verify")
    assert result.exit_code == 1
    assert "no weights are listed in" in result.stderr
