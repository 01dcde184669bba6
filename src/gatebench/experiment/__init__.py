"""Sequences of runs: rounds, comparisons, gates."""
