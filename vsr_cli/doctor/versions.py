"""Which versions are here, and whether the packages that everything needs can be loaded."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import import_module

from vsr_cli import __version__
from vsr_cli.doctor.finding import Finding
from vsr_cli.doctor.packages import import_fault, installed_version

OLDEST_PYTHON = (3, 11)
# Packages without which no file is upscaled: what pip calls them, and what Python does.
CORE = {
    "torch": "torch",
    "av": "av",
    "numpy": "numpy",
    "imageio": "imageio",
    "pillow": "PIL",
    "safetensors": "safetensors",
}
CAUSES = (
    "it was never installed: vsr runs from a folder of sources, or pip ran in another environment",
    "it was built for another Python or another processor",
    "a library of the system that it needs is missing (its own words are above)",
)
CPU_TORCH = "pip install torch --index-url https://download.pytorch.org/whl/cpu"


def find_versions() -> Iterator[Finding]:
    """vsr, Python, and every package of the core; PyAV with the libraries inside it."""
    yield Finding(
        area="version", name="vsr", is_ok=True, detail=__version__, facts={"version": __version__}
    )
    yield _python()
    for package, module in CORE.items():
        fault = import_fault(module)
        version = installed_version(package)
        remedy = f'pip install --force-reinstall "{package}"'
        yield Finding(
            area="version",
            name=package,
            is_ok=not fault,
            detail=fault or f"{version}{_more(module)}",
            is_needed=True,
            causes=CAUSES,
            remedy=CPU_TORCH if package == "torch" else remedy,
            facts={"version": version},
        )


def _python() -> Finding:
    is_ok = sys.version_info >= OLDEST_PYTHON
    oldest = ".".join(map(str, OLDEST_PYTHON))
    version = platform.python_version()
    return Finding(
        area="version",
        name="Python",
        is_ok=is_ok,
        detail=f"{version} on {platform.platform()}",
        is_needed=True,
        causes=(f"this Python is older than {oldest}",),
        remedy=f"python{oldest} -m venv .venv",
        facts={"version": version, "executable": sys.executable},
    )


def _more(module: str) -> str:
    """What a package says of what it was built with."""
    loaded = import_module(module)
    if module == "torch":
        return f", CUDA {loaded.version.cuda}" if loaded.version.cuda else ", without CUDA"
    if module == "av":
        libraries = (
            f"{name.removeprefix('lib')} {'.'.join(map(str, number))}"
            for name, number in loaded.library_versions.items()
        )
        return f", FFmpeg {loaded.ffmpeg_version_info} ({', '.join(libraries)})"
    return ""
