"""Many clips on SLURM through dask-jobqueue: workers come and go, each with one GPU and one file.

    pip install "vsr-cli[cluster]" dask-jobqueue
    python examples/slurm_dask.py runs sr --model 2d3d

It runs where jobs may be submitted from, and ends with the batch. Paths must be the same on all
nodes. Arguments are those of ``vsr batch``; fill in the queue and the account of your site.
"""

from __future__ import annotations

import subprocess
import sys

from dask_jobqueue import SLURMCluster

JOBS = 16  # at most; fewer while the queue is full

with SLURMCluster(
    queue="gpu",
    account="my-project",
    walltime="08:00:00",
    cores=1,  # of Dask: one file at a time; the CPUs of a job are job_cpu
    processes=1,
    job_cpu=4,
    memory="16GB",
    job_extra_directives=["--gpus-per-task=1"],
    # Dask limits workers to one thread unless it is told otherwise; encoders and CPUs want more.
    job_script_prologue=["export DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON__OMP_NUM_THREADS=4"],
) as cluster:
    cluster.adapt(minimum_jobs=1, maximum_jobs=JOBS)
    command = [sys.executable, "-m", "vsr_cli", "batch", *sys.argv[1:]]
    done = subprocess.run([*command, "--scheduler", cluster.scheduler_address], check=False)

sys.exit(done.returncode)
