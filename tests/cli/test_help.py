"""What leads a stranger: examples, guesses, completion, and manners without a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from vsr_cli.cli import COMMANDS, main
from vsr_cli.cli.examples import EXAMPLES
from vsr_cli.models import ALIASES, MODELS

HEAVY = ("torch", "av", "numpy")
ESCAPE = "\x1b"


def _leaves() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something: its name, and itself."""
    ctx = click.Context(main, info_name="vsr")
    for name in main.list_commands(ctx):
        command = main.get_command(ctx, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from command.commands.items()
        else:
            yield name, command


LEAVES = dict(_leaves())


def test_every_command_has_examples() -> None:
    assert {*LEAVES} == {*EXAMPLES}
    assert all(EXAMPLES.values())


@pytest.mark.parametrize("name", [*LEAVES])
@pytest.mark.parametrize("columns", ["40", "80"])
def test_help_shows_each_example_on_a_line(name: str, columns: str) -> None:
    path = ["simulate", name] if name not in COMMANDS else [name]
    result = CliRunner(env={"COLUMNS": columns}).invoke(main, [*path, "--help"])
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert "  Examples:" in lines
    assert {f"    {example}" for example in EXAMPLES[name]} <= {*lines}


@pytest.mark.parametrize("example", [line for lines in EXAMPLES.values() for line in lines])
def test_example_is_a_command_that_parses(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "runs",
        "held_out.mkv",
        "clip.mp4",
        "2d.safetensors",
    ):  # what vsr train looks for at once
        (tmp_path / name).touch()
    program, *words = shlex.split(example.partition(" > ")[0])
    assert program == "vsr"
    command: click.Command = main
    ctx = click.Context(main, info_name="vsr")
    while isinstance(command, click.Group):
        found = command.get_command(ctx, words.pop(0))
        assert found is not None
        command = found
    with command.make_context(command.name, words, parent=ctx) as parsed:
        assert parsed.params


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("upscal",), "try upscale;"),
        (("simulate", "shalow-water"), "Did you mean 'shallow-water'?"),
        (("upscale", "a", "b", "--scal", "2"), "Did you mean one of: '--scale'"),
        (("eval", "a", "--modle", "x"), "'--model'"),
        (("models", "fsrcn"), "unknown model 'fsrcn': try fsrcnn or"),
        (("export", "espnc", "a.onnx"), "unknown model 'espnc': try espcn"),
        (
            ("train", "srnet3", "a.safetensors", "--simulate", "jet:1"),
            "unknown model 'srnet3': try srnet3d",
        ),
        (("upscale", "a.mp4", "b.mp4", "--chroma", "modle"), "is not one of 'bicubic', 'model'"),
    ],
)
def test_mistyped_name_is_guessed(args: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(main, args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_mistyped_model_of_a_clip_is_guessed(make_clip: Callable[..., Path]) -> None:
    clip = make_clip()
    args = ["upscale", str(clip), str(clip.with_name("o.mkv")), "--model", "2d3d-fsat"]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 2
    assert "unknown model '2d3d-fsat': try 2d3d-fast" in result.stderr


def _completed(*words: str) -> list[str]:
    """What a shell is offered in the place of the last word."""
    shell = ShellComplete(main, {}, "vsr", "_VSR_COMPLETE")
    return [item.value for item in shell.get_completions([*words[:-1]], words[-1])]


def test_commands_options_choices_and_models_are_completed() -> None:
    assert _completed("up") == ["upscale"]
    assert _completed("") == [*COMMANDS]
    assert _completed("simulate", "dr") == ["droplet"]
    assert "--scene-threshold" in _completed("upscale", "a.mp4", "b.mp4", "--sc")
    assert _completed("upscale", "a.mp4", "b.mp4", "--chroma", "m") == ["model"]
    assert {*_completed("upscale", "a.mp4", "b.mp4", "--model", "")} == {*MODELS, *ALIASES}
    assert _completed("eval", "a.mkv", "--model", "bicubic+sr") == [
        f"bicubic+{name}" for name in MODELS if name.startswith("sr")
    ]
    for command in ("export", "train", "models"):
        assert _completed(command, "emt") == ["emtcm"]


@pytest.fixture
def vsr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program vsr, first on the PATH, as pip makes it."""
    program = tmp_path / "bin" / "vsr"
    program.parent.mkdir()
    start = f"#!{sys.executable}\nimport sys\nfrom vsr_cli.cli import main\nsys.exit(main())\n"
    program.write_text(start)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))  # where fish writes
    return program


def _run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.usefixtures("vsr")
@pytest.mark.parametrize(
    ("shell", "words"),
    [
        (
            "bash",
            'eval "$(_VSR_COMPLETE=bash_source vsr)"; complete -p vsr >&2;'
            'COMP_WORDS=(vsr up); COMP_CWORD=1; _vsr_completion vsr; echo "${COMPREPLY[@]}"',
        ),
        # What the completion itself needs is an interactive zsh; its script is read, and asks vsr.
        (
            "zsh",
            'compdef() { echo $2 >&2 }; eval "$(_VSR_COMPLETE=zsh_source vsr)";'
            "env COMP_WORDS='vsr up' COMP_CWORD=1 _VSR_COMPLETE=zsh_complete vsr | sed -n 2p",
        ),
        ("fish", "_VSR_COMPLETE=fish_source vsr | source; complete -C 'vsr up'; echo vsr >&2"),
    ],
)
def test_shell_completes(shell: str, words: str) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not on this machine")
    done = _run(path, "-c", words)
    assert done.stdout.split()[0] == "upscale", done.stderr
    assert "vsr" in done.stderr


@pytest.mark.usefixtures("vsr")
def test_completing_loads_nothing_heavy() -> None:
    words = "env COMP_WORDS='vsr upscale a b --model 2d' COMP_CWORD=5 _VSR_COMPLETE=bash_complete"
    done = _run("bash", "-c", f"{words} {sys.executable} -X importtime $(command -v vsr)")
    assert "plain,2d3d-fast" in done.stdout
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "vsr_cli.cli.examples" in loaded
    assert not loaded.intersection(HEAVY)


@pytest.mark.usefixtures("vsr")
def test_reader_that_is_gone_is_no_error() -> None:
    done = _run("bash", "-c", "vsr upscale --help | true; vsr models fsrcnn --json | head -c 1")
    assert done.stdout == "{"
    assert done.stderr == ""


def test_without_a_terminal_nothing_is_coloured_or_moved(
    make_clip: Callable[..., Path], vsr: Path
) -> None:
    clip = make_clip()
    target = clip.with_name("o.mkv")
    done = _run(vsr, "upscale", clip, target, "--model", "bicubic")
    assert done.returncode == 0
    assert ESCAPE not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr
    assert done.stdout.count("\n") == 1


def _in_terminal(
    *words: str | Path, columns: int = 80, variables: dict[str, str] | None = None, key: bytes = b""
) -> tuple[int, str]:
    """Exit code and screen of a command in a terminal; ``key`` is typed when its bar shows."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color"} | (variables or {})
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(
        [*words],
        stdin=child,
        stdout=child,
        stderr=child,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(child)
    screen = b""
    while True:
        try:
            part = os.read(parent, 1 << 16)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        screen += part
        if key and b"/" in screen.rpartition(b"upscale")[2]:
            os.write(parent, key)
            key = b""
    os.close(parent)
    return process.wait(60), screen.decode()


COLORS = re.compile(r"\x1b\[[0-9;]*\b(?:3[0-8]|4[0-8]|9[0-7])(?:;[0-9;]*)?m")


@pytest.mark.parametrize("is_colored", [True, False])
def test_no_color_is_heard(make_clip: Callable[..., Path], vsr: Path, is_colored: bool) -> None:
    clip = make_clip()
    words = (vsr, "upscale", clip, clip.with_name("o.mkv"), "--model", "bicubic")
    code, screen = _in_terminal(*words, variables={} if is_colored else {"NO_COLOR": "1"})
    assert code == 0
    assert bool(COLORS.search(screen)) == is_colored


@pytest.mark.parametrize("columns", [40, 80])
def test_narrow_terminal_loses_no_words(vsr: Path, columns: int) -> None:
    code, screen = _in_terminal(vsr, "models", "fsrcnn", columns=columns)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen)
    lines = [line.rstrip("\r") for line in text.split("\n")]
    assert code == 0
    assert max(map(len, lines)) <= columns
    assert "…" not in text
    words = " ".join(text.split())
    assert "parameters 12,637" in words
    assert "upsample" in words


def test_ctrl_c_ends_in_one_line_and_leaves_the_cursor(
    make_clip: Callable[..., Path], vsr: Path
) -> None:
    clip = make_clip(pts=range(0, 3600 * 150, 3600), size=(320, 240))
    target = clip.with_name("o.mkv")
    code, screen = _in_terminal(vsr, "upscale", clip, target, "--model", "2d3d", key=b"\x03")
    assert code == 130
    assert "Error: interrupted" in screen
    assert "Traceback" not in screen
    assert screen.rpartition("\x1b[?25l")[2].count("\x1b[?25h") >= 1  # shown again
    assert [path for path in clip.parent.iterdir() if path.name.endswith("o.mkv")] == []
