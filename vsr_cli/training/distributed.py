"""Several processes that train one network, started by ``torchrun``; one alone needs none of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn


@contextmanager
def joined(device: torch.device) -> Iterator[int]:
    """Join the processes that ``torchrun`` started; yields this one's rank, 0 if it is alone.

    NCCL between GPUs, Gloo between CPUs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield 0
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield dist.get_rank()
    finally:
        dist.destroy_process_group()


def own_device(device: str) -> str:
    """The device of this process: ``cuda`` becomes the GPU of its local rank."""
    rank = os.environ.get("LOCAL_RANK")
    return (
        f"cuda:{rank}"
        if rank is not None and device in {"auto", "cuda"} and (torch.cuda.is_available())
        else device
    )


def is_first() -> bool:
    """True for the process that writes and speaks: the one with rank 0, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def world_size() -> int:
    """The number of processes that train together; 1 outside of ``joined``."""
    return dist.get_world_size() if dist.is_initialized() else 1


def share_start(module: nn.Module) -> None:
    """Give every process the weights of the first one."""
    if world_size() > 1:
        for tensor in (*module.parameters(), *module.buffers()):
            dist.broadcast(tensor.detach(), 0)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over the processes, in one exchange.

    Each process then makes the same step, so that their weights stay equal: what PyTorch's
    DistributedDataParallel does, for networks whose kernels are put together in each step.
    """
    if world_size() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world_size()
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()


def wait_for_all() -> None:
    """Go on when every process has come this far."""
    if world_size() > 1:
        dist.barrier()


def of_all(value: Tensor, device: torch.device) -> Tensor:
    """The tensors of all processes, one above the other in the order of their ranks, on the CPU.

    ``device`` is the one of this process, by which they are exchanged.
    """
    if world_size() == 1:
        return value[None]
    values = [torch.empty_like(value, device=device) for _ in range(world_size())]
    dist.all_gather(values, value.to(device))
    return torch.stack(values).cpu()


def of_first(value: float, device: torch.device) -> float:
    """The number that the first process has, so that all decide alike."""
    if world_size() == 1:
        return value
    shared = torch.tensor(value, dtype=torch.float64, device=device)
    dist.broadcast(shared, 0)
    return float(shared)


def mean_of_all(value: Tensor) -> Tensor:
    """The mean over the processes."""
    if world_size() > 1:
        dist.all_reduce(value)
        value /= world_size()
    return value
