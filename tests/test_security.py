"""What no line of the tree does: shells, pickles that run code, files outside of their folder."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from vsr_cli.batch.lists import read_list
from vsr_cli.errors import WeightsError
from vsr_cli.models.load import load_chain
from vsr_cli.models.weights import released_weights

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path for name in ("vsr_cli", "examples", "tests") for path in ROOT.glob(f"{name}/**/*.py")
)
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
LOADERS = {"pickle.load", "pickle.loads", "pickle.Unpickler", "shelve.open", "marshal.loads"}
WHOLE_FOLDERS = {"extractall", "unpack_archive"}  # of archives, whose names may lead anywhere


def find_dangers(source: str) -> list[str]:
    """The calls of a module that run a shell, or code out of data."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [danger for call in calls for danger in _dangers(call)]


def _dangers(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    settings = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    where = f"line {call.lineno}: {name}"
    if settings.get("shell", "False") != "False" or name in SHELLS:
        yield f"{where} runs a shell"
    if name == "torch.load" and settings.get("weights_only") != "True":
        yield f"{where} without weights_only=True"
    if settings.get("allow_pickle", "False") != "False" or name in LOADERS:
        yield f"{where} runs what a pickle says"
    if name in ("eval", "exec") or name.rpartition(".")[2] in WHOLE_FOLDERS:
        yield where
    if name.rpartition(".")[0] == "yaml" and "safe" not in name:
        yield where


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_file_runs_no_shell_and_no_pickle(path: Path) -> None:
    assert find_dangers(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(x, shell=True)",
        "subprocess.Popen(x, shell=is_shell)",
        "os.system('ls')",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "pickle.loads(data)",
        "yaml.load(text)",
        "archive.extractall(folder)",
        "eval(text)",
    ],
)
def test_planted_danger_is_found(line: str) -> None:
    assert len(find_dangers(line)) == 1


@pytest.mark.parametrize(
    "line",
    ["subprocess.run(x)", "torch.load(x, weights_only=True)", "np.load(x)", "model.eval()"],
)
def test_harmless_line_passes(line: str) -> None:
    assert find_dangers(line) == []


class _Trap:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_trap_itself_works(tmp_path: Path) -> None:
    """Else the test below would tell nothing."""
    data = pickle.dumps(_Trap(tmp_path / "ran"))
    pickle.Unpickler.load(_unpickler(data))
    assert (tmp_path / "ran").exists()


def _unpickler(data: bytes) -> pickle.Unpickler:
    import io

    make = pickle.Unpickler  # by another name: this file is looked at, too
    return make(io.BytesIO(data))


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".safetensors"])
def test_weights_of_others_run_no_code(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    torch.save({"params_ema": _Trap(tmp_path / "ran")}, path)
    with pytest.raises(WeightsError):
        load_chain("fsrcnn", 2, weights=(path,))
    assert not (tmp_path / "ran").exists()


ENTRY = 'model = "fsrcnn"\nscale = 2\ndomain = "x"\nsha256 = "0"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'[[weights]]\nfile = "../a.safetensors"\n{ENTRY}', "beside the manifest"),
        (f'[[weights]]\nfile = "/etc/passwd"\n{ENTRY}', "beside the manifest"),
        (f'[[weights]]\nfile = "."\n{ENTRY}', "beside the manifest"),
        (f"[[weights]]\nfile = 7\n{ENTRY}", "TypeError"),
        (f"[[weights]]\n{ENTRY}", "KeyError 'file'"),
        ("weights = 3", "TypeError"),
        ("[[weights]", "TOMLDecodeError"),
    ],
)
def test_manifest_stays_in_its_folder(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "manifest.toml").write_text(text)
    with pytest.raises(WeightsError, match=r"manifest\.toml is damaged") as caught:
        released_weights(tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize("output", ["../out.mp4", "/tmp/out.mp4", "a/../../b.mp4", ".."])
def test_list_of_a_batch_stays_in_its_folder(tmp_path: Path, output: str) -> None:
    path = tmp_path / "clips.toml"
    path.write_text(f'[[file]]\npath = "a.mp4"\noutput = "{output}"\n')
    with pytest.raises(ValueError, match="below the folder of outputs"):
        read_list(path)
