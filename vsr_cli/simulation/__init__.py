"""Equations in, frames out: ground truth whose every pixel is known."""
