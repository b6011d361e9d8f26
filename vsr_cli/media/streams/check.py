"""A last look at a file that was written: the streams that it must hold."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from av.container import InputContainer

from vsr_cli.errors import InputError, OutputError
from vsr_cli.media.containers import open_container
from vsr_cli.media.streams.routes import kind_of

if TYPE_CHECKING:
    from vsr_cli.media.streams.copier import StreamCopier


def check_streams(path: Path, copier: StreamCopier | None) -> None:
    """Open a file once more: a player must find one main video and every stream that was copied.

    Raises:
        OutputError: one is missing, or the file cannot be read.
    """
    try:
        with open_container(path) as written:
            _check_streams(written, copier)
    except InputError as error:
        raise OutputError("the output could not be read after it was written") from error


def _check_streams(written: InputContainer, copier: StreamCopier | None) -> None:
    wanted, empty = (Counter(), Counter()) if copier is None else copier.streams_by_kind()
    wanted["video"] += 1
    found = Counter(kind_of(stream) for stream in written.streams)
    del found[""]
    for kind in wanted | found | empty:
        # MP4 has no track for a stream of which nothing lies in the cut.
        if not wanted[kind] <= found[kind] <= wanted[kind] + empty[kind]:
            raise OutputError(
                f"the output would hold {found[kind]} streams of type {kind}, not {wanted[kind]}; "
                "try an .mkv file"
            )
