"""Weight files: safetensors with their record inside, listed with their hashes in a manifest.

A file holds flat tensors and, as metadata, one JSON document under ``vsr``: the fields of
``WeightRecord``. ``weights/manifest.toml`` lists the released files with their SHA-256, scores and
licence; a file that is not the listed one is refused.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from vsr_cli.errors import WeightsError

FORMAT_VERSION = 1
PREFERRED_DOMAIN = "natural"  # of the released weights, where nothing says another
_GIVE = "give one that vsr train wrote, or a .pth"
PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightRecord:
    """What a weight file says of itself."""

    arch: str
    scale: int  # of the chain that the file belongs to, also for a clip model that keeps the size
    scales: tuple[int, ...] = ()  # of a network that was trained for several, as VDSR's is
    color: str = "luma"
    range: tuple[float, float] = (0.0, 1.0)
    window: int = 1
    features: int | None = None  # channels, where they are not the paper's
    residual: bool = True
    domain: str = ""
    partner_sha256: str = ""  # of the 2D weights that a clip model was trained behind
    version: int = FORMAT_VERSION
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def trained_scales(self) -> tuple[int, ...]:
        """All scales that the file is for."""
        return self.scales or (self.scale,)

    def check_scale(self, scale: int, path: Path) -> None:
        """Raises: ``WeightsError`` if the file is not for that scale."""
        if scale not in self.trained_scales:
            known = ", ".join(map(str, self.trained_scales))
            raise WeightsError(f"{path} was trained for scale {known}, not for {scale}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedWeights:
    """One entry of the manifest."""

    path: Path
    model: str
    scale: int
    domain: str
    sha256: str
    features: int | None = None  # channels of the network, where they are not the paper's
    scores: Mapping[str, Any] = field(default_factory=dict)  # by clip: psnr, ssim, mse
    bf16_loss: float | None = None  # dB of PSNR that bf16 costs on a CPU, where it is faster there


def weights_folder() -> Path:
    """The folder of the released weights: of the source tree, or inside the installed package."""
    source = PACKAGE.parent / "weights"
    return source if (source / "manifest.toml").is_file() else PACKAGE / "_weights"


def released_weights(folder: Path | None = None) -> tuple[ReleasedWeights, ...]:
    """The entries of the manifest, in its order; ``WeightsError`` if it is damaged."""
    manifest = (folder or weights_folder()) / "manifest.toml"
    if not manifest.is_file():
        return ()
    try:
        entries = tomllib.loads(manifest.read_text(encoding="utf-8")).get("weights", [])
        return tuple(one for entry in entries for one in _released(manifest.parent, entry))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{manifest} is damaged: {type(error).__name__} {error}") from error


def _released(folder: Path, entry: Mapping[str, Any]) -> Iterator[ReleasedWeights]:
    """One for each scale that the file is for; ``scales`` stands in the place of ``scale``."""
    if Path(name := entry["file"]).name != name:
        raise ValueError(f"a weight file lies beside the manifest, got {name!r}")
    stated = {f.name: entry[f.name] for f in fields(ReleasedWeights) if f.name in entry}
    for scale in entry.get("scales", ()):
        each = {"scale": scale, "scores": entry["scores"][f"x{scale}"]}
        yield ReleasedWeights(path=folder / name, **stated | each)
    if "scales" not in entry:
        yield ReleasedWeights(path=folder / name, **stated)


def find_fault(entry: ReleasedWeights) -> str:
    """What is wrong with a released file, in words; empty if it is the one of the manifest."""
    try:
        check_sha256(entry.path, entry.sha256)
    except (WeightsError, OSError) as error:
        return str(error)
    return ""


def choose_domain(
    names: tuple[str, ...], scale: int, domain: str | None, *, preferred: str = PREFERRED_DOMAIN
) -> str:
    """The domain whose released weights cover every network of ``names`` at ``scale``.

    Without a wish the ``preferred`` one if it is there, else the only one that is.

    Raises:
        WeightsError: there are none, not of the wanted domain, or several to choose from.
    """
    released = released_weights()
    per_name = [{e.domain for e in released if (e.model, e.scale) == (n, scale)} for n in names]
    common = set.intersection(*per_name) if per_name else set()
    wanted = domain or (preferred if preferred in common else "")
    if wanted in common:
        return wanted
    if not wanted and len(common) == 1:
        return common.pop()
    what = f"{'+'.join(names)} x{scale}" + (f" of domain {wanted!r}" if wanted else "")
    if common and not wanted:
        raise WeightsError(f"choose a --domain for {what}: there are {', '.join(sorted(common))}")
    same = [e for e in released if e.scale == scale and (not wanted or e.domain == wanted)]
    same = same or [e for e in released if e.model in names] or [*released]
    there = ", ".join(f"{e.model} x{e.scale} {e.domain}" for e in same)
    own = f"--domain {' or '.join(sorted(common))}" if common else "--model bicubic"
    advice = f"Try one of these, {own}, or your own file with --weights"
    raise WeightsError(f"no released weights for {what}; there are: {there or 'none'}. {advice}")


def find_released(name: str, scale: int, domain: str) -> ReleasedWeights:
    """The manifest's entry for one network; the domain comes from ``choose_domain``."""
    for entry in released_weights():
        if (entry.model, entry.scale, entry.domain) == (name, scale, domain):
            return entry
    raise WeightsError(f"no released weights for {name} x{scale} {domain}")


def save_weights(
    path: Path, model: nn.Module, record: WeightRecord, *, dtype: torch.dtype = torch.float32
) -> str:
    """Write a weight file with its floats in that type, and return its SHA-256."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    tensors = {k: t.to(dtype) if t.is_floating_point() else t for k, t in tensors.items()}
    stated = {name: value for name, value in asdict(record).items() if value is not None}
    metadata = {"format": "vsr", "vsr": json.dumps(stated, allow_nan=False)}
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(save(tensors, metadata=metadata))
    partial.replace(path)
    return file_sha256(path)


def read_weights(
    path: Path, *, sha256: str | None = None
) -> tuple[dict[str, Tensor], WeightRecord]:
    """The tensors and the record of a weight file.

    Raises:
        WeightsError: it is missing, damaged, not ours, or not the file with that SHA-256.
    """
    if sha256 is not None:
        check_sha256(path, sha256)
    tensors, text = read_tensors(path)
    if not text:
        raise WeightsError(f"{path} has no vsr record: only files written by vsr train are known")
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise WeightsError(f"{path} holds values that are not finite: train it again")
    return tensors, parse_record(text, path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str]:
    """The tensors of any safetensors file, and the text of our record or "".

    Raises:
        WeightsError: it is missing, damaged, or of another kind.
    """
    if not path.is_file():
        raise WeightsError(f"weight file {path} does not exist; check the name")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a safetensors file, or is damaged; {_GIVE}") from error
    return tensors, metadata.get("vsr", "")


def parse_record(text: str, path: Path) -> WeightRecord:
    """A record from its JSON; ``WeightsError`` if it is not one of this version."""
    try:
        stated = json.loads(text)
        version = stated["version"]
        features = stated.get("features")
        if features is not None and type(features) is not int:
            raise TypeError(f"features must be a whole number, got {features!r}")
        if version == FORMAT_VERSION:
            tuples = {name: tuple(stated.get(name, ())) for name in ("range", "scales")}
            return WeightRecord(**stated | tuples)
    except (ValueError, TypeError, KeyError) as error:
        raise WeightsError(f"the record of {path} cannot be read: {error}") from error
    raise WeightsError(f"{path} is of version {version}, this vsr reads {FORMAT_VERSION}")


def file_sha256(path: Path) -> str:
    """The SHA-256 of a weight file, in hexadecimal."""
    if not path.is_file():
        raise WeightsError(f"weight file {path} does not exist; check the name")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path: Path, sha256: str) -> None:
    """Raises: ``WeightsError`` if the file is missing or another one."""
    if (found := file_sha256(path)) != sha256:
        raise WeightsError(f"{path} is damaged: SHA-256 is {found}, the manifest says {sha256}")
