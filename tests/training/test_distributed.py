"""Two processes that train one network: the same steps, and the same weights after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vsr_cli.models import get_spec
from vsr_cli.models.weights import read_weights
from vsr_cli.specs import Recipe
from vsr_cli.training.losses import LOSSES, Criterion
from vsr_cli.training.state import LoopSettings, Run
from vsr_cli.training.tasks import Task

STEPS, EVERY = 120, 20
PATIENCE_S = 240  # of a wait for another process


def _command(data: Path, output: Path, *more: str) -> list[str]:
    """Torchrun of two processes on the CPU; ``plain-s`` trains as branches, with clipping."""
    words = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "vsr_cli", "train", "plain-s", output, "--data", data, "--hold-out", "0.25"),
        *("--steps", STEPS, "--batch-size", 2, "--patch", 16, "--checkpoint-every", EVERY),
        *("--device", "cpu", "--precision", "fp32", "--quiet"),
    ]
    return [*map(str, words), *more]


def _start(command: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _finish(command: list[str]) -> str:
    process = _start(command)
    told, complaints = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, complaints
    return told


def _family(pid: int) -> list[int]:
    """A process and all that come from it, by the parents that /proc names."""
    found = [pid]
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = entry.read_text(encoding="utf-8").rpartition(")")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if int(parent) == pid:
            found += _family(int(entry.parent.name))
    return found


def _kill_after_first_checkpoint(command: list[str], checkpoint: Path) -> None:
    process = _start(command)
    deadline = time.monotonic() + PATIENCE_S
    while not checkpoint.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    family = _family(process.pid)
    assert len(family) >= 3
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    process.communicate()


def _log(output: Path) -> list[tuple[int, float, float]]:
    lines = output.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    return [(line["step"], line["loss"], line["psnr"]) for line in map(json.loads, lines)]


@pytest.mark.slow
def test_two_killed_processes_end_with_the_weights_of_two_whole_ones(
    clip: Callable[[str, int], Path], tmp_path: Path
) -> None:
    """Bit for bit: every process goes on with the batches that it would have drawn."""
    data = clip("a.mkv", 1)
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    told = _finish(_command(data, whole))
    assert told.count(f"trained for {STEPS} steps") == 1

    _kill_after_first_checkpoint(_command(data, broken), broken.with_suffix(".ckpt"))
    assert not broken.exists()
    assert len(_log(broken)) < STEPS // EVERY
    _finish(_command(data, broken, "--resume"))

    assert [step for step, _, _ in _log(whole)] == list(range(EVERY, STEPS + 1, EVERY))
    assert set(_log(broken)) <= set(_log(whole))
    tensors, record = read_weights(broken)
    assert record.training["curve"] == read_weights(whole)[1].training["curve"]
    for name, tensor in read_weights(whole)[0].items():
        assert torch.equal(tensor, tensors[name]), name


def _run(rank: int) -> Run:
    recipe = Recipe(steps=4, batch_size=2, patch=8, margin=0, learning_rate=1e-3)
    settings = LoopSettings(
        checkpoint=Path("o.ckpt"),
        log=Path("o.jsonl"),
        every=2,
        validation_frames=1,
        seed=7,
        purpose="a test",
        device=torch.device("cpu"),
        autocast=None,
        resume=True,
        rank=rank,
    )
    spec = get_spec("plain-s")
    return Run(Task(spec, spec.build(2, True)), recipe, Criterion(LOSSES["mse"]), settings)


def _drawn(run: Run) -> Tensor:
    return torch.rand(4, generator=run.generator)


def test_each_process_draws_on_where_it_stopped() -> None:
    """A checkpoint of two processes, taken up by one, by two and by three."""
    stopped = [_run(rank) for rank in (0, 1)]
    for run in stopped:
        _drawn(run)
    state = stopped[0].state()
    state["generator"] = torch.cat([run.state()["generator"] for run in stopped])
    ahead = [_drawn(run) for run in stopped]
    resumed = [_run(rank) for rank in (0, 1, 2)]
    for run in resumed:
        run.restore(state)
    first, second, third = map(_drawn, resumed)
    assert torch.equal(first, ahead[0])
    assert torch.equal(second, ahead[1])
    assert not torch.equal(third, first)
    assert not torch.equal(third, second)


def test_checkpoint_with_the_state_of_one_process_alone_is_read() -> None:
    """Files of before processes kept theirs apart."""
    stopped, resumed = _run(0), _run(0)
    state = stopped.state()
    state["generator"] = stopped.generator.get_state()
    resumed.restore(state)
    assert torch.equal(_drawn(resumed), _drawn(stopped))
