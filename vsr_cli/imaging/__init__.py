"""Tensors in, tensors out: resampling, colour and degradation, used on every floor."""
