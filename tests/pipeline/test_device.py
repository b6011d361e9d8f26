"""Device and precision: what was named is taken, or it is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vsr_cli.errors import DeviceError
from vsr_cli.pipeline import device
from vsr_cli.pipeline.device import (
    choose_device,
    choose_precision,
    has_bf16,
    precision_name,
    precision_warnings,
)

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def test_auto_takes_the_gpu_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == GPU


def test_named_gpu_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="cuda is not there"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("cuda") == GPU
    with pytest.raises(DeviceError, match="sees 1 CUDA device"):
        choose_device("cuda:1")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", "mps"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="auto, cpu, cuda"):
        choose_device(name)


def test_precision_follows_the_device() -> None:
    assert choose_precision("auto", CPU) == torch.float32
    assert choose_precision("auto", GPU) == torch.float16
    assert choose_precision("bf16", CPU) == torch.bfloat16
    assert precision_name(torch.bfloat16) == "bf16"
    with pytest.raises(ValueError, match="fp16 needs a GPU"):
        choose_precision("fp16", CPU)
    with pytest.raises(ValueError, match="auto, fp32, bf16, fp16"):
        choose_precision("int8", CPU)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 amx_tile\n", True),
        ("flags\t\t: fpu amx_bf16\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("model name\t: bf16 itself\nflags\t\t: fpu avx512f avx512vl\n", False),
        ("model name\t: unknown\n", True),
    ],
)
def test_bf16_is_known_by_the_flags_of_the_processor(
    tmp_path: Path, text: str, expected: bool
) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(text)
    assert has_bf16(info) == expected


def test_processor_that_says_nothing_is_believed(tmp_path: Path) -> None:
    assert has_bf16(tmp_path / "absent")


def test_bf16_that_is_imitated_has_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(device, "CPU_INFO", info)
    info.write_text("flags : avx2\n")
    (warning,) = precision_warnings(torch.bfloat16, CPU)
    assert "--precision fp32" in warning
    assert precision_warnings(torch.float32, CPU) == ()
    assert precision_warnings(torch.bfloat16, GPU) == ()
    info.write_text("flags : avx2 avx512_bf16\n")
    assert precision_warnings(torch.bfloat16, CPU) == ()
