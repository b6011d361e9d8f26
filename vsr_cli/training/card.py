"""The model card of a weight file: what it is, what made it, what it is good for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vsr_cli.models import get_spec
from vsr_cli.models.cost import parameter_count, plain_form
from vsr_cli.models.weights import WeightRecord, file_sha256


def write_card(card: Path, weights: Path, record: WeightRecord) -> None:
    """Write the card of a weight file as Markdown, from its record.

    References:
        Mitchell et al., "Model Cards for Model Reporting", FAT* 2019, doi:10.1145/3287560.3287596.
    """
    card.write_text("\n".join(_lines(weights, record)) + "\n", encoding="utf-8")


def _lines(weights: Path, record: WeightRecord) -> list[str]:
    training = record.training
    limits = [
        f"- It has seen {training['degradation']} alone: other blur, noise or codecs are worse.",
        f"- It has seen the domain {record.domain!r} alone.",
    ]
    return [
        f"# {weights.name}",
        *_section("Network", _network(weights, record)),
        *_section("Training", _training(record)),
        *_section("Scores", {"Validation": _validation(training)}),
        "",
        "## Limits",
        "",
        *limits,
    ]


def _network(weights: Path, record: WeightRecord) -> dict[str, str]:
    spec = get_spec(record.arch)
    scale = spec.own_scale(record.scale)
    form = plain_form(spec.with_features(record.features), scale)
    width = f" of {record.features} channels" if record.features else ""
    scales = ", ".join(f"x{each}" for each in record.trained_scales)
    facts = {
        "Network": f"{record.arch}{width}, {parameter_count(form):,} parameters",
        "Paper": spec.paper,
        "Enlarges by": scales if spec.enlarges else f"nothing: refines what is enlarged {scales}",
        "Sees": f"{record.color}, {record.window} frame{'s' if record.window > 1 else ''}",
        "Predicts": "the difference to bicubic" if record.residual else "the picture",
        "SHA-256": f"`{file_sha256(weights)}`",
    }
    if record.partner_sha256:
        facts["Trained behind"] = f"`{record.partner_sha256}`"
    return facts


def _training(record: WeightRecord) -> dict[str, str]:
    training = record.training
    return {
        "Domain": record.domain,
        "Data": ", ".join(training["data"]),
        "Licence of the data": training.get("licence") or "not stated",
        "Degradation": training["degradation"],
        "Steps": f"{training['steps']:,}",
        "Time": f"{training['seconds'] / 3600:.2f} h{_pace(training)}",
        "Machine": f"{training['device']}, {training['precision']}",
        "Seed": str(training["seed"]),
        "Recipe": _recipe(training["recipe"]),
    }


def _section(title: str, facts: dict[str, str]) -> list[str]:
    return ["", f"## {title}", "", *(f"- {name}: {value}" for name, value in facts.items())]


def _pace(training: Mapping[str, Any]) -> str:
    """How fast the run was; nothing where it went on with no step left."""
    if not training["patches_per_s"]:
        return ""
    speed, waiting = training["patches_per_s"], training["waiting"]
    return f", {speed:,.0f} patches/s, {waiting:.1%} of the steps' time spent waiting for them"


def _recipe(recipe: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in recipe.items() if value)


def _validation(training: Any) -> str:
    if training["validation_psnr"] is None:
        return "none was asked for"
    held = training.get("hold_out")
    parts = [*training["validation"], *([f"{held:.0%} of the data, held out"] if held else [])]
    names = ", ".join(parts)
    return f"{training['validation_psnr']:.2f} dB, luma PSNR on {names}"
