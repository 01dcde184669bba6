"""The HTML report of a comparison: one file that opens from disk, needs no network, and leads to the report of each round."""

from gatebench.analysis.report.comparison.page import write_comparison

__all__ = ["write_comparison"]
