"""A network in another runtime: exported as ONNX, run by onnxruntime frame by frame, and checked.

The graph is the paper's network alone; what is around it takes four lines here: luma to [0, 1], a
mirrored margin as wide as the network sees, the graph, back to codes. The result is compared with
that of vsr upscale: no pixel differs by more than 1 code of 255, which is rounding. Makes
NETWORK.onnx and the clip of vsr upscale in FOLDER. Needs pip install "vsr-cli[onnx]" onnxruntime.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from vsr_cli import EncodingSpec, open_reader, upscale
from vsr_cli.models import get_spec
from vsr_cli.pipeline.export import export_model

HERE = Path(__file__).parent
TOLERANCE = 1  # codes of 8 bits: float32, sums in another order, then rounded
TOP = 255


def main(arguments: Sequence[str] | None = None) -> None:
    """Export, run, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, nargs="?", default=HERE / "jet_320x160.mp4")
    parser.add_argument("--folder", type=Path, default=HERE / "output")
    parser.add_argument("--network", default="fsrcnn", help="one of single frames, of luma")
    parser.add_argument("--domain", default="climate")
    parser.add_argument("--scale", type=int, default=2)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    graph = options.folder / f"{options.network}.onnx"
    exported = export_model(
        options.network, graph, scale=options.scale, domain=options.domain, overwrite=True
    )
    print(json.dumps(exported.to_json()))

    ours = options.folder / f"{options.clip.stem}_{options.network}.mkv"
    upscale(
        options.clip,
        ours,
        model=options.network,
        scale=options.scale,
        domain=options.domain,
        precision="fp32",
        encoding=EncodingSpec(codec="ffv1"),
        overwrite=True,
    )

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    margin = get_spec(options.network).radius
    worst, unequal, pixels = 0, 0, 0
    with open_reader(options.clip) as low, open_reader(ours) as high:
        for lr, sr in zip(low, high, strict=True):
            found = run(session, lr.planes[0].numpy(), margin, options.scale)
            difference = np.abs(found.astype(int) - sr.planes[0].numpy())
            worst = max(worst, int(difference.max()))
            unequal, pixels = unequal + np.count_nonzero(difference), pixels + difference.size
    print(f"{pixels:,} pixels, {unequal} of them differ, by {worst} of {TOP} at most")
    if worst > TOLERANCE:
        raise SystemExit(f"{graph} does not compute what vsr upscale does")


def run(
    session: onnxruntime.InferenceSession, luma: np.ndarray, margin: int, scale: int
) -> np.ndarray:
    """One plane of 8 bits, (H, W) to (s*H, s*W)."""
    padded = np.pad(luma.astype(np.float32) / TOP, margin, mode="symmetric")
    (result,) = session.run(["upscaled"], {"frames": padded[None, None]})
    inside = slice(margin * scale, -margin * scale or None)
    return (result[0, 0, inside, inside].clip(0, 1) * TOP).round().astype(np.uint8)


if __name__ == "__main__":
    main()
