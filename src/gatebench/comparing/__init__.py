"""Comparing builds: the numbers of paired rounds, what may change, when to look, and what the looks show. Pure functions."""
