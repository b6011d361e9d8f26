"""Two runs of one batch do not work at the same files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from vsr_cli.batch.inputs import STATE_FOLDER
from vsr_cli.errors import OutputError, reason_of
from vsr_cli.media.locks import try_lock
from vsr_cli.specs import Shard


@contextmanager
def locked(out_dir: Path, shard: Shard | None) -> Iterator[str]:
    """Hold a folder of outputs, or one shard of it, until the context is left.

    The folder is made if it is not there. The locks are the system's own: they end with the
    process, however it ends. Yields what is to be said where the file system knows no locks.

    Raises:
        OutputError: another run holds it, or it cannot be written.
    """
    folder, note = out_dir / STATE_FOLDER, ""
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=out_dir):
                pass
            whole = stack.enter_context((folder / "lock").open("a"))
            note = _hold(whole, out_dir, shared=shard is not None)
            if shard is not None:
                name = f"lock-{shard.index}-of-{shard.count}"
                note = _hold(stack.enter_context((folder / name).open("a")), out_dir, shared=False)
        except OSError as error:
            raise OutputError(
                f"folder {out_dir} is not writable: {reason_of(error)}; give another one"
            ) from error
        yield note


def _hold(file: IO[str], out_dir: Path, *, shared: bool) -> str:
    state = try_lock(file.fileno(), shared=shared)
    if state == "taken":
        raise OutputError(
            f"another vsr batch is at work in {out_dir}; wait for it, or give another folder"
        )
    if state == "unknown":
        return f"the file system of {out_dir} knows no locks; see that no other run works there"
    return ""
