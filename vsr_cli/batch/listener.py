"""What a batch tells while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from vsr_cli.batch.attempts import Attempt, FileResult
from vsr_cli.batch.work import Outcome


class BatchListener:
    """Is told how a batch goes on; this one keeps still."""

    def on_plan(self, planned: Sequence[FileResult], skipped: Sequence[FileResult]) -> None:
        """What will be computed, and what is done already."""

    def on_sizes(self, sizes: Sequence[int]) -> None:
        """The bytes of the files that will be computed, by the numbers of their jobs."""

    def on_note(self, text: str) -> None:
        """Something that the user is to know."""

    def on_dashboard(self, link: str) -> None:
        """Where a browser can watch the workers."""

    def on_start(self, attempt: Attempt, num_frames: int | None, frame_pixels: int) -> None:
        """The first frame of a file comes next."""

    def on_frame(self, attempt: Attempt, number: int) -> None:
        """So many frames of a file are written."""

    def on_end(self, attempt: Attempt, outcome: Outcome, result: FileResult | None) -> None:
        """An attempt at a part has ended; without a result the file has more to be done."""
