"""Continued borders against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vsr_cli.imaging.borders import mirror_pad, replicate_pad


@pytest.mark.parametrize(("pad", "mode"), [(mirror_pad, "symmetric"), (replicate_pad, "edge")])
@pytest.mark.parametrize("margin", [0, 1, 3, 9])
def test_border_is_that_of_numpy(pad, mode: str, margin: int) -> None:  # type: ignore[no-untyped-def]
    """Also where the margin is larger than the image."""
    small = torch.rand(2, 1, 4, 3)
    wanted = np.pad(small.numpy(), [(0, 0), (0, 0), (margin,) * 2, (margin,) * 2], mode=mode)
    np.testing.assert_array_equal(pad(small, margin).numpy(), wanted)
