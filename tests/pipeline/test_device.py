"""Device and precision: what was named is taken, or it is an error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from vsr_cli.errors import DeviceError
from vsr_cli.pipeline import device
from vsr_cli.pipeline.device import (
    BF16_FLAGS,
    FAST_BF16_FLAGS,
    choose_device,
    choose_devices,
    choose_precision,
    has_flag,
    precision_name,
    precision_warnings,
    read_processor,
    shared_threads,
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


def test_several_devices_are_there_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_devices("cpu,cpu") == (CPU, CPU)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert choose_devices("cuda:2,cuda") == (torch.device("cuda", 2), GPU)
    assert choose_devices("cuda:all") == tuple(torch.device("cuda", n) for n in range(3))
    assert choose_devices("auto") == choose_devices("cuda") == (GPU,)
    with pytest.raises(DeviceError, match="devices cuda:3, cuda:7 are not there: torch sees 3"):
        choose_devices("cuda:3,cuda:1,cuda:7")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(DeviceError, match="cuda:all is not there"):
        choose_devices("cuda:all")


@pytest.mark.parametrize("name", ["cpu,cpu", "cuda:all"])
def test_several_devices_are_not_for_all_that_takes_one(name: str) -> None:
    with pytest.raises(ValueError, match=f"several devices .{name}. are for upscaling a video"):
        choose_device(name)


def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {*range(8)})
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert [shared_threads(count) for count in (1, 2, 3, 4, 9)] == [4, 4, 2, 2, 1]


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
    ("text", "can", "is_fast"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 amx_tile\n", True, True),
        ("flags\t\t: fpu amx_bf16\n", True, True),
        ("Features\t: fp asimd bf16\n", True, False),
        ("model name\t: bf16 itself\nflags\t\t: fpu avx512f avx512vl\n", False, False),
        ("model name\t: unknown\n", True, False),
        (None, True, False),
    ],
)
def test_bf16_is_known_by_the_flags_of_the_processor(
    tmp_path: Path, text: str | None, *, can: bool, is_fast: bool
) -> None:
    """One that says nothing is believed to have it, but it is not made the default there."""
    info = tmp_path / "cpuinfo"
    if text is not None:
        info.write_text(text)
    assert has_flag(info, BF16_FLAGS, default=True) == can
    assert has_flag(info, FAST_BF16_FLAGS, default=False) == is_fast


@pytest.mark.parametrize(
    ("flags", "loss", "expected"),
    [
        ("avx2 avx512_bf16", 0.009, torch.bfloat16),
        ("avx2 amx_bf16", 0.009, torch.bfloat16),
        ("avx2 avx512_bf16", 0.02, torch.float32),
        ("avx2 avx512_bf16", None, torch.float32),
        ("avx2 avx512f", 0.009, torch.float32),
    ],
)
def test_auto_takes_bf16_where_it_is_fast_and_near(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    flags: str,
    loss: float | None,
    expected: torch.dtype,
) -> None:
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(device, "CPU_INFO", info)
    info.write_text(f"flags : {flags}\n")
    assert choose_precision("auto", CPU, bf16_loss=loss) == expected
    assert choose_precision("fp32", CPU, bf16_loss=loss) == torch.float32
    assert choose_precision("auto", GPU, bf16_loss=loss) == torch.float16


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


@pytest.mark.parametrize(
    ("text", "model", "flags"),
    [
        ("model name\t: Xeon\nflags\t: fpu avx512_bf16 amx_bf16\n", "Xeon", {"avx512_bf16"}),
        ("Features\t: fp asimd bf16\n", "", {"bf16"}),
        ("", "", set()),
    ],
)
def test_processor_is_read(text: str, model: str, flags: set[str], tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    found = read_processor(tmp_path / "cpuinfo")
    assert found[0] == model
    assert found[1] >= flags
