"""What the networks can run on: the processor and the GPUs, and what each is good for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import torch
from torch import nn

from vsr_cli.doctor.finding import Finding
from vsr_cli.models.rewrite.faster import channels_last
from vsr_cli.pipeline.device import BF16_FLAGS, read_processor

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
SIDE, CHANNELS, PASSES = 128, 64, 3  # of the convolution that is timed
WORTH_IT = 1.3  # times as fast, from which on bf16 is said to pay
MIB = 1 << 20


def find_devices() -> Iterator[Finding]:
    """The processor, and every GPU that torch sees; if none, why that may be."""
    yield _processor()
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for index in range(count):
        yield _gpu(index)
    if not count:
        yield _no_gpu()


def bf16_gain(device: torch.device) -> float:
    """How many times as fast as in fp32 a convolution is in bf16: 3x3, 64 channels, 128x128."""
    layer = channels_last(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1).eval()).to(device)
    frames = torch.rand(1, CHANNELS, SIDE, SIDE, device=device)
    frames = frames.contiguous(memory_format=torch.channels_last)
    return _seconds(layer, frames, is_half=False) / _seconds(layer, frames, is_half=True)


def _seconds(layer: nn.Module, frames: torch.Tensor, *, is_half: bool) -> float:
    """The shortest of a few passes, after one that does not count."""
    device, seconds = frames.device.type, []
    with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16, enabled=is_half):
        for _ in range(1 + PASSES):
            before = perf_counter()
            layer(frames).sum().item()  # which waits for a GPU
            seconds.append(perf_counter() - before)
    return min(seconds[1:])


def _processor() -> Finding:
    model, flags = read_processor()
    model = model or "a processor"
    known = sorted(BF16_FLAGS & flags)
    cores, threads = len(os.sched_getaffinity(0)), torch.get_num_threads()
    gain = round(bf16_gain(torch.device("cpu")), 2)
    advice = "worth it" if gain >= WORTH_IT else "not worth it"
    own = " ".join(known) or "no bf16 of its own"
    return Finding(
        area="device",
        name="cpu",
        is_ok=True,
        detail=(
            f"{model}, {cores} cores, {threads} threads, {own}; "
            f"a convolution is {gain:g} times as fast in bf16: --precision bf16 is {advice}"
        ),
        is_needed=True,
        facts={
            "model": model,
            "cores": cores,
            "threads": threads,
            "bf16_flags": known,
            "bf16_gain": gain,
            "bf16_is_worth_it": gain >= WORTH_IT,
        },
    )


def _gpu(index: int) -> Finding:
    device, name = torch.device("cuda", index), f"cuda:{index}"
    try:
        card = torch.cuda.get_device_properties(index)
        free, total = torch.cuda.mem_get_info(index)
        gain = round(bf16_gain(device), 2)
    except RuntimeError as error:
        return Finding(
            area="device",
            name=name,
            is_ok=False,
            detail=" ".join(str(error).split()),
            causes=(
                "another process holds the GPU or all of its memory",
                "this torch was not built for a GPU of its kind",
                "the driver is older than the CUDA that torch was built with",
            ),
            remedy="nvidia-smi; until then --device cpu",
        )
    capability = f"{card.major}.{card.minor}"
    return Finding(
        area="device",
        name=name,
        is_ok=True,
        detail=(
            f"{card.name}, {free // MIB:,} of {total // MIB:,} MiB free, capability {capability}; "
            f"--precision auto is fp16; bf16 is {gain:g} times as fast as fp32"
        ),
        facts={
            "model": card.name,
            "memory_mib": total // MIB,
            "free_mib": free // MIB,
            "capability": capability,
            "bf16_gain": gain,
        },
    )


def _no_gpu() -> Finding:
    """Why torch sees no GPU, the likeliest first; a machine without one is no fault."""
    has_driver, hidden = NVIDIA_DRIVER.exists(), os.environ.get("CUDA_VISIBLE_DEVICES")
    causes = []
    remedy = "nvidia-smi; a GPU is not needed, only faster"
    if has_driver and torch.version.cuda is None:
        causes.append("this torch was built without CUDA, and there is a driver for a GPU")
        remedy = 'pip install --force-reinstall "torch>=2.6"'
    if hidden is not None:
        causes.append(f"CUDA_VISIBLE_DEVICES is set to {hidden!r}")
    if not has_driver:
        causes.append("there is no NVIDIA GPU here, or no driver for it")
        causes.append("this is a container that was not given the GPU (docker run --gpus all)")
    else:
        causes.append("the driver is older than the CUDA that torch was built with")
    return Finding(
        area="device",
        name="cuda",
        is_ok=False,
        detail="torch sees no GPU; --device auto takes the processor",
        causes=tuple(causes[:3]),
        remedy=remedy,
    )
