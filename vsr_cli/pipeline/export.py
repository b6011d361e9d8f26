"""A network out of the house: loaded with its weights, written in another program's form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from vsr_cli.media.pending import PendingFile
from vsr_cli.media.target import check_place
from vsr_cli.models.export import INPUT, OPSET, OUTPUT, write_onnx, write_pth
from vsr_cli.models.foreign import split_name
from vsr_cli.models.load import load_network
from vsr_cli.pipeline.report import Report

ExportFormat = Literal["onnx", "pth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport(Report):
    """One exported network."""

    output: str
    format: str
    model: str
    scale: int
    domain: str | None
    window: int
    color: str
    opset: int | None  # of ONNX, and so are the next two
    input: str | None
    result: str | None
    bytes: int
    warnings: list[str]


def export_model(
    name: str,
    target: Path,
    *,
    scale: int,
    form: str | None = None,
    domain: str | None = None,
    weights: tuple[Path, ...] = (),
    overwrite: bool = False,
) -> ExportReport:
    """Write one network with its weights; the target appears when it is complete, or not at all.

    Without a ``form`` the target's ending says it.

    Raises:
        ValueError: unknown network, scale or form.
        VsrError: the weights, an optional package or the disk does not play along.
    """
    form = _choose_form(target, form)
    if domain == "":
        raise ValueError("domain must not be empty; leave it out for the default")
    if target.is_dir():
        raise ValueError(f"output {target} is a folder; give a file name")
    for path in (split_name(argument)[1] for argument in weights):
        check_place(target, overwrite=overwrite, input_path=path)
    check_place(target, overwrite=overwrite)
    loaded = load_network(name, scale, domain=domain, weights=weights)
    (model,) = loaded.stages
    is_onnx = form == "onnx"
    with PendingFile(target, overwrite=overwrite) as pending:
        (write_onnx if is_onnx else write_pth)(model, pending.path)
        size = pending.path.stat().st_size
    return ExportReport(
        output=str(target),
        format=form,
        model=model.spec.name,
        scale=scale,
        domain=loaded.domain,
        window=model.spec.window,
        color=model.spec.color,
        opset=OPSET if is_onnx else None,
        input=INPUT if is_onnx else None,
        result=OUTPUT if is_onnx else None,
        bytes=size,
        warnings=list(loaded.warnings),
    )


def _choose_form(target: Path, form: str | None) -> str:
    """The format that was asked for, or that a file's ending says."""
    form = form or target.suffix.lower().removeprefix(".")
    if form not in get_args(ExportFormat):
        endings = " or ".join(f".{name}" for name in get_args(ExportFormat))
        raise ValueError(f"no format {form!r} for {target.name!r}; give a name in {endings}")
    return form
