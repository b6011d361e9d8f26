"""Bicubic interpolation of Set5: the first row of every table of the literature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

from vsr_cli.imaging.resample import enlarge, shrink

LITERATURE = {2: 33.66, 3: 30.39, 4: 28.42}  # dB, of luma, without ``scale`` pixels of border
LAST_DIGIT = 0.005 + 1e-9


@pytest.mark.parametrize("scale", LITERATURE)
def test_bicubic_has_the_psnr_of_the_literature(shared_data: Path, scale: int) -> None:
    """As SRCNN's code does it: the luma shrunk without rounding, the result in 8 bits."""
    values = []
    for path in sorted((shared_data / "test" / "Set5" / f"x{scale}" / "hr").iterdir()):
        codes = rgb2ycbcr(np.array(Image.open(path).convert("RGB")))[..., 0].round()
        low = shrink(torch.from_numpy(codes)[None, None], scale)
        result = enlarge(low, scale)[0, 0].round().clamp(0, 255).numpy()
        inside = slice(scale, -scale)
        pair = codes[inside, inside], result[inside, inside]
        values.append(peak_signal_noise_ratio(*pair, data_range=255))
    assert len(values) == 5
    assert abs(np.mean(values) - LITERATURE[scale]) <= LAST_DIGIT
