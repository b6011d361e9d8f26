"""Which device and precision a run uses; named, printed, never silently another."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch

from vsr_cli.errors import DeviceError

PRECISIONS: Mapping[str, torch.dtype] = MappingProxyType(
    {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
)


def choose_device(name: str) -> torch.device:
    """``auto``: the first GPU if there is one, else the CPU; ``cpu``, ``cuda``, ``cuda:1``.

    Raises:
        ValueError: not such a name.
        DeviceError: the device that was named is not there.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if name != "cpu" and name != "cuda" and not name.startswith("cuda:"):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, got {name!r}")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, got {name!r}") from error
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise DeviceError(
                f"device {name} is not there: torch sees {count} CUDA devices; try --device cpu"
            )
        device = torch.device("cuda", device.index or 0)
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """``auto``: fp16 on a GPU, fp32 on the CPU; or ``fp32``, ``bf16``, ``fp16``."""
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if name not in PRECISIONS:
        raise ValueError(f"precision must be auto, {', '.join(PRECISIONS)}, got {name!r}")
    if name == "fp16" and device.type == "cpu":
        raise ValueError("precision fp16 needs a GPU: use fp32 or bf16 on the CPU")
    return PRECISIONS[name]


def precision_name(precision: torch.dtype) -> str:
    """The name on the command line of a precision."""
    return next(name for name, dtype in PRECISIONS.items() if dtype == precision)


def limit_threads(count: int) -> None:
    """Let the networks of this process compute with so many threads of the CPU."""
    torch.set_num_threads(count)


def num_gpus() -> int:
    """GPUs that torch sees on this machine; no context is made on any."""
    return torch.cuda.device_count()
