"""Weight files of other programs, and of ours without a record: tensors under names, no more.

What a file is for is found by trying which network has layers of these names and shapes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from vsr_cli.errors import WeightsError
from vsr_cli.models import MODELS, OUTSIDE
from vsr_cli.models.cost import plain_form
from vsr_cli.models.fitting import find_misfits
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.weights import (
    WeightRecord,
    parse_record,
    read_tensors,
)

# Where programs put the tensors; what is averaged over the training first.
WRAPPERS = ("params_ema", "params", "state_dict", "model", "model_state_dict")
PREFIXES = ("module.", "netG.", "_orig_mod.")  # of DataParallel, of GANs, of torch.compile
PICKLES = (b"PK\x03\x04", b"\x80\x02")  # what torch.save writes begins with: new, old
PTH_SUFFIXES = (".pth", ".pt")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """The contents of one ``--weights``."""

    path: Path
    tensors: Mapping[str, Tensor]
    record: WeightRecord | None  # None: nothing is known but the tensors
    name: str = ""  # of the network, where the user has said it


def split_name(argument: Path) -> tuple[str, Path]:
    """``fsrcnn=FILE`` as ("fsrcnn", FILE), and FILE as ("", FILE); a file of that name wins."""
    name, equals, rest = str(argument).partition("=")
    if equals and name in (*MODELS, *OUTSIDE) and not argument.exists():
        return name, Path(rest)
    return "", argument


def open_weights(argument: Path) -> WeightFile:
    """The tensors of ``FILE`` or ``NAME=FILE``: safetensors, or what ``torch.save`` wrote.

    Of the latter nothing but tensors is loaded, so that a file cannot run code.

    Raises:
        WeightsError: it is missing, damaged, or holds no tensors under names.
    """
    name, path = split_name(argument)
    if not path.is_file():
        raise WeightsError(f"weight file {path} does not exist; check the name")
    with path.open("rb") as file:
        start = file.read(4)
    if path.suffix.lower() in PTH_SUFFIXES or start.startswith(PICKLES):
        state = _load_pickle(path)
        record, tensors = _record_of(state, path), _tensors_of(state, path)
    else:
        tensors, text = read_tensors(path)
        record = parse_record(text, path) if text else None
        tensors = dict(tensors) if record is not None else _strip(tensors)
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise WeightsError(f"{path} holds values that are not finite: train it again")
    return WeightFile(path=path, tensors=tensors, record=record, name=name)


def fitting_scales(file: WeightFile, spec: ModelSpec) -> tuple[int, ...]:
    """The scales of a network at which the tensors have the names and shapes of its layers."""
    if not spec.has_weights:
        return ()
    return tuple(
        scale
        for scale in spec.scales
        if not find_misfits(plain_form(spec, scale).state_dict(), file.tensors)
    )


def recognise(file: WeightFile, specs: list[ModelSpec], scale: int) -> ModelSpec:
    """The one network among ``specs`` that a file without a record fits at ``scale``.

    Raises:
        WeightsError: none does (then it says why, of the nearest), or several.
    """
    wanted = [spec for spec in specs if file.name in ("", spec.name) and spec.has_weights]
    scales = {spec.name: fitting_scales(file, spec) for spec in wanted}
    fitting = [s for s in wanted if (1 if s.scales == (1,) else scale) in scales[s.name]]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = " and ".join(spec.name for spec in fitting)
        raise WeightsError(
            f"{file.path} fits {names}: say for which it is, "
            f"--weights {fitting[0].name}={file.path}"
        )
    for name, known in scales.items():
        if known:
            others = ", ".join(map(str, known))
            raise WeightsError(f"{file.path} fits {name} at scale {others}, not at {scale}")
    if not wanted:
        chain = "+".join(spec.name for spec in specs)
        raise WeightsError(f"{file.path} is for {file.name or 'nothing'}, which {chain} has no use")
    raise WeightsError(_misfit(file, wanted, scale))


def _misfit(file: WeightFile, specs: list[ModelSpec], scale: int) -> str:
    """Why a file fits none: its differences from the network that it is nearest to."""
    reports = []
    for spec in specs:
        own = plain_form(spec, scale if scale in spec.scales else spec.scales[0]).state_dict()
        common = sum(
            name in own and own[name].shape == tensor.shape for name, tensor in file.tensors.items()
        )
        reports.append((common, spec.name, find_misfits(own, file.tensors)))
    _, name, misfits = max(reports, key=lambda report: report[0])
    return (
        f"{file.path} does not fit {name}: {misfits}. "
        "For a network of another program try --model spandrel"
    )


def _load_pickle(path: Path) -> Mapping[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats; the tensors are checked afterwards
            state = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise WeightsError(
            f"{path} holds more than tensors, and vsr runs no code of a weight file: "
            f"{str(error).splitlines()[0]}"
        ) from error
    # What reads pickles trusts them, and fails in any way where bytes are damaged.
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(f"{path} is not a file of torch.save: {reason}") from error
    if not isinstance(state, Mapping):
        raise WeightsError(f"{path} holds a {type(state).__name__}, no tensors under names")
    return state


def _unwrap(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The innermost of the containers that programs put around their tensors."""
    for name in WRAPPERS:
        if isinstance(state.get(name), Mapping):
            return _unwrap(state[name])
    return state


def _record_of(state: Mapping[str, Any], path: Path) -> WeightRecord | None:
    """Our record, which ``vsr export`` puts where PyTorch keeps what goes with a ``state_dict``."""
    metadata = getattr(_unwrap(state), "_metadata", None)
    own = metadata.get("") if isinstance(metadata, Mapping) else None
    text = own.get("vsr") if isinstance(own, Mapping) else None
    return parse_record(text, path) if isinstance(text, str) else None


def _tensors_of(state: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    found = _unwrap(state)
    others = [str(name) for name, value in found.items() if not isinstance(value, Tensor)]
    if others or not found:
        what = f"{', '.join(others[:5])} beside them" if others else "an empty file"
        raise WeightsError(f"{path} does not hold tensors under names alone: {what}")
    return _strip({str(name): tensor for name, tensor in found.items()})


def _strip(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names without what wrappers put before them; of a GAN the generator alone."""
    names = {name: name for name in tensors}
    while True:
        for prefix in PREFIXES:
            has = {key: name for key, name in names.items() if name.startswith(prefix)}
            if has and (len(has) == len(names) or prefix == "netG."):
                names = {key: name.removeprefix(prefix) for key, name in has.items()}
                break
        else:
            return {name: tensors[key] for key, name in names.items()}
