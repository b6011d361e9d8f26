"""A batch from its inputs to its report: read this first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from vsr_cli.batch.attempts import Attempts, FileResult
from vsr_cli.batch.cluster import connected, run_on_cluster
from vsr_cli.batch.cost import BatchPlan, cost_of
from vsr_cli.batch.devices import find_several, on_own_device
from vsr_cli.batch.in_process import run_in_process
from vsr_cli.batch.inputs import STATE_FOLDER
from vsr_cli.batch.jobs import Job, ListedInput, make_jobs
from vsr_cli.batch.listener import BatchListener
from vsr_cli.batch.local import Crew, choose_crew, has_distributed, local_cluster
from vsr_cli.batch.lock import locked
from vsr_cli.batch.parts import num_parts
from vsr_cli.batch.record import remove_leftovers as remove_part_records
from vsr_cli.batch.record import why_to_run
from vsr_cli.batch.report import BatchReport
from vsr_cli.batch.work import Outcome
from vsr_cli.pipeline.device import choose_device, limit_threads
from vsr_cli.pipeline.verify import check_device, check_networks, remove_leftovers
from vsr_cli.specs import BatchSpec

MANY_FILES = 64  # are enough for the workers of one machine


def run_batch(
    inputs: Sequence[ListedInput],
    out_dir: Path,
    spec: BatchSpec | None = None,
    *,
    dry_run: bool = False,
    listener: BatchListener | None = None,
) -> BatchReport:
    """Upscale many files into a folder; those that are done already are left as they are.

    A file that fails is reported and stops no other. ``dry_run`` writes nothing and computes
    nothing.

    Raises:
        ValueError: settings that cannot be, or files that would take each other's place.
        VsrError: the folder cannot be written or is in use, or the cluster is lost.
    """
    spec, listener, started = spec or BatchSpec(), listener or BatchListener(), time.perf_counter()
    jobs, devices = _checked_jobs(inputs, out_dir, spec, is_planned=False)
    with ExitStack() as stack:
        if not dry_run and (note := stack.enter_context(locked(out_dir, spec.shard))):
            listener.on_note(note)
        if not dry_run:
            remove_part_records(out_dir / STATE_FOLDER)
        planned, other = sort_out(jobs)
        listener.on_plan(planned, other)
        if dry_run or not planned:
            return _report(out_dir, [*planned, *other], 0, started)
        ordered = by_size(planned, spec)
        listener.on_sizes([result.job.size_bytes for result in ordered])
        attempts = Attempts([(result.job, result.reason) for result in ordered], spec.retries)
        workers = _run(attempts, planned, spec, listener, devices)
    return _report(out_dir, [*attempts.results, *other], workers, started)


def plan_batch(
    inputs: Sequence[ListedInput],
    out_dir: Path,
    spec: BatchSpec | None = None,
    *,
    listener: BatchListener | None = None,
) -> BatchPlan:
    """How many segments, hours and bytes ``run_batch`` would come to; writes nothing.

    One file of each size and settings is timed here, with the threads that a worker would have.

    Raises:
        ValueError, VsrError: as ``run_batch``.
    """
    spec, listener = spec or BatchSpec(), listener or BatchListener()
    jobs, devices = _checked_jobs(inputs, out_dir, spec, is_planned=True)
    planned, other = sort_out(jobs)
    device = planned[0].job.settings.upscale.device if planned else "cpu"
    if spec.scheduler.kind in ("address", "file"):
        with connected(spec.scheduler, listener) as client:
            workers, threads = max(1, len(client.nthreads())), spec.threads_per_worker
    else:
        crew = choose_crew(spec, devices or device, _num_parts(planned))
        workers, threads = crew.num_workers, crew.threads
        if _is_in_process(spec, crew, devices):  # with what OMP_NUM_THREADS gave it
            workers, threads = 1, spec.threads_per_worker or torch.get_num_threads()
    if threads is not None:
        limit_threads(threads)
    return cost_of(
        [result.job for result in planned],
        out_dir,
        listener,
        device=devices or str(choose_device(device)),
        workers=workers,
        threads=threads,
        skipped=len(other),
    )


def _checked_jobs(
    inputs: Sequence[ListedInput], out_dir: Path, spec: BatchSpec, *, is_planned: bool
) -> tuple[list[Job], str]:
    """The jobs, and several devices if they name such, of which each is then for one.

    Networks and devices are looked at before the first one begins.
    """
    jobs = make_jobs(inputs, out_dir, spec)
    for upscale in dict.fromkeys(job.settings.upscale for job in jobs):
        check_networks(upscale)
        if spec.scheduler.kind not in ("address", "file"):  # there workers have their own devices
            check_device(upscale)
    if devices := find_several(jobs, spec):
        jobs = [on_own_device(job, is_pinned=not is_planned) for job in jobs]
    return jobs, devices


def sort_out(jobs: Sequence[Job]) -> tuple[list[FileResult], list[FileResult]]:
    """What is to be computed, and what is not: it is done, or cannot be read."""
    planned: list[FileResult] = []
    other: list[FileResult] = []
    for job in jobs:
        try:
            reason = why_to_run(job)
        except OSError as error:
            outcome = Outcome(error=f"{job.source} cannot be read: {error.strerror}")
            other.append(FileResult(job=job, status="failed", reason="new", outcome=outcome))
            continue
        if reason == "done":
            other.append(FileResult(job=job, status="skipped", reason=reason))
        else:
            planned.append(FileResult(job=job, status="planned", reason=reason))
    return planned, other


def by_size(planned: Sequence[FileResult], spec: BatchSpec) -> list[FileResult]:
    """The largest first, so that no worker is left with a long file at the end."""
    if spec.scheduler.kind == "none":
        return [*planned]
    return sorted(planned, key=lambda result: -result.job.size_bytes)


def _run(
    attempts: Attempts,
    planned: Sequence[FileResult],
    spec: BatchSpec,
    listener: BatchListener,
    devices: str,
) -> int:
    """Have the jobs done by the engine that was asked for, or suits; returns how many workers."""
    settings = list(dict.fromkeys(result.job.settings.upscale for result in planned))
    kind = spec.scheduler.kind
    if kind in ("address", "file"):
        with connected(spec.scheduler, listener) as client:
            _say_where(client.dashboard_link, listener)
            run_on_cluster(client, attempts, listener, spec.threads_per_worker)
            return max(1, len(client.nthreads()))
    crew = choose_crew(spec, devices or settings[0].device, _num_parts(planned))
    if _is_in_process(spec, crew, devices):
        if kind == "auto" and crew.num_workers > 1:
            listener.on_note(
                f"{crew.num_workers} workers would be faster than one; "
                'try: pip install "vsr-cli[cluster]"'
            )
        run_in_process(attempts, listener, spec.threads_per_worker)
        return 1
    try:
        with local_cluster(crew) as client:
            _say_where(client.dashboard_link, listener)
            run_on_cluster(client, attempts, listener, crew.threads)
    finally:
        for job in attempts.running:  # a worker in the midst of a slow frame had to be killed
            remove_leftovers(job.target)
    return crew.num_workers


def _is_in_process(spec: BatchSpec, crew: Crew, devices: str) -> bool:
    """True if this process does all jobs: so it was asked for, or there is no other worker."""
    kind = "local" if devices else spec.scheduler.kind  # this process is none of several devices
    has_none = spec.workers is None and not has_distributed()
    return kind == "none" or (kind == "auto" and (crew.num_workers == 1 or has_none))


def _num_parts(planned: Sequence[FileResult]) -> int:
    """How many workers could be at work at once; looked up only where the files alone are few."""
    if len(planned) > MANY_FILES:
        return len(planned)
    return sum(num_parts(result.job) for result in planned)


def _say_where(dashboard: str | None, listener: BatchListener) -> None:
    """Tell where a browser can watch."""
    if dashboard:
        listener.on_dashboard(dashboard)


def _report(
    out_dir: Path, results: Sequence[FileResult], workers: int, started: float
) -> BatchReport:
    seconds = time.perf_counter() - started
    return BatchReport.of(str(out_dir), results, workers=workers, seconds=seconds)
