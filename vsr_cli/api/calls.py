"""Files in, files or scores out: ``vsr upscale`` and ``vsr eval`` as functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

from vsr_cli.api.model import exact
from vsr_cli.pipeline.evaluate.evaluation import Evaluation
from vsr_cli.pipeline.evaluate.run import evaluate_clips
from vsr_cli.pipeline.fields.report import FieldReport
from vsr_cli.pipeline.loaded import load_chain_once
from vsr_cli.pipeline.report import Listener, UpscaleReport
from vsr_cli.pipeline.segments.devices import upscale_on_devices
from vsr_cli.pipeline.video import upscale_video
from vsr_cli.specs import (
    BICUBIC,
    DEFAULT_METRICS,
    DEFAULT_SCALE,
    DecodingSpec,
    EncodingSpec,
    EvaluateSpec,
    FieldSpec,
    MetricName,
    Precision,
    UpscaleSpec,
    is_field,
    is_several,
    parse_degradation,
)

USUAL = UpscaleSpec()
PathLike = str | Path


def upscale(
    source: PathLike,
    target: PathLike,
    *,
    model: str = USUAL.model,
    scale: float | Fraction | None = USUAL.scale,
    width: int | None = USUAL.width,
    height: int | None = USUAL.height,
    domain: str | None = USUAL.domain,
    weights: Sequence[PathLike] = USUAL.weights,
    device: str = USUAL.device,
    precision: Precision = USUAL.precision,
    encoding: EncodingSpec | None = None,
    decoding: DecodingSpec | None = None,
    fields: FieldSpec | None = None,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> UpscaleReport | FieldReport:
    """Upscale a clip, pictures, or a file of fields; the target is complete, or not there.

    The names are the options of ``vsr upscale``; sizes are pixels. Networks stay loaded for the
    next call, but not on several devices (``"cuda:0,cuda:1"``), where each has a process for this
    call. For more settings see ``upscale_video`` and ``upscale_on_devices``.

    >>> report = vsr_cli.upscale("in.mp4", "out.mp4", model="fsrcnn", scale=2)
    >>> report.frames, report.model, report.scale
    (6, 'fsrcnn', 2)

    >>> lossless, end = vsr_cli.EncodingSpec(codec="ffv1"), vsr_cli.DecodingSpec(start_s=0.1)
    >>> vsr_cli.upscale("in.mp4", "out.mkv", scale=1.5, encoding=lossless, decoding=end).frames
    3

    Raises:
        ValueError: settings that cannot be.
        VsrError: the file, the weights, the device or the disk does not play along.
    """
    spec = UpscaleSpec(
        model=model,
        scale=None if scale is None else exact(scale),
        width=width,
        height=height,
        domain=domain,
        weights=tuple(map(Path, weights)),
        device=device,
        precision=precision,
    )
    run = _choose_run(Path(source), encoding, decoding, fields, is_several(device))
    return run(Path(source), Path(target), spec, overwrite=overwrite, listener=listener)


def _choose_run(
    source: Path,
    encoding: EncodingSpec | None,
    decoding: DecodingSpec | None,
    fields: FieldSpec | None,
    has_several_devices: bool,
) -> Callable[..., UpscaleReport | FieldReport]:
    """What is to be called for the file; settings that are not for it are refused."""
    if not is_field(source):
        _check_absent(source, "no field", fields=fields)
        call = upscale_on_devices if has_several_devices else upscale_video
        run: Callable[..., UpscaleReport] = partial(call, encoding=encoding, decoding=decoding)
        return partial(run, load=load_chain_once)
    _check_absent(source, "a field", encoding=encoding, decoding=decoding)
    from vsr_cli.pipeline.fields.run import upscale_fields  # which loads more than a video needs

    return partial(upscale_fields, load=load_chain_once, fields=fields)


def _check_absent(source: Path, what: str, **settings: object) -> None:
    """Refuse settings that are for the other kind of file."""
    for name, value in settings.items():
        if value is not None:
            raise ValueError(f"{source} is {what}: {name} is not for it; leave it out")


def evaluate(
    truths: PathLike | Sequence[PathLike],
    *,
    model: str | None = None,
    against: PathLike | None = None,
    scale: int = DEFAULT_SCALE,
    metrics: Sequence[MetricName] = DEFAULT_METRICS,
    degradation: str | None = None,
    lr: PathLike | None = None,
    domain: str | None = USUAL.domain,
    weights: Sequence[PathLike] = USUAL.weights,
    device: str = USUAL.device,
    precision: Precision = USUAL.precision,
) -> Evaluation:
    """Score a model, or a file, against ground truth, as ``vsr eval`` does.

    Each truth, a clip or a folder, is degraded and upscaled by ``model``, or compared with
    ``against``. Scores are those of luma in [0, 1], in float64. For more settings see
    ``evaluate_clips``.

    >>> scores = vsr_cli.evaluate("in.mp4", model="fsrcnn", scale=2, metrics=["psnr", "ssim"])
    >>> scores.mean.psnr > 40, scores.mean.frames
    (True, 6)
    >>> min(frame.ssim for frame in scores.clips[0].per_frame) > 0.95
    True

    Args:
        degradation: from the truth to the model's input, ``"blur:sigma=1.2+bicubic"``.
        lr: given input in the place of a degraded truth, a file or a folder.

    Raises:
        ValueError: settings that cannot be, or pictures too small to be scored.
        VsrError: a file, the weights or the device does not play along.
    """
    paths = [truths] if isinstance(truths, str | Path) else truths
    spec = EvaluateSpec(
        model=model,
        against=None if against is None else Path(against),
        scale=scale,
        metrics=tuple(metrics),
        degradation=BICUBIC if degradation is None else parse_degradation(degradation),
        lr=None if lr is None else Path(lr),
        domain=domain,
        weights=tuple(map(Path, weights)),
        device=device,
        precision=precision,
    )
    return evaluate_clips(tuple(map(Path, paths)), spec)
