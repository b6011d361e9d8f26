"""The package, built once, and an environment that holds it and the core alone."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
KEPT = ("HOME", "LANG", "TMPDIR")  # of the environment
LIMIT_S = 900


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment outside of the repository, and the folder that commands run in."""

    folder: Path
    work: Path

    @classmethod
    def make(cls, folder: Path) -> Environment:
        """A new one, without any package."""
        venv.create(folder / "env", symlinks=True)
        (folder / "work").mkdir()
        return cls(folder / "env", folder / "work")

    def run(self, program: str, *arguments: str | Path, code: int = 0) -> str:
        """Run one of its programs in the work folder; returns what it printed on both streams.

        No variable of this process reaches it but where to find programs and HOME.
        """
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        path = f"{self.folder / 'bin'}:/usr/bin:/bin"
        done = subprocess.run(
            [self.folder / "bin" / program, *map(str, arguments)],
            cwd=self.work,
            env=kept | {"PATH": path, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def pip(self, command: str, *arguments: str | Path) -> str:
        """Run the pip of this process on the packages of the environment."""
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        there = ["--python", self.folder / "bin" / "python"]
        done = subprocess.run(
            [*map(str, (*pip, *there, command, *arguments))],
            cwd=self.work,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install(self, *arguments: str | Path) -> None:
        """pip install, with the versions of constraints.txt; bytecode is made where it is used."""
        self.pip("install", "--quiet", "--no-input", "--no-compile", "-c", CONSTRAINTS, *arguments)

    @property
    def packages(self) -> Path:
        """Where its packages lie."""
        (folder,) = (self.folder / "lib").glob("python*/site-packages")
        return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with one wheel and one sdist, built from this tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=LIMIT_S)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def sdist(built: Path) -> Path:
    (path,) = built.glob("*.tar.gz")
    return path


@pytest.fixture(scope="session")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel without extras, as a user installs it: torch first, then the rest."""
    environment = Environment.make(tmp_path_factory.mktemp("core"))
    (torch,) = (line for line in CONSTRAINTS.read_text().split() if line.startswith("torch=="))
    environment.install(torch)
    environment.install(wheel)
    return environment
