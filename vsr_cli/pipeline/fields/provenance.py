"""What made the values of a field, as the attribute ``history`` of a result says it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.device import precision_name
from vsr_cli.pipeline.report import chain_name
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.specs import FieldSpec, UpscaleSpec

_USUAL = FieldSpec()


def describe_run(
    chain: LoadedChain,
    settings: StageSettings,
    spec: UpscaleSpec,
    fields: FieldSpec,
    names: Sequence[str],
) -> str:
    """All that changes values, as options of ``vsr upscale``: what was chosen, not what was asked.

    Options that are left at their default are left out. Weight files of the user are followed by
    the SHA-256 of each network's, for a name alone does not tell which file it was.

    Args:
        chain: the networks that run; without those that ``--window none`` spares.
        settings: with the precision that is used.
        spec: with the user's own weight files, and rounds of back-projection.
        fields: how values and edges are taken.
        names: of the variables that are upscaled.
    """
    options = _options(chain, settings, spec, fields, names)
    told = "upscale " + " ".join(f"--{option} {shlex.quote(value)}" for option, value in options)
    if not spec.weights:
        return told
    files = (f"{stage.spec.name} {stage.sha256}" for stage in chain.stages if stage.sha256)
    return f"{told} (SHA-256: {', '.join(files)})"


def _options(
    chain: LoadedChain,
    settings: StageSettings,
    spec: UpscaleSpec,
    fields: FieldSpec,
    names: Sequence[str],
) -> Iterator[tuple[str, str]]:
    yield "model", chain_name(chain)
    yield "scale", str(chain.scale)
    yield from (("variable", name) for name in names)
    if chain.domain:
        yield "domain", chain.domain
    yield from (("weights", str(path)) for path in spec.weights)
    yield "precision", precision_name(settings.precision)
    if settings.consistency:
        yield "consistency", str(settings.consistency)
    if fields.value_range is not None:
        low, high = fields.value_range
        yield "value-range", f"{low:.17g},{high:.17g}"
    for option in ("boundary", "conserve", "window"):
        if (value := getattr(fields, option)) != getattr(_USUAL, option):
            yield option, value
