"""Scores to files: a table of all frames, and a page that needs no network with its figures."""

from __future__ import annotations

from vsr_cli.report.outputs import EvaluationOutputs

__all__ = ["EvaluationOutputs"]
