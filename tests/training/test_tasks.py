"""What a training is scored on."""

from __future__ import annotations

import math

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from vsr_cli.models import get_spec
from vsr_cli.training.pairs import ClipPair, make_pair
from vsr_cli.training.tasks import Task, validation_psnr


def _clip(frames: int, *, seed: int) -> ClipPair:
    codes = torch.randint(
        0, 256, (frames, 1, 24, 32), generator=torch.Generator().manual_seed(seed)
    )
    return make_pair(codes.to(torch.uint8), 2)


@pytest.mark.parametrize(("frames", "seen"), [(1, [0]), (3, [0, 1, 2]), (9, [0, 3, 5, 8])])
def test_no_frame_is_scored_twice(frames: int, seen: list[int]) -> None:
    spec = get_spec("bicubic")
    task, clip = Task(spec, spec.build(2, True)), _clip(frames, seed=1)
    given: list[torch.Tensor] = []
    task.module.register_forward_hook(lambda module, args, result: given.append(args[0]))
    score = validation_psnr(task, [clip], num_frames=4, device=torch.device("cpu"))
    # In tiles or whole: a frame is known by its first pixel, all frames are seen once.
    assert sum(frame.shape[0] for frame in given) == len(seen)
    expected = []
    for number in seen:
        with torch.inference_mode():
            sr = task.module(clip.lr[number : number + 1].float() / 255).clamp(0, 1)
        codes = (sr[0, 0] * 255).round().numpy()[2:-2, 2:-2]
        truth = clip.hr[number, 0].float().numpy()[2:-2, 2:-2]
        psnr = peak_signal_noise_ratio(truth, codes, data_range=255)  # type: ignore[no-untyped-call]
        expected.append(psnr)
    assert math.isclose(score, sum(expected) / len(expected), abs_tol=1e-4)
