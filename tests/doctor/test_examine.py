"""What the doctor finds, and what follows from it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from vsr_cli.doctor import Checkup, Finding, examine, extras, machine, storage, versions
from vsr_cli.doctor.machine import find_devices
from vsr_cli.models import weights
from vsr_cli.models.weights import weights_folder

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture
def _without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading all extras takes seconds; one test does."""
    monkeypatch.setattr("vsr_cli.doctor.extras.find_extras", lambda: iter(()))


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of released weights, as a copy that may be damaged."""
    folder = tmp_path / "weights"
    shutil.copytree(weights_folder(), folder)
    monkeypatch.setattr(weights, "weights_folder", lambda: folder)
    return folder


def _by_name(checkup: Checkup) -> dict[str, Finding]:
    return {finding.name: finding for finding in checkup.findings}


@pytest.mark.usefixtures("_without_extras")
def test_all_that_is_needed_works_here() -> None:
    checkup = examine()
    assert checkup.can_upscale
    found = _by_name(checkup)
    assert found["torch"].facts["version"] == torch.__version__
    assert found["libx264"].is_needed
    assert found["vsr upscale"].detail.startswith("6 frames of 64x48 x2 with fsrcnn+srnet3d on ")
    assert all(f.causes and f.remedy for f in checkup.faults)
    assert all(len(f.causes) <= 3 for f in checkup.findings)
    assert not any(f.causes or f.remedy for f in checkup.findings if f.is_ok)


@pytest.mark.usefixtures("_without_extras")
def test_damaged_weights_of_the_main_model_are_the_first_fault(copied: Path) -> None:
    (copied / "srnet3d_x2_natural.safetensors").write_bytes(b"0" * 100)
    checkup = examine()
    assert not checkup.can_upscale
    first = checkup.faults[0]
    assert (first.area, first.name) == ("weights", "srnet3d_x2_natural.safetensors")
    assert "SHA-256 is" in first.detail
    assert "pip install --force-reinstall" in first.remedy
    assert "WeightsError" in _by_name(checkup)["vsr upscale"].detail


@pytest.mark.usefixtures("copied", "_without_extras")
def test_damaged_weights_of_another_model_leave_the_main_job(copied: Path) -> None:
    (copied / "fsrcnn_x3_natural.safetensors").write_bytes(b"0" * 100)
    (copied / "2d3d-fast_x2_climate.safetensors").unlink()
    findings = {f.name: f for f in storage.find_weights()}
    assert not findings["2d3d-fast_x2_climate.safetensors"].is_ok
    assert not findings["2d3d-fast_x2_climate.safetensors"].is_needed
    assert not findings["fsrcnn_x3_natural.safetensors"].is_needed
    assert findings["srnet3d_x2_natural.safetensors"].is_ok
    assert findings["srnet3d_x2_natural.safetensors"].is_needed


def test_folder_without_weights_is_a_fault(copied: Path) -> None:
    (copied / "manifest.toml").unlink()
    (finding,) = storage.find_weights()
    assert finding.is_needed
    assert str(copied) in finding.detail


@pytest.mark.usefixtures("_without_extras")
def test_no_temporary_folder_is_a_fault_that_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    checkup = examine()
    assert not checkup.can_upscale
    remedies = {fault.remedy for fault in checkup.faults if fault.is_needed}
    assert "TMPDIR=/another/folder vsr doctor" in remedies
    assert not _by_name(checkup)["temporary folder"].is_ok


@pytest.fixture
def _broken_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of the core that is there and cannot be loaded."""
    (tmp_path / "crooked.py").write_text("raise ImportError('libcrooked.so.1:\\n not there')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(versions, "CORE", {**versions.CORE, "crooked": "crooked"})
    yield
    sys.modules.pop("crooked", None)


@pytest.mark.usefixtures("_broken_package")
def test_package_that_cannot_be_loaded_ends_the_examination() -> None:
    checkup = examine()
    assert not checkup.can_upscale
    assert {finding.area for finding in checkup.findings} == {"version"}
    (fault,) = checkup.faults
    assert fault.detail == "ImportError: libcrooked.so.1: not there"
    assert fault.remedy == 'pip install --force-reinstall "crooked"'


def test_oldest_python_is_that_of_the_package() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    oldest = ".".join(map(str, versions.OLDEST_PYTHON))
    assert project["requires-python"] == f">={oldest}"


def test_older_python_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "sys", SimpleNamespace(version_info=(3, 10), executable="p"))
    python = next(finding for finding in versions.find_versions() if finding.name == "Python")
    assert not python.is_ok
    assert python.is_needed


def test_every_extra_has_a_purpose() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    assert {*project["optional-dependencies"]} == {*extras.PURPOSES, extras.FOR_DEVELOPERS}


def test_extra_of_which_a_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["torch>=2.6", "numpy>=1 ; extra == 'here'", "pillow; extra == 'here'"]
    lines += ['no-such-package[all]>=2,<3; extra == "gone"', "vsr-cli[here]; extra == 'dev'"]
    names = SimpleNamespace(get_all=lambda _: ["here", "gone", "dev"])
    monkeypatch.setattr(extras, "requires", lambda _: lines)
    monkeypatch.setattr(extras, "metadata", lambda _: names)
    here, gone = extras.find_extras()
    assert (here.name, here.is_ok) == ("[here]", True)
    assert set(here.facts["versions"]) == {"numpy", "pillow"}
    assert (gone.name, gone.is_ok, gone.is_needed) == ("[gone]", False, False)
    assert gone.remedy == 'pip install "vsr-cli[gone]"'
    assert "no-such-package missing" in gone.detail


@pytest.mark.usefixtures("_broken_package")
def test_extra_that_cannot_be_loaded_has_other_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    names = SimpleNamespace(get_all=lambda _: ["bent"])
    monkeypatch.setattr(extras, "requires", lambda _: ["crooked; extra == 'bent'"])
    monkeypatch.setattr(extras, "metadata", lambda _: names)
    monkeypatch.setattr(extras, "installed_version", lambda _: "1.0")
    (bent,) = extras.find_extras()
    assert "libcrooked.so.1: not there" in bent.detail
    assert bent.causes == extras.BROKEN_CAUSES
    assert bent.remedy.startswith("pip check; ")


def test_sources_that_are_not_installed_have_no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "PACKAGE", "vsr-cli-that-is-not-here")
    (finding,) = extras.find_extras()
    assert not finding.is_ok
    assert "pip install ." in finding.remedy


def test_processor_is_measured() -> None:
    cpu = next(find_devices())
    assert cpu.facts["bf16_is_worth_it"] == (cpu.facts["bf16_gain"] >= machine.WORTH_IT)
    assert cpu.facts["bf16_gain"] > 0
    assert cpu.facts["threads"] == torch.get_num_threads()


def test_machine_without_a_gpu_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setattr(machine, "NVIDIA_DRIVER", tmp_path)
    _, gpu = find_devices()
    assert (gpu.name, gpu.is_ok, gpu.is_needed) == ("cuda", False, False)
    assert "CUDA_VISIBLE_DEVICES is set to '-1'" in gpu.causes


def test_gpu_that_cannot_be_used_names_its_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise RuntimeError("CUDA error: no kernel image\nis available")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", refuse)
    _, gpu = find_devices()
    assert (gpu.name, gpu.is_ok, gpu.is_needed) == ("cuda:0", False, False)
    assert gpu.detail == "CUDA error: no kernel image is available"
    assert len(gpu.causes) == 3


@pytest.mark.cuda
@pytest.mark.usefixtures("require_cuda")
def test_gpu_is_described() -> None:
    _, gpu, *_ = find_devices()
    assert gpu.is_ok
    assert gpu.facts["model"] == torch.cuda.get_device_name(0)
    assert 0 < gpu.facts["free_mib"] <= gpu.facts["memory_mib"]


def test_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
    findings = [*storage.find_disk()]
    assert [finding.is_ok for finding in findings] == [False, False]
    assert findings[0].facts["free_bytes"] == 5
