"""From names and files to networks that are ready to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from vsr_cli.errors import WeightsError
from vsr_cli.models import parse_chain
from vsr_cli.models.assign import OwnWeights, assign_weights
from vsr_cli.models.fitting import fill, of_width
from vsr_cli.models.foreign import open_weights
from vsr_cli.models.spandrel import OutsideModel
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.weights import (
    PREFERRED_DOMAIN,
    WeightRecord,
    choose_domain,
    file_sha256,
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
    bf16_loss: float | None = None  # see ``ReleasedWeights``


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedChain:
    """The stages of a ``--model`` in the order in which frames pass."""

    stages: tuple[LoadedModel, ...]
    scale: int
    domain: str | None
    warnings: tuple[str, ...] = ()

    @property
    def reach(self) -> int:
        """How many frames before and after a frame its result depends on; 0: it alone."""
        return sum(stage.spec.window // 2 for stage in self.stages)

    @property
    def bf16_loss(self) -> float | None:
        """dB of PSNR that bf16 costs these networks; None where it is not known of all of them."""
        losses = [stage.bf16_loss for stage in self.stages if stage.spec.has_weights]
        known = [loss for loss in losses if loss is not None]
        return max(known) if known and len(known) == len(losses) else None


def load_chain(
    model: str,
    scale: int,
    *,
    domain: str | None = None,
    weights: tuple[Path, ...] = (),
    preferred: str = PREFERRED_DOMAIN,
) -> LoadedChain:
    """Load every network of ``model`` (``fsrcnn``, ``2d3d``, ``bicubic+srnet3d``) for ``scale``.

    Args:
        model: names joined by a plus, or an alias.
        scale: enlargement of the whole chain.
        domain: which released weights; see ``weights.choose_domain``, also for ``preferred``.
        weights: files that take the place of released ones, each ``FILE`` or ``NAME=FILE``; one
            without a name says itself for which network, or it is found by its layers.

    Raises:
        ValueError: unknown name, or a scale that the chain cannot give.
        WeightsError: weights are missing, damaged or do not fit.
        MissingExtraError: the chain needs spandrel, which is not there.
    """
    own = assign_weights(parse_chain(model), weights)
    _check_scale(own.specs, scale)
    stages, chosen, warnings = _load_stages(own, scale, domain, preferred)
    return LoadedChain(
        stages=stages,
        scale=scale,
        domain=chosen,
        warnings=warnings + _partner_warnings(stages),
    )


def load_network(
    name: str, scale: int, *, domain: str | None = None, weights: tuple[Path, ...] = ()
) -> LoadedChain:
    """Load one network alone, also one that does not enlarge; as ``load_chain`` does."""
    names = parse_chain(name)
    if len(names) != 1:
        raise ValueError(f"{name} is {len(names)} networks: take one, {' or '.join(names)}")
    own = assign_weights(names, weights)
    if own.specs[0].scales != (1,):
        _check_scale(own.specs, scale)
    stages, chosen, warnings = _load_stages(own, scale, domain, PREFERRED_DOMAIN)
    return LoadedChain(stages=stages, scale=scale, domain=chosen, warnings=warnings)


def _load_stages(
    own: OwnWeights, scale: int, domain: str | None, preferred: str
) -> tuple[tuple[LoadedModel, ...], str | None, tuple[str, ...]]:
    """The networks, the domain of those that are released, and what is to be warned of."""
    specs, files = own.specs, own.by_network(scale)
    given = files.keys() | own.outside.keys()
    released = tuple(s.name for s in specs if s.has_weights and s.name not in given)
    chosen = None
    if released:
        chosen = choose_domain(released, scale, domain, preferred=preferred)
    stages = tuple(
        _outside_stage(own.outside[spec.name])
        if spec.name in own.outside
        else load_model(
            spec,
            scale,
            path=files[spec.name].path if spec.name in files else None,
            domain=chosen,
        )
        for spec in specs
    )
    warnings = tuple(w for model in own.outside.values() for w in model.warnings)
    warnings += tuple(
        f"nothing is known of how {file.path} was trained; it runs as {name} x{scale} in the "
        "paper's form"
        for name, file in files.items()
        if file.record is None
    )
    if domain is None and chosen not in (None, preferred):
        warnings += (
            f"the only released weights of {'+'.join(released)} x{scale} are those of the domain "
            f"{chosen}, which have seen nothing else: --domain {chosen} says that you mean them",
        )
    if domain is not None and not released:
        warnings += (f"--domain {domain} picks nothing: no released weights are used",)
    return stages, chosen, warnings


def available_scales(
    model: str, *, domain: str | None = None, weights: tuple[Path, ...] = ()
) -> tuple[int, ...]:
    """The scales for which ``load_chain`` finds weights; for one that needs none 1, if it can.

    Raises:
        ValueError: unknown name.
        WeightsError: there are none.
    """
    own = assign_weights(parse_chain(model), weights)
    if not any(spec.has_weights for spec in own.specs):
        common = set.intersection(*({*s.scales} for s in own.specs if s.scales != (1,)))
        return (1,) if 1 in common else tuple(sorted(common))
    scales = {scale for spec in own.specs for scale in spec.scales if spec.scales != (1,)}
    given = own.scales()
    for spec in own.specs:
        if spec.name in given:
            scales &= given[spec.name] or scales
        elif spec.has_weights and spec.name not in own.outside:
            scales &= {
                entry.scale
                for entry in released_weights()
                if entry.model == spec.name and domain in (None, entry.domain)
            }
    if not scales:
        raise WeightsError(f"no scale of {model} has weights: try --model bicubic, or --weights")
    return tuple(sorted(scales))


def load_model(
    spec: ModelSpec, scale: int, *, path: Path | None = None, domain: str | None = None
) -> LoadedModel:
    """One network; ``path`` is the user's own file, else the released one of ``domain``."""
    own_scale = scale if scale in spec.scales else 1
    bf16_loss = None
    if not spec.has_weights:
        return LoadedModel(spec=spec, module=spec.build(own_scale, False).eval(), scale=own_scale)
    if path is None:
        entry = find_released(spec.name, scale, domain or "")
        path, bf16_loss = entry.path, entry.bf16_loss
        tensors: Mapping[str, Tensor]
        record: WeightRecord | None
        tensors, record = read_weights(path, sha256=entry.sha256)
    else:
        file = open_weights(path)
        path, tensors, record = file.path, file.tensors, file.record
    if record is not None and record.arch != spec.name:
        raise WeightsError(f"{path} holds weights of {record.arch}, not of {spec.name}")
    if record is not None:
        record.check_scale(scale, path)
    if record is not None and record.features is not None:
        spec = of_width(spec, record.features, own_scale, tensors, path)
    module = spec.build(own_scale, record is not None and record.residual)
    fill(module, tensors, path)
    return LoadedModel(
        spec=spec,
        module=module.eval().requires_grad_(False),
        scale=own_scale,
        record=record,
        sha256=file_sha256(path),
        bf16_loss=bf16_loss,
    )


def _outside_stage(model: OutsideModel) -> LoadedModel:
    return LoadedModel(
        spec=model.spec, module=model.module, scale=model.spec.scales[0], sha256=model.sha256
    )


def _check_scale(specs: Sequence[ModelSpec], scale: int) -> None:
    """A chain has exactly one stage that enlarges, and that one knows the scale."""
    enlarging = [spec for spec in specs if spec.scales != (1,)]
    if len(enlarging) != 1:
        names = "+".join(spec.name for spec in specs)
        few = "" if enlarging else f"; try bicubic+{names} or fsrcnn+{names}"
        many = f"model {names} has {len(enlarging)} stages that enlarge, must have one{few}"
        raise ValueError(many)
    if scale not in enlarging[0].scales:
        known = ", ".join(map(str, enlarging[0].scales))
        raise ValueError(
            f"{enlarging[0].name} has no scale {scale}: known are {known}; --height reaches other "
            "sizes, --model bicubic any scale from 1 to 16"
        )


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
