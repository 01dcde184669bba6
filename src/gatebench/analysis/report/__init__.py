"""The HTML report of a run: one file that opens from disk, needs no network, and shows what the run folder holds."""

from gatebench.analysis.report.writing import write_report

__all__ = ["write_report"]
