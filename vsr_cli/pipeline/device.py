"""Which device and precision a run uses; named, printed, never silently another."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch

from vsr_cli.errors import DeviceError
from vsr_cli.specs import EVERY_GPU, check_precision, gpu_index, is_several, parse_devices

PRECISIONS: Mapping[str, torch.dtype] = MappingProxyType(
    {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
)

FAST_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})  # of x86, in CPU_INFO
BF16_FLAGS = FAST_BF16_FLAGS | {"bf16"}  # and of ARM
MOST_BF16_LOSS = 0.02  # dB of PSNR that bf16 may cost where nobody asked for it
CPU_INFO = Path("/proc/cpuinfo")  # of Linux
CPU_FLAGS = "flags", "Features"  # how x86 and ARM begin that line


def choose_device(name: str) -> torch.device:
    """``auto``: the first GPU if there is one, else the CPU; ``cpu``, ``cuda``, ``cuda:1``.

    Raises:
        ValueError: not such a name, or several devices.
        DeviceError: the device that was named is not there.
    """
    if is_several(name):
        raise ValueError(f"several devices ({name}) are for upscaling a video file; give one")
    return choose_devices(name)[0]


def choose_devices(name: str) -> tuple[torch.device, ...]:
    """One device or more, in their order: as ``choose_device``, ``cuda:0,cuda:1``, ``cuda:all``.

    Raises:
        ValueError: not such names, see ``parse_devices``.
        DeviceError: those that were named and are not there, each by its name.
    """
    names = parse_devices(name)
    if names == ("cpu",) * len(names):
        return (torch.device("cpu"),) * len(names)
    count = num_gpus() if torch.cuda.is_available() else 0
    if names == ("auto",):
        return (torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu"),)
    every = names == (EVERY_GPU,)
    indices = range(count) if every else map(gpu_index, names)
    there = tuple(torch.device("cuda", index) for index in indices if index < count)
    absent = names if every else [name for name in names if gpu_index(name) >= count]
    if not there or len(there) < len(names):
        words = f"device {absent[0]} is" if len(absent) == 1 else f"devices {', '.join(absent)} are"
        raise DeviceError(f"{words} not there: torch sees {count} CUDA devices; try --device cpu")
    return there


def choose_precision(
    name: str, device: torch.device, *, bf16_loss: float | None = None
) -> torch.dtype:
    """``auto``, or ``fp32``, ``bf16``, ``fp16``.

    ``auto`` is fp16 on a GPU. On a CPU it is bf16 where the processor has AVX512-BF16 or AMX and
    the weights are known to lose less than ``MOST_BF16_LOSS`` by it, else fp32.

    Args:
        name: what the user wants.
        device: where the networks run.
        bf16_loss: dB of PSNR that bf16 costs these networks, as measured; None: not known, or
            bf16 does not pay.

    Raises:
        ValueError: not a precision, or one that the device does not have.
    """
    if name == "auto" and device.type == "cuda":
        return torch.float16
    if name == "auto":
        is_near = bf16_loss is not None and bf16_loss < MOST_BF16_LOSS
        is_fast = is_near and has_flag(CPU_INFO, FAST_BF16_FLAGS, default=False)
        return torch.bfloat16 if is_fast else torch.float32
    check_precision(name)
    if name == "fp16" and device.type == "cpu":
        raise ValueError("precision fp16 needs a GPU: use fp32 or bf16 on the CPU")
    return PRECISIONS[name]


def precision_warnings(precision: torch.dtype, device: torch.device) -> tuple[str, ...]:
    """What there is to say of a precision that the processor has to imitate."""
    if (
        precision != torch.bfloat16
        or device.type != "cpu"
        or has_flag(CPU_INFO, BF16_FLAGS, default=True)
    ):
        return ()
    return (
        "this processor has no bf16 (AVX512-BF16 or AMX) and imitates it: "
        "--precision fp32 is faster and more exact",
    )


def has_flag(info: Path, wanted: frozenset[str], *, default: bool) -> bool:
    """Whether Linux says one of these of its processor; ``default`` where it says nothing."""
    _, flags = read_processor(info)
    return not wanted.isdisjoint(flags) if flags else default


def read_processor(info: Path = CPU_INFO) -> tuple[str, frozenset[str]]:
    """The name of the processor and what it can do; empty where Linux says nothing of it."""
    try:
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "", frozenset()
    pairs = [[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]
    model = next((value for name, value in pairs if name == "model name"), "")
    flags = next((value for name, value in pairs if name in CPU_FLAGS), "")
    return model, frozenset(flags.split())


def precision_name(precision: torch.dtype) -> str:
    """The name on the command line of a precision."""
    return next(name for name, dtype in PRECISIONS.items() if dtype == precision)


def limit_threads(count: int) -> None:
    """Let the networks of this process compute with so many threads of the CPU."""
    torch.set_num_threads(count)


def shared_threads(count: int) -> int:
    """Threads for each of ``count`` processes: its part of the cores, no more than this one has."""
    return max(1, min(torch.get_num_threads(), len(os.sched_getaffinity(0)) // count))


def settle_on(device: torch.device) -> None:
    """Make a GPU the one that this process means where it names none."""
    if device.type == "cuda":
        torch.cuda.set_device(device)


def num_gpus() -> int:
    """GPUs that torch sees on this machine; no context is made on any."""
    return torch.cuda.device_count()
