"""A network in the forms that other programs read: ONNX, and tensors as ``torch.save`` writes."""

from __future__ import annotations

import json
import logging
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor
from torch.export import Dim

from vsr_cli.errors import MissingExtraError, VsrError
from vsr_cli.models.load import LoadedModel

OPSET = 18  # of ONNX; read by every onnxruntime since 1.14
INPUT, OUTPUT = "frames", "upscaled"
LEAST_SIDE = 4  # pixels that an exported graph promises to take; see write_onnx
EXAMPLE = (2, 18, 22)  # batch, height, width that the graph is traced with; all three stay open


def write_pth(model: LoadedModel, path: Path) -> None:
    """Write ``{"params_ema": state_dict}``, plain tensors under the names of the layers.

    Our record goes with it as the ``state_dict``'s own metadata, which ``load_state_dict`` of
    PyTorch does not mind; ``vsr upscale --weights`` reads it.

    Raises:
        ValueError: the network has no weights.
    """
    if not model.spec.has_weights:
        raise ValueError(f"{model.spec.name} has no weights that a .pth could hold; try onnx")
    state = model.module.state_dict()
    tensors: OrderedDict[str, Tensor] = OrderedDict(
        (name, tensor.detach().cpu().contiguous().clone()) for name, tensor in state.items()
    )
    metadata = dict(getattr(state, "_metadata", {}))
    if model.record is not None:
        metadata[""] = {**metadata.get("", {}), "vsr": _record(model)}
    tensors._metadata = metadata  # type: ignore[attr-defined]
    torch.save({"params_ema": tensors}, path)


def write_onnx(model: LoadedModel, path: Path) -> None:
    """Write an ONNX graph of the paper's form whose batch, height and width are open.

    ``frames`` (B, C, H, W), of a clip model (B, C, T, H, W), float32 in [0, 1], becomes
    ``upscaled`` (B, C, s*H, s*W), not clamped. Sides of less than ``LEAST_SIDE`` pixels are not
    promised to work. The graph pads with zeros as the paper does; vsr shows the network a mirrored
    margin of ``radius`` pixels, so that results differ at the border, and there alone. Of a network
    that sees the whole frame (radius null) they are the same.

    Raises:
        MissingExtraError: onnx or onnxscript is not installed.
        VsrError: the network does something for which the exporter has no operator.
    """
    for package in ("onnx", "onnxscript"):
        try:
            import_module(package)
        except ImportError:
            raise MissingExtraError(package, "onnx") from None
    spec = model.spec
    batch, height, width = EXAMPLE
    time = (spec.window,) if spec.kind == "clip" else ()
    frames = torch.zeros(batch, 3 if spec.color == "rgb" else 1, *time, height, width)
    axes = (0, frames.ndim - 2, frames.ndim - 1)
    sides = (Dim("batch"), Dim("height", min=LEAST_SIDE), Dim("width", min=LEAST_SIDE))
    module = model.module.cpu().float().eval()
    with _quiet(), torch.no_grad():
        module(frames)  # weights of interpolation are worked out and kept, the graph holds numbers
        try:
            program = torch.onnx.export(
                module,
                (frames,),
                dynamo=True,
                dynamic_shapes=(dict(zip(axes, sides, strict=True)),),
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=OPSET,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise VsrError(
                f"{spec.name} cannot be exported to ONNX with open sizes ({reason}); "
                "try another network, or --format pth"
            ) from error
        if program is None:
            raise VsrError(f"{spec.name} cannot be exported to ONNX: the exporter gave nothing")
        facts = {"model": spec.name, "scale": model.scale, "radius": spec.radius}
        program.model.metadata_props["vsr"] = _record(model) or json.dumps(facts)
        program.save(path, external_data=False)


def _record(model: LoadedModel) -> str:
    return "" if model.record is None else json.dumps(asdict(model.record), allow_nan=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes on itself out of the log."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
