"""Frames of several clips into the frames of one comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.imaging.panels import Planes
from vsr_cli.pipeline.compare.canvas import PanelFitter, color_warnings, common_info, shown_info
from vsr_cli.pipeline.compare.clips import ComparedClip
from vsr_cli.pipeline.compare.panels import Panels
from vsr_cli.pipeline.compare.timeline import Moment, common_time_base
from vsr_cli.pipeline.evaluate.truth import clip_names
from vsr_cli.specs import CompareSpec

FASTEST = 500  # frames per second; what states more has no constant rate, and counts its ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is known of a comparison before its first frame."""

    clips: Sequence[ComparedClip]
    labels: tuple[str, ...]
    panels: Panels
    fitters: tuple[PanelFitter, ...]
    tick_s: Fraction
    warnings: tuple[str, ...]

    @classmethod
    def of(
        cls,
        clips: Sequence[ComparedClip],
        spec: CompareSpec,
        *,
        for_pictures: bool,
    ) -> Self:
        """Choose what the clips are brought to, and where they stand.

        Raises:
            ValueError: the crop or the line lies outside of the picture.
            InputError: the font cannot be read.
        """
        paths = [clip.path for clip in clips]
        names, labels = [str(path) for path in paths], spec.labels or clip_names(paths)
        infos = [shown_info(clip.info) for clip in clips]
        common = common_info(infos, for_pictures=for_pictures)
        panels = Panels.of(common, spec, labels)
        fitters = tuple(
            PanelFitter(name, clip.info, common, spec.resize)
            for name, clip in zip(names, clips, strict=True)
        )
        told = [*color_warnings(names, infos, common), *(f.warning for f in fitters if f.warning)]
        return cls(
            clips=clips,
            labels=labels,
            panels=panels,
            fitters=fitters,
            tick_s=common_time_base([clip.info for clip in clips]),
            warnings=(*told, *panels.warnings),
        )

    @property
    def info(self) -> ClipInfo:
        """What is written, as a clip."""
        moving = [clip.info for clip in self.clips if not clip.is_still] or [self.clips[0].info]
        stated = [info.frame_rate for info in moving if info.frame_rate]
        rates = [rate for rate in stated if rate <= FASTEST] or stated
        return replace(
            self.panels.info,
            time_base=self.tick_s,
            frame_rate=max(rates, default=None),
            metadata=self.clips[0].info.metadata,
        )

    def frames(self, moments: Iterable[Moment]) -> Iterator[tuple[Moment, Frame]]:
        """Each moment with its picture. What two moments share is made once."""
        seen: list[Frame | None] = [None] * len(self.clips)
        fitted: list[Planes | None] = [None] * len(self.clips)
        for moment in moments:
            for index, frame in enumerate(moment.frames):
                if frame is not None and frame is not seen[index]:
                    fitted[index] = self.fitters[index].fit(frame)
                    seen[index] = frame
            begin, end = moment.time_s, moment.time_s + moment.duration_s
            ticks = [round(time_s / self.tick_s) for time_s in (begin, end)]
            times_s = [self._time_s(i, frame) for i, frame in enumerate(moment.frames)]
            planes = self.panels.compose(fitted, times_s)
            yield moment, Frame(planes, pts=ticks[0], duration=ticks[1] - ticks[0])

    def _time_s(self, index: int, frame: Frame | None) -> Fraction | None:
        """Of a frame in its own clip; pictures have none."""
        clip = self.clips[index]
        return None if frame is None or clip.is_still else frame.pts * clip.info.time_base
