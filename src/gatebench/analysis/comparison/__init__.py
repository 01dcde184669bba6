"""Comparing runs by their summaries: what every side's rounds show, how the sides differ, and whether they may be compared."""
