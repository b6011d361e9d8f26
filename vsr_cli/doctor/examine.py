"""The order in which things are looked at, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from vsr_cli.doctor.finding import Finding
from vsr_cli.doctor.versions import find_versions


@dataclass(frozen=True, slots=True)
class Checkup:
    """All that was found."""

    findings: tuple[Finding, ...]

    @property
    def can_upscale(self) -> bool:
        """True if everything works that ``vsr upscale IN OUT`` needs."""
        return all(finding.is_ok for finding in self.findings if finding.is_needed)

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What does not work, what is needed first."""
        faults = [finding for finding in self.findings if not finding.is_ok]
        return tuple(sorted(faults, key=lambda finding: not finding.is_needed))

    def to_json(self) -> dict[str, Any]:
        """The document of ``--json``."""
        findings = [finding.to_json() for finding in self.findings]
        return {"can_upscale": self.can_upscale, "findings": findings}


def examine() -> Checkup:
    """Look at versions, devices, codecs, weights, extras, programs and disk, and do the main job.

    Some ten seconds, most of them to load the extras. Nothing is left behind.
    """
    return Checkup(tuple(_all_findings()))


def _all_findings() -> Iterator[Finding]:
    versions = tuple(find_versions())
    yield from versions
    if not all(finding.is_ok for finding in versions):
        return  # what follows needs every package of the core
    # Loaded here, for they load these packages.
    from vsr_cli.doctor.codecs import find_codecs
    from vsr_cli.doctor.extras import find_extras
    from vsr_cli.doctor.job import find_job
    from vsr_cli.doctor.machine import find_devices
    from vsr_cli.doctor.storage import find_disk, find_programs, find_weights

    yield from find_devices()
    yield from find_weights()
    yield from find_disk()
    yield from _or_fault(find_codecs)
    yield from find_extras()
    yield from find_programs()
    yield from find_job()


def _or_fault(find: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings; where there is no folder for temporary files, one that says so."""
    try:
        yield from find()
    except OSError as error:
        yield Finding(
            area="encoder",
            name="all",
            is_ok=False,
            detail=" ".join(str(error).split()),
            is_needed=True,
            causes=("no temporary folder can be written to", "the disk is full"),
            remedy="TMPDIR=/another/folder vsr doctor",
        )
