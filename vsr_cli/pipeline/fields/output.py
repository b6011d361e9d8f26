"""Where upscaled fields go: a file of the same kind, hidden until it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from vsr_cli.fields.output import FieldOutput
from vsr_cli.fields.skeleton import Skeleton
from vsr_cli.fields.stores import FieldStore, open_store
from vsr_cli.media.pending import PendingFile, PendingStore
from vsr_cli.media.target import check_place
from vsr_cli.specs import FIELD_ENDINGS, is_field, is_zarr


def check_target(source: Path, target: Path, *, overwrite: bool) -> None:
    """Refuse an output that could not be written in the end.

    Raises:
        ValueError: the ending is another one, or the output is the input.
        OutputError: the folder is missing or not writable, or the output exists.
    """
    if not is_field(target):
        raise ValueError(
            f"fields are written as {', '.join(FIELD_ENDINGS)}, got {target}; for a video "
            "of a field see vsr render"
        )
    if os.path.realpath(source) == os.path.realpath(target):
        raise ValueError(f"output {target} is the input; give another name")
    check_place(target, overwrite=overwrite)


@contextmanager
def writing(
    target: Path, skeleton: Skeleton, outputs: Sequence[FieldOutput], *, overwrite: bool
) -> Iterator[FieldStore]:
    """A store that takes the target's name when the context is left without an error.

    Raises:
        OutputError: the disk does not play along.
    """
    stored = [
        replace(each, attributes=skeleton.true_attributes(each.attributes))
        for each in (output.stored for output in outputs)
    ]
    pending = (PendingStore if is_zarr(target) else PendingFile)(target, overwrite=overwrite)
    with pending, open_store(pending.path, skeleton, stored, target) as store:
        yield store
        for output in outputs:
            store.annotate(output.stored.name, output.final_attributes)
