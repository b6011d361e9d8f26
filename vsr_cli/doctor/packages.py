"""Whether a package is installed, and whether Python can load it."""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from vsr_cli.errors import typed_message


def installed_version(package: str) -> str:
    """The version of a package by pip's name for it; empty if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def import_fault(module: str) -> str:
    """Load a module; what went wrong in one line, empty if nothing did.

    A package that is there and cannot be loaded, for another Python or without a library that it
    needs, may raise anything.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of packages are none of ours
            import_module(module)
    except Exception as error:
        return typed_message(error)
    return ""
