"""Device and precision: what was named is taken, or it is an error."""

from __future__ import annotations

import pytest
import torch

from vsr_cli.errors import DeviceError
from vsr_cli.pipeline.device import choose_device, choose_precision, precision_name

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
