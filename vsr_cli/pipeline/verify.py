"""Settings and outputs looked at from outside, before and after a run."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from vsr_cli.errors import OutputError
from vsr_cli.media import probe_file
from vsr_cli.media.pending import PendingFile
from vsr_cli.models.load import available_scales
from vsr_cli.pipeline.device import choose_devices, choose_precision
from vsr_cli.pipeline.loaded import load_chain_once
from vsr_cli.specs import DEFAULT_SCALE, UpscaleSpec


def count_frames(path: Path) -> int:
    """The pictures in a written file, by its packets: all of it is read, nothing is decoded.

    Raises:
        OutputError: the file is not there, is damaged, or ends early.
    """
    probe = probe_file(path, count=True)
    if probe.faults or probe.timing is None:
        raise OutputError("; ".join(probe.faults) or f"{path} holds no pictures")
    return probe.timing.num_packets


def remove_leftovers(target: Path) -> None:
    """Remove what processes of this machine that are no longer alive left for an output."""
    PendingFile(target, overwrite=True).discard()


def check_networks(spec: UpscaleSpec) -> None:
    """Load the networks, so that wrong names and weights are told before a batch begins.

    Raises:
        ValueError: unknown name, or a scale that the networks cannot give.
        VsrError: weights are missing, damaged or do not fit.
    """
    scale = spec.scale or (DEFAULT_SCALE if spec.width is spec.height is None else Fraction(3, 2))
    if scale % 1:  # the networks' own scale depends on the clip
        scale = max(available_scales(spec.model, domain=spec.domain, weights=spec.weights))
    load_chain_once(spec.model, int(scale), domain=spec.domain, weights=spec.weights)


def check_device(spec: UpscaleSpec) -> None:
    """Refuse devices that this machine does not have, and a precision that they cannot.

    Raises:
        ValueError: not a device or a precision.
        DeviceError: a device that was named is not there.
    """
    for device in choose_devices(spec.device):
        choose_precision(spec.precision, device)
