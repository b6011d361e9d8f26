"""Which of the user's weight files is for which network of a chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vsr_cli.errors import WeightsError
from vsr_cli.models import OUTSIDE, get_spec
from vsr_cli.models.foreign import WeightFile, fitting_scales, open_weights, recognise, split_name
from vsr_cli.models.spandrel import OutsideModel, load_outside
from vsr_cli.models.spec import ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWeights:
    """The networks of a chain as far as they are known before a scale is chosen, and the files."""

    specs: tuple[ModelSpec, ...]  # in the order in which frames pass
    files: tuple[WeightFile, ...]
    outside: Mapping[str, OutsideModel]  # networks that are known by their file alone

    @property
    def chain(self) -> str:
        """The names of the networks joined by a plus."""
        return "+".join(spec.name for spec in self.specs)

    def by_network(self, scale: int) -> dict[str, WeightFile]:
        """The files by the names of their networks.

        Raises:
            WeightsError: one is for another network or scale, or there are two for one network.
        """
        found: dict[str, WeightFile] = {}
        for file in self.files:
            name = self._network_of(file, scale)
            if name in found:
                raise WeightsError(f"two weight files for {name}: {found[name].path}, {file.path}")
            found[name] = file
        return found

    def scales(self) -> dict[str, set[int]]:
        """The scales that each network has files for; a clip model without a record fits any."""
        found: dict[str, set[int]] = {}
        for file in self.files:
            if file.record is not None:
                found[file.record.arch] = {*file.record.trained_scales}
                continue
            for spec in self.specs:
                if file.name in ("", spec.name) and (scales := fitting_scales(file, spec)):
                    found[spec.name] = set() if scales == (1,) else set(scales)
        return found

    def _network_of(self, file: WeightFile, scale: int) -> str:
        record = file.record
        if record is None:
            known = [spec for spec in self.specs if spec.name not in self.outside]
            return recognise(file, known, scale).name
        if record.arch not in [spec.name for spec in self.specs]:
            raise WeightsError(
                f"{file.path} holds weights of {record.arch}, which is not in {self.chain}"
            )
        if file.name not in ("", record.arch):
            raise WeightsError(f"{file.path} holds weights of {record.arch}, not of {file.name}")
        record.check_scale(scale, file.path)
        return record.arch


def assign_weights(names: Sequence[str], weights: Sequence[Path]) -> OwnWeights:
    """Open the files of ``--weights``, each ``FILE`` or ``NAME=FILE``, for a chain.

    Raises:
        WeightsError: a file cannot be read, or a network that its file describes has none.
        MissingExtraError: spandrel is needed and not there.
    """
    outside: dict[str, OutsideModel] = {}
    rest = list(weights)
    for name in dict.fromkeys(names):
        if name in OUTSIDE:
            argument = _outside_file(name, rest)
            rest.remove(argument)
            outside[name] = load_outside(split_name(argument)[1])
    specs = tuple(outside[n].spec if n in outside else get_spec(n) for n in names)
    files = tuple(map(open_weights, rest))
    return OwnWeights(specs=specs, files=files, outside=outside)


def _outside_file(name: str, weights: Sequence[Path]) -> Path:
    """The file that is named so, or the only one that says of itself nothing else."""
    named = [argument for argument in weights if split_name(argument)[0] == name]
    unnamed = [a for a in weights if not split_name(a)[0] and not _has_record(a)]
    found = named or unnamed
    if len(found) == 1:
        return found[0]
    raise WeightsError(
        f"model {name} takes its network from one file, got {len(found)}: --weights {name}=FILE"
    )


def _has_record(path: Path) -> bool:
    try:
        return open_weights(path).record is not None
    except WeightsError:  # spandrel may know more kinds of files
        return False
