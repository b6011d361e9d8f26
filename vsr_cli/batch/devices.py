"""Several devices for one batch: a worker of this machine for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vsr_cli.batch.jobs import Job
from vsr_cli.specs import EVERY_GPU, BatchSpec, is_several, parse_devices


def find_several(jobs: Sequence[Job], spec: BatchSpec) -> str:
    """The several devices that the jobs name; empty where each names one.

    Raises:
        ValueError: there can be no worker for each of them.
    """
    words = sorted({job.settings.upscale.device for job in jobs})
    several = next(filter(is_several, words), "")
    if several and len(words) > 1:
        other = next(word for word in words if word != several)
        raise ValueError(
            f"several devices ({several}) are for all files of a batch, but one has {other}; "
            "leave the device of single files out"
        )
    if several and spec.scheduler.kind not in ("auto", "local"):
        raise ValueError(
            f"several devices ({several}) are for workers of this machine: leave --scheduler out, "
            "or give one device"
        )
    return several


def on_own_device(job: Job, *, is_pinned: bool) -> Job:
    """The job for one worker: on the only GPU that it sees, if ``is_pinned``, else on the first."""
    first = parse_devices(job.settings.upscale.device)[0]
    device = first.partition(":")[0] if is_pinned or first == EVERY_GPU else first
    upscale = replace(job.settings.upscale, device=device)
    return replace(job, settings=replace(job.settings, upscale=upscale))
