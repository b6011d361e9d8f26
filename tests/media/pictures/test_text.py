"""Lines of text as pictures."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from vsr_cli.errors import InputError
from vsr_cli.media.pictures.text import draw_text


def test_text_has_ink_and_the_height_of_a_line() -> None:
    low, tall = (draw_text(text, size=24, max_width=400) for text in ("aceo", "Agjpq|"))
    assert low is not None
    assert tall is not None
    assert low.ink.shape[0] == tall.ink.shape[0] >= 24  # of the font, not of the letters
    assert 0 <= float(low.ink.min()) < float(low.ink.max()) <= 1
    assert (low.missing, tall.missing) == ("", "")


def test_long_text_keeps_its_end() -> None:
    name = "a_rather_long_name_of_a_file.mp4"
    whole, cut = (draw_text(name, size=20, max_width=width) for width in (1000, 120))
    assert whole is not None
    assert cut is not None
    assert cut.ink.shape[1] <= 120 < whole.ink.shape[1]
    tail = whole.ink[:, -40:]  # ".mp4" and more
    assert (cut.ink[:, -40:] - tail).abs().max() < 0.35  # the letters may begin between pixels


@pytest.mark.parametrize(("text", "width"), [("", 100), ("abc", 3), ("abc", -20)])
def test_text_without_room_is_none(text: str, width: int) -> None:
    assert draw_text(text, size=20, max_width=width) is None


def test_letters_of_other_languages_come_from_another_font() -> None:
    drawn = draw_text("größe ж 中", size=20, max_width=500)
    assert drawn is not None
    assert drawn.missing == ("中" if find_spec("matplotlib") else "ößж中")


def test_file_that_is_no_font_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.ttf").write_text("no font")
    with pytest.raises(InputError, match=r"no\.ttf cannot be read as a font"):
        draw_text("a", size=20, max_width=100, font=tmp_path / "no.ttf")
    with pytest.raises(InputError, match=r"missing\.ttf cannot be read as a font"):
        draw_text("a", size=20, max_width=100, font=tmp_path / "missing.ttf")
