"""The names of what ``vsr eval`` measures; see vsr_cli/metrics/table.py for what they are."""

from __future__ import annotations

from typing import Literal

MetricName = Literal[
    "psnr",
    "ssim",
    "ms-ssim",
    "mse",
    "rmse",
    "mae",
    "bias",
    "mean-error",
    "gradient",
    "vorticity",
    "minimum",
    "quantile-low",
    "quantile-high",
    "maximum",
    "acc",
    "tpsnr",
    "flicker",
    "tof",
    "resolution",
    "lsd",
    "lpips",
    "vmaf",
]
Grid = Literal["plane", "sphere"]  # the sphere: a map of the globe in latitude and longitude
# What is compared: luma, red, green and blue together, or each plane of the format by itself.
Channel = Literal["luma", "rgb", "planes"]

DEFAULT_METRICS: tuple[MetricName, ...] = ("psnr", "ssim", "mse")
