"""The rules of the house that a machine can check: who imports whom, how long a thing may be."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "vsr_cli"
MODULES = sorted(PACKAGE.rglob("*.py"))

# From the bottom up. A unit imports from lower floors and from itself, never from its own floor.
FLOORS = (
    {"frames", "specs", "errors"},
    {"imaging"},
    {"media", "fields", "models", "metrics", "simulation"},
    {"pipeline"},
    {"training", "batch", "accessor", "report", "bench", "doctor", "api"},
    {"cli"},
)
FLOOR_OF = {unit: number for number, units in enumerate(FLOORS) for unit in units}
# The package's front door is lazy and may name anything; so may python -m vsr_cli.
DOORS = {"__init__", "__main__"}
FOUNDATION = FLOORS[0]  # standard library only, when it is run

OWNERS = {
    "av": {"media"},
    "imageio": {"media"},
    "PIL": {"media"},
    "click": {"cli"},
    "rich": {"cli"},
    "xarray": {"fields", "accessor"},
    "netCDF4": {"fields"},
    "zarr": {"fields"},
    "cv2": {"bench"},
    "onnxruntime": {"bench"},
    "dask": {"batch"},
    "distributed": {"batch"},
    "dinosaur": {"simulation"},
    "jax": {"simulation"},
}

MAX_MODULE_LINES = 500
SOFT_MODULE_LINES = 250
MAX_FUNCTION_LINES = 50
# Modules above the soft limit, each with the reason why it is one page all the same.
LONG_MODULES: dict[str, str] = {}


class Import(NamedTuple):
    """One import, wherever in the module it stands."""

    name: str  # dotted, absolute
    line: int
    typing_only: bool  # under "if TYPE_CHECKING"


def _unit(path: Path) -> str:
    """The folder or module directly below the package that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _imports(path: Path, tree: ast.AST, *, typing_only: bool = False) -> Iterator[Import]:
    """Every import of a module, also inside functions; import_module("...") counts."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, typing_only)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(path, node)
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", node.lineno, typing_only)
        elif isinstance(node, ast.Call) and "import_module" in ast.dump(node.func):
            match node.args:
                case [ast.Constant(value=str(name)), *_]:
                    yield Import(name, node.lineno, typing_only)
        yield from _imports(path, node, typing_only=typing_only or _is_type_checking(node))


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(PACKAGE.parent).parent.parts
    base = package[: len(package) - node.level + 1]
    return ".".join((*base, *filter(None, [node.module])))


def find_violations(path: Path, source: str) -> list[str]:
    """What one module does against the rules; empty if nothing. ``path`` lies in the package."""
    tree = ast.parse(source)
    place = path.relative_to(PACKAGE.parent)
    found = [*_wrong_imports(path, tree), *_wrong_statements(tree)]
    return [f"{place}:{line}: {what}" for line, what in sorted(found)]


def _wrong_imports(path: Path, tree: ast.AST) -> Iterator[tuple[int, str]]:
    unit = _unit(path)
    for imported in _imports(path, tree):
        root, *rest = imported.name.split(".")
        if root not in ("vsr_cli", *sys.stdlib_module_names):
            if unit in FOUNDATION and not imported.typing_only:
                yield imported.line, f"{unit} imports {root}; it may use the standard library only"
            if unit not in OWNERS.get(root, {unit}):
                owner = " or ".join(sorted(OWNERS[root]))
                yield imported.line, f"{unit} imports {root}, which belongs to {owner}"
        if root != "vsr_cli" or unit in DOORS or not rest or rest[0] in (unit, "__version__"):
            continue
        if rest[0] not in FLOOR_OF:
            yield imported.line, f"{unit} imports {imported.name}, which is on no floor"
        elif FLOOR_OF[rest[0]] >= FLOOR_OF[unit]:
            yield imported.line, f"{unit} imports {rest[0]}, which is not below it"


def _wrong_statements(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {lines} lines of {MAX_FUNCTION_LINES}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "print":
                yield node.lineno, "print"
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno, "bare except"


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_module_keeps_the_rules(path: Path) -> None:
    assert find_violations(path, path.read_text()) == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_module_stands_on_a_floor(path: Path) -> None:
    assert _unit(path) in FLOOR_OF.keys() | DOORS


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_module_is_one_page(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= MAX_MODULE_LINES
    assert lines <= SOFT_MODULE_LINES or _name(path) in LONG_MODULES


def test_no_folder_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "helpers", "common", "misc", "core", "lib"}
    parts = {part for path in MODULES for part in path.relative_to(PACKAGE).with_suffix("").parts}
    assert not parts & drawers


@pytest.mark.parametrize(
    ("place", "source", "complaint"),
    [
        ("media/x.py", "from vsr_cli.models import fsrcnn", "not below"),
        ("media/x.py", "from vsr_cli import models", "not below"),
        ("media/x.py", "from ..metrics import pixel", "not below"),
        ("imaging/x.py", "def f():\n    import vsr_cli.pipeline.video", "not below"),
        (
            "metrics/x.py",
            "if TYPE_CHECKING:\n    from vsr_cli.simulation import shallow_water",
            "not below",
        ),
        ("pipeline/x.py", "importlib.import_module('vsr_cli.cli.upscale')", "not below"),
        ("pipeline/x.py", "import vsr_cli.attic", "on no floor"),
        ("pipeline/x.py", "import av.filter", "belongs to media"),
        ("models/x.py", "def f():\n    from rich.progress import Progress", "belongs to cli"),
        ("frames.py", "import torch", "standard library only"),
        ("models/x.py", "def f():" + "\n    pass" * 50, "51 lines of 50"),
        ("models/x.py", "def f():\n    print(1)", "print"),
        ("models/x.py", "try:\n    f()\nexcept:\n    pass", "bare except"),
    ],
)
def test_planted_violation_is_found(place: str, source: str, complaint: str) -> None:
    found = find_violations(PACKAGE / place, source)
    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("pipeline/x.py", "from vsr_cli.models import fsrcnn\nfrom .window import slide"),
        ("media/x.py", "import av\nfrom vsr_cli.frames import Frame"),
        ("frames.py", "if TYPE_CHECKING:\n    from torch import Tensor"),
        ("cli/x.py", "from vsr_cli import __version__"),
        ("__init__.py", "from vsr_cli.pipeline.video import upscale_video"),
    ],
)
def test_allowed_import_passes(place: str, source: str) -> None:
    assert find_violations(PACKAGE / place, source) == []
