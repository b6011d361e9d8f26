"""No encoder turns the process into a real-time one."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from vsr_cli.media import open_reader, open_writer
from vsr_cli.media.video.scheduling import ordinary_scheduling
from vsr_cli.specs import EncodingSpec

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="scheduling is asked of Linux")


def _policies() -> Counter[int]:
    return Counter(os.sched_getscheduler(int(name)) for name in os.listdir("/proc/self/task"))


@pytest.mark.parametrize("codec", ["x264", "x265", "svtav1", "vp9"])
def test_threads_of_an_encoder_are_ordinary_ones(
    make_clip: Callable[..., Path], tmp_path: Path, codec: str
) -> None:
    """SVT-AV1 makes itself and its caller real-time threads where it may, that is as root."""
    with open_reader(make_clip("in.mkv")) as reader:
        target = tmp_path / "out.mkv"
        with open_writer(target, reader.info, EncodingSpec(codec=codec)) as writer:
            for frame in reader:
                writer.write(frame)
                assert set(_policies()) == {os.SCHED_OTHER}
    assert target.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may ask for real-time threads")
def test_policy_is_given_back() -> None:
    with ordinary_scheduling():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        assert os.SCHED_FIFO in _policies()
    assert set(_policies()) == {os.SCHED_OTHER}
