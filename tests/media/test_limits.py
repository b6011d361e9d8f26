"""Absurd sizes are refused by what is stated, before memory is taken for them."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from vsr_cli.cli import main
from vsr_cli.errors import InputError
from vsr_cli.media import open_reader, open_writer, read_still
from vsr_cli.specs import MAX_PIXELS, DecodingSpec

Clip = Callable[..., Path]
WIDTH, HEIGHT = 20_000, 15_000
GIB = 1 << 30


def _run(*words: object) -> Result:
    return CliRunner().invoke(main, [*map(str, words)])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grey PNG of 20000x15000 in little more than a megabyte."""
    path = tmp_path_factory.mktemp("bomb") / "bomb.png"
    pack = zlib.compressobj(1)
    rows = b"".join(pack.compress(bytes(1 + WIDTH)) for _ in range(HEIGHT)) + pack.flush()
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", rows), _chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.fixture
def wide_y4m(tmp_path: Path) -> Path:
    """A y4m header that states 16000x16000, which FFmpeg would decode, and no picture behind it."""
    path = tmp_path / "wide.y4m"
    path.write_bytes(b"YUV4MPEG2 W16000 H16000 F25:1 Ip C420\nFRAME\n" + bytes(1000))
    return path


@pytest.fixture
def wide_gif(tmp_path: Path) -> Path:
    """A GIF whose screen is 16000x16000, with a picture of one pixel."""
    path = tmp_path / "wide.gif"
    screen = struct.pack("<HHBBB", 16_000, 16_000, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    picture = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
    path.write_bytes(b"GIF89a" + screen + picture + b";")
    return path


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("bomb", "20000x15000, 300,000,000 pixels"),
        ("wide_y4m", "16000x16000, 256,000,000 pixels"),
        ("wide_gif", "16000x16000, 256,000,000 pixels"),
    ],
)
def test_input_of_an_absurd_size_is_one_line(
    name: str, size: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(name)
    words = ("--model", "bicubic", "--tolerate", 1)  # nothing of the picture is there
    result = _run("upscale", path, path.with_name("o.png"), *words)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert f"{size}, of at most 134,217,728" in result.stderr
    assert not path.with_name("o.png").exists()


def test_no_memory_is_taken_for_it(bomb: Path) -> None:
    """A process that may have little more than what torch takes says the same line."""
    code = (
        "import resource, sys, torch\n"
        "from vsr_cli.media import read_still\n"
        "from vsr_cli.errors import InputError\n"
        "import vsr_cli.media.pictures.stills\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_still(sys.argv[1])\n"
        "except InputError: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, bomb], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    assert int(done.stdout) * 1024 < WIDTH * HEIGHT / 10  # kilobytes


@pytest.mark.parametrize("suffix", [".mkv", ".png", ".tif"])
def test_limit_is_the_one_that_was_given(make_clip: Clip, tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"in{suffix}"
    if suffix == ".mkv":
        source = make_clip(source.name, size=(64, 48))
    else:
        Image.fromarray(np.zeros((48, 64), np.uint8)).save(source)
    target = tmp_path / f"out{suffix}"
    words = ("upscale", source, target, "--model", "bicubic", "--max-pixels")
    assert "states a picture of 64x48, 3,072 pixels" in _run(*words, 3071).stderr
    output = _run(*words, 4 * 3072 - 1)
    assert output.exit_code == 2
    assert "would be 128x96, 12,288 pixels, of at most 12,287; try a smaller" in output.stderr
    assert not target.exists()
    assert _run(*words, 4 * 3072).exit_code == 0
    assert target.exists()


@pytest.mark.parametrize("suffix", [".mkv", ".png"])
@pytest.mark.parametrize(
    "words",
    [
        "eval IN --model bicubic",
        "eval TRUTH --against IN",
        "compare IN TRUTH OUT/out.mkv",
        "batch IN OUT --model bicubic --scheduler none",
        "bench --input IN --model bicubic --frames 2 --repeats 1",
        "train plain-s OUT/out.safetensors --data IN --steps 1 --batch-size 1 --patch 16 "
        "--precision fp32 --device cpu --quiet",
        "info IN",
    ],
)
def test_every_command_that_opens_a_clip_has_the_limit(
    make_clip: Clip, tmp_path: Path, words: str, suffix: str
) -> None:
    """The other file is small enough for it; what is not refused does its work."""
    (tmp_path / "out").mkdir()
    for name, (width, height) in {"in": (64, 48), "truth": (48, 48)}.items():
        if suffix == ".mkv":
            make_clip(f"{name}{suffix}", size=(width, height))
        else:
            Image.fromarray(np.zeros((height, width), np.uint8)).save(tmp_path / f"{name}{suffix}")
    places = {"IN": f"in{suffix}", "TRUTH": f"truth{suffix}", "OUT": "out"}
    line = [str(tmp_path / places[w]) if w in places else w for w in words.split()]
    line = [w.replace("OUT/", f"{tmp_path / 'out'}/") for w in line]
    refused = _run(*line, "--max-pixels", 3071)
    assert refused.exit_code == 1
    said = f"in{suffix} states a picture of 64x48, 3,072 pixels, of at most 3,071"
    assert said in refused.stderr + refused.stdout
    if "--against" not in line:  # files of two sizes
        assert _run(*line, "--max-pixels", 1 << 20).exit_code == 0
    assert _run(*line, "--max-pixels", 0).exit_code == 2


def test_output_of_an_absurd_size_is_refused_before_it_is_made(
    make_clip: Clip, tmp_path: Path
) -> None:
    words = ("upscale", make_clip(), tmp_path / "o.png", "--model", "bicubic", "--height", 60_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = _run(*words)
    preview = _run(*words, "--preview", 1)
    assert (result.exit_code, preview.exit_code) == (2, 2)
    assert "80000x60000" in result.stderr
    assert "80000x60000" in preview.stderr
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < GIB


def test_info_names_the_size_as_a_fault(bomb: Path) -> None:
    result = _run("info", bomb)
    assert result.exit_code == 1
    assert "states a picture of 20000x15000" in result.stderr


def test_later_picture_of_a_sequence_is_looked_at_too(tmp_path: Path) -> None:
    for number, side in enumerate((16, 40)):
        Image.fromarray(np.zeros((side, side), np.uint8)).save(tmp_path / f"f_{number}.png")
    with open_reader(tmp_path / "f_%d.png", DecodingSpec(max_pixels=500)) as reader:
        pictures = iter(reader)
        assert next(pictures).planes[0].shape == (16, 16)
        with pytest.raises(InputError, match="40x40, 1,600 pixels, of at most 500"):
            next(pictures)


def test_pillows_own_limit_stays_as_it_was(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "a.png")
    read_still(tmp_path / "a.png")
    assert before == Image.MAX_IMAGE_PIXELS is not None


def test_writer_has_the_same_limit(make_clip: Clip, tmp_path: Path) -> None:
    with open_reader(make_clip()) as reader:
        info = reader.info
    with pytest.raises(ValueError, match="64x48"):
        open_writer(tmp_path / "o.mkv", info, decoding=DecodingSpec(max_pixels=100))
    assert not (tmp_path / "o.mkv").exists()


def test_limit_is_at_least_one_pixel() -> None:
    assert DecodingSpec().max_pixels == MAX_PIXELS > 15_360 * 8_640
    with pytest.raises(ValueError, match="max pixels must be at least 1"):
        DecodingSpec(max_pixels=0)
