"""Which optional dependencies are here, by what the installed package says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata, packages_distributions, requires
from types import MappingProxyType

from vsr_cli.doctor.finding import Finding
from vsr_cli.doctor.packages import import_fault, installed_version

PACKAGE = "vsr-cli"
FOR_DEVELOPERS = "dev"
PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        "simulate": "vsr simulate shallow-water",
        "fields": "NetCDF and Zarr files",
        "report": "vsr eval --report and --outline, vsr render, curves of vsr train",
        "onnx": "vsr export to .onnx",
        "spandrel": "--model spandrel, weights of other programs",
        "cluster": "vsr batch on several workers, the xarray accessor on Dask",
        "tensorboard": "the log of vsr train for TensorBoard",
    }
)
MISSING = "missing"
MISSING_CAUSES = (
    "nobody asked for it: pip installs extras only by name",
    "pip ran in another environment than vsr",
)
BROKEN_CAUSES = (
    "torch and torchvision come from two indexes: one for the CPU alone, one with CUDA",
    "two packages want different versions of a third; pip check names them",
    "a package was built for another Python or another processor",
)
# "xarray>=2024.10; extra == 'fields'"
REQUIREMENT = re.compile(r"""(?P<package>[\w.-]+).*;\s*extra\s*==\s*['"](?P<extra>[\w-]+)['"]""")


def find_extras() -> Iterator[Finding]:
    """One finding for each extra of the installed package but that of developers.

    Every package of it is loaded, which takes a second for some.
    """
    try:
        names = metadata(PACKAGE).get_all("Provides-Extra") or []
        packages = _packages_of(requires(PACKAGE) or [])
    except PackageNotFoundError:
        yield Finding(
            area="extra",
            name="all",
            is_ok=False,
            detail=f"{PACKAGE} is not installed, so its extras are not known",
            causes=("vsr runs from a folder of sources",),
            remedy="pip install . in that folder",
        )
        return
    modules = _modules()
    for extra in names:
        if extra != FOR_DEVELOPERS:
            yield _extra(extra, packages.get(extra, ()), modules)


def _extra(name: str, packages: tuple[str, ...], modules: Mapping[str, str]) -> Finding:
    versions = {package: installed_version(package) for package in packages}
    faults = {
        package: import_fault(modules.get(_canonical(package), package)) if version else MISSING
        for package, version in versions.items()
    }
    is_ok = not any(faults.values())
    is_missing = MISSING in faults.values()
    install = f'pip install "{PACKAGE}[{name}]"'
    broken = f"pip check; {install} --force-reinstall, with --index-url where torch is from"
    each = (f"{package} {faults[package] or version}" for package, version in versions.items())
    return Finding(
        area="extra",
        name=f"[{name}]",
        is_ok=is_ok,
        detail=f"{', '.join(each)} (for {PURPOSES.get(name, 'more')})",
        causes=MISSING_CAUSES if is_missing else BROKEN_CAUSES,
        remedy=install if is_missing else broken,
        facts={"versions": versions},
    )


def _packages_of(requirements: list[str]) -> dict[str, tuple[str, ...]]:
    """The packages of each extra, by pip's names."""
    found: dict[str, tuple[str, ...]] = {}
    for requirement in requirements:
        match = REQUIREMENT.match(requirement)
        if match and match["package"] != PACKAGE:
            found[match["extra"]] = (*found.get(match["extra"], ()), match["package"])
    return found


def _modules() -> dict[str, str]:
    """What Python calls each installed package, by pip's name in lower case."""
    names: dict[str, str] = {}
    for module, packages in packages_distributions().items():
        for package in packages:
            name = _canonical(package)
            is_own = _canonical(module) == name
            if not module.startswith("_") and (is_own or name not in names):
                names[name] = module
    return names


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
