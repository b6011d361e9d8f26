"""From names and files to networks that are ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from vsr_cli.errors import WeightsError
from vsr_cli.models import get_spec, parse_chain
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.weights import (
    WeightRecord,
    choose_domain,
    file_sha256,
    fill,
    find_released,
    read_weights,
    released_weights,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A network with its weights, in eval mode and in the paper's layout."""

    spec: ModelSpec
    module: nn.Module
    scale: int  # of this stage
    record: WeightRecord | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedChain:
    """The stages of a ``--model`` in the order in which frames pass."""

    stages: tuple[LoadedModel, ...]
    scale: int
    domain: str | None
    warnings: tuple[str, ...] = ()


def load_chain(
    model: str,
    scale: int,
    *,
    domain: str | None = None,
    weights: tuple[Path, ...] = (),
) -> LoadedChain:
    """Load every network of ``model`` (``fsrcnn``, ``2d3d``, ``bicubic+srnet3d``) for ``scale``.

    Args:
        model: names joined by a plus, or an alias.
        scale: enlargement of the whole chain.
        domain: which released weights; see ``weights.choose_domain``.
        weights: files that take the place of released ones; each says itself for which network.

    Raises:
        ValueError: unknown name, or a scale that the chain cannot give.
        WeightsError: weights are missing, damaged or do not fit.
    """
    names = parse_chain(model)
    specs = [get_spec(name) for name in names]
    _check_scale(specs, scale)
    files = _own_files(names, weights, scale)
    released = tuple(s.name for s in specs if s.has_weights and s.name not in files)
    chosen = choose_domain(released, scale, domain) if released else None
    stages = tuple(
        load_model(
            spec,
            scale,
            path=files.get(spec.name),
            domain=chosen,
        )
        for spec in specs
    )
    warnings = _partner_warnings(stages)
    if domain is not None and not released:
        warnings += (f"--domain {domain} picks nothing: no released weights are used",)
    return LoadedChain(stages=stages, scale=scale, domain=chosen, warnings=warnings)


def available_scales(
    model: str, *, domain: str | None = None, weights: tuple[Path, ...] = ()
) -> tuple[int, ...]:
    """The scales for which ``load_chain`` finds weights; for one that needs none 1, if it can.

    Raises:
        ValueError: unknown name.
        WeightsError: there are none.
    """
    specs = [get_spec(name) for name in parse_chain(model)]
    own = [read_weights(path)[1] for path in weights]
    if not any(spec.has_weights for spec in specs):
        common = set.intersection(*({*spec.scales} for spec in specs if spec.scales != (1,)))
        return (1,) if 1 in common else tuple(sorted(common))
    needed = {s.name for s in specs if s.has_weights} - {record.arch for record in own}
    scales = {scale for spec in specs for scale in spec.scales if spec.scales != (1,)}
    for name in needed:
        scales &= {
            entry.scale
            for entry in released_weights()
            if entry.model == name and domain in (None, entry.domain)
        }
    for record in own:
        scales &= {record.scale}
    if not scales:
        raise WeightsError(f"no scale of {model} has weights: try --model bicubic, or --weights")
    return tuple(sorted(scales))


def load_model(
    spec: ModelSpec, scale: int, *, path: Path | None = None, domain: str | None = None
) -> LoadedModel:
    """One network; ``path`` is the user's own file, else the released one of ``domain``."""
    own_scale = scale if scale in spec.scales else 1
    if not spec.has_weights:
        return LoadedModel(spec=spec, module=spec.build(own_scale, False).eval(), scale=own_scale)
    expected = None
    if path is None:
        entry = find_released(spec.name, scale, domain or "")
        path, expected = entry.path, entry.sha256
    tensors, record = read_weights(path, sha256=expected)
    if record.arch != spec.name:
        raise WeightsError(f"{path} holds weights of {record.arch}, not of {spec.name}")
    if record.scale != scale:
        raise WeightsError(f"{path} was trained for scale {record.scale}, not for {scale}")
    module = spec.build(own_scale, record.residual)
    fill(module, tensors, path)
    return LoadedModel(
        spec=spec,
        module=module.eval().requires_grad_(False),
        scale=own_scale,
        record=record,
        sha256=file_sha256(path),
    )


def _check_scale(specs: list[ModelSpec], scale: int) -> None:
    """A chain has exactly one stage that enlarges, and that one knows the scale."""
    enlarging = [spec for spec in specs if spec.scales != (1,)]
    if len(enlarging) != 1:
        names = "+".join(spec.name for spec in specs)
        raise ValueError(f"model {names} has {len(enlarging)} stages that enlarge, must have one")
    if scale not in enlarging[0].scales:
        known = ", ".join(map(str, enlarging[0].scales))
        raise ValueError(f"{enlarging[0].name} has no scale {scale}: known are {known}")


def _own_files(names: tuple[str, ...], weights: tuple[Path, ...], scale: int) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in weights:
        _, record = read_weights(path)
        if record.arch not in names:
            raise WeightsError(
                f"{path} holds weights of {record.arch}, which is not in {'+'.join(names)}"
            )
        if record.arch in files:
            raise WeightsError(f"two weight files for {record.arch}: {files[record.arch]}, {path}")
        if record.scale != scale:
            raise WeightsError(f"{path} was trained for scale {record.scale}, not for {scale}")
        files[record.arch] = path
    return files


def _partner_warnings(stages: tuple[LoadedModel, ...]) -> tuple[str, ...]:
    """A clip model corrects the errors of the stage it was trained behind, and of no other."""
    warnings = []
    for before, stage in zip((None, *stages), stages, strict=False):
        partner = stage.record.partner_sha256 if stage.record else ""
        found = before.sha256 if before is not None else ""
        if partner and partner != found:
            behind = before.spec.name if before is not None else "nothing"
            warnings.append(
                f"{stage.spec.name} was trained behind other 2D weights ({partner[:12]}) than the "
                f"{behind} it runs behind here ({found[:12] or 'none'})"
            )
    return tuple(warnings)
