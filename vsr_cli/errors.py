"""What can go wrong in the world, as opposed to in the caller's arguments.

The caller's mistake is a ``ValueError`` (exit code 2 on the command line); everything here is the
world's: a file that is missing, a stream that cannot be read, a device that is not there. The
command line prints it as one line and exits with 1.
"""

from __future__ import annotations


class VsrError(Exception):
    """Base of all errors that ``vsr`` reports in one line."""


class InputError(VsrError):
    """The input cannot be opened, or holds nothing that can be upscaled."""


class OutputError(VsrError):
    """The output cannot be written, or is not complete."""


class WeightsError(VsrError):
    """A weight file is missing, damaged, or does not fit its network."""


class NumericalError(VsrError):
    """A network gave values that are no numbers."""


class DeviceError(VsrError):
    """The device that was asked for is not there."""


class MissingProgramError(VsrError):
    """A program that is run beside this one is not there."""


class MissingExtraError(VsrError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed; try: pip install "vsr-cli[{extra}]"')
