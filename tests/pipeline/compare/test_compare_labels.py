"""What is written on the panels."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import torch

from vsr_cli.pipeline.compare import labels as compare_labels
from vsr_cli.pipeline.compare.labels import PanelWriter, Strip, clock_text
from vsr_cli.specs import CompareSpec

ROW = (Strip(0, 0, 0, 320), Strip(324, 0, 0, 320))


def _writer(strips: tuple[Strip, ...] = ROW, height: int = 240, **settings: Any) -> PanelWriter:
    return PanelWriter(CompareSpec(**settings), strips, height, (2, 2))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (Fraction(0), "0:00.000"),
        (Fraction(1, 3), "0:00.333"),
        (Fraction(59_9996, 10_000), "1:00.000"),
        (Fraction(3_725), "62:05.000"),
        (Fraction(-1, 25), "-0:00.040"),
    ],
)
def test_time_is_minutes_and_seconds(seconds: Fraction, text: str) -> None:
    assert clock_text(seconds) == text


def test_names_stand_above_and_times_below() -> None:
    writer = _writer(has_times=True)
    names, warnings = writer.names(["a.mp4", "b.mp4"])
    times = writer.times([Fraction(1), Fraction(2)])
    assert warnings == []
    assert [(o.x, o.y) for o in names] == [(2, 2), (326, 2)]
    for strip, overlay in zip(ROW, times, strict=True):
        assert overlay.x == strip.x + 2
        assert 236 <= overlay.y + overlay.opacity.shape[0] <= 240
    assert all((o.x % 2, o.y % 2) == (0, 0) for o in (*names, *times))


def test_last_part_of_a_split_picture_is_named_on_its_right() -> None:
    strips = (Strip(0, 0, 0, 160), Strip(160, 0, 160, 320))
    first, last = _writer(strips, layout="split").names(["a", "b"])[0]
    assert first.x == 2
    assert 314 <= last.x + last.opacity.shape[1] <= 320


def test_time_is_that_of_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    original = compare_labels.draw_text

    def spy(text: str, **settings: Any) -> Any:
        drawn.append(text)
        return original(text, **settings)

    monkeypatch.setattr(compare_labels, "draw_text", spy)
    writer = _writer(has_times=True)
    assert len(writer.times([Fraction(1, 2), None])) == 1
    assert drawn == ["0:00.500"]
    assert _writer().times([Fraction(1)]) == []


def test_letters_are_white_on_a_dark_box() -> None:
    (overlay, _), _ = _writer().names(["M", "M"])
    white = torch.full_like(overlay.opacity, 0.5) * (1 - overlay.opacity)
    shown = white + overlay.light * overlay.opacity  # over a grey of a half
    assert float(shown.max()) == pytest.approx(1, abs=0.01)
    assert float(shown.min()) == pytest.approx(0.2, abs=0.01)


def test_panel_too_low_has_no_letters() -> None:
    low = _writer(height=20, has_times=True)
    assert low.names(["a", "b"]) == (
        [],
        ["20 rows are too few for letters; try --zoom, or --no-labels"],
    )
    assert low.times([Fraction(0)]) == []
    assert _writer(height=20, has_labels=False).names(["a", "b"]) == ([], [])
