"""Scores to a page: one HTML file that needs no network, and its figures as PNG."""

from __future__ import annotations

from vsr_cli.report.build import Report, check_report_folder

__all__ = ["Report", "check_report_folder"]
