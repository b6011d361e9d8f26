"""What one evaluation compares: which of several models gets which weight files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from vsr_cli.models import get_spec, parse_chain
from vsr_cli.models.foreign import open_weights, split_name
from vsr_cli.pipeline.evaluate.contender import Contender
from vsr_cli.pipeline.evaluate.perceptual import load_similarity
from vsr_cli.specs import EvaluateSpec


def load_contenders(specs: Sequence[EvaluateSpec], *, is_field: bool = False) -> list[Contender]:
    """What is compared, with the networks that it needs; one network of LPIPS is for all.

    Raises:
        ValueError: as ``share_weights``, or settings that cannot be.
        VsrError: weights or the device do not play along.
    """
    paths = specs[0].lpips_weights
    similarity = load_similarity(paths) if paths else None
    return [Contender.of(spec, similarity, is_field=is_field) for spec in share_weights(specs)]


def share_weights(specs: Sequence[EvaluateSpec]) -> tuple[EvaluateSpec, ...]:
    """Give each of several models those weight files that are for its networks, and a domain.

    Specs may name the same files, or each its own. One model keeps all of them. A model without
    weights needs no domain.

    Raises:
        ValueError: the specs differ in other settings, a model is unknown, a file does not say for
            which network it is, or no model has that network.
        WeightsError: a file cannot be read.
    """
    if len({_shared(spec) for spec in specs}) > 1:
        raise ValueError("what is compared in one pass has one scale, input and protocol")
    if len(specs) == 1 or specs[0].model is None:
        return tuple(specs)
    given = dict.fromkeys(argument for spec in specs for argument in spec.weights)
    network = {argument: _network_of(argument) for argument in given}
    chains = [parse_chain(spec.model or "") for spec in specs]
    for argument, name in network.items():
        if not any(name in chain for chain in chains):
            raise ValueError(f"--weights {argument} is for {name}, which no --model has")
    shared = []
    for spec, chain in zip(specs, chains, strict=True):
        own = tuple(argument for argument in spec.weights if network[argument] in chain)
        has_weights = any(get_spec(name).has_weights for name in chain)
        domain = spec.domain if has_weights else None
        shared.append(replace(spec, weights=own, domain=domain))
    return tuple(shared)


def _shared(spec: EvaluateSpec) -> tuple[object, ...]:
    """The settings in which all specs of one pass agree, and what kind they are of."""
    own = {"model", "against", "domain", "weights"}
    settings = (getattr(spec, field.name) for field in fields(spec) if field.name not in own)
    return (spec.model is None, *settings)


def _network_of(argument: Path) -> str:
    name, _ = split_name(argument)
    if not name and (record := open_weights(argument).record) is not None:
        name = record.arch
    if not name:
        raise ValueError(
            f"{argument} does not say for which network it is: with several models give it as "
            f"--weights MODEL={argument}"
        )
    return name
