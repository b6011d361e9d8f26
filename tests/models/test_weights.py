"""Weight files: what is refused, what is warned about, and which one is chosen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vsr_cli.errors import WeightsError
from vsr_cli.models import get_spec, weights
from vsr_cli.models.fitting import fill
from vsr_cli.models.load import available_scales, load_chain
from vsr_cli.models.weights import (
    ReleasedWeights,
    WeightRecord,
    choose_domain,
    file_sha256,
    read_weights,
    released_weights,
    save_weights,
    weights_folder,
)


def test_record_travels_with_the_file(random_weights: tuple[Path, Path]) -> None:
    _, record = read_weights(random_weights[1])
    assert (record.arch, record.scale, record.window) == ("srnet3d", 2, 5)
    assert record.partner_sha256 == file_sha256(random_weights[0])


def test_damaged_file_is_refused(random_weights: tuple[Path, Path]) -> None:
    path = random_weights[0]
    digest = file_sha256(path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="damaged"):
        read_weights(path, sha256=digest)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(WeightsError, match="does not exist"):
        read_weights(path)
    path.write_bytes(b"no safetensors at all")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        read_weights(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="no vsr record"):
        read_weights(path)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("no json", "cannot be read"),
        ("{}", "cannot be read"),
        (
            '{"version": 1, "arch": "fsrcnn", "scale": 2, "range": [0, 1], "new": 1}',
            "cannot be read",
        ),
        ('{"version": 9}', "version 9, this vsr reads 1"),
    ],
)
def test_records_that_make_no_sense_are_refused(tmp_path: Path, record: str, words: str) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"vsr": record})
    with pytest.raises(WeightsError, match=words):
        read_weights(path)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    model = get_spec("fsrcnn").build(2, True)
    with torch.no_grad():
        model.expand.bias[0] = torch.nan
    path = tmp_path / "x.safetensors"
    save_weights(path, model, WeightRecord(arch="fsrcnn", scale=2))
    with pytest.raises(WeightsError, match="not finite"):
        read_weights(path)


def test_everybody_may_read_a_weight_file(random_weights: tuple[Path, Path]) -> None:
    mask = os.umask(0)
    os.umask(mask)
    assert random_weights[0].stat().st_mode & 0o777 == 0o666 & ~mask


def test_wrong_keys_and_shapes_are_named(tmp_path: Path) -> None:
    model = get_spec("fsrcnn").build(2, True)
    tensors = dict(model.state_dict())
    tensors["extra"] = tensors.pop("shrink.bias")
    tensors["expand.bias"] = torch.zeros(3)
    with pytest.raises(WeightsError, match=r"missing: shrink\.bias; unexpected: extra; expand"):
        fill(model, tensors, tmp_path / "w.safetensors")


def test_another_partner_gives_a_warning(random_weights: tuple[Path, Path], tmp_path: Path) -> None:
    assert not load_chain("2d3d", 2, weights=random_weights).warnings
    other = tmp_path / "other.safetensors"
    save_weights(other, get_spec("fsrcnn").build(2, True), WeightRecord(arch="fsrcnn", scale=2))
    (warning,) = load_chain("2d3d", 2, weights=(other, random_weights[1])).warnings
    assert "trained behind other 2D weights" in warning
    (warning,) = load_chain("bicubic+srnet3d", 2, weights=(random_weights[1],)).warnings
    assert "bicubic" in warning


def test_domain_that_picks_nothing_gives_a_warning(random_weights: tuple[Path, Path]) -> None:
    for model, files in (("bicubic", ()), ("2d3d", random_weights)):
        (warning,) = load_chain(model, 2, domain="mars", weights=files).warnings
        assert "--domain mars picks nothing" in warning


def test_files_that_do_not_belong_are_refused(random_weights: tuple[Path, Path]) -> None:
    frame, clip = random_weights
    with pytest.raises(WeightsError, match="not in fsrcnn"):
        load_chain("fsrcnn", 2, weights=(clip,))
    with pytest.raises(WeightsError, match="scale 2, not for 3"):
        load_chain("fsrcnn", 3, weights=(frame,))
    with pytest.raises(WeightsError, match="two weight files"):
        load_chain("fsrcnn", 2, weights=(frame, frame))


def test_scales_and_orders_that_cannot_be(random_weights: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match="known are 2, 3, 4"):
        load_chain("fsrcnn", 7, weights=random_weights[:1])
    with pytest.raises(ValueError, match="0 stages that enlarge"):
        load_chain("srnet3d", 2, weights=random_weights[1:])
    with pytest.raises(ValueError, match="2 stages that enlarge"):
        load_chain("bicubic+fsrcnn", 2, weights=random_weights[:1])


def test_three_d_first_is_a_chain_too(random_weights: tuple[Path, Path]) -> None:
    chain = load_chain("srnet3d+fsrcnn", 2, weights=random_weights)
    assert [stage.scale for stage in chain.stages] == [1, 2]


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> list[ReleasedWeights]:
    entries: list[ReleasedWeights] = []
    monkeypatch.setattr(weights, "released_weights", lambda: tuple(entries))
    return entries


def _entry(model: str, domain: str, scale: int = 2) -> ReleasedWeights:
    return ReleasedWeights(path=Path("x"), model=model, scale=scale, domain=domain, sha256="")


def test_natural_is_chosen_else_the_only_domain(released: list[ReleasedWeights]) -> None:
    released.append(_entry("fsrcnn", "climate"))
    assert choose_domain(("fsrcnn",), 2, None) == "climate"
    released.append(_entry("fsrcnn", "droplet"))
    with pytest.raises(WeightsError, match=r"choose a --domain.*climate, droplet"):
        choose_domain(("fsrcnn",), 2, None)
    released.append(_entry("fsrcnn", "natural"))
    assert choose_domain(("fsrcnn",), 2, None) == "natural"
    assert choose_domain(("fsrcnn",), 2, "droplet") == "droplet"


def test_domain_must_cover_every_stage(released: list[ReleasedWeights]) -> None:
    released += [_entry("fsrcnn", "natural"), _entry("fsrcnn", "climate")]
    released += [_entry("srnet3d", "climate")]
    assert choose_domain(("fsrcnn", "srnet3d"), 2, None) == "climate"
    with pytest.raises(WeightsError, match="fsrcnn x2 natural, fsrcnn x2 climate"):
        choose_domain(("fsrcnn",), 4, None)


def test_released_files_are_those_of_the_manifest() -> None:
    entries = released_weights()
    files = {path.name for path in weights_folder().glob("*.safetensors")}
    assert {entry.path.name for entry in entries} == files
    assert files
    for entry in entries:
        tensors, record = read_weights(entry.path, sha256=entry.sha256)
        assert (record.arch, record.domain) == (entry.model, entry.domain)
        assert record.features == entry.features
        assert entry.scale in record.trained_scales
        assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


def test_entry_of_several_scales_is_one_for_each(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text(
        """
        [[weights]]
        file = "vdsr.safetensors"
        model = "vdsr"
        scales = [2, 4]
        domain = "natural"
        sha256 = "00"
        [weights.scores]
        x2 = { Set5 = { psnr = 37.5 } }
        x4 = { Set5 = { psnr = 31.3 } }
        """
    )
    found = released_weights(tmp_path)
    assert [(one.scale, one.scores["Set5"]["psnr"]) for one in found] == [(2, 37.5), (4, 31.3)]
    assert {one.path for one in found} == {tmp_path / "vdsr.safetensors"}


def test_one_file_serves_all_scales_that_it_was_trained_for(tmp_path: Path) -> None:
    """VDSR sees the enlarged frame, so its weights do not depend on the scale."""
    path = tmp_path / "vdsr.safetensors"
    model = get_spec("vdsr").build(2, True)
    record = WeightRecord(arch="vdsr", scale=2, scales=(2, 3))
    save_weights(path, model, record)
    assert read_weights(path)[1] == record
    for scale in (2, 3):
        stage = load_chain("vdsr", scale, weights=(path,)).stages[0]
        assert stage.module.scale == scale
        assert torch.equal(stage.module.reconstruct.weight, model.reconstruct.weight)
    assert available_scales("vdsr", weights=(path,)) == (2, 3)
    with pytest.raises(WeightsError, match="was trained for scale 2, 3, not for 4"):
        load_chain("vdsr", 4, weights=(path,))
