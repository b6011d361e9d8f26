"""The words of --device."""

from __future__ import annotations

import pytest

from vsr_cli.specs import UpscaleSpec, is_several, parse_devices


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("auto", ("auto",)),
        ("cpu", ("cpu",)),
        ("cuda", ("cuda",)),
        ("cuda:11", ("cuda:11",)),
        ("cuda:all", ("cuda:all",)),
        ("cpu,cpu", ("cpu", "cpu")),
        ("cuda:1, cuda:0", ("cuda:1", "cuda:0")),
        ("cuda,cuda:1", ("cuda", "cuda:1")),
    ],
)
def test_one_or_several_of_a_kind(text: str, names: tuple[str, ...]) -> None:
    assert parse_devices(text) == names
    assert UpscaleSpec(device=text).device == text
    assert is_several(text) == (len(names) > 1 or text == "cuda:all")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "got ''"),
        ("gpu", "must be auto, cpu, cuda or cuda:N, got 'gpu'"),
        ("cuda:", "got 'cuda:'"),
        ("cuda:-1", "got 'cuda:-1'"),
        ("cuda:٣", "got 'cuda:٣'"),
        ("cuda:0,", "got ''"),
        ("cpu,auto", "got 'auto'"),
        ("cuda:all,cuda:0", "got 'cuda:all'"),
        ("cpu,cuda", "must be of one kind"),
        ("cuda:1,cuda:2,cuda:1", "got cuda:1 twice"),
        ("cuda,cuda:0", "got cuda:0 twice"),
    ],
)
def test_other_words_are_refused(text: str, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        UpscaleSpec(device=text)
