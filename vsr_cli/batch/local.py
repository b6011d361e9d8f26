"""A cluster of this machine: how many workers, with which GPU or how many threads each."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from vsr_cli.errors import MissingExtraError
from vsr_cli.pipeline.device import num_gpus
from vsr_cli.specs import EVERY_GPU, BatchSpec, gpu_index, is_several, parse_devices

if TYPE_CHECKING:
    from distributed import Client

CORES_PER_WORKER = 4  # of a CPU, where nobody says; more workers take more memory
PRELOAD = "vsr_cli.batch.worker"


@dataclass(frozen=True, slots=True)
class Crew:
    """The workers of this machine; each has one file or segment at a time."""

    num_workers: int
    threads: int  # of each, on the CPU
    gpus: tuple[str, ...] = ()  # by the names of CUDA_VISIBLE_DEVICES; empty: none is assigned

    def environment(self, number: int) -> dict[str, str]:
        """What is set for a worker before it loads anything."""
        found = {"OMP_NUM_THREADS": str(self.threads), "MKL_NUM_THREADS": str(self.threads)}
        if self.gpus:
            found["CUDA_VISIBLE_DEVICES"] = self.gpus[number % len(self.gpus)]
        return found


def choose_crew(spec: BatchSpec, device: str, num_parts: int) -> Crew:
    """Workers by what was asked for, else one for each GPU, else one for a few cores.

    More workers than files and segments are never started. With ``device`` such as ``cuda:1`` all
    workers share that GPU; with ``cuda:0,cuda:1`` there is a worker for each. Threads are what the
    cores give, shared out.
    """
    cores = len(os.sched_getaffinity(0))
    gpus = _gpus(device)
    per_worker = spec.threads_per_worker or min(cores, CORES_PER_WORKER)
    usual = len(gpus) or len(parse_devices(device))
    if device in ("auto", "cpu", "cuda") and not gpus:
        usual = max(1, cores // per_worker)
    wanted = spec.workers or spec.scheduler.workers or usual
    num_workers = max(1, min(wanted, num_parts))
    threads = spec.threads_per_worker or max(1, cores // num_workers)
    return Crew(num_workers, threads, gpus)


def _gpus(device: str) -> tuple[str, ...]:
    """Those that are assigned to workers; none if these share the one that is named."""
    if device not in ("auto", "cuda") and not is_several(device):
        return ()
    names, visible = parse_devices(device), visible_gpus(os.environ, num_gpus())
    if device in ("auto", "cuda", EVERY_GPU):
        return visible
    return tuple(visible[gpu_index(name)] for name in names if name != "cpu")


def visible_gpus(environment: Mapping[str, str], count: int) -> tuple[str, ...]:
    """The GPUs of this process by the names that CUDA_VISIBLE_DEVICES has for them.

    A scheduler may have set it already, to numbers or to UUIDs; ``count`` is what torch sees.
    """
    if count == 0:
        return ()
    named = [name.strip() for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    named = [name for name in named if name]
    return tuple(named[:count]) if len(named) >= count else tuple(map(str, range(count)))


def has_distributed() -> bool:
    """True if the extra is installed."""
    return find_spec("distributed") is not None


@contextmanager
def local_cluster(crew: Crew) -> Iterator[Client]:
    """Start a scheduler and its workers, each a process of its own, and end them with the context.

    The system's Ctrl-C is left to this process. A worker that dies is started again; its job comes
    back at once (``allowed_failures`` 0), since who tries it again is decided here.

    Raises:
        MissingExtraError: distributed is not installed.
    """
    try:
        import dask
        from distributed import Client, Nanny, Scheduler, SpecCluster
    except ImportError:
        raise MissingExtraError("distributed", "cluster") from None
    scheduler = {"cls": Scheduler, "options": _scheduler_options()}
    workers = {
        number: {"cls": Nanny, "options": _worker_options(crew.environment(number))}
        for number in range(crew.num_workers)
    }
    with (
        dask.config.set({"distributed.scheduler.worker-saturation": 1.0}),
        SpecCluster(workers=workers, scheduler=scheduler, silence_logs=logging.CRITICAL) as cluster,
        Client(cluster, set_as_default=False, name="vsr-batch") as client,
    ):
        yield client


def _scheduler_options() -> dict[str, Any]:
    """What Dask's scheduler is told; its dashboard needs bokeh."""
    return {
        "host": "127.0.0.1",
        "allowed_failures": 0,
        "dashboard": find_spec("bokeh") is not None,
        "dashboard_address": "127.0.0.1:0",
    }


def _worker_options(environment: Mapping[str, str]) -> dict[str, Any]:
    """What Dask's nanny of one worker is told."""
    return {
        "nthreads": 1,
        "memory_limit": 0,
        "preload": [PRELOAD],
        "env": environment,
        "silence_logs": logging.CRITICAL,
        "dashboard": False,
    }
