"""What can go wrong in the world, as opposed to in the caller's arguments.

The caller's mistake is a ``ValueError`` (exit code 2 on the command line); everything here is the
world's: a file that is missing, a stream that cannot be read, a device that is not there. The
command line prints it as one line and exits with 1.
"""

from __future__ import annotations

import os


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


def reason_of(error: OSError) -> str:
    """What the system says of an error, in small letters."""
    return (error.strerror or "unknown error").lower()


def message_of(error: BaseException) -> str:
    """What an error says, with its notes; where the system refused a file, that is named first."""
    message = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        message = f"{os.fsdecode(error.filename)}: {reason_of(error)}"
    return "; ".join([message, *getattr(error, "__notes__", ())])


def typed_message(error: BaseException) -> str:
    """What an error of another library is and says, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
