"""Attributes that name other variables: kept true to what the output holds.

References:
    CF 1.11, sections 2.6.3, 3.4, 4.3.3, 5, 5.6, 7.1, 7.2 and 7.4.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from vsr_cli.fields.dims import BOUNDS_NAMES

LISTS = ("coordinates", "ancillary_variables")  # names with blanks between them
TERMS = ("cell_measures", "formula_terms")  # "area: areacella volume: volcella"
OUTSIDE = "external_variables"  # of the file: measures that lie in other files


def true_attributes(
    attributes: Mapping[Any, Any], lost: Collection[str], outside: Collection[str] = ()
) -> dict[Any, Any]:
    """The attributes of a variable without names of others that are not in the output.

    ``lost`` are those that the source holds and the output does not, ``outside`` those that lie in
    other files: cells of another size than here are measured there.
    """
    found = dict(attributes)
    for key in BOUNDS_NAMES:
        if found.get(key) in lost:
            del found[key]
    if _mapping_names(found.get("grid_mapping")) & {*lost}:
        del found["grid_mapping"]
    for key in LISTS:
        _replace(found, key, [name for name in _words(found.get(key)) if name not in lost])
    for key in TERMS:
        words = _words(found.get(key))
        gone = {*lost, *outside} if key == "cell_measures" else {*lost}
        terms = zip(words[::2], words[1::2], strict=False)
        kept = [word for term in terms if term[1] not in gone for word in term]
        _replace(found, key, kept)
    return found


def outside_names(attributes: Mapping[Any, Any]) -> frozenset[str]:
    """What a file says of variables in other files."""
    return frozenset(_words(attributes.get(OUTSIDE)))


def global_attributes(
    attributes: Mapping[Any, Any], lost: Collection[str], variables: Collection[Mapping[Any, Any]]
) -> dict[Any, Any]:
    """The attributes of a file; measures that lie in other files are for the grid as it was."""
    measures = {
        word for each in variables for word in _words(each.get("cell_measures"))[1::2]
    } & outside_names(attributes)
    found = true_attributes(attributes, lost)
    _replace(found, OUTSIDE, [name for name in _words(found.get(OUTSIDE)) if name not in measures])
    return found


def _words(attribute: Any) -> list[str]:
    return attribute.split() if isinstance(attribute, str) else []


def _mapping_names(attribute: Any) -> set[str]:
    """Of "crs" and of "crs: x y other: lat lon"."""
    words = _words(attribute)
    mappings = {word.removesuffix(":") for word in words if word.endswith(":")}
    return mappings or {*words}


def _replace(attributes: dict[Any, Any], key: str, words: list[str]) -> None:
    """Put the words that are left, if some are not."""
    if len(words) == len(_words(attributes.get(key))):
        return
    if words:
        attributes[key] = " ".join(words)
    else:
        del attributes[key]
