"""The list of all networks with what they need and cost, for ``vsr models``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from vsr_cli.models import ALIASES, MODELS, get_spec, parse_chain
from vsr_cli.models.cost import LayerCost, layer_costs, network_cost
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.weights import ReleasedWeights, released_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """One network, or one chain of networks."""

    name: str
    kind: str  # frame, clip, or chain
    stages: tuple[str, ...]  # in the order in which frames pass
    color: str
    scales: tuple[int, ...]
    window: int
    radius: int | None  # pixels of the input, of a chain at its smallest scale; None: all of them
    parameters: dict[int, int]  # by scale, as papers count
    macs: dict[int, float]  # by scale, per pixel of the output
    weights: tuple[ReleasedWeights, ...]
    paper: str

    def to_json(self) -> dict[str, Any]:
        """The network as ``vsr models --json`` shows it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "stages": list(self.stages),
            "color": self.color,
            "scales": list(self.scales),
            "window": self.window,
            "receptive_radius": self.radius,
            "parameters": min(self.parameters.values()),
            "parameters_per_scale": {str(s): n for s, n in self.parameters.items()},
            "macs_per_output_pixel": {str(s): round(n, 3) for s, n in self.macs.items()},
            "weights": [_weights_json(entry) for entry in self.weights],
            "paper": self.paper,
        }


def list_entries() -> Iterator[CatalogEntry]:
    """Every network of the table, then every alias."""
    for name in (*MODELS, *ALIASES):
        yield find_entry(name)


def find_entry(name: str) -> CatalogEntry:
    """One network, alias, or chain such as ``bicubic+srnet3d``; a ``ValueError`` if unknown."""
    stages = parse_chain(name)
    if len(stages) == 1:
        return _network_entry(get_spec(stages[0]))
    return _chain_entry(name, [_network_entry(get_spec(stage)) for stage in stages])


def describe_layers(name: str, scale: int | None = None) -> tuple[int, tuple[LayerCost, ...]]:
    """The scale, and the layers of a network or chain; in a chain names are led by the stage's.

    ``macs`` is per pixel of the whole chain's output; without a ``scale`` its smallest is taken.

    Raises:
        ValueError: unknown name, or a scale that it does not have.
    """
    entry = find_entry(name)
    scale = entry.scales[0] if scale is None else scale
    if scale not in entry.scales:
        known = ", ".join(map(str, entry.scales))
        raise ValueError(f"{name} has no scale {scale}: known are {known}")
    specs = [get_spec(stage) for stage in entry.stages]
    layers: list[LayerCost] = []
    for number, spec in enumerate(specs):
        own, share = _place(specs, number, scale)
        for layer in layer_costs(spec, own):
            prefix = f"{spec.name}." if len(specs) > 1 else ""
            layers.append(replace(layer, name=prefix + layer.name, macs=layer.macs * share))
    return scale, tuple(layers)


def _network_entry(spec: ModelSpec) -> CatalogEntry:
    costs = {scale: network_cost(spec, scale) for scale in spec.scales}
    return CatalogEntry(
        name=spec.name,
        kind=spec.kind,
        stages=(spec.name,),
        color=spec.color,
        scales=spec.scales,
        window=spec.window,
        radius=spec.radius,
        parameters={scale: cost.parameters for scale, cost in costs.items()},
        macs={scale: cost.macs for scale, cost in costs.items()},
        weights=tuple(entry for entry in released_weights() if entry.model == spec.name),
        paper=spec.paper,
    )


def _chain_entry(name: str, entries: list[CatalogEntry]) -> CatalogEntry:
    """The stages together; a stage before the enlargement costs its share of the larger frame."""
    specs = [get_spec(entry.name) for entry in entries]
    enlarging = [spec for spec in specs if spec.enlarges]
    if len(enlarging) != 1:
        what = f"model {name} has {len(enlarging)} stages that enlarge, must have one"
        raise ValueError(what if enlarging else f"{what}; try bicubic+{name}")
    scales = enlarging[0].scales
    parameters, macs = {}, {}
    for scale in scales:
        places = [_place(specs, number, scale) for number in range(len(specs))]
        own = [(entry, *place) for entry, place in zip(entries, places, strict=True)]
        parameters[scale] = sum(entry.parameters[s] for entry, s, _ in own)
        macs[scale] = math.fsum(entry.macs[s] * share for entry, s, share in own)
    return CatalogEntry(
        name=name,
        kind="chain",
        stages=tuple(entry.name for entry in entries),
        color="rgb" if any(entry.color == "rgb" for entry in entries) else "luma",
        scales=scales,
        window=1 + sum(entry.window - 1 for entry in entries),
        radius=_chain_radius(specs),
        parameters=parameters,
        macs=macs,
        weights=_shared_weights(specs, entries),
        paper="; ".join(dict.fromkeys(entry.paper for entry in entries)),
    )


def _shared_weights(
    specs: list[ModelSpec], entries: list[CatalogEntry]
) -> tuple[ReleasedWeights, ...]:
    """The released files of the scales and domains in which every network has one, each once."""
    learned = [entry for spec, entry in zip(specs, entries, strict=True) if spec.has_weights]
    kinds = [{(file.scale, file.domain) for file in entry.weights} for entry in learned]
    shared = set.intersection(*kinds) if kinds else set()
    files = {file.path: file for entry in learned for file in entry.weights}
    return tuple(file for file in files.values() if (file.scale, file.domain) in shared)


def _chain_radius(specs: list[ModelSpec]) -> int | None:
    """Pixels of the input at the smallest scale; None if a stage sees the whole frame."""
    first = specs[_enlarging(specs)].scales[0]
    pixels = 0.0
    for number, spec in enumerate(specs):
        if spec.radius is None:
            return None
        pixels += spec.radius / (first if number > _enlarging(specs) else 1)
    return math.ceil(pixels)


def _enlarging(specs: list[ModelSpec]) -> int:
    return next(number for number, spec in enumerate(specs) if spec.enlarges)


def _place(specs: list[ModelSpec], number: int, scale: int) -> tuple[int, float]:
    """The scale of one stage itself, and its pixels for one pixel of the chain's output."""
    if specs[number].enlarges:
        return scale, 1.0
    is_before = len(specs) > 1 and number < _enlarging(specs)
    return 1, 1 / scale**2 if is_before else 1.0


def _weights_json(entry: ReleasedWeights) -> dict[str, Any]:
    return {
        "file": entry.path.name,
        "model": entry.model,
        "scale": entry.scale,
        "domain": entry.domain,
        "sha256": entry.sha256,
        "features": entry.features,
        "present": entry.path.is_file(),
        "scores": dict(entry.scores),
    }
